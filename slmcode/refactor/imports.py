"""Organise imports: rope sorts them and drops what is not used; nothing else may change."""

from __future__ import annotations

import ast
import re

from rope.refactor.importutils import ImportOrganizer

from slmcode.refactor.extract import check_comments, parsed
from slmcode.refactor.messages import CannotDo, Changed, Request
from slmcode.refactor.names import Names, same
from slmcode.refactor.workspace import Source, Workspace, changed

_Import = (ast.Import, ast.ImportFrom)


def organize(workspace: Workspace, request: Request) -> list[Changed]:
    """The file's imports, sorted, without those that nothing uses."""
    source = workspace.document(request.path)
    workspace.check(source, lines=True)
    _check(source)
    found = ImportOrganizer(workspace.project).organize_imports(workspace.resource(source))
    if found is None:
        return []
    (change,) = found.changes
    new = str(change.new_contents)
    after = parsed(source, new)
    _check_result(source, after)
    check_comments(source, new)
    return [changed(source, new)]


def _check(source: Source) -> None:
    if source.name in ("__init__.py", "conftest.py") or source.name.endswith(".pyi"):
        raise CannotDo(f"what {source.name} imports may be there for others")
    for node in ast.walk(source.tree):
        if isinstance(node, _Import):
            end = source.text.find("\n", source.range(node)[1])
            lines = source.text[source.range(node)[0] : end]
            if re.search(r"#\s*(?:noqa|type:|pylint|pyright|isort|fmt)", lines):
                raise CannotDo(f"line {node.lineno} has a comment for a tool")
            if any(alias.name == "*" for alias in node.names):
                raise CannotDo(f"line {node.lineno} imports everything from a module")


def _check_result(source: Source, after: ast.Module) -> None:
    """Raises CannotDo unless only unused imports went and the others are the same."""
    rest = [s for s in source.tree.body if not isinstance(s, _Import)]
    if not same(rest, [s for s in after.body if not isinstance(s, _Import)]):
        raise CannotDo("other lines than imports would change")
    before, now = _imported(source.tree), _imported(after)
    if any(now[name] != before.get(name) for name in now):
        raise CannotDo("a name would be imported from elsewhere")
    names = Names(after)
    strings = {
        word
        for node in ast.walk(after)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in re.findall(r"\w+", node.value)
    }
    used = {use.name for use in names.uses if names.binding(use)[0] < 0} | strings
    for name in before.keys() - now.keys():
        if name in used:
            raise CannotDo(f"`{name}` is still used, or named in a string")
        if name.startswith("_") or any(alias == name for _, alias in before[name]):
            raise CannotDo(f"`{name}` is imported for others")
    if _order(source.tree) != _order(after):
        raise CannotDo("imports would move across other code")


def _imported(tree: ast.Module) -> dict[str, set[tuple[str, str]]]:
    """What each name at the top is imported from; with `import x as x` said by its alias."""
    found: dict[str, set[tuple[str, str]]] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                found.setdefault(name, set()).add((alias.name, alias.asname or ""))
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                name = alias.asname or alias.name
                origin = f"{module}:{alias.name}"
                same_name = alias.asname if alias.asname == alias.name else ""
                found.setdefault(name, set()).add((origin, same_name or ""))
    return found


def _order(tree: ast.Module) -> bool:
    """Whether all imports stand before other code, a docstring aside."""
    rest = [isinstance(node, _Import) for node in tree.body]
    if tree.body and isinstance(tree.body[0], ast.Expr):
        rest = rest[1:]
    return sorted(rest, reverse=True) == rest
