"""The contract of type hints: the code is the same apart from them.

- The trees are equal once hints are taken out, and imports of what hints need from `typing` and
  `collections.abc`; comments are the same. Hints that stood there stay. There are new ones.
- Each new hint can be one, see `hints`. No hint is added that is read when the program runs:
  fields of data classes, parameters of functions that a framework calls by their hints.
- Where the project has mypy or Pyright configured, it is run on both; it reports nothing new.
"""

from __future__ import annotations

import ast
import asyncio
import re
from bisect import bisect_right
from collections import Counter
from pathlib import Path

from slmcode.features.edits.contracts import basics, comments, hints
from slmcode.features.edits.contracts.base import Asked, State
from slmcode.features.edits.contracts.hints import Hint
from slmcode.features.edits.contracts.python import (
    FUNCTIONS,
    Both,
    Fault,
    both,
    minimum,
    names,
    same,
)
from slmcode.features.edits.contracts.rerun import new_problems
from slmcode.features.edits.outcome import Judgement, Verdict
from slmcode.verify import tools

_TYPE_COMMENT = re.compile(r"#\s*type:\s*\(")
_FUTURE = "__future__"
# Decorators that do nothing with hints: by their last name, or by their first.
_HARMLESS = {
    *("staticmethod", "classmethod", "property", "cached_property", "setter", "getter", "deleter"),
    *("cache", "lru_cache", "wraps", "abstractmethod", "contextmanager", "asynccontextmanager"),
    *("override", "final", "overload", "total_ordering", "deprecated", "no_type_check"),
}
_HARMLESS_ROOTS = {
    *("functools", "abc", "contextlib", "typing", "pytest", "unittest", "mock", "patch", "click"),
    *("atexit", "warnings", "numba"),
}
# Modules that read hints when the program runs.
_READERS = re.compile(
    r"^\s*(?:from|import)\s+(fastapi|typer|pydantic|beartype|typeguard|ninja|litestar|strawberry|"
    r"injector|dependency_injector|hug|plum|multipledispatch|multimethod|prefect|mcp|cattrs?|"
    r"msgspec|sqlmodel|dacite|cyclopts|tyro)\b",
    re.MULTILINE,
)
_READ = re.compile(r"\b(?:get_type_hints|__annotations__|get_annotations|signature)\b")


class TypeHints:
    """The same code, with hints."""

    name = "type_hints"
    promise = "the code is the same apart from type hints"

    async def judge(self, before: State, after: State, asked: Asked) -> Judgement:
        """Runs the project's type checker in the sandbox, twice, where there is one."""
        fault = basics.fault(before, after, asked.instruction)
        if fault:
            return Judgement(fault)
        folder = asked.place.folder
        try:
            unsure, left = await asyncio.to_thread(_judge, before, after, folder)
            tool = None if folder is None else await asyncio.to_thread(tools.configured, folder)
            said, certain = "no type checker is configured", True
            if tool is not None:
                said, certain = await _checked(tool, before, after, asked)
        except Fault as e:
            return Judgement(str(e))
        except RecursionError:
            return Judgement("the code is nested too deeply to be compared")
        checked = "; ".join(["the code is the same apart from type hints", said, *unsure, *left])
        verified = certain and not unsure
        return Judgement("", checked, Verdict.VERIFIED if verified else Verdict.NOT_VERIFIED)


async def _checked(tool: str, before: State, after: State, asked: Asked) -> tuple[str, bool]:
    """What the type checker says, and whether it was asked. Raises Fault."""
    found = await new_problems(tool, before, after, asked)
    if isinstance(found, str):
        return f"{tool} is configured, but {found}", False
    if found.new:
        raise Fault(f"{tool} reports: {found.new[0].message}")
    return f"{tool} reports nothing new", True


def _judge(before: State, after: State, folder: Path | None) -> tuple[list[str], list[str]]:
    """What is not certain, and what is left to do. Raises Fault."""
    if before.tree is None or before.tree.grammar != "python":
        raise Fault("type hints can be checked in Python only")
    code = both(before, after)
    if _TYPE_COMMENT.search(before.code):
        raise Fault("there are type comments already; hints beside them are an error")
    old, new = hints.places(code.before.tree), hints.places(code.after.tree)
    file = hints.file(code.after.top, minimum(folder))
    imported = _imports(code)
    _without(code.before.tree)
    _without(code.after.tree)
    same(code.before, code.after)
    _same_comments(before, after, code)
    added = _added(old, new)
    if not added:
        raise Fault("it adds no type hint")
    unsure = [code.note] if code.note else []
    for hint in added:
        if not code.note:
            hints.check(file, hint)
        unsure += _not_read(code.before.text, hint)
    _imports_are_needed(code, imported, added)
    if _READ.search(code.before.text):
        unsure.append("the file reads hints when it runs")
    touched = {id(h.node) for h in added}
    bare = [h for h in new if h.annotation is None and id(h.node) in touched]
    missing = ["the result" if h.kind == "result" else h.name for h in bare]
    missing = [name for name in missing if name not in ("self", "cls")]
    left = [f"without a hint: {', '.join(missing)}"] if missing else []
    return list(dict.fromkeys(unsure)), left


def _same_comments(before: State, after: State, code: Both) -> None:
    """Raises Fault where a comment is new, gone, changed or beside another statement.

    Both trees are without hints by now, so their statements are the same.
    """
    fresh = comments.fresh(before, after)
    if fresh:
        raise Fault(f"it adds the comment `{comments.shown(fresh[0].text)}`")
    sides = []
    for state, of in ((before, code.before), (after, code.after)):
        starts = sorted(n.lineno for n in ast.walk(of.tree) if isinstance(n, ast.stmt))
        sides.append(
            [
                (c.text, c.alone, bisect_right(starts, c.line + 1 - of.offset))
                for c in comments.comments(state)
                if c.line + 1 > of.offset
            ]
        )
    moved = next((was for was, now in zip(*sides, strict=False) if was != now), None)
    if moved is not None:
        raise Fault(f"the comment `{comments.shown(moved[0])}` has moved")


def _imports(code: Both) -> list[tuple[str, str, str]]:
    """Take the imports that hints may need out of both trees; those that are new.

    Raises Fault where one is gone.
    """
    old, new = (_taken_out(c.tree) for c in (code.before, code.after))
    gone = Counter(old) - Counter(new)
    if gone:
        raise Fault(f"the import of {next(iter(gone))[2]} is gone")
    return list(Counter(new) - Counter(old))


def _taken_out(tree: ast.Module) -> list[tuple[str, str, str]]:
    """Module, name there ("" for the module) and name here of such imports."""
    found: list[tuple[str, str, str]] = []
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and not node.level and node.module in _ALLOWED:
            found += [(node.module or "", a.name, a.asname or a.name) for a in node.names]
        elif isinstance(node, ast.Import) and all(a.name in hints.MODULES for a in node.names):
            found += [(a.name, "", a.asname or a.name) for a in node.names]
        else:
            body.append(node)
    tree.body = body
    return found


_ALLOWED = {*hints.MODULES, _FUTURE, "typing_extensions"}


def _imports_are_needed(
    code: Both, imported: list[tuple[str, str, str]], added: list[Hint]
) -> None:
    """Raises Fault for a new import that does not exist, hides something or is not used."""
    used = {
        part
        for hint in added
        if hint.annotation is not None
        for part in re.findall(r"\w+", ast.unparse(hint.annotation))
    }
    known = names(code.before.text)
    for module, name, here in imported:
        if module == _FUTURE:
            if name != "annotations":
                raise Fault(f"it adds `from __future__ import {name}`")
            if _READERS.search(code.before.text) or _READ.search(code.before.text):
                raise Fault("the file reads hints when it runs, so they must stay evaluated")
            continue
        if module == "typing_extensions" and "typing_extensions" not in code.before.text:
            raise Fault("it imports typing_extensions, which may not be installed")
        real = hints.MODULES.get(module)
        if name and real is not None and not hasattr(real, name):
            raise Fault(f"{module} has no {name}")
        if here.partition(".")[0] in known.bound | known.unresolved:
            raise Fault(f"the import of {here} hides a name of the file")
        if here.partition(".")[0] not in used:
            raise Fault(f"it imports {here}, which no hint uses")


def _without(tree: ast.AST) -> None:
    """Take the hints out. An assignment with a hint becomes one without."""
    for node in [*ast.walk(tree)]:
        if isinstance(node, FUNCTIONS):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                setattr(node, field, [s for each in statements for s in _bare(each)])


def _bare(node: ast.stmt) -> list[ast.stmt]:
    if not isinstance(node, ast.AnnAssign):
        return [node]
    if node.value is None:
        return []
    bare = ast.Assign([node.target], node.value)
    return [ast.copy_location(bare, node)]


def _added(old: list[Hint], new: list[Hint]) -> list[Hint]:
    """The new hints. Raises Fault where one that was there is gone or changed.

    Without hints both are the same code, so their places are the same, declarations aside.
    """
    added = []
    fixed = [[h for h in side if h.kind != "declaration"] for side in (old, new)]
    for was, now in zip(*fixed, strict=True):
        if was.annotation is None:
            if now.annotation is not None:
                added.append(now)
            continue
        if now.annotation is None:
            raise Fault(f"the hint of {was.name} is gone")
        if ast.dump(was.annotation) != ast.dump(now.annotation):
            raise Fault(f"it changes the hint of {was.name}, which was there")
    declared = [Counter(_declaration(h) for h in s if h.kind == "declaration") for s in (old, new)]
    gone = declared[0] - declared[1]
    if gone:
        raise Fault(f"the declaration of {next(iter(gone))[1]} is gone")
    fresh = declared[1] - declared[0]
    return added + [h for h in new if h.kind == "declaration" and _declaration(h) in fresh]


def _declaration(hint: Hint) -> tuple[str, str, str]:
    assert hint.annotation is not None
    scope = ".".join(getattr(s, "name", "") for s in hint.scopes)
    return scope, hint.name, ast.dump(hint.annotation)


def _not_read(text: str, hint: Hint) -> list[str]:
    """Why a hint may matter when the program runs. Raises Fault where it does for certain."""
    scope = hint.scopes[-1] if hint.scopes else None
    if hint.kind == "declaration":
        raise Fault(f"it declares {hint.name} without a value")
    if hint.kind == "variable":
        if isinstance(scope, ast.ClassDef) and isinstance(hint.node, ast.AnnAssign):
            bases = [b for b in scope.bases if ast.unparse(b) != "object"]
            if scope.decorator_list or bases or scope.keywords:
                raise Fault(f"the hint of {hint.name} may make it a field of {scope.name}")
        return []
    assert isinstance(hint.node, FUNCTIONS)
    for decorator in hint.node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        parts = ast.unparse(called).split(".")
        if parts[-1] in _HARMLESS or parts[0] in _HARMLESS_ROOTS:
            continue
        dispatches = parts[-1] == "register" and (
            not isinstance(decorator, ast.Call) or not decorator.args
        )
        if dispatches or _READERS.search(text):
            raise Fault(f"@{'.'.join(parts)} reads hints when the program runs")
        return [f"@{'.'.join(parts)} may read the hints when the program runs"]
    return []
