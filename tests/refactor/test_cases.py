"""Refactorings of Python, each exactly right or refused for the right reason.

`cases/OPERATION.txt` holds blocks: `==== title | name or argument`, the workspace, then
`---- gives` and the files that change, or `---- is refused:` and why.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.refactor.desk import check, reply_to

CASES = Path(__file__).parent / "cases"
_BLOCK = re.compile(
    r"^==== (?P<title>[^|\n]+?)(?: \| (?P<word>[^\n]+))?\n(?P<archive>.*?)"
    r"^---- (?:gives\n(?P<after>.*?)|is refused: (?P<reason>[^\n]+)\n)(?=\n==== |\Z)",
    re.MULTILINE | re.DOTALL,
)


def cases() -> list[tuple[str, str, str, str, str]]:
    """Operation, title, word, workspace, and what comes of it."""
    found = []
    for file in sorted(CASES.glob("*.txt")):
        text = file.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            after = match["after"] if match["reason"] is None else "!" + match["reason"]
            found.append((file.stem, match["title"], match["word"] or "", match["archive"], after))
    return found


ALL = cases()


@pytest.mark.parametrize(
    ("operation", "word", "archive", "after"),
    [(operation, word, archive, after) for operation, _, word, archive, after in ALL],
    ids=[f"{operation}: {title}" for operation, title, *_ in ALL],
)
def test_it_is_right_or_refused(
    operation: str, word: str, archive: str, after: str, tmp_path: Path
) -> None:
    is_name = operation in ("extract-variable", "extract-function", "rename")
    name, argument = (word, "") if is_name else ("", word)
    check(tmp_path, archive, after, operation, name, argument)


def test_there_are_enough_cases() -> None:
    blocks = sum(f.read_text(encoding="utf-8").count("==== ") for f in CASES.glob("*.txt"))
    assert len(ALL) == blocks, "every block is read"
    assert len(ALL) >= 160


SUM = "def f(a, b):\r\n    x = 1\r\n    return g(«a + b»)"
# Operation, name, workspace, result: line endings, marks and tabs that a text file would lose.
ODD = {
    "extract a variable: CRLF, no final newline": (
        "extract-variable",
        "total",
        SUM,
        "def f(a, b):\r\n    x = 1\r\n    total = a + b\r\n    return g(total)",
    ),
    "extract a variable: byte order mark, coding cookie": (
        "extract-variable",
        "text",
        "\ufeff# -*- coding: utf-8 -*-\nü = 'ä'\nprint(«ü + 'ö'»)\n",
        "\ufeff# -*- coding: utf-8 -*-\nü = 'ä'\ntext = ü + 'ö'\nprint(text)\n",
    ),
    "extract a variable: form feed": (
        "extract-variable",
        "total",
        "def f(a):\n    return g(«a + 1»)\n\f\ndef g(x):\n    pass\n",
        "!a.py has form feeds or other characters that break lines",
    ),
    "extract a variable: lone CR": (
        "extract-variable",
        "total",
        "def f(a):\n    return g(«a + 1»)\nx = 1\ry = 2\n",
        "!a.py has a line that ends in CR alone",
    ),
    "extract a function: CRLF, no final newline": (
        "extract-function",
        "plus",
        "def f(a):\r\n    «b = a + 1»\r\n    return b",
        "def f(a):\r\n    b = plus(a)\r\n    return b\r\n\r\ndef plus(a):\r\n    b = a + 1\r\n"
        "    return b",
    ),
    "rename: CRLF, tabs, byte order mark, no final newline": (
        "rename",
        "y",
        "\ufeffdef f(a):\r\n\txˇ = a\r\n\treturn x",
        "\ufeffdef f(a):\r\n\ty = a\r\n\treturn y",
    ),
    "rename: mixed line endings stay": (
        "rename",
        "y",
        "def f(a):\r\n    xˇ = a\n    b = 1\r\n    return x\n",
        "def f(a):\r\n    y = a\n    b = 1\r\n    return y\n",
    ),
    "rename: form feed": (
        "rename",
        "g",
        "def fˇ():\n    pass\n\f\nf()\n",
        "def g():\n    pass\n\f\ng()\n",
    ),
}


@pytest.mark.parametrize("title", ODD)
def test_what_is_odd_in_a_text_survives(title: str, tmp_path: Path) -> None:
    operation, name, archive, after = ODD[title]
    check(tmp_path, archive, after, operation, name)


def test_a_file_that_does_not_parse_is_named(tmp_path: Path) -> None:
    reply = reply_to(tmp_path, "def fˇ():\n    pass\n-- b.py --\nf(\n", "rename", "g")
    assert reply.notes == ["b.py does not parse and was not looked at"]


def test_a_read_only_file_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everything
    reply = reply_to(tmp_path, "def f(xˇ):\n    return x\n", "rename", "y")
    assert reply.refused == "a.py is read-only"
