/** Explain: what the model says of the selected code, beside it, as it is being written. */
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
import type { Context } from "./api";
import { explanationPage } from "./explanation";
import { makePages } from "./pages";

const SCHEME = "slmcode-explain";
const PAGE = "Explanation.md";
const DRAW_MS = 50; // between two updates of the page; pieces come faster than that

export function registerExplain(context: Context): Disposable {
  const pages = makePages(SCHEME);
  let running: CancellationTokenSource | undefined; // what is being explained: it has the page

  async function explain(client: LanguageClient, editor: TextEditor): Promise<void> {
    const { document, selection } = editor;
    const about = {
      file: workspace.asRelativePath(document.uri),
      uri: document.uri.toString(),
      first: selection.start.line + 1,
      last: selection.isEmpty ? undefined : selection.end.line + 1,
    };
    running?.cancel();
    const mine = (running = new CancellationTokenSource());
    let text = "";
    let end = "…";
    let timer: NodeJS.Timeout | undefined;
    const draw = (): void => {
      timer = undefined;
      if (running === mine) {
        pages.update(PAGE, explanationPage(about, text, end));
      }
    };
    await pages.show(PAGE, explanationPage(about, text, end));
    const params = {
      textDocument: client.code2ProtocolConverter.asTextDocumentIdentifier(document),
      range: client.code2ProtocolConverter.asRange(selection),
    };
    try {
      await window.withProgress(
        { location: ProgressLocation.Notification, title: "slmcode: explaining", cancellable: true },
        async (progress, token) => {
          token.onCancellationRequested(() => {
            mine.cancel();
          });
          const result = await context.request<{ text: string }>("slmcode/explain", params, {
            token: mine.token,
            onPartial: (part) => {
              text += (part as { text: string }).text;
              timer ??= setTimeout(draw, DRAW_MS);
            },
            onProgress: (message) => {
              progress.report({ message });
            },
          });
          text = result?.text ?? text;
        },
      );
      end = text === "" ? "The model had nothing to say." : "";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      end = error instanceof CancellationError ? "Stopped." : `Not explained: ${message}.`;
    } finally {
      clearTimeout(timer);
      draw();
    }
  }

  return Disposable.from(
    pages,
    commands.registerCommand("slmcode.explain", async () => {
      const editor = window.activeTextEditor;
      const client = context.client();
      if (editor === undefined || client === undefined || !context.abilities().explain) {
        const { message } = context.status();
        const because = editor === undefined ? "open a file first." : message;
        void window.showInformationMessage(`slmcode: ${because || "this server does not explain."}`);
        return;
      }
      await explain(client, editor);
    }),
    { dispose: () => running?.cancel() },
  );
}
