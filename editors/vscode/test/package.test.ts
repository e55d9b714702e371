import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

interface Manifest {
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string; title: string; category: string }[];
    keybindings: { command: string; key: string; when?: string }[];
    menus: Record<string, { command?: string; submenu?: string }[]>;
    walkthroughs: { steps: { description: string; media: { markdown: string } }[] }[];
    configuration: { properties: Record<string, { scope: string }> };
  };
}

const root = process.cwd(); // npm runs its scripts there
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const { commands, keybindings, menus, walkthroughs, configuration } = manifest.contributes;
const declared = commands.map(({ command }) => command);

test("keys, menus and the walkthrough name only commands that exist", () => {
  const used = [
    ...keybindings.map(({ command }) => command),
    ...Object.values(menus).flatMap((entries) => entries.flatMap(({ command }) => command ?? [])),
    ...walkthroughs.flatMap(({ steps }) =>
      steps.flatMap(({ description }) =>
        [...description.matchAll(/\(command:(slmcode\.\w+)\)/g)].flatMap((found) => found[1] ?? []),
      ),
    ),
  ];
  assert.deepEqual(used.filter((command) => !declared.includes(command)), []);
});

test("a key does something only where its command makes sense", () => {
  for (const { key, when } of keybindings) {
    assert.match(when ?? "", /inlineSuggestionVisible|slmcode\.running/, key);
  }
});

test("a workspace cannot name programs, models or folders", () => {
  const restricted = manifest.capabilities.untrustedWorkspaces.restrictedConfigurations;
  for (const name of ["server.path", "server.python", "server.args", "model", "models_folder"]) {
    assert.ok(restricted.includes(`slmcode.${name}`), name);
    assert.equal(configuration.properties[`slmcode.${name}`]?.scope, "machine", name);
  }
});

test("a workspace names a test command only where it is trusted", () => {
  const restricted = manifest.capabilities.untrustedWorkspaces.restrictedConfigurations;
  assert.ok(restricted.includes("slmcode.test_command"));
  assert.equal(configuration.properties["slmcode.test_command"]?.scope, "window");
});

test("the walkthrough's pages are there", () => {
  for (const { media } of walkthroughs.flatMap(({ steps }) => steps)) {
    assert.notEqual(readFileSync(join(root, media.markdown), "utf8"), "");
  }
});
