"""One document with a selection, and a scripted model that edits and explains it.

`«»` is the selection. The model's answer begins behind the fence that the prompt has opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from slmcode.config import Config
from slmcode.engine.fake import END, PREFIX, Script
from slmcode.features.edits.actions import Action, by_instruction
from slmcode.features.edits.editing import Editing
from slmcode.features.edits.explaining import Explaining
from slmcode.features.edits.outcome import Outcome
from slmcode.features.resources import Model, Resources
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.text import Snapshot, TextRange
from slmcode.vocabulary import ChatTokens
from tests.features.harness import BYTES, ScriptedEngine

assert BYTES.fim is not None
FIM = BYTES.fim
CHAT = ChatTokens(start=PREFIX, end=END)
TOKENIZER = Tokenizer(BYTES)  # a token a byte, so the context must hold that many
ROOMY = Config(prefix_tokens=6000)


def answers(*texts: str) -> Script:
    """A model that gives these answers, one a prompt, the last one again and again."""
    prompts: list[list[int]] = []

    def script(tokens: list[int]) -> int:
        at = len(tokens) - tokens[::-1].index(PREFIX) + len("assistant\n")
        if max(tokens[at:], default=0) > 255:
            return END  # a part of a prompt
        turn, n = bytes(tokens[at:]), 0
        if turn.startswith(b"```") and b"\n" in turn:
            at += turn.index(b"\n") + 1
            if tokens[:at] not in prompts:
                prompts.append(tokens[:at])
            n = min(prompts.index(tokens[:at]), len(texts) - 1)
        answer, written = texts[n].encode(), bytes(tokens[at:])
        more = len(written) < len(answer) and answer.startswith(written)
        return answer[len(written)] if more else END

    return script


class Desk:
    """One document, and what can be asked about its selection. Use on a running event loop."""

    def __init__(
        self,
        source: str,
        script: Script,
        *,
        language: str = "python",
        config: Config = ROOMY,
        chat: ChatTokens | None = CHAT,
    ) -> None:
        self.range = TextRange(source.index("«"), source.index("»") - 1)
        text = source.replace("«", "").replace("»", "")
        self.snapshot = Snapshot("file:///w/t", language, 1, text)
        self.engine = ScriptedEngine(script)
        self.resources = Resources(config, self.engine)
        self.resources.set_model(Model(TOKENIZER, FIM, chat))
        self.editing = Editing(self.resources)
        self.explaining = Explaining(self.resources)

    async def edit(self, instruction: str = "Do it.", action: Action | None = None) -> Outcome:
        action = action or by_instruction(instruction)
        return await self.editing.edit(self.snapshot, self.range, action)

    def prompts(self) -> list[str]:
        """What the model was asked, a control token as `|`."""
        return ["".join(chr(t) if t < 256 else "|" for t in job.tokens) for job in self.engine.jobs]

    async def stop(self) -> None:
        """The model thread has nothing left to do, and nothing of a job is left behind."""
        await self.engine.settle()
        assert not self.engine.scheduler.step()


def run(test: Callable[[], object]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]
