"""Messages between server and engine: msgpack behind a four-byte length, over a local socket.

The socket is a Unix-domain socket in the user's runtime folder (mode 0700), a named pipe on
Windows (written for, untested). There is no TCP listener. What differs between systems stands here.

Both ends ask the kernel who is at the other one and hang up on another user: the mode of a folder
says nothing of a folder that somebody else made first. A peer that says nothing or stops in the
midst of a message is hung up on, and there are only so many of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from weakref import WeakSet

import msgspec

from slmcode import __version__
from slmcode.engine.job import PROTOCOL, Chunk, Done, EngineOptions, EngineStatus, Job

MAX_MESSAGE = 2 * 1024 * 1024  # bytes; the largest prompt and its draft are some 330 kB
MAX_PEERS = 64  # clients of one engine at a time: with half a message each they hold 128 MB
FIRST_S = 10.0  # a peer's first message is whole by then,
MESSAGE_S = 60.0  # and every other one this long after its first byte: longer than a short sleep

log = logging.getLogger(__name__)


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


_silent: WeakSet[asyncio.StreamReader] = WeakSet()  # peers of `listen` that have said nothing yet


async def read(reader: asyncio.StreamReader) -> Message | None:
    """The next message, None at the end of the stream. Raises BadMessage, for a late one too."""
    try:
        async with asyncio.timeout(FIRST_S if reader in _silent else None):
            head = await reader.readexactly(1)
            async with asyncio.timeout(MESSAGE_S):
                (n,) = _length.unpack(head + await reader.readexactly(_length.size - 1))
                if n > MAX_MESSAGE:
                    raise BadMessage(f"a message of {n} bytes")
                body = await reader.readexactly(n)
        _silent.discard(reader)
        return _decoder.decode(body)
    except TimeoutError:
        raise BadMessage("a message that was not finished in time") from None
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
        _refuse_others(folder)
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

    def _refuse_others(folder: Path) -> None:
        """Raises PermissionError for a folder of another user, FileNotFoundError for none.

        Of a link the link's own owner counts: anybody can put one into a temporary folder.
        """
        if folder.lstat().st_uid != os.getuid() or folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user; set SLMCODE_RUNTIME")

    def _is_ours(writer: asyncio.StreamWriter) -> bool:
        """Whether the process at the other end was this user's when it connected or listened.

        True where the system does not tell it: the folder's mode is left then.
        """
        peer = writer.get_extra_info("socket")
        if hasattr(socket, "SO_PEERCRED"):
            told = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            uid = struct.unpack("3i", told)[1]  # struct ucred: pid, uid, gid
        elif sys.platform == "darwin":
            told = peer.getsockopt(0, 1, 76)  # SOL_LOCAL, LOCAL_PEERCRED: struct xucred
            uid = struct.unpack_from("2I", told)[1]
        else:
            return True
        return bool(uid == os.getuid())

    async def listen(path: Path, connected: Connected, listening: Callable[[], None]) -> None:
        """Accept connections until cancelled; `listening` is called once they are accepted.

        Only the holder of the engine's lock may call this: a socket file that is already there
        is left from a crash. A peer of another user and one too many are hung up on.
        """
        peers = 0

        async def admitted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal peers
            if peers >= MAX_PEERS or not _is_ours(writer):
                many = peers >= MAX_PEERS
                log.warning("hung up on %s", "one client too many" if many else "another user")
                writer.transport.abort()
                return
            peers += 1
            _silent.add(reader)
            try:
                await connected(reader, writer)
            finally:
                peers -= 1

        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(admitted, path)
        try:
            async with server:
                path.chmod(0o600)
                listening()
                await server.serve_forever()
        finally:
            path.unlink(missing_ok=True)

    async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the engine at `path`. Raises OSError, for one of another user too."""
        _refuse_others(path.parent)
        reader, writer = await asyncio.open_unix_connection(path)
        if not _is_ours(writer):
            writer.transport.abort()
            raise PermissionError(f"another user listens at {path}")
        return reader, writer
