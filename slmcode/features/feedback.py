"""What became of what was shown: accepted, typed along, or typed away from.

A piece that was shown is right when the text behind its place begins with it, whoever wrote it
there: accepting and typing along are the same to the gate. Nothing of it is stored but counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from slmcode.features.gate import SINCE_MAX, Gate
from slmcode.text import Snapshot, one_line_end

_RECENT = 0.2  # weight of the newest piece in the running share of right ones


@dataclass(slots=True)
class _Piece:
    """An answer that was given and not judged yet."""

    uri: str
    completion_id: str
    offset: int
    text: str
    score: float
    seen: bool = False  # the client said that it became visible


class Feedback:
    """Settles pieces against the text typed since, and lets the gate learn from them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._piece: _Piece | None = None
        self.recent = 0.5  # share of the last shown pieces that were right
        self.since_rejection = SINCE_MAX

    def answered(self, uri: str, completion_id: str, offset: int, text: str, score: float) -> None:
        """A piece was answered; it is judged when enough was typed behind it."""
        if self._piece is None:
            self._piece = _Piece(uri, completion_id, offset, one_line_end(text), score)

    def shown(self, completion_id: str) -> None:
        """The client has drawn it."""
        if self._piece is not None and self._piece.completion_id == completion_id:
            self._piece.seen = True

    def dismissed(self, completion_id: str) -> None:
        """The user sent it away."""
        if self._piece is not None and self._piece.completion_id == completion_id:
            self._settle(self._piece, right=False)

    def key(self, snapshot: Snapshot, cursor: int) -> None:
        """A request arrived: look what stands there now."""
        self.since_rejection = min(self.since_rejection + 1, SINCE_MAX)
        piece = self._piece
        if piece is None:
            return
        if piece.uri != snapshot.uri or cursor < piece.offset:
            self._piece = None  # elsewhere, or taken back: says nothing
            return
        typed = one_line_end(snapshot.text[piece.offset : cursor])
        if typed.startswith(piece.text):
            self._settle(piece, right=True)
        elif not piece.text.startswith(typed):
            self._settle(piece, right=False)

    def _settle(self, piece: _Piece, *, right: bool) -> None:
        self._piece = None
        if not piece.seen:
            return
        self.recent += _RECENT * (right - self.recent)
        if not right:
            self.since_rejection = 0
        self._gate.learn(piece.score, right)
