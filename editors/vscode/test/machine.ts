/** A machine of the test's own making, for what `find.ts` asks. */
import type { Ended, Machine } from "../src/find";

export interface Made {
  platform?: NodeJS.Platform;
  path?: string[];
  programs?: Record<string, (args: readonly string[]) => Partial<Ended> | Error>;
  files?: string[];
}

export function machine({
  platform = "linux",
  path = ["/usr/bin"],
  programs = {},
  files = [],
}: Made): Machine {
  return {
    platform,
    path,
    home: "/home/me",
    kind: (file) => (file in programs ? "program" : files.includes(file) ? "file" : "missing"),
    run: (program, args) => {
      const answer = programs[program]?.(args) ?? new Error(`spawn ${program} ENOENT`);
      return answer instanceof Error
        ? Promise.reject(answer)
        : Promise.resolve({ code: 0, stdout: "", stderr: "", ...answer });
    },
  };
}
