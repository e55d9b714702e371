"""What goes between the server and the worker, as msgpack with its length before it."""

from __future__ import annotations

import struct
from typing import IO

import msgspec

LENGTH = struct.Struct("<I")


class CannotDo(Exception):
    """A refactoring that is not certain to be right; the message is half a sentence."""


class Request(msgspec.Struct, array_like=True):
    """One refactoring. Offsets are code points of the file's text as `texts` or the disk has it.

    `texts` are the unsaved texts by absolute path. `ignored` are names of files and folders that
    are not looked into; `*` stands for all but `texts`. `argument` is what the operation needs
    besides `name`.
    """

    operation: str
    folder: str
    path: str
    start: int
    end: int
    name: str = ""
    argument: str = ""
    texts: dict[str, str] = {}
    ignored: list[str] = []


class Changed(msgspec.Struct, array_like=True):
    """A file's whole text before and after, by absolute path."""

    path: str
    before: str
    after: str


class Reply(msgspec.Struct, array_like=True):
    """What would be changed. `refused` is half a sentence; then nothing is.

    `notes` are half sentences for the user: what was not looked at.
    """

    changes: list[Changed] = []
    notes: list[str] = []
    refused: str = ""


def send(stream: IO[bytes], message: msgspec.Struct) -> None:
    """Write one message."""
    data = msgspec.msgpack.encode(message)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """The next message; b"" at the end of the stream."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return b""
    (length,) = LENGTH.unpack(head)
    message = stream.read(length)
    return message if len(message) == length else b""
