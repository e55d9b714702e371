"""What a first-line hit is, and how methods are compared."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.infilling import Results, Task, difference, first_line_hit, run, sample, summary


@pytest.mark.parametrize(
    ("completion", "middle", "hit"),
    [
        ("a + b\n", "a + b\n", True),
        ("a + b  \nmore", "a + b\n", True),  # trailing blanks aside
        ("a + b + c\n", "a + b\n", False),
        ("a + b", "a + b\n    return c\n", True),  # only the first line counts
        ("rue\n    return", "ru", True),  # one line only: starts with it
        ("r", "ru", False),
        ("\nx = 1", "\nx = 2", True),  # an empty first line is a first line
        ("x = 1", "\nx = 1", False),
        ("", "", True),
    ],
)
def test_first_line_hit(completion: str, middle: str, hit: bool) -> None:
    assert first_line_hit(completion, middle) is hit


def test_difference_is_paired() -> None:
    a = [True] * 38 + [False] * 62
    b = [True] * 34 + [False] * 4 + [True] * 16 + [False] * 46
    d = difference(a, b)
    assert (d.n, d.only_a, d.only_b) == (100, 4, 16)
    assert d.points == pytest.approx(12)
    # paired values: 16 times +1, 4 times -1, 80 times 0
    assert d.standard_error == pytest.approx(100 * math.sqrt((0.20 - 0.12**2) / 100))
    # binomial(20, 1/2), at most 4, both tails
    assert d.p_value == pytest.approx(2 * 6196 / 2**20)


def test_equal_methods_do_not_differ() -> None:
    d = difference([True, False], [True, False])
    assert (d.points, d.standard_error, d.p_value) == (0, 0, 1)


def test_methods_on_different_tasks_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        difference([True], [True, False])


def test_sample_is_the_same_for_a_seed_and_in_order() -> None:
    tasks = [Task(str(i), "", "", "") for i in range(50)]
    chosen = sample(tasks, 10, seed=1)
    assert chosen == sample(tasks, 10, seed=1)
    assert chosen != sample(tasks, 10, seed=2)
    assert [int(t.task_id) for t in chosen] == sorted(int(t.task_id) for t in chosen)
    assert sample(tasks, None, seed=1) == tasks


def test_a_run_is_continued(tmp_path: Path) -> None:
    """What is in the file is not asked again; other settings' completions are not used."""
    tasks = [Task("1", "a", "", "x"), Task("2", "b", "", "y")]
    asked: list[str] = []

    def complete(prefix: str, suffix: str, method: str, max_tokens: int) -> str:
        asked.append(prefix + method)
        if prefix == "b" and len(asked) == 2:
            raise KeyboardInterrupt
        return "x"

    def go(key: str) -> list[tuple[str, bool]]:
        results = Results(tmp_path / "out.jsonl", key)
        return [
            (task.task_id, hit)
            for task, _, hit in run(tasks, ["plain"], complete, results, max_tokens=8)
        ]

    with pytest.raises(KeyboardInterrupt):
        go("fast")
    assert go("fast") == [("1", True), ("2", False)]
    assert asked == ["aplain", "bplain", "bplain"]
    go("quality")
    assert asked[3:] == ["aplain", "bplain"]


def test_summary_compares_with_the_first_method() -> None:
    s = summary({"plain": [True, False], "healed": [True, True]})
    assert s["hits"] == {"plain": 0.5, "healed": 1.0}
    assert s["against"] == "plain"
    assert s["differences"]["healed"]["points"] == 50
