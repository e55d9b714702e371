"""Failing commands against a scripted model: what is found, tried, kept and refused."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.engine.job import Job
from slmcode.features.edits.debugging import Debugging
from slmcode.features.edits.editing import Editing
from slmcode.features.edits.outcome import Outcome, Verdict
from slmcode.features.edits.suspects import Folder, evidence, is_test
from slmcode.features.resources import Model, Resources
from slmcode.syntax.parser import SyntaxCache
from slmcode.verify import sandbox
from slmcode.verify.sandbox import Ran
from tests.features.edits.desk import CHAT, FIM, TOKENIZER, answers
from tests.features.harness import ScriptedEngine

WRONG = "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return add(a, a)\n"
TEST = "from calc import twice\n\n\ndef test_twice():\n    assert twice(2) == 4\n\n\ntest_twice()\n"
FIXED_ADD = "def add(a, b):\n    return a + b\n```"
FIXED_TWICE = "def twice(a):\n    return a * 2\n```"
COMMAND = f"{sys.executable} tests/test_calc.py"
ROOMY = Config(prefix_tokens=6000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a bug, a test that finds it, and a command that runs it."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "calc.py").write_text(WRONG)
    source = "import sys\nsys.path.insert(0, '.')\n" + TEST
    (tmp_path / "tests" / "test_calc.py").write_text(source)
    return tmp_path


class Bench:
    """A scripted model and what it was asked."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts
        self.steps: list[str] = []
        self.jobs: list[Job] = []

    def debug(self, command: str, folder: Path) -> Outcome:
        async def ask() -> Outcome:
            engine = ScriptedEngine(answers(*self._texts))
            self.jobs = engine.jobs
            resources = Resources(ROOMY, engine)
            resources.set_model(Model(TOKENIZER, FIM, CHAT))
            debugging = Debugging(resources, Editing(resources))
            result = await debugging.debug(command, folder, on_step=self.steps.append)
            await engine.settle()
            return result

        return asyncio.run(ask())

    def prompts(self) -> list[str]:
        return ["".join(chr(t) if t < 256 else "|" for t in job.tokens) for job in self.jobs]


def test_the_edit_after_which_the_command_succeeds_is_shown(folder: Path) -> None:
    bench = Bench(FIXED_TWICE)
    result = bench.debug(COMMAND, folder)
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.contract == "debugged"
    (change,) = result.changes
    assert change.uri == (folder / "calc.py").as_uri()
    assert change.after == WRONG.replace("add(a, a)", "a * 2")
    assert (folder / "calc.py").read_text() == WRONG, "nothing is written"
    assert bench.steps == [
        f"running the command: {COMMAND}",
        "it fails: the command",
        "suspect: twice in calc.py",
        "twice in calc.py edited: 1 of 1 failures are gone",
        "running the unchanged code once more",
    ]
    (prompt,) = bench.prompts()
    assert "The error is: AssertionError" in prompt
    assert "assert twice(2) == 4" in prompt


def test_the_next_suspect_is_what_the_first_one_calls(folder: Path) -> None:
    still = "def twice(a):\n    return add(a, a) + 0\n```"
    again = "def twice(a):\n    return add(a, a) * 1\n```"
    bench = Bench(still, again, FIXED_ADD)
    result = bench.debug(COMMAND, folder)
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.changes[0].after == WRONG.replace("a - b", "a + b")
    assert result.tries == 3
    assert "twice in calc.py edited: the failure is still there" in bench.steps
    assert "An earlier edit did not help: the failure is still there." in bench.prompts()[1]


def test_what_was_tried_is_told_where_nothing_helps(folder: Path) -> None:
    bench = Bench(
        "def twice(a):\n    return add(a, 7)\n```", "def twice(a):\n    return 7\n```", "("
    )
    result = bench.debug(COMMAND, folder)
    assert (result.verdict, result.changes) == (Verdict.REFUSED, ())
    assert result.reason.startswith(
        "no edit made the failure go away; tried: twice in calc.py: the failure is still there; "
        "twice in calc.py: the failure is still there; add in calc.py: "
    )


def test_an_edit_that_ends_the_process_is_not_even_run(folder: Path) -> None:
    bench = Bench("def twice(a):\n    import sys\n    sys.exit(0)\n```")
    result = bench.debug(COMMAND, folder)
    assert result.verdict is Verdict.REFUSED
    assert "it begins to use sys.exit, which can hide a failure" in result.reason


def test_words_in_the_output_do_not_let_names_go(folder: Path) -> None:
    (folder / "calc.py").write_text(WRONG.replace("a - b", "remove_this"))
    bench = Bench("x = 1\n```")
    result = bench.debug(COMMAND, folder)
    assert result.verdict is Verdict.REFUSED
    assert "twice is not defined any more" in result.reason


def test_a_test_is_never_edited(folder: Path) -> None:
    (folder / "calc.py").write_text("")
    (folder / "tests" / "test_calc.py").write_text("def test_it():\n    assert 0\n\n\ntest_it()\n")
    bench = Bench("def test_it():\n    pass\n```")
    result = bench.debug(COMMAND, folder)
    assert result.reason == "the command fails, but its output names no code of this folder"
    assert bench.jobs == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("true", "nothing fails: the command succeeds"),
        ("  ", "there is no command to run; name the one that fails"),
        (
            "echo 'No module named pytest' >&2; exit 1",
            "the command itself does not work here: No module named pytest",
        ),
        (
            f"{sys.executable} -c 'import not_there'",
            "the command does not work here: not_there is not installed",
        ),
        ("exit 3", "the command fails, but its output names no code of this folder"),
    ],
)
def test_commands_that_no_edit_helps(folder: Path, command: str, reason: str) -> None:
    bench = Bench("x")
    result = bench.debug(command, folder)
    assert (result.verdict, result.reason) == (Verdict.REFUSED, reason)
    assert bench.jobs == []


def test_a_command_that_is_not_there(folder: Path) -> None:
    result = Bench("x").debug("no_such_program --at-all", folder)
    assert result.verdict is Verdict.REFUSED
    assert "cannot be started" in result.reason


class Runs:
    """Ends of runs in the sandbox's place, one a run."""

    def __init__(self, *ends: tuple[int | None, str, str]) -> None:
        self._ends = list(ends)

    async def run(self, *args: object, **options: object) -> Ran:
        code, output, stopped = self._ends.pop(0)
        return Ran(code, output, "", stopped, 0.1, (), "")


TRACE = 'Traceback (most recent call last):\n  File "calc.py", line 2, in add\nValueError: no\n'


def test_a_failure_that_comes_and_goes_proves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs((1, TRACE, ""), (0, "", ""), (0, "", ""))
    monkeypatch.setattr(sandbox, "run", runs.run)
    result = Bench(FIXED_ADD).debug(COMMAND, folder)
    reason = "the command fails at times only, so no edit can be shown to help"
    assert (result.verdict, result.reason) == (Verdict.REFUSED, reason)


def test_a_command_that_hangs_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "run", Runs((None, TRACE, "time")).run)
    result = Bench(FIXED_ADD).debug(COMMAND, folder)
    assert result.reason == "the command took longer than 60 s (test_limit_s)"


def test_an_edit_after_which_the_command_hangs_is_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = (None, "", "time")
    monkeypatch.setattr(sandbox, "run", Runs((1, TRACE, ""), hangs, hangs).run)
    result = Bench(FIXED_ADD).debug(COMMAND, folder)
    assert result.verdict is Verdict.REFUSED
    assert "add in calc.py: the command was stopped (time)" in result.reason


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("tests/test_a.py", True), ("test_a.py", True), ("a_test.go", True), ("conftest.py", True),
        ("src/a.test.ts", True), ("src/__tests__/a.js", True), ("src/test/java/ATest.java", True),
        ("a.py", False), ("contest.py", False), ("src/latest/a.py", False), ("attest.go", False),
    ],
)  # fmt: skip
def test_which_files_are_tests(path: str, wanted: bool) -> None:
    assert is_test(path) == wanted


def test_suspects_come_from_frames_then_from_what_the_test_names(tmp_path: Path) -> None:
    (tmp_path / "a.go").write_text("package a\n\nfunc Add(x int) int {\n\treturn x\n}\n")
    (tmp_path / "a_test.go").write_text(
        'package a\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1) != 2 {\n\t\tt.Fatal("no")\n\t}\n}\n'
    )
    files = Folder(tmp_path, {}, SyntaxCache())
    found = evidence(files, "--- FAIL: TestAdd (0.00s)\n    a_test.go:5: no\n")
    assert [(s.name, s.message) for s in found.suspects] == [("Add in a.go", "no")]
    assert found.test.startswith("func TestAdd")
    deep = "panic: x\n\ngoroutine 1 [running]:\na.Add(1)\n\t/elsewhere/b.go:9 +0x1\n\ta.go:4 +0x1\n"
    assert [s.name for s in evidence(files, deep).suspects] == ["Add in a.go"]


def test_code_outside_of_functions_is_suspected_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\ny = 1 / 0\n")
    files = Folder(tmp_path, {tmp_path / "a.py": "y = 1 / 0\n"}, SyntaxCache())
    output = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nError: no\n'
    (suspect,) = evidence(files, output).suspects
    assert suspect.name == "line 1 of a.py"
    assert suspect.snapshot.text[slice(*suspect.range)] == "y = 1 / 0", "as it is in the editor"
