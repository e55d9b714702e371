"""The judgements of benchmarks.edits that need no model: what is broken, and the figures."""

from __future__ import annotations

import pytest

from benchmarks.edits import KINDS, Task, broken, canitedit, functions, passes, summary
from slmcode.features.edits import actions
from slmcode.features.edits.actions import Action
from slmcode.text import Snapshot, TextRange

CODE = "import os\n\n\ndef f(a, b=1):\n    # why\n    return a + b\n"


def task(action: Action, text: str = CODE) -> Task:
    return Task("t", "k", Snapshot("file:///t.py", "python", 1, text), TextRange(0, 0), action)


@pytest.mark.parametrize(
    ("action", "after", "what"),
    [
        (actions.DOCSTRING, CODE.replace("# why", '"""Add."""'), ""),
        (actions.DOCSTRING, CODE.replace("# why", '"""Add."""').replace("+", "-"), "not the same"),
        (actions.DOCSTRING, CODE.replace("    return a + b\n", '    """Add."""\n'), "not the same"),
        (actions.TYPE_HINTS, CODE.replace("(a, b=1)", "(a: int, b: int = 1) -> int"), ""),
        (actions.TYPE_HINTS, "from typing import Any\n" + CODE.replace("(a", "(a: Any"), ""),
        (actions.TYPE_HINTS, CODE.replace("(a, b=1)", "(a: int, b: int = 2)"), "not the same"),
        (actions.TYPE_HINTS, CODE.replace("(a, b=1)", "(b: int, a: int = 1)"), "not the same"),
        (actions.SIMPLIFY, CODE.replace("return a + b", "return (a"), "does not parse"),
        (actions.SIMPLIFY, CODE.replace("a + b", "b + a"), ""),
    ],
)
def test_what_a_shown_edit_breaks(action: Action, after: str, what: str) -> None:
    found = broken(task(action), after)
    assert what in found
    assert bool(found) == bool(what)


def test_a_file_that_did_not_parse_before_is_not_broken_by_an_edit() -> None:
    assert broken(task(actions.SIMPLIFY, "def f(:\n"), "def g(:\n") == ""


def test_the_tests_of_a_task_decide() -> None:
    assert passes("x = 1", "assert x == 1")
    assert not passes("x = 1", "assert x == 2")
    assert not passes("x = (", "")


def test_the_tasks_have_both_instructions_and_their_tests() -> None:
    tasks = list(canitedit({"1_cipher"}))
    assert [t.kind for t in tasks] == list(KINDS)
    assert all(t.tests and t.range.end == len(t.snapshot.text) for t in tasks)


def test_the_functions_are_the_same_for_a_seed_and_lack_what_is_asked_for() -> None:
    first, again, other = functions(1)[:50], functions(1)[:50], functions(2)[:50]
    assert [(t.name, t.kind) for t in first] == [(t.name, t.kind) for t in again]
    assert [(t.name, t.kind) for t in first] != [(t.name, t.kind) for t in other]
    for found in first:
        code = found.snapshot.text[slice(*found.range)]
        header = code.partition("\n")[0]
        assert found.kind == "docstring" or "->" not in header


def test_figures_of_no_tokens_are_not_guessed() -> None:
    spent = dict.fromkeys(
        ("first_token_ms", "predicted_n", "predicted_ms", "draft_n", "draft_n_accepted"), 0
    )
    row = {"verdict": "refused", "spent": spent, "first_fault": "x", "broken": "", "seconds": 1.0}
    figures = summary([row | {"passes": False, "first_passes": True}])
    assert figures["tokens_per_s"] is None
    assert (figures["shown"], figures["first_broke_contract"]) == (0, 1)
    assert (figures["first_passes"], figures["passes"]) == (1, 0)
