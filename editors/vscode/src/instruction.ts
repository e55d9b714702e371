/** The boxes for an instruction and for a command, with those given before. */
import { Disposable, window } from "vscode";
import type { Memento, QuickPickItem } from "vscode";
import { remembered } from "./verdicts";

const KEPT = 30;

interface Box {
  readonly key: string;
  readonly title: string;
  readonly placeholder: string;
  /** Stands in it already. */
  readonly value?: string;
}

/** Asks for an instruction; undefined where the user gave none. */
export function askInstruction(memory: Memento, title: string): Promise<string | undefined> {
  return ask(memory, {
    key: "slmcode.instructions",
    title: `slmcode: ${title}`,
    placeholder: "What is to be done with this code? For example: return early instead of nesting",
  });
}

/** Asks for a command that fails; undefined where the user gave none. */
export function askCommand(memory: Memento, usual: string): Promise<string | undefined> {
  return ask(memory, {
    key: "slmcode.commands",
    title: "slmcode: Debug This Failure",
    placeholder: "Which command fails? For example: python -m pytest tests/test_orders.py",
    value: usual,
  });
}

async function ask(memory: Memento, { key, ...look }: Box): Promise<string | undefined> {
  const history = memory.get<string[]>(key, []);
  const box = window.createQuickPick();
  box.title = look.title;
  box.placeholder = look.placeholder;
  box.value = look.value ?? "";
  box.ignoreFocusOut = true;
  const before: QuickPickItem[] = history.map((label) => ({ label }));
  const offer = (value: string): void => {
    const typed = value.trim();
    box.items = typed === "" ? before : [{ label: typed, alwaysShow: true }];
  };
  offer(box.value);
  const answer = await new Promise<string | undefined>((resolve) => {
    const listening = Disposable.from(
      box,
      box.onDidChangeValue(offer),
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
  if (answer === undefined || answer === "") {
    return undefined;
  }
  await memory.update(key, remembered(history, answer, KEPT));
  return answer;
}
