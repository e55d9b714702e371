"""The documents a user works in, and what is known about each between two keystrokes."""

from __future__ import annotations

from collections.abc import Sequence

from slmcode.config import Config
from slmcode.engine.job import Engine
from slmcode.features.answer import Answer
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.text import Edit, Snapshot


class Completer:
    """Event loop only. Every method but `complete` returns at once and never raises."""

    def __init__(self, engine: Engine, tokenizer: Tokenizer | None, config: Config) -> None: ...
    def configure(self, config: Config) -> None:
        """New settings; take effect with the next request."""

    def did_open(self, snapshot: Snapshot) -> None: ...
    def did_change(self, snapshot: Snapshot, edits: Sequence[Edit]) -> None:
        """`snapshot` is the document after `edits`, applied in their order."""

    def did_close(self, uri: str) -> None: ...
    def cursor_moved(self, snapshot: Snapshot, offset: int) -> None:
        """The cursor rests at `offset`: work ahead."""

    async def complete(
        self, snapshot: Snapshot, offset: int, *, arrived: float, invoked: bool
    ) -> Answer:
        """Answer by the deadline counted from `arrived` (time.monotonic()).

        The caller takes the snapshot before its first await. Cancelling the task is how the client takes
        the request back; a newer call for the same document answers SUPERSEDED here.
        """

    def shown(self, completion_id: str) -> None: ...
    def accepted(self, completion_id: str) -> None: ...
    def partially_accepted(self, completion_id: str, accepted_length: int) -> None:
        """`accepted_length`: code points accepted so far, cumulative."""
