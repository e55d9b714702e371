"""First-line hits of fill-in-the-middle prompts on HumanEval, with our own engine, in process.

    python -m benchmarks.fim --set RandomSpan --out artifacts/fim.jsonl
    python -m benchmarks.fim --model fast-official,fast --out artifacts/fim.jsonl

The second form compares weights: each model does the same tasks by one method, and the difference
of each to the first is paired. `fast-official` are the catalogue's weights, `fast` what is used by
default, which are the tuned ones where there are some.

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
from benchmarks.writer import Writer
from slmcode import config as settings
from slmcode.engine.backend import LlamaBackend
from slmcode.models import catalog, store, vocabulary
from slmcode.prompt import fim
from slmcode.prompt.tokenizer import Tokenizer

METHODS = ("plain", "plain+heal", "anchored", "anchored+heal")
_DEFAULT_METHODS = "plain,plain+heal,anchored+heal"
_SHORT_METHODS = "anchored+heal"
_SHORT_N = 50  # tasks in CI: about a minute on two cores
_COMPARED_METHOD = "anchored+heal"
_OFFICIAL = "-official"
_MAX_TOKENS = 64  # no first line of the two sets is longer
_N_CTX = 2048  # every task fits whole
_WHOLE = 4096  # tokens, a budget nothing is cut by


class Model:
    """One model, and its prompts."""

    def __init__(self, path: Path) -> None:
        table = vocabulary.load(path, settings.cache_folder())
        if table.fim is None:
            raise catalog.Refused(f"{path} has no fill-in-the-middle tokens")
        self._fim = table.fim
        self._tokenizer = Tokenizer(table)
        self.writer = Writer(LlamaBackend(path, threads=0, memory_mb=16, n_ctx_seq=_N_CTX))

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
        return self.writer.write(prompt, max_tokens=max_tokens)


class Loaded:
    """Weights by the name given on the command line, loaded when the first task needs them.

    Raises ModelError where there are none.
    """

    def __init__(self, name: str) -> None:
        self.name = Path(name).name  # of a path the file's name alone: it goes into the record
        official = name.endswith(_OFFICIAL)
        values = {"model": name.removesuffix(_OFFICIAL), "tuned": not official}
        self.path = store.resolve(settings.overlay(settings.load()[0], values)[0])
        self._model: Model | None = None

    def complete(self, prefix: str, suffix: str, method: str, max_tokens: int) -> str:
        """As `Model.complete`."""
        if self._model is None:
            self._model = Model(self.path)
        return self._model.complete(prefix, suffix, method, max_tokens)

    @property
    def key(self) -> str:
        """What completions are kept under: other weights of the same name are not these."""
        if any(self.path.name == known.file for known in catalog.MODELS):
            return self.path.name
        stat = self.path.stat()
        return f"{self.path.name} {stat.st_size} {stat.st_mtime_ns}"

    @property
    def unit_ms(self) -> float | None:
        """Milliseconds a token took; None where every completion was known already."""
        model = self._model
        return model.writer.unit_ms if model else None


def measure(
    tasks: list[Task], methods: list[str], models: list[Loaded], out: Path | None, set_name: str
) -> dict[str, Any]:
    """Run one set and return its summary: by method, or by model where there are several."""
    hits: dict[str, list[bool]] = {}
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        for model in models:
            title = f"{set_name} {model.name}"
            bar = progress.add_task(title, total=len(tasks) * len(methods))
            results = Results(out, f"{model.key} {set_name}")
            found = run(tasks, methods, model.complete, results, max_tokens=_MAX_TOKENS)
            for _, method, hit in found:
                hits.setdefault(model.name if len(models) > 1 else method, []).append(hit)
                progress.advance(bar)
    return summary(hits)


def show(name: str, by: str, common: str, found: Mapping[str, Any]) -> None:
    """The table of one set, by method or by model; `common` is what all rows have in common."""
    rows = []
    for variant, hit in found["hits"].items():
        d = found["differences"].get(variant)
        against = f"{d['points']:+.1f} ± {d['standard_error']:.1f}" if d else "–"
        p = f"{d['p_value']:.2g}" if d else "–"
        rows.append([variant, report.percent(hit), against, p])
    title = f"First-line hits, {name}, {found['n']} tasks, {common}"
    report.table(title, [by, "hits", f"points against {found['against']}", "p"], rows)


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.fim", description=__doc__)
    parser.add_argument("--n", type=int, help="tasks of each set, drawn by --seed; default all")
    parser.add_argument("--set", choices=(*SETS, "both"), default="RandomSpan")
    parser.add_argument("--methods", default=None, help=f"of {', '.join(METHODS)}")
    parser.add_argument(
        "--model",
        default="fast",
        help=f"a role, a role{_OFFICIAL}, or the path of a GGUF file; several to compare them",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="keep completions here and continue from it")
    parser.add_argument("--short", action="store_true", help="the few tasks of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    names = args.model.split(",")
    named = args.methods or (_SHORT_METHODS if args.short else _DEFAULT_METHODS)
    if len(names) > 1:
        named = args.methods or _COMPARED_METHOD
    methods = named.split(",")
    if unknown := set(methods) - set(METHODS):
        parser.error(f"unknown methods: {', '.join(sorted(unknown))}")
    if len(names) > 1 and len(methods) > 1:
        parser.error("models are compared by one method")
    n = args.n or (_SHORT_N if args.short else None)
    try:
        models = [Loaded(name) for name in names]
    except catalog.ModelError as e:
        sys.exit(f"the model cannot be used: {e}")
    if len({m.path for m in models}) < len(models):
        sys.exit(
            f"{args.model} are the same weights, {models[0].path.name}; slmcode models tune makes"
            " others"
        )
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    by, common = ("model", methods[0]) if len(models) > 1 else ("method", f"{names[0]} model")
    found: dict[str, Any] = {}
    for name in SETS if args.set == "both" else (args.set,):
        try:
            tasks = sample(load(report.DATA / "humaneval-infilling", name), n, args.seed)
        except OSError as e:
            sys.exit(f"the benchmark data is absent: {e}")
        try:
            found[name] = measure(tasks, methods, models, args.out, name)
        except catalog.ModelError as e:
            sys.exit(f"the model cannot be used: {e}")
        show(name, by, common, found[name])
    for model in models:
        print(f"decode unit of {model.name} {report.number(model.unit_ms)} ms")
    doc = report.document(
        "fim",
        {
            "n": n,
            "seed": args.seed,
            "methods": methods,
            "model": ",".join(m.name for m in models),
        },
        {
            "decode_unit_ms": models[-1].unit_ms,
            "weights": {m.name: m.path.name for m in models},
            "sets": found,
        },
    )
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
