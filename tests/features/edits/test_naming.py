"""Names that a scripted model proposes: what is done with good ones, and with bad ones."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from slmcode.engine.fake import END, PREFIX, Script
from slmcode.features.edits.naming import ClearNames, is_name, propose
from slmcode.features.edits.outcome import Outcome, Verdict
from slmcode.features.edits.refactoring import Refactoring
from slmcode.text import Snapshot
from tests.features.edits.desk import Desk, run


def says(answer: str, opening: str) -> Script:
    """A model that goes on with `answer` behind the opening of its turn."""

    def script(tokens: list[int]) -> int:
        at = len(tokens) - tokens[::-1].index(PREFIX) + len("assistant\n") + len(opening)
        written = bytes(t for t in tokens[at:] if t < 256)
        data = answer.encode()
        more = len(written) < len(data) and data.startswith(written)
        return data[len(written)] if more else END

    return script


def cleared(folder: Path, source: str, answer: str, language: str = "python") -> Outcome:
    """The function with the names that the model likes."""

    async def ask() -> Outcome:
        desk = Desk(source, says(answer, "```\n"), language=language)
        path = Path(os.path.realpath(folder)) / "a.py"
        path.write_text("")
        (path.parent / "pyproject.toml").write_text("")
        desk.snapshot = Snapshot(path.as_uri(), language, 1, desk.snapshot.text)
        refactoring = Refactoring(desk.resources)
        try:
            return await ClearNames(desk.resources, refactoring).rename(desk.snapshot, desk.range)
        finally:
            await refactoring.close()
            await desk.stop()

    return asyncio.run(ask())


SOURCE = "def f(xs):\n    t = 0\n    for i in xs:\n        t += i\n    return t«»\n"


def test_the_model_proposes_and_rules_rename(tmp_path: Path) -> None:
    outcome = cleared(tmp_path, SOURCE, "t -> total\ni -> item\n```")
    assert (outcome.verdict, outcome.reason) == (
        Verdict.EXACT,
        "renamed by rules: t -> total, i -> item",
    )
    (change,) = outcome.changes
    assert change.after == (
        "def f(xs):\n    total = 0\n    for item in xs:\n        total += item\n    return total\n"
    )
    assert change.before is not None
    assert change.before.version == 1
    assert outcome.tries == 1
    assert outcome.spent.predicted_n > 0


def test_a_function_that_opens_a_file(tmp_path: Path) -> None:
    source = (
        "import json\n\n\ndef load(path):\n    with open(path) as f:\n        d = json.load(f)\n"
        "    return d«»\n"
    )
    outcome = cleared(tmp_path, source, "d -> data\nf -> file\n```")
    (change,) = outcome.changes
    assert change.after == (
        "import json\n\n\ndef load(path):\n    with open(path) as file:\n"
        "        data = json.load(file)\n    return data\n"
    )


def test_in_another_language(tmp_path: Path) -> None:
    source = "function f(a) {\n  const t = a * 2;\n  return { t };«»\n}\n"
    outcome = cleared(tmp_path, source, "t -> twice\n```", "javascript")
    (change,) = outcome.changes
    assert change.after == "function f(a) {\n  const twice = a * 2;\n  return { t: twice };\n}\n"


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("t -> for\ni -> item\n```", "`t` (`for` is no good name)"),
        ("t -> xs\ni -> item\n```", "`t` (`xs` is already used in a.py)"),
        ("t -> len\ni -> item\n```", "`t` (`len` is no good name)"),
    ],
)
def test_what_cannot_be_is_left_and_named(answer: str, left: str, tmp_path: Path) -> None:
    outcome = cleared(tmp_path, SOURCE, answer)
    assert outcome.reason == f"renamed by rules: i -> item; left as they are: {left}"


@pytest.mark.parametrize("answer", ["```", "I cannot.\n```", "t -> t\n```", "q -> quantity\n```"])
def test_an_answer_without_names_is_refused(answer: str, tmp_path: Path) -> None:
    outcome = cleared(tmp_path, SOURCE, answer)
    assert outcome.changes == ()
    assert outcome.reason == "the model has no clearer names"


def test_names_that_are_swapped_do_not_collide(tmp_path: Path) -> None:
    source = "def f():\n    a, b = 1, 2\n    return a - b«»\n"
    outcome = cleared(tmp_path, source, "a -> b\nb -> a\n```")
    assert outcome.changes == ()
    assert "`b` is already used" in outcome.reason


def test_parameters_keep_their_names_because_callers_may_say_them(tmp_path: Path) -> None:
    source = "def f(a, *, b=1):\n    c = a - b\n    return c«»\n"
    outcome = cleared(tmp_path, source, "a -> x\nb -> y\nc -> rest\n```")
    assert outcome.reason == "renamed by rules: c -> rest"


def test_a_function_without_local_names_is_refused(tmp_path: Path) -> None:
    outcome = cleared(tmp_path, "def f():\n    return 1«»\n", "```")
    assert outcome.reason == "the function has no local names that can be renamed for certain"


def test_a_file_that_does_not_parse_is_refused(tmp_path: Path) -> None:
    outcome = cleared(tmp_path, "def f(a:\n    return a«»\n", "a -> b\n```")
    assert outcome.reason == "the file does not parse"


# A name for what is extracted


def proposed(source: str, answer: str, operation: str = "extract-variable") -> str:
    """The name, by a model that answers so."""
    found: list[str] = []

    async def test() -> None:
        desk = Desk(source, says(answer, "`"))
        found.append(await propose(desk.resources, desk.snapshot, desk.range, operation))
        await desk.stop()

    run(test)
    return found[0]


EXPRESSION = "def f(a, b):\n    return g(«a * b»)\n"


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("area`", "area"),
        ("totalArea`", "total_area"),
        ("area` is the area.", "area"),
        ("a`", "value"),  # taken
        ("class`", "value"),
        ("list`", "value"),
        ("", "value"),
        ("123`", "value"),
    ],
)
def test_a_name_is_taken_if_it_is_one(answer: str, name: str) -> None:
    assert proposed(EXPRESSION, answer) == name


def test_plain_names_for_functions() -> None:
    assert proposed(EXPRESSION, "", "extract-function") == "extracted"
    taken = EXPRESSION.replace("g(", "extracted(")
    assert proposed(taken, "", "extract-function") == "extracted_function"


def test_a_name_is_never_in_the_document() -> None:
    source = "value = extracted = extracted_value = «1 + 2»\n"
    assert proposed(source, "value`").startswith("extracted_")
    assert proposed(source, "value`") not in source


def test_without_a_model_it_is_plain() -> None:
    async def test() -> None:
        desk = Desk(EXPRESSION, says("area`", "`"), chat=None)
        name = await propose(desk.resources, desk.snapshot, desk.range, "extract-variable")
        assert name == "value"
        await desk.stop()

    run(test)


def test_what_is_no_name() -> None:
    bad = ["", "1a", "a b", "_a", "größe", "x" * 41, "match", "None", "print"]
    assert [name for name in bad if is_name(name)] == []
