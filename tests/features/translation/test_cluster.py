"""A job on a Dask cluster of two worker processes on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slmcode.features.translation import batch, cluster, pipeline
from slmcode.features.translation.batch import Job, JobError, Options
from slmcode.features.translation.finding import find

BOUND_S = 60.0
HEAD = """\
       IDENTIFICATION DIVISION.
       PROGRAM-ID. {name}.
       DATA DIVISION.
       WORKING-STORAGE SECTION.
       COPY FIELDS.
       PROCEDURE DIVISION.
       MAIN-LINE.
           MOVE {n} TO COUNTER.
           DISPLAY COUNTER.
"""
LAST = "           STOP RUN.\n"
# Run in each worker when it starts: a program waits, once it was begun, until the test lets it go.
GATE = """
import asyncio, os
from pathlib import Path
from slmcode.features.translation import pipeline
real = getattr(pipeline, "real", pipeline.translate)  # Dask loads this twice
pipeline.real = real
async def translate(request, **options):
    folder = Path(os.environ["TEST_GATE"])
    (folder / f"{request.name} {os.getpid()}").touch()
    while not (folder / "open").exists():
        await asyncio.sleep(0.01)
    return await real(request, **options)
pipeline.translate = translate
"""


class Cluster:
    """A scheduler and its workers, as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = folder / "gate"
        self.gate.mkdir()
        (folder / "gate.py").write_text(GATE)
        self._file = folder / "scheduler.json"
        own = {f"SLMCODE_{name}": str(folder / name) for name in ("RUNTIME", "STATE", "CACHE")}
        self._env = {**os.environ, **own, "TEST_GATE": str(self.gate)}
        self._log = (folder / "log.txt").open("ab")
        self._scheduler = self._start("dask_scheduler", "--port", "0")
        self.address = str(until(self._said)["address"])
        self.workers = [self._worker(n) for n in range(2)]

    def _said(self) -> dict[str, Any] | None:
        """What the scheduler wrote of itself: the file is there before its text."""
        try:
            said: dict[str, Any] = json.loads(self._file.read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return said

    def _worker(self, n: int) -> subprocess.Popen[bytes]:
        options = ("--name", str(n), "--nthreads", "1", "--no-nanny", "--memory-limit", "0")
        where = ("--local-directory", str(self.folder / f"worker{n}"))
        return self._start(
            "dask_worker", *options, *where, "--preload", str(self.folder / "gate.py")
        )

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        places = ("--scheduler-file", str(self._file), "--host", "127.0.0.1", "--no-dashboard")
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *places, *arguments],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def begun(self) -> list[tuple[str, int]]:
        """Programs that a worker was at, with its process id."""
        names = [path.name.split() for path in self.gate.iterdir() if " " in path.name]
        return [(name, int(pid)) for name, pid in names]

    def close(self) -> None:
        for process in (*self.workers, self._scheduler):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        self._log.close()


def until(condition: Any) -> Any:
    end = time.monotonic() + BOUND_S
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    started = Cluster(folder)
    try:
        yield started
    finally:
        started.close()


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Four programs, one of which calls another, with a copybook in a folder of its own."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (tmp_path / "copybooks").mkdir()
    (tmp_path / "copybooks/fields.cpy").write_text("       01  COUNTER PIC 9(4).\n")
    for n, name in enumerate(("a", "b", "c", "d")):
        call = '           CALL "D".\n' if name == "a" else ""
        text = HEAD.format(name=name.upper(), n=n) + call + LAST
        (folder / f"{name}.cob").write_text(text)
    (folder / "e.cob").write_text(HEAD.format(name="E", n=9) + "           EXEC CICS X END-EXEC.\n")
    return folder


def options(tmp_path: Path) -> Options:
    return Options(form="faithful", prove=False, copybooks=(tmp_path / "copybooks",))


async def run(folder: Path, programs: Path, options: Options, address: str = "") -> Job:
    """A whole job, here or on a cluster."""
    with Job(folder, find([programs], "")) as job:
        if address:
            found = cluster.results(job, options, address, asyncio.Event())
        else:

            async def translate(source: Any, request: pipeline.Request) -> Any:
                return await pipeline.translate(request)

            found = batch.results(job, options, translate, lambda: False)
        async for source, result in found:
            if not isinstance(result, batch.Done):
                job.finish(source, options, result)
    return job


def contents(folder: Path) -> dict[str, Any]:
    """The files of a job, without what depends on the clock."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json":
            found[path.name] = json.loads(path.read_bytes()) | {"seconds": None}
        elif path.suffix == ".py":
            found[path.name] = path.read_text(encoding="utf-8")
    return found


@pytest.mark.slow
async def test_a_cluster_makes_what_this_machine_makes(
    workers: Cluster, programs: Path, tmp_path: Path
) -> None:
    (workers.gate / "open").touch()
    how = options(tmp_path)
    await run(tmp_path / "here", programs, how)
    await run(tmp_path / "there", programs, how, workers.address)
    here, there = contents(tmp_path / "here"), contents(tmp_path / "there")
    assert here == there
    assert {"a.py", "b.py", "c.py", "d.py", "e.report.json"} <= here.keys()
    assert here["e.report.json"]["verdict"] == "refused"
    assert len({pid for _, pid in workers.begun()}) == 2, "both worked"


@pytest.mark.slow
async def test_a_worker_that_is_killed_loses_nothing(
    workers: Cluster, programs: Path, tmp_path: Path
) -> None:
    how = options(tmp_path)
    job = asyncio.ensure_future(run(tmp_path / "there", programs, how, workers.address))
    begun = await asyncio.to_thread(
        until, lambda: (rows := workers.begun()) and len({pid for _, pid in rows}) == 2 and rows
    )
    killed = workers.workers[0]
    (lost,) = [name for name, pid in begun if pid == killed.pid]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    (workers.gate / "open").touch()
    await job
    other = workers.workers[1].pid
    assert (lost, other) in workers.begun(), "what it was at was given to the other one"
    await run(tmp_path / "here", programs, how)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


async def test_nobody_at_the_address(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.5)
    with pytest.raises(JobError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        await run(tmp_path / "there", programs, options(tmp_path), "tcp://127.0.0.1:9")
