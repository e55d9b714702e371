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
import threading
from array import array
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slmcode.index import chunks
from slmcode.index.analysis import Entry, Refused, Same
from slmcode.index.rows import Counts, FileImport, Passage, Skipped, Symbol
from slmcode.text import one_line_end

APPLICATION_ID = 0x736C6D69  # "slmi"
SCHEMA_VERSION = 1
MISSING = "missing"
BUSY_S = 10.0  # a build writes for a second at most between two commits
_MAX_POSTINGS = 8_000  # visited by one search of passages: 0.6 ms
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

    def refuse(self, refused: Iterable[Refused]) -> None:
        """Remember files that are not indexed, so as not to read them again."""
        rows = [(r.skipped.path, r.size, r.mtime_ns, r.skipped.reason) for r in refused]
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
            n, n_terms = execute(
                "select count(*), coalesce(sum(terms), 0) from passages where file = ?", (file,)
            ).fetchone()
            self._next("n_passages", -n)
            self._next("n_terms", -n_terms)
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
        self._pending = {term: bytearray(ids) for term, ids in joined.items() if ids}
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
        self._names: list[tuple[str, str, int]] = []  # lower case, as written, letters as bits
        self._names_seen: set[str] = set()
        self._names_until = 0  # the last symbol whose name is there
        self.problem = ""  # the last error of the database

    def reopen(self) -> None:
        """Open the database again before the next call: it was replaced. Any thread."""
        self._reopen.set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._reopen.clear()

    def definitions(self, names: Collection[str], limit: int = 50) -> list[Symbol]:
        """Symbols with exactly these names, in any file; those of rare names first."""
        by_name = [
            self._symbols("where s.name = ? order by s.id limit ?", (name, limit))
            for name in dict.fromkeys(names)
        ]
        by_name.sort(key=len)
        return [symbol for symbols in by_name for symbol in symbols][:limit]

    def members(self, path: str, scope: str) -> list[Symbol]:
        """What is defined directly in a scope ("Class", "Class.method") of a file, in order."""
        return [symbol for symbol in self.outline(path) if symbol.scope == scope]

    def outline(self, path: str) -> list[Symbol]:
        """Everything defined in a file, in the order of the source."""
        return self._symbols(
            "where s.file = (select id from files where path = ?) order by s.id", (path,)
        )

    def imports(self, path: str) -> list[FileImport]:
        """The imports of a file, in the order of the source."""
        rows = self._rows(
            "select module, names, alias, line, target from imports"
            " where file = (select id from files where path = ?) order by rowid",
            (path,),
        )
        return [
            FileImport(
                module,
                tuple((there, here) for there, here in json.loads(names)) if names else (),
                alias,
                line,
                target,
            )
            for module, names, alias, line, target in rows
        ]

    def importers(self, path: str) -> list[str]:
        """The files that import a file, sorted."""
        rows = self._rows(
            "select distinct f.path from imports i join files f on f.id = i.file"
            " where i.target = ? order by f.path",
            (path,),
        )
        return [row[0] for row in rows]

    def known(self, names: Collection[str]) -> set[str]:
        """Those of the names that are defined anywhere in the workspace."""
        found: set[str] = set()
        for some in _some(list(names)):
            rows = self._rows(
                f"select distinct name from symbols where name in ({_marks(some)})", some
            )
            found.update(row[0] for row in rows)
        return found

    def passages(self, words: Sequence[str], limit: int, but_not: str = "") -> list[Passage]:
        """Passages with any of the words, by BM25 over the rarest terms of them, best first.

        Words are split like those of the index. Passages of the file `but_not` are left out.
        """
        terms = list(dict.fromkeys(term for word in words for term in chunks.terms_of(word)))
        how_common: dict[str, int] = {}
        for some in _some(terms):
            for term, n_bytes in self._rows(
                f"select term, length(ids) from postings where term in ({_marks(some)})", some
            ):
                how_common[term] = how_common.get(term, 0) + n_bytes // 4
        chosen: dict[str, float] = {}
        n_passages, mean_terms = self._totals()
        visited = 0
        for term in sorted(how_common, key=lambda term: (how_common[term], term)):
            visited += how_common[term]
            if chosen and visited > _MAX_POSTINGS:
                break
            n = min(how_common[term], n_passages)
            chosen[term] = math.log(1 + (n_passages - n + 0.5) / (n + 0.5))
        if not chosen:
            return []
        scores: dict[int, float] = {}
        for some in _some(list(chosen)):
            for term, ids in self._rows(
                f"select term, ids from postings where term in ({_marks(some)})", some
            ):
                weight = chosen[term]
                for number in array("I", ids):
                    scores[number] = scores.get(number, 0.0) + weight
        if but_not:
            for row in self._rows(
                "select id from passages where file = (select id from files where path = ?)",
                (but_not,),
            ):
                scores.pop(row[0], None)
        # Length changes a score by less than half, so the best are among the first few.
        best = heapq.nlargest(3 * limit + 20, scores, key=scores.__getitem__)
        found = []
        for some in _some(best):
            for number, path, line, end_line, n_terms in self._rows(
                "select p.id, f.path, p.line, p.end_line, p.terms from passages p"
                f" join files f on f.id = p.file where p.id in ({_marks(some)})",
                some,
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

        Best first: the same, beginning with it, a word of it beginning with it, containing it,
        then the others; shorter names before longer ones.
        """
        query = "".join(query.split())
        if not query:
            return []
        self._learn_names()
        lower = query.lower()
        bits = _bits(lower)
        spread = re.compile(".*?".join(map(re.escape, lower)))
        candidates = []
        for low, name, letters in self._names:
            if letters & bits != bits:
                continue
            at = low.find(lower)
            if at < 0:
                if spread.search(low):
                    candidates.append((4, len(name), name))
            elif at == 0:
                candidates.append((0 if name == query else int(low != lower), len(name), name))
            else:
                starts_word = name[at].isupper() or not low[at - 1].isalnum()
                candidates.append((2 if starts_word else 3, len(name), name))
        found: list[Symbol] = []
        for _, _, name in heapq.nsmallest(2 * limit + 20, candidates):
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
        file = self._folder / path
        try:
            status = file.stat()
            if (status.st_size, status.st_mtime_ns) != (size, mtime_ns):
                return None
            key = (path, size, mtime_ns)
            lines = self._lines.pop(key, None)
            if lines is None:
                text = file.read_bytes().decode("utf-8-sig", "replace")
                lines = one_line_end(text).split("\n")
        except OSError:
            return None
        self._lines[key] = lines
        if len(self._lines) > _TEXTS:
            self._lines.popitem(last=False)
        return lines

    def _learn_names(self) -> None:
        """Read the names of symbols that came since; those that went find no row later."""
        rows = self._rows(
            "select id, name from symbols where id > ? order by id", (self._names_until,)
        )
        for number, name in rows:
            self._names_until = number
            if name not in self._names_seen:
                self._names_seen.add(name)
                low = name.lower()
                self._names.append((low, name, _bits(low)))

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
        except sqlite3.Error as e:
            self.problem = str(e)
            return []

    def _open(self) -> None:
        self.close()
        self._names.clear()
        self._names_seen.clear()
        self._names_until = 0
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


def _some(values: Sequence[Any]) -> Iterator[list[Any]]:
    """In pieces of the number of values a statement may have."""
    for start in range(0, len(values), 500):
        yield list(values[start : start + 500])


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))


def _bits(lower: str) -> int:
    """The characters of a word as a set of 64 bits; equal words have equal ones."""
    bits = 0
    for character in set(lower):
        bits |= 1 << (ord(character) & 63)
    return bits
