"""What the benchmarks say beside their figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.processes import usage


def test_document_is_json_with_rounded_figures() -> None:
    doc = report.document("x", {"n": 1}, {"a": 1 / 3, "b": [2 / 3], "c": None, "d": 12345})
    assert doc["result"] == {"a": 0.3333, "b": [0.6667], "c": None, "d": 12345}
    assert doc["machine"]["cores"] == os.cpu_count()
    json.dumps(doc)


def test_record_appends_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results.jsonl")
    report.record({"a": 1})
    report.record({"b": "é"})
    lines = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"a": 1}, {"b": "é"}]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_usage_counts_marked_processes_and_no_others() -> None:
    name, value = "SLMCODE_TEST_MARKER", str(os.getpid())
    assert usage(name, value).n == 0
    code = "sum(i * i for i in range(2_000_000)); print('done', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, name: value},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        found = usage(name, value)
        process.communicate(b"\n")
    assert found.n == 1
    assert found.cpu_s > 0
    assert found.rss_mb >= found.pss_mb > 1
    assert usage(name, value).n == 0
