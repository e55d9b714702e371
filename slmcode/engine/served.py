"""The models that jobs run on: the engine's own, and others that jobs name (`Job.weights`).

    a job names weights      loading: a thread of its own      on the model thread
    ---------------------->  llama_model_load, context,  --->  `arrived`: jobs run
                             token table                       300 s without a job: freed

The thread that loads makes a llama_context and does not touch it again once it has handed it over:
the scheduler's inbox is the hand-over, behind it the context is the model thread's. llama.cpp
releases Python's lock while it reads and repacks, so the engine's own model goes on meanwhile.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from slmcode.engine.backend import Backend, ModelRefused
from slmcode.engine.decode import Runner
from slmcode.engine.job import Weights
from slmcode.engine.sequence import SequencePool

# Loads weights in the calling thread; asks the function now and then whether they are still wanted.
# Raises ModelRefused with a sentence for the user.
LoadWeights = Callable[[Weights, Callable[[], bool]], Backend]

IDLE_S = 300.0  # weights that no job used for so long are left
_JOIN_S = 5.0  # the longest wait for a load that is to give up: a file system may hang
_NICE = 10  # of the thread that loads; completions go before it


@dataclass(eq=False)
class Served:
    """A model with its sequences. Model thread only."""

    runner: Runner
    pool: SequencePool
    idle_since: float  # no job named it from then on, monotonic seconds


class Loaded(NamedTuple):
    """What a loading thread hands over: the model, or a sentence why there is none."""

    weights: Weights
    runner: Runner | None
    refusal: str = ""


class SecondModels:
    """Weights that jobs name. Model thread only; only `_load` runs on threads of its own."""

    def __init__(
        self, load: LoadWeights | None, hand_over: Callable[[Loaded], None], idle_s: float
    ) -> None:
        """`hand_over` is called on a loading thread and brings its argument to `arrived`."""
        self._load = load
        self._hand_over = hand_over
        self._idle_s = idle_s
        self._served: dict[Weights, Served] = {}
        self._loading: dict[Weights, threading.Thread] = {}
        self._closing = threading.Event()

    def get(self, weights: Weights) -> Served | None:
        """The model, None while it is not loaded."""
        return self._served.get(weights)

    def all(self) -> list[Served]:
        """Those that are loaded."""
        return list(self._served.values())

    def want(self, weights: Weights, in_use: Collection[Weights | None]) -> None:
        """Load them unless that is done or under way.

        Others that no job uses are left first: there is memory for what is used, not for more.
        Raises ModelRefused where nothing can be loaded.
        """
        if self._load is None:
            raise ModelRefused("this engine has no weights but its own")
        if weights in self._served or weights in self._loading:
            return
        for other in [w for w in self._served if w not in in_use]:
            self._leave(other)
        thread = threading.Thread(
            target=self._run, args=(self._load, weights), name="loading weights", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as e:  # the system gives no more threads
            raise ModelRefused(_fault(e)) from None
        self._loading[weights] = thread

    def arrived(self, loaded: Loaded, now: float) -> None:
        """A loading thread has ended; `get` finds the model if there is one."""
        self._loading.pop(loaded.weights).join()
        if loaded.runner is not None:
            pool = SequencePool(loaded.runner.backend)
            self._served[loaded.weights] = Served(loaded.runner, pool, now)

    def leave_idle(self, in_use: Collection[Weights | None], now: float) -> None:
        """Free what no job used for `idle_s`."""
        for weights, served in list(self._served.items()):
            if weights in in_use:
                served.idle_since = now
            elif now >= served.idle_since + self._idle_s:
                self._leave(weights)

    def next_leave(self) -> float | None:
        """When `leave_idle` is to be called again, monotonic seconds."""
        return min((s.idle_since + self._idle_s for s in self._served.values()), default=None)

    def stop_loading(self) -> None:
        """Loads under way give up; one that does not, or was done already, hands over before."""
        self._closing.set()
        for thread in self._loading.values():
            thread.join(_JOIN_S)

    def close(self) -> None:
        """Free everything."""
        for weights in list(self._served):
            self._leave(weights)

    def _leave(self, weights: Weights) -> None:
        self._served.pop(weights).runner.close()

    def _run(self, load: LoadWeights, weights: Weights) -> None:
        """The loading thread."""
        try:
            _step_back()
            runner = Runner(load(weights, lambda: not self._closing.is_set()))
            runner.prepare()
        except ModelRefused as e:
            self._hand_over(Loaded(weights, None, str(e)))
        except Exception as e:  # jobs must end, whatever happened
            self._hand_over(Loaded(weights, None, _fault(e)))
        else:
            self._hand_over(Loaded(weights, runner))


def _fault(e: Exception) -> str:
    return f"the model could not be loaded: {type(e).__name__}: {e}"


def _step_back() -> None:
    """Let other threads of this process go first. Linux: elsewhere nice is the whole process's."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        nice = max(os.getpriority(os.PRIO_PROCESS, thread), _NICE)  # going up is not allowed
        os.setpriority(os.PRIO_PROCESS, thread, nice)
