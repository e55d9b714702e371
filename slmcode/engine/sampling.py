"""Which token comes next: greedy, and greedy among the tokens that spell a forced text.

Token healing: the user's last word may be half a token. The prompt stops before that word
and the first generated tokens must spell it. A token is allowed if it is a
beginning of what remains to be spelt, or begins with it. With the vocabulary sorted by bytes
the second kind is one slice, found by bisection, and the first at most one token per byte.

Where one of several words must be spelt the same holds for each of them, but a token may go on
behind a word only with what ends a word. 64 words cost about a millisecond a token.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from slmcode.engine.backend import Logits


class TokenTable:
    """The vocabulary sorted by the bytes of its tokens. Built once per model."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        spelled = sorted((piece, i) for i, piece in enumerate(pieces) if piece)
        self._bytes = [piece for piece, _ in spelled]
        self._ids = np.array([i for _, i in spelled], dtype=np.int64)

    def spelling(self, remainder: bytes) -> npt.NDArray[np.int64]:
        """Ids of the tokens that begin with `remainder` or are a beginning of it."""
        first, last = self._beginning_with(remainder)
        return np.concatenate([self._ids[first:last], self._beginnings([remainder])])

    def spelling_one_of(self, remainders: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """Ids of the tokens that begin one of `remainders`, or spell it and then end the word.

        Behind an empty remainder everything may stand that does not go on with the word.
        """
        slices = [self._beginnings(remainders)]
        for remainder in dict.fromkeys(remainders):
            first, last = self._beginning_with(remainder)
            for start, end in _WORD_BYTES:
                upper = bisect_left(self._bytes, remainder + bytes([start]), first, last)
                slices.append(self._ids[first:upper])
                first = last
                if end < 256:
                    first = bisect_left(self._bytes, remainder + bytes([end]), upper, last)
            slices.append(self._ids[first:last])
        return np.concatenate(slices)

    def _beginning_with(self, prefix: bytes) -> tuple[int, int]:
        """The slice of tokens that begin with `prefix`."""
        upper = _next_prefix(prefix)
        last = len(self._bytes) if upper is None else bisect_left(self._bytes, upper)
        return bisect_left(self._bytes, prefix), last

    def _beginnings(self, texts: Iterable[bytes]) -> npt.NDArray[np.int64]:
        """Ids of the tokens that are a beginning of one of `texts`, and shorter."""
        shorter = []
        for prefix in {text[:n] for text in texts for n in range(1, len(text))}:
            i = bisect_left(self._bytes, prefix)
            while i < len(self._bytes) and self._bytes[i] == prefix:
                shorter.append(self._ids[i])
                i += 1
        return np.array(shorter, dtype=np.int64)


# Ranges of the bytes that go on with a word, ends exclusive: digits, letters, _, beyond ASCII.
_WORD_BYTES = ((0x30, 0x3A), (0x41, 0x5B), (0x5F, 0x60), (0x61, 0x7B), (0x80, 256))


def _next_prefix(prefix: bytes) -> bytes | None:
    """The smallest byte string greater than every string that begins with `prefix`."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None


def greedy(logits: Logits) -> tuple[int, float]:
    """The most likely token and its log-probability."""
    token = int(logits.argmax())
    return token, log_probability(logits, token)


def lead(logits: Logits) -> float:
    """By how much the most likely token beats the second, in logits. 10 µs with 40,000 tokens."""
    token = int(logits.argmax())
    best = logits[token]
    logits[token] = -np.inf  # put back at once: a sort of all would take ten times as long
    second = logits.max()
    logits[token] = best
    return float(best - second)


def nth_best(logits: Logits, n: int) -> tuple[int, float]:
    """The n-th most likely token after the best one (n = 0), and its log-probability."""
    if n == 0:
        return greedy(logits)
    best = np.argpartition(logits, -n - 1)[-n - 1 :]
    token = int(best[logits[best].argmin()])
    return token, log_probability(logits, token)


def greedy_among(logits: Logits, allowed: npt.NDArray[np.int64]) -> tuple[int, float]:
    """The most likely of the allowed tokens; its log-probability is over all tokens."""
    token = int(allowed[logits[allowed].argmax()])
    return token, log_probability(logits, token)


def log_probability(logits: Logits, token: int) -> float:
    """log softmax(logits)[token]."""
    top = logits.max()
    return float(logits[token] - top - np.log(np.exp(logits - top).sum()))
