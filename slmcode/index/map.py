"""Which files and definitions of a workspace matter most: PageRank over who uses what.

Files are nodes. An edge leads from a file that uses a name to each file that defines it, and from
a file to those it imports. What an edge weighs:

    how often     the square root of how often the file writes the name
    what name     1 for a name made of several words or written with a capital; less for one
                  lower-case word, which often means something else, for a member and for a value;
                  least for a private one
    whose         divided by the files that define it; where the using file imports some of them,
                  it means these, and three times as surely

Rank spreads from every file alike, but little of it from tests and examples: what all tests use
is not what the program is about. With a focus it spreads from the files in focus alone, along the
edges and, weaker, against them, so that it finds what they use and who uses them.

A definition is worth the mean (geometric) of its file's rank and of what flows into it by its name
and by that of its class. Names are read from the files, whole and as they are written. Pure, and
deterministic: ties go by path and line.

1 M lines of Python take 7 s of one core (measured beside other work), half of it for reading names;
70,000 lines half a second.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import mul
from typing import NamedTuple, Protocol

import msgspec

from slmcode.index.rows import FileImport, Symbol
from slmcode.syntax.languages import language_of_path

CHARS_PER_TOKEN = 3.5  # of signatures, Qwen2.5-Coder's tokenizer
MAX_LINE = 120  # characters of a signature in an outline
_DAMPING = 0.85
_ROUNDS, _CLOSE = 60, 1e-7  # power iteration ends after so many, or when so little changes
_MAX_DEFINERS = 12  # a name defined by more files says nothing about which one is meant
_IMPORTED = 3.0
_IMPORT = 1.0  # an import itself, whatever is used of it
_UPWARD = 0.02  # from a file to one that imports it and not the other way round
_SMALL_WORD, _SMALL_MEMBER, _PRIVATE, _VALUE = 0.2, 0.05, 0.05, 0.15
_STAYS = 5.0  # of each file's weights: who uses little of others gives little to them
_BY_CHANCE = 0.02  # a name that would have to be imported to be meant, and is not
_MAX_HOPS = 4  # files that pass an imported name on
_HELPER = 0.05  # rank that spreads from a test or an example, against 1 from any other file
_BACKWARD = 0.3  # of an edge, against its direction, around files in focus
_INSIDE = 0.02  # worth of being used in the own file, against being used by others
_MEMBER = 0.1  # of what a class is worth, for each of its members
_FILE_SHARE = 0.25  # of an outline for one file, while others have something to show
_INDENT = 4
_LEAST = 16  # characters of the shortest row that is worth looking for
_EVERYTHING = 1 << 30  # a line behind every last one

_WORD = re.compile(r"[^\W\d]\w+")
_BLANKS = str.maketrans({c: " " for c in map(chr, range(128)) if not (c.isalnum() or c == "_")})
_COBOL_WORD = re.compile(r"[^\W\d][\w-]+")
_JOINT = re.compile(r"[a-z\d][A-Z]|\w[_-]+[^\W_]")  # between the words of a name
_VALUES = frozenset({"field", "variable", "constant"})
_FUNCTIONS = frozenset({"function", "method"})
_MUST_IMPORT = frozenset({"python", "javascript"})
_ANY_CASE = frozenset({"cobol", "fortran", "pascal"})
_FAMILIES = {
    "typescript": "javascript",
    "typescriptreact": "javascript",
    "javascriptreact": "javascript",
    "cpp": "c",
    "kotlin": "java",
    "fortran-modern": "fortran",
}
_HELPER_FOLDER = re.compile(
    r"(?:^|/)(?:[^/]*[-_])?(?:tests?|specs?|__tests__|testdata|testing|fixtures|e2e|examples?|samples?|demos?"
    r"|bench(?:mark)?s?|docs?|how_?to|tutorials?|third_party|vendor)/",
    re.IGNORECASE,
)
_HELPER_FILE = re.compile(
    r"(?:^|/)(?:test_[^/]*|conftest|[^/]*(?:_test|_spec|\.test|\.spec|Tests?))\.\w+$"
)


class Reader(Protocol):
    """What is asked of an index; `index.reader.Reader` has it."""

    def files(self) -> list[str]: ...
    def outline(self, path: str) -> list[Symbol]: ...
    def imports(self, path: str) -> list[FileImport]: ...
    def text(self, path: str, line: int, end_line: int) -> str | None: ...


class Ranked(msgspec.Struct, frozen=True):
    """A file, its share of all rank, and its definitions with their worth, best first."""

    path: str
    score: float
    symbols: tuple[tuple[Symbol, float], ...]


class Row(NamedTuple):
    """One definition in an outline; `depth` is how many definitions in the outline hold it."""

    symbol: Symbol
    depth: int


class Outlined(NamedTuple):
    """A file in an outline, its definitions in the order of the source."""

    path: str
    score: float
    rows: list[Row]


def rank(reader: Reader, focus: Collection[str] = ()) -> list[Ranked]:
    """Every file that defines or imports something, by rank, highest first.

    `focus` are paths as the index has them; unknown ones count for nothing.
    """
    graph = _Graph(reader)
    edges = graph.edges()
    start = [_HELPER if is_helper(path) else 1.0 for path in graph.paths]
    in_focus = [number for number, path in enumerate(graph.paths) if path in set(focus)]
    if in_focus:
        start = [0.0] * len(graph.paths)
        for number in in_focus:
            start[number] = 1.0
        _add_backward(edges)
    scores = page_rank(edges, start)
    worth = graph.worth(scores)
    found = [
        Ranked(path, score, tuple(sorted(symbols, key=lambda s: (-s[1], s[0].line))))
        for path, score, symbols in zip(graph.paths, scores, worth, strict=True)
    ]
    return sorted(found, key=lambda r: (-r.score, r.path))


def is_helper(path: str) -> bool:
    """Whether a file is a test, an example or somebody else's, as its path says."""
    return bool(_HELPER_FOLDER.search(path) or _HELPER_FILE.search(path))


def page_rank(edges: Sequence[Mapping[int, float]], start: Sequence[float]) -> list[float]:
    """The rank of each node; the sum is 1.

    `edges` are weights by the node they lead to, for each node. `start` says where the walk begins
    and begins anew, in any unit; all zero counts as all alike.
    """
    n = len(edges)
    if not n:
        return []
    total = sum(start)
    begin = [s / total for s in start] if total else [1 / n] * n
    ways: list[list[tuple[int, float]]] = []
    stuck: list[float] = []  # the share of each node's rank that begins anew
    for out in edges:
        weight = _STAYS + sum(out.values())
        ways.append([(to, _DAMPING * w / weight) for to, w in out.items()])
        stuck.append(_DAMPING * _STAYS / weight)
    ranks = begin
    for _ in range(_ROUNDS):
        anew = 1 - _DAMPING + sum(map(mul, ranks, stuck))
        new = [anew * b for b in begin]
        for here, out_ways in zip(ranks, ways, strict=True):
            for to, share in out_ways:
                new[to] += here * share
        change = sum(abs(a - b) for a, b in zip(new, ranks, strict=True))
        ranks = new
        if change < _CLOSE:
            break
    return ranks


class _Graph:
    """Who defines and who uses which name."""

    def __init__(self, reader: Reader) -> None:
        self.paths: list[str] = []
        self._outlines: list[list[Symbol]] = []
        imports: list[list[FileImport]] = []
        for path in sorted(reader.files()):
            outline, imported = reader.outline(path), reader.imports(path)
            if outline or imported:
                self.paths.append(path)
                self._outlines.append(outline)
                imports.append(imported)
        numbers = {path: number for number, path in enumerate(self.paths)}
        self._families = [_family(path) for path in self.paths]
        self._helpers = [is_helper(path) for path in self.paths]
        self._folders = [path.rpartition("/")[0] for path in self.paths]
        # .py -> .pyi, where the definitions of generated and of native modules stand
        self._stubs = {n: numbers[p + "i"] for p, n in numbers.items() if p + "i" in numbers}
        self._imports = [
            {numbers[i.target] for i in found if i.target in numbers} - {number}
            for number, found in enumerate(imports)
        ]
        for targets in self._imports:
            targets.update([self._stubs[to] for to in targets if to in self._stubs])
        # of each file: name here -> file it comes from and name there
        self._named: list[dict[str, tuple[int, str]]] = [
            {
                here: (numbers[i.target], there)
                for i in found
                if i.target in numbers
                for there, here in i.names
            }
            for found in imports
        ]
        # of each file: names that others have to import to mean them
        self._at_the_top = [
            _at_the_top(outline) if family in _MUST_IMPORT else set()
            for outline, family in zip(self._outlines, self._families, strict=True)
        ]
        # family of languages -> name -> number of each file that defines it, weight of the name
        self._definers: dict[str, dict[str, dict[int, float]]] = defaultdict(dict)
        for number, outline in enumerate(self._outlines):
            family = self._families[number]
            definers = self._definers[family]
            for symbol in _visible(outline, self.paths[number], family):
                weight = _weight(symbol)
                if weight:
                    files = definers.setdefault(_spelled(symbol.name, family), {})
                    files[number] = max(files.get(number, 0.0), weight)
        self._by_name: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
        self._uses = [
            self._read(number, reader.text(path, 0, _EVERYTHING) or "", imports[number])
            for number, path in enumerate(self.paths)
        ]

    def _read(self, number: int, text: str, imports: Sequence[FileImport]) -> dict[str, int]:
        """How often a file writes each name that may be one of ours."""
        family = self._families[number]
        words = Counter(_words(text, family))
        foreign = _foreign(imports)
        if foreign:
            members = rf"\b(?:{'|'.join(map(re.escape, sorted(foreign)))})(?:\.|::)(\w+)"
            words.subtract(re.findall(members, text))
        if family in _ANY_CASE:
            words = Counter(word.lower() for word in words.elements())
        known, named = self._definers[family], self._named[number]
        own = Counter(_spelled(symbol.name, family) for symbol in self._outlines[number])
        return {
            word: n - own[word]
            for word, n in words.items()
            if (word in known or word in named or word in own)
            and n > own[word]
            and word not in foreign
        }

    def _targets(self, number: int) -> Iterator[tuple[str, int, float]]:
        """Name, file that defines it and weight, for each name a file uses of others."""
        imported = self._imports[number]
        named = self._named[number]
        definers = self._definers[self._families[number]]
        for name, n in self._uses[number].items():
            often = math.sqrt(n)
            if name in named:
                to, there = self._origin(*named[name])
                if to != number:
                    weight = definers.get(there, {}).get(to, _SMALL_WORD)
                    yield there, to, _IMPORTED * often * weight
                continue
            files = definers.get(name, {})
            meant = sorted(files.keys() & imported)
            if not meant and number not in files:
                meant = self._perhaps(number, name)
            for to in meant:
                weight = often * files[to] / len(meant)
                if to in imported:
                    weight *= _IMPORTED if files[to] >= _SMALL_WORD else 1.0
                elif number in self._imports[to]:
                    weight *= _UPWARD
                elif name in self._at_the_top[to]:
                    weight *= _BY_CHANCE
                yield name, to, weight

    def _perhaps(self, number: int, name: str) -> list[int]:
        """The files whose definition of a name a file may mean without an import.

        None where there are too many. Those of helpers are meant in their own folder only.
        """
        family = self._families[number]
        found = self._by_name.get((family, name))
        if found is None:
            files = self._definers[family].get(name, {})
            found = self._by_name[family, name] = (
                [to for to in files if not self._helpers[to]],
                [to for to in files if self._helpers[to]],
            )
        others, helpers = found
        folder = self._folders[number]
        near = [to for to in helpers if self._folders[to] == folder]
        return [*others, *near] if len(others) + len(near) <= _MAX_DEFINERS else []

    def _origin(self, number: int, name: str) -> tuple[int, str]:
        """Where an imported name is defined: files that only pass it on are passed over."""
        for _ in range(_MAX_HOPS):
            files = self._definers[self._families[number]].get(name, {})
            if number not in files and self._stubs.get(number) in files:
                number = self._stubs[number]
            if number in files:
                break
            further = self._named[number].get(name) or self._named[number].get("*")
            if further is None:
                break
            number, there = further
            name = name if there == "*" else there
        return number, name

    def edges(self) -> list[dict[int, float]]:
        """For each file the weights of its edges."""
        found: list[dict[int, float]] = []
        for number in range(len(self.paths)):
            out = dict.fromkeys(sorted(self._imports[number]), _IMPORT)
            for _, to, weight in self._targets(number):
                out[to] = out.get(to, 0.0) + weight
            found.append(out)
        return found

    def worth(self, scores: Sequence[float]) -> list[list[tuple[Symbol, float]]]:
        """For each file its definitions with their worth.

        What only its own file uses is worth a little of the file's rank.
        """
        flows: list[dict[str, float]] = [defaultdict(float) for _ in self.paths]
        for number, score in enumerate(scores):
            targets = list(self._targets(number))
            total = _STAYS + sum(weight for *_, weight in targets)
            for name, to, weight in targets:
                flows[to][name] += score * weight / total
        return [list(self._symbols(number, scores, flow)) for number, flow in enumerate(flows)]

    def _symbols(
        self, number: int, scores: Sequence[float], flow: Mapping[str, float]
    ) -> Iterator[tuple[Symbol, float]]:
        family, score = self._families[number], scores[number]
        uses = self._uses[number]
        total = sum(map(math.sqrt, uses.values())) or 1.0
        flows: dict[str, float] = {}  # by full name
        seen: set[str] = set()
        for symbol in self._outlines[number]:
            name = _spelled(symbol.name, family)
            found = 0.0
            if name not in seen:  # the first definition of a name stands for all of the file
                often = math.sqrt(uses.get(name, 0))
                found = flow.get(name, 0.0) + _INSIDE * score * often * _weight(symbol) / total
            seen.add(name)
            if symbol.scope in flows and _is_interface(symbol):
                found += _MEMBER * flows[symbol.scope]
            if symbol.kind not in _FUNCTIONS:
                flows.setdefault(_full_name(symbol), found)
            yield symbol, math.sqrt(found * score)


def _is_interface(symbol: Symbol) -> bool:
    """Whether those who use a class use this member."""
    if symbol.kind in _VALUES:
        return bool(_JOINT.search(symbol.name))
    return symbol.name == "__init__" or not symbol.name.startswith(("_", "#"))


def _at_the_top(outline: Sequence[Symbol]) -> set[str]:
    """Names of definitions that stand in nothing, or in a value: in a table of functions."""
    values = {_full_name(s) for s in outline if s.kind in _VALUES}
    return {s.name for s in outline if not s.scope or s.scope in values}


def _words(text: str, family: str) -> list[str]:
    """The names in a text, and numbers. A split takes half the time of a regular expression."""
    if family == "cobol":
        return _COBOL_WORD.findall(text)
    return text.translate(_BLANKS).split() if text.isascii() else _WORD.findall(text)


def _foreign(imports: Sequence[FileImport]) -> set[str]:
    """What names of other people's modules, and those modules, are called in a file."""
    found: set[str] = set()
    for row in imports:
        if row.target:
            continue
        if row.names:
            found.update(here for _, here in row.names)
        found.add(row.alias or re.split(r"\W+", row.module.rstrip("./"))[-1])
    return found - {"", "*"}


def _visible(outline: Sequence[Symbol], path: str, family: str) -> Iterator[Symbol]:
    """The definitions that another file can mean."""
    local = {_full_name(s) for s in outline if s.kind in _FUNCTIONS}
    in_c_file = family == "c" and not path.rpartition(".")[2].startswith(("h", "H"))
    for symbol in outline:
        if symbol.scope in local or symbol.signature.startswith("private "):
            continue
        if in_c_file and (
            symbol.kind == "macro"
            or symbol.kind in _VALUES
            or symbol.signature.startswith("static ")
        ):
            continue
        yield symbol


def _family(path: str) -> str:
    """Languages that use each other's definitions count as one."""
    language = language_of_path(path)
    return _FAMILIES.get(language, language)


def _spelled(name: str, family: str) -> str:
    return name.lower() if family in _ANY_CASE else name


def _weight(symbol: Symbol) -> float:
    """How surely a name that is written somewhere means a definition, from 0 to 1."""
    name = symbol.name
    if len(name) < 2 or (name.startswith("__") and name.endswith("__")):
        return 0.0
    weight = 1.0
    if name.startswith(("_", "#")):
        weight = _PRIVATE
    elif not (name[0].isupper() or _JOINT.search(name)):
        weight = _SMALL_MEMBER if symbol.scope else _SMALL_WORD
    return weight * _VALUE if symbol.kind in _VALUES else weight


def _add_backward(edges: Sequence[dict[int, float]]) -> None:
    """Make each edge a weaker way back as well."""
    back = [(to, node, w * _BACKWARD) for node, out in enumerate(edges) for to, w in out.items()]
    for node, to, weight in back:
        edges[node][to] = edges[node].get(to, 0.0) + weight


def outline(ranked: Sequence[Ranked], tokens: int) -> list[Outlined]:
    """The most important definitions that fit into about `tokens`, under their files by rank.

    What holds a definition comes with it. A file gets at most a quarter of the room as long as
    others have something to show. Definitions that nothing uses come last, and not those of tests.
    """
    room = tokens * CHARS_PER_TOKEN
    holders = [_holders(file) for file in ranked]
    helpers = {file.path for file in ranked if is_helper(file.path)}
    if len(helpers) == len(ranked):
        helpers.clear()  # a folder of tests
    order = sorted(
        (-worth, number, symbol.line, symbol.name, symbol.kind, symbol)
        for number, file in enumerate(ranked)
        for symbol, worth in file.symbols
        if worth > 0 or not (symbol.kind in _VALUES or file.path in helpers)
    )
    chosen: list[dict[Symbol, int]] = [{} for _ in ranked]
    spent = [0.0] * len(ranked)
    for share in (_FILE_SHARE, 1.0):
        for _, number, *_, symbol in order:
            if room < _LEAST:
                break
            rows = chosen[number]
            new = {s: d for s, d in _with_holders(symbol, holders[number]) if s not in rows}
            cost = sum(_INDENT * (depth + 1) + len(shown(s)) + 1 for s, depth in new.items())
            cost += 0 if rows else len(ranked[number].path) + 2
            if cost > room or spent[number] + cost > share * tokens * CHARS_PER_TOKEN:
                continue
            room -= cost
            spent[number] += cost
            rows.update(new)
    return [
        Outlined(
            file.path,
            file.score,
            [Row(s, d) for s, d in sorted(rows.items(), key=lambda r: (r[0].line, -r[0].end_line))],
        )
        for file, rows in zip(ranked, chosen, strict=True)
        if rows
    ]


def render(ranked: Sequence[Ranked], tokens: int) -> str:
    """`outline` as text: paths at the left edge, signatures indented below them."""
    files = ("\n".join([file.path, *map(line_of, file.rows)]) for file in outline(ranked, tokens))
    return "\n\n".join(files) + "\n"


def line_of(row: Row) -> str:
    """A definition as it stands in an outline."""
    return " " * (_INDENT * (row.depth + 1)) + shown(row.symbol)


def shown(symbol: Symbol) -> str:
    """What stands for a definition in an outline: its signature, cut where it is long."""
    text = " ".join(symbol.signature.split()).rstrip(" {(=,").replace("# define", "#define")
    if symbol.name not in text:
        text = f"{text} … {symbol.name}" if text else symbol.name
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


def _holders(file: Ranked) -> dict[str, Symbol]:
    """The definitions of a file that may hold others, by scope and name."""
    found: dict[str, Symbol] = {}
    for symbol, _ in sorted(file.symbols, key=lambda s: s[0].line):
        if symbol.kind not in _VALUES:
            found.setdefault(_full_name(symbol), symbol)
    return found


def _full_name(symbol: Symbol) -> str:
    return f"{symbol.scope}.{symbol.name}" if symbol.scope else symbol.name


def _with_holders(symbol: Symbol, holders: Mapping[str, Symbol]) -> list[tuple[Symbol, int]]:
    """A definition and those that hold it in the same file, outermost first, with their depths."""
    parts = symbol.scope.split(".") if symbol.scope else []
    chain = [
        holder
        for n in range(1, len(parts) + 1)
        if (holder := holders.get(".".join(parts[:n]))) is not None
        and holder.line <= symbol.line < holder.end_line
    ]
    return [(s, depth) for depth, s in enumerate([*chain, symbol])]
