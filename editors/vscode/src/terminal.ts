/** Commands of the server's command line whose output the user reads. */
import {
  ProcessExecution,
  Task,
  TaskPanelKind,
  TaskRevealKind,
  TaskScope,
  tasks,
} from "vscode";

/** Runs it in a terminal that stays open when it has ended. */
export async function runInTerminal(
  name: string,
  command: { program: string; args: string[] },
): Promise<void> {
  const execution = new ProcessExecution(command.program, command.args);
  const task = new Task({ type: "process" }, TaskScope.Global, name, "slmcode", execution, []);
  task.presentationOptions = {
    reveal: TaskRevealKind.Always,
    panel: TaskPanelKind.Dedicated,
    focus: true,
    clear: true,
    showReuseMessage: true,
  };
  await tasks.executeTask(task);
}
