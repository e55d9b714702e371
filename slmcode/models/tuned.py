"""Weights fitted to this machine by `slmcode models tune`, and what vouches for them.

    models/tuned/<role>/tune.json               the record: digests, timings, quality
                        weights-<digest>.gguf   the file it names

The record is written last and replaced as a whole, so there is either a complete tuned file or
none. The file's name holds its digest: an engine that runs on older weights never shares an
address with one that runs on newer ones.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from slmcode.models.catalog import Model, Refused
from slmcode.models.stamps import hash_and_stamp, stamp, stamp_of, write_atomically

_RECORD = "tune.json"
_NAME_DIGITS = 12  # of the digest, in the file's name


class Speed(msgspec.Struct, frozen=True):
    """What one form costs on this CPU, beside the official file in the same run."""

    decode_ms: float  # one token, the median
    prefill_ms: float  # a prompt token
    official_decode_ms: float
    official_prefill_ms: float
    batch_ms: dict[int, float]  # tokens evaluated together -> ms for all of them
    official_batch_ms: dict[int, float]


class Quality(msgspec.Struct, frozen=True):
    """Answers on held-out code beside the official file's. Shares are 0 to 1."""

    lines: int  # first-line tasks
    line_hits: float
    official_line_hits: float
    line_points: float  # hits gained (+) or lost (-), in points, paired
    line_error: float  # its standard error, in points
    tokens: int  # next-token tasks
    token_hits: float
    official_token_hits: float
    token_points: float
    token_error: float
    agreement: float  # next tokens that are the official file's first choice


class Form(msgspec.Struct, frozen=True):
    """A candidate and what was measured of it."""

    name: str
    size: int  # bytes
    speed: Speed
    quality: Quality
    kept: bool  # loses at most what may be lost


class Record(msgspec.Struct, frozen=True):
    """What `tune.json` holds."""

    source_sha256: str
    sha256: str
    size: int  # bytes
    form: str
    versions: dict[str, str]  # slmcode, llama_cpp, numpy
    cpu: str
    threads: int
    made: str  # date
    calibration_sha256: str
    forms: list[Form]
    kv_decode_ms: dict[str, float]  # type of the KV cache -> ms a token, with the form kept


class Tuned(msgspec.Struct, frozen=True):
    """A tuned file and its record."""

    path: Path
    record: Record


def folder_of(models_folder: Path, model: Model) -> Path:
    """Where the tuned file of `model` and its record lie."""
    return models_folder / "tuned" / model.role


def find(models_folder: Path, model: Model) -> Tuned | None:
    """The tuned file of `model`, unchecked; None where none was made. Raises Refused."""
    folder = folder_of(models_folder, model)
    try:
        data = (folder / _RECORD).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise Refused(f"{folder / _RECORD} cannot be read: {e.strerror or e}") from e
    try:
        record = msgspec.json.decode(data, type=Record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _refused(folder / _RECORD, "is damaged", model) from None
    return Tuned(_path(folder, record.sha256), record)


def check(found: Tuned, model: Model) -> None:
    """Refuse a file that is not what its record says; hashes only what no stamp vouches for."""
    _check_size(found, model)
    vouched = stamp_of(found.path)
    if vouched is None:
        verify(found, model)
    elif vouched.digest != found.record.sha256:
        raise _refused(found.path, "was altered", model)


def verify(found: Tuned, model: Model, progress: Callable[[int], None] | None = None) -> None:
    """Hash the file whatever its stamp says. Raises Refused."""
    _check_size(found, model)
    try:
        digest = hash_and_stamp(found.path, progress)
    except OSError as e:
        raise Refused(f"{found.path} cannot be read: {e.strerror or e}") from e
    if digest != found.record.sha256:
        raise _refused(found.path, "was altered", model)


def install(models_folder: Path, model: Model, weights: Path, record: Record) -> Path:
    """Move `weights`, whose digest the record holds, to where `find` looks; return its path.

    `weights` must be on the same file system. Files of earlier records are removed.
    """
    folder = folder_of(models_folder, model)
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, record.sha256)
    with weights.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(weights, path)
    stamp(path, record.sha256)
    write_atomically(folder / _RECORD, msgspec.json.format(msgspec.json.encode(record)))
    for other in folder.glob("weights-*"):
        if not other.name.startswith(path.name):
            with contextlib.suppress(OSError):
                other.unlink()
    return path


def remove(models_folder: Path, model: Model) -> bool:
    """Remove the tuned file; False where there was none."""
    folder = folder_of(models_folder, model)
    if not folder.exists():
        return False
    with contextlib.suppress(FileNotFoundError):
        (folder / _RECORD).unlink()  # first: without it there is no tuned file
    shutil.rmtree(folder)
    return True


def _path(folder: Path, digest: str) -> Path:
    return folder / f"weights-{digest[:_NAME_DIGITS]}.gguf"


def _check_size(found: Tuned, model: Model) -> None:
    if found.record.source_sha256 != model.sha256:
        raise _refused(found.path, f"was made from other weights than {model.name}", model)
    try:
        size = found.path.stat().st_size
    except OSError:
        raise _refused(found.path, "is missing", model) from None
    if size != found.record.size:
        kind = "was cut" if size < found.record.size else "is too long"
        raise _refused(found.path, kind, model)


def _refused(path: Path, what: str, model: Model) -> Refused:
    return Refused(f"the tuned file {path} {what}; make it again: slmcode models tune {model.role}")
