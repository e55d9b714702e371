"""What every feature works with: settings, engine, model, syntax. Event loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from slmcode.config import Config
from slmcode.engine.job import Engine
from slmcode.features.anchors import AnchorMaker
from slmcode.features.project import Project
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax.parser import SyntaxCache
from slmcode.vocabulary import ChatTokens, FimTokens


class Model:
    """What the features need of the weights: their tokenizer and the tokens of its prompts."""

    def __init__(
        self, tokenizer: Tokenizer, fim: FimTokens, chat: ChatTokens | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.fim = fim
        self.chat = chat  # None: completes, and neither edits nor explains


@dataclass(eq=False)
class Resources:
    """Engine and model come when they have been started; settings may change at any time."""

    config: Config
    engine: Engine | None = None
    model: Model | None = None
    anchors: AnchorMaker | None = None
    project: Project | None = None  # without one, prompts hold the document alone
    syntax: SyntaxCache = field(default_factory=SyntaxCache)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def set_model(self, model: Model) -> None:
        """The tokenizer that belongs to the engine's weights."""
        self.model = model
        self.anchors = AnchorMaker(model.tokenizer, model.fim, self.syntax)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it in the background; it is kept until it ends."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
