/** The text of a page with its links, built line by line. Pure. */

export interface Link {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  /** A URI as text: of a file with `#L12` behind it, or `command:…`. */
  readonly target: string;
  readonly tooltip: string;
}

export interface Page {
  readonly text: string;
  readonly links: readonly Link[];
  /** Lines that are drawn as such: over the whole, over a piece, beside it. */
  readonly titles: readonly number[];
  readonly headings: readonly number[];
  readonly notes: readonly number[];
}

/** A part of a line: text, or text with where it leads. */
export type Part = string | { text: string; target: string; tooltip?: string };

export interface PageBuilder {
  line(...parts: Part[]): void;
  title(text: string): void;
  heading(...parts: Part[]): void;
  note(text: string): void;
  /** Any text, of any number of lines. */
  block(text: string): void;
  build(): Page;
}

export function pageBuilder(): PageBuilder {
  const lines: string[] = [];
  const links: Link[] = [];
  const titles: number[] = [];
  const headings: number[] = [];
  const notes: number[] = [];

  function add(...parts: Part[]): void {
    let text = "";
    for (const part of parts) {
      const start = text.length;
      text += typeof part === "string" ? part : part.text;
      if (typeof part !== "string") {
        const { target, tooltip = "" } = part;
        links.push({ line: lines.length, start, end: text.length, target, tooltip });
      }
    }
    lines.push(text);
  }

  return {
    line: add,
    title: (text) => {
      titles.push(lines.length);
      add(text);
    },
    heading: (...parts) => {
      headings.push(lines.length);
      add(...parts);
    },
    note: (text) => {
      notes.push(lines.length);
      add(text);
    },
    block: (text) => {
      lines.push(...text.replace(/\n$/, "").split("\n"));
    },
    build: () => ({ text: `${lines.join("\n")}\n`, links, titles, headings, notes }),
  };
}

/** "1 token", "12 tokens". */
export function count(n: number, what: string): string {
  return `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
}
