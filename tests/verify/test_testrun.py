"""What a test command's output tells: real runs of what is in Python, and texts of other tools."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from slmcode.verify import testrun
from slmcode.verify.sandbox import SandboxRefused
from slmcode.verify.testrun import WHOLE, TestRun, new_failures, run_tests

TESTS = """
import unittest, pytest

class T(unittest.TestCase):
    def test_ok(self): pass
    def test_bad(self):
        "What it is for."
        self.assertEqual(1, 2)
    def test_error(self): raise ValueError("x - y")

@pytest.mark.parametrize("s", ["a b", "x - y", "z", "é"])
def test_many(s): assert s in "z", "FAILED tests/test_a.py::test_invented - no"

@pytest.fixture
def broken(): raise RuntimeError

def test_fixture(broken): pass

def test_skipped(): pytest.skip("not now")
"""
PYTEST = frozenset(
    {
        "test_a.py::T::test_bad",
        "test_a.py::T::test_error",
        "test_a.py::test_many[a b]",
        "test_a.py::test_many[x - y]",
        "test_a.py::test_many[\\xe9]",
        "test_a.py::test_fixture",
    }
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "test_a.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


async def run(command: str, folder: Path, **more: object) -> TestRun:
    return await run_tests(f"{sys.executable} -m {command}", folder, wall_s=60, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", ["", "-q", "-v --color=yes", "-v -rN", "-q --tb=no -rA"])
async def test_pytest(folder: Path, options: str) -> None:
    ran = await run(f"pytest -p no:cacheprovider {options}", folder)
    assert not ran.passed
    assert ran.failed == PYTEST
    assert ran.n_tests == 9
    assert "\x1b" not in ran.output
    assert ran.stopped == ""


async def test_pytest_without_a_summary(folder: Path) -> None:
    """The headings of failures are names enough to compare."""
    ran = await run("pytest -q -rN", folder)
    assert {"T.test_bad", "test_many[a b]", "ERROR at setup of test_fixture"} <= ran.failed
    assert (await run("pytest -q -rN --tb=no", folder)).failed == {WHOLE}


async def test_pytest_that_cannot_read_a_file(folder: Path) -> None:
    ran = await run("pytest -q", folder, overlay={folder / "test_b.py": "def (\n"})
    assert ran.failed == {"test_b.py"}


async def test_unittest(folder: Path) -> None:
    ran = await run("unittest", folder, overlay={folder / "test_b.py": "import nothing_there\n"})
    assert ran.failed == {
        "test_bad (test_a.T.test_bad)",
        "test_error (test_a.T.test_error)",
        "test_b (unittest.loader._FailedTest.test_b)",
    }
    assert ran.n_tests == 4


async def test_passing(folder: Path) -> None:
    ran = await run("pytest -q", folder, overlay={folder / "test_a.py": "def test_a(): pass\n"})
    assert (ran.passed, ran.failed, ran.n_tests) == (True, frozenset(), 1)


async def test_the_overlay_decides(folder: Path) -> None:
    before = await run("pytest -q", folder)
    fixed = TESTS.replace("assertEqual(1, 2)", "assertEqual(1, 1)").replace('in "z"', 'in "zé"')
    after = await run("pytest -q", folder, overlay={folder / "test_a.py": fixed})
    assert new_failures(before, after) == frozenset()
    assert new_failures(after, before) == {"test_a.py::T::test_bad", "test_a.py::test_many[\\xe9]"}


async def test_a_command_without_names(folder: Path) -> None:
    ran = await run_tests("echo it broke; exit 1", folder, wall_s=20)
    assert (ran.failed, ran.n_tests, ran.output) == ({WHOLE}, None, "it broke\n")


async def test_output_in_its_order(folder: Path) -> None:
    ran = await run_tests("echo 1; echo 2 >&2; echo 3; exit 1", folder, wall_s=20)
    assert ran.output == "1\n2\n3\n"


async def test_a_hang_is_a_failure_though_tests_are_named(folder: Path) -> None:
    said = "=\\n= short test summary info =\\nFAILED test_a.py::test_x - no\\n"
    known = await run_tests(f"printf '{said}'; exit 1", folder, wall_s=20)
    assert known.failed == {"test_a.py::test_x"}
    hangs = await run_tests(f"printf '{said}'; sleep 60", folder, wall_s=0.5)
    assert (hangs.passed, hangs.stopped) == (False, "time")
    assert new_failures(known, hangs) == {WHOLE}


@pytest.mark.parametrize("command", ["no-such-tool --all", "./test_a.py"])
async def test_a_command_that_cannot_be_started(folder: Path, command: str) -> None:
    with pytest.raises(SandboxRefused, match=f'"{command}" cannot be started .*test command'):
        await run_tests(command, folder, wall_s=20)


GO = """\
=== RUN   TestAdd
--- FAIL: TestAdd (0.00s)
    --- FAIL: TestAdd/two_words (0.00s)
        a_test.go:9: got 3
    --- PASS: TestAdd/other (0.00s)
FAIL
FAIL\texample.com/m/a\t0.003s
ok  \texample.com/m/b\t0.002s
# example.com/m/c [example.com/m/c.test]
c/c_test.go:4:2: undefined: x
FAIL\texample.com/m/c [build failed]
?   \texample.com/m/d\t[no test files]
--- FAIL: TestAdd (0.01s)
panic: boom [recovered]
FAIL\texample.com/m/e\t0.010s
FAIL
"""
CARGO = """\
   Compiling cr v0.1.0 (/p/cr)
    Finished `test` profile [unoptimized + debuginfo] target(s) in 1.87s
     Running unittests src/lib.rs (target/debug/deps/cr-f73a538893013b88)

running 4 tests
test tests::bad ... FAILED
test tests::ig ... ignored
test tests::panics - should panic ... FAILED
test tests::ok ... ok
test tests::loud ... printed by the test
FAILED

failures:

---- tests::bad stdout ----

thread 'tests::bad' (11043) panicked at src/lib.rs:6:51:
assertion `left == right` failed: two
lines

failures:
    tests::bad
    tests::loud
    tests::panics

test result: FAILED. 1 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.38s

     Running tests/it.rs (target/debug/deps/it-0123456789abcdef)
running 1 test
test tests::bad ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
   Doc-tests cr

running 1 test
test src/lib.rs - f (line 1) ... FAILED

failures:

---- src/lib.rs - f (line 1) stdout ----
Test executable failed (exit status: 101).

failures:
    src/lib.rs - f (line 1)

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.68s

error: doctest failed, to rerun pass `--doc`
"""
JEST = """\
FAIL src/sum.test.js
  ● Console

    console.log
      hello

  ● adding › adds 1 + 2

    expect(received).toBe(expected) // Object.is equality

PASS src/other.test.js (5.1 s)
FAIL src/broken.test.js
  ● Test suite failed to run

    Cannot find module './none' from 'src/broken.test.js'

Test Suites: 2 failed, 1 passed, 3 total
Tests:       1 failed, 1 skipped, 2 passed, 4 total
Snapshots:   0 total
Time:        0.6 s
"""
VITEST = """\
 ❯ src/sum.test.ts (2 tests | 1 failed) 6ms
   × adding > adds 1 + 2 4ms
     → expected 4 to be 3 // Object.is equality

⎯⎯⎯⎯⎯⎯ Failed Suites 1 ⎯⎯⎯⎯⎯⎯⎯

 FAIL  src/broken.test.ts [ src/broken.test.ts ]
Error: Failed to resolve import "./none"

⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯

 FAIL  src/sum.test.ts > adding > adds 1 + 2
AssertionError: expected 4 to be 3 // Object.is equality

 Test Files  2 failed (2)
      Tests  1 failed | 1 passed (2)
   Start at  10:00:00
"""
# Surefire 3.2.5 under Maven 3.8.7, as it came
SUREFIRE = """\
[\x1b[1;34mINFO\x1b[m] Running x.\x1b[1mAppTest\x1b[m
[\x1b[1;31mERROR\x1b[m] \x1b[1;31mTests \x1b[0;1mrun: \x1b[0;1m5\x1b[m, \x1b[1;31mFailures: \
\x1b[0;1;31m2\x1b[m, \x1b[1;31mErrors: \x1b[0;1;31m1\x1b[m, Skipped: 0, Time elapsed: 1.449 s\
\x1b[1;31m <<< FAILURE!\x1b[m -- in x.\x1b[1mAppTest\x1b[m
[\x1b[1;31mERROR\x1b[m] x.AppTest.p(String)[1] -- Time elapsed: 0.582 s <<< FAILURE!
org.opentest4j.AssertionFailedError: expected: <c> but was: <a b>

[\x1b[1;31mERROR\x1b[m] x.AppTest.bad -- Time elapsed: 0.012 s <<< FAILURE!
org.opentest4j.AssertionFailedError: expected: <1> but was: <2>

[\x1b[1;31mERROR\x1b[m] x.AppTest.err -- Time elapsed: 0.013 s <<< ERROR!
java.lang.RuntimeException: x

[\x1b[1;31mERROR\x1b[m] \x1b[1;31mFailures: \x1b[m
[\x1b[1;31mERROR\x1b[m] \x1b[1;31m  AppTest.bad:4 expected: <1> but was: <2>\x1b[m
[\x1b[1;31mERROR\x1b[m] \x1b[1;31mTests run: 5, Failures: 2, Errors: 1, Skipped: 0\x1b[m
"""
SUREFIRE_2 = """\
Running x.AppTest
Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 sec <<< FAILURE! - in x.AppTest
testBad(x.AppTest)  Time elapsed: 0.006 sec  <<< FAILURE!
junit.framework.AssertionFailedError: null

Tests run: 2, Failures: 1, Errors: 0, Skipped: 0
"""


@pytest.mark.parametrize(
    ("output", "failed", "n_tests"),
    [
        pytest.param(
            GO,
            {
                "example.com/m/a TestAdd",
                "example.com/m/a TestAdd/two_words",
                "example.com/m/c",
                "example.com/m/e TestAdd",
            },
            None,
            id="go",
        ),
        pytest.param(
            CARGO,
            {
                "cr tests::bad",
                "cr tests::panics",
                "cr tests::loud",
                "cr docs src/lib.rs - f (line 1)",
            },
            6,
            id="cargo",
        ),
        pytest.param(
            JEST,
            {
                "src/sum.test.js > adding › adds 1 + 2",
                "src/broken.test.js > Test suite failed to run",
            },
            4,
            id="jest",
        ),
        pytest.param(
            VITEST,
            {
                "src/sum.test.ts > adding > adds 1 + 2",
                "src/broken.test.ts [ src/broken.test.ts ]",
            },
            2,
            id="vitest",
        ),
        pytest.param(
            SUREFIRE,
            {"x.AppTest.p(String)[1]", "x.AppTest.bad", "x.AppTest.err"},
            5,
            id="surefire 3",
        ),
        pytest.param(SUREFIRE_2, {"testBad(x.AppTest)"}, 2, id="surefire 2"),
        pytest.param("error: could not compile `cr`\nFAIL\n", set(), None, id="nothing"),
    ],
)
def test_texts_of_other_tools(output: str, failed: set[str], n_tests: int | None) -> None:
    text = testrun.plain(output.replace("\n", "\r\n"))
    assert testrun.failing(text) == failed
    assert testrun.count(text) == n_tests
