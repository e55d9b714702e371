/** Commands that take long: what they need, their progress, and what went wrong. */
import { CancellationError, commands, ProgressLocation, window, workspace } from "vscode";
import type { CancellationToken, Disposable, TextEditor } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Abilities, Context } from "./api";

interface Needs {
  readonly can: "edit" | "explain" | "debug" | "modules";
  /** "this server does not …" */
  readonly does: string;
}

/** A command for the editor in front, where the server can and the user may. */
export function editorCommand(
  context: Context,
  name: string,
  run: (client: LanguageClient, editor: TextEditor) => Promise<void>,
  needs: Needs = { can: "edit", does: "edit" },
): Disposable {
  return commands.registerCommand(`slmcode.${name}`, async () => {
    const editor = window.activeTextEditor;
    const client = context.client();
    if (editor === undefined || client === undefined || !can(context.abilities(), needs)) {
      await sayWhyNot(context, editor, needs);
      return;
    }
    await telling(() => run(client, editor));
  });
}

function can(abilities: Abilities, needs: Needs): boolean {
  return abilities[needs.can];
}

export function withProgress<R>(
  title: string,
  run: (token: CancellationToken, onProgress: (message: string) => void) => Promise<R>,
): Thenable<R> {
  return window.withProgress(
    { location: ProgressLocation.Notification, title, cancellable: true },
    (progress, token) =>
      run(token, (message) => {
        progress.report({ message });
      }),
  );
}

/** Says what went wrong, in the server's words; a cancelled piece of work is not wrong. */
export async function telling(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof CancellationError)) {
      warn(`slmcode: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

export function warn(message: string): void {
  void window.showWarningMessage(message);
}

export async function sayWhyNot(
  context: Context,
  editor: TextEditor | undefined,
  needs: Needs,
): Promise<void> {
  if (!workspace.isTrusted && needs.can !== "explain") {
    const manage = "Manage Workspace Trust";
    const message = `slmcode does not ${needs.does} in an untrusted workspace.`;
    if ((await window.showInformationMessage(message, manage)) === manage) {
      await commands.executeCommand("workbench.trust.manage");
    }
  } else if (editor === undefined) {
    void window.showInformationMessage("slmcode: open a file first.");
  } else {
    const { message } = context.status();
    const because =
      context.client() === undefined ? message : `this server does not ${needs.does}.`;
    void window.showInformationMessage(`slmcode: ${because || "the server is not running."}`);
  }
}
