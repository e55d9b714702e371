"""Many clients of one real engine process, and one that asks without end. The model is a script."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from benchmarks.vitals import vitals
from slmcode.engine import wire
from slmcode.engine.client import EngineClient, Launch
from slmcode.engine.fake import MIDDLE, PREFIX, SUFFIX
from slmcode.engine.job import Done, EngineOptions, EngineState, Job, Priority, Stop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

OPTIONS = EngineOptions(threads=1, memory_mb=16, n_ctx_seq=512, idle_s=60)
TEXT = "return a + b\n"


@asynccontextmanager
async def connected(runtime: Path, n: int) -> AsyncIterator[list[EngineClient]]:
    """So many clients of one scripted engine, which is ended behind them."""
    model = Path("script.gguf")
    address = wire.address(runtime, model, msgspec.structs.astuple(OPTIONS))
    command = [sys.executable, "-m", "slmcode.engine.fake", str(address), TEXT]
    launch = Launch(runtime, model, OPTIONS, command)
    clients = [EngineClient(launch, lambda status: None) for _ in range(n)]
    try:
        async with asyncio.timeout(60):
            for client in clients:
                client.start()
                while client.status.state is not EngineState.READY:
                    await client.changed()
        yield clients
    finally:
        pid = clients[0].engine_pid
        for client in clients:
            await client.close()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)


def job(sequence: str, typed: str = "", priority: Priority = Priority.COMPLETION) -> Job:
    head = [PREFIX, *f"# {sequence}\n".encode(), SUFFIX, MIDDLE]
    return Job(
        sequence=sequence,
        tokens=[*head, *typed.encode()],
        priority=priority,
        max_tokens=50,
        stop_lines=1,
    )


async def done(client: EngineClient, wanted: Job) -> Done:
    stream = client.stream(wanted)
    async for _ in stream:
        pass
    assert stream.done is not None
    return stream.done


async def test_20_clients_that_ask_without_end_are_served_alike(runtime: Path) -> None:
    """Each has always one job more waiting: what they get is what the engine gives them."""
    async with connected(runtime, 20) as clients:
        served: Counter[int] = Counter()
        enough = asyncio.Event()

        async def ask(n: int) -> None:
            while not enough.is_set():
                ended = await done(clients[n], job(f"client {n}"))
                assert ended.stop is Stop.LINES
                served[n] += 1
                if served.total() >= 1000:
                    enough.set()

        async with asyncio.timeout(60):
            await asyncio.gather(*(ask(n) for n in range(20)))
        assert max(served.values()) <= 2 * min(served[n] for n in range(20)), served


async def test_a_flood_is_answered_and_hurts_nobody_else(runtime: Path) -> None:
    """10,000 jobs at once, half of them taken back: each ends once, in bounded memory."""
    async with connected(runtime, 2) as (flooding, other):
        pid = flooding.engine_pid
        assert pid is not None
        await done(flooding, job("warm"))
        before = vitals(pid)
        rng = random.Random(8)
        streams = []
        for n in range(10_000):
            priority = rng.choice((Priority.COMPLETION, Priority.EDIT, Priority.WARM))
            streams.append(flooding.stream(job(f"document {n % 500}", priority=priority)))
            if n % 2:
                streams[-1].cancel()
            if n % 100 == 0:
                await asyncio.sleep(0)
        # Two seconds of a machine that does other things too may be too few.
        assert (await done(other, job("other"))).stop in (Stop.LINES, Stop.BUSY)
        stops: Counter[Stop] = Counter()
        async with asyncio.timeout(60):
            for stream in streams:
                async for _ in stream:
                    pass
                assert stream.done is not None
                stops[stream.done.stop] += 1
        assert stops.total() == 10_000
        assert set(stops) <= {Stop.LINES, Stop.CANCELLED, Stop.BUSY, Stop.END}
        after = vitals(pid)
        assert after.handles == before.handles
        assert after.rss_mb - before.rss_mb < 40, (before, after)
        for client in (flooding, other):
            assert (await done(client, job("warm"))).stop is Stop.LINES
