"""The pipeline as a server has it: imported when something is translated, not when it starts."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from slmcode.features.resources import Resources
from slmcode.features.translation.shape import IDIOMATIC, Translated, Translator
from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:
    from slmcode.features.translation.pipeline import Input, Progress


LANGUAGES = ("python", "java", "go", "rust", "typescript")  # a test compares
_PIPELINE = "slmcode.features.translation.pipeline"


class OfWorkspace:
    """Implements `Translator` with `pipeline.PipelineTranslator`."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    languages = LANGUAGES

    async def translate(
        self,
        snapshot: Snapshot,
        text_range: TextRange | None,
        target_language: str,
        on_part: Callable[[Translated], None],
        *,
        inputs: tuple[Input, ...] = (),
        form: str = IDIOMATIC,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Translated:
        """As `PipelineTranslator.translate`."""
        # A second or two of imports, in which completions go on.
        pipeline = await asyncio.to_thread(importlib.import_module, _PIPELINE)
        translator: Translator = pipeline.PipelineTranslator(self._resources)
        return await translator.translate(
            snapshot,
            text_range,
            target_language,
            on_part,
            inputs=inputs,
            form=form,
            on_progress=on_progress,
        )
