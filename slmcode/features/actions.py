"""The edits that are offered by name, each with the instruction that the model gets. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:  # tree-sitter stands behind it, and a starting server imports this module
    from slmcode.syntax.symbols import Definition

_TITLE = 80  # characters of a message in a title
_MESSAGE = 300  # in an instruction
_FUNCTIONS = ("function", "method")


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


def rewrites(language_id: str, definition: Definition | None) -> list[Action]:
    """What can be done with code; `definition` is the first one in it.

    What stands there already, such as a docstring, is not offered.
    """
    found = []
    if definition is not None:
        is_python = language_id == "python"
        if not definition.doc:
            found.append(_DOCSTRING if is_python else _DOC_COMMENT)
        if is_python and definition.kind in _FUNCTIONS and "->" not in definition.signature:
            found.append(_TYPE_HINTS)
    return [*found, _SIMPLIFY]


def fix(snapshot: Snapshot, text_range: TextRange, message: str) -> Action:
    """The edit for a problem that another program found in a range."""
    words = " ".join(message.split())
    start, end = snapshot.line_start(text_range.start), snapshot.line_end(text_range.start)
    line = " ".join(snapshot.text[start:end].split())
    where = f" It is in this line: {line[:_MESSAGE]}" if line else ""
    title = words if len(words) <= _TITLE else words[: _TITLE - 1] + "…"
    return Action(f"Fix: {title}", f"Fix this problem: {words[:_MESSAGE]}{where}")
