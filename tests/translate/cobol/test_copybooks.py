"""COPY and REPLACE."""

from __future__ import annotations

import pytest

from slmcode.translate.cobol import copybooks
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.source import Reader
from slmcode.translate.cobol.tree import Refused

BOOKS = {
    "CUST": "01 :TAG:-CUST.\n   05 :TAG:-NAME PIC X(5).\n   05 AGE PIC 99.\n",
    "outer.cpy": "MOVE 1 TO A.\nCOPY INNER REPLACING B BY BB.\n",
    "INNER": "MOVE B TO C.\n",
    "LOOP": "COPY LOOP.\n",
    "CODE": "DISPLAY CUST-NAME CUST-AGE NAME-OLD.\n",
}


def expanded(*text: str, **options: object) -> list[tuple[int, str]]:
    settings = Options(
        format="free",
        copybooks=BOOKS.get,
        copybook_folders=("books",),
        **options,  # type: ignore[arg-type]
    )
    source = "\n".join(text) + "\n"
    reader = Reader(settings, source)
    found = copybooks.expand(reader.read(source), reader, settings)
    return [(number, " ".join(line.split())) for number, line in found if line.strip()]


def test_a_copybook_has_the_line_of_its_copy() -> None:
    assert expanded("DISPLAY 1.", "COPY INNER.", "DISPLAY 2.") == [
        (1, "DISPLAY 1."),
        (2, "MOVE B TO C."),
        (3, "DISPLAY 2."),
    ]


def test_what_stands_around_copy_on_its_line_stays() -> None:
    assert expanded("DISPLAY 1. COPY INNER. DISPLAY 2.") == [
        (1, "DISPLAY 1."),
        (1, "MOVE B TO C."),
        (1, "DISPLAY 2."),
    ]


def test_pseudo_text_finds_parts_of_names_between_colons() -> None:
    found = expanded("COPY CUST REPLACING ==:TAG:== BY ==NEW==.")
    assert [line for _, line in found] == [
        "01 NEW-CUST.",
        "05 NEW-NAME PIC X(5).",
        "05 AGE PIC 99.",
    ]


def test_replacing_over_several_lines_and_words() -> None:
    found = expanded("COPY CUST", "  REPLACING ==:TAG:== BY ==N==", "  AGE BY YEARS.", "DISPLAY 1.")
    assert found[2] == (1, "05 YEARS PIC 99.")
    assert found[3] == (4, "DISPLAY 1.")


def test_replacing_several_words_by_none() -> None:
    found = expanded("COPY INNER REPLACING ==TO C== BY ====.")
    assert found == [(1, "MOVE B .")]


def test_leading_and_trailing() -> None:
    found = expanded(
        "COPY CODE REPLACING LEADING ==CUST== BY ==KUNDE== TRAILING ==OLD== BY ==ALT==."
    )
    assert found == [(1, "DISPLAY KUNDE-NAME KUNDE-AGE NAME-ALT.")]


def test_copybooks_copy_copybooks() -> None:
    assert expanded('COPY "outer.cpy".') == [(1, "MOVE 1 TO A."), (1, "MOVE BB TO C.")]


def test_replace_until_off() -> None:
    found = expanded(
        "DISPLAY A.",
        "REPLACE ==A== BY ==B==.",
        "DISPLAY A 'A'. *> A",
        "REPLACE OFF.",
        "DISPLAY A.",
    )
    assert found == [(1, "DISPLAY A."), (3, "DISPLAY B 'A'. *> A"), (5, "DISPLAY A.")]


def test_replace_reaches_copied_text() -> None:
    assert expanded("REPLACE ==B== BY ==X==.", "COPY INNER.") == [(2, "MOVE X TO C.")]


def test_copy_in_a_literal_or_a_comment_is_none() -> None:
    assert expanded("DISPLAY 'COPY THIS.'.", "*> COPY THAT.") == [
        (1, "DISPLAY 'COPY THIS.'."),
        (2, "*> COPY THAT."),
    ]


def test_a_missing_copybook_is_refused_with_the_folders() -> None:
    with pytest.raises(Refused, match=r"line 2: COPY NOWHERE: .*books"):
        expanded("DISPLAY 1.", "COPY NOWHERE.")


@pytest.mark.parametrize(
    "text",
    ["COPY LOOP.", "COPY", "COPY INNER", "COPY INNER REPLACING A.", "REPLACE ==A BY B.", "COPY ."],
)
def test_what_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        expanded(text)
