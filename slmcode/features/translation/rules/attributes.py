"""Attributes that only one function needs."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from slmcode.features.translation import dataflow
from slmcode.features.translation.dataflow import name_of, reads_first, uses
from slmcode.features.translation.facts import facts_of
from slmcode.features.translation.places import Function, Place
from slmcode.features.translation.rules.code import WIDTH, Code, edited, plain_self, reach_of

_LOOK_ALIKE = {"l", "O", "I"}  # with 1 and 0


class _Attribute(NamedTuple):
    """An attribute that becomes a local variable of one function."""

    name: str
    declared: ast.stmt | None  # goes with it; None: other functions still need it
    begins: str  # the value to begin with, "" for none


def local_variables(code: Code, place: Place) -> str | None:
    """Attributes whose values no function hands to another become local variables."""
    node, owner = place.node, code.owner(place)
    assert isinstance(node, Function)
    if not owner or node.name == "__init__" or not plain_self(code, owner):
        return None
    methods = code.methods(owner)
    reach = reach_of(methods)
    if node.name in reach[node.name]:
        return None
    init = methods.get("__init__")
    declared = facts_of(code.text, code.places, owner)
    by_method = {
        m: Counter(name_of(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute))
        for m, tree in methods.items()
    }
    found: list[_Attribute] = []
    for name, fact in declared.items():
        users = [m for m in methods if m != "__init__" and by_method[m][name]]
        attr = name.removeprefix("self.")
        if attr not in code.read:
            continue  # it would be a variable that nothing uses
        own = sum(counted[name] for counted in by_method.values())
        if node.name not in users or own != code.n_attributes[attr] or attr in methods:
            continue
        if any(set(users) & reach[m] for m in users) or by_method["__init__"][name] != 1:
            continue  # what is called may change it meanwhile
        alone = users == [node.name]
        if not any(reads_first(methods[m], name) for m in users):
            found.append(_Attribute(name, fact.statement if alone else None, ""))
        elif alone and fact.is_plain and _runs_once(code, owner, node):
            found.append(_Attribute(name, fact.statement, code.of(fact.value)))
    if not found or init is None:
        return None
    return _localized(code, node, init, found)


def _localized(code: Code, node: Function, init: Function, found: Sequence[_Attribute]) -> str:
    edits: list[tuple[tuple[int, int], str]] = []
    taken = _taken_names(code, node)
    first = node.body[1 if _is_docstring(node.body[0]) and len(node.body) > 1 else 0]
    start = code.whole(first)[0]
    indent = code.text[start : code.span(first)[0]]
    above = first.lineno - 2  # comments above the first statement stay with it
    while code.lines[above].lstrip().startswith("#"):
        above -= 1
    start = sum(map(len, code.lines[: above + 1]))
    begun = ""
    for name, declared, begins in found:
        new = name.removeprefix("self.")
        while new in taken:
            new += "_"
        taken.add(new)
        edits += [(code.span(use), new) for use in uses(node, name)]
        if declared is None:
            continue
        comment = code.comment_behind(declared)
        edits.append((code.whole(declared), ""))
        if begins:
            begun += f"{indent}{new} = {begins}{'  ' + comment if comment else ''}\n"
        elif comment:
            edits += _comment_at_first(code, node, name, comment)
    edits.append(((start, start), begun))
    gone = [a.declared for a in found]
    if not [s for s in init.body if s not in gone]:
        at = code.whole(init.body[0])[0]
        edits.append(((at, at), " " * init.body[0].col_offset + "pass\n"))
    return edited(code, edits)


def _comment_at_first(
    code: Code, node: Function, name: str, comment: str
) -> list[tuple[tuple[int, int], str]]:
    """The declaration's comment goes to the first assignment, where that has none."""
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assign) and name_of(statement.targets[0]) == name:
            end = code.span(statement)[1]
            if code.comment_behind(statement):
                return []
            width = len(code.lines[statement.lineno - 1].rstrip()) + 2 + len(comment)
            return [((end, end), f"  {comment}")] if width <= WIDTH else []
    return []


def _runs_once(code: Code, owner: str, node: Function) -> bool:
    """Whether a method runs once in the life of its object, and that is the main program."""
    methods = code.methods(owner)
    if {"link", "procedures"} & set(methods):
        return False
    if any(c == "goback" for tree in methods.values() for c in dataflow.called(tree)):
        return False
    outside = [
        n
        for n in ast.walk(code.tree)
        if isinstance(n, ast.Name) and n.id == owner.rpartition(".")[2]
    ]
    if len(outside) != 1:
        return False  # made in one place: at the end of the module
    seen: set[str] = set()
    name = node.name
    while name not in seen:
        seen.add(name)
        by = [
            (caller, tree)
            for caller, tree in methods.items()
            for c in dataflow.called(tree)
            if c == name
        ]
        if not by:
            return name in ("main", "start")
        if len(by) != 1 or not _calls_once(by[0][1], name):
            return False
        name = by[0][0]
    return False


def _calls_once(tree: Function, name: str) -> bool:
    """Whether the method is called by a statement that is in no loop."""
    return any(
        isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Call)
        and name_of(s.value.func) == f"self.{name}"
        for s in tree.body
    )


def _taken_names(code: Code, node: Function) -> set[str]:
    """What a local variable of the function cannot be called."""
    taken = set(dir(builtins)) | _LOOK_ALIKE | {*keyword.kwlist, *keyword.softkwlist}
    taken |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    taken |= {a.arg for a in node.args.args}
    for n in code.tree.body:
        if isinstance(n, (ast.ImportFrom, ast.Import)):
            taken |= {(a.asname or a.name).partition(".")[0] for a in n.names}
        elif isinstance(n, ast.Assign):
            taken |= {name_of(t) for t in n.targets}
        taken.add(getattr(n, "name", ""))
    return taken


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
