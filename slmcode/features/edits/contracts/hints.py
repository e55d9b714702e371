"""Whether a type hint can be one: its names are bound in time, and evaluating it would not fail.

A hint that is evaluated when a function is defined can break the import of a module: by a name that
is not bound yet, by `"Node" | None`, by `int[str]`. So hints are evaluated here, with the
real types of `builtins`, `typing` and `collections.abc` and with stand-ins for all others. No code
of the project is run. What a hint says is compared with what is certain: defaults and returns that
are literals. Pure, any thread.
"""

from __future__ import annotations

import ast
import builtins
import collections.abc
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from slmcode.features.edits.contracts.python import (
    DEFINITIONS,
    FUNCTIONS,
    Fault,
    Function,
    own,
    parameters,
    parsed,
)

# Modules whose real contents are looked at, and from which hints may be imported.
MODULES: dict[str, Any] = {
    "typing": typing,
    "collections.abc": collections.abc,
    "collections": collections,
    "types": types,
}
_NEEDS_ARGUMENTS = (typing.Optional, typing.Union, typing.Literal, typing.Annotated)
_ANY_VALUE = {"Any", "object"}
_NOTHING = {"NoReturn", "Never"}
_GENERATORS = {
    *("Generator", "Iterator", "Iterable", "AsyncGenerator", "AsyncIterator", "AsyncIterable"),
    *_ANY_VALUE,
}
# Literals of which type a hint by this name allows.
_LITERALS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "complex": (int, float, complex),
    "str": (str,),
    "bytes": (bytes,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "set": (set,),
    "tuple": (tuple,),
    "frozenset": (),
    "bytearray": (),
}
_ALIASES = {
    "List": "list",
    "Dict": "dict",
    "Set": "set",
    "Tuple": "tuple",
    "FrozenSet": "frozenset",
}
# What to write for names that are at times used without being imported.
_INSTEAD = {
    **{old: f": write {new}" for old, new in _ALIASES.items() if old != "FrozenSet"},
    **{"Optional": ": write X | None", "Union": ": write X | Y", "Type": ": write type"},
    **dict.fromkeys(("Any", "any"), ": write object, or leave the hint out"),
}
_DISPLAYS = {
    **{ast.List: list, ast.ListComp: list, ast.Dict: dict, ast.DictComp: dict},
    **{ast.Set: set, ast.SetComp: set, ast.Tuple: tuple, ast.JoinedStr: str},
}


class Binding(NamedTuple):
    """One place that binds a name in a file."""

    kind: str  # "class" | "function" | "module" | "import" | "literal" | "value"
    line: int
    node: ast.AST
    static: bool  # for type checkers only


class File(NamedTuple):
    """What hints in a file can name.

    `lazy`: hints are not evaluated. `minimum`: the oldest Python of the project, (3, 0) unknown.
    """

    bound: dict[str, list[Binding]]
    lazy: bool
    minimum: tuple[int, int]


class Hint(NamedTuple):
    """A place for a hint, and the hint there.

    `kind` is "parameter", "result", "variable" (an assignment) or "declaration" (one without a
    value). `scopes` are the classes and functions around it, outermost first; for parameters and
    results those around the function, which is `node`.
    """

    kind: str
    name: str
    annotation: ast.expr | None
    node: ast.AST
    scopes: tuple[ast.AST, ...]
    line: int


def file(top: Sequence[ast.stmt], minimum: tuple[int, int]) -> File:
    """What hints can name, by all statements of a file."""
    lazy = any(
        isinstance(s, ast.ImportFrom)
        and s.module == "__future__"
        and any(a.name == "annotations" for a in s.names)
        for s in top
    )
    bound: dict[str, list[Binding]] = {}
    for name, binding in _bindings(top, False):
        bound.setdefault(name, []).append(binding)
    return File(bound, lazy, minimum)


def places(tree: ast.Module) -> list[Hint]:
    """All places for hints, in the order of the source."""
    found: list[Hint] = []
    stack: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(tree, ())]
    while stack:
        node, scopes = stack.pop()
        if isinstance(node, FUNCTIONS):
            for arg in parameters(node):
                found.append(Hint("parameter", arg.arg, arg.annotation, node, scopes, node.lineno))
            found.append(Hint("result", node.name, node.returns, node, scopes, node.lineno))
        elif isinstance(node, ast.AnnAssign):
            kind = "declaration" if node.value is None else "variable"
            name = ast.unparse(node.target)
            found.append(Hint(kind, name, node.annotation, node, scopes, node.lineno))
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            name = ast.unparse(node.targets[0])
            found.append(Hint("variable", name, None, node, scopes, node.lineno))
        inner = (*scopes, node) if isinstance(node, (*DEFINITIONS, ast.Lambda)) else scopes
        for child in [*ast.iter_child_nodes(node)][::-1]:
            if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
                stack.append((child, inner))
    return found


def check(file: File, hint: Hint) -> None:
    """Raises Fault for a hint that cannot be one, or is untrue for certain."""
    assert hint.annotation is not None
    local = hint.kind in ("variable", "declaration") and bool(
        hint.scopes and isinstance(hint.scopes[-1], FUNCTIONS)
    )
    reader = _Reader(file, hint, lazy=file.lazy or local)
    value = reader.value(hint.annotation)
    written = ast.unparse(hint.annotation)
    if isinstance(value, list | tuple | bool | int | float | bytes) or value is ...:
        raise Fault(f"the hint {written} of {hint.name} is not a type")
    if any(value is form for form in _NEEDS_ARGUMENTS):
        raise Fault(f"the hint {written} of {hint.name} says not of what")
    _is_true(hint, written)


class _Reader:
    """Evaluates the expressions that a hint may be."""

    def __init__(self, file: File, hint: Hint, lazy: bool) -> None:
        self._file = file
        self._hint = hint
        self._lazy = lazy

    def value(self, node: ast.expr) -> Any:
        """What the expression is, with stand-ins. Raises Fault."""
        match node:
            case ast.Name():
                return self._name(node.id)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Constant(value=str(text)):
                return self._quoted(text)
            case ast.Constant(value=value):
                return value
            case ast.Subscript():
                return self._subscript(node)
            case ast.BinOp(op=ast.BitOr()):
                if not self._lazy and (3, 0) < self._file.minimum < (3, 10):
                    raise Fault(self._too_new("X | Y", "Optional or Union"))
                left, right = self.value(node.left), self.value(node.right)
                return self._evaluated(node, lambda: left | right)
            case ast.List() | ast.Tuple():
                found = [self.value(e) for e in node.elts]
                return found if isinstance(node, ast.List) else tuple(found)
            case ast.Starred():
                self.value(node.value)
                return Any
        raise Fault(f"the hint {ast.unparse(self._hint.annotation or node)} is not a type")

    def _too_new(self, what: str, instead: str) -> str:
        minor = self._file.minimum[1]
        return f"Python 3.{minor}, which the project supports, has no {what}: use {instead}"

    def _evaluated(self, node: ast.expr, evaluate: Any) -> Any:
        try:
            return evaluate()
        except Exception as e:  # whatever typing says
            raise Fault(f"the hint {ast.unparse(node)} fails: {e}") from None

    def _quoted(self, text: str) -> Any:
        try:
            inner = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            raise Fault(f'the hint "{text}" is not a type') from None
        value = _Reader(self._file, self._hint, lazy=True).value(inner)
        return value if self._lazy else text

    def _subscript(self, node: ast.Subscript) -> Any:
        base = self.value(node.value)
        if isinstance(node.slice, ast.Slice):
            raise Fault(f"the hint {ast.unparse(node)} is not a type: write a comma for the colon")
        if base is typing.Literal:
            return self._evaluated(node, lambda: typing.Literal[ast.literal_eval(node.slice)])
        if base is typing.Annotated:
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            return self.value(first)
        if (
            isinstance(base, type)
            and base.__module__ == "builtins"
            and not self._lazy
            and (3, 0) < self._file.minimum < (3, 9)
        ):
            name = base.__name__
            raise Fault(self._too_new(f"{name}[…]", f"typing.{name.capitalize()}"))
        argument = self.value(node.slice)
        takes = argument[0] if isinstance(argument, tuple) and argument else argument
        callables = (typing.Callable, collections.abc.Callable)
        if base in callables and isinstance(takes, type) and takes.__module__ == "builtins":
            raise Fault(f"the hint {ast.unparse(node)} must be Callable[[…], …]")
        if base in callables and getattr(takes, "__module__", "") == __name__:
            return typing.Callable  # a stand-in for what may be a ParamSpec
        return self._evaluated(node, lambda: base[argument])

    def _attribute(self, node: ast.Attribute) -> Any:
        dotted = ast.unparse(node)
        first, _, rest = dotted.partition(".")
        if not rest.replace(".", "").isidentifier() and not rest.replace(".", "a").isidentifier():
            raise Fault(f"the hint {dotted} is not a type")
        binding = self._resolved(first)
        if binding is not None and binding.kind == "module":
            module, _, name = dotted.rpartition(".")
            real = MODULES.get(_module(binding, first) + module[len(first) :])
            if real is not None and not hasattr(real, name):
                raise Fault(f"{module} has no {name}")
            if real is not None:
                return getattr(real, name)
        return _stand_in(dotted, True)

    def _name(self, name: str) -> Any:
        binding = self._resolved(name)
        if binding is None:
            value = getattr(builtins, name)
            if value is not None and not isinstance(value, type):
                raise Fault(f"{name} is a function, not a type{_INSTEAD.get(name, '')}")
            return value
        if binding.kind in ("function", "module", "literal"):
            kind = "value" if binding.kind == "literal" else binding.kind
            raise Fault(f"{name} is a {kind}, not a type")
        if isinstance(binding.node, ast.ImportFrom):
            real = MODULES.get(binding.node.module or "")
            there = next((a.name for a in binding.node.names if name in (a.asname, a.name)), name)
            if real is not None and hasattr(real, there):
                return getattr(real, there)
        generic = True
        if isinstance(binding.node, ast.ClassDef):
            names = [n.name for n in binding.node.body if isinstance(n, FUNCTIONS)]
            generic = bool(
                binding.node.bases
                or binding.node.keywords
                or binding.node.decorator_list
                or "__class_getitem__" in names
            )
        return _stand_in(name, generic)

    def _resolved(self, name: str) -> Binding | None:
        """What binds a name where the hint is evaluated; None for a builtin. Raises Fault."""
        hint, file = self._hint, self._file
        for scope in reversed(hint.scopes):
            if isinstance(scope, ast.ClassDef):
                if scope is not hint.scopes[-1]:
                    continue
                for found, binding in _bindings(scope.body, False):
                    if found == name and (self._lazy or binding.line < hint.line):
                        return binding
            elif name in _locals(scope):
                return Binding("value", 0, scope, False)
        at_import = not any(isinstance(s, (*FUNCTIONS, ast.Lambda)) for s in hint.scopes)
        bindings = file.bound.get(name, [])
        if not bindings:
            if hasattr(builtins, name):
                return None
            instead = _INSTEAD.get(name, "")
            raise Fault(f"the hint names {name}, which is not defined{instead}")
        usable = [b for b in bindings if self._lazy or not b.static]
        if not usable:
            raise Fault(f'{name} is there for type checkers only: write "{name}"')
        if self._lazy or not at_import:
            return usable[-1]
        line = min([hint.line, *(getattr(s, "lineno", hint.line) for s in hint.scopes)])
        bound = [b for b in usable if b.line < line and b.node not in hint.scopes]
        if not bound:
            if hasattr(builtins, name):
                return None
            raise Fault(f'{name} is not defined yet where the hint stands: write "{name}"')
        return bound[-1]


def _module(binding: Binding, name: str) -> str:
    """The module that `name` stands for."""
    if isinstance(binding.node, ast.Import):
        for alias in binding.node.names:
            if alias.asname == name:
                return alias.name
    return name


def _stand_in(name: str, generic: bool) -> type:
    def item(cls: type, _: object) -> type:
        return cls

    return type(name, (), {"__class_getitem__": classmethod(item)} if generic else {})


def _locals(scope: ast.AST) -> set[str]:
    """The names that a function binds itself."""
    found: set[str] = set()
    if isinstance(scope, ast.Lambda):
        return {a.arg for a in scope.args.args}
    if not isinstance(scope, FUNCTIONS):
        return found
    found |= {a.arg for a in parameters(scope)}
    for node in own(scope):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, DEFINITIONS):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).partition(".")[0] for a in node.names}
    return found


def _bindings(body: Sequence[ast.stmt], static: bool) -> Iterator[tuple[str, Binding]]:
    """What the statements of a module or class bind, in order; functions in them left out."""
    for node in body:
        line = node.lineno
        if isinstance(node, ast.ClassDef):
            yield node.name, Binding("class", node.end_lineno or line, node, static)
        elif isinstance(node, FUNCTIONS):
            yield node.name, Binding("function", line, node, static)
            for inner in own(node):
                if isinstance(inner, ast.Global):
                    for name in inner.names:
                        yield name, Binding("value", line, inner, static)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                yield name, Binding("module", line, node, static)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, Binding("import", line, node, static)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            literal = _literal(node.value) not in (None, str)
            kind = "literal" if literal and not isinstance(node, ast.AugAssign) else "value"
            for target in targets:
                for name in _targets(target):
                    yield name, Binding(kind, line, node, static)
        else:
            for expression in ast.walk(node):
                if isinstance(expression, ast.Name) and isinstance(expression.ctx, ast.Store):
                    yield expression.id, Binding("value", line, node, static)
            checking = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            for field in ("body", "orelse", "finalbody"):
                inside = static or (checking and field == "body")
                yield from _bindings(getattr(node, field, []), inside)
            for handler in getattr(node, "handlers", []):
                yield from _bindings(handler.body, static)
            for case in getattr(node, "cases", []):
                yield from _bindings(case.body, static)


def _targets(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _literal(node: ast.expr | None) -> type | None:
    """The type of a literal, of None too; None where it is none."""
    if isinstance(node, ast.Constant):
        return None if node.value is ... else type(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _literal(node.operand)
    return next((kind for display, kind in _DISPLAYS.items() if isinstance(node, display)), None)


def _head(node: ast.expr) -> str:
    """The name that a hint begins with: `dict` of `typing.Dict[str, int]`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        tree = parsed(node.value.strip())
        if tree is not None and len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
            return _head(tree.body[0].value)
        return ""
    if isinstance(node, ast.Constant):
        return "None" if node.value is None else ""
    if isinstance(node, ast.Subscript):
        return _head(node.value)
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return _ALIASES.get(name, name)


def _allows(hint: ast.expr, literal: type) -> bool:
    """Whether a literal of that type can be where the hint stands; True where it is not certain."""
    if isinstance(hint, ast.BinOp):
        return _allows(hint.left, literal) or _allows(hint.right, literal)
    head = _head(hint)
    if head in ("Optional", "Union") and isinstance(hint, ast.Subscript):
        if head == "Optional" and literal is type(None):
            return True
        inner = hint.slice.elts if isinstance(hint.slice, ast.Tuple) else [hint.slice]
        return any(_allows(each, literal) for each in inner)
    if head == "None":
        return literal is type(None)
    if head in _LITERALS:
        return literal in _LITERALS[head]
    if literal is type(None):
        return head not in ("Callable", "type", "Type", "Iterable", "Sequence", "Mapping", "Path")
    return True


def _is_true(hint: Hint, written: str) -> None:
    """Raises Fault for a hint that a literal in the code contradicts."""
    node, annotation = hint.node, hint.annotation
    assert annotation is not None
    if hint.kind == "variable" and isinstance(node, ast.AnnAssign):
        literal = _literal(node.value)
        if literal is not None and not _allows(annotation, literal):
            raise Fault(f"the hint {written} of {hint.name} does not allow its value")
    elif hint.kind == "parameter" and isinstance(node, FUNCTIONS):
        _parameter_is_true(node, hint.name, annotation, written)
    elif hint.kind == "result" and isinstance(node, FUNCTIONS):
        _result_is_true(node, annotation, written)


def _parameter_is_true(node: Function, name: str, annotation: ast.expr, written: str) -> None:
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    pairs = [*zip(positional[::-1], a.defaults[::-1], strict=False)]
    pairs += [(p, d) for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None]
    default = next((d for p, d in pairs if p.arg == name), None)
    literal = _literal(default)
    if literal is not None and not _allows(annotation, literal):
        assert default is not None
        value = ast.unparse(default)
        hint = f"{written} | None" if literal is type(None) else "another type"
        raise Fault(f"the hint {written} of {name} does not allow its default {value}: use {hint}")
    if a.vararg is not None and a.vararg.arg == name and _head(annotation) in ("tuple", "list"):
        raise Fault(f"the hint {written} of *{name} must be that of one argument, such as Any")
    if a.kwarg is not None and a.kwarg.arg == name and _head(annotation) == "dict":
        raise Fault(f"the hint {written} of **{name} must be that of one argument, such as Any")


def _result_is_true(node: Function, annotation: ast.expr, written: str) -> None:
    nodes = sorted(own(node), key=lambda n: getattr(n, "lineno", 0))
    head = _head(annotation)
    if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in nodes):
        known = head in _LITERALS or head in ("None", "Optional", "Union", "Callable")
        if known or (isinstance(annotation, ast.BinOp)):
            raise Fault(f"{node.name} yields: its result is an Iterator or a Generator")
        return
    if head in _GENERATORS - _ANY_VALUE and head in ("Generator", "AsyncGenerator"):
        if not any(isinstance(n, ast.Return) and n.value is not None for n in nodes):
            raise Fault(f"{node.name} yields nothing: its result is no {head}")
        return
    returned = [n.value for n in nodes if isinstance(n, ast.Return) and n.value is not None]
    # What is called may return None.
    certain = [v for v in returned if not isinstance(v, ast.Call | ast.Await)]
    values = [v for v in certain if not (isinstance(v, ast.Constant) and v.value is None)]
    if head in ("None", *_NOTHING) and values:
        raise Fault(f"{node.name} returns a value: its result is not {written}")
    if node.name == "__init__" and head != "None":
        raise Fault(f"the result of __init__ is None, not {written}")
    for value in returned:
        literal = _literal(value)
        if literal is not None and not _allows(annotation, literal):
            shown = ast.unparse(value)
            raise Fault(f"{node.name} returns {shown}, which is no {written}")
    if not returned and not _allows(annotation, type(None)) and not _may_not_end(node, nodes):
        raise Fault(f"{node.name} returns nothing: its result is None, not {written}")


def _may_not_end(node: Function, nodes: list[ast.AST]) -> bool:
    """Whether a function may be a stub, or end by an exception or not at all."""
    stub = (ast.Pass, ast.Expr)
    if all(
        isinstance(s, stub) and not isinstance(getattr(s, "value", None), ast.Call)
        for s in node.body
    ):
        return True
    return any(isinstance(n, ast.Raise | ast.While) for n in nodes) or bool(node.decorator_list)
