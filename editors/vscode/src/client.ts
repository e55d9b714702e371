/** The only module that loads the language client's code; loaded itself when a server starts. */
import type { ChildProcess } from "node:child_process";
import {
  type ClientCapabilities,
  CloseAction,
  ErrorAction,
  ErrorCodes,
  LanguageClient,
  type LanguageClientOptions,
  LSPErrorCodes,
  ProgressType,
  ResponseError,
  type StaticFeature,
  WorkDoneProgress,
} from "vscode-languageclient/node";

export { ProgressType, WorkDoneProgress };

/** Whether a request ended because somebody wanted it to. */
export function isCancelled(error: unknown): boolean {
  return (
    error instanceof ResponseError &&
    [LSPErrorCodes.RequestCancelled, ErrorCodes.PendingResponseRejected].some(
      (code) => code === error.code,
    )
  );
}

/** Any language, wherever its text comes from; not output channels, diffs' old sides and the like. */
const DOCUMENTS = ["file", "untitled", "vscode-remote", "vscode-vfs", "vscode-notebook-cell"];

const TOLERATED = 3; // write errors in a row

/** Its own errors go to the log; the user is told by `server.ts`, once, with what to do. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** Tells the server what this client can beyond the standard. */
const ours: StaticFeature = {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const experimental = (capabilities.experimental ?? {}) as object;
    capabilities.experimental = { ...experimental, slmcode: { refresh: true, status: true } };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};

/** A client for a process that runs already, speaking over its stdin and stdout. */
export function makeClient(child: ChildProcess, options: LanguageClientOptions): LanguageClient {
  const client = new QuietClient(
    "slmcode",
    "slmcode",
    () => Promise.resolve(child),
    // stderr is read by `server.ts`, which also decides when a dead server is started again.
    {
      ...options,
      documentSelector: DOCUMENTS.map((scheme) => ({ scheme })),
      stdioOptions: { stdout: () => undefined, stderr: () => undefined },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: (_error, _message, count = 0) => ({
          action: count < TOLERATED ? ErrorAction.Continue : ErrorAction.Shutdown,
          handled: true,
        }),
        closed: () => {
          child.kill(); // whatever is behind it: `server.ts` starts another when it has ended
          return { action: CloseAction.DoNotRestart, handled: true, message: "Connection closed." };
        },
      },
    },
  );
  client.registerFeature(ours);
  return client;
}
