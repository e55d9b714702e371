"""When the guard fails, when it does not, and how a baseline is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import guard, report

MACHINE = {"cpu": "A", "cores": 2, "load": 0.1}


def typing_run(in_time: float = 0.99, late: float = 0.01, p95_units: float = 3.0) -> dict[str, Any]:
    figures = {"in_time": in_time, "late": late, "generated_p95_units": p95_units}
    return document("typing", {"decode_unit_ms": 20.0, "figures": {"all": figures}})


def document(benchmark: str, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "date": "2026-01-01",
        "commit": "abc",
        "machine": MACHINE,
        "settings": {"files": 4},
        "result": result,
    }


def verdicts(baseline: dict[str, Any], *docs: dict[str, Any]) -> dict[str, str]:
    return {r.name.partition(".")[2]: r.verdict for r in guard.compare(baseline, docs)}


def test_the_same_again_is_ok() -> None:
    assert set(verdicts(guard.baseline_of([typing_run()]), typing_run()).values()) == {"ok"}


@pytest.mark.parametrize(
    ("run", "worse"),
    [
        (typing_run(in_time=0.96), "in_time"),
        (typing_run(late=0.04), "late"),
        (typing_run(p95_units=3.4), "generated_p95"),
    ],
)
def test_beyond_the_margin_is_worse(run: dict[str, Any], worse: str) -> None:
    found = verdicts(guard.baseline_of([typing_run()]), run)
    assert [name for name, verdict in found.items() if verdict != "ok"] == [worse]
    assert found[worse] == "worse"


def test_within_the_margin_and_better_are_ok() -> None:
    baseline = guard.baseline_of([typing_run()])
    for run in (typing_run(0.975, 0.025, 3.25), typing_run(1.0, 0.0, 1.0)):
        assert set(verdicts(baseline, run).values()) == {"ok"}


def test_a_figure_that_was_guarded_and_is_gone_fails() -> None:
    run = typing_run()
    del run["result"]["figures"]["all"]["late"]
    assert verdicts(guard.baseline_of([typing_run()]), run)["late"] == "missing"


def test_a_figure_the_baseline_does_not_know_is_shown_only() -> None:
    baseline = guard.baseline_of([typing_run()])
    del baseline["figures"]["typing.late"]
    assert verdicts(baseline, typing_run(late=0.5))["late"] == "new"


def test_a_baseline_is_the_median_and_its_margin_covers_the_noise() -> None:
    made = guard.baseline_of([typing_run(p95_units=u) for u in (3.0, 3.8, 3.2)])
    figure = made["figures"]["typing.generated_p95"]
    assert (figure["value"], figure["noise"], figure["margin"]) == (3.2, 0.8, 1.6)
    assert figure["runs"] == 3
    assert [run["date"] for run in made["runs"]] == ["2026-01-01"] * 3


def test_times_are_compared_in_decode_units() -> None:
    """A machine half as fast takes twice as long for the same number of units."""
    idle = {"idle_cpu": 0.0}
    fast = document("startup", {"suggestion_s": 2.0, "decode_unit_ms": 20.0, **idle})
    slow = document("startup", {"suggestion_s": 4.0, "decode_unit_ms": 40.0, **idle})
    late = document("startup", {"suggestion_s": 4.0, "decode_unit_ms": 20.0, **idle})
    baseline = guard.baseline_of([fast])
    assert verdicts(baseline, slow)["suggestion"] == "ok"
    assert verdicts(baseline, late)["suggestion"] == "worse"


def test_another_machine_and_other_settings_are_said() -> None:
    baseline = guard.baseline_of([typing_run()])
    assert guard.notes(baseline, [typing_run()]) == []
    elsewhere = typing_run() | {"machine": MACHINE | {"cpu": "B"}, "settings": {"files": 24}}
    machine, settings = guard.notes(baseline, [elsewhere])
    assert "another machine" in machine
    assert "other settings" in settings


def test_on_another_machine_only_what_is_portable_fails() -> None:
    baseline = guard.baseline_of([typing_run()])
    elsewhere = typing_run(in_time=0.5, p95_units=9.0) | {"machine": MACHINE | {"cores": 8}}
    found = verdicts(baseline, elsewhere)
    assert (found["in_time"], found["late"]) == ("elsewhere", "ok")
    assert found["generated_p95"] == "worse"


def test_documents_of_a_run_of_all_and_one_a_line(tmp_path: Path) -> None:
    both, lines = tmp_path / "both.json", tmp_path / "lines.jsonl"
    both.write_text(json.dumps({"typing": typing_run(), "startup": document("startup", {})}))
    lines.write_text("a table\n" + f"{json.dumps(typing_run())}\n" * 2)
    found = [d["benchmark"] for d in guard.documents([both, lines])]
    assert found == ["typing", "startup", "typing", "typing"]


def test_the_command_fails_exactly_when_something_is_worse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "BASELINE", tmp_path / "baseline.json")
    run = tmp_path / "run.json"
    run.write_text(json.dumps(typing_run()))
    guard.main(["--update", str(run)])
    assert guard.main([str(run)])["ok"] is True
    run.write_text(json.dumps(typing_run(in_time=0.5)))
    assert guard.main([str(run)])["ok"] is False
    assert "worse or missing: typing.in_time" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no run to compare"):
        guard.main([str(tmp_path / "absent.json")])


def test_the_committed_baseline_is_readable_and_guards_known_figures() -> None:
    kept = json.loads(guard.BASELINE.read_text(encoding="utf-8"))
    known = {f"{f.benchmark}.{f.name}" for f in guard.FIGURES}
    assert kept["figures"]
    assert set(kept["figures"]) <= known
    assert all(f["margin"] > 0 for f in kept["figures"].values())
    assert guard.BASELINE.parent == report.RESULTS.parent
