"""A chat model at work for a translation: behind completions and edits. Event loop only."""

from __future__ import annotations

import codecs
import math
import uuid
from typing import NamedTuple

from slmcode.engine.job import Job, Priority, Stop
from slmcode.features.edits import rewriting
from slmcode.features.edits.outcome import Refused
from slmcode.features.edits.reply import ready_engine
from slmcode.features.edits.weights import EditModel
from slmcode.features.launching import engine_options
from slmcode.features.resources import Resources
from slmcode.prompt.edit import ChatPrompt

_UNSURE = 0.1  # the least certain share of an answer's tokens; the others are as good as copied


class Written(NamedTuple):
    """The code of an answer. `is_whole` is False where it was longer than it may be."""

    code: str
    is_whole: bool
    confidence: float  # geometric mean probability of its least certain tokens


class Asker:
    """Asks one model, one prompt after the other, on one sequence. Made by `open_asker`."""

    def __init__(self, resources: Resources, model: EditModel) -> None:
        self._resources = resources
        self.model = model
        self._sequence = f"translate {uuid.uuid4()}"

    async def ask(self, prompt: ChatPrompt, begun: str = "", draft: str = "") -> Written:
        """The answer's code, `begun` before it. `draft`: what it may repeat. Raises Refused."""
        stream = ready_engine(self._resources).stream(
            Job(
                sequence=self._sequence,
                tokens=prompt.tokens,
                priority=Priority.TRANSLATION,
                max_tokens=prompt.max_tokens,
                draft=self.model.tokenizer.encode(draft),
                weights=self.model.weights,
            )
        )
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text, closed = "", False
        logprobs: list[float] = []
        try:
            async for chunk in stream:
                text += decoder.decode(chunk.data)
                logprobs += chunk.logprobs
                if rewriting.is_closed(text, prompt.fence):
                    closed = True
                    stream.cancel()
                    break
            async for _ in stream:
                pass
        finally:
            stream.cancel()
        assert stream.done is not None
        stop = stream.done.stop
        if not closed and stop not in (Stop.END, Stop.LENGTH):
            raise Refused(f"the engine failed: {stream.done.message or stop.value}")
        code = begun + rewriting.code_of(text, prompt.fence)
        return Written(code, closed or stop is Stop.END, _confidence(logprobs))


async def open_asker(resources: Resources) -> Asker:
    """The model that writes edits. Raises Refused, with what the user can do about it."""
    ready_engine(resources)
    if resources.edit_models is not None:
        return Asker(resources, await resources.edit_models.get(resources.config))
    own = resources.model
    if own is None or own.chat is None:
        raise Refused("this model completes code; it cannot translate (no chat tokens)")
    n_ctx = engine_options(resources.config).n_ctx_seq
    return Asker(resources, EditModel(resources.config.model, own.tokenizer, own.chat, n_ctx))


def _confidence(logprobs: list[float]) -> float:
    if not logprobs:
        return 1.0
    least = sorted(logprobs)[: max(1, round(_UNSURE * len(logprobs)))]
    return math.exp(sum(least) / len(least))
