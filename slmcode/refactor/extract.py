"""Extract a variable or a function: rope writes it, we prove that it says the same."""

from __future__ import annotations

import ast
import copy
import keyword
import re
from collections.abc import Sequence
from typing import Any

from rope.base.exceptions import RopeError
from rope.refactor.extract import ExtractMethod, ExtractVariable

from slmcode.refactor import flow
from slmcode.refactor.messages import CannotDo, Changed, Request
from slmcode.refactor.names import (
    FunctionNode,
    Names,
    Scope,
    own_nodes,
    parameters,
    same,
)
from slmcode.refactor.workspace import Source, Workspace, changed, comments

_LEAVES = (ast.Await, ast.Yield, ast.YieldFrom, ast.AsyncFor, ast.AsyncWith, ast.Global)


def check_new_name(name: str) -> None:
    """Raises CannotDo for what cannot be a name."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CannotDo(f"`{name}` is not a name")
    if name.startswith("__") or name in ("_", "match", "case", "type", "self", "cls"):
        raise CannotDo(f"`{name}` has a meaning of its own")


def check_unused(source: Source, name: str) -> None:
    """Raises CannotDo where a new name is in use anywhere in the file."""
    for node in ast.walk(source.tree):
        for field in ("id", "arg", "attr", "name", "asname", "rest"):
            if getattr(node, field, None) == name:
                raise CannotDo(f"`{name}` is already used in {source.name}")
        if isinstance(node, ast.Global | ast.Nonlocal) and name in node.names:
            raise CannotDo(f"`{name}` is already used in {source.name}")
    if re.search(rf"\b{re.escape(name)}\b", source.text):
        raise CannotDo(f"`{name}` is already used in {source.name}")


def selected(source: Source, request: Request) -> tuple[int, int]:
    """The selection without blanks at its ends, as rope sees the text. Raises CannotDo."""
    start, end = source.plain(request.start), source.plain(request.end)
    text = source.text[start:end]
    start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
    if start >= end:
        raise CannotDo("nothing is selected")
    return start, end


def expression(source: Source, start: int, end: int) -> ast.expr | None:
    """The expression that is exactly the selection; parentheses around it may be selected too."""
    while True:
        for node in ast.walk(source.tree):
            if (
                isinstance(node, ast.expr)
                and not isinstance(node, ast.Starred | ast.Slice)
                and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
                and source.range(node) == (start, end)
                and not _in_f_string(source, node)
            ):
                return node
        text = source.text[start:end]
        if not (text.startswith("(") and text.endswith(")")):
            return None
        inner = text[1:-1]
        start += 1 + len(inner) - len(inner.lstrip())
        end = start + len(inner.strip())


def _in_f_string(source: Source, node: ast.AST) -> bool:
    return any(isinstance(outer, ast.JoinedStr) for _, outer in flow.chain(source, node))


def variable(workspace: Workspace, request: Request) -> list[Changed]:
    """The selected expression gets a name, in a line before its statement."""
    source = workspace.document(request.path)
    workspace.check(source, lines=True)
    check_new_name(request.name)
    start, end = selected(source, request)
    node = expression(source, start, end)
    if node is None:
        raise CannotDo("the selection is no expression")
    check_unused(source, request.name)
    statement = flow.statement_of(source, node)
    _check_variable(source, node, statement)
    try:
        new = _rope(workspace, source, ExtractVariable, (start, end), request.name)
        new = with_tabs(source, new)
    except (AttributeError, IndexError, RopeError):  # rope cannot read every string of Python
        new = _with_variable(source, (start, end), statement, request.name)
    after = parsed(source, new)
    _check_variable_result(source, node, statement, request.name, after)
    check_comments(source, new)
    return [changed(source, new)]


def _with_variable(source: Source, span: tuple[int, int], statement: ast.stmt, name: str) -> str:
    """The text with the selection named in a line before its statement. Raises CannotDo."""
    text, (start, end) = source.text, span
    place = source.range(statement)[0]
    line = text.rfind("\n", 0, place) + 1
    indent = text[line:place]
    value = text[start:end]
    if indent.strip() or "\n" in value:
        raise CannotDo("the line with the new name would not stand right before its statement")
    return f"{text[:line]}{indent}{name} = {value}\n{text[line:start]}{name}{text[end:]}"


def _check_variable(source: Source, node: ast.expr, statement: ast.stmt) -> None:
    """Raises CannotDo where the expression must stay where it is."""
    owner = next(o for _, o in flow.chain(source, statement) if o in source.names.scope_of)
    if isinstance(owner, ast.ClassDef):
        raise CannotDo("in the body of a class it would become an attribute")
    if isinstance(statement, ast.Expr) and statement.value is node:
        raise CannotDo("the selection is a whole statement")
    if any(isinstance(n, ast.NamedExpr | ast.Yield | ast.YieldFrom) for n in own_nodes(node)):
        raise CannotDo("it binds a name or yields")
    if isinstance(statement, ast.With | ast.AsyncWith):
        names = flow.names_in(node)
        if any(flow.bindings_of(i, name) for i in statement.items for name in names):
            raise CannotDo("it uses a name that its statement binds")
    why = flow.why_not_first(source, node, statement)
    if why:
        raise CannotDo(why)


def _check_variable_result(
    source: Source, node: ast.expr, statement: ast.stmt, name: str, after: ast.Module
) -> None:
    """Raises CannotDo unless putting the expression back gives what was there."""
    place = _path(source, statement)
    *above, (field, index) = place
    here: ast.AST = after
    fault = CannotDo("the line with the new name would not stand right before its statement")
    for step, at in above:
        child: Any = getattr(here, step, [])
        if at is not None and at >= len(child):
            raise fault
        here = child[at] if at is not None else child
    body: Any = getattr(here, field, [])
    if index is None or index + 1 >= len(body):
        raise fault
    match body[index]:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            if not same(value, node):
                raise fault
        case _:
            raise fault
    count = sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(after))
    if count != 2:
        raise fault
    del body[index]
    body[index] = _Replace(name, node).visit(body[index])
    if not same(after, source.tree):
        raise fault


class _Replace(ast.NodeTransformer):
    """Puts expressions in place of names."""

    def __init__(self, name: str, by: ast.expr) -> None:
        self._name = name
        self._by = by

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Called by name."""
        if node.id == self._name and isinstance(node.ctx, ast.Load):
            return copy.deepcopy(self._by)
        return node


def _path(source: Source, node: ast.AST) -> list[tuple[str, int | None]]:
    """The way from the module to a node: fields and indexes."""
    steps: list[tuple[str, int | None]] = []
    for inner, outer in flow.chain(source, node):
        for field, value in ast.iter_fields(outer):
            if value is inner:
                steps.append((field, None))
            elif isinstance(value, list) and any(item is inner for item in value):
                at = next(i for i, item in enumerate(value) if item is inner)
                steps.append((field, at))
    return steps[::-1]


def parsed(source: Source, text: str) -> ast.Module:
    """The tree of a result. Raises CannotDo."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as e:
        raise CannotDo(f"{source.name} would not parse") from e


def check_comments(source: Source, text: str) -> None:
    """Raises CannotDo where a comment would be lost or moved into another place in their order."""
    if sorted(comments(text)) != sorted(source.comments()):
        raise CannotDo(f"a comment in {source.name} would be lost")


def with_tabs(source: Source, text: str) -> str:
    """rope indents with blanks, eight for a tab; a file of tabs gets tabs."""
    if not source.uses_tabs():
        return text
    known = set(source.text.split("\n"))

    def line(found: str) -> str:
        if found in known:
            return found
        blanks = len(found) - len(found.lstrip(" "))
        return "\t" * (blanks // 8) + " " * (blanks % 8) + found[blanks:]

    return "\n".join(line(found) for found in text.split("\n"))


def _rope(
    workspace: Workspace,
    source: Source,
    kind: type[ExtractVariable] | type[ExtractMethod],
    span: tuple[int, int],
    name: str,
) -> str:
    if source.uses_tabs():
        workspace.project.prefs.set("indent_size", 8)
    refactoring = kind(workspace.project, workspace.resource(source), *span)
    (change,) = refactoring.get_changes(name).changes
    return str(change.new_contents)


def function(workspace: Workspace, request: Request) -> list[Changed]:
    """The selected statements or expression become a function."""
    source = workspace.document(request.path)
    workspace.check(source, lines=True)
    check_new_name(request.name)
    start, end = selected(source, request)
    node = expression(source, start, end)
    region: list[ast.stmt] = []
    if node is not None and isinstance(source.parents[node], ast.Expr):
        region, node = [flow.statement_of(source, node)], None
    elif node is None:
        region = statements(source, start, end)
    check_unused(source, request.name)
    scope = _scope_of(source, node if node is not None else region[0])
    if scope.kind == "class":
        raise CannotDo("the body of a class cannot become a function")
    what: Sequence[ast.AST] = [node] if node is not None else region
    _check_region(source, what, scope)
    new = _rope(workspace, source, ExtractMethod, (start, end), request.name)
    new = with_tabs(source, new)
    check_comments(source, new)
    parsed(source, new)
    after = Source(source.path, new)
    _FunctionCheck(workspace, source, after, scope, request.name).run(node, region)
    return [changed(source, new)]


def statements(source: Source, start: int, end: int) -> list[ast.stmt]:
    """The statements that are exactly the selection. Raises CannotDo."""
    for node in ast.walk(source.tree):
        for body in [*flow.bodies(node), *_case_bodies(node)]:
            spans = [_whole(source, s) for s in body]
            starts, ends = [s for s, _ in spans], [e for _, e in spans]
            if start in starts and end in ends:
                found = body[starts.index(start) : ends.index(end) + 1]
                if found:
                    return found
    raise CannotDo("the selection cuts a statement; select whole statements or an expression")


def _case_bodies(node: ast.AST) -> list[list[ast.stmt]]:
    if isinstance(node, ast.Match):
        return [case.body for case in node.cases]
    return []


def _whole(source: Source, node: ast.stmt) -> tuple[int, int]:
    start, end = source.range(node)
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        start = source.range(decorators[0])[0] - 1
    return start, end


def _scope_of(source: Source, node: ast.AST) -> Scope:
    """The function, class or module whose code a node is."""
    for _, outer in flow.chain(source, node):
        scope = source.names.scope_of.get(outer)
        if scope is not None and scope.kind not in ("comprehension", "lambda"):
            return scope
    return source.names.module


def _check_region(source: Source, region: Sequence[ast.AST], scope: Scope) -> None:
    """Raises CannotDo for code that means something only where it stands."""
    last = region[-1]
    for part in region:
        for node in own_nodes(part):
            if isinstance(node, _LEAVES) or getattr(node, "is_async", False):
                raise CannotDo("it waits, yields or declares a name global")
            if isinstance(node, ast.Nonlocal | ast.NamedExpr | ast.Delete):
                raise CannotDo("it binds or deletes names in a way that cannot be moved")
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                raise CannotDo("it imports everything from a module")
            if isinstance(node, ast.Return) and node is not last:
                raise CannotDo("it returns from the middle of the selection")
            if isinstance(node, ast.Break | ast.Continue) and _leaves_by(source, node, region):
                raise CannotDo("it breaks out of a loop that is not selected")
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                raise CannotDo("it is an import from __future__")
        name = flow.sees_names(part)
        if name:
            raise CannotDo(f"`{name}` sees the names around it")
        if "__class__" in flow.names_in(part):
            raise CannotDo("`__class__` means something only in a method")
    if isinstance(region[0], ast.Expr) and isinstance(region[0].value, ast.Constant):
        body = getattr(source.parents[region[0]], "body", [])
        if isinstance(body, list) and body and body[0] is region[0]:
            raise CannotDo("it begins with a docstring")
    seen = flow.sees_names(scope.node) if scope.is_function else ""
    if seen and seen != "super":
        raise CannotDo(f"`{seen}` in the function sees its names")


def _leaves_by(source: Source, node: ast.AST, region: Sequence[ast.AST]) -> bool:
    """Whether a break or continue belongs to a loop outside."""
    for inner, outer in flow.chain(source, node):
        if inner in region:
            return True
        if isinstance(outer, ast.For | ast.AsyncFor | ast.While) and inner in outer.body:
            return False
    return True


class _FunctionCheck:
    """Proves that code taken into a function of its own does what it did."""

    def __init__(
        self, workspace: Workspace, before: Source, after: Source, scope: Scope, name: str
    ) -> None:
        self._workspace = workspace
        self._before = before
        self._after = after
        self._scope = scope  # of the selection, before
        self._name = name

    def run(self, node: ast.expr | None, region: list[ast.stmt]) -> None:
        """Raises CannotDo."""
        names = self._before.names
        definition = self._definition()
        call, call_statement = self._call()
        given = self._arguments(definition, call)
        body = list(definition.body)
        what: list[ast.AST] = [node] if node is not None else [*region]
        first = region[0] if region else flow.statement_of(self._before, what[0])
        returned: list[str] = []
        if node is not None:
            match body:
                case [ast.Return(value=value)] if value is not None and same(value, node):
                    pass
                case _:
                    raise _not_the_same()
            self._put_back_expression(definition, call, node)
        else:
            if len(body) == len(region) + 1:
                returned = _returned(body.pop())
            if not same(body, region):
                raise _not_the_same()
            self._put_back(definition, call, call_statement, returned, region)
        inside = {id(n) for part in what for n in ast.walk(part)}
        self._check_names(definition, given, what)
        written = {
            use.name
            for use in names.uses
            if use.binds and id(use.node) in inside and self._is_host(names.binding(use))
        }
        outer = next((s for s in self._scope.around() if s.kind != "comprehension"), self._scope)
        self._check_written(written, returned, given, region, inside, outer)
        for name in given:
            if not self._is_host_name(name, what):
                continue
            if flow.is_bound_before(self._before, first, outer.node, name):
                continue
            if region and flow.always_reads(region, name):
                continue
            if node is not None:
                continue
            raise CannotDo(f"`{name}` may not be set before the selection")

    def _is_host(self, binding: tuple[int, str]) -> bool:
        return binding[0] == self._scope.number

    def _is_host_name(self, name: str, what: list[ast.AST]) -> bool:
        return name in self._scope.bound

    def _definition(self) -> FunctionNode:
        found = [
            n
            for n in ast.walk(self._after.tree)
            if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == self._name
        ]
        if len(found) != 1 or isinstance(found[0], ast.AsyncFunctionDef):
            raise _not_the_same()
        return found[0]

    def _call(self) -> tuple[ast.Call, ast.stmt]:
        found = [
            n
            for n in ast.walk(self._after.tree)
            if isinstance(n, ast.Call) and flow.last_name(n.func) == self._name
        ]
        mentions = len(re.findall(rf"\b{self._name}\b", self._after.text))
        if len(found) != 1 or mentions != 2:
            raise _not_the_same()
        return found[0], flow.statement_of(self._after, found[0])

    def _arguments(self, definition: FunctionNode, call: ast.Call) -> list[str]:
        """Names that are handed over; a method is given its object too."""
        wanted = [a.arg for a in parameters(definition.args)]
        given = [a.id for a in call.args if isinstance(a, ast.Name)]
        if len(given) != len(call.args) or call.keywords or definition.args.defaults:
            raise _not_the_same()
        owner = self._after.parents[definition]
        decorators = [flow.last_name(d) for d in definition.decorator_list]
        if isinstance(owner, ast.ClassDef):
            receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
            if not isinstance(receiver, ast.Name) or decorators not in ([], ["classmethod"]):
                raise CannotDo("it cannot become a method here")
            self._check_method(receiver.id, wanted)
            given = [receiver.id, *given]
            for source in self._workspace.with_word(self._name):
                raise CannotDo(f"`{self._name}` is already used in {source.name}")
        elif not isinstance(call.func, ast.Name) or decorators:
            raise _not_the_same()
        elif re.search(r"\b__[a-z]\w*(?<!__)\b", ast.unparse(definition)):
            raise CannotDo("it uses a name that is private to its class")
        if given != wanted:
            raise _not_the_same()
        return given

    def _check_method(self, receiver: str, wanted: list[str]) -> None:
        host = self._scope.node
        if not isinstance(host, ast.FunctionDef | ast.AsyncFunctionDef) or not wanted:
            raise CannotDo("it cannot become a method here")
        own = [a.arg for a in parameters(host.args)]
        decorators = {flow.last_name(d) for d in host.decorator_list}
        if not own or own[0] != receiver or "staticmethod" in decorators:
            raise CannotDo("it cannot become a method here")
        if (
            sum(
                u.binds and u.name == receiver
                for u in self._before.names.uses
                if self._before.names.binding(u) == (self._scope.number, receiver)
            )
            != 1
        ):
            raise CannotDo(f"`{receiver}` is bound anew in the method")

    def _put_back(
        self,
        definition: FunctionNode,
        call: ast.Call,
        statement: ast.stmt,
        returned: list[str],
        region: list[ast.stmt],
    ) -> None:
        """The file with the selection put back and the function taken out is what it was."""
        match statement:
            case ast.Expr(value=value) if value is call and not returned:
                if isinstance(region[-1], ast.Return):
                    raise _not_the_same()
            case ast.Return(value=value) if value is call:
                if not isinstance(region[-1], ast.Return):
                    raise _not_the_same()
            case ast.Assign(targets=[target], value=value) if value is call:
                if _names_of(target) != returned or isinstance(region[-1], ast.Return):
                    raise _not_the_same()
            case _:
                raise _not_the_same()
        tree = self._after.tree
        for owner in ast.walk(tree):
            for body in [*flow.bodies(owner), *_case_bodies(owner)]:
                if statement in body:
                    at = body.index(statement)
                    body[at : at + 1] = region
                    break
        self._remove(definition)
        if not same(tree, self._before.tree):
            raise _not_the_same()

    def _put_back_expression(
        self, definition: FunctionNode, call: ast.Call, node: ast.expr
    ) -> None:
        tree = self._after.tree
        for owner in ast.walk(tree):
            for field, value in ast.iter_fields(owner):
                if value is call:
                    setattr(owner, field, node)
                elif isinstance(value, list) and call in value:
                    value[value.index(call)] = node
        self._remove(definition)
        if not same(tree, self._before.tree):
            raise _not_the_same()

    def _remove(self, definition: FunctionNode) -> None:
        owner = self._after.parents[definition]
        body = next(b for b in flow.bodies(owner) if definition in b)
        body.remove(definition)

    def _check_names(self, definition: FunctionNode, given: list[str], what: list[ast.AST]) -> None:
        """Every name in the function is the host's, handed over or its own, or it is as before."""
        before, after = self._before.names, Names(ast.parse(self._after.text))
        new = next(
            s
            for s in after.scopes
            if isinstance(s.node, ast.FunctionDef) and s.node.name == self._name
        )
        host_numbers = {
            s.number
            for s in before.scopes
            if s.kind in ("function", "lambda", "comprehension")
            and s in [*self._before_scopes(what)]
        }
        inside = {id(n) for part in what for n in ast.walk(part)}
        old = [u for u in before.uses if id(u.node) in inside and u.kind != "string"]
        own = {id(n) for statement in new.node.body for n in ast.walk(statement)}  # type: ignore[attr-defined]
        fresh = [u for u in after.uses if id(u.node) in own and u.kind != "string"]
        for a, b in zip(old, fresh, strict=False):
            if a.name != b.name:
                raise _not_the_same()
            number = before.binding(a)[0]
            there = after.binding(b)[0]
            if number in host_numbers:
                scope = before.scopes[number]
                kept = there != new.number and after.scopes[there].kind == scope.kind
                nested = kept and there > 0 and any(s is after.scopes[there] for s in new.around())
                if there != new.number and not nested:
                    raise CannotDo(f"`{a.name}` could not be handed over")
            elif number <= 0 and there != number:
                raise CannotDo(f"`{a.name}` would mean something else")

    def _before_scopes(self, what: list[ast.AST]) -> list[Scope]:
        """The scopes around the selection."""
        found = []
        for _, outer in flow.chain(self._before, what[0]):
            scope = self._before.names.scope_of.get(outer)
            if scope is not None:
                found.append(scope)
        return [s for s in found if s.kind not in ("module", "class")]

    def _check_written(
        self,
        written: set[str],
        returned: list[str],
        given: list[str],
        region: list[ast.stmt],
        inside: set[int],
        host: Scope,
    ) -> None:
        names = self._before.names
        if written and not region:
            raise CannotDo("it binds a name")
        if not region:
            return
        start, end = self._before.range(region[0])[0], self._before.range(region[-1])[1]
        in_loop = flow.is_in_loop(self._before, region[0], host.node)
        for name in sorted(written | set(returned)):
            outside = [
                u
                for u in names.uses
                if names.binding(u) == (host.number, name) and id(u.node) not in inside
            ]
            for use in outside:
                if use.scope is not host and use.scope.kind != "comprehension":
                    raise CannotDo(f"`{name}` is shared with a function inside")
                if isinstance(getattr(use.node, "ctx", None), ast.Del):
                    raise CannotDo(f"`{name}` is deleted")
            if name in host.elsewhere:
                raise CannotDo(f"`{name}` is declared {host.elsewhere[name]}")
            read_later = (
                host.kind == "module"
                or any(not u.binds and (in_loop or self._position(u.node) >= end) for u in outside)
                or any(isinstance(self._before.parents.get(u.node), ast.AugAssign) for u in outside)
            )
            if name in written and read_later and name not in returned:
                raise CannotDo(f"`{name}` is used behind the selection and could not be returned")
            if name in returned and name not in given:
                if not flow.always_binds(region, name):
                    raise CannotDo(f"`{name}` is set only in some cases")
                other = any(u.binds for u in outside)
                if other and any(isinstance(s, ast.With) for s in region):
                    raise CannotDo(f"`{name}` may keep its value in a with block")
            if self._is_tried(region[0], host) and name in written and read_later:
                raise CannotDo(f"`{name}` is set inside a try block and used behind it")
        self._check_captured(region, inside, start, host, in_loop)

    def _check_captured(
        self, region: list[ast.stmt], inside: set[int], start: int, host: Scope, in_loop: bool
    ) -> None:
        """Functions made in the selection keep the names they see, not their values."""
        names = self._before.names
        for use in names.uses:
            number, name = names.binding(use)
            if number != host.number or host.kind == "module" or id(use.node) not in inside:
                continue
            lazy = any(
                s.kind in ("function", "lambda")
                or (s.kind == "comprehension" and isinstance(s.node, ast.GeneratorExp))
                for s in use.scope.around()
                if id(s.node) in inside
            )
            if not lazy:
                continue
            for other in names.uses:
                if names.binding(other) != (number, name) or not other.binds:
                    continue
                if id(other.node) in inside:
                    continue
                if in_loop or self._position(other.node) >= start:
                    raise CannotDo(f"a function in the selection sees `{name}` change later")

    def _position(self, node: ast.AST) -> int:
        if not hasattr(node, "lineno") or isinstance(node, ast.arg):
            return 0
        for inner, outer in flow.chain(self._before, node):
            if isinstance(outer, ast.JoinedStr):
                node = outer
            if isinstance(inner, ast.stmt):
                break
        return self._before.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def _is_tried(self, first: ast.stmt, host: Scope) -> bool:
        for inner, outer in flow.chain(self._before, first):
            tried = isinstance(outer, ast.Try) or type(outer).__name__ == "TryStar"
            if tried and inner in outer.body:  # type: ignore[attr-defined]
                return True
            if outer is host.node:
                break
        return False


def _returned(node: ast.stmt) -> list[str]:
    """The names that the last line of a function hands back."""
    if isinstance(node, ast.Return) and node.value is not None:
        return _names_of(node.value)
    raise _not_the_same()


def _names_of(node: ast.expr) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    if not all(isinstance(part, ast.Name) for part in parts):
        raise _not_the_same()
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _not_the_same() -> CannotDo:
    return CannotDo("it could not be taken out so that it certainly does the same")
