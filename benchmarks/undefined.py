"""Names in Python code that are not defined, judged from the syntax tree and the scopes of Python.

An independent judge of what `slmcode.features.grounding` does on half-written lines: this one has
the whole file, parses it, and shares no code with it. Judged on given lines are bare names
(`symtable`), names imported from files of the workspace, members of such modules, and members of
`self` and of variables with an annotation or a constructor in the same function, where the class
and all its bases are in the workspace.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__path__", "__class__"}
_BASES = frozenset({"object", "ABC", "Protocol", "Generic"})
_DEPTH = 8

Class = tuple[ast.ClassDef, Path]


class Judge:
    """For one repository."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tree = cache(_parsed)

    def undefined(self, path: Path, source: str, first: int, last: int) -> set[str] | None:
        """Undefined names on the lines from `first` to `last`, from 1; None if it cannot be parsed.

        `source` is the text of the file `path`, which may differ from what is on disk.
        """
        try:
            tree = ast.parse(source)
            table = symtable.symtable(source, str(path), "exec")
        except (SyntaxError, ValueError):
            return None
        missing = _free(table) - _bound_anywhere(tree)
        if any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in ast.walk(tree)):
            missing = set()
        found: set[str] = set()
        for node, function, owner in _walk(tree, None, None):
            if not first <= getattr(node, "lineno", 0) <= last:
                continue
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found |= {node.id} & missing
            elif isinstance(node, ast.ImportFrom):
                found |= self._not_in_module(node, path)
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Load)
                and self._no_member(node, tree, path, function, owner)
            ):
                found.add(node.attr)
        return found

    def _not_in_module(self, node: ast.ImportFrom, path: Path) -> set[str]:
        file = self._module(node.module or "", node.level, path)
        names = self._names(file) if file is not None else None
        if file is None or names is None:
            return set()
        return {
            a.name
            for a in node.names
            if a.name != "*" and a.name not in names and not _submodule(file, a.name)
        }

    def _no_member(
        self,
        node: ast.Attribute,
        tree: ast.Module,
        path: Path,
        function: ast.AST | None,
        owner: ast.ClassDef | None,
    ) -> bool:
        """Whether an attribute of a name surely does not exist."""
        if not isinstance(node.value, ast.Name) or node.attr.startswith("__"):
            return False
        root = node.value.id
        if root in ("self", "cls") and owner is not None:
            members = self._members((owner, path), tree, 0)
            return members is not None and node.attr not in members
        file = self._imported_module(root, tree, path)
        if file is not None:
            names = self._names(file)
            return names is not None and node.attr not in names and not _submodule(file, node.attr)
        class_name = _type_in(function, root)
        found = self._class(class_name, tree, path, 0) if class_name else None
        if found is None:
            return False
        members = self._members(found, tree if found[1] == path else None, 0)
        return members is not None and node.attr not in members

    def _imported_module(self, name: str, tree: ast.Module, path: Path) -> Path | None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return self._module(alias.name, 0, path)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        package = self._module(node.module or "", node.level, path)
                        return _submodule(package, alias.name) if package else None
        return None

    def _module(self, dotted: str, level: int, path: Path) -> Path | None:
        """The file of a module of the repository."""
        inner = dotted.replace(".", "/")
        if level:
            folders = [path.parents[level - 1]]
        else:
            folders = [f for f in path.parents if f.is_relative_to(self._root)]
            folders += [f / "src" for f in folders]
        for folder in folders:
            for ending in (".py", "/__init__.py"):
                file = folder / (inner + ending) if inner else folder / "__init__.py"
                if file.is_file():
                    return file
        return None

    def _names(self, file: Path) -> set[str] | None:
        """What a module has; None if that cannot be told."""
        tree = self._tree(file)
        if tree is None:
            return None
        names = _bound_anywhere(tree)
        made = any(isinstance(n, ast.Name) and n.id == "globals" for n in ast.walk(tree))
        return None if made or names & {"__getattr__", "*"} else names

    def _class(self, name: str, tree: ast.Module, path: Path, depth: int) -> Class | None:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == name:
                return node, path
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and depth < _DEPTH:
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        file = self._module(node.module or "", node.level, path)
                        there = self._tree(file) if file is not None else None
                        if file is None or there is None:
                            return None
                        return self._class(alias.name, there, file, depth + 1)
        return None

    def _members(self, found: Class, tree: ast.Module | None, depth: int) -> set[str] | None:
        """Members of a class and its bases; None if they cannot all be known."""
        node, path = found
        tree = tree or self._tree(path)
        if tree is None or depth > _DEPTH or node.keywords:
            return None
        names: set[str] = set()
        for child in ast.walk(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(child.name)
            elif isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
                names.add(child.attr)
            elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                names.add(child.id)
        if names & {"__getattr__", "__getattribute__", "__slots__"}:
            return None
        for base in node.bases:
            plain = base.value if isinstance(base, ast.Subscript) else base
            if not isinstance(plain, ast.Name):
                return None
            if plain.id in _BASES:
                continue
            above = self._class(plain.id, tree, path, depth)
            inherited = self._members(above, None, depth + 1) if above is not None else None
            if inherited is None:
                return None
            names |= inherited
        return names


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_text("utf-8", "replace"))
    except (SyntaxError, ValueError, OSError):
        return None


def _submodule(package: Path | None, name: str) -> Path | None:
    """A module inside a package; also one whose source is made by a tool and is not there."""
    if package is None or package.name != "__init__.py":
        return None
    for file in (package.parent / f"{name}.py", package.parent / name / "__init__.py"):
        if file.is_file():
            return file
    return None


def _free(table: symtable.SymbolTable) -> set[str]:
    """Names that are read as globals, in all scopes, and are no builtins."""
    names = {
        s.get_name()
        for s in table.get_symbols()
        if s.is_referenced() and (s.is_global() or table.get_type() == "module")
    }
    for child in table.get_children():
        names |= _free(child)
    return names - _BUILTINS


def _bound_anywhere(tree: ast.Module) -> set[str]:
    """Names bound at the top of a module, or declared global in it."""
    names: set[str] = set()
    nodes: list[ast.AST] = list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            names |= {n for g in ast.walk(node) if isinstance(g, ast.Global) for n in g.names}
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        nodes += ast.iter_child_nodes(node)
    return names


def _walk(
    node: ast.AST, function: ast.AST | None, owner: ast.ClassDef | None
) -> Iterator[tuple[ast.AST, ast.AST | None, ast.ClassDef | None]]:
    """Every node with the outermost function and the class around it."""
    for child in ast.iter_child_nodes(node):
        yield child, function, owner
        if isinstance(child, ast.ClassDef):
            yield from _walk(child, None, child)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _walk(child, function or child, owner)
        else:
            yield from _walk(child, function, owner)


def _type_in(function: ast.AST | None, name: str) -> str:
    """The class of a variable of a function, where all that says something says the same."""
    types: set[str] = set()
    for node in ast.walk(function) if function is not None else ():
        kind: ast.AST | None = None
        if isinstance(node, ast.arg) and node.arg == name:
            kind = node.annotation
        elif isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in node.targets
        ):
            kind = node.value.func if isinstance(node.value, ast.Call) else None
        elif isinstance(node, ast.AnnAssign) and _is(node.target, name):
            kind = node.annotation
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
            continue
        else:
            continue
        types.add(kind.id if isinstance(kind, ast.Name) else "")
    only = types.pop() if len(types) == 1 else ""
    return only if only[:1].isupper() else ""


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
