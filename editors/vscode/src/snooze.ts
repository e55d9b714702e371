/**
 * Enable, Disable, for one language, Snooze.
 *
 * Disabling writes the user's settings `enabled` and `disabled_languages`, which the server reads
 * too. Snoozing writes nothing: this window sends no requests while typing until it is over.
 */
import { commands, Disposable, EventEmitter, window } from "vscode";
import type { QuickPickItem, TextDocument } from "vscode";
import type { Context, Settings } from "./api";
import { pauseOf, withLanguage } from "./pausing";
import type { Pause } from "./pausing";

const UNTIL_RESTART = Infinity;

let end = 0; // ms since the epoch
let timer: NodeJS.Timeout | undefined;
const changed = new EventEmitter<void>();

/** When snoozing began or ended. */
export const onSnooze = changed.event;

/** Until when this window snoozes, Infinity for until the next start; undefined: it does not. */
export function snoozedUntil(): number | undefined {
  return end > Date.now() ? end : undefined;
}

/** What keeps suggestions back in a document just now. */
export function pauseNow(
  settings: Settings,
  document: Pick<TextDocument, "languageId"> | undefined,
): Pause | undefined {
  const now = {
    enabled: settings.get<unknown>("enabled") !== false,
    disabledLanguages: disabledLanguages(settings),
    snoozedUntil: snoozedUntil(),
  };
  return pauseOf(now, document?.languageId);
}

export function registerSnooze(context: Context): Disposable {
  const { settings } = context;
  return Disposable.from(
    commands.registerCommand("slmcode.enable", async () => {
      snooze(0);
      await settings.update("enabled", undefined);
      if (settings.get<boolean>("enabled") === false) {
        await settings.update("enabled", true); // another settings file says false
      }
      await askForLanguage(settings);
    }),
    commands.registerCommand("slmcode.disable", () => settings.update("enabled", false)),
    commands.registerCommand("slmcode.toggleLanguage", () => toggleLanguage(settings)),
    commands.registerCommand("slmcode.snooze", chooseSnooze),
    { dispose: () => { snooze(0); } },
  );
}

/** The language of the active editor, undefined without one. */
export function activeLanguage(): string | undefined {
  return window.activeTextEditor?.document.languageId;
}

export function disabledLanguages(settings: Settings): string[] {
  const languages = settings.get<unknown>("disabled_languages");
  return Array.isArray(languages) ? languages.filter((l) => typeof l === "string") : [];
}

async function toggleLanguage(settings: Settings): Promise<void> {
  const language = activeLanguage();
  if (language === undefined) {
    void window.showInformationMessage("slmcode: open a file of the language first.");
    return;
  }
  const languages = disabledLanguages(settings);
  const off = !languages.includes(language);
  await settings.update("disabled_languages", withLanguage(languages, language, off));
  void window.setStatusBarMessage(`slmcode is ${off ? "off" : "on"} for ${language}`, 5000);
}

/** Somebody who asks for completions in a file whose language is off wants them there. */
async function askForLanguage(settings: Settings): Promise<void> {
  const language = activeLanguage();
  const languages = disabledLanguages(settings);
  if (language === undefined || !languages.includes(language)) {
    return;
  }
  const answer = await window.showInformationMessage(
    `slmcode is on, but off for ${language}.`,
    `Enable for ${language}`,
  );
  if (answer !== undefined) {
    await settings.update("disabled_languages", withLanguage(languages, language, false));
  }
}

async function chooseSnooze(): Promise<void> {
  const choices: (QuickPickItem & { minutes: number })[] = [5, 15, 60].map((minutes) => ({
    label: minutes === 60 ? "For an hour" : `For ${minutes} minutes`,
    minutes,
  }));
  choices.push({ label: "Until the next start of VS Code", minutes: UNTIL_RESTART });
  if (snoozedUntil() !== undefined) {
    choices.unshift({ label: "End the snooze now", minutes: 0 });
  }
  const placeHolder = "No suggestions while typing; commands still work, no setting is changed";
  const chosen = await window.showQuickPick(choices, { title: "Snooze slmcode", placeHolder });
  if (chosen !== undefined) {
    snooze(chosen.minutes);
  }
}

function snooze(minutes: number): void {
  clearTimeout(timer);
  end = minutes > 0 ? Date.now() + minutes * 60_000 : 0;
  if (minutes > 0 && minutes < UNTIL_RESTART) {
    timer = setTimeout(() => {
      end = 0;
      changed.fire();
    }, minutes * 60_000);
  }
  changed.fire();
}
