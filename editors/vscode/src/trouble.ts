/** Messages about a server that is not there, and about a model: one each, with what to do. */
import { commands, Disposable, type ExtensionContext, window } from "vscode";
import type { Status } from "./api";
import { megabytes } from "./download";
import type { Server, Trouble } from "./server";

const NEVER = "slmcode.neverOffer"; // key of the user's "Don't Ask Again"
const LASTING_MS = 5_000; // the engine comes back from a crash by itself well within it

/** Buttons and the commands behind them. */
const REMEDIES: Record<Trouble["remedy"], Record<string, [string, ...unknown[]]>> = {
  install: { "Install Server": ["slmcode.installServer"] },
  setting: { "Open Setting": ["workbench.action.openSettings", "slmcode.server.path"] },
  pythonSetting: { "Open Setting": ["workbench.action.openSettings", "slmcode.server.python"] },
  crashed: { Restart: ["slmcode.restart"], "Run Doctor": ["slmcode.runDoctor"] },
  none: {},
};

export function registerTroubles(ext: ExtensionContext, server: Server): Disposable {
  let told: string | undefined;
  let offered = false;
  let lasting: NodeJS.Timeout | undefined;
  const complained = new Set<string>();

  const onTrouble = server.onTrouble((trouble) => {
    // Said again only when it is another trouble, or after the server has run.
    if (trouble.message !== told && !(isMissing() && ext.globalState.get(NEVER) === true)) {
      told = trouble.message;
      void tell(ext, trouble, isMissing());
    }
  });
  const onStatus = server.onStatus((status) => {
    clearTimeout(lasting);
    if (status.state === "ready" || status.state === "off") {
      told = undefined; // it ran, or the user has it started again
    } else if (status.state === "downloadNeeded" && !offered) {
      offered = true;
      void offerDownload(status);
    } else if (status.state === "degraded" && status.message !== "") {
      lasting = setTimeout(() => {
        if (!complained.has(status.message)) {
          complained.add(status.message);
          void complain(status.message);
        }
      }, LASTING_MS);
    }
  });
  const isMissing = () => server.status().state === "missing";
  return Disposable.from(onTrouble, onStatus, new Disposable(() => {
    clearTimeout(lasting);
  }));
}

/** Shows a trouble with its buttons. */
export async function tell(
  ext: ExtensionContext,
  trouble: Trouble,
  missing: boolean,
): Promise<void> {
  const remedies = REMEDIES[trouble.remedy];
  const never = "Don't Ask Again";
  if (missing) {
    const answer = await window.showInformationMessage(
      trouble.message,
      ...Object.keys(remedies),
      "Use My Own…",
      never,
    );
    if (answer === never) {
      await ext.globalState.update(NEVER, true);
    } else if (answer === "Use My Own…") {
      await commands.executeCommand("workbench.action.openSettings", "slmcode.server.path");
    } else {
      await carryOut(remedies, answer);
    }
    return;
  }
  const log = "Open Log";
  const answer = await window.showErrorMessage(trouble.message, ...Object.keys(remedies), log);
  await (answer === log ? commands.executeCommand("slmcode.openLog") : carryOut(remedies, answer));
}

async function carryOut(
  remedies: Record<string, [string, ...unknown[]]>,
  answer: string | undefined,
): Promise<void> {
  const remedy = answer === undefined ? undefined : remedies[answer];
  if (remedy !== undefined) {
    await commands.executeCommand(...remedy);
  }
}

async function offerDownload(status: Status): Promise<void> {
  if (status.downloadBytes === 0) {
    // The setting names a file of the user's.
    const answer = await window.showWarningMessage(status.message, "Open Setting");
    if (answer !== undefined) {
      await commands.executeCommand("workbench.action.openSettings", "slmcode.model");
    }
    return;
  }
  const button = `Download (${megabytes(status.downloadBytes)} MB)`;
  const answer = await window.showInformationMessage(
    `slmcode has no model yet. Download the model "${status.model}"? It is fetched once; your code never leaves this machine.`,
    button,
    "Not Now",
  );
  if (answer === button) {
    await commands.executeCommand("slmcode.downloadModel", status.model);
  }
}

/** Such as weights that are not what they should be; the message says what to do about it. */
async function complain(message: string): Promise<void> {
  const buttons: Record<string, [string]> = {
    ...(message.includes("models pull") ? { "Download Model…": ["slmcode.downloadModel"] } : {}),
    "Run Doctor": ["slmcode.runDoctor"],
    "Open Log": ["slmcode.openLog"],
  };
  const answer = await window.showWarningMessage(`slmcode: ${message}`, ...Object.keys(buttons));
  await carryOut(buttons, answer);
}
