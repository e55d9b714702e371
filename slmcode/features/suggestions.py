"""An offered completion still held for reuse: generated text at a place in the document.

A suggestion's text begins at `start`, the beginning of the word that was being typed when it was
asked for, and spells that word too. So "does it still fit?" is one question for healing, for
type-through and for late answers: does its text begin with what stands between `start` and the
cursor now?

    foo(                     typed
    ^start  ^cursor
    foo(bar)\\n    return     text: what is visible ends with the line (or the block); the lines
            `-´              behind it are generated ahead and become visible as the cursor comes
"""

from __future__ import annotations

import asyncio
import codecs
import itertools
from dataclasses import dataclass, field
from typing import NamedTuple

from slmcode.engine.job import Chunk, Done, Stream
from slmcode.prompt.context import NONE, Context
from slmcode.text import Edit, Snapshot, one_line_end

_HELD = 4  # suggestions per document; older ones hardly ever fit again

_ids = itertools.count(1)


class Token(NamedTuple):
    """A generated token: where it ends in the suggestion's text, and its log-probability."""

    end: int
    logprob: float


@dataclass(eq=False)
class Suggestion:
    """Generated text and the surroundings it was generated for.

    `before` and `suffix` are the prompt's text on both sides: where they no longer stand
    around `start` and the cursor, the suggestion does not fit. `block` is the column of the header
    whose block is being filled, None for single lines.
    """

    before: str
    suffix: str
    start: int  # moves with edits above it
    stream: Stream
    asked_at: int = 0  # offset in `text` of the cursor when it was asked for
    context: Context = NONE  # from other files, in its prompt
    node: str = ""  # what a character typed at the cursor would be part of
    block: int | None = None
    block_end: int | None = None  # offset in `text`, known when the block is closed
    completion_id: str = field(default_factory=lambda: f"c{next(_ids)}")
    text: str = ""
    tokens: list[Token] = field(default_factory=list)
    running: bool = True  # more text may come
    goes_on: bool = False  # also behind what is visible
    broken_off: bool = False
    held_back: int = 0  # characters at the end of `text` that may be an unknown name
    unknown: str = ""  # the name in front of which it had to end
    dismissed_to: int = 0  # up to there the user does not want it
    done: Done | None = None
    _spelled: int = 0  # bytes of the stream that stand in `text` already
    _pending_logprob: float = 0.0  # of tokens inside a character
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, chunk: Chunk) -> None:
        """Take in what the engine produced. Lines end at LF; invalid UTF-8 becomes U+FFFD."""
        data = chunk.data[self._spelled :]
        self._spelled -= len(chunk.data) - len(data)
        if not data:
            return
        self.text += self._decoder.decode(data).replace("\r", "")
        self._pending_logprob += sum(chunk.logprobs)
        if not self._decoder.getstate()[0]:  # not inside a character
            self.tokens.append(Token(len(self.text), self._pending_logprob))
            self._pending_logprob = 0.0
        self.wake()

    def go_on(self, stream: Stream, spelled: int) -> None:
        """Take more text from another stream, whose first `spelled` bytes stand here already."""
        self.write_on(stream, spelled)
        self.running = self.goes_on = True

    def cut(self, at: int) -> None:
        """Take back what was written from `at` on."""
        self.text = self.text[:at]
        while self.tokens and self.tokens[-1].end > at:
            self.tokens.pop()
        self._decoder.reset()
        self._pending_logprob = 0.0
        self.held_back = 0

    def write_on(self, stream: Stream, spelled: int) -> None:
        """Take the rest from another stream, whose first `spelled` bytes stand here already."""
        self.stream = stream
        self._spelled = spelled

    def end(self) -> None:
        """No more text comes from the stream."""
        self.running = False
        self.wake()

    def break_off(self) -> None:
        """Stop the generation; what there is stays, as long as it fits."""
        if self.running:
            self.stream.cancel()
            written = self.tokens[-1].end if self.tokens else 0
            self.cut(min(written, len(self.text) - self.held_back))
            self.broken_off = True
            self.end()

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

        It does not fit where the user took back letters that stood there when it was asked for:
        they had to be spelled, and would be offered to him again. Lines of the result end at LF,
        as those of `self.text` do, whatever the document has.
        """
        first = self.start - len(self.before)
        if first < 0 or offset < self.start:
            return None
        text = snapshot.text
        typed = one_line_end(text[self.start : offset])
        if len(typed) < self.asked_at:
            return None
        if not self.text.startswith(typed) and not (self.running and typed.startswith(self.text)):
            return None
        if not text.startswith(self.before, first) or not same_suffix(self.suffix, text, offset):
            return None
        return typed

    def visible(self, at: int) -> tuple[int, bool]:
        """Where in `text` that ends what may be shown from `at` on, and whether it is settled.

        That is the end of the block while one is being filled, else of the line, and what is held
        back is not shown. Not settled: more may come.
        """
        end, settled = self._end_of_visible(at)
        sure = len(self.text) - self.held_back
        return (end, settled) if end <= sure or not self.running else (max(at, sure), False)

    def _end_of_visible(self, at: int) -> tuple[int, bool]:
        if self.block is not None and (self.block_end is None or at < self.block_end):
            if self.block_end is not None:
                return self.block_end, True
            if self.broken_off:  # its last line may be half of one
                return max(at, self.text.rfind("\n")), True
            return len(self.text), not self.running
        end = self.text.find("\n", at)
        return (len(self.text), not self.running) if end < 0 else (end, True)

    def lines_ahead(self, at: int) -> int:
        """Whole lines with something in them behind what is visible from `at` on."""
        end, _ = self.visible(at)
        return sum(bool(line.strip()) for line in self.text[end:].split("\n")[:-1])

    @property
    def mean_logprob(self) -> float:
        """Mean log-probability of the tokens, 0.0 without any."""
        return sum(t.logprob for t in self.tokens) / len(self.tokens) if self.tokens else 0.0


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

    def hold(self, suggestion: Suggestion, *, newest: bool = True) -> None:
        """Keep `suggestion`, before or behind the newest one; the oldest one goes."""
        self._held.insert(0 if newest else 1, suggestion)
        del self._held[_HELD:]

    def lookup(self, snapshot: Snapshot, offset: int) -> Suggestion | None:
        """The newest suggestion that fits and has, or will have, text beyond the cursor.

        One that was broken off is good for whole lines only: its last one may be half of one.
        """
        for held in self._held:
            typed = held.typed(snapshot, offset)
            if typed is None:
                continue
            if held.running or held.text.find("\n", len(typed)) >= 0:
                return held
            if len(held.text) > len(typed) and not held.broken_off:
                return held
        return None

    def find(self, completion_id: str) -> Suggestion | None:
        """The held suggestion with that id; the newest one for ""."""
        fitting = (s for s in self._held if completion_id in ("", s.completion_id))
        return next(fitting, None)

    @property
    def newest_text(self) -> str:
        """The text of the newest suggestion, "" without one."""
        return self._held[0].text if self._held else ""

    def did_change(self, edits: list[Edit]) -> None:
        """Move with edits above, drop what an edit reaches into; see `Anchor.moved`."""
        for edit in edits:
            (start, end), new_text = edit
            kept = []
            for held in self._held:
                n_before = len(held.before)
                if end <= held.start - n_before and (n_before or start < held.start):
                    held.start += len(new_text) - (end - start)
                elif start < held.start:
                    continue
                kept.append(held)
            self._held = kept
