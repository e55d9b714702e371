"""A chat model at work for somebody who waits: its answer as text, piece by piece.

Event loop only.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable

from slmcode.engine.job import Engine, EngineState, Job, Priority, Stop
from slmcode.features.launching import engine_options
from slmcode.features.outcome import Refused
from slmcode.features.resources import Resources
from slmcode.prompt.edit import ChatPrompt
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import ChatTokens

LIMIT_S = 300.0  # for all a request asks of the model; 5 to 20 s where nothing else runs

OnText = Callable[[str], bool]  # called with all text so far; True: that is enough
# Called with the tokens written so far, all answers together; may raise Refused to end the work.
OnProgress = Callable[[int], None]


class Writer:
    """An engine that is ready, and the tokens to talk to it."""

    def __init__(self, resources: Resources, on_progress: OnProgress = lambda tokens: None) -> None:
        """Raises Refused, with what the user can do about it, where there is none."""
        engine, model = resources.engine, resources.model
        if engine is None or model is None:
            raise Refused("there is no model yet; run: slmcode models pull fast")
        if engine.status.state is not EngineState.READY:
            state = engine.status.state.value.replace("_", " ")
            raise Refused(f"the model is not ready: {engine.status.message or state}")
        if model.chat is None:
            raise Refused("this model completes code; it cannot edit or explain (no chat tokens)")
        self._engine: Engine = engine
        self.tokenizer: Tokenizer = model.tokenizer
        self.chat: ChatTokens = model.chat
        self.n_ctx = engine_options(resources.config).n_ctx_seq
        self._on_progress = on_progress
        self._n_tokens = 0
        self._until = time.monotonic() + LIMIT_S

    async def write(
        self, prompt: ChatPrompt, sequence: str, on_text: OnText, draft: str = ""
    ) -> tuple[str, Stop]:
        """The answer, and why it ended: END where `on_text` said so, LENGTH, or DEADLINE.

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
                draft=self.tokenizer.encode(draft),
            )
        )
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = ""
        try:
            async for chunk in stream:
                text += decoder.decode(chunk.data)
                self._n_tokens += len(chunk.tokens)
                self._on_progress(self._n_tokens)
                if on_text(text):
                    return text, Stop.END
        finally:
            stream.cancel()
        assert stream.done is not None
        stop = stream.done.stop
        if stop is Stop.CANCELLED:
            raise Refused("a newer request took its place")
        if stop not in (Stop.END, Stop.LENGTH, Stop.DEADLINE):
            raise Refused(f"the engine failed: {stream.done.message or stop.value}")
        return text, stop
