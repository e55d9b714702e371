"""Bytes in, bytes out: the frames of the base protocol over two file descriptors.

A thread of its own does nothing but read: neither a busy event loop nor any thread pool keeps
the client waiting (pygls reads through the pool its thread handlers run in), and `arrived` is
the time at which a message was complete. Writing happens on the event loop.

stdout belongs to the protocol. `take_stdio` moves it to a descriptor of its own and points
1 to stderr, so that a print, a child process or a native library cannot corrupt it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from slmcode.lsp.logs import where
from slmcode.lsp.protocol import Protocol

logger = logging.getLogger(__name__)

_READ_BYTES = 1 << 16
_MAX_HEADER_BYTES = 1 << 13  # real ones have about 20
_MAX_BODY_BYTES = 1 << 30
_CLOSE_S = 2.0  # to hang up and save counters; an editor kills a server after some 2 s


class FrameError(Exception):
    """The stream is not what the base protocol says; where the next message begins is unknown."""


def frames(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The bodies of a stream, until its end. `read(n)` returns 1 to n bytes, or b"" at the end.

    Raises FrameError for a header without a usable Content-Length. A stream that ends within
    a message just ends.
    """
    buffer = bytearray()
    while True:
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > _MAX_HEADER_BYTES:
                raise FrameError("no end of the header")
            if not (data := read(_READ_BYTES)):
                return
            buffer += data
        length = _content_length(bytes(buffer[:end]))
        del buffer[: end + 4]
        while len(buffer) < length:
            # Never `length` at once: the whole of what a header claims would be set aside.
            if not (data := read(_READ_BYTES)):
                return
            buffer += data
        yield bytes(buffer[:length])
        del buffer[:length]


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            digits = value.strip()
            if digits.isdigit() and len(digits) <= 10 and int(digits) <= _MAX_BODY_BYTES:
                return int(digits)
            raise FrameError("Content-Length is not a usable number")
    raise FrameError("no Content-Length")


class FdWriter:
    """Writes to a descriptor, completely. Raises OSError when the other side is gone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> None:
        """Blocks while the pipe is full: the client is the only one who could be waiting."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def close(self) -> None:
        """The descriptor is closed by who opened it."""


def take_stdio() -> tuple[int, int]:
    """Descriptors for the protocol in place of 0 and 1; 0 reads nothing now, 1 is stderr."""
    read_fd, write_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return read_fd, write_fd


def accept_one(path: Path) -> tuple[int, int]:
    """Wait for one client on a Unix-domain socket only its owner can reach. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        try:
            listener.listen(1)
            connection, _ = listener.accept()
        finally:
            path.unlink()
    fd = connection.detach()
    return fd, fd


def run(protocol: Protocol, read_fd: int, write_fd: int) -> int:
    """Serve one client until it leaves; the exit code of the process."""
    # Never asyncio's debug mode: it logs the arguments of slow callbacks, which are messages.
    return asyncio.run(_serve(protocol, read_fd, write_fd), debug=False)


async def _serve(protocol: Protocol, read_fd: int, write_fd: int) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_exception)
    protocol.set_writer(FdWriter(write_fd))
    protocol.ended = loop.create_future()

    def read_all() -> None:
        try:
            for body in frames(lambda n: os.read(read_fd, n)):
                loop.call_soon_threadsafe(protocol.receive, body, time.monotonic())
        except FrameError as e:
            logger.error("the client does not speak the base protocol: %s", e)
        except OSError as e:
            logger.error("reading from the client failed: %s", e)
        except RuntimeError:
            return  # the loop is closed: the server ended first
        try:
            loop.call_soon_threadsafe(protocol.connection_lost)
        except RuntimeError:
            return

    # A daemon: it may hang in `read` when the server ends. os.read takes no lock, so that does
    # not disturb the interpreter's end, as a buffered reader would.
    threading.Thread(target=read_all, name="lsp-reader", daemon=True).start()
    code = await protocol.ended
    if protocol.on_end is not None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                await protocol.on_end()
        except Exception as e:
            logger.error("closing failed: %s", where(e))
    return code


def _log_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a failed callback without its exception's text, which asyncio's own handler prints."""
    error = context.get("exception")
    logger.error("in the event loop: %s", where(error) if error else context.get("message"))
