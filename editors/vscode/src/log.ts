/** The one output channel, and the lines of child processes in it. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Calls `take` with each line of `stream`; resolves when it has ended. */
export function eachLine(stream: Readable, take: (line: string) => void): Promise<void> {
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on("line", take);
  return new Promise((resolve) => lines.once("close", resolve));
}

/** The newest `limit` lines of a process, for the message about its end. */
export class Tail {
  readonly #lines: string[] = [];
  readonly #limit: number;

  constructor(limit = 20) {
    this.#limit = limit;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.#limit) {
      this.#lines.shift();
    }
  }

  /** The last line with anything on it: what Python says last names the error. */
  last(): string {
    return this.#lines.findLast((line) => line.trim() !== "")?.trim() ?? "";
  }
}
