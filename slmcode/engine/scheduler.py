"""Who gets the model thread, and when.

One thread owns every llama_context; there is no lock around it. Jobs wait in an inbox and are
taken in by the thread between two steps. A step is one llama_decode. The rules:

- The most urgent job goes first (`Priority`), whichever model it is for. Among equals clients take
  turns: next is the one that had a job started longest ago. A job that was started runs to its
  end, because one that is parked keeps its sequence; and one that is replaced by the next key's
  hands its turn on, for `_TURN` decodes in all: a turn that every key ends would write nothing.
  One client's jobs go in the order they came.
- More is not queued than is of use: of a client that has `_MOST_WAITING` jobs waiting the least
  urgent ends as BUSY, and so does a completion that waited `_LONGEST_WAIT_S` for other clients.
- A more urgent job, or a cancel of the running one, breaks off the decode under way
  (`Backend.interrupt`), so the wait is about one node of the graph, not one decode.
- Two jobs on one sequence: a newer, at least equally urgent job ends the older one, because it
  is what the user wants now. A less urgent one waits until the older has ended.
- Cancel and deadline take effect between two decodes. What was evaluated stays in the
  sequence and is reused.
- A job that is being worked on keeps its sequence; others are given away, least recently used
  first. With no sequence to give the job waits.
- A job for weights that are not loaded has them loaded and waits (`served.py`); others go on. If
  they cannot be loaded every job that waits for them ends, and the next one tries again.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from slmcode.engine.backend import ModelRefused
from slmcode.engine.decode import Runner
from slmcode.engine.job import Chunk, Done, Job, Priority, Stop, Timings, Weights
from slmcode.engine.sequence import SequencePool
from slmcode.engine.served import IDLE_S, Loaded, LoadWeights, SecondModels, Served

Send = Callable[[Chunk | Done], None]  # called on the model thread; must not block

_TURN = 8  # decodes; a line takes about as many
_MOST_WAITING = 64  # jobs of a client; an editor with edits and translations has some ten
_LONGEST_WAIT_S = 2.0  # as long as a completion asked for by command may take

# A client that sends without end must not keep the thread from its decodes: so many messages are
# taken in between two of them, and so often is looked for newer ones before the next.
_TAKEN_IN = 256  # 10 ms
_LOOKS = 3


@dataclass(eq=False)
class _Entry:
    """A job in the scheduler."""

    job_id: int
    job: Job
    send: Send
    arrived: float
    timings: Timings = field(default_factory=Timings)
    served: Served | None = None  # what it runs on, once it does
    steps: Generator[None, None, tuple[Stop, str]] | None = None
    started: float = 0.0
    last_step_end: float = 0.0

    @property
    def key(self) -> tuple[Weights | None, str]:
        """Whose sequence it works on."""
        return self.job.weights, self.job.sequence

    @property
    def client(self) -> int:
        """Who asked: jobs of one client have the same `send`."""
        return id(self.send)


class Turns:
    """Whose turn it is, and when each client last had a job started; forgotten with the client."""

    def __init__(self) -> None:
        self._started: dict[int, tuple[weakref.ref[Send], int]] = {}
        self._n = 0
        self._holder = 0  # a client, and
        self._left = 0  # the decodes of its turn that are left

    def started(self, send: Send) -> None:
        """The client has just had its turn."""
        client = id(send)
        self._n += 1
        gone = weakref.ref(send, lambda _: self._started.pop(client, None))
        self._started[client] = gone, self._n

    def works(self, client: int) -> None:
        """A decode for the client. It has the turn from now on, if nobody else has it still."""
        if client != self._holder and self._left <= 0:
            self._holder, self._left = client, _TURN
        self._left -= 1

    def ended(self, client: int) -> None:
        """A job of the client came to its end, and its turn with it."""
        if client == self._holder:
            self._left = 0

    def rank(self, client: int, begun: bool) -> int:
        """Lowest goes first: who has the turn, who has begun, whose last turn was longest ago."""
        if client == self._holder and self._left > 0:
            return -2
        if begun:
            return -1
        known = self._started.get(client)
        return known[1] if known is not None else 0


_Item = _Entry | tuple[int, Send] | Loaded


class Scheduler:
    """Runs jobs on the calling thread (`serve`), takes them from any thread (`submit`)."""

    def __init__(
        self, runner: Runner, load: LoadWeights | None = None, idle_s: float = IDLE_S
    ) -> None:
        """`runner` is the engine's own model. `load` loads those that jobs name (None: they are
        refused); they are left when no job named them for `idle_s`."""
        self._runner = runner
        self.pool = SequencePool(runner.backend)
        self._own = Served(runner, self.pool, 0.0)
        self._second = SecondModels(load, self._post, idle_s)
        self._inbox: deque[_Item] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._entries: list[_Entry] = []  # in order of arrival; model thread only
        self._turns = {priority: Turns() for priority in Priority}
        self._running: _Entry | None = None
        self._looks = 0  # for newer messages, since the last decode

    # Any thread.

    def submit(self, job_id: int, job: Job, send: Send) -> None:
        """Take a job; `send` gets its chunks and exactly one Done. `(job_id, send)` names it."""
        self._post(_Entry(job_id, job, send, time.monotonic()))
        running = self._running
        if running is not None and job.priority < running.job.priority:
            _interrupt(running)

    def cancel(self, job_id: int, send: Send) -> None:
        """End a job between two decodes; no effect if it has ended."""
        self._post((job_id, send))
        running = self._running
        if running is not None and running.job_id == job_id and running.send == send:
            _interrupt(running)

    def close(self) -> None:
        """Let `serve` return after the current step; jobs that are left end as LOST."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        running = self._running
        if running is not None:
            _interrupt(running)

    def _post(self, item: _Item) -> None:
        with self._wake:
            self._inbox.append(item)
            self._wake.notify()

    # Model thread.

    def serve(self) -> None:
        """Work until `close`."""
        while not self._closing:
            if not self.step():
                self._rest()
        for entry in list(self._entries):
            self._end(entry, Stop.LOST, "the engine is leaving")
        self._second.stop_loading()
        for item in self._inbox:
            if isinstance(item, Loaded):
                self._second.arrived(item, time.monotonic())
        self._second.close()

    def step(self) -> bool:
        """Take in what arrived and do one decode of the most urgent job. False: nothing to do."""
        for _ in range(min(len(self._inbox), _TAKEN_IN)):
            self._take_in(self._inbox.popleft())
        now = time.monotonic()
        for entry in list(self._entries):
            if entry.job.deadline is not None and now >= entry.job.deadline:
                self._end(entry, Stop.DEADLINE)
            elif self._waits_in_vain(entry, now):
                self._end(entry, Stop.BUSY, "other editors keep the engine busy")
        self._second.leave_idle({e.job.weights for e in self._entries}, now)
        for entry in self._in_order():
            if entry.steps is not None or self._start(entry):
                self._advance(entry)
                return True
        return False

    def _in_order(self) -> list[_Entry]:
        """All jobs, the one to be worked on first."""
        if len(self._entries) < 2:
            return list(self._entries)
        begun = {(e.job.priority, e.client) for e in self._entries if e.steps is not None}

        def key(entry: _Entry) -> tuple[Priority, int]:
            priority, client = entry.job.priority, entry.client
            return priority, self._turns[priority].rank(client, (priority, client) in begun)

        return sorted(self._entries, key=key)  # a stable sort: equals keep the order of arrival

    def _waits_in_vain(self, entry: _Entry, now: float) -> bool:
        """Whether a completion waited for other clients so long that nobody waits for it."""
        if entry.steps is not None or entry.job.priority is not Priority.COMPLETION:
            return False
        if now - entry.arrived < _LONGEST_WAIT_S:
            return False
        others = (e for e in self._entries if e.client != entry.client)
        return any(e.job.priority is Priority.COMPLETION for e in others)

    def _rest(self) -> None:
        """Wait for something to do: what arrives, a deadline, weights to be left."""
        times = [e.job.deadline for e in self._entries] + [self._second.next_leave()]
        until = min((t for t in times if t is not None), default=None)
        with self._wake:
            while not self._inbox and not self._closing:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return
                self._wake.wait(left)

    def _take_in(self, item: _Item) -> None:
        match item:
            case Loaded(weights, _, refusal):
                self._second.arrived(item, time.monotonic())
                for entry in [e for e in self._entries if refusal and e.job.weights == weights]:
                    self._end(entry, Stop.FAILED, refusal)
            case _Entry():
                for other in list(self._entries):
                    if other.key == item.key and item.job.priority <= other.job.priority:
                        self._end(other, Stop.CANCELLED, "a newer job on the same sequence")
                self._entries.append(item)
                self._have_loaded(item)
                self._limit(item.client)
            case (job_id, send):
                for entry in self._entries:
                    if entry.job_id == job_id and entry.send == send:
                        self._end(entry, Stop.CANCELLED)
                        return

    def _limit(self, client: int) -> None:
        """Let a client have no more than so many jobs waiting: the oldest least urgent one ends."""
        if len(self._entries) <= _MOST_WAITING:
            return
        waiting = [e for e in self._entries if e.client == client and e.steps is None]
        if len(waiting) > _MOST_WAITING:
            message = f"{_MOST_WAITING} requests of this editor wait already"
            self._end(max(waiting, key=lambda e: e.job.priority), Stop.BUSY, message)

    def _have_loaded(self, entry: _Entry) -> None:
        """See to it that the weights of a job are loaded some time."""
        if entry.job.weights is not None:
            try:
                self._second.want(entry.job.weights, {e.job.weights for e in self._entries})
            except ModelRefused as e:
                self._end(entry, Stop.FAILED, str(e))

    def _start(self, entry: _Entry) -> bool:
        """Give the job its sequence. False if it has to wait for its weights or for one."""
        weights = entry.job.weights
        served = self._own if weights is None else self._second.get(weights)
        if served is None:
            return False
        at_work = (e for e in self._entries if e.steps is not None)
        busy = frozenset(e.job.sequence for e in at_work if e.served is served)
        if entry.job.sequence in busy:
            return False
        sequence = served.pool.acquire(entry.job.sequence, entry.job.tokens, busy)
        if sequence is None:
            return False
        self._turns[entry.job.priority].started(entry.send)
        entry.started = entry.last_step_end = time.monotonic()
        entry.timings.queued_ms = (entry.started - entry.arrived) * 1e3

        def emit(data: bytes, tokens: list[int], logprobs: list[float]) -> None:
            entry.send(Chunk(entry.job_id, data, tokens, logprobs))

        entry.served = served
        entry.steps = served.runner.run(entry.job, sequence, entry.timings, emit)
        return True

    def _advance(self, entry: _Entry) -> None:
        """One step of a job that has its sequence."""
        assert entry.steps is not None
        assert entry.served is not None
        self._running = entry
        # In this order: an interrupt that is taken back here came with what stands in the inbox.
        entry.served.runner.backend.resume()
        # What came before `submit` could see what runs is looked at first.
        if self._closing or (self._inbox and self._looks < _LOOKS):
            self._looks += 1
            self._running = None
            return
        self._looks = 0
        self._turns[entry.job.priority].works(entry.client)
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
            if stop is not Stop.CANCELLED:
                self._turns[entry.job.priority].ended(entry.client)
        self._entries.remove(entry)
        entry.send(Done(entry.job_id, stop, entry.timings, message))


def _interrupt(entry: _Entry) -> None:
    """Any thread: break off the decode of a job that runs."""
    if entry.served is not None:
        entry.served.runner.backend.interrupt()
