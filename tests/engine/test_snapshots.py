"""What evicted sequences held comes back: order, budget, and no wrong record of what is held."""

from __future__ import annotations

from slmcode.engine.fake import FakeBackend, writes
from slmcode.engine.snapshots import Snapshot, Snapshots
from tests.engine.harness import Bench, fim


def document(name: str, n: int = 100) -> list[int]:
    """A prompt of `n` tokens that shares hardly anything with those of other names."""
    return fim((name * n)[: n - 3].encode())


def open_documents(bench: Bench, names: str) -> list[int]:
    """Complete in each in turn; tokens found in the cache."""
    found = []
    for name in names:
        _, answer = bench.submit(name, document(name), max_tokens=2)
        bench.run()
        assert answer.done is not None
        found.append(answer.done.timings.cache_n)
    return found


def two_live(snapshots: int) -> Bench:
    """Two live sequences, and memory for so many snapshots of a document."""
    # `document` and one generated token, 4 bytes each
    return Bench(FakeBackend(writes(b"xyz"), n_seq=2, snapshot_bytes=snapshots * 4 * 101))


def test_going_back_finds_everything() -> None:
    bench = two_live(snapshots=2)
    assert open_documents(bench, "abcd") == [0, 0, 1, 1]  # 1: the first token of every prompt
    assert bench.scheduler.pool.names() == ["c", "d"]
    for name in "abcdab":
        assert open_documents(bench, name) == [100 - 1]


def test_the_least_recently_used_snapshot_goes() -> None:
    bench = two_live(snapshots=2)
    open_documents(bench, "abcde")  # a, b and c were evicted, there is room for two
    assert open_documents(bench, "acb") == [1, 99, 1]


def test_without_memory_there_are_no_snapshots() -> None:
    bench = two_live(snapshots=0)
    open_documents(bench, "abc")
    assert open_documents(bench, "a") == [1]


def test_a_snapshot_of_a_part_is_trimmed() -> None:
    bench = two_live(snapshots=2)
    open_documents(bench, "abc")
    prompt = document("a")[:60] + [ord("!")] * 10
    _, answer = bench.submit("new", prompt, max_tokens=2)
    bench.run()  # the harness compares record and memory after every step
    assert answer.done is not None
    assert answer.done.timings.cache_n == 60
    assert document("a") in [s.tokens[:100] for s in bench.scheduler.pool.snapshots.all()]


def test_short_prefixes_are_not_restored() -> None:
    bench = two_live(snapshots=2)
    open_documents(bench, "abc")
    _, answer = bench.submit("new", document("a")[:30] + [ord("!")] * 30, max_tokens=2)
    bench.run()
    assert answer.done is not None
    assert answer.done.timings.cache_n == 1


def test_a_snapshot_that_is_refused_is_dropped() -> None:
    bench = two_live(snapshots=2)
    open_documents(bench, "abc")
    bench.backend.can_restore = False
    assert open_documents(bench, "a") == [0]
    bench.backend.can_restore = True
    assert open_documents(bench, "b") == [99]
    assert open_documents(bench, "c") == [99]


def test_a_live_sequence_is_better_than_a_snapshot() -> None:
    bench = two_live(snapshots=2)
    open_documents(bench, "abca")
    before = [len(h) for h in bench.backend.held]
    bench.submit("again", document("a"), max_tokens=0)
    bench.run()
    assert sorted(len(h) for h in bench.backend.held) == sorted([100, max(before)])


def test_a_newer_snapshot_of_the_same_place_replaces_the_older() -> None:
    snapshots = Snapshots(1000)
    other = Snapshot([9] * 40, bytearray(b"o" * 10))
    older = Snapshot(list(range(40)), bytearray(b"a" * 10))
    newer = Snapshot([*range(38), 99, 98], bytearray(b"b" * 10))
    for snapshot in (older, other, newer):
        snapshots.put(snapshot)
    assert snapshots.all() == [other, newer]


def test_one_that_is_larger_than_the_budget_is_not_kept() -> None:
    snapshots = Snapshots(100)
    snapshots.put(Snapshot([1] * 40, bytearray(b"x" * 101)))
    assert snapshots.all() == []
