"""The database of one workspace folder: its tables, writing them, asking them.

Passages are found by `postings`: for each term the ids of the passages that have it, as one blob
of 32-bit numbers per segment. A build writes its segment at once (0.5 s for 1 M lines), a single
file has a segment of its own that is replaced with the file. Ids are never used twice, so what
older segments still say of removed passages finds no row in `passages`; `compact` drops it.
FTS5 takes as long to write, but 50 µs to say how common a word is (here 5), and 0.45 µs per
passage found (here 0.08): with 30 words around a cursor that is the difference of 5 ms to 1.

A database that is damaged, of another version or not ours is removed and built again.
"""

from __future__ import annotations

import heapq
import json
import math
import re
import sqlite3
import sys
import threading
from array import array
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slmcode.index import chunks
from slmcode.index.analysis import Entry, Same
from slmcode.index.rows import Counts, FileImport, Passage, Skipped, Symbol
from slmcode.text import one_line_end

APPLICATION_ID = 0x736C6D69  # "slmi"
SCHEMA_VERSION = 1
BUSY_S = 10.0  # a build writes for a second at most between two commits
_MAX_POSTINGS = 8_000  # visited by one search of passages: 0.6 ms
_MAX_SEGMENTS = 8
_BM25_K, _BM25_B = 1.2, 0.75
_TEXTS = 8  # files whose lines a Reader keeps
_COMMON = 5_000  # a term in more passages than this tells little

_TABLES = """
create table meta (key text primary key, value integer) without rowid;
create table files (
    id integer primary key, path text not null unique, size integer, mtime_ns integer, hash blob,
    language text, lines integer, reason text, indexed integer, terms text
);
create table symbols (
    id integer primary key, file integer, name text, kind text, scope text, signature text,
    doc text, line integer, end_line integer
);
create table imports (
    file integer, line integer, module text, names text, alias text, target text
);
create table passages (
    id integer primary key, file integer, line integer, end_line integer, terms integer
);
create table postings (
    term text, segment integer, ids blob, primary key (term, segment)
) without rowid;
"""
_INDICES = """
create index symbols_by_name on symbols (name);
create index symbols_by_file on symbols (file);
create index imports_by_file on imports (file);
create index imports_by_target on imports (target);
create index passages_by_file on passages (file, line);
"""


class Known(tuple[int, int, bytes]):
    """Size, mtime_ns and hash of a file as the store has it; size -1 for an open buffer."""


def create(path: Path) -> sqlite3.Connection:
    """A new database for a first build: quick, and worth nothing until `finish` was called."""
    remove(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    path.chmod(0o600)
    connection.execute("pragma journal_mode=off")
    connection.execute("pragma synchronous=off")
    connection.execute("pragma cache_size=-32000")
    connection.executescript(_TABLES)
    return connection


def finish(connection: sqlite3.Connection) -> None:
    """Make a database from `create` a lasting one, and close it."""
    connection.executescript(_INDICES)
    connection.execute("analyze symbols")
    connection.execute(f"pragma application_id={APPLICATION_ID}")
    connection.execute(f"pragma user_version={SCHEMA_VERSION}")
    connection.execute("pragma journal_mode=wal")
    connection.close()


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that writes. Raises sqlite3.Error or OSError; see `unusable`."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("pragma synchronous=off")  # losing the last seconds costs reading them again
    return connection


def unusable(path: Path) -> str:
    """Why the database must be built anew; "" where it can be used. "missing" if there is none."""
    if not path.exists():
        return "missing"
    try:
        connection = open_writer(path)
        try:
            if connection.execute("pragma application_id").fetchone()[0] != APPLICATION_ID:
                return "not an index of slmcode"
            version = connection.execute("pragma user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                return f"version {version} of the index, this slmcode has {SCHEMA_VERSION}"
            connection.execute("select count(*) from meta").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as e:
        return str(e)
    return ""


def remove(path: Path) -> None:
    """Remove a database with what SQLite keeps beside it."""
    for suffix in ("-wal", "-shm", "-journal", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class Writer:
    """Puts entries into a database. Every method wants an open transaction (`with writer:`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._pending: dict[str, bytearray] = {}  # postings of the segment in the making
        self.n_pending = 0

    def __enter__(self) -> Writer:
        self.connection.execute("begin immediate")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.flush()
            self.connection.execute("commit")
            return
        self._pending.clear()
        self.n_pending = 0
        if self.connection.in_transaction:
            self.connection.execute("rollback")

    def known(self) -> dict[str, tuple[int, int, bytes]]:
        """Path -> size, mtime_ns, hash of every file met before, also of those not indexed."""
        rows = self.connection.execute("select path, size, mtime_ns, hash from files")
        return {path: (size, mtime_ns, digest) for path, size, mtime_ns, digest in rows}

    def add(
        self, entries: Sequence[Entry], postings: Mapping[str, array[int]], own: bool = False
    ) -> None:
        """Put files in, in place of what is there of them.

        Postings count passages from 0 over all entries. They go into the segment in the making, or
        with `own` (then there is one entry) into one that is replaced with the file.
        """
        self.remove([entry.path for entry in entries])
        first_file = self._next("file", len(entries))
        first_passage = self._next("passage", sum(len(entry.passages) for entry in entries))
        execute = self.connection.executemany
        execute(
            "insert into files values (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
            (
                (
                    file,
                    e.path,
                    e.size,
                    e.mtime_ns,
                    e.hash,
                    e.language,
                    e.lines,
                    e.problem,
                    " ".join(postings) if own else "",
                )
                for file, e in enumerate(entries, first_file)
            ),
        )
        execute(
            "insert into symbols (file, name, kind, scope, signature, doc, line, end_line)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (file, d.name, d.kind, d.scope, d.signature, d.doc, d.line, d.end_line)
                for file, e in enumerate(entries, first_file)
                for d in e.definitions
            ),
        )
        execute(
            "insert into imports values (?, ?, ?, ?, ?, '')",
            (
                (file, i.line, i.module, json.dumps(i.names) if i.names else "", i.alias)
                for file, e in enumerate(entries, first_file)
                for i in e.imports
            ),
        )
        execute(
            "insert into passages values (?, ?, ?, ?, ?)",
            (
                (number, file, *passage)
                for number, (file, passage) in enumerate(
                    (
                        (file, passage)
                        for file, e in enumerate(entries, first_file)
                        for passage in e.passages
                    ),
                    first_passage,
                )
            ),
        )
        shift = first_passage.__add__
        if own:
            execute(
                "insert into postings values (?, ?, ?)",
                (
                    (term, first_file, array("I", map(shift, numbers)).tobytes())
                    for term, numbers in sorted(postings.items())
                ),
            )
            return
        pending = self._pending
        for term, numbers in postings.items():
            ids = array("I", map(shift, numbers)).tobytes()
            if term in pending:
                pending[term] += ids
            else:
                pending[term] = bytearray(ids)
            self.n_pending += len(numbers)

    def skip(self, skipped: Iterable[tuple[Skipped, int, int]]) -> None:
        """Remember files that are not indexed, with size and mtime_ns, so as not to read them."""
        rows = [(s.path, size, mtime_ns, s.reason) for s, size, mtime_ns in skipped]
        self.remove([row[0] for row in rows])
        self.connection.executemany(
            "insert into files values (null, ?, ?, ?, x'', '', 0, ?, 0, '')", rows
        )

    def touch(self, same: Iterable[Same]) -> None:
        """Only the times of these files are new."""
        self.connection.executemany(
            "update files set size = ?, mtime_ns = ? where path = ?",
            ((s.size, s.mtime_ns, s.path) for s in same),
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Forget files; unknown paths do nothing."""
        execute = self.connection.execute
        for path in paths:
            row = execute("select id, indexed, terms from files where path = ?", (path,)).fetchone()
            if row is None:
                continue
            file, indexed, terms = row
            execute("delete from files where id = ?", (file,))
            if not indexed:
                continue
            for table in ("symbols", "imports", "passages"):
                execute(f"delete from {table} where file = ?", (file,))
            self.connection.executemany(
                "delete from postings where term = ? and segment = ?",
                ((term, file) for term in terms.split()),
            )

    def flush(self) -> None:
        """Write the segment in the making. `with writer` does so at its end."""
        if not self._pending:
            return
        segment = -self._next("segment", 1)
        pending = self._pending
        self.connection.executemany(
            "insert into postings values (?, ?, ?)",
            ((term, segment, pending[term]) for term in sorted(pending)),
        )
        self._pending = {}
        self.n_pending = 0

    def compact(self) -> None:
        """Join the segments of builds, and drop removed passages, where there are many."""
        execute = self.connection.execute
        segments = self._next("segment", 0)
        issued = self._next("passage", 0)
        alive = execute("select count(*) from passages").fetchone()[0]
        if segments <= _MAX_SEGMENTS and issued <= 2 * alive + 1000:
            return
        living = {row[0] for row in execute("select id from passages")}
        joined: dict[str, array[int]] = {}
        for term, ids in execute("select term, ids from postings"):
            joined.setdefault(term, array("I")).extend(
                number for number in array("I", ids) if number in living
            )
        execute("delete from postings")
        execute("update files set terms = ''")
        execute("delete from meta where key = 'segment'")
        self._pending = {term: bytearray(ids) for term, ids in joined.items() if ids}
        self.flush()

    def _next(self, key: str, n: int) -> int:
        """The first of `n` numbers that were never given out before, from 1."""
        row = self.connection.execute("select value from meta where key = ?", (key,)).fetchone()
        value = int(row[0]) if row else 1
        if n:
            self.connection.execute(
                "insert or replace into meta values (?, ?)", (key, value + n)
            )
        return value
