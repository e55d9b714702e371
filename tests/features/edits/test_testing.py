"""Generated tests with a scripted model and real runs: what is shown, what refused, and where."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.engine.job import Job
from slmcode.features.edits.outcome import Outcome, Refused, Verdict
from slmcode.features.edits.python_module import (
    file_for_tests,
    function_at,
    interpreter,
    located,
    uses,
)
from slmcode.features.edits.testing import TestWriting
from slmcode.features.resources import Model, Resources
from slmcode.text import Snapshot, TextRange
from tests.features.edits.desk import CHAT, FIM, TOKENIZER, answers
from tests.features.harness import ScriptedEngine

SOURCE = '''\
"""Prices."""

LIMIT = 3


def double(x):
    """Twice, up to a limit."""
    if x > LIMIT:
        raise ValueError("much")
    return x * 2


class Shelf:
    def __init__(self, books):
        self.books = books

    def total(self):
        return sum(self.books)
'''
OPENING = "from prices import double\n\n\ndef test_"
GOOD = (
    OPENING
    + "double():\n    assert double(3) == 6\n\n\ndef test_one():\n    assert double(1) == 2\n```"
)


class Bench:
    """A project with one module, a scripted model, and what it was asked."""

    def __init__(self, folder: Path, *texts: str, source: str = SOURCE, **settings: str) -> None:
        (folder / "pyproject.toml").touch()
        self.path = folder / "prices.py"
        self.path.write_text(source)
        self.source = source
        self.jobs: list[Job] = []
        self._texts = texts
        self._config = Config(
            prefix_tokens=6000, test_command=settings.get("command", f"{sys.executable} -m pytest")
        )

    def write(self, name: str = "def double", language: str = "python") -> Outcome:
        async def ask() -> Outcome:
            engine = ScriptedEngine(answers(*self._texts))
            self.jobs = engine.jobs
            resources = Resources(self._config, engine)
            resources.set_model(Model(TOKENIZER, FIM, CHAT))
            at = self.source.index(name)
            snapshot = Snapshot(self.path.as_uri(), language, 1, self.source)
            result = await TestWriting(resources).write(snapshot, TextRange(at, at))
            await engine.settle()
            return result

        return asyncio.run(ask())

    def prompts(self) -> list[str]:
        return ["".join(chr(t) if t < 256 else "|" for t in job.tokens) for job in self.jobs]


def test_tests_that_find_faults_are_shown_as_a_new_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, GOOD)
    result = bench.write()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert (result.contract, result.tries) == ("tests", 1)
    assert result.reason.startswith("2 tests pass on the code as it is, and ")
    assert "were taken" not in result.reason
    (change,) = result.changes
    assert change.before is None
    assert change.uri == (tmp_path / "tests" / "test_prices_double.py").as_uri()
    assert change.after == GOOD.removesuffix("\n```") + "\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["prices.py", "pyproject.toml"]
    (prompt,) = bench.prompts()
    assert "LIMIT = 3" in prompt, "what the function uses is shown"


def test_what_is_shown_passes_in_pytest_and_fails_on_a_fault(tmp_path: Path) -> None:
    text = (
        "wrong():\n    x = double(2)\n    assert x == 5\n"
        "    with pytest.raises(ValueError):\n        double(9)\n```"
    )
    result = Bench(tmp_path, OPENING + text).write()
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert "expected values were taken from the code as it is" in result.reason
    after = result.changes[0].after
    assert "    assert x == 4\n" in after
    (tmp_path / "tests").mkdir()
    file = tmp_path / "tests" / "test_prices_double.py"
    file.write_text(after)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "prices.py").write_text(SOURCE.replace("x * 2", "x * 3"))
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1


def test_a_method_is_tested_through_its_class(tmp_path: Path) -> None:
    opening = "from prices import Shelf\n\n\ndef test_"
    bench = Bench(tmp_path, opening + "total():\n    assert Shelf([1, 2]).total() == 3\n```")
    result = bench.write("def total")
    assert result.verdict is Verdict.VERIFIED, result.reason
    assert result.changes[0].uri.endswith("/tests/test_prices_total.py")
    (prompt,) = bench.prompts()
    assert "    def __init__(self, books):\n        self.books = books" in prompt
    assert b"assert Shelf(books=\xe2\x80\xa6).total() == ".decode("latin-1") in prompt


def test_a_coroutine_is_run_by_asyncio(tmp_path: Path) -> None:
    source = "async def one(x):\n    return x + 1\n"
    opening = "from prices import one\n\n\ndef test_"
    text = (
        "plain():\n    assert asyncio.run(one(1)) == 2\n\n\n"
        "async def test_own():\n    assert await one(2) == 7\n```"
    )
    result = Bench(tmp_path, opening + text, source=source).write("async def one")
    assert result.verdict is Verdict.VERIFIED, result.reason
    after = result.changes[0].after
    assert after.startswith("import asyncio\n\nfrom prices import one\n")
    assert (
        "def test_own():\n    async def scenario():\n        assert (await one(2)) == 3\n" in after
    )


def test_tests_without_use_are_left_out(tmp_path: Path) -> None:
    text = (
        "double():\n    assert double(1) == 2\n"
        "\n\ndef test_none():\n    assert double is not None\n"
        "\n\ndef test_name():\n    assert made_up(1) == 2\n"
        "\n\ndef test_file():\n    open('x', 'w')\n    assert double(1) == 2\n```"
    )
    result = Bench(tmp_path, OPENING + text).write()
    tree = ast.parse(result.changes[0].after)
    names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert names == ["test_double"]


def test_an_answer_without_a_good_test_is_asked_for_once_more_with_the_fault(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, OPENING + "a():\n    made_up()\n```", GOOD)
    result = bench.write()
    assert (result.verdict, result.tries) == (Verdict.VERIFIED, 2), result.reason
    fault = (
        "An earlier answer was wrong: test_a ends with NameError: name 'made_up' is not defined."
    )
    assert fault in bench.prompts()[1]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a():\n    pass\n```", "test_a compares nothing"),
        ("a(x):\n    assert x\n```", "there is no test in it"),
        ("a():\n    open('x', 'w')\n    assert double(1) == 2\n```", "test_a touches files it"),
        ("a():\n    assert LIMIT == 3\n```", "none of "),
        ("a():\n    while 1: pass\n```", "test_a ends with it did not end"),
    ],
)
def test_tests_that_are_not_right_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    result = Bench(tmp_path, OPENING + text).write()
    assert (result.verdict, result.changes) == (Verdict.REFUSED, ())
    assert result.reason.startswith(f"the model's tests were not right: {fault}")


F = "\ndef f():\n    return 1\n"
CANNOT = "prices cannot be imported here"


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        ("import not_there\n" + F, "def f", f"{CANNOT}: not_there is not installed for "),
        ("1 / 0\n" + F, "def f", f"{CANNOT}: ZeroDivisionError: division by zero"),
        ("def f(:\n", "def f", "the file is no Python that this Python reads (line 1: "),
        ("x = 1\n", "x", "there is no function of a module or a class at the cursor"),
        ("def f():\n" + "    x = 1\n" * 200, "def f", "f has 201 lines; at most 200 can be tested"),
    ],
)  # fmt: skip
def test_what_cannot_be_tested(tmp_path: Path, source: str, name: str, reason: str) -> None:
    bench = Bench(tmp_path, "x", source=source)
    result = bench.write(name)
    assert result.verdict is Verdict.REFUSED
    assert result.reason.startswith(reason)
    assert bench.jobs == []


def test_without_a_model_nothing_is_run(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("1 / 0\n")
    snapshot = Snapshot((tmp_path / "m.py").as_uri(), "python", 1, "def f():\n    return 1\n")
    result = asyncio.run(TestWriting(Resources(Config())).write(snapshot, TextRange(0, 0)))
    assert result.reason == "there is no model yet; run: slmcode models pull fast"


def test_other_languages_and_functions_without_a_fault_to_seed(tmp_path: Path) -> None:
    result = Bench(tmp_path, "x").write(language="go")
    assert result.reason == "tests can be generated for Python only"
    source = "def double(x):\n    '''Nothing.'''\n    y = x\n"
    text = OPENING + "a():\n    assert double(1) is None\n```"
    result = Bench(tmp_path, text, source=source).write()
    assert result.reason == "there is nothing in double that a test could find wrong"


def test_where_files_for_tests_go(tmp_path: Path) -> None:
    for file in ("src/shop/__init__.py", "src/shop/sub/__init__.py", "tests/sub/x.py", "lone.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    function = function_at(Snapshot("file:///m", "python", 1, SOURCE), TextRange(30, 30))
    where = located(tmp_path / "src/shop/sub/_m.py", tmp_path)
    assert (where.root, where.name) == (tmp_path / "src", "shop.sub._m")
    wanted = tmp_path / "tests" / "sub" / "test_m_double.py"
    assert file_for_tests(where, function) == wanted
    wanted.touch()
    assert file_for_tests(where, function) == wanted.with_name("test_m_double_2.py")
    assert located(tmp_path / "src/shop/__init__.py", tmp_path).name == "shop"
    assert located(tmp_path / "src/space/m.py", tmp_path).name == "space.m"
    lone = located(tmp_path / "lone.py", tmp_path)
    assert (lone.root, lone.name) == (tmp_path, "lone")
    with pytest.raises(Refused, match=r"a-b\.py cannot be imported by its name"):
        located(tmp_path / "a-b.py", tmp_path)


def test_the_project_s_own_python_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert interpreter(tmp_path, "").path.rpartition("/")[2].startswith("python")
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert interpreter(tmp_path, "pytest -q") == (str(own), {})
    other = tmp_path / "other" / "python"
    other.parent.mkdir()
    other.touch()
    assert interpreter(tmp_path, "A=1 B=x other/pytest -q") == (str(other), {"A": "1", "B": "x"})
    assert interpreter(tmp_path, "python3.9 -m pytest").path == "python3.9"


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        ("double", "double", "double"), ("LIMIT:", "raise", "double"),
        ("LIMIT = 3", "return x", "double"), ("self.books = b", "self.books = b", "Shelf.__init__"),
        ("class Shelf", "sum(", "Shelf.__init__"),
    ],
)  # fmt: skip
def test_the_function_that_is_meant(start: str, end: str, wanted: str) -> None:
    at = TextRange(SOURCE.index(start), max(SOURCE.index(start), SOURCE.rindex(end)))
    found = function_at(Snapshot("file:///m", "python", 1, SOURCE), at)
    assert found.qualified == wanted


def test_what_a_function_uses_is_shown_and_nothing_else() -> None:
    source = (
        "import json\nimport os\n\nX = 1\nY = 2\n\n\n"
        "class A(Base):\n    '''Doc.'''\n    z: int = 0\n"
        "    def __init__(self):\n        self.a = 1\n"
        "    def f(self):\n        return json.dumps(g(X)) + self.h()\n"
        "    def h(self):\n        return 1\n    def i(self):\n        return 2\n\n\n"
        "def g(x):\n    return x\n\n\ndef k():\n    return 3\n"
    )
    function = function_at(
        Snapshot("file:///m", "python", 1, source), TextRange(*[source.index("def f")] * 2)
    )
    assert uses(source, function) == (
        "import json\nclass A(Base):\n    z: int = 0\n"
        "    def __init__(self):\n        self.a = 1\n    def h(self):\n"
        "X = 1\ndef g(x):\n    return x"
    )
