"""The values the index is asked for. Immutable, made of plain types; any thread may hold them.

Paths are relative to the workspace folder, with `/`. Lines count from 0, ends are exclusive.
"""

from __future__ import annotations

import msgspec


class Symbol(msgspec.Struct, frozen=True):
    """A definition somewhere in the workspace. See `syntax.symbols.Definition` for the fields."""

    path: str
    name: str
    kind: str
    scope: str
    signature: str
    doc: str
    line: int
    end_line: int


class FileImport(msgspec.Struct, frozen=True):
    """An import of a file and the file of the workspace it means; "" where that is unknown."""

    module: str
    names: tuple[tuple[str, str], ...]
    alias: str
    line: int
    target: str


class Passage(msgspec.Struct, frozen=True):
    """A piece of a file on syntactic borders, as the text index has it."""

    path: str
    line: int
    end_line: int
    score: float  # BM25, larger is better; 0.0 where nothing was searched for


class Skipped(msgspec.Struct, frozen=True):
    """A file that is not indexed, and why."""

    path: str
    reason: str


class Counts(msgspec.Struct, frozen=True):
    """What an index holds."""

    files: int
    lines: int
    symbols: int
    passages: int
    bytes: int  # of source
