import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { ExtensionContext } from "vscode";
import type { Status } from "../src/api";
import type { Server, Trouble } from "../src/server";
import { registerTroubles } from "../src/trouble";
import { answers, EventEmitter, executed, reset, shown } from "./vscode";

beforeEach(reset);

const QUIET: Status = { state: "off", message: "", model: "fast", downloadBytes: 0 };

function setUp() {
  const statuses = new EventEmitter<Status>();
  const troubles = new EventEmitter<Trouble>();
  const state = new Map<string, unknown>();
  let status = QUIET;
  const server = {
    onStatus: statuses.event,
    onTrouble: troubles.event,
    status: () => status,
  } as unknown as Server;
  const ext = {
    globalState: {
      get: (key: string) => state.get(key),
      update: (key: string, value: unknown) => Promise.resolve(void state.set(key, value)),
    },
  } as unknown as ExtensionContext;
  registerTroubles(ext, server);
  return {
    is: (now: Partial<Status>) => {
      status = { ...QUIET, ...now };
      statuses.fire(status);
    },
    fails: (trouble: Trouble, now: Status["state"] = "failed") => {
      status = { ...QUIET, state: now };
      statuses.fire(status);
      troubles.fire(trouble);
    },
  };
}

/** Lets what waits for an answer go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const MISSING: Trouble = { message: "not on this machine", remedy: "install" };
const CRASHED: Trouble = { message: "ended four times", remedy: "crashed" };

test("a missing server is offered to be installed, by one button", async () => {
  answers.push({ when: /not on this machine/, press: "Install Server" });
  setUp().fails(MISSING, "missing");
  await settled();
  assert.deepEqual(shown.map(({ kind, buttons }) => [kind, ...buttons]), [
    ["information", "Install Server", "Use My Own…", "Don't Ask Again"],
  ]);
  assert.deepEqual(executed, [["slmcode.installServer"]]);
});

test("who does not want to be asked is not asked again", async () => {
  answers.push({ when: /not on this machine/, press: "Don't Ask Again" });
  const { fails, is } = setUp();
  fails(MISSING, "missing");
  await settled();
  is({ state: "off" });
  fails(MISSING, "missing");
  assert.equal(shown.length, 1);
});

test("the same trouble is told once, and again after the user's restart", () => {
  const { fails, is } = setUp();
  fails(CRASHED);
  fails(CRASHED);
  assert.equal(shown.length, 1);
  assert.deepEqual(shown[0]?.buttons, ["Restart", "Run Doctor", "Open Log"]);
  is({ state: "off" });
  fails(CRASHED);
  assert.equal(shown.length, 2);
});

test("a wrong setting is opened by its button", async () => {
  answers.push({ when: /does not exist/, press: "Open Setting" });
  setUp().fails({ message: "x does not exist", remedy: "setting" });
  await settled();
  assert.deepEqual(executed, [["workbench.action.openSettings", "slmcode.server.path"]]);
});

test("a model to download is offered once a session, with its size", async () => {
  answers.push({ when: /no model/, press: "Download (491 MB)" });
  const { is } = setUp();
  is({ state: "downloadNeeded", downloadBytes: 491_400_064 });
  is({ state: "ready" });
  is({ state: "downloadNeeded", downloadBytes: 491_400_064 });
  await settled();
  assert.equal(shown.length, 1);
  assert.deepEqual(executed, [["slmcode.downloadModel", "fast"]]);
});

test("a model file of the user's that is not there leads to the setting", async () => {
  answers.push({ when: /no file/, press: "Open Setting" });
  setUp().is({ state: "downloadNeeded", message: "there is no file /m.gguf" });
  await settled();
  assert.deepEqual(executed, [["workbench.action.openSettings", "slmcode.model"]]);
});

test("refused weights are told when they stay refused, not a crash that mends itself", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { is } = setUp();
  is({ state: "degraded", message: "the engine ended" });
  t.mock.timers.tick(1_000);
  is({ state: "ready" });
  t.mock.timers.tick(60_000);
  assert.equal(shown.length, 0);
  is({ state: "degraded", message: "not the right file; run: slmcode models pull fast" });
  t.mock.timers.tick(5_000);
  assert.deepEqual(shown.map(({ buttons }) => buttons), [["Download Model…", "Run Doctor", "Open Log"]]);
});
