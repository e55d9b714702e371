"""How starts are summed up, with and without a suggestion."""

from __future__ import annotations

import pytest

from benchmarks import startup
from benchmarks.startup import Idle, Start

IDLE = Idle(settle_cpu_s=1.5, cpu_share=0.002, pss_mb=500.0, rss_mb=900.0, unit_ms=20.0)


def test_medians_of_the_starts_and_the_cold_one_apart() -> None:
    starts = [Start(0.4, 1.0, 2.0), Start(0.5, 1.2, 3.0), Start(0.6, 1.1, 2.2)]
    found = startup.summary(Start(0.7, 3.0, 5.0), starts, IDLE)
    assert (found["initialized_s"], found["ready_s"], found["suggestion_s"]) == (0.5, 1.1, 2.2)
    assert found["suggestion_max_s"] == 3.0
    assert found["cold_cache"] == {"initialized_s": 0.7, "ready_s": 3.0, "suggestion_s": 5.0}
    assert (found["idle_cpu"], found["decode_unit_ms"]) == (0.002, 20.0)
    assert found["without_suggestion"] == 0


def test_a_start_without_a_suggestion_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    starts = [Start(0.4, 1.0, None), Start(0.4, 1.0, 2.0)]
    found = startup.summary(starts[0], starts, IDLE)
    assert (found["without_suggestion"], found["suggestion_s"]) == (1, 2.0)
    startup.show(startup.summary(starts[0], [starts[0]], IDLE))
    assert "0.20 % of a core" in capsys.readouterr().out
