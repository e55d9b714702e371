"""SECURITY.md names a test for each promise: it exists, and is a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def named() -> list[tuple[str, str]]:
    return sorted(set(NAMED.findall(PAGE)))


@pytest.mark.parametrize(("path", "name"), named(), ids=lambda part: part)
def test_a_named_test_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    defined = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name.startswith("test_")
    assert name in defined


def test_every_promise_names_its_test() -> None:
    begin = PAGE.index("## What is promised")
    end = PAGE.index("## What is not promised")
    rows = [line for line in PAGE[begin:end].splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| promise", "|---"))]
    assert len(promises) > 10
    for row in promises:
        assert NAMED.search(row), f"no test: {row}"
