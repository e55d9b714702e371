/** A translation as the view shows it: units, their lines on both sides, a summary. Pure. */

/** Answer to `slmcode/translate`, and its partial results. Ends of ranges are exclusive. */
export interface Translated {
  readonly languageId: string;
  readonly text: string;
  readonly verdict: string;
  readonly reason: string;
  readonly units: readonly Unit[];
  /** Of the file to write. */
  readonly name?: string;
  /** What a human must look at, the most urgent first. Lines count from 0, -1 is none. */
  readonly lookFirst?: readonly Look[];
  /** The source's line of each line of the text, -1 for none. */
  readonly lineMap?: readonly number[];
}

export interface Look {
  readonly what: string;
  readonly line: number;
  readonly sourceLine: number;
}

export interface Unit {
  readonly name: string;
  readonly sourceRange: LineRange;
  readonly range: LineRange;
  readonly verdict: string;
  readonly reason: string;
  readonly form: string;
}

export interface LineRange {
  readonly start: { readonly line: number };
  readonly end: { readonly line: number };
}

export type Side = "source" | "target";

/** From good to bad; "cancelled" is ours, for what was not reached. */
export const VERDICTS = ["proved", "not proved", "differs", "refused", "cancelled"] as const;
export type Verdict = (typeof VERDICTS)[number];

export function verdictOf(unit: Unit): Verdict {
  return VERDICTS.find((verdict) => verdict === unit.verdict) ?? "not proved";
}

export function linesOf(unit: Unit, side: Side): { first: number; end: number } {
  const { start, end } = side === "source" ? unit.sourceRange : unit.range;
  return { first: start.line, end: Math.max(end.line, start.line + 1) };
}

/** "proved · 120 inputs": what stands behind a unit's first line. */
export function label(unit: Unit): string {
  const verdict = verdictOf(unit);
  return unit.reason === "" ? verdict : `${verdict} · ${unit.reason}`;
}

/** "6 units: 4 proved · 1 differs". */
export function summary({ units }: Translated): string {
  const counts = VERDICTS.flatMap((verdict) => {
    const n = units.filter((unit) => verdictOf(unit) === verdict).length;
    return n === 0 ? [] : [`${n} ${verdict}`];
  });
  const n = units.filter((unit) => verdictOf(unit) !== "cancelled").length;
  const head = `${n} unit${n === 1 ? "" : "s"}`;
  return counts.length === 0 ? head : `${head}: ${counts.join(" · ")}`;
}

/**
 * What there is when it was stopped: the lines of the source that no unit covers are one more
 * unit, "cancelled", at the end of the text. Lines `first` to `end` were to be translated.
 */
export function cancelled(
  so_far: Translated | undefined,
  languageId: string,
  first: number,
  end: number,
): Translated {
  const { text = "", units = [] } = so_far ?? {};
  const reached = units.reduce((line, unit) => Math.max(line, linesOf(unit, "source").end), first);
  const last = Math.max(0, text.replace(/\n$/, "").split("\n").length - 1);
  const reason = "stopped before it was reached";
  const rest: Unit = {
    name: "",
    sourceRange: { start: { line: reached }, end: { line: end } },
    range: { start: { line: last }, end: { line: last + 1 } },
    verdict: "cancelled",
    reason,
    form: "",
  };
  return {
    languageId,
    text,
    verdict: "cancelled",
    reason: "stopped by you",
    units: reached < end ? [...units, rest] : units,
  };
}

/** The innermost unit that holds a line of one side. */
export function unitAt(units: readonly Unit[], side: Side, line: number): Unit | undefined {
  const size = (unit: Unit): number => linesOf(unit, side).end - linesOf(unit, side).first;
  const holding = units.filter((unit) => {
    const { first, end } = linesOf(unit, side);
    return line >= first && line < end;
  });
  return holding.sort((one, another) => size(one) - size(another))[0];
}

/**
 * The line of the other side that belongs beside a line: the one it came from or became, else the
 * one in its unit, else behind the last unit.
 */
export function counterpart(
  { units, lineMap = [] }: Pick<Translated, "units" | "lineMap">,
  side: Side,
  line: number,
): number {
  const exact = side === "source" ? lineMap.indexOf(line) : (lineMap[line] ?? -1);
  if (exact >= 0) {
    return exact;
  }
  const other: Side = side === "source" ? "target" : "source";
  const unit = unitAt(units, side, line);
  if (unit !== undefined) {
    const here = linesOf(unit, side);
    const there = linesOf(unit, other);
    const share = (line - here.first) / (here.end - here.first);
    return there.first + Math.floor(share * (there.end - there.first));
  }
  let behind = { from: 0, to: 0 };
  for (const each of units) {
    const here = linesOf(each, side);
    const there = linesOf(each, other);
    if (here.end <= line && here.end >= behind.from) {
      behind = { from: here.end, to: there.end };
    }
  }
  return behind.to + (line - behind.from);
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  python: "py",
  typescript: "ts",
  javascript: "js",
  rust: "rs",
  csharp: "cs",
  kotlin: "kt",
  ruby: "rb",
};

/** "orders.cbl" in Python: "orders.py". */
export function translatedName(name: string, languageId: string): string {
  const extension = EXTENSIONS[languageId] ?? languageId;
  return `${name.replace(/\.[^.]+$/, "")}.${extension}`;
}
