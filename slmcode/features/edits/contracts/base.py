"""What every contract is given and must answer.

A contract compares two states of a document, before an edit and after it. What it promises is one
sentence for the user. It never asks the model, never changes anything and does not raise: what it
cannot find out it names in `Judgement.checked`, and an answer that it is not sure of is a fault.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from slmcode.features.edits.outcome import Judgement
from slmcode.features.edits.place import Place
from slmcode.syntax.parser import SyntaxCache, Tree
from slmcode.syntax.symbols import Outline, outline
from slmcode.text import Snapshot, TextRange

NOTHING = Outline((), ())


class State(NamedTuple):
    """A document as contracts see it, with the whole lines that are edited."""

    snapshot: Snapshot
    lines: TextRange
    tree: Tree | None  # None: no grammar, or the document is too large
    outline: Outline

    @property
    def code(self) -> str:
        """The text of the lines."""
        return self.snapshot.text[slice(*self.lines)]


class Diagnostic(NamedTuple):
    """A problem that another program found. The range is in the document before the edit."""

    range: TextRange
    message: str
    source: str = ""  # who says so, as the editor tells it: "Ruff", "Pyright", "ts"
    code: str = ""


class Asked(NamedTuple):
    """What the edit is to do, and where."""

    instruction: str
    place: Place
    diagnostic: Diagnostic | None = None


class Contract(Protocol):
    """One promise."""

    name: str
    promise: str  # half a sentence: "the code is the same apart from comments and docstrings"

    async def judge(self, before: State, after: State, asked: Asked) -> Judgement:
        """Whether the edit keeps the promise. Event loop; what takes time runs elsewhere."""
        ...


def state(syntax: SyntaxCache, snapshot: Snapshot, lines: TextRange) -> State:
    """The document with its exact tree."""
    tree = syntax.tree(snapshot, budget_ms=0)
    found = outline(tree, snapshot.text) if tree is not None else NOTHING
    return State(snapshot, lines, tree, found)
