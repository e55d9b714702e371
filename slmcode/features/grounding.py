"""Names that must exist: which of those in generated text the workspace does not have.

    module.name            module is imported and is a file of the workspace
    from module import name, import { name } from "module"
    self.name, this.name   the class around the cursor and all its bases are known
    Class.name             a class of the workspace
    variable.name          its class is evident in the document (`names.evident_type`)
    name                   in Python, Go; in JavaScript and TypeScript where it is called;
                           in Java and C# where it is called and the class around is known

An alarm costs a right suggestion, a missed one only what is shown without this module anyway. So a
name is unknown only where the index would know it: it stands nowhere in the document and nowhere
in the text of the files that should define it, nothing there says that names are made when the
program runs (`__getattr__`, `import *`, index signatures), and all of it is in the workspace.

A bare name may be bound by what is written behind it (`x for x in …`): it is judged when its line
has ended. What the checker found out is kept for one document version and one state of the index.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple, Protocol

from slmcode.features.names import class_around, evident_type, function_around, occurrences, occurs
from slmcode.features.naming import (
    ASSIGNED,
    BARE,
    BY_FOLDER,
    DECLARING,
    EMBEDDED,
    GLOBALS,
    IMPORT,
    IMPORTED_NAME,
    KEYWORDS,
    MEMBER,
    OBJECT,
    PYTHON,
    SCRIPT,
    SELF,
    bases,
    bound_names,
    brings_anything,
    default_name,
    has_dynamic_members,
    is_called,
    is_dynamic,
    last_part,
    line_has_ended,
    masked,
    outside_base,
)
from slmcode.index.rows import FileImport, Symbol
from slmcode.text import Snapshot

MAX_CHOICES = 64  # known names a token is chosen among
_LOOK_BACK = 600  # characters before the line
_GENERATED = ("_pb2", "_pb2_grpc")
_ENDINGS_PYTHON = (".py", "/__init__.py", ".pyi")
_ENDINGS_SCRIPT = ("", ".ts", ".tsx", ".js", ".jsx", ".mts", ".mjs", "/index.ts", "/index.js")
_WORDS = re.compile(r"[^\W\d_]+")
_MANY = 50  # definitions of one name; no more are looked at
_DEFINES = re.compile(r"\b(?:def|class|import|global|nonlocal)\b")
_IN_A_LIST = re.compile(r"\w+(?: as \w+)?,?\s*(?:#.*)?")  # of imports, as a rule
_HOPS = 4  # from a re-export to its definition
_DEPTH = 12  # bases of bases
_END = 1_000_000  # a line behind the end of every file

_MODULES = PYTHON | SCRIPT | BY_FOLDER  # `module.name`
_LANGUAGES = frozenset(SELF) | {"go", "c"}
_CLASSES = frozenset({"class", "interface", "struct", "enum"})


class Reader(Protocol):
    """What is asked of an index; `index.reader.Reader` has it."""

    def definitions(self, names: Collection[str], limit: int = 50) -> list[Symbol]: ...
    def outline(self, path: str) -> list[Symbol]: ...
    def imports(self, path: str) -> list[FileImport]: ...
    def known(self, names: Collection[str]) -> set[str]: ...
    def text(self, path: str, line: int, end_line: int) -> str | None: ...


class Unknown(NamedTuple):
    """A name that does not exist, as offsets in the text that was checked.

    `start` is negative where it begins in what was typed. `choices` are names that could stand
    there instead and begin with what was typed of it. `settled`: nothing written behind the text
    could bind the name, or end it differently.
    """

    start: int
    end: int
    name: str
    choices: tuple[str, ...]
    settled: bool


class Remembered:
    """A reader that asks each thing once: for one state of the index."""

    def __init__(self, reader: Reader) -> None:
        self._definitions = cache(reader.definitions)
        self.outline = cache(reader.outline)
        self.imports = cache(reader.imports)
        self.known = reader.known
        self.text = cache(reader.text)

    def definitions(self, names: Collection[str], limit: int = 50) -> list[Symbol]:
        return self._definitions(tuple(names), limit)


class _Known(NamedTuple):
    """What a class or module has. Not `complete`: it may have more than anybody can tell."""

    names: frozenset[str]
    files: frozenset[str]  # that define it: what stands in their text counts as known too
    complete: bool


_OPEN = _Known(frozenset(), frozenset(), False)


class Checker:
    """For one document version and one state of the index."""

    def __init__(self, reader: Reader, path: str, snapshot: Snapshot) -> None:
        self._reader = reader
        self._path = path
        self._snapshot = snapshot
        self._language = snapshot.language_id
        self._in_document: dict[str, bool] = {}
        self._defined: dict[str, bool] = {}  # anywhere in the workspace
        self._texts: dict[str, str | None] = {}
        self._classes: dict[tuple[str, str], _Known] = {}
        self._modules: dict[str, _Known] = {}
        self._types: dict[str, str] = {}
        self._rows: list[FileImport] | None = None

    def first_unknown(self, offset: int, text: str, *, final: bool) -> Unknown | None:
        """The first name in `text`, written at `offset` of the document, that does not exist.

        Only names that end behind `offset` are judged. `final`: nothing follows `text`.
        """
        if self._language not in _LANGUAGES:
            return None
        line_start = self._snapshot.text.rfind("\n", 0, offset) + 1
        left = self._snapshot.text[line_start:offset]
        code = masked(left + text, self._language)
        found = [
            *self._imported(left + text, len(left)),
            *self._members(code, len(left), offset),
            *self._bare(code, len(left), offset),
        ]
        if not found:
            return None
        first = min(found, key=lambda u: u.start)
        return first._replace(
            start=first.start - len(left), end=first.end - len(left), settled=final or first.settled
        )

    # The rules. Offsets are those of `code`; only names that end behind `typed_n` count.

    def _imported(self, text: str, typed_n: int) -> Iterator[Unknown]:
        """Names that an import statement takes from a module."""
        statement = IMPORT.get(self._language)
        for found in statement.finditer(text) if statement is not None else ():
            if found.end("names") <= typed_n:
                continue
            target = self._target_of(found["module"])
            if not target:
                continue
            for name in IMPORTED_NAME.finditer(text, found.start("names"), found.end("names")):
                start, end = name.span("name")
                if end > typed_n and name["name"] not in ("type", "default"):
                    if self._submodule_of(target, name["name"]):
                        continue
                    yield from self._unless(self._module(target), start, end, text, typed_n)

    def _members(self, code: str, typed_n: int, offset: int) -> Iterator[Unknown]:
        """Names behind a dot."""
        for found in MEMBER.finditer(code):
            start, end = found.span("name")
            name, root = found["name"], found["root"]
            if end <= typed_n or name.startswith("__"):
                continue
            if ASSIGNED.match(code, end):
                self._in_document[f"{root}.{name}"] = True  # it defines what it assigns
                continue
            known = self._receiver(root, found["sign"], offset, called=is_called(code, end))
            if known.complete and not self._stands_with(root, name):
                yield from self._unless(known, start, end, code, typed_n)

    def _receiver(self, root: str, sign: str, offset: int, *, called: bool) -> _Known:
        """What may stand behind `root.`."""
        language = self._language
        if language == "rust" and (called or sign != "."):
            return _OPEN  # any trait may bring methods
        if root in SELF.get(language, ()):
            around = class_around(self._snapshot.text, offset)
            return self._class(self._path, around) if around else _OPEN
        if root in KEYWORDS:
            return _OPEN
        module = self._module_named(root) if language in _MODULES else None
        if module is not None:
            return module
        if language == "go" and called and root[:1].isupper():
            return _OPEN  # a field that holds a function, or a method expression
        if self._is_class_here(root):
            return self._class(self._path, root)
        type_name = self._type_of(root)
        return self._class(self._path, type_name) if type_name else _OPEN

    def _bare(self, code: str, typed_n: int, offset: int) -> Iterator[Unknown]:
        """Names that stand alone."""
        language = self._language
        rule = BARE.get(language)
        if rule is None or self._stars():
            return
        if language in ("java", "csharp"):
            around = class_around(self._snapshot.text, offset)
            if not around or not self._class(self._path, around).complete:
                return
        tail = self._snapshot.text[max(0, offset - typed_n - _LOOK_BACK) : offset - typed_n]
        declaring = DECLARING.search(tail)
        in_parameters = declaring is not None and declaring[0].startswith("def")
        if not in_parameters and (declaring or _may_be_bound_below(tail, code, language)):
            return
        bound: set[str] | None = None
        candidates = []
        for found in rule.finditer(code):
            start, end = found.span("name")
            name = found["name"]
            if end <= typed_n or name in GLOBALS[language] or name in KEYWORDS:
                continue
            if in_parameters and not code[:start].rstrip().endswith((":", "=", "[", "|", ">")):
                continue  # a parameter, not its type or its default
            if self._stands_alone(name, offset):
                continue
            if bound is None:
                bound = set(bound_names(code, language))
            if name not in bound and not self._is_imported(name):
                candidates.append((start, end))
        for start, end in candidates:
            if not self._is_defined(code[start:end]):
                settled = line_has_ended(code, start, end)
                yield Unknown(start, end, code[start:end], (), settled)

    def _unless(
        self, known: _Known, start: int, end: int, code: str, typed_n: int
    ) -> Iterator[Unknown]:
        """The name there, unless it is one of the known ones."""
        name = code[start:end]
        if not known.complete or name in known.names:
            return
        for path in known.files:
            if path.endswith("/"):
                there = self._reader.definitions([name], 500)
                if any(_folder(s.path) == path[:-1] for s in there):
                    return
                continue
            text = self._text(path)
            if text is None or occurs(text, name):
                return
        choices = _nearest(known.names, name, code[start : max(start, typed_n)])
        yield Unknown(start, end, name, choices, end < len(code))

    # The document

    def _stands(self, name: str) -> bool:
        known = self._in_document.get(name)
        if known is None:
            known = self._in_document[name] = occurs(self._snapshot.text, name)
        return known

    def _stands_alone(self, name: str, offset: int) -> bool:
        """Whether the document has `name` somewhere, and not behind a dot.

        Within a function of Python it must stand in that function, above the cursor, or be bound
        for all of the module: locals of other functions are not there.
        """
        key = f"{offset} {name}"
        known = self._in_document.get(key)
        if known is None:
            text = self._snapshot.text
            start = 0
            if self._language in PYTHON:
                start = function_around(text, offset) or 0
            known = any(
                (at == 0 or text[at - 1] != ".")
                and (start <= at < offset or self._language not in PYTHON or _is_bound_at(text, at))
                for at in occurrences(text, name)
            )
            self._in_document[key] = known
        return known

    def _is_defined(self, name: str) -> bool:
        """Whether the workspace has something that `name` could mean here, once imported."""
        known = self._defined.get(name)
        if known is None:
            if self._language in PYTHON | BY_FOLDER:  # members need something in front of them
                symbols = self._reader.definitions((name,), _MANY)
                known = len(symbols) >= _MANY or any(
                    not s.scope
                    and (self._language in PYTHON or _folder(s.path) == _folder(self._path))
                    for s in symbols
                )
            else:
                known = bool(self._reader.known((name,)))
            self._defined[name] = known
        return known

    def _stands_with(self, root: str, name: str) -> bool:
        """Whether the document has `root.name` somewhere."""
        key = f"{root}.{name}"
        known = self._in_document.get(key)
        if known is None:
            pattern = rf"\b{re.escape(root)}\s*(?:\?\.|->|::|\.)\s*{re.escape(name)}\b"
            known = self._stands(name) and bool(re.search(pattern, self._snapshot.text))
            self._in_document[key] = known
        return known

    def _stars(self) -> bool:
        """Whether names come in that nobody lists."""
        known = self._in_document.get("*")
        if known is None:
            known = self._in_document["*"] = brings_anything(self._snapshot.text)
        return known

    def _type_of(self, name: str) -> str:
        if name not in self._types:
            self._types[name] = evident_type(self._snapshot.text, name)
        return self._types[name]

    def _is_class_here(self, name: str) -> bool:
        """Whether `name` is a class by its name: imported, or defined in this file."""
        if not name[:1].isupper() or self._language in ("go", "c"):
            return False
        return bool(self._find(self._path, name))

    # Imports

    def _imports(self) -> list[FileImport]:
        if self._rows is None:
            self._rows = self._reader.imports(self._path)
        return self._rows

    def _is_imported(self, name: str) -> bool:
        return any(
            name == row.alias or any(name == here for _, here in row.names)
            for row in self._imports()
        )

    def _module_named(self, name: str) -> _Known | None:
        """The module that is called so in the document; None where the name is no module's."""
        for row in self._imports():
            if not row.names:
                here = row.alias or default_name(row.module, self._language)
                if here == name and self._stands(name):
                    target = self._target(row)
                    return self._module(target) if target else _OPEN
            elif self._language in PYTHON:
                for there, here in row.names:
                    if here == name and (path := self._submodule(row, there)):
                        return self._module(path)
        return None

    def _submodule(self, row: FileImport, name: str) -> str:
        """The file of a module that is imported by name from its package; "" if it is none."""
        target = self._target(row)
        stem = posixpath.splitext(posixpath.basename(target))[0]
        if stem == name:
            return target
        return self._submodule_of(target, name)

    def _submodule_of(self, package: str, name: str) -> str:
        if posixpath.basename(package) not in ("__init__.py", "__init__.pyi"):
            return ""
        if name.endswith(_GENERATED):
            return package  # made by a tool, and not in the index
        return self._file(posixpath.join(posixpath.dirname(package), name))

    def _target(self, row: FileImport) -> str:
        return row.target or self._target_of(row.module)  # it may be newer than the index

    def _target_of(self, module: str) -> str:
        """The file of the workspace that a module is; "" where that is not sure."""
        for row in self._imports():
            if row.module == module and row.target and _is_file_of(row):
                return row.target
        if self._language in BY_FOLDER:
            return ""
        if self._language not in PYTHON:
            if not module.startswith("."):
                return ""
            return self._file(posixpath.normpath(posixpath.join(_folder(self._path), module)))
        dots = len(module) - len(module.lstrip("."))
        inner = module.lstrip(".").replace(".", "/")
        if dots:
            folder = _folder(self._path)
            for _ in range(dots - 1):
                folder = posixpath.dirname(folder)
            return self._file(posixpath.join(folder, inner))
        for root in self._roots():
            if path := self._file(posixpath.join(root, inner)):
                return path
        return ""

    def _roots(self) -> Iterable[str]:
        """Folders that absolute imports begin at."""
        roots = {"": None, "src": None}
        for row in self._imports():
            if row.target and not row.module.startswith("."):
                stem = posixpath.splitext(row.target)[0].removesuffix("/__init__")
                inner = row.module.replace(".", "/")
                if stem.endswith(inner):
                    roots[stem[: len(stem) - len(inner)].rstrip("/")] = None
        return roots

    def _file(self, stem: str) -> str:
        """The file of the workspace that a module path without an extension means."""
        stem = stem.strip("/")
        for ending in _ENDINGS_PYTHON if self._language in PYTHON else _ENDINGS_SCRIPT:
            if self._text(stem + ending) is not None:
                return stem + ending
        return ""

    def _text(self, path: str) -> str | None:
        """The whole text of a file of the workspace, None where it cannot be had."""
        if path == self._path:
            return self._snapshot.text
        if path not in self._texts:
            self._texts[path] = self._reader.text(path, 0, _END)
        return self._texts[path]

    # Modules and classes of the workspace

    def _module(self, target: str) -> _Known:
        if target not in self._modules:
            self._modules[target] = _OPEN  # for modules that import each other
            self._modules[target] = self._read_module(target)
        return self._modules[target]

    def _read_module(self, target: str) -> _Known:
        if self._language in BY_FOLDER:
            return self._read_package(target)
        text = self._text(target)
        outline = self._reader.outline(target)
        if text is None or not outline or is_dynamic(text) or brings_anything(text):
            return _OPEN
        names = {s.name for s in outline if not s.scope}
        for row in self._reader.imports(target):
            names.update(here for _, here in row.names)
        return _Known(frozenset(names), frozenset({target}), True)

    def _read_package(self, target: str) -> _Known:
        """A package that is a folder: what the index has of it is asked name by name."""
        folder = _folder(target) if target.endswith(".go") else target
        names = {s.name for s in self._reader.outline(target) if not s.scope}
        return _Known(
            frozenset(n for n in names if n[:1].isupper()), frozenset({folder + "/"}), True
        )

    def _class(self, path: str, name: str, depth: int = 0) -> _Known:
        """The class that is called `name` in a file, with all that it inherits."""
        key = path, name
        if key not in self._classes:
            self._classes[key] = _OPEN
            self._classes[key] = self._read_class(path, name, depth)
        return self._classes[key]

    def _read_class(self, path: str, name: str, depth: int) -> _Known:
        defined = self._find(path, name)
        if len(defined) != 1 or depth > _DEPTH:
            return _OPEN
        symbol = defined[0]
        text = self._text(symbol.path)
        made_from = bases(symbol, self._language)
        if text is None or made_from is None or has_dynamic_members(text):
            return _OPEN
        scope = f"{symbol.scope}.{name}" if symbol.scope else name
        names = {s.name for s in self._reader.outline(symbol.path) if s.scope == scope}
        files = {symbol.path}
        if self._language == "go":
            body = text.split("\n")[symbol.line : symbol.end_line]
            if any(EMBEDDED.fullmatch(line) for line in body[1:]):
                return _OPEN
            files = {_folder(symbol.path) + "/"}
        names |= OBJECT.get(self._language, frozenset())
        for base in made_from:
            outside = outside_base(base, self._language)
            if outside is not None:
                names |= outside
                continue
            known = self._class(symbol.path, base, depth + 1)
            if not known.complete:
                return _OPEN
            names |= known.names
            files |= known.files
        return _Known(frozenset(names), frozenset(files), True)

    def _find(self, path: str, name: str, hops: int = 0) -> list[Symbol]:
        """The classes that `name` may mean in a file; several where that is not sure."""
        imported = False
        found: dict[Symbol, None] = {}
        for row in self._imports() if path == self._path else self._reader.imports(path):
            there = next((there for there, here in row.names if here == name), "")
            if not row.names and self._language == "java" and last_part(row.module) == name:
                there = name
            if not there:
                continue
            imported = True
            target = row.target or (self._target_of(row.module) if path == self._path else "")
            if not target:
                return []  # from outside, whatever else is called so
            found.update(dict.fromkeys(self._at(target, there)))
            if not found and hops < _HOPS:
                found.update(dict.fromkeys(self._find(target, there, hops + 1)))
        found.update(dict.fromkeys(self._at(path, name)))
        if found or imported or self._language in PYTHON | SCRIPT:
            return list(found)
        symbols = [s for s in self._reader.definitions([name]) if s.kind in _CLASSES]
        if self._language in ("go", "java"):
            symbols = [s for s in symbols if _folder(s.path) == _folder(path)]
        return symbols

    def _at(self, path: str, name: str) -> list[Symbol]:
        return [s for s in self._reader.outline(path) if s.name == name and s.kind in _CLASSES]


def _nearest(names: Iterable[str], name: str, typed: str) -> tuple[str, ...]:
    """Of the names that begin with `typed`, those with the most words in common with `name`."""
    words = set(_WORDS.findall(name.lower()))

    def far(other: str) -> tuple[int, str]:
        return -len(words & set(_WORDS.findall(other.lower()))), other

    fitting = [n for n in names if n.startswith(typed) and not n.startswith("__")]
    return tuple(sorted(fitting, key=far)[:MAX_CHOICES])


def _is_file_of(row: FileImport) -> bool:
    """Whether the target is the module itself, not one that is imported from it by name."""
    stem = posixpath.splitext(row.target)[0].removesuffix("/__init__")
    inner = row.module.lstrip("./").replace(".", "/")
    return stem.endswith(inner) if inner else row.target.endswith("__init__.py")


def _is_bound_at(text: str, at: int) -> bool:
    """Whether the line of Python with the name at `at` may define it for the whole module."""
    start = text.rfind("\n", 0, at) + 1
    left, right = text[start:at], text[at : text.find("\n", at)]
    if not left or left[0] not in " \t" or _DEFINES.search(left):
        return True
    return not left.strip() and _IN_A_LIST.fullmatch(right) is not None


def _may_be_bound_below(tail: str, code: str, language: str) -> bool:
    """Whether `code` may be the element of a comprehension, or goes on with what stands above."""
    opened = tail.rstrip()[-1:]
    if opened == ".":
        return True
    if opened not in ("(", "[") and not (opened == "{" and language in PYTHON):
        return False
    line, ended, _ = code.partition("\n")
    return not ended or not line.rstrip().endswith(",")


def _folder(path: str) -> str:
    return posixpath.dirname(path)
