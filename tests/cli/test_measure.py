"""`slmcode doctor --measure`: what the figures mean, and a real run with a tiny model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from slmcode.cli import measure
from slmcode.cli.measure import Measured, advise, verdict
from tests.tiny_model import write_tiny_model

FOUND = Measured("fast", "weights.gguf", tuned=True, threads=2, load=0.1, key_median_ms=43.0)


def but(**changes: Any) -> Measured:
    return msgspec.structs.replace(FOUND, **changes)


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "physical_cores", lambda: 4)


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (2.0, "typing answers in about 10 ms: fine"),
        (71.0, "typing answers in about 70 ms: fine"),
        (148.0, "typing answers in about 150 ms: the wait can be felt"),
        (900.0, "typing answers in about 900 ms: too late to be of much use"),
    ],
)
def test_a_verdict_in_words(ms: float, said: str) -> None:
    assert verdict(but(key_median_ms=ms)) == said


def test_a_verdict_says_what_disturbed_it() -> None:
    said = verdict(but(load=3.71))
    assert said.endswith("fine (measured while other programs kept 3.7 processors busy)")
    assert "too busy" in verdict(but(key_median_ms=None))


def test_nothing_to_do_where_all_is_fine() -> None:
    assert advise(but(model="quality", tuned=False, threads=64)) == []


def test_advice_names_what_is_at_fault() -> None:
    slow = but(key_median_ms=300.0)
    last = "is the native library built for this processor? run: slmcode doctor"
    assert advise(slow) == [last]
    tune, *_ = advise(msgspec.structs.replace(slow, tuned=False))
    assert tune.endswith("slmcode models tune fast")
    smaller, *_ = advise(msgspec.structs.replace(slow, model="quality"))
    assert smaller == 'a smaller model is faster: set "model" to "fast"'
    fewer, *_ = advise(msgspec.structs.replace(slow, threads=8))
    assert fewer.startswith('set "threads" to 4')
    again, leave, *_ = advise(msgspec.structs.replace(slow, load=4.0))
    assert "measure again" in again
    assert '"threads" to 1' in leave


@pytest.fixture
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings with a model of two small layers, and folders of the test's own.

    A short path: a socket stands in it.
    """
    tmp_path = tmp_path_factory.mktemp("m")
    weights = tmp_path / "tiny.gguf"
    write_tiny_model(weights)
    config = tmp_path / "config.toml"
    config.write_text(f'model = "{weights.as_posix()}"\nthreads = 1\nshow_probability = 0\n')
    return {
        **os.environ,
        "SLMCODE_CONFIG": str(config),
        "SLMCODE_CACHE": str(tmp_path / "cache"),
        "SLMCODE_RUNTIME": str(tmp_path / "run"),
        "SLMCODE_STATE": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path),
    }


COMMAND = [sys.executable, "-m", "slmcode.cli", "doctor", "--measure", "--json"]


@pytest.mark.slow
def test_it_measures_and_leaves_nothing_behind(env: dict[str, str]) -> None:
    tmp_path = Path(env["TMPDIR"])
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["model"], found["file"]) == (str(tmp_path / "tiny.gguf"), "tiny.gguf")
    assert (found["tuned"], found["threads"], found["keys"]) == (False, 1, 20)
    assert found["prefill_tokens_per_s"] > 0
    assert found["decode_ms"] > 0
    assert found["batch_tokens_per_s"].keys() >= {"1", "4", "8", "16"}
    assert 0 < found["key_median_ms"] <= found["key_slowest_ms"]
    assert found["verdict"].startswith("typing answers in about ")
    assert done.stderr.splitlines() == [
        "speed of the weights",
        "an editor's start",
        "typing",
        "a second editor's start",
    ]
    assert not list(tmp_path.glob("slmcode-*"))
    assert not (tmp_path / "state").exists()  # the user's counters know nothing of it


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without a signal")
def test_a_signal_ends_all_of_it(env: dict[str, str]) -> None:
    with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line == "typing\n":
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert {"serve", "slmcode.engine"} <= {
            argument for c in children for argument in c.cmdline()
        }
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert process.returncode == 130
    _, alive = psutil.wait_procs(children, timeout=30)  # the engine leaves when it is idle
    assert alive == []
    assert not list(Path(env["TMPDIR"]).glob("slmcode-*"))


def test_without_weights_the_command_to_run_is_named(tmp_path: Path) -> None:
    env = {**os.environ, "SLMCODE_CACHE": str(tmp_path), "SLMCODE_CONFIG": str(tmp_path / "none")}
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("run: slmcode models pull fast\n")
