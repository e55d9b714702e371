/** Activation: commands and features are registered, and the server is started afterwards. */
import { commands, type ExtensionContext, window } from "vscode";
import { registerCompletions } from "./completions";
import { registerEdits } from "./edits";
import { registerExplain } from "./explain";
import { thisMachine } from "./machine";
import { Server } from "./server";
import { UserSettings } from "./settings";
import { registerSnooze } from "./snooze";
import { registerStatus } from "./status";
import { registerTranslation } from "./translation";
import { registerWhy } from "./why";

let server: Server | undefined;

export function activate(ext: ExtensionContext): void {
  const log = window.createOutputChannel("slmcode", { log: true });
  const settings = new UserSettings();
  server = new Server(ext, log, settings, thisMachine, () => undefined);
  ext.subscriptions.push(log, settings, server);
  ext.subscriptions.push(
    registerCompletions(server),
    registerSnooze(server),
    registerStatus(server),
    registerWhy(server),
    registerEdits(server),
    registerExplain(server),
    registerTranslation(server),
    commands.registerCommand("slmcode.restart", () => server?.restart()),
    commands.registerCommand("slmcode.openLog", () => {
      log.show();
    }),
  );
  const started = server;
  setImmediate(() => void started.start());
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
