/**
 * What the parts of the extension share. Types only: nothing here runs.
 *
 * Every feature module exports `registerX(context: Context): Disposable` and may import the
 * language client's *types* (`import type`), never its code: that is loaded after activation.
 */
import type { CancellationToken, Disposable, Event, ExtensionContext, LogOutputChannel } from "vscode";
import type { LanguageClient, Middleware } from "vscode-languageclient/node";

/** What the user can expect just now: first the states of the process, then the server's own. */
export type State =
  | "off" // the user stopped it, or it was not started yet
  | "missing" // no server on this machine: offer to install
  | "installing"
  | "failed" // it does not start, or died three times within a minute; `message` says what to do
  | "restarting" // died; comes back by itself
  | "starting"
  | "downloadNeeded"
  | "downloading"
  | "loading"
  | "ready"
  | "degraded";

/** The one status: of the server's process, or what the server said in `slmcode/status`. */
export interface Status {
  state: State;
  /** A sentence for the user with what to do, or "". */
  message: string;
  /** Role or file name of the model; "" where the server did not say. */
  model: string;
  /** Size of the download, in bytes; 0 unless `downloadNeeded`. */
  downloadBytes: number;
}

/** What the server announced in `capabilities.experimental.slmcode`; all off without a server. */
export interface Abilities {
  edit: boolean;
  explain: boolean;
  /** It runs a failing command and looks for an edit that makes it pass. */
  debug: boolean;
  /** It rewrites whole modules, unit by unit. */
  modules: boolean;
  /** Languages it can translate to; empty: it does not translate. */
  translate: readonly string[];
  /** Those of each source language, by its identifier; empty: it did not say. */
  translateFrom: Readonly<Record<string, readonly string[]>>;
}

export interface RequestOptions {
  token?: CancellationToken;
  /** Called with each `$/progress` value of the `partialResultToken` that is added to the params. */
  onPartial?: (value: unknown) => void;
  /** Called with the `message` of each work-done report; a `workDoneToken` is added to the params. */
  onProgress?: (message: string) => void;
}

/** The user's settings, read anew at each call: `slmcode.<name>`. */
export interface Settings {
  /** The value in force (for the scope's language, where given), or undefined where there is none. */
  get<T>(name: string): T | undefined;
  /** Sets it for the user (global). Undefined removes it. */
  update(name: string, value: unknown): Thenable<void>;
  /** A setting `slmcode.*` changed. The server has been told by then. */
  readonly onChange: Event<void>;
}

export interface Context {
  readonly ext: ExtensionContext;
  readonly log: LogOutputChannel;
  readonly settings: Settings;

  /** The client, while its server runs and has answered `initialize`. */
  client(): LanguageClient | undefined;
  /**
   * Called with every new client *before* it starts (each restart makes a new one): the place for
   * `client.onNotification(...)`, one handler per method in the whole extension. `slmcode/status`
   * is taken: use `onStatus`.
   */
  onClient(listener: (client: LanguageClient) => void): Disposable;
  /**
   * The middleware of every client, filled in by feature modules while they register: each sets
   * the methods it owns (`provideInlineCompletionItems`: completions; `resolveCodeAction`: edits).
   */
  readonly middleware: Middleware;

  /**
   * Sends a request of our own. Undefined where no server runs. Rejects with the server's
   * ResponseError; a cancelled one rejects with `CancellationError` of vscode.
   */
  request<R>(method: string, params: object, options?: RequestOptions): Promise<R | undefined>;
  /** Sends a notification of our own; nothing happens where no server runs. */
  notify(method: string, params: object): void;

  status(): Status;
  readonly onStatus: Event<Status>;
  abilities(): Abilities;
  readonly onAbilities: Event<Abilities>;
}

/*
 * Who registers which command (package.json has them all; a test compares):
 *   extension.ts  slmcode.installServer downloadModel runDoctor benchmark restart openLog trySample
 *   completions   slmcode.completeNow completeLine completeBlock acceptWord acceptLine
 *                 nextSuggestion previousSuggestion dismiss
 *   snooze        slmcode.enable disable toggleLanguage snooze
 *   status        slmcode.showMenu
 *   why           slmcode.why showTrace showPrompt
 *   edits         slmcode.editSelection refactor fix debug
 *   modules       slmcode.refactorModule
 *   review        slmcode.applyEdit discardEdit chooseParts
 *   explain       slmcode.explain explainProblem explainTraceback
 *   translation   slmcode.translateFile translateSelection
 *
 * Context keys set by server.ts: slmcode.running, slmcode.canEdit, slmcode.canExplain,
 * slmcode.canDebug, slmcode.canRefactorModules, slmcode.canTranslate (all but explanations only in a
 * trusted workspace); by review.ts: slmcode.reviewing, slmcode.reviewingParts.
 */
