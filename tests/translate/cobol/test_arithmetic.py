"""ADD, SUBTRACT, MULTIPLY, DIVIDE, COMPUTE: the same results as cobc's."""

from __future__ import annotations

import pytest

from tests.translate.cobol import batch

DATA = """\
01 A PIC 9(3) VALUE 7.
01 B PIC S9(3) VALUE -12.
01 C PIC 9(3)V99 VALUE 3.25.
01 D PIC S9(5)V9(3) VALUE -0.125.
01 E PIC S9(4) COMP VALUE 100.
01 F PIC S9(7)V99 COMP-3 VALUE 1234.56.
01 G PIC S9(9) COMP-5 VALUE 5.
01 H COMP-2 VALUE 1.5.
01 I PIC 9 VALUE 9.
01 J PIC ZZ,ZZ9.99.
01 K PIC 9(3)PP VALUE 1200.
01 R PIC S9(6).
01 S PIC S9(6)V9(4).
01 T PIC 9(2).
01 U PIC S9(3)V9.
01 Z PIC 9(3) VALUE 0.
01 N PIC S9(18) VALUE 999999999999999999.
01 TBL. 05 X PIC 9(3) OCCURS 3.
01 GA. 05 P PIC 9(3) VALUE 1. 05 Q PIC 9(3) VALUE 2. 05 ONLY-A PIC 9 VALUE 3.
01 GB. 05 Q PIC 9(3) VALUE 10. 05 P PIC 9(3) VALUE 20. 05 ONLY-B PIC 9 VALUE 4."""

PIECES = {
    "add to": "ADD 1 TO A DISPLAY A.",
    "add beyond": "MOVE 999 TO A ADD 5 TO A DISPLAY A MOVE 7 TO A.",
    "add several": "MOVE 1 TO R ADD A B 2 TO R DISPLAY R.",
    "add to several": "MOVE 1 TO R T ADD A 10 TO R T DISPLAY R T.",
    "add giving": "ADD A B GIVING R S DISPLAY R S.",
    "add to giving": "ADD A TO B GIVING R DISPLAY R.",
    "add decimals": "MOVE 0 TO S ADD C D TO S DISPLAY S.",
    "add to unsigned": "MOVE 5 TO T ADD B TO T DISPLAY T.",
    "subtract": "SUBTRACT 10 FROM A GIVING R DISPLAY R.",
    "subtract below zero": "MOVE 3 TO T SUBTRACT 5 FROM T DISPLAY T.",
    "subtract several": "MOVE 100 TO R SUBTRACT A B FROM R DISPLAY R.",
    "multiply": "MOVE 5 TO R MULTIPLY B BY R DISPLAY R.",
    "multiply giving": "MULTIPLY C BY D GIVING S ROUNDED DISPLAY S.",
    "multiply beyond": "MOVE 99 TO T MULTIPLY 99 BY T DISPLAY T.",
    "divide into": "MOVE 100 TO R DIVIDE 7 INTO R DISPLAY R.",
    "divide by": "DIVIDE B BY 5 GIVING R DISPLAY R.",
    "divide decimals": "DIVIDE 10 BY 3 GIVING S DISPLAY S.",
    "divide rounded": "DIVIDE 20 BY 3 GIVING R ROUNDED DISPLAY R.",
    "remainder": "DIVIDE 100 BY 7 GIVING R REMAINDER T DISPLAY R T.",
    "remainder below zero": "DIVIDE B BY 5 GIVING R REMAINDER S DISPLAY R S.",
    "remainder decimals": "DIVIDE C BY 0.7 GIVING U REMAINDER S DISPLAY U S.",
    "remainder rounded": "DIVIDE 20 BY 3 GIVING R ROUNDED REMAINDER T DISPLAY R T.",
    "remainder of its own": "MOVE 47 TO R DIVIDE R BY 6 GIVING R REMAINDER T DISPLAY R T.",
    "divide by zero": "MOVE 5 TO R DIVIDE A BY Z GIVING R DISPLAY R.",
    "divide by zero error": "DIVIDE A BY Z GIVING R ON SIZE ERROR DISPLAY 'E' END-DIVIDE.",
    "compute by zero": "MOVE 5 TO R COMPUTE R = 1 + A / Z DISPLAY R.",
    "compute": "COMPUTE R = (A + B) * 3 - 1 DISPLAY R.",
    "compute decimals": "COMPUTE S = C * D + 1.00005 DISPLAY S.",
    "compute rounded": "COMPUTE S ROUNDED = C * D + 1.00005 DISPLAY S.",
    "compute division": "COMPUTE S = A / 3 * 3 DISPLAY S.",
    "compute power": "COMPUTE R = 2 ** 10 DISPLAY R COMPUTE S = 2 ** 0.5 DISPLAY S.",
    "compute powers of names": "COMPUTE R = A ** 2 DISPLAY R COMPUTE S = A ** B DISPLAY S.",
    "compute powers of powers": "COMPUTE R = 2 ** 3 ** 2 DISPLAY R.",
    "compute several": "COMPUTE R T = A * 30 DISPLAY R T.",
    "compute itself": "MOVE 3 TO T COMPUTE T = T * T + T DISPLAY T.",
    "compute sign": "COMPUTE R = - A DISPLAY R COMPUTE T = - A DISPLAY T.",
    "compute long": "COMPUTE R = N / 1000000000000 DISPLAY R.",
    "compute too long": "COMPUTE N = N * 10 + 7 DISPLAY N MOVE 999999999999999999 TO N.",
    "size error": "MOVE 5 TO I ADD 5 TO I ON SIZE ERROR DISPLAY 'E' NOT ON SIZE ERROR "
    "DISPLAY 'N' END-ADD DISPLAY I.",
    "no size error": "MOVE 1 TO I ADD 5 TO I ON SIZE ERROR DISPLAY 'E' NOT ON SIZE ERROR "
    "DISPLAY 'N' END-ADD DISPLAY I.",
    "not on size error alone": "MOVE 9 TO I ADD 5 TO I NOT ON SIZE ERROR DISPLAY 'N' END-ADD "
    "DISPLAY I.",
    "size error of one": "MOVE 1 TO I T ADD 50 TO I T ON SIZE ERROR DISPLAY 'E' END-ADD "
    "DISPLAY I T.",
    "size error of a literal": "COMPUTE I = 10 ON SIZE ERROR DISPLAY 'E' END-COMPUTE.",
    "size error rounded": "COMPUTE I ROUNDED = 9.5 ON SIZE ERROR DISPLAY 'E' END-COMPUTE.",
    "binary": "ADD 5000 TO E DISPLAY E ADD 9000 TO E DISPLAY E MOVE 100 TO E.",
    "binary size error": "ADD 9950 TO E ON SIZE ERROR DISPLAY 'E' END-ADD DISPLAY E.",
    "native binary": "COMPUTE G = 2147483647 DISPLAY G ADD 1 TO G DISPLAY G MOVE 5 TO G.",
    "packed": "ADD 0.44 TO F DISPLAY F MULTIPLY 1.1 BY F ROUNDED DISPLAY F.",
    "float": "COMPUTE H = H * 2 DISPLAY H COMPUTE H = 1 / 3 DISPLAY H COMPUTE R = H * 9 DISPLAY R.",
    "edited": "ADD A C GIVING J DISPLAY J COMPUTE J ROUNDED = 1234.567 DISPLAY J.",
    "scaled": "ADD 350 TO K MOVE K TO R DISPLAY R.",
    "table": "MOVE 1 TO T MOVE 5 TO X(1) X(2) X(3) ADD A TO X(T) X(T + 1) DISPLAY X(1) X(2) X(3).",
    "corresponding": "ADD CORRESPONDING GA TO GB DISPLAY P OF GB Q OF GB ONLY-B.",
    "subtract corresponding": "SUBTRACT CORR GA FROM GB DISPLAY P OF GB Q OF GB.",
    **{
        f"mode {mode} {value}": f"COMPUTE R ROUNDED MODE IS {mode} = {value} DISPLAY R."
        for mode in (
            "AWAY-FROM-ZERO",
            "NEAREST-AWAY-FROM-ZERO",
            "NEAREST-EVEN",
            "NEAREST-TOWARD-ZERO",
            "TOWARD-GREATER",
            "TOWARD-LESSER",
            "TRUNCATION",
        )
        for value in ("2.5", "-2.5", "3.5", "2.4", "-2.6")
    },
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    return batch.both(tmp_path_factory.mktemp("arithmetic"), DATA, PIECES)


@pytest.mark.parametrize("name", PIECES)
def test_results_are_cobcs(name: str, ran: tuple[dict[str, str], dict[str, str]]) -> None:
    original, translation = ran
    assert translation.get(name) == original[name], PIECES[name]
