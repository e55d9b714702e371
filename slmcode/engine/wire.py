"""Messages between server and engine: msgpack behind a four-byte length, over a local socket.

The socket is a Unix-domain socket in the user's runtime folder (mode 0700), a named pipe on
Windows (written for, untested). There is no TCP listener. What differs between systems stands here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from slmcode import __version__
from slmcode.engine.job import PROTOCOL, Chunk, Done, EngineOptions, EngineStatus, Job

MAX_MESSAGE = 8 * 1024 * 1024  # bytes; the largest prompt is some 100 kB


class Hello(msgspec.Struct, frozen=True, tag=True):
    """First message of either side."""

    protocol: int
    version: str
    pid: int


class Submit(msgspec.Struct, frozen=True, tag=True):
    """Client to engine: do this job; `job_id` is the client's own number."""

    job_id: int
    job: Job


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Client to engine: end that job."""

    job_id: int


class Status(msgspec.Struct, frozen=True, tag=True):
    """Engine to client: state, sent on connection and at every change."""

    status: EngineStatus


class Produced(msgspec.Struct, frozen=True, tag=True):
    """Engine to client: tokens of a job."""

    chunk: Chunk


class Ended(msgspec.Struct, frozen=True, tag=True):
    """Engine to client: a job has ended."""

    done: Done


Message = Hello | Submit | Cancel | Status | Produced | Ended

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_length = struct.Struct("<I")


class BadMessage(Exception):
    """The peer does not speak this protocol."""


def hello() -> Hello:
    """Our own greeting."""
    return Hello(PROTOCOL, __version__, os.getpid())


def encode(message: Message) -> bytes:
    """One framed message."""
    body = _encoder.encode(message)
    return _length.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> Message | None:
    """The next message, None at the end of the stream. Raises BadMessage."""
    try:
        (n,) = _length.unpack(await reader.readexactly(_length.size))
        if n > MAX_MESSAGE:
            raise BadMessage(f"a message of {n} bytes")
        return _decoder.decode(await reader.readexactly(n))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except (msgspec.MsgspecError, ValueError, RecursionError) as e:  # the last two: text, nesting
        raise BadMessage(str(e)) from None


def address(runtime: Path, model: Path, options: tuple[object, ...]) -> Path:
    """Where the engine for these weights and options listens.

    Version and protocol are part of the name, so engines of different releases live side by side.
    """
    key = repr((PROTOCOL, __version__, os.path.realpath(model), options))
    return runtime / f"engine-{hashlib.sha256(key.encode()).hexdigest()[:12]}.sock"


def command(path: Path, model: Path, options: EngineOptions) -> list[str]:
    """The command line of the engine at `path`."""
    encoded = msgspec.json.encode(options).decode()
    return [sys.executable, "-P", "-m", "slmcode.engine", str(path), str(model), encoded]


def private_folder(folder: Path) -> None:
    """Make the runtime folder for this user alone. Raises OSError with a sentence."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise OSError(f"{folder} cannot be made ({e.strerror}); set SLMCODE_RUNTIME") from e
    if sys.platform != "win32":
        # Of a link the link's own owner counts: anybody can put one into a temporary folder.
        if folder.lstat().st_uid != os.getuid() or folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user; set SLMCODE_RUNTIME")
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)


Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

if sys.platform == "win32":

    def _pipe_name(path: Path) -> str:
        return rf"\\.\pipe\slmcode-{path.stem}"

    async def listen(path: Path, connected: Connected, listening: Callable[[], None]) -> None:
        """Accept connections until cancelled; `listening` is called once they are accepted."""
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), connected)

        await loop.start_serving_pipe(protocol, _pipe_name(path))  # type: ignore[attr-defined]
        listening()
        await asyncio.Event().wait()

    async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the engine at `path`. Raises OSError."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_pipe_connection(  # type: ignore[attr-defined]
            lambda: protocol, _pipe_name(path)
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

else:

    async def listen(path: Path, connected: Connected, listening: Callable[[], None]) -> None:
        """Accept connections until cancelled; `listening` is called once they are accepted.

        Only the holder of the engine's lock may call this: a socket file that is already there
        is left from a crash.
        """
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(connected, path)
        try:
            async with server:
                path.chmod(0o600)
                listening()
                await server.serve_forever()
        finally:
            path.unlink(missing_ok=True)

    async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the engine at `path`. Raises OSError."""
        return await asyncio.open_unix_connection(path)
