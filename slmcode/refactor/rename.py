"""Rename a symbol: rope finds its places, we prove that no other name is touched or captured."""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from functools import cached_property
from typing import Any

from rope.base import evaluate, pynames, pyobjects
from rope.refactor import occurrences
from rope.refactor.rename import Rename

from slmcode.refactor import flow
from slmcode.refactor.extract import check_comments, check_new_name, parsed
from slmcode.refactor.messages import CannotDo, Changed, Request
from slmcode.refactor.names import Binding, Difference, Names, Use, differences
from slmcode.refactor.workspace import Source, Workspace, changed

_BY_NAME = {"getattr", "setattr", "hasattr", "delattr", "attrgetter", "methodcaller", "object"}
_READ_NAMES = {"__slots__", "__match_args__"}
_PLAIN_DECORATORS = {
    *("property", "staticmethod", "classmethod", "setter", "getter", "deleter", "cache"),
    *("lru_cache", "cached_property", "contextmanager", "abstractmethod", "override", "wraps"),
    *("total_ordering", "overload", "final", "runtime_checkable", "asynccontextmanager"),
}


def word_at(source: Source, offset: int) -> tuple[int, str]:
    """Where the name at an offset begins, and the name. Raises CannotDo."""
    text = source.text
    start = end = min(offset, len(text))
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    word = text[start:end]
    if not word.isidentifier():
        raise CannotDo("there is no name at the cursor")
    return start, word


def rename(workspace: Workspace, request: Request) -> list[Changed]:
    """Another name for what is at an offset, in every file that uses it."""
    source = workspace.document(request.path)
    check_new_name(request.name)
    start, old = word_at(source, source.plain(request.start))
    if old == request.name:
        raise CannotDo("that is its name already")
    if old.startswith("__"):
        raise CannotDo(f"`{old}` has a meaning of its own, or is private to a class")
    return _Renaming(workspace, source, start, old, request.name).run()


class _Renaming:
    def __init__(
        self, workspace: Workspace, source: Source, start: int, old: str, new: str
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._start = start
        self._old = old
        self._new = new
        self._files = [source]
        self._member = False
        self._global = False
        self._owners: set[str] = set()  # functions whose parameter it is
        self._classes: set[str] = set()  # classes whose field it is
        self._renamed_nodes: set[int] = set()

    def run(self) -> list[Changed]:
        """The files that change. Raises CannotDo."""
        texts = self._texts()
        if self._source.path not in texts:
            raise CannotDo("its uses cannot be told for certain")
        done: dict[str, set[int]] = {}
        found = []
        for source in self._files:
            if source.path not in texts:
                done[source.path] = set()
                continue
            self._workspace.check(source)
            done[source.path] = self._replaced(source, texts[source.path])
            self._check_file(source, texts[source.path])
        if self._start not in done[self._source.path]:
            raise CannotDo("its uses cannot be told for certain")
        if self._global:
            self._check_star_imports()
        for source in self._files:
            self._check_rest(source, done[source.path], texts.get(source.path))
            if source.path in texts:
                new = self._with_all(source, texts[source.path])
                check_comments(source, texts[source.path])
                found.append(changed(source, new))
        return found

    def _texts(self) -> dict[str, str]:
        """The files with the new name, by path. What is local to a function we find ourselves."""
        source = self._source
        use = next((u for u in source.names.uses if self._place(u) == self._start), None)
        binding = source.names.binding(use) if use is not None else (0, "")
        if binding[0] <= 0 or source.names.scopes[binding[0]].kind == "class":
            self._look_everywhere()
            self._check_definition()
            return self._renamed()
        uses = [u for u in source.names.uses if source.names.binding(u) == binding]
        edits = {source.path: {self._place(u) for u in uses}}
        function = source.names.scopes[binding[0]].node
        if any(u.kind == "arg" for u in uses) and not isinstance(function, ast.Lambda):
            self._look_everywhere()
            for path, text in self._renamed().items():
                file = self._workspace.source(path)
                assert file is not None
                for difference in differences(file.tree, parsed(file, text)) or ():
                    if isinstance(difference.node, ast.keyword):
                        at = file.range(difference.node)[0]
                        edits.setdefault(path, set()).add(at)
        texts = {}
        for path, places in edits.items():
            file = self._workspace.source(path)
            assert file is not None
            texts[path] = self._with_name(file, places)
        return texts

    def _place(self, use: Use) -> int:
        """Where a use of the name stands; -1 where it cannot be told."""
        if use.name != self._old or use.kind == "string":
            return -1
        source, node = self._source, use.node
        if isinstance(node, ast.Name | ast.arg | ast.MatchStar):
            at = source.range(node)[0] if not isinstance(node, ast.MatchStar) else -1
            if isinstance(node, ast.MatchStar):
                at = source.offset(node.lineno, node.col_offset) + 1
            return at if source.text.startswith(self._old, at) else -1
        if not isinstance(node, ast.stmt | ast.excepthandler | ast.MatchAs | ast.MatchMapping):
            return -1
        start = source.offset(node.lineno, node.col_offset)
        end = source.offset(node.end_lineno or 0, node.end_col_offset or 0)
        body = getattr(node, "body", None)
        if body:
            end = source.range(body[0])[0]
        found = [at for at in self._tokens if start <= at < end]
        word = {"except": r"\bas\s+$", "def": r"\b(?:def|class)\s+$"}.get(use.kind, "")
        found = [at for at in found if re.search(word, source.text[start:at])]
        if isinstance(node, ast.MatchAs | ast.MatchMapping):
            return found[-1] if found else -1
        return found[0] if found else -1

    @cached_property
    def _tokens(self) -> list[int]:
        return sorted(_names_in_code(self._source, self._old))

    def _with_name(self, file: Source, places: set[int]) -> str:
        """A file's text with the new name at some offsets. Raises CannotDo."""
        text = file.text
        for at in sorted(places, reverse=True):
            if at < 0 or not text.startswith(self._old, at):
                raise CannotDo("its uses cannot be told for certain")
            text = text[:at] + self._new + text[at + len(self._old) :]
        return text

    def _look_everywhere(self) -> None:
        """What is not local may be used in any file."""
        self._files = self._workspace.with_word(self._old)
        if all(f.path != self._source.path for f in self._files):
            self._files.append(self._source)  # outside of the folder, or ignored

    def _check_star_imports(self) -> None:
        if hasattr(builtins, self._new):
            raise CannotDo(f"`{self._new}` has a meaning of its own")
        for file in self._workspace.with_word(self._new):
            if file.names.has_star_import:
                raise CannotDo(f"`{self._new}` is already used in {file.name}")

    def _check_definition(self) -> None:
        module = self._workspace.project.get_pymodule(self._workspace.resource(self._source))
        _, pyname = evaluate.eval_location2(module, self._start)
        name = pyname
        while isinstance(name, pynames.ImportedName):
            if name.imported_name != self._old:
                raise CannotDo("it is another name of something that is imported")
            name = name._get_imported_pyname()
        if isinstance(name, pynames.ImportedModule) or isinstance(
            name.get_object() if name is not None else None, pyobjects.AbstractModule
        ):
            raise CannotDo("a module is renamed by moving its file")
        if name is None:
            raise CannotDo("what it refers to cannot be told for certain")
        where, _ = name.get_definition_location()
        defined = self._workspace.of_resource(where.get_resource()) if where is not None else None
        if defined is None:
            raise CannotDo("it is not defined in this workspace")
        if defined.path not in {f.path for f in self._files}:
            raise CannotDo(f"it is defined in {defined.name}, which is not looked at")
        owner = name.get_object()
        parent = getattr(owner, "parent", None) if isinstance(name, pynames.DefinedName) else None
        if isinstance(parent, pyobjects.PyClass):
            self._check_bases(parent)

    def _check_bases(self, owner: Any) -> None:
        """Raises CannotDo where a class inherits from what we cannot see."""
        bases = owner.get_ast().bases
        known = owner.get_superclasses()
        if len([b for b in bases if flow.last_name(b) != "object"]) > len(
            [k for k in known if isinstance(k, pyobjects.PyClass) and k.get_name() != "object"]
        ):
            raise CannotDo("its class inherits from one that cannot be found")
        for base in known:
            resource = base.get_module().get_resource() if base.get_module() else None
            if self._workspace.of_resource(resource) is None:
                if base.get_name() != "object" and self._old in base:
                    raise CannotDo("a class of a library has a member of that name")
            else:
                self._check_bases(base)

    def _renamed(self) -> dict[str, str]:
        """The files with rope's new names, by path."""
        resources = [self._workspace.resource(source) for source in self._files]
        refactoring = Rename(
            self._workspace.project, self._workspace.resource(self._source), self._start
        )
        found = refactoring.get_changes(self._new, resources=resources, in_hierarchy=True)
        texts = {}
        for change in found.changes:
            source = self._workspace.of_resource(getattr(change, "resource", None))
            if source is None or not hasattr(change, "new_contents"):
                raise CannotDo("a module is renamed by moving its file")
            if change.new_contents != source.text:
                texts[source.path] = change.new_contents
        return texts

    def _replaced(self, source: Source, new: str) -> set[int]:
        """Offsets in the text before at which the name was replaced. Raises CannotDo."""
        found, there, last = set(), 0, 0
        for match in re.finditer(rf"\b{re.escape(self._old)}\b", source.text):
            there += match.start() - last
            after = new[there : there + len(self._new) + 1]
            is_new = after.startswith(self._new) and not after[len(self._new) :].isidentifier()
            if is_new and not re.match(r"\w", after[len(self._new) :]):
                found.add(match.start())
                there += len(self._new)
            else:
                there += len(self._old)
            last = match.end()
        text, at = [], 0
        for start in sorted(found):
            text += [source.text[at:start], self._new]
            at = start + len(self._old)
        if "".join([*text, source.text[at:]]) != new:
            raise CannotDo("its uses cannot be told for certain")
        return found

    def _check_file(self, source: Source, text: str) -> None:
        """Only identifiers differ, and bindings go one to one."""
        after = parsed(source, text)
        found = differences(source.tree, after)
        if found is None:
            raise CannotDo(f"a string in {source.name} would change with it")
        before_names, after_names = source.names, Names(after)
        self._kinds(source, found)
        self._renamed_nodes |= {id(d.node) for d in found}
        there: dict[Binding, Binding] = {}
        back: dict[Binding, Binding] = {}
        uses = [u for u in before_names.uses if u.kind != "string"]
        others = [u for u in after_names.uses if u.kind != "string"]
        for a, b in zip(uses, others, strict=True):
            x, y = before_names.binding(a), after_names.binding(b)
            if there.setdefault(x, y) != y or back.setdefault(y, x) != x:
                raise CannotDo(f"`{self._new}` is already used in {source.name}")
        for use in before_names.uses:
            if use.kind == "string" and use.name == self._old:
                x = before_names.binding(use)
                if there.get(x, x) != x:
                    raise CannotDo(f"a string in {source.name} names it")
        if any(d.before != self._old or d.after != self._new for d in found if d.field != "module"):
            raise CannotDo("its uses cannot be told for certain")
        changed_bindings = [x for x, y in there.items() if x[1] != y[1]]
        for number, _ in changed_bindings:
            if number <= 0:
                self._global = True
                continue
            scope = before_names.scopes[number]
            imported = all(
                use.kind == "import"
                for use in before_names.uses
                if use.binds and before_names.binding(use) == (number, self._old)
            )
            if imported:  # in a function: a use of what is defined elsewhere
                continue
            if scope.kind != "class" and len(changed_bindings) > 1:
                raise CannotDo(f"another `{self._old}` would be renamed too")
            if scope.kind == "class":
                self._member = True
                assert isinstance(scope.node, ast.ClassDef)
                self._check_class(scope.node)
            if flow.sees_names(scope.node) not in ("", "super"):
                call = flow.sees_names(scope.node)
                raise CannotDo(f"`{call}` in {source.name} sees the names around it")
        if self._global or self._member:
            for comment in source.comments():
                if re.match(rf"#\s*type:.*\b{re.escape(self._old)}\b", comment):
                    raise CannotDo(f"a comment in {source.name} names it as a type")
        if self._global and flow.sees_names(source.tree) in ("globals", "eval", "exec"):
            raise CannotDo(f"{source.name} asks for names while it runs")

    def _check_class(self, node: ast.ClassDef) -> None:
        self._classes.add(node.name)
        plain = {"object", "Protocol", "ABC", "Generic"}
        annotated = any(
            isinstance(s, ast.AnnAssign | ast.Assign) and flow.bindings_of(s, self._old)
            for s in node.body
        )
        strange = node.decorator_list or [b for b in node.bases if flow.last_name(b) not in plain]
        if annotated and (strange or node.keywords):
            raise CannotDo("its class is made by what may read the names of its fields")

    def _kinds(self, source: Source, found: list[Difference]) -> None:
        for difference in found:
            if difference.field == "attr":
                self._member = True
            if isinstance(difference.node, ast.alias):
                self._check_import(source, difference.node)
            if difference.field in ("kwd_attrs", "module"):
                raise CannotDo("it is named in a pattern or is a module")
            if difference.field == "arg" and isinstance(difference.node, ast.arg):
                owner = source.parents[source.parents[difference.node]]
                self._check_parameter(source, owner)
                self._owners.add(_name_called(source, owner))

    def _check_import(self, source: Source, alias: ast.alias) -> None:
        """Raises CannotDo where a name is imported from what is not ours."""
        node = source.parents[alias]
        if isinstance(node, ast.ImportFrom):
            if node.level:
                return
            resource = self._workspace.project.find_module(node.module or "")
            if resource is not None and resource.project is self._workspace.project:
                return
        raise CannotDo(f"it is imported from elsewhere in {source.name}")

    def _check_parameter(self, source: Source, owner: ast.AST) -> None:
        """Raises CannotDo where somebody may read the names of a function's parameters."""
        if isinstance(owner, ast.Lambda):
            return
        assert isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef)
        strange = {flow.last_name(_called(d)) for d in owner.decorator_list} - _PLAIN_DECORATORS
        if strange:
            raise CannotDo("a decorator may read the names of its parameters")
        if owner.name.startswith("test") or source.name == "conftest.py":
            raise CannotDo("a test framework reads the names of its parameters")
        if owner.args.kwarg is not None and any(
            isinstance(n, ast.Name) and n.id == owner.args.kwarg.arg for n in ast.walk(owner)
        ):
            for file in self._files:
                for node in ast.walk(file.tree):
                    if isinstance(node, ast.keyword) and node.arg == self._new:
                        raise CannotDo(f"`{self._new}` is handed over by its name in {file.name}")

    def _check_rest(self, source: Source, done: set[int], text: str | None) -> None:
        """Raises CannotDo where a place that was left alone may mean the same thing."""
        finder = occurrences.Finder(self._workspace.project, self._old)
        code = _names_in_code(source, self._old)
        resource = self._workspace.resource(source)
        for occurrence in finder.find_occurrences(resource):
            at = occurrence.get_word_range()[0]
            if at in done or at not in code:
                continue
            self._check_place(source, occurrence, at)
        if not (self._member or self._global or self._owners):
            return
        for node in ast.walk(source.tree):
            self._check_node(source, node, text is not None)

    def _check_place(self, source: Source, occurrence: Any, at: int) -> None:
        before = source.text[:at].rstrip(" \t")
        line = source.line(at)
        where = f"{self._workspace.relative(source.path)}:{line}"
        unsure = CannotDo(f"`{self._old}` in {where} may be the same, which cannot be told")
        if before.endswith("."):
            if not (self._member or self._global):
                return
            if self._member and self._is_unknown(occurrence):
                raise unsure
            if not self._member and self._is_unknown(occurrence) and self._is_module(source, at):
                raise unsure
        elif occurrence.is_function_keyword_parameter():
            return  # `_check_node`
        elif (
            self._global
            and occurrence.is_in_import_statement()
            and self._is_unknown(occurrence)
            and self._imports_ours(source, line)
        ):
            raise unsure

    def _is_unknown(self, occurrence: Any) -> bool:
        pyname = occurrence.get_pyname()
        if pyname is None:
            return True
        return bool(occurrences.unsure_pyname(pyname, unbound=False)) and not isinstance(
            pyname, pynames.DefinedName | pynames.AssignedName
        )

    def _is_module(self, source: Source, at: int) -> bool:
        """Whether an attribute's object was imported, so that it may be our module."""
        match = re.search(r"([\w.]+)\s*\.\s*$", source.text[:at])
        if match is None:
            return False
        first, last = match[1].split(".")[0], match[1].split(".")[-1]
        stem = self._source.name.rpartition(".")[0]
        imported = any(u.kind == "import" and u.name == first for u in source.names.uses)
        return imported and last == stem

    def _imports_ours(self, source: Source, line: int) -> bool:
        stems = {f.name.rpartition(".")[0] for f in self._files}
        stems |= {f.path.split("/")[-2] for f in self._files if f.name == "__init__.py"}
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom) and node.lineno <= line <= (node.end_lineno or 0):
                return (node.module or "").split(".")[-1] in stems or not node.module
        return False

    def _check_node(self, source: Source, node: ast.AST, is_changed: bool) -> None:
        where = f"{self._workspace.relative(source.path)}:{getattr(node, 'lineno', 1)}"
        match node:
            case ast.Call(func=func, args=args, keywords=keywords):
                called = flow.last_name(func)
                by_name = called in _BY_NAME or called.endswith("setattr")
                if by_name and (self._member or self._global):
                    for a in args:
                        if isinstance(a, ast.Constant) and a.value == self._old:
                            raise CannotDo(f"a string in {where} names it")
                self._check_call(called, keywords, where)
            case ast.Assign(targets=[ast.Name(id=name)]) if name in _READ_NAMES and self._member:
                if any(
                    isinstance(n, ast.Constant) and n.value == self._old for n in ast.walk(node)
                ):
                    raise CannotDo(f"a string in {where} names it")
            case ast.Attribute(attr=attr) if attr == self._new and self._member and is_changed:
                raise CannotDo(f"`{self._new}` is already a member in {where}")
            case ast.MatchClass(kwd_attrs=names) if self._old in names and self._member:
                raise CannotDo(f"a pattern in {where} names it")
            case ast.ClassDef(body=body) if self._member and is_changed:
                if any(flow.bindings_of(s, self._new) for s in body if not _is_method(s)) or any(
                    getattr(s, "name", None) == self._new for s in body
                ):
                    raise CannotDo(f"`{self._new}` is already a member in {where}")

    def _check_call(self, called: str, keywords: list[ast.keyword], where: str) -> None:
        """A keyword of that name, in a call of something of the function's name."""
        given = any(k.arg == self._old and id(k) not in self._renamed_nodes for k in keywords)
        spread = any(k.arg is None for k in keywords)
        unsure = CannotDo(f"`{self._old}` in {where} may be the same, which cannot be told")
        if called in self._owners and (spread or given):
            raise unsure
        if given and (called in self._classes or (called == "partial" and self._owners)):
            raise unsure

    def _with_all(self, source: Source, text: str) -> str:
        """Names in `__all__` follow a name of the module."""
        if not self._global:
            return text
        result = Source(source.path, text)
        edits = []
        for node in result.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", 0)]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                for child in ast.walk(node):
                    if isinstance(child, ast.Constant) and child.value == self._old:
                        edits.append(result.range(child))
        for start, end in sorted(edits, reverse=True):
            literal = text[start:end].replace(self._old, self._new)
            text = text[:start] + literal + text[end:]
        return text


def _is_method(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _name_called(source: Source, function: ast.AST) -> str:
    """The name by which a function is called: its class's for a constructor."""
    owner = source.parents[function]
    if getattr(function, "name", "") == "__init__" and isinstance(owner, ast.ClassDef):
        return owner.name
    return str(getattr(function, "name", ""))


def _names_in_code(source: Source, old: str) -> set[int]:
    """Offsets of the name where it is a token of its own: not in strings or comments."""
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.NAME and token.string == old:
            line, column = token.start
            found.add(source.starts[line - 1] + column)
    return found
