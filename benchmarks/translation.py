"""Translations through the product's own path: how many, how well proved, how readable, how fast.

    python -m benchmarks.translation --set codenet,gnucobol --out artifacts/translation.jsonl

codenet     186 COBOL programs with one input each. *Identical*: the translation prints on it, byte
            for byte, what the program prints that cobc built. Then the product's own proof, with
            generated inputs. Verdicts, inputs, coverage, lines a second, readability.
gnucobol    115 programs of GnuCOBOL's own tests, each with its exact output: exact, refused by
            name, or wrong.
idiomatic   programs of codenet, polished by rules and by the model (`--n` of them).
mutants     faults planted in proved translations: how many do the generated inputs find?
speed       numeric loops against cobc's binary, and faithful translation in lines a second.
python2     modules of Python 2's library, their Python 3 tests run on the translation.
mceval      C and Perl programs that check themselves, translated by the model (`--n` of them, in
            turn): translated, verdicts, passing their own checks after all tries and at the first;
            see benchmarks.mceval.

Readability is radon's maintainability index (0 to 100, of the source without multi-line strings)
and lines of the target for each line of the source, blank ones and comments left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from radon.metrics import mi_visit

import slmcode_runtime
from benchmarks import mceval, report
from slmcode import config as settings
from slmcode.engine.job import EngineState
from slmcode.features.resources import Resources
from slmcode.features.translation.pipeline import Input, Request, translate
from slmcode.features.translation.shape import FAITHFUL, IDIOMATIC, Translated, Verdict
from slmcode.features.workspace import start
from slmcode.translate.cobol.options import from_cobc
from slmcode.translate.cobol.translation import Module, to_python
from slmcode.translate.cobol.tree import Refused
from slmcode.translate.python2 import NotPython2, to_python3
from slmcode.verify import toolchains
from slmcode.verify.differential import Comparison, compare
from slmcode.verify.differential import Verdict as Proof
from slmcode.verify.inputs import Facts, generate
from slmcode.verify.mutation import faults
from slmcode.verify.programs import Input as ProgramInput
from slmcode.verify.toolchains import Missing, Toolchain

SETS = ("codenet", "gnucobol", "idiomatic", "mutants", "speed", "python2", "mceval")
_SHORT = ("codenet", "gnucobol", "speed")
_SHORT_EVERY = 48  # of codenet and gnucobol in CI
_RUN_S = 30.0
_PROOF_INPUTS = 40
_PROOF_S = 20.0
_RUNTIME = str(Path(slmcode_runtime.__file__).parent.parent)
Row = dict[str, Any]


class Case(NamedTuple):
    """A program of codenet-cobol."""

    name: str
    text: str
    given: bytes


def codenet() -> list[Case]:
    """All programs, by their problem's number. Raises OSError where the data is absent."""
    folder = report.DATA / "codenet-cobol"
    out = []
    for source in sorted(folder.glob("*/*.cob")):
        given = source.with_name("input.txt").read_bytes()
        out.append(Case(source.parent.name, source.read_text("utf-8", "replace"), given))
    if not out:
        raise FileNotFoundError(folder)
    return out


def gnucobol() -> list[Row]:
    """All programs of GnuCOBOL's tests. Raises OSError where the data is absent."""
    text = (report.DATA / "gnucobol-programs" / "programs.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


# Running


def ran(command: list[str], stdin: bytes, folder: Path) -> tuple[int, bytes] | None:
    """Exit code and stdout; None where it did not end."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": _RUNTIME, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(
            command,
            input=stdin,
            cwd=folder,
            env=env,
            capture_output=True,
            timeout=_RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return run.returncode, run.stdout


def printed(python: str, stdin: bytes, folder: Path) -> tuple[int, bytes] | None:
    """What a translation prints, in a folder of its own."""
    path = folder / "translated.py"
    path.write_text(python, encoding="utf-8")
    return ran([sys.executable, str(path)], stdin, folder)


def compiled(text: str, folder: Path, *flags: str) -> Path:
    """The program cobc builds. Raises RuntimeError with what it says."""
    source = folder / "original.cob"
    source.write_text(text, encoding="utf-8")
    binary = folder / "original"
    command = ["cobc", "-x", *flags, "-o", str(binary), str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if run.returncode:
        raise RuntimeError(run.stderr.strip())
    return binary


def readability(source: str, python: str) -> Row:
    """See the module's docstring."""
    told = [line for line in source.splitlines() if line.strip() and not _is_remark(line)]
    made = [line for line in python.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    return {
        "index": mi_visit(python, multi=False),
        "lines_per_line": len(made) / max(len(told), 1),
        "source_lines": len(told),
    }


def _is_remark(line: str) -> bool:
    return line.lstrip().startswith("*>") or (len(line) > 6 and line[6] == "*")


# The sets


async def run_codenet(
    cases: list[Case], form: str, emit: Callable[[Row], None], resources: Resources | None = None
) -> list[Row]:
    """Identical on the given input, then the product's own proof."""
    rows = []
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
            folder = Path(name)
            original = await asyncio.to_thread(compiled, case.text, folder, "-free")
            expected = await asyncio.to_thread(ran, [str(original)], case.given, folder)
            began = time.monotonic()
            result = await translate(_request(case, form), resources=resources)
            row: Row = {
                "id": case.name,
                "verdict": result.verdict,
                "reason": result.reason,
                "inputs": result.inputs_tried,
                "coverage": result.coverage,
                "identical": False,
                "seconds": time.monotonic() - began,
            }
            if result.text:
                got = await asyncio.to_thread(printed, result.text, case.given, folder)
                row["identical"] = expected is not None and got == expected
                row |= readability(case.text, result.text) | _units(result)
        rows.append(row)
        emit(row)
    return rows


def _request(case: Case, form: str) -> Request:
    return Request(
        text=case.text,
        name=f"{case.name}.cob",
        source_language="cobol",
        inputs=(Input(stdin=case.given),),
        form=form,
        format="free",
        flags=("-free",),
        proof_inputs=_PROOF_INPUTS,
        proof_s=_PROOF_S,
    )


def _units(result: Translated) -> Row:
    idiomatic = [unit for unit in result.units if unit.form == IDIOMATIC]
    proved = [unit for unit in idiomatic if unit.verdict is Verdict.PROVED]
    return {
        "units": len(result.units),
        "idiomatic": len(proved),
        "by_model": sum(unit.tries > 0 for unit in proved),
        "tries": [unit.tries for unit in result.units if unit.tries],
        "faithful_index": mi_visit(result.faithful, multi=False) if result.faithful else None,
    }


def told_codenet(rows: list[Row]) -> Row:
    """Figures of a run of codenet."""
    verdicts = Counter(str(row["verdict"]) for row in rows)
    with_inputs = [row for row in rows if row["inputs"] >= 20]
    covered = [row["coverage"] for row in rows if row["coverage"] is not None]
    written = [row for row in rows if "index" in row]
    units = sum(row.get("units", 0) for row in rows)
    tries = [n for row in written for n in row["tries"]]
    return {
        "n": len(rows),
        "identical": _share(rows, lambda row: row["identical"]),
        "verdicts": dict(verdicts),
        "proved": _share(rows, lambda row: row["verdict"] == Verdict.PROVED),
        "proved_with_20_inputs": _share(
            rows, lambda row: row["verdict"] == Verdict.PROVED and row["inputs"] >= 20
        ),
        "with_20_inputs": len(with_inputs),
        "inputs_median": _median([row["inputs"] for row in rows]),
        "coverage_median": _median(covered),
        "index_median": _median([row["index"] for row in written]),
        "faithful_index_median": _median(
            [row["faithful_index"] for row in written if row["faithful_index"] is not None]
        ),
        "lines_per_line": _median([row["lines_per_line"] for row in written]),
        "units": units,
        "units_idiomatic": sum(row["idiomatic"] for row in written) / units if units else None,
        "units_by_model": sum(row["by_model"] for row in written) / units if units else None,
        "tries_median": _median(tries),
    }


def run_gnucobol(programs: list[Row], emit: Callable[[Row], None]) -> list[Row]:
    """Exact, refused by name, or wrong."""
    rows = []
    for program in programs:
        row: Row = {"id": program["id"], "outcome": "", "why": ""}
        try:
            options = from_cobc(tuple(program["cobc_flags"]), None)
            module = to_python(program["program"], "prog.cob", options)
        except Refused as e:
            row |= {"outcome": "refused", "why": str(e)}
        else:
            with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
                got = printed(module.text, b"", Path(name))
            exact = got is not None and got[1].decode("latin-1") == _bytes_of(program)
            row["outcome"] = "exact" if exact else "wrong"
        rows.append(row)
        emit(row)
    return rows


def _bytes_of(program: Row) -> str:
    return str(program["expected_stdout"]).encode("utf-8").decode("latin-1")


def told_gnucobol(rows: list[Row]) -> Row:
    """Figures of a run of gnucobol."""
    outcomes = Counter(row["outcome"] for row in rows)
    return {"n": len(rows), **{k: outcomes[k] / len(rows) for k in ("exact", "refused", "wrong")}}


LOOPS = {  # title: (what is done in each turn, USAGE)
    "binary (COMP)": ("divide", "COMP"),
    "packed (COMP-3)": ("divide", "COMP-3"),
    "zoned (DISPLAY)": ("divide", "DISPLAY"),
    "native (COMP-5), adding only": ("add", "COMP-5"),  # cobc makes machine code of it
}
_TURNS = {
    "divide": """\
               DIVIDE I BY 7 GIVING QUOT REMAINDER REST
               IF REST > 3
                   ADD I TO TOTAL
               ELSE
                   COMPUTE TOTAL = TOTAL + REST * 3 - 1
               END-IF
""",
    "add": """\
               ADD 1 TO REST
               IF REST > 3
                   ADD I TO TOTAL
                   MOVE 0 TO REST
               END-IF
""",
}
_LOOP = """\
       IDENTIFICATION DIVISION.
       PROGRAM-ID. LOOP.
       DATA DIVISION.
       WORKING-STORAGE SECTION.
       01 I       PIC 9(9)  USAGE {usage}.
       01 N       PIC 9(9)  USAGE {usage} VALUE {turns}.
       01 TOTAL   PIC 9(15) USAGE {usage} VALUE 0.
       01 REST    PIC 9(9)  USAGE {usage}.
       01 QUOT    PIC 9(9)  USAGE {usage}.
       PROCEDURE DIVISION.
       MAIN-PARA.
           PERFORM VARYING I FROM 1 BY 1 UNTIL I > N
{work}           END-PERFORM.
           DISPLAY TOTAL.
           STOP RUN.
"""


def run_speed(emit: Callable[[Row], None]) -> Row:
    """Loops against cobc's binary (-O2), each a difference of two lengths so that the start of the
    programs is left out; and lines a second of the translator alone, one process, CPU time."""
    out: Row = {"loops": {}}
    for title, (work, usage) in LOOPS.items():
        out["loops"][title] = row = _loop(_TURNS[work], usage)
        emit({"id": title} | row)
    texts = [case.text for case in codenet()]
    options = from_cobc(("-free",), None)
    lines, began = 0, time.process_time()
    for text in texts:
        try:
            to_python(text, "a.cob", options)
        except Refused:
            continue
        lines += text.count("\n")
    out["lines_per_s"] = lines / (time.process_time() - began)
    return out


def _loop(work: str, usage: str) -> Row:
    times: dict[str, list[float]] = {"cobc": [], "python": []}
    turns = {"cobc": (100_000, 2_100_000), "python": (10_000, 210_000)}
    with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
        for kind, pair in turns.items():
            commands = []
            for n in pair:
                folder = Path(name, f"{kind}{n}")
                folder.mkdir()
                text = _LOOP.format(work=work, usage=usage, turns=n)
                if kind == "cobc":
                    commands.append([str(compiled(text, folder, "-O2"))])
                else:
                    module = to_python(text, "loop.cob", from_cobc((), None))
                    (folder / "loop.py").write_text(module.text, encoding="utf-8")
                    commands.append([sys.executable, str(folder / "loop.py")])
            for _ in range(5):
                short, long = (_seconds(command, Path(name)) for command in commands)
                times[kind].append((long - short) / (pair[1] - pair[0]) * 1e9)
    cobc, python = (statistics.median(times[kind]) for kind in ("cobc", "python"))
    return {"cobc_ns": cobc, "python_ns": python, "ratio": python / cobc}


def _seconds(command: list[str], folder: Path) -> float:
    began = time.monotonic()
    done = ran(command, b"", folder)
    if done is None or done[0]:
        raise RuntimeError(f"{command[-1]} did not end well: {done}")
    return time.monotonic() - began


# Faults


async def run_mutants(cases: list[Case], n: int, emit: Callable[[Row], None]) -> list[Row]:
    """Faults planted in proved translations, a few in each program; `n` of them in all."""
    rows: list[Row] = []
    per_program = 4
    for case in cases:
        if len(rows) >= n:
            break
        with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
            for row in await _mutants_of(case, Path(name), per_program):
                if len(rows) < n:
                    rows.append({"id": case.name} | row)
                    emit(rows[-1])
    return rows


async def _mutants_of(case: Case, folder: Path, most: int) -> list[Row]:
    """[] where the program cannot be translated or its translation is not proved."""
    text = case.text.encode().decode("latin-1")
    try:
        module = to_python(text, f"{case.name}.cob", from_cobc(("-free",), None))
    except Refused:
        return []
    cobc, python = toolchains.find("cobol"), toolchains.find("python")
    assert isinstance(cobc, Toolchain)
    assert isinstance(python, Toolchain)
    facts = Facts(numbers=_numbers(module), texts=module.literals, accepted=module.accepted)
    sources = {f"{case.name}.cob": case.text.encode()}
    original = await toolchains.build(
        cobc, sources, folder / "original", flags=("-free",), measured=True
    )
    inputs = await generate(
        original, [ProgramInput(stdin=case.given)], facts, budget_s=_PROOF_S, most=_PROOF_INPUTS
    )

    async def judge(python_text: str, where: str) -> Comparison:
        built = await toolchains.build(
            python,
            {"translated.py": python_text.encode()},
            folder / where,
            packages=[Path(_RUNTIME, "slmcode_runtime")],
        )
        return await compare(original, built, inputs, facts, shrink=False, stop_early=True)

    if (await judge(module.text, "faithful")).verdict is not Proof.PROVED:
        return []
    rows = []
    for n, mutant in enumerate(faults(module.text, most, seed=1)):
        found = await judge(mutant.text, f"mutant{n}")
        line = module.text.split("\n")[mutant.line - 1].strip()
        rows.append(
            {
                "found": found.verdict is Proof.DIFFERS,
                "only_malformed": found.verdict is Proof.PROVED and found.malformed is not None,
                "what": mutant.what,
                "line": line,
                "inputs": len(inputs.inputs),
                "coverage": inputs.coverage.share,
                "reason": found.reason,
            }
        )
    return rows


def _numbers(module: Module) -> tuple[str, ...]:
    return tuple(text for text in module.literals if re.fullmatch(r"[+-]?[\d.]+", text))


# Python 2


def run_python2(emit: Callable[[Row], None]) -> list[Row]:
    """Modules of Python 2.7's library that Python 3 has too, in the place of Python 3's own.

    Python 3's tests ask for what was added since: a share, to be compared from run to run.
    """
    python2 = toolchains.find("python2")
    if isinstance(python2, Missing):
        raise RuntimeError(f"no Python 2: {python2.reason}")
    where = subprocess.run(
        [python2.path, "-c", "import os; print(os.path.dirname(os.__file__))"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = []
    for path in sorted(Path(where.stdout.strip()).glob("*.py")):
        if path.stem not in _PYTHON2_MODULES:
            continue
        row: Row = {"id": path.stem, "tests": 0, "passed": 0, "why": ""}
        try:
            fixed = to_python3(path.read_bytes().decode("latin-1"))
        except NotPython2 as e:
            row["why"] = str(e)
        else:
            with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
                Path(name, path.name).write_text(fixed.text, encoding="latin-1")
                row |= _tested(path.stem, Path(name)) | {"left": len(fixed.left)}
        rows.append(row)
        emit(row)
    return rows


# Pure Python in both, with tests in both, and not loaded before any test runs.
_PYTHON2_MODULES = (
    *("bisect", "calendar", "cmd", "code", "colorsys", "csv", "difflib", "filecmp", "fnmatch"),
    *("getopt", "gettext", "glob", "heapq", "mimetypes", "netrc", "optparse", "pipes", "pprint"),
    *("profile", "quopri", "random", "shlex", "string", "stringprep", "sunau", "textwrap"),
    *("timeit", "uu", "xdrlib"),
)


def _tested(module: str, folder: Path) -> Row:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "unittest", f"test.test_{module}"]
    try:
        run = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return {"why": "the tests did not end"}
    count = re.search(r"^Ran (\d+) test", run.stderr, re.M)
    bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", run.stderr))
    tests = int(count[1]) if count else 0
    said = run.stderr.strip().splitlines()
    return {"tests": tests, "passed": max(tests - bad, 0), "why": said[-1] if bad and said else ""}


def _share(rows: list[Row], wanted: Callable[[Row], bool]) -> float | None:
    return sum(map(wanted, rows)) / len(rows) if rows else None


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


async def with_model(work: Callable[[Resources], Awaitable[list[Row]]]) -> list[Row]:
    """Do it with the engine and the models of the user's settings."""
    workspace = start(settings.load()[0], lambda status: None, print)
    try:
        status = await workspace.ready()
        if status.state is not EngineState.READY:
            raise RuntimeError(f"no engine: {status.message}")
        return await work(workspace._resources)
    finally:
        await workspace.close()


# The command


def measure(name: str, args: argparse.Namespace, emit: Callable[[Row], None]) -> Row:
    """One set."""
    every = args.every or (_SHORT_EVERY if args.short else 1)
    if name == "gnucobol":
        return told_gnucobol(run_gnucobol(gnucobol()[::every], emit))
    if name == "speed":
        return run_speed(emit)
    if name == "python2":
        rows = run_python2(emit)
        tests = sum(row["tests"] for row in rows)
        passed = sum(row["passed"] for row in rows)
        whole = _share(rows, lambda row: row["tests"] > 0 and row["passed"] == row["tests"])
        return {"modules": len(rows), "whole": whole, "tests": tests, "passed": passed / tests}
    if name == "mceval":
        tasks = mceval.tasks(every=every)[: args.n]
        return mceval.told(
            asyncio.run(
                with_model(
                    lambda found: mceval.run(tasks, partial(translate, resources=found), emit)
                )
            )
        )
    cases = codenet()
    if name == "mutants":
        rows = asyncio.run(run_mutants(cases, args.n, emit))
        malformed = _share(rows, lambda row: row["only_malformed"])
        found = _share(rows, lambda row: row["found"])
        return {"n": len(rows), "found": found, "only_on_malformed_input": malformed}
    if name == "idiomatic":
        chosen = cases[:: max(len(cases) // args.n, 1)][: args.n]
        return told_codenet(
            asyncio.run(with_model(lambda found: run_codenet(chosen, IDIOMATIC, emit, found)))
        )
    return told_codenet(asyncio.run(run_codenet(cases[::every], FAITHFUL, emit)))


def show(name: str, result: Row) -> None:
    """The table of a set."""
    rows = [[key.replace("_", " "), _figure(key, value)] for key, value in result.items()]
    report.table(f"Translation: {name}", ["", ""], rows)


def _figure(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_figure(name, inner)}" for name, inner in value.items())
    if isinstance(value, float):
        is_count = key in ("ratio", "cobc_ns", "python_ns") or value > 1
        return report.number(value, 2) if is_count else report.percent(value)
    return str(value)


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.translation", description=__doc__)
    parser.add_argument("--set", default="", help=f"of {', '.join(SETS)}; default: in CI's short")
    parser.add_argument("--every", type=int, default=0, help="each so-manieth program only")
    parser.add_argument("--n", type=int, default=100, help="faults, or programs for the model")
    parser.add_argument("--out", type=Path, help="a JSON line for each program")
    parser.add_argument("--short", action="store_true", help="the few minutes of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    names = tuple(args.set.split(",")) if args.set else _SHORT
    if unknown := set(names) - set(SETS):
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    if not shutil.which("cobc"):
        sys.exit("cobc is absent: `make toolchains`")
    result: Row = {}
    with (args.out or Path(os.devnull)).open("w", encoding="utf-8") as out:

        def emit(row: Row) -> None:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()

        for name in names:
            result[name] = measure(name, args, emit)
            show(name, result[name])
    told = {"set": ",".join(names), "every": args.every, "short": args.short, "n": args.n}
    doc = report.document("translation", told, result)
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
