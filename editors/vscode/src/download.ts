/** Fetches a model by the server's own command, and shows how far it is. */
import { CancellationError, type LogOutputChannel, ProgressLocation, window } from "vscode";
import { Tail } from "./log";
import { run } from "./processes";

/** One line of `slmcode models pull --json`. */
export type PullEvent =
  | { event: "progress"; done: number; total: number; source?: string }
  | { event: "done"; path: string }
  | { event: "error"; message: string };

/** The event on a line, or undefined: something else was printed. */
export function pullEvent(line: string): PullEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { event, done, total, path, message } = (value ?? {}) as Record<string, unknown>;
  switch (event) {
    case "progress":
      return typeof done === "number" && typeof total === "number" && total > 0
        ? (value as PullEvent)
        : undefined;
    case "done":
      return typeof path === "string" ? { event, path } : undefined;
    case "error":
      return typeof message === "string" ? { event, message } : undefined;
    default:
      return undefined;
  }
}

/** "123 of 491 MB", "checking 61 %". */
export function progressText(event: PullEvent & { event: "progress" }): string {
  if (event.source === "checking") {
    return `checking ${Math.floor((100 * event.done) / event.total)} %`;
  }
  return `${megabytes(event.done)} of ${megabytes(event.total)} MB`;
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

/**
 * Runs `program args…`, which is a `models pull --json`. True: the model is there. False: the user
 * cancelled; what was fetched stays and the next download goes on from there. Rejects with a
 * message for people.
 */
export async function download(
  model: string,
  command: { program: string; args: readonly string[] },
  log: LogOutputChannel,
): Promise<boolean> {
  return window.withProgress(
    {
      location: ProgressLocation.Notification,
      title: `slmcode: downloading the model "${model}"`,
      cancellable: true,
    },
    async (progress, token) => {
      const tail = new Tail();
      let failure: string | undefined;
      let percent = 0;
      const onLine = (line: string, stream: "stdout" | "stderr") => {
        const event = stream === "stdout" ? pullEvent(line) : undefined;
        if (event?.event === "progress") {
          // The bar cannot go back, as it would where another source is tried or the digest is.
          const now = event.source === "checking" ? percent : (100 * event.done) / event.total;
          const increment = Math.max(0, now - percent);
          percent += increment;
          progress.report({ message: progressText(event), increment });
          return;
        }
        if (event?.event === "error") {
          failure = event.message;
        }
        log.info(line);
        tail.add(line);
      };
      try {
        const code = await run({ ...command, token, onLine });
        if (code === 0) {
          return true;
        }
        throw new Error(failure ?? (tail.last() || `exit code ${code}`));
      } catch (error) {
        if (error instanceof CancellationError) {
          log.info("The download was cancelled; the next one goes on from there.");
          return false;
        }
        throw error;
      }
    },
  );
}
