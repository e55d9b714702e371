"""CPU time and memory of the processes we started, from /proc. Linux only.

They are found by an environment variable they inherit, so that an engine which the server
started on its own, and any process the engine starts, is counted too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """Sums over the processes found; memory in MB, shared pages counted by their share (PSS)."""

    cpu_s: float
    pss_mb: float
    rss_mb: float
    n: int


def usage(name: str, value: str) -> Usage:
    """Usage of all processes of ours with that environment variable. Ended ones are not in it."""
    marker = f"{name}={value}".encode()
    total = Usage(0.0, 0.0, 0.0, 0)
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if marker not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            memory = _rollup(folder)
        except OSError:  # ended meanwhile, or another user's
            continue
        total = Usage(
            total.cpu_s + (int(fields[11]) + int(fields[12])) * _TICK_S,
            total.pss_mb + memory["Pss"] / 1024,
            total.rss_mb + memory["Rss"] / 1024,
            total.n + 1,
        )
    return total


def _rollup(folder: Path) -> dict[str, int]:
    """Fields of smaps_rollup in kB."""
    lines = (folder / "smaps_rollup").read_text().splitlines()[1:]
    return {name: int(value.split()[0]) for name, value in (line.split(":", 1) for line in lines)}
