/**
 * A small stand-in for the module `vscode`: what the tested code touches, and hooks for tests.
 * Nothing is drawn; messages are answered by what `answers` holds.
 */

export class Disposable {
  readonly #run: () => unknown;
  constructor(run: () => unknown) {
    this.#run = run;
  }
  static from(...all: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const one of all) {
        one.dispose();
      }
    });
  }
  dispose(): unknown {
    return this.#run();
  }
}

type Listener<T> = (event: T) => unknown;

export class EventEmitter<T> {
  readonly #listeners = new Set<Listener<T>>();
  readonly event = (listener: Listener<T>): Disposable => {
    this.#listeners.add(listener);
    return new Disposable(() => this.#listeners.delete(listener));
  };
  fire(event: T): void {
    for (const listener of [...this.#listeners]) {
      listener(event);
    }
  }
  dispose(): void {
    this.#listeners.clear();
  }
}

export class CancellationError extends Error {}

export class CancellationTokenSource {
  readonly #emitter = new EventEmitter<void>();
  token = {
    isCancellationRequested: false,
    onCancellationRequested: this.#emitter.event,
  };
  cancel(): void {
    this.token.isCancellationRequested = true;
    this.#emitter.fire();
  }
}

export enum ProgressLocation {
  Notification = 15,
}

/** What was shown, newest last; and the button that "the user" presses next, by message. */
export const shown: { kind: string; message: string; buttons: string[] }[] = [];
export const answers: { when: RegExp; press: string }[] = [];
export const executed: unknown[][] = [];

function message(kind: string) {
  return (text: string, ...buttons: string[]): Promise<string | undefined> => {
    shown.push({ kind, message: text, buttons });
    return Promise.resolve(answers.find(({ when }) => when.test(text))?.press);
  };
}

export const progress: { message?: string; increment?: number }[] = [];
/** The token of the newest `withProgress`. */
export let progressToken: CancellationTokenSource | undefined;

export const window = {
  showInformationMessage: message("information"),
  showWarningMessage: message("warning"),
  showErrorMessage: message("error"),
  withProgress<T>(
    _options: unknown,
    run: (
      report: { report(step: { message?: string; increment?: number }): void },
      token: CancellationTokenSource["token"],
    ) => Promise<T>,
  ): Promise<T> {
    progressToken = new CancellationTokenSource();
    return run({ report: (step) => progress.push(step) }, progressToken.token);
  },
};

export const commands = {
  executeCommand(...call: unknown[]): Promise<unknown> {
    executed.push(call);
    return Promise.resolve(undefined);
  },
  registerCommand(): Disposable {
    return new Disposable(() => undefined);
  },
};

/** Settings below `slmcode`, by name; what is not here has `defaults`. */
export const settings = new Map<string, unknown>();
export const defaults = new Map<string, unknown>();
const configurationChanged = new EventEmitter<{ affectsConfiguration(section: string): boolean }>();
const trustGranted = new EventEmitter<void>();

export function changeSetting(
  name: string,
  value: unknown,
  affectsConfiguration = (section: string) => `slmcode.${name}`.startsWith(section),
): void {
  if (value === undefined) {
    settings.delete(name);
  } else {
    settings.set(name, value);
  }
  configurationChanged.fire({ affectsConfiguration });
}

export function trust(): void {
  workspace.isTrusted = true;
  trustGranted.fire();
}

export const workspace = {
  isTrusted: true,
  onDidChangeConfiguration: configurationChanged.event,
  onDidGrantWorkspaceTrust: trustGranted.event,
  getConfiguration(_section: string) {
    const top: Record<string, unknown> = {};
    for (const name of [...defaults.keys(), ...settings.keys()]) {
      top[name.split(".")[0] ?? ""] = true;
    }
    return {
      ...top,
      get: (name: string) => settings.get(name) ?? defaults.get(name),
      inspect: (name: string) => ({
        key: `slmcode.${name}`,
        defaultValue: defaults.get(name),
        globalValue: settings.get(name),
      }),
      update: (name: string, value: unknown) => {
        changeSetting(name, value);
        return Promise.resolve();
      },
    };
  },
};

/** As new: to be called before each test that uses any of it. */
export function reset(): void {
  shown.length = 0;
  answers.length = 0;
  executed.length = 0;
  progress.length = 0;
  settings.clear();
  defaults.clear();
  workspace.isTrusted = true;
}
