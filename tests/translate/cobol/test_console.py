"""ACCEPT and DISPLAY: every kind of item and source, as with cobc."""

from __future__ import annotations

from pathlib import Path

from tests.translate.cobol.folders import same

ITEMS = """\
identification division.
program-id. a.
data division.
working-storage section.
01 x pic x(5). 01 n pic 9(3). 01 s pic s9(3). 01 v pic 9(3)v99. 01 c pic s9(5)v99 comp.
01 e pic zz9.99. 01 f comp-2. 01 f1 comp-1. 01 p pic s9(5) comp-3. 01 c5 pic s9(4) comp-5. 01
  bl binary-long. 01 bc binary-char unsigned.
01 ix index. 01 sl pic s9(3) sign leading separate. 01 j pic x(5) justified right. 01 g. 02 ga
  pic 99. 02 gb pic xx.
01 bd binary-double. 01 pp pic 999ppp. 01 vp pic vp99. 01 cx pic 9(4) comp-x. 01 c6 pic 9(5)v9
  comp-6. 01 t.
02 tt pic 9 occurs 3.
01 i pic 99.
procedure division.
    perform varying i from 1 by 1 until i > 20
    accept n display "n " n end-display
    end-perform.
    perform 8 times accept v display "v " v end-perform.
    perform 8 times accept s display "s " s end-perform.
    perform 8 times accept c display "c " c end-perform.
    perform 8 times accept e display "e " e end-perform.
    perform 8 times accept f display "f " f end-perform.
    perform 8 times accept p display "p " p end-perform.
    perform 8 times accept sl display "sl " sl end-perform.
    perform 3 times accept x display "x " x "|" end-perform.
    perform 3 times accept j display "j " j "|" end-perform.
    perform 3 times accept g display "g " g "|" end-perform.
    perform 3 times accept f1 display "f1 " f1 "|" end-perform.
    perform 4 times accept c5 display "c5 " c5 "|" end-perform.
    perform 4 times accept bl display "bl " bl "|" end-perform.
    perform 4 times accept bc display "bc " bc "|" end-perform.
    move 5 to bd. display bd.  set ix to 3. display ix. move .012
      to vp. display vp.
    move 7 to cx c6. display cx " " c6. display 12.50 " " -5 " " +7 " " 00012 " " .5 . display
      zero space quote high-value low-value "|". display all "ab" .
    display function length("abc") .
    display length of x. display t. display s(1:2).
    accept x on exception display "exc" not on exception display "no exc" end-accept.
    accept x on exception display "exc" not on exception display "no exc" end-accept.
    display x "|". accept n display n.
    stop run.
"""

# What is typed for each of the items above, in their order.
LINES = [
    "1",
    "12",
    "123",
    "1234",
    " 12",
    "  12",
    "-12",
    "+5",
    "5-",
    "",
    "abc",
    "12a",
    "1a2",
    "1 2",
    "1,234",
    "12\r",
    "\t7",
    "1.5",
    "1..5",
    "12.3.4",
    "1.5",
    "123.45",
    "-1.5",
    "1234.567",
    ".5",
    "1,5",
    "abc",
    "12 .5",
    "-123",
    "-12",
    "+12",
    "12-",
    "abc",
    "- 5",
    "  -5",
    "q",
    "-12.345",
    "123456.78",
    "abc",
    "1e5",
    "+3",
    "12345678901234567890.5",
    "",
    "12x",
    "-12.345",
    "123456.78",
    "abc",
    "1e5",
    "+3",
    "12345678901234567890.5",
    "",
    "12x",
    "1.5",
    "-2",
    "abc",
    "1e5",
    "3.14159265358979",
    "1234567890123456789",
    "",
    "12x",
    "-12.345",
    "123456.78",
    "abc",
    "1e5",
    "+3",
    "12345678901234567890.5",
    "",
    "12x",
    "-123",
    "-12",
    "+12",
    "12-",
    "abc",
    "- 5",
    "  -5",
    "q",
    "ab",
    "abcdefgh",
    "",
    "ab",
    "abcdefgh",
    "",
    "ab",
    "abcdefgh",
    "",
    "1.5",
    "x",
    "-3",
    "12345",
    "-7",
    "99999",
    "x",
    "12345",
    "-7",
    "9999999999",
    "x",
    "200",
    "-7",
    "300",
    "x",
    "last",
]

EXCEPTIONS = """\
identification division.
program-id. l.
data division.
working-storage section.
01 x pic x(4). 01 n pic 9(2).
procedure division.
    accept x on exception display "exc" end-display not on exception display "no exc"
      end-display end-accept. display x.
    accept x not on exception display "no exc" end-display end-accept. display x.
    accept x on exception display "exc" end-display not on exception display "no exc"
      end-display end-accept. display x.
    accept x not on exception display "no exc" end-display end-accept.
    accept x from environment "NOPE" not on exception display "env" end-display end-accept.
    accept x from environment "HOME" on exception display "noenv" end-display not on exception
      display "env" end-display end-accept.
    accept x from environment "NOPE" on exception display "noenv" end-display not on exception
      display "env" end-display end-accept.
    display 1 upon argument-number on exception display "bad" end-display not on exception
      display "good" end-display end-display.
    display 7 upon argument-number on exception display "bad" end-display not on exception
      display "good" end-display end-display.
    display "A" upon environment-name not on exception display "good" end-display end-display.
    call "NOPROG" on exception display "noprog" end-display not on exception display "prog"
      end-display end-call.
    call "SYSTEM" using "true" on exception display "noprog" end-display not on exception
      display "prog" end-display end-call.
    accept x from argument-value on exception display "noarg" end-display not on exception
      display "arg" end-display end-accept.
    stop run.
"""


def test_every_kind_of_item(tmp_path: Path) -> None:
    same(tmp_path, ITEMS, stdin="\n".join(LINES).encode())


def test_exceptions(tmp_path: Path) -> None:
    same(tmp_path, EXCEPTIONS, stdin=b"ab\ncd\nlast", arguments=["a"])


def test_clock_environment_and_arguments(tmp_path: Path) -> None:
    source = """\
identification division.
program-id. d.
data division.
working-storage section.
01 x pic x(30). 01 n pic 9(10). 01 n4 pic 9(4).
procedure division.
    accept x from date display x. accept x from date yyyymmdd display x.
    accept x from day display x. accept x from day yyyyddd display x.
    accept x from day-of-week display x. accept x from time display x.
    accept n from time display n. accept n4 from time display n4. accept n from date display n.
    accept x from command-line display x. accept n from argument-number display n.
    accept x from argument-value display x. accept x from argument-value display x.
    accept x from environment "SOME" display x.
    display "FOO" upon environment-name. display "bar" upon environment-value.
    accept x from environment-value display x. accept x from environment "FOO" display x.
    display "a" no advancing. display "b" upon console. display "c" upon sysout.
    display "err" upon syserr. stop run.
"""
    clock = {"COB_CURRENT_DATE": "2024/02/29 12:34:56.78", "SOME": "thing"}
    left = same(tmp_path, source, arguments=["a", "b c"], environment=clock)
    assert left.stderr == "err\n"
    assert "20240229" in left.stdout


def test_lines_longer_than_cobc_takes_at_once(tmp_path: Path) -> None:
    source = """\
identification division.
program-id. p.
data division.
working-storage section. 01 x pic x(9000). 01 n pic 9(3).
procedure division.
    accept x. display x(8185:10) "|". accept x. display x(1:20) "|". accept n. display n.
    stop run.
"""
    same(tmp_path, source, stdin=b"a" * 8188 + b"bcdefgh\n" + b"12\n")
