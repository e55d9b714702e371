import assert from "node:assert/strict";
import { test } from "node:test";
import { explanationPage, lines } from "../src/explanation";
import { promptPage, tracePage, whyPage } from "../src/whyview";
import type { LastCompletion, Why } from "../src/whyview";

const TIMINGS = {
  cache_n: 412,
  prompt_n: 12,
  predicted_n: 5,
  draft_n: 8,
  draft_n_accepted: 3,
  queued_ms: 0.01,
  prompt_ms: 8.13,
  predicted_ms: 61,
  other_ms: 0,
};
const LAST: LastCompletion = {
  reason: null,
  message: "",
  from_memory: false,
  score: 0.83,
  timings: TIMINGS,
  server_ms: 1.2,
  trace: {
    name: "completion",
    at_ms: 0,
    ms: 71.2,
    reason: null,
    children: [
      { name: "wait", at_ms: 35.6, ms: 35.6, final: true },
      { name: "retrieval", at_ms: 90, ms: 10, chunks: 1 },
    ],
  },
};
const WHY: Why = {
  note: "",
  chunks: [
    {
      uri: "file:///w/warehouse.py",
      path: "warehouse.py",
      range: { start: { line: 3 }, end: { line: 12 } },
      tokens: 74,
      score: 1,
      reason: "receiver",
      text: "class Warehouse:\n    pass\n",
    },
  ],
};
const PROMPT = {
  tokens: 2,
  generated: "a + b",
  pieces: [
    { kind: "special", source: "vocabulary", tokenCount: 1, text: "<|fim_prefix|>" },
    { kind: "prefix", source: "1:1-2:1", tokenCount: 1, text: "x\ny\n" },
  ],
};

test("what was shown comes with its tokens, times and context", () => {
  const { text } = whyPage("a.py", LAST, WHY, PROMPT);
  for (const part of [
    /^What was shown\nlast in a\.py\n/,
    /^prompt reused +412 tokens$/m,
    /^evaluated +12 tokens in 8\.1 ms$/m,
    /^written +5 tokens in 61 ms$/m,
    /^drafted +8 tokens, 3 kept$/m,
    /^likely right +83 %$/m,
    /^warehouse\.py:4 · receiver · score 1\.00 · 74 tokens\nclass Warehouse:\n/m,
  ]) {
    assert.match(text, part);
  }
  assert.doesNotMatch(text, /waited/, "0.01 ms is no wait");
});

test("the reason is the title where nothing was shown", () => {
  const last = { ...LAST, reason: "gated", message: "not likely enough to be right: 0.31" };
  const { text } = whyPage("a.py", last, null, null);
  assert.match(text, /^Not likely enough to be right: 0\.31\.\nThat is why nothing was shown/);
});

test("nothing asked for yet is said, too", () => {
  assert.match(whyPage("a.py", null, null, null).text, /^Nothing was asked for yet/);
  assert.match(tracePage("a.py", null).text, /^Nothing was asked for in a\.py yet/);
  assert.match(promptPage("a.py", null).text, /^Nothing was sent/);
});

test("the note says why there is no context", () => {
  const { text } = whyPage("a.py", LAST, { chunks: [], note: "there is no workspace" }, null);
  assert.match(text, /From other files\nThere is no workspace\.\n/);
});

test("a link opens the file at the line, and lies over its words", () => {
  const page = whyPage("a.py", LAST, WHY, null);
  const link = page.links.find(({ target }) => target.startsWith("file:"));
  assert.equal(link?.target, "file:///w/warehouse.py#L4");
  assert.equal(page.text.split("\n")[link.line]?.slice(link.start, link.end), "warehouse.py:4");
});

test("no time is said where none was measured", () => {
  const last = { ...LAST, timings: { ...TIMINGS, predicted_ms: 0 } };
  assert.match(whyPage("a.py", last, null, null).text, /^written +5 tokens$/m);
});

test("the prompt is shown piece by piece, special tokens by name", () => {
  const { text, headings } = promptPage("a.py", PROMPT);
  const lines = text.split("\n");
  assert.deepEqual(
    headings.map((line) => lines[line]),
    ["prefix · 1:1-2:1 · 1 token", "the model wrote"],
  );
  assert.match(text, /<\|fim_prefix\|>\nprefix · 1:1-2:1 · 1 token\nx\ny\nthe model wrote\na \+ b\n$/);
});

test("a trace's bars stand where the time was spent", () => {
  const { text } = tracePage("a.py", LAST);
  assert.match(text, /^ {5}0\.0 {5}71\.2 {2}completion {3}█{24}$/m);
  assert.match(text, /^ {4}35\.6 {5}35\.6 {4}wait {7}·{12}█{12} {2}final=yes$/m);
  assert.match(text, /retrieval {2}\(afterwards\) +chunks=1$/m);
});

test("an explanation grows, and says at its end why no more comes", () => {
  const about = lines("a.py", "file:///a.py", 3, 5);
  const textOf = (text: string, end: string): string =>
    explanationPage(about, text, end, () => undefined).text;
  assert.equal(textOf("It", "…"), "# a.py:3–5\n\nIt\n…\n");
  assert.equal(textOf("It adds.", ""), "# a.py:3–5\n\nIt adds.\n");
  assert.match(textOf("It", "Stopped."), /It\n\n\*Stopped\.\*\n$/);
});

test("the places an explanation names lead there", () => {
  const find = (path: string): string | undefined =>
    path === "shop/prices.py" ? "file:///w/shop/prices.py" : undefined;
  const text = [
    "`price_of` (`shop/prices.py:12-14`) calls [tax](file:///w/tax.py#L3), see other.py:9.",
    "```python",
    "raise E  # shop/prices.py:1",
    "```",
    "[More](https://example.org) at 10.30:15",
    "It is `a\\_b` \\(a\\_b\\), [my\\_a.py:1](file:///w/my_a.py#L1).",
  ].join("\n");
  const page = explanationPage(lines("a.py", "file:///a.py", 3), text, "", find);
  const shown = page.text.split("\n");
  assert.deepEqual(
    page.links.map(({ line, start, end, target }) => [shown[line]?.slice(start, end), target]),
    [
      ["a.py:3", "file:///a.py#L3"],
      ["shop/prices.py:12-14", "file:///w/shop/prices.py#L12"],
      ["tax", "file:///w/tax.py#L3"],
      ["my_a.py:1", "file:///w/my_a.py#L1"],
    ],
  );
  assert.equal(shown[2], "`price_of` (`shop/prices.py:12-14`) calls tax, see other.py:9.");
  assert.equal(shown[6], "[More](https://example.org) at 10.30:15");
  assert.equal(shown[7], "It is `a\\_b` (a_b), my_a.py:1.");
});
