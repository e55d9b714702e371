import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkVersion,
  choosePython,
  findServer,
  fits,
  newEnough,
  Problem,
  versionIn,
} from "../src/find";
import { machine } from "./machine";

const works = () => ({});
const python = (answer: string) => () => ({ stdout: `${answer}\n` });

function problem(message: RegExp, remedy: Problem["remedy"]) {
  return (error: unknown) => {
    assert.ok(error instanceof Problem);
    assert.match(error.message, message);
    assert.equal(error.remedy, remedy);
    return true;
  };
}

test("the setting goes before the managed environment, and that before PATH", () => {
  const all = machine({
    programs: { "/opt/slmcode": works, "/env/bin/slmcode": works, "/usr/bin/slmcode": works },
  });
  assert.deepEqual(findServer(all, "/opt/slmcode", "/env"), {
    program: "/opt/slmcode",
    by: "setting",
  });
  assert.equal(findServer(all, "", "/env")?.program, "/env/bin/slmcode");
  assert.equal(findServer(all, "", undefined)?.program, "/usr/bin/slmcode");
});

test("an environment without the program is passed over", () => {
  const onlyPath = machine({ programs: { "/usr/bin/slmcode": works } });
  assert.equal(findServer(onlyPath, "", "/env")?.by, "PATH");
});

test("no server anywhere is no error", () => {
  assert.equal(findServer(machine({}), "", undefined), undefined);
});

test("on Windows programs end in .exe and environments have Scripts", () => {
  const windows = machine({
    platform: "win32",
    path: ["C:\\tools"],
    programs: { "C:\\env\\Scripts\\slmcode.exe": works, "C:\\tools\\slmcode.exe": works },
  });
  assert.equal(findServer(windows, "", "C:\\env")?.program, "C:\\env\\Scripts\\slmcode.exe");
  assert.equal(findServer(windows, "", undefined)?.program, "C:\\tools\\slmcode.exe");
});

test("the setting may begin with ~ or be a name on PATH", () => {
  const both = machine({ programs: { "/home/me/slmcode": works, "/usr/bin/slm": works } });
  assert.equal(findServer(both, "~/slmcode", undefined)?.program, "/home/me/slmcode");
  assert.equal(findServer(both, "slm", undefined)?.program, "/usr/bin/slm");
});

test("a setting that names nothing, or nothing that runs, says so and never falls back", () => {
  const m = machine({ files: ["/opt/slmcode"], programs: { "/usr/bin/slmcode": works } });
  assert.throws(() => findServer(m, "/nowhere/slmcode", undefined), problem(/does not exist/, "setting"));
  assert.throws(() => findServer(m, "/opt/slmcode", undefined), problem(/not executable/, "setting"));
  assert.throws(() => findServer(m, "slm", undefined), problem(/not on PATH/, "setting"));
});

test("the version is read from a line of its own", () => {
  assert.equal(versionIn("slmcode 0.1.0\n"), "0.1.0");
  assert.equal(versionIn("a warning\nslmcode 1.20.3rc1\n"), "1.20.3rc1");
  assert.equal(versionIn("some other program 0.1.0"), undefined);
});

test("versions fit where major and minor are the same", () => {
  assert.ok(fits("0.1.7", "0.1.0"));
  assert.ok(!fits("0.2.0", "0.1.0"));
  assert.ok(!fits("1.1.0", "0.1.0"));
  assert.ok(!fits("0.10.0", "0.1.0"));
});

test("a server that is too old is named with its version and what to do", async () => {
  const m = machine({ programs: { "/usr/bin/slmcode": () => ({ stdout: "slmcode 0.0.9\n" }) } });
  const found = { program: "/usr/bin/slmcode", by: "PATH" } as const;
  await assert.rejects(checkVersion(m, found, "0.1.0"), problem(/is slmcode 0\.0\.9.*0\.1\.0.*pip/, "install"));
});

test("a program that fails, or is another one, is not taken for a server", async () => {
  const found = { program: "/p", by: "setting" } as const;
  const ask = (answer: object | Error) =>
    checkVersion(machine({ programs: { "/p": () => answer } }), found, "0.1.0");
  await assert.rejects(
    ask({ code: 1, stderr: "Traceback\nModuleNotFoundError: No module named 'pygls'" }),
    problem(/exit code 1\): ModuleNotFoundError: No module named 'pygls'/, "setting"),
  );
  await assert.rejects(ask({ stdout: "hello" }), problem(/is not slmcode/, "setting"));
  await assert.rejects(ask(new Error("no answer within 20 s")), problem(/no answer/, "setting"));
});

test("Python must be 3.11 or newer", () => {
  assert.ok(newEnough("3.11.0"));
  assert.ok(newEnough("3.14.1"));
  assert.ok(!newEnough("3.9.18"));
  assert.ok(!newEnough("2.7.18"));
});

test("the first Python that is new enough is taken", async () => {
  const m = machine({
    programs: {
      "/usr/bin/python3": python("3.9.2"),
      "/usr/bin/python3.12": python("3.12.4"),
      "/usr/bin/python3.11": python("3.11.2"),
    },
  });
  assert.deepEqual(await choosePython(m, ""), {
    program: "/usr/bin/python3.12",
    args: [],
    version: "3.12.4",
  });
});

test("on Windows the launcher is asked first, and a placeholder is passed over", async () => {
  const m = machine({
    platform: "win32",
    path: ["C:\\w"],
    programs: {
      "C:\\w\\py.exe": () => new Error("not installed"),
      "C:\\w\\python3.exe": () => ({ code: 9009, stdout: "Python was not found" }),
      "C:\\w\\python.exe": python("3.13.0"),
    },
  });
  assert.equal((await choosePython(m, "")).program, "C:\\w\\python.exe");
});

test("without a usable Python the message names what was found", async () => {
  const m = machine({
    programs: {
      "/usr/bin/python3": python("3.8.10"),
      "/usr/bin/python3.11": python("3.11.2 ensurepip"),
    },
  });
  await assert.rejects(
    choosePython(m, ""),
    problem(/needs Python 3\.11.*python3 is Python 3\.8\.10.*python3\.11 lacks ensurepip.*python3-venv/, "pythonSetting"),
  );
});

test("the Python of the setting is taken or refused, never another", async () => {
  const m = machine({
    programs: { "/opt/python": python("3.10.1"), "/usr/bin/python3": python("3.12.0") },
  });
  await assert.rejects(choosePython(m, "/opt/python"), problem(/3\.10\.1/, "pythonSetting"));
  await assert.rejects(choosePython(m, "/opt/other"), problem(/does not exist/, "pythonSetting"));
});
