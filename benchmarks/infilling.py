"""First-line hits as pure logic: the tasks, what a hit is, and paired differences.

A first-line hit (data/README.md): with greedy decoding the completion's first line equals the
true one, trailing blanks aside; where the true middle has one line only, the completion starts
with it. Methods are compared on the same tasks, so a difference has the standard error of the
paired difference, which is far smaller than that of two shares.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SETS = ("RandomSpan", "SingleLine")

# prefix, suffix, method, max_tokens -> completion
Complete = Callable[[str, str, str, int], str]


class Task(NamedTuple):
    """A hole in a function."""

    task_id: str
    prefix: str
    suffix: str
    middle: str


def load(folder: Path, name: str) -> list[Task]:
    """The tasks of one set. Raises OSError where the data is absent."""
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Task(r["task_id"], r["prompt"], r["suffix"], r["canonical_solution"]) for r in rows]


def sample(tasks: Sequence[Task], n: int | None, seed: int) -> list[Task]:
    """`n` of the tasks, the same for a seed, in their order; all for None."""
    if n is None or n >= len(tasks):
        return list(tasks)
    chosen = sorted(random.Random(seed).sample(range(len(tasks)), n))
    return [tasks[i] for i in chosen]


def first_line_hit(completion: str, middle: str) -> bool:
    """Is the completion's first line the true one?"""
    line, line_end, _ = middle.partition("\n")
    if not line_end:
        return completion.startswith(line)
    return completion.partition("\n")[0].rstrip() == line.rstrip()


class Difference(NamedTuple):
    """Method b against method a on the same tasks."""

    n: int
    points: float  # hits of b minus hits of a, in percentage points
    standard_error: float  # of `points`, from the paired differences
    only_a: int
    only_b: int
    p_value: float  # McNemar's exact test, two-sided


def difference(a: Sequence[bool], b: Sequence[bool]) -> Difference:
    """Compare hits of two methods, task by task. Raises ValueError for unequal lengths."""
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    n = len(a)
    if n == 0:
        return Difference(0, 0.0, 0.0, 0, 0, 1.0)
    mean = (only_b - only_a) / n
    variance = max((only_a + only_b) / n - mean**2, 0.0)
    differing = only_a + only_b
    tail = sum(math.comb(differing, k) for k in range(min(only_a, only_b) + 1)) / 2**differing
    return Difference(
        n, 100 * mean, 100 * math.sqrt(variance / n), only_a, only_b, min(2 * tail, 1.0)
    )


class Results:
    """Completions by task and method, kept in a file so that a long run can be continued.

    The file has one JSON object a line. What it says of other runs' settings (`key`) is left
    alone and not used.
    """

    def __init__(self, path: Path | None, key: str) -> None:
        self._path = path
        self._key = key
        self._known: dict[tuple[str, str], str] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if row["key"] == key:
                    self._known[row["task_id"], row["method"]] = row["completion"]

    def get(self, task_id: str, method: str) -> str | None:
        """The completion, if it is known."""
        return self._known.get((task_id, method))

    def put(self, task_id: str, method: str, completion: str) -> None:
        """Keep a completion."""
        self._known[task_id, method] = completion
        if self._path is not None:
            row = {
                "key": self._key,
                "task_id": task_id,
                "method": method,
                "completion": completion,
            }
            with self._path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


def run(
    tasks: Sequence[Task],
    methods: Sequence[str],
    complete: Complete,
    results: Results,
    *,
    max_tokens: int,
) -> Iterable[tuple[Task, str, bool]]:
    """Every task by every method; yields task, method and hit as they are known."""
    for task in tasks:
        for method in methods:
            completion = results.get(task.task_id, method)
            if completion is None:
                completion = complete(task.prefix, task.suffix, method, max_tokens)
                results.put(task.task_id, method, completion)
            yield task, method, first_line_hit(completion, task.middle)


def summary(hits: Mapping[str, Sequence[bool]]) -> dict[str, Any]:
    """Share of hits per method, and each method's difference to the first one."""
    methods = list(hits)
    first = methods[0]
    return {
        "n": len(hits[first]),
        "hits": {m: sum(hits[m]) / len(hits[m]) if hits[m] else None for m in methods},
        "against": first,
        "differences": {m: difference(hits[first], hits[m])._asdict() for m in methods[1:]},
    }
