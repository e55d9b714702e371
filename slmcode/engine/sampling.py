"""Which token comes next: greedy, and greedy among the tokens that spell a forced text.

Token healing: the user's last word may be half a token. The prompt stops before that word
and the first generated tokens must spell it. A token is allowed if it is a
beginning of what remains to be spelt, or begins with it. With the vocabulary sorted by bytes
the second kind is one slice, found by bisection, and the first at most one token per byte.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slmcode.engine.backend import Logits


class TokenTable:
    """The vocabulary sorted by the bytes of its tokens. Built once per model."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        spelled = sorted((piece, i) for i, piece in enumerate(pieces) if piece)
        self._bytes = [piece for piece, _ in spelled]
        self._ids = np.array([i for _, i in spelled], dtype=np.int64)

    def spelling(self, remainder: bytes) -> npt.NDArray[np.int64]:
        """Ids of the tokens that begin with `remainder` or are a beginning of it."""
        first = bisect_left(self._bytes, remainder)
        last = first
        upper = _next_prefix(remainder)
        last = len(self._bytes) if upper is None else bisect_left(self._bytes, upper)
        shorter = []
        for n in range(1, len(remainder)):
            prefix = remainder[:n]
            i = bisect_left(self._bytes, prefix)
            while i < len(self._bytes) and self._bytes[i] == prefix:
                shorter.append(self._ids[i])
                i += 1
        return np.concatenate([self._ids[first:last], np.array(shorter, dtype=np.int64)])


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
