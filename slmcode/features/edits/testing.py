"""Tests for a function, written by a model and kept only where they find a seeded fault.

The model is asked for calls of the function; what a test expects is put right by what the code
does when the tests run (`written_tests`). So the tests tell what the code does now, which is not
always what it should do, and the reason says where that is so. Then all of them run again with
another order of sets, twice each, and on mutants of the function (`verify.mutation`). Shown are
tests that pass, touch nothing that is not theirs, and fail on at least one mutant.
"""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from slmcode.engine.job import Stop
from slmcode.features.edits import rewriting
from slmcode.features.edits.editing import readable
from slmcode.features.edits.outcome import Change, Outcome, Refused, Verdict, refused
from slmcode.features.edits.place import Place, place_of
from slmcode.features.edits.python_module import (
    Function,
    Located,
    file_for_tests,
    function_at,
    interpreter,
    located,
    uses,
)
from slmcode.features.edits.reply import OnProgress, Writer, open_writer, ready_engine
from slmcode.features.edits.written_tests import (
    Answer,
    Settled,
    Written,
    defined,
    imports_for,
    observing,
    read,
    rendered,
    settled,
    undefined,
    with_arguments,
)
from slmcode.features.resources import Resources
from slmcode.prompt import testing as prompts
from slmcode.prompt.edit import TooLong
from slmcode.prompt.testing import Subject
from slmcode.text import Edit, Snapshot, TextRange
from slmcode.verify import trials
from slmcode.verify.mutation import mutants
from slmcode.verify.sandbox import SandboxRefused
from slmcode.verify.trials import Trial, Tried

TITLE = "Generate tests"
_TRIES = 2
_MUTANTS = 12
_TESTS = 8  # complete ones in an answer; more are not waited for
_SLOW_S = 1.0  # a test that takes longer is left out
_UNSURE = 0.25  # confidence; as for edits


class _Kept(NamedTuple):
    """Tests that are shown, as a file, and what is known of them."""

    text: str
    n_tests: int
    n_mutants: int
    n_found: int
    observed: bool


class _Ready(NamedTuple):
    """A function that can be tested here."""

    snapshot: Snapshot
    place: Place
    function: Function
    located: Located
    module: trials.Module
    has_pytest: bool


class TestWriting:
    """Writes tests. Event loop only."""

    __test__ = False  # pytest collects by name
    name = "tests"
    promise = "the tests run, pass on the code as it is, and fail on a seeded fault"

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._sequence = f"tests {uuid.uuid4()}"

    async def write(
        self,
        snapshot: Snapshot,
        text_range: TextRange,
        on_progress: OnProgress = lambda tokens: None,
    ) -> Outcome:
        """A new test file for the function in the range.

        Runs code of the project, in the sandbox. Never raises; what cannot be done is refused.
        Cancelling the task ends the model's work and the runs.
        """
        try:
            ready_engine(self._resources)
            ready = await self._ready(snapshot, text_range)
            writer = await open_writer(self._resources, on_progress)
            kept, confidence, tries = await self._write(ready, writer)
        except (Refused, TooLong, SandboxRefused) as e:
            return refused(TITLE, str(e), self.name)
        noun = "test passes" if kept.n_tests == 1 else "tests pass"
        reasons = [
            f"{kept.n_tests} {noun} on the code as it is, and {kept.n_found} of {kept.n_mutants} "
            "seeded faults were found"
        ]
        if kept.observed:
            reasons.append("expected values were taken from the code as it is")
        if writer.model.note:
            reasons.append(writer.model.note)
        if confidence < _UNSURE:
            reasons.append("the model was not sure of it")
        path = file_for_tests(ready.located, ready.function)
        change = Change(path.as_uri(), None, (Edit(TextRange(0, 0), kept.text),))
        return Outcome(
            TITLE,
            Verdict.VERIFIED,
            "; ".join(reasons),
            self.name,
            (change,),
            writer.model.name,
            confidence,
            tries,
            writer.spent,
        )

    async def _ready(self, snapshot: Snapshot, text_range: TextRange) -> _Ready:
        """Find the function and import its module. Raises Refused or SandboxRefused."""
        readable(snapshot)
        if snapshot.language_id != "python":
            raise Refused("tests can be generated for Python only")
        function = function_at(snapshot, text_range)
        place = place_of(self._resources, snapshot)
        if place.path is None:
            raise Refused("the file is not saved yet; tests could not import it")
        where = located(place.path, place.folder)
        python = interpreter(where.folder, place.config.test_command)
        overlay: dict[Path, str | None] = {**place.unsaved, place.path: snapshot.text}
        module = trials.Module(
            python.path,
            where.folder,
            (where.root, where.folder),
            where.name,
            where.file,
            overlay,
            python.env,
        )
        found = await trials.run_trials(module, wall_s=place.config.test_limit_s)
        if found.missing:
            raise Refused(
                f"{where.name} cannot be imported here: {found.missing} is not installed for "
                f"{python.path}"
            )
        if found.error:
            raise Refused(f"{where.name} cannot be imported here: {found.error}")
        return _Ready(snapshot, place, function, where, module, found.has_pytest)

    async def _write(self, ready: _Ready, writer: Writer) -> tuple[_Kept, float, int]:
        """Raises Refused, TooLong or SandboxRefused."""
        model, fault = writer.model, ""
        opening = f"{_import(ready)}\n\n\n"
        tested = Subject(
            ready.function.name,
            ready.function.called,
            ready.function.code,
            uses(ready.snapshot.text, ready.function),
            opening,
            _how(ready),
        )
        for tries in range(1, _TRIES + 1):
            prompt = prompts.write_tests(
                model.tokenizer, model.chat, tested, fault=fault, n_ctx=model.n_ctx
            )
            is_enough = partial(_is_enough, fence=prompt.fence)
            answer = await writer.write(prompt, self._sequence, is_enough)
            if answer.stop is Stop.DEADLINE:
                raise Refused(f"it took longer than {writer.limit_s:.0f} s (edit_limit_s)")
            code = rewriting.code_of(opening + "def test_" + answer.text, prompt.fence)
            kept, fault = await self._checked(ready, code)
            if kept is not None:
                return kept, answer.confidence, tries
        raise Refused(f"the model's tests were not right: {fault}")

    async def _checked(self, ready: _Ready, code: str) -> tuple[_Kept | None, str]:
        """What is left of an answer, or its fault."""
        answer = read(_bound(code, ready.function))
        tests = list(answer.tests)
        if not tests:
            return None, "there is no test in it"
        module, snapshot = ready.module, ready.snapshot
        header = _header(ready, answer, tests)
        wall_s = ready.place.config.test_limit_s
        first = await trials.run_trials(
            module, header, [Trial(t.name, observing(t)) for t in tests], wall_s=wall_s
        )
        mended = [
            with_arguments(test, tried.error) or test
            for test, tried in zip(tests, first.tests, strict=True)
        ]
        if mended != tests:
            tests = mended
            header = _header(ready, answer, tests)
            first = await trials.run_trials(
                module, header, [Trial(t.name, observing(t)) for t in tests], wall_s=wall_s
            )
        header = [text for n, text in enumerate(header) if n not in first.unusable]
        found = [
            _settled(test, tried, ready) for test, tried in zip(tests, first.tests, strict=False)
        ]
        right = [one for one in found if one is not None]
        if not right:
            return None, _why(tests, first.tests)
        function = ready.function
        seeds = mutants(snapshot.text, function.first_line, function.last_line, _MUTANTS)
        if not seeds:
            raise Refused(f"there is nothing in {function.name} that a test could find wrong")
        tests = [one.test for one in right]
        header = [*header, *_header(ready, answer, tests)]
        header = list(dict.fromkeys(header))
        second = await trials.run_trials(
            module,
            header,
            [Trial(t.name, t.source) for t in tests],
            [m.text for m in seeds],
            wall_s=wall_s,
            hash_seed=1,
        )
        header = [text for n, text in enumerate(header) if n not in second.unusable]
        if not any(not t.error for t in second.tests):
            return None, _why(tests, second.tests)
        if not second.control:
            raise Refused(
                f"{ready.located.name} does not stand being executed twice, so faults cannot be "
                "seeded into it"
            )
        killers = {name for killed in second.mutants for name in killed}
        kept = [
            one
            for one, tried in zip(right, second.tests, strict=True)
            if not tried.error and _is_good(tried) and one.test.name in killers
        ]
        if not kept:
            n = len(second.mutants)
            return None, f"none of {n} seeded faults was found by a test that passes"
        names = {one.test.name for one in kept}
        n_found = sum(bool(names.intersection(killed)) for killed in second.mutants)
        text = _file(ready, answer, [one.test for one in kept], header)
        return _Kept(
            text, len(kept), len(second.mutants), n_found, any(one.observed for one in kept)
        ), ""


def _import(ready: _Ready) -> str:
    return f"from {ready.located.name} import {ready.function.imported}"


def _how(ready: _Ready) -> str:
    """How the function is called, where its first line does not say it."""
    function = ready.function
    words = []
    if function.is_bound and function.needs != []:
        words.append("What is hard to make may be a Mock().")
    if function.is_property:
        words.append("It is a property.")
    if isinstance(function.node, ast.AsyncFunctionDef):
        words.append("Run it with asyncio.run().")
    return " ".join(words)


def _bound(code: str, function: Function) -> str:
    """The answer with an object where it calls a method on the class."""
    if not function.is_bound or function.owner is None or function.name == "__init__":
        return code
    owner, name = function.owner.name, function.name
    made = ", ".join(f"{need}=Mock()" for need in function.needs or ())
    return re.sub(rf"\b{owner}\.{name}\(", f"{owner}({made}).{name}(", code)


def _is_enough(text: str, fence: str) -> bool:
    """Whether an answer behind `def test_` has ended, or as many tests as are looked at."""
    return f"\n{fence}" in text or text.count("\ndef test_") >= _TESTS


def _header(ready: _Ready, answer: Answer, tests: Sequence[Written]) -> list[str]:
    """Imports and helpers that the tests use, one statement a text."""
    source = "\n\n".join([*answer.helpers, *(t.source for t in tests)])
    names = [n for n in undefined(source) if n != ready.function.imported]
    own = imports_for(
        names, ready.located.name, ready.snapshot.text, answer.imports, ready.located.is_package
    )
    return [_import(ready), *own, *answer.helpers]


def _file(ready: _Ready, answer: Answer, tests: Sequence[Written], usable: Sequence[str]) -> str:
    """The test file, with the imports and helpers that it needs and that work."""
    used = undefined("\n\n".join(t.source for t in tests))
    helpers = [h for h in answer.helpers if h in usable and defined(h) in used]
    needed = _header(ready, answer._replace(helpers=tuple(helpers)), tests)
    imports = [text for text in needed if text in usable and text not in helpers]
    return rendered(imports, helpers, tests)


def _settled(test: Written, tried: Tried, ready: _Ready) -> Settled | None:
    if not _is_good(tried):
        return None
    try:
        return settled(test, tried, ready.function.name, has_pytest=ready.has_pytest)
    except (SyntaxError, ValueError):
        return None


def _is_good(tried: Tried) -> bool:
    return not tried.touched and tried.seconds <= _SLOW_S


def _why(tests: Sequence[Written], tried: Sequence[Tried]) -> str:
    """Why no test is left, by the first of them."""
    for test, one in zip(tests, tried, strict=False):
        if one.touched:
            return f"{test.name} touches {', '.join(one.touched)}"
        if one.seconds > _SLOW_S:
            return f"{test.name} took {one.seconds:.1f} s"
        if one.error:
            return f"{test.name} ends with {one.error}"
    return f"{tests[0].name} compares nothing that can be written as a literal"
