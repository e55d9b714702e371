"""Who gets the model thread, and when.

One thread owns every llama_context; there is no lock around it. Jobs wait in an inbox and are
taken in by the thread between two steps. A step is one llama_decode. The rules:

- The most urgent job goes first (`Priority`), among equals the one that came first.
- A more urgent job, or a cancel of the running one, breaks off the decode under way
  (`Backend.interrupt`), so the wait is about one node of the graph, not one decode.
- Two jobs on one sequence: a newer, at least equally urgent job ends the older one, because it
  is what the user wants now. A less urgent one waits until the older has ended.
- Cancel and deadline take effect between two decodes. What was evaluated stays in the
  sequence and is reused.
- A job that is being worked on keeps its sequence; others are given away, least recently used
  first. With no sequence to give the job waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from slmcode.engine.decode import Runner
from slmcode.engine.job import Chunk, Done, Job, Stop, Timings
from slmcode.engine.sequence import SequencePool

Send = Callable[[Chunk | Done], None]  # called on the model thread; must not block


@dataclass(eq=False)
class _Entry:
    """A job in the scheduler."""

    job_id: int
    job: Job
    send: Send
    arrived: float
    timings: Timings = field(default_factory=Timings)
    steps: Generator[None, None, tuple[Stop, str]] | None = None
    started: float = 0.0
    last_step_end: float = 0.0


class Scheduler:
    """Runs jobs on the calling thread (`serve`), takes them from any thread (`submit`)."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.pool = SequencePool(runner.backend)
        self._inbox: deque[_Entry | tuple[int, Send]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._entries: list[_Entry] = []  # in order of arrival; model thread only
        self._running: _Entry | None = None

    # Any thread.

    def submit(self, job_id: int, job: Job, send: Send) -> None:
        """Take a job; `send` gets its chunks and exactly one Done. `(job_id, send)` names it."""
        self._post(_Entry(job_id, job, send, time.monotonic()))
        running = self._running
        if running is not None and job.priority < running.job.priority:
            self._runner.backend.interrupt()

    def cancel(self, job_id: int, send: Send) -> None:
        """End a job between two decodes; no effect if it has ended."""
        self._post((job_id, send))
        running = self._running
        if running is not None and running.job_id == job_id and running.send == send:
            self._runner.backend.interrupt()

    def close(self) -> None:
        """Let `serve` return after the current step; jobs that are left end as LOST."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._runner.backend.interrupt()

    def _post(self, item: _Entry | tuple[int, Send]) -> None:
        with self._wake:
            self._inbox.append(item)
            self._wake.notify()

    # Model thread.

    def serve(self) -> None:
        """Work until `close`."""
        while True:
            with self._wake:
                while not self._inbox and not self._entries and not self._closing:
                    self._wake.wait()
                if self._closing:
                    break
            self.step()
        for entry in list(self._entries):
            self._end(entry, Stop.LOST, "the engine is leaving")

    def step(self) -> bool:
        """Take in what arrived and do one decode of the most urgent job. False: nothing to do."""
        self._runner.backend.resume()
        while self._inbox:
            self._take_in(self._inbox.popleft())
        now = time.monotonic()
        for entry in list(self._entries):
            if entry.job.deadline is not None and now >= entry.job.deadline:
                self._end(entry, Stop.DEADLINE)
        # A stable sort: equals keep the order of arrival.
        for entry in sorted(self._entries, key=lambda e: e.job.priority):
            if entry.steps is not None or self._start(entry):
                self._advance(entry)
                return True
        return False

    def _take_in(self, item: _Entry | tuple[int, Send]) -> None:
        if isinstance(item, _Entry):
            for other in list(self._entries):
                same = other.job.sequence == item.job.sequence
                if same and item.job.priority <= other.job.priority:
                    self._end(other, Stop.CANCELLED, "a newer job on the same sequence")
            self._entries.append(item)
            return
        job_id, send = item
        for entry in self._entries:
            if entry.job_id == job_id and entry.send == send:
                self._end(entry, Stop.CANCELLED)
                return

    def _start(self, entry: _Entry) -> bool:
        """Give the job its sequence. False if it has to wait for one."""
        busy = frozenset(e.job.sequence for e in self._entries if e.steps is not None)
        if entry.job.sequence in busy:
            return False
        sequence = self.pool.acquire(entry.job.sequence, entry.job.tokens, busy)
        if sequence is None:
            return False
        entry.started = entry.last_step_end = time.monotonic()
        entry.timings.queued_ms = (entry.started - entry.arrived) * 1e3

        def emit(data: bytes, tokens: list[int], logprobs: list[float]) -> None:
            entry.send(Chunk(entry.job_id, data, tokens, logprobs))

        entry.steps = self._runner.run(entry.job, sequence, entry.timings, emit)
        return True

    def _advance(self, entry: _Entry) -> None:
        """One step of a job that has its sequence."""
        assert entry.steps is not None
        self._running = entry
        if self._inbox:  # arrived before `submit` could see what runs: look at it first
            self._running = None
            return
        entry.timings.other_ms += (time.monotonic() - entry.last_step_end) * 1e3
        try:
            next(entry.steps)
        except StopIteration as e:
            stop, message = e.value
            self._end(entry, stop, message)
        except Exception as e:  # a fault of ours must end one job, not the engine
            self._end(entry, Stop.FAILED, f"{type(e).__name__}: {e}")
        finally:
            self._running = None
            entry.last_step_end = time.monotonic()

    def _end(self, entry: _Entry, stop: Stop, message: str = "") -> None:
        if entry.steps is not None:
            entry.steps.close()
        self._entries.remove(entry)
        entry.send(Done(entry.job_id, stop, entry.timings, message))
