/**
 * The life of the server's process, with real processes: small programs in place of `slmcode
 * serve`, and a client that counts as started when its process has said "ready".
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import type { ExtensionContext } from "vscode";
import { abilitiesIn, allowed, NONE } from "../src/abilities";
import type { Status } from "../src/api";
import { Backoff } from "../src/backoff";
import type { Machine } from "../src/find";
import { thisMachine } from "../src/machine";
import { type Library, Server, type Trouble } from "../src/server";
import { UserSettings } from "../src/settings";
import { log } from "./log";
import { changeSetting, executed, reset, settings, trust, workspace } from "./vscode";

const STAYS = 'console.log("ready"); process.stdin.resume(); process.stdin.on("end", () => process.exit(0));';
const DIES = 'console.error("ValueError: no such luck"); process.exit(3);';

const folder = mkdtempSync(join(tmpdir(), "slmcode-"));
const servers: Server[] = [];
after(() => {
  rmSync(folder, { recursive: true });
});
beforeEach(reset);
afterEach(async () => {
  for (const server of servers.splice(0)) {
    await server.stop();
    server.dispose();
  }
});

/** A client of the test's own: speaks no protocol, keeps what it is given to send. */
class FakeClient {
  readonly sent: [string, unknown][] = [];
  readonly requests: unknown[][] = [];
  readonly handlers = new Map<string, (params: unknown) => void>();
  initializeResult: object | undefined;
  initialized: unknown;
  onInitialize: (() => void) | undefined;
  constructor(
    readonly child: ChildProcess,
    readonly options: { initializationOptions?: () => unknown },
    private readonly result: object,
  ) {}
  start(): Promise<void> {
    this.initialized = this.options.initializationOptions?.();
    this.onInitialize?.();
    return new Promise((resolve, reject) => {
      this.child.stdout?.once("data", () => {
        this.initializeResult = this.result;
        resolve();
      });
      this.child.once("exit", () => {
        reject(new Error("connection got disposed"));
      });
    });
  }
  stop(): Promise<void> {
    this.child.stdin?.end();
    return Promise.resolve();
  }
  onNotification(method: string, handler: (params: unknown) => void): void {
    this.handlers.set(method, handler);
  }
  sendRequest(...call: unknown[]): Promise<unknown> {
    this.requests.push(call);
    return Promise.resolve("answer");
  }
  sendNotification(method: string, params: unknown): Promise<void> {
    this.sent.push([method, params]);
    return Promise.resolve();
  }
}

interface Setup {
  result?: object;
  machine?: Machine;
  delays?: number[];
  state?: Map<string, unknown>;
}

function setUp({ result = { capabilities: {} }, machine = thisMachine(), delays = [1, 1, 1], state = new Map<string, unknown>() }: Setup = {}) {
  const clients: FakeClient[] = [];
  const library = {
    makeClient: (child: ChildProcess, options: { initializationOptions?: () => unknown }) => {
      const client = new FakeClient(child, options, result);
      clients.push(client);
      return client;
    },
  };
  const ext = {
    extension: { packageJSON: { version: "0.1.0" } },
    globalState: {
      get: (key: string) => state.get(key),
      update: (key: string, value: unknown) => Promise.resolve(void state.set(key, value)),
    },
  };
  const server = new Server(
    ext as unknown as ExtensionContext,
    log(),
    new UserSettings(),
    () => machine,
    () => undefined,
    () => Promise.resolve(library as unknown as Library),
    new Backoff(delays),
    1,
  );
  servers.push(server);
  const statuses: Status[] = [];
  const troubles: Trouble[] = [];
  server.onStatus((status) => statuses.push(status));
  server.onTrouble((trouble) => troubles.push(trouble));
  return { server, clients, statuses, troubles };
}

/** Has node run `script` in place of the server. */
function serverRuns(script: string): void {
  const file = join(folder, `${Math.random()}.cjs`);
  writeFileSync(file, script);
  settings.set("server.path", process.execPath);
  settings.set("server.args", [file]);
}

/** Waits for a state that satisfies `holds`; the test's own time limit ends it otherwise. */
function until(server: Server, holds: (status: Status) => boolean): Promise<Status> {
  return new Promise((resolve) => {
    if (holds(server.status())) {
      resolve(server.status());
      return;
    }
    const listening = server.onStatus((status) => {
      if (holds(status)) {
        listening.dispose();
        resolve(status);
      }
    });
  });
}

test("a server that runs is announced with what it can", async () => {
  serverRuns(STAYS);
  const result = { capabilities: { experimental: { slmcode: { edit: true, translate: ["go"] } } } };
  const { server, clients, troubles } = setUp({ result });
  await server.start();
  assert.equal(server.client(), clients[0]);
  assert.deepEqual(server.abilities(), { ...NONE, edit: true, translate: ["go"] });
  assert.ok(executed.some((call) => call.join() === "setContext,slmcode.canEdit,true"));
  assert.deepEqual(troubles, []);
});

test("listeners get each client before it starts, and its status reaches them", async () => {
  serverRuns(STAYS);
  const { server, clients } = setUp();
  const early: boolean[] = [];
  server.onClient((client) => early.push(client.initializeResult === undefined));
  await server.start();
  assert.deepEqual(early, [true]);
  clients[0]?.handlers.get("slmcode/status")?.({ state: "downloadNeeded", message: "m", model: "fast", downloadBytes: 5 });
  assert.deepEqual(server.status(), { state: "downloadNeeded", message: "m", model: "fast", downloadBytes: 5 });
});

test("killed, it comes back with a new client", { timeout: 20_000 }, async () => {
  serverRuns(STAYS);
  const { server, clients, statuses, troubles } = setUp();
  await server.start();
  const again = new Promise<void>((resolve) => {
    const listening = server.onAbilities(() => {
      if (clients.length === 2 && server.client() === clients[1]) {
        listening.dispose();
        resolve();
      }
    });
  });
  clients[0]?.child.kill("SIGKILL");
  await again;
  const restarting = statuses.find(({ state }) => state === "restarting");
  assert.match(restarting?.message ?? "", /ended \(SIGKILL\) and is started again/);
  assert.deepEqual(troubles, []);
});

test("one that dies at every start is given up after three tries, with one message", { timeout: 20_000 }, async () => {
  serverRuns(DIES);
  const { server, clients, troubles } = setUp();
  await server.start();
  const status = await until(server, ({ state }) => state === "failed");
  assert.equal(clients.length, 4);
  assert.equal(troubles.length, 1);
  assert.equal(troubles[0]?.remedy, "crashed");
  assert.match(status.message, /ValueError: no such luck/);
  assert.equal(server.client(), undefined);
});

test("a restart by the user begins the count anew", { timeout: 20_000 }, async () => {
  serverRuns(DIES);
  const { server, troubles } = setUp({ delays: [] });
  await server.start();
  await until(server, ({ state }) => state === "failed");
  serverRuns(STAYS);
  await server.restart();
  assert.ok(server.client());
  assert.equal(troubles.length, 1);
});

test("stopped, its process is gone and nothing starts it again", { timeout: 20_000 }, async () => {
  serverRuns(STAYS);
  const { server, clients } = setUp();
  await server.start();
  await server.stop();
  assert.equal(clients[0]?.child.exitCode, 0);
  assert.equal(server.status().state, "off");
  assert.equal(server.client(), undefined);
  assert.equal(clients.length, 1);
});

test("asked for twice, a restart leaves one process", { timeout: 20_000 }, async () => {
  serverRuns(STAYS);
  const { server, clients } = setUp();
  await server.start();
  await Promise.all([server.restart(), server.restart()]);
  const alive = clients.filter(({ child }) => child.exitCode === null && child.signalCode === null);
  assert.deepEqual(alive, [server.client()]);
});

test("stopped while it starts, it is gone too", { timeout: 20_000 }, async () => {
  serverRuns("process.stdin.resume();"); // never says "ready"
  const { server, clients, troubles } = setUp();
  const launched = new Promise<void>((resolve) => {
    server.onClient(() => {
      resolve();
    });
  });
  const started = server.start();
  await launched;
  await server.stop();
  await started;
  assert.equal(clients[0]?.child.signalCode, "SIGTERM");
  assert.equal(server.status().state, "off");
  assert.deepEqual(troubles, []);
});

test("one that does not end by itself is killed", { timeout: 20_000 }, async () => {
  serverRuns('console.log("ready"); setInterval(() => {}, 1000);');
  const { server, clients } = setUp();
  await server.start();
  await server.stop();
  assert.equal(clients[0]?.child.signalCode, "SIGKILL");
});

test("nothing found is offered to be installed", async () => {
  const { server, troubles } = setUp({ machine: { ...thisMachine(), path: [] } });
  await server.start();
  assert.equal(server.status().state, "missing");
  assert.deepEqual(troubles.map(({ remedy }) => remedy), ["install"]);
});

test("a program that cannot be executed is named once, without tries", async () => {
  const file = join(folder, "plain");
  writeFileSync(file, "not a program");
  chmodSync(file, 0o644);
  settings.set("server.path", file);
  const { server, clients, troubles } = setUp();
  await server.start();
  assert.match(server.status().message, /not executable/);
  assert.equal(troubles.length, 1);
  assert.equal(clients.length, 0);
});

test("one whose interpreter is gone is named too", async () => {
  const file = join(folder, "orphan");
  writeFileSync(file, "#!/nowhere/python3\n");
  chmodSync(file, 0o755);
  settings.set("server.path", file);
  settings.set("server.args", ["other"]);
  const { server, troubles } = setUp();
  await server.start();
  assert.match(server.status().message, /cannot be started: the interpreter it names is not there/);
  assert.equal(troubles[0]?.remedy, "setting");
});

test("a version that does not fit is told before anything starts, and asked for once", async () => {
  let asked = 0;
  const state = new Map<string, unknown>();
  const machine = (version: string): Machine => ({
    ...thisMachine(),
    kind: () => "program",
    run: () => {
      asked++;
      return Promise.resolve({ code: 0, stdout: `slmcode ${version}\n`, stderr: "" });
    },
  });
  const file = join(folder, "slmcode");
  writeFileSync(file, `#!${process.execPath}\n${STAYS}`);
  chmodSync(file, 0o755);
  settings.set("server.path", file);
  const old = setUp({ machine: machine("0.0.9"), state });
  await old.server.start();
  assert.match(old.server.status().message, /is slmcode 0\.0\.9, and this extension is 0\.1\.0/);
  assert.equal(old.clients.length, 0);
  const fitting = setUp({ machine: machine("0.1.4"), state });
  await fitting.server.start();
  await fitting.server.restart();
  assert.equal(fitting.clients.length, 2);
  assert.equal(asked, 2);
});

test("a server that says another version in initialize is stopped", { timeout: 20_000 }, async () => {
  serverRuns(STAYS);
  const { server, clients, troubles } = setUp({ result: { capabilities: {}, serverInfo: { name: "slmcode", version: "0.2.0" } } });
  await server.start();
  assert.equal(server.status().state, "failed");
  assert.match(troubles[0]?.message ?? "", /0\.2\.0/);
  assert.equal(server.client(), undefined);
  assert.equal(clients.length, 1);
});

test("settings are sent with the start, and changed ones without a restart", async () => {
  serverRuns(STAYS);
  settings.set("deadline_ms", 200);
  const { server, clients } = setUp();
  await server.start();
  assert.deepEqual(clients[0]?.initialized, { deadline_ms: 200 });
  const announced = new Promise<void>((resolve) => {
    server.settings.onChange(resolve);
  });
  changeSetting("deadline_ms", 300);
  await announced;
  assert.equal(clients.length, 1);
  assert.deepEqual(clients[0].sent, [
    ["workspace/didChangeConfiguration", { settings: { slmcode: { deadline_ms: 300 } } }],
  ]);
});

test("a setting changed while the server starts reaches it", async () => {
  serverRuns(STAYS);
  const { server, clients } = setUp();
  server.onClient((client) => {
    (client as unknown as FakeClient).onInitialize = () => {
      changeSetting("deadline_ms", 300);
    };
  });
  await server.start();
  assert.deepEqual(clients[0]?.sent, [
    ["workspace/didChangeConfiguration", { settings: { slmcode: { deadline_ms: 300 } } }],
  ]);
});

test("settings that come in late, by an event that names none of them, are seen", { timeout: 20_000 }, async () => {
  const { server, clients, troubles } = setUp({ machine: { ...thisMachine(), path: [] } });
  await server.start();
  assert.deepEqual(troubles.map(({ remedy }) => remedy), ["install"]);
  serverRuns(STAYS);
  const running = new Promise<void>((resolve) => {
    server.onAbilities(() => {
      if (server.client() !== undefined) {
        resolve();
      }
    });
  });
  changeSetting("", undefined, () => false);
  await running;
  assert.equal(clients.length, 1);
});

test("another program in the settings is another server", { timeout: 20_000 }, async () => {
  serverRuns(STAYS);
  const { server, clients } = setUp();
  await server.start();
  const before = clients[0];
  const again = new Promise<void>((resolve) => {
    server.onAbilities(() => {
      if (server.client() !== undefined && server.client() !== before) {
        resolve();
      }
    });
  });
  const args = settings.get("server.args") as string[];
  changeSetting("server.args", [...args, "mo"]);
  changeSetting("server.args", [...args, "more"]);
  await again;
  assert.equal(clients.length, 2);
});

test("a command line is the server's own program without its last word", async () => {
  settings.set("server.path", process.execPath);
  settings.set("server.args", ["-m", "slmcode.cli", "serve"]);
  const { server } = setUp();
  assert.deepEqual(await server.commandLine("models", "list"), {
    program: process.execPath,
    args: ["-m", "slmcode.cli", "models", "list"],
  });
});

test("without trust only what changes nothing is on, until trust is given", async () => {
  serverRuns(STAYS);
  workspace.isTrusted = false;
  const all = { edit: true, explain: true, debug: true, modules: true, translate: ["go"], translateFrom: {} };
  const { server } = setUp({ result: { capabilities: { experimental: { slmcode: all } } } });
  await server.start();
  assert.deepEqual(server.abilities(), { ...NONE, explain: true });
  trust();
  assert.deepEqual(server.abilities(), all);
});

test("what a server does not announce, or announces wrongly, it cannot", () => {
  assert.deepEqual(abilitiesIn(undefined), NONE);
  assert.deepEqual(abilitiesIn({ capabilities: { experimental: { slmcode: { edit: "yes" } } } }), NONE);
  assert.deepEqual(allowed(NONE, true), NONE);
});

test("a request without a token has no third argument: it would go out as a parameter", async () => {
  serverRuns(STAYS);
  const { server, clients } = setUp();
  await server.start();
  assert.equal(await server.request("slmcode/why", { a: 1 }), "answer");
  assert.deepEqual(clients[0]?.requests, [["slmcode/why", { a: 1 }]]);
});

test("requests without a server are undefined, notifications go nowhere", async () => {
  const { server } = setUp();
  assert.equal(await server.request("slmcode/why", {}), undefined);
  server.notify("slmcode/cursorMoved", {});
});
