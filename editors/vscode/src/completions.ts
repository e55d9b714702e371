/**
 * Inline completions between VS Code and the server: when a request goes out, what of an answer
 * is offered, and what the server is told of its fate.
 */
import * as vscode from "vscode";
import { commands, Disposable, window } from "vscode";
import type {
  CancellationToken,
  InlineCompletionContext,
  InlineCompletionItem,
  Position,
  TextDocument,
} from "vscode";
import type { LanguageClient, Middleware } from "vscode-languageclient/node";
import type { Context } from "./api";
import { registerCursor } from "./cursor";
import { makeFirstKeys } from "./firstkeys";
import { cutToLine, hasOneCursor, idOf, wireItem } from "./items";
import { makeOffers } from "./offers";
import type { Offer } from "./offers";
import { pauseNow } from "./snooze";

type Provide = NonNullable<Middleware["provideInlineCompletionItems"]>;
type Next = Parameters<Provide>[4];

const ACCEPT = "slmcode.accept"; // the command of an item, carried out by the server
const TRIGGER = "editor.action.inlineSuggest.trigger";
const HIDE = "editor.action.inlineSuggest.hide";

/** A request that is made on purpose, by us, for one place. */
interface Purpose {
  readonly kind: "refresh" | "line" | "block";
  readonly document: TextDocument;
  readonly position: Position;
}

interface Refresh {
  readonly textDocument: { readonly uri: string };
  readonly position: { readonly line: number; readonly character: number };
}

/** What became of the last request in a document; not fired for requests that were taken back. */
export interface Answered {
  readonly document: TextDocument;
  readonly shown: boolean;
}

const answered = new vscode.EventEmitter<Answered>();
export const onAnswered = answered.event;

const working = new vscode.EventEmitter<boolean>();
/** True when a request goes out, false when the last one has been answered. */
export const onWorking = working.event;
let underWay = 0;

export function registerCompletions(context: Context): Disposable {
  const offers = makeOffers();
  const firstKeys = makeFirstKeys(context, () =>
    ask("refresh", () => commands.executeCommand(TRIGGER, { explicit: false })),
  );
  const told = new Set<string>(); // ids of items the server knows to have been shown
  let purpose: Purpose | undefined;
  let replacing: Disposable | undefined;

  async function provide(
    document: TextDocument,
    position: Position,
    asked: InlineCompletionContext,
    token: CancellationToken,
    next: Next,
  ): Promise<InlineCompletionItem[] | undefined> {
    firstKeys.asked(document);
    const here = purpose?.document === document && purpose.position.isEqual(position);
    const kind = here ? purpose?.kind : undefined;
    const automatic = kind === "refresh" || asked.triggerKind === vscode.InlineCompletionTriggerKind.Automatic;
    if (automatic && (pauseNow(context.settings, document) || !hasOneCursor(document))) {
      return undefined;
    }
    if (automatic && kind === undefined) {
      const held = offers.at(document, position);
      if (held.length > 0) {
        return held;
      }
    }
    const triggerKind = automatic
      ? vscode.InlineCompletionTriggerKind.Automatic
      : vscode.InlineCompletionTriggerKind.Invoke;
    const version = document.version;
    const answer = await counted(() => next(document, position, { ...asked, triggerKind }, token));
    if (token.isCancellationRequested || document.version !== version) {
      return undefined;
    }
    const given = Array.isArray(answer) ? answer : (answer?.items ?? []);
    const items = kind === "line" ? cutToLine(given) : given;
    offers.hold(document, position, items);
    const [first] = items;
    if (first !== undefined) {
      tellShown(first);
    }
    answered.fire({ document, shown: first !== undefined });
    return items;
  }

  function tellShown(item: InlineCompletionItem): void {
    const id = idOf(item);
    if (id === undefined || told.has(id)) {
      return;
    }
    told.add(id);
    context.notify("textDocument/didShowCompletion", { item: wireItem(item) });
  }

  async function ask(kind: Purpose["kind"], run: () => Thenable<unknown>): Promise<void> {
    const editor = window.activeTextEditor;
    if (editor === undefined) {
      return;
    }
    const mine: Purpose = { kind, document: editor.document, position: editor.selection.active };
    purpose = mine;
    try {
      await run();
    } finally {
      if (purpose === mine) {
        purpose = undefined;
      }
    }
  }

  /** There is more text: ask again where the cursor still stands there. */
  async function refresh(client: LanguageClient, params: Refresh): Promise<void> {
    const editor = window.activeTextEditor;
    const { line, character } = params.position;
    const at = new vscode.Position(line, character);
    if (
      editor === undefined ||
      client.code2ProtocolConverter.asUri(editor.document.uri) !== params.textDocument.uri ||
      !hasOneCursor(editor.document) ||
      !editor.selection.active.isEqual(at)
    ) {
      return;
    }
    const { document } = editor;
    if (offers.shownAt(document, at) === undefined) {
      await ask("refresh", () => commands.executeCommand(TRIGGER));
    } else {
      await ask("refresh", () => replaceShown(client, document));
    }
  }

  /**
   * Has VS Code take a longer item in place of the one it shows. An explicit trigger would put the
   * shown one first again, and one that is not is answered from what VS Code holds for the place,
   * unless a provider is asked that had no part in that: so there is a new one each time.
   */
  function replaceShown(client: LanguageClient, document: TextDocument): Thenable<unknown> {
    const own = client.getFeature("textDocument/inlineCompletion")?.getProvider(document);
    if (own === undefined) {
      return Promise.resolve();
    }
    replacing?.dispose();
    const selector = { scheme: document.uri.scheme, language: document.languageId };
    replacing = vscode.languages.registerInlineCompletionItemProvider(selector, {
      provideInlineCompletionItems: (...asked) =>
        purpose?.kind === "refresh" ? own.provideInlineCompletionItems(...asked) : undefined,
    });
    const providerId = `${context.ext.extension.id}:*`;
    return commands.executeCommand(TRIGGER, { providerId, explicit: false });
  }

  async function completeNow(kind: "line" | "block"): Promise<void> {
    offers.drop();
    await commands.executeCommand(HIDE); // what is shown would stay the first one
    await ask(kind, () => commands.executeCommand(TRIGGER));
  }

  async function dismiss(): Promise<void> {
    const editor = window.activeTextEditor;
    const shown = editor && offers.shownAt(editor.document, editor.selection.active);
    offers.drop();
    await commands.executeCommand(HIDE);
    if (shown !== undefined) {
      context.notify("slmcode/didDismissCompletion", { item: wireItem(shown.item) });
    }
  }

  function tellPart(offer: Offer, acceptedLength: number): void {
    const item = wireItem(offer.item);
    context.notify("textDocument/didPartiallyAcceptCompletion", { item, acceptedLength });
  }

  context.middleware.provideInlineCompletionItems = provide;
  context.middleware.executeCommand = (command, args, next): unknown => {
    if (command === ACCEPT) {
      offers.drop();
    }
    return next(command, args) as unknown;
  };
  const command = (name: string, run: () => unknown): Disposable =>
    commands.registerCommand(`slmcode.${name}`, run);
  return Disposable.from(
    offers,
    firstKeys,
    registerCursor(context),
    context.onClient((client) => {
      offers.drop();
      told.clear();
      client.onNotification("slmcode/refresh", (params: Refresh) => refresh(client, params));
    }),
    offers.onPartialAcceptance(({ offer, length }) => {
      tellPart(offer, length);
    }),
    command("completeNow", () => completeNow("block")),
    command("completeBlock", () => completeNow("block")),
    command("completeLine", () => completeNow("line")),
    command("acceptWord", () => commands.executeCommand("editor.action.inlineSuggest.acceptNextWord")),
    command("acceptLine", () => commands.executeCommand("editor.action.inlineSuggest.acceptNextLine")),
    command("nextSuggestion", () => commands.executeCommand("editor.action.inlineSuggest.showNext")),
    command("previousSuggestion", () =>
      commands.executeCommand("editor.action.inlineSuggest.showPrevious"),
    ),
    command("dismiss", dismiss),
    {
      dispose: () => {
        replacing?.dispose();
      },
    },
  );
}

async function counted<T>(run: () => T): Promise<Awaited<T>> {
  underWay++;
  working.fire(true);
  try {
    return await run();
  } finally {
    if (--underWay === 0) {
      working.fire(false);
    }
  }
}
