import { Disposable } from "vscode";
import type { Context } from "./api";

export function registerStatus(context: Context): Disposable {
  void context;
  return Disposable.from();
}
