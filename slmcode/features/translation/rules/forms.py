"""Small forms, numbers as text, and what is left over."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping

from slmcode.features.translation.dataflow import is_written, name_of, reads_first, uses
from slmcode.features.translation.facts import Fact, facts_of
from slmcode.features.translation.places import Function, Place
from slmcode.features.translation.rules.code import (
    WIDTH,
    Code,
    blocks,
    edited,
    is_picture,
    plain_self,
)

# Small forms


def augmented(code: Code, place: Place) -> str | None:
    """`x = x + 1` becomes `x += 1`."""
    for node in ast.walk(place.node):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        name, value = name_of(node.targets[0]), node.value
        if not name or not isinstance(value, ast.BinOp) or name_of(value.left) != name:
            continue
        sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}.get(type(value.op))
        if sign and isinstance(value.right, (ast.Constant, ast.Name, ast.Attribute, ast.Call)):
            new = f"{code.of(node.targets[0])} {sign}= {code.of(value.right)}"
            return edited(code, [(code.span(node), new)])
    return None


def used_at_once(code: Code, place: Place) -> str | None:
    """A local variable that is set, and read by the next statement only, is not needed."""
    node = place.node
    assert isinstance(node, Function)
    for body in blocks(node):
        for first, second in itertools.pairwise(body):
            if not isinstance(first, ast.Assign) or len(first.targets) != 1:
                continue
            name = name_of(first.targets[0])
            comment = code.comment_behind(first)
            if not name or name.startswith("self.") or (comment and not is_picture(comment)):
                continue
            if not isinstance(second, ast.Expr) or not isinstance(second.value, ast.Call):
                continue
            read = uses(second, name)
            if len(read) != 1 or is_written(second, name) or not _is_pure(first.value):
                continue
            if not _is_first(second.value, read[0]) or len(uses(node, name)) != 2:
                continue
            gap = code.text[code.whole(first)[1] : code.whole(second)[0]]
            text = code.of(first.value)
            width = len(code.lines[second.lineno - 1].rstrip()) - len(name) + len(text)
            if gap.strip() or "\n" in text or width > WIDTH:
                continue
            return edited(code, [(code.whole(first), ""), (code.span(read[0]), text)])
    return None


def _is_pure(node: ast.expr) -> bool:
    """Whether computing it changes nothing, and reads nothing from outside."""
    for n in ast.walk(node):
        if isinstance(n, ast.Call) and (not isinstance(n.func, ast.Name) or n.func.id not in _PURE):
            return False
        if isinstance(n, (ast.NamedExpr, ast.Await, ast.Yield, ast.Lambda)):
            return False
    return True


def swapped(code: Code, place: Place) -> str | None:
    """Two values change places without a third variable."""
    node = place.node
    assert isinstance(node, Function)
    for body in blocks(node):
        for first, second, third in zip(body, body[1:], body[2:], strict=False):
            assigned = [s for s in (first, second, third) if isinstance(s, ast.Assign)]
            if len(assigned) < 3 or any(len(s.targets) != 1 for s in assigned):
                continue
            a, b, c = assigned
            kept, left, right = name_of(a.targets[0]), code.of(a.value), code.of(b.value)
            if not kept or kept.startswith("self.") or name_of(c.value) != kept:
                continue
            if (code.of(b.targets[0]), code.of(c.targets[0])) != (left, right) or left == right:
                continue
            if any(isinstance(n, ast.Call) for s in assigned for n in ast.walk(s)):
                continue
            comments = [code.comment_behind(s) for s in assigned]
            between = code.text[code.span(a)[1] : code.span(c)[0]].count("#")
            if any(not is_picture(x) for x in comments if x) or between > len(
                [x for x in comments[:2] if x]
            ):
                continue
            if reads_first(node, kept, forgets=c):
                continue
            line = " " * a.col_offset + f"{left}, {right} = {right}, {left}\n"
            return edited(code, [(code.whole(a, c), line)])
    return None


# Numbers as text


def formats(code: Code, place: Place) -> str | None:
    """`edit` with a picture that Python has a format for; its `trim` is `str`."""
    facts = code.facts(place)
    for node in ast.walk(place.node):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "trim" and len(node.args) == 1 and not node.keywords:
            found = _edited_number(node.args[0], facts)
            if found is not None:
                return edited(code, [(code.span(node), f"str({code.of(found[0])})")])
        found = _edited_number(node, facts)
        if found is not None and not _is_trimmed(place.node, node):
            shown = code.of(found[0])
            if "{" not in shown and '"' not in shown:
                return edited(code, [(code.span(node), f'f"{{{shown}:{found[1]}}}"')])
    return None


def _edited_number(node: ast.expr, facts: Mapping[str, Fact]) -> tuple[ast.expr, str] | None:
    """The number, and Python's format for its picture; None where there is none that is exact."""
    if not isinstance(node, ast.Call) or name_of(node.func) != "edit" or len(node.args) != 2:
        return None
    number, picture = node.args
    fact = facts.get(name_of(number))
    if node.keywords or fact is None or not fact.is_int or fact.low != 0 or fact.high is None:
        return None
    if not isinstance(picture, ast.Constant) or not isinstance(picture.value, str):
        return None
    found = _PICTURE.fullmatch(picture.value)
    if found is None:
        return None
    blanks = sum(int(n or 1) for n in _RUN.findall(found[1]))
    digits = sum(int(n or 1) for n in _RUN.findall(found[2]))
    if fact.high >= 10 ** (blanks + digits) or (blanks and digits > 1):
        return None
    width = blanks + digits
    return number, str(width) if digits == 1 else f"0{width}"


def _is_trimmed(tree: ast.AST, call: ast.Call) -> bool:
    return any(
        isinstance(n, ast.Call) and name_of(n.func) == "trim" and call in n.args
        for n in ast.walk(tree)
    )


_PICTURE = re.compile(r"((?:Z(?:\(\d+\))?)*)((?:9(?:\(\d+\))?)+)", re.I)
_RUN = re.compile(r"[Z9](?:\((\d+)\))?", re.I)


# What is left over


def never_read(code: Code, place: Place) -> str | None:
    """A value that is stored where nothing reads it is not computed.

    Where computing it has an effect, such as reading a line, that stays.
    """
    node, owner = place.node, code.owner(place)
    assert isinstance(node, Function)
    if not owner or node.name == "__init__" or not plain_self(code, owner):
        return None
    methods = code.methods(owner)
    declared = facts_of(code.text, code.places, owner)
    for body in blocks(node):
        for statement in body:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                continue
            name = name_of(statement.targets[0])
            if name not in declared or name.removeprefix("self.") in code.read:
                continue
            own = sum(len(uses(tree, name)) for tree in methods.values())
            if own != code.n_attributes[name.removeprefix("self.")]:
                continue
            value = statement.value
            if isinstance(value, ast.Call) and name_of(value.func) in _READING:
                return edited(code, [(code.span(statement), code.of(value))])
            if _has_no_effect(value):
                return _without(code, node, statement)
    return None


def _without(code: Code, node: Function, statement: ast.stmt) -> str:
    """The text without a statement, and without a condition that was for it alone."""
    for around in ast.walk(node):
        for name in ("body", "orelse", "finalbody"):
            if getattr(around, name, None) != [statement]:
                continue
            if isinstance(around, ast.If) and name == "body" and not around.orelse:
                is_elif = code.of(around).startswith("elif")
                alone = any(around in body and len(body) > 1 for body in blocks(node))
                if _has_no_effect(around.test) and alone and not is_elif:
                    return edited(code, [(code.whole(around), "")])
            return edited(code, [(code.span(statement), "pass")])
    return edited(code, [(code.whole(statement), "")])


def _has_no_effect(node: ast.expr) -> bool:
    """Whether computing it changes nothing. Where it would fail the faithful text is wrong."""
    return all(
        not isinstance(n, (ast.NamedExpr, ast.Await, ast.Yield, ast.Lambda))
        and (not isinstance(n, ast.Call) or name_of(n.func) in _NO_EFFECT)
        for n in ast.walk(node)
    )


_READING = {"accept", "accept_number"}
_NO_EFFECT = {"abs", "edit", "int", "len", "max", "min", "number_from", "pad", "str", "trim"}
_NO_EFFECT |= {"stored_length", "whole"}


def unused(code: Code, place: Place) -> str | None:
    """Data that nothing uses; then an __init__ that does nothing of its own."""
    owner = code.owner(place)
    init = code.methods(owner).get("__init__") if owner else None
    if init is None or not plain_self(code, owner):
        return None
    gone = [
        fact.statement
        for name, fact in facts_of(code.text, code.places, owner).items()
        if fact.is_plain and code.n_attributes[name.removeprefix("self.")] == 1
    ]
    if len(gone) == len(init.body):
        return None
    if gone:
        return edited(code, [(code.whole(statement), "") for statement in gone])
    (first, *others) = init.body
    if others or not isinstance(first, ast.Expr) or "super().__init__(" not in code.of(first):
        return None
    start, end = code.whole(init)
    after = code.text[end:]
    return code.text[:start] + after.lstrip("\n") if after.startswith("\n") else None


_PURE = {"edit", "trim", "str", "int", "len", "abs", "max", "min", "upper", "lower", "reverse"}


def _is_first(call: ast.Call, read: ast.expr) -> bool:
    """Whether all of the call's expression can wait for `read`: nothing else in it has effects."""
    return all(
        not isinstance(n, ast.Call) or n is call or _is_pure(n) for n in ast.walk(call)
    ) and any(n is read for n in ast.walk(call))
