"""The model that translations of this machine ask: an engine as the editor's server has it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from slmcode.config import Config
from slmcode.engine.job import EngineState
from slmcode.features import workspace
from slmcode.features.resources import Resources
from slmcode.features.translation.pipeline import Request
from slmcode.features.translation.shape import FAITHFUL

_BY_RULES = ("cobol", "python2")  # source languages that are translated without a model


class Local:
    """Started with the first request that asks a model anything; closed with the block."""

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self._config = config
        self._say = say
        self._space: workspace.Workspace | None = None
        self._has_model = False

    async def __aenter__(self) -> Local:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._space is not None:
            await self._space.close()
            await self._space.requests.close()

    async def resources_for(self, request: Request) -> Resources | None:
        """What the pipeline is given; None where no model is needed or none can be had."""
        if request.source_language in _BY_RULES and request.form == FAITHFUL:
            return None
        if self._space is None:
            self._space = workspace.start(self._config, lambda status: None, self._say)
            status = await self._space.ready()
            self._has_model = status.state is EngineState.READY
            if not self._has_model:
                why = status.message or f"the engine is {status.state}; run: slmcode doctor"
                self._say(f"no model, so rules alone make the code idiomatic: {why}")
        return self._space.resources if self._has_model else None
