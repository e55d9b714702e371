"""Retrieved chunks as prompt tokens, fitted to a budget. Pure, like the rest of this package.

    <file_sep> path ⏎ chunk  <file_sep> path ⏎ chunk  <file_sep> this file's path ⏎  <fim_prefix> …

This is how the models were trained on repositories. The chunks stand first because they change
least: what is behind a changed token is evaluated anew. For the same reason chunks that stood in
the prompt before keep their place, and new ones come behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from slmcode.prompt.fitting import first_tokens
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import FimTokens

_LEAST = 16  # tokens; less of a chunk that had to be cut says nothing
_SHARE = 0.5  # of the budget, for one chunk: two halves say more than one whole


class Chunk(msgspec.Struct, frozen=True):
    """A piece of workspace text. `reason` says what it was retrieved for, `score` how surely.

    `path` is relative to the workspace folder; `line` counts from 0, `end_line` is exclusive.
    """

    path: str
    line: int
    end_line: int
    text: str  # not always the lines themselves: of a class the header and its members' signatures
    score: float
    reason: str
    uri: str = ""  # of its document, where that is not the file at `path`

    @property
    def place(self) -> tuple[str, int]:
        """Where it begins."""
        return self.uri or self.path, self.line


class Context(msgspec.Struct, frozen=True):
    """What stands before `<fim_prefix>`: chunks with the tokens each of them takes."""

    chunks: tuple[Chunk, ...] = ()
    token_counts: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()  # of all chunks, and of this file's path behind them


NONE = Context()


def fit(
    tokenizer: Tokenizer,
    fim: FimTokens,
    path: str,
    chunks: Iterable[Chunk],
    *,
    budget: int,
    before: Context = NONE,
) -> Context:
    """As many of `chunks`, best first, as fit into `budget` tokens, with the path of the file.

    A chunk that does not fit is cut at the end of a line, if enough of it remains. `before` is
    what stood in the prompt so far. Empty for a vocabulary without a file separator.
    """
    separator = fim.file_separator
    if separator is None:
        return NONE
    own = [separator, *tokenizer.encode(f"{path}\n")]
    rest = budget - len(own)
    chosen: list[tuple[Chunk, list[int]]] = []
    for chunk in chunks:
        if rest < _LEAST:
            break
        found = _fitted(tokenizer, separator, chunk, min(rest, int(budget * _SHARE)))
        if found is not None:
            chosen.append(found)
            rest -= len(found[1])
    if not chosen:
        return NONE
    ordered = _in_order(chosen, before)
    tokens = [token for _, part in ordered for token in part] + own
    return Context(
        tuple(chunk for chunk, _ in ordered), tuple(len(part) for _, part in ordered), tuple(tokens)
    )


def _fitted(
    tokenizer: Tokenizer, separator: int, chunk: Chunk, budget: int
) -> tuple[Chunk, list[int]] | None:
    """The chunk, cut if need be, and its tokens; None where too little of it would fit."""
    head = [separator, *tokenizer.encode(f"{chunk.path}\n")]
    text = chunk.text.rstrip("\n") + "\n"
    tokens = tokenizer.encode(text)
    room = budget - len(head)
    if len(tokens) > room:
        if room < _LEAST:
            return None
        whole_n = text.count("\n")
        text, tokens = first_tokens(tokenizer, text, room)
        if len(tokens) < _LEAST or not text.endswith("\n"):
            return None  # little, or the beginning of one long line
        end_line = chunk.end_line
        if whole_n == end_line - chunk.line:  # its text are its lines
            end_line -= whole_n - text.count("\n")
        chunk = msgspec.structs.replace(chunk, text=text, end_line=end_line)
    return chunk, head + tokens


def _in_order(
    chosen: Sequence[tuple[Chunk, list[int]]], before: Context
) -> list[tuple[Chunk, list[int]]]:
    """Those that stood there before in their old order, then the new ones, the best last."""
    places = {c.place: i for i, c in enumerate(before.chunks)}
    old = [c for c in chosen if c[0].place in places]
    old.sort(key=lambda c: places[c[0].place])
    new = [c for c in chosen if c[0].place not in places]
    return [*old, *reversed(new)]
