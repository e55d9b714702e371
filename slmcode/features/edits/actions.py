"""The changes that have a name: what the menu says, what the model is told, what must hold.

Imports little: a starting server imports this module. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from slmcode.index.secrets import mask
from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:  # tree-sitter stands behind it
    from slmcode.syntax.symbols import Definition

_TITLE = 80  # characters of a message in a title
_MESSAGE = 300  # in an instruction
_FUNCTIONS = ("function", "method")


class Action(NamedTuple):
    """One entry of the menu. `contract` names a module of `contracts`.

    `id` is what `slmcode edit --action` and code actions say. Where `instruction` is "" the action
    is not a rewrite of lines but a feature of its own (`requests`).
    """

    id: str
    title: str
    contract: str
    instruction: str


INSTRUCTION = "instruction"  # the id of an edit by free text
FIX = "fix"
OF_DEFINITIONS = ("docstring", "type-hints")

DOCSTRING = Action(
    "docstring", "Add or update the docstring", "docstring", "Add a docstring. Change nothing else."
)
DOC_COMMENT = Action(
    "docstring",
    "Add a doc comment",
    "docstring",
    "Write a doc comment right above this code. Change nothing else.",
)
TYPE_HINTS = Action(
    "type-hints",
    "Add type hints",
    "type_hints",
    "Add type hints to the parameters and the result. Change nothing else.",
)
SIMPLIFY = Action(
    "simplify", "Simplify", "behaviour", "Simplify this code without changing what it does."
)
MODERNIZE = Action(
    "modernize",
    "Modernize",
    "behaviour",
    "Rewrite this code with modern features of the language (such as f-strings, comprehensions, "
    "pathlib and early returns in Python) without changing what it does.",
)
CLEAR_NAMES = Action("clear-names", "Rename local variables for clarity", "", "")
TESTS = Action("tests", "Generate tests", "", "")

IDS = ("docstring", "type-hints", "simplify", "modernize", "clear-names", "tests", FIX)


def rewrites(language_id: str, definition: Definition | None) -> list[Action]:
    """What can be done with code; `definition` is the first one in it."""
    found = []
    is_python = language_id == "python"
    if definition is not None:
        if is_python or not definition.doc:
            found.append(DOCSTRING if is_python else DOC_COMMENT)
        if is_python and definition.kind in _FUNCTIONS:
            if "->" not in definition.signature:
                found.append(TYPE_HINTS)
            found += [CLEAR_NAMES, TESTS]
    return [SIMPLIFY, MODERNIZE, *found]


def by_id(action_id: str, language_id: str) -> Action | None:
    """The action of that id for a language; None where there is none. Not `fix`."""
    known = [SIMPLIFY, MODERNIZE, DOC_COMMENT]
    if language_id == "python":
        known = [SIMPLIFY, MODERNIZE, DOCSTRING, TYPE_HINTS, CLEAR_NAMES, TESTS]
    return next((action for action in known if action.id == action_id), None)


def by_instruction(instruction: str) -> Action:
    """An edit as the user words it; a list of changes stays a list."""
    lines = [" ".join(line.split()) for line in instruction.strip().splitlines()]
    words = " ".join(instruction.split())
    title = words if len(words) <= _TITLE else words[: _TITLE - 1] + "…"
    return Action(INSTRUCTION, title, "instruction", "\n".join(lines))


def fix(snapshot: Snapshot, text_range: TextRange, message: str) -> Action:
    """The edit for a problem that another program found in a range."""
    words = " ".join(mask(message).split())
    # Masked with what stands around it: a line of a key is known by the others.
    n = snapshot.text.count("\n", 0, text_range.start)
    line = " ".join(mask(snapshot.text).split("\n")[n].split())
    where = f" It is in this line: {line[:_MESSAGE]}" if line else ""
    title = words if len(words) <= _TITLE else words[: _TITLE - 1] + "…"
    return Action(FIX, f"Fix: {title}", "fixed", f"Fix this problem: {words[:_MESSAGE]}{where}")
