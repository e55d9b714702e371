"""Put a variable's or a function's value where its name is used, where that is the same."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

from rope.refactor.inline import create_inline

from slmcode.refactor import flow
from slmcode.refactor.extract import check_comments
from slmcode.refactor.messages import CannotDo, Changed, Request
from slmcode.refactor.names import FunctionNode, Use, parameters, same
from slmcode.refactor.rename import word_at
from slmcode.refactor.workspace import Source, Workspace, changed

Replacement = Callable[[ast.AST], ast.expr | None]
_NOT_ALIKE = CannotDo("it could not be put in place so that it certainly does the same")


def inline(workspace: Workspace, request: Request) -> list[Changed]:
    """The name at an offset is replaced by what it stands for, and its definition goes."""
    source = workspace.document(request.path)
    workspace.check(source, lines=True)
    start, name = word_at(source, source.plain(request.start))
    use = use_at(source, start, name)
    binding = source.names.binding(use)
    uses = [u for u in source.names.uses if source.names.binding(u) == binding]
    if binding[0] < 0:
        raise CannotDo(f"`{name}` is not defined in this file")
    if any(u.kind == "string" for u in uses):
        raise CannotDo(f"a string names `{name}`")
    binders = [u for u in uses if u.binds]
    if len(binders) != 1:
        raise CannotDo(f"`{name}` is bound more than once")
    definition = binders[0].node
    if isinstance(definition, ast.FunctionDef):
        expected = _function(source, definition, uses)
        _only_here(workspace, source, name, binding[0])
        last = definition.body[-1]
        assert isinstance(last, ast.Return)
        assert last.value is not None
        return [_result(workspace, source, start, expected, name, last.value)]
    if isinstance(definition, ast.arg):
        raise CannotDo("a parameter has no single value")
    if not isinstance(definition, ast.Name):
        raise CannotDo("only variables and functions can be put in place")
    if not source.names.scopes[binding[0]].is_function:
        raise CannotDo("it is not local: other code may use it")
    value, statement = _value_of(source, definition)
    expected = _variable(source, definition, statement, value, uses)
    return [_result(workspace, source, start, expected, name, value)]


def use_at(source: Source, start: int, name: str) -> Use:
    """The use of a name that begins at an offset. Raises CannotDo."""
    for use in source.names.uses:
        if use.name != name:
            continue
        node = use.node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            word = "def" if isinstance(node, ast.FunctionDef) else "async def"
            here = source.range(node)[0]
            at = source.text.find(name, here + len(word))
        elif isinstance(node, ast.Name | ast.arg):
            at = source.range(node)[0]
        else:
            continue
        if at == start and source.text[at : at + len(name)] == name:
            return use
    raise CannotDo("there is no variable or function at the cursor")


def _value_of(source: Source, name: ast.Name) -> tuple[ast.expr, ast.stmt]:
    statement = source.parents[name]
    match statement:
        case ast.Assign(targets=[target], value=value) if target is name:
            return value, statement
        case ast.AnnAssign(target=target, value=value) if target is name and value is not None:
            return value, statement
    raise CannotDo("its value is not set by a plain assignment")


def _variable(
    source: Source, name: ast.Name, statement: ast.stmt, value: ast.expr, uses: list[Use]
) -> ast.Module:
    """The tree to be. Raises CannotDo where it would do something else."""
    scope = source.names.scopes[source.names.of(name)[0]]
    reads = [u for u in uses if not u.binds]
    if any(u.kind == "declared" or isinstance(u.node, ast.Global) for u in uses):
        raise CannotDo("it is declared global or nonlocal")
    if not reads:
        raise CannotDo("it is never used")
    seen = flow.sees_names(scope.node)
    if seen not in ("", "super") or flow.sees_names(value):
        raise CannotDo(f"`{seen or 'super'}` sees the names around it")
    if any(not isinstance(u.node, ast.Name) for u in reads):
        raise CannotDo("it is not only read")
    if any(isinstance(n, ast.NamedExpr | ast.Yield | ast.YieldFrom) for n in ast.walk(value)):
        raise CannotDo("its value binds a name or yields")
    _check_names(source, scope.node, statement, value, reads)
    plain = not (flow.has_effects(value) or flow.reads_state(value) or flow.is_fresh(value))
    if not plain:
        if len(reads) != 1:
            raise CannotDo("its value would be made more than once")
        _check_next(source, statement, reads[0].node)
    replaced = {id(u.node) for u in reads}
    return _rebuilt(source, statement, lambda node: value if id(node) in replaced else None)


def _check_names(
    source: Source, function: ast.AST, statement: ast.stmt, value: ast.expr, reads: list[Use]
) -> None:
    """Raises CannotDo where a name in the value says something else where it is used."""
    names = source.names
    start = source.range(statement)[0]
    body = next(
        (b for _, o in flow.chain(source, statement) for b in flow.bodies(o) if statement in b), []
    )
    after = body[body.index(statement) + 1 :]
    inside = {id(n) for s in after for n in ast.walk(s)}
    if any(id(u.node) not in inside for u in reads):
        raise CannotDo("it is used where it may not be set")
    for node in ast.walk(value):
        if not isinstance(node, ast.Name):
            continue
        binding = names.of(node)
        if binding[0] > 0 and names.scopes[binding[0]].kind == "comprehension":
            continue
        for use in reads:
            if names.resolve(node.id, use.scope) != binding:
                raise CannotDo(f"`{node.id}` means something else where it is used")
        others = [u for u in names.uses if u.binds and names.binding(u) == binding]
        local = binding[0] > 0 and names.scopes[binding[0]].node is function
        if binding[0] == 0 and len(others) > 1:
            raise CannotDo(f"`{node.id}` may change before it is used")
        if binding[0] > 0 and not local and len(others) > 1:
            raise CannotDo(f"`{node.id}` may change before it is used")
        for other in others if local else ():
            if isinstance(other.node, ast.arg):
                continue
            later = (
                not isinstance(other.node, ast.expr | ast.stmt)
                or source.range(other.node)[0] >= start
            )
            if later or flow.is_in_loop(source, statement, function):
                looped = not later and _is_loop_target(source, other.node, statement)
                if not looped:
                    raise CannotDo(f"`{node.id}` may change before it is used")
        nested = any(u.scope.node is not function for u in reads)
        if nested and local and flow.is_in_loop(source, statement, function):
            raise CannotDo(f"`{node.id}` may change before it is used")


def _is_loop_target(source: Source, node: ast.AST, statement: ast.stmt) -> bool:
    """Whether a name is bound by a loop around the statement, before each turn."""
    return any(
        isinstance(outer, ast.For) and inner in outer.body and _holds(outer.target, node)
        for inner, outer in flow.chain(source, statement)
    )


def _holds(node: ast.AST, wanted: ast.AST) -> bool:
    return any(child is wanted for child in ast.walk(node))


def _check_next(source: Source, statement: ast.stmt, use: ast.AST) -> None:
    """Raises CannotDo unless the use is the next thing that happens, once and for certain."""
    owner = source.parents[statement]
    body = next(b for b in [*flow.bodies(owner), *_cases(owner)] if statement in b)
    at = body.index(statement)
    using = next((s for s in body[at + 1 :] if _holds(s, use)), None)
    if using is None or body.index(using) != at + 1:
        raise CannotDo("something else happens before its value is used")
    assert isinstance(use, ast.Name)
    if flow.statement_of(source, use) is not using:
        raise CannotDo("its value may not be used, or more than once")
    why = flow.why_not_first(source, use, using)
    if why:
        raise CannotDo(f"of its use: {why}")
    for inner, outer in flow.chain(source, use):
        if any(flow.has_effects(n) for n in flow.evaluated_before(inner, outer)):
            raise CannotDo("something is called before its value is used")
        if outer is using:
            break


def _cases(node: ast.AST) -> list[list[ast.stmt]]:
    return [case.body for case in node.cases] if isinstance(node, ast.Match) else []


class _Rebuild(ast.NodeTransformer):
    def __init__(self, gone: ast.stmt, replacement: Replacement) -> None:
        self._gone = gone
        self._replacement = replacement

    def visit(self, node: ast.AST) -> object:
        """Called for every node."""
        if node is self._gone:
            return None
        new = self._replacement(node)
        if new is not None:
            return copy.deepcopy(new)
        return super().visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Children are replaced in a copy: the tree before stays as it is."""
        fields: dict[str, object] = {}
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                kept = [self.visit(v) if isinstance(v, ast.AST) else v for v in value]
                fields[field] = [
                    v for v, w in zip(kept, value, strict=True) if v is not None or w is None
                ]
            elif isinstance(value, ast.AST):
                fields[field] = self.visit(value)
            else:
                fields[field] = value
        return type(node)(**fields)


def _rebuilt(source: Source, gone: ast.stmt, replacement: Replacement) -> ast.Module:
    tree = _Rebuild(gone, replacement).visit(source.tree)
    assert isinstance(tree, ast.Module)
    return tree


def _function(source: Source, definition: FunctionNode, uses: list[Use]) -> ast.Module:
    """The tree with every call replaced by the function's one expression."""
    name = definition.name
    body = definition.body
    if isinstance(source.parents[definition], ast.ClassDef):
        raise CannotDo("a method may be overridden")
    if definition.decorator_list:
        raise CannotDo("it is decorated")
    match body:
        case [ast.Return(value=value)] if value is not None:
            pass
        case [ast.Expr(value=ast.Constant()), ast.Return(value=value)] if value is not None:
            pass
        case _:
            raise CannotDo("only a function of one return statement can be put in place for sure")
    lazy = (ast.Lambda, ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr, ast.GeneratorExp)
    if any(
        isinstance(n, (*lazy, ast.ListComp, ast.SetComp, ast.DictComp)) for n in ast.walk(value)
    ):
        raise CannotDo("its expression has scopes of its own, waits or yields")
    if flow.sees_names(value):
        raise CannotDo("it sees the names around it")
    arguments = definition.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        raise CannotDo("it takes more than plain parameters")
    calls: dict[int, ast.expr] = {}
    reads = [u for u in uses if not u.binds]
    if not reads:
        raise CannotDo("it is never called in this file")
    for use in reads:
        call = source.parents.get(use.node)
        if not isinstance(call, ast.Call) or call.func is not use.node:
            raise CannotDo(f"`{name}` is not only called")
        if any(_holds(call, other.node) for other in reads if other is not use):
            raise CannotDo(f"a call of `{name}` is inside another")
        calls[id(call)] = _substituted(source, definition, value, call, use)
    return _rebuilt(source, definition, lambda node: calls.get(id(node)))


def _substituted(
    source: Source, definition: FunctionNode, value: ast.expr, call: ast.Call, use: Use
) -> ast.expr:
    """The function's expression with the arguments of a call."""
    names = [a.arg for a in parameters(definition.args)]
    if len(call.args) > len(names) or any(isinstance(a, ast.Starred) for a in call.args):
        raise CannotDo("a call hands over more than plain arguments")
    given = dict(zip(names, call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in given or keyword.arg not in names:
            raise CannotDo("a call hands over more than plain arguments")
        given[keyword.arg] = keyword.value
    if set(given) != set(names):
        raise CannotDo("a call leaves an argument out")
    inner = source.names.scope_of[definition]
    for node in ast.walk(value):
        if isinstance(node, ast.Name):
            binding = source.names.of(node)
            if binding[0] == inner.number:
                continue
            if source.names.resolve(node.id, use.scope) != binding:
                raise CannotDo(f"`{node.id}` means something else where it is called")
    for name, argument in given.items():
        if not isinstance(argument, ast.Name | ast.Constant):
            reads = sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(value))
            plain = not (
                flow.has_effects(argument) or flow.reads_state(argument) or flow.is_fresh(argument)
            )
            if not plain or reads == 0:
                raise CannotDo("an argument would be evaluated at another time or not once")
    return _Arguments(given).visit(copy.deepcopy(value))  # type: ignore[no-any-return]


class _Arguments(ast.NodeTransformer):
    def __init__(self, given: dict[str, ast.expr]) -> None:
        self._given = given

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Called by name."""
        return copy.deepcopy(self._given[node.id]) if node.id in self._given else node


def _only_here(workspace: Workspace, source: Source, name: str, scope: int) -> None:
    if scope != 0:
        return
    for other in workspace.with_word(name):
        if other.path != source.path:
            where = workspace.relative(other.path)
            raise CannotDo(f"`{name}` may be used in {where}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and node.value == name:
            raise CannotDo(f"a string names `{name}`")


def _result(
    workspace: Workspace,
    source: Source,
    start: int,
    expected: ast.Module,
    name: str,
    value: ast.expr,
) -> Changed:
    """What rope makes of it, if that is what was expected."""
    for text in (source.text, _in_parentheses(source, value)):
        if text is None:
            break
        given, work, at = source, workspace, start
        if text != source.text:  # rope sets no parentheses of its own, but takes them along
            given = Source(source.path, text)
            work = workspace.with_source(given)
            at += sum(start >= border for border in source.range(value))
        found = create_inline(work.project, work.resource(given), at).get_changes()
        if len(found.changes) != 1:
            raise CannotDo(f"`{name}` is used in other files")
        new = str(found.changes[0].new_contents)
        try:
            alike = same(ast.parse(new), expected)
        except SyntaxError:
            alike = False
        if alike:
            check_comments(source, new)
            return changed(source, new)
    raise _NOT_ALIKE


def _in_parentheses(source: Source, value: ast.expr) -> str | None:
    """The text with the value in parentheses, which rope takes along; None: it needs none."""
    if isinstance(value, ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Subscript):
        return None
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.JoinedStr):
        return None
    start, end = source.range(value)
    before, after = source.text[:start].rstrip(), source.text[end:].lstrip()
    if before.endswith("(") and after.startswith(")"):
        return None
    if source.text[start:end].startswith("(") and isinstance(value, ast.Tuple | ast.GeneratorExp):
        return None
    text = source.text
    return text[:start] + "(" + text[start:end] + ")" + text[end:]
