"""One job, step by step: reuse, prefill, heal, decode, stop. Model thread only.

`run` is a generator that yields between any two llama_decode, which is what lets the scheduler
cancel, pause or end a job there without a lock. Logits are used up before the yield: they are a
view into llama.cpp's buffer, and while a job is paused another one overwrites it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from slmcode.engine.backend import (
    MAX_BATCH,
    Backend,
    DecodeFailed,
    Interrupted,
    Logits,
    OutOfMemory,
)
from slmcode.engine.job import Job, Priority, Stop, Timings
from slmcode.engine.sampling import TokenTable, greedy_among, lead, nth_best
from slmcode.engine.sequence import Sequence
from slmcode.engine.speculative import MAX_DRAFT, NEAR_TIE, Speculator
from slmcode.engine.threads import ThreadControl

# The new tokens of a step: their bytes, ids and log-probabilities.
Emit = Callable[[bytes, list[int], list[float]], None]

_SMALLEST_BATCH = 8  # tokens; a smaller one costs as much
_PREFILL_MS = 250.0  # an interrupted batch is evaluated again: this much may be lost
_LONGEST_DRAFT_MS = 80.0  # of a completion: somebody waits for the first of its tokens
_LONGEST_OTHER_MS = 1000.0
# Part of the time since the last interrupt. What is broken off is lost, so while somebody types a
# long batch would never end; and the last node of the graph, the output matrix, takes a sixth of
# the batch and cannot be broken off. 1 s after a key 4 tokens are evaluated with the 1.5B, after
# 4 s 32.
_OF_QUIET = 0.25


@dataclass
class Rates:
    """What a prompt token costs on this machine, learned from the work itself.

    An exponential average over some three batches, so that it follows when the machine becomes
    busy; it begins with a slow machine's figure.
    """

    prefill_ms: float = 10.0

    def batch_size(self) -> int:
        """Prefill batch of about `_PREFILL_MS`; small ones waste weight reads."""
        return int(min(max(_PREFILL_MS / self.prefill_ms, 8), MAX_BATCH))

    def saw(self, n: int, ms: float) -> None:
        """A batch of `n` tokens took `ms`; a small one says nothing of large ones."""
        if n >= 8:
            self.prefill_ms += 0.3 * (ms / n - self.prefill_ms)


class Runner:
    """What jobs share: the model and what is known about its tokens and its speed.

    The token table takes half a second for 152,000 tokens and is not needed before the first
    token is chosen: a thread makes it beside the loading of the first prompt.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        speculate: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backend = backend
        self._clock = clock
        self._interrupted = -math.inf  # when the last decode was broken off
        self.rates = Rates()
        self.speculator = Speculator(enabled=speculate)
        self.threads = ThreadControl(backend.threads)
        pool = ThreadPoolExecutor(1, "token table")
        self._table = pool.submit(self._make_table)
        pool.shutdown(wait=False)

    def prepare(self) -> None:
        """Wait for the token table. Any thread."""
        self._table.result()

    def close(self) -> None:
        """Free the model. Nothing of it may be used any more."""
        self._table.exception()  # its thread reads the vocabulary
        self.backend.close()

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
        size = MAX_BATCH
        while len(sequence.tokens) < len(job.tokens):
            at = len(sequence.tokens)
            size = min(size, self.rates.batch_size())
            rest = job.tokens[at : at + size]
            started = self._clock()
            rows = self._evaluate(sequence, rest)
            timings.prompt_ms += (self._clock() - started) * 1e3
            if rows is None:
                # Broken off by a key, and the next one may come as soon: what fits between two.
                size = max(size // 2, _SMALLEST_BATCH)
                yield
                continue
            size *= 2
            timings.prompt_n += len(rest)
            if len(sequence.tokens) == len(job.tokens):
                sequence.remember(rows[0])
                return  # the first token costs nothing more: it goes out with this step
            yield

    def _decode(
        self, job: Job, sequence: Sequence, timings: Timings, emit: Emit
    ) -> Generator[None, None, Stop]:
        """Generate until a stop rule holds. The first logits are the remembered ones.

        Each round looks at the rows of one decode: one row, or behind a draft one for each of
        its tokens and one for the token before it.
        """
        logits = sequence.logits_at(len(job.tokens))
        assert logits is not None
        rows: Logits | None = logits[None]
        output = _Output(job, self._table.result(), self.backend)
        drafting = self.speculator.begin(job.tokens, job.draft)
        text = list(job.tokens)  # prompt and output; what is not evaluated is its last token
        draft: list[int] = []
        started = self._clock()
        try:
            while True:
                assert rows is not None
                new = output.read(rows, draft)
                text += new.tokens
                for token in new.tokens:
                    drafting.wrote(token)
                # What is left of the draft goes, and behind a near tie the token before it.
                wanted = len(text) - (new.stop is not Stop.END)
                sequence.truncate(wanted)
                if len(sequence.tokens) < wanted:  # a memory that cannot be cut
                    self.speculator.enabled = False
                if draft:
                    self.speculator.verified(new.rows, new.tie)
                timings.draft_n += len(draft)
                timings.draft_n_accepted += new.accepted
                timings.predicted_n += len(new.tokens)
                timings.predicted_ms += (self._clock() - started) * 1e3
                for token, logprob in zip(new.tokens, new.logprobs, strict=True):
                    # One by one: who reads them wants to know where each of them ends.
                    emit(self.backend.pieces[token], [token], [logprob])
                if new.stop is not None:
                    return new.stop
                yield
                started = self._clock()
                draft = []
                if self.speculator.enabled and output.free and not new.tie:
                    guessed = output.before_end(drafting.guess(output.room))
                    draft = guessed[: drafting.worth(len(guessed), self._longest_ms(job))]
                while (rows := self._evaluate_next(sequence, text, draft)) is None:
                    yield
                    started = self._clock()
                    draft = draft[: drafting.worth(len(draft), self._longest_ms(job))]
        finally:
            self.speculator.recent.extend(text[max(timings.cache_n - 8, 0) :])

    def _longest_ms(self, job: Job) -> float:
        """How long a batch with a draft may take."""
        if job.priority is Priority.COMPLETION:
            return _LONGEST_DRAFT_MS
        quiet_ms = (self._clock() - self._interrupted) * 1e3
        return min(_LONGEST_OTHER_MS, _OF_QUIET * quiet_ms)

    def _evaluate_next(
        self, sequence: Sequence, text: list[int], draft: list[int]
    ) -> Logits | None:
        """The logits behind `text` and behind each token of `draft`; None: not yet, ask again.

        As a rule one token of `text` is left to evaluate; more where the memory had to be cleared.
        """
        rest = text[len(sequence.tokens) :]
        if len(rest) > 1:
            batch = self.rates.batch_size()
            rows = self._evaluate(sequence, rest[:batch])
            return rows if len(rest) <= batch else None
        return self._evaluate(sequence, rest + draft, 1 + len(draft))

    def _evaluate(self, sequence: Sequence, tokens: list[int], n_logits: int = 1) -> Logits | None:
        """One decode, timed; None if a more urgent job broke it off."""
        started = self._clock()
        try:
            rows = sequence.evaluate(tokens, n_logits=n_logits, abortable=True)
        except Interrupted:
            self._interrupted = self._clock()
            return None
        self._learn(len(tokens), n_logits, started, self._clock())
        return rows

    def _learn(self, n: int, n_logits: int, started: float, ended: float) -> None:
        """What a decode of `n` tokens took says about the next ones."""
        ms = (ended - started) * 1e3
        if n == n_logits:
            self.speculator.costs.saw(n, ms)
        else:
            self.rates.saw(n, ms)
        threads = self.threads.threads
        if n == 1:
            self.threads.saw("token", ms, ended)
        elif n >= 16 and n_logits == 1:  # a prompt token costs about the same in all of these
            self.threads.saw("prompt token", ms / n, ended)
        if self.threads.threads != threads:
            self.backend.use_threads(self.threads.threads)


@dataclass
class _New:
    """What one decode brought."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    stop: Stop | None = None
    accepted: int = 0  # draft tokens that were right
    rows: int = 0  # looked at
    tie: bool = False  # the last of them decides nothing: its token must be evaluated alone


class _Output:
    """The text of one job so far: which token comes next, and when it ends."""

    def __init__(self, job: Job, table: TokenTable, backend: Backend) -> None:
        self._job = job
        self._table = table
        self._pieces = backend.pieces
        self._end_ids = backend.end_ids
        self._spelled = b""
        self._n = 0
        self._branch = job.branch  # still to be taken
        self._choices = [job.heal + choice for choice in job.choices]  # those still possible

    @property
    def free(self) -> bool:
        """Is the next token the most likely one, whatever it is?"""
        return len(self._spelled) >= len(self._job.heal) and not self._branch and not self._choices

    @property
    def room(self) -> int:
        """How long a draft may be: the token behind it is for the job too."""
        return min(self._job.max_tokens - self._n - 1, MAX_DRAFT)

    def before_end(self, draft: list[int]) -> list[int]:
        """`draft` up to the token that would end the job, which need not be evaluated."""
        lines = self._lines()
        for n, token in enumerate(draft):
            piece = self._pieces[token]
            lines += piece.count(b"\n")
            if token in self._end_ids or not piece or 0 < self._job.stop_lines <= lines:
                return draft[:n]
        return draft

    def read(self, rows: Logits, draft: list[int]) -> _New:
        """Choose tokens as long as they are those of the draft the rows were computed with."""
        new = _New()
        for n, logits in enumerate(rows):
            new.rows += 1
            if draft and lead(logits) < NEAR_TIE:
                new.tie = True
                return new
            chosen = self._choose(logits)
            if chosen is None:
                new.stop = Stop.END
                return new
            token, logprob = chosen
            data = self._pieces[token]
            self._spelled += data
            if self._choices:
                self._choices = [c for c in self._choices if c.startswith(self._spelled)]
            self._n += 1
            new.tokens.append(token)
            new.logprobs.append(logprob)
            right = n < len(draft) and token == draft[n]
            new.accepted += right
            if 0 < self._job.stop_lines <= self._lines():
                new.stop = Stop.LINES
            elif self._n >= self._job.max_tokens:
                new.stop = Stop.LENGTH
            if new.stop or not right:
                return new
        return new

    def _choose(self, logits: Logits) -> tuple[int, float] | None:
        """The next token and its log-probability; None where the text ends."""
        if self._choices:
            return self._choose_word(logits)
        remainder = self._job.heal[len(self._spelled) :]
        if remainder:
            allowed = self._table.spelling(remainder)
            return greedy_among(logits, allowed) if len(allowed) else None
        if self._branch >= len(logits):
            return None
        token, logprob = nth_best(logits, self._branch)
        self._branch = 0
        return None if self._is_end(token) else (token, logprob)

    def _choose_word(self, logits: Logits) -> tuple[int, float] | None:
        """The next token where one of the choices must be spelt and then the word must end."""
        remainders = [choice[len(self._spelled) :] for choice in self._choices]
        allowed = self._table.spelling_one_of(remainders)
        if b"" in remainders:
            allowed = np.append(allowed, list(self._end_ids))
        if not len(allowed):
            return None
        token, logprob = greedy_among(logits, allowed)
        return None if self._is_end(token) else (token, logprob)

    def _is_end(self, token: int) -> bool:
        # A control token that ends nothing is no text either.
        return token in self._end_ids or not self._pieces[token]

    def _lines(self) -> int:
        """Line endings behind the forced text."""
        return self._spelled.count(b"\n", len(self._job.heal))
