"""Places that cannot be completed at all, each with its reason."""

from __future__ import annotations

from slmcode.engine.job import EngineState
from slmcode.features.answer import Empty, Reason
from slmcode.features.resources import Resources
from slmcode.syntax.languages import canonical
from slmcode.text import Snapshot

_LONG_LINE = 2000  # characters; no person types on such a line
_BINARY_REACH = 4000  # characters on both sides that a NUL is looked for in


def refusal(resources: Resources, snapshot: Snapshot, offset: int, invoked: bool) -> Empty | None:
    """Why this place cannot be completed, or None."""
    config, text = resources.config, snapshot.text
    if not config.enabled or snapshot.language_id in map(canonical, config.disabled_languages):
        return Empty(Reason.DISABLED)
    if len(text) > config.max_file_kb * 1000:
        return Empty(Reason.TOO_LARGE, f"{len(text)} characters")
    if resources.engine is None or resources.model is None:
        return Empty(Reason.NO_MODEL)
    status = resources.engine.status
    if status.state in (EngineState.NO_MODEL, EngineState.REFUSED):
        return Empty(Reason.NO_MODEL, status.message)
    if status.state is not EngineState.READY:
        return Empty(Reason.ENGINE_DOWN, status.message)
    start, end = snapshot.line_start(offset), snapshot.line_end(offset)
    if end - start > _LONG_LINE:
        return Empty(Reason.LONG_LINE, f"{end - start} characters")
    if "\0" in text[max(0, offset - _BINARY_REACH) : offset + _BINARY_REACH]:
        return Empty(Reason.BINARY)
    if not invoked and offset < end and (text[offset].isalnum() or text[offset] == "_"):
        return Empty(Reason.INSIDE_WORD)
    return None
