"""Which names of a function are read before they are written: what exact rules must know. Pure.

Names are texts: `x` for a local variable, `self.x` for an attribute. Only what a translated program
is made of is understood; anything else counts as a read, which allows less.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from slmcode.features.translation.places import Function

_CLOSED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def name_of(node: ast.AST) -> str:
    """The name that an expression is, "" where it is none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"self.{node.attr}" if node.value.id == "self" else ""
    return ""


def uses(tree: ast.AST, name: str) -> list[ast.expr]:
    """Every place where the name stands, written or read."""
    return [n for n in ast.walk(tree) if isinstance(n, ast.expr) and name_of(n) == name]


def is_written(tree: ast.AST, name: str) -> bool:
    """Whether it is bound anywhere in the tree."""
    return any(not isinstance(n.ctx, ast.Load) for n in uses(tree, name))  # type: ignore[attr-defined]


def called(tree: ast.AST) -> Iterator[str]:
    """Names of methods of `self` that stand in the tree, called or given to another function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and name_of(node):
            yield node.attr


def reads_first(function: Function, name: str, forgets: ast.stmt | None = None) -> bool:
    """Whether the name may be read before the function has written it.

    `forgets` is a statement that is passed over, and behind which the name is not written any more:
    with it the answer says whether what the statement leaves in the name is needed.
    """
    return _Walk(name, forgets).finds(function.body)


class _Read(Exception):
    pass


class _Walk:
    def __init__(self, name: str, forgets: ast.stmt | None) -> None:
        self._name = name
        self._forgets = forgets
        self._breaks: list[bool] = []  # of the loop around: written at all of its breaks so far
        self._continues: list[bool] = []

    def finds(self, body: Sequence[ast.stmt]) -> bool:
        try:
            self._block(body, False)
        except _Read:
            return True
        return False

    def _block(self, body: Sequence[ast.stmt], written: bool) -> bool:
        """Whether it is written for sure behind the block, also where that is never reached."""
        for statement in body:
            written = self._statement(statement, written)
        return written

    def _statement(self, node: ast.stmt, written: bool) -> bool:
        if node is self._forgets:
            return False
        match node:
            case ast.Assign(targets=targets, value=value):
                self._read(value, written)
                for target in targets:
                    written = self._bind(target, written)
                return written
            case ast.AnnAssign(target=target, value=value):
                if value is None:
                    return written
                self._read(value, written)
                return self._bind(target, written)
            case ast.If(test=test, body=body, orelse=orelse):
                self._read(test, written)
                a, b = self._block(body, written), self._block(orelse, written)
                return a and b
            case ast.While(test=test, body=body, orelse=orelse):
                for_ever = isinstance(test, ast.Constant) and bool(test.value)
                self._read(test, written)
                left = self._loop(body, written)
                behind = True if for_ever else written
                return self._block(orelse, behind and left)
            case ast.For(target=target, iter=over, body=body, orelse=orelse):
                self._read(over, written)
                self._loop(body, self._bind(target, written))
                return self._block(orelse, written)
            case ast.With(items=items, body=body):
                for item in items:
                    self._read(item.context_expr, written)
                    if item.optional_vars is not None:
                        written = self._bind(item.optional_vars, written)
                self._block(body, written)
                return written  # it may leave early and swallow the error
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                inside = self._block(orelse, self._block(body, written))
                for handler in handlers:
                    inside = self._block(handler.body, written) and inside
                self._block(final, written)
                return inside
            case ast.Match(subject=subject, cases=cases):
                self._read(subject, written)
                behind, is_total = True, False
                for case in cases:
                    self._read(case.pattern, written)
                    if case.guard is not None:
                        self._read(case.guard, written)
                    behind = self._block(case.body, written) and behind
                    is_total = is_total or _takes_all(case)
                return behind if is_total else written and behind
            case ast.Break():
                self._breaks.append(written)
                return True
            case ast.Continue():
                self._continues.append(written)
                return True
            case ast.Return() | ast.Raise():
                self._read(node, written)
                return True
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="stop" | "goback"))):
                self._read(node, written)
                return True  # these never return
        self._read(node, written)
        return written

    def _loop(self, body: Sequence[ast.stmt], written: bool) -> bool:
        """Whether it is written at every break; the body is gone through twice."""
        outer = self._breaks, self._continues
        self._breaks, self._continues = [], []
        end = self._block(body, written)
        again = written and end and all(self._continues)
        if again != written:
            self._block(body, again)
        left = all(self._breaks)
        self._breaks, self._continues = outer
        return left

    def _bind(self, target: ast.expr, written: bool) -> bool:
        if name_of(target) == self._name:
            return True
        if isinstance(target, (ast.Tuple, ast.List)):
            for one in target.elts:
                written = self._bind(one, written)
            return written
        self._read(target, written)  # `x[i] = 1` reads x
        return written

    def _read(self, node: ast.AST, written: bool) -> None:
        closed = any(
            isinstance(n, _CLOSED) and uses(n, self._name) for n in ast.walk(node)
        )  # it may run at any time
        if closed or (not written and uses(node, self._name)):
            raise _Read


def _takes_all(case: ast.match_case) -> bool:
    return (
        case.guard is None
        and isinstance(case.pattern, ast.MatchAs)
        and case.pattern.pattern is None
    )
