"""What a process holds, and whether that grows: memory, file handles, threads. Linux only."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Vitals(NamedTuple):
    """One process at one moment. `anonymous_mb` is what it has written itself: no mapped file."""

    rss_mb: float
    pss_mb: float
    anonymous_mb: float
    handles: int
    threads: int


def vitals(pid: int) -> Vitals:
    """Raises OSError where the process has ended."""
    folder = Path("/proc", str(pid))
    lines = (folder / "smaps_rollup").read_text().splitlines()[1:]
    kb = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
    return Vitals(
        kb["Rss"] / 1024,
        kb["Pss"] / 1024,
        kb["Anonymous"] / 1024,
        len(os.listdir(folder / "fd")),
        len(os.listdir(folder / "task")),
    )


def engine_of(name: str, value: str) -> int | None:
    """The engine among the processes that have this environment variable; None without one."""
    marker = f"{name}={value}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"slmcode.engine" not in words:
                continue
            if marker in (folder / "environ").read_bytes().split(b"\0"):
                return int(folder.name)
        except OSError:  # ended meanwhile, or another user's
            continue
    return None


class Growth(NamedTuple):
    """Of a figure over a run: a straight line by least squares, from its value at the start.

    `share` is what it gains from the first sample to the last, over the line's value at the first;
    `noise` two standard errors of that: a figure that does not grow is within it 19 times in 20.
    """

    share: float
    noise: float


def growth(at: Sequence[float], values: Sequence[float]) -> Growth | None:
    """None with fewer than four samples: two make a line, and two more its error."""
    if len(values) < 4 or at[0] == at[-1]:
        return None
    slope, start = statistics.linear_regression(at, values)
    first = start + slope * at[0]
    if first <= 0:
        return None
    mean = statistics.fmean(at)
    squares = sum((t - mean) ** 2 for t in at)
    off = sum((v - start - slope * t) ** 2 for t, v in zip(at, values, strict=True))
    error = (off / (len(values) - 2) / squares) ** 0.5
    length = at[-1] - at[0]
    return Growth(slope * length / first, 2 * error * length / first)


def most_over_least(counts: Sequence[int]) -> float | None:
    """How unequal they are; None where one is 0."""
    return max(counts) / min(counts) if min(counts) else None


def gained(values: Sequence[int]) -> int:
    """How much the median of the last third is over that of the first.

    Files are opened for a moment all the time, and an index that is made anew has none open for a
    moment: what is open in most samples is held.
    """
    third = max(len(values) // 3, 1)
    return round(statistics.median(values[-third:]) - statistics.median(values[:third]))
