import assert from "node:assert/strict";
import { test } from "node:test";
import type { Status } from "../src/api";
import { pauseOf, pauseSentence, withLanguage } from "../src/pausing";
import { actionsOf, tooltipOf, viewOf } from "../src/statusview";
import type { Situation } from "../src/statusview";

function situation(status: Partial<Status>, more: Partial<Situation> = {}): Situation {
  return {
    status: { state: "ready", message: "", model: "fast", downloadBytes: 0, ...status },
    pause: undefined,
    working: false,
    blank: undefined,
    canComplete: true,
    ...more,
  };
}

const commandsOf = (now: Situation, language?: string): string[] =>
  actionsOf(now, language).map(({ command }) => command.replace("slmcode.", ""));

test("a quiet server is a name and an icon", () => {
  assert.deepEqual(viewOf(situation({})), { text: "$(sparkle) slmcode", tone: "plain", sentence: "Ready." });
});

test("why nothing was shown stands in the bar, briefly, and in words in the tooltip", () => {
  const blank = { reason: "end_of_line", message: "the model thinks the line is complete" };
  const now = situation({}, { blank });
  const view = viewOf(now);
  assert.equal(view.text, "$(sparkle) slmcode: line complete");
  assert.match(tooltipOf(view, now, actionsOf(now)), /the model thinks the line is complete\\\./);
});

test("a reason this extension does not know is shown by its name", () => {
  const view = viewOf(situation({}, { blank: { reason: "new_one", message: "it is new" } }));
  assert.equal(view.text, "$(sparkle) slmcode: new_one");
});

test("each state that the user must do something about comes with the means, first", () => {
  assert.equal(commandsOf(situation({ state: "missing" }))[0], "installServer");
  assert.equal(commandsOf(situation({ state: "downloadNeeded" }))[0], "downloadModel");
  assert.equal(commandsOf(situation({ state: "failed" }))[0], "restart");
  assert.equal(viewOf(situation({ state: "failed", message: "it died" })).tone, "error");
  assert.equal(viewOf(situation({ state: "failed", message: "it died" })).sentence, "it died");
});

test("the size of a download is said before it is begun", () => {
  const [download] = actionsOf(situation({ state: "downloadNeeded", downloadBytes: 491_400_032 }));
  assert.equal(download?.detail, "491 MB");
});

test("why and what was sent are asked of a running server about a document", () => {
  assert.ok(commandsOf(situation({})).includes("why"));
  assert.ok(!commandsOf(situation({}, { canComplete: false })).includes("why"));
  assert.ok(!commandsOf(situation({ state: "missing" })).includes("showPrompt"));
});

test("a pause says until when or for what, and how to end it", () => {
  const pause = { kind: "language", language: "python" } as const;
  const now = situation({}, { pause });
  assert.equal(viewOf(now).text, "$(circle-slash) slmcode: off for python");
  assert.equal(actionsOf(now, "python").find(({ short }) => short === "Enable for python")?.command, "slmcode.toggleLanguage");
  assert.ok(!commandsOf(situation({}, { pause: { kind: "disabled" } })).includes("disable"));
  const until = new Date(2026, 0, 1, 14, 5).getTime();
  assert.match(pauseSentence({ kind: "snoozed", until }, "en-GB"), /until 14:05\.$/);
  assert.match(pauseSentence({ kind: "snoozed", until: Infinity }), /until the next start\.$/);
});

test("a broken server is said even while a pause is on", () => {
  const view = viewOf(situation({ state: "failed" }, { pause: { kind: "disabled" } }));
  assert.equal(view.tone, "error");
});

test("off for all comes before snoozed, snoozed before off for a language", () => {
  const settings = { enabled: true, disabledLanguages: ["python"], snoozedUntil: undefined };
  assert.equal(pauseOf(settings, "python")?.kind, "language");
  assert.equal(pauseOf(settings, "go"), undefined);
  assert.equal(pauseOf({ ...settings, snoozedUntil: 1 }, "python")?.kind, "snoozed");
  assert.equal(pauseOf({ ...settings, enabled: false, snoozedUntil: 1 }, "go")?.kind, "disabled");
});

test("a list of languages that is empty again is no setting any more", () => {
  assert.deepEqual(withLanguage([], "go", true), ["go"]);
  assert.equal(withLanguage(["go"], "go", false), undefined);
  assert.deepEqual(withLanguage(["go", "c"], "go", true), ["c", "go"]);
});

test("words of the server are text in the tooltip, not Markdown", () => {
  const now = situation({ state: "degraded", message: "[x](command:evil) `y`" });
  assert.match(tooltipOf(viewOf(now), now, []), /\\\[x\\\]\\\(command:evil\\\) \\`y\\`/);
});
