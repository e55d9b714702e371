"""Records, and the command that makes them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from slmcode.lsp.record import Message, Recorder, read
from tests.lsp.conftest import ROOT


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    recorder = Recorder(path)
    began = time.monotonic()
    messages: list[dict[str, Any]] = [
        {"method": "a", "params": "\ud800é\u2028\n"},
        {"id": 1, "result": None},
    ]
    for i, message in enumerate(messages):
        recorder.client_sent(message, began + i)
    assert [m.msg for m in read(path)] == messages  # flushed before it is closed
    first, second = read(path)
    assert second.t - first.t == pytest.approx(1.0, abs=1e-5)
    assert {first.dir, second.dir} == {"c2s"}
    recorder.close()


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"t": "x", "dir": "c2s", "msg": {}}'])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(Message(0.0, "c2s", {}).to_line() + line + "\n")
    with pytest.raises(ValueError, match=r"r\.jsonl:2"):
        list(read(path))


@pytest.mark.timeout(60)
def test_serve_says_which_path_it_cannot_use(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from slmcode.cli import main; main()", "serve"]
    missing = str(tmp_path / "missing" / "x")
    ended = subprocess.run(
        [*command, "--record", missing],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "No such file" in ended.stderr
    assert "Traceback" not in ended.stderr
