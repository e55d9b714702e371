"""Edits through the product's own path: what is right, what is refused, and how fast it comes.

    python -m benchmarks.edits --set canitedit --out artifacts/edits.jsonl
    python -m benchmarks.edits --set functions --n 200 --seed 1

canitedit   82 tasks with two instructions each, a descriptive and a lazy one: the whole file is
            selected. An edit is right if the task's tests pass on the file as it is shown; the tool
            never sees them. Beside it the same for the first answer of the model alone, before any
            check: one run gives both.
functions   functions of the repositories, drawn at random: a docstring for those without, type
            hints for Python without. How many end in an accepted edit, and why the others do not.

Every answer is judged: how many first answers broke their contract is what checks are for. What is
shown is judged once more by other means than the checkers': Python's own compiler and, where the
contract promises the same program, a comparison of syntax trees that stands here. Both must be 0.

Two tasks of CanItEdit need a time that depends on the machine to fail or pass
(47_merge_sort, 60_unique_number); they are counted as they come.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks import report
from slmcode import config as settings
from slmcode.engine.job import EngineState
from slmcode.features.edits import actions
from slmcode.features.edits.actions import Action
from slmcode.features.edits.contracts.base import Asked, State
from slmcode.features.edits.editing import Editing
from slmcode.features.edits.outcome import Judgement, Outcome, Verdict
from slmcode.features.workspace import Workspace, start
from slmcode.syntax.languages import language, language_of_path
from slmcode.syntax.parser import parse
from slmcode.syntax.symbols import outline
from slmcode.text import Snapshot, TextRange

KINDS = ("descriptive", "lazy")
_TEST_S = 30
_SHORTEST, _LONGEST = 4, 80  # lines of a function


class Task(NamedTuple):
    """One edit to be made. `tests` is "" where nothing can be run."""

    name: str
    kind: str
    snapshot: Snapshot
    range: TextRange
    action: Action
    tests: str = ""


class Judged(Editing):
    """An `Editing` that remembers every answer with what its contract said."""

    answers: list[tuple[str, str]]  # the document's text after it, and its fault

    async def _judged(self, before: State, after: State, asked: Asked, judge: Any) -> Judgement:
        judgement: Judgement = await super()._judged(before, after, asked, judge)
        self.answers.append((after.snapshot.text, judgement.fault))
        return judgement


def canitedit(names: set[str]) -> Iterator[Task]:
    """The tasks, the kinds of one task behind each other."""
    with (report.DATA / "canitedit" / "canitedit.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if names and row["full_name"] not in names:
                continue
            text = row["before"]
            snapshot = Snapshot(f"file:///canitedit/{row['name']}.py", "python", 1, text)
            for kind in KINDS:
                instruction = row[f"instruction_{kind}"]
                yield Task(
                    row["full_name"],
                    kind,
                    snapshot,
                    TextRange(0, len(text)),
                    actions.by_instruction(instruction),
                    row["tests"],
                )


def functions(seed: int) -> list[Task]:
    """Functions of all repositories without docstring, and of Python without hints."""
    tasks = []
    root = report.DATA / "repos"
    for path in sorted(p for p in root.rglob("*") if p.is_file() and ".git" not in p.parts):
        name = language_of_path(path.as_posix())
        found = language(name) if name else None
        if found is None or not found.grammar or path.stat().st_size > 100_000:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        if "\ufffd" in text or "\r" in text:
            continue
        snapshot = Snapshot(path.as_uri(), name, 1, text)
        for definition in outline(parse(name, text), text).definitions:
            n_lines = definition.end_line - definition.line + 1
            if definition.kind not in ("function", "method"):
                continue
            if not _SHORTEST <= n_lines <= _LONGEST:
                continue
            for action in actions.rewrites(name, definition):
                if action.id in ("docstring", "type-hints") and not (
                    action.id == "docstring" and definition.doc
                ):
                    where = TextRange(definition.start, definition.end)
                    place = f"{path.relative_to(root)}:{definition.line + 1}"
                    tasks.append(Task(place, action.id, snapshot, where, action))
    draw = random.Random(seed)
    draw.shuffle(tasks)
    return tasks


def passes(code: str, tests: str) -> bool:
    """Whether the task's tests pass on the code."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "task.py")
        file.write_text(f"{code}\n\n{tests}", encoding="utf-8")
        try:
            run = subprocess.run(
                [sys.executable, str(file)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_TEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return run.returncode == 0


def broken(task: Task, after: str) -> str:
    """What a shown edit breaks, found by other means than its contract's; "" for nothing."""
    if task.snapshot.language_id != "python":
        return ""
    try:
        new = ast.parse(after)
    except SyntaxError as e:
        try:
            ast.parse(task.snapshot.text)
        except SyntaxError:
            return ""
        return f"it does not parse any more: {e.msg}"
    if task.action.id in ("docstring", "type-hints"):
        old = ast.parse(task.snapshot.text)
        if _bare(old, task.action.id) != _bare(new, task.action.id):
            return "the program is not the same"
    return ""


def _bare(tree: ast.Module, action_id: str) -> str:
    """The program without what the action may add, as a text to compare."""
    for node in ast.walk(tree):
        if action_id == "docstring":
            body = getattr(node, "body", None)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
                assert isinstance(body, list)
                if ast.get_docstring(node, clean=False) is not None:
                    del body[0]
                if not body:
                    body.append(ast.Pass())
        else:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                node.returns = None
            if isinstance(node, ast.arg):
                node.annotation = None
            if isinstance(node, ast.Module):
                node.body = [n for n in node.body if not _typing_import(n)]
    return ast.dump(tree)


def _typing_import(node: ast.stmt) -> bool:
    modules = ("typing", "collections.abc", "__future__")
    return isinstance(node, ast.ImportFrom) and node.module in modules


async def run(args: argparse.Namespace, tasks: list[Task], out: Any) -> list[dict[str, Any]]:
    """All rows, one a task."""
    config, _ = settings.load()
    changes: dict[str, Any] = {"index": False, "edit_limit_s": 3600, "work_ahead": "never"}
    if args.model:
        changes["edit_model"] = args.model
    if args.own:
        changes |= {"model": args.model, "prefix_tokens": 5600, "memory_mb": 800}
    config, problems = settings.overlay(config, changes)
    assert not problems, problems
    workspace: Workspace = start(config, lambda status: None, lambda text: print(text))
    rows = []
    try:
        status = await workspace.ready()
        if status.state is not EngineState.READY:
            raise SystemExit(f"no engine: {status.message}")
        editing = Judged(workspace._resources)
        for n, task in enumerate(tasks):
            editing.answers = []
            began = time.monotonic()
            outcome = await editing.edit(task.snapshot, task.range, task.action)
            row = await asyncio.to_thread(judged, task, outcome, editing.answers)
            row["seconds"] = time.monotonic() - began
            rows.append(row)
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()
            if not args.quiet:
                print(
                    f"{n + 1}/{len(tasks)} {task.name} {task.kind}: {row['verdict']}, "
                    f"first {row['first_passes']}, shown {row['passes']}, {row['seconds']:.0f} s, "
                    f"{row['confidence']}; {row['reason'][:100]}",
                    flush=True,
                )
    finally:
        await workspace.close()
    return rows


def judged(task: Task, outcome: Outcome, answers: list[tuple[str, str]]) -> dict[str, Any]:
    """One row: what was shown, and what the first answer alone would have been."""
    shown = outcome.changes[0].after if outcome.changes else None
    first = answers[0] if answers else None
    return {
        "name": task.name,
        "kind": task.kind,
        "language": task.snapshot.language_id,
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "tries": outcome.tries,
        "confidence": outcome.confidence,
        "first_fault": first[1] if first else None,
        "first_passes": bool(task.tests and first and passes(first[0], task.tests)),
        "passes": bool(task.tests and shown is not None and passes(shown, task.tests)),
        "broken": broken(task, shown) if shown is not None else "",
        "spent": msgspec.structs.asdict(outcome.spent),
        "after": shown,
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of one kind."""
    spent = [r["spent"] for r in rows]
    tokens = sum(s["predicted_n"] for s in spent)
    decoding = sum(s["predicted_ms"] for s in spent)
    drafted = sum(s["draft_n"] for s in spent)
    return {
        "n": len(rows),
        "first_passes": share(r["first_passes"] for r in rows),
        "passes": share(r["passes"] for r in rows),
        "shown": share(r["verdict"] != Verdict.REFUSED.value for r in rows),
        "first_broke_contract": share(bool(r["first_fault"]) for r in rows),
        "shown_broken": sum(bool(r["broken"]) for r in rows),
        "tokens_per_s": 1e3 * tokens / decoding if decoding else None,
        "drafted_kept": sum(s["draft_n_accepted"] for s in spent) / drafted if drafted else None,
        "first_token_s": statistics.median(s["first_token_ms"] for s in spent) / 1e3,
        "seconds": statistics.median(r["seconds"] for r in rows),
    }


def share(values: Iterator[bool]) -> float:
    """Of all."""
    found = list(values)
    return sum(found) / max(len(found), 1)


def main(argv: list[str] | None = None) -> Any:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="benchmarks.edits", description=__doc__)
    parser.add_argument("--set", choices=("canitedit", "functions"), default="canitedit")
    parser.add_argument("--n", type=int, default=0, help="so many tasks; 0: all")
    parser.add_argument("--every", type=int, default=1, help="every so many-th task of CanItEdit")
    parser.add_argument("--offset", type=int, default=0, help="the first one, with --every")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="", help="edit_model: quality, fast or a file")
    parser.add_argument("--own", action="store_true", help="make it the engine's own model")
    parser.add_argument("--only", default="", help="names, joined by commas")
    parser.add_argument("--out", type=Path, default=report.ARTIFACTS / "edits.jsonl")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--short", action="store_true", help="the few minutes of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    if args.set == "canitedit":
        only = set(args.only.split(",")) - {""}
        kinds = args.kinds.split(",")
        tasks = [t for t in canitedit(only) if t.kind in kinds]
        names = list(dict.fromkeys(t.name for t in tasks))[args.offset :: args.every]
        tasks = [t for t in tasks if t.name in names]
    else:
        tasks = functions(args.seed)
        args.n = args.n or 200
    if args.short:
        args.n = 4
    tasks = tasks[: args.n or len(tasks)]
    args.out.parent.mkdir(exist_ok=True)
    with args.out.open("w", encoding="utf-8") as out:
        rows = asyncio.run(run(args, tasks, out))
    found = {kind: [r for r in rows if r["kind"] == kind] for kind in {r["kind"]: 0 for r in rows}}
    result: dict[str, Any] = {kind: summary(of_kind) for kind, of_kind in found.items()}
    columns = ["", *result]
    figures: dict[str, Any] = next(iter(result.values()), {})
    report.table(
        f"Edits: {args.set}, {args.model or 'the settings model'}",
        columns,
        [[name, *(report.number(result[k][name], 3) for k in result)] for name in figures],
    )
    reasons = Counter(r["reason"][:90] for r in rows if r["verdict"] == Verdict.REFUSED.value)
    report.table("Refused", ["why", "times"], [[w, str(n)] for w, n in reasons.most_common(12)])
    document = report.document(
        f"edits-{args.set}",
        {"n": len(tasks), "every": args.every, "offset": args.offset, "model": args.model},
        result,
    )
    if args.record:
        report.record(document)
    print(json.dumps(document, ensure_ascii=False))
    return document


if __name__ == "__main__":
    main()
