import { Disposable } from "vscode";
import type { Context } from "./api";

export function registerEdits(context: Context): Disposable {
  void context;
  return Disposable.from();
}
