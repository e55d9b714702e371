"""All that can be asked of the editing features, in one place. Event loop only.

The features are made when they are first asked for: a starting server need not import them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from slmcode.features.edits import actions
from slmcode.features.edits.actions import Action
from slmcode.features.edits.outcome import Outcome, Refused, refused
from slmcode.index import content
from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:
    from slmcode.features.edits.contracts.base import Diagnostic
    from slmcode.features.edits.debugging import Debugging
    from slmcode.features.edits.editing import Editing
    from slmcode.features.edits.explaining import Explaining
    from slmcode.features.edits.modules import Modules
    from slmcode.features.edits.naming import ClearNames
    from slmcode.features.edits.refactoring import Refactoring
    from slmcode.features.edits.reply import OnProgress
    from slmcode.features.edits.testing import TestWriting
    from slmcode.features.resources import Resources

_ANY = (actions.by_instruction("Do it."), actions.by_instruction("Change it."))


class Requests:
    """The editing features of one completer."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    @cached_property
    def editing(self) -> Editing:
        """Lines rewritten by the model."""
        from slmcode.features.edits.editing import Editing

        return Editing(self._resources)

    @cached_property
    def refactoring(self) -> Refactoring:
        """Exact changes."""
        from slmcode.features.edits.refactoring import Refactoring

        return Refactoring(self._resources)

    @cached_property
    def naming(self) -> ClearNames:
        """Clearer names for local variables."""
        from slmcode.features.edits.naming import ClearNames

        return ClearNames(self._resources, self.refactoring)

    @cached_property
    def testing(self) -> TestWriting:
        """Tests for a function."""
        from slmcode.features.edits.testing import TestWriting

        return TestWriting(self._resources)

    @cached_property
    def debugging(self) -> Debugging:
        """Edits that make a failing command succeed."""
        from slmcode.features.edits.debugging import Debugging

        return Debugging(self._resources, self.editing)

    @cached_property
    def explaining(self) -> Explaining:
        """Explanations."""
        from slmcode.features.edits.explaining import Explaining

        return Explaining(self._resources)

    @cached_property
    def modules(self) -> Modules:
        """Whole files. Their edits have a sequence of their own: a quick edit does not end them."""
        from slmcode.features.edits.editing import Editing
        from slmcode.features.edits.modules import Modules

        return Modules(self._resources, Editing(self._resources))

    async def close(self) -> None:
        """End what the features have started."""
        if "refactoring" in self.__dict__:
            await self.refactoring.close()

    @property
    def is_ready(self) -> bool:
        """Whether a model can be asked just now."""
        from slmcode.features.edits.reply import ready_engine

        try:
            ready_engine(self._resources)
        except Refused:
            return False
        model = self._resources.model
        return self._resources.edit_models is not None or (model is not None and bool(model.chat))

    def folder(self, snapshot: Snapshot) -> Path | None:
        """The workspace folder or project of a document."""
        from slmcode.features.edits.place import place_of

        return place_of(self._resources, snapshot).folder

    async def warm(
        self, snapshot: Snapshot, text_range: TextRange, likely: Sequence[Action] = _ANY
    ) -> None:
        """Have the model read what an edit of these lines by one of the `likely` actions begins
        with; by default by an instruction that is still to be typed.

        Does nothing where there is nothing to be done.
        """
        likely = [action for action in likely if action.instruction]
        if likely and not self.protected(snapshot):
            with self._resources.request("edit", snapshot.uri):
                await self.editing.warm(snapshot, text_range, likely)

    def protected(self, snapshot: Snapshot) -> str:
        """Why a document is not for editing, as half a sentence; "" where it is.

        One that an editor has open is compared with its file; who has only the text (its version is
        None) will find out when the file is written.
        """
        from slmcode.features.project import file_of

        if is_generated(snapshot):
            return "this file is generated, as its first lines say; edit what it is made from"
        path = file_of(snapshot.uri) if snapshot.version is not None else None
        return "this file is read-only" if path is not None and is_read_only(path) else ""

    async def act(
        self,
        action_id: str,
        snapshot: Snapshot,
        text_range: TextRange,
        *,
        instruction: str = "",
        diagnostic: Diagnostic | None = None,
        on_progress: OnProgress = lambda tokens: None,
    ) -> Outcome:
        """Do what an action says: one of `actions.IDS`, or INSTRUCTION with an instruction.

        FIX without a diagnostic is for the first problem that the project's tools find there.
        Never raises; what cannot be done is refused. Cancelling the task ends the work.
        """
        if action_id == actions.FIX and diagnostic is None:
            try:
                diagnostic = await self._first_problem(snapshot, text_range)
            except Refused as e:
                return refused("Fix", str(e), "fixed")
            text_range = self.editing.lines_around(snapshot, diagnostic.range) or text_range
        if action_id == actions.INSTRUCTION:
            action = actions.by_instruction(instruction)
        elif diagnostic is not None and action_id == actions.FIX:
            action = actions.fix(snapshot, diagnostic.range, diagnostic.message)
        else:
            named = actions.by_id(action_id, snapshot.language_id)
            if named is None:
                language = snapshot.language_id or "a file of this kind"
                return refused(action_id, f"this cannot be done with {language}")
            action = named
        if why := self.protected(snapshot):
            return refused(action.title, why)
        resources = self._resources
        if action == actions.CLEAR_NAMES:
            with resources.request("names", snapshot.uri) as about:
                outcome = await self.naming.rename(snapshot, text_range, on_progress)
        elif action == actions.TESTS:
            with resources.request("tests", snapshot.uri) as about:
                outcome = await self.testing.write(snapshot, text_range, on_progress)
        else:
            with resources.request("edit", snapshot.uri) as about:
                outcome = await self.editing.edit(
                    snapshot, text_range, action, on_progress, diagnostic
                )
        return resources.edited(about, outcome)

    async def _first_problem(self, snapshot: Snapshot, text_range: TextRange) -> Diagnostic:
        """Raises Refused."""
        from slmcode.features.edits.finding import first_problem
        from slmcode.features.edits.place import place_of

        return await first_problem(snapshot, text_range, place_of(self._resources, snapshot))


def is_generated(snapshot: Snapshot) -> bool:
    """Whether the first lines say that a program wrote the text."""
    head = snapshot.text[: content.GENERATED_WITHIN]
    return content.is_generated(head.encode(errors="replace"))


def is_read_only(path: Path) -> bool:
    """Whether a file is there and must not be written, by root neither."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not mode & 0o222 or not os.access(path, os.W_OK)
