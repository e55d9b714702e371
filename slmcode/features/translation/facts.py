"""What a translated program says of its data: the pictures beside the attributes. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import NamedTuple

from slmcode.features.translation.dataflow import name_of
from slmcode.features.translation.places import Function, Place

_PICTURE = re.compile(r"PIC(?:TURE)? +(\S+)", re.I)
_NUMERIC = re.compile(r"(S?)((?:9(?:\(\d+\))?)+)\.?$", re.I)
_RUN = re.compile(r"9(?:\((\d+)\))?")


class Fact(NamedTuple):
    """One attribute as __init__ makes it. `low` and `high` hold for whole numbers of a picture."""

    statement: ast.stmt
    value: ast.expr
    low: int | None = None
    high: int | None = None

    @property
    def is_int(self) -> bool:
        return isinstance(self.value, ast.Constant) and type(self.value.value) is int

    @property
    def is_plain(self) -> bool:
        """Whether making the value does nothing else and gives the same every time."""
        return _is_plain(self.value)


def _is_plain(value: ast.expr) -> bool:
    if isinstance(value, ast.UnaryOp):
        return _is_plain(value.operand)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        return _is_plain(value.left) and _is_plain(value.right)
    if isinstance(value, ast.List):
        return all(isinstance(one, ast.Constant) for one in value.elts)
    return isinstance(value, ast.Constant)


def facts_of(text: str, found: Mapping[str, Place], owner: str) -> dict[str, Fact]:
    """By attribute; one that __init__ binds twice is left out."""
    init = found.get(f"{owner}.__init__")
    if init is None or not isinstance(init.node, Function):
        return {}
    lines = text.splitlines()
    out: dict[str, Fact] = {}
    twice: set[str] = set()
    for statement in init.node.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target, value = statement.target, statement.value
        else:
            continue
        name = name_of(target)
        if not name.startswith("self."):
            continue
        if name in out:
            twice.add(name)
        low, high = _bounds(lines[(statement.end_lineno or statement.lineno) - 1])
        out[name] = Fact(statement, value, low, high)
    return {name: fact for name, fact in out.items() if name not in twice}


def _bounds(line: str) -> tuple[int | None, int | None]:
    comment = line.rpartition("#")[2]
    picture = _PICTURE.search(comment)
    if picture is None or comment[picture.end() :].strip():
        return None, None  # binary items may hold more than their picture
    numeric = _NUMERIC.match(picture[1])
    if numeric is None:
        return None, None
    digits = sum(int(n or 1) for n in _RUN.findall(numeric[2]))
    high = 10**digits - 1
    return (-high if numeric[1] else 0), high
