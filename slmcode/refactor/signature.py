"""Change a function's parameters: rope finds definition and calls, the lists are edited here.

rope's own edit loses annotations and comments, so it is only asked where the function is used.
A change is one of `remove NAME`, `reorder NAME,NAME,…` and `add NAME=VALUE`.
"""

from __future__ import annotations

import ast
import re

from rope.base import evaluate
from rope.refactor import occurrences

from slmcode.refactor import flow
from slmcode.refactor.extract import check_comments, check_new_name, parsed
from slmcode.refactor.inline import use_at
from slmcode.refactor.messages import CannotDo, Changed, Request
from slmcode.refactor.rename import word_at
from slmcode.refactor.workspace import Source, Workspace, changed

_Edit = tuple[int, int, str]


def change(workspace: Workspace, request: Request) -> list[Changed]:
    """The function at an offset with other parameters, and its calls in all files."""
    source = workspace.document(request.path)
    workspace.check(source)
    start, name = word_at(source, source.plain(request.start))
    use = use_at(source, start, name)
    function = use.node
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        raise CannotDo("put the cursor on the function's name where it is defined")
    if isinstance(source.parents[function], ast.ClassDef):
        raise CannotDo("a method may be overridden, and called where its class is not known")
    if function.decorator_list:
        raise CannotDo("a decorator may depend on its parameters")
    if (
        sum(
            u.binds
            for u in source.names.uses
            if source.names.binding(u) == source.names.of(function)
        )
        != 1
    ):
        raise CannotDo(f"`{name}` is bound more than once")
    spec = _Spec(source, function, request.argument)
    edits = {source.path: spec.definition(source)}
    calls = _calls(workspace, source, start, name)
    texts = []
    for file, found in calls:
        here = edits.setdefault(file.path, [])
        for call in found:
            here += spec.call(file, call)
        if here:
            workspace.check(file)
            text = _edited(file.text, here)
            parsed(file, text)
            check_comments(file, text)
            texts.append(changed(file, text))
    return texts


def _edited(text: str, edits: list[_Edit]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _calls(
    workspace: Workspace, source: Source, start: int, name: str
) -> list[tuple[Source, list[ast.Call]]]:
    """All calls of the function. Raises CannotDo where it is used in another way."""
    project = workspace.project
    primary, pyname = evaluate.eval_location2(
        project.get_pymodule(workspace.resource(source)), start
    )
    finder = occurrences.create_finder(project, name, pyname, instance=primary)
    found = []
    files = workspace.with_word(name)
    if all(file.path != source.path for file in files):
        files.append(source)
    for file in files:
        places = {o.get_word_range()[0] for o in finder.find_occurrences(workspace.resource(file))}
        calls, known = [], set()
        for node in ast.walk(file.tree):
            for value in ast.walk(node) if isinstance(node, ast.JoinedStr) else ():
                if flow.last_name(value) == name:
                    raise CannotDo(f"it is used in an f-string in {file.name}")
            if isinstance(node, ast.Call) and flow.last_name(node.func) == name:
                at = file.range(node.func)[1] - len(name)
                if at in places:
                    calls.append(node)
                    known.add(at)
                elif not _is_another(file, node):
                    line = f"{workspace.relative(file.path)}:{node.lineno}"
                    raise CannotDo(f"`{name}` in {line} may be the same, which cannot be told")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                first, last = file.range(node)
                known |= {at for at in places if first <= at < last}
                if any(a.name == name and a.asname for a in node.names):
                    raise CannotDo(f"it is imported by another name in {file.name}")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
                known |= {at for at in places if at == start and file is source}
        if places - known or (not places and file.names.has_star_import):
            raise CannotDo(f"`{name}` is not only called in {file.name}")
        if any(_holds(a, b) for a in calls for b in calls if a is not b):
            raise CannotDo(f"a call of `{name}` is inside another")
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Constant) and node.value == name:
                raise CannotDo(f"a string in {file.name} names it")
        found.append((file, calls))
    return found


def _is_another(file: Source, call: ast.Call) -> bool:
    """Whether a call of that name certainly means something else: another local name."""
    if not isinstance(call.func, ast.Name):
        return False
    return file.names.of(call.func)[0] > 0


def _holds(node: ast.AST, wanted: ast.AST) -> bool:
    return any(child is wanted for child in ast.walk(node))


class _Spec:
    """What is to become of the parameters."""

    def __init__(
        self, source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef, spec: str
    ) -> None:
        arguments = function.args
        self._arguments = arguments
        self._names = [a.arg for a in arguments.args]
        match = re.fullmatch(r"(remove|reorder|add)\s+(.+)", spec.strip(), re.DOTALL)
        if match is None:
            raise CannotDo("say `remove NAME`, `reorder NAME,NAME` or `add NAME=VALUE`")
        self._verb, rest = match[1], match[2].strip()
        if arguments.posonlyargs or arguments.vararg or arguments.kwonlyargs or arguments.kwarg:
            raise CannotDo("only plain parameters can be changed")
        self._value = ""
        if self._verb == "remove":
            self._remove(source, function, rest)
        elif self._verb == "reorder":
            self._order = [n.strip() for n in rest.split(",")]
            if sorted(self._order) != sorted(self._names) or self._order == self._names:
                raise CannotDo("name every parameter once, in a new order")
            n_plain = len(self._names) - len(arguments.defaults)
            plain = set(self._names[:n_plain])
            if [n in plain for n in self._order] != [i < n_plain for i in range(len(self._names))]:
                raise CannotDo("a parameter with a default would stand before one without")
        else:
            self._add(source, rest)

    def _remove(
        self, source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
    ) -> None:
        if name not in self._names:
            raise CannotDo(f"it has no parameter `{name}`")
        scope = source.names.scope_of[function]
        uses = [u for u in source.names.uses if source.names.binding(u) == (scope.number, name)]
        if len(uses) > 1 or flow.sees_names(function) not in ("", "super"):
            raise CannotDo(f"`{name}` is used in the function")
        self._order = [n for n in self._names if n != name]

    def _add(self, source: Source, rest: str) -> None:
        name, _, value = (part.strip() for part in rest.partition("="))
        check_new_name(name)
        if re.search(rf"\b{re.escape(name)}\b", source.text):
            raise CannotDo(f"`{name}` is already used in {source.name}")
        try:
            ast.literal_eval(value)
        except (ValueError, SyntaxError) as e:
            raise CannotDo("the new parameter needs a constant for its default") from e
        if isinstance(ast.parse(value, mode="eval").body, ast.List | ast.Dict | ast.Set):
            raise CannotDo("a default that can be changed would be shared by all calls")
        self._order = [*self._names, name]
        self._value = f"{name}={value}"

    def definition(self, source: Source) -> list[_Edit]:
        """Edits of the parameter list."""
        arguments = self._arguments
        defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
        spans = {
            a.arg: (source.range(a)[0], source.range(d if d is not None else a)[1])
            for a, d in zip(arguments.args, defaults, strict=True)
        }
        if self._verb == "add":
            if not spans:
                raise CannotDo("it has no parameters yet")
            end = max(e for _, e in spans.values())
            return [(end, end, f", {self._value}")]
        return self._list(source.text, [spans[n] for n in self._names], self._names)

    def _list(self, text: str, spans: list[tuple[int, int]], names: list[str]) -> list[_Edit]:
        """Edits that bring the parts of a list into the new order."""
        if self._verb == "reorder":
            order = [n for n in self._order if n in names]
            parts = [text[slice(*spans[names.index(n)])] for n in order]
            return [(s, e, part) for (s, e), part in zip(spans, parts, strict=True)]
        gone = next((i for i, n in enumerate(names) if n not in self._order), None)
        if gone is None:
            return []
        if gone + 1 < len(spans):
            return [(spans[gone][0], spans[gone + 1][0], "")]
        if gone:
            return [(spans[gone - 1][1], spans[gone][1], "")]
        end = re.compile(r"\s*,").match(text, spans[0][1])
        return [(spans[0][0], end.end() if end else spans[0][1], "")]

    def call(self, source: Source, call: ast.Call) -> list[_Edit]:
        """Edits of a call's arguments."""
        if any(isinstance(a, ast.Starred) for a in call.args) or any(
            k.arg is None for k in call.keywords
        ):
            raise CannotDo(f"line {call.lineno} of {source.name} hands over all of a list")
        if len(call.args) > len(self._names):
            raise CannotDo(f"line {call.lineno} of {source.name} hands over too much")
        if self._verb == "add":
            return []
        given: list[ast.expr] = [*call.args, *(k.value for k in call.keywords)]
        names = [*self._names[: len(call.args)], *(k.arg or "" for k in call.keywords)]
        spans = [
            *(source.range(a) for a in call.args),
            *(source.range(k) for k in call.keywords),
        ]
        spans = [_with_parentheses(source.text, s, e, call, source) for s, e in spans]
        effects = [flow.has_effects(g) for g in given]
        if self._verb == "remove":
            for name, effect in zip(names, effects, strict=True):
                if name not in self._order and effect:
                    raise CannotDo(f"line {call.lineno} of {source.name} calls something for it")
            return self._list(source.text, spans, names)
        n = len(call.args)
        if [x for x in self._order if x in names[:n]] != self._order[:n]:
            raise CannotDo(f"line {call.lineno} of {source.name} leaves arguments out")
        if any(effects) and len(given) > 1:
            raise CannotDo(f"line {call.lineno} of {source.name} would call in another order")
        return self._list(source.text, spans[:n], names[:n])


def _with_parentheses(
    text: str, start: int, end: int, call: ast.Call, source: Source
) -> tuple[int, int]:
    """An argument's place with parentheses around it."""
    first, last = source.range(call.func)[1], source.range(call)[1]
    while True:
        before, after = text[first + 1 : start].rstrip(), text[end : last - 1].lstrip()
        if not (before.endswith("(") and after.startswith(")")):
            return start, end
        start = first + 1 + len(before) - 1
        end = last - 1 - len(after) + 1
