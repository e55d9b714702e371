/** The machine we run on, as `find.ts` asks for it. */
import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter } from "node:path";
import type { Ended, Machine } from "./find";

const RUN_MS = 20_000; // `slmcode --version` takes 0.2 s; a busy machine or a cold disk much longer

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    path: (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""),
    home: homedir(),
    kind,
    run,
  };
}

/** Why a program that is there was not started, for people. */
export function whyNot(error: { code?: unknown; message: string }): string {
  // The file is there, or the search had not found it.
  return error.code === "ENOENT" ? "the interpreter it names is not there" : error.message;
}

function kind(file: string): "missing" | "file" | "program" {
  try {
    if (!statSync(file).isFile()) {
      return "missing";
    }
  } catch {
    return "missing";
  }
  try {
    accessSync(file, constants.X_OK);
    return "program";
  } catch {
    return "file";
  }
}

function run(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { cwd: homedir(), timeout: RUN_MS, windowsHide: true },
      (error, stdout, stderr) => {
        const code = error?.code;
        if (error === null) {
          resolve({ code: 0, stdout, stderr });
        } else if (typeof code === "number") {
          resolve({ code, stdout, stderr });
        } else if (error.killed === true) {
          reject(new Error(`no answer within ${RUN_MS / 1000} s`));
        } else {
          reject(new Error(whyNot(error)));
        }
      },
    );
  });
}
