"""Passages of a file on syntactic borders, and the terms they are found by.

A passage has about 10 to 40 lines. Small definitions stand together with their neighbours, long
ones are cut at the definitions inside them, then at blank lines; the header of a class that does
not fit is a passage of its own. Where nothing is known of a language, lines that follow a blank
one and are indented least serve as borders.

Terms are whole identifiers in lower case and their parts at underscores, digits and changes of
case, each once per passage. Words that say nothing (keywords of many languages, articles) are left
out. 1 M lines of Python give 4 M terms in about 3 s of one core.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from slmcode.syntax.symbols import Definition

MAX_LINES = 40
ENOUGH_LINES = 24  # neighbours are joined up to here
MAX_TERM = 64  # characters; longer words are data
_CACHED_WORDS = 100_000  # 20 MB at most in a worker process
_VALUE_KINDS = frozenset(("field", "constant", "variable"))  # lines within, no borders
_WORD = re.compile(r"[^\W\d]\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ABOVE = ("#", "//", "/*", "*", "@", "--", "!", "[", "template", '"""')  # goes with what follows
_STOP = frozenset(
    (
        "abstract alias and are args as assert async await be begin bool boolean break but by byte "
        "case catch char class const continue def default defer del delete dim do does double each "
        "echo elif else elsif end enum except exit export extends extern false fi final finally "
        "float fn for foreach from func function global go goto has have if impl implements import "
        "in include inline instanceof int interface into is it its lambda let local long loop mod "
        "module mut namespace new nil no none nonlocal not null of on only or out override package "
        "pass perform pic private procedure program protected pub public raise readonly record ref "
        "require return returns self shared short signed sizeof static str struct sub subroutine "
        "super switch synchronized that the their them then there these this throw throws to trait "
        "true try type typedef typeof union unless unsafe unsigned until use using val var virtual "
        "void was when where which while will with without yield you"
    ).split()
)


class _Terms(dict[str, str]):
    """Identifier -> its terms joined by blanks, of the identifiers seen in this process."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _CACHED_WORDS:
            self.clear()
        found = self[word] = " ".join(terms_of(word))
        return found


_terms = _Terms()
_BLANKS = str.maketrans({c: " " for c in map(chr, range(128)) if not (c.isalnum() or c == "_")})


def terms_of(word: str) -> list[str]:
    """What an identifier is found by: itself and its parts, in lower case, distinct."""
    if word.isalpha() and word.islower():
        return [word] if 1 < len(word) <= MAX_TERM and word not in _STOP else []
    pieces = _PART.findall(word) if word.isascii() else word.split("_")
    parts = (part.lower() for part in pieces)
    return [
        term
        for term in dict.fromkeys((word.lower().strip("_"), *parts))
        if 1 < len(term) <= MAX_TERM and term not in _STOP and not term[0].isdecimal()
    ]


def terms(text: str) -> list[str]:
    """Every term of a piece of text, once, in no order."""
    # Blanks for punctuation and a split take half the time of a regular expression.
    words = text.translate(_BLANKS).split() if text.isascii() else _WORD.findall(text)
    return list(set(" ".join(map(_terms.__getitem__, set(words))).split()))


def borders(lines: Sequence[str], definitions: Iterable[Definition]) -> dict[int, int]:
    """Lines at which a definition begins (with the comments above it) or has ended -> depth."""
    found: dict[int, int] = {}
    open_until: list[int] = []  # last lines of the definitions around
    for definition in definitions:
        if definition.kind in _VALUE_KINDS:
            continue
        line, last = definition.line, definition.end_line
        while open_until and open_until[-1] < line:
            open_until.pop()
        depth = len(open_until)
        open_until.append(last)
        while line and lines[line - 1].lstrip().startswith(_ABOVE) and line - 1 not in found:
            line -= 1
        found.setdefault(line, depth)
        if last + 1 < len(lines):
            found.setdefault(last + 1, depth)
    return found


def cut(lines: Sequence[str], definitions: Iterable[Definition]) -> list[tuple[int, int]]:
    """Passages as (line, end_line), end exclusive, in order; blank lines at their ends left out."""
    by_depth: dict[int, list[int]] = {}
    for line, depth in borders(lines, definitions).items():
        by_depth.setdefault(depth, []).append(line)
    for found in by_depth.values():
        found.sort()
    if not by_depth:
        by_depth = {0: _paragraphs(lines)}
    pieces: list[tuple[int, int]] = []
    _cut(lines, 0, len(lines), 0, by_depth, pieces)
    return [piece for piece in (_trimmed(lines, *p) for p in pieces) if piece[0] < piece[1]]


def _cut(
    lines: Sequence[str],
    start: int,
    end: int,
    depth: int,
    by_depth: dict[int, list[int]],
    pieces: list[tuple[int, int]],
) -> None:
    """Append the passages of lines[start:end], cut at borders of `depth` and below."""
    if end - start <= MAX_LINES:
        pieces.append((start, end))
        return
    if depth not in by_depth:
        pieces.extend(_by_blank_lines(lines, start, end))
        return
    cuts = _between(by_depth[depth], start, end)
    if not cuts:
        _cut(lines, start, end, depth + 1, by_depth, pieces)
        return
    begin = start  # of what is gathered
    last = start
    header = depth > 0  # the first piece of a definition that is cut is its header
    for line in (*cuts, end):
        if line - last > MAX_LINES:
            if last > begin:
                pieces.append((begin, last))
            _cut(lines, last, line, depth + 1, by_depth, pieces)
            begin = line
        elif header or line - begin > MAX_LINES or last - begin >= ENOUGH_LINES:
            if last > begin:
                pieces.append((begin, last))
            begin = last
            if header:
                pieces.append((begin, line))
                begin = line
        header = False
        last = line
    if end > begin:
        pieces.append((begin, end))


def _between(ordered: list[int], start: int, end: int) -> list[int]:
    """The members strictly between two lines."""
    return ordered[bisect_right(ordered, start) : bisect_left(ordered, end)]


def _by_blank_lines(lines: Sequence[str], start: int, end: int) -> Iterable[tuple[int, int]]:
    """Cut where a blank line stands between ENOUGH_LINES and MAX_LINES, else after MAX_LINES."""
    while end - start > MAX_LINES:
        stop = start + MAX_LINES
        for line in range(stop, start + ENOUGH_LINES // 2, -1):
            if not lines[line - 1].strip():
                stop = line
                break
        yield start, stop
        start = stop
    yield start, end


def _paragraphs(lines: Sequence[str]) -> list[int]:
    """Lines at the left edge that follow a blank one."""
    return [i for i in range(1, len(lines)) if lines[i][:1].strip() and not lines[i - 1].strip()]


def _trimmed(lines: Sequence[str], start: int, end: int) -> tuple[int, int]:
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return start, end
