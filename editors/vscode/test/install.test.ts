/** Installing, with a shell script in place of Python that makes what the steps ask for. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Problem } from "../src/find";
import { bundleIn, checkCompiler, environmentIn, install, packagesIn } from "../src/install";
import { thisMachine } from "../src/machine";
import { log } from "./log";
import { machine } from "./machine";
import { progress, progressToken, reset } from "./vscode";

const posix = { skip: process.platform === "win32" ? "the stand-in is a shell script" : false };
let folder = "";
beforeEach(() => {
  reset();
  folder = mkdtempSync(join(tmpdir(), "slmcode-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/**
 * What `python` does: `-c` tells its version, `-m venv` copies itself into the environment, `-m pip`
 * says what it collects, and native_wheel.py is `native`.
 */
function setUp(native = 'echo "   50 %  3 of 6 files, 1 s"') {
  const bundle = join(folder, "bundle");
  mkdirSync(bundle);
  for (const name of ["slmcode-0.1.0-py3-none-any.whl.xz", "native.lock", "native_wheel.py"]) {
    writeFileSync(join(bundle, name), "");
  }
  writeFileSync(join(bundle, "requirements.lock"), "a==1 \\\n    --hash=sha256:0\nb==2\n");
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const script = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  script("cmake", "");
  script("c++", "");
  script(
    "python3",
    `case "$1 $2" in
      "-c "*) echo "3.12.1" ;;
      "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"
        printf '#!/bin/sh\\necho slmcode 0.1.0\\n' > "$3/bin/slmcode"; chmod +x "$3/bin/slmcode" ;;
      "-m pip") echo "Collecting a==1"; echo "Collecting b==2" ;;
      *native_wheel.py*) ${native} ;;
    esac`,
  );
  const places = { storage: join(folder, "storage"), bundle, version: "0.1.0" };
  const here = { ...thisMachine(), path: [bin] };
  return { places, run: () => install(places, here, "", log()) };
}

const inStorage = () => readdirSync(join(folder, "storage", "server"));

test("the environment is there when all is done, and says how far it is", posix, async () => {
  const { places, run } = setUp();
  assert.equal(environmentIn(places.storage), undefined);
  assert.equal(await run(), true);
  const environment = environmentIn(places.storage);
  assert.ok(environment !== undefined && existsSync(join(environment, "bin", "slmcode")));
  const said = progress.flatMap(({ message }) => message ?? []);
  assert.ok(said.includes("installing packages (2 of 2)"));
  assert.ok(said.some((message) => message.includes("50 %")));
  assert.equal(progress.reduce((sum, { increment }) => sum + (increment ?? 0), 0), 100);
});

test("a second install takes the first one's place", posix, async () => {
  const { places, run } = setUp();
  await run();
  const first = environmentIn(places.storage);
  await run();
  assert.notEqual(environmentIn(places.storage), first);
  assert.equal(inStorage().length, 2); // the environment and current.json
});

test("a step that fails names itself, and leaves the older environment in force", posix, async () => {
  const { places, run } = setUp(
    'if [ -e "$SLMCODE_TEST" ]; then echo "cc1plus: out of memory" >&2; exit 1; fi',
  );
  await run();
  const first = environmentIn(places.storage);
  process.env.SLMCODE_TEST = folder;
  try {
    await assert.rejects(run(), (error) => {
      assert.ok(error instanceof Problem);
      assert.match(error.message, /building the engine.*exit code 1.*cc1plus: out of memory/);
      return true;
    });
  } finally {
    delete process.env.SLMCODE_TEST;
  }
  assert.equal(environmentIn(places.storage), first);
  assert.equal(inStorage().length, 2);
});

test("cancelled, it leaves nothing half made", posix, async () => {
  const { places, run } = setUp('echo "    0 %  0 of 6 files, 0 s"; while :; do sleep 0.1; done');
  const installed = run();
  await new Promise<void>((resolve) => {
    const waiting = setInterval(() => {
      if (progress.some(({ message }) => message?.includes(" 0 %") === true)) {
        clearInterval(waiting);
        resolve();
      }
    }, 5);
  });
  progressToken?.cancel();
  assert.equal(await installed, false);
  assert.equal(environmentIn(places.storage), undefined);
  assert.deepEqual(inStorage(), []);
});

test("what is half made, or written by somebody else, is no environment", () => {
  const server = join(folder, "server");
  mkdirSync(join(server, "0.1.0-aa"), { recursive: true });
  assert.equal(environmentIn(folder), undefined);
  for (const text of ["{", "null", '{"folder": 7}', '{"folder": "../.."}', '{"folder": "gone"}']) {
    writeFileSync(join(server, "current.json"), text);
    assert.equal(environmentIn(folder), undefined, text);
  }
  writeFileSync(join(server, "current.json"), '{"folder": "0.1.0-aa"}');
  assert.equal(environmentIn(folder), join(server, "0.1.0-aa"));
});

test("a lock file's packages are counted, not its hashes", () => {
  assert.equal(packagesIn("a==1 \\\n    --hash=sha256:0\n# a comment\nb==2 ; x\n"), 2);
});

test("an extension without the server in it says so", () => {
  assert.throws(() => bundleIn(join(folder, "server")), /came without the server/);
});

test("without a compiler the message says what to install on this system", () => {
  const cmake = { "/usr/bin/cmake": () => ({}) };
  assert.throws(() => { checkCompiler(machine({})); }, /CMake and a C\+\+ compiler.*apt install cmake g\+\+/);
  assert.throws(() => { checkCompiler(machine({ programs: cmake })); }, /needs a C\+\+ compiler\./);
  assert.throws(() => { checkCompiler(machine({ platform: "darwin", programs: cmake })); }, /xcode-select/);
  checkCompiler(machine({ programs: { ...cmake, "/usr/bin/clang++": () => ({}) } }));
});
