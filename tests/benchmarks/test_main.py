"""All benchmarks in one run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import __main__ as all_benchmarks
from benchmarks import guard


def test_all_run_in_order_and_leave_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[str, list[str]]] = []

    def benchmark(module: str) -> Any:
        name = module.rpartition(".")[2]

        def run(flags: list[str]) -> dict[str, str]:
            ran.append((name, flags))
            return {"benchmark": name}

        return SimpleNamespace(main=run)

    path = tmp_path / "new" / "bench.json"
    monkeypatch.setattr(all_benchmarks.importlib, "import_module", benchmark)
    monkeypatch.setattr(all_benchmarks, "DOCUMENT", path)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--short"])
    all_benchmarks.main()
    names = ["fim", "typing", "speculation", "startup"]
    names += ["index", "context", "translation", "clients"]
    assert ran == [(name, ["--short"]) for name in names]
    last = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(last) == json.loads(path.read_text(encoding="utf-8"))
    found = [d["benchmark"] for d in guard.documents([path])]
    assert found == names
