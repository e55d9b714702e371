/**
 * Which program is the server, and does it fit. The search knows the machine only through
 * `Machine`, so that tests need none.
 */

/** How a program ended, and what it printed. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** What the search asks of the machine. */
export interface Machine {
  platform: NodeJS.Platform;
  /** Folders of `PATH`. */
  path: readonly string[];
  home: string;
  /** "missing", "file" (there, but not to be executed), or "program". */
  kind(file: string): "missing" | "file" | "program";
  /** Runs a program to its end; rejects with a message for people where it cannot be started. */
  run(program: string, args: readonly string[]): Promise<Ended>;
}

/** Why there is no server. The message says what to do. */
export class Problem extends Error {
  constructor(
    message: string,
    /** What is offered beside "Open Log". */
    readonly remedy: "install" | "setting" | "pythonSetting" | "none",
  ) {
    super(message);
  }
}

export interface Found {
  program: string;
  /** Where it was found, in words for the log. */
  by: "setting" | "managed environment" | "PATH";
}

/** Joins as the machine does, whatever the tests run on. */
export function join(machine: Machine, folder: string, ...names: string[]): string {
  const separator = machine.platform === "win32" ? "\\" : "/";
  return [folder.replace(/[\\/]+$/, ""), ...names].join(separator);
}

/** The program `name` on the machine's `PATH`. */
export function onPath(machine: Machine, name: string): string | undefined {
  const names = machine.platform === "win32" ? [`${name}.exe`] : [name];
  return machine.path
    .flatMap((folder) => names.map((n) => join(machine, folder, n)))
    .find((file) => machine.kind(file) === "program");
}

/** Where an environment has its programs. */
export function inEnvironment(machine: Machine, environment: string, name: string): string {
  return machine.platform === "win32"
    ? join(machine, environment, "Scripts", `${name}.exe`)
    : join(machine, environment, "bin", name);
}

/**
 * The server: the setting's, the managed environment's, or the one on `PATH`; undefined where
 * there is none. Throws a Problem where the setting names something that does not run.
 */
export function findServer(
  machine: Machine,
  setting: string,
  environment: string | undefined,
): Found | undefined {
  if (setting !== "") {
    return { program: named(machine, "slmcode.server.path", setting), by: "setting" };
  }
  if (environment !== undefined) {
    const program = inEnvironment(machine, environment, "slmcode");
    if (machine.kind(program) === "program") {
      return { program, by: "managed environment" };
    }
  }
  const program = onPath(machine, "slmcode");
  return program === undefined ? undefined : { program, by: "PATH" };
}

/** The program that a setting names: a path, with ~ for the home folder, or a name on `PATH`. */
export function named(machine: Machine, setting: string, value: string): string {
  const remedy = setting.endsWith("python") ? "pythonSetting" : "setting";
  const path = value.replace(/^~(?=[\\/]|$)/, () => machine.home);
  if (!/[\\/]/.test(path)) {
    const program = onPath(machine, path);
    if (program === undefined) {
      throw new Problem(
        `The setting ${setting} names "${value}", which is not on PATH. Correct it, or leave it empty.`,
        remedy,
      );
    }
    return program;
  }
  switch (machine.kind(path)) {
    case "program":
      return path;
    case "file":
      throw new Problem(
        `The setting ${setting} names ${value}, which is not executable. Make it so (chmod +x), or correct the setting.`,
        remedy,
      );
    case "missing":
      throw new Problem(
        `The setting ${setting} names ${value}, which does not exist. Correct it, or leave it empty.`,
        remedy,
      );
  }
}

/** The version in what `slmcode --version` prints, such as "0.1.0"; undefined: not our program. */
export function versionIn(output: string): string | undefined {
  return /^slmcode (\d+\.\d+\.\d+\S*)$/m.exec(output)?.[1];
}

/** Whether a server of this version speaks our protocol: same major and minor version. */
export function fits(server: string, extension: string): boolean {
  const minor = (version: string) => version.split(".").slice(0, 2).join(".");
  return minor(server) === minor(extension);
}

/** Throws a Problem unless a server of `version` fits the extension. */
export function checkFit(found: Found, version: string, extension: string): void {
  if (fits(version, extension)) {
    return;
  }
  const remedies = {
    setting: "Update it, or empty the setting slmcode.server.path.",
    "managed environment": "Install the server anew.",
    PATH: "Update it (pip install --upgrade slmcode), or let the extension install its own.",
  };
  throw new Problem(
    `${found.program} is slmcode ${version}, and this extension is ${extension}. ${remedies[found.by]}`,
    found.by === "setting" ? "setting" : "install",
  );
}

/** Asks the program for its version. Throws a Problem where it does not run or does not fit. */
export async function checkVersion(
  machine: Machine,
  found: Found,
  extension: string,
): Promise<string> {
  const remedy = found.by === "setting" ? "setting" : "install";
  let answer;
  try {
    answer = await machine.run(found.program, ["--version"]);
  } catch (error) {
    throw new Problem(
      `${found.program} cannot be started: ${(error as Error).message}.`,
      remedy,
    );
  }
  const version = versionIn(answer.stdout);
  if (version === undefined) {
    const said = (answer.stderr.trim() || answer.stdout.trim()).split("\n").at(-1) ?? "";
    throw new Problem(
      answer.code === 0
        ? `${found.program} is not slmcode: it does not tell its version.`
        : `${found.program} does not run (exit code ${answer.code})${said ? `: ${said}` : "."}`,
      remedy,
    );
  }
  checkFit(found, version, extension);
  return version;
}

/** A Python to install with: the command and what comes before its arguments. */
export interface Python {
  program: string;
  args: readonly string[];
  version: string;
}

const NEWEST_MINOR = 14;
const OLDEST_MINOR = 11;
const PROBE =
  "import sys, importlib.util as u;" +
  "print('%d.%d.%d' % sys.version_info[:3], *(m for m in ('venv', 'ensurepip') if not u.find_spec(m)))";

/**
 * The Python to install with: the setting's, or the first on the machine that is new enough and
 * can make environments. Throws a Problem that says what to do where there is none.
 */
export async function choosePython(machine: Machine, setting: string): Promise<Python> {
  const passedOver: string[] = [];
  for (const [program, args] of candidates(machine, setting)) {
    const said = await probe(machine, program, args);
    if (said === undefined) {
      continue;
    }
    const [version = "", ...lacking] = said;
    if (!newEnough(version)) {
      passedOver.push(`${program} is Python ${version}`);
    } else if (lacking.length > 0) {
      passedOver.push(
        `${program} lacks ${lacking.join(" and ")} (Debian, Ubuntu: apt install python3-venv)`,
      );
    } else {
      return { program, args, version };
    }
  }
  const seen = passedOver.length > 0 ? ` Found: ${[...new Set(passedOver)].join("; ")}.` : "";
  throw new Problem(
    `slmcode needs Python 3.${OLDEST_MINOR} or newer, and none was found.${seen}` +
      " Install one, or name it in the setting slmcode.server.python.",
    "pythonSetting",
  );
}

/** From 3.11 on; what a Python 4 would be nobody knows. */
export function newEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === 3 && minor >= OLDEST_MINOR;
}

function candidates(machine: Machine, setting: string): [string, string[]][] {
  if (setting !== "") {
    return [[named(machine, "slmcode.server.python", setting), []]];
  }
  const names: [string, string[]][] = [["python3", []]];
  for (let minor = NEWEST_MINOR; minor >= OLDEST_MINOR; minor--) {
    names.push([`python3.${minor}`, []]);
  }
  if (machine.platform === "win32") {
    names.unshift(["py", ["-3"]]);
  }
  names.push(["python", []]);
  return names.flatMap(([name, args]): [string, string[]][] => {
    const program = onPath(machine, name);
    return program === undefined ? [] : [[program, args]];
  });
}

async function probe(
  machine: Machine,
  program: string,
  args: readonly string[],
): Promise<string[] | undefined> {
  try {
    const { code, stdout } = await machine.run(program, [...args, "-c", PROBE]);
    const words = stdout.trim().split(/\s+/);
    return code === 0 && /^\d+\.\d+\.\d+$/.test(words[0] ?? "") ? words : undefined;
  } catch {
    return undefined; // such as the placeholder that Windows puts on PATH for its store
  }
}
