"""Many documents and large ones: what a server does for them stays bounded."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc

from slmcode.config import Config
from slmcode.engine.job import Priority
from slmcode.features.answer import Completion, Empty, Reason
from slmcode.text import Snapshot
from tests.features.harness import Desk, writes

CODE = "def area(width, height):\n    return width * height\n\n\n"
QUICK = Config(idle_ms=1, work_ahead="always", show_probability=0, deadline_ms=2000)


def opened(desk: Desk, n: int) -> list[Snapshot]:
    snapshots = []
    for i in range(n):
        text = f"# document {i}\n{CODE}"
        snapshots.append(Snapshot(f"file:///w/{i}.py", "python", 1, text))
        desk.completer.did_open(snapshots[-1])
    return snapshots


def test_of_1000_open_documents_the_last_few_are_read_ahead() -> None:
    async def run() -> None:
        desk = Desk("x = ˇ\n", writes(b"1\n"), config=QUICK)
        snapshots = opened(desk, 1000)
        for snapshot in snapshots:
            await desk.completer.rested(snapshot.uri)
        warm = {j.sequence.split()[1] for j in desk.engine.jobs if j.priority is Priority.WARM}
        assert warm == {s.uri for s in snapshots[-4:]}
        # One of the others is worked in: it is read, and answered as any other.
        there = snapshots[3]
        desk.completer.cursor_moved(there, len(there.text))
        await desk.completer.rested(there.uri)
        assert desk.engine.jobs[-1].sequence.split()[1] == there.uri
        answer = await desk.completer.complete(
            there, len(there.text), arrived=time.monotonic(), invoked=False
        )
        assert isinstance(answer, Completion)

    asyncio.run(run())


def test_documents_that_were_closed_leave_nothing() -> None:
    async def run() -> int:
        desk = Desk("x = ˇ\n", writes(b"1\n"), config=QUICK)

        async def work(n: int) -> int:
            for snapshot in opened(desk, n):
                desk.completer.cursor_moved(snapshot, len(snapshot.text))
                await desk.completer.complete(
                    snapshot, len(snapshot.text), arrived=time.monotonic(), invoked=False
                )
                desk.completer.did_close(snapshot.uri)
            await desk.engine.settle()
            desk.engine.jobs.clear()
            desk.engine.backend.batches.clear()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        before = await work(300)  # traces, snapshots and other caches have their size
        after = await work(100)
        tracemalloc.stop()
        return (after - before) // 100

    kept = asyncio.run(run())
    assert kept < 500, f"{kept} bytes a document"


def test_10_mb_are_pasted_and_taken_back() -> None:
    """Too large to be completed, and said so; behind it everything is as it was."""

    async def run() -> None:
        desk = Desk("def f(a, b):\n    ˇ\n", writes(b"    return a + b\n"), config=QUICK)
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        at, pasted = desk.offset, CODE * (10_000_000 // len(CODE))
        desk.type(pasted)
        began = time.thread_time()
        for key in "abcde":
            desk.type(key)
            refused = await desk.ask()
            assert isinstance(refused, Empty)
            assert refused.reason is Reason.TOO_LARGE
        # A copy of the text and of its lines' beginnings a key: some 30 ms.
        assert (time.thread_time() - began) / 5 < 0.3
        desk.edit(at, desk.offset, "")
        again = await desk.ask()
        assert isinstance(again, Completion)
        assert again.text == answer.text

    asyncio.run(run())
