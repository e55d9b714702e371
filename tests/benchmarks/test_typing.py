"""What surrounds the typing replay: the load beside it, the servers' own counters."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.typing import busy, generations
from slmcode.engine.job import Timings
from slmcode.features.statistics import Statistics


def test_shares_of_generations_come_from_the_servers_counters(tmp_path: Path) -> None:
    for timings in (
        Timings(cache_n=98, prompt_n=2, predicted_n=4),
        Timings(cache_n=96, prompt_n=4),
    ):
        statistics = Statistics()
        statistics.generated(timings)
        statistics.save(tmp_path)  # each server adds its own
    found = generations(tmp_path)
    assert (found["cache_n"], found["prompt_n"], found["predicted_n"]) == (194, 6, 4)
    assert found["reused"] == 0.97
    assert generations(tmp_path / "absent")["reused"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="lists our own children")
def test_load_beside_it_runs_meanwhile_and_no_longer() -> None:
    before = set(psutil.Process(os.getpid()).children())
    with busy(2):
        spinning = set(psutil.Process(os.getpid()).children()) - before
        assert len(spinning) == 2
        assert all(p.is_running() for p in spinning)
    assert not any(p.is_running() for p in spinning)
