/** Small decisions about edits. Pure functions. */

/** What is said of an edit: its title, what is known of it, and why. */
export function announcement(title: string, verdict: string, reason: string): string {
  const head = `slmcode: ${title}`;
  const known = [verdict, reason].filter((part) => part !== "").join(": ");
  return known === "" ? head : `${head}. ${known.charAt(0).toUpperCase()}${known.slice(1)}.`;
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
