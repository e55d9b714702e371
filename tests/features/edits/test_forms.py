"""Docstrings and types that the model writes and rules put in their place.

The answer is what the model says from the beginning that was put into its mouth.
"""

from __future__ import annotations

import asyncio

import pytest

from slmcode.features.edits import actions
from slmcode.features.edits.actions import Action
from slmcode.features.edits.outcome import Outcome, Verdict
from tests.features.edits.desk import Desk, answers


def edited(source: str, *texts: str, action: Action, language: str = "python") -> Outcome:
    async def ask() -> Outcome:
        desk = Desk(source, answers(*texts), language=language)
        result = await desk.edit(action=action)
        await desk.stop()
        return result

    return asyncio.run(ask())


def check(source: str, answer: str, after: str, action: Action, language: str = "python") -> None:
    """The edit is shown, as the same program, and makes `after` of the document."""
    result = edited(source, answer, action=action, language=language)
    assert result.verdict is Verdict.VERIFIED, result.reason
    (change,) = result.changes
    assert change.after == after


DOC = actions.DOCSTRING
HINTS = actions.TYPE_HINTS


@pytest.mark.parametrize(
    ("source", "answer", "after"),
    [
        (  # one line
            "«def f(a):\n    return a»\n",
            'def f(a):\n    """Give back a."""\n    return',
            'def f(a):\n    """Give back a."""\n    return a\n',
        ),
        (  # several, in a class, with the file's line endings
            "class A:\r\n    x = 1\r\n\r\n«    def f(self, a):\r\n        return a»\r\n",
            'def f(self, a):\n    """Give back.\n\n    Args:\n        a: it.\n    """',
            'class A:\r\n    x = 1\r\n\r\n    def f(self, a):\r\n        """Give back.\r\n\r\n'
            '        Args:\r\n            a: it.\r\n        """\r\n        return a\r\n',
        ),
        (  # the one that stands there gives way
            'def f(a):\n    «"""Old\n    text."""»\n    return a\n',
            'def f(a):\n    """Give back a."""',
            'def f(a):\n    """Give back a."""\n    return a\n',
        ),
        (  # decorators, a header of several lines, a comment behind it
            "«@cached\ndef f(\n    a=(1, 2),\n):  # noqa\n    # here\n    return a»\n",
            'def f(\n    a=(1, 2),\n):  # noqa\n    """Give back a."""',
            '@cached\ndef f(\n    a=(1, 2),\n):  # noqa\n    """Give back a."""\n    # here\n'
            "    return a\n",
        ),
        (  # backslashes
            "«def f(a):\n    return a»\n",
            'def f(a):\n    """Split a at \\n."""',
            'def f(a):\n    r"""Split a at \\n."""\n    return a\n',
        ),
        (  # a class
            "«class A:\n    x = 1»\n",
            'class A:\n    """What it is for."""',
            'class A:\n    """What it is for."""\n    x = 1\n',
        ),
    ],
)
def test_a_docstring_is_put_behind_the_header(source: str, answer: str, after: str) -> None:
    check(source, answer, after, DOC)


@pytest.mark.parametrize(
    ("language", "source", "answer", "after"),
    [
        (
            "java",
            "class A {\n«    @Override\n    int f() { return 1; }»\n}\n",
            "/**\n * Gives one.\n *\n * @return one\n */",
            "class A {\n    /**\n     * Gives one.\n     *\n     * @return one\n     */\n"
            "    @Override\n    int f() { return 1; }\n}\n",
        ),
        (
            "go",
            "package p\n\n«func Sum(a int) int {\n\treturn a\n}»\n",
            "// Sum adds it all up.\n// Twice.\nfunc",
            "package p\n\n// Sum adds it all up.\n// Twice.\nfunc Sum(a int) int {\n"
            "\treturn a\n}\n",
        ),
        (
            "rust",
            "#[inline]\n«fn f() -> i32 { 1 }»\n",
            "/// Gives one.\nfn",
            "/// Gives one.\n#[inline]\nfn f() -> i32 { 1 }\n",
        ),
        (
            "typescript",
            "«function f(a: number) {\n  return a;\n}»\n",
            "/**\n * Gives it back.\n */",
            "/**\n * Gives it back.\n */\nfunction f(a: number) {\n  return a;\n}\n",
        ),
    ],
)
def test_a_doc_comment_is_put_above(language: str, source: str, answer: str, after: str) -> None:
    check(source, answer, after, actions.DOC_COMMENT, language)


@pytest.mark.parametrize(
    ("source", "answer", "after"),
    [
        (
            "«def f(a, b=1, *c, d, **e):\n    return a»\n",
            "def f(a: int, b: int = 1, *c: str, d: bytes, **e: float) -> int:",
            "def f(a: int, b: int = 1, *c: str, d: bytes, **e: float) -> int:\n    return a\n",
        ),
        (  # what is typed stays as it is, whatever the model says; defaults and order too
            "«def f(a: str, b = 2):\n    return a»\n",
            "def f(b: int = 3, a: int = 4) -> str:",
            "def f(a: str, b: int = 2) -> str:\n    return a\n",
        ),
        (  # types that mean nothing here are left out
            "«def f(a, b):\n    return a»\n",
            "def f(a: Frobnicator, b: int) -> np.ndarray:",
            "def f(a, b: int):\n    return a\n",
        ),
        (  # those of typing are imported, those of old are written as today
            '"""Text."""\nfrom __future__ import annotations\nimport os\n\n«def f(a, b):\n'
            "    return a»\n",
            "def f(a: List[Any], b: Callable[[], Dict[str, int]]) -> Optional[int]:",
            '"""Text."""\nfrom __future__ import annotations\n'
            "from collections.abc import Callable\n"
            "from typing import Any, Optional\nimport os\n\n"
            "def f(a: list[Any], b: Callable[[], dict[str, int]]) -> Optional[int]:\n"
            "    return a\n",
        ),
        (  # a class that is defined further down
            "«def f(a):\n    return a»\n\n\nclass A:\n    pass\n",
            "def f(a: A) -> list[A]:",
            'def f(a: "A") -> "list[A]":\n    return a\n\n\nclass A:\n    pass\n',
        ),
        (  # that nothing is given back needs no model
            "«def f(a):\n    def g():\n        return 1\n    print(a, g())»\n",
            "def f(a: int) -> str:",
            "def f(a: int) -> None:\n    def g():\n        return 1\n    print(a, g())\n",
        ),
        (  # and where it may be otherwise nothing is said
            "«def f(a):\n    raise NotImplementedError»\n",
            "def f(a: int):",
            "def f(a: int):\n    raise NotImplementedError\n",
        ),
        (
            "«def f(a):\n    yield a»\n",
            "def f(a: int):",
            "def f(a: int):\n    yield a\n",
        ),
        (  # self stays bare; brackets, colons and strings in default values
            "class A:\n«    def f(self, a={1: ')'}, b=lambda: 1):\n        return a»\n",
            "def f(self, a: dict = {1: ')'}, b=lambda: 1) -> dict:",
            "class A:\n    def f(self, a: dict = {1: ')'}, b=lambda: 1) -> dict:\n"
            "        return a\n",
        ),
    ],
)
def test_types_are_put_into_the_header(source: str, answer: str, after: str) -> None:
    check(source, answer + "\n", after, HINTS)


@pytest.mark.parametrize(
    "answer", ["def f(a, b):", "def f(a: Frobnicator, b: Thing):", "def f(a: int:", "def f(a"]
)
def test_an_answer_without_types_is_refused(answer: str) -> None:
    result = edited("«def f(a, b):\n    return a»\n", answer + "\n", action=HINTS)
    assert result.verdict is Verdict.REFUSED
    assert result.tries == 2 or "right" in result.reason


def test_a_docstring_that_names_a_parameter_that_is_not_there_is_asked_for_once_more() -> None:
    source = "«def f(a):\n    return a»\n"
    wrong = 'def f(a):\n    """Give back.\n\n    Args:\n        b: it.\n    """'
    right = 'def f(a):\n    """Give back a."""'
    result = edited(source, wrong, right, action=DOC)
    assert (result.verdict, result.tries) == (Verdict.VERIFIED, 2)
    assert edited(source, wrong, action=DOC).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("source", "answer", "after"),
    [
        (  # it stands there already
            "import os\n\n\n«def f():\n    return os.sep»\n",
            "import os\n\ndef f():\n    return os.linesep\n```",
            "import os\n\n\ndef f():\n    return os.linesep\n",
        ),
        (  # a new one goes to the others, behind what must come first
            '"""Text."""\nfrom __future__ import annotations\nimport os\n\n\n«@cached\n'
            "def f():\n    return os.sep»\n",
            "from pathlib import Path\nimport os\n@cached\ndef f():\n    return Path()\n```",
            '"""Text."""\nfrom __future__ import annotations\nfrom pathlib import Path\n'
            "import os\n\n\n@cached\ndef f():\n    return Path()\n",
        ),
        (  # in a module without any
            "x = 1\n\n\nclass A:\n«    def f(self):\n        return 1»\n",
            "import math\n\ndef f(self):\n    return math.pi\n```",
            "import math\n\n\nx = 1\n\n\nclass A:\n    def f(self):\n        return math.pi\n",
        ),
        (  # a selection with its imports keeps them where they are
            "«import os\nx = os.sep»\n",
            "import os\nimport sys\nx = os.sep\n```",
            "import os\nimport sys\nx = os.sep\n",
        ),
    ],
)
def test_imports_in_front_of_an_answer_go_to_the_others(
    source: str, answer: str, after: str
) -> None:
    result = edited(source, answer, action=actions.by_instruction("Do it."))
    assert result.verdict is Verdict.NOT_VERIFIED, result.reason
    assert result.changes[0].after == after


@pytest.mark.parametrize(
    ("source", "answer", "after"),
    [
        (
            "import os\n\n\n«def f():\n    return os.sep»\n",
            "def f():\n    return Path(re.escape(os.sep))\n```",
            "import re\nfrom pathlib import Path\nimport os\n\n\ndef f():\n"
            "    return Path(re.escape(os.sep))\n",
        ),
        (
            "«x = 1»\n",
            "x = math.pi\n```",
            "import math\n\n\nx = math.pi\n",
        ),
    ],
)
def test_imports_that_an_answer_forgets_are_added(source: str, answer: str, after: str) -> None:
    result = edited(source, answer, action=actions.by_instruction("Do it."))
    assert result.changes[0].after == after


def test_a_name_that_is_made_up_is_told_and_then_refused() -> None:
    result = edited("«x = 1»\n", "x = helper(math.pi)\n```", action=actions.by_instruction("Do."))
    assert result.verdict is Verdict.REFUSED
    assert "it uses helper and math, which are not defined" in result.reason
