"""Who is served when many clients want the model thread at once: schedules on a scripted model."""

from __future__ import annotations

import random

import pytest

from slmcode.engine import scheduler as scheduler_module
from slmcode.engine.decode import Runner
from slmcode.engine.fake import FakeBackend, writes
from slmcode.engine.job import Chunk, Done, Job, Priority, Stop
from slmcode.engine.scheduler import Scheduler
from tests.engine.harness import fim

TEXT = b"return a + b\n"


class Client:
    """One connection of an engine: all its jobs have the same `send`."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self._scheduler = scheduler
        self.name = name
        self.n = 0
        self.done: dict[int, Done] = {}
        self.written: dict[int, bytes] = {}

    def __call__(self, item: Chunk | Done) -> None:
        if isinstance(item, Chunk):
            self.written[item.job_id] = self.written.get(item.job_id, b"") + item.data
        else:
            assert item.job_id not in self.done, "nothing may follow Done"
            self.done[item.job_id] = item

    def submit(
        self, sequence: str = "a", priority: Priority = Priority.COMPLETION, typed: bytes = b""
    ) -> int:
        self.n += 1
        job = Job(
            sequence=f"{self.name} {sequence}",
            tokens=fim(self.name.encode(), typed),
            priority=priority,
            max_tokens=50,
            stop_lines=1,
        )
        self._scheduler.submit(self.n, job, self)
        return self.n

    @property
    def served(self) -> int:
        """Jobs that were done to their end."""
        return sum(done.stop in (Stop.LINES, Stop.END) for done in self.done.values())


def made(n_seq: int = 8) -> Scheduler:
    return Scheduler(Runner(FakeBackend(writes(TEXT), n_seq=n_seq)))


def run(scheduler: Scheduler) -> None:
    for _ in range(100_000):
        if not scheduler.step():
            return
    raise AssertionError("the scheduler does not come to rest")


def test_of_20_clients_that_type_at_once_none_is_starved() -> None:
    """Quick typists take back what they asked for before its turn comes, slow ones wait for it.

    By the order of arrival the quick ones would get nothing: a newer key would always stand last.
    """
    scheduler = made()
    clients = [Client(scheduler, f"client {n:02}") for n in range(20)]
    rng = random.Random(8)
    next_key = {client: rng.uniform(0, 9) for client in clients}
    for step in range(3_000):
        for n, client in enumerate(clients):
            if next_key[client] <= step:
                client.submit(typed=TEXT[: client.n % 5])
                next_key[client] = step + (10 if n < 10 else 50) * rng.uniform(0.7, 1.3)
        scheduler.step()
    served = [client.served for client in clients]
    assert min(served) >= 10, served
    assert max(served) <= 2 * min(served), served


def test_a_client_with_many_jobs_has_no_more_turns_than_one_with_one() -> None:
    scheduler = made()
    many, one = Client(scheduler, "many"), Client(scheduler, "one")
    jobs = [many.submit(f"document {n}") for n in range(10)]
    job = one.submit()
    while job not in one.done:
        assert scheduler.step()
    assert [n for n in jobs if n in many.done] == jobs[:1]
    run(scheduler)
    assert list(many.done) == jobs, "the order of one client's own jobs stays"


def test_who_never_had_a_turn_is_next() -> None:
    scheduler = made()
    first, second = Client(scheduler, "first"), Client(scheduler, "second")
    first.submit("a")
    run(scheduler)
    first.submit("b")
    job = second.submit()
    while job not in second.done:
        assert scheduler.step()
    assert len(first.done) == 1


def test_urgency_goes_before_turns() -> None:
    scheduler = made()
    typist, editor = Client(scheduler, "typist"), Client(scheduler, "editor")
    typist.submit("a")
    run(scheduler)
    edit = editor.submit(priority=Priority.EDIT)  # never had a turn
    key = typist.submit("b")
    while key not in typist.done:
        assert scheduler.step()
    assert edit not in editor.done
    run(scheduler)
    assert editor.written[edit] == TEXT


def test_a_job_that_was_started_runs_to_its_end() -> None:
    """One that is parked would keep its sequence: with two of them nobody could start."""
    scheduler = made(n_seq=2)
    clients = [Client(scheduler, f"{n}") for n in range(3)]
    for client in clients:
        client.submit()
    ended: list[str] = []
    while scheduler.step():
        ended += [c.name for c in clients if c.done and c.name not in ended]
        begun = [c for c in clients if c.written and not c.done]
        assert len(begun) <= 1
    assert ended == ["0", "1", "2"]


@pytest.mark.parametrize("taken_back", [False, True], ids=["replaced", "taken back first"])
def test_a_job_that_the_next_key_replaces_hands_its_turn_on(taken_back: bool) -> None:
    """Else every key would end the turn it waited for. Between the two another one may begin."""
    scheduler = made()
    typist, other = Client(scheduler, "typist"), Client(scheduler, "other")
    typist.submit()
    scheduler.step()
    assert typist.written
    job = other.submit()
    if taken_back:
        scheduler.cancel(1, typist)
        scheduler.step()
    newer = typist.submit(typed=TEXT[:8])
    while newer not in typist.done:
        assert scheduler.step()
    assert typist.done[1].stop is Stop.CANCELLED
    assert job not in other.done
    run(scheduler)
    assert other.written[job] == TEXT


def test_a_turn_that_is_handed_on_ends_all_the_same() -> None:
    scheduler = made()
    typist, other = Client(scheduler, "typist"), Client(scheduler, "other")
    typist.submit()
    scheduler.step()
    job = other.submit()
    for n in range(scheduler_module._TURN + 2 * len(TEXT)):
        typist.submit(typed=TEXT[: n % 3])
        scheduler.step()
        if job in other.done:
            return
    raise AssertionError("the other one waits for ever")


def test_the_jobs_that_wait_for_one_client_are_bounded() -> None:
    scheduler = made()
    client, other = Client(scheduler, "flood"), Client(scheduler, "other")
    other.submit()
    key = client.submit("the key")
    warm = [client.submit(f"document {n}", Priority.WARM) for n in range(100)]
    scheduler.step()
    most = scheduler_module._MOST_WAITING
    busy = [n for n, done in client.done.items() if done.stop is Stop.BUSY]
    assert busy == warm[: 101 - most], "the oldest of the least urgent ones go"
    assert "wait already" in client.done[busy[0]].message
    run(scheduler)
    assert client.written[key] == other.written[1] == TEXT
    assert client.served == most


def test_what_waited_too_long_for_others_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = made()
    first, second = Client(scheduler, "first"), Client(scheduler, "second")
    running = first.submit()
    late = second.submit()
    edit = second.submit("edit", Priority.EDIT)
    scheduler.step()
    assert not second.done
    monkeypatch.setattr(scheduler_module, "_LONGEST_WAIT_S", 0.0)
    scheduler.step()
    assert second.done[late].stop is Stop.BUSY
    assert "other editors" in second.done[late].message
    run(scheduler)
    assert first.written[running] == second.written[edit] == TEXT, "an edit may wait"


def test_one_client_alone_waits_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "_LONGEST_WAIT_S", 0.0)
    scheduler = made()
    client = Client(scheduler, "alone")
    jobs = [client.submit(f"document {n}") for n in range(5)]
    run(scheduler)
    assert [client.written[n] for n in jobs] == [TEXT] * 5


def test_a_client_that_sends_without_end_does_not_stop_the_others() -> None:
    """It answers the end of each job with two new ones: the inbox is never empty."""

    class Flood(Client):
        def __call__(self, item: Chunk | Done) -> None:
            super().__call__(item)
            assert self.n < 50_000, "nobody else was served meanwhile"
            if isinstance(item, Done):
                self.submit()
                self.submit()

    scheduler = made()
    flood, other = Flood(scheduler, "flood"), Client(scheduler, "other")
    flood.submit()
    flood.submit()
    job = other.submit()
    for _ in range(100):
        scheduler.step()
    assert other.written[job] == TEXT


def test_a_client_that_has_gone_is_forgotten() -> None:
    scheduler = made()
    turns = scheduler._turns[Priority.COMPLETION]
    for n in range(100):
        Client(scheduler, f"{n}").submit()
        run(scheduler)
        assert len(turns._started) <= 1


def test_documents_of_many_clients_share_the_memory_there_is() -> None:
    """20 clients with 10 documents each: 4 are live, others are kept as far as the budget goes."""
    backend = FakeBackend(writes(TEXT), n_seq=4, snapshot_bytes=10_000)
    scheduler = Scheduler(Runner(backend))
    clients = [Client(scheduler, f"client {n} " + "x" * 50) for n in range(20)]
    for n in range(10):
        for client in clients:
            client.submit(f"document {n}")
        run(scheduler)
        kept = scheduler.pool.snapshots.all()
        assert sum(len(snapshot.data) for snapshot in kept) <= 10_000
        assert len(scheduler.pool.names()) == 4
    assert len(kept) > 10
    assert [client.served for client in clients] == [10] * 20
