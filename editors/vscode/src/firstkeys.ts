/**
 * The first keys in an editor. VS Code makes the part of an editor that asks for inline completions
 * when it is idle, up to 5 s after the editor: what is typed before that is never asked about, by
 * nobody. So for such an editor we have it asked, once; the command makes that part at once.
 */
import { Disposable, window, workspace } from "vscode";
import type { TextDocument, TextDocumentChangeEvent, TextEditor } from "vscode";
import type { Context } from "./api";
import { hasOneCursor } from "./items";
import { pauseNow } from "./snooze";

const REST_MS = 300; // VS Code asks 50 ms after a key

export interface FirstKeys {
  /** VS Code has asked about this document, on its own account or on ours. */
  asked(document: TextDocument): void;
  dispose(): void;
}

/** `ask` has VS Code ask its providers where the cursor is. */
export function makeFirstKeys(context: Context, ask: () => Thenable<void>): FirstKeys {
  const known = new WeakSet<TextEditor>(); // those VS Code asks for
  let timer: NodeJS.Timeout | undefined;

  function missed(editor: TextEditor, version: number): void {
    const { document } = editor;
    const provider = context.client()?.getFeature("textDocument/inlineCompletion")?.getProvider(document);
    if (
      provider === undefined || // no server yet, or not a kind of document it is sent
      known.has(editor) ||
      editor !== window.activeTextEditor ||
      document.version !== version ||
      !hasOneCursor(document) ||
      pauseNow(context.settings, document) ||
      !workspace.getConfiguration("editor", document).get<boolean>("inlineSuggest.enabled", true)
    ) {
      return;
    }
    known.add(editor);
    void ask();
  }

  function changed({ document, contentChanges, reason }: TextDocumentChangeEvent): void {
    const editor = window.activeTextEditor;
    if (editor?.document !== document || known.has(editor) || contentChanges.length === 0) {
      return; // no changes: the document has been saved, for one
    }
    clearTimeout(timer);
    const [change, ...more] = contentChanges;
    if (change !== undefined && change.text !== "" && more.length === 0 && reason === undefined) {
      const { version } = document;
      timer = setTimeout(() => { missed(editor, version); }, REST_MS);
    }
  }

  const subscription = Disposable.from(workspace.onDidChangeTextDocument(changed), {
    dispose: () => { clearTimeout(timer); },
  });
  return {
    asked: (document) => {
      const editor = window.activeTextEditor;
      if (editor?.document === document) {
        known.add(editor);
      }
    },
    dispose: () => { subscription.dispose(); },
  };
}
