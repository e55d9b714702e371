"""Files for commands that change them: read whole, compared as a patch, written in one step."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

_BOM = "\ufeff"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class FileError(Exception):
    """A file cannot be read or written; the message is a sentence for the user."""


class File(NamedTuple):
    """A text file as it was read. `path` is the file itself, behind symbolic links.

    `text` has no byte order mark; `mark` is the one it begins with, or "".
    """

    path: Path
    mark: str
    text: str

    def bytes_of(self, text: str) -> bytes:
        """What the file holds with another text. Line endings are the text's own."""
        return (self.mark + text).encode("utf-8")


def read(path: Path) -> File:
    """A UTF-8 file. Raises FileError."""
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise FileError(f"{path} is a folder, not a file") from None
    except FileNotFoundError:
        raise FileError(f"there is no file {path}") from None
    except (OSError, ValueError) as e:
        raise FileError(f"{path} cannot be read: {getattr(e, 'strerror', None) or e}") from None
    if b"\0" in data:
        raise FileError(f"{path} is a binary file: it holds NUL characters")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise FileError(f"{path} is not UTF-8 (byte {e.start}); convert it first") from None
    mark = _BOM if text.startswith(_BOM) else ""
    return File(Path(os.path.realpath(path)), mark, text.removeprefix(_BOM))


def check_writable(file: File) -> None:
    """Raises FileError where `write` would fail, as far as that can be known before."""
    mode = file.path.stat().st_mode
    if not mode & 0o222 or not os.access(file.path, os.W_OK):
        raise FileError(f"{file.path} is read-only; nothing was written")
    if not os.access(file.path.parent, os.W_OK):
        raise FileError(f"the folder {file.path.parent} cannot be written; nothing was written")


def write(file: File, text: str) -> None:
    """Put another text in a file's place, whole or not at all; its mode stays.

    Raises FileError, also where the file is not any more what was read.
    """
    try:
        if file.path.read_bytes() != file.bytes_of(file.text):
            raise FileError(f"{file.path} has changed meanwhile; nothing was written")
        stat = file.path.stat()
        handle, name = tempfile.mkstemp(prefix=f".{file.path.name}.", dir=file.path.parent)
        try:
            with os.fdopen(handle, "wb") as temporary:
                temporary.write(file.bytes_of(text))
                temporary.flush()
                os.fsync(temporary.fileno())
            with contextlib.suppress(OSError):
                os.chown(name, stat.st_uid, stat.st_gid)  # only root may give files away
            os.chmod(name, stat.st_mode & 0o7777)
            os.replace(name, file.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as e:
        raise FileError(f"{file.path} cannot be written: {e.strerror or e}") from None


def create(path: Path, text: str) -> None:
    """Make a file that is not there, and the folders it is in. Raises FileError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise FileError(f"there is a file {path} already; nothing was written") from None
    except OSError as e:
        raise FileError(f"{path} cannot be written: {e.strerror or e}") from None


def unified_diff(path: Path, before: str | None, after: str) -> str:
    """One file's part of a patch, as `git apply` and `patch -p1` read it; "" without a change.

    `before` None: the file is new. Files below the present folder are named from there.
    """
    if before == after:
        return ""
    name = _name(path)
    old = "/dev/null" if before is None else f"a/{name}"
    lines = difflib.unified_diff(
        _LINE.findall(before or ""), _LINE.findall(after), old, f"b/{name}"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _name(path: Path) -> str:
    try:
        return path.relative_to(os.path.realpath(Path.cwd())).as_posix()
    except ValueError:
        return path.as_posix().lstrip("/")
