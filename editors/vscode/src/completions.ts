import { Disposable } from "vscode";
import type { Context } from "./api";

export function registerCompletions(context: Context): Disposable {
  void context;
  return Disposable.from();
}
