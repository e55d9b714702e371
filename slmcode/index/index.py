"""The index of one workspace folder, kept up to date while a server runs.

A first pass, and any change of many files, is a build in a process of its own (`index.build`). A
few saved files and open documents are analysed and written by a thread here: a file of 10,000
lines costs it 150 ms of processor time, in which it lets the event loop run every few milliseconds.

Open documents stand in the database as they are in the editor, marked so that the next start reads
the disk. Their text, and no other, is in memory. Nothing here raises: what goes wrong becomes the
`message` of a Progress, once.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from slmcode.index import analysis, content, store, walk
from slmcode.index.analysis import Entry, Refused, Same, Wanted
from slmcode.index.build import State, text_of
from slmcode.index.ignore import RULE_FILES, Ignored
from slmcode.index.imports import Resolver
from slmcode.index.reader import Reader, Texts
from slmcode.index.rows import Skipped
from slmcode.index.store import Writer
from slmcode.index.watch import Watcher
from slmcode.text import one_line_end

MANY_FILES = 200  # one by one these take two seconds; a build has more processes
_SLICE_MS = 3  # for which the thread keeps the interpreter while it parses
_CLOSE_S = 0.8
_AGAIN_S = 60.0  # a build or a write that failed is tried again: a disk has room, a lock is gone
_DEATHS = 3  # of build processes in a row; then the next one waits as well
_BUFFER_SIZE = -1  # in place of a size: no file has it, so the next build reads the disk

_PARSING = threading.Lock()  # of all folders: they share the parsers

log = logging.getLogger(__name__)


class Progress(msgspec.Struct, frozen=True):
    """How far a build is. `running` is False when the index is complete, or cannot be."""

    running: bool
    done: int  # files
    total: int
    message: str = ""  # for the user, where something is amiss


class _Buffer(msgspec.Struct, frozen=True):
    language_id: str
    text: str


class _Work(msgspec.Struct):
    """What the thread has to do, gathered until it gets to it."""

    buffers: dict[str, _Buffer] = {}
    files: set[str] = set()  # changed, created or removed, and documents that were closed
    closed: set[str] = set()
    everything: bool = False  # nobody can say which files have changed
    built: State | None = None
    end: bool = False


class Index:
    """One workspace folder. All methods return at once and may be called from any thread.

    `generation` grows with every write that readers see. `on_progress` is called on other threads.
    """

    def __init__(
        self,
        folder: Path,
        database: Path,
        *,
        limit_kb: int,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.progress = Progress(False, 0, 0)
        self.generation = 0
        self._folder = folder
        self._database = database
        self._limit_kb = limit_kb
        self._on_progress = on_progress
        self._texts = Texts()
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._lock = threading.Lock()  # of _work, _process, _readers
        self._work = _Work()
        self._wake = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._ignored = Ignored(folder)
        self._watcher = Watcher(folder, self._ignored, self._saw)
        self._temporary: Path | None = None
        # The thread's own:
        self._connection: sqlite3.Connection | None = None
        self._open: dict[str, _Buffer] = {}
        self._later: set[str] = set()  # files to look at when the build has ended
        self._all = False  # whether everything is to be looked at
        self._resolver: Resolver | None = None  # of the files as they are now
        self._building = False
        self._incomplete = False  # the last build or write failed
        self._deaths = 0  # of builds in a row
        self._thread = threading.Thread(target=self._run, name="slmcode-index", daemon=True)

    def start(self) -> None:
        """Bring the index up to date and keep it so."""
        self.progress = Progress(True, 0, 0)
        self._thread.start()

    def reader(self) -> Reader:
        """For the calling thread. What is not indexed yet is not there."""
        reader = Reader(self._folder, self._database, self._texts)
        with self._lock:
            self._readers.add(reader)
        return reader

    def buffer_changed(self, path: str, language_id: str, text: str) -> None:
        """An open document as it is now; it counts in place of the file until it is closed."""
        with self._lock:
            self._work.buffers[path] = _Buffer(language_id, text)
            self._work.closed.discard(path)
        self._wake.set()

    def buffer_closed(self, path: str) -> None:
        """The file on disk counts again."""
        with self._lock:
            self._work.buffers.pop(path, None)
            self._work.closed.add(path)
        self._wake.set()

    def files_changed(self, paths: Iterable[str]) -> None:
        """These files or folders were changed, created or removed on disk."""
        with self._lock:
            self._work.files.update(paths)
        self._wake.set()

    def close(self) -> None:
        """End all work within a second, whatever it is at."""
        with self._lock:
            self._work.end = True
            if self._process is not None:
                self._process.kill()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    # The thread

    def _run(self) -> None:
        try:
            self._watcher.start()
            self._start_build()
            while True:
                again = not self._wake.wait(_AGAIN_S if self._incomplete else None)
                self._wake.clear()
                self._all |= again
                with self._lock:
                    work, self._work = self._work, _Work(end=self._work.end)
                if work.end:
                    return
                self._do(work)
        except Exception as e:  # its name alone: the message may hold source text
            log.error("the index has ended: %s", type(e).__name__)
            self._tell(Progress(False, 0, 0, "the index has ended: see the log"))
        finally:
            self._watcher.stop()
            self._disconnect()

    def _saw(self, paths: frozenset[str] | None) -> None:
        """The watcher saw changes; None: somewhere."""
        if paths is not None:
            self.files_changed(paths)
            return
        with self._lock:
            self._work.everything = True
        self._wake.set()

    def _do(self, work: _Work) -> None:
        if work.built is not None:
            self._take_over(work.built)
        if not self._building and self._is_damaged():
            self._failed(sqlite3.DatabaseError("damaged"))
        for path in work.closed:
            self._open.pop(path, None)
            self._texts.drop(path)
        self._open |= work.buffers
        files = work.files - self._open.keys() | work.closed
        if any(path.rpartition("/")[2] in RULE_FILES for path in files):
            self._ignored.forget()
            self._all = True
        self._all |= work.everything
        self._later |= files
        if self._all or len(self._later) > MANY_FILES:
            if not self._building:
                self._start_build()
            return
        if not self._building:  # else the build may have read them before they changed
            self._later.clear()
        try:
            self._write(work.buffers, files)
        except sqlite3.Error as e:
            self._failed(e)

    def _write(self, buffers: Iterable[str], files: Iterable[str]) -> None:
        """Bring single documents and files up to date, each in a transaction of its own."""
        writer = self._writer()
        if writer is None:
            return
        steps = [(self._write_buffer, path) for path in buffers]
        steps += [(self._write_file, path) for path in sorted(files)]
        for step, path in steps:
            if self._work.end:
                return
            try:
                step(writer, path)
            except sqlite3.Error:
                raise
            except Exception as e:  # one file must not end the index
                log.error("a file cannot be indexed: %s", type(e).__name__)

    def _write_buffer(self, writer: Writer, path: str) -> None:
        buffer = self._open[path]
        data = buffer.text.encode("utf-8", "replace")
        refusal = content.refusal(path, data[: content.HEAD], len(data), self._limit_kb)
        if refusal or self._ignored.match(path, False):
            return
        digest = analysis.digest_of(data)
        lines = one_line_end(buffer.text).split("\n")
        before = writer.digest(path)
        if before == digest:
            self._texts.put(path, lines)
            return
        with _PARSING:
            entry = analysis.analyse(
                path,
                buffer.language_id,
                buffer.text,
                size=_BUFFER_SIZE,
                mtime_ns=0,
                digest=digest,
                slice_ms=_SLICE_MS,
            )
        with writer:
            writer.add([entry], analysis.postings([entry]), own=True)
            self._resolve(writer, path, is_new=not before)
        self._texts.put(path, lines)
        self._written()

    def _write_file(self, writer: Writer, path: str) -> None:
        if (self._folder / path).is_dir() and not self._ignored.match(path, True):
            self._all = True  # a folder that came may hold anything
            self._wake.set()
            return
        before = writer.digest(path)
        there = walk.found(self._folder, path, self._limit_kb, self._ignored)
        found: Entry | Same | Refused | None = None
        if isinstance(there, Skipped):
            found = Refused(there)
        elif there is not None:
            with _PARSING:
                found = analysis.read(self._folder, Wanted(path, before), self._limit_kb, _SLICE_MS)
        with writer:
            if isinstance(found, Entry):
                writer.add([found], analysis.postings([found]), own=True)
                self._resolve(writer, path, is_new=not before)
            elif isinstance(found, Same):
                writer.touch([found])
            else:
                self._resolver = None
                writer.forget([path, *writer.below(path)])
                if found is not None:
                    writer.refuse([found])
        self._written()

    def _resolve(self, writer: Writer, path: str, is_new: bool) -> None:
        """Find what a file imports and, if it is new, who may import it."""
        if self._resolver is None or is_new:
            self._resolver = Resolver(writer.files(), lambda path: text_of(self._folder / path))
        writer.resolve(self._resolver, [path])
        if is_new:
            writer.resolve_new(self._resolver, path)

    def _written(self) -> None:
        self.generation += 1

    def _writer(self) -> Writer | None:
        """None while there is no database."""
        if self._connection is None and not store.unusable(self._database):
            self._connection = store.open_writer(self._database)
        return Writer(self._connection) if self._connection is not None else None

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _failed(self, error: sqlite3.Error) -> None:
        """A write failed: a damaged database is built anew, all else is told and tried again."""
        self._disconnect()
        if isinstance(error, sqlite3.OperationalError):
            self._incomplete = True
            self._tell(msgspec.structs.replace(self.progress, message=self._sentence(str(error))))
            return
        log.warning("the index is built anew: %s", error)
        store.remove(self._database)
        self._start_build()

    def _is_damaged(self) -> bool:
        """Whether somebody who asks found the database damaged."""
        with self._lock:
            return any(reader.is_damaged for reader in self._readers)

    def _sentence(self, problem: str) -> str:
        """What is said to the user when the index cannot be brought up to date."""
        return (
            f"the index in {self._database.parent} is not up to date: {problem}; "
            f"it is tried again every {_AGAIN_S:.0f} s"
        )

    def _tell(self, progress: Progress) -> None:
        if progress != self.progress:
            self.progress = progress
            self._on_progress(progress)

    # Builds

    def _start_build(self) -> None:
        """Start the process that brings the whole folder up to date, and a thread that listens."""
        self._later.clear()
        self._all = False
        self._building = True
        self._incomplete = False
        message = self._find_a_place()
        self._tell(Progress(True, 0, 0, message))
        command = [sys.executable, "-P", "-m", "slmcode.index.build", "--background"]
        command += ["--limit-kb", str(self._limit_kb), str(self._folder), str(self._database)]
        with self._lock:
            if self._work.end:
                return
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    creationflags=_IDLE_PRIORITY,
                )
            except OSError as e:
                self._work.built = State("failed", problem=str(e))
                self._wake.set()
                return
        threading.Thread(
            target=self._listen, args=(self._process,), name="slmcode-index-build", daemon=True
        ).start()

    def _find_a_place(self) -> str:
        """Where the database cannot be kept, use a temporary folder for now and say so."""
        parent = self._database.parent
        try:
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=parent) as file:
                file.write(b"\0" * 4096)
            return ""
        except OSError as e:
            reason = f"{parent} cannot be written: {e.strerror}"
        try:
            self._temporary = Path(tempfile.mkdtemp(prefix="slmcode-index-"))
        except OSError:
            return f"{reason}; there is no index"
        self._database = self._temporary / self._database.name
        with self._lock:
            for reader in self._readers:
                reader.reopen(self._database)
        return f"{reason}; the index is in a temporary folder until the server ends"

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Thread: pass on what the build says until it ends."""
        decode = msgspec.json.Decoder(State).decode
        state = State("failed", problem="the build said nothing")
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                try:
                    state = decode(line)
                except msgspec.MsgspecError:
                    continue
                self._tell(Progress(True, state.files, state.total, self.progress.message))
        if process.returncode < 0:
            state = State(
                "killed", problem=f"its process was ended by signal {-process.returncode}"
            )
        with self._lock:
            self._work.built = state
        self._wake.set()

    def _take_over(self, state: State) -> None:
        """A build has ended: read what it made, and put open documents into it again."""
        self._resolver = None
        self._building = False
        with self._lock:
            self._process = None
            for reader in self._readers:
                reader.reopen(self._database)
        self._disconnect()
        self._deaths = self._deaths + 1 if state.state == "killed" else 0
        if 0 < self._deaths < _DEATHS:
            self._start_build()
            return
        message = self.progress.message
        self._incomplete = state.state != "done"
        if self._incomplete:
            message = self._sentence(state.problem or state.state)
        try:
            self._write(self._open, ())
        except sqlite3.Error as e:
            message = self._sentence(str(e))
            self._incomplete = True
            self._disconnect()
        self._written()
        self._tell(Progress(False, state.files, state.total, message))


_IDLE_PRIORITY = getattr(subprocess, "IDLE_PRIORITY_CLASS", 0)  # Windows
