/**
 * Edit Selection…, Refactor…, Fix…: the model rewrites lines, the user sees the change before it
 * is made. Nothing is written where the document went on meanwhile, or the server refused.
 */
import {
  CancellationError,
  commands,
  Disposable,
  languages,
  ProgressLocation,
  Range,
  window,
  workspace,
} from "vscode";
import type { CancellationToken, CodeAction, Diagnostic, TextDocument, TextEditor } from "vscode";
import type {
  CodeAction as WireAction,
  LanguageClient,
  WorkspaceEdit as WireEdit,
} from "vscode-languageclient/node";
import type { Context } from "./api";
import { askInstruction } from "./instruction";
import { announcement, nearest } from "./verdicts";

interface EditResult {
  readonly edit: WireEdit | null;
  readonly verdict: string;
  readonly reason: string;
  readonly title: string;
}

const FIXES = 3; // nearest problems that are offered

export function registerEdits(context: Context): Disposable {
  context.middleware.resolveCodeAction = (action, token) => resolveInMenu(context, action, token);
  const command = (name: string, run: (client: LanguageClient, editor: TextEditor) => Promise<void>) =>
    commands.registerCommand(`slmcode.${name}`, async () => {
      const editor = window.activeTextEditor;
      const client = context.client();
      if (editor === undefined || client === undefined || !context.abilities().edit) {
        await sayWhyNot(context, editor);
        return;
      }
      await telling(() => run(client, editor));
    });
  return Disposable.from(
    command("editSelection", (client, editor) => editSelection(context, client, editor)),
    command("refactor", (client, editor) => refactor(context, client, editor)),
    command("fix", (client, editor) => fix(context, client, editor)),
  );
}

async function editSelection(
  context: Context,
  client: LanguageClient,
  editor: TextEditor,
): Promise<void> {
  const { document, selection } = editor;
  const instruction = await askInstruction(context.ext.globalState);
  if (instruction === undefined) {
    return;
  }
  const { version } = document;
  const params = {
    textDocument: client.code2ProtocolConverter.asTextDocumentIdentifier(document),
    range: client.code2ProtocolConverter.asRange(selection),
    instruction,
  };
  const result = await withProgress(`slmcode: ${instruction}`, (token, onProgress) =>
    context.request<EditResult>("slmcode/edit", params, { token, onProgress }),
  );
  if (result === undefined) {
    return;
  }
  if (result.edit === null) {
    warn(announcement(result.title, "refused", result.reason));
    return;
  }
  await preview(client, document, version, result.edit, result);
}

async function refactor(
  context: Context,
  client: LanguageClient,
  editor: TextEditor,
): Promise<void> {
  const { document, selection } = editor;
  const { version } = document;
  const actions = await actionsFor(context, client, document, selection, "refactor.rewrite", []);
  if (actions.length === 0) {
    void window.showInformationMessage(
      "slmcode: nothing to refactor here. Select code, or put the cursor into a function.",
    );
    return;
  }
  const action = await pick(actions, "Refactor");
  if (action !== undefined) {
    await carryOut(context, client, document, version, action);
  }
}

async function fix(context: Context, client: LanguageClient, editor: TextEditor): Promise<void> {
  const { document, selection } = editor;
  const { version } = document;
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
    await carryOut(context, client, document, version, action);
  }
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
    actions.map((action) => ({ label: action.title, action })),
    { title: `slmcode: ${title}`, placeHolder: "You see the change before it is made" },
  );
  return chosen?.action;
}

async function carryOut(
  context: Context,
  client: LanguageClient,
  document: TextDocument,
  version: number,
  action: WireAction,
): Promise<void> {
  const resolved = await withProgress(`slmcode: ${action.title}`, (token) =>
    context.request<WireAction>("codeAction/resolve", action, { token }),
  );
  if (resolved?.edit !== undefined) {
    await preview(client, document, version, resolved.edit, { title: action.title });
  }
}

/** An action chosen in VS Code's own menu: it gets its edit, or the reason is said. */
async function resolveInMenu(
  context: Context,
  action: CodeAction,
  token: CancellationToken,
): Promise<CodeAction> {
  const client = context.client();
  const versions = new Map(workspace.textDocuments.map((d) => [d.uri.toString(), d.version]));
  await telling(async () => {
    if (client === undefined) {
      return;
    }
    const wire = client.code2ProtocolConverter.asCodeActionSync(action);
    const resolved = await context.request<WireAction>("codeAction/resolve", wire, { token });
    const edit = await client.protocol2CodeConverter.asWorkspaceEdit(resolved?.edit);
    const isStale = workspace.textDocuments.some((document) => {
      const version = versions.get(document.uri.toString());
      return edit?.has(document.uri) === true && version !== document.version;
    });
    if (isStale) {
      warn(announcement(action.title, "refused", STALE));
    } else if (edit !== undefined && resolved?.edit !== undefined) {
      action.edit = edit;
      sayHow(resolved.edit);
    }
  });
  return action;
}

const STALE = "the document has changed meanwhile; nothing was edited";

/** Opens the preview that the edit's annotations ask for, and says what is known of the edit. */
async function preview(
  client: LanguageClient,
  document: TextDocument,
  version: number,
  wire: WireEdit,
  about: { readonly title: string; readonly verdict?: string; readonly reason?: string },
): Promise<void> {
  const edit = await client.protocol2CodeConverter.asWorkspaceEdit(wire);
  if (document.isClosed || document.version !== version) {
    warn(announcement(about.title, "refused", STALE));
    return;
  }
  sayHow(wire, about.verdict, about.reason);
  if (!(await workspace.applyEdit(edit))) {
    void window.setStatusBarMessage("slmcode: nothing was changed", 5000);
  }
}

/** Says what is known of an edit, and what to do: VS Code's preview opens with nothing ticked. */
function sayHow(wire: WireEdit, verdict = "", reason?: string): void {
  const [annotation] = Object.values(wire.changeAnnotations ?? {});
  const known = reason ?? annotation?.description ?? "";
  const said = announcement("tick the changes you want, then Apply", verdict, known);
  if (verdict === "verified") {
    void window.showInformationMessage(said);
  } else {
    warn(said);
  }
}

function withProgress<R>(
  title: string,
  run: (token: CancellationToken, onProgress: (message: string) => void) => Promise<R>,
): Thenable<R> {
  return window.withProgress(
    { location: ProgressLocation.Notification, title, cancellable: true },
    (progress, token) =>
      run(token, (message) => {
        progress.report({ message });
      }),
  );
}

/** Says what went wrong, in the server's words; a cancelled piece of work is not wrong. */
async function telling(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof CancellationError)) {
      warn(`slmcode: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function warn(message: string): void {
  void window.showWarningMessage(message);
}

async function sayWhyNot(context: Context, editor: TextEditor | undefined): Promise<void> {
  if (!workspace.isTrusted) {
    const manage = "Manage Workspace Trust";
    const message = "slmcode does not edit in an untrusted workspace.";
    if ((await window.showInformationMessage(message, manage)) === manage) {
      await commands.executeCommand("workbench.trust.manage");
    }
  } else if (editor === undefined) {
    void window.showInformationMessage("slmcode: open a file first.");
  } else {
    const { message } = context.status();
    const because = context.client() === undefined ? message : "this server does not edit.";
    void window.showInformationMessage(`slmcode: ${because || "the server is not running."}`);
  }
}
