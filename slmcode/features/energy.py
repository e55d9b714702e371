"""What the work costs: seconds of the processor, and joules where the machine counts them.

Intel's and AMD's processors count the energy of the whole package (RAPL); Linux shows the counters
in /sys/class/powercap, since 5.10 to root alone unless an administrator lets others read
them. Our share of the joules of an interval is our share of the processor time that all
processes of the machine used in it:

    joules = package joules * (our CPU seconds / all CPU seconds that were not idle)

So what the package takes at rest is shared by those who work, and memory, screen and disk are not
in it. Server and engine are measured apart, each between two of its own readings. An engine serves
several servers: the last reading of it lies in a file (`marks`), and whoever reads next counts what
came since, so nothing is counted twice. What a server's children used counts when they end.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

POWERCAP = Path("/sys/class/powercap")
_MICRO = 1e6


class Package(msgspec.Struct, frozen=True):
    """A counter of energy, which begins anew when it is over `most_uj`."""

    uj: int
    most_uj: int


class Mark(msgspec.Struct, frozen=True):
    """The counters of a process and of the machine at one moment."""

    cpu_s: float  # of the process
    busy_s: float  # of all processes
    packages: dict[str, Package]  # by their name in POWERCAP; empty where they cannot be read


class Used(NamedTuple):
    """What was used between two marks. `joules` is None where it is not known."""

    cpu_s: float
    joules: float | None


class Reading(NamedTuple):
    """What one look at server and engine found."""

    server: Used
    engine: Mark | None
    engine_key: str  # of its process; a pid alone may be used again
    started: Mark | None  # where the engine was begun after this server: its mark at zero


class Meter:
    """Reads this process and its engine. Any one thread at a time."""

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._powercap = powercap
        self._began_at = psutil.Process().create_time()
        self._began = self._last = self._mark(_own_cpu_s())

    def read(self, engine_pid: int | None) -> Reading:
        """What this server used since the last call, and where its engine stands."""
        now = self._mark(_own_cpu_s())
        server = used(self._last, now)
        self._last = now
        if engine_pid is not None:
            try:
                engine = psutil.Process(engine_pid)
                times = engine.cpu_times()
                began = engine.create_time()
            except psutil.Error:
                pass
            else:
                mark = self._mark(times.user + times.system)
                is_ours = began >= self._began_at
                zero = msgspec.structs.replace(self._began, cpu_s=0.0) if is_ours else None
                return Reading(server, mark, f"{engine_pid} {began:.2f}", zero)
        return Reading(server, None, "", None)

    def _mark(self, cpu_s: float) -> Mark:
        return Mark(cpu_s, _busy_s(), _packages(self._powercap))


def used(before: Mark, now: Mark) -> Used:
    """What a process used between two of its marks."""
    cpu_s = max(0.0, now.cpu_s - before.cpu_s)
    busy_s = now.busy_s - before.busy_s
    if not now.packages or before.packages.keys() != now.packages.keys():
        return Used(cpu_s, None)
    joules = 0.0
    for name, package in now.packages.items():
        grown = package.uj - before.packages[name].uj
        joules += (grown if grown >= 0 else grown + package.most_uj) / _MICRO
    return Used(cpu_s, joules * min(1.0, cpu_s / busy_s) if busy_s > 0 else 0.0)


def unreadable(powercap: Path = POWERCAP) -> str:
    """Why joules are not known on this machine, as half a sentence; "" where they can be read."""
    names = _package_names(powercap)
    if not names:
        return "this machine shows no energy counter (RAPL)"
    for name in names:
        try:
            int((powercap / name / "energy_uj").read_text())
        except PermissionError:
            return f"{powercap / name / 'energy_uj'} may be read by an administrator only"
        except (OSError, ValueError):
            return f"{powercap / name / 'energy_uj'} cannot be read"
    return ""


def _package_names(powercap: Path) -> list[str]:
    """The counters of whole packages: "intel-rapl:0", and not "intel-rapl:0:0", its cores."""
    try:
        names = sorted(path.name for path in powercap.glob("intel-rapl:*"))
    except OSError:
        return []
    return [name for name in names if name.count(":") == 1 and _is_package(powercap / name)]


def _is_package(zone: Path) -> bool:
    """Not "psys", which is the whole machine with the packages in it."""
    try:
        return (zone / "name").read_text().startswith("package")
    except OSError:
        return False


def _packages(powercap: Path) -> dict[str, Package]:
    """All counters, or none."""
    found = {}
    try:
        for name in _package_names(powercap):
            zone = powercap / name
            uj = int((zone / "energy_uj").read_text())
            found[name] = Package(uj, int((zone / "max_energy_range_uj").read_text()))
    except (OSError, ValueError):
        return {}
    return found


def _own_cpu_s() -> float:
    """Of this process and its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy_s() -> float:
    """CPU seconds of all processes since the machine was started."""
    times: dict[str, float] = psutil.cpu_times()._asdict()
    return sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))
