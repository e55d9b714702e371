/** Where a traceback comes from: the clipboard, what is selected, or a new editor to paste it in. */
import { commands, env, window, workspace } from "vscode";
import type { QuickPickItem } from "vscode";

interface Source extends QuickPickItem {
  readonly read: () => Promise<string>;
  /** What is said where there is nothing. */
  readonly empty?: string;
}

const SHOWN = 80; // characters of a traceback's last line

/** The traceback the user means; undefined where there is none yet. */
export async function askTrace(): Promise<string | undefined> {
  const sources: Source[] = [];
  const offer = (label: string, text: string): void => {
    if (text.trim() !== "") {
      sources.push({ label, description: lastLine(text), read: () => Promise.resolve(text) });
    }
  };
  const editor = window.activeTextEditor;
  if (editor !== undefined && !editor.selection.isEmpty) {
    offer("The selection", editor.document.getText(editor.selection));
  } else if (editor?.document.isUntitled === true) {
    offer("This editor's text", editor.document.getText());
  }
  // Read when it is chosen: nobody's clipboard is looked at unasked.
  sources.push({ label: "The clipboard", read: async () => env.clipboard.readText() });
  if (window.activeTerminal !== undefined) {
    sources.push({
      label: "What is selected in the terminal",
      read: terminalSelection,
      empty: "slmcode: nothing is selected in the terminal.",
    });
  }
  sources.push({
    label: "Paste it into a new editor…",
    read: openScratch,
    empty: "slmcode: paste the traceback here, then run Explain a Traceback… once more.",
  });
  const chosen = await window.showQuickPick(sources, {
    title: "slmcode: Explain a Traceback",
    placeHolder: "Where is the traceback?",
  });
  const text = await chosen?.read();
  if (text?.trim() === "") {
    void window.showInformationMessage(chosen?.empty ?? "slmcode: there is no text in it.");
    return undefined;
  }
  return text;
}

/** VS Code's stable API reads a terminal by the clipboard alone; what was in it is put back. */
async function terminalSelection(): Promise<string> {
  const before = await env.clipboard.readText();
  await env.clipboard.writeText("");
  await commands.executeCommand("workbench.action.terminal.copySelection");
  const selected = await env.clipboard.readText();
  await env.clipboard.writeText(before);
  return selected;
}

async function openScratch(): Promise<string> {
  await window.showTextDocument(await workspace.openTextDocument({ content: "", language: "log" }));
  return "";
}

function lastLine(text: string): string {
  const line = text.trim().split("\n").at(-1) ?? "";
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}
