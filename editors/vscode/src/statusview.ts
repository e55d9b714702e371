/** What the status bar says, as text and Markdown. Pure functions. */
import type { Status } from "./api";
import { clock, pauseSentence } from "./pausing";
import type { Pause } from "./pausing";

/** Why nothing was shown last, as the server gave it in `slmcode/lastCompletion`. */
export interface Blank {
  /** The reason's name, such as "end_of_line". */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

export interface Situation {
  readonly status: Status;
  readonly pause: Pause | undefined;
  /** A request has been out for a while. */
  readonly working: boolean;
  readonly blank: Blank | undefined;
  /** A document of a kind that is completed is in front. */
  readonly canComplete: boolean;
}

export interface View {
  readonly text: string;
  readonly tone: "plain" | "warning" | "error";
  /** For screen readers, and the first line of the tooltip. */
  readonly sentence: string;
}

/** Two or three words for the status bar; the reasons not named here come with their own name. */
const BRIEF: Readonly<Record<string, string>> = {
  disabled: "off here",
  no_model: "no model",
  engine_down: "not ready",
  too_large: "file too large",
  binary: "not text",
  long_line: "line too long",
  inside_word: "inside a word",
  deadline: "still thinking",
  stale: "",
  superseded: "",
  cancelled: "",
  end_of_line: "line complete",
  repeats_suffix: "stands there already",
  "unknown-name": "unknown name",
  gated: "unsure",
  dismissed: "dismissed",
  blank: "only blanks",
  full: "prompt too long",
  busy: "engine busy",
  failed: "engine error",
};

const STATES: Readonly<Record<Status["state"], [icon: string, brief: string, sentence: string]>> = {
  off: ["circle-slash", "stopped", "The server is not running."],
  missing: ["cloud-download", "install", "The server is not installed."],
  installing: ["sync~spin", "installing", "The server is being installed."],
  failed: ["error", "failed", "The server does not run."],
  restarting: ["sync~spin", "restarting", "The server ended and is started again."],
  starting: ["loading~spin", "starting", "The server is starting."],
  downloadNeeded: ["cloud-download", "download model", "There is no model yet."],
  downloading: ["sync~spin", "downloading", "The model is being downloaded."],
  loading: ["loading~spin", "loading", "The model is being loaded."],
  ready: ["sparkle", "", "Ready."],
  degraded: ["warning", "degraded", "Something is wrong."],
};

const TONES: Readonly<Partial<Record<Status["state"], View["tone"]>>> = {
  missing: "warning",
  failed: "error",
  downloadNeeded: "warning",
  degraded: "warning",
};

/** States in which a snooze or a disabled language says more than the state. */
const QUIET = new Set<Status["state"]>(["off", "starting", "loading", "ready"]);

export function viewOf({ status, pause, working, blank, canComplete }: Situation): View {
  const [icon, brief, plain] = STATES[status.state];
  if (pause !== undefined && QUIET.has(status.state)) {
    return paused(pause);
  }
  if (status.state !== "ready") {
    const sentence = status.message === "" ? plain : status.message;
    return { text: labelled(icon, brief), tone: TONES[status.state] ?? "plain", sentence };
  }
  if (working) {
    return { text: labelled("loading~spin", ""), tone: "plain", sentence: "Thinking…" };
  }
  if (blank !== undefined && canComplete) {
    const sentence = `Nothing was shown: ${blank.message || blank.reason}.`;
    return { text: labelled(icon, BRIEF[blank.reason] ?? blank.reason), tone: "plain", sentence };
  }
  return { text: labelled(icon, ""), tone: "plain", sentence: status.message || plain };
}

function paused(pause: Pause): View {
  const [icon, brief] =
    pause.kind === "snoozed"
      ? ["bell-slash", `snoozed until ${clock(pause.until)}`]
      : ["circle-slash", pause.kind === "disabled" ? "off" : `off for ${pause.language}`];
  return { text: labelled(icon, brief), tone: "plain", sentence: pauseSentence(pause) };
}

function labelled(icon: string, brief: string): string {
  return brief === "" ? `$(${icon}) slmcode` : `$(${icon}) slmcode: ${brief}`;
}

/** An entry of the menu, and of the tooltip where `short` names it. */
export interface Action {
  readonly command: string;
  readonly icon: string;
  readonly label: string;
  readonly short?: string;
  readonly detail?: string;
}

/** What can be done, what is most needed first. */
export function actionsOf({ status, pause, canComplete }: Situation, language?: string): Action[] {
  const actions: Action[] = [];
  const add = (command: string, icon: string, label: string, more: Partial<Action> = {}): void => {
    actions.push({ command: `slmcode.${command}`, icon, label, ...more });
  };
  const { state } = status;
  const runs = state === "ready" || state === "degraded" || state === "loading";
  if (state === "missing") {
    add("installServer", "cloud-download", "Install the Server…", { short: "Install" });
  }
  if (state === "downloadNeeded") {
    const detail = status.downloadBytes > 0 ? megabytes(status.downloadBytes) : "";
    const label = `Download the Model${status.model === "" ? "" : ` "${status.model}"`}…`;
    add("downloadModel", "cloud-download", label, { short: "Download", detail });
  }
  if (state === "failed" || state === "degraded" || state === "off") {
    add("restart", "debug-restart", "Restart the Server", { short: "Restart" });
    add("runDoctor", "pulse", "Run the Doctor", { short: "Doctor", detail: "checks this machine" });
  }
  if (runs && canComplete) {
    add("why", "question", "Why?", {
      short: "Why?",
      detail: "what was shown or why not, with the context used and the times",
    });
    add("showPrompt", "eye", "Show What Was Sent to the Model");
    add("showTrace", "list-tree", "Show the Trace", { short: "Trace" });
  }
  if (pause?.kind === "disabled") {
    add("enable", "circle-large-outline", "Enable", { short: "Enable" });
  } else {
    if (language !== undefined) {
      const verb = pause?.kind === "language" ? "Enable" : "Disable";
      add("toggleLanguage", "symbol-file", `${verb} for ${language}`, {
        ...(pause?.kind === "language" && { short: `Enable for ${language}` }),
      });
    }
    add("disable", "circle-slash", "Disable", { short: "Disable" });
    const label = pause?.kind === "snoozed" ? "Snooze Longer or End It…" : "Snooze…";
    add("snooze", "bell-slash", label, { short: "Snooze" });
  }
  if (runs) {
    add("benchmark", "dashboard", "Benchmark This Machine");
    if (state !== "degraded") {
      add("restart", "debug-restart", "Restart the Server");
    }
  }
  add("openLog", "output", "Open the Log", { short: "Log" });
  actions.push({
    command: "workbench.action.openSettings",
    icon: "gear",
    label: "Settings",
    short: "Settings",
  });
  return actions;
}

/** The tooltip's Markdown, with links that run commands. */
export function tooltipOf(view: View, situation: Situation, actions: readonly Action[]): string {
  const { status, blank, pause } = situation;
  const lines = [`**slmcode** ${status.model === "" ? "" : `· model ${escaped(status.model)}`}`];
  lines.push(escaped(view.sentence));
  if (pause !== undefined && status.message !== "") {
    lines.push(escaped(status.message));
  }
  if (blank !== undefined && pause === undefined && status.state !== "ready") {
    lines.push(`Nothing was shown last: ${escaped(blank.message)}.`);
  }
  const links = actions.flatMap(({ command, icon, short }) =>
    short === undefined ? [] : [`[$(${icon}) ${escaped(short)}](${link(command)})`],
  );
  lines.push("---", links.join(" &nbsp; "));
  return lines.join("\n\n");
}

function link(command: string): string {
  return command === "workbench.action.openSettings"
    ? `command:${command}?${encodeURIComponent(JSON.stringify(["slmcode."]))}`
    : `command:${command}`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>~$]/g, "\\$&");
}
