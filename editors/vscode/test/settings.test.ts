import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { UserSettings } from "../src/settings";
import { defaults, reset, settings } from "./vscode";

beforeEach(() => {
  reset();
  defaults.set("deadline_ms", 100);
  defaults.set("model", "fast");
  defaults.set("server.path", "");
});

test("only what the user set is sent: the rest is config.toml's", () => {
  settings.set("deadline_ms", 200);
  assert.deepEqual(new UserSettings().forServer(), { deadline_ms: 200 });
});

test("what only the extension reads is not sent", () => {
  settings.set("server.path", "/opt/slmcode");
  settings.set("trace.server", "verbose");
  assert.deepEqual(new UserSettings().forServer(), {});
});

test("a setting that is unset again is sent with its default, once it was sent", () => {
  const user = new UserSettings();
  settings.set("deadline_ms", 200);
  user.forServer();
  settings.delete("deadline_ms");
  assert.deepEqual(user.forServer(), { deadline_ms: 100 });
  user.forget();
  assert.deepEqual(user.forServer(), {});
});

test("names the server does not know, and values of a wrong type, reach it: it names them", () => {
  settings.set("deadline", 200);
  settings.set("model", 7);
  assert.deepEqual(new UserSettings().forServer(), { deadline: 200, model: 7 });
});

test("a text setting of another type reads as empty", () => {
  settings.set("server.path", 7);
  assert.equal(new UserSettings().text("server.path"), "");
});
