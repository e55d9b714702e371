/** Why no requests go out while typing, and the settings behind it. Pure functions. */

/** What keeps suggestions back; undefined where nothing does. */
export type Pause =
  | { readonly kind: "snoozed"; readonly until: number }
  | { readonly kind: "disabled" }
  | { readonly kind: "language"; readonly language: string };

export interface PauseSettings {
  readonly enabled: boolean;
  readonly disabledLanguages: readonly string[];
  /** ms since the epoch, Infinity for until the next start; undefined: no snooze. */
  readonly snoozedUntil: number | undefined;
}

export function pauseOf(settings: PauseSettings, language: string | undefined): Pause | undefined {
  if (!settings.enabled) {
    return { kind: "disabled" };
  }
  if (settings.snoozedUntil !== undefined) {
    return { kind: "snoozed", until: settings.snoozedUntil };
  }
  if (language !== undefined && settings.disabledLanguages.includes(language)) {
    return { kind: "language", language };
  }
  return undefined;
}

/** A sentence for people. `locale` is for tests. */
export function pauseSentence(pause: Pause, locale?: string): string {
  switch (pause.kind) {
    case "disabled":
      return "slmcode is disabled.";
    case "language":
      return `slmcode is disabled for ${pause.language}.`;
    case "snoozed":
      return `slmcode is snoozed until ${clock(pause.until, locale)}.`;
  }
}

/** "14:05", or "the next start". */
export function clock(until: number, locale?: string): string {
  return until === Infinity
    ? "the next start"
    : new Date(until).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
}

/** The list with or without a language; undefined, which removes the setting, where it is empty. */
export function withLanguage(
  languages: readonly string[],
  language: string,
  off: boolean,
): string[] | undefined {
  const others = languages.filter((l) => l !== language);
  const list = off ? [...others, language] : others;
  return list.length > 0 ? list : undefined;
}
