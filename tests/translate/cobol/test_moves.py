"""MOVE: what an item holds afterwards is what cobc's programs hold."""

from __future__ import annotations

import pytest

from tests.translate.cobol import batch

DATA = """\
01 A PIC 9(3) VALUE 12.
01 B PIC S9(3) VALUE -45.
01 C PIC 9(3)V99 VALUE 3.25.
01 D PIC S9(4) COMP VALUE -321.
01 E PIC S9(5)V9 COMP-3 VALUE 678.9.
01 F PIC S9(4) COMP-5 VALUE 99.
01 G BINARY-LONG VALUE 5.
01 FU PIC 9(4) COMP-5.
01 H COMP-2 VALUE 2.75.
01 H1 COMP-1 VALUE 1.5.
01 S PIC X(8) VALUE "abcdefgh".
01 T PIC X(3).
01 J PIC X(8) JUSTIFIED RIGHT.
01 J2 PIC X(2) JUSTIFIED RIGHT.
01 K PIC A(4).
01 N1 PIC 9.
01 N5 PIC 9(5).
01 SN PIC S9(2)V9.
01 LS PIC S9(3) SIGN LEADING SEPARATE.
01 TS PIC S9(3) SIGN TRAILING SEPARATE.
01 LD PIC S9(3) SIGN LEADING.
01 ED PIC Z(4)9.99-.
01 E2 PIC $$,$$9.99.
01 E3 PIC XXBXX/XX.
01 E4 PIC ***9.
01 E5 PIC 99/99/9999.
01 E6 PIC ZZZ9 BLANK WHEN ZERO.
01 GR. 05 G1 PIC 9(3) VALUE 7. 05 G2 PIC X(4) VALUE "wxyz". 05 G3 PIC S9(2) VALUE -3.
01 GS. 05 H2 PIC X(2). 05 HN PIC 9(2). 05 HB PIC X(5).
01 TBL. 05 X PIC 9(2) OCCURS 4. 05 ROW OCCURS 3. 10 RA PIC X(2). 10 RB PIC 9(2) COMP.
01 NAT. 05 NX PIC 9(2) OCCURS 4 VALUE 9. 05 NROW OCCURS 2. 10 NA PIC X(2). 10 NB PIC 9(2).
01 OVER PIC X(6) VALUE "123456".
01 OVER-N REDEFINES OVER PIC 9(4)V99.
01 I PIC 9 VALUE 2.
01 L PIC 9 VALUE 3.
01 CA. 05 P PIC 9(2) VALUE 11. 05 Q PIC X(3) VALUE "qqq". 05 SUB. 10 R PIC 9 VALUE 5.
01 CB. 05 SUB. 10 R PIC 9(3). 05 Q PIC X(5). 05 P PIC Z9. 05 W PIC X VALUE "w".
66 CB-ALL RENAMES Q OF CB THRU W."""

PIECES = {
    "number to number": "MOVE A TO N5 N1 DISPLAY N5 N1.",
    "number cut": "MOVE 12345.678 TO A C SN DISPLAY A ' ' C ' ' SN MOVE 12 TO A.",
    "sign lost": "MOVE B TO A DISPLAY A MOVE 12 TO A.",
    "binary cut": "MOVE 123456 TO D DISPLAY D MOVE -321 TO D.",
    "binary not cut": "MOVE 70000 TO F DISPLAY F MOVE 99 TO F.",
    "binary without sign": "MOVE B TO FU DISPLAY FU SUBTRACT 50 FROM FU DISPLAY FU"
    " COMPUTE FU = B * 2 DISPLAY FU.",
    "packed": "MOVE B TO E DISPLAY E MOVE -12345.67 TO E DISPLAY E MOVE 678.9 TO E.",
    "signs": "MOVE B TO LS TS LD DISPLAY LS TS LD MOVE 7 TO LS TS LD DISPLAY LS TS LD.",
    "floats": "MOVE H TO N5 C E DISPLAY N5 C E MOVE C TO H H1 DISPLAY H ' ' H1 MOVE 2.75 TO H.",
    "text to text": "MOVE S TO T DISPLAY '[' T ']' MOVE 'xy' TO S DISPLAY '[' S ']'.",
    "text right": "MOVE 'xyz' TO J DISPLAY '[' J ']' MOVE '123456789AB' TO J DISPLAY '[' J ']'.",
    "text to letters": "MOVE 'ab1' TO K DISPLAY '[' K ']'.",
    "text to number": "MOVE '123' TO N5 DISPLAY N5.",
    "text item to number": "MOVE ' 42 ' TO T MOVE T TO N5 DISPLAY N5.",
    "integer to text": "MOVE A TO T S J DISPLAY '[' T '][' S '][' J ']'.",
    "signed to text": "MOVE B TO T DISPLAY '[' T ']'.",
    "number too long for text right": "MOVE 1234 TO N5 MOVE N5 TO J2 DISPLAY J2"
    " MOVE 567 TO J2 DISPLAY J2 MOVE '789' TO J2 DISPLAY J2.",
    "binary to text": "MOVE D TO S DISPLAY '[' S ']'.",
    "long to text": "MOVE G TO S DISPLAY '[' S ']'.",
    "literal to text": "MOVE 5 TO T DISPLAY '[' T ']' MOVE -17 TO S DISPLAY '[' S ']'.",
    "figuratives": "MOVE SPACES TO S DISPLAY '[' S ']' MOVE ZERO TO S DISPLAY '[' S ']'"
    " MOVE ALL 'xy' TO S DISPLAY S MOVE QUOTE TO T DISPLAY T MOVE ZEROS TO A DISPLAY A"
    " MOVE 12 TO A.",
    "all digits": "MOVE ALL '12' TO N5 DISPLAY N5.",
    "edited": "MOVE C TO ED DISPLAY ED MOVE B TO ED DISPLAY ED MOVE 0 TO ED DISPLAY ED.",
    "edited money": "MOVE 1234.5 TO E2 DISPLAY E2 MOVE C TO E2 DISPLAY E2.",
    "edited text": "MOVE 'abcdef' TO E3 DISPLAY E3 MOVE S TO E3 DISPLAY E3.",
    "edited stars": "MOVE 42 TO E4 DISPLAY E4 MOVE A TO E4 DISPLAY E4.",
    "edited date": "MOVE 24122023 TO E5 DISPLAY E5.",
    "edited blank": "MOVE 0 TO E6 DISPLAY '[' E6 ']' MOVE 5 TO E6 DISPLAY '[' E6 ']'.",
    "edited from text": "MOVE '77' TO ED DISPLAY '[' ED ']'.",
    "edited to number": "MOVE -12.5 TO ED MOVE ED TO SN DISPLAY SN MOVE ED TO N5 DISPLAY N5.",
    "edited to edited": "MOVE 8.25 TO ED MOVE ED TO E2 DISPLAY '[' E2 ']'.",
    "edited to text": "MOVE 8.25 TO ED MOVE ED TO S DISPLAY '[' S ']'.",
    "group as bytes": "MOVE GR TO GS DISPLAY '[' GS ']' MOVE GR TO S DISPLAY '[' S ']'.",
    "group from text": "MOVE 'zz09' TO GS DISPLAY '[' GS ']' HN.",
    "group from number": "MOVE A TO GS DISPLAY '[' GS ']'.",
    "group to number": "MOVE GR TO N5 DISPLAY N5 MOVE 0 TO N5.",
    "group figurative": "MOVE ALL 'ab' TO GS DISPLAY GS MOVE ZEROS TO GS DISPLAY GS HN.",
    "table": "MOVE 'abcdefghijk' TO TBL MOVE 7 TO X(I) DISPLAY TBL(1:8) MOVE X(I) TO X(I + 1)"
    " DISPLAY TBL(1:8).",
    "rows": "MOVE 'hi' TO RA(1) MOVE 9 TO RB(1) MOVE ROW(1) TO ROW(3) DISPLAY RA(3) RB(3).",
    "native zeros": "MOVE 5 TO NX(1) MOVE 'a' TO NA(2) MOVE ZERO TO NAT DISPLAY NX(1) NA(2) NB(1).",
    "part read": "DISPLAY S(2:3) '|' S(I:L) '|' S(3:) '|' S(I + 1:1) MOVE S(2:2) TO T DISPLAY T.",
    "part stored": "MOVE 'abcdefgh' TO S MOVE 'XY' TO S(3:2) DISPLAY S MOVE 'Q' TO S(I:L)"
    " DISPLAY S MOVE '!!!!!!!!!' TO S(7:) DISPLAY S MOVE ZERO TO S(1:2) DISPLAY S.",
    "part of a number": "DISPLAY OVER-N(2:2) MOVE '99' TO OVER-N(1:2) DISPLAY OVER.",
    "redefined": "MOVE 12.5 TO OVER-N DISPLAY OVER MOVE '000777' TO OVER DISPLAY OVER-N.",
    "corresponding": "MOVE CORRESPONDING CA TO CB DISPLAY '[' CB ']'.",
    "renamed": "DISPLAY CB-ALL.",
    "overlapping": "MOVE 'abcdefgh' TO S MOVE S(1:5) TO S(3:5) DISPLAY S.",
    "several": "MOVE 3 TO I X(I) DISPLAY I X(3) X(2) MOVE 2 TO I.",
}


@pytest.fixture(scope="module")
def outputs(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, str], dict[str, str]]:
    return batch.both(tmp_path_factory.mktemp("moves"), DATA, PIECES)


@pytest.mark.parametrize("name", PIECES)
def test_moves_as_cobc_does(outputs: tuple[dict[str, str], dict[str, str]], name: str) -> None:
    original, ours = outputs
    assert ours.get(name) == original[name]
