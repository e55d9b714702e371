"""A project's test command, run in the sandbox; which tests failed, by the names its output tells.

Names are read from what pytest, unittest, go test, cargo test, Jest, Vitest and Maven's Surefire
print. They are there to compare two runs of one command, so a name only has to be the same in
both. Only the exit code says whether the tests passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from slmcode.verify import sandbox
from slmcode.verify.sandbox import Limits, SandboxRefused

WHOLE = "the command"  # the name of a failure that the output gives none
_TAIL = 16_000  # characters of output kept for people and prompts
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127  # exit codes of a shell
_NONE: Mapping[Path, str | None] = MappingProxyType({})


class TestRun(msgspec.Struct, frozen=True):
    """One run of a test command. `failed` is empty if and only if it passed."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    passed: bool
    failed: frozenset[str]  # with WHOLE where no test is named, or the run was stopped
    n_tests: int | None  # None where the output does not say
    output: str  # the end of it, stdout and stderr as they came, without colours
    stopped: str  # as Ran.stopped
    seconds: float
    weaker: str  # as Ran.weaker


async def run_tests(
    command: str, folder: Path, *, overlay: Mapping[Path, str | None] = _NONE, wall_s: float
) -> TestRun:
    """Run the tests in a copy-on-write view of the folder.

    Raises SandboxRefused, also where the command is not there: that is no failing test.
    """
    limits = Limits(wall_s=wall_s)
    ran = await sandbox.run(f"exec 2>&1; {command}", folder, overlay=overlay, limits=limits)
    output = plain(ran.stdout)
    if ran.exit_code in (_NOT_EXECUTABLE, _NOT_FOUND):
        said = output.strip().splitlines()
        raise SandboxRefused(
            f'"{command}" cannot be started ({said[-1] if said else ran.exit_code});'
            " correct the test command"
        )
    passed = ran.exit_code == 0
    failed = frozenset() if passed else failing(output)
    if ran.stopped or not (passed or failed):
        failed |= {WHOLE}
    return TestRun(
        passed=passed,
        failed=failed,
        n_tests=count(output),
        output=output[-_TAIL:],
        stopped=ran.stopped,
        seconds=ran.seconds,
        weaker=ran.weaker,
    )


def new_failures(before: TestRun, after: TestRun) -> frozenset[str]:
    """Tests that fail after and did not before.

    A failure without a name, and a run that was stopped, count as new unless the run before ended
    like that too.
    """
    return after.failed - before.failed


_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def plain(output: str) -> str:
    """Output without colours and other terminal sequences, its lines ended by newlines."""
    return _SEQUENCE.sub("", output).replace("\r\n", "\n").replace("\r", "\n")


def failing(output: str) -> frozenset[str]:
    """Names of failing tests in plain output; empty where it names none."""
    return frozenset(name for reader in _READERS for name in reader(output))


# A node of pytest, its parameters with spaces and dashes too; then the reason, cut to the terminal
_SUMMARY = re.compile(
    r"^(?:FAILED|ERROR|SUBFAILED(?P<sub>\(.*?\)|\[.*?\])?) "
    r"(?P<name>\S[^\n]*?(?:\[.*?\])?)(?: - .*)?$",
    re.M,
)
_VERBOSE = re.compile(r"^(?P<name>\S+::.*?) (?:FAILED|ERROR)(?: +\[ *\d+%\])?$", re.M)
_HEADING = re.compile(r"^_{2,} (?P<name>\S.*?) _{2,}$", re.M)


def _pytest(output: str) -> Iterator[str]:
    _, head, summary = output.rpartition("= short test summary info =")
    if head:
        yield from (m["name"] + (m["sub"] or "") for m in _SUMMARY.finditer(summary))
        return
    named = {m["name"] for m in _VERBOSE.finditer(output)}
    if not named and re.search(r"^=+ (?:FAILURES|ERRORS) =+$", output, re.M):
        named = {m["name"] for m in _HEADING.finditer(output)}
    yield from named


_UNITTEST = re.compile(r"^={70}\n(?:FAIL|ERROR|UNEXPECTED SUCCESS): (?P<name>.+)$", re.M)


def _unittest(output: str) -> Iterator[str]:
    yield from (m["name"] for m in _UNITTEST.finditer(output))


_GO = re.compile(
    r"^ *--- FAIL: (?P<test>\S+) \([\d.]+s\)$"
    r"|^(?P<end>FAIL|ok  )\t(?P<package>\S+)(?:[ \t].*)?$",
    re.M,
)


def _go(output: str) -> Iterator[str]:
    """Tests stand before the line of their package; a package that was not built has none."""
    tests: list[str] = []
    for found in _GO.finditer(output):
        if found["test"]:
            tests.append(found["test"])
            continue
        if found["end"] == "FAIL":
            yield from (f"{found['package']} {test}" for test in tests)
            if not tests:
                yield found["package"]
        tests = []


_CARGO = re.compile(
    r"^ +(?:Running .*[/\\](?P<binary>[^/\\]+)-[0-9a-f]{16}(?:\.exe)?\)|Doc-tests (?P<docs>\S+))$"
    r"|^test (?P<test>.+?)(?: - should panic)? \.\.\. FAILED$"
    r"|^failures:\n(?P<names>(?:    .+\n)+)",
    re.M,
)


def _cargo(output: str) -> Iterator[str]:
    """By line and by the list at the end: what a test prints may stand within its line."""
    binary = ""
    for found in _CARGO.finditer(output):
        if found["test"]:
            yield f"{binary} {found['test']}"
        elif found["names"]:
            yield from (f"{binary} {name.strip()}" for name in found["names"].splitlines())
        else:
            binary = found["binary"] or f"{found['docs']} docs"


_JEST = re.compile(r"^ ?FAIL +(?P<file>\S.*?)(?: \([\d.]+ m?s\))?$|^ +● (?P<test>\S.*)$", re.M)
_NO_TEST = ("Console", "Validation Error", "Deprecation Warning")


def _jest(output: str) -> Iterator[str]:
    """Jest marks failures under their file; Vitest writes file and test in one line."""
    file = ""
    for found in _JEST.finditer(output):
        if found["test"]:
            if not found["test"].startswith(_NO_TEST):
                yield f"{file} > {found['test']}"
        else:
            file = found["file"]
            if " > " in file or file.endswith("]"):  # Vitest: a test, a file that failed to load
                yield file


_SUREFIRE = re.compile(
    r"^(?:\[ERROR\] +)?(?!Tests run:)(?P<name>\S.*?) +(?:-- )?"
    r"Time elapsed: .*<<< (?:FAILURE|ERROR)!$",
    re.M,
)


def _surefire(output: str) -> Iterator[str]:
    yield from (m["name"] for m in _SUREFIRE.finditer(output))


_READERS: tuple[Callable[[str], Iterator[str]], ...] = (
    _pytest,
    _unittest,
    _go,
    _cargo,
    _jest,
    _surefire,
)

# Lines that tell how many tests ran, each with all its figures to be added in a group `n`
_COUNTS = tuple(
    re.compile(pattern, re.M)
    for pattern in (
        r"^=* ?(?P<n>\d+ (?:failed|passed|skipped|xfailed|xpassed|errors?)\b.*?) in [\d.]+s",
        r"^Ran (?P<n>\d+) tests? in [\d.]+s$",
        r"^test result: \w+\. (?P<n>\d+ passed; \d+ failed); ",
        r"^Tests: +.*?(?P<n>\d+) total$",
        r"^ +Tests  .*\((?P<n>\d+)\)$",
        r"^(?:\[\w+\] )?Tests run: (?P<n>\d+), Failures: \d+, Errors: \d+, Skipped: \d+$",
    )
)
_FIGURE = re.compile(r"\d+(?! (?:warnings?|deselected|subtests))")


def count(output: str) -> int | None:
    """How many tests ran, all summaries of the output together; None where none says it."""
    totals = [
        sum(map(int, _FIGURE.findall(found["n"])))
        for pattern in _COUNTS
        for found in pattern.finditer(output)
    ]
    return sum(totals) if totals else None
