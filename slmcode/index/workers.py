"""Processes that analyse files. A grammar may crash or never end: it takes its process with it, not
us, and the file it was at is found by asking a new process for the files one by one.

Messages are msgpack with their length before them: a list of `Wanted` in, a `Result` out. A worker
ends with its input, so none is left when its parent is killed; one that is caught in a grammar then
ends by the limit on its processor time.
"""

from __future__ import annotations

import gc
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from slmcode.index import analysis
from slmcode.index.analysis import Entry, Refused, Same, Wanted
from slmcode.index.rows import Skipped

CPU_LIMIT_S = 20  # for one batch, and then for one file of it alone
_WALL_LIMIT_S = 300.0  # a file system that does not answer; and systems without limits
_LENGTH = struct.Struct("<I")
_KILL = getattr(signal, "SIGKILL", 9)


class Result(msgspec.Struct, array_like=True):
    """What came of one batch. Postings are numbers of passages, counted over `entries`."""

    entries: list[Entry] = []
    same: list[Same] = []
    refused: list[Refused] = []
    gone: list[str] = []
    postings: dict[str, list[int]] = {}


class WorkerError(Exception):
    """No worker process can be had."""


class Pool:
    """Some worker processes for one folder. Close it, or use it in a `with` block."""

    def __init__(self, folder: Path, limit_kb: int, n_workers: int) -> None:
        self._folder = folder
        self._command = (sys.executable, "-P", "-m", __name__, str(folder), str(limit_kb))
        self._todo: queue.SimpleQueue[list[Wanted] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[list[Result] | WorkerError] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"slmcode-worker-{i}", daemon=True)
            for i in range(n_workers)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def results(self, batches: Iterable[list[Wanted]]) -> Iterator[Result]:
        """What came of each batch, in the order in which they are done. Raises WorkerError."""
        waiting = 0
        for batch in batches:
            self._todo.put(batch)
            waiting += 1
            while waiting > 3 * len(self._threads):
                yield from self._next()
                waiting -= 1
        for _ in range(waiting):
            yield from self._next()

    def close(self) -> None:
        """End all workers at once, whatever they are at."""
        with self._lock:
            self._closed = True
            for process in self._processes:
                process.kill()
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def _next(self) -> list[Result]:
        results = self._done.get()
        if isinstance(results, WorkerError):
            raise results
        return results

    def _serve(self) -> None:
        """Thread of one worker: give it batches until None comes."""
        process = None
        try:
            process = self._start()
            while (batch := self._todo.get()) is not None:
                process, results = self._analysed(process, batch)
                self._done.put(results)
        except (WorkerError, OSError, msgspec.MsgspecError) as e:
            self._done.put(WorkerError(str(e)))
        finally:
            if process is not None:
                self._end(process)

    def _analysed(
        self, process: subprocess.Popen[bytes], batch: list[Wanted]
    ) -> tuple[subprocess.Popen[bytes], list[Result]]:
        """What came of a batch, and the worker to go on with. One that dies is replaced."""
        results = []
        waiting = [batch]
        spared: list[Wanted] = []
        while waiting:
            some = waiting.pop()
            reply = _ask(process, some)
            if reply:
                results.append(_DECODER.decode(reply))
                continue
            status = self._end(process)
            if status > 0:
                raise WorkerError(f"a worker process ends with status {status}")
            process = self._start()
            if len(some) > 1:
                waiting.extend([wanted] for wanted in reversed(some))
            elif status == -_KILL and some[0] not in spared:
                spared.append(some[0])  # by somebody, or for want of memory: not the file's fault
                waiting.append(some)
            else:
                results.append(Result(refused=[self._culprit(some[0].path, -status)]))
        return process, results

    def _culprit(self, path: str, killed_by: int) -> Refused:
        """The file that cost a worker its life. It is not tried again until it changes."""
        out_of_time = killed_by in (getattr(signal, "SIGXCPU", -1), signal.SIGTERM)
        reason = f"took longer than {CPU_LIMIT_S} s" if out_of_time else "crashed the parser"
        try:
            status = (self._folder / path).stat()
        except OSError:
            return Refused(Skipped(path, reason))
        return Refused(Skipped(path, reason), status.st_size, status.st_mtime_ns)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise WorkerError("closed")
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._processes.add(process)
            return process

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        """End a worker; its exit status, negative for a signal."""
        with self._lock:
            self._processes.discard(process)
        process.kill()
        try:
            with process:  # closes the pipes and waits
                pass
        except OSError:  # what was not sent yet cannot be sent
            pass
        return process.returncode


_DECODER = msgspec.msgpack.Decoder(Result)


def _ask(process: subprocess.Popen[bytes], batch: list[Wanted]) -> bytes:
    """The worker's reply; b"" if it died or had to be ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(_WALL_LIMIT_S, process.terminate)
    timer.daemon = True
    timer.start()
    try:
        _send(process.stdin, msgspec.msgpack.encode(batch))
        return _receive(process.stdout)
    except OSError:
        return b""
    finally:
        timer.cancel()


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes:
    """The next message; b"" at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return b""
    (length,) = _LENGTH.unpack(head)
    message = stream.read(length)
    return message if len(message) == length else b""


def analyse(folder: Path, limit_kb: int, batch: list[Wanted]) -> Result:
    """What a worker does with a batch."""
    result = Result()
    for wanted in batch:
        try:
            found = analysis.read(folder, wanted, limit_kb)
        except Exception as e:  # a fault of ours must not cost the others of the batch
            found = Refused(Skipped(wanted.path, f"cannot be analysed: {type(e).__name__}"))
        if found is None:
            result.gone.append(wanted.path)
        elif isinstance(found, Entry):
            result.entries.append(found)
        elif isinstance(found, Same):
            result.same.append(found)
        else:
            result.refused.append(found)
    result.postings = analysis.postings(result.entries)
    result.entries = [msgspec.structs.replace(entry, terms=[]) for entry in result.entries]
    return result


def _limit_processor_time() -> None:
    """The system ends this process with SIGXCPU when it works much longer from now on."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        until = int(time.process_time()) + CPU_LIMIT_S
        if hard == resource.RLIM_INFINITY or until < hard:
            resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def main() -> None:
    """Read batches from standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's Ctrl-C ends our input
    folder, limit_kb = Path(sys.argv[1]), int(sys.argv[2])
    decoder = msgspec.msgpack.Decoder(list[Wanted])
    gc.disable()  # syntax trees have no cycles; a collection takes 5 % of the time
    while message := _receive(sys.stdin.buffer):
        _limit_processor_time()
        result = analyse(folder, limit_kb, decoder.decode(message))
        _send(sys.stdout.buffer, msgspec.msgpack.encode(result))


if __name__ == "__main__":
    main()
