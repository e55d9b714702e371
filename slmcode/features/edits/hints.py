"""Types put into a Python function's header by rules.

The model writes the header anew; of that only the types are taken, for parameters that have none,
by their names. That a function gives back nothing is seen without it. A type whose names mean
nothing here is left out; what stands in `typing` or `collections.abc` is imported. Default values,
order and everything else are those that stand there.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from slmcode.features.edits.contracts.base import State
from slmcode.features.edits.headers import Header, first_header, parameters_of
from slmcode.features.edits.importing import ABC, TYPING, import_edit
from slmcode.text import Edit, TextRange

_MOST = 200  # tokens of a header
# fmt: off
_BUILTIN = {"List": "list", "Dict": "dict", "Tuple": "tuple", "Set": "set",
            "FrozenSet": "frozenset", "Type": "type"}
# fmt: on
_MODULES = dict.fromkeys(TYPING, "typing") | dict.fromkeys(ABC, "collections.abc")


def find(before: State) -> Hints | None:
    """The header of the first function in the lines; None where it has none that can be typed."""
    header = first_header(before)
    if header is None or isinstance(header.node, ast.ClassDef):
        return None
    try:
        module = ast.parse(before.snapshot.text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return Hints(before, header, header.node, module)


class Hints:
    """A header with types."""

    most = _MOST

    def __init__(
        self,
        before: State,
        header: Header,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        module: ast.Module,
    ) -> None:
        self._before = before
        self._header = header
        self._node = node
        self._module = module
        kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        self.begun = f"{kind} {node.name}("
        self.draft = "\n".join(header.lines[node.lineno - 1 : node.body[0].lineno - 1])

    def is_closed(self, answer: str) -> bool:
        return _header_end(answer) >= 0

    def edits(self, answer: str) -> list[Edit]:
        end = _header_end(answer)
        try:
            (new,) = ast.parse(f"{self.begun}{answer[: max(end, 0)]}: pass").body
        except (SyntaxError, ValueError, RecursionError):
            return []
        if not isinstance(new, ast.FunctionDef | ast.AsyncFunctionDef):
            return []
        types = {a.arg: a.annotation for a in parameters_of(new.args)}
        edits: list[Edit] = []
        used: set[str] = set()
        for parameter in self._parameters_without_type():
            known = types.get(parameter.arg)
            text = self._type(known, used) if known is not None else ""
            if text:
                edits += self._typed(parameter, text)
        if self._node.returns is None:
            text = "None" if _gives_nothing(self._node) else ""
            if not text and new.returns is not None:
                text = self._type(new.returns, used)
            if text:
                at = self._behind_parameters()
                edits.append(Edit(TextRange(at, at), f" -> {text}"))
        return [*self._imports(used), *sorted(edits)]

    def _parameters_without_type(self) -> list[ast.arg]:
        found = [a for a in parameters_of(self._node.args) if a.annotation is None]
        return [a for a in found if a.arg not in ("self", "cls", "mcs")]

    def _typed(self, parameter: ast.arg, text: str) -> Iterator[Edit]:
        """The type behind a parameter's name; a default value gets blanks around its sign."""
        assert parameter.end_lineno is not None
        assert parameter.end_col_offset is not None
        end = self._header.offset(parameter.end_lineno, parameter.end_col_offset)
        sign = re.match(r"=(?!=)(?=\S)", self._before.snapshot.text[end:])
        if sign:
            yield Edit(TextRange(end, end + 1), f": {text} = ")
        else:
            yield Edit(TextRange(end, end), f": {text}")

    def _behind_parameters(self) -> int:
        """Behind the bracket that closes them."""
        text, node = self._before.snapshot.text, self._node
        at = text.index("(", self._header.offset(node.lineno, node.col_offset)) + 1
        return at + _closing(text[at:]) + 1

    def _type(self, node: ast.expr, used: set[str]) -> str:
        """As it is written here; "" where a name in it means nothing here."""
        written = ast.unparse(_Here(self).visit(node))
        try:
            names = {n.id for n in ast.walk(ast.parse(written)) if isinstance(n, ast.Name)}
        except SyntaxError:
            return ""
        here = self._names_above()
        unknown = {n for n in names if n not in here and not hasattr(builtins, n)}
        later = {n for n in unknown if n in self._classes()}
        missing = unknown - later
        if any(name not in _MODULES for name in missing):
            return ""
        if later and not self._is_lazy():
            if '"' in written:
                return ""
            written = f'"{written}"'
        used.update(missing)
        return written

    def _names_above(self) -> set[str]:
        """What the module's own level binds above the function."""
        line = self._before.snapshot.line_at(self._header.offset(self._node.lineno, 0)) + 1
        found: set[str] = set()
        for statement in self._module.body:
            if statement.lineno < line:
                found |= set(_bound(statement))
        return found

    def _classes(self) -> set[str]:
        """Classes of the module, wherever they stand."""
        return {n.name for n in self._module.body if isinstance(n, ast.ClassDef)}

    def _is_lazy(self) -> bool:
        """Whether annotations are never evaluated."""
        return any(
            isinstance(n, ast.ImportFrom)
            and n.module == "__future__"
            and any(a.name == "annotations" for a in n.names)
            for n in self._module.body
        )

    def _imports(self, used: set[str]) -> list[Edit]:
        """Lines that import what is used, in front of the module's first import or statement."""
        if not used:
            return []
        lines = []
        for module in sorted({_MODULES[name] for name in used}):
            names = ", ".join(sorted(n for n in used if _MODULES[n] == module))
            lines.append(f"from {module} import {names}")
        edit = import_edit(self._module, self._before.snapshot, lines)
        return [edit] if edit is not None else []


def _gives_nothing(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a call gives None, whatever happens: that needs no model.

    A body that only stands for others (`...`, `raise NotImplementedError`) says nothing.
    """
    if node.decorator_list and any("abstract" in ast.unparse(d) for d in node.decorator_list):
        return False
    body = [
        n for n in node.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))
    ]
    if not body or isinstance(body[-1], ast.Raise) or isinstance(body[0], ast.Pass):
        return False
    waiting: list[ast.AST] = [*body]
    while waiting:
        found = waiting.pop()
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(found, ast.Yield | ast.YieldFrom):
            return False
        if isinstance(found, ast.Return) and found.value is not None:
            return False
        waiting.extend(ast.iter_child_nodes(found))
    return True


class _Here(ast.NodeTransformer):
    """Names as this Python has them: `List` is `list` where `List` is not imported."""

    def __init__(self, hints: Hints) -> None:
        self._names = hints._names_above()

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in _BUILTIN and node.id not in self._names:
            return ast.Name(_BUILTIN[node.id])
        return node


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.alias):
                yield node.asname or node.name.partition(".")[0]


_TOKEN = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|#[^\n]*|[()\[\]{}:]")


def _closing(text: str) -> int:
    """Where the bracket closes that was opened in front of the text; -1 where it does not."""
    depth = 1
    for token in _TOKEN.finditer(text):
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth -= 1
            if depth == 0:
                return token.start()
    return -1


def _header_end(answer: str) -> int:
    """Where the colon stands that ends a header whose bracket was opened before; else -1."""
    close = _closing(answer)
    if close < 0:
        return -1
    depth = 0
    for token in _TOKEN.finditer(answer, close + 1):
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth -= 1
        elif token[0] == ":" and depth == 0:
            return token.start()
    return -1
