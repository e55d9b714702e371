"""A whole file changed by one instruction: planned, edited unit by unit, checked as a whole.

Each unit is edited on a copy of the file that has the units before it (`editing`), under a contract
of its own. In the end the copy is judged as a whole: it parses, other files find in it what they
import, and the project's tests pass, where the user named a command for them. Where it is refused,
the units that break it are looked for and taken back. Nothing is written: what comes out are edits
of the file as it was, a Change a unit, and one of the imports that units need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from slmcode.features.edits import actions
from slmcode.features.edits.actions import Action
from slmcode.features.edits.contracts import basics
from slmcode.features.edits.contracts.base import Asked, State, state
from slmcode.features.edits.contracts.python import Fault, invented
from slmcode.features.edits.contracts.rerun import Tests
from slmcode.features.edits.editing import Editing, readable
from slmcode.features.edits.importers import missing
from slmcode.features.edits.outcome import Change, Outcome, Refused, Spent, Verdict, refused
from slmcode.features.edits.place import place_of
from slmcode.features.edits.reply import OnProgress
from slmcode.features.edits.units import Unit, units
from slmcode.features.resources import Resources
from slmcode.syntax.errors import errors, python_error
from slmcode.syntax.symbols import Definition, outline
from slmcode.text import Edit, Snapshot, TextRange

_INSTRUCTION = 2000  # characters
_SIGNATURES = 800  # characters of new signatures that a later unit is told
_CHECKS = 12  # of the whole file; with tests each is a run of them
_SHARED = "imports"  # the part of a change that is not of one unit
_COMPILED = 100_000  # characters; these take 0.05 s

_DOCSTRINGS = re.compile(
    r"^(?:please )?(?:add|write|update|improve|complete)\b[^.;]*\b(?:docstrings?|doc comments?)\b"
    r"[^.;]*\.?$",
    re.IGNORECASE,
)
_TYPE_HINTS = re.compile(
    r"^(?:please )?(?:add|write|complete)\b[^.;]*\btype (?:hints?|annotations?)\b[^.;]*\.?$",
    re.IGNORECASE,
)


class Plan(NamedTuple):
    """What would be done, in this order. `left_out` are names with the reason."""

    snapshot: Snapshot
    instruction: str
    units: tuple[Unit, ...]
    left_out: tuple[tuple[str, str], ...]


class Result(NamedTuple):
    """What became of one unit. `edits` are of the plan's snapshot; none where it stays.

    `shared` are those outside of its lines, such as imports, which later units rely on too.
    """

    unit: Unit
    verdict: Verdict
    reason: str
    edits: tuple[Edit, ...] = ()
    shared: tuple[Edit, ...] = ()
    model: str = ""
    confidence: float | None = None
    tries: int = 0
    spent: Spent = Spent()


class UnitDone(NamedTuple):
    """The newest result, and all so far in the plan's order, that one among them.

    A unit that is taken back at the end comes a second time, refused.
    """

    newest: Result
    done: tuple[Result, ...]


OnUnit = Callable[[UnitDone], None]


class _Whole(NamedTuple):
    """What is known of the whole file. `fault` "" where it holds."""

    fault: str
    checked: str = ""
    verified: bool = False


class Modules:
    """Refactoring of whole files. Event loop only."""

    def __init__(self, resources: Resources, editing: Editing) -> None:
        self._resources = resources
        self._editing = editing

    def plan(self, snapshot: Snapshot, instruction: str) -> Plan:
        """The units of a file, callees first. Quick; asks no model. Raises Refused."""
        instruction = " ".join(instruction.split())
        if not instruction:
            raise Refused("there is no instruction")
        if (n := len(instruction)) > _INSTRUCTION:
            raise Refused(f"the instruction has {n:,} characters; at most {_INSTRUCTION:,} fit")
        readable(snapshot)
        tree = self._resources.syntax.tree(snapshot, budget_ms=0)
        if tree is None:
            raise Refused("there is no grammar for this language: its units are not known")
        found = outline(tree, snapshot.text)
        planned = units(
            snapshot,
            tree,
            found,
            self._resources.config.edit_tokens,
            functions=_of_definitions(instruction, snapshot.language_id) is not None,
        )
        if not planned.units:
            why = "".join(f": {name}, {reason}" for name, reason in planned.left_out[:1])
            raise Refused(f"there is nothing in the file that can be edited{why}")
        return Plan(snapshot, instruction, planned.units, planned.left_out)

    async def refactor(
        self,
        plan: Plan,
        wanted: Collection[str] | None,
        on_unit: OnUnit,
        on_progress: OnProgress = lambda tokens: None,
    ) -> Outcome:
        """Edit the units of `plan` with the names `wanted`; all of them for None.

        Never raises; nothing is written. Cancelling the task ends the model's work; what is done by
        then came with the last `on_unit`.
        """
        chosen = [unit for unit in plan.units if wanted is None or unit.name in wanted]
        if not chosen:
            return refused(_title(plan), "no unit of the plan was chosen")
        done: list[Result] = []
        n_tokens = 0

        def progress(tokens: int) -> None:
            on_progress(n_tokens + tokens)

        with self._resources.request("module", plan.snapshot.uri) as about:
            for unit in chosen:
                done.append(await self._edited(plan, unit, done, progress))
                n_tokens += done[-1].spent.predicted_n
                on_unit(UnitDone(done[-1], tuple(done)))
            try:
                whole = await self._hold(plan, done, on_unit)
            except Refused as e:
                outcome = refused(_title(plan), str(e))
            else:
                outcome = _outcome(plan, done, whole)
        return self._resources.edited(about, outcome)

    def outcome(self, plan: Plan, done: Sequence[Result]) -> Outcome:
        """The results of a work that was broken off as one change, a Change a unit."""
        unchecked = _Whole("", "the file as a whole was not checked: the work was broken off")
        return _outcome(plan, done, unchecked)

    # Units

    async def _edited(
        self, plan: Plan, unit: Unit, done: Sequence[Result], on_progress: OnProgress
    ) -> Result:
        """One unit, edited where the units before it left it."""
        before = [edit for result in done for edit in (*result.shared, *result.edits)]
        working = _applied(plan.snapshot, before)
        lines = _moved(unit.lines, before)
        if lines is None:
            return Result(unit, Verdict.REFUSED, "another unit's change reaches into it")
        action = _action(plan, self._signatures(plan, working, unit, done))
        made = await self._editing.edit(working, lines, action, on_progress)
        result = Result(
            unit,
            made.verdict,
            made.reason,
            model=made.model,
            confidence=made.confidence,
            tries=made.tries,
            spent=made.spent,
        )
        if made.verdict is Verdict.REFUSED:
            return result
        edits = _to_original(made.changes[0].edits, before)
        after = None if edits is None else _applied(plan.snapshot, [*before, *edits])
        if edits is None or after is None or after.text != made.changes[0].after:
            reason = "its change cannot be told apart from another unit's"
            return result._replace(verdict=Verdict.REFUSED, reason=reason)
        start, end = unit.lines
        own: list[Edit] = []
        shared: list[Edit] = []
        for edit in edits:
            inside = start <= edit.range.start and edit.range.end <= end
            (own if inside else shared).append(edit)
        if not own:
            return result._replace(verdict=Verdict.REFUSED, reason="it changed nothing of the unit")
        return result._replace(edits=tuple(own), shared=tuple(shared))

    def _signatures(
        self, plan: Plan, working: Snapshot, unit: Unit, done: Sequence[Result]
    ) -> list[str]:
        """The signatures that units used by this one have got, where they are others now."""
        changed = {r.unit.name for r in done if r.edits and r.unit.name in unit.after}
        if not changed:
            return []
        old, new = (
            {f"{d.scope}.{d.name}" if d.scope else d.name: d.signature for d in found}
            for found in (self._definitions(plan.snapshot), self._definitions(working))
        )
        return [
            signature
            for name, signature in new.items()
            if name in changed and signature != old.get(name, signature)
        ]

    def _definitions(self, snapshot: Snapshot) -> tuple[Definition, ...]:
        return self._state(snapshot).outline.definitions

    def _state(self, snapshot: Snapshot) -> State:
        return state(self._resources.syntax, snapshot, TextRange(0, len(snapshot.text)))

    # The whole

    async def _hold(self, plan: Plan, done: list[Result], on_unit: OnUnit) -> _Whole:
        """What is known of the file with all units, without those that break it.

        The units that break it are found one after another: each is the last of the shortest
        beginning that does not hold. Where that takes too many checks, all behind the longest
        beginning that holds are taken back. Raises Refused where nothing is left.
        """
        tests = Tests()
        n_checks = 0

        async def check(kept: Sequence[int]) -> _Whole:
            nonlocal n_checks
            n_checks += 1
            edits = [edit for result in done for edit in result.shared]
            edits += [edit for i in kept for edit in done[i].edits]
            return await self._judged(plan, _applied(plan.snapshot, edits), tests)

        kept = [i for i, result in enumerate(done) if result.edits]
        good = 0  # so many of them hold
        while True:
            if not kept:
                raise Refused(_why_nothing(done))
            whole = await check(kept)
            if not whole.fault:
                return whole
            bad = len(kept)  # so many do not
            fault = whole.fault
            while bad - good > 1 and n_checks < _CHECKS:
                half = (good + bad) // 2
                found = await check(kept[:half])
                if found.fault:
                    bad, fault = half, found.fault
                else:
                    good = half
            last = bad if n_checks < _CHECKS else len(kept)
            for i in reversed(kept[good:last]):
                reason = f"taken back, because with it {fault}"
                done[i] = done[i]._replace(verdict=Verdict.REFUSED, reason=reason, edits=())
                on_unit(UnitDone(done[i], tuple(done)))
            kept = kept[:good] + kept[last:]

    async def _judged(self, plan: Plan, after: Snapshot, tests: Tests) -> _Whole:
        """Whether the whole file holds: it parses, others find what they import, tests pass."""
        old, new = self._state(plan.snapshot), self._state(after)
        if old.tree is None or new.tree is None:
            return _Whole("the file is too long to be checked")
        if len(errors(new.tree)) > len(errors(old.tree)):
            return _Whole("the file does not parse")
        if new.tree.grammar == "python" and len(after.text) <= _COMPILED:
            if not python_error(plan.snapshot.text) and (error := python_error(after.text)):
                return _Whole(f"the file does not compile ({error})")
            if unknown := invented(plan.snapshot.text, after.text):
                return _Whole(f"{', '.join(unknown[:3])} is not defined")
        place = self._resources.project and self._resources.project.find(plan.snapshot.uri)
        said = "which files use it is not known"
        if place:
            if gone := missing(place[0].reader, place[1], old.outline, new.outline):
                return _Whole(gone)
            said = "what other files import from it is there"
        asked = Asked(plan.instruction, place_of(self._resources, after))
        try:
            tested, verified = await tests.compare(old, new, asked)
        except Fault as e:
            return _Whole(str(e))
        return _Whole("", f"it parses; {said}; {tested}", verified)


def _title(plan: Plan) -> str:
    return actions.by_instruction(plan.instruction).title


def _action(plan: Plan, signatures: Sequence[str]) -> Action:
    """What a unit is told, and what must hold for it.

    New signatures are told, but for one with a word in it that lets a contract's names go.
    """
    known = _of_definitions(plan.instruction, plan.snapshot.language_id)
    if known is not None:
        return known
    told = [s for s in signatures if not basics.names_may_go(s)]
    more = f" It uses these, which were changed: {'; '.join(told)}"[:_SIGNATURES] if told else ""
    return Action(actions.INSTRUCTION, _title(plan), "behaviour", plan.instruction + more)


def _of_definitions(instruction: str, language_id: str) -> Action | None:
    """The action that an instruction means which asks for docstrings or type hints alone."""
    for words, action_id in ((_DOCSTRINGS, "docstring"), (_TYPE_HINTS, "type-hints")):
        if words.match(instruction):
            return actions.by_id(action_id, language_id)
    return None


def _outcome(plan: Plan, done: Sequence[Result], whole: _Whole) -> Outcome:
    """All results as one change of the file."""
    made = [result for result in done if result.edits]
    if not made:
        return refused(_title(plan), _why_nothing(done), _action(plan, ()).contract)
    uri, before = plan.snapshot.uri, plan.snapshot
    shared = [edit for result in done for edit in result.shared]
    parts = [(_SHARED, shared)] if shared else []
    parts += [(r.unit.name, [*r.edits]) for r in sorted(made, key=lambda r: r.unit.lines.start)]
    changes = tuple(
        Change(uri, before, tuple(sorted(edits, key=lambda e: e.range)), unit=name)
        for name, edits in parts
    )
    verified = whole.verified and all(r.verdict is Verdict.VERIFIED for r in made)
    n = len(plan.units)
    reason = f"{len(made)} of {n} {'unit' if n == 1 else 'units'} changed; {whole.checked}"
    confidences = [r.confidence for r in made if r.confidence is not None]
    return Outcome(
        _title(plan),
        Verdict.VERIFIED if verified else Verdict.NOT_VERIFIED,
        reason,
        _action(plan, ()).contract,
        changes,
        made[-1].model,
        min(confidences, default=None),
        sum(result.tries for result in done),
        _spent(done),
    )


def _why_nothing(done: Sequence[Result]) -> str:
    if not done:
        return "nothing was done yet"
    first = done[0]
    return f"none of the units could be changed; {first.unit.name}: {first.reason}"


def _spent(done: Sequence[Result]) -> Spent:
    """What all units cost; the first token is the first unit's."""
    total = Spent(first_token_ms=done[0].spent.first_token_ms if done else 0.0)
    for result in done:
        spent = result.spent
        total.total_ms += spent.total_ms
        total.prompt_n += spent.prompt_n
        total.cache_n += spent.cache_n
        total.predicted_n += spent.predicted_n
        total.draft_n += spent.draft_n
        total.draft_n_accepted += spent.draft_n_accepted
        total.predicted_ms += spent.predicted_ms
    return total


# From the file as it was to the working copy and back


def _applied(snapshot: Snapshot, edits: Sequence[Edit]) -> Snapshot:
    """The file after edits of it that are apart; those at one place in their order."""
    for edit in sorted(edits, key=lambda e: e.range)[::-1]:
        snapshot = snapshot.apply(edit, snapshot.version)
    return snapshot


def _moved(lines: TextRange, before: Sequence[Edit]) -> TextRange | None:
    """Where lines of the file are after edits outside of them; None if one reaches into them."""
    shift = 0
    for (start, end), new_text in before:
        if end <= lines.start:
            shift += len(new_text) - (end - start)
        elif start < lines.end:
            return None
    return TextRange(lines.start + shift, lines.end + shift)


def _to_original(edits: Sequence[Edit], before: Sequence[Edit]) -> list[Edit] | None:
    """Edits of the working copy, which is the file after `before`, as edits of the file.

    None where one changes what another edit wrote.
    """
    written: list[tuple[int, int, int]] = []  # where in the working copy, and how much longer
    shift = 0
    for (start, end), new_text in sorted(before, key=lambda e: e.range):
        grown = len(new_text) - (end - start)
        written.append((start + shift, start + shift + len(new_text), grown))
        shift += grown
    found = []
    for (start, end), new_text in edits:
        if any(_touch(start, end, a, b) for a, b, _ in written):
            return None
        shift = sum(grown for _, b, grown in written if b <= start)
        found.append(Edit(TextRange(start - shift, end - shift), new_text))
    return found


def _touch(start: int, end: int, a: int, b: int) -> bool:
    """Whether two ranges share a character, or one that is empty stands inside the other."""
    return (start < b and a < end) or a < start < b or start < a < end
