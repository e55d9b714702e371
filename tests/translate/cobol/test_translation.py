"""The door: what comes out beside the text, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.translation import Module, Refusals, Refused, to_python

SOURCE = """\
*> Counts what it is told.
*> ***********************
IDENTIFICATION DIVISION.
PROGRAM-ID. COUNT-IT.
DATA DIVISION.
WORKING-STORAGE SECTION.
*> How many there are
01 HOW-MANY PIC 9(4).
01 I PIC 9(5).
01 NAME-X PIC X(10) VALUE "someone".
PROCEDURE DIVISION.
MAIN-PARA.
    ACCEPT HOW-MANY.
    PERFORM SHOW-ALL.
    CALL "ELSEWHERE" ON EXCEPTION DISPLAY "alone".
    STOP RUN.
*> Shows each.
SHOW-ALL.
    PERFORM VARYING I FROM 1 BY 1 UNTIL I > HOW-MANY
        DISPLAY NAME-X I
    END-PERFORM.
"""


def module(source: str, name: str = "Count-It.cob") -> Module:
    return to_python(source, name, Options(format="free"))


def test_units_name_their_lines_on_both_sides() -> None:
    made = module(SOURCE)
    lines = made.text.splitlines()
    found = {unit.name: unit for unit in made.units}
    assert found["COUNT-IT"].kind == "program"
    assert found["MAIN-PARA"].calls == ("SHOW-ALL", "ELSEWHERE")
    shows = found["SHOW-ALL"]
    assert lines[shows.lines[0] - 1].strip() == "def show_all(self) -> None:"
    assert SOURCE.splitlines()[shows.source_lines[0] - 1].startswith("SHOW-ALL.")


def test_every_line_knows_where_it_is_from() -> None:
    made = module(SOURCE)
    lines = made.text.splitlines()
    assert len(made.line_map) == len(lines)
    at = next(n for n, line in enumerate(lines) if "display(" in line and "alone" not in line)
    assert SOURCE.splitlines()[made.line_map[at] - 1].strip() == "DISPLAY NAME-X I"


def test_what_the_proof_needs() -> None:
    made = module(SOURCE)
    assert made.stem == "count_it"
    assert made.accepted == (("HOW-MANY", "9(4)"),)
    assert made.called == ("ELSEWHERE",)
    assert made.programs == ("COUNT-IT",)
    assert "1" in made.literals


def test_comments_stay() -> None:
    text = module(SOURCE).text
    assert "Counts what it is told." in text
    assert "Shows each." in text
    assert "***" not in text


def test_a_loop_whose_variable_is_its_own_is_counted() -> None:
    assert "for self.i in range(1, self.how_many + 1):" in module(SOURCE).text


def test_a_loop_that_may_start_again_from_zero_is_not() -> None:
    """HOW-MANY 99999 never ends in COBOL: I is 5 digits and goes from 99999 to 0."""
    text = module(SOURCE.replace("HOW-MANY PIC 9(4)", "HOW-MANY PIC 9(5)")).text
    assert "while self.i <= self.how_many:" in text


def test_a_loop_whose_variable_is_read_behind_it_is_not_counted() -> None:
    text = module(SOURCE.rstrip() + "\n    DISPLAY I.\n").text
    assert "while self.i <= self.how_many:" in text


def test_all_refusals_of_a_source_at_once() -> None:
    source = SOURCE.replace("    STOP RUN.", '    STOP "wait".').replace(
        "        DISPLAY NAME-X I", "        EXEC CICS RETURN END-EXEC"
    )
    with pytest.raises(Refused) as caught:
        module(source)
    assert isinstance(caught.value, Refusals)
    found = [(refused.line, refused.construct) for refused in (caught.value, *caught.value.others)]
    assert found == [(16, "STOP literal"), (20, "EXEC CICS")]


def test_the_result_is_tidy(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text(module(SOURCE).text, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "E,F",
         "--line-length", "100", "made.py"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
