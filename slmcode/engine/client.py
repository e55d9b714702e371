"""The server's side of the engine: connects to it, starts it, starts it again after a crash.

Event loop only. A request never waits for a start: while there is no engine its job ends at once
as LOST, and `status` says why.

    an engine that was of use is lost      the next one is started at once, however often
    one is lost before it was of any use   again after 0.2 s, 0.8 s; the third time in a row the
                                           user is told (REFUSED), once
    told                                   tried again in silence, ever more rarely, and as soon as
                                           the weights are others; what is said next is READY
    one owes an answer and is silent       after 10 s DOWN, and READY when it says anything;
                                           after 60 s it is killed

An engine that is killed, for want of memory say, was fine until then; one that dies while it loads
will do so again, and to load weights over and over makes the whole machine slow.

What the engine writes to stderr is in `log`, which names no source text.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
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

_TELL_AFTER = 3  # engines in a row that were of no use
_PROVEN_S = 60.0  # ready so long, an engine was of use though nobody asked it anything
_PAUSE_S, _PAUSE_GROWTH, _LONGEST_PAUSE_S = 0.2, 4, 300.0  # behind the first of these, the next
_LOOK_S = 2.0  # between two looks whether the weights are others now
_START_TIMEOUT_S = 20.0
_TRY_AGAIN_S = 0.05  # another engine is about to listen, or about to leave
_TICK_S = 1.0
_SILENT_TICKS = 10  # a decode takes half a second, or a few on a very busy machine
_HUNG_TICKS = 60


class RemoteStream:
    """A job in the engine process, as the server sees it."""

    def __init__(self, client: EngineClient, job_id: int) -> None:
        self._client = client
        self._job_id = job_id
        self._arrived: asyncio.Queue[Chunk | Done] = asyncio.Queue()
        self.done: Done | None = None
        self.due: float | None = None  # from then on its Done is owed, monotonic seconds

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
            self.due = 0.0
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
        self.model = model
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
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # it ignores the server's Ctrl-C
            )
        # Else an engine that ends is a zombie until this server ends or starts another process.
        threading.Thread(target=process.wait, name="engine-reaper", daemon=True).start()
        return process

    def _open_log(self) -> IO[bytes]:
        """Where the engine's stderr goes. Appending: it is emptied by the one that listens."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            return open(self.log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600))
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
        self._useless = 0  # engines in a row that were lost before they were of use
        self._told = False  # that it cannot be had: nothing more is said until it can
        self._ready_at: float | None = None  # this connection's engine, monotonic seconds
        self._of_use = False  # this connection's engine was
        self._heard = False  # since the last tick
        self._is_silent = False
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
        stream.due = job.deadline
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
        if self._told and state not in (EngineState.READY, EngineState.REFUSED):
            return  # the attempts behind a sentence to the user are of no interest
        self._told = state is EngineState.REFUSED
        status = EngineStatus(state, message)
        if status != self._status:
            self._status = status
            self._changed.set()
            self._changed = asyncio.Event()
            self._on_status(status)

    async def _keep_connected(self) -> None:
        """Connect, serve until the connection ends, and again."""
        while True:
            try:
                reader, writer = await self._connect()
            except OSError as e:
                why = f"the engine cannot be started: {e}"
            else:
                try:
                    why = await self._receive(reader, writer)
                finally:
                    self._lose("the engine went away during the request")
                    writer.close()
            await self._recover(why)

    async def _recover(self, why: str) -> None:
        """An engine is lost: say so, and return when the next one is to be tried."""
        ready_at, self._ready_at = self._ready_at, None
        proven = ready_at is not None and time.monotonic() - ready_at >= _PROVEN_S
        if self._of_use or proven:
            self._useless = 0
            self._set(EngineState.DOWN, f"{why}; starting it again")
            return
        self._useless += 1
        pause = min(_PAUSE_S * _PAUSE_GROWTH ** (self._useless - 1), _LONGEST_PAUSE_S)
        if self._useless < _TELL_AFTER and not self._told:
            self._set(EngineState.DOWN, f"{why}; starting it again")
        elif not self._told:
            self._set(
                EngineState.REFUSED,
                f"{why}, {self._useless} times in a row; run: slmcode doctor "
                f"(its log: {self.launch.log}). It is tried again from time to time",
            )
        if self._told:
            await self._until_others(pause)
        else:
            await asyncio.sleep(pause)

    async def _until_others(self, pause: float) -> None:
        """Return after `pause`, or when the weights are others than now: somebody repaired them."""
        before = _identity(self.launch.model)
        until = time.monotonic() + pause
        while (rest := until - time.monotonic()) > 0:
            await asyncio.sleep(min(rest, _LOOK_S))
            if _identity(self.launch.model) != before:
                return

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
        try:
            line = await asyncio.wait_for(
                asyncio.to_thread(_announcement, process), _START_TIMEOUT_S
            )
        except TimeoutError:
            process.kill()
            raise OSError(f"it did not start within {_START_TIMEOUT_S:.0f} s") from None
        if not line:
            code = await asyncio.to_thread(process.wait)
            raise OSError(f"it ended at once {_how(code)}")
        said = line.decode(errors="replace").strip()
        if said not in ("listening", "another"):
            raise OSError(said)
        return said == "listening"

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Hand out what the engine sends until it hangs up; return why that is the end."""
        self._of_use = self._is_silent = False
        writer.write(wire.encode(wire.hello()))
        ours = wire.hello()
        try:
            greeting = await asyncio.wait_for(wire.read(reader), _START_TIMEOUT_S)
        except TimeoutError:
            if self._useless + 1 >= _TELL_AFTER:
                _kill_peer(writer)
            return "the engine does not answer"
        except wire.BadMessage:
            greeting = wire.Hello(0, "", 0)
        if greeting is None:  # it is just leaving
            return "the engine ended"
        if not isinstance(greeting, wire.Hello) or (greeting.protocol, greeting.version) != (
            ours.protocol,
            ours.version,
        ):
            why = "an engine of another release is running; it leaves when its editors are closed"
            self._set(EngineState.REFUSED, why)
            return why
        self.engine_pid = greeting.pid
        self._writer = writer
        watch = asyncio.get_running_loop().create_task(self._watch(writer))
        try:
            with contextlib.suppress(wire.BadMessage):
                while (message := await wire.read(reader)) is not None:
                    self._take(message)
        finally:
            watch.cancel()
        return "the engine ended"

    def _take(self, message: wire.Message) -> None:
        """One message of the engine."""
        self._heard = True
        if self._is_silent:
            self._is_silent = False
            self._set(EngineState.READY)
        match message:
            case wire.Produced(chunk):
                self._of_use = True
                if (stream := self._streams.get(chunk.job_id)) is not None:
                    stream.put(chunk)
            case wire.Ended(done):
                if (stream := self._streams.pop(done.job_id, None)) is not None:
                    stream.put(done)
            case wire.Status(status):
                self._set(status.state, status.message)
                if status.state is EngineState.READY:
                    self._ready_at = time.monotonic()
            case _:
                pass

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        """Beside `_receive`: notice an engine that is stopped or hangs, and one that is refused.

        Ticks are counted, not seconds: a machine that slept, or a server that was stopped itself,
        sees one long tick.
        """
        silent = 0
        while True:
            await asyncio.sleep(_TICK_S)
            if self._status.state is EngineState.REFUSED:
                # It leaves when nobody listens, and another one may find other weights, or memory.
                self._useless = max(self._useless, _TELL_AFTER)
                writer.close()
                return
            heard, self._heard = self._heard, False
            silent = silent + 1 if not heard and (self._is_silent or self._is_owed()) else 0
            if silent == _SILENT_TICKS:
                self._is_silent = True
                self._end_streams("the engine does not answer")
                self._set(EngineState.DOWN, "the engine does not answer; waiting for it")
            elif silent == _HUNG_TICKS:
                _kill_peer(writer)

    def _is_owed(self) -> bool:
        """Whether a job should have ended by now."""
        now = time.monotonic()
        return any(s.due is not None and s.due < now for s in self._streams.values())

    def _lose(self, message: str) -> None:
        """The connection has ended."""
        self._writer = None
        self.engine_pid = None
        self._end_streams(message)

    def _end_streams(self, message: str) -> None:
        """End every job that is under way."""
        for job_id, stream in self._streams.items():
            stream.put(Done(job_id, Stop.LOST, Timings(), message))
        self._streams.clear()


def _announcement(process: subprocess.Popen[bytes]) -> bytes:
    """The line an engine says when it listens, or why it cannot; b"" if it ended without one."""
    assert process.stdout is not None
    with process.stdout as out:
        return out.readline()


def _how(code: int) -> str:
    """How a process ended, by its exit code."""
    if code >= 0:
        return f"with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    memory = "; the system may be out of memory" if name in ("SIGKILL", "SIGABRT") else ""
    return f"by {name}{memory}"


def _identity(path: Path) -> tuple[int, ...]:
    """What changes when a file does; () where there is none."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _kill_peer(writer: asyncio.StreamWriter) -> None:
    """End the engine at the other end, whose number the system vouches for. Linux only."""
    peer: socket.socket | None = writer.get_extra_info("socket")
    if sys.platform != "linux" or peer is None:
        return
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(credentials)
    if uid == os.getuid() and pid not in (0, os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
