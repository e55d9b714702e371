"""Weights that jobs name beside the engine's own: loaded once, cut into, left. Scripted models.

The engine's own model writes `OWN`, every other one the name of its file.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slmcode.engine.backend import Backend, ModelRefused
from slmcode.engine.decode import Runner
from slmcode.engine.fake import FakeBackend, writes
from slmcode.engine.job import Job, Priority, Stop, Weights
from slmcode.engine.scheduler import Scheduler
from tests.engine.harness import Answer, Bench, fim

OWN = b"return a + b\n"
BIG = Weights("/models/big model", 1024)
OTHER = Weights("/models/other", 512)
LONG = b"x = 1\n" * 40  # 240 tokens: several prefill batches


class Disk:
    """Loads scripted models. While `gate` is closed, as it is at first, a load lasts."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.fault: Exception | None = None
        self.gave_up = threading.Event()
        self.loaded: list[tuple[Weights, FakeBackend]] = []

    def __call__(self, weights: Weights, wanted: Callable[[], bool]) -> Backend:
        self.begun.release()
        while not self.gate.wait(0.001):  # llama.cpp asks for every tensor
            if not wanted():
                self.gave_up.set()
                raise ModelRefused("the engine is leaving")
        if self.fault is not None:
            raise self.fault
        text = Path(weights.path).name.encode()
        backend = FakeBackend(writes(text), n_seq=2, n_ctx_seq=weights.n_ctx)
        self.loaded.append((weights, backend))
        return backend

    def give(self, bench: Bench) -> None:
        """Have the jobs taken in that ask for weights, and those weights handed over."""
        bench.step()
        self.gate.set()
        bench.arrives()
        self.gate.clear()

    @property
    def backend(self) -> FakeBackend:
        return self.loaded[-1][1]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def bench(disk: Disk) -> Bench:
    return Bench(FakeBackend(writes(OWN)), load=disk)


def edit(bench: Bench, sequence: str = "e", weights: Weights = BIG, **more: object) -> Answer:
    """Submit an edit by a second model."""
    values: dict[str, object] = {"priority": Priority.EDIT, "weights": weights, **more}
    return bench.submit(sequence, fim(b"a"), **values)[1]  # type: ignore[arg-type]


def load_big(bench: Bench, disk: Disk) -> None:
    """Have BIG loaded."""
    edit(bench, max_tokens=0)
    disk.give(bench)
    bench.run()


@contextmanager
def serving(scheduler: Scheduler) -> Iterator[None]:
    """The scheduler on a thread of its own, as in the engine; closed afterwards."""
    thread = threading.Thread(target=scheduler.serve)
    thread.start()
    try:
        yield
    finally:
        scheduler.close()
        thread.join(60)
        assert not thread.is_alive()


class Signalled(Answer):
    """An answer that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = threading.Event()

    def __call__(self, item: object) -> None:
        super().__call__(item)  # type: ignore[arg-type]
        if self.done is not None:
            self.ended.set()

    def wait(self) -> Stop | None:
        assert self.ended.wait(60)
        return self.stop


# Loading


def test_a_job_has_its_weights_loaded(bench: Bench, disk: Disk) -> None:
    answer = edit(bench)
    disk.give(bench)
    assert answer.done is None
    bench.run()
    assert (answer.data, answer.stop) == (b"big model", Stop.END)
    assert not bench.backend.batches
    assert disk.backend.n_ctx_seq == BIG.n_ctx


def test_two_jobs_wait_for_one_load_and_completions_go_on(bench: Bench, disk: Disk) -> None:
    edits = [edit(bench, name) for name in "ab"]
    _, completion = bench.submit("c", fim(b"x"), stop_lines=1)
    bench.run()
    assert completion.data == OWN
    assert [e.done for e in edits] == [None, None]
    disk.give(bench)
    bench.run()
    assert [e.data for e in edits] == [b"big model"] * 2
    assert [weights for weights, _ in disk.loaded] == [BIG]


def test_a_load_that_fails_ends_all_who_wait_and_the_next_one_tries_again(
    bench: Bench, disk: Disk
) -> None:
    disk.fault = ModelRefused("big model is not a GGUF file")
    waiting = [edit(bench, name) for name in "ab"]
    disk.give(bench)
    bench.run()
    for answer in waiting:
        assert answer.done is not None
        assert (answer.stop, answer.done.message) == (Stop.FAILED, "big model is not a GGUF file")
    disk.fault = None
    again = edit(bench)
    disk.give(bench)
    bench.run()
    assert again.data == b"big model"


def test_any_fault_of_a_load_is_told(bench: Bench, disk: Disk) -> None:
    disk.fault = OSError("out of paper")
    answer = edit(bench)
    disk.give(bench)
    bench.run()
    assert answer.done is not None
    assert answer.done.message == "the model could not be loaded: OSError: out of paper"


def test_no_thread_to_load_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        answer = edit(bench)
        bench.run()
    assert answer.done is not None
    assert answer.stop is Stop.FAILED
    assert answer.done.message.endswith("RuntimeError: can't start new thread")


def test_an_engine_with_one_model_says_so() -> None:
    bench = Bench()
    answer = edit(bench)
    bench.run()
    assert answer.done is not None
    assert (answer.stop, answer.done.message) == (
        Stop.FAILED,
        "this engine has no weights but its own",
    )


def test_cancelled_while_loading(bench: Bench, disk: Disk) -> None:
    job = bench.submit("e", fim(b"a"), Priority.EDIT, weights=BIG)
    bench.step()
    bench.cancel(job)
    bench.step()
    assert job[1].stop is Stop.CANCELLED
    disk.give(bench)
    answer = edit(bench)
    bench.run()
    assert answer.data == b"big model"
    assert len(disk.loaded) == 1


def test_a_newer_job_ends_the_one_that_waits_for_the_load(bench: Bench, disk: Disk) -> None:
    first, second = edit(bench), edit(bench)
    disk.give(bench)
    assert first.stop is Stop.CANCELLED
    bench.run()
    assert second.data == b"big model"


def test_the_deadline_ends_a_job_that_waits_for_its_weights(disk: Disk) -> None:
    scheduler = Scheduler(Runner(FakeBackend(writes(OWN))), disk)
    late, patient = Signalled(), Signalled()
    with serving(scheduler):
        scheduler.submit(1, job(deadline=time.monotonic() + 0.02), late)
        scheduler.submit(2, job(sequence="patient"), patient)
        assert late.wait() is Stop.DEADLINE  # nothing else wakes the thread
        assert patient.done is None
        disk.gate.set()
        assert patient.wait() is Stop.END


def job(**more: object) -> Job:
    """An edit by BIG."""
    values: dict[str, object] = {"sequence": "e", "weights": BIG, "max_tokens": 50, **more}
    return Job(tokens=fim(b"a"), priority=Priority.EDIT, **values)  # type: ignore[arg-type]


def test_closed_while_loading(disk: Disk) -> None:
    scheduler = Scheduler(Runner(FakeBackend(writes(OWN))), disk)
    answer = Signalled()
    with serving(scheduler):
        scheduler.submit(1, job(), answer)
        assert disk.begun.acquire(timeout=60)
    assert answer.stop is Stop.LOST
    assert disk.gave_up.is_set()
    assert not disk.loaded


def test_what_was_loaded_is_freed_when_the_engine_leaves(disk: Disk) -> None:
    disk.gate.set()
    scheduler = Scheduler(Runner(FakeBackend(writes(OWN))), disk)
    answer = Signalled()
    with serving(scheduler):
        scheduler.submit(1, job(), answer)
        answer.wait()
    assert disk.backend.closed


def test_what_is_handed_over_while_the_engine_leaves_is_freed(bench: Bench, disk: Disk) -> None:
    edit(bench)
    disk.give(bench)
    bench.scheduler.close()
    bench.scheduler.serve()
    assert disk.backend.closed


# Leaving


def test_weights_are_left_when_idle(disk: Disk) -> None:
    bench = Bench(FakeBackend(writes(OWN)), load=disk, idle_s=0.0)
    answer = edit(bench)
    disk.give(bench)
    while answer.done is None:
        bench.step()
        assert not disk.backend.closed
    bench.step()
    assert disk.backend.closed
    again = edit(bench)
    disk.give(bench)
    bench.run()
    assert again.data == b"big model"
    assert len(disk.loaded) == 2


def test_an_idle_engine_leaves_them_by_itself(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.gate.set()
    freed = threading.Event()
    monkeypatch.setattr(FakeBackend, "close", lambda backend: freed.set())
    scheduler = Scheduler(Runner(FakeBackend(writes(OWN))), disk, idle_s=0.02)
    answer = Signalled()
    with serving(scheduler):
        scheduler.submit(1, job(), answer)
        assert answer.wait() is Stop.END
        assert freed.wait(60)


def test_other_weights_take_the_place_of_unused_ones(bench: Bench, disk: Disk) -> None:
    load_big(bench, disk)
    unused = disk.backend
    answer = edit(bench, weights=OTHER)
    disk.give(bench)
    assert unused.closed
    bench.run()
    assert answer.data == b"other"


def test_weights_in_use_stay_beside_others(bench: Bench, disk: Disk) -> None:
    load_big(bench, disk)
    used = disk.backend
    first = edit(bench)
    bench.step()
    second = edit(bench, weights=OTHER)
    disk.give(bench)
    assert not used.closed
    bench.run()
    assert (first.data, second.data) == (b"big model", b"other")


# Who goes first


def test_a_completion_cuts_into_an_edit_of_the_other_model(bench: Bench, disk: Disk) -> None:
    #  edit        e e x               e e ...      x: broken off
    #  completion        c c c c ...
    load_big(bench, disk)
    answer = edit(bench, max_tokens=9)
    for _ in range(3):
        bench.step()
    urgent: list[Answer] = []

    def arrive_during_decode() -> None:
        if not urgent:
            urgent.append(bench.submit("c", fim(b"b"), stop_lines=1)[1])

    disk.backend._gate = arrive_during_decode
    n_batches = len(disk.backend.batches)
    written = answer.data
    bench.step()
    (completion,) = urgent
    while completion.done is None:
        assert len(disk.backend.batches) == n_batches, "the edit moved while a completion waited"
        assert answer.data == written
        bench.step()
    assert completion.data == OWN
    bench.run()
    assert answer.data == b"big model"


def test_an_edit_waits_for_the_completion(bench: Bench, disk: Disk) -> None:
    load_big(bench, disk)
    _, completion = bench.submit("c", fim(b"b"), stop_lines=1)
    bench.step()
    n_batches = len(disk.backend.batches)
    answer = edit(bench)
    while completion.done is None:
        assert len(disk.backend.batches) == n_batches
        bench.step()
    bench.run()
    assert (completion.data, answer.data) == (OWN, b"big model")


def test_an_interrupt_that_comes_late_costs_nothing(bench: Bench, disk: Disk) -> None:
    """The decode it was meant for had ended, and the other model's turn had come."""
    load_big(bench, disk)
    answer = edit(bench)
    for _ in range(20):
        disk.backend.interrupt()
        bench.backend.interrupt()
        bench.step()
    assert answer.data == b"big model"


def test_cancelling_breaks_off_the_decode_of_the_other_model(bench: Bench, disk: Disk) -> None:
    load_big(bench, disk)
    running = bench.submit("e", fim(LONG), Priority.EDIT, weights=BIG)
    bench.step()
    held = list(disk.backend.held)
    disk.backend._gate = lambda: bench.cancel(running)
    bench.step()
    assert disk.backend.held == held
    bench.step()
    assert running[1].stop is Stop.CANCELLED


def test_sequences_of_two_models_have_names_of_their_own(bench: Bench, disk: Disk) -> None:
    load_big(bench, disk)
    answer = edit(bench, "same")
    bench.step()
    _, completion = bench.submit("same", fim(b"b"), stop_lines=1)
    bench.run()
    assert (completion.data, answer.data) == (OWN, b"big model")


def test_an_edit_cuts_into_a_prompt_evaluated_ahead(bench: Bench, disk: Disk) -> None:
    load_big(bench, disk)
    _, warm = bench.submit("w", fim(LONG), Priority.WARM, max_tokens=0, weights=BIG)
    bench.step()
    answer = edit(bench)
    while answer.done is None:
        bench.step()
        assert warm.done is None
    bench.run()
    assert warm.stop is Stop.LENGTH
    _, use = bench.submit("w", [*fim(LONG), *b"big"], Priority.EDIT, max_tokens=9, weights=BIG)
    bench.run()
    assert use.data == b" model"
    assert use.done is not None
    assert use.done.timings.cache_n == len(fim(LONG))
