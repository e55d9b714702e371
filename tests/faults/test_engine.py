"""The engine killed, stopped, without memory: what an editor sees of it."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slmcode.engine import client as client_module
from slmcode.engine.client import EngineClient, Launch
from slmcode.engine.job import EngineOptions, EngineState, EngineStatus, Job, Stop
from tests.engine.test_process import PROMPT, reach, text
from tests.faults import kills
from tests.faults.desk import Desk, Process, within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

OPTIONS = EngineOptions(threads=1, memory_mb=16, n_ctx_seq=512, idle_s=5)
BEYOND = 4 << 30  # bytes; more than the address space that a test leaves


async def test_killed_at_every_stage(desk: Desk) -> None:
    """The long form is `make faults`."""
    found, grown = await kills.run(desk, len(kills.STAGES), seed=8)
    assert [k for k in found if not k.unnoticed] == []
    assert {(k.degraded, k.shown, k.zombies) for k in found} == {(1, 0, 0)}
    assert grown["descriptors"] == 0


async def test_stopped_and_continued(desk: Desk) -> None:
    """While it stands still requests are answered empty in time, and not one is left waiting."""
    client = await desk.start(refreshes=True)
    await desk.ready(client)
    assert await desk.served(client, invoked=True)
    engine, server = desk.engine(), Process(client.process.pid)
    descriptors = server.descriptors()
    engine.send(signal.SIGSTOP)
    for _ in range(20):
        uri, line = desk.open(client)
        answer, _ = await within(kills.ANSWER_S, client.inline_completion(uri, line, 0))
        assert answer == {"items": []}
        client.close(uri)
    engine.send(signal.SIGCONT)
    assert await desk.served(client, invoked=True)
    assert desk.engine().pid == engine.pid
    assert server.descriptors() == descriptors
    assert desk.said(client) == []


async def test_all_of_it_stopped_for_longer_than_anything_waits(desk: Desk) -> None:
    """As when a laptop sleeps: no deadline, idle timer or watch takes that for its own time."""
    desk.settings["engine_idle_s"] = 1
    client = await desk.start(refreshes=True)
    await desk.ready(client)
    server, engine = Process(client.process.pid), desk.engine()
    for process in (server, engine):
        process.send(signal.SIGSTOP)
    uri, line = desk.open(client)
    asked = client.inline_completion(uri, line, 0)
    await asyncio.sleep(2)
    for process in (server, engine):
        process.send(signal.SIGCONT)
    await within(kills.ANSWER_S, asked)
    assert await desk.served(client, invoked=True)
    assert desk.engine().pid == engine.pid
    assert desk.states(client).count("degraded") == 0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_TICK_S", 0.02)


async def connected(desk: Desk) -> EngineClient:
    client = EngineClient(Launch(desk.runtime, desk.model, OPTIONS), lambda status: None)
    client.start()
    await reach(client, EngineState.READY)
    return client


def job(**more: object) -> Job:
    values: dict[str, object] = {"sequence": "a", "max_tokens": 20, **more}
    return Job(tokens=PROMPT, **values)  # type: ignore[arg-type]


async def test_an_engine_that_owes_an_answer_is_silent(
    desk: Desk, quick: None, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_HUNG_TICKS", 10**6)
    client = await connected(desk)
    engine = desk.engine()
    engine.send(signal.SIGSTOP)
    long = client.stream(job())
    long.cancel()
    assert await text(long) == ""
    assert long.done is not None
    assert (long.done.stop, long.done.message) == (Stop.LOST, "the engine does not answer")
    assert client.status.message == "the engine does not answer; waiting for it"
    refused = client.stream(job())
    assert await text(refused) == ""
    engine.send(signal.SIGCONT)
    await reach(client, EngineState.READY)
    assert len(await text(client.stream(job()))) == 20
    assert desk.engine().pid == engine.pid
    await client.close()


async def test_one_that_stays_silent_is_replaced(desk: Desk, quick: None, runtime: Path) -> None:
    client = await connected(desk)
    assert len(await text(client.stream(job()))) == 20
    engine = desk.engine()
    engine.send(signal.SIGSTOP)
    client.stream(job()).cancel()
    await engine.gone()
    await reach(client, EngineState.DOWN)
    await reach(client, EngineState.READY)
    assert len(await text(client.stream(job()))) == 20
    await client.close()


async def test_an_engine_that_works_for_long_is_not_silent(
    desk: Desk, quick: None, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped or at work: nobody can tell before an answer is owed."""
    ticks = 0
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        nonlocal ticks
        ticks += 1
        await sleep(seconds)

    client = await connected(desk)
    engine = desk.engine()
    engine.send(signal.SIGSTOP)
    stream = client.stream(job())
    monkeypatch.setattr(asyncio, "sleep", counted)
    async with asyncio.timeout(60):
        while ticks < 2 * client_module._HUNG_TICKS:
            await sleep(0.05)
    assert client.status.state is EngineState.READY
    engine.send(signal.SIGCONT)
    assert len(await text(stream)) == 20
    await client.close()


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started from now on get less than `BEYOND`."""

    def start(launch: Launch) -> subprocess.Popen[bytes]:
        launch._command = ["prlimit", f"--as={BEYOND * 3 // 4}", *launch._command]
        return start_with_all(launch)

    start_with_all = Launch.start
    monkeypatch.setattr(Launch, "start", start)


async def test_no_memory_for_the_weights(desk: Desk, little_memory: None, runtime: Path) -> None:
    """Told once, in words that help; when the weights are others it goes on by itself."""
    weights = desk.model.read_bytes()
    with desk.model.open("ab") as file:
        file.truncate(BEYOND)
    said: list[EngineStatus] = []
    client = EngineClient(Launch(desk.runtime, desk.model, OPTIONS), said.append)
    client.start()
    refused = await reach(client, EngineState.REFUSED)
    assert f"no memory for tiny.gguf, {BEYOND >> 20} MB: end other programs" in refused.message
    desk.model.write_bytes(weights)
    await reach(client, EngineState.READY)
    assert len(await text(client.stream(job()))) == 20
    assert [s.state for s in said] == ["loading", "refused", "ready"]
    await client.close()


async def test_weights_that_are_repaired(desk: Desk) -> None:
    weights = desk.model.read_bytes()
    desk.model.write_bytes(weights[: len(weights) // 2])
    client = await desk.start()
    shown = await client.wait_for("window/showMessage", timeout=60)
    assert str(desk.model) in shown["message"]
    uri, line = desk.open(client)
    answer, _ = await within(kills.ANSWER_S, client.inline_completion(uri, line, 0))
    assert not (answer or {}).get("items")
    desk.model.write_bytes(weights)
    await desk.ready(client)
    assert await desk.served(client)
    assert len(desk.said(client)) == 1


async def test_weights_that_come_later(desk: Desk) -> None:
    away = desk.model.rename(desk.model.with_suffix(".away"))
    client = await desk.start()
    await client.wait_for("window/showMessage", timeout=60)
    away.rename(desk.model)
    await desk.ready(client)
    assert await desk.served(client)
    assert len(desk.said(client)) == 1


async def test_no_memory_for_the_documents(desk: Desk, little_memory: None, runtime: Path) -> None:
    options = EngineOptions(threads=1, memory_mb=16_000, n_ctx_seq=1_000_000, idle_s=5)
    client = EngineClient(Launch(desk.runtime, desk.model, options), lambda status: None)
    client.start()
    refused = await reach(client, EngineState.REFUSED)
    assert refused.message.endswith('lower the setting "memory_mb"')
    await client.close()


async def test_memory_that_ends_while_it_works(desk: Desk) -> None:
    """An engine that cannot grow any more goes on, or ends and is replaced."""
    client = await desk.start(refreshes=True)
    await desk.ready(client)
    engine = desk.engine()
    pages = int(Path(f"/proc/{engine.pid}/statm").read_text().split()[0])
    size = pages * resource.getpagesize()
    resource.prlimit(engine.pid, resource.RLIMIT_AS, (size, size))
    for _ in range(12):  # more than there are sequences: what they held is to be saved
        uri, line = desk.open(client)
        await within(kills.ANSWER_S, client.inline_completion(uri, line, 0))
        client.cursor_moved(uri, line, 0)
    if desk.states(client)[-1] != "ready":
        await desk.ready(client, len(desk.states(client)))
    assert await desk.served(client, invoked=True)
    assert desk.said(client) == []


def test_the_log_holds_no_text_of_exceptions(tmp_path: Path) -> None:
    code = """
import logging
from slmcode.engine import host
host._begin_log()
try:
    raise ValueError("MARKER")
except ValueError:
    host.log.exception("it failed")
"""
    with (tmp_path / "engine.log").open("wb") as log:
        subprocess.run([sys.executable, "-c", code], stderr=log, check=True)
    written = (tmp_path / "engine.log").read_text()
    assert "it failed" in written
    assert "ValueError" in written
    assert "MARKER" not in written


def test_the_log_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLMCODE_STATE", str(tmp_path / "state"))
    launch = Launch(tmp_path / "run", Path("x.gguf"), OPTIONS, [sys.executable, "-c", ""])
    launch.start().wait()
    assert os.stat(launch.log).st_mode & 0o777 == 0o600
