"""A process that analyses files, killed from outside: the file it was at is not blamed for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from slmcode.index import workers
from slmcode.index.rows import Skipped
from tests.index.test_store import Workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

KILLED = """
import os, signal, sys
from pathlib import Path
from slmcode.index import analysis, workers
real, times = analysis.read, int(os.environ["KILLS"])
def read(folder, wanted, limit_kb):
    marks = Path(folder).with_name("killed")
    n = len(marks.read_text()) if marks.exists() else 0
    if n < times:
        marks.write_text("x" * (n + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return real(folder, wanted, limit_kb)
analysis.read = read
workers.main()
"""


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    workspace = Workspace(tmp_path)
    workspace.write({"a.py": "def kept(): pass\n"})
    script, source = tmp_path / "python", tmp_path / "killed.py"
    source.write_text(KILLED)
    script.write_text(f'#!/bin/sh\nshift 3\nexec "{sys.executable}" "{source}" "$@"\n')
    script.chmod(0o700)
    monkeypatch.setenv("KILLS", str(times))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    start = workers.Pool.__init__

    def begin(self: workers.Pool, folder: Path, limit_kb: int, n_workers: int) -> None:
        monkeypatch.setattr(sys, "executable", str(script))
        start(self, folder, limit_kb, n_workers)

    monkeypatch.setattr(workers.Pool, "__init__", begin)
    assert workspace.build().state == "done"
    if times == 1:
        assert workspace.reader.known(["kept"]) == {"kept"}
    else:  # it may well be the file: it takes all memory
        assert workspace.reader.skipped() == [Skipped("a.py", "crashed the parser")]
