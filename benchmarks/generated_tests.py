"""Generated tests on real functions: how many run, pass and find a seeded fault.

    python -m benchmarks.generated_tests --n 100 --environment DIR

Functions and methods of the Python repositories, 4 to 80 lines long, outside of their tests and of
generated code, in an order drawn by `--seed`. A function counts if its module can be imported by
the Python of `--environment`, a virtual environment with the repositories' requirements; the others
are counted apart, by the package that is missing. What is shown is run once more as its user would,
by pytest in the sandbox: that must pass.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import os
import random
import re
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks import report
from slmcode import config as settings
from slmcode.engine.job import EngineState
from slmcode.features.edits.outcome import Outcome, Verdict
from slmcode.features.edits.python_module import interpreter, located
from slmcode.features.edits.testing import TestWriting
from slmcode.features.project import file_of
from slmcode.features.workspace import Workspace, start
from slmcode.index.root import project_root
from slmcode.text import Snapshot, TextRange
from slmcode.verify import sandbox
from slmcode.verify.sandbox import Limits

_SHORTEST, _LONGEST = 4, 80  # lines
_NOT_OURS = re.compile(r"(^|/)(tests?|testing|migrations)/|(^|/)(test_|conftest)|_pb2")
# The repositories ask for plug-ins that a test of one function does not need.
_PYTEST = ("-q", "-p", "no:cacheprovider", "-o", "addopts=")
_MISSING = re.compile(r"cannot be imported here: (.+)")
_NUMBERS = re.compile(r"(\d+) tests? pass.* and (\d+) of (\d+) seeded")


class Task(NamedTuple):
    """One function."""

    name: str
    snapshot: Snapshot
    range: TextRange


class Watched(TestWriting):
    """A `TestWriting` that remembers every answer with its fault."""

    answers: list[tuple[str, str]]

    async def _checked(self, ready: Any, code: str) -> Any:
        kept, fault = await super()._checked(ready, code)
        self.answers.append((code, fault))
        return kept, fault


def tasks(seed: int) -> list[Task]:
    """All functions, shuffled."""
    found = []
    root = report.DATA / "repos"
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root).as_posix()
        if _NOT_OURS.search(relative):
            continue
        text = path.read_text(encoding="utf-8")
        snapshot = Snapshot(path.as_uri(), "python", 1, text)
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.ClassDef | ast.Module):
                continue
            for function in node.body:
                if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                n_lines = (function.end_lineno or 0) - function.lineno + 1
                if _SHORTEST <= n_lines <= _LONGEST:
                    at = snapshot.line_starts[function.lineno - 1]
                    name = f"{relative}:{function.lineno} {function.name}"
                    found.append(Task(name, snapshot, TextRange(at, at)))
    random.Random(seed).shuffle(found)
    return found


async def run(args: argparse.Namespace) -> list[dict[str, Any]]:
    """One row a function, those that cannot be imported among them."""
    config, _ = settings.load()
    changes: dict[str, Any] = {"index": False, "edit_limit_s": 3600, "work_ahead": "never"}
    if args.model:
        changes["edit_model"] = args.model
    config, problems = settings.overlay(config, changes)
    assert not problems, problems
    workspace: Workspace = start(config, lambda status: None, print)
    rows: list[dict[str, Any]] = []
    closed: dict[str, str] = {}  # files that cannot be imported
    n_tested = 0
    try:
        status = await workspace.ready()
        if status.state is not EngineState.READY:
            raise SystemExit(f"no engine: {status.message}")
        writing = Watched(workspace._resources)
        args.out.parent.mkdir(exist_ok=True)
        with args.out.open("w", encoding="utf-8") as out:
            for task in tasks(args.seed):
                if n_tested == args.n:
                    break
                began = time.monotonic()
                if task.snapshot.uri in closed:
                    row: dict[str, Any] = {"name": task.name, "missing": closed[task.snapshot.uri]}
                else:
                    writing.answers = []
                    outcome = await writing.write(task.snapshot, task.range)
                    row = await judged(task, outcome)
                    row["answers"] = writing.answers
                row["seconds"] = time.monotonic() - began
                if row["missing"]:
                    closed[task.snapshot.uri] = row["missing"]
                else:
                    n_tested += 1
                    print(
                        f"{n_tested}/{args.n} {task.name}: {row['verdict']}, pytest "
                        f"{row['pytest']}, {row['seconds']:.0f} s, {row['tries']} tries; "
                        f"{row['reason'][:160]}",
                        flush=True,
                    )
                rows.append(row)
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                out.flush()
    finally:
        await workspace.close()
    return rows


async def judged(task: Task, outcome: Outcome) -> dict[str, Any]:
    """What became of one function."""
    missing = _MISSING.search(outcome.reason)
    numbers = _NUMBERS.search(outcome.reason)
    shown = outcome.changes[0] if outcome.changes else None
    return {
        "name": task.name,
        "missing": missing[1] if missing and shown is None else "",
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "tries": outcome.tries,
        "confidence": outcome.confidence,
        "numbers": [int(n) for n in numbers.groups()] if numbers else None,
        "observed": "were taken from the code" in outcome.reason,
        "pytest": await by_pytest(task, shown.uri, shown.after) if shown else None,
        "spent": msgspec.structs.asdict(outcome.spent),
        "text": shown.after if shown else None,
    }


async def by_pytest(task: Task, uri: str, text: str) -> bool | None:
    """Whether pytest passes on the file; None where it is not installed."""
    file, path = file_of(task.snapshot.uri), file_of(uri)
    assert file is not None
    assert path is not None
    where = located(file, project_root(file))
    python = interpreter(where.folder, "")
    ran = await sandbox.run(
        [python.path, "-m", "pytest", *_PYTEST, str(path)],
        where.folder,
        overlay={path: text},
        limits=Limits(wall_s=60),
        env={"PYTHONPATH": os.pathsep.join((str(where.root), str(where.folder)))},
    )
    if "No module named pytest" in ran.stderr:
        return None
    if ran.exit_code != 0:
        print(ran.stdout[-2000:], ran.stderr[-500:])
    return ran.exit_code == 0


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures, of the functions whose module can be imported."""
    tested = [r for r in rows if not r["missing"]]
    shown = [r for r in tested if r["verdict"] == Verdict.VERIFIED.value]
    return {
        "n": len(tested),
        "shown": len(shown) / max(len(tested), 1),
        "shown_at_first": sum(r["tries"] == 1 for r in shown) / max(len(tested), 1),
        "pytest_fails": sum(r["pytest"] is False for r in shown),
        "values_observed": sum(r["observed"] for r in shown) / max(len(shown), 1),
        "tests": statistics.mean(r["numbers"][0] for r in shown) if shown else None,
        "mutants_found": (
            sum(r["numbers"][1] for r in shown) / sum(r["numbers"][2] for r in shown)
            if shown
            else None
        ),
        "seconds": statistics.median(r["seconds"] for r in tested) if tested else None,
        "not_importable": len(rows) - len(tested),
    }


def main(argv: list[str] | None = None) -> Any:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="benchmarks.generated_tests", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="so many functions that are importable")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="", help="edit_model: quality, fast or a file")
    parser.add_argument("--environment", type=Path, help="a virtual environment")
    parser.add_argument("--out", type=Path, default=report.ARTIFACTS / "generated-tests.jsonl")
    parser.add_argument("--short", action="store_true", help="the few minutes of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    if args.environment:
        os.environ["VIRTUAL_ENV"] = str(args.environment.absolute())
    if args.short:
        args.n = 4
    rows = asyncio.run(run(args))
    result = summary(rows)
    report.table(
        f"Generated tests, {args.model or 'the settings model'}",
        ["", "all"],
        [[name, report.number(value, 3)] for name, value in result.items()],
    )
    tested = [r for r in rows if not r["missing"]]
    reasons = Counter(r["reason"][:100] for r in tested if r["verdict"] == Verdict.REFUSED.value)
    report.table("Refused", ["why", "times"], [[w, str(n)] for w, n in reasons.most_common(20)])
    missing = Counter(r["missing"][:100] for r in rows if r["missing"])
    report.table("Not importable", ["why", "functions"], [[w, str(n)] for w, n in missing.items()])
    parameters = {"n": args.n, "seed": args.seed, "model": args.model}
    result |= {"missing": dict(missing)}
    document = report.document("generated-tests", parameters, result)
    if args.record:
        report.record(document)
    print(json.dumps(document, ensure_ascii=False))
    return document


if __name__ == "__main__":
    main()
