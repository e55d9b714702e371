/** Requests of our own, with the pieces and the progress that come before the answer. */
import { CancellationError, Disposable } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { RequestOptions } from "./api";
import type { Library } from "./server";

/** See `Context.request`. */
export async function send<R>(
  client: LanguageClient,
  library: Library,
  method: string,
  params: object,
  { token, onPartial, onProgress }: RequestOptions,
): Promise<R> {
  const all: Record<string, unknown> = { ...params };
  const listening: Disposable[] = [];
  if (onPartial !== undefined) {
    const partial = crypto.randomUUID();
    all.partialResultToken = partial;
    listening.push(client.onProgress(new library.ProgressType<unknown>(), partial, onPartial));
  }
  if (onProgress !== undefined) {
    const work = crypto.randomUUID();
    all.workDoneToken = work;
    listening.push(
      client.onProgress(library.WorkDoneProgress.type, work, (report) => {
        if (report.message !== undefined) {
          onProgress(report.message);
        }
      }),
    );
  }
  try {
    // The client takes every argument for a parameter, an undefined token too.
    return await (token === undefined
      ? client.sendRequest<R>(method, all)
      : client.sendRequest<R>(method, all, token));
  } catch (error) {
    throw library.isCancelled(error) ? new CancellationError() : error;
  } finally {
    Disposable.from(...listening).dispose();
  }
}
