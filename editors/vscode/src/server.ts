/**
 * The life of the server: found, checked, started, watched, started again.
 *
 * One run is one process with one language client; a restart makes a new pair, so nothing of the
 * old one is left and every document is opened again. The process's exit is the one sign of death.
 */
import type { ChildProcess } from "node:child_process";
import {
  commands,
  Disposable,
  EventEmitter,
  type ExtensionContext,
  type LogOutputChannel,
  workspace,
} from "vscode";
import type {
  LanguageClient,
  LanguageClientOptions,
  Middleware,
} from "vscode-languageclient/node";
import { abilitiesIn, allowed, NONE, setContextKeys } from "./abilities";
import type { Abilities, Context, RequestOptions, Status } from "./api";
import { Backoff } from "./backoff";
import {
  checkFit,
  checkVersion,
  type Found,
  findServer,
  type Machine,
  Problem,
} from "./find";
import { Tail } from "./log";
import { exited, spawnServer } from "./processes";
import { send } from "./requests";
import type { UserSettings } from "./settings";

/** Loaded when the first server starts. */
export type Library = typeof import("./client");

const INITIALIZE_MS = 60_000; // a cold disk and a busy machine; the server itself takes 0.3 s
const STOP_MS = 2_000;
const SETTLE_MS = 1_500; // the settings editor saves a path while it is being typed
const DEFAULT_ARGS = ["serve"];

/** What the user is told when there is no server, or none any more. */
export interface Trouble {
  message: string;
  remedy: Problem["remedy"] | "crashed";
}

interface Run {
  client: LanguageClient;
  child: ChildProcess;
  /** We asked it to end. */
  ending: boolean;
  running: boolean;
  tail: Tail;
}

export class Server implements Context, Disposable {
  readonly middleware: Middleware = {};
  readonly #listeners = new Set<(client: LanguageClient) => void>();
  readonly #statusChanged = new EventEmitter<Status>();
  readonly onStatus = this.#statusChanged.event;
  readonly #abilitiesChanged = new EventEmitter<Abilities>();
  readonly onAbilities = this.#abilitiesChanged.event;
  readonly #trouble = new EventEmitter<Trouble>();
  /** No server, and what to do; said once for each reason. */
  readonly onTrouble = this.#trouble.event;
  readonly #disposables: Disposable[] = [];

  #status: Status = quiet("off");
  #announced: Abilities = NONE;
  #run: Run | undefined;
  #found: Found | undefined;
  #library: Library | undefined;
  #attempt = 0; // a newer start or stop makes an older one that still waits give up
  #restarts = 0;
  /** The settings as the newest start or change saw them. */
  #startedWith: { program: string; settings: string } | undefined;
  #retry: NodeJS.Timeout | undefined;
  #settling: NodeJS.Timeout | undefined;

  constructor(
    readonly ext: ExtensionContext,
    readonly log: LogOutputChannel,
    readonly settings: UserSettings,
    private readonly machine: () => Machine,
    private readonly environment: () => string | undefined,
    private readonly load: () => Promise<Library>,
    private readonly backoff = new Backoff(),
    private readonly settleMs = SETTLE_MS,
  ) {
    this.middleware.workspace = {
      // Never more than what is pushed.
      configuration: (params) =>
        params.items.map((item) =>
          item.section === "slmcode" ? this.settings.forServer() : null,
        ),
    };
    this.#disposables.push(
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("slmcode") || this.#settingsAreOthers()) {
          void this.#settingsChanged();
        }
      }),
      workspace.onDidGrantWorkspaceTrust(() => {
        this.#setAbilities(this.#announced);
      }),
    );
  }

  // Context

  client(): LanguageClient | undefined {
    return this.#run?.running === true ? this.#run.client : undefined;
  }

  onClient(listener: (client: LanguageClient) => void): Disposable {
    this.#listeners.add(listener);
    return new Disposable(() => this.#listeners.delete(listener));
  }

  status(): Status {
    return this.#status;
  }

  abilities(): Abilities {
    return allowed(this.#announced, workspace.isTrusted);
  }

  async request<R>(
    method: string,
    params: object,
    options: RequestOptions = {},
  ): Promise<R | undefined> {
    const client = this.client();
    const library = this.#library;
    return client === undefined || library === undefined
      ? undefined
      : send<R>(client, library, method, params, options);
  }

  notify(method: string, params: object): void {
    this.client()
      ?.sendNotification(method, params)
      .catch((error: unknown) => {
        this.log.warn(`${method} was not sent: ${String(error)}`);
      });
  }

  // What the extension's own parts use

  /** The program and arguments of the command line, such as `slmcode models pull fast`. */
  async commandLine(...args: string[]): Promise<{ program: string; args: string[] } | undefined> {
    const found = this.#found ?? (await this.#find());
    if (found === undefined) {
      return undefined;
    }
    const before = this.#args();
    if (before.at(-1) === "serve") {
      before.pop();
    }
    return { program: found.program, args: [...before, ...args] };
  }

  /** Shows a state that is not the server's: "installing", "downloading". */
  setStatus(status: Partial<Status> & Pick<Status, "state">): void {
    this.#status = { ...quiet(status.state), ...status };
    if (status.state === "loading" || status.state === "ready") {
      void commands.executeCommand("setContext", "slmcode.hasModel", true); // for the walkthrough
    }
    this.#statusChanged.fire(this.#status);
  }

  /** Finds and starts the server. Never rejects: what is wrong is the status, and `onTrouble`. */
  async start(): Promise<void> {
    const attempt = ++this.#attempt;
    clearTimeout(this.#retry);
    this.#startedWith = { program: this.#program(), settings: "" };
    this.setStatus({ state: "starting" });
    try {
      this.#found = await this.#find();
      if (attempt !== this.#attempt) {
        return;
      }
      if (this.#found === undefined) {
        this.#fail("missing", {
          message: "slmcode's server is not on this machine yet. Install it?",
          remedy: "install",
        });
        return;
      }
      this.log.info(`Server: ${this.#found.program} (by ${this.#found.by})`);
      if (this.#args().join(" ") === DEFAULT_ARGS.join(" ")) {
        await this.#checkVersion(this.#found);
      }
      const library = (this.#library ??= await this.load());
      if (attempt === this.#attempt) {
        await this.#launch(this.#found, library, attempt);
      }
    } catch (error) {
      if (attempt === this.#attempt) {
        const remedy = error instanceof Problem ? error.remedy : "none";
        this.#fail("failed", { message: messageOf(error), remedy });
      }
    }
  }

  /** Ends the server; afterwards its process is gone. */
  async stop(): Promise<void> {
    this.#attempt++;
    clearTimeout(this.#retry);
    clearTimeout(this.#settling);
    const run = this.#run;
    this.#run = undefined;
    this.#setAbilities(NONE);
    this.setStatus({ state: "off" });
    if (run === undefined) {
      return;
    }
    run.ending = true;
    const ended = exited(run.child);
    if (run.running) {
      await run.client.stop(STOP_MS).catch(() => undefined);
    } else {
      run.child.kill(); // it has not answered yet
    }
    const kill = setTimeout(() => run.child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(kill);
  }

  /** By the user's command, and after an install or a download. */
  async restart(): Promise<void> {
    this.backoff.clear();
    const restart = ++this.#restarts;
    await this.stop();
    if (restart === this.#restarts) {
      await this.start();
    } // else a newer one has begun meanwhile
  }

  dispose(): void {
    Disposable.from(...this.#disposables).dispose();
    this.#statusChanged.dispose();
    this.#abilitiesChanged.dispose();
    this.#trouble.dispose();
  }

  // One run

  #args(): string[] {
    const args = this.settings.get<unknown>("server.args");
    return Array.isArray(args) ? args.map(String) : [...DEFAULT_ARGS];
  }

  async #find(): Promise<Found | undefined> {
    return Promise.resolve(
      findServer(this.machine(), this.settings.text("server.path"), this.environment()),
    );
  }

  /** Asks `--version` of a program we have not seen to fit yet. */
  async #checkVersion(found: Found): Promise<void> {
    const { stat } = await import("node:fs/promises");
    const { mtimeMs, size } = await stat(found.program);
    const extension = this.#version();
    const seen = `${found.program} ${mtimeMs} ${size} ${extension}`;
    if (this.ext.globalState.get("slmcode.fits") !== seen) {
      await checkVersion(this.machine(), found, extension);
      await this.ext.globalState.update("slmcode.fits", seen);
    }
  }

  #version(): string {
    return (this.ext.extension.packageJSON as { version: string }).version;
  }

  async #launch(found: Found, library: Library, attempt: number): Promise<void> {
    const tail = new Tail();
    const child = await spawnServer(found, this.#args(), (line) => {
      tail.add(line);
      this.log.info(`[server] ${line}`);
    });
    if (attempt !== this.#attempt) {
      child.kill();
      return;
    }
    this.settings.forget();
    const client = library.makeClient(child, this.#options());
    const run: Run = { client, child, ending: false, running: false, tail };
    this.#run = run;
    child.once("exit", (code, signal) => {
      this.#ended(run, signal ?? `exit code ${code ?? "?"}`);
    });
    client.onNotification("slmcode/status", (status: Partial<Status> & Pick<Status, "state">) => {
      if (this.#run === run && this.#status.state !== "downloading") {
        this.setStatus(status);
      }
    });
    for (const listener of this.#listeners) {
      listener(client);
    }
    const late = setTimeout(() => {
      tail.add(`no answer to initialize within ${INITIALIZE_MS / 1000} s`);
      child.kill("SIGKILL");
    }, INITIALIZE_MS);
    try {
      await client.start();
      this.#started(run, found);
    } catch (error) {
      if (child.exitCode === null && child.signalCode === null) {
        tail.add(messageOf(error));
        child.kill("SIGKILL"); // the rest is `#ended`'s
      }
      if (error instanceof Problem) {
        run.ending = true;
        throw error;
      }
    } finally {
      clearTimeout(late);
    }
  }

  #started(run: Run, found: Found): void {
    const result = run.client.initializeResult;
    const version = result?.serverInfo?.version;
    if (version !== undefined) {
      checkFit(found, version, this.#version());
    }
    if (this.#run !== run) {
      return;
    }
    run.running = true;
    if (this.#settingsAreOthers()) {
      void this.#settingsChanged(); // changed while it started
    }
    this.#setAbilities(abilitiesIn(result));
  }

  #options(): LanguageClientOptions {
    return {
      initializationOptions: () => this.#settingsToSend(),
      outputChannel: this.log,
      traceOutputChannel: this.log,
      middleware: this.middleware,
    };
  }

  #ended(run: Run, how: string): void {
    if (this.#run === run) {
      this.#run = undefined;
      this.#setAbilities(NONE);
    }
    if (run.ending) {
      return;
    }
    const last = run.tail.last();
    this.log.error(`The server ended (${how})${last === "" ? "" : `: ${last}`}`);
    const delay = this.backoff.died(Date.now());
    if (delay === undefined) {
      this.#fail("failed", {
        message:
          "slmcode's server ended four times within a minute" +
          (last === "" ? "" : `; the last thing it said: ${last.slice(0, 200)}`),
        remedy: "crashed",
      });
      return;
    }
    this.setStatus({
      state: "restarting",
      message: `The server ended (${how}) and is started again.`,
    });
    this.#retry = setTimeout(() => void this.start(), delay);
  }

  #fail(state: "missing" | "failed", trouble: Trouble): void {
    this.log.error(trouble.message);
    this.setStatus({ state, message: trouble.message });
    this.#trouble.fire(trouble);
  }

  #settingsToSend(): Record<string, unknown> {
    const values = this.settings.forServer();
    if (this.#startedWith !== undefined) {
      this.#startedWith.settings = JSON.stringify(values);
    }
    return values;
  }

  /** What a change of needs another server, in comparable form. */
  #program(): string {
    return JSON.stringify([this.settings.text("server.path"), this.#args()]);
  }

  /** In a remote window the user's settings may come in after the start, and no event names them. */
  #settingsAreOthers(): boolean {
    return (
      this.#startedWith !== undefined &&
      (this.#program() !== this.#startedWith.program ||
        JSON.stringify(this.settings.forServer()) !== this.#startedWith.settings)
    );
  }

  async #settingsChanged(): Promise<void> {
    clearTimeout(this.#settling);
    if (this.#startedWith !== undefined && this.#program() !== this.#startedWith.program) {
      this.#settling = setTimeout(() => void this.restart(), this.settleMs);
    } else {
      const client = this.client(); // one that is still starting is told when it runs
      if (client !== undefined) {
        const settings = { slmcode: this.#settingsToSend() };
        await client.sendNotification("workspace/didChangeConfiguration", { settings });
      }
    }
    this.settings.announce();
  }

  #setAbilities(announced: Abilities): void {
    this.#announced = announced;
    const can = this.abilities();
    setContextKeys(this.client() !== undefined, can);
    this.#abilitiesChanged.fire(can);
  }
}

function quiet(state: Status["state"]): Status {
  return { state, message: "", model: "", downloadBytes: 0 };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
