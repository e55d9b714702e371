/**
 * What VS Code was given for the cursor, followed while the user types along it.
 *
 * VS Code keeps the ghost text of an item itself while what is typed agrees with it, in the very
 * frame of the key, and asks its providers again 50 ms later. Answering that from here is what
 * saves the request; the item keeps its start, its text and its command, so VS Code takes it for
 * the same one.
 */
import { Disposable, EventEmitter, InlineCompletionItem, Range, window, workspace } from "vscode";
import type { Event, Position, TextDocument, TextDocumentChangeEvent } from "vscode";
import { moved, restOf, typedLength } from "./typethrough";
import type { Rest, Span } from "./typethrough";

/** An item of the server's, and the part of the document it stands for by now. */
export interface Offer {
  readonly item: InlineCompletionItem;
  readonly text: string;
  readonly span: Span;
}

/** How much of an item's text the user took by Accept Word or Accept Line, cumulative. */
export interface PartialAcceptance {
  readonly offer: Offer;
  readonly length: number;
}

export interface Offers {
  hold(document: TextDocument, position: Position, items: readonly InlineCompletionItem[]): void;
  /** The items that still fit at a cursor, first the one that VS Code shows. */
  at(document: TextDocument, position: Position): InlineCompletionItem[];
  /** The offer that is shown at a cursor. */
  shownAt(document: TextDocument, position: Position): Offer | undefined;
  drop(): void;
  readonly onPartialAcceptance: Event<PartialAcceptance>;
  dispose(): void;
}

export function makeOffers(): Offers {
  let document: TextDocument | undefined;
  let offers: Offer[] = [];
  let taken: { length: number; end: number } | undefined; // grew by the last change, which ends there
  const accepted = new EventEmitter<PartialAcceptance>();

  function drop(): void {
    document = undefined;
    offers = [];
    taken = undefined;
  }

  function rest(offer: Offer, doc: TextDocument, position: Position): Rest | undefined {
    const cursor = doc.offsetAt(position);
    const { start, end } = offer.span;
    if (doc !== document || cursor < start || cursor > end) {
      return undefined;
    }
    return restOf(offer.text, textOf(doc, start, cursor), textOf(doc, cursor, end));
  }

  function follow(event: TextDocumentChangeEvent): void {
    taken = undefined;
    if (event.document !== document) {
      return;
    }
    for (const change of event.contentChanges) {
      offers = offers.flatMap((offer) => {
        const span = moved(offer.span, change);
        return span === undefined ? [] : [{ ...offer, span }];
      });
    }
    const [change, ...more] = event.contentChanges;
    const [shown] = offers;
    const isInsertion = change?.rangeLength === 0 && more.length === 0;
    if (!isInsertion || event.reason !== undefined || shown === undefined) {
      return; // event.reason: undo or redo
    }
    const end = change.rangeOffset + change.text.length;
    const length = typedLength(shown.text, textOf(document, shown.span.start, end));
    if (length !== undefined && length > 0 && length < shown.text.length) {
      taken = { length, end };
    }
  }

  const subscriptions = Disposable.from(
    accepted,
    workspace.onDidChangeTextDocument(follow),
    workspace.onDidCloseTextDocument((closed) => {
      if (closed === document) {
        drop();
      }
    }),
    // A typed key moves the cursor by "keyboard"; an accepted piece moves it by none of the kinds.
    window.onDidChangeTextEditorSelection((event) => {
      const piece = taken;
      taken = undefined;
      const [shown] = offers;
      const doc = event.textEditor.document;
      if (piece === undefined || shown === undefined || doc !== document) {
        return;
      }
      const [selection] = event.selections;
      const isThere = selection !== undefined && doc.offsetAt(selection.active) === piece.end;
      if (event.kind === undefined && isThere) {
        accepted.fire({ offer: shown, length: piece.length });
      }
    }),
  );

  return {
    onPartialAcceptance: accepted.event,
    drop,
    dispose: () => {
      drop();
      subscriptions.dispose();
    },
    hold: (doc, position, items) => {
      drop();
      document = doc;
      offers = items.map((item) => {
        const range = item.range ?? new Range(position, position);
        const span = { start: doc.offsetAt(range.start), end: doc.offsetAt(range.end) };
        return { item, text: textOfItem(item), span };
      });
    },
    at: (doc, position) => {
      const fitting = offers.flatMap((offer) => {
        const left = rest(offer, doc, position);
        return left === undefined ? [] : [{ offer, left }];
      });
      if (fitting[0]?.offer !== offers[0]) {
        return []; // the one that was shown went another way
      }
      return fitting.map(({ offer, left }) => itemFor(doc, offer, left));
    },
    shownAt: (doc, position) => {
      const [shown] = offers;
      return shown !== undefined && rest(shown, doc, position) !== undefined ? shown : undefined;
    },
  };
}

/** The offer as an item for the cursor's line: an item's range must not span lines. */
function itemFor(document: TextDocument, offer: Offer, left: Rest): InlineCompletionItem {
  const end = document.positionAt(offer.span.end);
  const start = left.line > 0 ? end.with({ character: 0 }) : document.positionAt(offer.span.start);
  const range = new Range(start, end);
  const { command } = offer.item;
  return new InlineCompletionItem(offer.text.slice(left.line), range, command);
}

export function textOfItem(item: InlineCompletionItem): string {
  return typeof item.insertText === "string" ? item.insertText : item.insertText.value;
}

function textOf(document: TextDocument, start: number, end: number): string {
  return document.getText(new Range(document.positionAt(start), document.positionAt(end)));
}
