/** Read-only documents that are made, not stored: each kind has one, shown beside the editor. */
import {
  Disposable,
  DocumentLink,
  EventEmitter,
  languages,
  Range,
  TextEditorLineNumbersStyle,
  ThemeColor,
  Uri,
  ViewColumn,
  window,
  workspace,
} from "vscode";
import type { TextDocument, TextEditor } from "vscode";
import type { Page } from "./page";

export interface Pages {
  /** Shows a page under its name, in place of an older one; the focus stays where it is. */
  show(name: string, page: Page): Promise<TextEditor>;
  /** Changes a page that was shown. */
  update(name: string, page: Page): void;
  dispose(): void;
}

export function makePages(scheme: string): Pages {
  const pages = new Map<string, Page>(); // by path
  const changed = new EventEmitter<Uri>();
  const title = window.createTextEditorDecorationType({
    color: new ThemeColor("textLink.foreground"),
    fontWeight: "bold",
  });
  const heading = window.createTextEditorDecorationType({
    isWholeLine: true,
    color: new ThemeColor("descriptionForeground"),
    backgroundColor: new ThemeColor("textCodeBlock.background"),
  });
  const note = window.createTextEditorDecorationType({
    color: new ThemeColor("descriptionForeground"),
    fontStyle: "italic",
  });
  const uriOf = (name: string): Uri => Uri.from({ scheme, path: `/${name}` });
  const pageOf = (document: TextDocument): Page | undefined =>
    document.uri.scheme === scheme ? pages.get(document.uri.path) : undefined;

  function decorate(editors: readonly TextEditor[]): void {
    for (const editor of editors) {
      const page = pageOf(editor.document);
      if (page === undefined) {
        continue;
      }
      const ranges = (lines: readonly number[]): Range[] =>
        lines
          .filter((line) => line < editor.document.lineCount)
          .map((line) => editor.document.lineAt(line).range);
      editor.setDecorations(title, ranges(page.titles));
      editor.setDecorations(heading, ranges(page.headings));
      editor.setDecorations(note, ranges(page.notes));
    }
  }

  function update(name: string, page: Page): void {
    const uri = uriOf(name);
    pages.set(uri.path, page);
    changed.fire(uri);
  }

  const subscriptions = Disposable.from(
    changed,
    title,
    heading,
    note,
    workspace.registerTextDocumentContentProvider(scheme, {
      onDidChange: changed.event,
      provideTextDocumentContent: (uri) => pages.get(uri.path)?.text ?? "",
    }),
    languages.registerDocumentLinkProvider(
      { scheme },
      {
        provideDocumentLinks: (document) =>
          (pageOf(document)?.links ?? []).map(({ line, start, end, target, tooltip }) => {
            const link = new DocumentLink(new Range(line, start, line, end), Uri.parse(target));
            link.tooltip = tooltip;
            return link;
          }),
      },
    ),
    window.onDidChangeVisibleTextEditors(decorate),
    workspace.onDidChangeTextDocument(({ document }) => {
      decorate(window.visibleTextEditors.filter((editor) => editor.document === document));
    }),
  );

  return {
    update,
    show: async (name, page) => {
      update(name, page);
      const document = await workspace.openTextDocument(uriOf(name));
      const shown = window.visibleTextEditors.find((editor) => editor.document === document);
      const editor = await window.showTextDocument(document, {
        viewColumn: shown?.viewColumn ?? ViewColumn.Beside,
        preserveFocus: true,
        preview: true,
      });
      editor.options = { ...editor.options, lineNumbers: TextEditorLineNumbersStyle.Off };
      decorate([editor]);
      return editor;
    },
    dispose: () => {
      subscriptions.dispose();
    },
  };
}
