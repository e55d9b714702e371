"""Traces as other programs print them."""

from __future__ import annotations

import pytest

from slmcode.features.edits.frames import Frame, Trace, traces

PYTHON = """\
noise
Traceback (most recent call last):
  File "/w/run.py", line 9, in <module>
    main()
    ~~~~^^
  File "/w/pkg/a.py", line 3, in main
    return f(
  File "/w/pkg/b.py", line 30, in f
    raise KeyError("x: y")
KeyError: 'x: y'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/w/run.py", line 11, in <module>
    g()
pkg.errors.Bad
"""
SYNTAX = """\
  File "/w/a.py", line 3
    def f(:
          ^
SyntaxError: invalid syntax
"""
PYTEST = """\
=================================== FAILURES ===================================
____________________________________ test_f ____________________________________

    def test_f():
>       assert f(1) == 2

tests/test_a.py:5:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def f(x):
>       return x / 0
E       ZeroDivisionError: division by zero

a.py:2: ZeroDivisionError
____________________________________ test_g ____________________________________

    def test_g():
>       assert g(1) == 3
E       assert 2 == 3
E        +  where 2 = g(1)

tests/test_a.py:9: AssertionError
=========================== short test summary info ============================
FAILED tests/test_a.py::test_f - ZeroDivisionError: division by zero
"""
PYTEST_SHORT = """\
_____________________________ test_f _____________________________
tests/test_a.py:5: in test_f
    assert f(1) == 2
a.py:2: in f
    return x / 0
E   ZeroDivisionError: division by zero
"""
NODE = """\
/w/a.js:2
  throw new Error("no");
  ^

Error: no
    at f (/w/a.js:2:9)
    at async Object.g (file:///w/lib/b.mjs:7:3)
    at /w/c.ts:1:1
    at node:internal/main/run_main_module:28:49
"""
JAVA = """\
Exception in thread "main" java.lang.IllegalStateException: no
\tat com.foo.Bar.baz(Bar.java:12)
\tat com.foo.Bar$Inner.run(Bar.java:30)
\tat java.base/java.util.ArrayList.forEach(ArrayList.java:1511)
Caused by: java.lang.NullPointerException
\tat com.foo.Deep.get(Deep.java:5)
\t... 2 more
"""
GO = """\
panic: runtime error: index out of range [3] with length 1 [recovered]

goroutine 1 [running]:
main.(*T).get(0xc000012345, 0x3)
\t/w/a.go:7 +0x1d
main.main()
\t/w/main.go:4 +0x20
exit status 2
"""
RUST = """\
thread 'main' panicked at src/main.rs:4:5:
index out of bounds: the len is 1 but the index is 3
stack backtrace:
   0: rust_begin_unwind
             at /rustc/90c541/library/std/src/panicking.rs:645:5
   1: app::get
             at ./src/main.rs:4:5
   2: app::main::h0123456789abcdef
             at ./src/main.rs:9:2
"""


def test_python_with_an_exception_while_another_is_handled() -> None:
    first = (
        Frame("/w/run.py", 9, "<module>"),
        Frame("/w/pkg/a.py", 3, "main"),
        Frame("/w/pkg/b.py", 30, "f"),
    )
    assert traces(PYTHON) == [
        Trace("KeyError: 'x: y'", first),
        Trace("pkg.errors.Bad", (Frame("/w/run.py", 11, "<module>"),)),
    ]


def test_a_syntax_error_has_a_place_without_a_function() -> None:
    assert traces(SYNTAX) == [Trace("SyntaxError: invalid syntax", (Frame("/w/a.py", 3, ""),))]


def test_pytest_in_full_names_the_functions_it_shows() -> None:
    inner = (Frame("tests/test_a.py", 5, "test_f"), Frame("a.py", 2, "f"))
    assert traces(PYTEST) == [
        Trace("ZeroDivisionError: division by zero", inner),
        Trace("assert 2 == 3", (Frame("tests/test_a.py", 9, "test_g"),)),
    ]


def test_pytest_in_short() -> None:
    inner = (Frame("tests/test_a.py", 5, "test_f"), Frame("a.py", 2, "f"))
    assert traces(PYTEST_SHORT) == [Trace("ZeroDivisionError: division by zero", inner)]


def test_node() -> None:
    frames = (
        Frame("/w/c.ts", 1, ""),
        Frame("/w/lib/b.mjs", 7, "Object.g"),
        Frame("/w/a.js", 2, "f"),
    )
    assert traces(NODE) == [Trace("Error: no", frames)]


def test_java_files_are_found_by_their_package_and_causes_are_apart() -> None:
    outer = (
        Frame("java/util/ArrayList.java", 1511, "forEach"),
        Frame("com/foo/Bar.java", 30, "run"),
        Frame("com/foo/Bar.java", 12, "baz"),
    )
    assert traces(JAVA) == [
        Trace("java.lang.IllegalStateException: no", outer),
        Trace("java.lang.NullPointerException", (Frame("com/foo/Deep.java", 5, "get"),)),
    ]


def test_go() -> None:
    frames = (Frame("/w/main.go", 4, "main"), Frame("/w/a.go", 7, "get"))
    message = "runtime error: index out of range [3] with length 1 [recovered]"
    assert traces(GO) == [Trace(message, frames)]


def test_rust() -> None:
    panic, backtrace = traces(RUST)
    message = "index out of bounds: the len is 1 but the index is 3"
    assert panic == Trace(message, (Frame("src/main.rs", 4, "main"),))
    assert backtrace.frames[:2] == (
        Frame("./src/main.rs", 9, "main"),
        Frame("./src/main.rs", 4, "get"),
    )


@pytest.mark.parametrize(
    ("line", "message", "frame"),
    [
        ("src/a.c:3:5: error: expected ';'", "error: expected ';'", Frame("src/a.c", 3, "")),
        ("a.c:3: fatal error: no", "fatal error: no", Frame("a.c", 3, "")),
        ("a.ts(3,5): error TS2304: no x", "error TS2304: no x", Frame("a.ts", 3, "")),
        ("./a.go:5:2: undefined: y", "undefined: y", Frame("./a.go", 5, "")),
        ("    a_test.go:12: got 1", "got 1", Frame("a_test.go", 12, "")),
        ("A.java:7: error: ';' expected", "error: ';' expected", Frame("A.java", 7, "")),
        ("error[E1]: no\n  --> src/a.rs:4:5", "error[E1]: no", Frame("src/a.rs", 4, "")),
        (
            "thread 'main' panicked at 'no', src/a.rs:4:5",
            "no",
            Frame("src/a.rs", 4, ""),
        ),
        (
            "prog: a.c:10: f: Assertion `x' failed.",
            "f: Assertion `x' failed.",
            Frame("a.c", 10, "f"),
        ),
        ("Can't open it at x.pl line 3.", "Can't open it", Frame("x.pl", 3, "")),
        ("Boom: no\n   at C.M(Int32 x) in x.cs:line 12", "Boom: no", Frame("x.cs", 12, "C.M")),
        ("a.rb:3:in 'f': no (Bad)", "no (Bad)", Frame("a.rb", 3, "f")),
        (
            "==1==ERROR: AddressSanitizer: SEGV\n    #0 0x4f in f /w/a.c:12:3",
            "ERROR: AddressSanitizer: SEGV",
            Frame("/w/a.c", 12, "f"),
        ),
    ],
)  # fmt: skip
def test_one_line(line: str, message: str, frame: Frame) -> None:
    assert traces(f"noise\n\n{line}\n") == [Trace(message, (frame,))]


def test_colours_are_left_out() -> None:
    coloured = PYTHON.replace("KeyError", "\x1b[1;35mKeyError\x1b[0m")
    assert traces(coloured) == traces(PYTHON)


@pytest.mark.parametrize("text", ["", "\n\n", "all is well", "at 3:15 we met", "http://a:80/x"])
def test_text_without_a_trace(text: str) -> None:
    assert traces(text) == []


def test_of_a_long_output_the_end_is_read() -> None:
    assert traces("x\n" * 400_000 + PYTHON) == traces(PYTHON)
