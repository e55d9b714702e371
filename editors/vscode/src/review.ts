/**
 * An edit before it is made: a diff beside what is known of it, with Apply and Discard.
 *
 * VS Code's own preview of annotated edits opens with everything unticked, says nothing of why,
 * and cannot be told otherwise; this one shows the code as it will be. Parts of an edit (the units
 * of a module) can be left out, and the diff follows.
 */
import {
  commands,
  Disposable,
  EventEmitter,
  Position,
  Range,
  TabInputTextDiff,
  Uri,
  window,
  workspace,
  WorkspaceEdit,
} from "vscode";
import type { QuickPickItem, Tab, TextDocument } from "vscode";
import type { WorkspaceEdit as WireEdit } from "vscode-languageclient/node";
import { applied, changesOf, isWanted } from "./changes";
import type { Changes, FileChange } from "./changes";
import { known, outcomeIn, previewTitle } from "./verdicts";
import type { Outcome } from "./verdicts";

const SCHEME = "slmcode-edit";
const APPLY = "Apply";
const DISCARD = "Discard";
const CHOOSE = "Choose Parts…";

interface File {
  readonly change: FileChange;
  readonly uri: Uri;
  /** What is there now; undefined for a new file. */
  readonly document: TextDocument | undefined;
  readonly version: number | undefined;
  readonly left: Uri;
  readonly right: Uri;
}

interface Shown {
  readonly id: string;
  readonly title: string;
  readonly changes: Changes;
  readonly files: readonly File[];
  readonly leftOut: Set<string>;
}

export interface Reviews {
  /** Shows an edit, or makes it at once where nobody has to confirm it. */
  show(wire: WireEdit, about: Outcome): Promise<void>;
  dispose(): void;
}

export function makeReviews(): Reviews {
  const changed = new EventEmitter<Uri>();
  let count = 0;
  let shown: Shown | undefined;

  function textOf(uri: Uri): string {
    const file = shown?.files.find(({ right }) => right.toString() === uri.toString());
    if (file === undefined || shown === undefined) {
      return ""; // a left side that is not there yet, or a preview that is over
    }
    const { document, change } = file;
    const offsetAt = (place: { line: number; character: number }): number =>
      document?.offsetAt(new Position(place.line, place.character)) ?? 0;
    return applied(document?.getText() ?? "", change.pieces, shown.leftOut, offsetAt);
  }

  async function show(wire: WireEdit, about: Outcome): Promise<void> {
    const changes = changesOf(wire);
    const id = `${++count}`;
    const files = await Promise.all(changes.files.map((change) => opened(change, id)));
    if (isStale(files)) {
      sayStale(about.title);
      return;
    }
    if (!changes.needsConfirmation) {
      await make({ id, title: about.title, changes, files, leftOut: new Set() });
      return;
    }
    await close();
    const [first, ...more] = files;
    if (first === undefined) {
      return;
    }
    const name = workspace.asRelativePath(first.uri);
    const outcome = about.verdict === "" ? annotated(changes, about) : about;
    const title = previewTitle(
      more.length === 0 ? (name.split("/").pop() ?? name) : `${files.length} files`,
      outcome,
    );
    shown = { id, title, changes, files, leftOut: new Set() };
    setContext("reviewing", true);
    setContext("reviewingParts", changes.parts.length > 1);
    if (more.length === 0) {
      await commands.executeCommand("vscode.diff", first.left, first.right, title, {
        preview: true,
      });
    } else {
      await commands.executeCommand(
        "vscode.changes",
        title,
        files.map(({ left, right }) => [right, left, right]),
      );
    }
    announce(shown, outcome);
  }

  /** Says what is known; what is chosen there is done. Does not wait for the user. */
  function announce(mine: Shown, outcome: Outcome): void {
    const buttons = mine.changes.parts.length > 1 ? [APPLY, CHOOSE, DISCARD] : [APPLY, DISCARD];
    const said = `slmcode: ${outcome.title}. ${known(outcome)}`;
    const tell =
      outcome.verdict === "verified" || outcome.verdict === "exact"
        ? window.showInformationMessage
        : window.showWarningMessage;
    void tell(said, ...buttons).then((chosen) => {
      if (chosen === undefined || shown !== mine) {
        return undefined;
      }
      return chosen === APPLY ? accept() : chosen === CHOOSE ? choose() : discard();
    });
  }

  async function accept(): Promise<void> {
    const mine = shown;
    if (mine === undefined) {
      return;
    }
    const stale = isStale(mine.files);
    await close();
    if (stale) {
      sayStale(mine.title);
    } else {
      await make(mine);
    }
  }

  async function discard(): Promise<void> {
    if (shown !== undefined) {
      await close();
      void window.setStatusBarMessage("slmcode: nothing was changed", 5000);
    }
  }

  /** Which parts are made; the diff follows while they are being chosen. */
  async function choose(): Promise<void> {
    const mine = shown;
    if (mine === undefined) {
      return;
    }
    const items = mine.changes.parts.map((part) => ({
      label: part.label,
      description: part.description,
      part,
    }));
    const picked = (): (typeof items)[number][] =>
      items.filter(({ part }) => !mine.leftOut.has(part.id));
    const before = new Set(mine.leftOut);
    const leave = (chosen: readonly QuickPickItem[]): void => {
      mine.leftOut.clear();
      for (const item of items) {
        if (!chosen.includes(item)) {
          mine.leftOut.add(item.part.id);
        }
      }
      refresh(mine);
    };
    const box = window.createQuickPick<(typeof items)[number]>();
    box.title = "slmcode: Which parts?";
    box.placeholder = "The diff shows those that are ticked";
    box.canSelectMany = true;
    box.ignoreFocusOut = true;
    box.items = items;
    box.selectedItems = picked();
    await new Promise<void>((resolve) => {
      let isDecided = false;
      const listening = Disposable.from(
        box,
        box.onDidChangeSelection(leave),
        box.onDidAccept(() => {
          isDecided = true;
          leave(box.selectedItems);
          box.hide();
        }),
        box.onDidHide(() => {
          if (!isDecided) {
            leave(items.filter(({ part }) => !before.has(part.id)));
          }
          listening.dispose();
          resolve();
        }),
      );
      box.show();
    });
  }

  function refresh(mine: Shown): void {
    for (const { right } of mine.files) {
      changed.fire(right);
    }
  }

  /** Ends the preview; nothing is made by that. */
  async function close(): Promise<void> {
    const mine = shown;
    shown = undefined;
    setContext("reviewing", false);
    setContext("reviewingParts", false);
    if (mine !== undefined) {
      void commands.executeCommand("notifications.hideToasts"); // its buttons are over, too
      const tabs = window.tabGroups.all.flatMap((group) => group.tabs);
      await window.tabGroups.close(tabs.filter((tab) => isOf(tab, mine)));
    }
  }

  const subscriptions = Disposable.from(
    changed,
    workspace.registerTextDocumentContentProvider(SCHEME, {
      onDidChange: changed.event,
      provideTextDocumentContent: textOf,
    }),
    commands.registerCommand("slmcode.applyEdit", accept),
    commands.registerCommand("slmcode.discardEdit", discard),
    commands.registerCommand("slmcode.chooseParts", choose),
    window.tabGroups.onDidChangeTabs(({ closed }) => {
      const mine = shown;
      if (mine !== undefined && closed.some((tab) => isOf(tab, mine))) {
        void discard();
      }
    }),
  );
  return {
    show,
    dispose: () => {
      subscriptions.dispose();
    },
  };
}

/** The file of a change as it is now. */
async function opened(change: FileChange, id: string): Promise<File> {
  const uri = Uri.parse(change.uri);
  const document = change.isNew ? undefined : await workspace.openTextDocument(uri);
  const side = (name: string): Uri =>
    Uri.from({
      scheme: SCHEME,
      path: Uri.parse(change.movedTo ?? change.uri).path,
      query: `${name}${id}`,
    });
  return {
    change,
    uri,
    document,
    version: change.version ?? document?.version,
    left: document?.uri ?? side("before"),
    right: side("after"),
  };
}

/** Whether a document went on since its edit was made. */
function isStale(files: readonly File[]): boolean {
  return files.some(
    ({ document, version }) =>
      document !== undefined && (document.isClosed || document.version !== version),
  );
}

function sayStale(title: string): void {
  const stale = "Refused: the document has changed meanwhile; nothing was edited.";
  void window.showWarningMessage(`slmcode: ${title}. ${stale}`);
}

async function make({ title, files, leftOut }: Shown): Promise<void> {
  const edit = new WorkspaceEdit();
  for (const { change, uri } of files) {
    const pieces = change.pieces.filter((piece) => isWanted(piece, leftOut));
    if (change.isNew && pieces.length > 0) {
      edit.createFile(uri, { ignoreIfExists: true });
    }
    for (const { start, end, newText } of pieces) {
      const range = new Range(start.line, start.character, end.line, end.character);
      edit.replace(uri, range, newText);
    }
    if (change.movedTo !== undefined) {
      edit.renameFile(uri, Uri.parse(change.movedTo));
    }
  }
  if (!(await workspace.applyEdit(edit, { isRefactoring: true }))) {
    void window.showWarningMessage(`slmcode: ${title}. VS Code did not make the edit.`);
  }
}

/** What the annotations say of an edit that came without an outcome. */
function annotated(changes: Changes, about: Outcome): Outcome {
  const [part] = changes.parts;
  return part === undefined ? about : outcomeIn(about.title, part.description);
}

function isOf(tab: Tab, { id, title }: Shown): boolean {
  if (tab.input instanceof TabInputTextDiff) {
    const { scheme, query } = tab.input.modified;
    return scheme === SCHEME && query === `after${id}`;
  }
  return tab.input === undefined && tab.label.startsWith(title); // several files: no API names them
}

function setContext(name: string, value: boolean): void {
  void commands.executeCommand("setContext", `slmcode.${name}`, value);
}
