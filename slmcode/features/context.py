"""What of the workspace helps at a cursor: found by rules, scored, and each with its reason.

    reason    what it is                                                              score
    receiver  the members of the class of `x` in `x.|`                                1.0
    call      the definition of `f` in `f(…|`                                         1.0
    lexical   passages with the same words as the lines around the cursor (BM25)      0.75
    member    the members of the class of `x` where `x.` stands on a line above       0.65
    sibling   passages of files that import this one, its tests among them, by words  0.5
    import    definitions of imported names that are used near the cursor             0.5
    base      the classes that the class around the cursor is made from               0.45
    name      definitions of other names used near the cursor                         0.45
    recent    where the user edited or looked last, in other files                    0.4

In front of all of them stand the cells above, in a notebook (`cells.py`). The rest of the cursor's
own file is a source like any other: the window shows 35 lines of it.
A name counts less the further its line is from the cursor and the more definitions it has. What
stands in the model's window already is left out: repeating it teaches only to repeat. The same
index and the same document give the same chunks.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import msgspec

from slmcode.features.names import occurrences
from slmcode.index.chunks import terms, terms_of
from slmcode.index.rows import FileImport, Passage, Symbol
from slmcode.index.secrets import mask
from slmcode.prompt.context import Chunk
from slmcode.text import Snapshot, TextRange

_SCORE = {
    "receiver": 1.0,
    "call": 1.0,
    "lexical": 0.75,
    "member": 0.65,
    "import": 0.5,
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
_OCCURRENCES = 40  # of a variable that are looked at for its type
_NAMES = 40  # the nearest ones are looked up
_WORDS_ABOVE, _WORDS_BELOW = 4, 3  # lines whose words are searched for; with 20 all gain is gone
_PASSAGES = 12  # that are cut into windows
_HALF = 5  # lines of half a window; the next one begins with the other half
_WINDOWS = 24  # that compete for the prompt
_SHORT = 20  # words; keeps windows of a line or two from winning by their length alone
_WHOLE = 10  # lines; a longer definition is shown by its beginning
_BEGINNING = 6
_MEMBERS = 24  # of a class
_REPEATED = 0.7  # share of a chunk's lines that stand in the window: left out
_TELLING = 4  # characters of a line that says anything

_NAME = re.compile(r"[^\W\d]\w*")
_RECEIVER = re.compile(r"([^\W\d]\w*)\s*(?:\.|->|::|\?\.)\s*\w*$")
_DOTTED = re.compile(r"(?<![\w.])([^\W\d]\w*)(?=(?:\.|->|::|\?\.)[^\W\d])")
_CALL = re.compile(r"([^\W\d]\w*)\s*\($")
# Behind a variable: `: T`, `= T(`, in Go ` T`. In front of it: `T `, `struct T *`.
_TYPED = (
    re.compile(r"\??\s*:\s*(?:&|mut |readonly |\"|\w+\[)*(?:\w+\.)*([A-Z]\w*)"),
    re.compile(r"[^=\n]{0,60}?:?=\s*(?:await |new |&)*(?:\w+(?:\.|::))*([A-Z]\w*)\s*[({]"),
    re.compile(r"\s+\*?(?:\w+\.)?([A-Z]\w*)\b"),
)
_DECLARED = re.compile(r"(?:struct\s+|\b(?=[A-Z]))(\w+)(?:<[^<>]*>)?[ *&]+$")
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
    """What is asked of an index; `index.reader.Reader` has it."""

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


def retrieve(reader: Reader, place: Place, sources: Collection[str] = SOURCES) -> Iterator[Chunk]:
    """The chunks for a cursor, best first; none is in the window or another chunk.

    Take as many as are needed: the text of a chunk is read when it is asked for.
    """
    search = _Search(reader, place)
    found = [row for source in SOURCES if source in sources for row in search.found(source)]
    found.sort(key=lambda f: (-f.score, f.what.path, f.what.line, f.what.end_line))
    return search.distinct(found)


class _Found(NamedTuple):
    """What a source found, before its text is read."""

    what: Symbol | Passage
    score: float
    reason: str


class _Search:
    """One retrieval: what is known of the cursor's surroundings, and a method per source."""

    def __init__(self, reader: Reader, place: Place) -> None:
        self._reader = reader
        self._place = place
        snapshot, offset = place.snapshot, place.offset
        self._line = snapshot.line_at(offset)
        self._left = snapshot.text[snapshot.line_start(offset) : offset]
        self._window = (snapshot.line_at(place.window.start), snapshot.line_at(place.window.end))
        self._weights = _names_around(snapshot, self._line)
        self._nearest = sorted(self._weights, key=self._weights.__getitem__, reverse=True)[:_NAMES]
        self._imports = reader.imports(place.path)
        self._outline = reader.outline(place.path)
        self._imported: dict[str, tuple[str, str]] = {}  # name here -> name there, its file
        for row in self._imports:  # of several files that a module may mean the likeliest first
            for there, here in row.names:
                self._imported.setdefault(here, (there, row.target))
        self._definitions: dict[str, list[Symbol]] = {}
        self._look_up(self._nearest)

    def found(self, source: str) -> Iterator[_Found]:
        """What one source finds."""
        for what, share in getattr(self, f"_{source}")():
            yield _Found(what, _SCORE[source] * share, source)

    def distinct(self, found: Iterable[_Found]) -> Iterator[Chunk]:
        """The chunks of what was found, but for what is in the window or mostly in a better one."""
        place = self._place
        seen = set(_telling(place.snapshot.text[place.window.start : place.window.end]))
        first, last = self._window
        taken: dict[str, list[tuple[int, int]]] = {}
        for row in found:
            what, outlined = row.what, _is_outlined(row.what)
            spans = taken.setdefault(what.path, [])
            if not outlined and (
                any(what.line < end and start < what.end_line for start, end in spans)
                or (what.path == place.path and what.line <= last and first < what.end_line)
            ):
                continue
            chunk = self._members_of(row) if outlined else self._lines(row)
            lines = _telling(chunk.text) if chunk is not None else []
            if chunk is None or sum(line in seen for line in lines) >= _REPEATED * len(lines):
                continue
            spans.append((chunk.line, chunk.end_line))
            seen.update(lines)
            yield msgspec.structs.replace(chunk, text=mask(chunk.text))

    # Sources

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
        known = name in self._imported or name[:1].isupper()
        types = [name] if known else _types_of(name, self._place.snapshot.text)
        self._look_up(types)
        for type_name in types:
            yield from self._classes(type_name)

    def _call(self) -> Iterator[tuple[Symbol, float]]:
        for depth, name in enumerate(_open_calls(self._left)):
            for symbol, share in self._nearest_first(self._meant(name)):
                yield symbol, share * 0.9**depth

    def _import(self) -> Iterator[tuple[Symbol, float]]:
        # `module.name` is a name near the cursor that a module imported as a whole defines.
        modules = {row.target for row in self._imports if row.target and not row.names}
        for name in self._nearest:
            if self._imported.get(name, ("", ""))[1]:
                yield from ((symbol, self._weights[name]) for symbol in self._meant(name))
            elif modules:
                for symbol in self._definitions[name]:
                    if symbol.path in modules and not symbol.scope:
                        yield symbol, self._weights[name]

    def _name(self) -> Iterator[tuple[Symbol, float]]:
        imported = self._imported.keys() | {there for there, _ in self._imported.values()}
        for name in self._nearest:
            symbols = [s for s in self._meant(name) if s.kind != "field"]
            if name not in imported and len(symbols) <= _COMMON:
                for symbol, share in self._nearest_first(symbols):
                    yield symbol, share * self._weights[name]

    def _base(self) -> Iterator[tuple[Symbol, float]]:
        around = self._class_around()
        if around is not None:
            names = sorted(set(_NAME.findall(around.signature)) - {around.name} - _KEYWORDS)
            self._look_up(names)
            for name in names:
                yield from self._classes(name)

    def _recent(self) -> Iterator[tuple[Passage, float]]:
        for rank, (path, line) in enumerate(self._place.recent):
            passage = self._reader.passage_at(path, line)
            if passage is not None:
                yield passage, 0.8**rank

    def _sibling(self) -> Iterator[tuple[Passage, float]]:
        importers = set(self._reader.importers(self._place.path))
        yield from ((w, share) for w, share in self._windows if w.path in importers)

    def _lexical(self) -> Iterator[tuple[Passage, float]]:
        yield from self._windows

    @cached_property
    def _windows(self) -> list[tuple[Passage, float]]:
        """Windows of ten lines with the words that are searched for, best first, none in another.

        The best passages of the index are cut into overlapping windows, and these are compared:
        a word counts for more the fewer of them have it, a window for less the more it says. The
        share is that of the best one, which mostly is where the cursor stands.
        """
        windows: list[tuple[Passage, set[str], int]] = []
        for passage in self._reader.passages(self._words, _PASSAGES):
            text = self._text(passage.path, passage.line, passage.end_line)
            lines = text.split("\n") if text is not None else []
            halves = [
                set(terms("\n".join(lines[at : at + _HALF]))) for at in range(0, len(lines), _HALF)
            ]
            for i in range(max(1, len(halves) - 1)):
                said = set().union(*halves[i : i + 2])
                line = passage.line + i * _HALF
                end = min(line + 2 * _HALF, passage.end_line)
                windows.append(
                    (Passage(passage.path, line, end, 0.0), said & self._terms, len(said))
                )
        having = Counter(term for _, found, _ in windows for term in found)
        n = len(windows)
        rarity = {t: math.log(1 + (n - k + 0.5) / (k + 0.5)) for t, k in having.items()}
        ranked = sorted(
            (
                # fsum: the order of a set must not decide between equals
                (math.fsum(rarity[t] for t in found) / math.sqrt(n_said + _SHORT), window)
                for window, found, n_said in windows
            ),
            key=lambda row: (-row[0], row[1].path, row[1].line),
        )
        best = ranked[0][0] if ranked else 0.0
        return [(window, score / best) for score, window in ranked[:_WINDOWS] if score > 0]

    @cached_property
    def _terms(self) -> set[str]:
        """What the index finds the words by."""
        return {term for word in self._words for term in terms_of(word)}

    @cached_property
    def _words(self) -> list[str]:
        """Names on the lines next to the cursor and of the definition around it, nearest first."""
        near = _names_around(
            self._place.snapshot, self._line, above=_WORDS_ABOVE, below=_WORDS_BELOW
        )
        words = sorted(near, key=near.__getitem__, reverse=True)
        around = self._around()
        return [*words, *([around.name] if around is not None else [])]

    # What names mean

    def _look_up(self, names: Iterable[str]) -> None:
        """Ask the index for all of them at once: a question takes longer than its answer."""
        there = {self._imported.get(name, (name, ""))[0] for name in names} | set(names)
        missing = sorted(there - self._definitions.keys())
        if missing:
            self._definitions |= {name: [] for name in missing}
            for symbol in self._reader.definitions(missing, limit=_COMMON * len(missing)):
                self._definitions[symbol.name].append(symbol)

    def _meant(self, name: str) -> list[Symbol]:
        """Where a name is defined: where it is imported from, else in this file, else anywhere."""
        if name not in self._definitions:
            self._look_up([name])
        there, target = self._imported.get(name, (name, ""))
        symbols = self._definitions[there]
        if target:
            return [s for s in symbols if s.path == target]
        own = [s for s in symbols if s.path == self._place.path]
        return own if any(not s.scope for s in own) else symbols

    def _classes(self, name: str) -> Iterator[tuple[Symbol, float]]:
        yield from self._nearest_first([s for s in self._meant(name) if s.kind in _CLASSES])

    def _nearest_first(self, symbols: Sequence[Symbol]) -> Iterator[tuple[Symbol, float]]:
        """Definitions of one name, the nearest folder's first; each is worth 1, 1/2, 1/3 …"""
        here = self._place.path.split("/")

        def way(symbol: Symbol) -> int:
            there = symbol.path.split("/")
            pairs = itertools.takewhile(lambda p: p[0] == p[1], zip(here, there, strict=False))
            return len(here) + len(there) - 2 * len(list(pairs))

        ordered = sorted(symbols[:_COMMON], key=lambda s: (way(s), s.path, s.line))
        yield from ((symbol, 1 / (1 + i)) for i, symbol in enumerate(ordered))

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

    # Text

    def _lines(self, found: _Found) -> Chunk | None:
        """Its lines, of a long definition the first ones. None where they cannot be had."""
        what, score, reason = found
        line, end = what.line, what.end_line
        if isinstance(what, Symbol) and end - line > _WHOLE:
            end = line + _BEGINNING
        text = self._text(what.path, line, end)
        if text is None or not text.strip():
            return None
        return Chunk(what.path, line, end, _dedented(text), score, reason)

    def _members_of(self, found: _Found) -> Chunk | None:
        """A class as its header and the signatures of its members, those in the window left out.

        The chunk's line is the first of them that is not in the window.
        """
        what, score, reason = found
        assert isinstance(what, Symbol)
        scope = f"{what.scope}.{what.name}" if what.scope else what.name
        members = self._reader.members(what.path, scope)
        shown = [m for m in members if not self._in_window(m.path, m.line)][:_MEMBERS]
        if not shown:
            return None
        line = shown[0].line if self._in_window(what.path, what.line) else what.line
        lines = [what.signature, *(f"    {m.signature}" for m in shown)]
        return Chunk(what.path, line, line + 1, "\n".join(lines) + "\n", score, reason)

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


def _is_outlined(what: Symbol | Passage) -> bool:
    """Whether it is shown by its members: a class too long to be shown whole."""
    return isinstance(what, Symbol) and what.kind in _CLASSES and what.end_line - what.line > _WHOLE


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


def _types_of(name: str, text: str) -> list[str]:
    """Names of classes that a variable may be of: from annotations and constructors."""
    types: dict[str, None] = {}
    for at in itertools.islice(occurrences(text, name), _OCCURRENCES):
        start, behind = text.rfind("\n", 0, at) + 1, at + len(name)
        matches = [pattern.match(text, behind) for pattern in _TYPED]
        matches.append(_DECLARED.search(text[start:at]))
        types |= {found[1]: None for found in matches if found is not None}
    return list(types)[:_COMMON]


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


def _telling(text: str) -> list[str]:
    return [line for line in map(str.strip, text.split("\n")) if len(line) >= _TELLING]
