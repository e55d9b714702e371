"""The edits that are offered by name, each with the instruction that the model gets. Pure."""

from __future__ import annotations

from typing import NamedTuple

from slmcode.text import Snapshot, TextRange

_TITLE = 80  # characters of a message in a title
_MESSAGE = 300  # in an instruction


class Action(NamedTuple):
    """A title for the menu, and what is said to the model."""

    title: str
    instruction: str


_DOCSTRING = Action("Add a docstring", "Add a docstring. Change nothing else.")
_DOC_COMMENT = Action(
    "Add a doc comment", "Write a doc comment right above this code. Change nothing else."
)
_TYPE_HINTS = Action(
    "Add type hints", "Add type hints to the parameters and the result. Change nothing else."
)
_SIMPLIFY = Action("Simplify", "Simplify this code without changing what it does.")


def rewrites(language_id: str) -> list[Action]:
    """What can be done with any code of a language."""
    if language_id == "python":
        return [_DOCSTRING, _TYPE_HINTS, _SIMPLIFY]
    return [_DOC_COMMENT, _SIMPLIFY]


def fix(snapshot: Snapshot, text_range: TextRange, message: str) -> Action:
    """The edit for a problem that another program found in a range."""
    words = " ".join(message.split())
    start, end = snapshot.line_start(text_range.start), snapshot.line_end(text_range.start)
    line = " ".join(snapshot.text[start:end].split())
    where = f" It is in this line: {line[:_MESSAGE]}" if line else ""
    title = words if len(words) <= _TITLE else words[: _TITLE - 1] + "…"
    return Action(f"Fix: {title}", f"Fix this problem: {words[:_MESSAGE]}{where}")
