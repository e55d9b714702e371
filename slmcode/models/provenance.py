"""Where a file of weights came from: noted beside it when it arrives.

    models/qwen….gguf    models/qwen….gguf.origin    {source, from_where, sha256, …}

The digest says what a file is; this says from whom it was had, and when. A file without a note was
put there by hand, or before notes were kept. A note is believed for the bytes it was written for:
one with another digest than the file is as good as none.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from slmcode import __version__
from slmcode.models.catalog import Model
from slmcode.models.stamps import write_atomically


class Origin(msgspec.Struct, frozen=True):
    """What is known of a file's way here."""

    source: str  # "hub", "parts" or "file"
    from_where: str  # the repository and file, the packages, or the path
    name: str
    licence: str
    sha256: str
    bytes: int
    fetched: str  # UTC, ISO 8601
    fetched_by: str  # "slmcode 0.8.0"


def origin_path(path: Path) -> Path:
    """Where the note of a file of weights lies."""
    return path.with_name(f"{path.name}.origin")


def note(path: Path, model: Model, source: str, from_where: str) -> None:
    """Note where the file at `path`, whose digest was found to be the model's, came from.

    A note that cannot be written is done without: the weights are right all the same.
    """
    origin = Origin(
        source=source,
        from_where=from_where,
        name=model.name,
        licence=model.licence,
        sha256=model.sha256,
        bytes=model.size,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
        fetched_by=f"slmcode {__version__}",
    )
    with contextlib.suppress(OSError):
        write_atomically(origin_path(path), msgspec.json.format(msgspec.json.encode(origin)))


def of(path: Path, sha256: str) -> Origin | None:
    """The note of a file that has that digest; None where there is none."""
    try:
        origin = msgspec.json.decode(origin_path(path).read_bytes(), type=Origin)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return origin if origin.sha256 == sha256 else None
