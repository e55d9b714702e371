"""The engine in this process, for benchmarks of what a model writes: one job at a time."""

from __future__ import annotations

from slmcode.engine.backend import Backend
from slmcode.engine.decode import Runner
from slmcode.engine.job import Chunk, Done, Job, Stop
from slmcode.engine.scheduler import Scheduler
from slmcode.prompt.fim import FimPrompt


class Writer:
    """The engine without its process, one job at a time."""

    def __init__(self, backend: Backend) -> None:
        self._scheduler = Scheduler(Runner(backend))
        self.predicted_n = 0
        self.predicted_ms = 0.0

    def write(self, prompt: FimPrompt, n_lines: int = 1, max_tokens: int = 64) -> str:
        """The greedy completion behind the cursor, up to the end of its `n_lines`-th line.

        Raises RuntimeError where the engine fails.
        """
        job = Job(
            sequence="task",
            tokens=prompt.tokens,
            heal=prompt.heal,
            max_tokens=max_tokens,
            stop_lines=n_lines,
        )
        data: list[bytes] = []
        ends: list[Done] = []

        def send(message: Chunk | Done) -> None:
            if isinstance(message, Chunk):
                data.append(message.data)
            else:
                ends.append(message)

        self._scheduler.submit(1, job, send)
        while not ends:
            self._scheduler.step()
        done = ends[0]
        if done.stop not in (Stop.END, Stop.LINES, Stop.LENGTH):
            raise RuntimeError(f"the engine ended with {done.stop}: {done.message}")
        self.predicted_n += done.timings.predicted_n
        self.predicted_ms += done.timings.predicted_ms
        return b"".join(data).decode("utf-8", "replace").removeprefix(prompt.heal_text)

    @property
    def unit_ms(self) -> float | None:
        """Milliseconds a token took; None where every completion was known already."""
        return self.predicted_ms / self.predicted_n if self.predicted_n else None
