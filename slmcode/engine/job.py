"""What is asked of the engine and what it answers: the one contract both processes share.

A `Job` is a prompt of token ids with an optional forced beginning (`heal`, `choices`). The engine
knows nothing of text, files or cursors. It answers a job with any number of `Chunk`s and exactly
one `Done`. Times are `time.monotonic()` seconds, a clock all processes of a machine share.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

PROTOCOL = 5  # raised whenever a message below changes; the handshake compares it


class Priority(enum.IntEnum):
    """Who goes first on the model thread. Lower is more urgent."""

    COMPLETION = 0
    EDIT = 1
    TRANSLATION = 2
    WARM = 3


class Weights(msgspec.Struct, frozen=True):
    """A second model in the same engine: loaded when a job first asks for it, left when idle.

    One sequence of it holds `n_ctx` tokens, prompt and answer.
    """

    path: str
    n_ctx: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work for the model thread.

    `sequence` names the KV sequence to work on, such as a document's anchor: jobs with the
    same name share and trim one sequence. `heal` are the bytes the first generated tokens
    must spell; the output includes them. `stop_lines` ends the generation when the output behind
    `heal` holds that many line endings (0: never). `max_tokens` = 0 only evaluates the prompt.
    `deadline` ends the job between two decodes, whatever it has by then.

    `draft` is text the output may repeat, as token ids: the suggestion the user typed away from,
    or the input of a rewrite. It changes how fast tokens come, never which. `branch` n > 0 asks for
    an alternative: the first token behind `heal` is the n-th most likely after the best one.
    Where that ends the text, or the vocabulary has no more, the job ends (`Stop.END`).

    `choices`: behind `heal` one of these must be spelt, and then no letter, digit, underscore or
    byte beyond ASCII: `get` is not answered with `getter`. Not together with `branch`.

    `weights` None: the engine's own model. Others are loaded first; where they cannot be, the job
    ends as FAILED with the reason.
    """

    sequence: str
    tokens: list[int]
    priority: Priority = Priority.COMPLETION
    heal: bytes = b""
    max_tokens: int = 0
    stop_lines: int = 0
    deadline: float | None = None
    draft: list[int] = []
    branch: int = 0
    choices: tuple[bytes, ...] = ()
    weights: Weights | None = None


class Timings(msgspec.Struct):
    """llama.cpp's names: tokens reused, evaluated, produced; draft tokens offered and kept.

    `queued_ms` is the wait for the model thread, `other_ms` the time other jobs took between
    two steps of this one.
    """

    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0
    draft_n: int = 0
    draft_n_accepted: int = 0
    queued_ms: float = 0.0
    prompt_ms: float = 0.0
    predicted_ms: float = 0.0
    other_ms: float = 0.0


class Stop(enum.StrEnum):
    """Why a job ended."""

    END = "end"  # the model ended it
    LINES = "lines"  # stop_lines reached
    LENGTH = "length"  # max_tokens reached
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    FULL = "full"  # the prompt does not fit the context
    BUSY = "busy"  # too many jobs wait, or it waited too long; see Done.message
    FAILED = "failed"  # see Done.message
    LOST = "lost"  # the engine died or could not be reached


class Chunk(msgspec.Struct, frozen=True):
    """Generated tokens as their bytes, with the log-probability of each token."""

    job_id: int
    data: bytes
    tokens: list[int]
    logprobs: list[float]


class Done(msgspec.Struct, frozen=True):
    """The last message of a job."""

    job_id: int
    stop: Stop
    timings: Timings
    message: str = ""


class EngineState(enum.StrEnum):
    """What the engine can do just now, as the server sees it."""

    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    NO_MODEL = "no_model"  # no weights on disk: the user must pull them
    REFUSED = "refused"  # weights present but unusable: see message
    DOWN = "down"  # crashed or unreachable; being restarted


class EngineStatus(msgspec.Struct, frozen=True):
    """State with a sentence for the user."""

    state: EngineState
    message: str = ""


class EngineOptions(msgspec.Struct, frozen=True):
    """How an engine is started. Servers with equal options share one engine."""

    threads: int
    memory_mb: int
    n_ctx_seq: int
    idle_s: int


class Stream(Protocol):
    """A running job. Iterate it for its chunks; afterwards `done` is set.

    Breaking off the iteration does not stop the job, `cancel()` does. `cancel` may be called at
    any time, also twice.
    """

    done: Done | None

    def __aiter__(self) -> AsyncIterator[Chunk]: ...

    def cancel(self) -> None: ...


class Engine(Protocol):
    """What `features/` sees of the engine: the client of the engine process, or a script."""

    @property
    def status(self) -> EngineStatus: ...

    def stream(self, job: Job) -> Stream:
        """Submit a job at once. Never raises: trouble arrives as `Done`."""
        ...
