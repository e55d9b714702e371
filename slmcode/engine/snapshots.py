"""What evicted sequences held, kept in memory: going back to a file finds it read already.

A live sequence takes the memory of its full length, a snapshot only that of its tokens (12 kB each
with the 0.5B). Saving 400 tokens takes 2 to 5 ms, restoring them 1, evaluating them again seconds.
Model thread only.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from typing import NamedTuple

SHORTEST = 32  # tokens; fewer are evaluated again in a batch or two


def common_prefix(a: Seq[int], b: Seq[int]) -> int:
    """Number of leading tokens two lists share."""
    n = min(len(a), len(b))
    if a[:n] == b[:n]:
        return n
    low, high = 0, n  # a[:low] == b[:low], a[:high] != b[:high]
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


class Snapshot(NamedTuple):
    """Tokens and what llama.cpp knew of them."""

    tokens: list[int]
    data: bytearray


class Snapshots:
    """Snapshots within a budget in bytes, least recently used first to go."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held: list[Snapshot] = []  # oldest first

    def put(self, new: Snapshot) -> None:
        """Keep a snapshot; one that it makes superfluous goes, and the oldest beyond the budget."""
        self._held = [
            s for s in self._held if common_prefix(s.tokens, new.tokens) < _SAME * len(s.tokens)
        ]
        self._held.append(new)
        while self._held and sum(len(s.data) for s in self._held) > self._budget:
            del self._held[0]

    def take(self, prompt: Seq[int], longer_than: int) -> Snapshot | None:
        """The snapshot that shares most of `prompt`, if it is more than so many tokens.

        It is given away, because its sequence is saved again when it goes, unless most of its
        tokens are about to be dropped: then it is kept and is the newest.
        """
        tokens = list(prompt)
        best, shared = None, longer_than
        for snapshot in self._held:
            n = common_prefix(snapshot.tokens, tokens)
            if n > shared:
                best, shared = snapshot, n
        if best is not None:
            self._held = [s for s in self._held if s is not best]
            if shared < _SAME * len(best.tokens):
                self._held.append(best)
        return best

    def all(self) -> list[Snapshot]:
        """Oldest first."""
        return list(self._held)


_SAME = 0.75  # of its tokens in another one: it is the same place in the file, some keys earlier
