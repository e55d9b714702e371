/** What the server can, and what of it the user may. */
import { commands } from "vscode";
import type { InitializeResult } from "vscode-languageclient/node";
import type { Abilities } from "./api";

export const NONE: Abilities = {
  edit: false,
  explain: false,
  debug: false,
  modules: false,
  translate: [],
  translateFrom: {},
};

/** Without the workspace's trust what changes files stays off. */
export function allowed(announced: Abilities, trusted: boolean): Abilities {
  return trusted ? announced : { ...NONE, explain: announced.explain };
}

/** What the server announced; what it did not, it cannot. */
export function abilitiesIn(result: InitializeResult | undefined): Abilities {
  const experimental = result?.capabilities.experimental as { slmcode?: object } | undefined;
  const said: Partial<Record<keyof Abilities, unknown>> = experimental?.slmcode ?? {};
  return {
    edit: said.edit === true,
    explain: said.explain === true,
    debug: said.debug === true,
    modules: said.modules === true,
    translate: Array.isArray(said.translate) ? said.translate.map(String) : [],
    translateFrom: languageLists(said.translateFrom),
  };
}

function languageLists(value: unknown): Record<string, string[]> {
  const rows = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(
    rows.map(([from, to]) => [from, Array.isArray(to) ? to.map(String) : []]),
  );
}

const NO_LANGUAGE = "plaintext"; // of a file that no extension knows: the server goes by its name
const SHORT = 3; // a name this short is found in those of other languages

/**
 * The languages that a document can be translated to. Extensions call one language by several
 * names: "COBOL", "FortranFixedForm".
 */
export function targetsOf({ translate, translateFrom }: Abilities, languageId: string): readonly string[] {
  const id = languageId.toLowerCase();
  if (id === NO_LANGUAGE || Object.keys(translateFrom).length === 0) {
    return translate;
  }
  const from = Object.keys(translateFrom).find(
    (name) => name === id || (name.length > SHORT && id.includes(name)),
  );
  return from === undefined ? [] : (translateFrom[from] ?? []);
}

/** Sets the context keys that show and hide commands. */
export function setContextKeys(running: boolean, can: Abilities): void {
  const keys = {
    running,
    canEdit: can.edit,
    canExplain: can.explain,
    canDebug: can.debug,
    canRefactorModules: can.modules,
    canTranslate: can.translate.length > 0,
  };
  for (const [key, value] of Object.entries(keys)) {
    void commands.executeCommand("setContext", `slmcode.${key}`, value);
  }
}
