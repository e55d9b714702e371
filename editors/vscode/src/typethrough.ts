/**
 * Where an offered text stands in a document while the user types along it. Pure functions.
 *
 *     text   "return a + b"        offered at `span.start`, lines end at \n
 *     typed  "return "             the document between `span.start` and the cursor
 *     rest          "a + b"        what is still to be shown
 *     after               ")"      the document between the cursor and `span.end`: a bracket that
 *                                  the editor closed by itself; the rest must hold it too
 *
 * Offsets and lengths are UTF-16 units, of the document where they are a `Span`'s.
 */

/** A part of a document; half open. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A change of a document, as VS Code reports it. */
export interface Change {
  readonly rangeOffset: number;
  readonly rangeLength: number;
  readonly text: string;
}

/** What an offer still has for a cursor. */
export interface Rest {
  /** How much of the offered text stands in the document, cumulative. */
  readonly typed: number;
  /** Start of the cursor's line in the offered text: what an item for that line begins with. */
  readonly line: number;
  readonly text: string;
}

/** The span after a change; undefined where the change reaches over its border. */
export function moved(span: Span, change: Change): Span | undefined {
  const { rangeOffset: start, rangeLength } = change;
  const end = start + rangeLength;
  const grown = change.text.length - rangeLength;
  if (start >= span.start && end <= span.end) {
    return { start: span.start, end: span.end + grown };
  }
  if (end <= span.start) {
    return { start: span.start + grown, end: span.end + grown };
  }
  return start >= span.end ? span : undefined;
}

/** What is left of `text`; undefined where the document went another way or nothing is left. */
export function restOf(text: string, before: string, after: string): Rest | undefined {
  const typed = oneLineEnd(before);
  if (!text.startsWith(typed)) {
    return undefined;
  }
  const rest = text.slice(typed.length);
  if (rest.length <= after.length || /[\r\n]/.test(after) || !holds(rest, after)) {
    return undefined;
  }
  return { typed: typed.length, line: typed.lastIndexOf("\n") + 1, text: rest };
}

/** How much of `text` stands in front of the cursor; undefined where it does not go on like that. */
export function typedLength(text: string, before: string): number | undefined {
  const typed = oneLineEnd(before);
  return text.startsWith(typed) ? typed.length : undefined;
}

/** The text's first line with something on it, and blank ones in front of it. */
export function firstLine(text: string): string {
  return /^\s*[^\n]*/.exec(text)?.[0].trimEnd() ?? "";
}

/** Without the second of any two that are equal. */
export function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function oneLineEnd(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}

/** Whether the characters of `part` stand in `text` in their order. */
function holds(text: string, part: string): boolean {
  let at = 0;
  for (const character of part) {
    at = text.indexOf(character, at) + 1;
    if (at === 0) {
      return false;
    }
  }
  return true;
}
