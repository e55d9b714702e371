"""What every benchmark says beside its figures: machine, commit, table, the JSON line, the record.

A record is one line of `results.jsonl`: the JSON document a run printed last. `LOG.md` says in
words what was tried and what came of it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("SLMCODE_DATA", ROOT.parent / "shared" / "data"))
RESULTS = Path(__file__).with_name("results.jsonl")
ARTIFACTS = ROOT / "artifacts"  # what runs leave behind; not in the repository
_WIDTH = 120  # columns of a table that no terminal shows
_DIGITS = 4  # of every float in the JSON document; more is noise


def machine() -> dict[str, Any]:
    """CPU, cores, instructions that matter to the model, memory in GB, system."""
    info = _read("/proc/cpuinfo")
    name = re.search(r"^model name\s*:\s*(.*)$", info, re.MULTILINE)
    flags = re.search(r"^flags\s*:(.*)$", info, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    memory = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return {
        "cpu": name[1] if name else platform.processor(),
        "cores": os.cpu_count(),
        "instructions": [f for f in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if f in present],
        "memory_gb": round(int(memory[1]) / 1e6) if memory else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def commit() -> str:
    """The commit measured, with "+" where files differ from it; "" outside of a checkout."""
    run = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=+"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout.strip()


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column to the left, figures to the right."""
    out = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        out.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        out.add_row(*row)
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(out)


def percent(value: float | None) -> str:
    """A share for a table."""
    return "–" if value is None else f"{100 * value:.1f} %"


def number(value: float | None, digits: int = 1) -> str:
    """A figure for a table."""
    return "–" if value is None else f"{value:,.{digits}f}"


def document(benchmark: str, settings: Mapping[str, Any], result: Mapping[str, Any]) -> Any:
    """The JSON document of a run."""
    return _rounded(
        {
            "benchmark": benchmark,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "machine": machine(),
            "settings": dict(settings),
            "result": dict(result),
        }
    )


def record(doc: Any) -> None:
    """Append the document to `results.jsonl`."""
    with RESULTS.open("a", encoding="utf-8") as out:
        out.write(json.dumps(doc, ensure_ascii=False) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return value


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
