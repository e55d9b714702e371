/** Translate File To…, Translate Selection To…. */
import {
  CancellationError,
  CancellationTokenSource,
  commands,
  Disposable,
  ProgressLocation,
  window,
  workspace,
} from "vscode";
import type { TextEditor } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { targetsOf } from "./abilities";
import type { Context } from "./api";
import { cancelled } from "./translated";
import type { Translated } from "./translated";
import { makeTranslationView } from "./translationview";

export function registerTranslation(context: Context): Disposable {
  const view = makeTranslationView();
  let running: CancellationTokenSource | undefined; // it has the view

  async function translate(
    client: LanguageClient,
    editor: TextEditor,
    targetLanguage: string,
    wholeFile: boolean,
  ): Promise<void> {
    const { document, selection } = editor;
    running?.cancel();
    const mine = (running = new CancellationTokenSource());
    let soFar: Translated | undefined;
    const show = (translated: Translated, more: boolean): void => {
      soFar = translated;
      if (running === mine) {
        view.show(translated, more);
      }
    };
    const params = {
      textDocument: client.code2ProtocolConverter.asTextDocumentIdentifier(document),
      targetLanguage,
      ...(!wholeFile && { range: client.code2ProtocolConverter.asRange(selection) }),
    };
    const first = wholeFile ? 0 : selection.start.line;
    const end = wholeFile ? document.lineCount : selection.end.line + 1;
    await view.open(document, targetLanguage);
    try {
      const name = workspace.asRelativePath(document.uri);
      const title = `slmcode: translating ${name} to ${targetLanguage}`;
      const result = await window.withProgress(
        { location: ProgressLocation.Notification, title, cancellable: true },
        (progress, token) => {
          token.onCancellationRequested(() => {
            mine.cancel();
          });
          return context.request<Translated>("slmcode/translate", params, {
            token: mine.token,
            onPartial: (part) => {
              if (!mine.token.isCancellationRequested) {
                show(part as Translated, true);
              }
            },
            onProgress: (message) => {
              progress.report({ message });
            },
          });
        },
      );
      if (result !== undefined) {
        show(result, false);
      }
    } catch (error) {
      show(cancelled(soFar, targetLanguage, first, end), false);
      if (!(error instanceof CancellationError)) {
        const message = error instanceof Error ? error.message : String(error);
        void window.showWarningMessage(`slmcode: not translated: ${message}`);
      }
    }
  }

  const command = (name: string, wholeFile: boolean): Disposable =>
    commands.registerCommand(`slmcode.${name}`, async () => {
      const editor = window.activeTextEditor;
      const client = context.client();
      const can = context.abilities();
      const targets = editor === undefined ? [] : targetsOf(can, editor.document.languageId);
      if (editor === undefined || client === undefined || targets.length === 0) {
        sayWhyNot(context, editor);
        return;
      }
      const target = await window.showQuickPick([...targets], {
        title: `slmcode: Translate ${wholeFile ? "File" : "Selection"}`,
        placeHolder: "To which language?",
      });
      if (target !== undefined) {
        await translate(client, editor, target, wholeFile);
      }
    });

  return Disposable.from(
    view,
    command("translateFile", true),
    command("translateSelection", false),
    { dispose: () => running?.cancel() },
  );
}

function sayWhyNot(context: Context, editor: TextEditor | undefined): void {
  let because = context.status().message || "the server is not running.";
  if (!workspace.isTrusted) {
    because = "nothing is translated in an untrusted workspace, for translations are run to check them.";
  } else if (editor === undefined) {
    because = "open a file first.";
  } else if (context.client() !== undefined) {
    const from = Object.keys(context.abilities().translateFrom).join(", ");
    because =
      from === ""
        ? "this server does not translate."
        : `${editor.document.languageId} is not translated, but ${from}.`;
  }
  void window.showInformationMessage(`slmcode: ${because}`);
}
