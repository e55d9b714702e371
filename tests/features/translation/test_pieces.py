"""Sources in units, headers in another language, and one file of them again."""

from __future__ import annotations

import pytest

from slmcode.features.translation.assembling import assembled, commented
from slmcode.features.translation.pieces import has_program, header, pieces

C = """#include <stdio.h>
static int gcd(int a, int b) {
    return b ? gcd(b, a % b) : a;
}
int main(void) {
    printf("%d\\n", gcd(4, 6));
    return 0;
}
"""
PERL = "use strict;\nsub twice {\n  my ($n) = @_;\n  return 2 * $n;\n}\nprint twice(2);\n"
PASCAL = """program x;
function twice(k: integer): integer;
begin
  twice := 2 * k;
end;
begin
  writeln(TWICE(2));
end.
"""
FORTRAN = """      PROGRAM T
      PRINT *, ITW(2)
      END
      INTEGER FUNCTION ITW(K)
      ITW = 2 * K
      END
"""


@pytest.mark.parametrize(
    ("language", "text", "name", "lines"),
    [
        ("c", C, "gcd", (1, 4)),
        ("perl", PERL, "twice", (1, 5)),
        ("pascal", PASCAL, "twice", (1, 5)),
        ("fortran", FORTRAN, "ITW", (3, 6)),
    ],
)
def test_functions_and_the_program_that_calls_them(
    language: str, text: str, name: str, lines: tuple[int, int]
) -> None:
    function, main = pieces(text, language, "python", "x")
    assert (function.name, function.kind, function.lines) == (name, "function", lines)
    assert (main.name, main.kind, main.calls) == ("x", "program", (name,))
    assert function.code.strip() not in main.code


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("perl", "package A;\nuse strict;\nsub f {\n  return 1;\n}\n1;\n"),
        ("c", "int f(int n) {\n  return n;\n}\n"),
        ("fortran", "      SUBROUTINE S(K)\n      K = 1\n      END\n"),
    ],
)
def test_functions_alone_are_no_program(language: str, text: str) -> None:
    assert not has_program(text, language)
    assert [p.kind for p in pieces(text, language, "python", "x")] == ["function"]


@pytest.mark.parametrize(
    ("language", "signature", "target", "expected"),
    [
        ("c", "static int gcd(int a, int b)", "python", "def gcd(a: int, b: int) -> int:"),
        ("c", "int gcd(int a, int b)", "go", "func gcd(a int, b int) int {"),
        ("c", "int gcd(int a, int b)", "java", "static int gcd(int a, int b) {"),
        ("c", "double f(void)", "rust", "fn f() -> f64 {"),
        ("c", "void f(long n)", "typescript", "function f(n: number): void {"),
        ("c", "int f(char *s)", "python", ""),  # a pointer may be many things
        ("pascal", "function F(a, b: integer; c: real): real", "python", "def f(a, b, c):"),
        ("pascal", "procedure p(var a: integer)", "python", ""),  # it gives back through a
        ("fortran", "INTEGER FUNCTION ITW(K)", "python", "def itw(k):"),
        ("fortran", "SUBROUTINE S(K)", "python", ""),
        ("perl", "sub twice", "python", ""),
    ],
)
def test_headers_are_fixed_where_types_are_simple(
    language: str, signature: str, target: str, expected: str
) -> None:
    assert header(signature, language, target) == expected


@pytest.mark.parametrize(
    ("target", "codes", "text"),
    [
        (
            "python",
            ["import math\n\ndef f():\n    return math.pi", "import sys\nprint(f())"],
            "import math\nimport sys\n\n\ndef f():\n    return math.pi\n\n\nprint(f())\n",
        ),
        (
            "go",
            [
                'import "fmt"\nfunc f() {}',
                'package main\n\nimport (\n\t"os"\n\t"fmt"\n)\nfunc g() {}',
            ],
            'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc f() {}\n\nfunc g() {}\n',
        ),
        (
            "java",
            ["static int f() {\n    return 1;\n}", "public class Main {\n    int g;\n}"],
            "public class X {\n    static int f() {\n        return 1;\n    }\n\n    int g;\n}\n",
        ),
        ("java", ["class Main {\n}\n"], "class X {\n}\n"),
    ],
)
def test_one_file_of_units(target: str, codes: list[str], text: str) -> None:
    made = assembled(codes, target, "X")
    assert made.text == text
    lines = made.text.splitlines()
    assert len(made.lines) == len(codes)
    for start, end in made.lines:
        assert lines[start].strip()
        assert lines[end - 1].strip()


def test_what_nothing_passed_for_stays_as_a_comment() -> None:
    text = commented("int f() {\n\n  return 1;\n}\n", "go", "the compiler says:\nno")
    assert text == (
        "// Not translated: the compiler says: no\n//    int f() {\n//\n//      return 1;\n//    }"
    )
