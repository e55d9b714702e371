"""Set `mceval` of benchmarks.translation: C and Perl to Python by the model, judged by own checks.

A program is a task of McEval as a whole: the canonical solution and the task's own test code, which
calls the task's function and gives up on a wrong result. It reads nothing. Programs that do not
pass their own checks as they stand are counted apart (`unusable`).

Most of them print nothing: an empty translation would behave like that too, so the pipeline calls
them *not proved*, and a translation *passes* where

    it ends and prints as the original does,
    a wrong result planted in a call of the function makes it fail (benchmarks.planting), in as
    many calls as the original's checks have, and
    those calls answer what the original's checks ask for: a check that was bent to a wrong result
    is no check. This is read off the original where a check compares with a constant.

What this cannot see: a check that looks at a part only of a result that it looked at as a whole,
and a bent check where the original compares with no constant (lists, results in variables). A
function that lost its name, or is called in another order, does not pass.

*At the first try* means: no unit was asked for twice, whether the compiler, the linter or the proof
wanted it.

Exercism's data have solutions in both languages too (C: .meta/example.c, Perl: .meta/solutions),
without a program around them; they are no part of this set.
"""

from __future__ import annotations

import ast
import json
import math
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import planting, report
from slmcode.features.translation.pipeline import Request
from slmcode.features.translation.shape import IDIOMATIC, Translated, Verdict
from slmcode.verify import sandbox, toolchains
from slmcode.verify.programs import Input, run_all
from slmcode.verify.sandbox import Limits
from slmcode.verify.toolchains import BuildFailed, Missing

LANGUAGES = {"c": ("C", ".c"), "perl": ("Perl", ".pl")}  # language -> its name in McEval, extension
_FILE = "translated.py"
_LIMITS = Limits(wall_s=600, cpu_s=600)
Row = dict[str, Any]
Translate = Callable[[Request], Awaitable[Translated]]

_STRING = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
_CONSTANT = rf"(-?[\d.][\w.]*(?:e-\d+)?|true|false|{_STRING})"
_C_REMARK = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.S)
_C_CHECK = re.compile(r"\bassert\s*\((.*?)\)\s*;", re.S)
_C_WANTED = (  # assert(f(1) == 2), assert(strcmp(f(1), "2") == 0), assert(fabs(f(1) - 2.5) < 1e-6)
    re.compile(rf".*\)\s*==\s*{_CONSTANT}"),
    re.compile(rf"fabs\(.*\)\s*-\s*{_CONSTANT}\)\s*<.*"),
)
_C_SAME = re.compile(rf"strcmp\(.*,\s*{_CONSTANT}\)\s*==\s*0")
_PERL_REMARK = re.compile(r"(?m)^\s*#.*$")
_PERL_CHECK = re.compile(r"(?m)\bdie\b.*?\b(unless|if)\s+(.*);\s*$")
_PERL_MESSAGE = re.compile(r"\bdie\b.*?(?=\b(?:unless|if)\s)")
_PERL_WANTED = re.compile(rf".*\)\s*(==|!=|eq|ne)\s*{_CONSTANT}")
_PERL_CALL = r"&\$\w+\(|\$\w+->\("  # the function is handed to the test as a reference
_CLOSE = 1e-4  # of results that are no whole numbers


class Task(NamedTuple):
    """A program with its checks."""

    name: str  # "C/4"
    language: str  # a key of LANGUAGES
    text: str  # the whole program
    test: str  # the part of it that checks
    function: str  # what is checked

    @property
    def file(self) -> str:
        return self.name.replace("/", "").lower() + LANGUAGES[self.language][1]


class Judged(NamedTuple):
    """What a translation is worth. `lost` says what its checks are not any more, "" for nothing."""

    alike: bool
    lost: str = ""

    @property
    def passed(self) -> bool:
        return self.alike and not self.lost


def tasks(folder: Path | None = None, every: int = 1) -> list[Task]:
    """Each so-manieth program of a language, languages in turn. Raises OSError without the data."""
    folder = report.DATA / "mceval" if folder is None else folder
    by_language = []
    for language, (name, _) in LANGUAGES.items():
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        by_language.append([_task(language, json.loads(line)) for line in lines[::every]])
    return [task for turn in zip_longest(*by_language) for task in turn if task is not None]


def _task(language: str, row: Row) -> Task:
    text = "\n".join((row["prompt"], row["canonical_solution"], row["test"], ""))
    return Task(row["task_id"], language, text, row["test"], row["entry_point"])


# What the checks of the original are


def calls(task: Task) -> int:
    """How often the test calls the function, as it is written; messages of failing are left out."""
    return len(re.findall(_call(task), _PERL_MESSAGE.sub("", _bare(task))))


def wanted(task: Task) -> list[Any]:
    """What the checks that compare with constants want, in their order.

    A number, a text, or a bool where only the truth counts.
    """
    found = _c_wanted(task) if task.language == "c" else _perl_wanted(task)
    return [value for value in found if value is not None]


def _c_wanted(task: Task) -> Iterator[Any]:
    for check in _C_CHECK.finditer(_bare(task)):
        if same := _C_SAME.fullmatch(check[1]):
            yield _value(same[1])
        elif found := next((m for p in _C_WANTED if (m := p.fullmatch(check[1]))), None):
            yield _value(found[1])


def _perl_wanted(task: Task) -> Iterator[Any]:
    for check in _PERL_CHECK.finditer(_bare(task)):
        unless = check[1] == "unless"
        if found := _PERL_WANTED.fullmatch(check[2]):
            if unless == (found[1] in ("==", "eq")):
                yield _value(found[2])
        elif re.match(_call(task), check[2]) and check[2].endswith(")"):
            yield unless


def _call(task: Task) -> str:
    name = rf"\b{task.function}\s*\("
    return f"{name}|{_PERL_CALL}" if task.language == "perl" else name


def _bare(task: Task) -> str:
    if task.language == "c":
        return _C_REMARK.sub(lambda match: match[1] or " ", task.test)
    return _PERL_REMARK.sub("", task.test)


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return int(text == "true")
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):  # written as Python does not
        return None


def is_wanted(value: Any, got: Any) -> bool:
    """Whether a result is what a check wants, the types of two languages apart."""
    if isinstance(value, bool):
        return bool(got) == value
    if isinstance(value, str):
        if isinstance(got, list):  # Perl's checks of lists: join(',', …) eq '1,2'
            return ",".join(map(str, got)) == value
        return str(got) == value or (isinstance(got, int) and [got] == [*map(ord, value)])
    try:
        number = float(got)
    except (TypeError, ValueError):
        return False
    return (
        number == value if isinstance(value, int) else math.isclose(number, value, abs_tol=_CLOSE)
    )


# Judging


async def judge(task: Task, python: str, expected: str) -> Judged:
    """`expected` is what the original prints. Raises SandboxRefused."""
    try:
        tree = ast.parse(python)
    except SyntaxError:
        return Judged(False)
    with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
        folder = Path(name)
        driver = folder / "planting.py"
        driver.write_text(Path(planting.__file__).read_text("utf-8"), "utf-8")
        (folder / _FILE).write_text(python, "utf-8")
        command = [sys.executable, driver.name, _FILE, task.function]
        ran = await sandbox.run(command, folder, limits=_LIMITS)
    if ran.exit_code != 0:
        raise RuntimeError(f"{task.name}: planting failed: {ran.stopped or ran.stderr[-500:]}")
    found = json.loads(ran.stdout)
    if found["exit_code"] != 0 or found["stdout"] != expected:
        return Judged(False)
    if planting.definition(tree, task.function) is None:
        return Judged(True, f"there is no {task.function}")
    if len(found["noticed"]) < (n := calls(task)):
        return Judged(True, f"{len(found['noticed'])} of {n} wrong results are noticed")
    results = iter(found["noticed"])
    for value in wanted(task):
        if not any(is_wanted(value, got) for got in results):
            return Judged(True, f"no call answers {value!r} in its turn any more")
    return Judged(True)


async def printed(task: Task) -> str | None:
    """What the original prints; None where it does not pass its own checks.

    Raises RuntimeError without its compiler, SandboxRefused.
    """
    chain = toolchains.find(task.language)
    if isinstance(chain, Missing):
        raise RuntimeError(f"{chain.reason}; {chain.install}")
    with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
        try:
            built = await toolchains.build(chain, {task.file: task.text.encode()}, Path(name, "x"))
        except BuildFailed:
            return None
        [outcome] = await run_all(built, [Input()])
    return outcome.stdout.decode("utf-8", "backslashreplace") if outcome.exit_code == 0 else None


async def run(
    chosen: Sequence[Task], translate: Translate, emit: Callable[[Row], None]
) -> list[Row]:
    """Translate each as the command does, and judge it."""
    rows = []
    for task in chosen:
        row: Row = {"id": task.name, "language": task.language, "usable": False}
        expected = await printed(task)
        if expected is not None:
            request = Request(text=task.text, name=task.file, source_language=task.language)
            row |= {"usable": True} | await _row(task, await translate(request), expected)
        rows.append(row)
        emit(row)
    return rows


async def _row(task: Task, result: Translated, expected: str) -> Row:
    translated = all(unit.form == IDIOMATIC for unit in result.units)
    judged = await judge(task, result.text, expected) if translated else Judged(False)
    return {
        "translated": translated,
        "verdict": result.verdict,
        "reason": result.reason,
        "tries": [unit.tries for unit in result.units],
        "alike": judged.alike,
        "lost": judged.lost,
        "passed": judged.passed,
        "at_first": judged.passed and all(unit.tries == 1 for unit in result.units),
        "text": result.text,
    }


def told(rows: Sequence[Row]) -> Row:
    """Counts by language. `passed` is after all tries; `checks_lost` are alike and did not pass."""
    out: Row = {}
    for language in LANGUAGES:
        mine = [row for row in rows if row["language"] == language]
        usable = [row for row in mine if row["usable"]]
        verdicts = Counter(row["verdict"] for row in usable)
        out[language] = {
            "programs": len(usable),
            "unusable": len(mine) - len(usable),
            "translated": sum(row["translated"] for row in usable),
            **{v.name.lower(): verdicts[v] for v in _VERDICTS},
            "passed": sum(row["passed"] for row in usable),
            "passed_at_first": sum(row["at_first"] for row in usable),
            "checks_lost": sum(bool(row["lost"]) for row in usable),
            "proved_and_passed": sum(
                row["passed"] and row["verdict"] == Verdict.PROVED for row in usable
            ),
        }
    return out


_VERDICTS = (Verdict.PROVED, Verdict.DIFFERS, Verdict.NOT_PROVED)
