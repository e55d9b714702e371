import assert from "node:assert/strict";
import { test } from "node:test";
import { cancelled, counterpart, label, summary, translatedName, unitAt } from "../src/translated";
import type { Translated, Unit } from "../src/translated";
import { NONE, targetsOf } from "../src/abilities";
import { announcement, nearest, remembered } from "../src/verdicts";

function unit(source: [number, number], target: [number, number], verdict: string, reason = ""): Unit {
  const range = ([start, end]: [number, number]) => ({ start: { line: start }, end: { line: end } });
  return { name: "u", sourceRange: range(source), range: range(target), verdict, reason, form: "faithful" };
}

const UNITS = [
  unit([6, 8], [3, 7], "proved", "120 inputs"),
  unit([8, 12], [9, 11], "differs", "for 0.10"),
];
const ALL: Translated = { languageId: "python", text: "a\nb\n", verdict: "differs", reason: "", units: UNITS };

test("the summary counts units by verdict", () => {
  assert.equal(summary(ALL), "2 units: 1 proved · 1 differs");
  assert.equal(summary({ ...ALL, units: [] }), "0 units");
});

test("a unit's words are its verdict and the reason for it", () => {
  assert.deepEqual(UNITS.map(label), ["proved · 120 inputs", "differs · for 0.10"]);
  assert.equal(label(unit([0, 1], [0, 1], "proved")), "proved");
});

test("a verdict of a later server counts as not proved", () => {
  assert.equal(label(unit([0, 1], [0, 1], "splendid")), "not proved");
});

test("lines of one side have their place on the other", () => {
  assert.equal(counterpart(ALL, "source", 6), 3);
  assert.equal(counterpart(ALL, "source", 7), 5);
  assert.equal(counterpart(ALL, "target", 10), 10);
  assert.equal(counterpart(ALL, "target", 8), 9, "between two units: behind the first");
  assert.equal(counterpart({ units: [] }, "source", 4), 4);
  const mapped = { ...ALL, lineMap: [-1, -1, -1, 7, 6] };
  assert.equal(counterpart(mapped, "source", 7), 3, "the line says it more exactly than the unit");
  assert.equal(counterpart(mapped, "target", 4), 6);
  assert.equal(counterpart(mapped, "target", 5), 7);
  assert.equal(unitAt(UNITS, "source", 8), UNITS[1]);
  assert.equal(unitAt(UNITS, "source", 0), undefined);
});

test("a document is translated to what the server said of its language", () => {
  const can = { ...NONE, translate: ["python", "go"], translateFrom: { cobol: ["python"], c: ["go"] } };
  assert.deepEqual(targetsOf(can, "COBOL"), ["python"]);
  assert.deepEqual(targetsOf(can, "acucobol"), ["python"]);
  assert.deepEqual(targetsOf(can, "c"), ["go"]);
  assert.deepEqual(targetsOf(can, "css"), []);
  assert.deepEqual(targetsOf(can, "plaintext"), ["python", "go"], "the server goes by the name");
  assert.deepEqual(targetsOf({ ...can, translateFrom: {} }, "css"), ["python", "go"]);
});

test("of units within each other the inner one holds a line", () => {
  const whole = unit([0, 20], [0, 20], "proved");
  assert.equal(unitAt([whole, ...UNITS], "source", 8), UNITS[1]);
  assert.equal(unitAt([whole, ...UNITS], "source", 1), whole);
});

test("what was not reached is a unit of its own, the rest stays", () => {
  const stopped = cancelled(ALL, "python", 0, 20);
  assert.equal(stopped.text, ALL.text);
  assert.deepEqual(stopped.units.slice(0, 2), UNITS);
  const [, , rest] = stopped.units;
  assert.deepEqual([rest?.verdict, rest?.sourceRange.start.line, rest?.sourceRange.end.line], ["cancelled", 12, 20]);
  assert.equal(summary(stopped), "2 units: 1 proved · 1 differs · 1 cancelled");
});

test("stopped before there was anything, all of it is cancelled", () => {
  const stopped = cancelled(undefined, "java", 4, 9);
  assert.equal(stopped.text, "");
  assert.deepEqual(stopped.units.map(({ sourceRange }) => sourceRange.start.line), [4]);
});

test("stopped when all was there, nothing is cancelled", () => {
  assert.equal(cancelled(ALL, "python", 6, 12).units.length, 2);
});

test("a translation is named after its source", () => {
  assert.equal(translatedName("orders.cbl", "python"), "orders.py");
  assert.equal(translatedName("Makefile", "go"), "Makefile.go");
});

test("an edit is announced with what is known of it", () => {
  assert.equal(
    announcement("Simplify", "not verified", "it parses"),
    "slmcode: Simplify. Not verified: it parses.",
  );
  assert.equal(announcement("Simplify", "", ""), "slmcode: Simplify");
});

test("a fix is for the nearest problems", () => {
  const problem = (start: number, end: number) => ({ range: { start: { line: start }, end: { line: end } } });
  const [a, b, c] = [problem(0, 0), problem(4, 6), problem(8, 8)];
  assert.deepEqual(nearest([a, b, c], 5, 3), [b]);
  assert.deepEqual(nearest([a, b, c], 7, 3), [b, c]);
  assert.deepEqual(nearest([], 7, 3), []);
});

test("an instruction given again comes to the front, and the oldest goes", () => {
  assert.deepEqual(remembered(["a", "b", "c"], "b", 3), ["b", "a", "c"]);
  assert.deepEqual(remembered(["a", "b", "c"], "d", 3), ["d", "a", "b"]);
});
