"""What an index holds of each language, for people."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import msgspec


class LanguageCounts(msgspec.Struct, frozen=True):
    """`language` is an LSP identifier; "" for text in no language we know."""

    language: str
    files: int
    lines: int
    bytes: int


def languages(database: Path) -> list[LanguageCounts]:
    """What there is of each language, the most text first; nothing where there is no database."""
    try:
        connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(connection):
            rows = connection.execute(
                "select language, count(*), sum(lines), sum(max(size, 0)) from files where indexed"
                " group by language order by sum(max(size, 0)) desc, language"
            ).fetchall()
    except sqlite3.Error:
        return []
    return [LanguageCounts(*row) for row in rows]
