/** Read-only documents that are made, not stored: each kind has one, shown beside the editor. */
import {
  Disposable,
  DocumentLink,
  EventEmitter,
  languages,
  Range,
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
  const heading = window.createTextEditorDecorationType({
    isWholeLine: true,
    color: new ThemeColor("descriptionForeground"),
    backgroundColor: new ThemeColor("editor.lineHighlightBackground"),
    fontStyle: "italic",
  });
  const uriOf = (name: string): Uri => Uri.from({ scheme, path: `/${name}` });
  const pageOf = (document: TextDocument): Page | undefined =>
    document.uri.scheme === scheme ? pages.get(document.uri.path) : undefined;

  function decorate(editors: readonly TextEditor[]): void {
    for (const editor of editors) {
      const page = pageOf(editor.document);
      if (page !== undefined) {
        const lines = page.headings.map((line) => new Range(line, 0, line, 0));
        editor.setDecorations(heading, lines);
      }
    }
  }

  function update(name: string, page: Page): void {
    const uri = uriOf(name);
    pages.set(uri.path, page);
    changed.fire(uri);
  }

  const subscriptions = Disposable.from(
    changed,
    heading,
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
      decorate([editor]);
      return editor;
    },
    dispose: () => {
      subscriptions.dispose();
    },
  };
}
