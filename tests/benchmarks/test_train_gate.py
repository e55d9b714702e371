"""Training the show-gate, as far as it is logic: which files, what is counted, what is written."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from benchmarks.replay import split_of
from benchmarks.train_gate import Samples, Visit, fit, regions, straightened, type_region, written
from slmcode.features import gate


def row(path: str, text: str) -> dict[str, Any]:
    n_lines = text.count("\n")
    return {
        "repo": "a/b",
        "path": path,
        "lang": "python",
        "after": text,
        "spans": [{"start_line": 1, "n_lines": n_lines, "deleted_lines": 0}],
    }


def test_only_held_out_files_are_used_and_no_line_twice() -> None:
    rows = [
        row(f"{i}.py", "".join(f"name_{i}_{line} = {line}\n" for line in range(12)))
        for i in range(40)
    ]
    found = list(regions(rows, seed=1))
    assert found
    assert {split_of(r.repository, r.path) for r in found} == {"held-out"}
    typed = [line for r in found for line in r.typed.split("\n")]
    assert len(set(typed)) >= 0.75 * len(typed)


def records(typed: str, text_at: dict[int, str]) -> list[dict[str, Any]]:
    """What `collect` writes for one line; `text_at` holds what the model says at a key."""
    out = []
    for n in range(len(typed)):
        text = text_at.get(n, "")
        out.append(
            {
                "file": "a/b/c.py",
                "region": 1,
                "n": n,
                "kind": "typed",
                "language_id": "python",
                "left": typed[: n + 1],
                "right": "",
                "node": "code",
                "in_block": False,
                "confirmed": 0,
                "text": text,
                "ends": [len(text)],
                "logprobs": [-0.1],
                "final": True,
                "remaining": typed[n + 1 :],
            }
        )
    return out


def everything(visit: Visit) -> gate.Verdict:
    return gate.Verdict(len(visit.record["text"]), 1.0, True)


def test_a_replay_counts_as_the_typing_benchmark_does() -> None:
    """After the first key a right word of six, taken for one key; then a wrong one, typed away."""
    region = records("return value", {0: "eturn ", 6: "None", 11: "s.x"})
    tally, visits = type_region(region, everything)
    assert [v.record["n"] for v in visits] == [0, 5, 6, 7, 8, 9, 10, 11]
    assert (tally.plain, tally.keys, tally.requests) == (12, 8, 8)
    assert (tally.shown, tally.right) == (3, 1)
    assert (tally.nothing, tally.quiet) == (2, 1)  # one character and none left


def separable() -> Samples:
    """Right where the summed log-probability is high, but for the pieces in comments."""
    rng = np.random.default_rng(1)
    n = 2000
    values = np.zeros((n, len(gate.FEATURES)))
    total, comment = gate.FEATURES.index("sum"), gate.FEATURES.index("comment")
    values[:, total] = rng.uniform(-6, 0, n)
    values[:, comment] = rng.integers(0, 2, n)
    right = (values[:, total] > -2) & (values[:, comment] == 0)
    return Samples(values, right.astype(float), np.ones(n), np.arange(n) % 5)


def test_what_is_written_is_what_was_fitted() -> None:
    data = separable()
    model = fit(data, 30)
    read = msgspec.json.decode(written(model), type=gate.Model)
    assert read == model
    odds = np.array([gate.Gate(read).odds(v) for v in data.values])
    assert np.mean((odds > 0) == (data.right > 0)) > 0.97


def test_straightening_scales_and_shifts_the_odds() -> None:
    data = separable()
    model = fit(data, 10)
    before, after = gate.Gate(model), gate.Gate(straightened(model, 0.5, -1.0))
    for values in data.values[:50]:
        assert abs(after.odds(values) - (0.5 * before.odds(values) - 1.0)) < 0.01
