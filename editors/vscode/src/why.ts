import { Disposable } from "vscode";
import type { Context } from "./api";

export function registerWhy(context: Context): Disposable {
  void context;
  return Disposable.from();
}
