"""STRING, UNSTRING and INSPECT.

self.line = overlay(self.line, self.name + before(self.town, " "))
self.line, self.at, overflow = string(self.line, self.name, self.at)
found = unstring(self.line, 2, ",", Every(" "))
(count,) = tallied(self.line, Phrase(ALL, "A"))
self.line = substituted(self.line, Phrase(ALL, "A", "B", before="X"))
self.line = converted(self.line, "abc", "ABC")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def before(text: str, delimiter: str) -> str:
    """DELIMITED BY: what stands in front of `delimiter`, all where it does not occur."""
    return text.partition(delimiter)[0]


def overlay(into: str, text: str, pointer: int = 1) -> str:
    """STRING: `into` with `text` put over it from `pointer` (from 1) on, where there is room."""
    at = pointer - 1
    if not 0 <= at < len(into):
        return into
    return (into[:at] + text)[: len(into)] + into[at + len(text) :]


def string(into: str, text: str, pointer: int = 1) -> tuple[str, int, bool]:
    """The same, with the pointer that follows, and whether it overflowed."""
    room = len(into) - pointer + 1
    if not 0 < room <= len(into):
        return into, pointer, True
    return overlay(into, text, pointer), pointer + min(len(text), room), len(text) > room


class Every(str):
    """DELIMITED BY ALL: a delimiter that counts once however often it is repeated."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """What one receiving item of UNSTRING gets."""

    text: str
    delimiter: str = ""  # that ended it, "" where the text ended

    @property
    def count(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Unstrung:
    """What UNSTRING found: pieces for the first items, and where it stopped."""

    pieces: tuple[Piece, ...]
    pointer: int
    overflow: bool

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, place: int) -> Piece:
        return self.pieces[place]


def unstring(text: str, items: int, *delimiters: str, pointer: int = 1) -> Unstrung:
    """UNSTRING: `text` from `pointer` on, cut at `delimiters` for so many items."""
    if not 1 <= pointer <= len(text):
        return Unstrung((), pointer, True)
    at = pointer - 1
    pieces: list[Piece] = []
    while len(pieces) < items and at < len(text):
        end, found = len(text), ""
        for delimiter in delimiters:
            place = text.find(delimiter, at) if delimiter else -1
            if 0 <= place < end:
                end, found = place, delimiter
        pieces.append(Piece(text[at:end], found))
        at = end + len(found)
        if isinstance(found, Every):
            while text.startswith(found, at):
                at += len(found)
    return Unstrung(tuple(pieces), at + 1, at < len(text))


def cut(text: str, *sizes: int, pointer: int = 1) -> Unstrung:
    """UNSTRING without delimiters: every item takes as many characters as it has."""
    if not 1 <= pointer <= len(text):
        return Unstrung((), pointer, True)
    at = pointer - 1
    pieces: list[Piece] = []
    for size in sizes:
        if at >= len(text):
            break
        pieces.append(Piece(text[at : at + size]))
        at += len(pieces[-1].text)
    return Unstrung(tuple(pieces), at + 1, at < len(text))


# INSPECT: one pass over the text for all its phrases

CHARACTERS, ALL, LEADING, FIRST, TRAILING = "CHARACTERS ALL LEADING FIRST TRAILING".split()


@dataclass(slots=True)
class Phrase:
    """One phrase of TALLYING or REPLACING: what it looks for, and between which places."""

    what: str  # one of the five above
    value: str  # "" for CHARACTERS
    by: str = ""
    after: str | None = None
    before: str | None = None

    def region(self, text: str) -> tuple[int, int]:
        """Where it applies: (0, 0) where AFTER does not occur."""
        start, end = 0, len(text)
        if self.after is not None:
            place = text.find(self.after)
            if place < 0:
                return 0, 0
            start = place + len(self.after)
        if self.before is not None:
            place = text.find(self.before, start if self.after is not None else 0)
            if place >= 0:
                end = place
        return start, end


def _scan(text: str, phrases: Sequence[Phrase]) -> list[tuple[int, Phrase]]:
    """Where each phrase matches; a character that one has taken is not looked at by the next."""
    taken = bytearray(len(text))
    found: list[tuple[int, Phrase]] = []
    for phrase in phrases:
        start, end = phrase.region(text)
        size = len(phrase.value) or 1
        if phrase.what == CHARACTERS:
            for place in range(start, end):
                if not taken[place]:
                    taken[place] = 1
                    found.append((place, phrase))
            continue
        if phrase.what == TRAILING:
            place = end - size
            while place >= start and text.startswith(phrase.value, place):
                if any(taken[place : place + size]):
                    break
                taken[place : place + size] = b"\1" * size
                found.append((place, phrase))
                place -= size
            continue
        place = start
        while place + size <= end:
            matches = text.startswith(phrase.value, place)
            if matches and not any(taken[place : place + size]):
                taken[place : place + size] = b"\1" * size
                found.append((place, phrase))
                place += size
                if phrase.what == FIRST:
                    break
            elif phrase.what == LEADING:
                break
            elif phrase.what in (ALL, FIRST):
                place = text.find(phrase.value, place + 1, end)
                if place < 0:
                    break
    return found


def tallied(text: str, *phrases: Phrase) -> tuple[int, ...]:
    """INSPECT TALLYING: how often each phrase matches."""
    counts = dict.fromkeys(map(id, phrases), 0)
    for _, phrase in _scan(text, phrases):
        counts[id(phrase)] += 1
    return tuple(counts[id(phrase)] for phrase in phrases)


def substituted(text: str, *phrases: Phrase) -> str:
    """INSPECT REPLACING."""
    out = list(text)
    for place, phrase in _scan(text, phrases):
        out[place : place + len(phrase.by)] = phrase.by
    return "".join(out)


def converted(
    text: str, old: str, new: str, after: str | None = None, before: str | None = None
) -> str:
    """INSPECT CONVERTING: each character of `old` becomes the one at its place in `new`."""
    table: dict[int, str] = {}
    for place, character in enumerate(old):
        table.setdefault(ord(character), new[place : place + 1] or " ")
    if after is None and before is None:
        return text.translate(table)
    start, end = Phrase(ALL, "", after=after, before=before).region(text)
    return text[:start] + text[start:end].translate(table) + text[end:]
