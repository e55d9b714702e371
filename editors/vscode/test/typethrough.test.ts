import assert from "node:assert/strict";
import { test } from "node:test";
import { distinct, firstLine, moved, restOf, typedLength } from "../src/typethrough";

const OFFER = "return (a + b) * 2";

/** Types keys into a document at the offer's start; what is left of the offer after each. */
function along(text: string, keys: readonly string[], eol = "\n"): (string | undefined)[] {
  let document = "";
  let span = { start: 0, end: 0 };
  return keys.map((key) => {
    const change = { rangeOffset: document.length, rangeLength: 0, text: key.replace("\n", eol) };
    document += change.text;
    span = moved(span, change) ?? assert.fail();
    return restOf(text, document, document.slice(document.length, span.end))?.text;
  });
}

test("what is typed along an offer shortens it, key by key", () => {
  assert.deepEqual(along("a + b", ["a", " ", "+"]), [" + b", "+ b", " b"]);
});

test("an offer that is used up has no rest", () => {
  assert.deepEqual(along("ab", ["a", "b"]), ["b", undefined]);
});

test("a key that the offer does not have ends it", () => {
  assert.deepEqual(along("ab", ["a", "x"]), ["b", undefined]);
});

test("lines of a document end with CR LF, those of an offer never", () => {
  const rests = along("if x:\n    y()\n", ["if x:", "\n", "    y"], "\r\n");
  assert.deepEqual(rests, ["\n    y()\n", "    y()\n", "()\n"]);
});

test("an emoji is two units long, and half of it is no rest", () => {
  assert.equal(restOf("'😀'", "'😀", "")?.typed, 3);
  assert.equal(restOf("'😀'", "'", "")?.text, "😀'");
});

test("a bracket that the editor closed must stand in the rest", () => {
  assert.equal(restOf(OFFER, "return (", ")")?.text, "a + b) * 2");
  assert.equal(restOf(OFFER, "return (", "]"), undefined);
  assert.equal(restOf("f()", "f(", ")"), undefined, "nothing is left to be shown");
});

test("text behind the cursor on another line is the server's business", () => {
  assert.equal(restOf("{\n  x\n}", "{\n  ", "\n}"), undefined);
});

test("the rest knows where the cursor's line begins in the offer", () => {
  assert.equal(restOf("a\nbc", "a", "")?.line, 0);
  assert.equal(restOf("a\nbc", "a\r\nb", "")?.line, 2);
});

test("a part that was accepted is measured in units of the offer, not of the document", () => {
  assert.equal(typedLength("a\n😀b", "a\r\n😀"), 4);
  assert.equal(typedLength("a\nb", "ab"), undefined);
});

test("a span grows with what is typed in it, and at its ends", () => {
  assert.deepEqual(moved({ start: 5, end: 5 }, insertion(5, "ab")), { start: 5, end: 7 });
  assert.deepEqual(moved({ start: 5, end: 7 }, insertion(7, "c")), { start: 5, end: 8 });
  const deletion = { rangeOffset: 6, rangeLength: 1, text: "" };
  assert.deepEqual(moved({ start: 5, end: 7 }, deletion), { start: 5, end: 6 });
});

test("a span moves with what is changed above it, and stays with what is changed below", () => {
  assert.deepEqual(moved({ start: 5, end: 7 }, insertion(0, "ab")), { start: 7, end: 9 });
  assert.deepEqual(moved({ start: 5, end: 7 }, insertion(9, "ab")), { start: 5, end: 7 });
});

test("a change over its border ends a span", () => {
  const across = { rangeOffset: 4, rangeLength: 2, text: "x" };
  assert.equal(moved({ start: 5, end: 7 }, across), undefined);
});

test("one line is the first with something on it", () => {
  assert.equal(firstLine("a\nb"), "a");
  assert.equal(firstLine("\n    a  \nb"), "\n    a");
  assert.equal(firstLine(""), "");
  assert.deepEqual(distinct(["a", "b", "a"]), ["a", "b"]);
});

function insertion(rangeOffset: number, text: string): { rangeOffset: number; rangeLength: number; text: string } {
  return { rangeOffset, rangeLength: 0, text };
}
