/** The server's edits of several files and parts, taken apart so that parts of them can be shown
 * and made. Pure: no editor in here. */
import type { WorkspaceEdit as WireEdit } from "vscode-languageclient/node";

export interface Place {
  readonly line: number;
  readonly character: number;
}

export interface Piece {
  readonly start: Place;
  readonly end: Place;
  readonly newText: string;
  /** The id of the part it belongs to; "" where it belongs to none. */
  readonly part: string;
}

/** What becomes of one file. */
export interface FileChange {
  readonly uri: string;
  /** It is not there yet. */
  readonly isNew: boolean;
  /** Where it goes; undefined where it stays. */
  readonly movedTo: string | undefined;
  /** The version of the document that the pieces are for; null where the server has not said. */
  readonly version: number | null;
  readonly pieces: readonly Piece[];
}

/** A part of the edit that the user takes or leaves. */
export interface Part {
  readonly id: string;
  readonly label: string;
  readonly description: string;
}

export interface Changes {
  readonly files: readonly FileChange[];
  readonly parts: readonly Part[];
  /** The user is to see it before it is made. */
  readonly needsConfirmation: boolean;
}

interface WirePiece {
  range: { start: Place; end: Place };
  newText: string;
  annotationId?: string;
}

type Growing = { -readonly [K in keyof FileChange]: FileChange[K] };

export function changesOf(wire: WireEdit): Changes {
  const files = new Map<string, Growing>();
  const file = (uri: string): Growing => {
    const known = files.get(uri);
    if (known !== undefined) {
      return known;
    }
    const made = { uri, isNew: false, movedTo: undefined, version: null, pieces: [] };
    files.set(uri, made);
    return made;
  };
  const add = (uri: string, version: number | null, pieces: readonly WirePiece[]): void => {
    // Edits of a file that has moved are written for its new name.
    const moved = [...files.values()].find(({ movedTo }) => movedTo === uri);
    const found = moved ?? file(uri);
    found.version ??= version;
    found.pieces = [
      ...found.pieces,
      ...pieces.map(({ range: { start, end }, newText, annotationId = "" }) => ({
        start,
        end,
        newText,
        part: annotationId,
      })),
    ];
  };
  for (const [uri, edits] of Object.entries(wire.changes ?? {})) {
    add(uri, null, edits);
  }
  for (const change of wire.documentChanges ?? []) {
    if ("textDocument" in change) {
      const { uri, version } = change.textDocument;
      add(uri, version, change.edits as WirePiece[]);
    } else if (change.kind === "create") {
      file(change.uri).isNew = true;
    } else if (change.kind === "rename") {
      file(change.oldUri).movedTo = change.newUri;
    }
  }
  const annotations = Object.entries(wire.changeAnnotations ?? {});
  return {
    files: [...files.values()],
    parts: annotations.map(([id, { label, description = "" }]) => ({ id, label, description })),
    needsConfirmation: annotations.some(([, annotation]) => annotation.needsConfirmation === true),
  };
}

/** Whether a piece is made when these parts are left out. */
export function isWanted(piece: Piece, leftOut: ReadonlySet<string>): boolean {
  return !leftOut.has(piece.part);
}

/** A text with the wanted pieces in it. `offsetAt` is that of the text. */
export function applied(
  text: string,
  pieces: readonly Piece[],
  leftOut: ReadonlySet<string>,
  offsetAt: (place: Place) => number,
): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const edits = pieces
    .filter((piece) => isWanted(piece, leftOut))
    .map(({ start, end, newText }) => ({ start: offsetAt(start), end: offsetAt(end), newText }))
    .sort((a, b) => a.start - b.start);
  let result = "";
  let at = 0;
  for (const { start, end, newText } of edits) {
    result += text.slice(at, start) + newText.replace(/\r\n|\r|\n/g, eol);
    at = end;
  }
  return result + text.slice(at);
}
