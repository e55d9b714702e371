"""Bring the database of a folder up to date: `python -m slmcode.index.build FOLDER DATABASE`.

Files whose size and time are as stored are not read; those whose content is as stored are not
analysed again. A first build goes into a new file that takes its place when it is complete; others
are written in transactions of a second at most, so that a server can write a saved file between.

As a program it prints one JSON object a line, ten a second at most; the last one says how it
ended. Of two builds of one database the second waits, and then finds little to do.
"""

from __future__ import annotations

import argparse
import gc
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import msgspec

from slmcode.index import content, store, walk
from slmcode.index.analysis import Wanted
from slmcode.index.imports import Resolver
from slmcode.index.rows import Skipped
from slmcode.index.walk import Found
from slmcode.index.workers import Pool, Result, WorkerError

BATCH_BYTES = (64 * 1024, 768 * 1024)  # 1,600 to 20,000 lines, 20 to 300 ms of a worker
BATCH_FILES = 256
COMMIT_POSTINGS = 400_000  # of 300,000 lines, written in half a second
_REPORT_S = 0.1
_LOCK_POLL_S = 0.1


class State(msgspec.Struct, frozen=True):
    """How far a build is, and at its end how it went.

    `state` is waiting (for another build), walking, reading, writing, done, cancelled or failed.
    `files` and `total` count the files that have to be read, `lines` those analysed by now.
    `rebuilt` says why an old database was thrown away, `problem` why the build failed.
    """

    state: str
    files: int = 0
    total: int = 0
    lines: int = 0
    seconds: float = 0.0
    unchanged: int = 0
    removed: int = 0
    skipped: tuple[Skipped, ...] = ()  # by the walk, at the end only; the store knows the others
    rebuilt: str = ""
    problem: str = ""


class _CancelledError(Exception):
    pass


def build(
    folder: Path,
    database: Path,
    *,
    limit_kb: int,
    n_workers: int = 0,
    on_progress: Callable[[State], None] = lambda state: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> State:
    """Bring `database` up to date with `folder`; the last state. Never raises for what it finds.

    `n_workers` processes analyse; 0: one per core. `cancelled` is asked ten times a second.
    """
    run = _Build(folder, database, limit_kb, n_workers or os.cpu_count() or 1)
    run.on_progress = on_progress
    run.cancelled = cancelled
    collected = gc.isenabled()
    gc.disable()  # what workers send has no cycles, and is much
    try:
        with run.lock():
            try:
                run.bring_up_to_date(store.unusable(database))
            except sqlite3.DatabaseError as e:
                if isinstance(e, sqlite3.OperationalError):
                    raise  # a full disk, no right to write; not the file's fault
                run.bring_up_to_date(str(e))
        run.report("done", end=True)
    except _CancelledError:
        run.report("cancelled", end=True)
    except (sqlite3.Error, OSError, WorkerError) as e:
        run.problem = str(e)
        run.report("failed", end=True)
    finally:
        if collected:
            gc.enable()
    return run.last


class _Build:
    """One run of `build`."""

    on_progress: Callable[[State], None]
    cancelled: Callable[[], bool]

    def __init__(self, folder: Path, database: Path, limit_kb: int, n_workers: int) -> None:
        self.folder = folder
        self.database = database
        self.limit_kb = limit_kb
        self.n_workers = n_workers
        self.last = State("waiting")
        self.problem = ""
        self.rebuilt = ""
        self.began = time.monotonic()
        self._reported = 0.0
        self._forget()

    def _forget(self) -> None:
        """Count from the beginning."""
        self.files = self.total = self.lines = self.unchanged = self.removed = 0
        self.skipped: list[Skipped] = []

    def lock(self) -> filelock.BaseFileLock:
        """The right to build this database, waited for if need be."""
        self.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = filelock.FileLock(self.database.with_name(self.database.name + ".lock"))
        while True:
            try:
                lock.acquire(timeout=0)
                return lock
            except filelock.Timeout:
                self.report("waiting")
                time.sleep(_LOCK_POLL_S)

    def report(self, state: str, end: bool = False) -> None:
        """Tell how far it is, if there was no word for a while; may raise _CancelledError."""
        now = time.monotonic()
        if not end and state == self.last.state and now - self._reported < _REPORT_S:
            return
        if not end and self.cancelled():
            raise _CancelledError
        self._reported = now
        self.last = State(
            state,
            self.files,
            self.total,
            self.lines,
            round(now - self.began, 3),
            self.unchanged,
            self.removed,
            tuple(self.skipped) if end else (),
            self.rebuilt,
            self.problem,
        )
        self.on_progress(self.last)

    def bring_up_to_date(self, why_anew: str) -> None:
        """Update the database, or with a reason make a new one."""
        self._forget()
        if not why_anew:
            connection = store.open_writer(self.database)
            try:
                self._fill(store.Writer(connection), first=False)
            finally:
                connection.close()
            return
        if why_anew != store.MISSING:
            self.rebuilt = why_anew
        new = self.database.with_name(self.database.name + ".new")
        connection = store.create(new)
        try:
            self._fill(store.Writer(connection), first=True)
            self.report("writing")
            store.finish(connection)
            store.remove(self.database)
            os.replace(new, self.database)
        finally:
            connection.close()
            store.remove(new)

    def _fill(self, writer: store.Writer, first: bool) -> None:
        """Walk, analyse what is new, write it, drop what is gone."""
        known = {} if first else writer.known()
        self.report("walking")
        found: list[Found] = []
        gone = set(known)
        for file in walk.files(self.folder, self.limit_kb, self.skipped.append):
            gone.discard(file.path)
            before = known.get(file.path)
            if before is not None and before[:2] == (file.size, file.mtime_ns):
                self.unchanged += 1
            else:
                found.append(file)
            self.report("walking")
        self.total = len(found)
        self.removed = len(gone)
        came = any(file.path not in known for file in found)
        if gone:
            with writer:
                writer.remove(gone)
        results = self._results(found, known)
        if first:
            with writer:
                for result in results:
                    _write(writer, result)
                    self.report("reading")
                self.report("writing")
                writer.resolve(self._resolver(writer))
            return
        gathered: list[Result] = []
        changed: list[str] = []
        n_postings = 0
        for result in results:
            gathered.append(result)
            changed += [entry.path for entry in result.entries]
            self.report("reading")
            n_postings += sum(p[2] for entry in result.entries for p in entry.passages)
            if n_postings > COMMIT_POSTINGS:
                _write_all(writer, gathered)
                n_postings = 0
        _write_all(writer, gathered)
        self.report("writing")
        with writer:
            if found or gone:
                writer.resolve(self._resolver(writer), None if came or gone else changed)
            writer.compact()

    def _resolver(self, writer: store.Writer) -> Resolver:
        return Resolver(writer.files(), lambda path: text_of(self.folder / path))

    def _results(
        self, found: list[Found], known: dict[str, tuple[int, int, bytes]]
    ) -> Iterator[Result]:
        """What the workers make of the files, counted."""
        if not found:
            return
        batches = _batches(found, known, self.n_workers)
        with Pool(self.folder, self.limit_kb, min(self.n_workers, len(batches))) as pool:
            for result in pool.results(batches):
                self.files += (
                    len(result.entries) + len(result.same) + len(result.refused) + len(result.gone)
                )
                self.lines += sum(entry.lines for entry in result.entries)
                yield result


def text_of(file: Path) -> str | None:
    """The text of a file that configures imports; None if it is none."""
    try:
        return content.decode(file.read_bytes())
    except OSError:
        return None


def _batches(
    found: list[Found], known: dict[str, tuple[int, int, bytes]], n_workers: int
) -> list[list[Wanted]]:
    """Files in pieces that are worth a message, the largest pieces first."""
    smallest, largest = BATCH_BYTES
    enough = sum(file.size for file in found) // (16 * n_workers)
    enough = max(smallest, min(enough, largest))
    batches: list[tuple[int, list[Wanted]]] = []
    batch: list[Wanted] = []
    n_bytes = 0
    for file in found:
        before = known.get(file.path)
        batch.append(Wanted(file.path, before[2] if before else b""))
        n_bytes += file.size
        if n_bytes >= enough or len(batch) >= BATCH_FILES:
            batches.append((n_bytes, batch))
            batch, n_bytes = [], 0
    if batch:
        batches.append((n_bytes, batch))
    batches.sort(key=lambda sized: -sized[0])
    return [batch for _, batch in batches]


def _write_all(writer: store.Writer, gathered: list[Result]) -> None:
    """One transaction for what was gathered, which is empty afterwards."""
    if not gathered:
        return
    with writer:
        for result in gathered:
            _write(writer, result)
    gathered.clear()


def _write(writer: store.Writer, result: Result) -> None:
    writer.add(result.entries, result.postings)
    writer.touch(result.same)
    writer.refuse(result.refused)
    writer.remove(result.gone)


def lowest_priority() -> None:
    """Run only when nobody else wants the processor. Worker processes inherit it."""
    if sys.platform == "win32":
        return  # the parent starts us with IDLE_PRIORITY_CLASS
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            pass  # not allowed in some containers; nice remains


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m slmcode.index.build")
    parser.add_argument("folder", type=Path)
    parser.add_argument("database", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--limit-kb", type=int, default=4096)
    parser.add_argument("--background", action="store_true", help="yield to all other programs")
    arguments = parser.parse_args()
    n_workers = arguments.workers or os.cpu_count() or 1
    if arguments.background:
        lowest_priority()
        n_workers = max(1, n_workers - 1)
    encode = msgspec.json.Encoder().encode

    def say(state: State) -> None:
        sys.stdout.buffer.write(encode(state) + b"\n")
        sys.stdout.buffer.flush()

    try:
        state = build(
            arguments.folder,
            arguments.database,
            limit_kb=arguments.limit_kb,
            n_workers=n_workers,
            on_progress=say,
        )
    except BrokenPipeError:
        os._exit(1)  # nobody listens: the server is gone
    sys.exit(0 if state.state == "done" else 1)


if __name__ == "__main__":
    main()
