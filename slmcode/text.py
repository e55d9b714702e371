"""Text as values: a frozen version of one document, ranges in it, edits of it.

Every offset in this package counts code points from the start of the text. UTF-16
columns stop in `lsp/positions.py`, UTF-8 bytes in `syntax/`. A line ends at CR, LF or
CRLF and at nothing else: form feeds, VT and U+2028 are ordinary characters.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

_LINE_END = re.compile(r"\r\n|\n|\r")


def line_starts(text: str) -> list[int]:
    """Offsets at which lines begin; the first is always 0, also for an empty text."""
    if "\r" not in text:  # a fifth of the time
        return [*accumulate(map((1).__add__, map(len, text.split("\n"))), initial=0)][:-1]
    return [0, *(m.end() for m in _LINE_END.finditer(text))]


def one_line_end(text: str) -> str:
    """`text` with LF for every line ending."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def joined(text: str) -> str:
    """`text` with one character for the two halves of a surrogate pair that stand side by side.

    JSON may bring a half alone: a client whose text is UTF-16 sends what was between two places.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text


class TextRange(NamedTuple):
    """Two offsets, half open, start <= end."""

    start: int
    end: int


class Edit(NamedTuple):
    """Replace `range` of a text by `new_text`."""

    range: TextRange
    new_text: str


class Snapshot:
    """One frozen version of one document. Never changed after it was made.

    `version` is the editor's document version, or None where the text came from disk.
    `language_id` is the LSP language identifier ("python", "typescriptreact", …) or "".
    """

    def __init__(self, uri: str, language_id: str, version: int | None, text: str) -> None:
        self.uri = uri
        self.language_id = language_id
        self.version = version
        self.text = text

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first character of each line. Do not change the list."""
        return line_starts(self.text)

    def line_at(self, offset: int) -> int:
        """The line, from 0, that holds `offset`; the end of the text belongs to the last line."""
        return bisect_right(self.line_starts, offset) - 1

    def line_start(self, offset: int) -> int:
        """Offset at which the line of `offset` begins."""
        return self.line_starts[self.line_at(offset)]

    def line_end(self, offset: int) -> int:
        """Offset of the line ending (or end of text) of the line that holds `offset`."""
        line = self.line_at(offset)
        starts = self.line_starts
        end = starts[line + 1] if line + 1 < len(starts) else len(self.text)
        while end > starts[line] and self.text[end - 1] in "\r\n":
            end -= 1
        return end

    def apply(self, edit: Edit, version: int | None) -> Snapshot:
        """The document after `edit`. Raises ValueError if the range is not inside the text."""
        (start, end), new_text = edit
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"edit {start}..{end} outside a text of {len(self.text)} characters")
        text = self.text[:start] + new_text + self.text[end:]
        after = Snapshot(self.uri, self.language_id, version, text)
        after.__dict__["line_starts"] = _shifted_line_starts(self, edit, text)
        return after

    def __repr__(self) -> str:
        return f"Snapshot({self.uri!r}, version={self.version}, {len(self.text)} characters)"


def _shifted_line_starts(before: Snapshot, edit: Edit, text: str) -> list[int]:
    """Line starts after an edit, from those before it: only the edited lines are scanned.

    Scans from the start of the line before the edit to the first line start at or behind
    its end, because a CR at either border may now join, or no longer join, an LF.
    """
    (start, end), new_text = edit
    old = before.line_starts
    shift = len(new_text) - (end - start)
    first = max(bisect_right(old, start) - 2, 0)
    last = bisect_right(old, end)
    scan_from = old[first]
    scan_to = (old[last] + shift) if last < len(old) else len(text)
    middle = [m.end() for m in _LINE_END.finditer(text, scan_from, scan_to)]
    if last < len(old) and (not middle or middle[-1] != scan_to):
        middle.append(scan_to)
    if last >= len(old):
        return [*old[: first + 1], *middle]
    tail = old[last + 1 :]
    return [*old[: first + 1], *middle, *([s + shift for s in tail] if shift else tail)]
