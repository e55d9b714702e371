import { Disposable } from "vscode";
import type { Context } from "./api";

export function registerTranslation(context: Context): Disposable {
  void context;
  return Disposable.from();
}
