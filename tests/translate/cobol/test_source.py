"""Logical lines: columns, continuations, comments, formats, directives."""

from __future__ import annotations

import pytest

from slmcode.translate.cobol.options import Options, from_cobc
from slmcode.translate.cobol.source import Reader, check_text, format_of
from slmcode.translate.cobol.tree import Refused


def lines(text: str, format: str = "fixed", **options: object) -> list[str]:
    settings = Options(format=format, **options)  # type: ignore[arg-type]
    return [line.rstrip() for _, line in Reader(settings, text).read(text)]


def test_fixed_form_has_code_in_columns_8_to_72() -> None:
    text = "000100 MOVE A TO B." + " " * 54 + "IDENT001\n"
    assert lines(text) == ["MOVE A TO B."]


def test_variable_form_has_no_last_column() -> None:
    text = "       DISPLAY " + "A" * 70 + "\n"
    assert len(lines(text, "variable")[0]) == 78
    assert len(lines(text)[0]) == 65


def test_comments_keep_their_text_without_their_mark() -> None:
    text = "000100* first\n      / second\n      *> third\n"
    assert lines(text) == ["*> first", "*> second", "*> third"]


def test_a_literal_goes_on_at_its_quote_and_keeps_the_blanks_up_to_column_72() -> None:
    text = '           DISPLAY "one\n      -    "two".\n'
    (line,) = lines(text)
    assert line == '    DISPLAY "one' + " " * (65 - 16) + 'two".'


def test_a_literal_over_three_lines() -> None:
    text = '           DISPLAY "one\n      * between\n      -    "two\n      -    "three".\n'
    joined = lines(text)[0]
    assert joined.replace(" ", "") == 'DISPLAY"onetwothree".'
    assert joined.index("three") - joined.index("two") == 65 - len('    "') + 0


def test_a_word_goes_on_without_blanks() -> None:
    assert lines("           MOVE CUSTO\n      -    MER TO B.\n") == ["    MOVE CUSTOMER TO B."]


def test_a_continuation_without_a_quote_is_refused() -> None:
    with pytest.raises(Refused, match=r"line 2: continuation of a literal"):
        lines('           DISPLAY "one\n      -    two".\n')


@pytest.mark.parametrize(("active", "shown"), [(False, []), (True, ["    DISPLAY 1."])])
def test_debugging_lines(active: bool, shown: list[str]) -> None:
    assert lines("      D    DISPLAY 1.\n", debugging_lines=active) == shown
    free = lines(">>D    DISPLAY 1.\n", "free", debugging_lines=active)
    assert free == shown


def test_with_debugging_mode_makes_debugging_lines_active() -> None:
    text = "       SOURCE-COMPUTER. X WITH DEBUGGING MODE.\n      D    DISPLAY 1.\n"
    assert lines(text)[1:] == ["    DISPLAY 1."]


def test_an_indicator_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="column 7"):
        lines("IDENTIFICATION DIVISION.\n")


def test_tabs_go_to_the_next_eighth_column() -> None:
    assert lines("\tMOVE A TO B.\n") == [" MOVE A TO B."]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("IDENTIFICATION DIVISION.\nPROGRAM-ID. A.\n", "free"),
        ("       IDENTIFICATION DIVISION.\n       PROGRAM-ID. A.\n", "fixed"),
        ("000100 IDENTIFICATION DIVISION.\n000200* note\n", "fixed"),
        ("      * note\n       PROGRAM-ID. A.\n", "fixed"),
        ("*> note\nprogram-id. a.\n", "free"),
        ("       PROGRAM-ID. A.\n           DISPLAY '" + "x" * 90 + "'.\n", "free"),
        ("      * note\n       ID DIVISION.\n           DISPLAY '" + "x" * 90 + "'.\n", "variable"),
        ("       PROGRAM-ID. A.\n           MOVE A TO B." + " " * 49 + "CARD0001\n", "fixed"),
    ],
)  # fmt: skip
def test_the_format_is_found_out(text: str, form: str) -> None:
    assert format_of(text) == form


def test_source_format_switches_on_the_way() -> None:
    text = "       MOVE A TO B.\n       >>SOURCE FORMAT IS FREE\nMOVE C TO D.\n"
    assert lines(text) == ["MOVE A TO B.", "MOVE C TO D."]
    assert lines('      $SET SOURCEFORMAT"FREE"\nMOVE C TO D.\n') == ["MOVE C TO D."]


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("A IS DEFINED", True),
        ("B DEFINED", False),
        ("B IS NOT DEFINED", True),
        ("A = 3", True),
        ("A > 3", False),
        ("A NOT = 4 AND B NOT DEFINED", True),
        ("B DEFINED OR A >= 3", True),
        ('C = "x"', True),
    ],
)
def test_if_directive(condition: str, taken: bool) -> None:
    text = (
        f'>>DEFINE A AS 3\n>>DEFINE C AS "x"\n>>IF {condition}\nyes\n>>ELSE\nno\n>>END-IF\nalways\n'
    )
    assert lines(text, "free") == ["yes" if taken else "no", "always"]


def test_branches_that_are_not_taken_hide_their_own_directives() -> None:
    text = (
        ">>IF A DEFINED\n>>IF B DEFINED\n1\n>>ELSE\n2\n>>END-IF\n"
        ">>ELIF B DEFINED\n3\n>>ELSE\n4\n>>END-IF\n"
    )
    assert lines(text, "free") == ["4"]
    assert lines(text, "free", defines={"B": ""}) == ["3"]
    assert lines(text, "free", defines={"A": "", "B": ""}) == ["1"]


def test_defined_on_the_command_line() -> None:
    options = from_cobc(("-free", "-DACTIVATE", "-DLEVEL=2", "-fnotrunc", "-w"), None)
    assert options.format == "free"
    assert options.defines == {"ACTIVATE": "", "LEVEL": "2"}
    assert options.truncate is False


@pytest.mark.parametrize(
    "text", [">>IF A DEFINED\n", ">>ELSE\n", ">>NONSENSE\n", ">>IF A ~ 3\n>>END-IF\n"]
)
def test_directives_that_are_wrong_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        lines(text, "free")


@pytest.mark.parametrize("text", ["", "  \n\n", "\x7fELF\x02\x01\x00", "MOVE\x00A"])
def test_no_text_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        check_text(text)
