"""Asking the database of one workspace folder. What its tables mean is in `store`.

A read transaction is a frozen state of the index. Nothing here raises: what cannot be asked finds
nothing and becomes `Reader.problem`.
"""

from __future__ import annotations

import heapq
import json
import math
import os
import re
import sqlite3
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from slmcode.index import chunks, content
from slmcode.index.rows import Counts, FileImport, Passage, Skipped, Symbol
from slmcode.index.store import ID_BYTES, names_of
from slmcode.text import one_line_end

_MAX_POSTINGS = 2_000  # visited by one search of passages: 0.4 ms
_MAX_HITS = 2_000  # of a query inside names, looked at: 1 ms
_MAX_CANDIDATES = 500  # whose length is looked up; only equal scores make more
_BM25_K, _BM25_B = 1.2, 0.75
_TEXTS = 8  # files whose lines a Reader keeps


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
        self.is_damaged = False  # the database, not only out of reach

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
            FileImport(module, names_of(names), alias, line, target)
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
            how_common[term] = how_common.get(term, 0) + n_bytes // ID_BYTES
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
            self.is_damaged |= not isinstance(e, sqlite3.OperationalError)
            return []

    def _open(self) -> None:
        self.close()
        self._names.clear()
        self.is_damaged = False
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


_ALL_NAMES = "select distinct name from symbols where ? = 0"


def _json(values: Iterable[str | int]) -> str:
    """A list for json_each, so that a statement is the same for any number of values."""
    return json.dumps(list(values))
