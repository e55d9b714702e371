"""What a soak and a run of many clients are judged by."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bars, soak
from benchmarks.clients import Typist, turns_of
from benchmarks.soak import Repository, Sample, summary, warm_up_s
from benchmarks.vitals import Vitals, gained, growth, vitals
from slmcode.engine.job import Stop

HOUR = 3600.0


def test_growth_is_that_of_a_line_and_its_noise_that_of_what_is_off_it() -> None:
    at = [60.0 * n for n in range(10)]
    exact = growth(at, [100.0 + n for n in range(10)])
    assert exact is not None
    assert exact.share == pytest.approx(0.09)
    assert exact.noise == pytest.approx(0.0, abs=1e-9)
    rng = random.Random(1)
    noisy = growth(at, [100.0 + rng.gauss(0, 3) for _ in at])
    assert noisy is not None
    assert abs(noisy.share) < noisy.noise < 0.1
    assert growth(at[:3], [1.0, 2.0, 3.0]) is None


def test_a_handle_that_is_open_for_a_moment_is_not_held() -> None:
    assert gained([18, 25, 18, 16, 18, 18, 18, 18, 30]) == 0
    assert gained([18, 18, 19, 19, 20, 20]) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_vitals_of_this_process() -> None:
    before = vitals(os.getpid())
    with open(os.devnull):
        held = bytearray(os.urandom(64)) * 500_000
        after = vitals(os.getpid())
    assert after.handles == before.handles + 1
    assert after.anonymous_mb - before.anonymous_mb > 20
    assert before.rss_mb >= before.pss_mb > 1
    assert len(held) == 32_000_000


def samples(minutes: int, **changed: Any) -> list[Sample]:
    """A run in which nothing grows but what is `changed`: a function of the minute."""

    def of(name: str, n: int, usual: float) -> Any:
        return changed[name](n) if name in changed else usual

    return [
        Sample(
            at_s=60.0 * n,
            server=Vitals(of("server", n, 100.0), 90, 80, of("handles", n, 18), 8),
            engine=Vitals(of("engine", n, 600.0), 590, 200, 11, 4),
            waiting=0,
            unit_ms=20,
            answer_p50_ms=of("answer", n, 46.0),
            p50_units=2,
            p95_units=4,
            text_p50_units=of("text", n, 2.0),
            text_p95_units=6,
            own_p50_ms=of("own", n, 1.0),
            keys=200,
        )
        for n in range(1, minutes + 1)
    ]


def test_an_hour_without_growth_is_within_bounds_and_each_kind_of_growth_is_not() -> None:
    assert summary(samples(60), HOUR, 0)["out_of_bounds"] == []
    for what, changed in (
        ("server's memory", {"server": lambda n: 100 + 0.06 * n}),
        ("engine's memory", {"engine": lambda n: 600 + 0.4 * n}),
        ("server's handles", {"handles": lambda n: 18 + n // 30}),
        ("time to an answer", {"answer": lambda n: 46 + 0.2 * n}),
        ("time to text", {"text": lambda n: 2.0 + 0.02 * n}),
        ("the server's own share", {"own": lambda n: 1.0 + 0.05 * n}),
    ):
        (bad,) = summary(samples(60, **changed), HOUR, 0)["out_of_bounds"]
        assert bad.startswith(what)
    (bad,) = summary(samples(60), HOUR, 1)["out_of_bounds"]
    assert bad == "1 requests without an answer"


def test_warming_up_is_no_growth() -> None:
    assert [warm_up_s(m * 60) for m in (4, 10, 60, 600)] == [120, 150, 900, 900]
    grown = summary(samples(60, server=lambda n: 100 + 5 * min(n, 15)), HOUR, 0)
    assert grown["out_of_bounds"] == []


def test_a_short_run_is_excused_its_noise_and_no_leak() -> None:
    rng = random.Random(3)
    noisy = summary(samples(10, server=lambda n: 100 + rng.gauss(0, 1)), 600, 0)
    assert noisy["out_of_bounds"] == []
    (bad,) = summary(samples(10, engine=lambda n: 600 + 5 * n), 600, 0)["out_of_bounds"]
    assert bad.startswith("engine's memory: +5.7 %")
    bad = summary(samples(4), 240, 0)["out_of_bounds"]
    assert [b.partition(":")[2] for b in bad] == [" too few samples"] * 4


def test_the_repository_has_two_branches_that_differ(tmp_path: Path) -> None:
    repository = Repository(tmp_path, random.Random(1))
    before = {path: path.read_text("utf-8") for path in repository.files()}
    repository.switch()
    after = {path: path.read_text("utf-8") for path in repository.files()}
    assert before.keys() - after.keys()
    assert after.keys() - before.keys()
    assert any(before[path] != after[path] for path in before.keys() & after.keys())
    repository.switch()
    assert {path: path.read_text("utf-8") for path in repository.files()} == before


def test_a_function_to_edit_is_found_or_not() -> None:
    text = "x = 1\n\n\ndef f():\n    return 2\n"
    assert soak._function(text, random.Random(1)) == (3, 5)
    assert soak._function("def f(:\n", random.Random(1)) is None


def test_turns_of_clients_are_summed_up() -> None:
    def typist(served: int, busy: int) -> Typist:
        stops = Counter({Stop.LINES.value: served, Stop.BUSY.value: busy})
        lines = [50.0] * served
        return Typist(served + busy, served, stops, served, 9 * served, lines, [10.0] * served)

    found = turns_of(typist(4, 0), [typist(3, 1), typist(6, 2)], 10.0)
    assert (found["served_most_over_least"], found["dropped"]) == (2.0, 3 / 12)
    assert (found["line_p95_units"], found["queued_p95_units"]) == (5.0, 1.0)
    starved = turns_of(typist(4, 0), [typist(0, 1), typist(6, 2)], 10.0)
    assert starved["served_most_over_least"] is None


def test_bars_have_the_long_run_where_there_is_one() -> None:
    def doc(minutes: int, share: float) -> dict[str, Any]:
        result = summary(samples(60), HOUR, 0)
        result["growth"]["server's memory"]["share"] = share
        settings = {"minutes": minutes}
        told = {"date": "2026-01-01T00:00:00", "commit": "x", "benchmark": "soak"}
        return told | {"settings": settings, "result": result}

    data = bars.Data([doc(60, 0.01), doc(10, 0.5)], [], [], None)
    found = {bar.what: bar for bar in bars.bars(data)}
    bar = found["soak: growth of the server's memory"]
    assert (bar.value, bar.met) == (0.01, True)
    assert found["soak: growth of the engine's handles"].met
    assert found["20 clients typing at once, most served over least"].met is None
