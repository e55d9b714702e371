"""Stamps: a file's digest remembered beside the file.

Hashing takes half a second per 500 MB and more, so the digest is kept together with what `stat`
said when it was computed; whenever size, times or inode differ, the file is hashed again:

    models/qwen….gguf    models/qwen….gguf.stamp    {digest, size, mtime_ns, ctime_ns, inode}

The change time is in it because an edit can put the modification time back. A stamp that
cannot be written costs time, nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

_HASH_BLOCK = 1 << 20  # bytes; larger blocks are not faster, smaller ones report too often


class Stamp(msgspec.Struct, frozen=True):
    """The digest of a file, and what `stat` said when it was computed. Times are in ns."""

    digest: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The file's SHA-256 in hexadecimal; `progress` is told the bytes hashed so far."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
            done += len(block)
            if progress is not None:
                progress(done)
    return digest.hexdigest()


def hash_and_stamp(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """Hash the file whatever its stamp says, renew the stamp, return the digest."""
    before = path.stat()
    digest = sha256_of(path, progress)
    _write(path, _stamp(digest, before))  # from before: a change meanwhile is noticed
    return digest


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of the file, or None if there is none or the file is not the stamped one."""
    try:
        kept = msgspec.json.decode(stamp_path(path).read_bytes(), type=Stamp)
        now = path.stat()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return kept if kept == _stamp(kept.digest, now) else None


def stamp(path: Path, digest: str) -> None:
    """Vouch for a file that was hashed under another name just before."""
    _write(path, _stamp(digest, path.stat()))


def stamp_path(path: Path) -> Path:
    """Where the stamp of a file of weights lies."""
    return path.with_name(f"{path.name}.stamp")


def identity_of(path: Path) -> tuple[int, ...]:
    """What changes when a file does; () where there is none."""
    try:
        now = path.stat()
    except OSError:
        return ()
    return now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that a reader sees all of it or what was there before.

    Raises OSError and leaves nothing behind.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def _stamp(digest: str, stat: os.stat_result) -> Stamp:
    return Stamp(digest, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def _write(path: Path, stamp: Stamp) -> None:
    with contextlib.suppress(OSError):
        write_atomically(stamp_path(path), msgspec.json.encode(stamp))
