/** "Why?", the trace, and what was sent to the model: pages about a document's last completion. */
import { commands, Disposable, window, workspace } from "vscode";
import type { TextDocument } from "vscode";
import type { Context } from "./api";
import { makePages } from "./pages";
import { promptPage, tracePage, whyPage } from "./whyview";
import type { LastCompletion, Prompt, Why } from "./whyview";

const SCHEME = "slmcode-why";

interface About {
  readonly file: string;
  readonly last: LastCompletion | null;
  readonly why: Why | null;
  readonly prompt: Prompt | null;
}

export function registerWhy(context: Context): Disposable {
  const pages = makePages(SCHEME);
  let document: TextDocument | undefined; // the one in front, or before one of our own pages came

  function follow(): void {
    const inFront = window.activeTextEditor?.document;
    if (inFront !== undefined && isSent(context, inFront)) {
      document = inFront;
    }
  }

  async function ask(): Promise<About | undefined> {
    follow();
    const client = context.client();
    if (client === undefined || document === undefined || document.isClosed) {
      const message = client === undefined ? context.status().message : "open a file first.";
      void window.showInformationMessage(`slmcode: ${message || "the server is not running."}`);
      return undefined;
    }
    const about = { textDocument: { uri: client.code2ProtocolConverter.asUri(document.uri) } };
    const [last, why, prompt] = await Promise.all([
      context.request<LastCompletion | null>("slmcode/lastCompletion", about),
      context.request<Why | null>("slmcode/why", about),
      context.request<Prompt | null>("slmcode/prompt", about),
    ]);
    return {
      file: workspace.asRelativePath(document.uri),
      last: last ?? null,
      why: why ?? null,
      prompt: prompt ?? null,
    };
  }

  const command = (name: string, show: (about: About) => Promise<unknown>): Disposable =>
    commands.registerCommand(`slmcode.${name}`, async () => {
      const about = await ask();
      if (about !== undefined) {
        await show(about);
      }
    });

  return Disposable.from(
    pages,
    window.onDidChangeActiveTextEditor(follow),
    command("why", ({ file, last, why, prompt }) =>
      pages.show("Why.txt", whyPage(file, last, why, prompt)),
    ),
    command("showTrace", ({ file, last }) => pages.show("Trace.txt", tracePage(file, last))),
    command("showPrompt", ({ file, prompt }) =>
      pages.show("Sent to the Model.txt", promptPage(file, prompt)),
    ),
  );
}

function isSent(context: Context, document: TextDocument): boolean {
  const feature = context.client()?.getFeature("textDocument/inlineCompletion");
  return feature?.getProvider(document) !== undefined;
}
