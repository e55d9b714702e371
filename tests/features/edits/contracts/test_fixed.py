"""Fixes: planted violations, each refused for its reason; good ones, which must pass."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from slmcode.features.edits.contracts import rerun
from slmcode.features.edits.contracts.base import Diagnostic
from slmcode.features.edits.outcome import Judgement, Verdict
from slmcode.text import TextRange
from slmcode.verify.tools import Problem
from tests.features.edits.contracts.judging import judged, replaced

SOURCE = '''\
import json
import sys


def helper(x):
    return x


«def load(path, strict=False):
    """Load it."""
    with open(path) as file:
        data = json.loads(file.raed())
    count = 0
    return helper(data)


class Store:
    def size(self):
        return self.n
»
def main():
    return load("x")
'''


def edited(*pairs: tuple[str, str]) -> str:
    """The selection with its typing error corrected, and something else done to it."""
    return replaced(SOURCE, ("file.raed()", "file.read()"), *pairs)


def diagnostic(
    message: str, source: str = "other", code: str = "", at: str = "raed", text: str = SOURCE
) -> Diagnostic:
    """A problem in the line of a word of the text."""
    start = text.replace("«", "").replace("»", "").index(at)
    return Diagnostic(TextRange(start, start + len(at)), message, source, code)


RAED = diagnostic('Cannot access attribute "raed" for class "TextIOWrapper"')


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (replaced(SOURCE), "it changed nothing"),
        ("", "it is empty"),
        (edited(("return helper", "return (helper")), "it does not parse"),
        (edited(("def load", "def load_all")), "load is not defined any more"),
        (edited(("class Store", "class Shop")), "Store is not defined any more"),
        (edited() + "\ndef main():\n    pass\n", "it defines main, which stands outside"),
        (edited(("json.loads", "jsn.loads")), "it uses jsn, which is not defined"),
        (edited(("helper(data)", "convert(data)")), "it uses convert, which is not defined"),
        (edited(("helper(data)", "helper(dat)")), "it uses dat, which is not defined"),
        (edited(("    count = 0\n", "    count = sise\n")), "it uses sise, which is not defined"),
        (
            replaced(SOURCE, ("file.raed())", "file.raed())  # type: ignore")),
            "`# type: ignore` hides the problem",
        ),
        (replaced(SOURCE, ("file.raed())", "file.raed())  # noqa")), "`# noqa` hides the problem"),
        (
            replaced(SOURCE, ("file.raed())", "file.raed())  # pylint: disable=all")),
            "`# pylint: disable=all` hides the problem",
        ),
        (
            replaced(SOURCE, ("file.raed())", "file.raed())  # pyright: ignore")),
            "`# pyright: ignore` hides the problem",
        ),
        (
            replaced(SOURCE, ("json.loads(file.raed())", "cast(Any, json).loads(file.raed())")),
            "`cast(Any` hides the problem",
        ),
        (
            'def load(path, strict=False):\n    """Load it."""\n    pass\n\n\nclass Store:\n'
            "    def size(self):\n        return self.n\n",
            "nothing is left of load",
        ),
        (
            edited(("return self.n", "raise NotImplementedError")),
            "nothing is left of size",
        ),
        (edited(("    count = 0\n", "    # ... rest of the code\n")), "it leaves code out"),
        (edited(("    count = 0\n", "    return\nreturn\n")), "it does not parse"),
        (edited(("        return self.n\n", "")), "it does not parse"),
        (edited(("    def size", "def size")), "it does not parse"),
    ],
)
def test_planted_violations(new: str, reason: str) -> None:
    assert judged("fixed", SOURCE, new, diagnostic=RAED).fault.startswith(reason)


@pytest.mark.parametrize(
    ("language", "source", "new", "reason"),
    [
        (
            "rust",
            "«fn f() {\n    let x = 1;\n}\n»",
            "#[allow(unused)]\nfn f() {\n    let x = 1;\n}\n",
            "`#[allow(`",
        ),
        (
            "java",
            "class A {\n«    int f() { return 1; }\n»}\n",
            '    @SuppressWarnings("x")\n    int f() { return 1; }\n',
            "`@SuppressWarnings`",
        ),
        ("typescript", "«f(1);\n»", "// @ts-ignore\nf(1);\n", "`// @ts-ignore`"),
        ("typescript", "«f(1);\n»", "f(1 as any);\n", "`as any`"),
        ("javascript", "«f(1);\n»", "f(1); // eslint-disable-line\n", "`// eslint-disable-line`"),
        (
            "go",
            "package p\n\n«func F() {\n\tg()\n}\n»",
            "func F() {\n\tg() //nolint\n}\n",
            "`//nolint`",
        ),
        (
            "c",
            "«int f(void) { return 1; }\n»",
            "int f(void) { return 1; } // NOLINT\n",
            "`// NOLINT`",
        ),
    ],
)
def test_a_problem_that_is_only_hidden(language: str, source: str, new: str, reason: str) -> None:
    said = Diagnostic(TextRange(0, 1), "This is wrong", "other")
    fault = judged("fixed", source, new, language=language, diagnostic=said).fault
    assert fault.startswith(f"{reason} hides the problem")


IMPORTS = "«import json\nimport os\n\nx = json\n\ndef f():\n    y = 1\n    return 2\n»"
UNUSED = diagnostic("`os` imported but unused", "Ruff", "F401", "import os", IMPORTS)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("import os\n", "", ""),
        ("import json\nimport os\n", "import json\n", ""),
        ("import json\nimport os\n\nx = json\n", "x = 1\n", "json is not defined any more"),
        ("x = json\n", "", "x is not defined any more"),
        ("\n\ndef f():\n    y = 1\n    return 2\n", "\n", "f is not defined any more"),
    ],
)
def test_only_names_the_problem_speaks_of_may_go(old: str, new: str, fault: str) -> None:
    judgement = judged("fixed", IMPORTS, replaced(IMPORTS, (old, new)), diagnostic=UNUSED)
    assert judgement.fault == fault


def test_an_undefined_name_must_get_defined() -> None:
    source = "«def f():\n    return conut\n»"
    said = Diagnostic(TextRange(0, 1), "Undefined name `conut`", "Ruff", "F821")
    still = judged("fixed", source, "def f():\n    return conut + 1\n", diagnostic=said)
    assert still.fault == "conut is still not defined"
    good = judged("fixed", source, "def f(conut=1):\n    return conut\n", diagnostic=said)
    assert good.fault == ""


@pytest.mark.parametrize(
    ("language", "source", "new", "said"),
    [
        ("python", "«def f(:\n    return 1\n»", "def f():\n    return 1\n", "compiles"),
        ("python", "«return 1\n»", "x = 1\n", "compiles"),
        ("javascript", "«f(;\n»g();\n", "f();\n", "parses"),
    ],
)
def test_a_syntax_error_is_gone(language: str, source: str, new: str, said: str) -> None:
    error = Diagnostic(TextRange(0, 1), "invalid syntax", "other")
    judgement = judged("fixed", source, new, language=language, diagnostic=error)
    assert (judgement.fault, judgement.verdict) == ("", Verdict.VERIFIED)
    assert said in judgement.checked


def test_names_that_were_not_known_before_are_no_fault() -> None:
    error = Diagnostic(TextRange(0, 1), "invalid syntax", "other")
    source = "from tools import *\n\n«def f(:\n    return helper()\n»"
    judgement = judged("fixed", source, "def f():\n    return helper()\n", diagnostic=error)
    assert (judgement.fault, judgement.verdict) == ("", Verdict.VERIFIED)


def test_a_syntax_error_elsewhere_is_not_taken_for_a_fix() -> None:
    error = Diagnostic(TextRange(0, 1), "invalid syntax", "other")
    judgement = judged("fixed", "«x = 1\n»def f(:\n", "x = 2\n", diagnostic=error)
    assert (judgement.fault, judgement.verdict) == ("", Verdict.NOT_VERIFIED)


@pytest.mark.parametrize("new", [edited(), edited(("    count = 0\n", ""))])
def test_a_fix_that_nobody_can_check(new: str) -> None:
    judgement = judged("fixed", SOURCE, new, diagnostic=RAED)
    assert (judgement.fault, judgement.verdict) == ("", Verdict.NOT_VERIFIED)
    assert judgement.checked == (
        "it parses and the names it uses are defined; "
        "whether the problem is gone is not known (other cannot be asked again)"
    )


WRONG = Problem(Path("/w/module.py"), 11, 30, "E1", "no raed")


def with_tool(
    monkeypatch: pytest.MonkeyPatch,
    before: list[Problem] | None,
    after: list[Problem] | None,
    said: Diagnostic,
) -> Judgement:
    """What is said where the tool reports this before and after."""
    answers = iter((before, after))

    async def problems(tool: str, *_: object) -> list[Problem] | None:
        assert tool == "mypy"
        return next(answers)

    monkeypatch.setattr(rerun.tools, "problems", problems)
    path = Path("/w/module.py")
    return judged("fixed", SOURCE, edited(), diagnostic=said, folder=path.parent, path=path)


OTHER = Problem(WRONG.path, 3, 1, "E2", "another")
MYPY = diagnostic("no raed", "Mypy", "E1")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ([WRONG], [WRONG], "mypy still reports it: no raed"),
        ([WRONG], [WRONG, OTHER], "mypy still reports it: no raed"),
        ([WRONG], [OTHER], "mypy reports something new in line 3: another"),
        ([WRONG, OTHER], [OTHER, OTHER], "mypy reports something new in line 3: another"),
        (
            [WRONG],
            [Problem(Path("/w/x.py"), 1, 1, "E2", "another")],
            "mypy reports something new in x.py: another",
        ),
    ],
)
def test_the_tool_is_not_content(
    before: list[Problem], after: list[Problem], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert with_tool(monkeypatch, before, after, MYPY).fault == fault


@pytest.mark.parametrize(
    ("before", "after"),
    [([WRONG], []), ([WRONG, OTHER], [OTHER]), ([WRONG, WRONG], [WRONG])],
)
def test_the_tool_is_content(
    before: list[Problem], after: list[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    judgement = with_tool(monkeypatch, before, after, MYPY)
    assert judgement == (
        "",
        "mypy does not report it any more, and nothing new",
        Verdict.VERIFIED,
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, None, "mypy was not asked: it is not there or failed"),
        ([WRONG], None, "mypy was not asked: it failed on the edited file"),
        ([], [], "mypy does not report it here without the edit either"),
        ([OTHER], [OTHER], "mypy does not report it here without the edit either"),
    ],
)
def test_the_tool_says_nothing(
    before: list[Problem] | None,
    after: list[Problem] | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judgement = with_tool(monkeypatch, before, after, MYPY)
    assert (judgement.fault, judgement.verdict) == ("", Verdict.NOT_VERIFIED)
    assert said in judgement.checked


def test_ruff_is_asked_in_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([here, os.environ["PATH"]]))
    path = tmp_path / "module.py"
    path.write_text("the disk is older than the document\n")
    place = {"folder": tmp_path, "path": path}
    good = judged(
        "fixed", IMPORTS, replaced(IMPORTS, ("import os\n", "")), diagnostic=UNUSED, **place
    )
    assert good == ("", "ruff does not report it any more, and nothing new", Verdict.VERIFIED)
    still = judged(
        "fixed",
        IMPORTS,
        replaced(IMPORTS, ("import os\n", "import os\n\n")),
        diagnostic=UNUSED,
        **place,
    )
    assert still.fault == "ruff still reports it: `os` imported but unused"
    worse = judged(
        "fixed",
        IMPORTS,
        replaced(IMPORTS, ("import os\n", ""), ("return 2", "return f'2'")),
        diagnostic=UNUSED,
        **place,
    )
    assert worse.fault.startswith("ruff reports something new in line 7: f-string without")
