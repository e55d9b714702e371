"""Type hints: planted violations, each refused for its reason; good edits, which must pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmcode.features.edits.contracts import rerun
from slmcode.features.edits.outcome import Verdict
from slmcode.verify.tools import Problem
from tests.features.edits.contracts.judging import judged, replaced

SOURCE = '''\
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal


class Early:
    pass


def helper():
    return 1


LIMIT = 5


«def cut(text, start=0, end=None, *more, keep=True, **other):
    """Cut it."""
    total = 0  # noqa: X
    for each in text:
        total += len(each)
    if keep:
        return [total, start]
    return []
»

class Late:
    pass
'''
PARAMETERS = "(text, start=0, end=None, *more, keep=True, **other):"


def hinted(parameters: str, result: str = "", *pairs: tuple[str, str]) -> str:
    """The function with hints, and something else done to it."""
    arrow = f" -> {result}" if result else ""
    return replaced(SOURCE, (PARAMETERS, f"({parameters}){arrow}:"), *pairs)


def text(hint: str) -> str:
    """The function with one hint."""
    return hinted(f"text: {hint}, start=0, end=None, *more, keep=True, **other")


GOOD = "text: str, start: int = 0, end=None, *more: Any, keep: bool = True, **other: Any"


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (hinted(GOOD, "list", ("total = 0", "total = 1")), "it changes `total = 0"),
        (hinted(GOOD, "list", ("len(each)", "len(text)")), "it changes `total += len(each)`"),
        (hinted(GOOD, "list", ("total += ", "total -= ")), "it changes `total += len(each)`"),
        (hinted(GOOD, "list", ("    return []\n", "")), "`return []` is gone"),
        (hinted(GOOD, "list", ("return []", "return None")), "it changes `return []`"),
        (hinted(GOOD, "list", ("Cut it.", "Cuts it.")), "it changes"),
        (hinted(GOOD, "list", ('    """Cut it."""\n', "")), "is gone"),
        (hinted(GOOD, "list", ("  # noqa: X", "")), "the comment `# noqa: X` is gone"),
        (
            hinted(GOOD, "list", ("total = 0", "# New.\n    total = 0")),
            "it adds the comment `# New.`",
        ),
        (hinted(GOOD.replace("= 0", "= 1")), "it changes `def cut"),
        (hinted(GOOD.replace("end=None", "end")), "it does not parse"),
        (hinted(GOOD.replace("end=None", "stop=None")), "it changes `def cut"),
        (hinted(GOOD.replace("keep: bool = True, ", "")), "it changes `def cut"),
        (hinted(GOOD.replace("text: str", "tехt: str")), "it changes `def cut"),  # Cyrillic
        (hinted(GOOD.replace("*more: Any", "*, more: Any")), "it changes `def cut"),
        (
            hinted(PARAMETERS[1:-2], "", ("def cut", "@staticmethod\ndef cut")),
            "it changes `def cut",
        ),
        (hinted(PARAMETERS[1:-2], "", ("total = 0", "total: int = 0.0")), "it changes `total = 0"),
        (
            hinted(PARAMETERS[1:-2], "", ("    for each", "    each: str\n    for each")),
            "it declares",
        ),
        (hinted(PARAMETERS[1:-2], "", ("text:", "text :")), "it adds no type hint"),
        (text("Text"), "the hint names Text, which is not defined"),
        (text("List[str]"), "the hint names List, which is not defined: write list"),
        (text("Late"), 'Late is not defined yet where the hint stands: write "Late"'),
        (text("Decimal"), 'Decimal is there for type checkers only: write "Decimal"'),
        (text('"Later"'), "the hint names Later, which is not defined"),
        (text('"list[str"'), 'the hint "list[str" is not a type'),
        (text('"Late" | None'), "the hint 'Late' | None fails"),
        (text("any"), "any is a function, not a type"),
        (text("helper"), "helper is a function, not a type"),
        (text("os"), "os is a module, not a type"),
        (text("LIMIT"), "LIMIT is a value, not a type"),
        (text("[str]"), "the hint [str] of text is not a type"),
        (text("(str, int)"), "the hint (str, int) of text is not a type"),
        (text("5"), "the hint 5 of text is not a type"),
        (text("list(str)"), "the hint list(str) is not a type"),
        (text("str or None"), "the hint str or None is not a type"),
        (text("dict[str: int]"), "the hint dict[str:int] is not a type"),
        (text("int[str]"), "the hint int[str] fails"),
        (text("Early[str]"), "the hint Early[str] fails"),
        (
            hinted("text, start: str = 0, end=None, *more, keep=True, **other"),
            "the hint str of start",
        ),
        (
            hinted("text, start=0, end: int = None, *more, keep=True, **other"),
            "the hint int of end",
        ),
        (
            hinted("text, start=0, end=None, *more: tuple, keep=True, **other"),
            "the hint tuple of *more",
        ),
        (
            hinted("text, start=0, end=None, *more, keep=True, **other: dict"),
            "the hint dict of **other",
        ),
        (hinted(GOOD, "None"), "cut returns a value: its result is not None"),
        (hinted(GOOD, "str"), "cut returns [total, start], which is no str"),
        ("from typing import Optional\n" + hinted(GOOD), "it imports Optional, which no hint uses"),
        ("from typing import Strin\n" + text("Strin"), "typing has no Strin"),
        ("from typing_extensions import Self\n" + text("Self"), "it imports typing_extensions"),
        ("from json import loads\n" + hinted(GOOD), "it adds `from json import loads`"),
        (
            "from typing import Text as Late\n" + text("Late"),
            "it defines Late, which stands outside",
        ),
        (
            "from typing import Optional\n" + text("Optional[str, int]"),
            "the hint Optional[str, int] fails",
        ),
        ("from typing import Optional\n" + text("Optional"), "the hint Optional of text says not"),
        (
            "from typing import Callable\n" + text("Callable[str, int]"),
            "the hint Callable[str, int] must be",
        ),
    ],
)
def test_planted_violations(new: str, reason: str) -> None:
    fault = judged("type_hints", SOURCE, new).fault
    assert reason in fault


@pytest.mark.parametrize(
    "new",
    [
        hinted(GOOD, "list[Any]"),
        hinted(GOOD, "list"),
        text("str | None"),
        text('"Late"'),
        text('"Late | None"'),
        text('"Decimal"'),
        text("Early"),
        text("list[tuple[str, ...]] | dict[str, Any]"),
        text("os.PathLike[str]"),
        hinted("text, start=0, end: int | None = None, *more: int, keep=True, **other: str"),
        hinted(PARAMETERS[1:-2], "list[int]", ("total = 0", "total: int = 0")),
        "from collections.abc import Callable, Iterable\n" + text("Iterable[Callable[..., int]]"),
        "from typing import Literal, Optional\n" + text("Optional[Literal['a', 1]]"),
        "import typing\n" + text("typing.Sequence[str]"),
        hinted(
            "\n    text: str,\n    start: int = 0,\n    end=None,\n    *more,\n    keep=True,\n"
            "    **other,\n"
        ),
    ],
)
def test_good_edits(new: str) -> None:
    judgement = judged("type_hints", SOURCE, new)
    assert judgement.fault == ""
    assert judgement.verdict is Verdict.VERIFIED
    assert judgement.checked.startswith(
        "the code is the same apart from type hints; no type checker is configured"
    )


def test_what_has_no_hint_is_said() -> None:
    judgement = judged("type_hints", SOURCE, text("str"))
    assert judgement.checked.endswith("without a hint: start, end, more, keep, other, the result")


CLASS = """\
import functools
from dataclasses import dataclass

@dataclass
class A:
    size: int
«    count = 1

    def __init__(self, x):
        self.x = x

    def walk(self):
        yield self.x

    def same(self, other: int):
        return self.x == other

    @app.route("/x")
    def page(self, x): pass

    @functools.singledispatchmethod
    def show(self, x): pass

    @show.register
    def _(self, x): pass
»"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("count = 1", "count: int = 1", "the hint of count may make it a field of A"),
        ("count = 1", "count = 1\n    more: int", "it defines"),
        ("def __init__(self, x):", "def __init__(self, x) -> A:", "A is not defined yet"),
        (
            "def __init__(self, x):",
            "def __init__(self, x) -> bool:",
            "the result of __init__ is None",
        ),
        ("def walk(self):", "def walk(self) -> int:", "walk yields: its result is an Iterator"),
        ("def walk(self):", "def walk(self) -> None:", "walk yields: its result is an Iterator"),
        ("other: int", "other: float", "it changes the hint of other, which was there"),
        ("other: int", "other", "the hint of other is gone"),
        ("def _(self, x): pass", "def _(self, x: int): pass", "@show.register reads hints"),
        ("def same(self, other: int):", "def same(self, other: int) -> count:", "count is a value"),
    ],
)
def test_planted_violations_in_classes(old: str, new: str, reason: str) -> None:
    fault = judged("type_hints", CLASS, replaced(CLASS, (old, new))).fault
    if reason == "it defines":  # a declaration without a value
        assert fault == "it declares more without a value"
    else:
        assert fault.startswith(reason)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def __init__(self, x):", "def __init__(self, x: int) -> None:"),
        ("def same(self, other: int):", "def same(self, other: int) -> bool:"),
        ("def same(self, other: int):", 'def same(self: "A", other: int):'),
        ("self.x = x", "self.x: int = x"),
    ],
)
def test_good_edits_in_classes(old: str, new: str) -> None:
    judgement = judged("type_hints", CLASS, replaced(CLASS, (old, new)))
    assert (judgement.fault, judgement.verdict) == ("", Verdict.VERIFIED)


def test_a_decorator_that_may_read_hints_is_named() -> None:
    new = replaced(CLASS, ("def page(self, x)", "def page(self, x: int)"))
    judgement = judged("type_hints", CLASS, new)
    assert (judgement.fault, judgement.verdict) == ("", Verdict.NOT_VERIFIED)
    assert "@app.route may read the hints when the program runs" in judgement.checked
    web = CLASS.replace("import functools", "import functools\nimport fastapi")
    assert judged("type_hints", web, new).fault == "@app.route reads hints when the program runs"


def test_hints_that_are_not_evaluated_may_name_what_comes_later() -> None:
    lazy = "from __future__ import annotations\n" + SOURCE
    for hint in ("Late", "Decimal", '"Late" | None'):
        assert judged("type_hints", lazy, text(hint)).fault == ""
    assert judged("type_hints", lazy, text("Never_heard")).fault.startswith("the hint names Never_")


def test_in_a_function_later_names_are_bound_when_it_runs() -> None:
    source = "def outer(kind):\n«    def inner(x):\n        return x\n»    return inner\n\n"
    source += "class Late: pass\n"
    for hint in ("Late", "kind"):
        new = f"    def inner(x: {hint}):\n        return x\n"
        assert judged("type_hints", source, new).fault == ""


def test_type_comments_and_hints_do_not_go_together() -> None:
    source = "«def f(x):\n    # type: (int) -> int\n    return x\n»"
    new = "def f(x: int) -> int:\n    # type: (int) -> int\n    return x\n"
    assert judged("type_hints", source, new).fault.startswith("there are type comments already")


def test_the_oldest_python_of_the_project_must_know_the_hint(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.8"\n')
    for hint, reason in (
        ("str | None", "Python 3.8, which the project supports, has no X | Y"),
        ("list[str]", "Python 3.8, which the project supports, has no list[…]: use typing.List"),
    ):
        assert judged("type_hints", SOURCE, text(hint), folder=tmp_path).fault.startswith(reason)
    assert judged("type_hints", SOURCE, text('"str | None"'), folder=tmp_path).fault == ""


def test_other_languages_are_refused() -> None:
    judgement = judged(
        "type_hints", "«let a = 1;\n»", "let a: number = 1;\n", language="typescript"
    )
    assert judgement.fault == "type hints can be checked in Python only"


def test_a_file_with_a_syntax_error_elsewhere() -> None:
    source = "print 'Python 2'\n\n«def f(x):\n    return x\n»"
    judgement = judged("type_hints", source, "def f(x: int) -> int:\n    return x\n")
    assert (judgement.fault, judgement.verdict) == ("", Verdict.NOT_VERIFIED)
    changed = judged("type_hints", source, "def f(x: int) -> int:\n    return -x\n")
    assert changed.fault == "it changes `return x` to `return -x`"


@pytest.mark.parametrize(
    ("old", "new", "fault", "verdict", "said"),
    [
        ([], [], "", Verdict.VERIFIED, "mypy reports nothing new"),
        (["a"], ["a"], "", Verdict.VERIFIED, "mypy reports nothing new"),
        (["a"], ["a", "b"], "mypy reports: b", Verdict.NOT_VERIFIED, ""),
        (["a"], ["a", "a"], "mypy reports: a", Verdict.NOT_VERIFIED, ""),
        (None, [], "", Verdict.NOT_VERIFIED, "mypy is configured, but it is not there or failed"),
    ],
)
def test_the_type_checker_has_its_say(
    old: list[str] | None,
    new: list[str],
    fault: str,
    verdict: Verdict,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter((old, new))

    async def problems(*_: object) -> list[Problem] | None:
        found = next(answers)
        return None if found is None else [Problem(tmp_path, 1, 1, "x", m) for m in found]

    (tmp_path / "mypy.ini").write_text("[mypy]\n")
    monkeypatch.setattr(rerun.tools, "problems", problems)
    judgement = judged(
        "type_hints", SOURCE, hinted(GOOD), folder=tmp_path, path=tmp_path / "module.py"
    )
    assert (judgement.fault, judgement.verdict) == (fault, verdict)
    assert said in judgement.checked
