import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WorkspaceEdit } from "vscode-languageclient/node";
import { applied, changesOf } from "../src/changes";
import type { Place } from "../src/changes";
import { known, outcomeIn, previewTitle, progressOf } from "../src/verdicts";

const at = (line: number, character: number): Place => ({ line, character });
const edit = (first: Place, last: Place, newText: string, annotationId?: string) => ({
  range: { start: first, end: last },
  newText,
  ...(annotationId !== undefined && { annotationId }),
});

describe("edits taken apart", () => {
  const wire = {
    documentChanges: [
      { kind: "create", uri: "file:///new.py" },
      {
        textDocument: { uri: "file:///new.py", version: null },
        edits: [edit(at(0, 0), at(0, 0), "x = 1\n", "new")],
      },
      { kind: "rename", oldUri: "file:///a.py", newUri: "file:///b.py" },
      {
        textDocument: { uri: "file:///b.py", version: 7 },
        edits: [edit(at(1, 0), at(1, 1), "B", "b"), edit(at(0, 0), at(0, 1), "A", "a")],
      },
    ],
    changeAnnotations: {
      new: { label: "new.py" },
      a: { label: "a", needsConfirmation: true, description: "verified: it parses" },
      b: { label: "b", needsConfirmation: true },
    },
  } as WorkspaceEdit;

  test("by file, with what is new and what moves", () => {
    const { files, parts, needsConfirmation } = changesOf(wire);
    assert.deepEqual(
      files.map(({ uri, isNew, movedTo, version }) => [uri, isNew, movedTo, version]),
      [
        ["file:///new.py", true, undefined, null],
        ["file:///a.py", false, "file:///b.py", 7],
      ],
    );
    assert.deepEqual(parts.map(({ id }) => id), ["new", "a", "b"]);
    assert.ok(needsConfirmation);
  });

  test("what nobody has to confirm", () => {
    const plain = { changes: { "file:///a.py": [edit(at(0, 0), at(0, 1), "A")] } };
    assert.equal(changesOf(plain).needsConfirmation, false);
    assert.deepEqual(changesOf(plain).files.map(({ pieces }) => pieces.length), [1]);
  });

  test("parts that are left out are not made; line ends stay what they were", () => {
    const text = "a\r\nb\r\n";
    const offsetAt = ({ line, character }: Place): number => line * 3 + character;
    const pieces = changesOf(wire).files[1]?.pieces ?? [];
    assert.equal(applied(text, pieces, new Set(), offsetAt), "A\r\nB\r\n");
    assert.equal(applied(text, pieces, new Set(["a"]), offsetAt), "a\r\nB\r\n");
    const lines = [{ start: at(0, 1), end: at(0, 1), newText: "\nc", part: "" }];
    assert.equal(applied(text, lines, new Set(), offsetAt), "a\r\nc\r\nb\r\n");
  });
});

describe("what is said of an edit", () => {
  const outcome = {
    title: "Add type hints",
    verdict: "verified",
    reason: "nothing but annotations changed",
    contract: "type_hints",
    model: "quality",
    confidence: 0.9,
  };

  test("its verdict, its contract and who wrote it", () => {
    assert.equal(
      known(outcome),
      "Verified: nothing but annotations changed. Contract “type hints”, model “quality”.",
    );
    assert.equal(known({ title: "Inline", verdict: "exact", reason: "", confidence: null }), "Exact.");
  });

  test("that the model was not sure, once", () => {
    assert.match(known({ ...outcome, confidence: 0.1 }), /the model was not sure\.$/);
    const reason = "it parses; the model was not sure of it";
    assert.equal(known({ ...outcome, reason, confidence: 0.1 }).match(/not sure/g)?.length, 1);
    assert.equal(
      previewTitle("a.py", { ...outcome, confidence: 0.1 }),
      "a.py: Add type hints (verified, not sure)",
    );
  });

  test("what an annotation says of it", () => {
    assert.deepEqual(outcomeIn("Simplify", "not verified: it parses"), {
      title: "Simplify",
      verdict: "not verified",
      reason: "it parses",
    });
    assert.deepEqual(outcomeIn("X", "anything"), { title: "X", verdict: "", reason: "anything" });
  });

  test("how far work in units has come", () => {
    const done = [{ name: "total", verdict: "verified", reason: "" }];
    assert.equal(progressOf(done, 3), "1 of 3: total verified");
    assert.equal(progressOf([], 3), "");
  });
});
