/** Child processes: the server, and what the user starts and can cancel (an install, a download). */
import { type ChildProcess, spawn } from "node:child_process";
import { homedir } from "node:os";
import { CancellationError, type CancellationToken } from "vscode";
import { type Found, Problem } from "./find";
import { eachLine } from "./log";
import { whyNot } from "./machine";

const PATIENCE_MS = 5_000; // after an interrupt, until it is killed

export interface Running {
  program: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  token: CancellationToken;
  onLine: (line: string, stream: "stdout" | "stderr") => void;
}

/**
 * Runs a program to its end and gives its exit code. Cancelled, it is interrupted (as by Ctrl-C,
 * so that it takes its own children along) and the promise rejects with CancellationError when it
 * has ended. Rejects too where it cannot be started.
 */
export function run({ program, args, env, token, onLine }: Running): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: homedir(),
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
    });
    const output = Promise.all([
      eachLine(child.stdout, (line) => {
        onLine(line, "stdout");
      }),
      eachLine(child.stderr, (line) => {
        onLine(line, "stderr");
      }),
    ]);
    let kill: NodeJS.Timeout | undefined;
    const cancelled = token.onCancellationRequested(() => {
      child.kill("SIGINT");
      kill = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    });
    const ended = () => {
      clearTimeout(kill);
      cancelled.dispose();
    };
    child.once("error", (error) => {
      ended();
      reject(error);
    });
    child.once("exit", (code) => {
      ended();
      void output.then(() => {
        if (token.isCancellationRequested) {
          reject(new CancellationError());
        } else {
          resolve(code ?? -1);
        }
      });
    });
  });
}

/** Starts the server; rejects with a Problem where the system refuses to. */
export function spawnServer(
  found: Found,
  args: readonly string[],
  onLine: (line: string) => void,
): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    // Not in the workspace: it may be unreadable, and is not to be trusted with Python's imports.
    const child = spawn(found.program, args, { cwd: homedir(), windowsHide: true });
    child.once("spawn", () => {
      void eachLine(child.stderr, onLine);
      resolve(child);
    });
    child.once("error", (error) => {
      const remedy = found.by === "setting" ? "setting" : "install";
      reject(new Problem(`${found.program} cannot be started: ${whyNot(error)}.`, remedy));
    });
  });
}

/** Resolves when the process has ended, at once where it has already. */
export function exited(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
    } else {
      child.once("exit", () => {
        resolve();
      });
    }
  });
}
