"""Greedy text must not depend on how its prompt got into the model: the same tests on any weights.

The batch a token is evaluated in changes float sums, so two runs may differ where the best two
tokens are nearly equal. A text is compared up to its first token whose lead over the second best is
under `near_tie`, which each set of weights takes from its own measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

import numpy as np
import pytest

from slmcode.engine.backend import Interrupted, LlamaBackend, Logits
from slmcode.engine.decode import Rates, Runner
from slmcode.engine.job import Chunk, Done, Job, Priority, Stop
from slmcode.engine.sampling import TokenTable
from slmcode.engine.scheduler import Scheduler
from slmcode.engine.speculative import BatchCosts


class Prompt(NamedTuple):
    """A prompt with the text its continuation must begin with."""

    tokens: list[int]
    heal: bytes = b""


class Answer:
    """What one job was answered so far."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.done: Done | None = None

    def __call__(self, item: Chunk | Done) -> None:
        assert self.done is None, "nothing may follow Done"
        if isinstance(item, Chunk):
            self.tokens += item.tokens
        else:
            self.done = item


class Equalities:
    """Inherit as `Test…` with fixtures `backend` and `prompts`, two at least."""

    near_tie: ClassVar[float]
    length: ClassVar[int] = 24  # tokens of a generation

    @classmethod
    def _job(cls, prompt: Prompt, **more: object) -> Job:
        values: dict[str, object] = {"sequence": "a", "max_tokens": cls.length, **more}
        return Job(tokens=prompt.tokens, heal=prompt.heal, **values)  # type: ignore[arg-type]

    @pytest.fixture
    def scheduler(self, backend: LlamaBackend) -> Scheduler:
        """A scheduler on empty sequences."""
        return _scheduler(backend)

    @pytest.fixture(scope="class")
    @classmethod
    def cold(cls, backend: LlamaBackend, prompts: list[Prompt]) -> list[list[int]]:
        """The text of each prompt from an empty sequence, up to its first near tie."""
        texts = []
        for prompt in prompts:
            answer = run(_scheduler(backend), cls._job(prompt))
            leads = _leads(backend, prompt, answer.tokens)
            sure = next((n for n, lead in enumerate(leads) if lead < cls.near_tie), len(leads))
            assert sure >= 4, f"a near tie at once, the comparison would say nothing: {leads}"
            texts.append(answer.tokens[:sure])
        return texts

    def test_a_reused_prefix(
        self, scheduler: Scheduler, prompts: list[Prompt], cold: list[list[int]]
    ) -> None:
        for prompt, text in zip(prompts, cold, strict=True):
            half = len(prompt.tokens) // 2
            run(scheduler, self._job(Prompt(prompt.tokens[:half]), max_tokens=3))
            answer = run(scheduler, self._job(prompt))
            assert answer.done is not None
            assert answer.done.timings.cache_n >= half
            _same(answer, text)

    def test_remembered_logits(
        self, scheduler: Scheduler, prompts: list[Prompt], cold: list[list[int]]
    ) -> None:
        for prompt, text in zip(prompts, cold, strict=True):
            run(scheduler, self._job(Prompt(prompt.tokens), max_tokens=8))
            answer = run(scheduler, self._job(prompt))
            assert answer.done is not None
            assert answer.done.timings.prompt_n == 0
            _same(answer, text)

    def test_a_copied_sequence(
        self, scheduler: Scheduler, prompts: list[Prompt], cold: list[list[int]]
    ) -> None:
        tokens = prompts[0].tokens
        run(scheduler, self._job(Prompt(tokens[:-5]), sequence="elsewhere", max_tokens=3))
        answer = run(scheduler, self._job(prompts[0], sequence="new"))
        assert answer.done is not None
        assert answer.done.timings.cache_n >= len(tokens) - 5
        _same(answer, cold[0])

    def test_a_restored_snapshot(
        self, backend: LlamaBackend, prompts: list[Prompt], cold: list[list[int]]
    ) -> None:
        scheduler = _scheduler(backend)
        run(scheduler, self._job(prompts[0], max_tokens=3))
        for n in range(backend.n_seq):  # other documents, until the first one has to go
            run(scheduler, self._job(prompts[1], sequence=f"other {n}", max_tokens=3))
        assert "a" not in scheduler.pool.names()
        answer = run(scheduler, self._job(prompts[0]))
        assert answer.done is not None
        assert answer.done.timings.cache_n >= len(prompts[0].tokens) - 1
        assert answer.done.timings.prompt_n <= 1
        _same(answer, cold[0])

    def test_a_snapshot_is_as_long_as_its_tokens(
        self, backend: LlamaBackend, prompts: list[Prompt]
    ) -> None:
        scheduler = _scheduler(backend)
        sizes = []
        for n in (40, 80):
            run(scheduler, self._job(Prompt(prompts[0].tokens[:n]), max_tokens=0))
            sizes.append(len(backend.save(0)) / n)
        assert sizes[1] < 1.1 * sizes[0]
        assert sizes[1] * n < 1.1 * backend.kv_bytes * n + 5000

    def test_bytes_that_are_no_snapshot(self, backend: LlamaBackend) -> None:
        _scheduler(backend)
        assert not backend.restore(0, bytearray())
        assert not backend.restore(0, bytearray(b"nonsense" * 100))
        assert backend.length(0) == 0

    def test_with_drafts(
        self, backend: LlamaBackend, prompts: list[Prompt], cold: list[list[int]]
    ) -> None:
        """The draft is the text itself, then the text with every fourth token wrong."""
        for prompt, text in zip(prompts, cold, strict=True):
            wrong = [t if n % 4 else text[0] + 1 for n, t in enumerate(text)]
            for draft in (text, wrong):
                scheduler = _scheduler(backend)
                # Cheap batches, so that drafts are offered whatever this machine's cost.
                scheduler._runner.speculator.costs = _CheapBatches()
                answer = run(scheduler, self._job(prompt, draft=draft))
                assert answer.done is not None
                if not prompt.heal:
                    assert answer.done.timings.draft_n > 0
                _same(answer, text)

    def test_rows_of_a_batch_are_those_of_single_tokens(
        self, backend: LlamaBackend, prompts: list[Prompt], cold: list[list[int]]
    ) -> None:
        tokens, text = prompts[0].tokens, cold[0]
        single = [row.copy() for row in forced(backend, tokens, text)][1:]
        backend.remove(0, len(tokens))
        rows = backend.decode(0, len(tokens), text, n_logits=len(text), abortable=False)
        assert rows.shape[0] == len(text)
        for one, row in zip(single, rows, strict=True):
            assert np.abs(one - row).max() < 2 * self.near_tie

    def test_paused_by_another_job(
        self, scheduler: Scheduler, prompts: list[Prompt], cold: list[list[int]]
    ) -> None:
        #  slow  p p t t t             t t t ...
        #  fast            p p t t t t
        slow, fast = Answer(), Answer()
        scheduler.submit(
            1, self._job(prompts[0], sequence="t", priority=Priority.TRANSLATION), slow
        )
        while len(slow.tokens) < 3:
            assert scheduler.step()
        scheduler.submit(2, self._job(prompts[1], sequence="c"), fast)
        while fast.done is None:
            scheduler.step()
        assert slow.done is None
        _rest(scheduler)
        _same(slow, cold[0])
        _same(fast, cold[1])

    def test_after_a_cancelled_prefill(
        self, scheduler: Scheduler, prompts: list[Prompt], cold: list[list[int]]
    ) -> None:
        started = Answer()
        scheduler.submit(1, self._job(prompts[1]), started)
        scheduler.step()
        scheduler.cancel(1, started)
        scheduler.step()
        assert started.done is not None
        assert started.done.stop is Stop.CANCELLED
        answer = run(scheduler, self._job(prompts[1]))
        assert answer.done is not None
        assert 0 < answer.done.timings.cache_n < len(prompts[1].tokens)
        _same(answer, cold[1])

    def test_a_prefill_that_was_broken_off(
        self,
        backend: LlamaBackend,
        scheduler: Scheduler,
        prompts: list[Prompt],
        cold: list[list[int]],
    ) -> None:
        answer = Answer()
        scheduler.submit(1, self._job(prompts[1]), answer)
        for _ in range(3):
            held = backend.length(0)
            with _amid_a_batch(backend, backend.interrupt):
                scheduler.step()
            assert backend.length(0) == held, "the batch was not broken off"
            _check_record(scheduler)
            scheduler.step()
        _rest(scheduler)
        _same(answer, cold[1])

    def test_a_decode_that_was_broken_off(
        self,
        backend: LlamaBackend,
        scheduler: Scheduler,
        prompts: list[Prompt],
        cold: list[list[int]],
    ) -> None:
        #  slow  p p t t x             t t t ...    x: its token is evaluated again
        #  fast            p p t t t t
        slow, fast = Answer(), Answer()
        scheduler.submit(1, self._job(prompts[0], sequence="t", priority=Priority.EDIT), slow)
        while len(slow.tokens) < 3:
            assert scheduler.step()
        held = backend.length(0)

        def arrive() -> None:
            scheduler.submit(2, self._job(prompts[1], sequence="c"), fast)

        with _amid_a_batch(backend, arrive):
            scheduler.step()
        assert (backend.length(0), len(slow.tokens)) == (held, 3), "it was not broken off"
        _rest(scheduler)
        _same(slow, cold[0])
        _same(fast, cold[1])

    def test_an_urgent_job_does_not_wait_for_a_prefill(
        self, backend: LlamaBackend, scheduler: Scheduler, prompts: list[Prompt]
    ) -> None:
        """It arrives amid a batch and waits for a small part of what the batch before took."""
        scheduler._runner.rates = Rates(prefill_ms=1.0)  # the largest batches
        warm, urgent = Answer(), Answer()
        tokens = prompts[0].tokens * 2
        scheduler.submit(
            1, self._job(Prompt(tokens), sequence="w", priority=Priority.WARM, max_tokens=0), warm
        )
        scheduler.step()

        def arrive() -> None:
            scheduler.submit(2, self._job(prompts[1], sequence="c", max_tokens=1), urgent)

        held = backend.length(0)
        with _amid_a_batch(backend, arrive):
            scheduler.step()
        assert backend.length(0) == held, "the batch was not broken off"
        _rest(scheduler)
        assert urgent.done is not None
        assert warm.done is not None
        assert warm.done.stop is Stop.LENGTH
        batch_ms = warm.done.timings.prompt_ms / len(tokens) * 64
        assert urgent.done.timings.queued_ms < max(batch_ms / 4, 10)

    def test_an_interrupt_ends_abortable_decodes_only(
        self, backend: LlamaBackend, scheduler: Scheduler, prompts: list[Prompt]
    ) -> None:
        some = prompts[0].tokens[:8]
        backend.interrupt()
        with pytest.raises(Interrupted):
            backend.decode(0, 0, some, abortable=True)
        assert backend.length(0) == 0
        backend.decode(0, 0, some, abortable=False)
        backend.resume()
        backend.decode(0, len(some), some, abortable=True)
        assert backend.length(0) == 2 * len(some)


class _CheapBatches(BatchCosts):
    def of(self, n: int) -> float:
        return 1 + n / 100


def _scheduler(backend: LlamaBackend) -> Scheduler:
    for seq_id in range(backend.n_seq):
        backend.remove(seq_id, 0)
    backend.resume()
    return Scheduler(Runner(backend))


def run(scheduler: Scheduler, job: Job) -> Answer:
    answer = Answer()
    scheduler.submit(0, job, answer)
    _rest(scheduler)
    return answer


def _rest(scheduler: Scheduler) -> None:
    while scheduler.step():
        _check_record(scheduler)


def _check_record(scheduler: Scheduler) -> None:
    """Our record of every sequence is as long as what llama.cpp holds."""
    for sequence in scheduler.pool.all():
        assert len(sequence.tokens) == scheduler._runner.backend.length(sequence.seq_id)


def _same(answer: Answer, text: list[int]) -> None:
    assert answer.tokens[: len(text)] == text


def _leads(backend: LlamaBackend, prompt: Prompt, generated: list[int]) -> list[float]:
    """By how much each generated token beat the second best of those that were allowed."""
    table = TokenTable(backend.pieces)
    leads: list[float] = []
    spelled = b""
    for token, logits in zip(generated, forced(backend, prompt.tokens, generated), strict=False):
        rest = prompt.heal[len(spelled) :]
        best = np.partition(logits[table.spelling(rest)] if rest else logits, -2)[-2:]
        leads.append(float(best[1] - best[0]))
        spelled += backend.pieces[token]
    return leads


def forced(
    backend: LlamaBackend, prompt: list[int], generated: list[int], batch: int = 64
) -> Iterator[Logits]:
    """The logits behind `prompt` and behind each token of `generated`, from an empty sequence."""
    backend.remove(0, 0)
    for at in range(0, len(prompt), batch):
        (logits,) = backend.decode(0, at, prompt[at : at + batch], abortable=False)
    yield logits
    for n, token in enumerate(generated):
        yield backend.decode(0, len(prompt) + n, [token], abortable=False)[0]


@contextmanager
def _amid_a_batch(backend: LlamaBackend, action: Callable[[], None]) -> Iterator[None]:
    """Do `action` once in the middle of the next abortable decode, on the thread that computes.

    llama.cpp asks before every node of the graph whether to abort; a Python callback takes
    the place of ours, answers from the same flag and needs no second thread and no timer.
    """
    asked = 0

    def should_abort(_data: object) -> bool:
        nonlocal asked
        asked += 1
        if asked == 20:
            action()
        return bool(backend._flag.value)

    ours = backend._should_abort
    backend._should_abort = backend._lib.ggml_abort_callback(should_abort)
    try:
        yield
    finally:
        backend._should_abort = ours
