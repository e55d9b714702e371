"""A rule, the text that rules look at, and what several of them ask of it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from slmcode.features.translation import dataflow
from slmcode.features.translation.facts import Fact
from slmcode.features.translation.places import Function, Place, places

WIDTH = 88


class Rule(NamedTuple):
    """`what` says in a few words what was done."""

    what: str
    apply: Callable[[Code, Place], str | None]
    is_small: bool = False  # alone it does not make a function idiomatic


class Code:
    """A text with its tree, and where nodes stand in it.

    `facts` is what the faithful text says of its data, by class: attributes, and the local
    variables they have become.
    """

    def __init__(self, text: str, facts: Mapping[str, Mapping[str, Fact]]) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.places = places(text)
        self.lines = text.splitlines(keepends=True)
        self.data = facts
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))
        attributes = [n for n in ast.walk(self.tree) if isinstance(n, ast.Attribute)]
        self.n_attributes = Counter(n.attr for n in attributes)
        self.read = {n.attr for n in attributes if isinstance(n.ctx, ast.Load)}

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Offsets in code points."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def of(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def whole(self, first: ast.stmt, last: ast.stmt | None = None) -> tuple[int, int]:
        """The whole lines of statements, with what stands behind them on the last line."""
        end = (last or first).end_lineno
        assert end is not None
        return self._starts[first.lineno - 1], self._starts[min(end, len(self.lines))]

    def comment_behind(self, node: ast.stmt) -> str:
        """What stands behind a statement on its last line."""
        assert node.end_lineno is not None
        line_end = self._starts[node.end_lineno]
        return self.text[self.span(node)[1] : line_end].strip()

    def _offset(self, line: int, column: int) -> int:
        text = self.lines[line - 1]
        if text.isascii():
            return self._starts[line - 1] + column
        return self._starts[line - 1] + len(text.encode()[:column].decode())

    def owner(self, place: Place) -> str:
        return place.key.rpartition(".")[0]

    def facts(self, place: Place) -> Mapping[str, Fact]:
        return self.data.get(self.owner(place), {})

    def methods(self, owner: str) -> dict[str, Function]:
        return {
            key.rpartition(".")[2]: p.node
            for key, p in self.places.items()
            if key.rpartition(".")[0] == owner and isinstance(p.node, Function)
        }


def edited(code: Code, edits: Sequence[tuple[tuple[int, int], str]]) -> str:
    text = code.text
    for (start, end), new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in the tree."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                yield body


def plain_self(code: Code, owner: str) -> bool:
    """Whether methods use `self` by its attributes only, and nothing by a computed name."""
    for tree in code.methods(owner).values():
        bare = {id(n) for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "self"}
        for n in ast.walk(tree):
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name):
                bare.discard(id(n.value))
            if isinstance(n, ast.Name) and n.id in ("getattr", "setattr", "vars"):
                return False
        if bare:
            return False
    return True


def reach_of(methods: Mapping[str, Function]) -> dict[str, set[str]]:
    """By method, those that may run while it does; also itself, where it is called again."""
    direct = {
        name: {c for c in dataflow.called(tree) if c in methods} for name, tree in methods.items()
    }
    out: dict[str, set[str]] = {}
    for name in methods:
        found: set[str] = set()
        rest = list(direct[name])
        while rest:
            if (at := rest.pop()) not in found:
                found.add(at)
                rest += direct[at]
        out[name] = found
    return out


def is_picture(comment: str) -> bool:
    """Whether it says no more than a declaration's picture."""
    return comment.lstrip("# ").startswith("PIC ")
