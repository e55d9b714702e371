/** Activation: commands and features are registered, and the server is started afterwards. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  commands,
  Disposable,
  type ExtensionContext,
  type LogOutputChannel,
  Selection,
  window,
  workspace,
} from "vscode";
import { registerCompletions } from "./completions";
import { download, megabytes } from "./download";
import { registerEdits } from "./edits";
import { registerExplain } from "./explain";
import { Problem } from "./find";
import { environmentIn, install } from "./install";
import { thisMachine } from "./machine";
import { registerModules } from "./modules";
import { makeReviews } from "./review";
import { Server } from "./server";
import { UserSettings } from "./settings";
import { registerSnooze } from "./snooze";
import { registerStatus } from "./status";
import { runInTerminal } from "./terminal";
import { registerTranslation } from "./translation";
import { registerTroubles, tell } from "./trouble";
import { registerWhy } from "./why";

const ROLES = ["fast", "quality"];

let running: Server | undefined;

export function activate(ext: ExtensionContext): void {
  const log = window.createOutputChannel("slmcode", { log: true });
  const settings = new UserSettings();
  const storage = ext.globalStorageUri.fsPath;
  const server = new Server(ext, log, settings, thisMachine, () => environmentIn(storage), () =>
    import("./client"),
  );
  running = server;
  const reviews = makeReviews();
  ext.subscriptions.push(
    log,
    settings,
    server,
    registerTroubles(ext, server),
    registerCompletions(server),
    registerSnooze(server),
    registerStatus(server),
    registerWhy(server),
    reviews,
    registerEdits(server, reviews),
    registerModules(server, reviews),
    registerExplain(server),
    registerTranslation(server),
    registerCommands(ext, server, log),
  );
  setImmediate(() => void server.start());
}

export async function deactivate(): Promise<void> {
  await running?.stop();
}

function registerCommands(
  ext: ExtensionContext,
  server: Server,
  log: LogOutputChannel,
): Disposable {
  const terminal = (name: string, ...args: string[]) =>
    guarded(ext, async () => {
      await runInTerminal(name, await needed(server, ...args));
    });
  const all: Record<string, (...args: never[]) => unknown> = {
    installServer: once(() => guarded(ext, () => installServer(ext, server, log))),
    downloadModel: once((role?: unknown) =>
      guarded(ext, () => downloadModel(server, log, typeof role === "string" ? role : undefined)),
    ),
    runDoctor: () => terminal("slmcode doctor", "doctor"),
    benchmark: () => terminal("slmcode benchmark", "doctor", "--measure"),
    restart: () => server.restart(),
    openLog: () => {
      log.show();
    },
    trySample: () => openSample(ext),
  };
  return Disposable.from(
    ...Object.entries(all).map(([name, run]) => commands.registerCommand(`slmcode.${name}`, run)),
  );
}

/** A command that is under way is not begun a second time. */
function once<A extends unknown[]>(run: (...args: A) => Promise<void>): (...args: A) => Promise<void> {
  let underWay: Promise<void> | undefined;
  return (...args) =>
    (underWay ??= run(...args).finally(() => {
      underWay = undefined;
    }));
}

/** What goes wrong in a command of the user is shown to the user. */
async function guarded(ext: ExtensionContext, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    await tell(ext, { message, remedy: error instanceof Problem ? error.remedy : "none" }, false);
  }
}

async function needed(
  server: Server,
  ...args: string[]
): Promise<{ program: string; args: string[] }> {
  const command = await server.commandLine(...args);
  if (command === undefined) {
    throw new Problem("That needs slmcode's server, which is not installed yet.", "install");
  }
  return command;
}

async function installServer(
  ext: ExtensionContext,
  server: Server,
  log: LogOutputChannel,
): Promise<void> {
  const before = server.status();
  const places = {
    storage: ext.globalStorageUri.fsPath,
    bundle: join(ext.extensionPath, "server"),
    version: (ext.extension.packageJSON as { version: string }).version,
  };
  if (server.client() === undefined) {
    server.setStatus({ state: "installing", message: "The server is being installed." });
  }
  let installed = false;
  try {
    const python = server.settings.text("server.python");
    installed = await install(places, thisMachine(), python, log);
  } finally {
    if (!installed && server.status().state === "installing") {
      server.setStatus(before);
    }
  }
  if (!installed) {
    return;
  }
  await server.restart();
  if (server.settings.text("server.path") !== "") {
    void window.showInformationMessage(
      "slmcode: the server is installed, but the setting slmcode.server.path names another one.",
    );
  }
}

async function downloadModel(
  server: Server,
  log: LogOutputChannel,
  asked: string | undefined,
): Promise<void> {
  if (server.settings.get<boolean>("offline") === true) {
    void window.showErrorMessage(
      "slmcode: the setting slmcode.offline forbids downloads. A copy made elsewhere can be used:" +
        " slmcode models pull fast --from PATH",
    );
    return;
  }
  const role = asked ?? (await pickRole(server));
  if (role === undefined) {
    return;
  }
  const folder = server.settings.text("models_folder");
  const into = folder === "" ? [] : ["--folder", folder];
  const command = await needed(server, "models", "pull", role, "--json", ...into);
  const before = server.status();
  server.setStatus({ state: "downloading", message: `The model "${role}" is being downloaded.` });
  let there = false;
  try {
    there = await download(role, command, log);
  } finally {
    if (!there) {
      server.setStatus(before);
    }
  }
  if (!there) {
    return;
  }
  if (ROLES.includes(role) && server.settings.get("model") !== role) {
    await server.settings.update("model", role);
  }
  await server.restart();
}

/** Which of the models the server knows, with their sizes. */
async function pickRole(server: Server): Promise<string | undefined> {
  const command = await needed(server, "models", "list", "--json");
  const picked = await window.showQuickPick(modelsOf(command), {
    title: "Which model?",
    placeHolder: "From Hugging Face, checked by its SHA-256",
  });
  return picked?.label;
}

async function modelsOf({ program, args }: { program: string; args: string[] }) {
  const { stdout } = await thisMachine().run(program, args);
  const models = JSON.parse(stdout) as { role: string; name: string; bytes: number }[];
  return models.map(({ role, name, bytes }) => ({
    label: role,
    description: `${megabytes(bytes)} MB`,
    detail: name,
  }));
}

/** A small file to try completions in: a copy, so that nothing is changed. */
async function openSample(ext: ExtensionContext): Promise<void> {
  const content = await readFile(join(ext.extensionPath, "media", "sample.txt"), "utf8");
  const document = await workspace.openTextDocument({ language: "python", content });
  const editor = await window.showTextDocument(document);
  const end = document.lineAt(document.lineCount - 1).range.end;
  editor.selection = new Selection(end, end);
  editor.revealRange(editor.selection);
}
