"""Whole translations by rules, proved by the original's own toolchain, and what is told of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from slmcode.features.translation import pipeline
from slmcode.features.translation.pipeline import (
    Cannot,
    Input,
    PipelineTranslator,
    Progress,
    Request,
    source_language,
    translate,
)
from slmcode.features.translation.proving import Prover
from slmcode.features.translation.shape import Translated, Verdict
from slmcode.text import Snapshot, TextRange
from tests.features.edits.desk import Desk, answers
from tests.features.translation.stand_in import StandIn
from tests.verify.toolchain import toolchain

SUM = """IDENTIFICATION DIVISION.
PROGRAM-ID. SUMUP.
DATA DIVISION.
WORKING-STORAGE SECTION.
01 N PIC 9(2).
01 I PIC 9(4).
01 TOTAL PIC 9(6).
01 SHOWN PIC Z(5)9.
PROCEDURE DIVISION.
MAIN-PART.
    ACCEPT N.
    PERFORM ADD-UP.
    MOVE TOTAL TO SHOWN.
    DISPLAY FUNCTION TRIM(SHOWN).
    STOP RUN.
ADD-UP.
    PERFORM VARYING I FROM 1 BY 1 UNTIL I > N
        ADD I TO TOTAL
    END-PERFORM.
"""
REFUSED = SUM.replace("    STOP RUN.", "    EXEC SQL SELECT 1 END-EXEC.\n    STOP RUN.")


def request(text: str = SUM, **changes: object) -> Request:
    values: dict[str, object] = {
        "text": text,
        "name": "sumup.cob",
        "source_language": "cobol",
        "inputs": (Input(stdin=b"7\n"),),
        "proof_s": 2.0,
        "proof_inputs": 12,
    }
    return Request(**(values | changes))  # type: ignore[arg-type]


def test_cobol_is_proved_and_made_idiomatic_by_rules() -> None:
    toolchain("cobol")
    parts: list[Translated] = []
    phases: list[Progress] = []
    result = asyncio.run(
        translate(request(proof_s=30.0), on_part=parts.append, on_progress=phases.append)
    )
    assert result.verdict is Verdict.PROVED, result.reason
    assert result.coverage == 1.0
    assert result.inputs_tried >= 2
    assert result.toolchain.startswith("GnuCOBOL")
    assert (result.stem, result.extension, result.needs_runtime) == ("sumup", ".py", True)
    adding = next(u for u in result.units if u.name == "ADD-UP")
    lines = result.text.splitlines()[slice(*adding.lines)]
    assert adding.form == "idiomatic"
    assert any(rule.startswith("local variables") for rule in adding.rules)
    assert lines[0].strip() == "def add_up(self) -> None:"
    assert "self.i" in result.faithful
    assert "self.i" not in result.text
    assert "display(str(self.total))" in result.text
    # the loop of the target points into the paragraph of the source
    loop = next(n for n, line in enumerate(result.text.splitlines()) if "range(" in line)
    assert adding.source_lines[0] <= result.line_map[loop] < adding.source_lines[1]
    assert len(result.line_map) == len(result.text.splitlines())
    assert parts[0].verdict is Verdict.NOT_PROVED
    assert not any(part.is_complete for part in parts)
    assert [p.phase for p in phases][:3] == ["translating", "proving", "polishing"]


@pytest.fixture
def without_toolchain(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """Texts are compared with the faithful one's words only: no program is run."""
    made: list[StandIn] = []

    def prover(self: object, faithful: object) -> Prover:
        made.append(StandIn(lambda given: "", []))
        return made[-1]

    monkeypatch.setattr(pipeline._Work, "_prover", prover)
    return made


@pytest.mark.usefixtures("without_toolchain")
def test_faithful_is_not_polished() -> None:
    result = asyncio.run(translate(request(form="faithful")))
    assert result.text == result.faithful
    assert {u.form for u in result.units} == {"faithful"}


@pytest.mark.usefixtures("without_toolchain")
def test_a_selection_polishes_and_lists_its_paragraph() -> None:
    at = SUM.index("ADD I TO TOTAL")
    result = asyncio.run(translate(request(text_range=TextRange(at, at))))
    assert [u.name for u in result.units] == ["ADD-UP"]
    assert "def main_part" in result.text


def test_a_stop_gives_what_was_proved(without_toolchain: list[StandIn]) -> None:
    async def run() -> Translated:
        stopped = asyncio.Event()

        def on_progress(progress: Progress) -> None:
            if progress.phase == "polishing":
                stopped.set()

        return await translate(request(), on_progress=on_progress, stopped=stopped)

    result = asyncio.run(run())
    assert not result.is_complete
    assert result.verdict is Verdict.PROVED
    assert result.text in (result.faithful, *without_toolchain[0].texts)


def test_what_the_model_wrote_goes_where_further_inputs_show_a_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faithful: list[str] = []

    def prover(self: object, made: object) -> Prover:
        faithful.append(made.text)  # type: ignore[attr-defined]
        found = StandIn(lambda given: "same" if given == "" else "original", [""], ["later"])

        def ran(text: str, given: str) -> str:
            return "other" if given and "total_up" in text else found._original(given)

        monkeypatch.setattr("tests.features.translation.stand_in.output", ran)
        return found

    monkeypatch.setattr(pipeline._Work, "_prover", prover)
    answer = (
        "def add_up(self) -> None:\n    total_up = sum(range(1, self.n + 1))\n"
        "    self.total = total_up\n```\n"
    )

    async def run() -> Translated:
        desk = Desk("«x»", answers(answer))
        try:
            return await translate(request(), resources=desk.resources)
        finally:
            await desk.stop()

    result = asyncio.run(run())
    assert result.faithful == faithful[0]
    assert "total_up" not in result.text
    assert "self.i" not in result.text  # what rules made stays
    assert result.verdict is Verdict.PROVED
    adding = next(u for u in result.units if u.name == "ADD-UP")
    assert "further inputs showed a difference" in adding.why
    assert adding.tries >= 1


def test_a_refusal_names_line_and_construct() -> None:
    result = asyncio.run(translate(request(REFUSED)))
    assert result.verdict is Verdict.REFUSED
    assert result.text == ""
    assert result.refusals[0].line == REFUSED[: REFUSED.index("EXEC SQL")].count("\n")
    assert "SQL" in result.refusals[0].construct
    assert result.look_first


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"text": " \n"}, "the document is empty"),
        ({"text": "\0"}, "this is a binary file"),
        ({"target_language": "go"}, "cobol can be translated to python"),
    ],
)
def test_what_cannot_be_asked(changes: dict[str, object], why: str) -> None:
    with pytest.raises(Cannot, match=why):
        asyncio.run(translate(request(**changes)))


def test_a_called_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = SUM.replace("    STOP RUN.", '    CALL "HELPER".\n    STOP RUN.')
    result = asyncio.run(translate(request(text, folder=tmp_path)))
    assert result.verdict is Verdict.NOT_PROVED
    assert result.called == ("HELPER",)
    assert "HELPER" in result.reason


def test_called_programs_and_copybooks_of_the_folder_are_part_of_the_proof(tmp_path: Path) -> None:
    toolchain("cobol")
    (tmp_path / "helper.cob").write_text(
        "IDENTIFICATION DIVISION.\nPROGRAM-ID. HELPER.\nPROCEDURE DIVISION.\n"
        '    DISPLAY "HELPED".\n    EXIT PROGRAM.\n'
    )
    (tmp_path / "NUMBERS.cpy").write_text("01 N PIC 9(2).\n")
    text = SUM.replace("    STOP RUN.", '    CALL "HELPER".\n    STOP RUN.')
    text = text.replace("01 N PIC 9(2).", "COPY NUMBERS.")
    result = asyncio.run(translate(request(text, folder=tmp_path, form="faithful")))
    assert result.verdict is Verdict.PROVED, result.reason


def test_python2_is_proved() -> None:
    toolchain("python2")
    text = "import sys\n\ndef half(n):\n    return n / 2\n\nprint half(int(sys.stdin.readline()))\n"
    asked = request(text, name="half.py", source_language="python2")
    result = asyncio.run(translate(asked))
    assert result.verdict is Verdict.PROVED, result.reason
    assert {u.name for u in result.units} == {"half"}
    assert not result.needs_runtime


def test_the_translator_of_a_server_says_what_it_cannot_do() -> None:
    async def run() -> Translated:
        desk = Desk("«x»", answers(""))
        try:
            snapshot = Snapshot("file:///w/a.txt", "markdown", 1, "# Title\n")
            return await PipelineTranslator(desk.resources).translate(
                snapshot, None, "python", lambda part: None
            )
        finally:
            await desk.stop()

    result = asyncio.run(run())
    assert result.verdict is Verdict.REFUSED
    assert result.reason == "markdown is not translated"


@pytest.mark.parametrize(
    ("name", "language_id", "text", "expected"),
    [
        ("a.cob", "", "", "cobol"),
        ("a.f", "", "", "fortran"),
        ("a.pl", "perl", "", "perl"),
        ("a.py", "", "print 1\n", "python2"),
        ("a.py", "", "print(1)\n", None),
        ("a.py", "", "for i in xrange(3):\n    print(i)\n", "python2"),
        ("a.md", "markdown", "", None),
    ],
)
def test_source_languages(name: str, language_id: str, text: str, expected: str | None) -> None:
    assert source_language(name, language_id, text) == expected
