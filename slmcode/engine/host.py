"""The engine process: a socket loop on the main thread, the model on a thread of its own.

The two never wait for each other: jobs go in through the scheduler's inbox, chunks come
back with `call_soon_threadsafe`. One engine per user, model and set of options:
whoever holds the lock file listens. It leaves when no client was connected for `idle_s`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from slmcode.engine import wire
from slmcode.engine.backend import Backend, ModelRefused
from slmcode.engine.decode import Runner
from slmcode.engine.job import Chunk, Done, EngineOptions, EngineState, EngineStatus, Stop, Timings
from slmcode.engine.scheduler import Scheduler

Load = Callable[[], Backend]
Outbox = asyncio.Queue[wire.Message]


class Host:
    """Serves one backend to any number of clients."""

    def __init__(self, load: Load, idle_s: float) -> None:
        self._load = load
        self._idle_s = idle_s
        self._status = EngineStatus(EngineState.LOADING, "loading the model")
        self._scheduler: Scheduler | None = None
        self._outboxes: set[Outbox] = set()
        self._left_at = time.monotonic()  # when the last client went

    async def serve(self, path: Path, listening: Callable[[], None]) -> None:
        """Listen at `path` until idle or terminated. Call with the lock held."""
        self._loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        for name in ("SIGTERM", "SIGINT"):
            with contextlib.suppress(NotImplementedError):
                self._loop.add_signal_handler(getattr(signal, name), stopping.set)
        model = threading.Thread(target=self._model_thread, name="model", daemon=True)

        def started() -> None:
            listening()
            model.start()

        listener = asyncio.create_task(wire.listen(path, self._connected, started))
        idle = asyncio.create_task(self._wait_idle())
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({listener, idle, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in (listener, idle, stop):
            task.cancel()
        await asyncio.gather(listener, idle, stop, return_exceptions=True)
        if self._scheduler is not None:
            self._scheduler.close()
            await asyncio.to_thread(model.join)

    def _model_thread(self) -> None:
        try:
            scheduler = Scheduler(Runner(self._load()))
        except ModelRefused as e:
            self._loop.call_soon_threadsafe(self._set, EngineState.REFUSED, str(e))
            return
        except Exception as e:
            message = f"the model could not be loaded: {type(e).__name__}: {e}"
            self._loop.call_soon_threadsafe(self._set, EngineState.REFUSED, message)
            return
        self._scheduler = scheduler
        self._loop.call_soon_threadsafe(self._set, EngineState.READY, "")
        scheduler.serve()

    def _set(self, state: EngineState, message: str) -> None:
        self._status = EngineStatus(state, message)
        for outbox in self._outboxes:
            outbox.put_nowait(wire.Status(self._status))

    async def _wait_idle(self) -> None:
        while True:
            if self._outboxes:
                self._left_at = time.monotonic()
            rest = self._left_at + self._idle_s - time.monotonic()
            if rest <= 0:
                return
            await asyncio.sleep(min(rest, 5.0))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        outbox: Outbox = asyncio.Queue()
        self._outboxes.add(outbox)
        outbox.put_nowait(wire.hello())
        outbox.put_nowait(wire.Status(self._status))
        sender = asyncio.create_task(_send_all(outbox, writer))
        loop = self._loop

        def send(answer: Chunk | Done) -> None:  # model thread
            message = wire.Produced(answer) if isinstance(answer, Chunk) else wire.Ended(answer)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(outbox.put_nowait, message)
                if isinstance(answer, Done):
                    loop.call_soon_threadsafe(jobs.discard, answer.job_id)

        jobs: set[int] = set()  # those that have not ended
        try:
            while (message := await wire.read(reader)) is not None:
                match message:
                    case wire.Submit(job_id, job):
                        if self._scheduler is None:
                            lost = Done(job_id, Stop.LOST, Timings(), self._status.message)
                            outbox.put_nowait(wire.Ended(lost))
                            continue
                        jobs.add(job_id)
                        self._scheduler.submit(job_id, job, send)
                    case wire.Cancel(job_id) if self._scheduler is not None:
                        self._scheduler.cancel(job_id, send)
                    case _:
                        pass
        except wire.BadMessage:
            pass  # hang up on a peer that does not speak our protocol
        finally:
            if self._scheduler is not None:
                for job_id in jobs:
                    self._scheduler.cancel(job_id, send)
            self._outboxes.discard(outbox)
            self._left_at = time.monotonic()
            sender.cancel()
            writer.close()


async def _send_all(outbox: Outbox, writer: asyncio.StreamWriter) -> None:
    """Write what is put into the outbox; a peer that went away ends it."""
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(wire.encode(await outbox.get()))
            if outbox.empty():
                await writer.drain()


def run(path: Path, load: Load, idle_s: float, announce: IO[str] | None) -> int:
    """Be the engine at `path`: take the lock, listen, serve; return the exit code.

    One line is written to `announce`: "listening", or "another" when some engine holds
    the lock already (exit code 0: the client simply connects to that one).
    """
    wire.private_folder(path.parent)
    lock = FileLock(path.with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        _announce(announce, "another")
        return 0
    with lock:
        asyncio.run(Host(load, idle_s).serve(path, lambda: _announce(announce, "listening")))
    return 0


def _announce(announce: IO[str] | None, line: str) -> None:
    if announce is not None:
        with contextlib.suppress(OSError):
            announce.write(line + "\n")
            announce.flush()


def main(path: Path, model: Path, options: EngineOptions) -> int:
    """`slmcode engine`: close the network, then serve these weights."""
    from slmcode.engine.backend import LlamaBackend
    from slmcode.engine.sandbox import close_network

    close_network()

    def load() -> Backend:
        return LlamaBackend(
            model,
            threads=options.threads,
            memory_mb=options.memory_mb,
            n_ctx_seq=options.n_ctx_seq,
        )

    return run(path, load, options.idle_s, sys.stdout)
