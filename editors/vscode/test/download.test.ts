import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { download, progressText, pullEvent } from "../src/download";
import { log } from "./log";
import { progress, progressToken, reset } from "./vscode";

const folder = mkdtempSync(join(tmpdir(), "slmcode-"));
after(() => {
  rmSync(folder, { recursive: true });
});
beforeEach(reset);

/** A program that does what `script` says, in place of `slmcode models pull`. */
function puller(script: string) {
  const file = join(folder, "pull.cjs");
  writeFileSync(file, `const say = (event) => console.log(JSON.stringify(event));\n${script}`);
  return { program: process.execPath, args: [file] };
}

test("events are read, and everything else is passed over", () => {
  const line = '{"event":"progress","done":5,"total":10,"source":"hub"}';
  assert.deepEqual(pullEvent(line), { event: "progress", done: 5, total: 10, source: "hub" });
  assert.deepEqual(pullEvent('{"event":"done","path":"/m"}'), { event: "done", path: "/m" });
  for (const other of ["Downloading…", "null", "7", '{"event":"progress","done":1}', '{"event":"x"}']) {
    assert.equal(pullEvent(other), undefined);
  }
  assert.equal(pullEvent('{"event":"progress","done":0,"total":0}'), undefined);
});

test("how far it is, in MB; the digest's check in per cent", () => {
  const event = { event: "progress", done: 123_400_000, total: 491_400_064 } as const;
  assert.equal(progressText(event), "123 of 491 MB");
  assert.equal(progressText({ ...event, source: "checking" }), "checking 25 %");
});

test("the bar grows to 100 and never more, though another source begins anew", async () => {
  const command = puller(`
    for (const [source, done] of [["hub", 30], ["parts", 10], ["parts", 100], ["checking", 50]])
      say({event: "progress", done, total: 100, source});
    say({event: "done", path: "/m"});`);
  assert.equal(await download("fast", command, log()), true);
  assert.deepEqual(progress.map((step) => step.increment), [30, 0, 70, 0]);
  assert.equal(progress.at(-1)?.message, "checking 50 %");
});

test("a failure is told in the command's own words", async () => {
  const command = puller('say({event: "error", message: "the disk is full"}); process.exit(1);');
  await assert.rejects(download("fast", command, log()), /the disk is full/);
});

test("a failure without words has the last line", async () => {
  const command = puller('console.error("Traceback"); console.error("KeyError: 1"); process.exit(1);');
  await assert.rejects(download("fast", command, log()), /KeyError: 1/);
});

test("cancelled, the command is interrupted and may tidy up", async () => {
  const marker = join(folder, "tidied");
  const command = puller(`
    process.on("SIGINT", () => { require("fs").writeFileSync(${JSON.stringify(marker)}, ""); process.exit(130); });
    say({event: "progress", done: 1, total: 100});
    setInterval(() => {}, 1000);`);
  const lines = log();
  const done = download("fast", command, lines);
  await new Promise<void>((resolve) => {
    const waiting = setInterval(() => {
      if (progress.length > 0) {
        clearInterval(waiting);
        resolve();
      }
    }, 5);
  });
  progressToken?.cancel();
  assert.equal(await done, false);
  rmSync(marker); // throws if the command was not let to tidy up
});
