"""What a rewrite must not lose and must not make up: certain signs that it means something else.

A rewrite may say everything in other words, but what it raises, the texts and numbers in it, the
parameters it uses and the rest of the project it calls stay the same. Small models forget a line or
invent a helper; this finds it without running anything. Pure, any thread.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from slmcode.features.edits.contracts import comments
from slmcode.features.edits.contracts.base import State
from slmcode.features.edits.contracts.python import (
    FUNCTIONS,
    Both,
    Code,
    Fault,
    Function,
    definitions,
    docstring,
    invented,
    minimum,
    names,
    parameters,
)
from slmcode.syntax.leaves import literals

_FREE_NUMBERS = {"0", "1", "2", "-1"}  # come and go with ranges, slices and counters
_WORD = re.compile(r"[^\W\d_]{3,}")
_FORMAT = re.compile(r"%\(\w+\)[-#0-9. +]*[a-zA-Z]|%[-#0-9. +*]*[a-zA-Z]|\{[^{}]*\}")
_FREE_WORDS = {"utf", "ascii", "strict", "rb", "wb"}
# Handlers that a lookup with a default, or a test before, makes superfluous.
_FREE_HANDLERS = {"KeyError", "IndexError", "AttributeError", "StopIteration", "FileNotFoundError"}
_BROAD = {"", "Exception", "BaseException"}
_LEFT_OUT = re.compile(
    r"^[#/*\s-]*(?:\.\.\.|…)|\b(?:existing|your|remaining|other) code\b|\bsame as before\b"
    r"|\b(?:rest|remainder) of (?:the |your )?(?:code|function|method|class|file)"
    r"|\bcode (?:remains|stays|is) (?:the same|unchanged)|\bimplementation (?:here|goes)\b",
    re.IGNORECASE,
)
# Modules of the standard library that do nothing when they are imported, so that what is in them
# can be looked at.
_PLAIN = {
    *("abc", "argparse", "ast", "asyncio", "base64", "bisect", "calendar", "collections"),
    *("collections.abc", "concurrent.futures", "contextlib", "copy", "csv", "dataclasses"),
    *("datetime", "decimal", "enum", "fnmatch", "fractions", "functools", "glob", "hashlib"),
    *("heapq", "html", "inspect", "io", "itertools", "json", "logging", "math", "numbers"),
    *("operator", "os", "os.path", "pathlib", "queue", "random", "re", "secrets", "shlex"),
    *("shutil", "statistics", "string", "struct", "subprocess", "sys", "tempfile", "textwrap"),
    *("threading", "time", "traceback", "types", "typing", "unicodedata", "urllib.parse"),
    *("uuid", "warnings", "weakref", "zlib"),
}


def kept(code: Both, folder: Path | None, path: Path | None) -> None:
    """Raises Fault for what a rewrite of Python lost or made up."""
    old, new = code.before, code.after
    _resolved(code, folder, path)
    before, after = [*_inside(old)], [*_inside(new)]
    lost, made = _difference(_raised(before), _raised(after))
    if lost:
        raise Fault(f"it does not raise {lost} any more")
    if made:
        raise Fault(f"it raises {made}, which the code did not")
    _handlers(before, after)
    _constants(old, new, before, after)
    _globals(code, before, after)
    _parameters(old, new)
    _members(old, new, before, after)
    _awaited(before, after)


def _inside(code: Code) -> Iterator[ast.AST]:
    """The nodes that begin in the edited lines."""
    for node in ast.walk(code.tree):
        line = getattr(node, "lineno", None)
        if line is not None and code.first <= line <= code.last:
            yield node


def _difference(before: set[str], after: set[str]) -> tuple[str, str]:
    """What is lost and what is new, to be read; "" for nothing."""
    return ", ".join(sorted(before - after)), ", ".join(sorted(after - before))


def _raised(nodes: list[ast.AST]) -> set[str]:
    """The classes of exceptions that are raised by name."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = ast.unparse(raised).rpartition(".")[2]
            if name[:1].isupper():
                found.add(name)
    return found


def _handlers(before: list[ast.AST], after: list[ast.AST]) -> None:
    old, new = _handled(before), _handled(after)
    broad = (new - old) & _BROAD
    if broad:
        raise Fault("it catches exceptions that the code did not")
    words = {part for n in after for part in (getattr(n, "id", ""), getattr(n, "attr", ""))}
    lost = old - new - words - _FREE_HANDLERS - _BROAD
    if lost:
        raise Fault(f"it does not handle {', '.join(sorted(lost))} any more")


def _handled(nodes: list[ast.AST]) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            found |= {"" if k is None else ast.unparse(k).rpartition(".")[2] for k in kinds}
    return found


def _constants(old: Code, new: Code, before: list[ast.AST], after: list[ast.AST]) -> None:
    docs = {id(d.value) for c in (old, new) for d in map(docstring, _documented(c)) if d}
    texts, numbers = [], []
    for nodes in (before, after):
        values = [n for n in nodes if isinstance(n, ast.Constant) and id(n) not in docs]
        texts.append([n.value for n in values if isinstance(n.value, str)])
        numeric = [n.value for n in values if isinstance(n.value, int | float | complex)]
        numbers.append({repr(n) for n in numeric if not isinstance(n, bool)})
    same_numbers(numbers[0], numbers[1])
    same_words(texts[0], texts[1], old.text, new.text)


def _documented(code: Code) -> list[ast.AST]:
    return [code.tree, *definitions(code.tree)]


def same_numbers(before: set[str], after: set[str]) -> None:
    """Raises Fault for a number that is lost or new."""
    lost, made = _difference(before - _FREE_NUMBERS, after - _FREE_NUMBERS)
    if made:
        raise Fault(f"the number {made} was not in the code")
    if lost:
        raise Fault(f"the number {lost} is gone")


def same_words(before: list[str], after: list[str], old: str, new: str) -> None:
    """Raises Fault for a word in a string that is lost from the code, or new to it."""
    was, now = (_words(texts) for texts in (before, after))
    lost = next((w for w in was - now - _FREE_WORDS if not _stands(w, new)), "")
    if lost:
        raise Fault(f'the text "{lost}" is gone')
    made = next((w for w in now - was - _FREE_WORDS if not _stands(w, old)), "")
    if made:
        raise Fault(f'the text "{made}" was not in the code')


def _words(texts: list[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(_FORMAT.sub(" ", text))}


def _stands(word: str, text: str) -> bool:
    return re.search(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])", text) is not None


def _globals(code: Both, before: list[ast.AST], after: list[ast.AST]) -> None:
    """Raises Fault where something of the project is not used any more."""
    standard = {here for here, module in _imported(code.before) if _is_standard(module)}
    used, uses = _loaded(before), _loaded(after)
    own = {n.name for n in before if isinstance(n, FUNCTIONS)}  # recursion may become a loop
    for name in sorted(used & names(code.before.text).bound - standard - own):
        if name not in uses:
            raise Fault(f"it does not use {name} any more")
    lost = _declared(before) - _declared(after)
    stored = {n.id for n in after if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    if lost & stored:
        raise Fault(f"{min(lost & stored)} is not global or nonlocal any more")


def _loaded(nodes: list[ast.AST]) -> set[str]:
    hints = {
        id(inner)
        for node in nodes
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if hint is not None
        for inner in ast.walk(hint)
    }
    return {n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in hints}


def _declared(nodes: list[ast.AST]) -> set[str]:
    return {x for n in nodes if isinstance(n, ast.Global | ast.Nonlocal) for x in n.names}


def _parameters(old: Code, new: Code) -> None:
    """Raises Fault where a parameter that was used is not used any more."""
    later = {_key(f): f for f in definitions(new.tree) if isinstance(f, FUNCTIONS)}
    for function in definitions(old.tree):
        now = later.get(_key(function))
        if not isinstance(function, FUNCTIONS) or now is None:
            continue
        if not old.first <= function.lineno <= old.last:
            continue
        uses = _reads(now)
        for arg in parameters(function):
            if arg.arg in _reads(function) and arg.arg not in uses:
                raise Fault(f"{function.name} does not use its parameter {arg.arg} any more")


def _key(node: ast.AST) -> tuple[str, str]:
    if not isinstance(node, FUNCTIONS):
        return "", ""
    return node.name, ",".join(a.arg for a in parameters(node))


def _reads(function: Function) -> set[str]:
    found = set()
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super":
                found |= {"self", "cls"}
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "locals":
                found |= {a.arg for a in parameters(function)}
    return found


def _members(old: Code, new: Code, before: list[ast.AST], after: list[ast.AST]) -> None:
    """Raises Fault where a member of `self` is not used or set any more, or is made up."""
    lost, made = _difference(_of_self(before, False), _of_self(after, False))
    if lost:
        raise Fault(f"it does not use self.{lost} any more")
    lost, _ = _difference(_of_self(before, True), _of_self(after, True))
    if lost:
        raise Fault(f"it does not set self.{lost} any more")
    known = {d.name for d in definitions(new.tree)} | _of_self(after, True)
    new_names = [name for name in made.split(", ") if name and name not in known]
    unknown = [name for name in new_names if not re.search(rf"\b{name}\b", old.text)]
    if unknown:
        raise Fault(f"it uses self.{unknown[0]}, which is not in the file")


def _of_self(nodes: list[ast.AST], stored: bool) -> set[str]:
    return {
        n.attr
        for n in nodes
        if isinstance(n, ast.Attribute)
        and isinstance(n.value, ast.Name)
        and n.value.id in ("self", "cls")
        and (not stored or not isinstance(n.ctx, ast.Load))
    }


def _awaited(before: list[ast.AST], after: list[ast.AST]) -> None:
    """Raises Fault where a call is not awaited any more."""
    old, new = ({ast.unparse(c.func) for c in _awaits(nodes)} for nodes in (before, after))
    waited = {id(c) for c in _awaits(after)}
    for node in after:
        if isinstance(node, ast.Call) and id(node) not in waited:
            called = ast.unparse(node.func)
            if called in old - new:
                raise Fault(f"it does not await {called} any more")


def _awaits(nodes: list[ast.AST]) -> list[ast.Call]:
    waits = [n.value for n in nodes if isinstance(n, ast.Await)]
    return [value for value in waits if isinstance(value, ast.Call)]


def _resolved(code: Both, folder: Path | None, path: Path | None) -> None:
    """Raises Fault for a name, a module or a member of the standard library that is made up."""
    old, new = code.before, code.after
    unknown = invented(old.text, new.text)
    if unknown:
        raise Fault(f"it uses {', '.join(unknown)}, which is not defined")
    was, now = {*_imported(old)}, {*_imported(new)}
    modules = {module for _, module in was}
    for _, module in sorted(now - was):
        top = module.partition(".")[0]
        known = not top or _is_standard(module) or any(m.partition(".")[0] == top for m in modules)
        if not known and not _in_project(top, folder, path):
            raise Fault(f"it imports {module}, which the file did not use")
    for module, name in sorted(_members_used(new) - _members_used(old)):
        real = _real(module)
        if real is not None and not hasattr(real, name) and _real(f"{module}.{name}") is None:
            raise Fault(f"{module} has no {name}")


def _imports(code: Code) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a file; those in functions only where these may have been edited."""
    others = [s for s in code.top if not isinstance(s, (*FUNCTIONS, ast.ClassDef))]
    for node in [*ast.walk(code.tree), *(n for s in others for n in ast.walk(s))]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def _imported(code: Code) -> Iterator[tuple[str, str]]:
    """Names that imports bring in, and the modules they are from."""
    for node in _imports(code):
        for alias in node.names:
            if isinstance(node, ast.Import):
                yield alias.asname or alias.name.partition(".")[0], alias.name
            else:
                yield alias.asname or alias.name, "" if node.level else node.module or ""


def _members_used(code: Code) -> set[tuple[str, str]]:
    """What is taken from modules: by import, or behind a module's name."""
    found: set[tuple[str, str]] = set()
    here: dict[str, str] = {}
    for node in _imports(code):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                here[alias.asname or whole] = whole
        elif not node.level:
            found |= {(node.module or "", a.name) for a in node.names if a.name != "*"}
    nodes = [*ast.walk(code.tree)]
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and _stores(n)}
    bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    for used in nodes:
        if isinstance(used, ast.Attribute) and not _stores(used):
            first, _, rest = _dotted(used.value).partition(".")
            if first in here and first not in bound:
                found.add((f"{here[first]}.{rest}".rstrip("."), used.attr))
    return found


def _dotted(node: ast.expr) -> str:
    """`a.b.c`, "" for what is no name."""
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def _stores(node: ast.Name | ast.Attribute) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _real(module: str) -> object | None:
    return importlib.import_module(module) if module in _PLAIN else None


def _in_project(top: str, folder: Path | None, path: Path | None) -> bool:
    """Whether the project has a module of that name where it would be found."""
    places = [p for p in (folder, folder and folder / "src", path and path.parent) if p]
    return any((p / top).is_dir() or (p / f"{top}.py").is_file() for p in places)


def is_old_enough(code: Code, folder: Path | None) -> None:
    """Raises Fault for syntax that is newer than the oldest Python the project supports."""
    oldest = minimum(folder)
    for kind, needed, what in _NEWER:
        if (3, 0) < oldest < needed and any(isinstance(n, kind) for n in _inside(code)):
            raise Fault(f"Python 3.{oldest[1]}, which the project supports, has no {what}")


_NEWER: tuple[tuple[type[ast.AST], tuple[int, int], str], ...] = (
    (ast.NamedExpr, (3, 8), "`:=`"),
    (ast.Match, (3, 10), "`match`"),
)


def nothing_left_out(before: State, after: State) -> None:
    """Raises Fault for a new comment that stands for code."""
    known = {c.text for c in comments.comments(before)}
    for comment in comments.comments(after):
        if comment.text not in known and _LEFT_OUT.search(comment.text):
            raise Fault(f"it leaves code out: `{comments.shown(comment.text)}`")


def same_literals(before: State, after: State) -> None:
    """Raises Fault for numbers and texts in the lines that are lost or new; any language."""
    old, new = ([*_literals(state)] for state in (before, after))
    same_numbers(*({t for k, t in side if k == "number"} for side in (old, new)))
    was, now = ([t for k, t in side if k == "text"] for side in (old, new))
    same_words(was, now, before.code, after.code)


def _literals(state: State) -> Iterator[tuple[str, str]]:
    assert state.tree is not None
    return literals(state.tree, *map(state.tree.byte, state.lines))
