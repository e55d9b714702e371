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
import os
import re
import sqlite3
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from slmcode.index import chunks, content
from slmcode.index.analysis import Entry, Refused, Same
from slmcode.index.imports import Resolver
from slmcode.index.rows import Counts, FileImport, Passage, Skipped, Symbol
from slmcode.syntax import languages
from slmcode.text import one_line_end

APPLICATION_ID = 0x736C6D69  # "slmi"
SCHEMA_VERSION = 1
MISSING = "missing"
BUSY_S = 10.0  # a build writes for a second at most between two commits
_MAX_POSTINGS = 2_000  # visited by one search of passages: 0.4 ms
_MAX_HITS = 2_000  # of a query inside names, looked at: 1 ms
_MAX_CANDIDATES = 500  # whose length is looked up; only equal scores make more
_ID_BYTES = 4
_TARGETS = 16  # files that one import means, at most; a Go package may have more
_FOLDERS_FILE = frozenset(("__init__", "index", "mod", "lib", "main"))  # stand for their folder
_MAX_SEGMENTS = 8
_BM25_K, _BM25_B = 1.2, 0.75
_TEXTS = 8  # files whose lines a Reader keeps

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
                for target in resolver.resolve(language, module, _names(names), path)[:_TARGETS]
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


class Texts:
    """Texts of open buffers as they were indexed, by path. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, list[str]] = {}

    def put(self, path: str, lines: list[str]) -> None:
        with self._lock:
            self._texts[path] = lines

    def drop(self, path: str) -> None:
        with self._lock:
            self._texts.pop(path, None)

    def get(self, path: str) -> list[str] | None:
        with self._lock:
            return self._texts.get(path)


class Reader:
    """Asks the index. One thread only; sees what was committed before each call. Never raises.

    A database that is not there, or is damaged, has nothing; `reopen` looks for it again.
    """

    def __init__(self, folder: Path, database: Path, buffers: Texts | None = None) -> None:
        self._folder = folder
        self._database = database
        self._buffers = buffers or Texts()
        self._connection: sqlite3.Connection | None = None
        self._reopen = threading.Event()
        self._reopen.set()
        self._lines: OrderedDict[tuple[str, int, int], list[str]] = OrderedDict()
        self._names = _Names()
        self.problem = ""  # the last error of the database

    def reopen(self, database: Path) -> None:
        """Before the next call open this database, which may be new. Any thread."""
        self._database = database
        self._reopen.set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._reopen.clear()

    def definitions(self, names: Collection[str], limit: int = 50) -> list[Symbol]:
        """Symbols with exactly these names, in any file; those of rare names first."""
        place: dict[str, int] = {}  # of the names that fit in whole, the rarest first
        left, cut = limit, ""
        for name, n in self._rows(
            "select name, count(*) from symbols where name in (select value from json_each(?))"
            " group by name order by count(*), name",
            (_json(names),),
        ):
            if n > left:
                cut = name
                break
            place[name] = len(place)
            left -= n
        found = self._symbols(
            "where s.name in (select value from json_each(?)) order by s.id", (_json(place),)
        )
        found.sort(key=lambda symbol: place[symbol.name])
        if left and cut:
            found += self._symbols("where s.name = ? order by s.id limit ?", (cut, left))
        return found

    def members(self, path: str, scope: str) -> list[Symbol]:
        """What is defined directly in a scope ("Class", "Class.method") of a file, in order."""
        return [symbol for symbol in self.outline(path) if symbol.scope == scope]

    def outline(self, path: str) -> list[Symbol]:
        """Everything defined in a file, in the order of the source."""
        return self._symbols(
            "where s.file = (select id from files where path = ?) order by s.id", (path,)
        )

    def imports(self, path: str) -> list[FileImport]:
        """The imports of a file, in the order of the source.

        One that means several files is there once for each of them, the likeliest first.
        """
        rows = self._rows(
            "select i.module, i.names, i.alias, i.line, coalesce(t.path, '') from imports i"
            " left join targets t on t.import = i.id"
            " where i.file = (select id from files where path = ?) order by i.id, t.rowid",
            (path,),
        )
        return [
            FileImport(module, _names(names), alias, line, target)
            for module, names, alias, line, target in rows
        ]

    def importers(self, path: str) -> list[str]:
        """The files that import a file, sorted."""
        rows = self._rows(
            "select distinct f.path from targets t join imports i on i.id = t.import"
            " join files f on f.id = i.file where t.path = ? order by f.path",
            (path,),
        )
        return [row[0] for row in rows]

    def known(self, names: Collection[str]) -> set[str]:
        """Those of the names that are defined anywhere in the workspace."""
        rows = self._rows(
            "select distinct name from symbols where name in (select value from json_each(?))",
            (_json(names),),
        )
        return {row[0] for row in rows}

    def passages(self, words: Sequence[str], limit: int, but_not: str = "") -> list[Passage]:
        """Passages with any of the words, by BM25 over the rarest terms of them, best first.

        Words are split like those of the index. Passages of the file `but_not` are left out.
        """
        terms = {term for word in words for term in chunks.terms_of(word)}
        how_common: dict[str, int] = {}
        for term, n_bytes in self._rows(
            "select term, length(ids) from postings where term in (select value from json_each(?))",
            (_json(terms),),
        ):
            how_common[term] = how_common.get(term, 0) + n_bytes // _ID_BYTES
        n_passages, mean_terms = self._totals()
        weights: dict[str, float] = {}
        visited = 0
        for term in sorted(how_common, key=lambda term: (how_common[term], term)):
            visited += how_common[term]
            if weights and visited > _MAX_POSTINGS:
                break
            n = min(how_common[term], n_passages)
            weights[term] = math.log(1 + (n_passages - n + 0.5) / (n + 0.5))
        own = self._rows(
            "select id from passages where file = (select id from files where path = ?)",
            (but_not,),
        )
        scores: defaultdict[int, float] = defaultdict(float)
        for term, ids in self._rows(
            "select term, ids from postings where term in (select value from json_each(?))",
            (_json(weights),),
        ):
            weight = weights[term]
            for number in memoryview(ids).cast("I")[:_MAX_POSTINGS]:
                scores[number] += weight
        for row in own:
            scores.pop(row[0], None)
        # Length changes a score by less than half, so the best are among the first few.
        enough = sorted(scores.values())[-(3 * limit + 20) :]
        best = [number for number, score in scores.items() if score >= enough[0]]
        found = []
        for number, path, line, end_line, n_terms in self._rows(
            "select p.id, f.path, p.line, p.end_line, p.terms from passages p"
            " join files f on f.id = p.file where p.id in (select value from json_each(?))",
            (_json(best[:_MAX_CANDIDATES]),),
        ):
            length = 1 - _BM25_B + _BM25_B * n_terms / mean_terms
            score = scores[number] * (_BM25_K + 1) / (1 + _BM25_K * length)
            found.append(Passage(path, line, end_line, score))
        found.sort(key=lambda p: (-p.score, p.path, p.line))
        return found[:limit]

    def passage_at(self, path: str, line: int) -> Passage | None:
        """The passage that holds a line; None for a blank one between two."""
        rows = self._rows(
            "select line, end_line from passages where file = (select id from files where path = ?)"
            " and line <= ? order by line desc limit 1",
            (path, line),
        )
        if not rows or rows[0][1] <= line:
            return None
        return Passage(path, rows[0][0], rows[0][1], 0.0)

    def symbols(self, query: str, limit: int) -> list[Symbol]:
        """Symbols whose names hold the letters of `query` in this order, in any case.

        Best first: the same, beginning with it, a word of it beginning with it, containing it;
        only where there are too few, names with its first letter and the others further on.
        Shorter names before longer ones. The first call reads all names: 0.1 s at 1 M lines.
        """
        lower = "".join(query.split()).lower()
        if not lower:
            return []
        self._names.learn(self._rows)
        found: list[Symbol] = []
        for name in self._names.like(lower, limit):
            found += self._symbols(
                "where s.name = ? order by s.id limit ?", (name, limit - len(found))
            )
            if len(found) >= limit:
                break
        return found

    def files(self) -> list[str]:
        """Paths of all indexed files, sorted."""
        return [row[0] for row in self._rows("select path from files where indexed order by path")]

    def skipped(self) -> list[Skipped]:
        """Files that were looked at and are not indexed, or by text only, and why; by path."""
        rows = self._rows("select path, reason from files where reason != '' order by path")
        return [Skipped(path, reason) for path, reason in rows]

    def counts(self) -> Counts:
        """What there is. Takes 10 ms at 1 M lines: it counts."""
        files = self._rows(
            "select count(*), coalesce(sum(lines), 0), coalesce(sum(max(size, 0)), 0) from files"
            " where indexed"
        )
        symbols = self._rows("select count(*) from symbols")
        passages = self._rows("select count(*) from passages")
        if not (files and symbols and passages):
            return Counts(0, 0, 0, 0, 0)
        return Counts(files[0][0], files[0][1], symbols[0][0], passages[0][0], files[0][2])

    def text(self, path: str, line: int, end_line: int) -> str | None:
        """These lines as they were indexed, joined by LF; None if the file is another now."""
        lines = self._buffers.get(path)
        if lines is None:
            lines = self._lines_of(path)
        return None if lines is None else "\n".join(lines[line:end_line])

    def _lines_of(self, path: str) -> list[str] | None:
        rows = self._rows("select size, mtime_ns from files where path = ? and indexed", (path,))
        if not rows:
            return None
        size, mtime_ns = rows[0]
        file = os.path.join(self._folder, path)  # pathlib takes longer than the system does
        try:
            status = os.stat(file)
            if (status.st_size, status.st_mtime_ns) != (size, mtime_ns):
                return None
            key = (path, size, mtime_ns)
            lines = self._lines.pop(key, None)
            if lines is None:
                with open(file, "rb") as stream:
                    text = content.decode(stream.read())
                if text is None:
                    return None
                lines = one_line_end(text).split("\n")
        except OSError:
            return None
        self._lines[key] = lines
        if len(self._lines) > _TEXTS:
            self._lines.popitem(last=False)
        return lines

    def _totals(self) -> tuple[int, float]:
        """Number of passages and how many terms one has on average; 1 and 30.0 for none."""
        rows = self._rows("select key, value from meta where key in ('n_passages', 'n_terms')")
        values = dict(rows)
        n = max(1, values.get("n_passages", 1))
        return n, max(1.0, values.get("n_terms", 30 * n) / n)

    def _symbols(self, where: str, values: tuple[Any, ...]) -> list[Symbol]:
        rows = self._rows(
            "select (select path from files where id = s.file), s.name, s.kind, s.scope,"
            f" s.signature, s.doc, s.line, s.end_line from symbols s {where}",
            values,
        )
        return [Symbol(*row) for row in rows]

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if self._reopen.is_set():
            self._open()
        if self._connection is None:
            return []
        try:
            return self._connection.execute(sql, values).fetchall()
        except UnicodeEncodeError:
            return []  # a lone surrogate: no name or path in the store has one
        except sqlite3.Error as e:
            self.problem = str(e)
            return []

    def _open(self) -> None:
        self.close()
        self._names.clear()
        try:
            connection = sqlite3.connect(
                f"{self._database.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=0.05,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=64,
            )
            connection.execute("pragma cache_size=-8000")
            connection.execute("select count(*) from meta").fetchone()
        except (sqlite3.Error, OSError) as e:
            self.problem = str(e)
            return
        self._connection = connection


class _Names:
    """The distinct names of all symbols, searched by a few letters in 2 ms at 50,000 names.

    Names that went stay: a query finds no symbol for them.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Know no name: the database is another one."""
        self._until = 0  # the last symbol whose name is here
        self._known: set[str] = set()
        self._sorted: list[tuple[str, str]] = []  # lower case without leading "_", as written
        self._lengths: list[int] = []
        self._starts: list[int] = []  # of each name in `_all`
        self._all = ""

    def learn(self, rows: Callable[..., list[tuple[Any, ...]]]) -> None:
        """Read the names that came since."""
        until = rows("select coalesce(max(id), 0) from symbols")
        if not until or until[0][0] == self._until:
            return
        sql = "select distinct name from symbols where id > ?" if self._until else _ALL_NAMES
        new = {name for (name,) in rows(sql, (self._until,))} - self._known
        self._until = until[0][0]
        if not new:
            return
        self._known |= new
        self._sorted += [(name.lower().lstrip("_"), name) for name in new]
        self._sorted.sort()
        self._lengths = [len(low) for low, _ in self._sorted]
        self._starts = list(accumulate((n + 1 for n in self._lengths), initial=0))
        self._all = "".join([low + "\n" for low, _ in self._sorted])

    def like(self, lower: str, limit: int) -> list[str]:
        """Names that contain `lower`, or its letters in this order, best first."""
        lower = lower.lstrip("_") or lower
        first = bisect_left(self._sorted, (lower, ""))
        end = bisect_left(self._sorted, (lower + "\U0010ffff", ""))
        best = heapq.nsmallest(limit, range(first, end), key=self._lengths.__getitem__)
        ranks = dict.fromkeys(best, 1)
        if len(ranks) < limit:
            matches = re.finditer(re.escape(lower), self._all)
            for match in islice(matches, _MAX_HITS):
                number = bisect_right(self._starts, match.start()) - 1
                if number not in ranks:
                    ranks[number] = self._rank(number, match.start() - self._starts[number])
        if len(ranks) < limit:
            spread = re.compile(".*?".join(map(re.escape, lower)))
            first = bisect_left(self._sorted, (lower[0], ""))
            end = bisect_left(self._sorted, (lower[0] + "\U0010ffff", ""))
            for number in range(first, end):
                if number not in ranks and spread.match(self._sorted[number][0]):
                    ranks[number] = 4
        best = sorted(ranks, key=lambda number: (ranks[number], self._lengths[number], number))
        return [self._sorted[number][1] for number in best[:limit]]

    def _rank(self, number: int, at: int) -> int:
        """2 where a word of the name begins at this place of its sort key, else 3."""
        low, name = self._sorted[number]
        written = name[len(name) - len(low) :]
        return 2 if written[at].isupper() or not low[at - 1].isalnum() else 3


def _names(stored: str) -> tuple[tuple[str, str], ...]:
    """Imported names as the table of imports holds them."""
    return tuple((there, here) for there, here in json.loads(stored)) if stored else ()


_ALL_NAMES = "select distinct name from symbols where ? = 0"


def _json(values: Iterable[str | int]) -> str:
    """A list for json_each, so that a statement is the same for any number of values."""
    return json.dumps(list(values))
