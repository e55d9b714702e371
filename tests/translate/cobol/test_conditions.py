"""Conditions: the same truth as cobc's."""

from __future__ import annotations

import pytest

from tests.translate.cobol import batch

DATA = """\
01 A PIC 9(3) VALUE 7.
01 B PIC S9(3) VALUE -12.
01 C PIC 9(3)V99 VALUE 7.
01 D PIC S9(3) COMP-3 VALUE 0.
01 E PIC S9(4) COMP VALUE 7.
01 H COMP-2 VALUE 7.
01 S PIC X(5) VALUE "ab".
01 T PIC X(3) VALUE "ab ".
01 U PIC X(3) VALUE "007".
01 V PIC X(4) VALUE "AbCd".
01 W PIC A(3) VALUE "xyz".
01 L PIC X(3) VALUE LOW-VALUES.
01 M PIC X(3) VALUE HIGH-VALUES.
01 J PIC Z99 VALUE 7.
01 STATE PIC X VALUE "B".
   88 IS-A VALUE "A".
   88 IS-BC VALUES "B" "C".
   88 IS-LETTER VALUES "A" THRU "F".
01 AGE PIC 99 VALUE 42.
   88 MIDDLE VALUE 40 THRU 60.
   88 YOUNG VALUES 0 THRU 20, 25.
01 G. 05 G1 PIC X(2) VALUE "zz". 05 G2 PIC 9(2) VALUE 12.
   88 G-IS VALUE "zz12".
01 NUM-X PIC X(3) VALUE "12A".
01 NUM-9 REDEFINES NUM-X PIC 9(3).
01 TBL. 05 X PIC 9(2) OCCURS 3 VALUE 5."""

TRUTHS = """\
A = 7 | A = C | A = E | A = H | A = "007" | U = A | A > B | B < 0 | B IS NEGATIVE | D IS ZERO
A IS POSITIVE | A NOT POSITIVE | B NOT = -12 | A >= 7 AND C <= 7.00 | A = 007.0 | C = 7.001
S = T | S = "ab" | S > "aa" | S < "abc" | "b" > S | S = SPACES | T NOT = SPACE | L = LOW-VALUE
M = HIGH-VALUES | S > LOW-VALUES | D = ZERO | A = ZEROS | U = ZERO | J = "007" | J = 7 | J = " 07"
S IS ALPHABETIC | V IS ALPHABETIC | V IS ALPHABETIC-UPPER | V IS ALPHABETIC-LOWER | U IS NUMERIC
S IS NUMERIC | W IS ALPHABETIC-LOWER | NUM-9 IS NUMERIC | NUM-X NOT NUMERIC | B IS NUMERIC
IS-A | IS-BC | IS-LETTER | NOT IS-A | MIDDLE | YOUNG | G-IS | G = "zz12" | G > "zz11" | G1 = "zz"
A = 1 OR 7 | A = 1 OR 2 OR 3 | A > 1 AND < 8 | A > 1 AND NOT > 8 | NOT A = 7 OR B < 0
A NOT = 1 AND 2 | A = 7 AND (B = 1 OR -12) | (A = 1 OR B = -12) AND C = 7 | A = (7 OR 8)
A + B = -5 | A * 2 > C + 6.99 | A / 2 = 3.5 | A ** 2 = 49 | - A < 0 | X(1) = X(2) AND X(3)
ALL "ab" = "abab" | S = ALL "ab" | A = B + 19 OR 3 | S(1:1) = "a" | S(2:) = "b" | S(1:2) > "aa"
FUNCTION LENGTH(S) = 5 | FUNCTION UPPER-CASE(S) = "AB" | A IS NOT ZERO AND IS-BC
A / D > 3 | A / D < 3 | B / D < 0 | D / D = 0 | 1 + A / D > 100 | D ** D = 1 | A < D ** D
STATE = "B" OR "C"
A IS EQUAL TO 7 | A IS GREATER THAN OR EQUAL TO 7 | A IS LESS THAN 7 | A EQUALS 7
QUOTE = '"' | S < HIGH-VALUES AND > LOW-VALUES | G2 = "12" | G2 = 12 | E > -1 | D = B + 12"""

PIECES = {
    truth: f"IF {truth} DISPLAY 'yes' ELSE DISPLAY 'no' END-IF."
    for line in TRUTHS.splitlines()
    for truth in line.split(" | ")
} | {
    "evaluate value": "EVALUATE A WHEN 1 DISPLAY 1 WHEN 5 THRU 8 DISPLAY 2 WHEN OTHER DISPLAY 3 "
    "END-EVALUATE.",
    "evaluate text": "EVALUATE S WHEN 'x' DISPLAY 1 WHEN 'ab' DISPLAY 2 END-EVALUATE.",
    "evaluate true": "EVALUATE TRUE WHEN A > 9 DISPLAY 1 WHEN IS-BC DISPLAY 2 END-EVALUATE.",
    "evaluate false": "EVALUATE FALSE WHEN A > 9 DISPLAY 1 WHEN OTHER DISPLAY 2 END-EVALUATE.",
    "evaluate also": "EVALUATE A ALSO TRUE WHEN 7 ALSO IS-A DISPLAY 1 WHEN ANY ALSO MIDDLE "
    "DISPLAY 2 END-EVALUATE.",
    "evaluate not": "EVALUATE A WHEN NOT 7 DISPLAY 1 WHEN NOT 8 THRU 9 DISPLAY 2 END-EVALUATE.",
    "evaluate expression": "EVALUATE A + 1 WHEN 8 DISPLAY 1 WHEN OTHER DISPLAY 2 END-EVALUATE.",
    "evaluate relation": "EVALUATE A WHEN > 5 DISPLAY 1 WHEN OTHER DISPLAY 2 END-EVALUATE.",
    "evaluate bodies": "EVALUATE A WHEN 1 WHEN 7 DISPLAY 1 WHEN 8 DISPLAY 2 END-EVALUATE.",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    return batch.both(tmp_path_factory.mktemp("conditions"), DATA, named(PIECES))


def named(pieces: dict[str, str]) -> dict[str, str]:
    """Pieces by numbers: a condition's text has quotes in it."""
    return {str(number): piece for number, piece in enumerate(pieces.values())}


@pytest.mark.parametrize("name", PIECES)
def test_truths_are_cobcs(name: str, ran: tuple[dict[str, str], dict[str, str]]) -> None:
    original, translation = ran
    number = str(list(PIECES).index(name))
    assert translation.get(number) == original[number], PIECES[name]
