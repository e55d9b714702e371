/** What is said of edits, and small decisions about them. Pure functions. */

/** What the server says of an edit. */
export interface Outcome {
  readonly title: string;
  readonly verdict: string;
  readonly reason: string;
  readonly contract?: string;
  readonly model?: string;
  /** From 0 to 1; null or missing where no model wrote. */
  readonly confidence?: number | null;
}

/** A part of the whole, such as a function of a module. */
export interface UnitOutcome {
  readonly name: string;
  readonly verdict: string;
  readonly reason: string;
}

const UNSURE = 0.25; // the server's own limit

/** What is said of an edit: its title, what is known of it, and why. */
export function announcement(title: string, verdict: string, reason: string): string {
  const head = `slmcode: ${title}`;
  const known = [verdict, reason].filter((part) => part !== "").join(": ");
  return known === "" ? head : `${head}. ${sentence(known)}`;
}

/** Everything that is known of an edit, in sentences. */
export function known({ verdict, reason, contract, model, confidence }: Outcome): string {
  const isUnsure = typeof confidence === "number" && confidence < UNSURE;
  const made = [
    contract ? `contract “${contract.replaceAll("_", " ")}”` : "",
    model ? `model “${model}”` : "",
    isUnsure && !reason.includes("not sure") ? "the model was not sure" : "",
  ].filter((part) => part !== "");
  const judged = [verdict, reason].filter((part) => part !== "").join(": ");
  return [judged, made.join(", ")].filter((part) => part !== "").map(sentence).join(" ");
}

/** "orders.py: Add a docstring (verified, not sure)". */
export function previewTitle(file: string, { title, verdict, confidence }: Outcome): string {
  const isUnsure = typeof confidence === "number" && confidence < UNSURE;
  const judged = [verdict, isUnsure ? "not sure" : ""].filter((part) => part !== "").join(", ");
  return `${file}: ${title}${judged === "" ? "" : ` (${judged})`}`;
}

/** The outcome in a change annotation, where the server says no more: "verified: why". */
export function outcomeIn(title: string, description: string): Outcome {
  const [, verdict = "", reason = ""] =
    /^(exact|verified|not verified|refused)(?:: (.*))?$/s.exec(description) ?? [];
  return { title, verdict, reason: verdict === "" ? description : reason };
}

/** How far a piece of work in units has come. */
export function progressOf(done: readonly UnitOutcome[], total: number): string {
  const last = done.at(-1);
  return last === undefined ? "" : `${done.length} of ${total}: ${last.name} ${last.verdict}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

interface Lines {
  readonly range: { readonly start: { readonly line: number }; readonly end: { readonly line: number } };
}

/** The problems nearest to a line: those of one distance only, at most `limit`. */
export function nearest<P extends Lines>(problems: readonly P[], line: number, limit: number): P[] {
  const distance = ({ range: { start, end } }: P): number =>
    line < start.line ? start.line - line : Math.max(0, line - end.line);
  const least = Math.min(...problems.map(distance));
  return problems.filter((problem) => distance(problem) === least).slice(0, limit);
}

/** The instructions asked for so far, newest first, with this one put in front. */
export function remembered(history: readonly string[], instruction: string, limit: number): string[] {
  return [instruction, ...history.filter((said) => said !== instruction)].slice(0, limit);
}
