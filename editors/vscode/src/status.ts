/** The status bar item: the state, why nothing was shown last, and the menu behind it. */
import { commands, Disposable, languages, MarkdownString, StatusBarAlignment, ThemeColor, window } from "vscode";
import type { TextDocument } from "vscode";
import type { Context } from "./api";
import { onAnswered, onWorking } from "./completions";
import { onSnooze, pauseNow } from "./snooze";
import { actionsOf, tooltipOf, viewOf } from "./statusview";
import type { Blank, Situation } from "./statusview";

const REST_MS = 300; // an empty answer is asked about when nothing followed it for as long
const WORKING_MS = 150; // a request that takes less does not change the icon
const SETTINGS = "workbench.action.openSettings";

interface LastCompletion {
  readonly reason: string | null;
  readonly message: string;
}

export function registerStatus(context: Context): Disposable {
  const item = window.createStatusBarItem("slmcode.status", StatusBarAlignment.Right, 100);
  item.name = "slmcode";
  item.command = "slmcode.showMenu";
  const inLanguage = languages.createLanguageStatusItem("slmcode.language", "*");
  inLanguage.name = "slmcode";
  let blank: Blank | undefined;
  let working = false;
  let asking: NodeJS.Timeout | undefined;
  let slow: NodeJS.Timeout | undefined;

  function situation(): Situation {
    const document = window.activeTextEditor?.document;
    return {
      status: context.status(),
      pause: pauseNow(context.settings, document),
      working,
      blank,
      canComplete: document !== undefined && isCompleted(context, document),
    };
  }

  function render(): void {
    const now = situation();
    const language = window.activeTextEditor?.document.languageId;
    const view = viewOf(now);
    const actions = actionsOf(now, language);
    const tooltip = new MarkdownString(tooltipOf(view, now, actions), true);
    tooltip.isTrusted = { enabledCommands: actions.map(({ command }) => command) };
    item.text = view.text;
    item.tooltip = tooltip;
    item.accessibilityInformation = { label: `slmcode: ${view.sentence}`, role: "button" };
    item.backgroundColor =
      view.tone === "plain" ? undefined : new ThemeColor(`statusBarItem.${view.tone}Background`);
    item.show();
    const off = now.pause?.kind === "disabled" || now.pause?.kind === "language";
    inLanguage.text = off ? "slmcode is off" : "slmcode is on";
    inLanguage.command =
      now.pause?.kind === "disabled"
        ? { title: "Enable", command: "slmcode.enable" }
        : { title: off ? "Enable" : "Disable", command: "slmcode.toggleLanguage" };
  }

  async function askWhy(document: TextDocument): Promise<void> {
    const client = context.client();
    if (client === undefined) {
      return;
    }
    const uri = client.code2ProtocolConverter.asUri(document.uri);
    const last = await context.request<LastCompletion | null>("slmcode/lastCompletion", {
      textDocument: { uri },
    });
    if (last?.message && document === window.activeTextEditor?.document) {
      blank = { reason: last.reason ?? "", message: last.message };
      render();
    }
  }

  function forget(): void {
    clearTimeout(asking);
    blank = undefined;
    render();
  }

  async function showMenu(): Promise<void> {
    const now = situation();
    const actions = actionsOf(now, window.activeTextEditor?.document.languageId);
    const chosen = await window.showQuickPick(
      actions.map(({ command, icon, label, detail }) => ({
        label: `$(${icon}) ${label}`,
        command,
        ...(detail !== undefined && { description: detail }),
      })),
      { title: "slmcode", placeHolder: viewOf(now).sentence },
    );
    if (chosen?.command === SETTINGS) {
      await commands.executeCommand(SETTINGS, "slmcode.");
    } else if (chosen !== undefined) {
      await commands.executeCommand(chosen.command);
    }
  }

  render();
  return Disposable.from(
    item,
    inLanguage,
    commands.registerCommand("slmcode.showMenu", showMenu),
    context.onStatus(render),
    context.settings.onChange(render),
    onSnooze(render),
    window.onDidChangeActiveTextEditor(forget),
    onWorking((begun) => {
      clearTimeout(slow);
      clearTimeout(asking);
      if (begun) {
        slow = setTimeout(() => {
          working = true;
          render();
        }, WORKING_MS);
      } else if (working) {
        working = false;
        render();
      }
    }),
    onAnswered(({ document, shown }) => {
      if (shown) {
        forget();
      } else {
        clearTimeout(asking);
        asking = setTimeout(() => {
          askWhy(document).catch((error: unknown) => {
            context.log.warn(`slmcode/lastCompletion: ${String(error)}`);
          });
        }, REST_MS);
      }
    }),
    {
      dispose: () => {
        clearTimeout(asking);
        clearTimeout(slow);
      },
    },
  );
}

/** Whether the document is one that the server is sent. */
function isCompleted(context: Context, document: TextDocument): boolean {
  const feature = context.client()?.getFeature("textDocument/inlineCompletion");
  return feature?.getProvider(document) !== undefined;
}
