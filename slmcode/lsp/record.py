"""A recorded session: what the client sent, one JSON line per message.

    {"t": 1.204, "dir": "c2s", "msg": {"jsonrpc": "2.0", "method": …}}

`t` is in seconds since the recording began. A record holds the user's source text, so its file
is readable by its owner only. `slmcode trace` replays it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Message(NamedTuple):
    """One message of a session; `dir` is "c2s" (client to server) or "s2c"."""

    t: float
    dir: str
    msg: dict[str, Any]

    def to_line(self) -> str:
        """The line that stands for it in a file."""
        return json.dumps({"t": round(self.t, 6), "dir": self.dir, "msg": self.msg}) + "\n"


class Recorder:
    """Writes a record; every line is flushed, so that a crash keeps what led to it.

    Raises OSError if the file cannot be made. An existing file is overwritten.
    """

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        path.chmod(0o600)  # it may have existed, with another mode
        self._file = os.fdopen(fd, "w", encoding="utf-8", buffering=1)
        self._began = time.monotonic()

    def client_sent(self, message: dict[str, Any], arrived: float) -> None:
        """Append a message that arrived at `arrived` (time.monotonic())."""
        self._file.write(Message(arrived - self._began, "c2s", message).to_line())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path) -> Iterator[Message]:
    """The messages of a record. Raises OSError, or ValueError for a line that is not one."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                yield Message(float(row["t"]), row["dir"], row["msg"])
            except (ValueError, KeyError, TypeError) as e:
                raise ValueError(f"{path}:{number}: not a line of a record") from e
