"""Where a Python definition's header stands in the selected lines. Pure."""

from __future__ import annotations

import ast
from typing import NamedTuple

from slmcode.features.edits import rewriting
from slmcode.features.edits.contracts.base import State

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Header(NamedTuple):
    """The first definition in some lines.

    `starts` are the offsets in the document of the lines, without the indentation that all share;
    `lines` their text as the model is shown it. `node` was parsed from these.
    """

    node: Definition
    lines: list[str]
    starts: list[int]

    def offset(self, line: int, column: int) -> int:
        """Of a position as `ast` has it: lines from 1, columns in bytes of UTF-8."""
        before = self.lines[line - 1].encode()[:column].decode()
        return self.starts[line - 1] + len(before)


def first_header(before: State) -> Header | None:
    """The first definition that begins in the lines; None where they are no whole Python."""
    if before.snapshot.language_id != "python":
        return None
    shown = rewriting.dedented(before.code)
    try:
        tree = ast.parse(shown)
    except (SyntaxError, ValueError, RecursionError):
        return None
    found = [n for n in ast.walk(tree) if isinstance(n, Definition)]
    if not found:
        return None
    node = min(found, key=lambda n: (n.lineno, n.col_offset))
    indent = len(rewriting.indentation(before.code))
    snapshot = before.snapshot
    first = snapshot.line_at(before.lines.start)
    lines = shown.split("\n")
    starts = [
        snapshot.line_starts[first + i] + indent
        for i in range(len(lines))
        if first + i < len(snapshot.line_starts)
    ]
    return Header(node, lines, starts)


def parameters_of(arguments: ast.arguments) -> list[ast.arg]:
    """All parameters."""
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*found, *(a for a in (arguments.vararg, arguments.kwarg) if a is not None)]
