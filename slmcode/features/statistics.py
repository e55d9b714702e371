"""Local counters: how many requests, how fast, how often with text, what was reused and accepted.

Counts and times only, never text or file names. They are added to one small file in the user's
state folder when the server ends and once a minute, and shown by `slmcode stats`.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
from filelock import FileLock

from slmcode.engine.job import Timings
from slmcode.features import energy
from slmcode.features.answer import Answer, Completion

BUCKETS_MS = (2, 5, 10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000, 2000, 5000)


class Counters(msgspec.Struct):
    """Sums. `latency_counts[i]` are answers within BUCKETS_MS[i]; the last one is the rest."""

    requests: int = 0
    completions: int = 0
    from_memory: int = 0
    reasons: dict[str, int] = {}
    latency_counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS_MS) + 1))
    shown: int = 0
    accepted: int = 0
    partially_accepted: int = 0
    dismissed: int = 0
    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0
    draft_n: int = 0
    draft_n_accepted: int = 0
    prompt_ms: float = 0.0
    predicted_ms: float = 0.0
    accepted_characters: int = 0  # of completions, code points
    server_cpu_s: float = 0.0
    engine_cpu_s: float = 0.0
    joules: float = 0.0  # server and engine, as `energy` says
    measured_characters: int = 0  # those of accepted_characters while joules were known

    def add(self, other: Counters) -> None:
        """Add every counter of `other`."""
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, dict):
                for key, n in theirs.items():
                    mine[key] = mine.get(key, 0) + n
            elif isinstance(mine, list):
                setattr(self, name, [a + b for a, b in zip(mine, theirs, strict=True)])
            else:
                setattr(self, name, mine + theirs)


class Statistics:
    """The counters of this process since they were last saved. Event loop only."""

    def __init__(self) -> None:
        self.counters = Counters()

    def answered(self, answer: Answer, arrived: float) -> None:
        """A request was answered just now."""
        c = self.counters
        c.requests += 1
        ms = (time.monotonic() - arrived) * 1e3
        c.latency_counts[bisect_left(BUCKETS_MS, ms)] += 1
        if isinstance(answer, Completion):
            c.completions += 1
            c.from_memory += answer.from_memory
        else:
            c.reasons[answer.reason] = c.reasons.get(answer.reason, 0) + 1

    def generated(self, timings: Timings) -> None:
        """A generation has ended."""
        c = self.counters
        c.cache_n += timings.cache_n
        c.prompt_n += timings.prompt_n
        c.predicted_n += timings.predicted_n
        c.draft_n += timings.draft_n
        c.draft_n_accepted += timings.draft_n_accepted
        c.prompt_ms += timings.prompt_ms
        c.predicted_ms += timings.predicted_ms

    def save(self, folder: Path, read_energy: Callable[[], energy.Reading] | None = None) -> None:
        """Add the counters to the file in `folder` and begin at zero. Raises OSError.

        `read_energy` is called where there is something to save: a machine at rest is left alone.
        """
        if self.counters == Counters():
            return
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        with FileLock(path.with_suffix(".lock"), timeout=_LOCK_S):
            if read_energy is not None:
                self._add_energy(folder, read_energy())
            total = load(folder)
            total.add(self.counters)
            _write(path, msgspec.json.encode(total))
        self.counters = Counters()

    def _add_energy(self, folder: Path, reading: energy.Reading) -> None:
        """What the server used, and what its engine used since any server looked at it."""
        c, server = self.counters, reading.server
        c.server_cpu_s += server.cpu_s
        engine = energy.Used(0.0, 0.0)
        if reading.engine is not None:
            marks = _marks(folder)
            before = marks.get(reading.engine_key, reading.started)
            if before is not None:
                engine = energy.used(before, reading.engine)
                c.engine_cpu_s += engine.cpu_s
            marks[reading.engine_key] = reading.engine
            alive = {k: m for k, m in marks.items() if psutil.pid_exists(int(k.split()[0]))}
            _write(folder / MARKS, msgspec.json.encode(alive))
        if server.joules is not None and engine.joules is not None:
            c.joules += server.joules + engine.joules
            c.measured_characters += c.accepted_characters


_LOCK_S = 1.0  # a server that ends waits for it, and its editor gives it 2 s
FILE = "statistics.json"
MARKS = "engines.json"  # the last reading of each engine


def _write(path: Path, data: bytes) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def _marks(folder: Path) -> dict[str, energy.Mark]:
    try:
        return msgspec.json.decode((folder / MARKS).read_bytes(), type=dict[str, energy.Mark])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def load(folder: Path) -> Counters:
    """The saved counters; zero where there are none or the file is damaged."""
    try:
        counters = msgspec.json.decode((folder / FILE).read_bytes(), type=Counters)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Counters()
    if len(counters.latency_counts) != len(BUCKETS_MS) + 1:
        return Counters()
    return counters
