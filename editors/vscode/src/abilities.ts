/** What the server can, and what of it the user may. */
import { commands } from "vscode";
import type { InitializeResult } from "vscode-languageclient/node";
import type { Abilities } from "./api";

export const NONE: Abilities = { edit: false, explain: false, translate: [] };

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
    translate: Array.isArray(said.translate) ? said.translate.map(String) : [],
  };
}

/** Sets the context keys that show and hide commands. */
export function setContextKeys(running: boolean, can: Abilities): void {
  const keys = {
    running,
    canEdit: can.edit,
    canExplain: can.explain,
    canTranslate: can.translate.length > 0,
  };
  for (const [key, value] of Object.entries(keys)) {
    void commands.executeCommand("setContext", `slmcode.${key}`, value);
  }
}
