/** Source left, translation right, and each unit's verdict beside its lines on both sides. */
import {
  CodeLens,
  commands,
  Disposable,
  EventEmitter,
  languages,
  Range,
  TextEditorRevealType,
  Uri,
  ViewColumn,
  window,
  workspace,
} from "vscode";
import type { TextDocument, TextEditor } from "vscode";
import { counterpart, summary, translatedName, unitAt } from "./translated";
import type { Side, Translated } from "./translated";
import { makeMarks } from "./verdictmarks";

const SCHEME = "slmcode-translation";
const SAVE = "slmcode._saveTranslation";
const LOOK = "slmcode._lookAtTranslation";
const ECHO_MS = 200; // a scroll that we caused is reported within this time

export interface TranslationView {
  /** Opens the view of a document that is being translated; the last one's is replaced. */
  open(source: TextDocument, languageId: string): Promise<void>;
  /** What there is by now; `running` as long as more may come. */
  show(translated: Translated, running: boolean): void;
  dispose(): void;
}

export function makeTranslationView(): TranslationView {
  const marks = makeMarks();
  const changed = new EventEmitter<Uri>();
  const lensesChanged = new EventEmitter<void>();
  let source: TextDocument | undefined;
  let target: TextDocument | undefined;
  let uri: Uri | undefined;
  let now: Translated | undefined;
  let running = false;
  let isStale = false; // the source was edited: its lines are not those of the units any more
  let scrolled: { editor: TextEditor; at: number } | undefined;

  function sideOf(document: TextDocument): Side | undefined {
    return document === target ? "target" : document === source ? "source" : undefined;
  }

  function editorsOf(document: TextDocument | undefined): TextEditor[] {
    return window.visibleTextEditors.filter((editor) => editor.document === document);
  }

  /** Draws what there is. The translation's own marks wait until VS Code has its new text. */
  function draw(): void {
    const units = now?.units ?? [];
    if (target?.getText().replace(/\r\n/g, "\n") === (now?.text ?? "")) {
      for (const editor of editorsOf(target)) {
        marks.draw(editor, "target", units);
      }
    }
    if (!isStale) {
      for (const editor of editorsOf(source)) {
        marks.draw(editor, "source", units);
      }
    }
    lensesChanged.fire();
  }

  function follow(editor: TextEditor, line: number, how: "cursor" | "scroll"): void {
    const side = sideOf(editor.document);
    if (side === undefined || now === undefined || isStale) {
      return;
    }
    const other: Side = side === "source" ? "target" : "source";
    const [beside] = editorsOf(side === "source" ? target : source);
    const unit = unitAt(now.units, side, line);
    if (beside === undefined) {
      return;
    }
    const there = Math.min(counterpart(now, side, line), beside.document.lineCount - 1);
    const range = new Range(there, 0, there, 0);
    if (how === "cursor") {
      marks.point(editor, side, unit);
      marks.point(beside, other, unit);
    }
    scrolled = { editor: beside, at: Date.now() };
    const { AtTop, InCenterIfOutsideViewport } = TextEditorRevealType;
    beside.revealRange(range, how === "scroll" ? AtTop : InCenterIfOutsideViewport);
  }

  async function save(): Promise<void> {
    if (now === undefined || source === undefined || uri === undefined) {
      return;
    }
    const name = now.name ?? uri.path.slice(1);
    const near = source.isUntitled ? workspace.workspaceFolders?.[0]?.uri : Uri.joinPath(source.uri, "..");
    const chosen = await window.showSaveDialog({
      title: "Save the Translation",
      ...(near !== undefined && { defaultUri: Uri.joinPath(near, name) }),
    });
    if (chosen !== undefined) {
      await workspace.fs.writeFile(chosen, new TextEncoder().encode(now.text));
      await window.showTextDocument(chosen, { viewColumn: ViewColumn.Beside });
    }
  }

  /** Lets the user choose from what is to be looked at first, and shows the place. */
  async function lookFirst(): Promise<void> {
    const rows = (now?.lookFirst ?? []).map((look) => ({
      label: look.what,
      description: look.sourceLine < 0 ? "" : `source line ${look.sourceLine + 1}`,
      look,
    }));
    const chosen = await window.showQuickPick(rows, { title: "Look at First" });
    const [document, line] =
      chosen === undefined || chosen.look.sourceLine < 0
        ? [target, chosen?.look.line ?? -1]
        : [source, chosen.look.sourceLine];
    const [editor] = editorsOf(document);
    if (editor !== undefined && line >= 0) {
      const at = new Range(line, 0, line, 0);
      await window.showTextDocument(editor.document, {
        ...(editor.viewColumn !== undefined && { viewColumn: editor.viewColumn }),
        selection: at,
      });
    }
  }

  function lenses(): CodeLens[] {
    const top = new Range(0, 0, 0, 0);
    if (now === undefined) {
      return [new CodeLens(top, { title: "$(loading~spin) Translating…", command: "" })];
    }
    const said = (title: string): CodeLens => new CodeLens(top, { title, command: "" });
    const stale = isStale ? [said("$(warning) the source has changed since")] : [];
    if (running) {
      return [said(`$(loading~spin) ${summary(now)}`), ...stale];
    }
    const save = new CodeLens(top, { title: "$(save-as) Save As…", command: SAVE });
    const reason = now.reason === "" ? "" : `: ${now.reason}`;
    const n = now.lookFirst?.length ?? 0;
    const places = `$(eye) Look at first: ${n} place${n === 1 ? "" : "s"}`;
    const look = n === 0 ? [] : [new CodeLens(top, { title: places, command: LOOK })];
    return [save, said(summary(now)), ...look, ...stale, said(`${now.verdict}${reason}`)];
  }

  const subscriptions = Disposable.from(
    changed,
    lensesChanged,
    marks,
    workspace.registerTextDocumentContentProvider(SCHEME, {
      onDidChange: changed.event,
      provideTextDocumentContent: () => now?.text ?? "",
    }),
    languages.registerCodeLensProvider(
      { scheme: SCHEME },
      {
        onDidChangeCodeLenses: lensesChanged.event,
        provideCodeLenses: (document) => (document === target ? lenses() : []),
      },
    ),
    commands.registerCommand(SAVE, save),
    commands.registerCommand(LOOK, lookFirst),
    window.onDidChangeVisibleTextEditors(draw),
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (document === target) {
        draw();
      } else if (document === source && contentChanges.length > 0 && !isStale) {
        isStale = true;
        draw();
      }
    }),
    window.onDidChangeTextEditorSelection(({ textEditor, selections: [selection] }) => {
      if (selection !== undefined && textEditor === window.activeTextEditor) {
        follow(textEditor, selection.active.line, "cursor");
      }
    }),
    window.onDidChangeTextEditorVisibleRanges(({ textEditor, visibleRanges: [visible] }) => {
      const isEcho = scrolled?.editor === textEditor && Date.now() - scrolled.at < ECHO_MS;
      if (visible !== undefined && !isEcho) {
        follow(textEditor, visible.start.line, "scroll");
      }
    }),
  );

  return {
    open: async (document, languageId) => {
      for (const editor of editorsOf(source)) {
        marks.draw(editor, "source", []);
        marks.point(editor, "source", undefined);
      }
      source = document;
      now = undefined;
      running = true;
      isStale = false;
      const name = document.uri.path.split("/").at(-1) ?? "translation";
      uri = Uri.from({ scheme: SCHEME, path: `/${translatedName(name, languageId)}` });
      changed.fire(uri);
      target = await workspace.openTextDocument(uri);
      target = await languages.setTextDocumentLanguage(target, languageId).then(
        (same) => same,
        () => target, // VS Code does not know the language
      );
      if (target !== undefined) {
        const [shown] = editorsOf(target);
        await window.showTextDocument(target, {
          viewColumn: shown?.viewColumn ?? ViewColumn.Beside,
          preserveFocus: true,
          preview: false,
        });
      }
      draw();
    },
    show: (translated, more) => {
      now = translated;
      running = more;
      if (uri !== undefined) {
        changed.fire(uri);
      }
      draw();
    },
    dispose: () => {
      subscriptions.dispose();
    },
  };
}
