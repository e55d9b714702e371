"""The shape of a text input: lines of fields, and numbers that count lines, fields or characters.

A shape is found in a given input and kept by what varies it: where the first line says "3", three
lines or fields follow. Texts are Latin-1, one character a byte. Pure.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

_FIELD = re.compile(r"[^\s,;]+")
_INTEGER = re.compile(r"[+-]?\d{1,18}\Z")
_DECIMAL = re.compile(r"[+-]?\d+\.\d+\Z")
_MOST_COUNTED = 40


class Counted(NamedTuple):
    """A field whose number says how many there are of something.

    `kind`: "lines" of a block, "fields" of its lines, "characters" of one of its fields; the number
    is `offset` greater than there are.
    """

    block: int
    field: int
    kind: str
    target: int  # a block
    target_field: int
    offset: int


class Line:
    """Fields, and what stands before each of them and after the last."""

    def __init__(self, fields: list[str], gaps: list[str]) -> None:
        self.fields, self.gaps = fields, gaps

    @classmethod
    def of(cls, text: str) -> Line:
        fields, gaps, at = [], [], 0
        for found in _FIELD.finditer(text):
            gaps.append(text[at : found.start()])
            fields.append(found[0])
            at = found.end()
        return cls(fields, [*gaps, text[at:]])

    def copy(self) -> Line:
        return Line(list(self.fields), list(self.gaps))

    def text(self) -> str:
        pairs = zip(self.gaps, [*self.fields, ""], strict=True)
        return "".join(gap + field for gap, field in pairs)

    def resize(self, size: int, more: list[str]) -> None:
        """Make it `size` fields long; `more` are taken where there are too few."""
        gap = self.gaps[1] if len(self.fields) > 1 else " "
        first, last = self.gaps[0], self.gaps[-1]
        self.fields = [*self.fields, *more][:size]
        self.gaps = [first, *([gap] * (size - 1)), last] if size else [first + last]


class Document:
    """An input as blocks of lines. A block is one line, or as many as some field says."""

    def __init__(self, blocks: list[list[Line]], counted: list[Counted], end: str) -> None:
        self.blocks, self.counted, self._end = blocks, counted, end

    @classmethod
    def of(cls, data: bytes) -> Document:
        text = data.decode("latin-1")
        lines = text.split("\n")
        end = "\n" if lines[-1] == "" and len(lines) > 1 else ""
        if end:
            del lines[-1]
        return _infer([Line.of(line) for line in lines], end)

    def data(self) -> bytes:
        lines = [line.text() for block in self.blocks for line in block]
        return ("\n".join(lines) + (self._end if lines else "")).encode("latin-1")

    def copy(self) -> Document:
        blocks = [[line.copy() for line in block] for block in self.blocks]
        return Document(blocks, self.counted, self._end)

    def places(self) -> list[tuple[int, int, int]]:
        """Block, line and field of every field that counts nothing."""
        counting = {(c.block, 0, c.field) for c in self.counted}
        return [
            (b, n, f)
            for b, block in enumerate(self.blocks)
            for n, line in enumerate(block)
            for f in range(len(line.fields))
            if (b, n, f) not in counting
        ]

    def counts(self) -> list[tuple[int, int]]:
        """Block and field of those that count something."""
        return sorted({(c.block, c.field) for c in self.counted if self._is_there(c)})

    def _is_there(self, one: Counted) -> bool:
        """A line that is itself counted may have lost the field."""
        lines = self.blocks[one.block]
        return bool(lines) and one.field < len(lines[0].fields)

    def has_counted_length(self, block: int, field: int) -> bool:
        """Whether some number says how many characters the field has."""
        return any(
            (c.kind, c.target, c.target_field) == ("characters", block, field) for c in self.counted
        )

    def set_count(self, block: int, field: int, value: int, dice: random.Random) -> None:
        """Change a counting field, and all that it counts with it.

        Nothing is changed where there is no line left to make others of; no text gets empty.
        """
        concerned = [c for c in self.counted if (c.block, c.field) == (block, field)]
        if any(c.kind != "characters" and not self.blocks[c.target] for c in concerned):
            return
        value = max([value, *(1 + c.offset for c in concerned if c.kind == "characters")])
        for one in concerned:
            size = max(0, min(value - one.offset, _MOST_COUNTED))
            value = size + one.offset
            target = self.blocks[one.target]
            if one.kind == "lines":
                more = [dice.choice(target).copy() for _ in range(size - len(target))]
                self.blocks[one.target] = [*target, *more][:size]
            elif one.kind == "fields":
                for line in target:
                    many = range(size - len(line.fields))
                    line.resize(size, [dice.choice(line.fields or ["1"]) for _ in many])
            elif target and one.target_field < len(target[0].fields):
                for line in target:
                    text = line.fields[one.target_field]
                    longer = [dice.choice(text) for _ in range(size - len(text))]
                    line.fields[one.target_field] = (text + "".join(longer))[:size]
        if concerned and self._is_there(concerned[0]):
            self.blocks[block][0].fields[field] = str(value)

    def drop_line(self, block: int, line: int) -> bool:
        """Take a line out of a counted block; False where no count can be kept right."""
        for one in self.counted:
            if one.kind == "lines" and one.target == block and len(self.blocks[block]) > 1:
                del self.blocks[block][line]
                self._say(one, len(self.blocks[block]) + one.offset)
                return True
        return False

    def drop_field(self, block: int, field: int) -> bool:
        """Take a field out of counted lines."""
        for one in self.counted:
            if one.kind == "fields" and one.target == block:
                sharing = [c for c in self.counted if c[:2] == one[:2]]
                if any(c.kind != "fields" for c in sharing):
                    return False
                lines = [line for other in sharing for line in self.blocks[other.target]]
                if any(len(line.fields) < 2 or field >= len(line.fields) for line in lines):
                    return False
                for line in lines:
                    fields = line.fields[:field] + line.fields[field + 1 :]
                    line.resize(len(fields), [])
                    line.fields = fields
                self._say(one, len(lines[0].fields) + one.offset)
                return True
        return False

    def _say(self, one: Counted, value: int) -> None:
        if self._is_there(one):
            self.blocks[one.block][0].fields[one.field] = str(value)


def kind_of(field: str) -> str:
    """Whether a field is an "integer", a "decimal" or a "word"."""
    if _INTEGER.match(field) and not (len(field) > 1 and field.lstrip("+-").startswith("0")):
        return "integer"
    return "decimal" if _DECIMAL.match(field) else "word"


def _infer(lines: list[Line], end: str) -> Document:
    blocks: list[list[Line]] = []
    counted: list[Counted] = []
    at = 0
    while at < len(lines):
        size = 1
        found = _lines_counted(blocks, lines, at)
        if found is not None:
            by, counting, size, offset = found
            counted.append(Counted(by, counting, "lines", len(blocks), 0, offset))
        blocks.append(lines[at : at + size])
        at += size
    for target, block in enumerate(blocks):
        sizes = {len(line.fields) for line in block}
        size = sizes.pop() if len(sizes) == 1 else 0
        if size > 1:
            counted += _first(blocks, target, "fields", 0, size, (0, 1, -1), counted)
        for field in range(size):
            lengths = {len(line.fields[field]) for line in block}
            if len(lengths) == 1 and kind_of(block[0].fields[field]) == "word":
                length = lengths.pop()
                if length > 1:
                    offsets = (0,)
                    counted += _first(blocks, target, "characters", field, length, offsets, counted)
    return Document(blocks, counted, end)


def _lines_counted(
    blocks: Sequence[list[Line]], lines: Sequence[Line], at: int
) -> tuple[int, int, int, int] | None:
    """Block, field, size and offset of the count of the lines from `at`, if there is one."""
    left = len(lines) - at
    alike = 1
    while alike < left and _signature(lines[at + alike]) == _signature(lines[at]):
        alike += 1
    for exact in (True, False):
        for block, field, value in _numbers(blocks):
            for offset in (0, 1):
                size = value - offset
                if size >= 2 and (size == left if exact else size <= alike):
                    return block, field, size, offset
    return None


def _first(
    blocks: Sequence[list[Line]],
    target: int,
    kind: str,
    field: int,
    size: int,
    offsets: tuple[int, ...],
    before: Sequence[Counted],
) -> list[Counted]:
    """What counts the fields or characters; rather a field that does not count the lines."""
    taken = {(c.block, c.field) for c in before if c.kind == "lines"}
    fitting = [
        (
            (block, counting) in taken,
            offset != 0,
            Counted(block, counting, kind, target, field, offset),
        )
        for offset in offsets
        for block, counting, value in _numbers(blocks[:target])
        # two lines of two fields are seldom a square
        if value - offset == size and ((block, counting) not in taken or size > 2)
    ]
    return [min(fitting, key=lambda one: one[:2])[2]] if fitting else []


def _numbers(blocks: Sequence[list[Line]]) -> list[tuple[int, int, int]]:
    """Block, field and value of what may count: small integers of blocks of one line."""
    return [
        (number, field, int(text))
        for number, block in reversed(list(enumerate(blocks)))
        if len(block) == 1 and len(block[0].fields) <= 4
        for field, text in enumerate(block[0].fields)
        if kind_of(text) == "integer" and 1 <= int(text) <= 100_000
    ]


def _signature(line: Line) -> tuple[str, ...]:
    return tuple("word" if kind_of(f) == "word" else "number" for f in line.fields)
