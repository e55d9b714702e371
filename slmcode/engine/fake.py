"""A model that follows a script: exact, instant, for tests of logic. Never for a claim.

Its vocabulary is the 256 bytes and, above them, control tokens. Given what a sequence holds, the
script says which token comes next; everything else about a backend (what is held, cut,
copied, interrupted) is kept as strictly as llama.cpp keeps it.
"""

from __future__ import annotations

import sys
import threading
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from slmcode.engine.backend import (
    MAX_BATCH,
    Backend,
    DecodeFailed,
    Interrupted,
    Logits,
    OutOfMemory,
)
from slmcode.engine.host import run
from slmcode.engine.job import Weights

PREFIX, SUFFIX, MIDDLE, END = 256, 257, 258, 259
N_VOCAB = 260

# All tokens of the sequence -> the next one, or the most likely ones, best first.
Script = Callable[[list[int]], int | list[int]]


def writes(middle: bytes) -> Script:
    """A model that always wants `middle` behind the last MIDDLE token, whatever the rest says.

    If what stands there already is not a beginning of `middle`, it wants to end.
    """

    def script(tokens: list[int]) -> int:
        at = len(tokens) - 1 - tokens[::-1].index(MIDDLE) if MIDDLE in tokens else len(tokens)
        so_far = bytes(t for t in tokens[at + 1 :] if t < 256)
        if len(so_far) < len(middle) and middle.startswith(so_far):
            return middle[len(so_far)]
        return END

    return script


class FakeBackend:
    """Implements `Backend`. `gate`, if given, is waited for before every decode.

    `fail_at` makes the decode that would put a token at that position fail, once.
    """

    def __init__(
        self,
        script: Script,
        *,
        n_seq: int = 4,
        n_ctx_seq: int = 1024,
        gate: Callable[[], None] | None = None,
        threads: int = 1,
        snapshot_bytes: int = 100_000,
    ) -> None:
        self.pieces = [bytes([i]) for i in range(256)] + [b""] * (N_VOCAB - 256)
        self.end_ids = frozenset(range(256, N_VOCAB))
        self.n_seq = n_seq
        self.n_ctx_seq = n_ctx_seq
        self.threads = self.threads_used = threads
        self.snapshot_bytes = snapshot_bytes
        self.script = script
        self.held: list[list[int]] = [[] for _ in range(n_seq)]
        self.batches: list[tuple[int, int, int]] = []  # seq_id, pos, number of tokens
        self.fail_at: int | None = None
        self.closed = False
        self.can_cut = True
        self.can_restore = True
        self._logits = np.zeros((MAX_BATCH, N_VOCAB), dtype=np.float32)
        self._gate = gate
        self._interrupted = threading.Event()

    def decode(
        self, seq_id: int, pos: int, tokens: Sequence[int], *, n_logits: int = 1, abortable: bool
    ) -> Logits:
        assert not self.closed
        if self._gate is not None:
            self._gate()
        held = self.held[seq_id]
        assert pos == len(held), f"position {pos} behind {len(held)} held tokens"
        if abortable and self._interrupted.is_set():
            raise Interrupted
        self.batches.append((seq_id, pos, len(tokens)))
        if pos + len(tokens) > self.n_ctx_seq:
            raise OutOfMemory
        if self.fail_at is not None and pos <= self.fail_at < pos + len(tokens):
            held.extend(tokens[: self.fail_at - pos])
            self.fail_at = None
            raise DecodeFailed("as the test wanted")
        held.extend(tokens)
        self._logits[:] = 0.0  # one buffer, overwritten by every decode, as llama.cpp's is
        for row, n in enumerate(range(len(held) - n_logits + 1, len(held) + 1)):
            wanted = self.script(held[:n])
            for rank, token in enumerate([wanted] if isinstance(wanted, int) else wanted):
                self._logits[row, token] = 10.0 - rank
        return self._logits[:n_logits]

    def remove(self, seq_id: int, pos: int) -> bool:
        if pos > 0 and not self.can_cut:
            return False
        del self.held[seq_id][pos:]
        return True

    def copy(self, source: int, target: int) -> None:
        assert not self.held[target]
        self.held[target] = list(self.held[source])

    def length(self, seq_id: int) -> int:
        return len(self.held[seq_id])

    def save(self, seq_id: int) -> bytearray:
        return bytearray(array("i", self.held[seq_id]).tobytes())

    def restore(self, seq_id: int, saved: bytearray) -> bool:
        assert not self.held[seq_id]
        if self.can_restore:
            self.held[seq_id] = array("i", bytes(saved)).tolist()
        return self.can_restore

    def use_threads(self, n: int) -> None:
        self.threads_used = n

    def close(self) -> None:
        assert not self.closed
        self.closed = True

    def interrupt(self) -> None:
        self._interrupted.set()

    def resume(self) -> None:
        self._interrupted.clear()


if __name__ == "__main__":  # python -m slmcode.engine.fake SOCKET TEXT [IDLE_S]: a scripted engine
    script = writes(sys.argv[2].encode())

    def load() -> Backend:
        return FakeBackend(script, n_seq=8, n_ctx_seq=8192)

    def load_weights(weights: Weights, wanted: Callable[[], bool]) -> Backend:
        return FakeBackend(script, n_seq=2, n_ctx_seq=weights.n_ctx)

    idle_s = float(sys.argv[3]) if len(sys.argv) > 3 else 60.0
    sys.exit(run(Path(sys.argv[1]), load, load_weights, idle_s, sys.stdout))
