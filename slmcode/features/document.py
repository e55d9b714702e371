"""What is known of one open document, of a request for it, and of how that was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from slmcode.engine.job import Timings
from slmcode.features.anchors import Anchor
from slmcode.features.answer import PromptPiece, Reason, sentence
from slmcode.features.suggestions import Suggestion, Suggestions
from slmcode.text import Edit, Snapshot
from slmcode.trace import Span


@dataclass(eq=False)
class Request:
    """A request that has not been answered."""

    snapshot: Snapshot
    offset: int  # moves with what is typed meanwhile
    invoked: bool
    deadline: float
    superseded: bool = False


@dataclass(eq=False)
class Account:
    """How one request was answered, for whoever asks afterwards."""

    span: Span
    timings: Timings = field(default_factory=Timings)
    reason: Reason | None = None
    detail: str = ""  # beside the reason
    from_memory: bool = False
    score: float | None = None  # of the gate, None where it was not asked
    waited_s: float = 0.0  # of the request's time, spent waiting for the engine

    def to_json(self) -> dict[str, Any]:
        return {
            "reason": self.reason.value if self.reason is not None else None,
            "message": sentence(self.reason, self.detail) if self.reason is not None else "",
            "from_memory": self.from_memory,
            "score": self.score,
            "timings": msgspec.to_builtins(self.timings),
            "server_ms": round(self.span.ms - self.waited_s * 1e3, 3),
            "trace": self.span.to_json(),
        }


@dataclass(eq=False)
class Document:
    """What is known of one open document. `snapshot` is the newest one."""

    snapshot: Snapshot
    suggestions: Suggestions = field(default_factory=Suggestions)
    anchor: Anchor | None = None
    running: Suggestion | None = None
    request: Request | None = None
    cursor: int = 0  # where it was seen last
    idle: asyncio.TimerHandle | None = None
    warming: asyncio.Task[None] | None = None
    following: asyncio.Task[None] | None = None  # waits for text behind an answer
    n_anchors: int = 0
    explain_prompt: Callable[[], list[PromptPiece]] = list  # the newest prompt, for people
    last: Account | None = None
    rested: asyncio.Event = field(default_factory=asyncio.Event)  # all that can be done ahead is

    def changed(self, snapshot: Snapshot, edits: Sequence[Edit]) -> None:
        """`snapshot` is the document after `edits`, applied in their order."""
        self.snapshot = snapshot
        self.suggestions.did_change(list(edits))
        if self.anchor is not None:
            self.anchor = self.anchor.moved(edits)
        if self.request is not None:
            self.request.offset = _moved(self.request.offset, edits)
        if edits:
            self.cursor = edits[-1].range.start + len(edits[-1].new_text)

    def close(self) -> None:
        """End what works for it."""
        if self.running is not None:
            self.running.break_off()
        if self.idle is not None:
            self.idle.cancel()
        for task in (self.warming, self.following):
            if task is not None:
                task.cancel()


def _moved(offset: int, edits: Sequence[Edit]) -> int:
    """Where the cursor stands after edits; text inserted at it goes before it."""
    for (start, end), new_text in edits:
        if end <= offset:
            offset += len(new_text) - (end - start)
        elif start < offset:
            offset = start + len(new_text)
    return offset
