"""An offered completion still held for reuse: generated text at a place in the document.

A suggestion's text begins at `start`, the beginning of the word that was being typed when it was
asked for, and spells that word too. So "does it still fit?" is one question for healing, for
type-through and for late answers: does its text begin with what stands between `start` and the
cursor now?
"""

from __future__ import annotations

import asyncio
import codecs
import itertools
from dataclasses import dataclass, field

from slmcode.engine.job import Chunk, Done, Stream
from slmcode.text import Edit, Snapshot, one_line_end

_HELD = 4  # suggestions per document; older ones hardly ever fit again

_ids = itertools.count(1)


@dataclass(eq=False)
class Suggestion:
    """Generated text and the surroundings it was generated for.

    `before` and `suffix` are the prompt's text on both sides: where they no longer stand
    around `start` and the cursor, the suggestion does not fit.
    """

    before: str
    suffix: str
    start: int  # moves with edits above it
    stream: Stream
    completion_id: str = field(default_factory=lambda: f"c{next(_ids)}")
    text: str = ""
    token_ends: list[int] = field(default_factory=list)  # offsets in `text`
    logprobs: list[float] = field(default_factory=list)
    final: bool = False
    done: Done | None = None
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, chunk: Chunk) -> None:
        """Take in what the engine produced. Lines end at LF; invalid UTF-8 becomes U+FFFD."""
        self.text += self._decoder.decode(chunk.data).replace("\r", "")
        if not self._decoder.getstate()[0]:  # not inside a character
            self.token_ends.append(len(self.text))
        self.logprobs.extend(chunk.logprobs)
        self.wake()

    def end(self, done: Done | None, length: int | None = None) -> None:
        """No more text comes; what is behind `length` does not belong to it."""
        if length is not None:
            self.text = self.text[:length]
        self.done = done
        self.final = True
        self.wake()

    def break_off(self) -> None:
        """Stop the generation; what there is stays, as long as it fits."""
        if not self.final:
            self.stream.cancel()
            self.end(None, self.token_ends[-1] if self.token_ends else 0)

    def wake(self) -> None:
        """Let every waiter look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, timeout: float | None) -> None:
        """Return at the next change, or after `timeout` seconds."""
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            pass

    def typed(self, snapshot: Snapshot, offset: int) -> str | None:
        """What stands between `start` and the cursor, or None if this no longer fits there.

        Lines of the result end at LF, as those of `self.text` do, whatever the document has.
        """
        first = self.start - len(self.before)
        if first < 0 or offset < self.start:
            return None
        text = snapshot.text
        typed = one_line_end(text[self.start : offset])
        if not self.text.startswith(typed) and (self.final or not typed.startswith(self.text)):
            return None
        if not text.startswith(self.before, first) or not same_suffix(self.suffix, text, offset):
            return None
        return typed

    @property
    def mean_logprob(self) -> float:
        """Mean log-probability of the tokens, 0.0 without any."""
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else 0.0


def same_suffix(suffix: str, text: str, offset: int) -> bool:
    """Whether `suffix` still stands behind the cursor, brackets closed by the editor aside.

    An editor that closes brackets writes `)` behind the cursor when `(` is typed. That must not
    throw a prompt away: closing characters at the head of either side are passed over.
    """
    if text.startswith(suffix, offset):
        return True
    end = offset
    while end < len(text) and text[end] in _CLOSERS:
        end += 1
    return text.startswith(suffix.lstrip(_CLOSERS), end)


_CLOSERS = ")]}\"'`>"


class Suggestions:
    """What is held for one document, newest first."""

    def __init__(self) -> None:
        self._held: list[Suggestion] = []

    def hold(self, suggestion: Suggestion) -> None:
        """Keep `suggestion`; the oldest one goes."""
        self._held.insert(0, suggestion)
        del self._held[_HELD:]

    def lookup(self, snapshot: Snapshot, offset: int) -> Suggestion | None:
        """The newest suggestion that fits and has, or will have, text beyond the cursor."""
        for held in self._held:
            typed = held.typed(snapshot, offset)
            if typed is None or (held.final and len(held.text) <= len(typed)):
                continue
            return held
        return None

    def did_change(self, edits: list[Edit]) -> None:
        """Move with edits above, drop what an edit reaches into."""
        for edit in edits:
            (start, end), new_text = edit
            kept = []
            for held in self._held:
                if end <= held.start - len(held.before):
                    held.start += len(new_text) - (end - start)
                elif start < held.start:
                    continue
                kept.append(held)
            self._held = kept
