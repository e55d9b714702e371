"""The code that an explanation is shown and may speak of: of the document, and of the index.

Other files are read through the index alone, so nothing that is ignored is read, and secrets are
masked. Event loop only; a question takes milliseconds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from slmcode.features.edits.claims import Spot
from slmcode.features.edits.frames import Frame
from slmcode.features.names import occurrences, occurs
from slmcode.features.naming import GLOBALS, KEYWORDS
from slmcode.features.project import Folder, file_of
from slmcode.index.rows import Symbol
from slmcode.index.secrets import mask
from slmcode.prompt.explaining import Source
from slmcode.syntax.symbols import Definition, Outline
from slmcode.text import Snapshot, TextRange

_COMMON = 3  # definitions of a name that say nothing any more of which one is meant
_DEFINITIONS = 5  # of what the code uses
_USES = 3  # of what the code defines
_SHOWN = 12  # lines of a definition
_AROUND = 2  # lines on either side of a use
_PASSAGES = 20
_AROUND_FRAME = 8  # lines above the line of a frame, and half as many below it
_FUNCTION = 40  # lines of a function that is shown whole
_MOST_SPOTS = 2
_END = 1_000_000  # a line behind the end of every file
_NAME = re.compile(r"[^\W\d]\w*")
_VALUES = ("variable", "constant", "field")
_DEFINING = ("function", "method", "class", "interface", "struct", "enum", "type")
# Where the code of others is: a frame there is mapped to the workspace only by its whole path.
_OTHERS = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|node_modules|lib/python[\d.]+|\.cargo|rustc|"
    r"pkg/mod|usr/(?:lib|include|local/go)|gems|vendor|jdk|<frozen|node:)|^(?:node:|<)"
)


class Mapped(NamedTuple):
    """A frame and where it is in the workspace.

    `source` is the code around it, None where it cannot be shown; `why` says why, "" where it can.
    """

    frame: Frame
    spot: Spot | None
    source: Source | None
    why: str = ""


class Evidence:
    """The indexed code of one folder, with one open document or without."""

    def __init__(
        self,
        folder: tuple[Folder, str] | None,
        snapshot: Snapshot | None = None,
        found: Outline | None = None,
    ) -> None:
        self._folder = folder[0] if folder is not None else None
        self._path = folder[1] if folder is not None else ""
        self._snapshot = snapshot
        self._outline = found.definitions if found is not None else ()
        self._mapped: dict[Frame, Mapped] = {}

    @property
    def is_indexed(self) -> bool:
        """Whether there is an index."""
        return self._folder is not None

    @property
    def is_whole(self) -> bool:
        """Whether the index has all files by now."""
        return self._folder is not None and not self._folder.index.progress.running

    # The document

    @property
    def name(self) -> str:
        """The document as people are shown it: its path in the folder."""
        assert self._snapshot is not None
        if self._path:
            return self._path
        path = file_of(self._snapshot.uri)
        return path.name if path is not None else self._snapshot.uri.rpartition("/")[2]

    def lines(self, lines: TextRange, about: str = "") -> Source:
        """Whole lines of the document."""
        assert self._snapshot is not None
        text = self._snapshot.text[slice(*lines)]
        first = self._snapshot.line_at(lines.start) + 1
        return Source(self.name, first, mask(text), about, self._snapshot.uri)

    def related(self, lines: TextRange) -> Iterator[Source]:
        """What the lines use and who uses them, the most telling first, apart from the lines."""
        assert self._snapshot is not None
        text = self._snapshot.text[slice(*lines)]
        own = [d for d in self._outline if lines.start <= d.start < lines.end]
        names = [d.name for d in own if d.kind in _DEFINING]
        uses = self._uses(names[:_USES], lines)
        taken = {d.name for d in own}
        definitions = self._definitions(text, lines, taken)
        around = self._header(lines)
        if around is not None:
            yield around
        for pair in zip_longest(definitions, uses):
            yield from (source for source in pair if source is not None)

    def _header(self, lines: TextRange) -> Source | None:
        """The header of the definition around the lines."""
        assert self._snapshot is not None
        around = [
            d for d in self._outline if d.start < lines.start and lines.end <= self._behind(d.end)
        ]
        inner = max(around, key=lambda d: d.start, default=None)
        if inner is None:
            return None
        end = min(lines.start, self._line_behind(inner.line + 2))
        return self.lines(
            TextRange(self._snapshot.line_start(inner.start), end), f"the header of {inner.name}"
        )

    def _definitions(self, text: str, lines: TextRange, taken: set[str]) -> Iterator[Source]:
        """Definitions of the names in a text, in its order."""
        names = [
            name
            for name in dict.fromkeys(_NAME.findall(text))
            if name not in taken and name not in KEYWORDS and len(name) > 1
        ]
        around = {d.name for d in self._outline if d.start < lines.start < d.end}
        elsewhere = self._defined_elsewhere(names)
        n = 0
        for name in names:
            here = [
                d
                for d in self._outline
                if d.name == name and not (d.start < lines.end and lines.start < d.end)
            ]
            found: Source | None = None
            if here or name in around:
                if name not in around and len(here) <= _COMMON:
                    found = self.lines(self._beginning(here[0]), f"defines {name}")
            elif 0 < len(symbols := elsewhere.get(name, [])) <= _COMMON:
                end = min(symbols[0].end_line, symbols[0].line + _SHOWN)
                found = self._file(symbols[0].path, symbols[0].line, end, f"defines {name}")
            if found is not None:
                n += 1
                yield found
            if n == _DEFINITIONS:
                return

    def _defined_elsewhere(self, names: Sequence[str]) -> dict[str, list[Symbol]]:
        """What other files define of the names; what the document imports, in its own file."""
        if self._folder is None:
            return {}
        imported: dict[str, tuple[str, str]] = {}
        for row in self._folder.reader.imports(self._path):
            for there, here in row.names:
                imported.setdefault(here, (there, row.target))
        meant = {name: imported.get(name, (name, "")) for name in names}
        wanted = {there for name, (there, _) in meant.items() if name not in GLOBALS["python"]}
        by_name = defaultdict(list)
        limit = (_COMMON + 1) * len(wanted)
        for s in self._folder.reader.definitions(sorted(wanted), limit):
            if s.path != self._path and s.kind not in _VALUES:
                by_name[s.name].append(s)
        return {
            name: [s for s in by_name[there] if target in ("", s.path)]
            for name, (there, target) in meant.items()
        }

    def _uses(self, names: Sequence[str], lines: TextRange) -> Iterator[Source]:
        """Where names are used: in the document outside of the lines, and in other files."""
        n = 0
        for name in names:
            for source in (*self._used_here(name, lines), *self._used_elsewhere(name)):
                if n == _USES:
                    return
                n += 1
                yield source

    def _used_here(self, name: str, lines: TextRange) -> Iterator[Source]:
        assert self._snapshot is not None
        last = -1
        for at in occurrences(self._snapshot.text, name):
            line = self._snapshot.line_at(at)
            if lines.start <= at < lines.end or line <= last:
                continue
            last = line + _AROUND
            start = self._snapshot.line_starts[max(0, line - _AROUND)]
            end = self._line_behind(last)
            if start < lines.end and lines.start < end:
                start, end = self._snapshot.line_starts[line], self._line_behind(line)
            yield self.lines(TextRange(start, end), f"uses {name}")

    def _used_elsewhere(self, name: str) -> Iterator[Source]:
        if self._folder is None:
            return
        for path, line in self._occurring(name, but_not=self._path):
            first = max(0, line - _AROUND)
            source = self._file(path, first, line + _AROUND + 1, f"uses {name}")
            if source is not None:
                yield source

    def _occurring(self, name: str, but_not: str = "") -> Iterator[tuple[str, int]]:
        """Files and lines from 0 that have a name, the first one of each passage."""
        assert self._folder is not None
        reader = self._folder.reader
        for passage in reader.passages([name], _PASSAGES, but_not):
            text = reader.text(passage.path, passage.line, passage.end_line)
            for n, line in enumerate(text.split("\n") if text else ()):
                if occurs(line, name):
                    yield passage.path, passage.line + n
                    break

    def _beginning(self, definition: Definition) -> TextRange:
        assert self._snapshot is not None
        last = min(definition.end_line, definition.line + _SHOWN - 1)
        start = self._snapshot.line_start(definition.start)
        return TextRange(start, self._line_behind(last))

    def _line_behind(self, line: int) -> int:
        """Where the line behind a line of the document begins."""
        assert self._snapshot is not None
        starts = self._snapshot.line_starts
        return starts[line + 1] if line + 1 < len(starts) else len(self._snapshot.text)

    def _behind(self, offset: int) -> int:
        assert self._snapshot is not None
        return self._line_behind(self._snapshot.line_at(offset))

    # The index

    def find(self, name: str) -> list[Spot]:
        """Where a name is defined, else where it stands: in the document, then in the index."""
        if self._snapshot is not None:
            own = [d.line + 1 for d in self._outline if d.name == name]
            if not own:
                at = next(occurrences(self._snapshot.text, name), None)
                own = [self._snapshot.line_at(at) + 1] if at is not None else []
            if own:
                return [Spot(self.name, self._snapshot.uri, line) for line in own[:_MOST_SPOTS]]
        if self._folder is None:
            return []
        symbols = self._folder.reader.definitions([name], _MOST_SPOTS)
        if symbols:
            return [self._spot(s.path, s.line + 1) for s in symbols]
        return [self._spot(path, n + 1) for path, n in self._occurring(name)][:1]

    def _spot(self, path: str, line: int) -> Spot:
        return Spot(path, self._uri(path), line)

    def _uri(self, path: str) -> str:
        assert self._folder is not None
        return (self._folder.path / path).as_uri()

    def _file(self, path: str, line: int, end: int, about: str) -> Source | None:
        """Lines of a file, from 0, end exclusive; None where the file is another by now."""
        assert self._folder is not None
        text = self._folder.reader.text(path, line, end)
        if text is None or not text.strip():
            return None
        return Source(path, line + 1, mask(text), about, self._uri(path))

    # Frames

    def mapped(self, frame: Frame) -> Mapped:
        """Where a frame of a trace is in the workspace, and the code around it."""
        if frame not in self._mapped:
            self._mapped[frame] = self._map(frame)
        return self._mapped[frame]

    def _map(self, frame: Frame) -> Mapped:
        if self._folder is None:
            return Mapped(frame, None, None, "no workspace folder is open")
        paths = self._paths_of(frame)
        if not paths:
            return Mapped(frame, None, None, "not in the indexed code")
        if len(paths) > 1:
            shown = ", ".join(paths[:3]) + (", …" if len(paths) > 3 else "")
            return Mapped(frame, None, None, f"it may be any of {len(paths)} files: {shown}")
        path, line = paths[0], frame.line - 1
        text = self._folder.reader.text(path, 0, _END)
        if text is None:
            spot = self._spot(path, frame.line)
            return Mapped(frame, spot, None, "the file was changed since it was indexed")
        n_lines = len(text.removesuffix("\n").split("\n"))
        if not 0 <= line < n_lines:
            return Mapped(frame, None, None, f"{path} has {n_lines} lines: it is another version")
        symbol = self._around(path, line)
        first, end = max(0, line - _AROUND_FRAME), line + _AROUND_FRAME // 2 + 1
        if symbol is not None:
            whole = symbol.end_line - symbol.line <= _FUNCTION
            first = symbol.line if whole else max(first, symbol.line)
            end = symbol.end_line if whole else min(end, symbol.end_line)
        source = self._file(path, first, min(end, n_lines), f"line {frame.line} is in the trace")
        return Mapped(frame, self._spot(path, frame.line), source)

    def used_on(self, mapped: Mapped) -> Iterator[Source]:
        """Definitions of what the line of a frame uses."""
        assert self._folder is not None
        assert mapped.spot is not None
        reader = self._folder.reader
        path, line = mapped.spot.path, mapped.spot.line - 1
        text = reader.text(path, line, line + 1) or ""
        for name in dict.fromkeys(_NAME.findall(text)):
            if name in KEYWORDS or name in GLOBALS["python"]:
                continue
            symbols = [s for s in reader.definitions([name]) if s.kind not in _VALUES]
            own = [s for s in symbols if s.path == path] or symbols
            if 0 < len(own) <= _COMMON:
                end = min(own[0].end_line, own[0].line + _SHOWN)
                source = self._file(own[0].path, own[0].line, end, f"defines {name}")
                if source is not None:
                    yield source

    def callers(self, mapped: Mapped) -> Iterator[Source]:
        """Where the function of a frame is used."""
        assert self._folder is not None
        assert mapped.spot is not None
        symbol = self._around(mapped.spot.path, mapped.spot.line - 1)
        if symbol is None or symbol.kind not in _DEFINING:
            return
        for path, line in self._occurring(symbol.name):
            if path == symbol.path and symbol.line <= line < symbol.end_line:
                continue
            first = max(0, line - _AROUND)
            source = self._file(path, first, line + _AROUND + 1, f"uses {symbol.name}")
            if source is not None:
                yield source

    def _around(self, path: str, line: int) -> Symbol | None:
        """The innermost function around a line of a file."""
        assert self._folder is not None
        holding = [
            s
            for s in self._folder.reader.outline(path)
            if s.line <= line < s.end_line and s.kind not in _VALUES
        ]
        return max(holding, key=lambda s: s.line, default=None)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Paths of the indexed files by their last part."""
        assert self._folder is not None
        found = defaultdict(list)
        for path in self._folder.reader.files():
            found[path.rpartition("/")[2]].append(path)
        return found

    def _paths_of(self, frame: Frame) -> list[str]:
        """The indexed files that a frame's path may mean: those with the longest common ending."""
        assert self._folder is not None
        spelled = frame.path.replace("\\", "/").removeprefix("./")
        parts = [part for part in spelled.split("/") if part not in ("", ".")]
        candidates = self._by_name.get(parts[-1], []) if parts else []
        if not candidates or ".." in parts:
            return []
        inside = self._folder.relative(Path(spelled))
        if inside is not None:
            return [inside] if inside in candidates else []
        common = {path: _common_ending(path.split("/"), parts) for path in candidates}
        most = max(common.values())
        best = sorted(path for path, n in common.items() if n == most)
        whole = [path for path in best if most == len(path.split("/"))]
        if _OTHERS.search(spelled):
            return whole if most > 1 else []
        if most == 1 and len(parts) > 1:  # its folders are not the workspace's
            return [path for path in best if self._has(path, frame)]
        return best

    def _has(self, path: str, frame: Frame) -> bool:
        """Whether a file defines what a frame is in around the frame's line."""
        symbol = self._around(path, frame.line - 1)
        names = _NAME.findall(frame.name)
        return symbol is not None and bool(names) and symbol.name in names


def _common_ending(a: Sequence[str], b: Sequence[str]) -> int:
    n = 0
    while n < min(len(a), len(b)) and a[-1 - n] == b[-1 - n]:
        n += 1
    return n


def apart(sources: Iterable[Source], first: Source) -> Iterator[Source]:
    """Those that show no line of `first` or of one before them."""
    taken = {(first.uri or first.path, n) for n in range(first.line, first.end_line + 1)}
    for source in sources:
        lines = {(source.uri or source.path, n) for n in range(source.line, source.end_line + 1)}
        if not lines & taken:
            taken |= lines
            yield source
