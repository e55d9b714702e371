"""The places of the context benchmark, what a hit is, the order of chunks, and intervals."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import crosscode
from benchmarks.crosscode import Chunk, Task, by_overlap, compare, exact_match, interval


@pytest.mark.parametrize(
    ("completion", "truth", "hit"),
    [
        ("undo(m)\n    more", "undo(m)", True),
        ("  undo(m) ", "undo(m)", True),  # white space around a line aside
        ("undo( m)", "undo(m)", False),
        ("undo(m).x", "undo(m)", False),  # not only the beginning of a line
        ("A a,\n            B b)\n{", "A a,\n    B b)", True),
        ("A a,\n\n    B b)", "A a,\n    B b)", True),  # blank lines aside
        ("A a,", "A a,\n    B b)", False),
        ("\n  undo(m)", "undo(m)", True),
        ("", "undo(m)", False),
    ],
)
def test_exact_match(completion: str, truth: str, hit: bool) -> None:
    assert exact_match(completion, truth) is hit


@pytest.mark.parametrize(
    ("completion", "hit"), [("x = 1  \ny", True), ("x = 1", True), ("x = 12", False), ("", False)]
)
def test_a_line_hit_is_the_whole_rest_of_the_line(completion: str, hit: bool) -> None:
    assert crosscode.line_hit(completion, "x = 1") is hit


def test_the_truth_in_a_chunk() -> None:
    assert crosscode.stands_in("  result = total(rows)", "def f():\n    result = total(rows)\n")
    assert not crosscode.stands_in("result = total(rows)", "result = total(lines)")
    assert not crosscode.stands_in("return x", "return x")  # too short to tell anything


def test_crosscode_tasks_come_languages_in_turn(tmp_path: Path) -> None:
    for language in crosscode.LANGUAGES:
        (tmp_path / language).mkdir()
        rows = [
            {
                "metadata": {"task_id": f"{language}/{i}", "repository": "o-n-c1", "file": "a/b"},
                "prompt": "x.",
                "right_context": "\n",
                "groundtruth": "y",
                "crossfile_context": {
                    "list": [
                        {"filename": "c", "retrieved_chunk": "\n  one\n", "score": 1},
                        {"filename": "d", "retrieved_chunk": " \n", "score": 0.5},
                    ]
                },
            }
            for i in range(2)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / language / "inputs.jsonl").write_text(text, encoding="utf-8")
    tasks = crosscode.crosscode(tmp_path)
    assert [t.task_id for t in tasks[3:6]] == ["csharp/0", "python/1", "java/1"]
    assert tasks[0] == Task(
        "python/0", "python", "o-n", "a/b", "x.", "\n", "y", (Chunk("c", "  one"),)
    )


AFTER = "import os\n\ndef f(a):\n    b = a + 1\n    }\n    return b\nend\n"


def row(**changes: Any) -> dict[str, Any]:
    spans = [{"start_line": 4, "n_lines": 3, "deleted_lines": 0}]
    about = {"repo": "o/n", "commit": "c" * 40, "path": "f.py", "lang": "python"}
    return {**about, "after": AFTER, "spans": spans, **changes}


def test_a_place_has_its_indentation_and_not_the_rest_of_its_span() -> None:
    first, second = crosscode.places_of(row(), row()["spans"][0])  # not the line of one bracket
    assert first.prefix == "import os\n\ndef f(a):\n    "
    assert (first.truth, first.suffix) == ("b = a + 1", "\nend\n")
    assert second.prefix == "import os\n\ndef f(a):\n    b = a + 1\n    }\n    "
    assert (second.truth, second.suffix) == ("return b", "\nend\n")
    assert first.task_id != second.task_id


@pytest.mark.parametrize("text", ["a = 1\nb = 2", "a = 1\nb = 2\n"])
def test_a_span_may_end_the_file(text: str) -> None:
    span = {"start_line": 2, "n_lines": 1}
    (place,) = crosscode.places_of(row(after=text), span)
    assert (place.prefix, place.truth) == ("a = 1\n", "b = 2")
    assert place.prefix + place.truth + place.suffix == text


def test_a_span_beyond_the_file_has_no_places() -> None:
    assert crosscode.places_of(row(), {"start_line": 7, "n_lines": 3}) == []


def test_replay_is_the_same_for_a_seed_and_repositories_take_turns() -> None:
    long = "".join(f"value_{i} = {i}\n" for i in range(40))
    spans = [{"start_line": 1, "n_lines": 40, "deleted_lines": 0}]
    rows = [
        row(repo=repo, path=f"{i}.py", after=long, spans=spans)
        for repo, n in (("a/large", 30), ("b/small", 6))
        for i in range(n)
    ]
    dev = crosscode.replay(rows, split="dev", n=16, seed=1)
    assert dev == crosscode.replay(rows, split="dev", n=16, seed=1)
    assert dev != crosscode.replay(rows, split="dev", n=16, seed=2)
    assert [t.repository for t in dev[:4]] == ["a/large", "b/small"] * 2
    all_dev = crosscode.replay(rows, split="dev", n=1000, seed=1)
    files = {(t.repository, t.path) for t in all_dev}
    assert len(all_dev) == crosscode.PER_SPAN * len(files)
    held_out = crosscode.replay(rows, split="held-out", n=1000, seed=1)
    assert files.isdisjoint((t.repository, t.path) for t in held_out)
    assert len(all_dev) + len(held_out) == crosscode.PER_SPAN * len(rows)


def test_words_are_names_and_their_parts() -> None:
    assert crosscode.words("HTTPServer.read_all2(x)") == {
        *("httpserver", "http", "server"),
        *("read_all2", "read", "all", "2"),
    }


def test_chunks_with_the_names_near_the_cursor_come_first() -> None:
    chunks = (
        Chunk("a", "for row in table:\n    print(row)"),
        Chunk("b", "def close_account(account):\n    account.closed = True"),
        Chunk("c", "table = []"),
    )
    far = "table = row\n" + "\n" * 30
    task = Task("t", "python", "o/n", "f.py", far + "closeAccount(", "\n", "x", chunks)
    assert by_overlap(task)[0].path == "b"
    assert [c.path for c in by_overlap(task._replace(prefix="x"))] == ["a", "b", "c"]
    assert by_overlap(task._replace(chunks=())) == []


def test_the_interval_of_independent_tasks_is_that_of_the_paired_difference() -> None:
    a = [True] * 38 + [False] * 62
    b = [True] * 34 + [False] * 4 + [True] * 16 + [False] * 46
    found = interval(a, b, range(100))
    error = 100 * math.sqrt((0.20 - 0.12**2) / 100)
    assert found.points == pytest.approx(12)
    assert (found.low, found.high) == pytest.approx((12 - 1.96 * error, 12 + 1.96 * error))


def test_tasks_of_one_file_count_as_one() -> None:
    a, b = [False] * 40, [True, False, False, False] * 10
    alone = interval(a, b, range(40))
    four = [x for x in a for _ in range(4)], [x for x in b for _ in range(4)]
    together = interval(*four, [i // 4 for i in range(160)])
    assert together == pytest.approx(alone)
    with pytest.raises(ValueError, match="no tasks"):
        interval([], [], [])


def test_compare_by_language() -> None:
    tasks = [
        Task(str(i), language, "o/n", str(i), "", "", "")
        for i, language in enumerate(["go", "c", "go", "c"])
    ]
    found = compare(tasks, {"none": [False, True, False, True], "all": [True, True, True, False]})
    assert found["all"]["hits"] == {"none": 0.5, "all": 0.75}
    assert found["go"]["differences"]["all"]["points"] == pytest.approx(100)
    assert found["c"]["differences"]["all"]["points"] == pytest.approx(-50)
    assert (found["c"]["n"], found["c"]["files"]) == (2, 2)
