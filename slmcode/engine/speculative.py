"""Draft tokens: text the model is likely to write is evaluated in one batch and checked.

    text   [ a b c d ]                 the last token d is chosen and not evaluated yet
    draft            [ e f g ]         what followed when "b c d" stood there before
    batch          [ d e f g ]         one llama_decode, logits behind each of the four
    rows             e f x ?           the model agrees twice: e f x for one batch

A batch of 4 costs about 2.25 plain tokens and one of 16 about 6.5, so a draft pays only if it is
right often enough. How often is known without drafting: at each plain token the draft that would
have been offered is compared with what came. A draft is as long as makes tokens per millisecond
largest, and empty where plain tokens are as fast.

Which tokens come must not depend on any of this. Logits of a batch differ from those of single
tokens by rounding: on the official 0.5B, 160 positions, batches of 4 to 32, the lead of the best
token moves by 0.11 (root mean square) and 0.53 at most, and the tokens that changed had a lead of
0.16 at most. So where the lead is under `NEAR_TIE` a row of a batch decides nothing: its token is
evaluated once more, alone (`decode.Runner`). What remains is the rounding of the keys and values
that the batch left in the cache. It is as large, and the same that another number of threads or a
prompt read in other batches brings: two runs may part at a near tie, and nowhere else. (The tests'
tiny model is equal bit for bit in Q4_0, Q5_0, Q8_0 and IQ4_NL with one thread or fewer than 257
tokens in the cache: llama.cpp splits longer attention of a single token among its threads.)

Model thread only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# In logits; a smaller lead is not decided by a batch. Twice the root mean square. Each near tie
# costs the rest of its batch and a plain token: one row in a hundred takes a rewrite from 2.1 times
# the plain speed to 1.75 (modelled on four real outputs with the costs below).
NEAR_TIE = 0.2

MAX_DRAFT = 31  # tokens; a token in a batch of 64 costs as much as in one of 32
_LONGEST_MATCH = 24  # tokens that are compared
_SHORTEST_MATCH = 2
_NEXT = 8  # tokens; so close behind the last place in the draft text a match may have one token
_WORTH = 1.05  # a draft must promise this much more tokens per ms than none


class Match(NamedTuple):
    """A place in a text behind the same tokens as those written last."""

    at: int  # index of the token that follows
    length: int  # tokens that are the same


class Text:
    """Token ids, searched for the newest ones of a sequence. Keeps the last `capacity` at least."""

    def __init__(self, tokens: Sequence[int] = (), capacity: int = 1024) -> None:
        self._capacity = capacity
        self._ids = np.empty(2 * max(capacity, len(tokens)), dtype=np.int32)
        self._n = 0
        self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """Append; what is more than twice the capacity old is forgotten."""
        tokens = tokens[-self._capacity :]
        if self._n + len(tokens) > len(self._ids):
            kept = self._ids[self._n - self._capacity : self._n].copy()
            self._ids[: len(kept)] = kept
            self._n = len(kept)
        self._ids[self._n : self._n + len(tokens)] = tokens
        self._n += len(tokens)

    def match(self, newest: Sequence[int], near: int | None = None) -> Match | None:
        """The place behind the longest run of tokens that `newest` ends in, if there is one.

        Of equal ones the first from `near` on, else the last. 20 µs with 1,000 tokens.
        """
        ids = self._ids[: self._n]
        # Where a run may end; the last token has nothing behind it.
        ends: npt.NDArray[np.intp] = np.flatnonzero(ids[:-1] == newest[-1]) if newest else _NONE
        length = 1
        while length < min(len(newest), _LONGEST_MATCH) and len(ends):
            longer = ends[ends >= length]
            longer = longer[ids[longer - length] == newest[-length - 1]]
            if len(longer) == 0:
                break
            ends = longer
            length += 1
        behind = ends[ends + 1 >= near] if near is not None else _NONE
        if len(behind) and (length >= _SHORTEST_MATCH or behind[0] + 1 - (near or 0) <= _NEXT):
            return Match(int(behind[0]) + 1, length)
        if len(ends) and length >= _SHORTEST_MATCH:
            return Match(int(ends[-1]) + 1, length)
        return None

    def slice(self, start: int, n: int) -> list[int]:
        """`n` tokens from `start` on, fewer at the end."""
        return [int(i) for i in self._ids[start : min(start + n, self._n)]]


_NONE: npt.NDArray[np.intp] = np.empty(0, dtype=np.intp)


class BatchCosts:
    """What a decode of n tokens costs, in plain tokens, learned from the engine's own steps.

    It begins with what 2 cores with AVX2 take for the official 0.5B (1: 31 ms, 2: 46, 4: 70,
    8: 130, 16: 211); the tuned weights differ little in these ratios. Sizes that were not seen
    follow those that were, in proportion.
    """

    def __init__(self) -> None:
        self.plain_ms = 0.0  # 0: no plain token was seen yet
        n = np.arange(MAX_DRAFT + 2)
        self._prior: list[float] = np.interp(
            n, [0, 1, 2, 4, 8, 16, 32], [0, 1, 1.5, 2.25, 4.2, 6.7, 12.0]
        ).tolist()
        self._learned: dict[int, float] = {}
        self._scale = 1.0  # of what was not seen, against the prior

    def saw(self, n: int, ms: float) -> None:
        """A decode of one token, or of `n` with logits for all, took `ms`.

        A ratio stays within a factor of two of the prior: if the machine became busy between
        the plain token and the batch, this says nothing of the batch.
        """
        if n == 1:
            self.plain_ms += (0.2 if self.plain_ms else 1.0) * (ms - self.plain_ms)
        elif self.plain_ms:
            prior = self._prior[n]
            ratio = min(max(ms / self.plain_ms, prior / 2), prior * 2)
            known = self._learned.get(n, prior * self._scale)
            self._learned[n] = known + 0.2 * (ratio - known)
            self._scale += 0.1 * (ratio / prior - self._scale)

    def of(self, n: int) -> float:
        """Plain tokens that a batch of `n` costs."""
        return self._learned.get(n, self._prior[n] * self._scale)


class Acceptance:
    """How often a guessed token is right, by source and by the length of the match.

    Newer guesses count more. Without guesses it is what `fallback` says, which counts as much
    as some guesses of our own.
    """

    def __init__(self, memory: float, fallback: Acceptance | None = None) -> None:
        self._memory = memory  # guesses that count
        self._fallback = fallback
        self._hits: dict[tuple[str, int], float] = {}
        self._guesses: dict[tuple[str, int], float] = {}

    def saw(self, source: str, length: int, hit: bool) -> None:
        """A guess was right or wrong."""
        key = (source, _bucket(length))
        keep = 1 - 1 / self._memory
        self._hits[key] = keep * self._hits.get(key, 0.0) + hit
        self._guesses[key] = keep * self._guesses.get(key, 0.0) + 1
        if self._fallback is not None:
            self._fallback.saw(source, length, hit)

    def of(self, source: str, length: int, n: int) -> list[float]:
        """The probability that a guess is right, for the `n` lengths from `length` on."""
        by_bucket = {
            bucket: self._of(source, bucket)
            for bucket in range(_bucket(length), _bucket(length + n) + 1)
        }
        return [by_bucket[_bucket(length + i)] for i in range(n)]

    def _of(self, source: str, bucket: int) -> float:
        fallback = self._fallback._of(source, bucket) if self._fallback else _PRIOR[bucket]
        n, hits = self._guesses.get((source, bucket), 0.0), self._hits.get((source, bucket), 0.0)
        return (hits + _FALLBACK_WEIGHT * fallback) / (n + _FALLBACK_WEIGHT)


def _bucket(length: int) -> int:
    """1, 2–3, 4–7, 8–15, 16 and more: 0 to 4."""
    return min(length.bit_length() - 1, len(_PRIOR) - 1)


_PRIOR = (0.4, 0.45, 0.7, 0.9, 0.97)  # by bucket; real code, drafts from its own text
_FALLBACK_WEIGHT = 6.0  # guesses


@dataclass
class Speculator:
    """What all jobs share: costs, acceptance, and the text that was read and written lately."""

    costs: BatchCosts = field(default_factory=BatchCosts)
    acceptance: Acceptance = field(default_factory=lambda: Acceptance(100))
    recent: Text = field(default_factory=lambda: Text(capacity=4096))
    tie_share: float = 0.01  # of the rows of a batch, those that decided nothing
    enabled: bool = True

    def begin(self, prompt: Sequence[int], draft: Sequence[int]) -> Drafting:
        """Drafting for one job."""
        return Drafting(self, prompt, draft)

    def verified(self, rows: int, tie: bool) -> None:
        """`rows` of a batch were looked at; the last of them was a near tie, or none."""
        keep = 0.99**rows
        self.tie_share = keep * self.tie_share + (1 - keep) * tie / rows

    def length(self, chances: Sequence[float], longest_ms: float) -> int:
        """How many tokens to draft if the n-th is right with `chances[n]` given those before."""
        best, best_n = _WORTH, 0
        written, reached = 1.0, 1.0  # tokens to be expected; probability to get this far
        for n, chance in enumerate(chances, 1):
            reached *= chance * (1 - self.tie_share)
            written += reached
            cost = self.costs.of(n + 1)
            if cost * self.costs.plain_ms > longest_ms:
                break
            speed = written / (cost + written * self.tie_share)
            if speed > best:
                best, best_n = speed, n
        return best_n


class Drafting:
    """Drafts for one job. `wrote` is told every token, `guess` is asked before each decode.

    The draft text stands behind the end of the prompt here, so that a generation that has written
    nothing yet matches its beginning.
    """

    def __init__(self, shared: Speculator, prompt: Sequence[int], draft: Sequence[int]) -> None:
        self._shared = shared
        self._acceptance = Acceptance(20, shared.acceptance)
        self._context = Text(prompt[-_CONTEXT:])
        self._newest = list(prompt[-_LONGEST_MATCH:])
        start = self._newest[-_LEAD_IN:]
        self._draft = Text([*start, *draft]) if draft else None
        self._near = len(start)  # where in the draft text the output is
        self._guesses: list[int] = []
        self._source, self._text, self._match = "", self._context, _NO_MATCH  # of the guesses

    def wrote(self, token: int) -> None:
        """The next token is this one."""
        self._newest = [*self._newest[1 - _LONGEST_MATCH :], token]
        self._context.extend([token])
        if not self._guesses:
            self._match = _NO_MATCH
            return
        hit = self._guesses.pop(0) == token
        self._acceptance.saw(self._source, self._match.length, hit)
        if hit:
            self._match = Match(self._match.at + 1, self._match.length + 1)
        else:
            self._match = _NO_MATCH
            self._guesses.clear()

    def guess(self, limit: int) -> list[int]:
        """Up to `limit` tokens that may come next; none without a match."""
        if self._match.length < _LONG:
            self._find()
        if self._text is self._draft and self._match.length:
            self._near = self._match.at
        self._guesses = self._text.slice(self._match.at, limit) if self._match.length else []
        return list(self._guesses)

    def worth(self, n: int, longest_ms: float) -> int:
        """How many of `n` guessed tokens to evaluate with the next decode: 0 if it does not pay."""
        if n == 0:
            return 0
        return self._shared.length(
            self._acceptance.of(self._source, self._match.length, n), longest_ms
        )

    def _find(self) -> None:
        """The longest match; of equal ones that in the draft, then that in the job's own text."""
        self._match = _NO_MATCH
        for source, text, near in (
            ("draft", self._draft, self._near),
            ("context", self._context, None),
            ("recent", self._shared.recent, None),
        ):
            match = text.match(self._newest, near) if text is not None else None
            if text is not None and match and match.length > self._match.length:
                if near is not None and match.at - near not in range(_NEXT + 1):
                    source = "elsewhere in the draft"
                self._source, self._text, self._match = source, text, match


_NO_MATCH = Match(0, 0)
_LONG = 8  # tokens; a match this long is followed without looking for a longer one
_CONTEXT = 4096  # tokens of the prompt that are searched
_LEAD_IN = 8  # tokens of the prompt before the draft text: its beginning counts as so long a match
