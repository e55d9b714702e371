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
  /** Lines that stand between pieces, drawn as such. */
  readonly headings: readonly number[];
}

/** A part of a line: text, or text with where it leads. */
export type Part = string | { text: string; target: string; tooltip?: string };

export interface PageBuilder {
  line(...parts: Part[]): void;
  heading(text: string): void;
  /** Any text, of any number of lines. */
  block(text: string): void;
  build(): Page;
}

export function pageBuilder(): PageBuilder {
  const lines: string[] = [];
  const links: Link[] = [];
  const headings: number[] = [];

  return {
    line: (...parts) => {
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
    },
    heading: (text) => {
      headings.push(lines.length);
      lines.push(text);
    },
    block: (text) => {
      lines.push(...text.replace(/\n$/, "").split("\n"));
    },
    build: () => ({ text: `${lines.join("\n")}\n`, links, headings }),
  };
}

/** "1 token", "12 tokens". */
export function count(n: number, what: string): string {
  return `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
}

/** A fenced block of Markdown; the fence is longer than any in the text. */
export function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n+$/, "")}\n${fence}`;
}
