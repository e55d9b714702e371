"""Editing features that do what a test says, without a model and without rules.

What is asked for comes back: an outcome's title holds the call, and its changes put "new" in place
of every "old" in the documents.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from slmcode.features.edits.actions import Action
from slmcode.features.edits.contracts.base import Diagnostic
from slmcode.features.edits.modules import Plan, Result, UnitDone
from slmcode.features.edits.outcome import Change, Outcome, Refused, Verdict, refused
from slmcode.features.edits.refactoring import Offer
from slmcode.features.edits.units import Unit
from slmcode.text import Edit, Snapshot, TextRange


def replaced(snapshot: Snapshot, unit: str = "", lines: TextRange | None = None) -> Change:
    """Every "old" of a document, or of lines of it, is "new"."""
    edits, at = [], snapshot.text.find("old")
    while at >= 0:
        if lines is None or lines.start <= at < lines.end:
            edits.append(Edit(TextRange(at, at + 3), "new"))
        at = snapshot.text.find("old", at + 1)
    return Change(snapshot.uri, snapshot, tuple(edits), unit)


class ScriptedRequests:
    """Stands for `Requests` and for every feature in it. `report` is called with each call."""

    is_ready = True

    def __init__(self, report: Callable[..., None], documents: dict[str, Snapshot]) -> None:
        self._report = report
        self._documents = documents
        self.editing = self.refactoring = self.debugging = self.explaining = self.modules = self
        self._slow = asyncio.Event()

    async def close(self) -> None:
        print("the editing features were closed")

    def folder(self, snapshot: Snapshot) -> Path:
        return Path("/")

    def protected(self, snapshot: Snapshot) -> str:
        return "it is generated" if "generated" in snapshot.text else ""

    # Editing

    def lines(self, snapshot: Snapshot, text_range: TextRange) -> TextRange:
        return text_range

    def lines_around(self, snapshot: Snapshot, text_range: TextRange) -> TextRange:
        return text_range

    def first_definition(self, snapshot: Snapshot, lines: TextRange) -> None:
        return None

    async def warm(
        self, snapshot: Snapshot, text_range: TextRange, likely: Sequence[Action] = ()
    ) -> None:
        self._report("warm", snapshot.uri, *text_range, [action.id for action in likely])

    async def act(
        self,
        action_id: str,
        snapshot: Snapshot,
        text_range: TextRange,
        *,
        instruction: str = "",
        diagnostic: Diagnostic | None = None,
        on_progress: Callable[[int], None],
    ) -> Outcome:
        self._report("act", action_id, instruction, diagnostic)
        if instruction == "a new file":
            change = Change("file:///w/there/is/none.py", None, (Edit(TextRange(0, 0), "x = 1\n"),))
            return Outcome("New", Verdict.VERIFIED, "it runs", "tests", (change,), "fast", 0.5, 1)
        return Outcome("Act", Verdict.VERIFIED, "it runs", "c", (replaced(snapshot),), "m", 0.5, 2)

    # Refactoring

    async def offers(self, snapshot: Snapshot, text_range: TextRange) -> list[Offer]:
        self._report("offers", *text_range)
        if "slow" in snapshot.text:
            await self._slow.wait()
        return [
            Offer("extract-variable", "Extract variable", "refactor.extract"),
            Offer("organize-imports", "Organize imports", "source.organizeImports"),
        ]

    async def perform(self, snapshot: Snapshot, text_range: TextRange, offer_id: str) -> Outcome:
        if offer_id == "extract-variable":
            return Outcome("Extract variable", Verdict.EXACT, "", changes=(replaced(snapshot),))
        return refused(offer_id, "there are no imports")

    async def prepare_rename(self, snapshot: Snapshot, offset: int) -> TextRange:
        at = snapshot.text.find("old")
        if at < 0 or not at <= offset <= at + 3:
            raise Refused("this is no name")
        return TextRange(at, at + 3)

    async def rename(self, snapshot: Snapshot, offset: int, new_name: str) -> Outcome:
        if new_name != "new":
            return refused("Rename", "this name is taken")
        changes = tuple(replaced(document) for document in self._documents.values())
        return Outcome("Rename", Verdict.EXACT, "", changes=changes)

    # Explaining, debugging

    async def explain(
        self,
        snapshot: Snapshot,
        text_range: TextRange,
        on_piece: Callable[[str], None],
        diagnostic: Diagnostic | None,
    ) -> str:
        self._report("explain", snapshot.uri, *text_range, diagnostic)
        on_piece("It ")
        on_piece("adds.")
        return "It adds."

    async def explain_trace(
        self, trace: str, folder: Path | None, on_piece: Callable[[str], None]
    ) -> str:
        if "Error" not in trace:
            raise Refused("this is no trace")
        return f"{trace} in {folder}"

    async def debug(
        self,
        command: str,
        folder: Path,
        on_progress: Callable[[int], None],
        on_step: Callable[[str], None],
    ) -> Outcome:
        on_step(f"running {command} in {folder}")
        on_progress(9)
        changes = tuple(replaced(document) for document in self._documents.values())
        return Outcome("Debug", Verdict.VERIFIED, "it passes", "debugged", changes, "m", 0.9, 1)

    # Modules

    def plan(self, snapshot: Snapshot, instruction: str) -> Plan:
        """A unit a line; the last one is left out."""
        starts = snapshot.line_starts
        if len(starts) < 3:
            raise Refused("there is nothing to do")
        units = tuple(
            Unit(f"line {i}", TextRange(*lines), (f"line {i - 1}",) if i else ())
            for i, lines in enumerate(itertools.pairwise(starts))
        )
        return Plan(snapshot, instruction, units[:-1], ((units[-1].name, "it is the last"),))

    async def refactor(
        self,
        plan: Plan,
        wanted: Sequence[str] | None,
        on_unit: Callable[[UnitDone], None],
        on_progress: Callable[[int], None],
    ) -> Outcome:
        done: tuple[Result, ...] = ()
        for unit in plan.units:
            if wanted is None or unit.name in wanted:
                if plan.instruction == "slowly" and done:
                    await self._slow.wait()
                done += (Result(unit, Verdict.NOT_VERIFIED, "it parses", ()),)
                on_unit(UnitDone(done[-1], done))
        return self.outcome(plan, done)

    def outcome(self, plan: Plan, done: Sequence[Result]) -> Outcome:
        if not done:
            return refused("Module", "nothing was done")
        changes = tuple(
            replaced(plan.snapshot, result.unit.name, result.unit.lines) for result in done
        )
        return Outcome("Module", Verdict.NOT_VERIFIED, "it parses", "module", changes)
