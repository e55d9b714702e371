"""What those see who use a file of Python: its definitions at the top and in classes. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from slmcode.features.edits.contracts.python import (
    DEFINITIONS,
    FUNCTIONS,
    Fault,
    Function,
    docstring,
    own,
)


class Entry(NamedTuple):
    """One definition or value. `path` is its name with those of the classes around it.

    `facts` are what must stay, by what they are called in a fault.
    """

    path: str
    kind: str  # "function" | "class" | "value"
    facts: dict[str, object]


def entries(tree: ast.Module) -> list[Entry]:
    """What a module defines, in its order; the insides of functions left out."""
    return [*_entries(tree.body, "")]


def _entries(body: Sequence[ast.stmt], scope: str) -> Iterator[Entry]:
    for node in body:
        if isinstance(node, FUNCTIONS):
            yield Entry(scope + node.name, "function", _function(node))
        elif isinstance(node, ast.ClassDef):
            yield Entry(scope + node.name, "class", _class(node))
            yield from _entries(node.body, f"{scope}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                        yield Entry(scope + name.id, "value", _value(node, scope))
        else:
            for field in ("body", "orelse", "finalbody"):
                yield from _entries(getattr(node, field, []), scope)
            for handler in getattr(node, "handlers", []):
                yield from _entries(handler.body, scope)


def _function(node: Function) -> dict[str, object]:
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    kinds = [("positional-only", p.arg) for p in a.posonlyargs]
    kinds += [("", p.arg) for p in a.args]
    kinds += [("*", a.vararg.arg)] if a.vararg else []
    kinds += [("keyword-only", p.arg) for p in a.kwonlyargs]
    kinds += [("**", a.kwarg.arg)] if a.kwarg else []
    defaults: list[tuple[str, str]] = []
    for arg, default in zip(positional[::-1], a.defaults[::-1], strict=False):
        defaults.insert(0, (arg.arg, ast.dump(default)))
    for arg, keyword in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        if keyword is not None:
            defaults.append((arg.arg, ast.dump(keyword)))
    nodes = [*own(node)]
    returns = [n.value for n in nodes if isinstance(n, ast.Return)]
    return {
        "the parameters": kinds,
        "the defaults": defaults,
        "the decorators": [ast.dump(d) for d in node.decorator_list],
        "async": isinstance(node, ast.AsyncFunctionDef),
        "that it yields": any(isinstance(n, ast.Yield | ast.YieldFrom) for n in nodes),
        "that it returns a value": any(v is not None and not _none(v) for v in returns),
        "that it has a docstring": docstring(node) is not None,
    }


def _none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _class(node: ast.ClassDef) -> dict[str, object]:
    values = [e.path for e in _entries(_own_values(node), "")]
    return {
        "the bases": [ast.dump(b) for b in node.bases],
        "the keywords": [ast.dump(k) for k in node.keywords],
        "the decorators": [ast.dump(d) for d in node.decorator_list],
        "the attributes, or their order,": [*dict.fromkeys(values)],
        "that it has a docstring": docstring(node) is not None,
    }


def _own_values(node: ast.ClassDef) -> list[ast.stmt]:
    return [s for s in node.body if not isinstance(s, DEFINITIONS)]


def _value(node: ast.Assign | ast.AnnAssign, scope: str) -> dict[str, object]:
    try:
        value = None if node.value is None else repr(ast.literal_eval(node.value))
    except (ValueError, TypeError, MemoryError, RecursionError):
        value = ""  # whether that stays the same nobody can say
    facts: dict[str, object] = {"the value": value}
    if scope:
        facts["that it has a hint"] = isinstance(node, ast.AnnAssign)
    return facts


def same(before: ast.Module, after: ast.Module) -> None:
    """Raises Fault where something is gone, public and new, or has another signature."""
    old, new = _numbered(entries(before)), _numbered(entries(after))
    for key, entry in old.items():
        now = new.get(key)
        if now is None:
            if entry.kind == "value" and "." not in entry.path:
                continue  # basics know
            raise Fault(f"{entry.path} is gone")
        if now.kind != entry.kind:
            raise Fault(f"{entry.path} was a {entry.kind} and is a {now.kind}")
        for what, fact in entry.facts.items():
            if now.facts[what] == fact:
                continue
            if what == "that it has a docstring" and not fact:
                continue
            raise Fault(f"it changes {what} of {entry.path}")
    for key, entry in new.items():
        public = not any(part.startswith("_") for part in entry.path.split("."))
        if key not in old and public and entry.kind != "value":
            raise Fault(f"it adds {entry.path}, which is public")


def _numbered(found: list[Entry]) -> dict[tuple[str, int], Entry]:
    """By path, and how many times it stood there before: setters, overloads."""
    numbered: dict[tuple[str, int], Entry] = {}
    counts: dict[str, int] = {}
    for entry in found:
        n = counts.get(entry.path, 0)
        counts[entry.path] = n + 1
        numbered[entry.path, n] = entry
    return numbered
