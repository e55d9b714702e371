"""Python under a contract: its trees, where two of them differ, what a file binds.

Any thread. Where a file does not parse as a whole the edited lines are looked at alone; where these
do not parse either nothing is certain, which is a fault.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from slmcode.features.edits.contracts.base import State
from slmcode.text import one_line_end

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

_FILE = "<edit>"
_SHOWN = 60  # characters of a line
_ALONE = "if 1:\n"  # makes indented lines a file
# What a user writes is no matter for the server's standard error.
warnings.filterwarnings("ignore", module=re.escape(_FILE))
_REQUIRES = re.compile(
    r"""^\s*(?:requires-python|python_requires|python)\s*=\s*["']?\s*(?:>=|~=|\^)\s*3\.(\d+)""",
    re.MULTILINE,
)
_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py")
_MANIFEST_BYTES = 200_000
_ALWAYS = {*dir(builtins), "__file__", "__path__", "__annotations__", "__builtins__", "__class__"}


class Fault(Exception):
    """The contract is broken; the message is half a sentence."""


class Code(NamedTuple):
    """Python that parses: a whole file, or the edited lines alone.

    `tree` has those statements of `top`, which are all of the file's, that an edit may have
    changed: the first one and those with edited lines. Who compares it may change it. `offset` must
    be added to a line number of the tree to have that of the document; lines `first` to `last`, of
    the tree, are those that are edited.
    """

    text: str
    tree: ast.Module
    top: list[ast.stmt]
    offset: int
    first: int
    last: int

    def line(self, number: int) -> str:
        """A line of the text, without its indentation, to be quoted."""
        lines = self.text.split("\n")
        return lines[number - 1].strip()[:_SHOWN] if 0 < number <= len(lines) else ""


class Both(NamedTuple):
    """A file before an edit and after it. `note` says what could not be looked at, "" for none."""

    before: Code
    after: Code
    note: str


def both(before: State, after: State) -> Both:
    """The code of two states. Raises Fault."""
    whole = _whole(before), _whole(after)
    if whole[0] is not None:
        if whole[1] is None:
            raise Fault("it does not parse")
        if _same_around(before, after):
            _trim(whole[0], whole[1])
        return Both(whole[0], whole[1], "")
    if not _same_around(before, after):
        raise Fault("it changes code outside of the selection")
    alone = _alone(before), _alone(after)
    if alone[0] is None:
        raise Fault("the code has a syntax error, so it cannot be compared: mend that first")
    if alone[1] is None:
        raise Fault("it does not parse")
    note = "the file has a syntax error elsewhere, so the selected lines were looked at alone"
    return Both(alone[0], alone[1], note)


def _same_around(before: State, after: State) -> bool:
    """Whether the text outside of the edited lines is the same."""
    (start, end), text, changed = before.lines, before.snapshot.text, after.snapshot.text
    same_above = text[:start] == changed[: after.lines.start]
    return same_above and text[end:] == changed[after.lines.end :]


def _trim(a: Code, b: Code) -> None:
    """Leave statements out of both trees that stand wholly above or below the edited lines.

    They are the same, because their texts are. The first one stays: it may be a docstring.
    """
    above = min(sum((s.end_lineno or 0) < c.first for s in c.top) for c in (a, b))
    below = 0
    for x, y in zip(reversed(a.top), reversed(b.top), strict=False):
        behind = _begins(x) - a.last
        if behind <= 0 or behind != _begins(y) - b.last:
            break
        below += 1
    for code in (a, b):
        code.tree.body = code.top[max(above, 1) : max(len(code.top) - below, above, 1)]
        code.tree.body[:0] = code.top[:1]


def _begins(node: ast.stmt) -> int:
    return first_line(node) if isinstance(node, DEFINITIONS) else node.lineno


def _whole(state: State) -> Code | None:
    snapshot, (start, end) = state.snapshot, state.lines
    text = snapshot.text.removeprefix("\ufeff")
    tree = parsed(text)
    if tree is None:
        return None
    first, last = snapshot.line_at(start) + 1, snapshot.line_at(max(start, end - 1)) + 1
    return Code(one_line_end(text), tree, [*tree.body], 0, first, last)


def _alone(state: State) -> Code | None:
    code = one_line_end(state.code)
    indented = code[:1] in (" ", "\t")
    text = _ALONE + code if indented else code
    tree = parsed(text)
    if tree is None:
        return None
    offset = state.snapshot.line_at(state.lines.start) - indented
    return Code(text, tree, [*tree.body], offset, 1, text.count("\n") + 1)


def parsed(text: str) -> ast.Module | None:
    """The tree of a text; None where it is not Python of this version."""
    try:
        return ast.parse(text, _FILE)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def compile_error(text: str) -> str:
    """Why a text does not compile, "" where it does."""
    try:
        compile(text.removeprefix("\ufeff"), _FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        return str(e)
    return ""


def same(a: Code, b: Code) -> None:
    """Raises Fault with the first difference between two trees, which may have been changed."""
    found = difference(a.tree, b.tree)
    if found is None:
        return
    old, new = found
    if old is None:
        assert new is not None
        raise Fault(f"it adds {_quoted(b, new)}")
    if new is None:
        raise Fault(f"{_quoted(a, old)} is gone")
    was, now = _quoted(a, old), _quoted(b, new)
    if was == now:
        now = f"something else in line {getattr(new, 'lineno', 0) + b.offset}"
    raise Fault(f"it changes {was} to {now}")


def _quoted(code: Code, node: ast.AST) -> str:
    line = code.line(getattr(node, "lineno", 0))
    return f"`{line}`" if line else "the code"


def difference(a: ast.AST, b: ast.AST) -> tuple[ast.AST | None, ast.AST | None] | None:
    """The first nodes with a position that differ, one of them None where it has no partner.

    None where the trees are the same, positions aside.
    """
    stack: list[tuple[object, object, ast.AST, ast.AST]] = [(a, b, a, b)]
    while stack:
        x, y, old, new = stack.pop()
        if isinstance(x, ast.AST) and isinstance(y, ast.AST):
            if hasattr(x, "lineno") and hasattr(y, "lineno"):
                old, new = x, y
            if type(x) is not type(y):
                return old, new
            values = [(getattr(x, n, None), getattr(y, n, None), old, new) for n in x._fields]
            stack.extend(reversed(values))
        elif isinstance(x, list) and isinstance(y, list):
            if len(x) == len(y):
                stack.extend([(i, j, old, new) for i, j in zip(x, y, strict=True)][::-1])
            else:
                return _unequal(x, y) or (old, new)
        elif type(x) is not type(y) or (x is not y and repr(x) != repr(y)):
            return old, new
    return None


def _unequal(x: list[object], y: list[object]) -> tuple[ast.AST | None, ast.AST | None] | None:
    """The first difference between two lists of nodes of unequal length."""
    for old, new in zip(x, y, strict=False):
        if not isinstance(old, ast.stmt) or not isinstance(new, ast.stmt):
            return None
        if difference(old, new) is not None:
            shorter = len(x) > len(y)
            partner = x[x.index(old) + 1] if shorter else y[y.index(new) + 1]
            assert isinstance(partner, ast.AST)
            if shorter and difference(partner, new) is None:
                return old, None
            if not shorter and difference(old, partner) is None:
                return None, new
            return difference(old, new)
    rest = x[len(y) :] or y[len(x) :]
    if not isinstance(rest[0], ast.stmt):
        return None
    return (rest[0], None) if len(x) > len(y) else (None, rest[0])


def docstring(node: ast.AST) -> ast.Expr | None:
    """The statement that is a module's, class's or function's docstring."""
    if not isinstance(node, (ast.Module, *DEFINITIONS)) or not node.body:
        return None
    first = node.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    return first if isinstance(first.value.value, str) else None


def definitions(tree: ast.AST) -> list[Definition]:
    """All functions and classes, outer ones before what they hold."""
    return [node for node in ast.walk(tree) if isinstance(node, DEFINITIONS)]


def first_line(node: Definition) -> int:
    """Where a definition begins, its decorators included."""
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def asked_for(code: Code) -> Definition | None:
    """The definition an edit of the lines is about: the first in them, else the innermost around.

    None where that is the module.
    """
    found = sorted(definitions(code.tree), key=lambda d: (first_line(d), -(d.end_lineno or 0)))
    inside = [d for d in found if code.first <= first_line(d) <= code.last]
    around = [d for d in found if first_line(d) < code.first <= (d.end_lineno or 0)]
    return next(iter(inside or around[::-1]), None)


def own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's body that belong to itself, not to a function or class in it."""
    nodes = [*ast.iter_child_nodes(node)]
    while nodes:
        child = nodes.pop()
        yield child
        if not isinstance(child, (*DEFINITIONS, ast.Lambda)):
            nodes.extend(ast.iter_child_nodes(child))


def parameters(function: Function) -> list[ast.arg]:
    """All parameters in their order, `*args` and `**kwargs` included."""
    a = function.args
    found = [*a.posonlyargs, *a.args, *([a.vararg] if a.vararg else []), *a.kwonlyargs]
    return found + ([a.kwarg] if a.kwarg else [])


class Names(NamedTuple):
    """What a file binds at its top, and the names it uses that nothing binds.

    `compiles` is False where the text does not, so that nothing is known. What `import *` binds is
    not known either.
    """

    bound: frozenset[str]
    unresolved: frozenset[str]
    compiles: bool


@lru_cache(maxsize=4)  # the text before an edit is asked for again and again
def names(text: str) -> Names:
    """The names of a file that compiles; nothing where it does not."""
    try:
        top = symtable.symtable(text.removeprefix("\ufeff"), _FILE, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names(frozenset(), frozenset(), False)
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    bound |= {s.get_name() for s in top.get_symbols() if s.is_namespace()}
    used: set[str] = set()
    tables = [top]
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        for symbol in table.get_symbols():
            name = symbol.get_name()
            is_global = table is top or symbol.is_global()
            if table is not top and symbol.is_declared_global() and symbol.is_assigned():
                bound.add(name)
            if is_global and symbol.is_referenced():
                used.add(name)
    module = {"__name__", "__doc__", "__package__", "__spec__", "__loader__"}
    return Names(frozenset(bound), frozenset(used - bound - _ALWAYS - module), True)


def invented(before: str, after: str) -> list[str]:
    """Names that the text after an edit uses and nothing binds, and that the one before did not.

    Nothing where either does not compile.
    """
    new = names(after)
    if not new.unresolved or not names(before).compiles:
        return []
    return sorted(new.unresolved - names(before).unresolved)


def minimum(folder: Path | None) -> tuple[int, int]:
    """The oldest Python that the project says it supports; (3, 0) where it does not say."""
    if folder is None:
        return 3, 0
    for name in _MANIFESTS:
        try:
            with (folder / name).open(encoding="utf-8", errors="replace") as file:
                found = _REQUIRES.search(file.read(_MANIFEST_BYTES))
        except OSError:
            continue
        if found is not None:
            return 3, int(found[1])
    return 3, 0
