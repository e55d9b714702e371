"""The server killed: nothing of the user's is touched, nothing is left, the next one goes on."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from slmcode.lsp.client import Client
from tests.faults import kills
from tests.faults.desk import Desk, Process, within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SOURCE = {
    f"m{i}.py": f"class Thing{i}:\n    def size(self):\n        return {i}\n" for i in range(300)
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in SOURCE.items():
        (folder / name).write_text(text)
    return folder


def digest(folder: Path) -> str:
    """Of all that is in a folder, with times."""
    files = sorted((p.name, p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir())
    return hashlib.sha256(repr(files).encode()).hexdigest()


def descendants(process: Process) -> list[Process]:
    children = process.children()
    return children + [p for child in children for p in descendants(child)]


async def test_killed_at_work(desk: Desk, folder: Path) -> None:
    desk.settings["engine_idle_s"] = 1
    before = digest(folder)
    client = await desk.start(folders=[folder])
    await desk.ready(client)
    assert await desk.served(client)
    uri = (folder / "m1.py").as_uri()
    client.open(uri, "python", "x = " + SOURCE["m1.py"])
    asked = kills._edit(client, uri)
    others = descendants(Process(client.process.pid))
    engine = desk.engine()
    Process(client.process.pid).send(signal.SIGKILL)
    await client.wait_end()
    assert asked.done()
    next_one = await desk.start(folders=[folder])
    await desk.ready(next_one)
    assert await desk.served(next_one)
    engines = [engine, *desk.engines()]  # the next one has its own, if it was slow to start
    Process(next_one.process.pid).send(signal.SIGKILL)
    for process in [*engines, *others]:  # by themselves: nobody is left that asks them
        await process.gone()
    assert desk.engines() == []
    assert list(desk.runtime.glob("*.sock")) == []
    assert digest(folder) == before


async def test_the_next_server_uses_what_is_left_and_is_not_in_its_way(desk: Desk) -> None:
    """First the engine of the one that was killed, then a socket and a lock that nobody holds."""
    desk.settings["engine_idle_s"] = 60
    client = await desk.start()
    await desk.ready(client)
    engine = desk.engine()
    Process(client.process.pid).send(signal.SIGKILL)
    second = await desk.start()
    await desk.ready(second)
    assert await desk.served(second)
    assert desk.engine().pid == engine.pid
    Process(second.process.pid).send(signal.SIGKILL)
    await second.wait_end()
    engine.send(signal.SIGKILL)
    await engine.gone()
    assert list(desk.runtime.glob("*.sock"))
    third = await desk.start()
    await desk.ready(third)
    assert await desk.served(third)
    assert desk.said(third) == []


async def test_an_index_build_that_is_killed_is_made_again(desk: Desk, folder: Path) -> None:
    client = await desk.start(folders=[folder])
    server = Process(client.process.pid)
    build = await server.child("slmcode.index.build")
    build.send(signal.SIGKILL)
    await build.gone()
    await desk.indexed(client, "Thing299")
    assert desk.said(client) == []
    assert desk.zombies(client) == []
    (database,) = (desk.cache / "index").glob("*.sqlite")
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from files").fetchone() == (300,)


RENAME = {"newName": "amount", "position": {"line": 0, "character": 4}}


async def renamed(client: Client, folder: Path) -> bool:
    uri = (folder / "r.py").as_uri()
    result = await client.request("textDocument/rename", {"textDocument": {"uri": uri}, **RENAME})
    return bool(result)


async def test_the_worker_for_refactorings_is_killed(desk: Desk, folder: Path) -> None:
    (folder / "r.py").write_text("def total(x):\n    return x\n\n\nprint(total(2))\n")
    client = await desk.start(folders=[folder])
    client.open((folder / "r.py").as_uri(), "python", (folder / "r.py").read_text())
    before = digest(folder)
    assert await renamed(client, folder)
    server = Process(client.process.pid)
    (worker,) = [c for c in server.children() if "slmcode.refactor.worker" in c.command]
    worker.send(signal.SIGKILL)
    await worker.gone()
    result, _ = await within(30, renamed(client, folder))
    assert result is True, "the next one was not served"
    assert digest(folder) == before
    assert desk.zombies(client) == []
