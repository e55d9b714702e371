"""A Python function and its module: where it stands, how it is imported, what it uses.

Reads folders to find the module's name, the project's own Python and its tests; runs nothing.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from slmcode.features.edits.outcome import Refused
from slmcode.text import Snapshot, TextRange
from slmcode.verify.which import which

MAX_LINES = 200  # of a function that is tested
_WHOLE = 30  # lines of a definition that is shown whole; of a longer one its header is
_HEADER = 6  # lines
_VALUE = 200  # characters of a constant that is shown
_ENVIRONMENTS = (".venv", "venv", "env")
_BLANK = " \t\r\n\f\v"

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


class Function(NamedTuple):
    """A function at the top level of a module or of one of its classes. Lines count from 1."""

    name: str
    node: AnyFunction
    owner: ast.ClassDef | None
    first_line: int  # of its decorators, where it has some
    last_line: int
    code: str  # dedented

    @property
    def qualified(self) -> str:
        return f"{self.owner.name}.{self.name}" if self.owner is not None else self.name

    @property
    def is_bound(self) -> bool:
        """Whether it is called on an object of its class."""
        kinds = {ast.unparse(d) for d in self.node.decorator_list}
        return self.owner is not None and not kinds & {"staticmethod", "classmethod"}

    @property
    def is_property(self) -> bool:
        """Whether it is read and not called."""
        return any("property" in ast.unparse(d) for d in self.node.decorator_list)

    @property
    def needs(self) -> list[str] | None:
        """The parameters without which its object cannot be made; None where that is not plain."""
        if self.owner is None:
            return []
        for node in self.owner.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                a = node.args
                required = [*a.posonlyargs, *a.args][1:]
                required = required[: len(required) - len(a.defaults)]
                names = [arg.arg for arg in required]
                pairs = zip(a.kwonlyargs, a.kw_defaults, strict=True)
                return names + [arg.arg for arg, default in pairs if default is None]
        return None if self.owner.bases or self.owner.decorator_list else []

    @property
    def called(self) -> str:
        """How a test calls it: "double(…)", "Shelf(books=…).total()"."""
        end = "" if self.is_property else "(…)" if self._has_parameters else "()"
        if self.owner is None or not self.is_bound:
            return self.qualified + end
        needs = self.needs
        made = "…" if needs is None else ", ".join(f"{name}=…" for name in needs)
        if self.name == "__init__":
            return f"{self.owner.name}({made})"
        return f"{self.owner.name}({made}).{self.name}{end}"

    @property
    def _has_parameters(self) -> bool:
        a = self.node.args
        n = len(a.posonlyargs) + len(a.args) - (self.owner is not None)
        return n > 0 or bool(a.kwonlyargs or a.vararg or a.kwarg)

    @property
    def imported(self) -> str:
        """What of its module a test imports."""
        return self.owner.name if self.owner is not None else self.name


class Located(NamedTuple):
    """How a file is imported: as `name`, with `root` in sys.path."""

    folder: Path  # the project
    file: Path
    root: Path
    name: str

    @property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"


class Interpreter(NamedTuple):
    """A Python that has what the project needs, if any has."""

    path: str
    env: Mapping[str, str]


def function_at(snapshot: Snapshot, text_range: TextRange) -> Function:
    """The function around an empty range, or around or in another one. Raises Refused."""
    try:
        tree = ast.parse(snapshot.text)
    except (SyntaxError, ValueError, RecursionError) as e:
        raise Refused(f"the file is no Python that this Python reads ({_said(e)})") from None
    start, end = text_range
    selected = snapshot.text[start:end]
    start += len(selected) - len(selected.lstrip(_BLANK)) if selected.strip(_BLANK) else 0
    first = snapshot.line_at(start) + 1
    last = snapshot.line_at(max(start, start + len(snapshot.text[start:end].rstrip(_BLANK)))) + 1
    found = [_function(snapshot.text, node, owner) for node, owner in _functions(tree.body, None)]
    for function in found:
        if function.first_line <= first and last <= function.last_line:
            break
    else:
        inside = [f for f in found if first <= f.node.lineno <= last and selected.strip(_BLANK)]
        if not inside:
            raise Refused("there is no function of a module or a class at the cursor")
        function = inside[0]
    n_lines = function.last_line - function.first_line + 1
    if n_lines > MAX_LINES:
        raise Refused(f"{function.name} has {n_lines:,} lines; at most {MAX_LINES} can be tested")
    return function


def _functions(
    body: list[ast.stmt], owner: ast.ClassDef | None
) -> list[tuple[AnyFunction, ast.ClassDef | None]]:
    found: list[tuple[AnyFunction, ast.ClassDef | None]] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((node, owner))
        elif isinstance(node, ast.ClassDef) and owner is None:
            found += _functions(node.body, node)
        elif isinstance(node, ast.If | ast.Try):
            found += _functions([*node.body, *node.orelse], owner)
    return found


def _function(text: str, node: AnyFunction, owner: ast.ClassDef | None) -> Function:
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    last = node.end_lineno or node.lineno
    lines = re.split(r"\r\n|\n|\r", text)[first - 1 : last]
    return Function(node.name, node, owner, first, last, textwrap.dedent("\n".join(lines)) + "\n")


def _said(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    message = getattr(error, "msg", None) or str(error) or type(error).__name__
    return f"line {line}: {message}" if line else message


def uses(text: str, function: Function) -> str:
    """Code of the same file that the function needs: its class, what it names, its imports.

    Definitions are whole where they are short. The most telling come first, for the end is cut off.
    """
    tree = ast.parse(text)
    lines = re.split(r"\r\n|\n|\r", text)
    named = {n.id for n in ast.walk(function.node) if isinstance(n, ast.Name)}
    named |= {n.attr for n in ast.walk(function.node) if isinstance(n, ast.Attribute)}
    classes, definitions, imports = [], [], []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {(a.asname or a.name).split(".")[0] for a in node.names}
            if names & named:
                imports.append(_source(lines, node))
        elif isinstance(node, ast.ClassDef):
            if function.owner is not None and node.lineno == function.owner.lineno:
                classes.append(_class(lines, node, function, named))
            elif node.name in named:
                definitions.append(_shown(lines, node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name in named and node.lineno != function.node.lineno:
                definitions.append(_shown(lines, node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if named & {t.id for t in targets if isinstance(t, ast.Name)}:
                definitions.append(_source(lines, node)[:_VALUE])
    return "\n".join(["\n".join(imports), *classes, *definitions]).strip("\n")


def _class(lines: list[str], owner: ast.ClassDef, function: Function, named: set[str]) -> str:
    """The header of a class, its fields, how it is made, and the methods the function names."""
    parts = [*lines[_first(owner) - 1 : owner.body[0].lineno - 1]] or [f"class {owner.name}:"]
    for node in owner.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            parts.append(_source(lines, node)[:_VALUE])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.lineno == function.node.lineno:
                continue
            if node.name in ("__init__", "__new__", "__post_init__"):
                parts.append(_shown(lines, node))
            elif node.name in named:
                parts.append(_header(lines, node))
    return "\n".join(parts)


def _shown(lines: list[str], node: ast.stmt) -> str:
    source = _source(lines, node)
    return source if source.count("\n") < _WHOLE else _header(lines, node)


def _header(lines: list[str], node: ast.stmt) -> str:
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if body else node.lineno
    return "\n".join(lines[node.lineno - 1 : max(node.lineno, min(last, node.lineno + _HEADER))])


def _source(lines: list[str], node: ast.stmt) -> str:
    return "\n".join(lines[_first(node) - 1 : node.end_lineno])


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def located(file: Path, folder: Path | None) -> Located:
    """How the file is imported. Without a project its own folder, or its package's, is it."""
    top = file.parent
    while (top / "__init__.py").exists() and top.parent != top:
        top = top.parent
    if folder is None or not file.is_relative_to(folder):
        folder = top
    root = top
    if not (file.parent / "__init__.py").exists():
        # A package may have no __init__.py: below `src` the folders are its name.
        above = [p for p in file.parents if p.is_relative_to(folder) and p.name == "src"]
        root = above[0] if above else top
    parts = list(file.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    if not all(part.isidentifier() for part in parts):
        raise Refused(f"{file.name} cannot be imported by its name")
    return Located(folder, file, root, ".".join(parts))


def interpreter(folder: Path, test_command: str) -> Interpreter:
    """The Python that the test command names, or of the project's environment, or the user's."""
    env: dict[str, str] = {}
    try:
        words = shlex.split(test_command)
    except ValueError:
        words = []
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    if words:
        program = Path(os.path.abspath(folder / words[0])) if "/" in words[0] else Path(words[0])
        if program.name.startswith("python"):
            return Interpreter(str(program), env)
        if program.parent != Path() and (program.parent / "python").exists():
            return Interpreter(str(program.parent / "python"), env)
    active = os.environ.get("VIRTUAL_ENV")
    places = [*(folder / name for name in _ENVIRONMENTS), *([Path(active)] if active else [])]
    for place in places:
        if (place / "bin" / "python").exists():
            return Interpreter(str(place / "bin" / "python"), env)
    return Interpreter(which("python3") or which("python") or sys.executable, env)


def file_for_tests(module: Located, function: Function) -> Path:
    """A new file for tests, next to those that are there already."""
    folder = _tests_folder(module)
    stem = "_".join(["test", module.name.split(".")[-1].strip("_"), function.name.strip("_")])
    path, n = folder / f"{stem}.py", 2
    while os.path.lexists(path):
        path, n = folder / f"{stem}_{n}.py", n + 1
    return path


def _tests_folder(module: Located) -> Path:
    for above in module.file.parents:
        if not above.is_relative_to(module.folder):
            break
        for name in ("tests", "test"):
            if (above / name).is_dir():
                return _mirrored(above / name, module.name.split(".")[:-1])
        if next(above.glob("test_*.py"), None) is not None:
            return above
    has_manifest = any((module.folder / m).exists() for m in ("pyproject.toml", "setup.py"))
    return module.folder / "tests" if has_manifest else module.file.parent


def _mirrored(folder: Path, packages: list[str]) -> Path:
    """The folder below that is named as the end of the package is: tests/utils for a.utils."""
    for n in range(len(packages)):
        inner = folder.joinpath(*packages[n:])
        if inner.is_dir():
            return inner
    return folder
