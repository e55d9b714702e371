"""Skeleton by the lead so that features import; STORE replaces this file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from slmcode.index.store import Reader


class Progress(msgspec.Struct, frozen=True):
    """How far a build is. `running` is False when the index is complete."""

    running: bool
    done: int  # files
    total: int
    message: str = ""  # for the user, where something is amiss


class Index:
    def __init__(
        self, folder: Path, database: Path, *, limit_kb: int, on_progress: Callable[[Progress], None]
    ) -> None:
        self.progress = Progress(False, 0, 0)
        self.generation = 0

    def start(self) -> None: ...
    def reader(self) -> Reader:
        return Reader()

    def buffer_changed(self, path: str, language_id: str, text: str) -> None: ...
    def buffer_closed(self, path: str) -> None: ...
    def files_changed(self, paths: Iterable[str]) -> None: ...
    def close(self) -> None: ...
