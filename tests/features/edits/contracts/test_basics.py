"""Planted violations: each of them must be refused, with its reason; and none of the good edits."""

from __future__ import annotations

import pytest

from slmcode.features.edits.contracts.base import State
from slmcode.features.edits.contracts.basics import fault, kept
from slmcode.syntax.parser import parse
from slmcode.syntax.symbols import outline
from slmcode.text import Snapshot, TextRange


def state(language: str, above: str, code: str, below: str) -> State:
    text = above + code + below
    tree = parse(language, text)
    lines = TextRange(len(above), len(above) + len(code))
    return State(Snapshot("", language, 1, text), lines, tree, outline(tree, text))


def found(language: str, source: str, new: str, instruction: str = "Do it.") -> str:
    """The fault of putting `new` in the place of the selection."""
    above, _, rest = source.partition("«")
    code, _, below = rest.partition("»")
    before, after = state(language, above, code, below), state(language, above, new, below)
    return fault(before, after, instruction)


PYTHON = "import os\n\n«def f(a):\n    return a\n»\n\ndef g():\n    return f(1)\n"
CLASS = "class A:\n    x = 1\n\n«    def f(self):\n        return 1\n»\n    def g(self): pass\n"
SCRIPT = "let a = 1;\n«function f(x) {\n  return x;\n}\n»function g() {\n  return f(a);\n}\n"
JAVA = "class A {\n«    int f() {\n        return 1;\n    }\n»    int g() { return f(); }\n}\n"
GO = "package p\n\n«func F() int {\n\treturn 1\n}\n»\nfunc G() int {\n\treturn F()\n}\n"
PARSE = "it does not parse"


@pytest.mark.parametrize(
    ("language", "source", "new", "reason"),
    [
        ("python", PYTHON, "def f(a):\n    return (a\n", PARSE),
        ("python", PYTHON, "def f(a)\n    return a\n", PARSE),
        ("python", PYTHON, "def f(a):\n", PARSE),  # no body
        ("python", PYTHON, "def f(a):\n    pass\nreturn a\n", PARSE),  # outside of a function
        ("python", PYTHON, "def f(a):\n\treturn a\n        return 1\n", PARSE),
        ("python", PYTHON, "def f(a):\n    '''Text.\n    return a\n", PARSE),
        ("python", PYTHON, "Here is the code:\ndef f(a):\n    return a\n", PARSE),
        ("python", PYTHON, "def h(a):\n    return a\n", "f is not defined any more"),
        ("python", PYTHON, "    def f(a):\n        return a\n", PARSE),
        ("python", PYTHON, "class B:\n    def f(a):\n        return a\n", "f is not defined"),
        ("python", PYTHON, "def f(a):\n    return 2\n\ndef g():\n    pass\n", "it defines g"),
        ("python", PYTHON, "import os\ndef f(a):\n    return 2\n", "it defines os"),
        ("python", PYTHON, "def f(a):\n    return a\n", "it changed nothing"),
        ("python", PYTHON, "", "it is empty"),
        ("python", CLASS, "def f(self):\n    return 2\n", "f is not defined"),  # left the class
        (
            "python",
            CLASS,
            "    def f(self):\n        return 1\n    def g(self): 1\n",
            "it defines g",
        ),
        ("javascript", SCRIPT, "function f(x) {\n  return x;\n", PARSE),
        ("javascript", SCRIPT, "function f(x) {\n  return x;\n}\n}\n", PARSE),
        ("javascript", SCRIPT, "const h = (x) => x;\n", "f is not defined any more"),
        (
            "javascript",
            SCRIPT,
            "function f(x) {\n  return 1;\n}\nfunction g() {}\n",
            "it defines g",
        ),
        ("java", JAVA, "    int f() {\n        return 1\n    }\n", PARSE),
        (
            "java",
            JAVA,
            "    int f() {\n        return 2;\n    }\n}\nclass B {\n",
            "it changes what",
        ),
        ("java", JAVA, "    int F() {\n        return 1;\n    }\n", "f is not defined any more"),
        ("go", GO, "func F() int {\n\treturn 1\n", PARSE),
        ("go", GO, "package p\n\nfunc F() int {\n\treturn 1 1\n}\n", PARSE),
        ("go", GO, "func f() int {\n\treturn 1\n}\n", "F is not defined any more"),
    ],
)
def test_planted_violations(language: str, source: str, new: str, reason: str) -> None:
    assert found(language, source, new).startswith(reason)


@pytest.mark.parametrize(
    ("language", "source", "new"),
    [
        ("python", PYTHON, 'def f(a: int) -> int:\n    """It."""\n    return a\n'),
        ("python", PYTHON, "def f(a):\n    return helper(a)\n\ndef helper(a):\n    return a\n"),
        ("python", CLASS, "    def f(self) -> int:\n        return 1\n"),
        ("javascript", SCRIPT, "const f = (x) => x;\n"),
        ("java", JAVA, "    /** One. */\n    int f() {\n        return 1;\n    }\n"),
        ("go", GO, "// F is one.\nfunc F() int {\n\treturn 1\n}\n"),
    ],
)
def test_good_edits(language: str, source: str, new: str) -> None:
    assert found(language, source, new) == ""


@pytest.mark.parametrize("verb", ["Rename", "remove", "Delete", "renaming", "removed"])
def test_names_may_go_where_the_instruction_says_so(verb: str) -> None:
    assert found("python", PYTHON, "def h(a):\n    return a\n", f"{verb} f") == ""
    assert found("python", PYTHON, "def h(a:\n    return a\n", f"{verb} f").startswith(PARSE)


def test_errors_that_were_there_are_no_fault() -> None:
    source = "def broken(:\n\n\n«x = 1\n»y = 2\n"
    assert found("python", source, "x = 2\n") == ""
    assert found("python", source, "x = (2\n").startswith(PARSE)


def test_an_edit_may_mend_an_error() -> None:
    assert found("javascript", "«f(;\n»g();\n", "f();\n") == ""


def test_what_is_said_of_a_good_edit() -> None:
    before, after = state("python", "", "x = 1\ny = 1\n", ""), state("python", "", "x = 1\n", "")
    same = "it parses and defines the same names; nothing else was checked"
    gone = "it parses; y is gone, as the instruction may mean; nothing else was checked"
    assert kept(after, after) == same
    assert kept(before, after) == gone


@pytest.mark.parametrize(
    "instruction",
    [
        "Rename f",
        "Change the function's name to g",
        "Make it object-oriented",
        "Turn this loop into a class",
        "replace f by g",
    ],
)
def test_names_may_go_where_it_is_asked_for(instruction: str) -> None:
    new = "def g(a):\n    return a\n"
    assert "it defines g" in found("python", PYTHON, new, instruction)
    assert found("python", PYTHON, "def h(a):\n    return a\n", instruction) == ""


@pytest.mark.parametrize("instruction", ["Change f to g(1)", "Use a name", "Return a", "Simplify"])
def test_names_may_not_go_elsewhere(instruction: str) -> None:
    new = "def h(a):\n    return a\n"
    assert "f is not defined any more" in found("python", PYTHON, new, instruction)
