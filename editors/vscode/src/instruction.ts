/** The box for an instruction, with those given before. */
import { Disposable, window } from "vscode";
import type { Memento, QuickPickItem } from "vscode";
import { remembered } from "./verdicts";

const KEY = "slmcode.instructions";
const KEPT = 30;

/** Asks for an instruction; undefined where the user gave none. */
export async function askInstruction(memory: Memento): Promise<string | undefined> {
  const history = memory.get<string[]>(KEY, []);
  const box = window.createQuickPick();
  box.title = "slmcode: Edit Selection";
  box.placeholder = "What is to be done with this code? For example: return early instead of nesting";
  box.ignoreFocusOut = true;
  const before: QuickPickItem[] = history.map((label) => ({ label }));
  box.items = before;
  const instruction = await new Promise<string | undefined>((resolve) => {
    const listening = Disposable.from(
      box,
      box.onDidChangeValue((value) => {
        const typed = value.trim();
        box.items = typed === "" ? before : [{ label: typed, alwaysShow: true }];
      }),
      box.onDidAccept(() => {
        // What is typed counts, whatever the list has caught up with by now.
        resolve(box.value.trim() || box.activeItems[0]?.label);
        listening.dispose();
      }),
      box.onDidHide(() => {
        resolve(undefined);
        listening.dispose();
      }),
    );
    box.show();
  });
  if (instruction === undefined || instruction === "") {
    return undefined;
  }
  await memory.update(KEY, remembered(history, instruction, KEPT));
  return instruction;
}
