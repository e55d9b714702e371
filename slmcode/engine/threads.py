"""How many threads compute: fewer while other programs keep the processor busy.

The threads of a decode wait for each other at barriers, several hundred times a token, so the
slowest one sets the pace, and on a busy machine that is one without a core. Measured on 2 cores
with two CPU-bound processes beside the engine: 2 threads 69–79 ms a token, 1 thread 53 at best;
idle 26 and about 45.

    machine   idle     busy                               idle
    threads   2 2 2 2  2 2 2      1 1 1 1 1 ... 2 2 1 ... 2 2 2 2 2
                       |          |             |         `- a probe finds it recovered
                       |          |             `- a probe, every second or few: still busy
                       |          `- five steps to prove that fewer are faster, else back
                       `- the median of five is over 1.8 times the calibrated cost

A cost is what a step took against the calibrated one: the same kind of step with all threads on an
idle machine, as far as this engine has seen one. With more cores it goes down by a quarter at a
time. Pure logic: it is told what each step took and says how many threads the next one gets.
"""

from __future__ import annotations

import enum
from collections import deque
from statistics import median

CONTENDED = 1.8  # times the calibrated cost
_WINDOW = 5  # steps that are judged together
_PROBE = 2  # steps of a probe: each may cost what the busy machine takes from more threads
_RECOVERED = 1.3  # more threads cost this at most, or
_BETTER = 0.9  # this much of what fewer cost: then they are worth the change
_SHORTEST_S = 1.0  # between probes; doubled whenever one finds nothing
_LONGEST_S = 8.0
_STEADY_S = 5.0  # a change that lasted so long was right
_UPWARD = 1.0002  # a step; a machine that stays slower is taken as it is after minutes of work


class _Mode(enum.Enum):
    STEADY = enum.auto()
    TRYING = enum.auto()  # fewer threads, which have to prove themselves
    PROBING = enum.auto()  # more threads, to see whether the machine has recovered


class ThreadControl:
    """`threads` is the number for the next step; tell `saw` what it took."""

    def __init__(self, most: int) -> None:
        self.threads = self._most = most
        self._calibrated: dict[str, float] = {}  # kind -> ms with all threads, idle
        self._costs: deque[float] = deque(maxlen=_WINDOW)  # with the present count
        self._left: list[tuple[int, float]] = []  # greater counts that were given up, their costs
        self._mode = _Mode.STEADY
        self._fewer, self._cost = most, 1.0  # where a probe came from
        self._wait_s = _SHORTEST_S / 2
        self._next_s = 0.0  # neither a probe nor a new try before this

    def saw(self, kind: str, ms: float, now: float) -> None:
        """A step took `ms` with `threads` threads and ended at `now` (s, a monotonic clock).

        `kind` tells steps apart whose times do not compare: one token, one prompt token of many.
        """
        if self._most == 1:
            return
        if self.threads == self._most:
            self._calibrate(kind, ms)
        if kind not in self._calibrated:
            return
        self._costs.append(ms / self._calibrated[kind])
        if self._mode is _Mode.PROBING:
            if len(self._costs) >= _PROBE:
                self._end_probe(min(self._costs), now)
        elif len(self._costs) == _WINDOW:
            if self._mode is _Mode.TRYING:
                self._end_try(median(self._costs), now)
            else:
                self._look(median(self._costs), now)

    def _calibrate(self, kind: str, ms: float) -> None:
        """A minimum that follows down at once and up by one part in 5,000 a step."""
        known = self._calibrated.get(kind, ms)
        self._calibrated[kind] = ms if ms < known else known * _UPWARD

    def _look(self, cost: float, now: float) -> None:
        """Go down if the machine is busy; look up from time to time if we went down."""
        if now < self._next_s:
            return
        if self._left:
            self._cost = cost
            self._use(self._left[-1][0], _Mode.PROBING)
        elif cost > CONTENDED:
            self._try_fewer(cost)

    def _try_fewer(self, cost: float) -> None:
        self._left.append((self.threads, cost))
        self._use(self.threads - max(1, self.threads // 4), _Mode.TRYING)

    def _end_try(self, cost: float, now: float) -> None:
        """Keep fewer threads if they are faster, and see whether still fewer are."""
        more, cost_of_more = self._left[-1]
        if cost > _BETTER * cost_of_more:
            self._left.pop()
            self._use(more, _Mode.STEADY)
            self._wait(now)
        elif cost > CONTENDED and self.threads > 1:
            self._try_fewer(cost)
        else:
            self._use(self.threads, _Mode.STEADY)
            self._wait(now)

    def _end_probe(self, cost: float, now: float) -> None:
        """Stay with more threads if they are worth it, else go back."""
        if cost < _RECOVERED or cost < _BETTER * self._cost:
            self._left.pop()
            self._use(self.threads, _Mode.STEADY)
            self._next_s = now  # the next probe at once: the machine may be idle altogether
        else:
            self._use(self._fewer, _Mode.STEADY)
            self._wait(now)

    def _wait(self, now: float) -> None:
        """Nothing changes for a while, a longer one each time unless the last change lasted."""
        lasted = now - self._next_s > _STEADY_S
        self._wait_s = _SHORTEST_S if lasted else min(2 * self._wait_s, _LONGEST_S)
        self._next_s = now + self._wait_s

    def _use(self, threads: int, mode: _Mode) -> None:
        if mode is _Mode.PROBING:
            self._fewer = self.threads
        self.threads, self._mode = threads, mode
        self._costs.clear()
