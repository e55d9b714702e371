"""A failing command, and the edit after which it succeeds.

The command runs in the sandbox. What its output points at (`suspects`) is rewritten, one function
at a time, with the failure and the test as data in the prompt; the command runs again with the edit
in an overlay. An edit is kept only if failures are gone, no test fails that did not, and no fewer
tests ran. Tests are not edited, and code that begins to end the process or to ask for the test
runner is refused: a failure can be hidden that way. At the end the unchanged code is run once more:
a failure that comes and goes proves nothing.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from slmcode.features.edits.actions import Action
from slmcode.features.edits.editing import Editing
from slmcode.features.edits.outcome import Outcome, Refused, Spent, Verdict, refused
from slmcode.features.edits.reply import OnProgress, ready_engine
from slmcode.features.edits.suspects import Folder, Suspect, evidence
from slmcode.features.project import file_of
from slmcode.features.resources import Resources
from slmcode.index.secrets import mask, spans
from slmcode.syntax.symbols import outline
from slmcode.text import Snapshot
from slmcode.verify.sandbox import SandboxRefused
from slmcode.verify.testrun import TestRun, new_failures, run_tests

TITLE = "Debug this failure"
_SUSPECTS = 3
_TRIES = 2  # for each of them
_SHOWN = 1200  # characters of the output's end in a prompt, and of the test

# The command itself is broken, not the code it runs.
_BROKEN = (
    re.compile(r"No module named '?(?:pytest|unittest2|nose2?|tox)\b"),
    re.compile(r"^ERROR: (?:usage|file or directory not found|not found): ?(.*)", re.MULTILINE),
    re.compile(r"(?:unrecognized arguments|unknown (?:option|flag|command)):? (.*)"),
    re.compile(r"^(?:collected 0 items|no tests ran.*|npm ERR! Missing script.*)$", re.MULTILINE),
    re.compile(r"^make: \*\*\* No rule to make target.*$", re.MULTILINE),
    re.compile(r"go: .*(?:no such file|cannot find main module).*"),
)
_NOT_INSTALLED = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_HIDES = re.compile(
    r"\b(?:sys\.exit|os\._exit|process\.exit|os\.Exit|System\.exit|pytest|unittest|PYTEST\w*)\b"
)

_VALUES = ("variable", "constant", "field")

OnStep = Callable[[str], None]


class _Fixed(NamedTuple):
    """An edit after which failures are gone."""

    outcome: Outcome
    run: TestRun
    suspect: Suspect


class Debugging:
    """Finds and tries edits. Event loop only."""

    name = "debugged"
    promise = "the failure is gone and nothing else fails"

    def __init__(self, resources: Resources, editing: Editing) -> None:
        self._resources = resources
        self._editing = editing

    async def debug(
        self,
        command: str,
        folder: Path,
        on_progress: OnProgress = lambda tokens: None,
        on_step: OnStep = lambda step: None,
    ) -> Outcome:
        """An edit of the folder's code after which the command succeeds.

        Never raises; what cannot be done is refused with what was tried. Cancelling the task ends
        the model's work and the runs.
        """
        with self._resources.request("debugging", str(folder)) as about:
            try:
                outcome = await self._debug(command, folder, on_progress, on_step)
            except (Refused, SandboxRefused) as e:
                outcome = refused(TITLE, str(e), self.name)
        return self._resources.edited(about, outcome)

    async def _debug(
        self, command: str, folder: Path, on_progress: OnProgress, on_step: OnStep
    ) -> Outcome:
        if not command.strip():
            raise Refused("there is no command to run; name the one that fails")
        folder = folder.resolve()
        ready_engine(self._resources)
        config = self._resources.config
        until = time.monotonic() + config.edit_limit_s
        unsaved = self._unsaved(folder)
        on_step(f"running the command: {command}")
        before = await run_tests(command, folder, overlay=unsaved, wall_s=config.test_limit_s)
        _can_be_debugged(before, folder, config.test_limit_s)
        on_step(f"it fails: {_count(before)}")
        files = await asyncio.to_thread(Folder, folder, unsaved, self._resources.syntax)
        found = evidence(files, before.output)
        if not found.suspects:
            raise Refused("the command fails, but its output names no code of this folder")
        spent, tries, tried = Spent(), 0, []
        best: _Fixed | None = None
        for suspect in found.suspects[:_SUSPECTS]:
            on_step(f"suspect: {suspect.name}")
            fault = ""
            for _ in range(_TRIES):
                if time.monotonic() > until:
                    tried.append(f"the time was up (edit_limit_s, {config.edit_limit_s} s)")
                    break
                instruction = _instruction(suspect, found.test, before, fault)
                outcome = await self._edited(suspect, instruction, on_progress)
                tries += outcome.tries
                _add(spent, outcome.spent)
                fault = self._fault(suspect, outcome)
                if fault:
                    tried.append(f"{suspect.name}: {fault}")
                    continue
                overlay = {**unsaved, suspect.path: outcome.changes[0].after}
                after = await run_tests(
                    command, folder, overlay=overlay, wall_s=config.test_limit_s
                )
                fault = _not_fixed(before, after)
                on_step(f"{suspect.name} edited: {fault or _count_gone(before, after)}")
                if fault:
                    tried.append(f"{suspect.name}: {fault}")
                    continue
                if best is None or len(after.failed) < len(best.run.failed):
                    best = _Fixed(outcome, after, suspect)
                break
            if best is not None and best.run.passed:
                break
        if best is None:
            raise Refused(f"no edit made the failure go away; tried: {'; '.join(tried)}")
        on_step("running the unchanged code once more")
        again = await run_tests(command, folder, overlay=unsaved, wall_s=config.test_limit_s)
        if not (before.failed - best.run.failed) <= again.failed:
            raise Refused("the command fails at times only, so no edit can be shown to help")
        return Outcome(
            f"{TITLE}: {best.suspect.name}",
            Verdict.VERIFIED,
            _reason(before, best.run),
            self.name,
            best.outcome.changes,
            best.outcome.model,
            best.outcome.confidence,
            tries,
            spent,
        )

    async def _edited(self, suspect: Suspect, instruction: str, on_progress: OnProgress) -> Outcome:
        lines = self._editing.lines_around(suspect.snapshot, suspect.range)
        action = Action("debug", TITLE, "instruction", instruction)
        where = lines if lines is not None else suspect.range
        if suspect.snapshot.version is None and spans(suspect.snapshot.text[slice(*where)]):
            # Nobody has shown it to us, and masked it could not be given back.
            return refused(TITLE, "it holds a secret", self.name)
        with self._resources.on_file(suspect.snapshot.uri):
            return await self._editing.edit(suspect.snapshot, where, action, on_progress)

    def _fault(self, suspect: Suspect, outcome: Outcome) -> str:
        """Why an edit is not even tried; "" where it is.

        Names are looked at here once more: the text of a failure is in the instruction, and must
        not be what lets names go.
        """
        if not outcome.changes:
            return outcome.reason
        old, new = suspect.snapshot, outcome.changes[0].after
        hides = [m[0] for m in _HIDES.finditer(new)]
        if len(hides) > len(_HIDES.findall(old.text)):
            return f"it begins to use {hides[-1]}, which can hide a failure"
        after = Snapshot(old.uri, old.language_id, None, new)
        gone = sorted(self._names(old) - self._names(after))
        return f"{gone[0]} is not defined any more" if gone else ""

    def _names(self, snapshot: Snapshot) -> set[str]:
        tree = self._resources.syntax.tree(snapshot, budget_ms=0)
        found = outline(tree, snapshot.text).definitions if tree is not None else ()
        return {f"{d.scope}.{d.name}".strip(".") for d in found if d.kind not in _VALUES}

    def _unsaved(self, folder: Path) -> dict[Path, str]:
        found = {}
        for document in self._resources.documents():
            file = file_of(document.uri)
            if file is not None and file.resolve().is_relative_to(folder):
                found[file.resolve()] = document.text
        return found


def _can_be_debugged(run: TestRun, folder: Path, limit_s: float) -> None:
    """Raises Refused where it passes, or where it is the command that is broken."""
    if run.passed:
        raise Refused("nothing fails: the command succeeds")
    if run.stopped == "time":
        raise Refused(f"the command took longer than {limit_s:.0f} s (test_limit_s)")
    if run.stopped:
        raise Refused(f"the command was stopped by the sandbox's limit of {run.stopped}")
    for pattern in _BROKEN:
        if (match := pattern.search(run.output)) is not None:
            raise Refused(f"the command itself does not work here: {match[0].strip()}")
    for module in _NOT_INSTALLED.findall(run.output):
        root = module.split(".")[0]
        if not any(folder.glob(f"**/{root}.py")) and not any(folder.glob(f"**/{root}/")):
            raise Refused(f"the command does not work here: {root} is not installed")


def _instruction(suspect: Suspect, test: str, run: TestRun, fault: str) -> str:
    """What the model is told; the output and the test are data, and may say anything.

    Secrets in them are masked: what a program prints comes from everywhere.
    """
    parts = ["This code has a bug. Correct it, so that the failing test passes. Keep all names."]
    if suspect.message:
        parts.append(f"The error is: {mask(suspect.message)}")
    if test:
        parts.append(f"The failing test, which is right:\n{mask(test)[:_SHOWN]}")
    else:
        parts.append(f"The end of the output:\n{mask(run.output).strip()[-_SHOWN:]}")
    if fault:
        parts.append(f"An earlier edit did not help: {mask(fault)}.")
    return "\n\n".join(parts)


def _not_fixed(before: TestRun, after: TestRun) -> str:
    """Why an edit is not kept; "" where it is."""
    if after.stopped:
        return f"the command was stopped ({after.stopped})"
    if new := new_failures(before, after):
        return f"it breaks {', '.join(sorted(new)[:3])}"
    if not before.failed - after.failed:
        lines = [line for line in after.output.splitlines() if line.startswith("E  ")]
        return f"the failure is still there{': ' + lines[0][3:].strip() if lines else ''}"
    if before.n_tests is not None and (after.n_tests is None or after.n_tests < before.n_tests):
        return f"{after.n_tests or 0} tests ran in place of {before.n_tests}"
    return ""


def _count(run: TestRun) -> str:
    names = sorted(run.failed)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _count_gone(before: TestRun, after: TestRun) -> str:
    gone = len(before.failed - after.failed)
    return f"{gone} of {len(before.failed)} failures are gone"


def _reason(before: TestRun, after: TestRun) -> str:
    reason = f"{_count_gone(before, after)} and nothing else fails"
    if not after.passed:
        reason += f"; still failing: {_count(after)}"
    elif after.n_tests is not None:
        reason += f"; {after.n_tests} tests pass"
    return f"{reason}; {after.weaker}" if after.weaker else reason


def _add(total: Spent, one: Spent) -> None:
    total.first_token_ms = total.first_token_ms or one.first_token_ms
    total.total_ms += one.total_ms
    total.prompt_n += one.prompt_n
    total.cache_n += one.cache_n
    total.predicted_n += one.predicted_n
    total.predicted_ms += one.predicted_ms
    total.draft_n += one.draft_n
    total.draft_n_accepted += one.draft_n_accepted
