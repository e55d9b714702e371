"""Tests of a module, and mutants of it, in one real sandbox run each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from slmcode.verify.mutation import mutants
from slmcode.verify.sandbox import SandboxRefused
from slmcode.verify.trials import Module, Trial, Trials, run_trials

SOURCE = """\
import random
import time


def grow(x):
    if x > 3:
        raise ValueError("much")
    return x + 1
"""


def tried(
    folder: Path,
    *bodies: str,
    source: str = SOURCE,
    header: Sequence[str] = ("from m import grow",),
    seeds: Sequence[str] = (),
    wall_s: float = 40,
    hash_seed: int = 0,
) -> Trials:
    """What becomes of test_0, test_1, … with these bodies."""
    tests = [Trial(f"test_{n}", f"def test_{n}():\n    {b}") for n, b in enumerate(bodies)]
    file = folder / "m.py"
    module = Module(sys.executable, folder, (folder,), "m", file, {file: source})
    found = run_trials(module, header, tests, seeds, wall_s=wall_s, hash_seed=hash_seed)
    return asyncio.run(found)


def test_how_tests_end_and_what_they_touch(tmp_path: Path) -> None:
    found = tried(
        tmp_path,
        "assert grow(1) == 2",
        "x = 1\n    assert grow(1) == 3",
        "grow(7)",
        "raise SystemExit(0)",
        "grow(made_up)",
        "open('/nowhere')",
        "open('new.txt', 'w')",
        "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
        "import subprocess; subprocess.run(['true'])",
        "import tempfile; tempfile.TemporaryFile()",
        "import os; os._exit(0)",
        "import random; assert grow(random.random()) == 7",
        "print('noise' * 100000)",
    )
    assert found.error == ""
    errors = [t.error.partition(":")[0] for t in found.tests]
    assert errors[:5] == ["", "AssertionError", "ValueError", "SystemExit", "NameError"]
    assert errors[9:] == ["", "it did not end", "AssertionError", ""]
    assert found.tests[1].line == 3
    assert [t.raised_here for t in found.tests[:5]] == [False, False, True, False, False]
    touched = [t.touched for t in found.tests]
    assert touched[:5] == [()] * 5
    assert touched[5] == ("files outside of the project",)
    assert touched[6] == ("files it writes",)
    assert touched[7] == ("the network",)
    assert touched[8] == ("another program",)
    assert touched[9] == ()
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_a_test_that_does_not_end_the_same_way_twice(tmp_path: Path) -> None:
    file = "import os, tempfile; p = tempfile.gettempdir() + '/x'"
    body = f"{file}; there = os.path.exists(p); open(p, 'w').close(); assert not there"
    (one,) = tried(tmp_path, body).tests
    assert one.error == "it does not end the same way twice"


def test_what_a_test_sees_is_told_as_a_literal_or_by_repr_or_type(tmp_path: Path) -> None:
    (one,) = tried(
        tmp_path,
        "_seen(0, {'a': [1, None]}); _seen(1, range(2)); _seen(2, object()); _seen(3, 'x' * 999)"
        "; [_seen(4, n) for n in (1, 2)]; _seen(5, float('nan'))"
        "; I = type('I', (int,), {}); _seen(6, I(1))",
    ).tests
    assert one.seen == {
        "0": "{'a': [1, None]}",
        "1": "repr='range(0, 2)'",
        "2": "type='object'",
        "3": "type='str'",
        "4": "",
        "5": "repr='nan'",
        "6": "repr='1'",
    }


def test_mutants_tell_which_tests_find_them(tmp_path: Path) -> None:
    seeds = mutants(SOURCE, 5, 8, 20)
    found = tried(
        tmp_path,
        "assert grow(1) == 2",
        "assert grow(3) == 4",
        "grow(0)",
        "assert grow(1) == 0",
        seeds=[m.text for m in seeds],
    )
    assert found.control
    killed = dict(zip((m.what for m in seeds), found.mutants, strict=True))
    assert killed["> becomes >="] == ("test_1",)
    assert killed["+ becomes -"] == ("test_0", "test_1")
    assert killed["raise ValueError('much') is left out".replace("'", '"')] == ()


def test_a_module_that_cannot_be_executed_twice_is_told(tmp_path: Path) -> None:
    source = SOURCE + "\nassert 'once' not in globals()\nonce = 1\n"
    found = tried(tmp_path, "assert grow(1) == 2", source=source, seeds=[source])
    assert (found.tests[0].error, found.control, found.mutants) == ("", False, ())


def test_modules_that_cannot_be_imported(tmp_path: Path) -> None:
    found = tried(tmp_path, "pass", source="import not_there.at_all\n")
    assert (found.missing, found.tests) == ("not_there", ())
    assert found.error == "ModuleNotFoundError: No module named 'not_there'"
    assert tried(tmp_path, source="raise SystemExit('no')\n").error == "SystemExit: no"
    assert tried(tmp_path, source="def f(:\n").error.startswith("SyntaxError: ")


def test_a_module_whose_name_is_taken_is_not_mistaken(tmp_path: Path) -> None:
    file = tmp_path / "json.py"
    module = Module(sys.executable, tmp_path, (), "json", file, {file: "x = 1\n"})
    found = asyncio.run(run_trials(module, wall_s=40))
    assert found.error.startswith("json is another file here: ")


def test_statements_of_the_header_that_fail_are_told(tmp_path: Path) -> None:
    header = ["import not_there", "from m import grow", "from m import shrink"]
    found = tried(tmp_path, "assert grow(1) == 2", header=header)
    assert found.unusable == (0, 2)
    assert found.tests[0].error == ""


def test_the_order_of_sets_depends_on_the_seed(tmp_path: Path) -> None:
    body = "_seen(0, str({'a', 'b', 'c', 'd', 'e'}))"
    orders = {tried(tmp_path, body, hash_seed=n).tests[0].seen["0"] for n in range(2)}
    assert len(orders) == 2


def test_a_test_that_does_not_end_costs_seconds_only(tmp_path: Path) -> None:
    found = tried(tmp_path, "while True: pass", "assert grow(1) == 2", wall_s=20)
    assert [t.error for t in found.tests] == ["it did not end", ""]


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    module = Module("/no/python", tmp_path, (), "m", tmp_path / "m.py")
    with pytest.raises(SandboxRefused, match="could not run the tests"):
        asyncio.run(run_trials(module, wall_s=20))
