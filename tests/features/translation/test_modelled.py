"""Translations that a model leads: compile, repair, compare, and what is said where nothing passed.

The compilers are real where they are asked; the model is scripted.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from slmcode.features.edits.weights import EditModel
from slmcode.features.translation import modelled
from slmcode.features.translation.asking import Asker
from slmcode.features.translation.modelled import Job
from slmcode.features.translation.proving import NoProof, Prover
from slmcode.features.translation.shape import Translated, Verdict
from slmcode.text import TextRange
from tests.features.edits.desk import CHAT, TOKENIZER, Desk, answers
from tests.features.translation.stand_in import StandIn

# A comment of sixty lines makes it long enough to be translated unit by unit.
LONG = "/*" + "\n" * 60 + "*/\n"
C = """#include <stdio.h>
int twice(int n) {
    return 2 * n;
}
int main(void) {
    int n;
    scanf("%d", &n);
    printf("%d\\n", twice(n));
}
"""
TWICE = "def twice(n: int) -> int:\n    return 2 * n\n```\n"
MAIN = "print(twice(int(input())))\n```\n"
BROKEN = "print(twice(int(input()))\n```\n"
MISNAMED = "print(double(int(input())))\n```\n"
UNTIDY = "import os\n\nprint(twice(int(input())))\n```\n"
WRONG = "print(twice(int(input())) + 1)\n```\n"


def job(text: str = LONG + C, **changes: object) -> Job:
    values: dict[str, object] = {
        "text": text,
        "name": "a.c",
        "source_language": "c",
        "target_language": "python",
    }
    return Job(**(values | changes))  # type: ignore[arg-type]


async def run(
    asked: Job, folder: Path, *said: str, asker: bool = True
) -> tuple[Translated, list[str], list[Translated]]:
    desk = Desk("«x»", answers(*said))
    found = Asker(desk.resources, EditModel("scripted", TOKENIZER, CHAT, 6000)) if asker else None
    parts: list[Translated] = []
    try:
        result = await modelled.translate(
            asked, found, "there is no model", folder, lambda *a: None, parts.append, None
        )
    finally:
        await desk.stop()
    return result, desk.prompts(), parts


@pytest.fixture
def original(monkeypatch: pytest.MonkeyPatch) -> None:
    """The original answers twice the number it reads; both are compared in this process."""

    def prover(self: object) -> Prover:
        states = self.states  # type: ignore[attr-defined]
        if any(not s.code for s in states):
            return NoProof("not translated")
        return StandIn(lambda given: f"{2 * int(given)}\n", ["3", "-4"])

    monkeypatch.setattr(modelled._Work, "_prover", prover)


@pytest.mark.usefixtures("original")
def test_unit_by_unit_with_headers_fixed_first(tmp_path: Path) -> None:
    result, prompts, parts = asyncio.run(run(job(), tmp_path, TWICE, MAIN))
    assert result.verdict is Verdict.PROVED
    assert result.text == (
        "def twice(n: int) -> int:\n    return 2 * n\n\n\nprint(twice(int(input())))\n"
    )
    assert [(u.name, u.lines, u.tries) for u in result.units] == [
        ("twice", (0, 2), 1),
        ("a", (4, 5), 1),
    ]
    assert "def twice(n: int) -> int" in prompts[1]  # the program is told what it may call
    assert [p.is_complete for p in parts] == [False, False]


@pytest.mark.usefixtures("original")
@pytest.mark.parametrize(
    ("first", "told"),
    [(BROKEN, "it is not valid Python"), (MISNAMED, "F821: Undefined name `double`")],
)
def test_what_the_compiler_says_is_told(first: str, told: str, tmp_path: Path) -> None:
    result, prompts, _ = asyncio.run(run(job(), tmp_path, TWICE, first, MAIN))
    assert result.verdict is Verdict.PROVED
    assert result.units[1].tries == 2
    assert told in prompts[2]


@pytest.mark.usefixtures("original")
@pytest.mark.parametrize(
    ("said", "told", "verdict"),
    [
        (UNTIDY, "F401: `os` imported but unused", Verdict.PROVED),
        (MISNAMED, "F821: Undefined name `double`", Verdict.NOT_PROVED),
    ],
)
def test_style_alone_loses_no_translation(
    said: str, told: str, verdict: Verdict, tmp_path: Path
) -> None:
    result, prompts, _ = asyncio.run(run(job(), tmp_path, TWICE, said))
    assert result.units[1].tries == 3
    assert told in prompts[2]
    assert result.verdict is verdict


@pytest.mark.usefixtures("original")
def test_a_difference_is_told_with_its_input(tmp_path: Path) -> None:
    result, prompts, _ = asyncio.run(run(job(), tmp_path, TWICE, WRONG, MAIN))
    assert result.verdict is Verdict.PROVED
    assert "on the input '3' it must give '6\\n', and it gave '7\\n'" in prompts[2]


@pytest.mark.usefixtures("original")
def test_a_difference_that_stays_is_said(tmp_path: Path) -> None:
    result, _, _ = asyncio.run(run(job(), tmp_path, TWICE, WRONG))
    assert result.verdict is Verdict.DIFFERS
    assert result.difference is not None
    assert result.difference.stdin == b"3"
    assert result.look_first[0].what == "it differs: stdout"


@pytest.mark.usefixtures("original")
def test_what_nothing_passed_for_stays_as_a_comment(tmp_path: Path) -> None:
    result, _, _ = asyncio.run(run(job(), tmp_path, TWICE, BROKEN))
    assert result.verdict is Verdict.NOT_PROVED
    assert result.units[1].form == "faithful"
    assert result.units[1].tries == 3
    assert '#        printf("%d\\n", twice(n));\n' in result.text
    compile(result.text, "a.py", "exec")


def test_without_a_model_all_is_a_comment_and_says_why(tmp_path: Path) -> None:
    result, _, _ = asyncio.run(run(job(), tmp_path, asker=False))
    assert result.verdict is Verdict.NOT_PROVED
    assert "there is no model" in result.reason
    compile(result.text, "a.py", "exec")


@pytest.mark.usefixtures("original")
def test_a_short_program_is_one_unit(tmp_path: Path) -> None:
    result, _, _ = asyncio.run(run(job(C), tmp_path, "print(2 * int(input()))\n```\n"))
    assert result.verdict is Verdict.PROVED
    assert [u.kind for u in result.units] == ["program"]


@pytest.mark.usefixtures("original")
def test_a_selection_lists_the_units_it_touches(tmp_path: Path) -> None:
    text = LONG + C
    at = text.index("2 * n")
    asked = job(text, text_range=TextRange(at, at + 1))
    result, _, _ = asyncio.run(run(asked, tmp_path, TWICE, MAIN))
    assert [u.name for u in result.units] == ["twice"]
    assert "print(twice" in result.text


def test_functions_alone_are_not_proved(tmp_path: Path) -> None:
    text = "int twice(int n) {\n    return 2 * n;\n}\n"
    result, _, _ = asyncio.run(run(job(text), tmp_path, TWICE))
    assert result.verdict is Verdict.NOT_PROVED
    assert result.reason == "it holds functions only, and nothing that runs them"
    assert result.units[0].form == "idiomatic"
