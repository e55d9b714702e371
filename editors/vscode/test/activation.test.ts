import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ExtensionContext } from "vscode";
import * as fake from "vscode";
import { activate } from "../src/extension";

test("activation registers each command of package.json once, and at once", () => {
  process.env.PATH = ""; // no server is found: none is to be started here
  const text = readFileSync(join(process.cwd(), "package.json"), "utf8");
  const { contributes } = JSON.parse(text) as { contributes: { commands: { command: string }[] } };
  const extension = { subscriptions: [], globalStorageUri: { fsPath: "/nowhere" } };
  activate(extension as unknown as ExtensionContext);
  const { registered } = fake as unknown as { registered: string[] };
  assert.deepEqual(
    registered.filter((command) => /^slmcode\.[^_]/.test(command)).sort(), // "_": not for people
    contributes.commands.map(({ command }) => command).sort(),
  );
});
