"""What of the workspace helps at a cursor: found by rules, scored, and each with its reason.

    reason    what it is                                                              score
    receiver  the members of the class of `x` in `x.|`                                1.0
    call      the definition of `f` in `f(…|`                                         1.0
    lexical   passages with the same words as the lines around the cursor (BM25)      0.75
    member    the members of the class of `x` where `x.` stands on a line above       0.65
    import    definitions of imported names that are used near the cursor             0.6
    sibling   passages of files that import this one, its tests among them, by words  0.5
    base      the classes that the class around the cursor is made from               0.45
    name      definitions of other names used near the cursor                         0.45
    recent    where the user edited or looked last, in other files                    0.4

The rest of the cursor's own file is a source like any other: the window shows 35 lines of it.
A name counts less the further its line is from the cursor and the more definitions it has. What
stands in the model's window already is left out: repeating it teaches only to repeat. The same
index and the same document give the same chunks.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from slmcode.index.rows import FileImport, Passage, Symbol
from slmcode.index.secrets import mask
from slmcode.prompt.context import Chunk
from slmcode.text import Snapshot, TextRange

_SCORE = {
    "receiver": 1.0,
    "call": 1.0,
    "lexical": 0.75,
    "member": 0.65,
    "import": 0.6,
    "sibling": 0.5,
    "base": 0.45,
    "name": 0.45,
    "recent": 0.4,
}
SOURCES = tuple(_SCORE)
_ABOVE, _BELOW = 30, 6  # lines around the cursor whose names count
_FADE = 0.95  # of a name's weight, for each line it is further away
_COMMON = 4  # a name defined more often than this says nothing about which one is meant
_LINE = 400  # characters of a line that are looked at
_FAR = 2000  # lines above the cursor that may hold the header of its block
_NAMES = 40  # the nearest ones are looked up
_WORDS_ABOVE, _WORDS_BELOW = 4, 3  # lines whose words are searched for; with 20 all gain is gone
_PASSAGES = 6
_WHOLE = 10  # lines; a longer definition is shown by its beginning
_BEGINNING = 6
_MEMBERS = 24  # of a class
_REPEATED = 0.7  # share of a chunk's lines that stand in the window: left out
_TELLING = 4  # characters of a line that says anything

_NAME = re.compile(r"[^\W\d]\w*")
_RECEIVER = re.compile(r"([^\W\d]\w*)\s*(?:\.|->|::|\?\.)\s*\w*$")
_DOTTED = re.compile(r"(?<![\w.])([^\W\d]\w*)(?=(?:\.|->|::|\?\.)[^\W\d])")
_CALL = re.compile(r"([^\W\d]\w*)\s*\($")
_CLASSES = frozenset({"class", "interface", "struct", "enum", "type", "module"})
_SELF = frozenset({"self", "this", "cls", "Self"})
_KEYWORDS = frozenset(
    "abstract and array as assert async await begin bool boolean break byte case catch char"
    " class const continue def default defer del delete do double elif else elsif end enum"
    " esac except export extends extern false fi final finally float fn for foreach from func"
    " function global go goto if impl implements import in include inline instanceof int"
    " integer interface is lambda let local long loop match mod module mut namespace new nil"
    " none not null object of operator or override package pass print private procedure"
    " program protected pub public raise readonly real record ref require rescue return self"
    " sizeof static str string struct sub super switch then this throw throws trait true try"
    " type typedef typeof undef union unless unsigned until use using val var virtual void"
    " volatile when where while with yield".split()
)


class Reader(Protocol):
    """What is asked of an index; `index.store.Reader` has it."""

    def definitions(self, names: Collection[str], limit: int = 50) -> list[Symbol]: ...
    def members(self, path: str, scope: str) -> list[Symbol]: ...
    def outline(self, path: str) -> list[Symbol]: ...
    def imports(self, path: str) -> list[FileImport]: ...
    def importers(self, path: str) -> list[str]: ...
    def passages(self, words: Sequence[str], limit: int) -> list[Passage]: ...
    def passage_at(self, path: str, line: int) -> Passage | None: ...
    def text(self, path: str, line: int, end_line: int) -> str | None: ...


class Place(NamedTuple):
    """A cursor, the part of its document that the model sees, and where the user was before.

    `recent` are paths and lines of other documents, the latest first.
    """

    snapshot: Snapshot
    path: str
    offset: int
    window: TextRange
    recent: Sequence[tuple[str, int]] = ()


def retrieve(reader: Reader, place: Place, sources: Collection[str] = SOURCES) -> list[Chunk]:
    """The chunks for a cursor, best first; none stands in the window or in another chunk."""
    search = _Search(reader, place)
    found: list[Chunk] = []
    for source in SOURCES:
        if source in sources:
            found += search.chunks(source)
    return _distinct(found, place)


class _Search:
    """One retrieval: what is known of the cursor's surroundings, and a method per source."""

    def __init__(self, reader: Reader, place: Place) -> None:
        self._reader = reader
        self._place = place
        snapshot, offset = place.snapshot, place.offset
        self._line = snapshot.line_at(offset)
        self._left = snapshot.text[snapshot.line_start(offset) : offset]
        self._window = _lines_of(place)
        self._weights = _names_around(snapshot, self._line)
        self._imports = reader.imports(place.path)
        self._outline = reader.outline(place.path)
        self._imported = {
            here: (there, row.target) for row in self._imports for there, here in row.names
        }

    def chunks(self, source: str) -> Iterator[Chunk]:
        """What one source finds."""
        method = getattr(self, f"_{source}")
        for symbol_or_passage, share in method():
            chunk = self._chunk(symbol_or_passage, _SCORE[source] * share, source)
            if chunk is not None:
                yield chunk

    def _receiver(self) -> Iterator[tuple[Symbol, float]]:
        if found := _RECEIVER.search(self._left):
            yield from self._class_of(found[1])

    def _member(self) -> Iterator[tuple[Symbol, float]]:
        snapshot = self._place.snapshot
        seen: set[str] = set()
        for line in range(self._line - 1, max(-1, self._line - 1 - _WORDS_ABOVE), -1):
            start = snapshot.line_starts[line]
            text = snapshot.text[start : start + _LINE]
            for name in _DOTTED.findall(text[: snapshot.line_end(start) - start]):
                if name not in seen:
                    seen.add(name)
                    for symbol, share in self._class_of(name):
                        yield symbol, share * _FADE ** (self._line - line)

    def _class_of(self, name: str) -> Iterator[tuple[Symbol, float]]:
        """The class whose members stand behind `name.`."""
        if name in _SELF:
            around = self._class_around()
            if around is not None:
                yield around, 1.0
            return
        for type_name in self._types_of(name):
            classes = [s for s in self._defined([type_name]) if s.kind in _CLASSES]
            yield from self._nearest_first(classes)

    def _call(self) -> Iterator[tuple[Symbol, float]]:
        for depth, name in enumerate(_open_calls(self._left)):
            for symbol, share in self._nearest_first(self._defined([name])):
                yield symbol, share * 0.9**depth

    def _import(self) -> Iterator[tuple[Symbol, float]]:
        for here, (there, target) in self._imported.items():
            weight = self._weights.get(here, 0.0)
            if not weight or not target:
                continue
            for symbol in self._reader.definitions([there]):
                if symbol.path == target:
                    yield symbol, weight
        # `module.name`: names used near the cursor that a module imported as a whole defines.
        modules = {row.target for row in self._imports if row.target and not row.names}
        if modules:
            for symbol in self._reader.definitions(self._nearest()):
                if symbol.path in modules and not symbol.scope:
                    yield symbol, self._weights[symbol.name]

    def _name(self) -> Iterator[tuple[Symbol, float]]:
        names = [n for n in self._nearest() if n not in self._imported]
        by_name: dict[str, list[Symbol]] = {}
        for symbol in self._defined(names):
            by_name.setdefault(symbol.name, []).append(symbol)
        for name, symbols in by_name.items():
            if len(symbols) <= _COMMON:
                for symbol, share in self._nearest_first(symbols):
                    yield symbol, share * self._weights[name]

    def _base(self) -> Iterator[tuple[Symbol, float]]:
        around = self._class_around()
        if around is None:
            return
        names = set(_NAME.findall(around.signature)) - {around.name} - _KEYWORDS
        for name in sorted(names):
            classes = [s for s in self._defined([name]) if s.kind in _CLASSES]
            yield from self._nearest_first(classes)

    def _recent(self) -> Iterator[tuple[Passage, float]]:
        for rank, (path, line) in enumerate(self._place.recent):
            passage = self._reader.passage_at(path, line)
            if passage is not None:
                yield passage, 0.8**rank

    def _sibling(self) -> Iterator[tuple[Passage, float]]:
        importers = set(self._reader.importers(self._place.path))
        if importers:
            yield from self._by_words(lambda p: p.path in importers)

    def _lexical(self) -> Iterator[tuple[Passage, float]]:
        yield from self._by_words(lambda p: True)

    def _by_words(self, wanted: object) -> Iterator[tuple[Passage, float]]:
        assert callable(wanted)
        passages = self._reader.passages(self._words(), 4 * _PASSAGES)
        best = max((p.score for p in passages), default=0.0)
        if best > 0:
            chosen = [p for p in passages if wanted(p)]
            yield from ((p, p.score / best) for p in chosen[:_PASSAGES])

    def _words(self) -> list[str]:
        """Names on the lines next to the cursor and of the definition around it, nearest first."""
        near = _names_around(
            self._place.snapshot, self._line, above=_WORDS_ABOVE, below=_WORDS_BELOW
        )
        words = sorted(near, key=near.__getitem__, reverse=True)
        around = self._around()
        return [*words, *([around.name] if around is not None else [])]

    def _nearest(self) -> list[str]:
        """Names around the cursor, the nearest first."""
        return sorted(self._weights, key=self._weights.__getitem__, reverse=True)[:_NAMES]

    def _nearest_first(self, symbols: Sequence[Symbol]) -> Iterator[tuple[Symbol, float]]:
        """Definitions of one name, the nearest folder's first; each is worth 1, 1/2, 1/3 …"""
        here = self._place.path.split("/")

        def way(symbol: Symbol) -> int:
            there = symbol.path.split("/")
            pairs = itertools.takewhile(lambda p: p[0] == p[1], zip(here, there, strict=False))
            return len(here) + len(there) - 2 * len(list(pairs))

        ordered = sorted(symbols[:_COMMON], key=lambda s: (way(s), s.path, s.line))
        yield from ((symbol, 1 / (1 + i)) for i, symbol in enumerate(ordered))

    def _defined(self, names: Sequence[str]) -> list[Symbol]:
        """Where names are defined: as this file imports them, else in this file, else anywhere."""
        result: list[Symbol] = []
        wanted: dict[str, tuple[str, str]] = {}  # the name there: the name here, the file
        for name in names:
            there, target = self._imported.get(name, (name, ""))
            wanted[there] = (name, target)
        for symbol in self._reader.definitions(list(wanted)):
            target = wanted[symbol.name][1]
            if not target or symbol.path == target:
                result.append(symbol)
        own = {s.name for s in result if s.path == self._place.path and not s.scope}
        return [s for s in result if s.name not in own or s.path == self._place.path]

    def _types_of(self, name: str) -> list[str]:
        """Names of classes that a variable may be of: annotations and constructors in this file."""
        if name in self._imported or name[:1].isupper():
            return [name]
        text = self._place.snapshot.text
        word = re.escape(name)
        patterns = (
            rf"\b{word}\s*:\s*(?:&|mut |Optional\[|readonly )*\"?(?:\w+\.)*([A-Z]\w*)",  # x: T
            rf"\b{word}\s*:?=\s*(?:await |new |&)*(?:\w+\.)*([A-Z]\w*)\s*[({{]",  # x = T(
            rf"\b([A-Z]\w*)(?:<[^<>]*>)?[ *&]+{word}\b\s*[;,=)]",  # T x
            rf"\b{word}\s+\*?(?:\w+\.)?([A-Z]\w*)\b",  # x T
        )
        types: dict[str, None] = {}
        for pattern in patterns:
            for found in re.finditer(pattern, text):
                types.setdefault(found[1])
        return list(types)[:_COMMON]

    def _around(self, kinds: Collection[str] = ()) -> Symbol | None:
        """The innermost definition of this file, of those kinds, that the cursor's line is in.

        By indentation too: a line that is being written behind the last one belongs to the block.
        """
        headers = set(_headers(self._place.snapshot, self._place.offset))
        holding = [
            s
            for s in self._outline
            if (s.line <= self._line < s.end_line or s.line in headers)
            and (not kinds or s.kind in kinds)
        ]
        return max(holding, key=lambda s: s.line, default=None)

    def _class_around(self) -> Symbol | None:
        return self._around(_CLASSES)

    def _chunk(self, found: Symbol | Passage, score: float, reason: str) -> Chunk | None:
        """The text of what was found. None where it cannot be had any more."""
        line, end = found.line, found.end_line
        if isinstance(found, Symbol) and end - line > _WHOLE:
            if found.kind in _CLASSES:
                return self._members_of(found, score, reason)
            end = line + _BEGINNING
        text = self._text(found.path, line, end)
        if text is None or not text.strip():
            return None
        return Chunk(found.path, line, end, mask(_dedented(text)), score, reason)

    def _members_of(self, found: Symbol, score: float, reason: str) -> Chunk | None:
        """A class as its header and the signatures of its members, those in the window left out.

        The chunk's line is the first of them that is not in the window.
        """
        scope = f"{found.scope}.{found.name}" if found.scope else found.name
        members = self._reader.members(found.path, scope)
        shown = [m for m in members if not self._in_window(m.path, m.line)][:_MEMBERS]
        if not shown:
            return None
        line = shown[0].line if self._in_window(found.path, found.line) else found.line
        lines = [found.signature, *(f"    {m.signature}" for m in shown)]
        text = mask("\n".join(lines) + "\n")
        return Chunk(found.path, line, line + 1, text, score, reason)

    def _text(self, path: str, line: int, end_line: int) -> str | None:
        """Lines of a file, of the cursor's own as they are at this moment."""
        if path != self._place.path:
            return self._reader.text(path, line, end_line)
        snapshot = self._place.snapshot
        starts = [*snapshot.line_starts, len(snapshot.text)]
        return snapshot.text[
            starts[min(line, len(starts) - 1)] : starts[min(end_line, len(starts) - 1)]
        ]

    def _in_window(self, path: str, line: int) -> bool:
        first, last = self._window
        return path == self._place.path and first <= line <= last


def _names_around(
    snapshot: Snapshot, line: int, *, above: int = _ABOVE, below: int = _BELOW
) -> dict[str, float]:
    """Names on the lines around one, each with the weight of its nearest line."""
    starts, text = snapshot.line_starts, snapshot.text
    weights: dict[str, float] = {}
    for at in range(max(0, line - above), min(len(starts), line + below + 1)):
        end = starts[at + 1] if at + 1 < len(starts) else len(text)
        weight = _FADE ** abs(at - line)
        for name in _NAME.findall(text, starts[at], min(end, starts[at] + _LINE)):
            if len(name) > 2 and name.lower() not in _KEYWORDS:
                weights[name] = max(weight, weights.get(name, 0.0))
    return weights


def _headers(snapshot: Snapshot, offset: int) -> Iterator[int]:
    """Lines above the cursor that are less indented than all below them, nearest first."""
    line = snapshot.line_at(offset)
    start = snapshot.line_starts[line]
    left = snapshot.text[start:offset]
    least = len(left) - len(left.lstrip())
    for above in range(line - 1, max(-1, line - _FAR), -1):
        if not least:
            return
        start = snapshot.line_starts[above]
        text = snapshot.text[start : start + _LINE].partition("\n")[0]
        indent = len(text) - len(text.lstrip())
        if text.strip() and indent < least:
            least = indent
            yield above


def _open_calls(left: str) -> list[str]:
    """Names of the calls whose brackets are open at the end of a line's text, innermost first."""
    names = []
    depth = 0
    for at in range(len(left) - 1, -1, -1):
        if left[at] == ")":
            depth += 1
        elif left[at] == "(":
            if depth:
                depth -= 1
            elif found := _CALL.search(left[: at + 1]):
                names.append(found[1])
    return names


def _dedented(text: str) -> str:
    """Without the white space that all lines have in common on the left."""
    lines = text.split("\n")
    widths = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(widths, default=0)
    return "\n".join(line[least:] for line in lines)


def _distinct(chunks: Iterable[Chunk], place: Place) -> list[Chunk]:
    """Best first; without those that stand in the window or, for the most part, in a better one."""
    first, last = _lines_of(place)
    seen = set(_telling(place.snapshot.text[place.window.start : place.window.end]))
    kept: list[Chunk] = []
    taken: dict[str, list[tuple[int, int]]] = {}
    for chunk in sorted(chunks, key=lambda c: (-c.score, c.path, c.line, c.end_line)):
        spans = taken.setdefault(chunk.path, [])
        if any(chunk.line < end and start < chunk.end_line for start, end in spans):
            continue
        if chunk.path == place.path and chunk.line <= last and first < chunk.end_line:
            continue
        lines = _telling(chunk.text)
        if not lines or sum(line in seen for line in lines) >= _REPEATED * len(lines):
            continue
        spans.append((chunk.line, chunk.end_line))
        seen.update(lines)
        kept.append(chunk)
    return kept


def _lines_of(place: Place) -> tuple[int, int]:
    """The first and the last line of the window."""
    snapshot, window = place.snapshot, place.window
    return snapshot.line_at(window.start), snapshot.line_at(window.end)


def _telling(text: str) -> list[str]:
    return [line for line in map(str.strip, text.split("\n")) if len(line) >= _TELLING]
