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
_CLOSE = 16  # tokens behind that place: what was left out, or written anew
_PREFERRED = 3  # tokens; a match there counts as so much longer
_WORTH = 1.05  # a draft must promise this much more tokens per ms than none


class Match(NamedTuple):
    """A place in a text behind the same tokens as those written last."""

    at: int  # index of the token that follows
    length: int  # tokens that are the same


class Text:
    """Token ids, searched for the newest ones of a sequence.

    Keeps the last `capacity` at least, and as many as it began with.
    """

    def __init__(self, tokens: Sequence[int] = (), capacity: int = 1024) -> None:
        self._capacity = max(capacity, len(tokens))
        self._ids = np.empty(2 * self._capacity, dtype=np.int32)
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

        Of equal ones the last. With `near` a shorter one close behind that place is preferred, the
        first of those that are equally long. 20 µs with 1,000 tokens.
        """
        ids = self._ids[: self._n]
        # Where a run may end; the last token has nothing behind it.
        ends: npt.NDArray[np.intp] = np.flatnonzero(ids[:-1] == newest[-1]) if newest else _NONE
        length = 0
        close = longest = None
        while len(ends):
            length += 1
            if near is not None:
                furthest = near + (_NEXT if length < _SHORTEST_MATCH else _CLOSE)
                behind = ends[(ends + 1 >= near) & (ends + 1 <= furthest)]
                if len(behind):
                    close = Match(int(behind[0]) + 1, length)
            if length >= _SHORTEST_MATCH:
                longest = Match(int(ends[-1]) + 1, length)
            if length == min(len(newest), _LONGEST_MATCH):
                break
            ends = ends[ends >= length]
            ends = ends[ids[ends - length] == newest[-length - 1]]
        if close is not None and (longest is None or longest.length <= close.length + _PREFERRED):
            return close
        return longest

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
        if not self.costs.plain_ms:
            return 0  # how long a batch takes is not known yet
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


class _Guess(NamedTuple):
    """A guessed token, and where a text is followed behind it.

    `old` are the tokens of the text that it replaces, together with those before it and `rest`.
    """

    token: int
    at: int
    old: tuple[int, ...] = ()
    rest: tuple[int, ...] = ()


class Replacements:
    """What the output had in place of tokens of the draft text: a new name, a deeper indentation.

        draft    [ a b n c d n e ]        n is about to come a second time
        output   [ a b m o c ]            it was m o the first time: guessed are d m o e

    Learned where the output left the draft text and came back to it. One that is guessed and does
    not come is forgotten.
    """

    def __init__(self) -> None:
        self._new: dict[tuple[int, ...], tuple[int, ...]] = {}

    def learn(self, old: Sequence[int], new: Sequence[int]) -> None:
        """`new` came where `old` stood. Nothing is learned of what is long, or of insertions."""
        if 0 < len(old) <= _LONGEST_OLD and 0 < len(new) <= _LONGEST_NEW:
            self._new[tuple(old)] = tuple(new)

    def forget(self, old: tuple[int, ...]) -> None:
        """It stands as it was."""
        self._new.pop(old, None)

    def at(self, ids: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The longest old tokens that `ids` begin with, and the new ones."""
        for n in range(min(len(ids), _LONGEST_OLD), 0, -1):
            old = tuple(ids[:n])
            if old in self._new:
                return old, self._new[old]
        return None


_LONGEST_OLD = 6  # tokens
_LONGEST_NEW = 12


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
        self._draft_ids = [*start, *draft] if draft else []
        self._draft = Text(self._draft_ids) if draft else None
        self._near = len(start)  # where in the draft text the output is,
        self._away: list[int] = []  # but for this, which was written since
        self._replacements = Replacements()
        self._guesses: list[_Guess] = []
        self._source, self._text, self._match = "", self._context, _NO_MATCH  # of the guesses
        self._last: _Guess | None = None  # the one that came last: what it replaces may go on

    def wrote(self, token: int) -> None:
        """The next token is this one."""
        self._newest = [*self._newest[1 - _LONGEST_MATCH :], token]
        self._context.extend([token])
        guess = self._guesses.pop(0) if self._guesses else None
        hit = guess is not None and guess.token == token
        self._follow(token, guess if self._text is self._draft else None, hit)
        if guess is not None:
            self._acceptance.saw(self._source, self._match.length, hit)
        if guess is not None and hit:
            self._match, self._last = Match(guess.at, self._match.length + 1), guess
        else:
            self._match, self._last = _NO_MATCH, None
            self._guesses.clear()

    def _follow(self, token: int, guess: _Guess | None, hit: bool) -> None:
        """Keep track of the place in the draft text. `guess` comes from it."""
        if guess is not None and hit and not guess.rest:
            if not guess.old:
                self._came_back()
            self._near = guess.at
            self._away.clear()
            return
        if guess is not None and not hit:
            self._replacements.forget(guess.old)
        if not self._away and self._draft_ids[self._near : self._near + 1] == [token]:
            self._near += 1
        else:
            self._away.append(token)

    def _came_back(self) -> None:
        """The output goes on at the match in the draft text: learn what came in between."""
        n = min(self._match.length, len(self._away))  # tokens of the match written since it left
        old = self._draft_ids[self._near : max(self._match.at - n, self._near)]
        self._replacements.learn(old, self._away[: len(self._away) - n])

    def guess(self, limit: int) -> list[int]:
        """Up to `limit` tokens that may come next; none without a match."""
        if self._match.length < _LONG:
            self._find()
        self._guesses = self._ahead(limit) if self._match.length else []
        return [guess.token for guess in self._guesses]

    def _ahead(self, limit: int) -> list[_Guess]:
        """The text from the match on; if it is the draft text, with what is replaced in it."""
        at = self._match.at
        if self._text is not self._draft:
            tokens = self._text.slice(at, limit)
            return [_Guess(token, at + n) for n, token in enumerate(tokens, 1)]
        old, new = (self._last.old, self._last.rest) if self._last is not None else ((), ())
        out = [_Guess(token, at, old, new[n:]) for n, token in enumerate(new, 1)]
        while len(out) < limit and at < len(self._draft_ids):
            found = self._replacements.at(self._draft_ids[at : at + _LONGEST_OLD])
            if found is None:
                at += 1
                out.append(_Guess(self._draft_ids[at - 1], at))
            else:
                old, new = found
                at += len(old)
                out += [_Guess(token, at, old, new[n:]) for n, token in enumerate(new, 1)]
        return out[:limit]

    def worth(self, n: int, longest_ms: float) -> int:
        """How many of `n` guessed tokens to evaluate with the next decode: 0 if it does not pay."""
        if n == 0:
            return 0
        return self._shared.length(
            self._acceptance.of(self._source, self._match.length, n), longest_ms
        )

    def _find(self) -> None:
        """A match longer than what is followed; of equal ones that in the draft comes first."""
        longest = self._match.length
        for source, text, near in (
            ("draft", self._draft, self._near),
            ("context", self._context, None),
            ("recent", self._shared.recent, None),
        ):
            match = text.match(self._newest, near) if text is not None else None
            if text is None or match is None:
                continue
            close = near is not None and near <= match.at <= near + _CLOSE
            if match.length + _PREFERRED * close > longest:
                longest = match.length + _PREFERRED * close
                if near is not None and not close:
                    source = "elsewhere in the draft"
                self._source, self._text, self._match = source, text, match
                self._last = None


_NO_MATCH = Match(0, 0)
_LONG = 8  # tokens; a match this long is followed without looking for a longer one
_CONTEXT = 4096  # tokens of the prompt that are searched
_LEAD_IN = 8  # tokens of the prompt before the draft text: its beginning counts as so long a match
