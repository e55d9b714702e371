"""Where a Python module's imports stand, and those that an answer brings along or forgets. Pure.

A model that needs a module writes its import in front of the function. One that the module has
already is dropped; a new one goes to the others. One that it forgets is added where the name can
mean one thing only: a module of the standard library, or a well-known name of one.
"""

from __future__ import annotations

import ast
import re
import sys
from typing import NamedTuple

from slmcode.features.edits.contracts.python import invented
from slmcode.text import Edit, Snapshot, TextRange

# fmt: off
TYPING = ("Any", "Optional", "Union", "Literal", "NoReturn", "ClassVar", "Final", "TextIO", "IO",
          "BinaryIO", "Protocol", "NamedTuple", "TypeVar")
ABC = ("Callable", "Iterable", "Iterator", "Sequence", "Mapping", "MutableMapping", "Generator",
       "AsyncIterator", "AsyncIterable", "AsyncGenerator", "Awaitable", "Coroutine", "Collection",
       "Hashable", "Sized", "Container", "MutableSequence")
# fmt: on
_NAMES = {
    "abc": ("ABC", "abstractmethod"),
    "collections": ("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"),
    "collections.abc": ABC,
    "dataclasses": ("dataclass",),
    "decimal": ("Decimal",),
    "enum": ("Enum", "IntEnum"),
    "fractions": ("Fraction",),
    "functools": ("cached_property", "lru_cache", "partial", "reduce", "wraps"),
    "pathlib": ("Path",),
    "typing": (*TYPING, "Dict", "FrozenSet", "List", "Set", "Tuple", "Type"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}


class Moved(NamedTuple):
    """An answer without the imports in front of it, and the edit that adds the new ones."""

    code: str
    edit: Edit | None


def import_edit(module: ast.Module, snapshot: Snapshot, lines: list[str]) -> Edit | None:
    """Add import lines in front of the module's first import, or of its first statement.

    `module` was parsed from the snapshot's text. None where the module holds nothing.
    """
    first = next((n for n in module.body if not _is_docstring(n) and not _is_future(n)), None)
    if first is None:
        return None
    line = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
    at = snapshot.line_starts[line - 1]
    found = re.search(r"\r\n|\n|\r", snapshot.text)
    end = found[0] if found else "\n"
    text = "".join(line + end for line in lines)
    if not isinstance(first, ast.Import | ast.ImportFrom):
        text += end * 2
    return Edit(TextRange(at, at), text)


def moved(snapshot: Snapshot, start: int, old: str, new: str) -> Moved:
    """`new`, which is to take the place of `old` at `start`, without the imports it begins with.

    As it is where `old` has imports itself, where anything does not parse, where the imports are
    all there is, and where they would belong behind `start`.
    """
    unchanged = Moved(new, None)
    try:
        module, before, after = ast.parse(snapshot.text), ast.parse(old), ast.parse(new)
    except (SyntaxError, ValueError, RecursionError):
        return unchanged
    leading = 0
    while leading < len(after.body) and _is_import(after.body[leading]):
        leading += 1
    if not 0 < leading < len(after.body) or any(map(_is_import, before.body)):
        return unchanged
    known = {ast.dump(n) for n in module.body if _is_import(n)}
    missing = [n for n in after.body[:leading] if ast.dump(n) not in known]
    if any(_is_future(n) for n in missing):
        return unchanged
    first = after.body[leading]
    line = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
    rest = "\n".join(new.split("\n")[line - 1 :])
    if not missing:
        return Moved(rest, None)
    edit = import_edit(module, snapshot, [ast.unparse(n) for n in missing])
    return unchanged if edit is None or edit.range.end > start else Moved(rest, edit)


def forgotten(before: str, after: Snapshot) -> Edit | None:
    """Add imports of names that the text after an edit uses and did not bind before.

    None where nothing is missing, or where a missing name is no name of the standard library.
    """
    unknown = invented(before, after.text)
    if not unknown or any(n not in _HOMES and n not in sys.stdlib_module_names for n in unknown):
        return None
    homes: dict[str, list[str]] = {}
    for name in unknown:
        homes.setdefault(_HOMES.get(name, ""), []).append(name)
    lines = [f"import {name}" for name in homes.pop("", [])]
    lines += [f"from {home} import {', '.join(names)}" for home, names in sorted(homes.items())]
    return import_edit(ast.parse(after.text), after, lines)


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
