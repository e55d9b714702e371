"""Files of ours that are damaged, and disks that are full or cannot be written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.engine.client import EngineClient, Launch
from slmcode.engine.job import EngineOptions, EngineState
from slmcode.features import gate, statistics
from slmcode.index import index as index_module
from slmcode.index import store as index_store
from slmcode.models import catalog, store, vocabulary
from tests.engine.test_process import reach
from tests.faults.desk import Desk
from tests.index.test_index import Running
from tests.index.test_store import SHOP
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tmpfs, prlimit")

GARBAGE = b"\xff\xfe\x00 no such thing \x80" * 300


async def test_everything_we_keep_is_garbage(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is made anew; what the user is told names the file, once."""
    project = desk.folder / "project"
    project.mkdir()
    (project / "a.py").write_text("class Kept:\n    pass\n")
    client = await desk.start(folders=[project])
    await desk.ready(client)
    assert await desk.served(client)
    await desk.indexed(client, "Kept")
    await client.stop()
    for engine in desk.engines():
        await engine.gone()
    ours = [
        p
        for folder in (desk.state, desk.cache, desk.runtime)
        for p in folder.rglob("*")
        if p.is_file()
    ]
    names = {p.name for p in ours}
    assert statistics.FILE in names
    assert any(n.endswith(".sqlite") for n in names)
    assert any(n.endswith(".msgpack") for n in names)
    (desk.state / gate.FILE).touch()
    for path in {*ours, desk.state / gate.FILE}:
        path.write_bytes(GARBAGE)
    again = await desk.start(folders=[project])
    await desk.ready(again)
    assert await desk.served(again)
    await desk.indexed(again, "Kept")
    assert [gate.FILE in message for message in desk.said(again)] == [True]
    assert await again.stop() == 0
    assert "Traceback" not in desk.stderr.read_text()
    assert " ERROR " not in desk.stderr.read_text()
    assert statistics.load(desk.state).requests == 1


def test_counters_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / statistics.FILE).write_bytes(GARBAGE)
    assert statistics.load(tmp_path) == statistics.Counters()


def test_a_tune_record_of_garbage(tmp_path: Path) -> None:
    """The official weights are looked for, and the user is told what to do about the record."""
    folder = tmp_path / "tuned" / "fast"
    folder.mkdir(parents=True)
    (folder / "tune.json").write_bytes(GARBAGE)
    model = catalog.find("fast")
    from slmcode.models import tuned

    with pytest.raises(catalog.Refused, match="is damaged; make it again: slmcode models tune"):
        tuned.find(tmp_path, model)
    config = Config(models_folder=str(tmp_path))
    with pytest.raises(catalog.NotPulled):
        store.choose(config)


@pytest.mark.parametrize("n_bytes", [0, 3, 100])
def test_a_vocabulary_that_was_cut(tmp_path: Path, n_bytes: int) -> None:
    model = tmp_path / "tiny.gguf"
    write_tiny_model(model)
    whole = vocabulary.load(model, tmp_path / "cache")
    (kept,) = (tmp_path / "cache" / "vocabulary").iterdir()
    kept.write_bytes(kept.read_bytes()[:n_bytes])
    assert vocabulary.load(model, tmp_path / "cache") == whole


# The index


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(index_module, "_AGAIN_S", 0.2)
    running = Running(tmp_path)
    running.write({**SHOP})
    yield running
    running.index.close()


def test_a_database_that_is_locked_by_another(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written is written when the lock has gone; the user was told once."""
    running.start()
    monkeypatch.setattr(index_store, "BUSY_S", 0.1)
    running.index._disconnect()  # the next connection waits no longer than that
    other = sqlite3.connect(running.database, isolation_level=None)
    other.execute("begin immediate")
    (running.folder / "new.py").write_text("class Later: pass\n")
    running.until(lambda: "locked" in running.index.progress.message)
    assert "tried again" in running.index.progress.message
    other.execute("rollback")
    other.close()
    running.until(lambda: running.reader.known(["Later"]))
    running.until(lambda: running.index.progress.message == "")


def test_damage_that_only_readers_meet(running: Running) -> None:
    running.start()
    running.restart()
    other = sqlite3.connect(running.database, isolation_level=None)
    other.execute("pragma wal_checkpoint(truncate)")
    found = other.execute(
        "select rootpage from sqlite_master where name = 'symbols_by_name'"
    ).fetchone()
    (page,) = found
    (size,) = other.execute("pragma page_size").fetchone()
    other.close()
    with running.database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(GARBAGE[:size])
    running.reader.reopen(running.database)
    assert running.reader.known(["Cart"]) == set()
    assert running.reader.is_damaged
    running.index.files_changed(["README.md"])
    running.until(lambda: running.reader.known(["Cart"]))


@pytest.mark.parametrize("spoil", ["cut", "garbage", "version"])
def test_a_database_that_cannot_be_used_at_the_start(running: Running, spoil: str) -> None:
    running.start()
    running.index.close()
    if spoil == "version":
        with sqlite3.connect(running.database) as connection:
            connection.execute("pragma user_version=999")
    else:
        data = running.database.read_bytes()
        running.database.write_bytes(GARBAGE if spoil == "garbage" else data[: len(data) // 2])
    running.restart()
    assert running.reader.known(["Cart"]) == {"Cart"}
    assert running.told[-1].message == ""


# Disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def full(folder: Path) -> None:
    with (folder / "all").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def read_only(folder: Path) -> None:
    remount(folder, "ro")


@pytest.mark.parametrize("spoil", [full, read_only])
async def test_cache_and_state_on_a_disk_that_takes_nothing(
    desk: Desk, small_disk: Path, spoil: object
) -> None:
    assert callable(spoil)
    spoil(small_disk)
    desk.env |= {
        "SLMCODE_STATE": str(small_disk / "state"),
        "SLMCODE_CACHE": str(small_disk / "cache"),
    }
    project = desk.folder / "project"
    project.mkdir()
    (project / "a.py").write_text("class Kept:\n    pass\n")
    client = await desk.start(folders=[project])
    await desk.ready(client)
    assert await desk.served(client)
    shown = await client.wait_for("window/showMessage", timeout=30)
    assert "cannot be written" in shown["message"]
    assert await client.stop() == 0
    assert len(desk.said(client)) == 1


async def test_a_runtime_folder_on_a_full_disk(small_disk: Path, runtime: Path, desk: Desk) -> None:
    """Why is said in words; when there is room again it goes on by itself."""
    folder = small_disk / "run"
    folder.mkdir(mode=0o700)
    read_only(small_disk)
    options = EngineOptions(threads=1, memory_mb=16, n_ctx_seq=512, idle_s=1)
    client = EngineClient(Launch(folder, desk.model, options), lambda status: None)
    client.start()
    refused = await reach(client, EngineState.REFUSED)
    assert "cannot be written: Read-only file system; set SLMCODE_RUNTIME" in refused.message
    remount(small_disk, "rw")
    await reach(client, EngineState.READY)
    await client.close()


async def test_no_file_may_grow(desk: Desk) -> None:
    """As on a full disk, for users who may not mount one."""
    project = desk.folder / "project"
    project.mkdir()
    (project / "a.py").write_text("class Kept:\n    pass\n")
    with desk.stderr.open("wb"):
        pass
    client = await desk.start(prefix=["prlimit", "--fsize=0"], folders=[project])
    await desk.ready(client)
    assert await desk.served(client)
    assert await client.stop() == 0
    assert len(desk.said(client)) <= 1
