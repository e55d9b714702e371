/** When a server that died is started again. Pure: the clock is an argument. */

const DELAYS_MS = [250, 1000, 4000];
const WINDOW_MS = 60_000;

/** Three tries within a minute, each after a longer wait; then it is for the user to say. */
export class Backoff {
  #tries: number[] = [];
  readonly #delays: readonly number[];

  constructor(delays: readonly number[] = DELAYS_MS) {
    this.#delays = delays;
  }

  /** The server died at `now` (ms). How long to wait (ms), or undefined: give up. */
  died(now: number): number | undefined {
    this.#tries = this.#tries.filter((tried) => now - tried < WINDOW_MS);
    const delay = this.#delays[this.#tries.length];
    if (delay !== undefined) {
      this.#tries.push(now);
    }
    return delay;
  }

  /** The user asked for a start: the count begins anew. */
  clear(): void {
    this.#tries = [];
  }
}
