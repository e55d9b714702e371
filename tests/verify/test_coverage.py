"""Branches of originals that runs reach, measured by gcov or by tracing; real toolchains."""

from __future__ import annotations

from pathlib import Path

from slmcode.verify import program_driver
from slmcode.verify.coverage import Coverage
from tests.verify.toolchain import built, cobol, ran

TWO_WAYS = cobol(
    "01 N PIC 9.\n01 I PIC 9.",
    "ACCEPT N.",
    "IF N > 5",
    "  DISPLAY 'big'",
    "ELSE",
    "  PERFORM SHOW VARYING I FROM 1 BY 1 UNTIL I > N",
    "END-IF.",
    "STOP RUN.",
    "SHOW.",
    "  DISPLAY I.",
)


def test_branches_of_cobol(tmp_path: Path) -> None:
    program = built("cobol", tmp_path / "b", TWO_WAYS, measured=True)
    big, four, two, none = ran(program, "7", "4", "2", "0")
    assert {o.points for o in (big, four, two, none)} == {4}, "IF and UNTIL; nothing of cobc's own"
    assert len(big.branches) == 1
    assert len(four.branches) == 3
    assert four.branches == two.branches
    assert none.branches < two.branches
    assert big.branches | four.branches == frozenset(range(4))
    assert four.paths != two.paths, "twice the rounds"
    assert 10 in big.lines
    assert 10 not in four.lines
    assert 16 in four.lines
    assert 16 not in big.lines


def test_branches_of_a_called_program_count_too(tmp_path: Path) -> None:
    main = cobol("01 N PIC 9.", "ACCEPT N.", "IF N > 0 CALL 'SUB' USING N.", "STOP RUN.")
    sub = (
        "IDENTIFICATION DIVISION.\nPROGRAM-ID. SUB.\nDATA DIVISION.\nLINKAGE SECTION.\n"
        "01 P PIC 9.\nPROCEDURE DIVISION USING P.\nIF P > 4 DISPLAY 'x'.\nGOBACK.\n"
    )
    program = built("cobol", tmp_path / "b", {"m.cob": main, "SUB.cob": sub}, measured=True)
    none, low, high = ran(program, "0", "1", "9")
    assert none.points == low.points == high.points == 4
    assert len(none.branches) == 1
    assert len(low.branches) == len(high.branches) == 2
    assert low.branches != high.branches
    assert max(high.lines) < 10, "lines are those of the main source"


def test_branches_of_c_and_fortran(tmp_path: Path) -> None:
    c = '#include <stdio.h>\nint main(void) {\n int n;\n scanf("%d", &n);\n if (n > 5)\n'
    c += '  puts("big");\n return 0;\n}\n'
    big, small = ran(built("c", tmp_path / "c", c, measured=True), "7", "3")
    assert (big.points, len(big.branches), len(small.branches)) == (2, 1, 1)
    assert big.branches != small.branches
    assert 6 in big.lines
    assert 6 not in small.lines
    fortran = (
        "      READ(*,*) N\n      IF (N.GT.5) THEN\n      PRINT *, 'BIG'\n      ENDIF\n      END\n"
    )
    big, small = ran(built("fortran", tmp_path / "f", fortran, measured=True), "7", "3")
    assert big.branches != small.branches
    assert 3 in big.lines
    assert 3 not in small.lines


def test_statements_of_perl(tmp_path: Path) -> None:
    text = (
        "use strict;\nmy $n = <STDIN>;\nif ($n > 5) {\n    print qq(big\\n);\n}\n"
        "sub unused {\n    print 1;\n}\nprint qq(end\\n);\n"
    )
    program = built("perl", tmp_path / "b", text, measured=True)
    big, small = ran(program, "7", "3")
    assert (big.stdout, small.stdout) == (b"big\nend\n", b"end\n")
    assert big.branches - small.branches == {4}
    assert 7 not in big.branches
    assert small.paths != big.paths
    assert big.points > len(big.branches)


def test_statements_of_python_2(tmp_path: Path) -> None:
    text = "n = input()\nif n > 5:\n    print 'big'\ndef unused():\n    print 1\nprint __name__\n"
    program = built("python2", tmp_path / "b", text, measured=True)
    big, small = ran(program, "7", "3")
    assert (big.stdout, small.stdout) == (b"big\n__main__\n", b"__main__\n")
    assert big.branches - small.branches == {3}
    assert (big.points, len(big.branches)) == (6, 5)


def test_pascal_is_not_measured(tmp_path: Path) -> None:
    text = "program t;\nbegin\n  writeln('x');\nend.\n"
    (outcome,) = ran(built("pascal", tmp_path / "b", text, measured=True), "")
    assert (outcome.stdout, outcome.points) == (b"x\n", 0)


def test_lines_of_generated_c(tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    path.write_text(
        "if (x)\n  /* PROCEDURE DIVISION */\n"
        "  /* Line: 12        : IF                 : a.cob */\n"
        "  if (((int)cob_cmp_numdisp (b_8, 1, 5LL, 0) >  0))\n"
        "  if (frame_ptr->perform_through == 3)\n"
        "  /* Line: 2         : MOVE               : other.cpy */\n"
        "  x ();\n  /* Program exit */\n  if (y)\n"
    )
    assert program_driver.generated_lines(str(path), "a.cob") == {
        4: (12, True),
        5: (12, False),
        7: (0, True),
    }


def test_no_branch_is_no_share() -> None:
    assert Coverage(0, 0, "not measured").share is None
    assert Coverage(3, 4, "branches by gcov").share == 0.75
