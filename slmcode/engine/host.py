"""The engine process: a socket loop on the main thread, the model on a thread of its own.

The two never wait for each other: jobs go in through the scheduler's inbox, chunks come
back with `call_soon_threadsafe`. One engine per user, model and set of options:
whoever holds the lock file listens. It leaves when no client was connected for `idle_s`.

What goes to stderr is kept in a small file (`EngineClient` opens it, the holder of the lock
empties it): states, barriers, faults of our own, the stack of a native crash. Never source text.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from slmcode import __version__
from slmcode.engine import wire
from slmcode.engine.backend import Backend, ModelRefused
from slmcode.engine.decode import Runner
from slmcode.engine.job import (
    Chunk,
    Done,
    EngineOptions,
    EngineState,
    EngineStatus,
    Stop,
    Timings,
    Weights,
)
from slmcode.engine.scheduler import Scheduler
from slmcode.engine.served import LoadWeights

Load = Callable[[], Backend]

_MAX_UNREAD = 1024 * 1024  # bytes; the longest answer is some 100 kB

log = logging.getLogger(__name__)


class Outbox:
    """What is still to be sent to one client. Event loop only.

    A client that does not read is hung up on, else its messages would pile up here.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def put(self, message: wire.Message) -> None:
        """Send a message, in order; no effect when the client has gone."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        self._writer.write(wire.encode(message))
        if transport.get_write_buffer_size() > _MAX_UNREAD:
            log.warning("hung up on a client that does not read")
            transport.abort()


class Host:
    """Serves one backend, and what jobs name beside it, to any number of clients."""

    def __init__(self, load: Load, load_weights: LoadWeights, idle_s: float) -> None:
        self._load = load
        self._load_weights = load_weights
        self._idle_s = idle_s
        self._status = EngineStatus(EngineState.LOADING, "loading the model")
        self._scheduler: Scheduler | None = None
        self._outboxes: set[Outbox] = set()
        self._left_at = time.monotonic()  # when the last client went
        self._stopping = asyncio.Event()
        self._fault: BaseException | None = None  # what ended the model thread

    async def serve(self, path: Path, listening: Callable[[], None]) -> None:
        """Listen at `path` until idle or terminated. Call with the lock held.

        Raises what made listening impossible or ended the model thread.
        """
        self._loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGINT"):
            with contextlib.suppress(NotImplementedError):
                self._loop.add_signal_handler(getattr(signal, name), self._stopping.set)
        model = threading.Thread(target=self._model_thread, name="model", daemon=True)

        def started() -> None:
            listening()
            model.start()

        listener = asyncio.create_task(wire.listen(path, self._connected, started))
        idle = asyncio.create_task(self._wait_idle())
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({listener, idle, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in (listener, idle, stop):
            task.cancel()
        ended = await asyncio.gather(listener, idle, stop, return_exceptions=True)
        if self._scheduler is not None:
            self._scheduler.close()
            await asyncio.to_thread(model.join)
        for fault in (self._fault, *ended):
            if isinstance(fault, Exception):
                raise fault

    def _model_thread(self) -> None:
        try:
            scheduler = Scheduler(Runner(self._load()), self._load_weights)
        except ModelRefused as e:
            self._post(EngineState.REFUSED, str(e))
            return
        except Exception as e:
            log.exception("loading the model")
            self._post(
                EngineState.REFUSED, f"the model could not be loaded: {type(e).__name__}: {e}"
            )
            return
        self._scheduler = scheduler
        self._post(EngineState.READY, "")
        try:
            scheduler.serve()
        except Exception as e:  # what it holds is unknown: end, and be started again
            self._fault = e
            self._call(self._stopping.set)

    def _post(self, state: EngineState, message: str) -> None:
        """Model thread: tell every client."""

        def tell() -> None:
            log.info("%s %s", state, message)
            self._status = EngineStatus(state, message)
            for outbox in self._outboxes:
                outbox.put(wire.Status(self._status))

        self._call(tell)

    def _call(self, function: Callable[[], None]) -> None:
        """Any thread: have `function` called on the loop, unless it has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    async def _wait_idle(self) -> None:
        while True:
            if self._outboxes:
                self._left_at = time.monotonic()
            rest = self._left_at + self._idle_s - time.monotonic()
            if rest <= 0:
                return
            await asyncio.sleep(min(rest, 5.0))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        outbox = Outbox(writer)
        self._outboxes.add(outbox)
        outbox.put(wire.hello())
        outbox.put(wire.Status(self._status))
        jobs: set[int] = set()  # those that have not ended

        def send(answer: Chunk | Done) -> None:  # model thread
            def deliver() -> None:
                if isinstance(answer, Done):
                    jobs.discard(answer.job_id)
                    outbox.put(wire.Ended(answer))
                else:
                    outbox.put(wire.Produced(answer))

            self._call(deliver)

        try:
            while (message := await wire.read(reader)) is not None:
                match message:
                    case wire.Submit(job_id, job):
                        if self._scheduler is None:
                            lost = Done(job_id, Stop.LOST, Timings(), self._status.message)
                            outbox.put(wire.Ended(lost))
                            continue
                        jobs.add(job_id)
                        self._scheduler.submit(job_id, job, send)
                    case wire.Cancel(job_id) if self._scheduler is not None:
                        self._scheduler.cancel(job_id, send)
                    case _:
                        pass
        except wire.BadMessage:
            log.warning("hung up on a client that does not speak our protocol")
        finally:
            if self._scheduler is not None:
                for job_id in jobs:
                    self._scheduler.cancel(job_id, send)
            self._outboxes.discard(outbox)
            self._left_at = time.monotonic()
            writer.close()
            if not self._outboxes and self._status.state is EngineState.REFUSED:
                self._stopping.set()  # the weights may be others when the next one asks


def run(
    path: Path, load: Load, load_weights: LoadWeights, idle_s: float, announce: IO[str] | None
) -> int:
    """Be the engine at `path`: take the lock, listen, serve; return the exit code.

    One line is written to `announce`: "listening", "another" when some engine holds the lock
    already (exit code 0: the client simply connects to that one), or why it cannot listen.
    """
    try:
        wire.private_folder(path.parent)
        lock = FileLock(path.with_suffix(".lock")).acquire(timeout=0)
    except Timeout:
        _announce(announce, "another")
        return 0
    except OSError as e:
        _announce(announce, _sentence(e))
        return 1
    with lock:
        _begin_log()
        log.info("engine %s, process %d", __version__, os.getpid())
        try:
            host = Host(load, load_weights, idle_s)
            asyncio.run(host.serve(path, lambda: _announce(announce, "listening")))
        except Exception as e:
            if isinstance(e, OSError):
                _announce(announce, _sentence(e))  # heard only if it is not listening yet
            log.exception("the engine cannot go on")
            return 1
        log.info("leaving")
    return 0


def _sentence(e: OSError) -> str:
    """An error of the runtime folder, in words."""
    if e.filename is None:
        return str(e)
    return f"{e.filename} cannot be written: {e.strerror}; set SLMCODE_RUNTIME"


def _announce(announce: IO[str] | None, line: str) -> None:
    if announce is not None:
        with contextlib.suppress(OSError):
            announce.write(line + "\n")
            announce.flush()


class _Formatter(logging.Formatter):
    """Type and place of an exception, without its text: that may hold what was worked on."""

    def formatException(self, ei: Any) -> str:
        return f"{ei[0].__name__}\n" + "".join(traceback.format_tb(ei[2])).rstrip()


def _begin_log() -> None:
    """Log to stderr, which is emptied if it is a file: it holds one engine's life."""
    if stat.S_ISREG(os.fstat(2).st_mode):
        os.ftruncate(2, 0)
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    faulthandler.enable()


def serve_weights(path: Path, model: Path, options: EngineOptions, barriers: list[str]) -> int:
    """Serve these weights; `barriers` are what closes the network. Return the exit code."""
    from slmcode.engine.backend import LlamaBackend

    own: list[LlamaBackend] = []  # the one of `load`

    def load() -> Backend:
        log.info("no network: %s", ", ".join(barriers))
        backend = LlamaBackend(
            model,
            threads=options.threads,
            memory_mb=options.memory_mb,
            n_ctx_seq=options.n_ctx_seq,
        )
        own.append(backend)
        return backend

    def load_weights(weights: Weights, wanted: Callable[[], bool]) -> Backend:
        return LlamaBackend(
            Path(weights.path),
            threads=options.threads,
            n_ctx_seq=weights.n_ctx,
            completes=False,
            wanted=wanted,
            same=own[0] if os.path.realpath(weights.path) == os.path.realpath(model) else None,
        )

    return run(path, load, load_weights, options.idle_s, sys.stdout)


def main(path: Path, model: Path, options: EngineOptions) -> int:
    """`slmcode engine`: become the engine process, which must close the network before it imports.

    Returns its exit code where a process cannot be replaced (Windows).
    """
    command = wire.command(path, model, options)
    if sys.platform != "win32":
        os.execv(command[0], command)
    return subprocess.call(command)
