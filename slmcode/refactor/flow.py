"""What running a piece of code may do, judged on the safe side. Pure; knows no rope."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from slmcode.refactor.names import Names, Scope, own_nodes
from slmcode.refactor.workspace import Source

_EFFECTS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
_OTHER_TIME = (
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
# Calls that see the names around them.
_SEES_NAMES = {"locals", "vars", "eval", "exec", "dir", "globals", "super", "_getframe"}
_FRESH = (
    ast.List,
    ast.Set,
    ast.Dict,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Lambda,
)
_STATE = (ast.Attribute, ast.Subscript, ast.Starred, ast.FormattedValue)


def has_effects(node: ast.AST) -> bool:
    """Whether evaluating it may change anything: it calls, waits, yields or binds."""
    return any(isinstance(child, _EFFECTS) for child in ast.walk(node))


def reads_state(node: ast.AST) -> bool:
    """Whether what it says may be changed by somebody else's call."""
    return any(isinstance(child, _STATE) for child in ast.walk(node))


def is_fresh(node: ast.AST) -> bool:
    """Whether each evaluation makes a new object that can be told from the last one."""
    return any(isinstance(child, _FRESH) for child in ast.walk(node))


def sees_names(node: ast.AST) -> str:
    """The call in it that sees the names around it; "" where there is none."""
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            name = last_name(child.func)
            if name in _SEES_NAMES:
                return name
    return ""


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`; "" for what has no name."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def names_in(node: ast.AST) -> set[str]:
    """All names that are spelt in it."""
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def statement_of(source: Source, node: ast.AST) -> ast.stmt:
    """The innermost statement around an expression."""
    while not isinstance(node, ast.stmt):
        node = source.parents[node]
    return node


def chain(source: Source, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """(inner, outer) from a node up to the module."""
    while node in source.parents:
        yield node, source.parents[node]
        node = source.parents[node]


def why_not_first(source: Source, node: ast.expr, statement: ast.stmt) -> str:
    """Why an expression cannot be evaluated right before its statement; "" where it can.

    It must be evaluated once and for certain, and nothing that runs before it may matter to it.
    """
    before: list[ast.AST] = []
    for inner, outer in chain(source, node):
        if isinstance(outer, _OTHER_TIME) and not _runs_at_once(inner, outer):
            return "it is evaluated at another time than its statement"
        why = _conditional(inner, outer)
        if why:
            return why
        before += evaluated_before(inner, outer)
        if outer is statement:
            break
    if any(has_effects(other) for other in before):
        local = all(_is_safe_local(source, child) for child in ast.walk(node))
        if has_effects(node) or reads_state(node) or not local:
            return "something that is called earlier in its statement would run after it"
    return ""


def _is_safe_local(source: Source, node: ast.AST) -> bool:
    """Whether no call can change what a node says."""
    if not isinstance(node, ast.Name):
        return True
    number, name = source.names.of(node)
    if number < 0:
        return True
    scope = source.names.scopes[number]
    if not scope.is_function:
        return False
    return not any(name in s.elsewhere for s in source.names.scopes)


def _runs_at_once(inner: ast.AST, outer: ast.AST) -> bool:
    """Whether a child is evaluated where what is around it stands."""
    if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
        return inner in outer.decorator_list or inner is outer.args
    return isinstance(outer, ast.ClassDef) and inner in (*outer.bases, *outer.decorator_list)


def _conditional(inner: ast.AST, outer: ast.AST) -> str:
    """Why a child may not be evaluated, or more than once; "" where it is, once."""
    perhaps = "it is not always evaluated"
    match outer:
        case ast.BoolOp(values=values):
            return "" if inner is values[0] else perhaps
        case ast.IfExp(test=test):
            return "" if inner is test else perhaps
        case ast.Compare(left=left, comparators=others):
            return "" if inner in (left, others[0]) else perhaps
        case ast.While():
            return "it is evaluated again and again"
        case ast.Assert(msg=message):
            return perhaps if inner is message else ""
        case ast.ExceptHandler() | ast.match_case():
            return perhaps
        case ast.withitem():
            return ""
        case ast.With(items=items) | ast.AsyncWith(items=items):
            return "" if inner is items[0] else perhaps
        case ast.For(target=target) | ast.AsyncFor(target=target):
            return "it is evaluated again and again" if inner is target else ""
        case ast.arg() | ast.AnnAssign() if inner is getattr(outer, "annotation", None):
            return "it is an annotation"
        case ast.FunctionDef(returns=returns) | ast.AsyncFunctionDef(returns=returns):
            return "it is an annotation" if inner is returns else ""
    return ""


def evaluated_before(inner: ast.AST, outer: ast.AST) -> Sequence[ast.AST]:
    """What of the parent is evaluated before a child. A value comes before its targets."""
    match outer:
        case ast.Assign(targets=targets, value=value):
            return [] if inner is value else [value, *targets[: _at(targets, inner)]]
        case ast.AnnAssign(target=target, value=value) if inner is target:
            return [value] if value is not None else []
        case ast.AugAssign(target=target):
            return [target] if inner is not target else []
        case ast.Dict(keys=keys, values=values):
            pairs = [x for pair in zip(keys, values, strict=True) for x in pair if x is not None]
            return pairs[: _at(pairs, inner)]
    children = list(ast.iter_child_nodes(outer))
    return children[: _at(children, inner)]


def _at(items: Iterable[ast.AST], item: ast.AST) -> int:
    return next(i for i, other in enumerate(items) if other is item)


def is_in_loop(source: Source, node: ast.AST, until: ast.AST) -> bool:
    """Whether a node is run again by a loop inside `until`."""
    for inner, outer in chain(source, node):
        if isinstance(outer, _LOOPS) and inner is not getattr(outer, "iter", None):
            return True
        if outer is until:
            return False
    return False


def bindings(node: ast.AST, names: Names, scope: Scope) -> set[str]:
    """Names of a scope that a statement binds."""
    inside = set(map(id, ast.walk(node)))
    return {
        use.name
        for use in names.uses
        if use.binds and id(use.node) in inside and names.binding(use) == (scope.number, use.name)
    }


def always_binds(body: Iterable[ast.stmt], name: str) -> bool:
    """Whether statements that run to their end have bound a name for certain."""
    return any(_binds(statement, name) for statement in body)


def _binds(node: ast.stmt, name: str) -> bool:
    match node:
        case ast.Assign(targets=targets):
            return any(_stores(target, name) for target in targets)
        case ast.AnnAssign(target=target, value=value):
            return value is not None and _stores(target, name)
        case ast.AugAssign(target=target):
            return _stores(target, name)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name == name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return any((a.asname or a.name.partition(".")[0]) == name for a in aliases)
        case ast.If(body=body, orelse=other):
            return _branch(body, name) and bool(other) and _branch(other, name)
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            if any(i.optional_vars is not None and _stores(i.optional_vars, name) for i in items):
                return True
            return always_binds(body, name)
        case ast.Try(body=body, handlers=handlers, orelse=other, finalbody=last):
            if always_binds(last, name):
                return True
            return always_binds([*body, *other], name) and all(
                _branch(h.body, name) for h in handlers
            )
    return False


def _branch(body: list[ast.stmt], name: str) -> bool:
    return always_binds(body, name) or leaves(body)


def leaves(body: list[ast.stmt]) -> bool:
    """Whether what stands behind these statements is never reached from them."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def _stores(target: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        for node in ast.walk(target)
    )


def is_bound_before(source: Source, first: ast.stmt, function: ast.AST, name: str) -> bool:
    """Whether a name of a function is bound for certain when a statement of it is reached."""
    arguments = getattr(function, "args", None)
    if arguments is not None and any(
        isinstance(a, ast.arg) and a.arg == name for a in ast.walk(arguments)
    ):
        return True
    for inner, outer in chain(source, first):
        body = next((b for b in bodies(outer) if inner in b), None)
        if body is not None:
            if always_binds(body[: body.index(inner)], name):  # type: ignore[arg-type]
                return True
            if isinstance(outer, ast.For | ast.AsyncFor) and body is outer.body:
                if _stores(outer.target, name):
                    return True
            elif isinstance(outer, ast.With | ast.AsyncWith):
                items = [i.optional_vars for i in outer.items if i.optional_vars is not None]
                if any(_stores(item, name) for item in items):
                    return True
            elif isinstance(outer, ast.ExceptHandler) and outer.name == name:
                return True
        if outer is function:
            return False
    return False


def bodies(node: ast.AST) -> list[list[ast.stmt]]:
    """The lists of statements that a node holds."""
    found = [getattr(node, field, None) for field in ("body", "orelse", "finalbody")]
    return [body for body in found if isinstance(body, list)]


def always_reads(body: list[ast.stmt], name: str) -> bool:
    """Whether a name is read for certain before anything else can happen to it."""
    for statement in body:
        parts: list[ast.AST] = [statement]
        if isinstance(statement, ast.If | ast.While):
            parts = [statement.test]
        elif isinstance(statement, ast.For):
            parts = [statement.iter]
        elif isinstance(statement, ast.With):
            parts = [statement.items[0].context_expr]
        elif isinstance(statement, ast.Try | ast.Match | ast.AsyncFor | ast.AsyncWith):
            return False
        for part in parts:
            conditional = any(
                isinstance(n, (ast.BoolOp, ast.IfExp, *_OTHER_TIME)) for n in own_nodes(part)
            )
            if not conditional and any(
                isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
                for n in own_nodes(part)
            ):
                return True
        if isinstance(statement, ast.If | ast.While | ast.For | ast.With):
            return False
        if bindings_of(statement, name):
            return False
    return False


def bindings_of(node: ast.AST, name: str) -> bool:
    """Whether a name is bound in it, in whatever way."""
    return any(
        (isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load))
        or getattr(n, "name", None) == name
        or (isinstance(n, ast.alias) and (n.asname or n.name) == name)
        for n in ast.walk(node)
    )
