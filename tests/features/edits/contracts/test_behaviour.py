"""Rewrites: planted violations, each refused for its reason; good ones, which must pass."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.features.edits.contracts import contract, rerun
from slmcode.features.edits.contracts.base import Asked
from slmcode.features.edits.outcome import Judgement, Verdict
from slmcode.features.edits.place import Place
from slmcode.verify.sandbox import SandboxRefused
from slmcode.verify.testrun import TestRun
from tests.features.edits.contracts.judging import judged, replaced, state

SOURCE = '''\
import asyncio
import math
import os.path

import requests

CACHE = {}
names = ["a"]


def normal(path):
    return os.path.normpath(path)


class Base:
    pass


class Store(Base):
    limit = 30

    def __init__(self, root, size=10, *, strict=False):
        self.root = root
        self.size = size

«    def find(self, name, depth=3):
        """Find it."""
        if name in CACHE:
            return CACHE[name]
        if depth < 0:
            raise ValueError("no such name: %s" % name)
        found = []
        for each in self.all(name):
            if each is not None:
                found.append(normal(each))
        self.size = len(found)
        return found

    def all(self, name):
        for kind in ("png", "jpeg"):
            yield os.path.join(self.root, name + "." + kind)

    @property
    def area(self):
        return self.size * 42

    async def load(self, url):
        global names
        names = [url]
        try:
            await asyncio.sleep(0.5)
            return requests.get(url)
        except TimeoutError:
            return None
»
    def _private(self):
        return self.size
'''
LOOP = """\
        found = []
        for each in self.all(name):
            if each is not None:
                found.append(normal(each))
"""
SHORT = "        found = [normal(each) for each in self.all(name) if each is not None]\n"


def edited(*pairs: tuple[str, str]) -> str:
    """The methods with a comprehension for a loop, and something else done to them."""
    shorter = SOURCE.partition("«")[2].partition("»")[0].replace(LOOP, SHORT)
    return replaced(f"«{shorter}»", *pairs)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (edited(("name, depth=3", "name, depth=4")), "it changes the defaults of Store.find"),
        (edited(("name, depth=3", "name, depth")), "it changes the defaults of Store.find"),
        (edited(("name, depth=3", "depth, name=3")), "it changes the parameters of Store.find"),
        (edited(("name, depth=3", "name, *, depth=3")), "it changes the parameters of Store.find"),
        (edited(("name, depth=3", "name, depth=3, deep=0")), "it changes the parameters of Store"),
        (edited(("self, url", "self, address")), "it changes the parameters of Store.load"),
        (edited(("    @property\n", "")), "it changes the decorators of Store.area"),
        (edited(("@property", "@cached_property")), "it changes the decorators of Store.area"),
        (edited(("async def load", "def load")), "it does not parse"),
        (
            edited(("def all", "def every"), ("self.all", "self.every")),
            "all is not defined any more",
        ),
        (edited(("            yield os", "            return os")), "it changes that it yields of"),
        (edited(('"""Find it."""', "# Find it.")), "it changes that it has a docstring of Store"),
        (edited(("normal(each)", "normalized(each)")), "it uses normalized, which is not defined"),
        (edited(("normal(each)", "each")), "it does not use normal any more"),
        (edited(("        self.size = len(found)\n", "")), "it does not set self.size any more"),
        (edited(("        self.size = len(found)\n", "        self.size\n")), "it does not set"),
        (edited(("self.root", "self.roots")), "it does not use self.root any more"),
        (edited(("self.size * 42", "self.size * 42 + self.extra_size")), "it uses self.extra_size"),
        (edited(("* 42", "* 43")), "the number 43 was not in the code"),
        (edited(("* 42", "* 42.0")), "the number 42.0 was not in the code"),
        (edited(("self.size * 42", "self.size")), "the number 42 is gone"),
        (edited(('"jpeg"', '"jpg"')), 'the text "'),
        (edited((', "jpeg"', ", ")), 'the text "jpeg" is gone'),
        (edited(("no such name", "unknown name")), 'the text "'),
        (edited(("raise ValueError", "raise KeyError")), "it does not raise ValueError any more"),
        (
            edited(
                (
                    '            raise ValueError("no such name: %s" % name)',
                    "            return None",
                )
            ),
            "it does not raise",
        ),
        (
            edited(
                (
                    "            return requests.get(url)",
                    "            requests.get(url)\n            return None",
                )
            ),
            "it changes that it returns a value of Store.load",
        ),
        (edited(("await asyncio", "asyncio")), "it does not await asyncio.sleep any more"),
        (
            edited(("except TimeoutError", "except Exception")),
            "it catches exceptions that the code",
        ),
        (edited(("except TimeoutError", "except (TimeoutError, BaseException)")), "it catches"),
        (edited(("except TimeoutError", "except OSError")), "it does not handle TimeoutError"),
        (edited(("        global names\n", "")), "names is not global or nonlocal any more"),
        (edited(("CACHE[name]", "CASH[name]")), "it uses CASH, which is not defined"),
        (
            edited(("        if name in CACHE:\n            return CACHE[name]\n", "")),
            "it does not use CACHE any more",
        ),
        (
            edited(("self.root, name +", "self.root,")),
            "all does not use its parameter name any more",
        ),
        (edited(("os.path.join", "os.path.joined")), "os.path has no joined"),
        (edited(("asyncio.sleep", "asyncio.sleeps")), "asyncio has no sleeps"),
        (edited(("requests.get", "httpx.get")), "it uses httpx, which is not defined"),
        (
            edited(("        global names", "        import httpx\n        global names")),
            "it imports httpx",
        ),
        (
            edited(
                (
                    "        global names",
                    "        from itertools import flatten\n        global names",
                )
            ),
            "itertools has no flatten",
        ),
        (
            edited(
                ("        return found\n", "        # ... rest of the code\n        return found\n")
            ),
            "it leaves code out",
        ),
        (
            edited() + "\n    def helper(self):\n        return self.size\n",
            "it adds Store.helper, which is public",
        ),
        (
            edited(("        self.size = len(found)\n        return found\n", "")),
            "it does not set self.size",
        ),
    ],
)
def test_planted_violations(new: str, reason: str) -> None:
    fault = judged("behaviour", SOURCE, new).fault
    assert fault.startswith(reason)


def test_a_parameter_that_is_only_deleted() -> None:
    source = "«def less(a, b):\n    return a - b\n»"
    fault = judged("behaviour", source, "def less(a, b):\n    del a\n    return b\n").fault
    assert fault == "less does not use its parameter a any more"


def test_a_body_of_pass() -> None:
    source = "«def shout(text):\n    print(text)\n»"
    fault = judged("behaviour", source, "def shout(text):\n    pass\n").fault
    assert fault == "shout does not use its parameter text any more"


CLASS = """\
from dataclasses import dataclass

«@dataclass(frozen=True)
class Point(object):
    x: int
    y: int = 0
    KIND = "point"

    def norm(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5

def origin():
    return Point(0, 0)
»"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("frozen=True", "frozen=False", "it changes the decorators of Point"),
        ("Point(object)", "Point(dict)", "it changes the bases of Point"),
        (
            "    x: int\n    y: int = 0\n",
            "    y: int = 0\n    x: int\n",
            "it changes the attributes",
        ),
        ("y: int = 0", "y: int = 1", "it changes the value of Point.y"),
        ("y: int = 0", "y = 0", "it changes that it has a hint of Point.y"),
        ('KIND = "point"', 'KIND = "points"', "it changes the value of Point.KIND"),
        ('    KIND = "point"\n', "", "it changes the attributes"),
        ("Point(0, 0)", "(0, 0)", "it does not use Point any more"),
        ("0.5", "0.50001", "the number 0.50001 was not in the code"),
    ],
)
def test_planted_violations_in_classes(old: str, new: str, reason: str) -> None:
    fault = judged("behaviour", CLASS, replaced(CLASS, (old, new))).fault
    assert fault.startswith(reason)


@pytest.mark.parametrize(
    "new",
    [
        edited(),
        edited(('"no such name: %s" % name', 'f"no such name: {name}"')),
        edited(('"no such name: %s" % name', '"no such name: {}".format(name)')),
        edited(('name + "." + kind', 'f"{name}.{kind}"')),
        edited(("os.path.join(self.root, name + ", "os.path.join(self.root, name + ")),
        edited(("self.size * 42", "42 * self.size")),
        edited(("        try:\n", "        # Slow.\n        try:\n")),
        edited(
            (
                "        if name in CACHE:\n            return CACHE[name]\n",
                "        if (known := CACHE.get(name)) is not None:\n            return known\n",
            )
        ),
        edited() + "\n    def _helper(self):\n        return self.size\n",
        edited(("        found = [", "        from itertools import chain\n        found = [")),
    ],
)
def test_good_edits(new: str) -> None:
    judgement = judged("behaviour", SOURCE, new)
    assert judgement.fault == ""
    assert judgement.verdict is Verdict.NOT_VERIFIED
    assert judgement.checked == (
        "it defines the same names with the same signatures; "
        "whether it does the same is not checked: no test command is set"
    )


def test_comments_alone_are_no_rewrite() -> None:
    source = "«def f():\n    return 1\n»"
    assert judged("behaviour", source, "def f():\n    # One.\n    return 1\n").fault == (
        "it changes nothing but comments and blanks"
    )


def test_syntax_that_the_project_is_too_old_for(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[options]\npython_requires = >=3.7\n")
    source = "«def f(x):\n    if x == 1:\n        return x\n    return None\n»"
    new = "def f(x):\n    match x:\n        case 1:\n            return x\n    return None\n"
    assert judged("behaviour", source, new, folder=tmp_path).fault == (
        "Python 3.7, which the project supports, has no `match`"
    )
    assert judged("behaviour", source, new).fault == ""


def test_a_module_of_the_project_may_be_imported(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("")
    source = "«def f(x):\n    return x + x\n»"
    new = "def f(x):\n    import tools\n    return tools.twice(x)\n"
    assert judged("behaviour", source, new, folder=tmp_path).fault == ""
    assert judged("behaviour", source, new).fault.startswith("it imports tools")


SCRIPT = """\
«export async function load(url, n = 30) {
  const text = 'no such page: ' + url;
  if (n > 0) {
    return fetch(url);
  }
  throw new Error(text);
}
»load('/');
"""
GO = "package p\n\n«func F(x int) (int, error) {\n\treturn x * 60, nil\n}\n»var T, _ = F(1)\n"
JAVA = "class A {\n«    static int f(int x) throws E {\n        return x * 60;\n    }\n»}\n"


@pytest.mark.parametrize(
    ("language", "source", "old", "new", "reason"),
    [
        ("javascript", SCRIPT, "url, n = 30", "n = 30, url", "it changes the signature of load"),
        ("javascript", SCRIPT, "n = 30", "n = 31", "it changes the signature of load"),
        ("javascript", SCRIPT, "async function", "function", "it changes the signature of load"),
        ("javascript", SCRIPT, "load(url", "fetchAll(url", "load is not defined any more"),
        ("javascript", SCRIPT, "no such page", "unknown page", 'the text "'),
        ("javascript", SCRIPT, "n > 0", "n > 77", "the number 77 was not in the code"),
        ("javascript", SCRIPT, "return fetch(url);", "// ... existing code", "it leaves code out"),
        ("go", GO, "60", "3600", "the number 3600 was not in the code"),
        ("go", GO, "x int", "x int64", "it changes the signature of F"),
        ("java", JAVA, "int f(int x)", "long f(int x)", "it changes the signature of f"),
        ("java", JAVA, " throws E", "", "it changes the signature of f"),
    ],
)
def test_planted_violations_in_other_languages(
    language: str, source: str, old: str, new: str, reason: str
) -> None:
    fault = judged("behaviour", source, replaced(source, (old, new)), language=language).fault
    assert fault.startswith(reason)


@pytest.mark.parametrize(
    ("language", "source", "new"),
    [
        (
            "javascript",
            SCRIPT,
            replaced(SCRIPT, ("'no such page: ' + url", "`no such page: ${url}`")),
        ),
        ("javascript", "«function f(x) {\n  return x;\n}\n»", "const f = (x) => x;\n"),
        ("javascript", "«function f(x) {\n  return x;\n}\n»", "const f = x => x;\n"),
        ("go", GO, replaced(GO, ("x * 60", "60 * x"))),
    ],
)
def test_good_edits_in_other_languages(language: str, source: str, new: str) -> None:
    judgement = judged("behaviour", source, new, language=language)
    assert (judgement.fault, judgement.verdict) == ("", Verdict.NOT_VERIFIED)


PASSED = TestRun(True, frozenset(), 3, "", "", 0.1, "")


def failed(*names: str, n_tests: int | None = 3) -> TestRun:
    return TestRun(False, frozenset(names), n_tests, "", "", 0.1, "")


STOPPED = TestRun(False, frozenset({"the command"}), None, "", "time", 60.0, "")


def said_of_runs(
    monkeypatch: pytest.MonkeyPatch, *runs: TestRun | SandboxRefused
) -> tuple[Judgement, list[Mapping[Path, str | None]]]:
    """What is said where the test command's runs end like this, and what each of them saw."""
    seen: list[Mapping[Path, str | None]] = []
    answers = iter(runs)

    async def run_tests(
        command: str, folder: Path, *, overlay: Mapping[Path, str | None], wall_s: float
    ) -> TestRun:
        assert (command, folder, wall_s) == ("make test", Path("/w"), 7)
        seen.append(overlay)
        answer = next(answers)
        if isinstance(answer, SandboxRefused):
            raise answer
        return answer

    monkeypatch.setattr(rerun, "run_tests", run_tests)
    config = Config(test_command="make test", test_limit_s=7)
    place = {"folder": Path("/w"), "path": Path("/w/module.py")}
    return judged("behaviour", SOURCE, edited(), config=config, **place), seen  # type: ignore[arg-type]


def test_the_tests_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    judgement, seen = said_of_runs(monkeypatch, PASSED, PASSED)
    assert judgement.verdict is Verdict.VERIFIED
    assert judgement.checked.endswith("; the tests pass (`make test`)")
    before, after = (str(texts[Path("/w/module.py")]) for texts in seen)
    assert LOOP in before
    assert SHORT in after


@pytest.mark.parametrize(
    ("runs", "fault"),
    [
        ([PASSED, failed("t1")], "tests fail that passed before: t1"),
        ([failed("t1"), failed("t1", "t2")], "tests fail that passed before: t2"),
        (
            [PASSED, failed("the command", n_tests=None)],
            "tests fail that passed before: the command",
        ),
        ([PASSED, STOPPED], "the tests do not end any more (time)"),
        ([PASSED, TestRun(True, frozenset(), 2, "", "", 0.1, "")], "only 2 of 3 tests ran"),
        ([PASSED, TestRun(True, frozenset(), None, "", "", 0.1, "")], "only 0 of 3 tests ran"),
    ],
)
def test_the_tests_fail(runs: list[TestRun], fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said_of_runs(monkeypatch, *runs)[0].fault == fault


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([failed("the command")], "`make test` fails without the edit too"),
        ([failed("a", "b", "c")], "`make test` fails without the edit too"),
        ([TestRun(True, frozenset(), 0, "", "", 0.1, "")], "`make test` ran none"),
        ([STOPPED], "`make test` was stopped before the edit too (time)"),
        ([SandboxRefused("no folder")], "the tests were not run: no folder"),
    ],
)
def test_tests_that_say_nothing(
    runs: list[TestRun], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judgement, _ = said_of_runs(monkeypatch, *runs)
    assert (judgement.fault, judgement.verdict) == ("", Verdict.NOT_VERIFIED)
    assert said in judgement.checked


def test_what_failed_before_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    judgement, _ = said_of_runs(monkeypatch, failed("t1"), failed("t1"))
    assert judgement.verdict is Verdict.VERIFIED
    assert judgement.checked.endswith("(`make test`; 1 failed already)")


def test_the_run_before_is_kept_for_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PASSED, failed("t1"), PASSED])

    async def run_tests(*_: object, **__: object) -> TestRun:
        return next(answers)

    monkeypatch.setattr(rerun, "run_tests", run_tests)
    promised = contract("behaviour")
    config = Config(test_command="make test")
    place = Place(Path("/w"), Path("/w/module.py"), {}, config)
    source = "def f(x):\n    return x + x\n"
    before, worse, good = (
        state("python", "", code, "")
        for code in (source, source.replace("x + x", "2 + x"), source.replace("x + x", "2 * x"))
    )
    first, second = (
        asyncio.run(promised.judge(before, after, Asked("Do it.", place)))
        for after in (worse, good)
    )
    assert first.fault == "tests fail that passed before: t1"
    assert second.verdict is Verdict.VERIFIED
    assert next(answers, None) is None


def test_a_real_command_sees_the_edit_and_the_disk_does_not(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("")  # the document is not saved
    config = Config(test_command="python3 -c 'import module; assert module.f(3) == 6'")
    source = "«def f(x):\n    return x + x\n»"
    said = [
        judged(
            "behaviour",
            source,
            f"def f(x):\n    return {value}\n",
            folder=tmp_path,
            path=module,
            config=config,
        )
        for value in ("2 + x", "2 * x")
    ]
    assert said[0].fault == "tests fail that passed before: the command"
    assert said[1].verdict is Verdict.VERIFIED
    assert module.read_text() == ""
