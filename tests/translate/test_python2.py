"""Python 2 to 3: what is rewritten, what is left alone, and that it runs as it did."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmcode.translate.python2 import HELPERS, NotPython2, to_python3

CASES = {
    "print": ('print "a", b,\n', "print(\"a\", b, end=' ')\n"),
    "comment": ("x = 07  # seven\n", "x = 0o7  # seven\n"),
    "whole numbers": ("n = 7 / 2\n", "n = 7 // 2\n"),
    "a float": ("n = x / 2.0\n", "n = x / 2.0\n"),
    "names of whole numbers": (
        "def f(a):\n    hi = len(a)\n    lo = 0\n    return (lo + hi) / 2\n",
        "def f(a):\n    hi = len(a)\n    lo = 0\n    return (lo + hi) // 2\n",
    ),
    "a loop's counter": (
        "for i in xrange(9):\n    j = i / 2\n",
        "for i in range(9):\n    j = i // 2\n",
    ),
    "a chain": ("n = 2 * 7 / 2 % 3\n", "n = 2 * 7 // 2 % 3\n"),
    "in place": ("n = 9\nn /= 2\n", "n = 9\nn //= 2\n"),
    "true division asked for": (
        "from __future__ import division\nx = 1 / 2\n",
        "\nx = 1 / 2\n",
    ),
    "an operator": (
        "class A:\n    def __div__(self, b):\n        return b\n",
        "class A:\n    def __truediv__(self, b):\n        return b\n",
    ),
    "a cmp of one's own": (
        "def cmp(a, b):\n    return 0\ncmp(1, 2)\n",
        "def cmp(a, b):\n    return 0\ncmp(1, 2)\n",
    ),
    "letters": ("string.letters + x.letters\n", "string.ascii_letters + x.letters\n"),
    "a range that is not called": ("f = xrange\n", "f = range\n"),
    "a method named round": ("x.round(1)\n", "x.round(1)\n"),
    "no end of line": ("print 1", "print(1)"),
    "carriage returns": ("print 1\r\nprint 2\r\n", "print(1)\r\nprint(2)\r\n"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_rewritten(before: str, after: str) -> None:
    assert to_python3(before).text == after


def ran(python2: str) -> str:
    """What the translation prints."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(to_python3(python2).text, "<translated>", "exec"), {"__name__": "m"})
    return out.getvalue()


# What Python 2.7 prints for the same text stands beside it.
RUN = {
    "division asks when it runs": (
        "def half(n):\n    return n / 2\nprint half(7), half(-7), half(7.0)\n",
        "3 -4 3.5\n",
    ),
    "division in place": ("def f(n):\n    n /= 2\n    return n\nprint f(7), f(5.0)\n", "3 2.5\n"),
    "rounding": (
        "print round(2.5), round(-2.5), round(0.125, 2), round(2.675, 2), round(15, -1)\n",
        "3.0 -3.0 0.13 2.67 20.0\n",
    ),
    "rounding what has no end": ("print round(float('inf'))\n", "inf\n"),
    "sorting by a function of two": (
        "print sorted([3, 1, 2], lambda a, b: cmp(b, a))\n",
        "[3, 2, 1]\n",
    ),
    "sorting by cmp itself": ("x = [3, 1]\nx.sort(cmp)\nprint x\n", "[1, 3]\n"),
    "behind a docstring and imports": (
        '"""Doc."""\nimport math\n\n\nprint cmp(1, 2), round(math.pi, 2), __doc__\n',
        "-1 3.14 Doc.\n",
    ),
    "lists that were lists": ("print map(lambda x: x / 2, range(4))\n", "[0, 0, 1, 1]\n"),
}


@pytest.mark.parametrize(("source", "printed"), RUN.values(), ids=RUN)
def test_runs_as_it_did(source: str, printed: str) -> None:
    assert ran(source) == printed


def test_helpers_are_put_in_once_and_only_where_needed() -> None:
    text = to_python3("def f(a, b):\n    return a / b + b / a\n").text
    assert text.count("def _divide(") == 1
    assert not any(f"def {name}(" in to_python3("print 1\n").text for name in HELPERS)


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("\nclass A:\n    def __cmp__(self, o): return 0\n", 3, "__cmp__"),
        ("x = 1\ny = z.encode('hex')\n", 2, "bytes"),
        ("print open('f').read()\n", 1, "open"),
        ("map(None, a, b)\n", 1, "zip_longest"),
    ],
)
def test_what_no_rule_decides_is_named(source: str, line: int, said: str) -> None:
    (left,) = to_python3(source).left
    assert (left.line, said in left.what) == (line, True)


def test_a_binary_file_needs_no_second_look() -> None:
    assert to_python3("open('f', 'rb')\n").left == ()


@pytest.mark.parametrize("source", ["def f(:\n", "print 'x\n", "if 1:\nx\n", "\x00", "a = = 1\n"])
def test_what_is_no_python_2_is_refused_with_its_line(source: str) -> None:
    with pytest.raises(NotPython2, match=r"^line \d+: "):
        to_python3(source)


@given(st.lists(st.sampled_from(["x", "7", "2.0", "len(y)", "(x + 1)", "f(3)"]), min_size=2))
def test_a_chain_of_divisions_stays_one_expression(operands: list[str]) -> None:
    compile(to_python3("n = " + " / ".join(operands) + "\n").text, "<translated>", "exec")
