"""Move a function, class or variable of a module to another module."""

from __future__ import annotations

import ast
import itertools
import os

from rope.refactor.move import MoveGlobal

from slmcode.refactor import flow
from slmcode.refactor.extract import parsed
from slmcode.refactor.inline import use_at
from slmcode.refactor.messages import CannotDo, Changed, Request
from slmcode.refactor.names import Names, same
from slmcode.refactor.rename import word_at
from slmcode.refactor.workspace import Source, Workspace, changed

_PLACE = {"__file__", "__name__", "__package__", "__path__", "__spec__"}


def move(workspace: Workspace, request: Request) -> list[Changed]:
    """The definition at an offset goes to the module `argument`, a path in the folder."""
    source = workspace.document(request.path)
    workspace.check(source, lines=True)
    start, name = word_at(source, source.plain(request.start))
    definition = _definition(source, start, name)
    target = _target(workspace, source, request.argument)
    _check(source, target, definition, name)
    files = workspace.with_word(name)
    for other in files:
        if other.names.has_star_import:
            raise CannotDo(f"{workspace.relative(other.path)} imports everything from a module")
    wanted = {f.path: f for f in (*files, source, target)}
    resources = [workspace.resource(f) for f in wanted.values()]
    refactoring = MoveGlobal(workspace.project, workspace.resource(source), start)
    found = refactoring.get_changes(workspace.resource(target), resources=resources)
    texts = {}
    for change in found.changes:
        file = workspace.of_resource(change.resource)
        if file is None:
            raise CannotDo("a file outside of the workspace would change")
        texts[file.path] = str(change.new_contents)
    for path, text in texts.items():
        workspace.check(wanted[path], lines=True)
        _check_result(wanted[path], parsed(wanted[path], text), name, definition)
    _check_cycle(source, target, texts)
    for file in wanted.values():
        _check_left(workspace, file, texts.get(file.path, file.text), source, name)
    before = sorted(c for p in texts for c in wanted[p].comments())
    after = sorted(c for p in texts for c in Source(p, texts[p]).comments())
    if before != after:
        raise CannotDo("a comment would be lost")
    texts[target.path] = _with_blank_lines(Source(target.path, texts[target.path]), name)
    return [changed(wanted[path], text) for path, text in texts.items()]


def _with_blank_lines(target: Source, name: str) -> str:
    """Two blank lines between the definition and what follows it."""
    body = target.tree.body
    for node, following in itertools.pairwise(body):
        if getattr(node, "name", None) == name and node.end_lineno is not None:
            end = target.range(node)[1]
            between = target.text[end : target.range(following)[0]]
            if not between.strip():
                return target.text[:end] + "\n\n\n" + target.text[end + len(between) :]
    return target.text


def _definition(source: Source, start: int, name: str) -> ast.stmt:
    for node in source.tree.body:
        is_it = isinstance(node, ast.ClassDef) and node.name == name
        if is_it and source.text.find(name, source.range(node)[0] + 5) == start:
            return node
    use = use_at(source, start, name)
    statement = use.node if isinstance(use.node, ast.stmt) else flow.statement_of(source, use.node)
    if not use.binds or source.parents[statement] is not source.tree:
        raise CannotDo("only functions, classes and variables of a module can be moved")
    return statement


def _target(workspace: Workspace, source: Source, argument: str) -> Source:
    path = os.path.realpath(os.path.join(workspace.folder, argument))
    target = workspace.source(path) if argument.endswith(".py") else None
    if target is None or path not in workspace.paths:
        raise CannotDo("there is no Python file of that name to move to")
    if path == source.path:
        raise CannotDo("it stands there already")
    workspace.check(target, lines=True)
    return target


def _check(source: Source, target: Source, definition: ast.stmt, name: str) -> None:
    names = source.names
    uses = [u for u in names.uses if names.binding(u) == (0, name)]
    if sum(u.binds for u in uses) != 1:
        raise CannotDo(f"`{name}` is bound more than once")
    if any(u.kind in ("declared", "string") for u in uses):
        raise CannotDo(f"`{name}` is declared global or named in a string")
    if any(u.name == name for u in target.names.uses):
        raise CannotDo(f"`{name}` is already used in {target.name}")
    if flow.names_in(definition) & _PLACE or flow.sees_names(definition) not in ("", "super"):
        raise CannotDo("it asks for its own module")
    if any(isinstance(n, ast.Global) for n in ast.walk(definition)):
        raise CannotDo("it changes names of its module")
    for use in names.uses:
        inside = any(use.node is n for n in ast.walk(definition))
        if inside and use.kind == "string" and names.binding(use)[0] == 0:
            raise CannotDo("a string in it names something of its module")
    if isinstance(definition, ast.Assign | ast.AnnAssign):
        value = definition.value
        if value is None or flow.has_effects(value) or flow.names_in(value):
            raise CannotDo("its value is not a constant")
    for file in (source, target):
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Constant) and node.value == name:
                raise CannotDo(f"a string in {file.name} names it")


def _check_result(source: Source, after: ast.Module, name: str, definition: ast.stmt) -> None:
    """Raises CannotDo where a name of a file is no longer bound, or code changed."""
    before, now = source.names, Names(after)
    unbound = {u.name for u in before.uses if before.binding(u)[0] < 0}
    for use in now.uses:
        if now.binding(use)[0] < 0 and use.name not in unbound:
            raise CannotDo(f"`{use.name}` would not be defined in {source.name}")
    moved = [n for n in after.body if getattr(n, "name", None) == name or _binds(n, name)]
    imports = (ast.Import, ast.ImportFrom)
    if any(not isinstance(n, imports) and not same(n, definition) for n in moved):
        raise CannotDo("it would not be the same in its new module")


def _binds(node: ast.stmt, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(t, ast.Name) and t.id == name for t in targets)


def _check_cycle(source: Source, target: Source, texts: dict[str, str]) -> None:
    """Raises CannotDo where two modules would import each other that did not."""
    there = _imports(texts.get(source.path, source.text), target)
    back = _imports(texts.get(target.path, target.text), source)
    did = _imports(source.text, target) and _imports(target.text, source)
    if there and back and not did:
        raise CannotDo(f"{source.name} and {target.name} would import each other")


def _imports(text: str, file: Source) -> bool:
    """Whether a text imports a module of that file's name, at whatever depth."""
    stem = file.name.rpartition(".")[0]
    if stem == "__init__":
        stem = os.path.basename(os.path.dirname(file.path))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            if any(stem in alias.name.split(".") for alias in node.names):
                return True
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if stem in names:
                return True
    return False


def _check_left(workspace: Workspace, file: Source, text: str, source: Source, name: str) -> None:
    """Raises CannotDo where a file still takes the name from its old module."""
    stem = source.name.rpartition(".")[0]
    if stem == "__init__":
        stem = os.path.basename(os.path.dirname(source.path))
    where = workspace.relative(file.path)
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module=module, names=aliases):
                ours = (module or "").split(".")[-1] in (stem, "")
                if ours and any(a.name == name for a in aliases) and file.path != source.path:
                    raise CannotDo(f"{where} would still import it from {source.name}")
            case ast.Attribute(attr=attr, value=value) if attr == name:
                if flow.last_name(value) == stem:
                    raise CannotDo(f"{where} would still look for it in {source.name}")
            case ast.Constant(value=value) if value in (name, f"{stem}.{name}"):
                raise CannotDo(f"a string in {where} names it")
