"""Which name is bound where in a Python file, by the rules of the language. Pure; knows no rope.

    x = 1                  # (0, "x"): scope 0 is the module
    def f(a):              # (0, "f"), (1, "a")
        return a + x + len # (1, "a"), (0, "x"), (-1, "len"): bound nowhere in the file

Two trees of the same shape number their scopes alike, so that a renaming can be proved: it must be
one-to-one on bindings.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

Binding = tuple[int, str]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
NOWHERE = -1
# Fields that hold identifiers, which a renaming may change.
IDENTIFIERS = {"id", "arg", "attr", "name", "asname", "names", "rest", "kwd_attrs", "module"}


class Scope:
    """A module, class, function, lambda or comprehension."""

    def __init__(self, kind: str, node: ast.AST, parent: Scope | None, number: int) -> None:
        self.kind = kind
        self.node = node
        self.parent = parent
        self.number = number
        self.bound: set[str] = set()
        self.elsewhere: dict[str, str] = {}  # name -> "global" or "nonlocal"

    @property
    def is_function(self) -> bool:
        return self.kind in ("function", "lambda")

    def around(self) -> Iterator[Scope]:
        """This scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


class Use(NamedTuple):
    """One place where a name is bound or used. `kind` is the field that holds it.

    `node` of a name in a string annotation is a node of that string's own tree.
    """

    node: ast.AST
    name: str
    kind: str  # "id", "arg", "def", "import", "declared", "except", "pattern", "string"
    scope: Scope
    binds: bool


class Names:
    """All names of a tree with their bindings."""

    def __init__(self, tree: ast.AST) -> None:
        self.scopes: list[Scope] = []
        self.uses: list[Use] = []
        self.has_star_import = False
        self._in_string = False
        self.module = self._open("module", tree, None)
        self.scope_of: dict[ast.AST, Scope] = {tree: self.module}
        self._body(getattr(tree, "body", []), self.module)
        self._resolved = {id(use.node): self.resolve(use.name, use.scope) for use in self.uses}

    def binding(self, use: Use) -> Binding:
        """What a use refers to."""
        return self.resolve(use.name, use.scope)

    def of(self, node: ast.AST) -> Binding:
        """What a Name, parameter or definition refers to."""
        return self._resolved[id(node)]

    def resolve(self, name: str, scope: Scope) -> Binding:
        """What a name refers to that is read in a scope."""
        start = scope
        for around in scope.around():
            if around.kind == "class" and around is not start:
                continue
            declared = around.elsewhere.get(name)
            if declared == "global":
                break
            if name in around.bound and declared is None:
                return around.number, name
        return (0, name) if name in self.module.bound else (NOWHERE, name)

    def _open(self, kind: str, node: ast.AST, parent: Scope | None) -> Scope:
        scope = Scope(kind, node, parent, len(self.scopes))
        self.scopes.append(scope)
        return scope

    def _add(self, node: ast.AST, name: str, kind: str, scope: Scope, binds: bool) -> None:
        self.uses.append(Use(node, name, "string" if self._in_string else kind, scope, binds))
        if binds:
            target = scope
            if scope.elsewhere.get(name) == "global":
                target = self.module
            target.bound.add(name)

    def _body(self, body: list[ast.stmt], scope: Scope) -> None:
        for declaration in _declarations(body):
            word = "global" if isinstance(declaration, ast.Global) else "nonlocal"
            for name in declaration.names:
                scope.elsewhere[name] = word
        for statement in body:
            self._visit(statement, scope)

    def _visit(self, node: ast.AST | None, scope: Scope) -> None:
        match node:
            case None:
                return
            case ast.Name(id=name, ctx=ctx):
                self._add(node, name, "id", scope, not isinstance(ctx, ast.Load))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope)
            case ast.Lambda(args=arguments, body=body):
                self._defaults(arguments, scope)
                inner = self._enter("lambda", node, scope)
                self._parameters(arguments, inner)
                self._visit(body, inner)
            case ast.ClassDef():
                for child in (*node.decorator_list, *node.bases, *node.keywords):
                    self._visit(child, scope)
                self._add(node, node.name, "def", scope, True)
                self._body(node.body, self._enter("class", node, scope))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node, scope)
            case ast.NamedExpr(target=target, value=value):
                self._visit(value, scope)
                assert isinstance(target, ast.Name)
                own = next(s for s in scope.around() if s.kind != "comprehension")
                self._add(target, target.id, "id", own, True)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    if alias.name == "*":
                        self.has_star_import = True
                        continue
                    bound = alias.asname or alias.name.partition(".")[0]
                    self._add(alias, bound, "import", scope, True)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                for name in names:
                    self.uses.append(Use(node, name, "declared", scope, False))
            case ast.ExceptHandler(type=kind, name=name, body=body):
                self._visit(kind, scope)
                if name is not None:
                    self._add(node, name, "except", scope, True)
                for child in body:
                    self._visit(child, scope)
            case ast.MatchAs(name=name) | ast.MatchStar(name=name):
                if isinstance(node, ast.MatchAs):
                    self._visit(node.pattern, scope)
                if name is not None:
                    self._add(node, name, "pattern", scope, True)
            case ast.MatchMapping(rest=name):
                for child in ast.iter_child_nodes(node):
                    self._visit(child, scope)
                if name is not None:
                    self._add(node, name, "pattern", scope, True)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                self._visit(value, scope)
                self._annotation(annotation, scope)
                self._visit(target, scope)
                if isinstance(target, ast.Name) and scope.elsewhere.get(target.id) is None:
                    scope.bound.add(target.id)
            case _:
                for child in ast.iter_child_nodes(node):
                    self._visit(child, scope)

    def _function(self, node: FunctionNode, scope: Scope) -> None:
        for decorator in node.decorator_list:
            self._visit(decorator, scope)
        self._defaults(node.args, scope)
        for argument in parameters(node.args):
            self._annotation(argument.annotation, scope)
        self._annotation(node.returns, scope)
        self._add(node, node.name, "def", scope, True)
        inner = self._enter("function", node, scope)
        self._parameters(node.args, inner)
        self._body(node.body, inner)

    def _enter(self, kind: str, node: ast.AST, scope: Scope) -> Scope:
        inner = self._open(kind, node, scope)
        self.scope_of[node] = inner
        return inner

    def _defaults(self, arguments: ast.arguments, scope: Scope) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            self._visit(default, scope)

    def _parameters(self, arguments: ast.arguments, scope: Scope) -> None:
        for argument in parameters(arguments):
            self._add(argument, argument.arg, "arg", scope, True)

    def _comprehension(self, node: ast.AST, scope: Scope) -> None:
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        self._visit(generators[0].iter, scope)
        inner = self._enter("comprehension", node, scope)
        for i, generator in enumerate(generators):
            if i:
                self._visit(generator.iter, inner)
            self._visit(generator.target, inner)
            for condition in generator.ifs:
                self._visit(condition, inner)
        for field in ("elt", "key", "value"):
            self._visit(getattr(node, field, None), inner)

    def _annotation(self, node: ast.AST | None, scope: Scope) -> None:
        """An annotation; what strings in it say counts as code."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parsed = parsed_annotation(node.value)
            if parsed is not None and not self._in_string:
                self._in_string = True
                self._visit(parsed, scope)
                self._in_string = False
        elif isinstance(node, ast.Subscript | ast.BinOp | ast.Tuple | ast.List):
            for child in ast.iter_child_nodes(node):
                self._annotation(child, scope)
        else:
            self._visit(node, scope)


def parsed_annotation(text: str) -> ast.expr | None:
    """The expression that a string annotation holds."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return None


def parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    """All parameters in the order of their definition."""
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but not what runs at another time: functions' bodies, classes."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        if isinstance(here, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        waiting += ast.iter_child_nodes(here)


def _declarations(body: list[ast.stmt]) -> Iterator[ast.Global | ast.Nonlocal]:
    for statement in body:
        for node in own_nodes(statement):
            if isinstance(node, ast.Global | ast.Nonlocal):
                yield node


class Difference(NamedTuple):
    """An identifier that is another one in the other tree."""

    node: ast.AST
    other: ast.AST
    field: str
    before: str
    after: str


def differences(a: ast.AST, b: ast.AST) -> list[Difference] | None:
    """The identifiers in which two trees differ; None where they differ in anything else."""
    found: list[Difference] = []
    waiting: list[tuple[object, object, ast.AST, ast.AST, str]] = [(a, b, a, b, "")]
    while waiting:
        x, y, in_x, in_y, field = waiting.pop()
        if isinstance(x, ast.AST) and isinstance(y, ast.AST):
            if type(x) is not type(y):
                return None
            for name in x._fields:
                if name not in ("ctx", "type_comment"):
                    here, there = getattr(x, name, None), getattr(y, name, None)
                    waiting.append((here, there, x, y, name))
        elif isinstance(x, list) and isinstance(y, list):
            if len(x) != len(y):
                return None
            waiting += [(c, d, in_x, in_y, field) for c, d in zip(x, y, strict=True)]
        elif type(x) is not type(y):
            return None
        elif x != y:
            if not (isinstance(x, str) and isinstance(y, str) and field in IDENTIFIERS):
                return None
            found.append(Difference(in_x, in_y, field, x, y))
    return found


def same(a: ast.AST | list[ast.stmt], b: ast.AST | list[ast.stmt]) -> bool:
    """Whether two trees, or two lists of statements, say the same."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    assert isinstance(a, ast.AST)
    assert isinstance(b, ast.AST)
    return differences(a, b) == []
