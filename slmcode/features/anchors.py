"""Where a document's prompt is frozen, and when it is frozen anew.

              window_start      offset (the anchor)      cursor
              v                 v                        v
    | context | prefix .........| typed .................|suffix ....|

A keystroke between anchor and cursor costs the tokens typed and nothing else. An anchor holds as
long as its prefix stands before it, its suffix behind the cursor, and not too much was typed.
The start of the window sticks: a new anchor of the same document begins its prefix where the
old one did, so that the KV cache of the prefix stays of use, until the prefix is over its budget.
For the same reason it has the old one's context, retrieved from other files, unless it is given
another.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from slmcode.features.answer import PromptPiece
from slmcode.features.launching import MAX_TYPED
from slmcode.features.suggestions import same_suffix
from slmcode.prompt import context as prompt_context
from slmcode.prompt import fim
from slmcode.prompt.context import Context
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax.parser import SyntaxCache
from slmcode.syntax.scopes import window_start
from slmcode.text import Edit, Snapshot
from slmcode.vocabulary import FimTokens

_CHARS_PER_TOKEN = 3.5  # of code in this vocabulary; budgets in tokens are checked exactly


class Budget(msgspec.Struct, frozen=True):
    """Tokens of text on both sides of the cursor."""

    prefix: int
    suffix: int

    @property
    def total(self) -> int:
        """Tokens on both sides together."""
        return self.prefix + self.suffix

    def at_most(self, tokens: int) -> Budget:
        """The same proportions within `tokens`, but never under `LEAST`: on a machine so busy that
        this takes long, a late completion is better than one made from two lines.
        """
        if tokens >= self.total:
            return self
        share = tokens / self.total
        return Budget(
            min(self.prefix, max(LEAST.prefix, int(self.prefix * share))),
            min(self.suffix, max(LEAST.suffix, int(self.suffix * share))),
        )


LEAST = Budget(64, 12)


class Anchor(msgspec.Struct, frozen=True):
    """A frozen prompt head and its place in the document."""

    sequence: str  # the engine's name for the KV sequence
    offset: int  # where the prefix ends, the start of a line
    head: fim.Head
    budget: Budget

    def holds(self, snapshot: Snapshot, cursor: int) -> bool:
        """Whether a prompt for this cursor may be built on this anchor."""
        first = self.offset - len(self.head.prefix)
        return (
            0 <= cursor - self.offset <= MAX_TYPED
            and first >= 0
            and snapshot.text.startswith(self.head.prefix, first)
            and same_suffix(self.head.suffix, snapshot.text, cursor)
        )

    def moved(self, edits: Sequence[Edit]) -> Anchor:
        """The anchor after edits; those inside its prefix make `holds` false by themselves.

        What is typed at an anchor without a prefix, as in an empty file, comes behind it.
        """
        offset, n_prefix = self.offset, len(self.head.prefix)
        for (start, end), new_text in edits:
            if end <= offset - n_prefix and (n_prefix or start < offset):
                offset += len(new_text) - (end - start)
        return msgspec.structs.replace(self, offset=offset)


class AnchorMaker:
    """Sets anchors. Holds what is needed for it and no state of its own."""

    def __init__(self, tokenizer: Tokenizer, tokens: FimTokens, syntax: SyntaxCache) -> None:
        self._tokenizer = tokenizer
        self._tokens = tokens
        self._syntax = syntax

    def make(
        self,
        snapshot: Snapshot,
        cursor: int,
        budget: Budget,
        sequence: str,
        previous: Anchor | None,
        context: Context | None = None,
    ) -> Anchor:
        """An anchor at the start of the cursor's line.

        Its context is the previous one's, unless one is given.
        """
        if context is None:
            context = previous.head.context if previous is not None else prompt_context.NONE
        offset = snapshot.line_start(cursor)
        text = snapshot.text
        first = self._window_start(snapshot, offset, budget, previous)
        head = fim.head(
            self._tokenizer,
            self._tokens,
            text[first:offset],
            text[cursor : cursor + budget.suffix * 8],
            prefix_tokens=budget.prefix,
            suffix_tokens=budget.suffix,
            context=context,
        )
        return Anchor(sequence, offset, head, budget)

    def _window_start(
        self, snapshot: Snapshot, offset: int, budget: Budget, previous: Anchor | None
    ) -> int:
        """Where the prefix begins: where the last one did if that still fits, else at a scope."""
        reach = int(budget.prefix * _CHARS_PER_TOKEN)
        if previous is not None:
            first = previous.offset - len(previous.head.prefix)
            length = offset - first
            # Half the budget at least: a window that ends just above the cursor knows too little.
            if reach / 2 <= length <= reach and snapshot.text.startswith(
                previous.head.prefix[: max(0, length)], first
            ):
                return first
        # Not all of it at once: the next lines fit in before the window has to slide.
        return window_start(self._syntax.tree(snapshot), snapshot, offset, reach * 3 // 4)

    def prompt(self, anchor: Anchor, snapshot: Snapshot, cursor: int) -> fim.FimPrompt:
        """The prompt for a cursor the anchor holds for."""
        return fim.anchored(self._tokenizer, anchor.head, snapshot.text[anchor.offset : cursor])

    def prompt_behind(
        self, anchor: Anchor, snapshot: Snapshot, cursor: int, text: str
    ) -> fim.FimPrompt:
        """The prompt for the place behind `text`, were it put in at the cursor."""
        typed = snapshot.text[anchor.offset : cursor]
        return fim.anchored(self._tokenizer, anchor.head, typed + text)

    def pieces(
        self, anchor: Anchor, prompt: fim.FimPrompt, snapshot: Snapshot, cursor: int
    ) -> list[PromptPiece]:
        """The prompt for people: what stands in it, from where, in how many tokens."""
        ids, name = self._tokens, self._tokenizer.token_name
        first = anchor.offset - len(anchor.head.prefix)
        typed_end = cursor - len(prompt.heal_text)
        typed_n = len(prompt.tokens) - len(anchor.head.tokens)

        def special(token: int) -> PromptPiece:
            return PromptPiece("special", "vocabulary", 1, name(token))

        def text(kind: str, start: int, end: int, n: int) -> PromptPiece:
            source = f"{_place(snapshot, start)}-{_place(snapshot, end)}"
            return PromptPiece(kind, source, n, snapshot.text[start:end])

        context = anchor.head.context
        chunks = [
            PromptPiece("chunk", f"{c.path}:{c.line + 1}-{c.end_line}", n, c.text)
            for c, n in zip(context.chunks, context.token_counts, strict=True)
        ]
        own_n = len(context.tokens) - sum(context.token_counts)
        own = context.tokens[len(context.tokens) - own_n :]
        name_of_file = self._tokenizer.decode(own[1:]).decode()  # behind the separator
        own_path = [PromptPiece("path", "this file", own_n, name_of_file)] if own_n else []
        return [
            *chunks,
            *own_path,
            special(ids.prefix),
            text("prefix", first, anchor.offset, anchor.head.prefix_n),
            special(ids.suffix),
            text("suffix", cursor, cursor + len(anchor.head.suffix), anchor.head.suffix_n),
            special(ids.middle),
            text("typed", anchor.offset, typed_end, typed_n),
            text("heal", typed_end, cursor, 0),
        ]


def _place(snapshot: Snapshot, offset: int) -> str:
    """`line:column` as editors count, from 1."""
    line = snapshot.line_at(offset)
    return f"{line + 1}:{offset - snapshot.line_starts[line] + 1}"
