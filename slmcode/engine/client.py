"""The server's side of the engine: connects to it, starts it, starts it again after a crash.

Event loop only. A request never waits for a start: while there is no engine its job ends at once
as LOST, and `status` says why.

What the engine writes to stderr is in `log`, which names no source text.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import subprocess
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec

from slmcode.config import state_folder
from slmcode.engine import wire
from slmcode.engine.job import (
    Chunk,
    Done,
    EngineOptions,
    EngineState,
    EngineStatus,
    Job,
    Stop,
    Timings,
)

OnStatus = Callable[[EngineStatus], None]

_CRASHES = 3  # within _CRASH_WINDOW_S: then we stop starting it and say so
_CRASH_WINDOW_S = 60.0
_START_TIMEOUT_S = 20.0
_TRY_AGAIN_S = 0.05  # another engine is about to listen, or about to leave


class RemoteStream:
    """A job in the engine process, as the server sees it."""

    def __init__(self, client: EngineClient, job_id: int) -> None:
        self._client = client
        self._job_id = job_id
        self._arrived: asyncio.Queue[Chunk | Done] = asyncio.Queue()
        self.done: Done | None = None

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[Chunk]:
        while self.done is None or not self._arrived.empty():
            item = await self._arrived.get()
            if isinstance(item, Chunk):
                yield item
            else:
                self.done = item

    def cancel(self) -> None:
        """End the job; its Done still arrives."""
        if self.done is None:
            self._client.send(wire.Cancel(self._job_id))

    def put(self, item: Chunk | Done) -> None:
        """Called by the client with what the engine sent."""
        self._arrived.put_nowait(item)


class Launch:
    """An engine to be started: its address and how. `start` may be called from any thread."""

    def __init__(
        self,
        runtime: Path,
        model: Path,
        options: EngineOptions,
        command: Sequence[str] | None = None,
    ) -> None:
        self.address = wire.address(runtime, model, msgspec.structs.astuple(options))
        self.log = state_folder() / "engine.log"
        self._command = command or wire.command(self.address, model, options)
        self._early: subprocess.Popen[bytes] | None = None

    def start_early(self) -> None:
        """Start a process nobody waits for yet, unless an engine seems to listen.

        A server does so first of all: weights load while it imports what it needs itself.
        """
        if not self.address.exists():
            with contextlib.suppress(OSError):
                self._early = self.start()

    def take_early(self) -> subprocess.Popen[bytes] | None:
        """The process of `start_early`, once."""
        early, self._early = self._early, None
        return early

    def start(self) -> subprocess.Popen[bytes]:
        """Start a process; it writes one line to its stdout. Raises OSError.

        Not asyncio's subprocess: its transport kills a child that still runs when it is closed or
        collected, and the engine is to outlive this server.
        """
        wire.private_folder(self.address.parent)
        with self._open_log() as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # it ignores the server's Ctrl-C
            )

    def _open_log(self) -> IO[bytes]:
        """Where the engine's stderr goes. Appending: it is emptied by the one that listens."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            return self.log.open("ab")
        except OSError:
            return open(os.devnull, "ab")


class EngineClient:
    """Implements `Engine` over the local socket."""

    def __init__(self, launch: Launch, on_status: OnStatus) -> None:
        self.launch = launch
        self._on_status = on_status
        self._status = EngineStatus(EngineState.STARTING, "starting the engine")
        self._writer: asyncio.StreamWriter | None = None
        self._streams: dict[int, RemoteStream] = {}
        self._ids = itertools.count(1)
        self._task: asyncio.Task[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None  # one we started; kept to be reaped
        self._changed = asyncio.Event()
        self.engine_pid: int | None = None

    @property
    def status(self) -> EngineStatus:
        """What the engine can do just now."""
        return self._status

    def start(self) -> None:
        """Connect in the background, starting the engine if need be."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_connected())

    async def close(self) -> None:
        """Hang up. The engine goes on for other servers and leaves when idle."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._status = EngineStatus(EngineState.DOWN, "the server is shutting down")
        self._lose(self._status.message)

    def stream(self, job: Job) -> RemoteStream:
        """Submit a job at once. Without an engine it ends as LOST."""
        job_id = next(self._ids)
        stream = RemoteStream(self, job_id)
        if self._writer is None or self._status.state is not EngineState.READY:
            stream.put(Done(job_id, Stop.LOST, Timings(), self._status.message))
            return stream
        self._streams[job_id] = stream
        self.send(wire.Submit(job_id, job))
        return stream

    def send(self, message: wire.Message) -> None:
        """Write a message if connected. An engine that does not read any more is given up."""
        if self._writer is None or self._writer.transport.is_closing():
            return
        self._writer.write(wire.encode(message))
        if self._writer.transport.get_write_buffer_size() > 2 * wire.MAX_MESSAGE:
            self._writer.transport.abort()

    async def changed(self) -> None:
        """Return at the next change of `status`."""
        await self._changed.wait()

    def _set(self, state: EngineState, message: str = "") -> None:
        status = EngineStatus(state, message)
        if status != self._status:
            self._status = status
            self._changed.set()
            self._changed = asyncio.Event()
            self._on_status(status)

    async def _keep_connected(self) -> None:
        """Connect, serve until the connection ends, and again, until it fails too often."""
        lost_at: deque[float] = deque()
        while True:
            why = "the engine ended"
            try:
                reader, writer = await self._connect()
            except OSError as e:
                why = f"the engine cannot be started: {e}"
            else:
                try:
                    await self._receive(reader, writer)
                finally:
                    self._lose("the engine went away during the request")
                    writer.close()
            if self._status.state is EngineState.REFUSED:
                return
            now = time.monotonic()
            lost_at.append(now)
            while lost_at[0] < now - _CRASH_WINDOW_S:
                lost_at.popleft()
            if len(lost_at) == _CRASHES:
                self._set(
                    EngineState.REFUSED,
                    f"{why}, {_CRASHES} times within {_CRASH_WINDOW_S:.0f} s; run: slmcode doctor "
                    f"(its log: {self.launch.log})",
                )
                return
            self._set(EngineState.DOWN, f"{why}; starting it again")
            await asyncio.sleep(0.2 * 4 ** (len(lost_at) - 1))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a running engine, or start one and connect. Raises OSError."""
        last_try = time.monotonic() + _START_TIMEOUT_S
        while True:
            with contextlib.suppress(OSError):
                return await wire.connect(self.launch.address)
            if time.monotonic() > last_try:
                raise OSError("one has the lock and cannot be reached")
            # One that was started early may have left again before anybody came.
            if not await self._start_process():
                await asyncio.sleep(_TRY_AGAIN_S)

    async def _start_process(self) -> bool:
        """Start an engine; True once it listens, False if another has the lock. Raises OSError."""
        process = self.launch.take_early()
        if process is None:
            process = await asyncio.to_thread(self.launch.start)
        self._process = process
        try:
            line = await asyncio.wait_for(
                asyncio.to_thread(_announcement, process), _START_TIMEOUT_S
            )
        except TimeoutError:
            process.kill()
            raise OSError(f"it did not start within {_START_TIMEOUT_S:.0f} s") from None
        if not line:
            code = await asyncio.to_thread(process.wait)
            raise OSError(f"it ended at once with code {code}")
        return line == b"listening\n"

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand out what the engine sends until it hangs up."""
        writer.write(wire.encode(wire.hello()))
        ours = wire.hello()
        try:
            greeting = await asyncio.wait_for(wire.read(reader), _START_TIMEOUT_S)
        except TimeoutError:
            return
        except wire.BadMessage:
            greeting = wire.Hello(0, "", 0)
        if greeting is None:  # it is just leaving
            return
        if not isinstance(greeting, wire.Hello) or (greeting.protocol, greeting.version) != (
            ours.protocol,
            ours.version,
        ):
            self._set(
                EngineState.REFUSED,
                "an engine of another release is running; it leaves when its editors are closed",
            )
            return
        self.engine_pid = greeting.pid
        self._writer = writer
        with contextlib.suppress(wire.BadMessage):
            while (message := await wire.read(reader)) is not None:
                match message:
                    case wire.Produced(chunk):
                        if (stream := self._streams.get(chunk.job_id)) is not None:
                            stream.put(chunk)
                    case wire.Ended(done):
                        if (stream := self._streams.pop(done.job_id, None)) is not None:
                            stream.put(done)
                    case wire.Status(status):
                        self._set(status.state, status.message)
                    case _:
                        pass

    def _lose(self, message: str) -> None:
        """End every job that is under way."""
        self._writer = None
        self.engine_pid = None
        for job_id, stream in self._streams.items():
            stream.put(Done(job_id, Stop.LOST, Timings(), message))
        self._streams.clear()


def _announcement(process: subprocess.Popen[bytes]) -> bytes:
    """The line an engine says when it listens or knows that another does; b"" if it ended."""
    assert process.stdout is not None
    with process.stdout as out:
        return out.readline()
