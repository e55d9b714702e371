/**
 * Refactor Module…: a plan by units, which the user sees first; then unit by unit, and one preview.
 * Whoever cancels gets a preview of what was done by then.
 */
import { window } from "vscode";
import type { Disposable, QuickPickItem, TextEditor } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Context } from "./api";
import type { Place } from "./changes";
import { showResult } from "./edits";
import type { EditResult } from "./edits";
import { askInstruction } from "./instruction";
import type { Reviews } from "./review";
import { progressOf } from "./verdicts";
import type { UnitOutcome } from "./verdicts";
import { editorCommand, withProgress } from "./working";

interface Plan {
  readonly planId: string;
  readonly instruction: string;
  readonly units: readonly {
    readonly name: string;
    readonly range: { readonly start: Place; readonly end: Place };
    readonly after: readonly string[];
  }[];
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

export function registerModules(context: Context, reviews: Reviews): Disposable {
  return editorCommand(
    context,
    "refactorModule",
    (client, editor) => refactorModule(context, reviews, client, editor),
    { can: "modules", does: "refactor modules" },
  );
}

async function refactorModule(
  context: Context,
  reviews: Reviews,
  client: LanguageClient,
  editor: TextEditor,
): Promise<void> {
  const { document } = editor;
  const instruction = await askInstruction(context.ext.globalState, "Refactor Module");
  if (instruction === undefined) {
    return;
  }
  const textDocument = client.code2ProtocolConverter.asTextDocumentIdentifier(document);
  const plan = await context.request<Plan>("slmcode/planModule", { textDocument, instruction });
  const units = plan === undefined ? undefined : await choose(plan);
  if (plan === undefined || units === undefined || units.length === 0) {
    return;
  }
  const result = await withProgress(`slmcode: ${instruction}`, (token, onProgress) =>
    context.request<EditResult>(
      "slmcode/refactorModule",
      { planId: plan.planId, units },
      {
        token,
        onPartial: (part) => {
          onProgress(progressOf((part as { units: UnitOutcome[] }).units, units.length));
        },
      },
    ),
  );
  await showResult(reviews, result);
}

/** Which units of the plan are to be done; undefined where the user goes away. */
async function choose(plan: Plan): Promise<string[] | undefined> {
  const items: QuickPickItem[] = plan.units.map(({ name, range, after }) => ({
    label: name,
    description: `lines ${range.start.line + 1}–${range.end.line + (range.end.character > 0 ? 1 : 0)}`,
    detail: after.length === 0 ? "" : `after ${after.join(", ")}`,
    picked: true,
  }));
  if (plan.leftOut.length > 0) {
    const out = plan.leftOut.map(({ name, reason }) => `${name} (${reason})`).join(", ");
    void window.showInformationMessage(`slmcode: left out of the plan: ${out}.`);
  }
  const chosen = await window.showQuickPick(items, {
    title: `slmcode: ${plan.instruction}`,
    placeHolder: "In this order, one after the other. You see the whole before it is made",
    canPickMany: true,
    ignoreFocusOut: true,
  });
  return chosen?.map(({ label }) => label);
}
