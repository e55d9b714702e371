"""The database of one workspace folder: its tables and writing them. `reader` asks them.

Passages are found by `postings`: for each term the ids of the passages that have it, as one blob
of 32-bit numbers per segment. A build writes its segment at once (0.5 s for 1 M lines), a single
file has a segment of its own that is replaced with the file. Ids are never used twice, so what
older segments still say of removed passages finds no row in `passages`; `compact` drops it.
FTS5 takes as long to write, but 50 µs to say how common a word is (here 5), and 0.45 µs per
passage found (here 0.08): with 30 words around a cursor that is the difference of 5 ms to 1.

A database that is damaged, of another version or not ours is removed and built again.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from slmcode.index.analysis import Entry, Refused, Same
from slmcode.index.imports import Resolver
from slmcode.syntax import languages

APPLICATION_ID = 0x736C6D69  # "slmi"
SCHEMA_VERSION = 1
MISSING = "missing"
BUSY_S = 10.0  # a build writes for a second at most between two commits
ID_BYTES = 4
_TARGETS = 16  # files that one import means, at most; a Go package may have more
_FOLDERS_FILE = frozenset(("__init__", "index", "mod", "lib", "main"))  # stand for their folder
_MAX_SEGMENTS = 8

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
    id integer primary key, file integer, line integer, module text, names text, alias text
);
create table targets (import integer, path text);
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
create index targets_by_import on targets (import);
create index targets_by_path on targets (path);
create index passages_by_file on passages (file, line);
"""


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
    connection.execute(f"pragma application_id={APPLICATION_ID}")
    connection.execute(f"pragma user_version={SCHEMA_VERSION}")
    connection.execute("replace into meta values ('made_by', ?)", (languages.fingerprint(),))
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
    """Why the database must be built anew; "" where it can be used. `MISSING` if there is none."""
    if not path.exists():
        return MISSING
    try:
        connection = open_writer(path)
        try:
            if connection.execute("pragma application_id").fetchone()[0] != APPLICATION_ID:
                return "not an index of slmcode"
            version = connection.execute("pragma user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                return f"version {version} of the index, this slmcode has {SCHEMA_VERSION}"
            made_by = connection.execute("select value from meta where key = 'made_by'").fetchone()
            if made_by != (languages.fingerprint(),):
                return "made by another version of slmcode"
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
        self._pending: dict[str, array[int]] = {}  # postings of the segment in the making

    def __enter__(self) -> Writer:
        self.connection.execute("begin immediate")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.flush()
            self.connection.execute("commit")
            return
        self._pending.clear()
        if self.connection.in_transaction:
            self.connection.execute("rollback")

    def known(self) -> dict[str, tuple[int, int, bytes]]:
        """Path -> size, mtime_ns, hash of every file met before, also of those not indexed."""
        rows = self.connection.execute("select path, size, mtime_ns, hash from files")
        return {path: (size, mtime_ns, digest) for path, size, mtime_ns, digest in rows}

    def digest(self, path: str) -> bytes:
        """The hash of one file, b"" for one that is not indexed."""
        row = self.connection.execute("select hash from files where path = ?", (path,)).fetchone()
        return row[0] if row else b""

    def files(self) -> list[str]:
        """The indexed files."""
        rows = self.connection.execute("select path from files where indexed")
        return [row[0] for row in rows]

    def below(self, folder: str) -> list[str]:
        """The files in a folder."""
        rows = self.connection.execute(
            "select path from files where path > ? and path < ?", (f"{folder}/", f"{folder}0")
        )
        return [row[0] for row in rows]

    def add(
        self, entries: Sequence[Entry], postings: Mapping[str, Iterable[int]], own: bool = False
    ) -> None:
        """Put files in, in place of what is there of them.

        Postings count passages from 0 over all entries. They go into the segment in the making, or
        with `own` (then there is one entry) into one that is replaced with the file.
        """
        self.remove([entry.path for entry in entries])
        first_file = self._next("file", len(entries))
        n_passages = sum(len(entry.passages) for entry in entries)
        first_passage = self._next("passage", n_passages)
        self._next("n_passages", n_passages)
        self._next("n_terms", sum(p[2] for entry in entries for p in entry.passages))
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
                (file, d.name, d.kind, d.scope, d.signature, d.doc, d.line, d.end_line + 1)
                for file, e in enumerate(entries, first_file)
                for d in e.definitions
            ),
        )
        execute(
            "insert into imports (file, line, module, names, alias) values (?, ?, ?, ?, ?)",
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
            ids = pending.get(term)
            if ids is None:
                pending[term] = array("I", map(shift, numbers))
            else:
                ids.extend(map(shift, numbers))

    def refuse(self, refused: Iterable[Refused]) -> None:
        """Remember files that are not indexed, so as not to read them again."""
        refused = list(refused)
        self.remove([r.skipped.path for r in refused])
        first = self._next("file", len(refused))
        self.connection.executemany(
            "insert into files values (?, ?, ?, ?, x'', '', 0, ?, 0, '')",
            (
                (file, r.skipped.path, r.size, r.mtime_ns, r.skipped.reason)
                for file, r in enumerate(refused, first)
            ),
        )

    def touch(self, same: Iterable[Same]) -> None:
        """Only the times of these files are new."""
        self.connection.executemany(
            "update files set size = ?, mtime_ns = ? where path = ?",
            ((s.size, s.mtime_ns, s.path) for s in same),
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Take files out; unknown paths do nothing."""
        execute = self.connection.execute
        for path in paths:
            row = execute("select id, indexed, terms from files where path = ?", (path,)).fetchone()
            if row is None:
                continue
            file, indexed, terms = row
            execute("delete from files where id = ?", (file,))
            if not indexed:
                continue
            n, n_terms = execute(
                "select count(*), coalesce(sum(terms), 0) from passages where file = ?", (file,)
            ).fetchone()
            self._next("n_passages", -n)
            self._next("n_terms", -n_terms)
            execute(
                "delete from targets where import in (select id from imports where file = ?)",
                (file,),
            )
            for table in ("symbols", "imports", "passages"):
                execute(f"delete from {table} where file = ?", (file,))
            self.connection.executemany(
                "delete from postings where term = ? and segment = ?",
                ((term, file) for term in terms.split()),
            )

    def forget(self, paths: Iterable[str]) -> None:
        """Remove files that are gone: imports of others do not mean them any more."""
        paths = list(paths)
        self.remove(paths)
        self.connection.executemany(
            "delete from targets where path = ?", ((path,) for path in paths)
        )

    def resolve(self, resolver: Resolver, paths: Iterable[str] | None = None) -> None:
        """Find the files that the imports of these files mean; None: of all files."""
        select = (
            "select i.id, f.language, i.module, i.names, f.path from imports i"
            " join files f on f.id = i.file"
        )
        execute = self.connection.execute
        if paths is None:
            execute("delete from targets")
            self._resolve(resolver, execute(select).fetchall())
            return
        for path in paths:
            self._resolve(resolver, execute(f"{select} where f.path = ?", (path,)).fetchall())

    def resolve_new(self, resolver: Resolver, path: str) -> None:
        """A file came: find the imports that may mean it."""
        *folders, name = path.split("/")
        stem = name.partition(".")[0]
        if stem in _FOLDERS_FILE and folders:
            stem = folders[-1]
        rows = self.connection.execute(
            "select i.id, f.language, i.module, i.names, f.path from imports i"
            " join files f on f.id = i.file where instr(i.module, ?) or instr(i.names, ?)",
            (stem, stem),
        ).fetchall()
        self._resolve(resolver, rows)

    def _resolve(self, resolver: Resolver, rows: list[tuple[int, str, str, str, str]]) -> None:
        self.connection.executemany(
            "delete from targets where import = ?", ((number,) for number, *_ in rows)
        )
        self.connection.executemany(
            "insert into targets values (?, ?)",
            (
                (number, target)
                for number, language, module, names, path in rows
                for target in resolver.resolve(language, module, names_of(names), path)[:_TARGETS]
            ),
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

    def compact(self) -> None:
        """Join the segments of builds, and drop removed passages, where there are many."""
        execute = self.connection.execute
        segments = self._next("segment", 0)
        issued = self._next("passage", 0)
        alive = execute("select count(*) from passages").fetchone()[0]
        dead = issued - alive - self._next("dropped", 0)
        if segments <= _MAX_SEGMENTS and dead <= alive + 1000:
            return
        self._next("dropped", dead)
        living = {row[0] for row in execute("select id from passages")}
        joined: dict[str, array[int]] = {}
        for term, ids in execute("select term, ids from postings"):
            joined.setdefault(term, array("I")).extend(
                number for number in array("I", ids) if number in living
            )
        execute("delete from postings")
        execute("update files set terms = ''")
        execute("delete from meta where key = 'segment'")
        self._pending = {term: ids for term, ids in joined.items() if ids}
        self.flush()

    def _next(self, key: str, n: int) -> int:
        """The first of `n` numbers that were never given out before, from 1. Also counts."""
        row = self.connection.execute("select value from meta where key = ?", (key,)).fetchone()
        value = int(row[0]) if row else 1
        if n:
            self.connection.execute("insert or replace into meta values (?, ?)", (key, value + n))
        return value


def names_of(stored: str) -> tuple[tuple[str, str], ...]:
    """Imported names as the table of imports holds them."""
    return tuple((there, here) for there, here in json.loads(stored)) if stored else ()
