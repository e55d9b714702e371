/** The user's settings, as the server gets them and as the extension reads them. */
import { type Disposable, EventEmitter, workspace } from "vscode";
import type { Settings } from "./api";

const SECTION = "slmcode";
const EDITOR_ONLY = new Set(["server", "trace"]); // sections that only the extension reads

/** What `WorkspaceConfiguration.inspect` says of one setting; layers in rising order. */
type Layers = Record<string, unknown> | undefined;

/**
 * The settings to send: those that somebody set. The others keep the value that the user's
 * `config.toml`, or the server's default, gives them. `sent` holds the names sent before: one that
 * is no longer set is sent with its default, because the server keeps what it was told.
 */
export function toSend(
  names: Iterable<string>,
  inspect: (name: string) => Layers,
  get: (name: string) => unknown,
  sent: Set<string>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const name of names) {
    if (EDITOR_ONLY.has(name)) {
      continue;
    }
    const layers = inspect(name);
    if (isSet(layers)) {
      values[name] = get(name);
      sent.add(name);
    } else if (sent.has(name)) {
      values[name] = layers?.defaultValue;
    }
  }
  return values;
}

function isSet(layers: Layers): boolean {
  return Object.entries(layers ?? {}).some(
    ([layer, value]) => layer.endsWith("Value") && layer !== "defaultValue" && value !== undefined,
  );
}

/** `Settings`, and what of them goes to the server. */
export class UserSettings implements Settings, Disposable {
  readonly #changed = new EventEmitter<void>();
  readonly onChange = this.#changed.event;
  readonly #sent = new Set<string>();

  get<T>(name: string): T | undefined {
    return workspace.getConfiguration(SECTION).get<T>(name);
  }

  /** A string setting; "" where it is not set or of another type. */
  text(name: string): string {
    const value = this.get<unknown>(name);
    return typeof value === "string" ? value.trim() : "";
  }

  update(name: string, value: unknown): Thenable<void> {
    return workspace.getConfiguration(SECTION).update(name, value, true);
  }

  /** For `initializationOptions` and `workspace/didChangeConfiguration`. */
  forServer(): Record<string, unknown> {
    const configuration = workspace.getConfiguration(SECTION);
    // What was contributed, and what else the user wrote: the server names what it does not know.
    const names = Object.keys(configuration).filter(
      (name) => typeof configuration[name] !== "function",
    );
    return toSend(
      names,
      (name) => configuration.inspect(name),
      (name) => configuration.get(name),
      this.#sent,
    );
  }

  /** A new server knows of no settings sent before. */
  forget(): void {
    this.#sent.clear();
  }

  announce(): void {
    this.#changed.fire();
  }

  dispose(): void {
    this.#changed.dispose();
  }
}
