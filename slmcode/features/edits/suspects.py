"""Which code of a folder a failing command's output points at. Reads files; runs nothing.

Files that are ignored or hold secrets by their names, and links out of the folder, are none of it.
Frames of the output come first, the innermost before those that called it; then functions that the
failing test names, which an assertion that merely compares leads to; then what these call in their
own file. Tests themselves are never suspects: a test must not be made weaker.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from slmcode.features.edits.frames import Frame, traces
from slmcode.index.ignore import Ignored
from slmcode.index.imports import Resolver
from slmcode.index.secrets import is_secret_name
from slmcode.syntax.languages import language_of_path
from slmcode.syntax.parser import SyntaxCache
from slmcode.syntax.symbols import Definition, Outline, outline
from slmcode.text import Snapshot, TextRange

_FILES = 20_000  # of a folder that are looked at
_BYTES = 1_000_000  # of a file
_FUNCTIONS = ("function", "method")
_SKIPPED = {
    "node_modules", "site-packages", "__pycache__", "venv", "env", "target", "build", "dist",
}  # fmt: skip
_TEST_NAME = re.compile(
    r"(?:^|/)(?:tests?|__tests__|spec)/|(?:^|/)(?:test_[^/]*|conftest)\.py$"
    r"|_test\.\w+$|\.(?:test|spec)\.\w+$|(?:Test|Tests|IT)\.(?:java|kt|cs)$"
)
_WORD = re.compile(r"[A-Za-z_]\w*")


class Suspect(NamedTuple):
    """A function, or, where there is none around a place, its line."""

    path: Path
    snapshot: Snapshot
    range: TextRange
    name: str  # "f in a.py"
    message: str  # what its trace says


class Evidence(NamedTuple):
    """What the output points at, likeliest first, and the text of a test that fails."""

    suspects: tuple[Suspect, ...]
    test: str


def is_test(relative: str) -> bool:
    """Whether a file, by its path with `/` in the folder, holds tests."""
    return _TEST_NAME.search(relative) is not None


class Folder:
    """Files of a folder as they are on disk or, where they are open, in the editor."""

    def __init__(self, path: Path, unsaved: Mapping[Path, str], syntax: SyntaxCache) -> None:
        self.path = path
        self._unsaved = unsaved
        self._syntax = syntax
        self._snapshots: dict[str, Snapshot | None] = {}
        self.files = list(_walk(path))

    def snapshot(self, relative: str) -> Snapshot | None:
        """A file; None where it is no text or too large."""
        if relative not in self._snapshots:
            path = self.path / relative
            text = self._unsaved.get(path)
            if text is None and self._is_own(path):
                text = _read(path)
            self._snapshots[relative] = (
                Snapshot(path.as_uri(), language_of_path(relative), None, text)
                if text is not None
                else None
            )
        return self._snapshots[relative]

    def _is_own(self, path: Path) -> bool:
        """Whether a file, links followed, is one of this folder's."""
        real = Path(os.path.realpath(path))
        return real.is_relative_to(self.path) and (
            real == path or real.relative_to(self.path).as_posix() in self.files
        )

    def outline(self, relative: str) -> Outline:
        """What a file defines."""
        snapshot = self.snapshot(relative)
        tree = self._syntax.tree(snapshot, budget_ms=0) if snapshot is not None else None
        if snapshot is None or tree is None:
            return Outline((), ())
        return outline(tree, snapshot.text)

    def text_of(self, relative: str) -> str | None:
        """A file's text, for reading manifests."""
        snapshot = self.snapshot(relative)
        return None if snapshot is None else snapshot.text

    def find(self, printed: str) -> str | None:
        """The file that a trace means; None for one that is not of this folder."""
        path = Path(printed)
        if path.is_absolute():
            real = Path(os.path.realpath(path))
            if not real.is_relative_to(self.path):
                return None
            relative = real.relative_to(self.path).as_posix()
            return relative if relative in self.files else None
        relative = Path(os.path.normpath(path)).as_posix()
        if relative in self.files:
            return relative
        ends = [f for f in self.files if f.endswith("/" + relative)]
        return ends[0] if len(ends) == 1 else None


def evidence(folder: Folder, output: str) -> Evidence:
    """What a failing command's output points at."""
    found: dict[tuple[str, int], Suspect] = {}
    tests: list[tuple[str, Frame, str]] = []
    for trace in traces(output):
        for frame in reversed(trace.frames):
            relative = folder.find(frame.path)
            if relative is None:
                continue
            if is_test(relative):
                tests.append((relative, frame, trace.message))
            else:
                _add(found, _at(folder, relative, frame.line, trace.message))
    shown = ""
    for relative, frame, message in tests:
        test = _definition_at(folder, relative, frame.line)
        if test is None:
            continue
        snapshot = folder.snapshot(relative)
        assert snapshot is not None
        shown = shown or snapshot.text[test.start : test.end]
        names = _names(snapshot, test, frame.line)
        for other in _imported(folder, relative):
            for suspect in _named(folder, other, names, message):
                _add(found, suspect)
    for suspect in list(found.values()):
        relative = suspect.path.relative_to(folder.path).as_posix()
        names = _WORD.findall(suspect.snapshot.text[slice(*suspect.range)])
        for called in _named(folder, relative, names, suspect.message):
            _add(found, called)
    return Evidence(tuple(found.values()), shown)


def _add(found: dict[tuple[str, int], Suspect], suspect: Suspect | None) -> None:
    if suspect is not None:
        found.setdefault((str(suspect.path), suspect.range.start), suspect)


def _at(folder: Folder, relative: str, line: int, message: str) -> Suspect | None:
    snapshot = folder.snapshot(relative)
    if snapshot is None or not 1 <= line <= len(snapshot.line_starts):
        return None
    definition = _definition_at(folder, relative, line)
    if definition is not None:
        return _suspect(folder, relative, definition, message)
    start = snapshot.line_starts[line - 1]
    end = snapshot.line_end(start)
    name = f"line {line} of {relative}"
    return Suspect(folder.path / relative, snapshot, TextRange(start, end), name, message)


def _suspect(folder: Folder, relative: str, definition: Definition, message: str) -> Suspect | None:
    snapshot = folder.snapshot(relative)
    if snapshot is None:
        return None
    where = TextRange(definition.start, definition.end)
    name = f"{definition.name} in {relative}"
    return Suspect(folder.path / relative, snapshot, where, name, message)


def _definition_at(folder: Folder, relative: str, line: int) -> Definition | None:
    around = [
        d
        for d in folder.outline(relative).definitions
        if d.kind in _FUNCTIONS and d.line <= line - 1 <= d.end_line
    ]
    return max(around, key=lambda d: d.start, default=None)


def _names(snapshot: Snapshot, test: Definition, line: int) -> list[str]:
    """Names in a test, those in the line that failed first."""
    start = snapshot.line_starts[min(line, len(snapshot.line_starts)) - 1]
    failed = snapshot.text[start : snapshot.line_end(start)]
    words = _WORD.findall(failed) + _WORD.findall(snapshot.text[test.start : test.end])
    return list(dict.fromkeys(words))


def _imported(folder: Folder, relative: str) -> list[str]:
    """Files of the folder that a test uses: its imports, and those beside it in its package."""
    snapshot = folder.snapshot(relative)
    assert snapshot is not None
    resolver = Resolver(folder.files, folder.text_of)
    found: dict[str, None] = {}
    for one in folder.outline(relative).imports:
        files = resolver.resolve(snapshot.language_id, one.module, one.names, relative)
        found |= dict.fromkeys(files)
    if snapshot.language_id in ("go", "java", "kotlin", "c", "cpp"):
        found |= dict.fromkeys(resolver.package(relative))
    return [file for file in found if not is_test(file)]


def _named(folder: Folder, relative: str, names: Iterable[str], message: str) -> Iterator[Suspect]:
    """The functions of a file that have these names, in the order of the names."""
    by_name: dict[str, list[Definition]] = {}
    for definition in folder.outline(relative).definitions:
        if definition.kind in _FUNCTIONS:
            by_name.setdefault(definition.name, []).append(definition)
    for name in names:
        for definition in by_name.get(name, ()):
            suspect = _suspect(folder, relative, definition, message)
            if suspect is not None:
                yield suspect


def _walk(folder: Path) -> Iterator[str]:
    n = 0
    ignored = Ignored(folder)
    for where, folders, files in os.walk(folder):
        above = Path(where).relative_to(folder).as_posix()
        above = "" if above == "." else above
        folders[:] = sorted(
            f
            for f in folders
            if f not in _SKIPPED and not f.startswith(".") and not ignored.skips(above, f)
        )
        rules = ignored.enter(above)
        for name in sorted(files):
            n += 1
            if n > _FILES:
                return
            if not is_secret_name(name) and not rules.ignored(name, False):
                yield f"{above}/{name}" if above else name


def _read(path: Path) -> str | None:
    try:
        if path.stat().st_size > _BYTES:
            return None
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\0" in text else text
