/** A Markdown text as a page shows it: the places it names are links, escapes are gone. Pure. */
import type { Part } from "./page";

/** Where a file that a text names by its path is; undefined where there is none of that name. */
export type Find = (path: string) => string | undefined;

const CODE = /(`+).+?\1(?!`)/g;
// [label](target) · path/file.ext:12 or :12-20
const LINK =
  /\[((?:\\.|[^\]\\\n])+)\]\(<?([^()\s>]+)>?\)|((?:[\w.~+@\\-]*\/)*[\w.+@\\-]+\.\w+):(\d+)(?:[-–]\d+)?/g;
const ESCAPED = /\\([!-/:-@[-`{-~])/g;
const OPENS = /^(file|untitled|vscode-notebook-cell|vscode-remote|vscode-vfs):/;
const FENCE = /^\s*(```|~~~)/;

/** The lines of a text in parts. Code blocks are left as they are. */
export function linked(text: string, find: Find): Part[][] {
  let isCode = false;
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => {
      if (FENCE.test(line)) {
        isCode = !isCode;
        return [line];
      }
      return isCode ? [line] : partsOf(line, find);
    });
}

function partsOf(line: string, find: Find): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const code of line.matchAll(CODE)) {
    parts.push(...pieces(line.slice(at, code.index), find, unescaped));
    parts.push(...pieces(code[0], find, (text) => text));
    at = code.index + code[0].length;
  }
  parts.push(...pieces(line.slice(at), find, unescaped));
  return parts.filter((part) => part !== "");
}

/** `plain` is what is shown of a text that is no link. */
function pieces(text: string, find: Find, plain: (text: string) => string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const found of text.matchAll(LINK)) {
    const [all, label, target, path, number] = found;
    const leadsTo = target ?? withLine(find(plain(path ?? "")), number ?? "");
    if (leadsTo === undefined || !OPENS.test(leadsTo)) {
      continue;
    }
    parts.push(plain(text.slice(at, found.index)));
    parts.push({ text: plain(label ?? all), target: leadsTo, tooltip: "Open" });
    at = found.index + all.length;
  }
  return [...parts, plain(text.slice(at))];
}

function unescaped(text: string): string {
  return text.replace(ESCAPED, "$1");
}

function withLine(uri: string | undefined, line: string): string | undefined {
  return uri === undefined ? undefined : `${uri}#L${line}`;
}
