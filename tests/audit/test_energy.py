"""Processor time and joules: what is counted, what of it is ours, and what `slmcode stats` says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from slmcode.features import energy
from slmcode.features.energy import Mark, Package, Reading, Used
from slmcode.features.statistics import FILE, Counters, Statistics, load
from tests.lsp.conftest import ROOT


def mark(cpu_s: float, busy_s: float, uj: int, most_uj: int = 10_000_000) -> Mark:
    return Mark(cpu_s, busy_s, {"intel-rapl:0": Package(uj, most_uj)})


def test_our_share_of_the_joules_is_our_share_of_the_processor_time() -> None:
    found = energy.used(mark(1, 100, 2_000_000), mark(3, 108, 6_000_000))
    assert found.cpu_s == 2.0
    assert found.joules == pytest.approx(4.0 * 2 / 8)


def test_a_counter_that_began_anew_goes_on() -> None:
    found = energy.used(mark(0, 0, 9_000_000), mark(1, 1, 1_000_000))
    assert found.joules == pytest.approx(2.0)


def test_joules_are_unknown_where_a_reading_lacks_them() -> None:
    assert energy.used(Mark(0, 0, {}), mark(1, 2, 5)) == Used(1.0, None)
    assert energy.used(mark(0, 0, 5), Mark(1, 2, {})) == Used(1.0, None)


def powercap(folder: Path) -> Path:
    """What Linux shows of one package, its cores and the whole machine."""
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:1": "psys"}
    for name, kind in zones.items():
        (folder / name).mkdir()
        (folder / name / "name").write_text(kind + "\n")
        (folder / name / "energy_uj").write_text("1000000\n")
        (folder / name / "max_energy_range_uj").write_text("262143328850\n")
    return folder


def test_only_packages_are_read(tmp_path: Path) -> None:
    folder = powercap(tmp_path)
    meter = energy.Meter(folder)
    sum(n * n for n in range(300_000))
    (folder / "intel-rapl:0" / "energy_uj").write_text("3000000\n")
    (folder / "intel-rapl:1" / "energy_uj").write_text("9000000\n")
    server = meter.read(None).server
    assert server.joules is not None
    assert 0 <= server.joules <= 2.0
    assert energy.unreadable(folder) == ""


def test_why_joules_are_unknown_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no energy counter" in energy.unreadable(tmp_path / "none")
    folder = powercap(tmp_path)
    (folder / "intel-rapl:0" / "energy_uj").write_text("")
    assert "cannot be read" in energy.unreadable(folder)
    assert energy.Meter(folder).read(None).server.joules is None


def test_an_engine_of_two_servers_is_counted_once(tmp_path: Path) -> None:
    """The second one counts what came since the first one looked."""
    key = f"{os.getpid()} 1.00"
    for cpu_s in (4.0, 7.0):
        server = Statistics()
        server.counters.requests = 1
        server.counters.accepted_characters = 10
        engine = mark(cpu_s, cpu_s * 2, int(cpu_s * 1e6))
        reading = Reading(Used(1.0, 0.5), engine, key, mark(0, 0, 0))
        server.save(tmp_path, lambda reading=reading: reading)  # type: ignore[misc]
    total = load(tmp_path)
    assert (total.server_cpu_s, total.engine_cpu_s) == (2.0, 7.0)
    assert total.joules == pytest.approx(2 * 0.5 + 7.0 / 2)
    assert (total.accepted_characters, total.measured_characters) == (20, 20)


def test_an_engine_that_was_there_before_is_counted_from_now_on(tmp_path: Path) -> None:
    key = f"{os.getpid()} 1.00"
    for cpu_s in (40.0, 41.0):
        server = Statistics()
        server.counters.requests = 1
        reading = Reading(Used(0.0, None), mark(cpu_s, cpu_s, 0), key, None)
        server.save(tmp_path, lambda reading=reading: reading)  # type: ignore[misc]
    assert load(tmp_path).engine_cpu_s == 1.0


def stats(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "slmcode.cli", "stats", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "SLMCODE_STATE": str(folder), "COLUMNS": "120"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_stats_shows_what_an_accepted_character_costs(tmp_path: Path) -> None:
    counters = Counters(requests=9, accepted_characters=200, server_cpu_s=10, engine_cpu_s=30)
    counters.latency_counts[0] = 9
    (tmp_path / FILE).write_bytes(msgspec.json.encode(counters))
    shown = stats(tmp_path)
    assert "0.2 s a character accepted" in shown
    if why := energy.unreadable():
        assert f"unknown  {why}" in shown
    counters.joules, counters.measured_characters = 50.0, 100
    (tmp_path / FILE).write_bytes(msgspec.json.encode(counters))
    assert "0.5 J a character accepted" in stats(tmp_path)


def test_the_help_says_whose_joules_are_counted() -> None:
    done = stats(Path(), "--help")
    assert "shared among all" in done
