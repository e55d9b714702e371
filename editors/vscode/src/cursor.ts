/** Tells the server where the cursor rests, so that it works ahead there. */
import { Disposable, window } from "vscode";
import type { TextEditor } from "vscode";
import type { Context } from "./api";
import { pauseNow } from "./snooze";

const REST_MS = 80; // a key held down repeats every 30 ms or so: only where it stops is told

/**
 * `slmcode/cursorMoved` for moves that are not typing: what is typed reaches the server as a
 * change of the document and a request.
 */
export function registerCursor(context: Context): Disposable {
  const versions = new WeakMap<object, number>(); // of each document when its cursor was seen last
  let timer: NodeJS.Timeout | undefined;
  let told = ""; // the same place is not told twice

  function tell(editor: TextEditor): void {
    const client = context.client();
    const { document, selection } = editor;
    if (client === undefined || editor !== window.activeTextEditor) {
      return;
    }
    if (!client.getFeature("textDocument/inlineCompletion")?.getProvider(document)) {
      return; // not a kind of document the server is sent
    }
    const uri = client.code2ProtocolConverter.asUri(document.uri);
    const position = client.code2ProtocolConverter.asPosition(selection.active);
    const place = `${uri} ${document.version} ${position.line}:${position.character}`;
    if (place !== told) {
      told = place;
      context.notify("slmcode/cursorMoved", { textDocument: { uri }, position });
    }
  }

  function rests(editor: TextEditor | undefined, moved: boolean): void {
    clearTimeout(timer);
    if (editor === undefined) {
      return;
    }
    const { document, selections } = editor;
    const seen = versions.get(document) ?? document.version;
    const typed = seen !== document.version;
    versions.set(document, document.version);
    if ((moved && typed) || selections.length > 1 || pauseNow(context.settings, document)) {
      return;
    }
    timer = setTimeout(() => { tell(editor); }, REST_MS);
  }

  return Disposable.from(
    window.onDidChangeActiveTextEditor((editor) => { rests(editor, false); }),
    window.onDidChangeTextEditorSelection((event) => {
      if (event.textEditor === window.activeTextEditor) {
        rests(event.textEditor, true);
      }
    }),
    context.onClient(() => {
      told = "";
    }),
    context.onStatus(({ state }) => {
      if (state === "ready") {
        rests(window.activeTextEditor, false);
      }
    }),
    { dispose: () => { clearTimeout(timer); } },
  );
}
