"""What every feature works with: settings, engine, model, syntax. Event loop only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from slmcode.config import Config
from slmcode.engine.job import Engine
from slmcode.features.anchors import AnchorMaker
from slmcode.features.audit import About, AuditLog, Event, Kind, on_file, request
from slmcode.features.edits.outcome import Outcome
from slmcode.features.edits.weights import EditModels
from slmcode.features.project import Project
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax.parser import SyntaxCache
from slmcode.text import Snapshot
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
    edit_models: EditModels | None = None  # without them the engine's own model writes edits
    documents: Callable[[], Iterable[Snapshot]] = tuple  # all that are open, as they are now
    audit: AuditLog | None = None  # where the user wants one
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def set_model(self, model: Model) -> None:
        """The tokenizer that belongs to the engine's weights."""
        self.model = model
        self.anchors = AnchorMaker(model.tokenizer, model.fim, self.syntax)

    def request(self, kind: Kind, file: str) -> contextlib.AbstractContextManager[About | None]:
        """What is sent to the model within belongs to a new request; None without an audit log."""
        return contextlib.nullcontext() if self.audit is None else request(kind, file)

    def on_file(self, file: str) -> contextlib.AbstractContextManager[None]:
        """Within a request: what is sent is about another of its files."""
        return contextlib.nullcontext() if self.audit is None else on_file(file)

    def edited(self, about: About | None, outcome: Outcome) -> Outcome:
        """An edit is shown or refused; returns it."""
        if self.audit is not None and about is not None:
            self.audit.edited(about, outcome)
        return outcome

    def became(self, event: Event, about: About | None, text: str = "", detail: str = "") -> None:
        """What became of a request's answer."""
        if self.audit is not None and about is not None:
            self.audit.became(event, about, text, detail)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it in the background; it is kept until it ends."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task
