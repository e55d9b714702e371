/** Small questions about items of inline completion, and about the editor they are for. */
import { InlineCompletionItem, window } from "vscode";
import type { TextDocument } from "vscode";
import { textOfItem } from "./offers";
import { distinct, firstLine } from "./typethrough";

/** Whether the document's editor has one cursor, with nothing selected. */
export function hasOneCursor(document: TextDocument): boolean {
  const editor = window.activeTextEditor;
  if (editor?.document !== document) {
    return true; // asked for by a command of another editor, a notebook's for one
  }
  return editor.selections.length === 1 && editor.selection.isEmpty;
}

/** Items of one line each, without the second of any two that are alike then. */
export function cutToLine(items: readonly InlineCompletionItem[]): InlineCompletionItem[] {
  const [first] = items;
  return distinct(items.map((item) => firstLine(textOfItem(item)))).map(
    (text) => new InlineCompletionItem(text, first?.range, first?.command),
  );
}

/** The id the server gave an item: the argument of its command. */
export function idOf(item: InlineCompletionItem): string | undefined {
  const id: unknown = item.command?.arguments?.[0];
  return typeof id === "string" ? id : undefined;
}

/** The item as the protocol has it. */
export function wireItem(item: InlineCompletionItem): object {
  const { range, command } = item;
  return {
    insertText: textOfItem(item),
    ...(range && {
      range: {
        start: { line: range.start.line, character: range.start.character },
        end: { line: range.end.line, character: range.end.character },
      },
    }),
    ...(command && {
      command: { title: command.title, command: command.command, arguments: command.arguments },
    }),
  };
}
