import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/backoff";

test("three tries within a minute, each after a longer wait, then none", () => {
  const backoff = new Backoff();
  const waits = [0, 1000, 3000, 8000].map((now) => backoff.died(now));
  assert.deepEqual(waits, [250, 1000, 4000, undefined]);
});

test("deaths a minute apart are each the first", () => {
  const backoff = new Backoff();
  assert.deepEqual([0, 60_000, 120_000].map((now) => backoff.died(now)), [250, 250, 250]);
});

test("the oldest try is forgotten after a minute, not the newer ones", () => {
  const backoff = new Backoff();
  for (const now of [0, 30_000, 31_000]) {
    backoff.died(now);
  }
  assert.equal(backoff.died(60_000), 4000);
  assert.equal(backoff.died(60_001), undefined);
});

test("asked by the user, it begins anew", () => {
  const backoff = new Backoff();
  for (const now of [0, 1, 2, 3]) {
    backoff.died(now);
  }
  backoff.clear();
  assert.equal(backoff.died(4), 250);
});
