"""The files of a workspace as rope sees them: our texts, made plain, and nothing that is ignored.

rope gets LF for line endings, no byte order mark and a line ending behind the last line; what comes
back is put onto the text as it was, so that lines which say the same stay as they are.
"""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path
from typing import Any

from rope.base import exceptions
from rope.base.prefs import Prefs
from rope.base.project import Project
from rope.base.resources import File, Resource

from slmcode.refactor.messages import CannotDo, Changed
from slmcode.refactor.names import Names

MAX_CHARS = 1_000_000
_LONE_CR = re.compile(r"\r(?!\n)")
_ODD_LINE = re.compile("[\f\v\x1c-\x1e\x85\u2028\u2029]")
_BOM = "\ufeff"


class Source:
    """One Python file: its text as it is and as rope sees it. Raises SyntaxError as `tree` does."""

    def __init__(self, path: str, original: str) -> None:
        self.path = path
        self.original = original
        plain = original.removeprefix(_BOM).replace("\r\n", "\n")
        self.text = plain if plain.endswith("\n") or not plain else plain + "\n"

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def names(self) -> Names:
        return Names(self.tree)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node around each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def starts(self) -> list[int]:
        """Offsets at which lines begin."""
        starts = [0]
        for line in self.text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def offset(self, line: int, column: int) -> int:
        """The offset of ast's line, from 1, and column, in bytes."""
        start, end = self.starts[line - 1], self.starts[line]
        text = self.text[start:end]
        if text.isascii():
            return start + column
        return start + len(text.encode()[:column].decode(errors="replace"))

    def range(self, node: ast.AST) -> tuple[int, int]:
        """Where a node stands; of no use for nodes in f-strings."""
        assert isinstance(node, ast.expr | ast.stmt | ast.arg | ast.keyword | ast.excepthandler)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.offset(node.lineno, node.col_offset)
        return start, self.offset(node.end_lineno, node.end_col_offset)

    def line(self, offset: int) -> int:
        """The line, from 1."""
        return self.text.count("\n", 0, offset) + 1

    def plain(self, offset: int) -> int:
        """The offset in `text` of one in `original`."""
        before = self.original[:offset]
        return max(0, offset - before.count("\r\n") - before.startswith(_BOM))

    def comments(self) -> list[str]:
        """All comments, in order."""
        return comments(self.text)

    def uses_tabs(self) -> bool:
        """Whether lines are indented with tabs."""
        return re.search(r"^\t", self.text, re.MULTILINE) is not None

    def with_text(self, new: str) -> str:
        """The original with rope's new text put onto it."""
        if new and not new.endswith("\n"):
            new += "\n"
        old_lines, new_lines = self.text.split("\n"), new.split("\n")
        ends = re.findall(r"\r\n|\n", self.original)
        end = "\r\n" if ends.count("\r\n") * 2 > len(ends) else "\n"
        originals = re.split(r"(?<=\n)", self.original.removeprefix(_BOM))
        if originals[-1] == "":
            originals.pop()
        out: list[str] = []
        matcher = SequenceMatcher(None, old_lines[:-1], new_lines[:-1], autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag == "equal":
                out += originals[a:b]
            else:
                out += [line + end for line in new_lines[c:d]]
        if out and not self.original.endswith("\n") and self.original:
            out[-1] = out[-1].rstrip("\r\n")
        for i, line in enumerate(out[:-1]):
            if not line.endswith("\n"):
                out[i] = line + end
        bom = _BOM if self.original.startswith(_BOM) else ""
        return bom + "".join(out)


def comments(text: str) -> list[str]:
    """All comments of a text that parses, in order."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


class Workspace:
    """A folder with the unsaved texts of some of its files. Nothing in it is ever written."""

    def __init__(self, folder: str, texts: Mapping[str, str], ignored: Iterable[str]) -> None:
        self.folder = os.path.realpath(folder)
        self._texts = dict(texts)
        self._ignored = frozenset(ignored)
        self._sources: dict[str, Source | None] = {}
        self.notes: list[str] = []
        self.paths = self._find()
        self.project = _RopeProject(self)

    def source(self, path: str) -> Source | None:
        """A file; None where it cannot be read."""
        if path not in self._sources:
            try:
                text = self._texts[path] if path in self._texts else read(path)
                self._sources[path] = Source(path, text)
            except (OSError, SyntaxError, UnicodeError, LookupError):
                self._sources[path] = None
        return self._sources[path]

    def document(self, path: str) -> Source:
        """The file that a refactoring begins at. Raises CannotDo."""
        source = self.source(path)
        if source is None:
            raise CannotDo("the file cannot be read")
        self.check(source)
        return source

    def check(self, source: Source, lines: bool = False) -> None:
        """Raises CannotDo for a file that cannot be changed; `lines`: that is cut into lines."""
        try:
            _ = source.tree
        except (SyntaxError, ValueError, RecursionError) as e:
            line = f" (line {e.lineno})" if isinstance(e, SyntaxError) and e.lineno else ""
            raise CannotDo(f"{source.name} does not parse{line}") from e
        if len(source.text) > MAX_CHARS:
            raise CannotDo(f"{source.name} is too large")
        if _LONE_CR.search(source.original):
            raise CannotDo(f"{source.name} has a line that ends in CR alone")
        if lines and _ODD_LINE.search(source.text):
            raise CannotDo(f"{source.name} has form feeds or other characters that break lines")
        if os.path.exists(source.path) and not os.access(source.path, os.W_OK):
            raise CannotDo(f"{source.name} is read-only")

    def with_word(self, word: str) -> list[Source]:
        """The files that hold a word and parse; a note is made of each that does not parse."""
        found = []
        pattern = re.compile(rf"\b{re.escape(word)}\b")
        for path in self.paths:
            source = self.source(path)
            if source is None:
                self.note(f"{self.relative(path)} cannot be read and was not looked at")
            elif pattern.search(source.text):
                try:
                    _ = source.tree
                except (SyntaxError, ValueError, RecursionError):
                    self.note(f"{self.relative(path)} does not parse and was not looked at")
                else:
                    found.append(source)
        return found

    def with_source(self, source: Source) -> Workspace:
        """The same files, one of them with another text."""
        other = Workspace.__new__(Workspace)
        other.folder, other.paths, other.notes = self.folder, self.paths, self.notes
        other._texts, other._ignored = self._texts, self._ignored
        other._sources = self._sources | {source.path: source}
        other.project = _RopeProject(other)
        return other

    def note(self, text: str) -> None:
        """Remember something the user should know, once."""
        if text not in self.notes:
            self.notes.append(text)

    def relative(self, path: str) -> str:
        """A path as it is shown."""
        return os.path.relpath(path, self.folder).replace(os.sep, "/")

    def resource(self, source: Source) -> File:
        """rope's name for a file."""
        return File(self.project, self.relative(source.path))

    def of_resource(self, resource: Resource) -> Source | None:
        """The file rope speaks of, if it is one of the workspace."""
        if resource is None or resource.project is not self.project:
            return None
        return self.source(os.path.join(self.folder, *resource.path.split("/")))

    def is_ignored(self, name: str) -> bool:
        """Whether a file or folder of that name is not ours."""
        return name in self._ignored or name.startswith(".") or "*" in self._ignored

    def _find(self) -> list[str]:
        """All Python files, and those that are open. Links are not followed.

        Where all names are ignored (`*`) it is the open ones alone.
        """
        found: list[str] = []
        for here, folders, files in os.walk(self.folder) if "*" not in self._ignored else ():
            folders[:] = sorted(f for f in folders if not self.is_ignored(f))
            found += [os.path.join(here, f) for f in sorted(files) if f.endswith((".py", ".pyi"))]
        found = [path for path in found if not os.path.islink(path)]
        inside = [p for p in self._texts if p.startswith(self.folder + os.sep)]
        known = set(found)
        return found + [p for p in sorted(inside) if p.endswith(".py") and p not in known]


def changed(source: Source, text: str) -> Changed:
    """A file with rope's new text."""
    return Changed(source.path, source.original, source.with_text(text))


def read(path: str) -> str:
    """A Python file's text, decoded as Python does. Raises OSError, SyntaxError, UnicodeError."""
    data = Path(path).read_bytes()
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode("utf-8" if encoding == "utf-8-sig" else encoding)


class _Commands:
    """rope's file system: it reads our texts and cannot write."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def read(self, path: str) -> Any:
        source = self._workspace.source(os.path.realpath(path))
        if source is None:
            raise exceptions.ModuleDecodeError(path, "it cannot be read")
        return source.text  # rope takes text for what it has decoded

    def write(self, path: str, data: object) -> None:
        raise AssertionError("rope wants to write")

    create_file = create_folder = move = remove = write


class _RopeProject(Project):  # type: ignore[misc]
    """rope's view of a workspace, without configuration: a project must not tell it what to do."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._found: dict[object, object] = {}
        super().__init__(workspace.folder, fscommands=_Commands(workspace), ropefolder=None)

    def _init_prefs(self, prefs: object) -> None:
        self.prefs = Prefs()
        self.prefs.ignored_resources = []
        self.prefs.automatic_soa = False
        self.prefs.extension_modules = []
        self.prefs.import_dynload_stdmods = False
        self.prefs.ignore_syntax_errors = True
        self.prefs.ignore_bad_imports = True
        self.prefs.save_objectdb = False
        self.prefs.save_history = False
        self._init_other_parts()

    def is_ignored(self, resource: Resource) -> bool:
        return self._workspace.is_ignored(resource.name)

    def get_source_folders(self) -> list[Any]:
        if "folders" not in self._found:
            self._found["folders"] = super().get_source_folders()
        return self._found["folders"]  # type: ignore[return-value]

    def find_module(self, modname: str, folder: Any = None) -> Any:
        key = (modname, folder.path if folder is not None else None)
        if key not in self._found:
            self._found[key] = super().find_module(modname, folder)
        return self._found[key]
