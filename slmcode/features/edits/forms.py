"""What the model is asked to write for an action, and how that becomes edits of the document.

    Lines       the lines after the edit: for everything that may change anything
    Docstring   the text of a docstring or doc comment: it is put in its place by rules
    Hints       a function's header with types: the types are put into the header that stands there

A form that asks for less gets it sooner, and what it does not ask for cannot be broken. Which form
serves is decided by `form`; where the small ones do not fit the code, Lines does.
"""

from __future__ import annotations

from typing import Protocol

from slmcode.features.edits import docstrings, hints, importing, rewriting
from slmcode.features.edits.contracts.base import State
from slmcode.text import Edit


class Form(Protocol):
    """One answer of the model, not yet written."""

    begun: str  # put into the model's mouth, behind the fence
    most: int  # tokens; 0: what the code may grow to
    draft: str  # text the answer may repeat

    def is_closed(self, answer: str) -> bool:
        """Whether all that is wanted of the answer has been written."""
        ...

    def edits(self, answer: str) -> list[Edit]:
        """Edits of the document, ascending; none where the answer makes none."""
        ...


class Lines:
    """The lines after the edit."""

    begun = ""
    most = 0

    def __init__(self, before: State, fence: str) -> None:
        self._before = before
        self._fence = fence
        self.draft = rewriting.dedented(before.code)

    def is_closed(self, answer: str) -> bool:
        return rewriting.is_closed(answer, self._fence)

    def edits(self, answer: str) -> list[Edit]:
        snapshot, old = self._before.snapshot, self._before.code
        code = rewriting.code_of(answer, self._fence)
        added: list[Edit] = []
        if snapshot.language_id == "python":
            code, edit = importing.moved(snapshot, self._before.lines.start, self.draft, code)
            added = [edit] if edit is not None else []
        new = rewriting.rewritten(old, code)
        return [*added, *rewriting.hunks(self._before.lines.start, old, new)]


def form(action_id: str, before: State, fence: str) -> Form:
    """What is asked for. `fence` closes the code that the model is shown."""
    found: Form | None = None
    if action_id == "docstring":
        found = docstrings.find(before)
    elif action_id == "type-hints":
        found = hints.find(before)
    return found or Lines(before, fence)
