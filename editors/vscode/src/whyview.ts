/** What "Why?", the trace and "Show what was sent" say. Pure functions. */
import { count, pageBuilder } from "./page";
import type { Page, PageBuilder } from "./page";

/** Answer to `slmcode/lastCompletion`; the names are the server's own. */
export interface LastCompletion {
  readonly reason: string | null;
  readonly message: string;
  readonly from_memory: boolean;
  /** Probability that what it had is right; null where the gate was not asked. */
  readonly score: number | null;
  readonly timings: Timings;
  /** The server's own share, without the wait for the engine. */
  readonly server_ms: number;
  readonly trace: Span;
}

/** llama.cpp's names: tokens reused, evaluated, produced; drafted and kept. */
export interface Timings {
  readonly cache_n: number;
  readonly prompt_n: number;
  readonly predicted_n: number;
  readonly draft_n: number;
  readonly draft_n_accepted: number;
  readonly queued_ms: number;
  readonly prompt_ms: number;
  readonly predicted_ms: number;
  readonly other_ms: number;
}

export interface Span {
  readonly name: string;
  readonly at_ms: number;
  readonly ms: number;
  readonly children?: readonly Span[];
  readonly [value: string]: unknown;
}

/** Answer to `slmcode/why`. */
export interface Why {
  readonly chunks: readonly Chunk[];
  readonly note: string;
}

export interface Chunk {
  readonly uri: string | null;
  readonly path: string;
  readonly range: { readonly start: { line: number }; readonly end: { line: number } };
  readonly tokens: number;
  readonly score: number;
  readonly reason: string;
  readonly text: string;
}

/** Answer to `slmcode/prompt`. */
export interface Prompt {
  readonly pieces: readonly Piece[];
  readonly tokens: number;
  readonly generated: string;
}

export interface Piece {
  readonly kind: string;
  readonly source: string;
  readonly tokenCount: number;
  readonly text: string;
}

const CHOSEN: Readonly<Record<string, string>> = {
  receiver: "members of the class of what stands in front of the dot",
  member: "members of the class of what stands in front of the dot",
  call: "definition of the function that is called here",
  lexical: "the same words as the lines around the cursor",
  import: "definition of a name that is imported here",
  name: "definition of a name that is used here",
  sibling: "in a file that imports this one",
  base: "a class that the class around the cursor is made from",
  recent: "where you edited or looked last",
};

/** Kinds of pieces whose names say little. */
const PIECES: Readonly<Record<string, string>> = {
  chunk: "from another file",
  typed: "typed in this line",
  heal: "written again by the model",
};

const WIDTH = 24; // of a trace's bars, in characters

export function whyPage(
  file: string,
  last: LastCompletion | null,
  why: Why | null,
  prompt: Prompt | null,
): Page {
  const page = pageBuilder();
  const shown = last !== null && last.reason === null;
  if (last === null) {
    page.title("Nothing was asked for yet");
    page.line(`in ${file}: type something, and ask again.`);
  } else {
    page.title(shown ? "What was shown" : sentence(last.message || (last.reason ?? "")));
    page.line(shown ? `last in ${file}` : `That is why nothing was shown last in ${file}.`);
    page.line("");
    answer(page, last);
  }
  page.line("");
  const written = prompt?.generated ?? "";
  if (written.trim() !== "") {
    page.heading("the model wrote");
    page.block(written);
    page.line("");
  }
  context(page, why);
  page.heading("more");
  page.line({ text: "Show the trace", target: "command:slmcode.showTrace" });
  page.line({ text: "Show what was sent to the model", target: "command:slmcode.showPrompt" });
  page.line({ text: "Settings", target: `command:workbench.action.openSettings?${SETTINGS}` });
  return page.build();
}

const SETTINGS = encodeURIComponent(JSON.stringify(["slmcode."]));

function answer(page: PageBuilder, last: LastCompletion): void {
  const { timings } = last;
  const rows: [string, string][] = [
    ["answered in", ms(last.trace.ms)],
    ["server's part", ms(last.server_ms)],
    ["text from", last.from_memory ? "memory: it stood ready" : "the model"],
  ];
  if (last.score !== null) {
    rows.push(["likely right", `${Math.round(last.score * 100)} %`]);
  }
  if (timings.cache_n + timings.prompt_n > 0) {
    rows.push(["prompt reused", count(timings.cache_n, "token")]);
    rows.push(["evaluated", took(timings.prompt_n, timings.prompt_ms)]);
  }
  if (timings.predicted_n > 0) {
    rows.push(["written", took(timings.predicted_n, timings.predicted_ms)]);
  }
  if (timings.draft_n > 0) {
    rows.push(["drafted", `${count(timings.draft_n, "token")}, ${timings.draft_n_accepted} kept`]);
  }
  if (timings.queued_ms >= 0.05) {
    rows.push(["waited", `${ms(timings.queued_ms)} for the model`]);
  }
  if (timings.other_ms >= 0.05) {
    rows.push(["other work", ms(timings.other_ms)]);
  }
  const left = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) {
    page.line(`${name.padEnd(left)}   ${value}`);
  }
}

function took(tokens: number, time: number): string {
  return `${count(tokens, "token")}${time > 0 ? ` in ${ms(time)}` : ""}`;
}

function context(page: PageBuilder, why: Why | null): void {
  const chunks = why?.chunks ?? [];
  const tokens = chunks.reduce((sum, chunk) => sum + chunk.tokens, 0);
  page.title(`From other files${tokens > 0 ? `: ${count(tokens, "token")}` : ""}`);
  if (chunks.length === 0) {
    const note = why?.note ?? "";
    page.line(sentence(note === "" ? "nothing is known of other files yet" : note));
    page.line("");
  }
  for (const { path, range, uri, reason, score, tokens: size, text } of chunks) {
    const first = range.start.line + 1;
    const place = `${path}:${first}`;
    const link = uri === null ? place : { text: place, target: `${uri}#L${first}`, tooltip: "Open" };
    page.heading(link, ` · ${reason} · score ${score.toFixed(2)} · ${count(size, "token")}`);
    page.block(text);
    const because = CHOSEN[reason];
    if (because !== undefined) {
      page.note(`chosen as: ${because}`);
    }
    page.line("");
  }
}

/** What the model was given, piece by piece; special tokens are written by name. */
export function promptPage(file: string, prompt: Prompt | null): Page {
  const page = pageBuilder();
  if (prompt === null) {
    page.line(`Nothing was sent to the model for ${file} yet.`);
    return page.build();
  }
  page.title(`Sent to the model: ${count(prompt.tokens, "token")}`);
  page.line(`last for ${file}, in this order; special tokens by name.`);
  page.line("Nothing of this left your machine.");
  page.line("");
  for (const { kind, source, tokenCount, text } of prompt.pieces) {
    if (kind === "special") {
      page.note(text);
    } else {
      const name = PIECES[kind] ?? kind;
      page.heading(`${name} · ${source}${tokenCount > 0 ? ` · ${count(tokenCount, "token")}` : ""}`);
      page.block(text);
    }
  }
  page.heading("the model wrote");
  page.block(prompt.generated === "" ? "(nothing)" : prompt.generated);
  return page.build();
}

/** The span tree of the last completion: when each step began, and how long it took. */
export function tracePage(file: string, last: LastCompletion | null): Page {
  const page = pageBuilder();
  if (last === null) {
    page.line(`Nothing was asked for in ${file} yet.`);
    return page.build();
  }
  const total = Math.max(last.trace.ms, 0.001);
  const rows: [Span, number][] = [];
  const visit = (span: Span, depth: number): void => {
    rows.push([span, depth]);
    span.children?.forEach((child) => {
      visit(child, depth + 1);
    });
  };
  visit(last.trace, 0);
  const name = ({ name: text }: Span, depth: number): string => "  ".repeat(depth) + text;
  const widest = Math.max(...rows.map(([span, depth]) => name(span, depth).length));
  page.title("Trace of the last completion");
  page.line(`in ${file}; milliseconds from its arrival, and how long`);
  page.line("");
  page.heading(`${"at".padStart(8)} ${"ms".padStart(8)}  step`);
  for (const [span, depth] of rows) {
    const times = `${span.at_ms.toFixed(1).padStart(8)} ${span.ms.toFixed(1).padStart(8)}`;
    const step = name(span, depth).padEnd(widest);
    page.line(`${times}  ${step}  ${bar(span, total)}  ${values(span)}`.trimEnd());
  }
  return page.build();
}

/** When the step was, within the time of the whole. What came after the answer has no bar. */
function bar(span: Span, total: number): string {
  if (span.at_ms >= total) {
    return "(afterwards)".padEnd(WIDTH);
  }
  const start = Math.min(WIDTH - 1, Math.floor((span.at_ms / total) * WIDTH));
  const width = Math.max(1, Math.round((span.ms / total) * WIDTH));
  return ("·".repeat(start) + "█".repeat(width)).slice(0, WIDTH).padEnd(WIDTH, "·");
}

function values(span: Span): string {
  return Object.entries(span)
    .filter(([key, value]) => !["name", "at_ms", "ms", "children"].includes(key) && value != null)
    .map(([key, value]) => `${key}=${short(value)}`)
    .join("  ");
}

function short(value: unknown): string {
  if (typeof value === "boolean") {
    return value ? "yes" : "no";
  }
  if (typeof value === "number") {
    return Number.isInteger(value) ? `${value}` : value.toFixed(1);
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

function ms(time: number): string {
  return `${time.toFixed(time < 10 ? 1 : 0)} ms`;
}

/** With a capital and a full stop. */
function sentence(text: string): string {
  const trimmed = text.trim();
  const end = /[.!?]$/.test(trimmed) ? "" : ".";
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${end}`;
}
