/** An output channel that keeps its lines. */
import type { LogOutputChannel } from "vscode";

export interface Lines extends LogOutputChannel {
  readonly lines: string[];
}

export function log(): Lines {
  const lines: string[] = [];
  const add = (line: string) => void lines.push(line);
  return { lines, info: add, warn: add, error: add, debug: add, show: add } as unknown as Lines;
}
