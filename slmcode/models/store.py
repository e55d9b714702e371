"""Where weights lie and whether they may be used.

A file of the catalogue is hashed before its first use. Hashing takes half a second per
500 MB and more, so the digest is kept in a stamp beside the weights together with what
`stat` said at that time; whenever size, times or inode differ, the file is hashed again:

    models/qwen….gguf    models/qwen….gguf.stamp    {digest, size, mtime_ns, ctime_ns, inode}

The change time is in it because an edit can put the modification time back. A stamp that
cannot be written costs time, nothing else.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from slmcode.config import Config, models_folder
from slmcode.models import catalog
from slmcode.models.catalog import Model, NotPulled, Refused

_HASH_BLOCK = 1 << 20  # bytes; larger blocks are not faster, smaller ones report too often


class Stamp(msgspec.Struct, frozen=True):
    """The digest of a file, and what `stat` said when it was computed. Times are in ns."""

    digest: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def path_of(model: Model, config: Config) -> Path:
    """Where the weights of `model` lie once they are pulled."""
    return models_folder(config) / model.file


def resolve(config: Config) -> Path:
    """The file `config.model` names, ready to be loaded.

    A role or a name means a file of the catalogue, whose digest is checked; anything else is
    the path of a GGUF file, whose header is checked. Raises NotPulled, Refused or UnknownModel.
    """
    try:
        model = catalog.find(config.model)
    except catalog.UnknownModel:
        path = Path(config.model).expanduser()
        if path.suffix != ".gguf" and path.name == config.model and not path.exists():
            raise
        check_header(path)
        return path
    path = path_of(model, config)
    check(path, model)
    return path


class State(enum.StrEnum):
    """What is known of a model's file without hashing it."""

    MISSING = "missing"
    REFUSED = "refused"  # wrong size, or hashed before and found wrong
    UNCHECKED = "unchecked"  # right size; hashed before its first use
    READY = "ready"  # its stamp vouches for it


def state_of(path: Path, model: Model) -> State:
    """What is known of the file of `model`; quick, reads no weights."""
    try:
        _check_size(path, model)
    except NotPulled:
        return State.MISSING
    except Refused:
        return State.REFUSED
    vouched = stamp_of(path)
    if vouched is None:
        return State.UNCHECKED
    return State.READY if vouched.digest == model.sha256 else State.REFUSED


def check_header(path: Path) -> None:
    """Refuse what is not a complete GGUF file; the digest of a user's own file is unknown."""
    from slmcode.models import header  # numpy behind it: 0.2 s the catalogue's files never pay

    if not path.exists():
        raise NotPulled(f"there is no file {path}; name a GGUF file or a model of the catalogue")
    try:
        header.read(path)
    except OSError as e:
        raise Refused(f"{path} cannot be read: {e.strerror or e}") from e


def check(path: Path, model: Model) -> None:
    """Refuse a file that is not `model`; hashes only what no stamp vouches for."""
    _check_size(path, model)
    vouched = stamp_of(path)
    if vouched is None:
        verify(path, model)
    elif vouched.digest != model.sha256:
        raise _wrong_digest(path, model, vouched.digest)


def verify(path: Path, model: Model, progress: Callable[[int], None] | None = None) -> None:
    """Hash the file whatever its stamp says, and renew the stamp.

    `progress` is told the bytes hashed so far. Raises NotPulled or Refused.
    """
    _check_size(path, model)
    try:
        before = path.stat()
        digest = sha256_of(path, progress)
    except OSError as e:
        raise Refused(f"{path} cannot be read: {e.strerror or e}") from e
    _write_stamp(path, _stamp(digest, before))  # from before: a change meanwhile is noticed
    if digest != model.sha256:
        raise _wrong_digest(path, model, digest)


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
    _write_stamp(path, _stamp(digest, path.stat()))


def stamp_path(path: Path) -> Path:
    """Where the stamp of a file of weights lies."""
    return path.with_name(f"{path.name}.stamp")


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


def _write_stamp(path: Path, stamp: Stamp) -> None:
    with contextlib.suppress(OSError):
        write_atomically(stamp_path(path), msgspec.json.encode(stamp))


def _check_size(path: Path, model: Model) -> None:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise NotPulled(
            f"{model.name} is not on this machine; run: slmcode models pull {model.role}"
        ) from None
    except OSError as e:
        raise Refused(f"{path} cannot be read: {e.strerror or e}") from e
    if size != model.size:
        kind = "truncated" if size < model.size else "too long"
        raise Refused(
            f"{path} is {kind}: {size:,} bytes instead of {model.size:,};"
            f" run: slmcode models pull {model.role}"
        )


def _wrong_digest(path: Path, model: Model, digest: str) -> Refused:
    return Refused(
        f"{path} is not {model.name}: its SHA-256 is {digest} instead of {model.sha256};"
        f" run: slmcode models pull {model.role}"
    )
