"""LSP positions (line, column in code units) to offsets (code points), and back.

A column counts code units of the encoding agreed on at `initialize`: bytes (utf-8), UTF-16
units, or code points (utf-32). Columns past the end of a line mean the line's end, lines past
the last one the end of the text, and a column inside a character means its start (a change may
begin or end there: `locate`). Only the one line is scanned, so a position in a document of 10,000
lines costs as much as in one of 1.

Text from JSON may hold lone surrogates: they count one UTF-16 unit, or three bytes.
"""

from __future__ import annotations

from typing import Literal

from slmcode.text import Snapshot

Encoding = Literal["utf-8", "utf-16", "utf-32"]
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")

_BLOCK = 4096  # code points whose width is taken at once when a line is walked


def width(text: str, encoding: Encoding) -> int:
    """Length of `text` in code units."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-16":
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text.encode("utf-8", "surrogatepass"))


def prefix_length(text: str, units: int, encoding: Encoding) -> int:
    """Code points of `text` that lie completely within its first `units` code units."""
    return _walk(text, 0, len(text), units, encoding)[0]


def to_offset(snapshot: Snapshot, line: int, character: int, encoding: Encoding) -> int:
    """The offset of a position; positions outside of the text are moved to its nearest end."""
    return locate(snapshot, line, character, encoding)[0]


def locate(snapshot: Snapshot, line: int, character: int, encoding: Encoding) -> tuple[int, int]:
    """The offset of a position, and how many code units behind it, inside a character, it lies."""
    starts = snapshot.line_starts
    if line >= len(starts):
        return len(snapshot.text), 0
    start = starts[line]
    return _walk(snapshot.text, start, snapshot.line_end(start), character, encoding)


def to_position(snapshot: Snapshot, offset: int, encoding: Encoding) -> tuple[int, int]:
    """Line and column of an offset. Between CR and LF it is the end of the line."""
    line = snapshot.line_at(offset)
    start = snapshot.line_starts[line]
    end = min(offset, snapshot.line_end(start))
    return line, width(snapshot.text[start:end], encoding)


def _walk(text: str, start: int, end: int, units: int, encoding: Encoding) -> tuple[int, int]:
    """The offset `units` code units behind `start`, at most `end`, and what is left of them.

    What is left leads into the character at the offset, and not through it.
    """
    offset = start
    while offset < end:
        block = text[offset : min(offset + _BLOCK, end)]
        size = width(block, encoding)
        if size > units:
            break
        units -= size
        offset += len(block)
    if encoding == "utf-32" or text[offset : min(offset + _BLOCK, end)].isascii():
        return min(offset + units, end), 0
    while True:
        size = width(text[offset], encoding)
        if size > units:
            return offset, units
        units -= size
        offset += 1
