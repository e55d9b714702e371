"""Intrinsic functions in whole programs, against cobc."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmcode.translate.cobol.tree import Refused
from tests.translate.cobol.batch import both, program
from tests.translate.cobol.both import same, translated

PROGRAM = """
identification division. program-id. f. data division. working-storage section. 01 n pic
 s9(3)v9. 01 x pic x(12). 01 y pic x(8).
01 g. 05 i pic 99 occurs 3.
procedure division.
move "12.5CR" to x display function numval(x). move " 12.5 DB" to x display function
 numval(x). move "12.5 -" to x display function numval(x) move "- 12.5" to x display function
 numval(x).
move "-12.5-" to x display function numval(x). move "12.5.1" to x display function numval(x).
 move "12 5" to x display function numval(x). move "$1,2" to x display function numval(x).
 display function numval("12.5cr").
move "12A" to x display function numval(x). move "A12" to x display function numval(x) move
 "+12.5" to x display function numval(x) move "+-12.5" to x display function numval(x).
move "12,345.6" to x display function numval(x) display function numval-c(x).  move "1.5E+3"
 to x display function numval-f(x). move "$ 12.5DB" to x display function numval-c(x). move
 "$ 12.5-" to x display function numval-c(x). move "-$1,012.5" to x display function
 numval-c(x).
compute n = function numval("3.56") display n. display function annuity(0.1 5). display
 function length(x). display function length(g). compute n = function max(1.5 2) display n.
move 1 to i(1) move 5 to i(2) move 3 to i(3) display function max(i(1) i(2) i(3)). display
 function sum(i(1) i(2) i(3)) function mean(i(1) i(2) i(3)).
display "[" function trim(x) "]" function upper-case(x) "]". display function ord("0").
 display function concatenate(x n). display function reverse(i(2)). display function
 upper-case(function trim(x)). display function numval(i(2)). display function char(49).
 display function abs(n) function integer-part(n) function mod(i(2) 3). display function
 length("abcd"). display function length(n) function byte-length(n).
display function max("ab" "b" x). display function substitute(x "$" "EUR"). display function
 stored-char-length(x).
stop run.
"""


def test_functions(tmp_path: Path) -> None:
    same(tmp_path, PROGRAM)


DATA = """\
01 N PIC S9(3)V9 VALUE -12.5.
01 P PIC 9(4) VALUE 17.
01 Q PIC S9(4) VALUE -17.
01 Z PIC S9(4) VALUE 0.
01 B PIC S9(9) COMP VALUE -123456.
01 K PIC S9(5)V99 COMP-3 VALUE 1234.56.
01 F COMP-2 VALUE 1.5.
01 X PIC X(12) VALUE "Hello World".
01 Y PIC X(5) VALUE "abc".
01 D8 PIC 9(8) VALUE 20240229.
01 G. 05 T PIC S99V9 OCCURS 4.
01 G2. 05 U PIC X(3) OCCURS 3 VALUE "mno".
01 VI PIC S9(9).
01 VD PIC S9(7)V9(9).
01 VE PIC -(9)9.9(4).
01 VF COMP-2.
01 VX PIC X(20).
"""

NUMERIC = """
ABS(N)
ABS(Z)
ABS(-5)
ABS(5)
ABS(B)
ABS(K)
ABS(-12.75)
ABS(Q)
ABS(P)
ABS(N - 1)
ABS(F)
ACOS(0.5)
ACOS(1)
ACOS(-1)
ACOS(2)
ACOS(0)
ASIN(0.5)
ASIN(1)
ASIN(-1)
ASIN(0)
ASIN(-2)
ATAN(1)
ATAN(0)
ATAN(-3.25)
ATAN(N)
COS(0)
COS(1)
COS(N)
COS(100)
EXP(0)
EXP(1)
EXP(-3)
EXP(N)
EXP10(0)
EXP10(3)
EXP10(-3)
EXP10(0.5)
FACTORIAL(0)
FACTORIAL(1)
FACTORIAL(5)
FACTORIAL(12)
FACTORIAL(P)
FRACTION-PART(N)
FRACTION-PART(3.75)
FRACTION-PART(-3.75)
FRACTION-PART(Z)
FRACTION-PART(K)
FRACTION-PART(F)
INTEGER(N)
INTEGER(-0.5)
INTEGER(0.5)
INTEGER(K)
INTEGER(Q)
INTEGER(F)
INTEGER-PART(N)
INTEGER-PART(-0.5)
INTEGER-PART(K)
INTEGER-PART(F)
LOG(1)
LOG(2)
LOG(0)
LOG(-1)
LOG(K)
LOG10(1)
LOG10(100)
LOG10(2)
LOG10(0)
LOG10(0.001)
MOD(P 5)
MOD(Q 5)
MOD(Q -5)
MOD(P -5)
MOD(17 5)
MOD(-17 5)
MOD(P Z)
MOD(B 1000)
REM(P 5)
REM(Q 5)
REM(Q -5)
REM(P -5)
REM(N 3)
REM(K 0.7)
REM(P Z)
REM(17.5 5)
SIGN(N)
SIGN(Z)
SIGN(P)
SIGN(-3)
SIGN(0)
SIGN(F)
SIN(0)
SIN(1)
SIN(N)
SIN(100)
SQRT(0)
SQRT(2)
SQRT(4)
SQRT(16)
SQRT(K)
SQRT(-1)
SQRT(0.25)
TAN(0)
TAN(1)
TAN(N)
PI
E
"""

STATISTICS = """
MAX(1 2 3)
MAX(N K)
MAX(N 5)
MAX(N 5.25)
MAX(P Q)
MAX(P 100)
MAX(Z 0)
MAX(-1 -2)
MAX(1.5 2)
MAX(P)
MAX(5)
MAX(B K F)
MAX(N - 1 Q)
MAX(1.50 1.25)
MIN(1 2 3)
MIN(N K)
MIN(N 5)
MIN(P Q)
MIN(P 100)
MIN(P 3)
MIN(-1.5 2)
MIN(Q)
MIN(F 2)
MEAN(1 2 3)
MEAN(1 2)
MEAN(N K)
MEAN(Q)
MEAN(0 0)
MEAN(1 1 2)
MEDIAN(1 2 3)
MEDIAN(1 2 3 4)
MEDIAN(N P Q)
MEDIAN(P Q)
MEDIAN(P)
MEDIAN(N)
MEDIAN(3 1.5 2)
MIDRANGE(1 2 6)
MIDRANGE(N K)
MIDRANGE(Q)
MIDRANGE(1 2)
RANGE(1 2 6)
RANGE(N K)
RANGE(Q)
RANGE(1.5 1)
STANDARD-DEVIATION(1 2 3)
STANDARD-DEVIATION(5)
STANDARD-DEVIATION(Q Z)
STANDARD-DEVIATION(2 2)
SUM(1 2 3)
SUM(N K)
SUM(Q)
SUM(P B)
SUM(1.5 2.25)
SUM(F 1)
SUM(12345678901.5 1)
SUM(3000000000 1)
SUM(300000000.5 0)
SUM(3000000000.5 0)
SUM(-3000000000 1)
SUM(-300000000.5 0)
SUM(999999999999999.25 1)
SUM(-999999999999999.25 1)
SUM(12345678901 1)
SUM(9999999999999999999 1)
SUM(-99999999999999 1)
MEAN(5)
MEAN(N)
MEDIAN(N N)
MEDIAN(5)
MAX(F)
SUM(0.0000000001 0)
VARIANCE(1 2 3)
VARIANCE(5)
VARIANCE(1 2)
VARIANCE(Q Z)
ORD-MAX(1 5 3)
ORD-MAX(5 5)
ORD-MAX("a" "c" "b")
ORD-MAX(X Y)
ORD-MIN(1 5 3)
ORD-MIN(X Y)
ORD-MIN(5 5)
ANNUITY(0.1 5)
ANNUITY(0 4)
ANNUITY(0.05 12)
ANNUITY(0.075 1)
PRESENT-VALUE(0.1 100 200)
PRESENT-VALUE(0 5 6)
PRESENT-VALUE(0.1 100)
"""

DATES = """
INTEGER-OF-DATE(16010101)
INTEGER-OF-DATE(20240229)
INTEGER-OF-DATE(D8)
INTEGER-OF-DATE(20230229)
INTEGER-OF-DATE(99991231)
INTEGER-OF-DATE(0)
INTEGER-OF-DATE(19001301)
INTEGER-OF-DATE(16001231)
DATE-OF-INTEGER(1)
DATE-OF-INTEGER(154497)
DATE-OF-INTEGER(3067671)
DATE-OF-INTEGER(3067672)
DATE-OF-INTEGER(0)
DATE-OF-INTEGER(-1)
DATE-OF-INTEGER(Z)
DAY-OF-INTEGER(1)
DAY-OF-INTEGER(154497)
DAY-OF-INTEGER(3067671)
DAY-OF-INTEGER(0)
INTEGER-OF-DAY(1601001)
INTEGER-OF-DAY(2024366)
INTEGER-OF-DAY(2023366)
INTEGER-OF-DAY(2024000)
INTEGER-OF-DAY(0)
DATE-TO-YYYYMMDD(240229 50 2024)
DATE-TO-YYYYMMDD(990101 50 2024)
DATE-TO-YYYYMMDD(990101 -10 2024)
DATE-TO-YYYYMMDD(000101 0 2000)
DATE-TO-YYYYMMDD(1000000 50 2024)
DATE-TO-YYYYMMDD(851003 10 2002)
DATE-TO-YYYYMMDD(-1 10 2002)
DAY-TO-YYYYDDD(24060 50 2024)
DAY-TO-YYYYDDD(99001 50 2024)
DAY-TO-YYYYDDD(10004 -20 2002)
DAY-TO-YYYYDDD(100000 50 2024)
YEAR-TO-YYYY(24 50 2024)
YEAR-TO-YYYY(75 50 2024)
YEAR-TO-YYYY(74 50 2024)
YEAR-TO-YYYY(99 0 1999)
YEAR-TO-YYYY(100 50 2024)
YEAR-TO-YYYY(50 100 2024)
YEAR-TO-YYYY(4 -15 1995)
YEAR-TO-YYYY(98 -15 2008)
YEAR-TO-YYYY(0 0 1700)
YEAR-TO-YYYY(0 0 1500)
TEST-DATE-YYYYMMDD(20240229)
TEST-DATE-YYYYMMDD(20230229)
TEST-DATE-YYYYMMDD(20241301)
TEST-DATE-YYYYMMDD(20240001)
TEST-DATE-YYYYMMDD(16001231)
TEST-DATE-YYYYMMDD(0)
TEST-DATE-YYYYMMDD(99991231)
TEST-DATE-YYYYMMDD(100000101)
TEST-DATE-YYYYMMDD(20240431)
TEST-DATE-YYYYMMDD(20240400)
TEST-DAY-YYYYDDD(2024366)
TEST-DAY-YYYYDDD(2023366)
TEST-DAY-YYYYDDD(2024000)
TEST-DAY-YYYYDDD(1600001)
TEST-DAY-YYYYDDD(0)
COMBINED-DATETIME(1 0)
COMBINED-DATETIME(154497 45296)
COMBINED-DATETIME(154497 45296.5)
COMBINED-DATETIME(3067671 86400)
COMBINED-DATETIME(0 5)
COMBINED-DATETIME(5 86401)
COMBINED-DATETIME(5 Q)
YEAR-TO-YYYY(0 50 1640)
YEAR-TO-YYYY(0 50 9990)
YEAR-TO-YYYY(50 60 1640)
DATE-TO-YYYYMMDD(010101 50 1500)
YEAR-TO-YYYY(Q 50 2000)
DATE-TO-YYYYMMDD(-990101 10 2002)
INTEGER-OF-FORMATTED-DATE("YYYY-MM-DD" "2024-02-29")
INTEGER-OF-FORMATTED-DATE("YYYYMMDD" "20240229")
INTEGER-OF-FORMATTED-DATE("YYYY-DDD" "2024-060")
INTEGER-OF-FORMATTED-DATE("YYYYDDD" "2024060")
INTEGER-OF-FORMATTED-DATE("YYYY-Www-D" "2024-W09-4")
INTEGER-OF-FORMATTED-DATE("YYYYWwwD" "2024W094")
INTEGER-OF-FORMATTED-DATE("YYYY-MM-DD" "2024-02-30")
INTEGER-OF-FORMATTED-DATE("YYYYMMDDThhmmss" "20240229T101112")
INTEGER-OF-FORMATTED-DATE("YYYY-MM-DD" "2024-2-29x")
INTEGER-OF-FORMATTED-DATE("YYYY-Www-D" "2024-W53-1")
SECONDS-FROM-FORMATTED-TIME("hh:mm:ss" "12:34:56")
SECONDS-FROM-FORMATTED-TIME("hhmmss" "123456")
SECONDS-FROM-FORMATTED-TIME("hh:mm:ssZ" "12:34:56Z")
SECONDS-FROM-FORMATTED-TIME("hhmmss+hhmm" "123456+0130")
SECONDS-FROM-FORMATTED-TIME("hh:mm:ss" "25:00:00")
SECONDS-FROM-FORMATTED-TIME("YYYYMMDDThhmmss" "20240229T101112")
SECONDS-FROM-FORMATTED-TIME("hh:mm:ss" "12:60:00")
SECONDS-FROM-FORMATTED-TIME("hh:mm:ss" "23:59:60")
"""

TEXT_NUMBERS = """
ORD("A")
ORD(X)
ORD(" ")
ORD(Y(2:1))
LENGTH(X)
LENGTH(P)
LENGTH(N)
LENGTH(B)
LENGTH(K)
LENGTH(F)
LENGTH(G)
LENGTH(T(1))
LENGTH("abcd")
LENGTH(FUNCTION TRIM(X))
LENGTH(FUNCTION TRIM(Y))
LENGTH(X(2:3))
LENGTH(FUNCTION TRIM("  "))
BYTE-LENGTH(X)
BYTE-LENGTH("ab")
BYTE-LENGTH(B)
STORED-CHAR-LENGTH(X)
STORED-CHAR-LENGTH(Y)
STORED-CHAR-LENGTH("ab  ")
STORED-CHAR-LENGTH("  ")
HIGHEST-ALGEBRAIC(P)
HIGHEST-ALGEBRAIC(N)
LOWEST-ALGEBRAIC(N)
LOWEST-ALGEBRAIC(P)
LOWEST-ALGEBRAIC(B)
HIGHEST-ALGEBRAIC(K)
"""

TEXTS = """
CHAR(66)
CHAR(1 + 65)
CHAR(P + 40)
LOWER-CASE(X)
LOWER-CASE("ABC")
UPPER-CASE(X)
UPPER-CASE("a1b")
UPPER-CASE(P)
LOWER-CASE(U(2))
REVERSE(X)
REVERSE("abc")
REVERSE(Y)
REVERSE(P)
TRIM(X)
TRIM(Y TRAILING)
TRIM(Y LEADING)
TRIM("  ab  ")
TRIM("  ab  " LEADING)
TRIM("  ab  " TRAILING)
TRIM("   ")
TRIM("   " LEADING)
TRIM(P)
TRIM(X(3:4))
TRIM(SPACES)
TRIM(D8)
SUBSTITUTE(X "l" "LL")
SUBSTITUTE(X "l" "")
SUBSTITUTE("abcabc" "a" "1" "bc" "2")
SUBSTITUTE(Y "abc" "x")
SUBSTITUTE-CASE(X "L" "y")
SUBSTITUTE-CASE("aAbB" "a" "1" "B" "22")
SUBSTITUTE(Y " " "")
SUBSTITUTE("..." "." "ab")
CONCATENATE(X Y)
CONCATENATE("a" Y "b")
CONCATENATE(P "x" N)
CONCATENATE(Y)
CONCATENATE(Q Z)
UPPER-CASE(FUNCTION TRIM(X))
REVERSE(FUNCTION TRIM(Y))
TRIM(X)(2:3)
UPPER-CASE(X)(1:1)
LOCALE-COMPARE("a" "b")
LOCALE-COMPARE(X X)
LOCALE-COMPARE("b" "a")
MODULE-ID
CURRENCY-SYMBOL
NUMERIC-DECIMAL-POINT
NUMERIC-THOUSANDS-SEPARATOR
MONETARY-DECIMAL-POINT
MAX("ab" "b" "aa")
MAX(X Y)
MIN(X Y)
MIN("ab" "b")
MAX(Y "abc")
"""

DATE_TEXTS = """
FORMATTED-DATE("YYYYMMDD" 1)
FORMATTED-DATE("YYYY-MM-DD" 154497)
FORMATTED-DATE("YYYYDDD" 154497)
FORMATTED-DATE("YYYY-DDD" 154497)
FORMATTED-DATE("YYYYWwwD" 154497)
FORMATTED-DATE("YYYY-Www-D" 154497)
FORMATTED-DATE("YYYY-Www-D" 153769)
FORMATTED-DATE("YYYYMMDD" 0)
FORMATTED-DATE("YYYY-MM-DD" -1)
FORMATTED-DATE("YYYY-MM-DD" 3067671)
FORMATTED-DATE("YYYY-MM-DD" 3067672)
FORMATTED-DATE("YYYY-Www-D" 1)
FORMATTED-TIME("hhmmss" 0)
FORMATTED-TIME("hh:mm:ss" 45296)
FORMATTED-TIME("hh:mm:ss" 86399)
FORMATTED-TIME("hhmmss.ss" 45296.789)
FORMATTED-TIME("hh:mm:ss.sssss" 45296.123456)
FORMATTED-TIME("hh:mm:ssZ" 45296 90)
FORMATTED-TIME("hhmmssZ" 45296 -90)
FORMATTED-TIME("hh:mm:ss+hh:mm" 45296 90)
FORMATTED-TIME("hh:mm:ss+hh:mm" 45296 -90)
FORMATTED-TIME("hhmmss+hhmm" 0 0)
FORMATTED-TIME("hh:mm:ss" 86400)
FORMATTED-TIME("hh:mm:ss" -1)
FORMATTED-TIME("hh:mm:ss" 86401)
FORMATTED-TIME("hh:mm:ssZ" 5 1440)
FORMATTED-TIME("hhmmssZ" 60 90)
FORMATTED-TIME("hhmmssZ" 86340 -90)
FORMATTED-DATETIME("YYYYMMDDThhmmss" 154497 45296)
FORMATTED-DATETIME("YYYY-MM-DDThh:mm:ss" 1 0)
FORMATTED-DATETIME("YYYY-MM-DDThh:mm:ss+hh:mm" 154497 45296 90)
FORMATTED-DATETIME("YYYY-MM-DDThh:mm:ssZ" 154497 60 90)
FORMATTED-DATETIME("YYYYDDDThhmmssZ" 154497 86340 -90)
FORMATTED-DATETIME("YYYYWwwDThhmmss.sss" 154497 45296.5)
FORMATTED-DATETIME("YYYYMMDDThhmmss" 0 0)
FORMATTED-DATETIME("YYYYMMDDThhmmss" 1 86400)
LOCALE-DATE("20240229")
LOCALE-DATE(D8)
LOCALE-DATE("20241301")
LOCALE-DATE("abc")
LOCALE-TIME("123456")
LOCALE-TIME("250000")
LOCALE-TIME("240000")
LOCALE-TIME("236000")
LOCALE-TIME("235960")
LOCALE-DATE("00000101")
LOCALE-DATE("16001231")
LOCALE-DATE("20230229")
LOCALE-TIME-FROM-SECONDS(86401)
LOCALE-TIME("abc")
LOCALE-TIME-FROM-SECONDS(45296)
LOCALE-TIME-FROM-SECONDS(0)
LOCALE-TIME-FROM-SECONDS(86400)
LOCALE-TIME-FROM-SECONDS(-5)
"""

# What NUMVAL and its like are given
WRITTEN = (
    "12",
    "-12.5",
    "  12.5-",
    " + 3 ",
    "12.5CR",
    "12.5DB ",
    "abc",
    "",
    "  ",
    "1.2.3",
    "1 2",
    "1,234.5",
    "$12.50",
    "$ 1,234-",
    "1.5E+2",
    "1.5E2",
    "1E-3",
    ".5",
    "5.",
    "--1",
    "-1-",
    "1.5X",
    "1.5CR ",
    "0012.500",
    "-.75",
    "+ 1.5",
    "+1.5-",
    "12.5 CR",
    "- 1",
    "1E+2-",
    "12+",
    "-1E+2",
    "12 -",
    "1.E+1",
    ".",
    "-",
    "+ ",
    "CR",
    "1.5 E+2",
    "-1.5E-2",
    "1234567890123456789",
)
CURRENCIES = """
NUMVAL-C('12.5$')
TEST-NUMVAL-C('12.5$')
NUMVAL-C('E12.5' 'E')
NUMVAL-C('12.5E' 'E')
TEST-NUMVAL-C('E12.5' 'E')
TEST-NUMVAL-C('12.5E' 'E')
NUMVAL(X)
NUMVAL(P)
"""


def _numbers(functions: str) -> dict[str, str]:
    """Each function shown, moved to three kinds of items, and computed with."""
    pieces: dict[str, str] = {}
    for call in functions.strip().splitlines():
        name, code = call.replace('"', "'"), f"FUNCTION {call}"
        pieces[f"{name} shown"] = f"DISPLAY {code}."
        pieces[f"{name} moved"] = f'MOVE {code} TO VI VD VE DISPLAY VI "/" VD "/" VE.'
        pieces[f"{name} computed"] = (
            f"COMPUTE VD = {code} * 2 + 1 DISPLAY VD COMPUTE VI ROUNDED = {code} DISPLAY VI."
        )
    return pieces


def _texts(functions: str) -> dict[str, str]:
    pieces: dict[str, str] = {}
    for call in functions.strip().splitlines():
        name, code = call.replace('"', "'"), f"FUNCTION {call}"
        pieces[f"{name} shown"] = f"DISPLAY '[' {code} ']'."
        pieces[f"{name} moved"] = f"MOVE {code} TO VX DISPLAY '[' VX ']'."
    return pieces


def _numvals() -> str:
    names = "NUMVAL", "NUMVAL-C", "NUMVAL-F", "TEST-NUMVAL", "TEST-NUMVAL-C", "TEST-NUMVAL-F"
    calls = [f'{name}("{written}")' for name in names for written in WRITTEN]
    return "\n".join(calls) + CURRENCIES.rstrip()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(_numbers(NUMERIC), id="numeric"),
        pytest.param(_numbers(STATISTICS), id="statistics"),
        pytest.param(_numbers(TEXT_NUMBERS) | _texts(TEXTS), id="text"),
        pytest.param(_numbers(_numvals()), id="numval"),
        pytest.param(_numbers(DATES) | _texts(DATE_TEXTS), id="dates"),
    ],
)
def test_groups(tmp_path: Path, pieces: dict[str, str]) -> None:
    original, ours = both(tmp_path, DATA, pieces)
    assert ours == original
    assert set(original) == set(pieces)


@pytest.mark.parametrize(
    "call",
    [
        "TRIM(N)",
        "TRIM(B)",
        'NUMVAL-C(X "EUR")',
        'TEST-NUMVAL-C(X "EUR")',
        'SECONDS-FROM-FORMATTED-TIME("hhmmss.ss" "123456.78")',
        'TEST-FORMATTED-DATETIME("YYYYMMDD" "20240229")',
    ],
)
def test_what_is_not_equal_is_refused_by_name(call: str) -> None:
    with pytest.raises(Refused, match=call.partition("(")[0]):
        translated(program(DATA, {"one": f"DISPLAY FUNCTION {call}."}))
