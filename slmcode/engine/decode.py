"""One job, step by step: reuse, prefill, heal, decode, stop. Model thread only.

`run` is a generator that yields between any two llama_decode, which is what lets the scheduler
cancel, pause or end a job there without a lock. Logits are used up before the yield: they are a
view into llama.cpp's buffer, and while a job is paused another one overwrites it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from slmcode.engine.backend import (
    MAX_BATCH,
    Backend,
    DecodeFailed,
    Interrupted,
    Logits,
    OutOfMemory,
)
from slmcode.engine.job import Job, Stop, Timings
from slmcode.engine.sampling import TokenTable, greedy_among, nth_best
from slmcode.engine.sequence import Sequence

Emit = Callable[[bytes, int, float], None]  # bytes of a token, its id, its log-probability

_PREFILL_MS = 250.0  # an interrupted batch is evaluated again: this much may be lost


@dataclass
class Rates:
    """What a prompt token costs on this machine, learned from the work itself.

    An exponential average over about ten batches; it begins with a slow machine's figure.
    """

    prefill_ms: float = 10.0

    def batch_size(self) -> int:
        """Prefill batch of about `_PREFILL_MS`; small ones waste weight reads."""
        return int(min(max(_PREFILL_MS / self.prefill_ms, 8), MAX_BATCH))

    def saw(self, n: int, ms: float) -> None:
        """A batch of `n` tokens took `ms`; a small one says nothing of large ones."""
        if n >= 8:
            self.prefill_ms += 0.1 * (ms / n - self.prefill_ms)


class Runner:
    """What jobs share: the model and what is known about its tokens and its speed.

    The token table takes half a second for 152,000 tokens and is not needed before the first
    token is chosen: a thread makes it beside the loading of the first prompt.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.rates = Rates()
        pool = ThreadPoolExecutor(1, "token table")
        self._table = pool.submit(self._make_table)
        pool.shutdown(wait=False)

    def _make_table(self) -> TokenTable:
        table = TokenTable(self.backend.pieces)
        assert self.backend.end_ids  # the backend computes them once, better here than later
        return table

    def run(
        self, job: Job, sequence: Sequence, timings: Timings, emit: Emit
    ) -> Generator[None, None, tuple[Stop, str]]:
        """Do `job` on `sequence`; yield between decodes; return why it ended and a message.

        `timings` is filled in on the way, so that a job ended from outside has them too. After an
        error the sequence holds exactly what llama.cpp holds.
        """
        if len(job.tokens) + job.max_tokens > self.backend.n_ctx_seq:
            return Stop.FULL, (
                f"{len(job.tokens)} prompt tokens and {job.max_tokens} new ones; "
                f"a sequence holds {self.backend.n_ctx_seq}"
            )
        if not job.tokens:
            return Stop.FAILED, "an empty prompt"
        try:
            yield from self._prefill(job, sequence, timings)
            if job.max_tokens == 0:
                return Stop.LENGTH, ""
            return (yield from self._decode(job, sequence, timings, emit)), ""
        except OutOfMemory:
            return Stop.FULL, "no free cells in the KV cache"
        except DecodeFailed as e:
            return Stop.FAILED, str(e)

    def _prefill(
        self, job: Job, sequence: Sequence, timings: Timings
    ) -> Generator[None, None, None]:
        """Evaluate what of the prompt is not in the sequence yet and remember the last logits."""
        timings.cache_n = sequence.keep_prefix(job.tokens)
        while len(sequence.tokens) < len(job.tokens):
            at = len(sequence.tokens)
            rest = job.tokens[at : at + self.rates.batch_size()]
            started = time.monotonic()
            try:
                (logits,) = sequence.evaluate(rest, abortable=True)
            except Interrupted:
                timings.prompt_ms += (time.monotonic() - started) * 1e3
                yield
                continue
            ms = (time.monotonic() - started) * 1e3
            timings.prompt_ms += ms
            timings.prompt_n += len(rest)
            self.rates.saw(len(rest), ms)
            if len(sequence.tokens) == len(job.tokens):
                sequence.remember(logits)
                return  # the first token costs nothing more: it goes out with this step
            yield

    def _decode(
        self, job: Job, sequence: Sequence, timings: Timings, emit: Emit
    ) -> Generator[None, None, Stop]:
        """Generate until a stop rule holds. The first logits are the remembered ones."""
        logits = sequence.logits_at(len(job.tokens))
        assert logits is not None
        table = self._table.result()
        spelled = b""
        branch = job.branch  # still to be taken
        started = time.monotonic()
        while True:
            remainder = job.heal[len(spelled) :]
            if remainder:
                allowed = table.spelling(remainder)
                if len(allowed) == 0:
                    return Stop.END
                token, logprob = greedy_among(logits, allowed)
            else:
                if branch >= len(logits):
                    return Stop.END
                token, logprob = nth_best(logits, branch)
                branch = 0
                if token in self.backend.end_ids:
                    return Stop.END
            data = self.backend.pieces[token]
            if not data and not remainder:  # a control token that is no text and ends nothing
                return Stop.END
            spelled += data
            timings.predicted_n += 1
            timings.predicted_ms += (time.monotonic() - started) * 1e3
            emit(data, token, logprob)
            if job.stop_lines and spelled.count(b"\n", len(job.heal)) >= job.stop_lines:
                return Stop.LINES
            if timings.predicted_n >= job.max_tokens:
                return Stop.LENGTH
            yield
            started = time.monotonic()
            while (next_logits := self._evaluate_next(sequence, token)) is None:
                yield
            logits = next_logits

    def _evaluate_next(self, sequence: Sequence, token: int) -> Logits | None:
        """The logits behind one more token, or None if a more urgent job broke it off."""
        try:
            logits: Logits = sequence.evaluate([token], abortable=True)[0]
        except Interrupted:
            return None
        return logits
