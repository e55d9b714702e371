"""First-line hits of fill-in-the-middle prompts on HumanEval, with our own engine, in process.

    python -m benchmarks.fim --set RandomSpan --out artifacts/fim.jsonl

HumanEval is in the models' training data: the figures serve to compare methods and weights, not
to claim anything about real code. With --out a run that was broken off is continued.

Methods: `plain` puts all text before the hole into the prefix; `anchored` ends the prefix where
the hole's line begins and puts the rest of that line behind `<fim_middle>`; `+heal` backs up
to the last safe token boundary and forces the text behind it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks import report
from benchmarks.infilling import SETS, Results, Task, load, run, sample, summary
from slmcode import config as settings
from slmcode.engine.backend import LlamaBackend
from slmcode.engine.decode import Runner
from slmcode.engine.job import Chunk, Done, Job, Stop
from slmcode.engine.scheduler import Scheduler
from slmcode.models import catalog, store, vocabulary
from slmcode.prompt import fim
from slmcode.prompt.tokenizer import Tokenizer

METHODS = ("plain", "plain+heal", "anchored", "anchored+heal")
_DEFAULT_METHODS = "plain,plain+heal,anchored+heal"
_SHORT_METHODS = "plain,anchored+heal"
_SHORT_N = 50  # tasks in CI: about two minutes on two cores
_MAX_TOKENS = 64  # no first line of the two sets is longer
_N_CTX = 2048  # every task fits whole
_WHOLE = 4096  # tokens, a budget nothing is cut by


class Model:
    """The engine without its process: one model, one thread, one job at a time."""

    def __init__(self, path: Path) -> None:
        table = vocabulary.load(path, settings.cache_folder())
        if table.fim is None:
            raise catalog.Refused(f"{path} has no fill-in-the-middle tokens")
        self._fim = table.fim
        self._tokenizer = Tokenizer(table)
        backend = LlamaBackend(path, threads=0, memory_mb=16, n_ctx_seq=_N_CTX)
        self._scheduler = Scheduler(Runner(backend))
        self.predicted_n = 0
        self.predicted_ms = 0.0

    def complete(self, prefix: str, suffix: str, method: str, max_tokens: int) -> str:
        """The greedy completion up to the end of its first line."""
        order, _, heal = method.partition("+")
        if order == "plain":
            prompt = fim.plain(self._tokenizer, self._fim, prefix, suffix, heal=bool(heal))
        else:
            anchor = prefix.rfind("\n") + 1
            head = fim.head(
                self._tokenizer,
                self._fim,
                prefix[:anchor],
                suffix,
                prefix_tokens=_WHOLE,
                suffix_tokens=_WHOLE,
            )
            prompt = fim.anchored(self._tokenizer, head, prefix[anchor:], heal=bool(heal))
        job = Job(
            sequence="task",
            tokens=prompt.tokens,
            heal=prompt.heal,
            max_tokens=max_tokens,
            stop_lines=1,
        )
        data: list[bytes] = []
        ends: list[Done] = []

        def send(message: Chunk | Done) -> None:
            if isinstance(message, Chunk):
                data.append(message.data)
            else:
                ends.append(message)

        self._scheduler.submit(1, job, send)
        while not ends:
            self._scheduler.step()
        done = ends[0]
        if done.stop not in (Stop.END, Stop.LINES, Stop.LENGTH):
            raise RuntimeError(f"the engine ended with {done.stop}: {done.message}")
        self.predicted_n += done.timings.predicted_n
        self.predicted_ms += done.timings.predicted_ms
        text = b"".join(data).decode("utf-8", "replace")
        return text.removeprefix(prompt.heal_text)


def measure(
    tasks: list[Task], methods: list[str], model: Model, results: Results, title: str
) -> dict[str, Any]:
    """Run one set and return its summary."""
    hits: dict[str, list[bool]] = {m: [] for m in methods}
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(title, total=len(tasks) * len(methods))
        for _, method, hit in run(tasks, methods, model.complete, results, max_tokens=_MAX_TOKENS):
            hits[method].append(hit)
            progress.advance(bar)
    return summary(hits)


def show(name: str, model: str, found: Mapping[str, Any]) -> None:
    """The table of one set."""
    rows = []
    for method, hit in found["hits"].items():
        d = found["differences"].get(method)
        against = f"{d['points']:+.1f} ± {d['standard_error']:.1f}" if d else "–"
        p = f"{d['p_value']:.2g}" if d else "–"
        rows.append([method, report.percent(hit), against, p])
    title = f"First-line hits, {name}, {found['n']} tasks, {model} model"
    report.table(title, ["method", "hits", f"points against {found['against']}", "p"], rows)


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.fim", description=__doc__)
    parser.add_argument("--n", type=int, help="tasks of each set, drawn by --seed; default all")
    parser.add_argument("--set", choices=(*SETS, "both"), default="RandomSpan")
    parser.add_argument("--methods", default=None, help=f"of {', '.join(METHODS)}")
    parser.add_argument("--model", default="fast", help="a role, or the path of a GGUF file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="keep completions here and continue from it")
    parser.add_argument("--short", action="store_true", help="the few tasks of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    named = args.methods or (_SHORT_METHODS if args.short else _DEFAULT_METHODS)
    methods = named.split(",")
    if unknown := set(methods) - set(METHODS):
        parser.error(f"unknown methods: {', '.join(sorted(unknown))}")
    n = args.n or (_SHORT_N if args.short else None)
    config, _ = settings.overlay(settings.load()[0], {"model": args.model})
    try:
        path = store.resolve(config)
        model = Model(path)
    except catalog.ModelError as e:
        sys.exit(f"the model cannot be used: {e}")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for name in SETS if args.set == "both" else (args.set,):
        try:
            tasks = sample(load(report.DATA / "humaneval-infilling", name), n, args.seed)
        except OSError as e:
            sys.exit(f"the benchmark data is absent: {e}")
        results = Results(args.out, f"{path.name} {name}")
        found[name] = measure(tasks, methods, model, results, name)
        show(name, args.model, found[name])
    unit_ms = model.predicted_ms / model.predicted_n if model.predicted_n else None
    print(f"decode unit {report.number(unit_ms)} ms")
    doc = report.document(
        "fim",
        {"n": n, "seed": args.seed, "methods": methods, "model": args.model},
        {"decode_unit_ms": unit_ms, "sets": found},
    )
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
