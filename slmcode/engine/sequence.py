"""KV sequences and our knowledge of what is in them. Model thread only.

    tokens   [ a b c d e f ]            what we believe
    KV cache [ a b c d e f ]            what llama.cpp holds, pos 0..5
    prompt   [ a b c x y ]
              `-reuse-'                 kept; d e f are removed, x y prefilled

Invariant: after every method, len(tokens) == backend.length(seq_id).
"""

from __future__ import annotations

from collections.abc import Sequence as Seq

from slmcode.engine.backend import Backend, DecodeFailed, Interrupted, Logits, OutOfMemory
from slmcode.engine.snapshots import SHORTEST, Snapshot, Snapshots, common_prefix


class Sequence:
    """One KV sequence. `name` is whose it is, None while free."""

    def __init__(self, backend: Backend, seq_id: int) -> None:
        self._backend = backend
        self.seq_id = seq_id
        self.name: str | None = None
        self.tokens: list[int] = []
        self._logits: Logits | None = None
        self._logits_n = -1  # _logits are those behind tokens[:_logits_n]

    def logits_at(self, n: int) -> Logits | None:
        """The remembered logits behind the first `n` tokens, if these are the ones remembered."""
        return self._logits if self._logits_n == n else None

    def remember(self, logits: Logits) -> None:
        """Keep a copy of the logits behind the last token, shape (n_vocab,).

        While a word is typed the prompt stays the same and only the forced text grows: with
        these logits such a keystroke evaluates nothing at all.
        """
        self._logits = logits.copy()
        self._logits_n = len(self.tokens)

    def keep_prefix(self, prompt: Seq[int]) -> int:
        """Drop everything after the common prefix with `prompt`; return its length in tokens.

        Leaves at least one prompt token to evaluate unless the logits behind the whole
        prompt are remembered: llama_decode gives logits only for tokens it was given. If the
        memory cannot be cut in the middle the sequence is cleared and 0 returned.
        """
        keep = common_prefix(self.tokens, list(prompt))
        if keep == len(prompt) and self.logits_at(keep) is None:
            keep -= 1
        self.truncate(keep)
        return len(self.tokens)

    def truncate(self, n: int) -> None:
        """Hold the first `n` tokens only, or none where llama.cpp cannot cut there."""
        if n < len(self.tokens):
            if not self._backend.remove(self.seq_id, n):
                self._backend.remove(self.seq_id, 0)
                n = 0
            del self.tokens[n:]
        if self._logits_n > len(self.tokens):
            self._logits, self._logits_n = None, -1

    def evaluate(self, tokens: Seq[int], *, n_logits: int = 1, abortable: bool = False) -> Logits:
        """Append `tokens`; return the logits behind the last ones, shape (n_logits, n_vocab).

        The next decode overwrites them. Raises what `Backend.decode` raises; `self.tokens` then
        holds what llama.cpp kept.
        """
        try:
            logits = self._backend.decode(
                self.seq_id, len(self.tokens), tokens, n_logits=n_logits, abortable=abortable
            )
        except (Interrupted, OutOfMemory, DecodeFailed):
            held = self._backend.length(self.seq_id)
            self.tokens.extend(tokens)
            del self.tokens[held:]
            raise
        self.tokens.extend(tokens)
        return logits

    def become_copy_of(self, other: Sequence) -> None:
        """Hold the same tokens as `other`."""
        self.truncate(0)
        if other.tokens:
            self._backend.copy(other.seq_id, self.seq_id)
            self.tokens = list(other.tokens)

    def save(self) -> Snapshot | None:
        """What the sequence holds; None if that is little or cannot be saved."""
        if len(self.tokens) <= SHORTEST:
            return None
        data = self._backend.save(self.seq_id)
        return Snapshot(list(self.tokens), data) if data else None

    def restore(self, snapshot: Snapshot) -> bool:
        """Hold what was saved. False: llama.cpp refused it, the sequence is empty."""
        self.truncate(0)
        if not self._backend.restore(self.seq_id, snapshot.data):
            return False
        self.tokens = list(snapshot.tokens)
        if self._backend.length(self.seq_id) != len(self.tokens):
            self.truncate(0)
            return False
        return True


class SequencePool:
    """All sequences of a backend, given out by name, least recently used first to go.

    What goes is kept as a snapshot as long as there is memory for it.
    """

    def __init__(self, backend: Backend) -> None:
        self.snapshots = Snapshots(backend.snapshot_bytes)
        self._sequences = [Sequence(backend, i) for i in range(backend.n_seq)]  # oldest first

    def acquire(self, name: str, prompt: Seq[int], busy: frozenset[str]) -> Sequence | None:
        """The sequence called `name`, or the best other one made ready for `prompt`.

        A new name takes a free sequence, else the least recently used one whose name is not in
        `busy`; None if all are busy. If another sequence shares more of the prompt than the one
        found, what it holds is copied first: a re-anchored document keeps its head. If a
        snapshot shares clearly more than any of them, it is restored.
        """
        tokens = list(prompt)
        found = next((s for s in self._sequences if s.name == name), None)
        found = found or next((s for s in self._sequences if s.name is None), None)
        found = found or next((s for s in self._sequences if s.name not in busy), None)
        if found is None:
            return None
        shared = common_prefix(found.tokens, tokens)
        best = max(self._sequences, key=lambda s: common_prefix(s.tokens, tokens))
        best_shared = common_prefix(best.tokens, tokens)
        snapshot = self.snapshots.take(tokens, max(shared, best_shared) + SHORTEST)
        if found.name != name:
            found.name = name
            if (saved := found.save()) is not None:
                self.snapshots.put(saved)
        if snapshot is not None:
            found.restore(snapshot)
        elif best_shared >= shared + _WORTH_COPYING:
            found.become_copy_of(best)
        self._sequences.remove(found)
        self._sequences.append(found)
        return found

    def names(self) -> list[str]:
        """Names in use, least recently used first."""
        return [s.name for s in self._sequences if s.name is not None]

    def all(self) -> list[Sequence]:
        """Every sequence, for tests of the invariant."""
        return list(self._sequences)


_WORTH_COPYING = 16  # tokens; copying 12 MB costs about as much as evaluating one token
