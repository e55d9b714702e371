"""Seeded faults: the same Python with one small thing wrong, by `ast`. Pure.

A test that passes on the code and on all of its mutants tests nothing of it. Only the characters of
the mutated expression or statement change; everything else of the text stays where it is.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

_OPERATOR = re.compile(r"==|!=|<=|>=|<|>|\bis\s+not\b|\bnot\s+in\b|\bis\b|\bin\b")
_COMPARISONS = {
    "==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">",
    "is": "is not", "is not": "is", "in": "not in", "not in": "in",
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.Pow: ("**", "*"), ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"), ast.BitXor: ("^", "&"), ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}  # fmt: skip


class Mutant(msgspec.Struct, frozen=True):
    """The whole source with one fault; `line` is where, from 1, and `what` says which."""

    text: str
    line: int
    what: str


class _Fault(NamedTuple):
    """Bytes `start` to `end` of the source become `new`. Sorts by place."""

    start: int
    end: int
    new: str
    rank: int  # the least first: those that need not end in an exception
    line: int
    what: str


def mutants(source: str, first_line: int, last_line: int, limit: int) -> list[Mutant]:
    """At most `limit` mutants of the lines, from 1 and inclusive, spread over them.

    The same source gives the same mutants in the same order; each compiles and differs from the
    source in more than its layout. Empty for source that does not parse.
    """
    try:
        tree = ast.parse(source)
        seeds = _Seeds(source.encode(), first_line, last_line)
    except (SyntaxError, ValueError, RecursionError):
        return []
    seeds.visit(tree)
    before = ast.dump(tree)
    found: list[Mutant] = []
    for fault in _spread(sorted(set(seeds.faults))):
        if len(found) >= limit:
            break
        data = seeds.data
        text = (data[: fault.start] + fault.new.encode() + data[fault.end :]).decode()
        try:
            compile(text, "<mutant>", "exec", dont_inherit=True)
            differs = ast.dump(ast.parse(text)) != before
        except (SyntaxError, ValueError):
            continue
        if differs:
            found.append(Mutant(text, fault.line, fault.what))
    return found


def faults(text: str, n: int, seed: int) -> list[Mutant]:
    """`n` single faults of a translation's behaviour, or as many as there are, drawn by `seed`.

    Left out are the values that fields have before the program runs (`__init__`): most are
    overwritten before they are read, so that the fault would be none; and what ends every run,
    the code under `if __name__`. The rest may hold equivalent mutants too.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []
    lines: list[tuple[int, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "__init__":
            lines.append((node.body[0].lineno, node.end_lineno or node.lineno))
    found: dict[str, Mutant] = {}
    for first, last in lines:
        for one in mutants(text, first, last, 100_000):
            found.setdefault(one.text, one)
    order = sorted(found.values(), key=lambda one: (one.line, one.what, one.text))
    dice = random.Random(seed)
    return sorted(dice.sample(order, min(n, len(order))), key=lambda one: one.line)


def _spread(faults: list[_Fault]) -> Iterator[_Fault]:
    """All of them: one of each line, those far apart first, then the lines' second ones."""
    lines: dict[int, list[_Fault]] = {}
    for fault in faults:
        lines.setdefault(fault.line, []).append(fault)
    for same in lines.values():
        same.sort(key=lambda f: f.rank)
    order = _halving(sorted(lines))
    for n in range(max(map(len, lines.values()), default=0)):
        yield from (lines[line][n] for line in order if n < len(lines[line]))


def _halving(lines: list[int]) -> list[int]:
    """First, last, middle, then the middles of the halves, and so on."""
    order: list[int] = []
    if lines:
        order += [lines[0], *lines[:0:-1][:1]]
    parts = [lines[1:-1]]
    while parts:
        part = parts.pop(0)
        if part:
            middle = len(part) // 2
            order.append(part[middle])
            parts += [part[:middle], part[middle + 1 :]]
    return order


class _Seeds(ast.NodeVisitor):
    """Collects what can be made wrong in the lines."""

    def __init__(self, data: bytes, first_line: int, last_line: int) -> None:
        self.data = data
        self.faults: list[_Fault] = []
        self._lines = first_line, last_line
        # Lines as the parser counts them, which are not those of bytes.splitlines.
        self._starts = [0, *(m.end() for m in re.finditer(rb"\r\n|\n|\r", data))]

    def visit(self, node: ast.AST) -> None:
        first, last = self._lines
        if isinstance(node, ast.expr | ast.stmt) and (
            node.lineno > last or (node.end_lineno or node.lineno) < first
        ):
            return
        # The parts of an f-string have no exact positions in Python 3.11.
        if not isinstance(node, ast.JoinedStr):
            super().visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Without decorators and annotations: they are seldom what a test is about."""
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(default)
        for statement in node.body:
            self.visit(statement)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Compare(self, node: ast.Compare) -> None:
        left: ast.expr = node.left
        for right in node.comparators:
            found = self._operator(left, right)
            if found is not None:
                start, end, text = found
                new = _COMPARISONS[" ".join(text.split())]
                self._add(start, end, new, 0, node.lineno, f"{text} becomes {new}")
            left = right
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        old, new = _ARITHMETIC.get(type(node.op), ("", ""))
        start, end = self._end(node.left), self._start(node.right)
        gap = self.data[start:end].decode()
        if old and old in gap and "#" not in gap:
            at = start + len(gap[: gap.index(old)].encode())
            self._add(at, at + len(old), new, 1, node.lineno, f"{old} becomes {new}")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            start, end = self._end(left), self._start(right)
            found = re.search(rf"\b{old}\b", self.data[start:end].decode("latin-1"))
            if found is not None and b"#" not in self.data[start:end]:
                span = start + found.start(), start + found.end()
                self._add(*span, new, 0, node.lineno, f"{old} becomes {new}")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            old = "not" if isinstance(node.op, ast.Not) else "-"
            start = self._start(node)
            self._add(start, start + len(old), " ", 0, node.lineno, f"{old} is left out")
        self.generic_visit(node)

    def visit_If(self, node: ast.If | ast.While | ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    visit_While = visit_If
    visit_IfExp = visit_If

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value, new = node.value, ""
        if isinstance(value, bool):
            new = repr(not value)
        elif isinstance(value, int | float):
            new = repr(value + 1)
        elif isinstance(value, str):
            new = '""' if value else '"x"'
        elif isinstance(value, bytes):
            new = 'b""' if value else 'b"x"'
        if new:
            self._replace(node, new, 2, f"{_short(ast.unparse(node))} becomes {new}")

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "range" and node.args:
            stop = node.args[0] if len(node.args) == 1 else node.args[1]
            text = self._text(stop)
            self._replace(stop, f"({text}) - 1", 0, "a range ends one sooner")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        value = node.value
        if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
            self._replace(value, "None", 4, "None is returned")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.targets[0], ast.Attribute | ast.Subscript):
            self._remove(node)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        old, new = _ARITHMETIC.get(type(node.op), ("", ""))
        start, end = self._end(node.target), self._start(node.value)
        at = self.data.find(f"{old}=".encode(), start, end) if old else -1
        if at >= 0:
            self._add(at, at + len(old), new, 1, node.lineno, f"{old}= becomes {new}=")
        self._remove(node)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call | ast.Await):
            self._remove(node)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._remove(node)  # what it says is seldom tested

    def visit_Continue(self, node: ast.Continue) -> None:
        self._replace(node, "break", 1, "continue becomes break")

    def visit_Break(self, node: ast.Break) -> None:
        self._replace(node, "continue", 5, "break becomes continue")

    def _operator(self, left: ast.expr, right: ast.expr) -> tuple[int, int, str] | None:
        start, end = self._end(left), self._start(right)
        gap = self.data[start:end].decode("latin-1")
        found = _OPERATOR.search(gap)
        if found is None or "#" in gap:
            return None
        return start + found.start(), start + found.end(), found[0]

    def _negate(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Compare | ast.BoolOp) and not _is_not(test):
            self._replace(test, f"not ({self._text(test)})", 1, "the condition is negated")

    def _remove(self, node: ast.stmt) -> None:
        text = _short(" ".join(self._text(node).split()))
        self._replace(node, "pass", 3, f"{text} is left out")

    def _replace(self, node: ast.expr | ast.stmt, new: str, rank: int, what: str) -> None:
        self._add(self._start(node), self._end(node), new, rank, node.lineno, what)

    def _add(self, start: int, end: int, new: str, rank: int, line: int, what: str) -> None:
        first, last = self._lines
        if first <= line <= last:
            self.faults.append(_Fault(start, end, new, rank, line, what))

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return self.data[self._start(node) : self._end(node)].decode()

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
