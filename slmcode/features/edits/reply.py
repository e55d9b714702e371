"""A chat model at work for somebody who waits: its answer as text, piece by piece.

Event loop only.
"""

from __future__ import annotations

import codecs
import math
import time
from collections.abc import Callable
from typing import NamedTuple

from slmcode.engine.job import Engine, EngineState, Job, Priority, Stop, Timings
from slmcode.features.edits.outcome import Refused, Spent
from slmcode.features.edits.weights import EditModel
from slmcode.features.launching import engine_options
from slmcode.features.resources import Resources
from slmcode.prompt.edit import ChatPrompt

OnText = Callable[[str], bool]  # called with all text so far; True: that is enough
# Called with the tokens written so far, all answers together; may raise Refused to end the work.
OnProgress = Callable[[int], None]

_UNSURE = 0.1  # the least certain share of an answer's tokens; the others are as good as copied


class Answer(NamedTuple):
    """What the model wrote, and why it ended: END where the reader said so, LENGTH or DEADLINE.

    `confidence` is from 0 to 1: the geometric mean probability of its least certain tokens.
    """

    text: str
    stop: Stop
    confidence: float


class Writer:
    """A model that can be asked, and what asking it has cost so far. Made by `open_writer`."""

    def __init__(
        self, engine: Engine, model: EditModel, limit_s: float, on_progress: OnProgress
    ) -> None:
        self._engine = engine
        self.model = model
        self.spent = Spent()
        self._on_progress = on_progress
        self._n_tokens = 0
        self._began = time.monotonic()
        self._until = self._began + limit_s
        self.limit_s = limit_s

    async def write(
        self, prompt: ChatPrompt, sequence: str, on_text: OnText, draft: str = ""
    ) -> Answer:
        """Ask once. `draft` is text the answer may repeat: it changes how fast it comes.

        A newer answer on the same `sequence` ends this one; cancelling the task ends the job.
        Raises Refused.
        """
        stream = self._engine.stream(
            Job(
                sequence=sequence,
                tokens=prompt.tokens,
                priority=Priority.EDIT,
                max_tokens=prompt.max_tokens,
                deadline=self._until,
                draft=self.model.tokenizer.encode(draft),
                weights=self.model.weights,
            )
        )
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text, enough = "", False
        logprobs: list[float] = []
        try:
            async for chunk in stream:
                if not self._n_tokens:
                    self.spent.first_token_ms = (time.monotonic() - self._began) * 1e3
                text += decoder.decode(chunk.data)
                logprobs += chunk.logprobs
                self._n_tokens += len(chunk.tokens)
                self._on_progress(self._n_tokens)
                if on_text(text):
                    enough = True
                    stream.cancel()
                    break
            async for _ in stream:
                pass  # what comes behind the end is of no use; its Done has the figures
        finally:
            stream.cancel()
        assert stream.done is not None
        self._add(stream.done.timings)
        stop = Stop.END if enough else stream.done.stop
        if stop is Stop.CANCELLED:
            raise Refused("a newer request took its place")
        if stop not in (Stop.END, Stop.LENGTH, Stop.DEADLINE):
            raise Refused(f"the engine failed: {stream.done.message or stop.value}")
        return Answer(text, stop, _confidence(logprobs))

    async def warm(self, tokens: list[int], sequence: str) -> None:
        """Have a prompt's beginning evaluated before it is asked for; its cost is not counted."""
        stream = self._engine.stream(
            Job(
                sequence=sequence,
                tokens=tokens,
                priority=Priority.WARM,
                weights=self.model.weights,
            )
        )
        try:
            async for _ in stream:
                pass
        finally:
            stream.cancel()

    def _add(self, timings: Timings) -> None:
        spent = self.spent
        spent.total_ms = (time.monotonic() - self._began) * 1e3
        spent.prompt_n += timings.prompt_n
        spent.cache_n += timings.cache_n
        spent.predicted_n += timings.predicted_n
        spent.predicted_ms += timings.predicted_ms
        spent.draft_n += timings.draft_n
        spent.draft_n_accepted += timings.draft_n_accepted


async def open_writer(
    resources: Resources, on_progress: OnProgress = lambda tokens: None
) -> Writer:
    """The model for an edit. Raises Refused, with what the user can do about it."""
    engine = ready_engine(resources)
    if resources.edit_models is not None:
        model = await resources.edit_models.get(resources.config)
    else:
        own = resources.model
        if own is None or own.chat is None:
            raise Refused("this model completes code; it cannot edit or explain (no chat tokens)")
        n_ctx = engine_options(resources.config).n_ctx_seq
        model = EditModel(resources.config.model, own.tokenizer, own.chat, n_ctx)
    return Writer(engine, model, resources.config.edit_limit_s, on_progress)


def ready_engine(resources: Resources) -> Engine:
    """The engine, if it can be asked just now. Raises Refused."""
    engine = resources.engine
    if engine is None or resources.model is None:
        raise Refused("there is no model yet; run: slmcode models pull fast")
    if engine.status.state is not EngineState.READY:
        state = engine.status.state.value.replace("_", " ")
        raise Refused(f"the model is not ready: {engine.status.message or state}")
    return engine


def _confidence(logprobs: list[float]) -> float:
    """A copied token is certain, so a mean over all of them would say nothing."""
    if not logprobs:
        return 1.0
    least = sorted(logprobs)[: max(1, round(_UNSURE * len(logprobs)))]
    return math.exp(sum(least) / len(least))
