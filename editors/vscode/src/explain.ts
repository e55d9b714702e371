/**
 * Explain, Explain This Problem, Explain a Traceback…: what the model says, on a page beside the
 * code, as it is being written. The places it names are links.
 */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import {
  CancellationError,
  CancellationTokenSource,
  CodeAction,
  CodeActionKind,
  commands,
  Disposable,
  languages,
  ProgressLocation,
  Uri,
  window,
  workspace,
} from "vscode";
import type { Diagnostic, TextDocument, TextEditor } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Context } from "./api";
import { explanationPage, lines } from "./explanation";
import type { Explained } from "./explanation";
import { makePages } from "./pages";
import { askTrace } from "./traces";
import { nearest } from "./verdicts";
import { editorCommand, sayWhyNot, telling } from "./working";

const SCHEME = "slmcode-explain";
const PAGE = "Explanation.md";
const DRAW_MS = 50; // between two updates of the page; pieces come faster than that
const PROBLEM = "slmcode._explainProblem"; // not for people: the problem of a menu
const NEEDS = { can: "explain", does: "explain" } as const;

export function registerExplain(context: Context): Disposable {
  const pages = makePages(SCHEME);
  let running: CancellationTokenSource | undefined; // what is being explained: it has the page

  async function explain(about: Explained, params: object): Promise<void> {
    running?.cancel();
    const mine = (running = new CancellationTokenSource());
    const find = finder();
    let text = "";
    let end = "…";
    let timer: NodeJS.Timeout | undefined;
    const draw = (): void => {
      timer = undefined;
      if (running === mine) {
        pages.update(PAGE, explanationPage(about, text, end, find));
      }
    };
    await pages.show(PAGE, explanationPage(about, text, end, find));
    try {
      await window.withProgress(
        { location: ProgressLocation.Notification, title: "slmcode: explaining", cancellable: true },
        async (progress, token) => {
          token.onCancellationRequested(() => {
            mine.cancel();
          });
          const result = await context.request<{ text: string }>("slmcode/explain", params, {
            token: mine.token,
            onPartial: (part) => {
              text += (part as { text: string }).text;
              timer ??= setTimeout(draw, DRAW_MS);
            },
            onProgress: (message) => {
              progress.report({ message });
            },
          });
          text = result?.text ?? text;
        },
      );
      end = text === "" ? "The model had nothing to say." : "";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      end = error instanceof CancellationError ? "Stopped." : `Not explained: ${message}.`;
    } finally {
      clearTimeout(timer);
      draw();
    }
  }

  function explainSelection(client: LanguageClient, { document, selection }: TextEditor) {
    const last = selection.isEmpty ? undefined : selection.end.line + 1;
    const to = client.code2ProtocolConverter;
    return explain(about(document, selection.start.line + 1, last), {
      textDocument: to.asTextDocumentIdentifier(document),
      range: to.asRange(selection),
    });
  }

  async function explainProblem(
    client: LanguageClient,
    document: TextDocument,
    problem: Diagnostic | undefined,
  ): Promise<void> {
    if (problem === undefined) {
      void window.showInformationMessage("slmcode: no problem is reported in this file.");
      return;
    }
    const to = client.code2ProtocolConverter;
    const { range, message, source, code } = to.asDiagnostic(problem);
    await explain(
      { ...about(document, range.start.line + 1), title: `Problem: ${problem.message}` },
      {
        textDocument: to.asTextDocumentIdentifier(document),
        range,
        diagnostic: { range, message, source: source ?? "", code: code === undefined ? "" : `${code}` },
      },
    );
  }

  return Disposable.from(
    pages,
    editorCommand(context, "explain", explainSelection, NEEDS),
    editorCommand(
      context,
      "explainProblem",
      (client, { document, selection }) => {
        const problems = languages.getDiagnostics(document.uri);
        return explainProblem(client, document, nearest(problems, selection.active.line, 1)[0]);
      },
      NEEDS,
    ),
    commands.registerCommand(PROBLEM, async (document: TextDocument, problem: Diagnostic) => {
      const client = context.client();
      if (client !== undefined) {
        await telling(() => explainProblem(client, document, problem));
      }
    }),
    commands.registerCommand("slmcode.explainTraceback", async () => {
      if (context.client() === undefined || !context.abilities().explain) {
        await sayWhyNot(context, window.activeTextEditor, NEEDS);
        return;
      }
      const trace = await askTrace();
      if (trace !== undefined) {
        await explain({ title: "Traceback", target: undefined }, { trace });
      }
    }),
    languages.registerCodeActionsProvider(
      { scheme: "*" },
      {
        provideCodeActions: (document, _range, { diagnostics }) =>
          context.abilities().explain ? diagnostics.map((problem) => asked(document, problem)) : [],
      },
      { providedCodeActionKinds: [CodeActionKind.QuickFix] },
    ),
    { dispose: () => running?.cancel() },
  );
}

function about(document: TextDocument, first: number, last?: number): Explained {
  return lines(workspace.asRelativePath(document.uri), document.uri.toString(), first, last);
}

/** The entry in the menu of a problem's fixes. */
function asked(document: TextDocument, problem: Diagnostic): CodeAction {
  const action = new CodeAction("Explain this problem (slmcode)", CodeActionKind.QuickFix);
  action.command = { command: PROBLEM, title: action.title, arguments: [document, problem] };
  action.diagnostics = [problem];
  return action;
}

/** Looks a file up in the workspace's folders, each path once. */
function finder(): (path: string) => string | undefined {
  const found = new Map<string, string | undefined>();
  const look = (path: string): string | undefined => {
    const folders = (workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
    const places = isAbsolute(path) ? [path] : folders.map((folder) => join(folder, path));
    const place = places.find((each) => existsSync(each));
    return place === undefined ? undefined : Uri.file(place).toString();
  };
  return (path) => {
    if (!found.has(path)) {
      found.set(path, look(path));
    }
    return found.get(path);
  };
}
