"""Sizes, offsets, names and first values of items."""

from __future__ import annotations

import pytest

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.layout import Layout, layout
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.parser import read
from tests.translate.cobol import batch

DATA = """\
01 SIZES.
   05 B1 PIC 9(2) COMP. 05 B2 PIC 9(3) COMP. 05 B4 PIC S9(5) COMP. 05 B8 PIC S9(10) COMP.
   05 F2 PIC S9(4) COMP-5. 05 X1 PIC X COMP-X. 05 X3 PIC 9(7) COMP-X. 05 IX INDEX.
   05 PT POINTER. 05 BL BINARY-LONG. 05 BC BINARY-CHAR UNSIGNED. 05 P3 PIC S9(4) COMP-3.
   05 P4 PIC 9(5) COMP-6. 05 C1 COMP-1. 05 C2 COMP-2. 05 SS PIC S9(3) SIGN TRAILING SEPARATE.
   05 PP PIC 9(3)PP. 05 ED PIC Z(4)9.99CR.
01 ON-BOUNDS.
   05 A1 PIC X. 05 A2 PIC 9(5) COMP SYNC. 05 A3 PIC X. 05 A4 PIC S9(12) COMP-5 SYNC.
   05 ROWS OCCURS 3. 10 R1 PIC 9(3) COMP SYNC. 10 R2 PIC X.
01 OCTETS.
   05 Y1 PIC S9(3) VALUE -12. 05 Y2 PIC S9(5) COMP-3 VALUE -345. 05 Y3 PIC S9(4) COMP VALUE -2.
   05 Y4 PIC S9(4) COMP-5 VALUE 258. 05 Y5 PIC S9(2) SIGN LEADING VALUE -7. 05 Y6 PIC 9(3)V9
   VALUE 1.5. 05 Y7 PIC X(3) VALUE "ab". 05 FILLER PIC X VALUE "*". 05 Y8 PIC 9(3) COMP-6
   VALUE 123. 05 Y9 PIC S9(2) SIGN LEADING SEPARATE VALUE 5. 05 YA PIC X(4) JUST VALUE "j".
01 UNSET.
   05 D1 PIC 9(3). 05 D2 PIC X(3). 05 D3 PIC ZZ9. 05 D4 PIC S9(3) COMP. 05 D5 PIC S9(3) COMP-3.
   05 D6 OCCURS 2. 10 D7 PIC 9(2). 10 D8 PIC X. 05 FILLER PIC 9(2).
01 INHERITED USAGE COMP-3. 05 I1 PIC S9(3). 05 I2. 10 I3 PIC S9(5) VALUE 7.
01 ALL-OF-IT VALUE "abcdef". 05 W1 PIC X(2). 05 W2 PIC X(4).
01 FIRST-NAME PIC X(4) VALUE "12ab".
01 SECOND-NAME REDEFINES FIRST-NAME. 05 S1 PIC 99. 05 S2 PIC XX.
01 TABLED. 05 T1 PIC 9(2) OCCURS 3 VALUE 7. 05 T2 PIC X(2) OCCURS 2 VALUE "zz".
01 N PIC 9 VALUE 2.
01 VARIES. 05 V1 PIC X(2) VALUE "vv". 05 V2 PIC X(3) OCCURS 1 TO 4 DEPENDING ON N VALUE "abc".
78 HIGHEST VALUE 5.
01 LIMITED. 05 L1 PIC 9 OCCURS HIGHEST VALUE 1."""

PIECES = {
    "sizes": "DISPLAY LENGTH OF SIZES ' ' " + " ' ' ".join(
        f"LENGTH OF {name}"
        for name in "B1 B2 B4 B8 F2 X1 X3 IX PT BL BC P3 P4 C1 C2 SS PP ED".split()
    ) + ".",
    "alignment": "DISPLAY LENGTH OF ON-BOUNDS ' ' LENGTH OF ROWS(1)."
    " MOVE ALL '.' TO ON-BOUNDS MOVE 1 TO A2 A4 R1(2) DISPLAY ON-BOUNDS.",
    "bytes": "DISPLAY OCTETS.",
    "defaults": "DISPLAY UNSET.",
    "inherited": "DISPLAY INHERITED.",
    "group value": "DISPLAY W2 W1 ALL-OF-IT.",
    "redefined": "DISPLAY S1 S2 MOVE 34 TO S1 DISPLAY FIRST-NAME.",
    "table values": "DISPLAY TABLED.",
    "depending": "DISPLAY '[' VARIES ']' MOVE LENGTH OF VARIES TO D1 DISPLAY D1"
    " MOVE 3 TO N DISPLAY '[' VARIES ']'.",
    "constants": "DISPLAY LIMITED HIGHEST.",
}  # fmt: skip


@pytest.fixture(scope="module")
def outputs(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, str], dict[str, str]]:
    return batch.both(tmp_path_factory.mktemp("layout"), DATA, PIECES)


@pytest.mark.parametrize("name", PIECES)
def test_bytes_are_cobcs(outputs: tuple[dict[str, str], dict[str, str]], name: str) -> None:
    original, ours = outputs
    assert ours.get(name) == original[name]


def laid_out(data: str, procedure: str = "") -> Layout:
    source = (
        "IDENTIFICATION DIVISION.\nPROGRAM-ID. T.\nDATA DIVISION.\nWORKING-STORAGE SECTION.\n"
        f"{data}\nPROCEDURE DIVISION.\n{procedure}\n    STOP RUN.\n"
    )
    program = read(source, "t.cob", Options(format="free")).programs[0]
    return layout(program, Options())


def test_a_qualified_name_is_found_and_an_ambiguous_one_refused() -> None:
    found = laid_out("01 A. 05 X PIC 9. 05 Y PIC 9.\n01 B. 05 S. 10 X PIC 99.")
    assert found.find(tree.Ref("X", qualifiers=("B",))).size == 2
    assert found.find(tree.Ref("X", qualifiers=("S", "B"))).size == 2
    with pytest.raises(tree.Refused, match="ambiguous"):
        found.find(tree.Ref("X", 9))
    with pytest.raises(tree.Refused, match="no data item"):
        found.find(tree.Ref("Z", 9))


def test_only_what_is_seen_as_bytes_is_a_view() -> None:
    data = (
        "01 A. 05 A1 PIC 9. 05 A2 PIC X(3).\n01 B. 05 B1 PIC 9. 05 B2 PIC X(3).\n"
        "01 C. 05 C1 PIC X(4). 05 C2 REDEFINES C1 PIC 9(4).\n01 D PIC 9(4).\n01 E PIC 9(4)."
    )
    found = laid_out(data, "    MOVE 1 TO A1. DISPLAY B. MOVE D(1:2) TO A2. INITIALIZE A.")
    views = {name for name in found.names for field in found.names[name] if field.view}
    assert {"A1", "A2", "E"}.isdisjoint(views)
    assert {"B1", "B2", "C1", "C2", "D"} <= views


def test_zeros_for_a_whole_table_leave_it_native() -> None:
    found = laid_out("01 T. 05 X PIC 9(3) OCCURS 10.", "    MOVE ZERO TO T.")
    assert not found.find(tree.Ref("X")).view
    found = laid_out("01 T. 05 X PIC 9(3) OCCURS 10.", "    MOVE SPACES TO T.")
    assert found.find(tree.Ref("X")).view


def test_names_are_pythons_and_clash_with_nothing() -> None:
    found = laid_out("01 RUN-STOP PIC 9.\n01 WHILE PIC 9.\n01 1ST PIC 9.\n01 G. 05 LINK PIC 9.")
    names = [found.find(tree.Ref(name)).attribute for name in ("RUN-STOP", "WHILE", "1ST", "LINK")]
    assert names == ["run_stop", "while_", "n_1st", "g_link"]
