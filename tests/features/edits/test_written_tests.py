"""What rules make of a model's tests: read, asked, put right, imported."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import pytest

from slmcode.features.edits.written_tests import (
    Written,
    bindings,
    defined,
    imports_for,
    observing,
    read,
    rendered,
    settled,
    undefined,
    with_arguments,
)
from slmcode.verify.trial_driver import seer
from slmcode.verify.trials import Tried

MODULE = '''\
"""m"""
from __future__ import annotations
import json
import os.path
from .other import Shelf as Rack
from ..far import away
if True:
    from collections import deque

LIMIT: int = 3
a = b = 1


class Book:
    pass


def double(x):
    if x > LIMIT:
        raise ValueError("much")
    return x * 2
'''


def double(x: int) -> int:
    """What the tests below are about."""
    if x > 3:
        raise ValueError("much")
    return x * 2


def tried(test: Written) -> Tried:
    """The asking test run in this process, as the driver runs it."""
    seen: dict[str, str] = {}
    names: dict[str, Any] = {"double": double, "_seen": seer(seen)}
    try:
        exec(compile(observing(test), "<test>", "exec"), names)
        names[test.name]()
    except Exception as e:
        traceback = e.__traceback__
        line = 0
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == "<test>":
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        return Tried(str(e), type(e).__name__, line, isinstance(e, ValueError), seen=seen)
    return Tried("", seen=seen)


def after(body: str, *, has_pytest: bool = True) -> str | None:
    """The body of a test as it is put right; None where nothing is left."""
    source = "def test_it():\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    test = Written("test_it", source)
    found = settled(test, tried(test), "double", has_pytest=has_pytest)
    if found is None:
        return None
    head, _, rest = found.test.source.partition("\n")
    assert head == "def test_it():"
    return textwrap.dedent(rest)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("assert double(1) == 2", "assert double(1) == 2"),
        ("assert double(1) == 3  # three", "assert double(1) == 2"),
        ("assert double(1) == 3, 'no'", "assert double(1) == 2"),
        ("assert 3 == double(1)", "assert double(1) == 2"),
        ("assert double(1) is None", "assert double(1) == 2"),
        ("assert double(1) == 2 and double(2) == 4", "assert double(1) == 2 and double(2) == 4"),
        ("assert not double(1)", "assert double(1) == 2"),
        ("assert (double(1) > 5) == True", "assert (double(1) > 5) is False"),
        ("x = double(2)\nassert x == 5", "x = double(2)\nassert x == 4"),
        ("assert double(\n    1,\n) == 3", "assert double(1) == 2"),
        ("x = 1\nassert double(0) == x", "x = 1\nassert double(0) == 0"),
        ("for i in (1, 2):\n    assert double(i)", "for i in (1, 2):\n    assert double(i)"),
    ],
)  # fmt: skip
def test_wrong_values_become_what_was_seen(body: str, wanted: str) -> None:
    assert after(body) == wanted


def test_an_assert_that_cannot_be_put_right_is_left_out() -> None:
    assert after("assert double(1) > 5\nassert double(1) == 2") == "assert double(1) == 2"
    assert after("assert double(1) > 5") is None
    body = "for i in (1, 2):\n    assert double(i) == 7\n    assert double(i) > 0"
    assert after(body) == "for i in (1, 2):\n    assert double(i) > 0"


def test_values_that_are_no_literals_are_told_by_their_repr_or_their_type() -> None:
    assert after("assert range(double(1)) == 2") == "assert repr(range(double(1))) == 'range(0, 2)'"
    assert after("assert iter([double(1)]) == 2") == (
        "assert type(iter([double(1)])).__name__ == 'list_iterator'"
    )


def test_a_result_that_nothing_is_said_of_is_compared_with_what_was_seen() -> None:
    assert after("x = double(2)") == "x = double(2)\nassert x == 4"
    assert after("x = double(1)\ny = double(2)\nassert y > 7") == (
        "x = double(1)\ny = double(2)\nassert y == 4"
    )


def test_it_is_told_where_a_value_was_seen_and_not_expected() -> None:
    for body, observed in (("assert double(1) == 2\nassert double(1) > 5", False),
                           ("assert double(1) == 3", True), ("x = double(1)", True),
                           ("double(4)", True)):  # fmt: skip
        test = Written("test_it", "def test_it():\n" + textwrap.indent(body, "    "))
        found = settled(test, tried(test), "double", has_pytest=True)
        assert found is not None
        assert found.observed == observed


def test_what_stands_behind_a_failing_statement_is_cut_off() -> None:
    assert after("assert double(1) == 2\nnothing()\nassert double(2) == 4") == (
        "assert double(1) == 2"
    )
    assert after("nothing()\nassert double(2) == 4") is None


def test_an_error_that_the_function_raises_is_expected() -> None:
    body = "assert double(1) == 2\n# more\nassert double(7) == 14\nassert double(2) == 4"
    expected = "assert double(1) == 2\nwith pytest.raises(ValueError):\n    double(7)"
    assert after(body) == expected
    assert after(body, has_pytest=False) == "assert double(1) == 2"
    assert after("x = double(9)") == "with pytest.raises(ValueError):\n    double(9)"


def test_asserts_of_any_number_keep_their_own_answers() -> None:
    body = "\n".join(f"assert double({n % 3}) == {n % 3 * 2 + n % 2}" for n in range(40))
    wanted = "\n".join(f"assert double({n % 3}) == {n % 3 * 2}" for n in range(40))
    assert after(body) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("Shelf().f()", "Shelf(a=Mock(), b=Mock()).f()"),
        ("m.Shelf('é', 1).f()", "m.Shelf('é', 1, a=Mock(), b=Mock()).f()"),
        ("Shelf(1,).f()", "Shelf(1,a=Mock(), b=Mock()).f()"),
        ("Shelf(\n    1\n)", "Shelf(\n    1\n)"),
        ("g(Shelf(), Shelf())", "g(Shelf(a=Mock(), b=Mock()), Shelf(a=Mock(), b=Mock()))"),
        ("g()", None),
    ],
)
def test_what_an_object_needs_is_a_mock(body: str, wanted: str | None) -> None:
    test = Written("test_it", f"def test_it():\n    {body}")
    error = "TypeError: Shelf.__init__() missing 2 required positional arguments: 'a' and 'b'"
    found = with_arguments(test, error)
    if body.startswith("Shelf(\n"):
        assert found is None, "there is no comma to go on behind"
    else:
        source = None if found is None else found.source.partition("\n    ")[2]
        assert source == wanted
    assert (
        with_arguments(test, "TypeError: g() missing 1 required positional argument: 'a'") is None
    )


ANSWER = '''\
import json
from m import double
from os import path, sep


class Helper:
    pass


def test_one():
    assert double(1) == 2


def test_one():
    assert double(2) == 4


def test_same():
    assert double(2) == 4


def test_fixture(tmp_path):
    pass


@pytest.mark.skip
def test_marked():
    pass


async def test_later():
    """Later."""
    assert await double(1) == 2


def test_cut():
    assert double(
'''


def test_an_answer_is_read_up_to_where_it_parses() -> None:
    answer = read(ANSWER)
    assert answer.imports == (
        "import json", "from m import double", "from os import path", "from os import sep",
    )  # fmt: skip
    assert [defined(h) for h in answer.helpers] == ["Helper"]
    assert [t.name for t in answer.tests] == ["test_one", "test_one_2", "test_later"]
    assert answer.tests[1].source == "def test_one_2():\n    assert double(2) == 4"
    assert answer.tests[2].source == (
        "def test_later():\n    async def scenario():\n"
        '        """Later."""\n        assert await double(1) == 2\n\n'
        "    asyncio.run(scenario())"
    )


def test_a_test_is_kept_up_to_the_line_that_does_not_parse() -> None:
    code = (
        "def test_a():\n    assert f(1) == 2\n    assert f(x=1, x=2) == 3\n    assert f(3) == 4\n"
    )
    (test,) = read(code).tests
    assert test.source == "def test_a():\n    assert f(1) == 2"


@pytest.mark.parametrize("text", ["", "I cannot do that.", "def test_(", "x = (", "\0"])
def test_an_answer_without_tests(text: str) -> None:
    assert read(text).tests == ()


def test_names_that_a_program_does_not_bind() -> None:
    source = (
        "import a.b\nfrom c import d as e\ndef f(g, *h, **i):\n    j = [k for k in l]\n"
        "    try:\n        pass\n    except m as n:\n        n\n    return len(j), a, e, o\n"
    )
    assert undefined(source) == ["l", "m", "o"]


def test_what_a_module_binds_and_how_to_import_it() -> None:
    found = bindings("pkg.sub.m", MODULE)
    assert found == {
        "json": "import json",
        "os": "import os.path",
        "Rack": "from pkg.sub.other import Shelf as Rack",
        "away": "from pkg.far import away",
        "deque": "from collections import deque",
        "LIMIT": "from pkg.sub.m import LIMIT",
        "a": "from pkg.sub.m import a",
        "b": "from pkg.sub.m import b",
        "Book": "from pkg.sub.m import Book",
        "double": "from pkg.sub.m import double",
    }
    assert bindings("pkg.sub", "from . import x\n", True) == {"x": "from pkg.sub import x"}


def test_imports_are_those_of_the_module_then_well_known_ones() -> None:
    names = ["Book", "Mock", "Path", "asyncio", "json", "made_up", "sep", "x"]
    own = ["from os import sep", "from somewhere import x", "from json import Book"]
    assert imports_for(names, "m", MODULE, own) == [
        "from m import Book",
        "from unittest.mock import Mock",
        "from pathlib import Path",
        "import asyncio",
        "import json",
        "from os import sep",
    ]


def test_a_file_has_its_imports_in_groups() -> None:
    text = rendered(
        ["from m import b", "import pytest", "from m import a", "import json", "import json"],
        ["X = 1"],
        [Written("test_a", "def test_a():\n    assert a(X) == 1")],
    )
    assert text == (
        "import json\n\nimport pytest\n\nfrom m import a, b\n\n\nX = 1\n\n\n"
        "def test_a():\n    assert a(X) == 1\n"
    )
    ast.parse(text)
