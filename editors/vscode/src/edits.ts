/**
 * Edit Selection…, Refactor…, Fix…, Debug This Failure…: code is rewritten, and the user sees the
 * change with what was checked of it before it is made. What is refused is said with its reason.
 */
import { CodeAction, CodeActionKind, commands, Disposable, languages, Range, window } from "vscode";
import type { CancellationToken, Diagnostic, TextDocument, TextEditor } from "vscode";
import type {
  CodeAction as WireAction,
  LanguageClient,
  WorkspaceEdit as WireEdit,
} from "vscode-languageclient/node";
import type { Context } from "./api";
import { changesOf } from "./changes";
import { askCommand, askInstruction } from "./instruction";
import type { Reviews } from "./review";
import { announcement, nearest } from "./verdicts";
import type { Outcome } from "./verdicts";
import { editorCommand, telling, warn, withProgress } from "./working";

/** An answer of the server's; the edit is null where it is refused. */
export interface EditResult extends Outcome {
  readonly edit: WireEdit | null;
}

const FIXES = 3; // nearest problems that are offered
const ACT = "slmcode._act"; // not for people: an action of VS Code's menu is carried out

export function registerEdits(context: Context, reviews: Reviews): Disposable {
  context.middleware.resolveCodeAction = (action, token) =>
    resolveInMenu(context, reviews, action, token);
  return Disposable.from(
    editorCommand(context, "editSelection", (client, editor) =>
      editSelection(context, reviews, client, editor),
    ),
    editorCommand(context, "refactor", (client, editor) =>
      refactor(context, reviews, client, editor),
    ),
    editorCommand(context, "fix", (client, editor) => fix(context, reviews, client, editor)),
    editorCommand(context, "debug", (client, editor) => debug(context, reviews, client, editor), {
      can: "debug",
      does: "debug",
    }),
    commands.registerCommand(ACT, (action: WireAction) =>
      telling(() => carryOut(context, reviews, action)),
    ),
  );
}

/** Shows what became of a request: the edit, or why there is none. */
export async function showResult(reviews: Reviews, result: EditResult | undefined): Promise<void> {
  if (result === undefined) {
    return;
  }
  if (result.edit === null) {
    warn(announcement(result.title, "refused", result.reason));
  } else {
    await reviews.show(result.edit, result);
  }
}

async function editSelection(
  context: Context,
  reviews: Reviews,
  client: LanguageClient,
  editor: TextEditor,
): Promise<void> {
  const { document, selection } = editor;
  const place = {
    textDocument: client.code2ProtocolConverter.asTextDocumentIdentifier(document),
    range: client.code2ProtocolConverter.asRange(selection),
  };
  context.notify("slmcode/willEdit", place); // the prompt is read while the user types
  const instruction = await askInstruction(context.ext.globalState, "Edit Selection");
  if (instruction === undefined) {
    return;
  }
  const result = await withProgress(`slmcode: ${instruction}`, (token, onProgress) =>
    context.request<EditResult>("slmcode/edit", { ...place, instruction }, { token, onProgress }),
  );
  await showResult(reviews, result);
}

async function refactor(
  context: Context,
  reviews: Reviews,
  client: LanguageClient,
  editor: TextEditor,
): Promise<void> {
  const { document, selection } = editor;
  const actions = await actionsFor(context, client, document, selection, "refactor", []);
  if (actions.length === 0) {
    void window.showInformationMessage(
      "slmcode: nothing to refactor here. Select code, or put the cursor into a function.",
    );
    return;
  }
  const action = await pick(actions, "Refactor");
  if (action !== undefined) {
    await carryOut(context, reviews, action);
  }
}

async function fix(
  context: Context,
  reviews: Reviews,
  client: LanguageClient,
  editor: TextEditor,
): Promise<void> {
  const { document, selection } = editor;
  const problems = nearest(languages.getDiagnostics(document.uri), selection.active.line, FIXES);
  if (problems.length === 0) {
    void window.showInformationMessage("slmcode: no problem is reported in this file.");
    return;
  }
  const range = problems.reduce<Range>((all, problem) => all.union(problem.range), selection);
  const actions = await actionsFor(context, client, document, range, "quickfix", problems);
  if (actions.length === 0) {
    void window.showInformationMessage("slmcode: the problems here cannot be fixed by rewriting.");
    return;
  }
  const action = actions.length === 1 ? actions[0] : await pick(actions, "Fix");
  if (action !== undefined) {
    await carryOut(context, reviews, action);
  }
}

/** Runs a command that fails, as the user says it, and shows an edit that makes it pass. */
async function debug(
  context: Context,
  reviews: Reviews,
  client: LanguageClient,
  editor: TextEditor,
): Promise<void> {
  const { document } = editor;
  const command = await askCommand(
    context.ext.workspaceState,
    context.settings.get<string>("test_command") ?? "",
  );
  if (command === undefined) {
    return;
  }
  const to = client.code2ProtocolConverter;
  const params = { command, textDocument: to.asTextDocumentIdentifier(document) };
  const result = await withProgress(`slmcode: debugging ${command}`, (token, onProgress) =>
    context.request<EditResult>("slmcode/debug", params, {
      token,
      onProgress,
      onPartial: (part) => {
        onProgress((part as { step: string }).step);
      },
    }),
  );
  await showResult(reviews, result);
}

/** The code actions of our server alone. */
async function actionsFor(
  context: Context,
  client: LanguageClient,
  document: TextDocument,
  range: Range,
  kind: string,
  problems: readonly Diagnostic[],
): Promise<WireAction[]> {
  const to = client.code2ProtocolConverter;
  const found = await context.request<WireAction[] | null>("textDocument/codeAction", {
    textDocument: to.asTextDocumentIdentifier(document),
    range: to.asRange(range),
    context: { diagnostics: to.asDiagnosticsSync([...problems]), only: [kind], triggerKind: 1 },
  });
  return found ?? [];
}

async function pick(actions: readonly WireAction[], title: string): Promise<WireAction | undefined> {
  const chosen = await window.showQuickPick(
    actions.map((action) => ({
      label: action.title,
      description: action.disabled?.reason ?? "",
      action,
    })),
    { title: `slmcode: ${title}`, placeHolder: "What a model writes is shown before it is made" },
  );
  return chosen?.action;
}

/** Asks for the edit of an action and shows it. */
async function carryOut(context: Context, reviews: Reviews, action: WireAction): Promise<void> {
  if (action.disabled !== undefined) {
    warn(announcement(action.title, "refused", action.disabled.reason));
    return;
  }
  const resolved = await withProgress(`slmcode: ${action.title}`, (token) =>
    context.request<WireAction>("codeAction/resolve", action, { token }),
  );
  if (resolved?.edit !== undefined) {
    await reviews.show(resolved.edit, outcomeOf(resolved));
  }
}

/** What the server says of an action's edit, in `data`, where it says it. */
function outcomeOf({ title, data }: WireAction): Outcome {
  const said = (data as { outcome?: Partial<Outcome> } | undefined)?.outcome;
  return { verdict: "", reason: "", ...said, title };
}

/**
 * An action chosen in VS Code's own menu.
 *
 * VS Code shows no progress while it waits for an edit, and cannot be cancelled: what a model
 * writes becomes a command, which has both. Edits by rules are made by VS Code.
 */
async function resolveInMenu(
  context: Context,
  reviews: Reviews,
  action: CodeAction,
  token: CancellationToken,
): Promise<CodeAction> {
  const client = context.client();
  if (client === undefined) {
    return action;
  }
  const wire = client.code2ProtocolConverter.asCodeActionSync(action);
  const isWritten = [CodeActionKind.RefactorRewrite, CodeActionKind.QuickFix].some(
    (kind) => action.kind !== undefined && kind.contains(action.kind),
  );
  if (isWritten) {
    action.command = { command: ACT, title: action.title, arguments: [wire] };
    return action;
  }
  await telling(async () => {
    const resolved = await context.request<WireAction>("codeAction/resolve", wire, { token });
    if (resolved?.edit === undefined) {
      return;
    }
    if (changesOf(resolved.edit).needsConfirmation) {
      await reviews.show(resolved.edit, outcomeOf(resolved));
    } else {
      action.edit = await client.protocol2CodeConverter.asWorkspaceEdit(resolved.edit, token);
    }
  });
  return action;
}
