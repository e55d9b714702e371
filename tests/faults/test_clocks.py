"""The wall clock may jump: nothing that waits, expires or is ordered looks at it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

import slmcode
from slmcode.features import project

# Who asks for the time of day, and why that does no harm.
WALL_CLOCK = {
    "features/project.py": "indexes that nobody opened for 90 days are removed; they are made anew",
    "features/audit.py": "the time of an entry, for people",
    "cli/audit.py": "entries since a time, for people",
    "features/tuning.py": "the date of a tuned file, for people",
    "models/provenance.py": "the date of a download, for people",
    "translate/runtime/slmcode_runtime/dates.py": "a translated program asks for the date",
}
_ASKS = re.compile(r"\btime\.(time|time_ns|localtime|gmtime)\(|datetime\.now\(|date\.today\(")


def test_nothing_but_what_is_for_people_uses_the_wall_clock() -> None:
    root = Path(slmcode.__file__).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if _ASKS.search(path.read_text(encoding="utf-8"))
    }
    assert found <= WALL_CLOCK.keys()


def test_an_index_that_was_just_opened_outlives_a_jump_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that was years ahead, and is set right, makes no index old."""
    database = tmp_path / "x.sqlite"
    database.write_bytes(b"")
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real - 5 * 365 * 86_400)
    project._remove_unused(tmp_path)
    assert database.exists()
