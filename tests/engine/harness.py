"""A scheduler driven step by step on the test's own thread, with a scripted model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from slmcode.engine.decode import Runner
from slmcode.engine.fake import MIDDLE, PREFIX, SUFFIX, FakeBackend, writes
from slmcode.engine.job import Chunk, Done, Job, Priority, Stop
from slmcode.engine.scheduler import Scheduler
from slmcode.engine.served import LoadWeights
from slmcode.engine.speculative import MAX_DRAFT, BatchCosts


def fim(prefix: bytes, typed: bytes = b"") -> list[int]:
    """Tokens of an anchored prompt without a suffix."""
    return [PREFIX, *prefix, SUFFIX, MIDDLE, *typed]


@dataclass
class Answer:
    """What one job was answered so far."""

    data: bytes = b""
    done: Done | None = None

    def __call__(self, item: Chunk | Done) -> None:
        assert self.done is None, "nothing may follow Done"
        if isinstance(item, Chunk):
            self.data += item.data
        else:
            self.done = item

    @property
    def stop(self) -> Stop | None:
        return self.done.stop if self.done is not None else None


class Clock:
    """The runner's clock: a decode of n tokens takes the same time on every machine."""

    def __init__(self, backend: FakeBackend, costs_ms: Callable[[int], float]) -> None:
        self._backend = backend
        self._costs_ms = costs_ms
        self._seen = 0
        self._now = 0.0

    def __call__(self) -> float:
        for _, _, n in self._backend.batches[self._seen :]:
            self._now += self._costs_ms(n) / 1e3
        self._seen = len(self._backend.batches)
        return self._now


def typical_ms(n: int) -> float:
    """What a decode of `n` tokens takes on 2 cores: 26 ms, 59 for 4, 109 for 8, 174 for 16."""
    return 26 * BatchCosts().of(min(n, MAX_DRAFT + 1))


@dataclass
class Bench:
    """A scheduler, its fake model, and a checked invariant after every step."""

    backend: FakeBackend = field(default_factory=lambda: FakeBackend(writes(b"return a + b\n")))
    speculate: bool = True
    costs_ms: Callable[[int], float] = typical_ms
    load: LoadWeights | None = None  # the weights that jobs name
    idle_s: float = 1e9

    def __post_init__(self) -> None:
        clock = Clock(self.backend, self.costs_ms)
        self.runner = Runner(self.backend, speculate=self.speculate, clock=clock)
        self.scheduler = Scheduler(self.runner, self.load, self.idle_s)
        self._n = 0

    def submit(
        self,
        sequence: str,
        tokens: list[int],
        priority: Priority = Priority.COMPLETION,
        max_tokens: int = 50,
        **more: object,
    ) -> tuple[int, Answer]:
        self._n += 1
        answer = Answer()
        job = Job(
            sequence=sequence,
            tokens=tokens,
            priority=priority,
            max_tokens=max_tokens,
            **more,  # type: ignore[arg-type]
        )
        self.scheduler.submit(self._n, job, answer)
        return self._n, answer

    def cancel(self, job: tuple[int, Answer]) -> None:
        self.scheduler.cancel(*job)

    def step(self) -> bool:
        did = self.scheduler.step()
        for pool in [self.scheduler.pool, *(s.pool for s in self.scheduler._second.all())]:
            for sequence in pool.all():
                assert isinstance(sequence._backend, FakeBackend)
                assert sequence.tokens == sequence._backend.held[sequence.seq_id]
        return did

    def arrives(self) -> None:
        """Return when something has been handed to the model thread."""
        with self.scheduler._wake:
            assert self.scheduler._wake.wait_for(lambda: self.scheduler._inbox, 60)

    def run(self) -> None:
        for _ in range(10_000):
            if not self.step():
                return
        raise AssertionError("the scheduler does not come to rest")
