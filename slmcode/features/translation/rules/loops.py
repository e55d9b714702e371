"""Loops that count, and conditions."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from slmcode.features.translation import dataflow
from slmcode.features.translation.dataflow import is_written, name_of, reads_first, uses
from slmcode.features.translation.facts import Fact
from slmcode.features.translation.places import Function, Place
from slmcode.features.translation.rules.code import Code, blocks, edited, is_picture, reach_of

_POWER = 40  # COBOL's numbers have 38 digits
_NEVER_RETURN = {"stop", "goback"}
_NOT = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
}


# Conditions


def leading_break(code: Code, place: Place) -> str | None:
    """`while True: if c: break; …` becomes `while not c: …`."""
    for node in ast.walk(place.node):
        if not isinstance(node, ast.While) or len(node.body) < 2 or node.orelse:
            continue
        first = node.body[0]
        if not (isinstance(node.test, ast.Constant) and node.test.value is True):
            continue
        if not isinstance(first, ast.If) or first.orelse or len(first.body) != 1:
            continue
        if (
            not isinstance(first.body[0], ast.Break)
            or "#" in code.text[code.span(node.test)[1] : code.span(node.body[1])[0]]
        ):
            continue
        return edited(
            code, [(code.span(node.test), _negated(code, first.test)), (code.whole(first), "")]
        )
    return None


def positive(code: Code, place: Place) -> str | None:
    """`not a > b` becomes `a <= b`; `not not a` goes too."""
    for node in ast.walk(place.node):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = node.operand
            if _can_negate(inner):
                return edited(code, [(code.span(node), _negated(code, inner))])
    return None


def _can_negate(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _NOT


def _negated(code: Code, node: ast.expr) -> str:
    if isinstance(node, ast.Compare) and _can_negate(node):
        left, right = code.of(node.left), code.of(node.comparators[0])
        return f"{left} {_NOT[type(node.ops[0])]} {right}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return code.of(node.operand)
    if isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)):
        return f"not {code.of(node)}"
    return f"not ({code.of(node)})"


# Loops that count


class _Counter(NamedTuple):
    """A loop that counts a local variable: `before` sets it, the body's last statement adds."""

    before: ast.Assign
    loop: ast.While
    name: str
    start: ast.expr
    stop: str  # of the range
    step: int


def range_loop(code: Code, place: Place) -> str | None:
    """A while loop that counts a local variable becomes a for loop over a range."""
    for body in blocks(place.node):
        for before, loop in itertools.pairwise(body):
            found = _counter(code, place, before, loop)
            if found is None:
                continue
            step = f", {found.step}" if found.step != 1 else ""
            start = code.of(found.start)
            ends = f"{start}, {found.stop}{step}"
            if start == "0" and not step:
                ends = found.stop
            head_start = code.span(found.loop)[0]
            head_end = code.span(found.loop.test)[1]
            last = found.loop.body[-1]
            edits = [
                ((head_start, head_end), f"for {found.name} in range({ends})"),
                (code.whole(last), ""),
            ]
            comment = code.comment_behind(found.before)
            indent = " " * found.before.col_offset
            kept = f"{indent}{comment}\n" if comment and not is_picture(comment) else ""
            edits.append((code.whole(found.before), kept))
            return edited(code, edits)
    return None


def _counter(code: Code, place: Place, before: ast.stmt, loop: ast.stmt) -> _Counter | None:
    if not isinstance(before, ast.Assign) or not isinstance(loop, ast.While) or loop.orelse:
        return None
    test, name = loop.test, name_of(before.targets[0])
    if len(before.targets) != 1 or not name or name.startswith("self.") or len(loop.body) < 2:
        return None
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or name_of(test.left) != name:
        return None
    facts = code.facts(place)
    step = _added(loop.body[-1], name)
    if step is None or not _is_int(before.value, facts):
        return None
    bound, op = test.comparators[0], test.ops[0]
    if not _is_int(bound, facts) or uses(bound, name):
        return None
    if (step.by > 0) != isinstance(op, (ast.Lt, ast.LtE)):
        return None
    if step.by < 0 and not isinstance(op, (ast.Gt, ast.GtE)):
        return None
    high = _high(bound, facts)
    if step.modulus and (step.by != 1 or high is None or high >= step.modulus):
        return None  # it may wrap round before it gets there
    rest = loop.body[:-1]
    if any(is_written(s, name) for s in rest) or _goes_on(rest):
        return None
    if not _stays(code, place, bound, rest):
        return None
    node = place.node
    assert isinstance(node, Function)
    if reads_first(node, name, forgets=loop):
        return None  # what the loop leaves in it is needed
    stop = code.of(bound)
    if isinstance(op, (ast.LtE, ast.GtE)):
        stop = _plus(bound, stop, 1 if step.by > 0 else -1)
    return _Counter(before, loop, name, before.value, stop, step.by)


class _Step(NamedTuple):
    by: int
    modulus: int  # 0: it does not wrap


def _added(node: ast.stmt, name: str) -> _Step | None:
    if isinstance(node, ast.AugAssign) and name_of(node.target) == name:
        by = _whole(node.value)
        if by and isinstance(node.op, ast.Add):
            return _Step(by, 0)
        if by and isinstance(node.op, ast.Sub):
            return _Step(-by, 0)
        return None
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return None
    if name_of(node.targets[0]) != name:
        return None
    value, modulus = node.value, 0
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mod):
        modulus = _whole(value.right) or 0
        value = value.left
        if not modulus:
            return None
    if isinstance(value, ast.BinOp) and name_of(value.left) == name:
        by = _whole(value.right)
        if by and isinstance(value.op, ast.Add):
            return _Step(by, modulus)
        if by and isinstance(value.op, ast.Sub) and not modulus:
            return _Step(-by, 0)
    return None


def _whole(node: ast.expr) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _whole(node.operand)
        return -inner if inner is not None else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, power = _whole(node.left), _whole(node.right)
        small = base is not None and power is not None and 0 <= power <= _POWER
        return base**power if small and base is not None and power is not None else None
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def _is_int(node: ast.expr, facts: Mapping[str, Fact]) -> bool:
    if _whole(node) is not None:
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        return _is_int(node.left, facts) and _is_int(node.right, facts)
    if isinstance(node, ast.Call) and name_of(node.func) in ("len", "int"):
        return True
    fact = facts.get(name_of(node))
    return fact is not None and fact.is_int


def _high(node: ast.expr, facts: Mapping[str, Fact]) -> int | None:
    whole = _whole(node)
    if whole is not None:
        return whole
    fact = facts.get(name_of(node))
    return fact.high if fact is not None else None


def _goes_on(body: Sequence[ast.stmt]) -> bool:
    """Whether a `continue` of the loop itself is in the body."""
    for node in body:
        if isinstance(node, ast.Continue):
            return True
        if isinstance(node, (ast.While, ast.For, ast.FunctionDef)):
            continue
        for inner in blocks(node):
            if inner is not body and _goes_on(inner):
                return True
    return False


def _stays(code: Code, place: Place, bound: ast.expr, body: Sequence[ast.stmt]) -> bool:
    """Whether the body cannot change what the bound is made of."""
    if any(isinstance(n, (ast.Subscript, ast.Call)) for n in ast.walk(bound)):
        return False
    names = {name_of(n) for n in ast.walk(bound)} - {"", "self"}
    methods = code.methods(code.owner(place)) if code.owner(place) else {}
    reach = reach_of(methods)
    facts = code.facts(place)
    used = {c for s in body for c in dataflow.called(s)}
    behind = {m for c in used if c in methods for m in {c, *reach[c]}}
    strange = {c for c in used - set(methods) - _NEVER_RETURN if f"self.{c}" not in facts}
    for name in names:
        if any(is_written(s, name) for s in body):
            return False
        if name.startswith("self.") and (
            strange or any(is_written(methods[m], name) for m in behind)
        ):
            return False
    return True


def _plus(node: ast.expr, text: str, n: int) -> str:
    """The expression and `n`, computed where that is possible."""
    whole = _whole(node)
    if whole is not None:
        return str(whole + n)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        right = _whole(node.right)
        if right is not None:
            total = (right if isinstance(node.op, ast.Add) else -right) + n
            left = text[: text.rindex("+" if isinstance(node.op, ast.Add) else "-")].rstrip()
            if not total:
                return left
            return f"{left} + {total}" if total > 0 else f"{left} - {-total}"
    return f"{text} + {n}" if n > 0 else f"{text} - {-n}"
