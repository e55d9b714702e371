/**
 * The managed environment: a Python environment of ours in the extension's storage, with the
 * server that came with the extension. Made only when the user asks for it.
 *
 *     <storage>/server/current.json    {"folder": "0.1.0-4f1c", "version": "0.1.0"}
 *     <storage>/server/0.1.0-4f1c/     the environment
 *
 * `current.json` is written when everything works; an environment it does not name is half made or
 * out of date, and is removed after the next install. (An environment cannot be renamed when it is
 * done: its programs hold its path.)
 */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  CancellationError,
  type CancellationToken,
  type LogOutputChannel,
  type Progress,
  ProgressLocation,
  window,
} from "vscode";
import { choosePython, inEnvironment, type Machine, onPath, Problem, versionIn } from "./find";
import { Tail } from "./log";
import { run } from "./processes";

const ABANDONED_MS = 24 * 3600 * 1000; // another window may be at it just now

/** What `editors/package.sh` puts into the extension's folder `server`. */
interface Bundle {
  packedWheel: string; // *.whl.xz: see editors/pack_wheel.py
  lock: string;
  nativeLock: string;
  nativeWheel: string;
}

interface Current {
  folder: string;
  version: string;
}

/** Share of the progress bar, and what is said of a line of output. */
interface Step {
  title: string;
  percent: number;
  program: string;
  args: string[];
  env?: Record<string, string>;
  progress?: (line: string) => string | undefined;
}

export interface Storage {
  /** The extension's storage folder; may not exist yet. */
  storage: string;
  /** The folder `server` of the extension. */
  bundle: string;
  version: string;
}

/** The managed environment's folder, or undefined where there is no whole one. */
export function environmentIn(storage: string): string | undefined {
  try {
    const text = readFileSync(join(storage, "server", "current.json"), "utf8");
    const { folder } = JSON.parse(text) as Partial<Current>;
    if (typeof folder !== "string" || folder !== folder.replace(/[\\/]/g, "")) {
      return undefined;
    }
    const environment = join(storage, "server", folder);
    return existsSync(environment) ? environment : undefined;
  } catch {
    return undefined; // not there, or not what we wrote
  }
}

/**
 * Makes the environment, with a notification that shows how far it is. True: it is there now.
 * False: the user cancelled. Rejects with a Problem that says what to do.
 */
export async function install(
  places: Storage,
  machine: Machine,
  pythonSetting: string,
  log: LogOutputChannel,
): Promise<boolean> {
  const bundle = bundleIn(places.bundle);
  checkCompiler(machine);
  return window.withProgress(
    { location: ProgressLocation.Notification, title: "slmcode server", cancellable: true },
    async (progress, token) => {
      try {
        progress.report({ message: "looking for Python" });
        const python = await choosePython(machine, pythonSetting);
        log.info(`Installing with ${python.program} (Python ${python.version})`);
        await make(places, machine, python, bundle, { log, progress, token });
        return true;
      } catch (error) {
        if (error instanceof CancellationError) {
          log.info("The installation was cancelled.");
          return false;
        }
        throw error;
      }
    },
  );
}

interface Talk {
  log: LogOutputChannel;
  progress: Progress<{ message?: string; increment?: number }>;
  token: CancellationToken;
}

async function make(
  places: Storage,
  machine: Machine,
  python: { program: string; args: readonly string[] },
  bundle: Bundle,
  talk: Talk,
): Promise<void> {
  const root = join(places.storage, "server");
  const folder = `${places.version}-${randomBytes(4).toString("hex")}`;
  const environment = join(root, folder);
  const previous = environmentIn(places.storage);
  await mkdir(root, { recursive: true });
  try {
    for (const step of stepsOf(machine, python, environment, bundle)) {
      talk.progress.report({ message: step.title });
      await take(step, talk);
      talk.progress.report({ increment: step.percent });
    }
    await check(machine, inEnvironment(machine, environment, "slmcode"));
  } catch (error) {
    await rm(environment, { recursive: true, force: true });
    throw error;
  }
  const current: Current = { folder, version: places.version };
  const written = join(root, `${folder}.json`);
  await writeFile(written, JSON.stringify(current));
  await rename(written, join(root, "current.json"));
  await removeOthers(root, folder, previous);
}

const UNPACK = [
  "import lzma, shutil, sys",
  "with lzma.open(sys.argv[1]) as packed, open(sys.argv[2], 'wb') as wheel:",
  "    shutil.copyfileobj(packed, wheel)",
].join("\n");

/** As `make setup` does it: the same lock file, the same build of the native library. */
function stepsOf(
  machine: Machine,
  python: { program: string; args: readonly string[] },
  environment: string,
  bundle: Bundle,
): Step[] {
  const program = inEnvironment(machine, environment, "python");
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps"];
  const total = packagesIn(readFileSync(bundle.lock, "utf8"));
  const wheel = join(environment, basename(bundle.packedWheel, ".xz"));
  let collected = 0;
  return [
    {
      title: "making a Python environment",
      percent: 5,
      program: python.program,
      args: [...python.args, "-m", "venv", environment],
    },
    {
      title: `installing ${total} packages`,
      percent: 30,
      program,
      args: [...pip, "--require-hashes", "--only-binary", ":all:", "--requirement", bundle.lock],
      progress: (line) =>
        line.startsWith("Collecting ")
          ? `installing packages (${++collected} of ${total})`
          : undefined,
    },
    {
      title: "unpacking slmcode",
      percent: 1,
      program,
      args: ["-c", UNPACK, bundle.packedWheel, wheel],
    },
    {
      title: "installing slmcode",
      percent: 4,
      program,
      args: [...pip, "--no-index", wheel],
    },
    {
      title: "building the engine for this processor: some minutes, once",
      percent: 60,
      program,
      args: [bundle.nativeWheel, bundle.nativeLock],
      progress: (line) => {
        const done = /^\s*(\d+) %/.exec(line)?.[1];
        return done === undefined
          ? undefined
          : `building the engine for this processor: ${done} % (some minutes, once)`;
      },
    },
  ];
}

/** The packages that a lock file pins. */
export function packagesIn(lock: string): number {
  return lock.split("\n").filter((line) => /^[A-Za-z0-9]/.test(line)).length;
}

async function take(step: Step, { log, progress, token }: Talk): Promise<void> {
  if (token.isCancellationRequested) {
    throw new CancellationError();
  }
  log.info(`$ ${[step.program, ...step.args].join(" ")}`);
  const tail = new Tail();
  const code = await run({
    program: step.program,
    args: step.args,
    env: { PYTHONNOUSERSITE: "1", PYTHONUNBUFFERED: "1" },
    token,
    onLine: (line) => {
      log.info(line);
      tail.add(line);
      const message = step.progress?.(line);
      if (message !== undefined) {
        progress.report({ message });
      }
    },
  });
  if (code !== 0) {
    throw new Problem(
      `The server was not installed: ${step.title} failed (exit code ${code}): ${tail.last().slice(0, 200)}`,
      "none",
    );
  }
}

async function check(machine: Machine, program: string): Promise<void> {
  const { stdout, stderr } = await machine.run(program, ["--version"]);
  if (versionIn(stdout) === undefined) {
    throw new Problem(`The server was installed and does not run: ${stderr.trim()}`, "none");
  }
}

/** What cannot be removed (on Windows: a server still runs in it) stays for the next time. */
async function removeOthers(root: string, current: string, previous?: string): Promise<void> {
  for (const name of readdirSync(root)) {
    const path = join(root, name);
    if (name === current || name === "current.json") {
      continue;
    }
    const { mtimeMs } = await stat(path);
    if (path === previous || Date.now() - mtimeMs > ABANDONED_MS) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** The files that come with the extension. Throws a Problem where it was not packaged with them. */
export function bundleIn(folder: string): Bundle {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const wheel = names.find((name) => /^slmcode-.*\.whl\.xz$/.test(name));
  if (wheel === undefined) {
    throw new Problem(
      "This copy of the extension came without the server. Install the packaged one (make package)," +
        " or name a server in the setting slmcode.server.path.",
      "setting",
    );
  }
  return {
    packedWheel: join(folder, wheel),
    lock: join(folder, "requirements.lock"),
    nativeLock: join(folder, "native.lock"),
    nativeWheel: join(folder, "native_wheel.py"),
  };
}

/** Throws a Problem where the engine cannot be built for want of a compiler. */
export function checkCompiler(machine: Machine): void {
  const compilers = machine.platform === "win32" ? [] : [["c++", "g++", "clang++"]];
  const missing = [["cmake"], ...compilers].filter((names) => !names.some((n) => onPath(machine, n)));
  if (missing.length === 0) {
    return;
  }
  const what = missing.map(([name]) => (name === "cmake" ? "CMake" : "a C++ compiler"));
  const advice = {
    linux: "Debian, Ubuntu: sudo apt install cmake g++; Fedora: sudo dnf install cmake gcc-c++.",
    darwin: "xcode-select --install, and brew install cmake.",
    win32: "Install CMake and the Visual Studio Build Tools with C++.",
  }[machine.platform as string];
  throw new Problem(
    `The engine is built for this processor, which needs ${what.join(" and ")}. ${advice ?? ""}`,
    "none",
  );
}
