"""How many threads compute, on scripted machines with a scripted clock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import pytest

from slmcode.engine.decode import Runner
from slmcode.engine.fake import FakeBackend
from slmcode.engine.job import Chunk, Done, Job
from slmcode.engine.scheduler import Scheduler
from slmcode.engine.threads import ThreadControl
from tests.engine.harness import fim

Machine = Callable[[int], float]  # threads -> ms a token


def two_cores(busy: bool) -> Machine:
    """The measured machine: 26 and 45 ms idle, 75 and 60 with two CPU-bound processes."""
    costs = {1: 60.0, 2: 75.0} if busy else {1: 45.0, 2: 26.0}
    return lambda threads: costs[threads]


class Work:
    """Tokens one after the other; notes the threads of each."""

    def __init__(self, most: int) -> None:
        self.control = ThreadControl(most)
        self.now = 100.0
        self.used: list[int] = []

    def on(self, machine: Machine, seconds: float) -> list[int]:
        """Work that long; the threads of each token."""
        until, first = self.now + seconds, len(self.used)
        while self.now < until:
            ms = machine(self.control.threads)
            self.now += ms / 1e3
            self.used.append(self.control.threads)
            self.control.saw("token", ms, self.now)
        return self.used[first:]


def runs(used: list[int]) -> list[int]:
    return [threads for threads, _ in groupby(used)]


def test_an_idle_machine_uses_all() -> None:
    assert set(Work(2).on(two_cores(busy=False), 60)) == {2}


def test_fewer_while_busy_and_all_again() -> None:
    work = Work(2)
    work.on(two_cores(busy=False), 5)
    busy = work.on(two_cores(busy=True), 30)
    assert busy[:8] == [2] * 3 + [1] * 5  # three of the last five were slow
    assert busy.count(1) > 0.93 * len(busy)  # the rest are the first three and the probes
    idle = work.on(two_cores(busy=False), 30)
    assert idle[-1] == 2
    assert idle.index(2) * 0.045 < 9  # found by the next probe
    assert set(idle[idle.index(2) + 2 :]) == {2}


def test_a_slow_token_or_two_change_nothing() -> None:
    work = Work(2)
    for _ in range(20):
        work.on(two_cores(busy=False), 0.3)
        work.on(two_cores(busy=True), 0.15)
    assert set(work.used) == {2}


def test_fewer_threads_that_are_no_faster_are_given_up() -> None:
    work = Work(2)
    work.on(two_cores(busy=False), 5)
    used = work.on(lambda threads: {1: 90.0, 2: 75.0}[threads], 60)
    assert used[:9] == [2] * 3 + [1] * 5 + [2]
    assert used.count(1) < 0.1 * len(used)


def test_load_that_comes_and_goes_is_not_followed_every_second() -> None:
    work = Work(2)
    work.on(two_cores(busy=False), 5)
    for _ in range(20):
        work.on(two_cores(busy=True), 1.0)
        work.on(two_cores(busy=False), 1.0)
    assert len(runs(work.used)) < 30


def test_more_cores_go_down_step_by_step() -> None:
    def busy(threads: int) -> float:  # six cores are free: a seventh thread waits for its turn
        return 100.0 / threads if threads <= 6 else 60.0

    work = Work(8)
    work.on(lambda threads: 100.0 / threads, 5)
    used = work.on(busy, 30)
    assert max(set(used), key=used.count) == 6
    assert work.on(lambda threads: 100.0 / threads, 30)[-1] == 8


def test_one_thread_stays_one() -> None:
    work = Work(1)
    work.on(lambda _: 10.0, 5)
    assert set(work.on(lambda _: 100.0, 5)) == {1}


def test_kinds_of_steps_do_not_compare() -> None:
    control = ThreadControl(2)
    for n in range(100):
        control.saw("prompt token", 10.0, n * 0.1)
        control.saw("token", 26.0, n * 0.1)
    assert control.threads == 2


@pytest.mark.parametrize("busy", [False, True])
def test_the_backend_gets_the_threads(busy: bool) -> None:
    backend = FakeBackend(lambda tokens: ord("z"), threads=2)
    now = 0.0

    def clock() -> float:
        return now

    def decode_takes() -> None:
        nonlocal now
        late = busy and len(backend.batches) > 50
        now += two_cores(late)(backend.threads_used) / 1e3

    backend._gate = decode_takes
    runner = Runner(backend, speculate=False, clock=clock)
    scheduler = Scheduler(runner)
    ends: list[Chunk | Done] = []
    scheduler.submit(1, Job(sequence="a", tokens=fim(b"x"), max_tokens=100), ends.append)
    while scheduler.step():
        pass
    assert backend.threads_used == (1 if busy else 2)
