"""What other programs say before an edit and after it: tools that find problems, and tests.

They run in the sandbox, on the texts as they would be; nothing is written to the project.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from slmcode.features.edits.contracts.base import Asked, State
from slmcode.features.edits.contracts.python import Fault
from slmcode.verify import tools
from slmcode.verify.sandbox import SandboxRefused
from slmcode.verify.testrun import WHOLE, TestRun, new_failures, run_tests
from slmcode.verify.tools import Problem


class Problems(NamedTuple):
    """What a tool reports. `new` are those of `after` that `before` has no partner for."""

    before: list[Problem]
    after: list[Problem]
    new: list[Problem]


def overlay(state: State, asked: Asked) -> Mapping[Path, str | None]:
    """The texts that tools and tests must see: those that are not saved, and the document's."""
    texts: dict[Path, str | None] = dict(asked.place.unsaved)
    if asked.place.path is not None:
        texts[asked.place.path] = state.snapshot.text
    return texts


async def new_problems(tool: str, before: State, after: State, asked: Asked) -> Problems | str:
    """What the tool reports of both states; half a sentence where it cannot be asked."""
    folder, path = asked.place.folder, asked.place.path
    if folder is None or path is None:
        return "the document has no file in a project"
    old = await tools.problems(tool, folder, path, overlay(before, asked))
    if old is None:
        return "it is not there or failed"
    new = await tools.problems(tool, folder, path, overlay(after, asked))
    if new is None:
        return "it failed on the edited file"
    rest = Counter(map(key, old))
    fresh = []
    for problem in new:
        if rest[key(problem)]:
            rest[key(problem)] -= 1
        else:
            fresh.append(problem)
    return Problems(old, new, fresh)


def key(problem: Problem) -> tuple[Path, str, str]:
    """What stays the same where lines move."""
    return problem.path, problem.code, problem.message


_SHOWN = 5  # failing tests that are named


class Tests:
    """The user's test command, run before an edit and after. The run before is kept for retries."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    def __init__(self) -> None:
        self._before: tuple[object, TestRun] | None = None

    async def compare(self, before: State, after: State, asked: Asked) -> tuple[str, bool]:
        """What the tests say, and whether they say that nothing broke. Raises Fault."""
        place = asked.place
        command = place.config.test_command
        if not command:
            return "whether it does the same is not checked: no test command is set", False
        if place.folder is None or place.path is None:
            return "the tests were not run: the document has no file in a project", False
        try:
            old = await self._run(before, asked)
            unusable = _unusable(old, command)
            if unusable:
                return unusable, False
            new = await run_tests(
                command,
                place.folder,
                overlay=overlay(after, asked),
                wall_s=place.config.test_limit_s,
            )
        except SandboxRefused as e:
            return f"the tests were not run: {e}", False
        return _compared(old, new, command)

    async def _run(self, before: State, asked: Asked) -> TestRun:
        place = asked.place
        assert place.folder is not None
        texts = overlay(before, asked)
        key = place.config.test_command, place.folder, dict(texts)
        if self._before is None or self._before[0] != key:
            run = await run_tests(
                place.config.test_command,
                place.folder,
                overlay=texts,
                wall_s=place.config.test_limit_s,
            )
            self._before = key, run
        return self._before[1]


def _unusable(old: TestRun, command: str) -> str:
    """Why the run before the edit says nothing, "" where it does."""
    if old.stopped:
        return f"the tests say nothing: `{command}` was stopped before the edit too ({old.stopped})"
    if old.n_tests == 0:
        return f"the tests say nothing: `{command}` ran none"
    everything = old.n_tests is not None and len(old.failed) >= old.n_tests
    if not old.passed and (WHOLE in old.failed or everything):
        return f"the tests say nothing: `{command}` fails without the edit too"
    return ""


def _compared(old: TestRun, new: TestRun, command: str) -> tuple[str, bool]:
    """What two runs say. Raises Fault where the later one is worse."""
    if new.stopped:
        raise Fault(f"the tests do not end any more ({new.stopped})")
    broken = sorted(new_failures(old, new))
    if broken:
        more = f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        raise Fault(f"tests fail that passed before: {', '.join(broken[:_SHOWN])}{more}")
    if old.n_tests is not None and (new.n_tests or 0) < old.n_tests:
        raise Fault(f"only {new.n_tests or 0} of {old.n_tests} tests ran")
    if new.passed:
        return f"the tests pass (`{command}`)", True
    n = len(new.failed)
    return f"no test fails that passed before (`{command}`; {n} failed already)", True
