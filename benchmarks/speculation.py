"""Tokens per second with and without speculation, and whether the text is the same.

    python -m benchmarks.speculation --n 12

Every task is generated twice, from the same state of the KV cache: plain and with drafts, in turn
the one or the other first, so that a machine that becomes slower hurts both. Greedy decoding.

- `fresh`: 64 tokens at a hole of the dev half of commit-replay, the prompt the server would make;
- `rewriting`: a canitedit task in the model's chat format, the draft text is the file as it was;
- `translation`: an exercism solution from C to Python, the draft text is the C file.

What speculation learns (the cost of batches, how often guesses are right, texts written before)
is kept from task to task, as in the server, but not across sets. Where two texts differ, `lead` is
by how much the best token beat the second at the place where they part, in logits.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress

from benchmarks import replay, report, typing
from slmcode import config as settings
from slmcode.engine.backend import LlamaBackend
from slmcode.engine.decode import Runner
from slmcode.engine.job import Chunk, Done, Job, Priority, Stop
from slmcode.engine.scheduler import Scheduler
from slmcode.engine.speculative import Speculator
from slmcode.engine.threads import ThreadControl
from slmcode.models import catalog, store, vocabulary
from slmcode.prompt import fim
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import FimTokens, Vocabulary

SETS = ("fresh", "rewriting", "translation")
_N = 12  # tasks of each set
_SHORT_N = 3
_N_CTX = 2048
_LONGEST_PROMPT = 1000  # tokens; reading more takes longer than what is measured
_FRESH_TOKENS, _REWRITTEN_TOKENS = 64, 256
_PREFIX_TOKENS, _SUFFIX_TOKENS = 320, 64  # the server's defaults
_WARM_UP = 24  # plain tokens and as many drafted ones before the first pair


class Task(NamedTuple):
    """What is generated. `draft` is the text the output may repeat."""

    name: str
    tokens: list[int]
    heal: bytes
    draft: list[int]
    max_tokens: int
    priority: Priority


class Run(NamedTuple):
    """One generation."""

    tokens: list[int]
    ms: float  # of all its decodes
    draft_n: int
    accepted_n: int


class Pair(NamedTuple):
    """A task with both ways. `lead` is set where the texts differ."""

    task: str
    plain: Run
    drafted: Run
    lead: float | None


class Prompts:
    """Text to tasks for one model."""

    def __init__(self, table: Vocabulary, fim_tokens: FimTokens) -> None:
        self.tokenizer = Tokenizer(table)
        self._fim = fim_tokens
        special = {table.tokens[i]: i for i in table.special_ids}
        self._start, self._end = special.get(b"<|im_start|>"), special.get(b"<|im_end|>")

    def fresh(self, n: int, rng: random.Random) -> list[Task]:
        """Holes of commits that are younger than the model. Raises OSError without the data."""
        regions = replay.plan(
            typing.rows(), split="dev", seed=rng.randrange(1000), n_files=n, wanted=lambda _: True
        )
        tasks = []
        for region in regions:
            anchor = region.before.rfind("\n") + 1
            head = fim.head(
                self.tokenizer,
                self._fim,
                region.before[:anchor],
                region.after,
                prefix_tokens=_PREFIX_TOKENS,
                suffix_tokens=_SUFFIX_TOKENS,
            )
            prompt = fim.anchored(self.tokenizer, head, region.before[anchor:])
            tasks.append(
                Task(
                    region.path, prompt.tokens, prompt.heal, [], _FRESH_TOKENS, Priority.COMPLETION
                )
            )
        return tasks

    def rewriting(self, n: int, rng: random.Random) -> list[Task]:
        """Instructed edits."""
        path = report.DATA / "canitedit" / "canitedit.jsonl"
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        rng.shuffle(rows)
        tasks = (
            self._chat(
                row["full_name"],
                f"{row['instruction_descriptive']}\n\nAnswer with the whole changed file.",
                "python",
                row["before"],
                "python",
                Priority.EDIT,
            )
            for row in rows
        )
        return [task for task in tasks if len(task.tokens) <= _LONGEST_PROMPT][:n]

    def translation(self, n: int, rng: random.Random) -> list[Task]:
        """C to Python."""
        paths = sorted((report.DATA / "exercism" / "c").glob("*/.meta/example.c"))
        if not paths:
            raise FileNotFoundError(report.DATA / "exercism" / "c")
        rng.shuffle(paths)
        tasks = (
            self._chat(
                path.parts[-3],
                "Translate this C code to Python. Keep the names.",
                "c",
                path.read_text("utf-8"),
                "python",
                Priority.TRANSLATION,
            )
            for path in paths
        )
        return [task for task in tasks if len(task.tokens) <= _LONGEST_PROMPT][:n]

    def _chat(
        self, name: str, ask: str, source: str, text: str, target: str, priority: Priority
    ) -> Task:
        """A question about `text`, and an answer that has just begun its code."""
        if self._start is None or self._end is None:
            raise catalog.Refused("it has no tokens for a chat")
        encode = self.tokenizer.encode
        tokens = [
            self._start,
            *encode(f"user\n{ask}\n\n```{source}\n{text}\n```"),
            self._end,
            *encode("\n"),
            self._start,
            *encode(f"assistant\n```{target}\n"),
        ]
        return Task(name, tokens, b"", encode(text), _REWRITTEN_TOKENS, priority)


class Bench:
    """The engine without its process: one model, one job at a time."""

    def __init__(self, path: Path, threads: int) -> None:
        backend = LlamaBackend(path, threads=threads, memory_mb=16, n_ctx_seq=_N_CTX)
        self._runner = Runner(backend)
        self._runner.threads = ThreadControl(1)  # stays as it is: another count rounds otherwise
        self._scheduler = Scheduler(self._runner)
        self._plain = Speculator(enabled=False)
        self._drafted = Speculator()

    def forget(self) -> None:
        """Begin a new set: nothing is learned yet, but what a batch costs."""
        self._drafted = Speculator(costs=self._drafted.costs)

    def warm_up(self, task: Task) -> None:
        """Let it learn what a token and a batch cost here."""
        first = self.run(task._replace(max_tokens=_WARM_UP), drafts=False)
        self._drafted.costs.plain_ms = first.ms / max(len(first.tokens) - 1, 1)
        self.run(task._replace(max_tokens=_WARM_UP, draft=first.tokens), drafts=True)

    def pair(self, task: Task, plain_first: bool) -> Pair:
        """Both ways, each from the prompt as it was read once."""
        self._job(task, max_tokens=0)
        runs = {drafts: self.run(task, drafts) for drafts in (not plain_first, plain_first)}
        plain, drafted = runs[False], runs[True]
        same = 0
        for a, b in zip(plain.tokens, drafted.tokens, strict=False):
            if a != b:
                break
            same += 1
        differs = plain.tokens != drafted.tokens
        return Pair(task.name, plain, drafted, self._lead(task, plain, same) if differs else None)

    def run(self, task: Task, drafts: bool) -> Run:
        """One generation."""
        self._runner.speculator = self._drafted if drafts else self._plain
        tokens, _, done = self._job(task)
        timings = done.timings
        return Run(tokens, timings.predicted_ms, timings.draft_n, timings.draft_n_accepted)

    def _lead(self, task: Task, run: Run, n: int) -> float:
        """Log-probability of the best token behind the first `n`, minus that of the second."""
        self._runner.speculator = self._plain
        best, second = (
            self._job(
                task, tokens=task.tokens + run.tokens[:n], heal=b"", max_tokens=1, branch=branch
            )[1]
            for branch in (0, 1)
        )
        return best[0] - second[0] if best and second else 0.0

    def _job(self, task: Task, **changes: Any) -> tuple[list[int], list[float], Done]:
        """Run a job; its tokens, their log-probabilities and its end."""
        values: dict[str, Any] = {
            "tokens": task.tokens,
            "heal": task.heal,
            "draft": task.draft,
            "max_tokens": task.max_tokens,
            "priority": task.priority,
        }
        chunks: list[Chunk] = []
        ends: list[Done] = []

        def send(message: Chunk | Done) -> None:
            if isinstance(message, Chunk):
                chunks.append(message)
            else:
                ends.append(message)

        self._scheduler.submit(1, Job(sequence="task", **(values | changes)), send)
        while not ends:
            self._scheduler.step()
        if ends[0].stop not in (Stop.END, Stop.LENGTH):
            raise RuntimeError(f"the engine ended with {ends[0].stop}: {ends[0].message}")
        tokens = [t for chunk in chunks for t in chunk.tokens]
        return tokens, [p for chunk in chunks for p in chunk.logprobs], ends[0]


def figures(pairs: list[Pair]) -> dict[str, Any]:
    """The figures of a set. Speeds are medians over pairs, in tokens a second."""
    told = [p for p in pairs if p.plain.tokens and p.drafted.tokens]
    plain = [1e3 * len(p.plain.tokens) / p.plain.ms for p in told]
    drafted = [1e3 * len(p.drafted.tokens) / p.drafted.ms for p in told]
    ratios = [b / a for a, b in zip(plain, drafted, strict=True)]
    quarters = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [None] * 3
    return {
        "pairs": len(told),
        "tokens": sum(len(p.plain.tokens) for p in told),
        "plain_tokens_per_s": statistics.median(plain) if told else None,
        "drafted_tokens_per_s": statistics.median(drafted) if told else None,
        "ratio": statistics.median(ratios) if told else None,
        "ratio_quartiles": [quarters[0], quarters[2]],
        "ratio_of_sums": _speed([p.drafted for p in told]) / _speed([p.plain for p in told])
        if told
        else None,
        "draft_n": sum(p.drafted.draft_n for p in told),
        "draft_n_accepted": sum(p.drafted.accepted_n for p in told),
        "identical": sum(p.lead is None for p in told),
        "leads": [p.lead for p in told if p.lead is not None],
    }


def _speed(runs: list[Run]) -> float:
    return sum(len(r.tokens) for r in runs) / sum(r.ms for r in runs)


def show(found: Mapping[str, Mapping[str, Any]], model: str) -> None:
    """The table."""
    rows = []
    for name, f in found.items():
        low, high = f["ratio_quartiles"]
        rows.append(
            [
                name,
                str(f["pairs"]),
                report.number(f["plain_tokens_per_s"]),
                report.number(f["drafted_tokens_per_s"]),
                report.number(f["ratio"], 2),
                f"{report.number(low, 2)}–{report.number(high, 2)}",
                report.number(f["ratio_of_sums"], 2),
                f"{f['draft_n_accepted']} / {f['draft_n']}",
                f"{f['identical']} / {f['pairs']}",
                report.number(max(f["leads"], default=None), 2),
            ]
        )
    columns = ["", "pairs", "plain tok/s", "drafted", "ratio", "quartiles", "of sums"]
    columns += ["accepted", "same text", "largest lead"]
    report.table(f"Speculation, {model} model", columns, rows)


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.speculation", description=__doc__)
    parser.add_argument("--n", type=int, help=f"tasks of each set; default {_N}")
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--model", default="fast", help="a role, or the path of a GGUF file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0: one per core")
    parser.add_argument("--short", action="store_true", help="the few tasks of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    sets = args.sets.split(",")
    if unknown := set(sets) - set(SETS):
        parser.error(f"unknown sets: {', '.join(sorted(unknown))}")
    n = args.n or (_SHORT_N if args.short else _N)
    config, _ = settings.overlay(settings.load()[0], {"model": args.model})
    try:
        path = store.resolve(config)
        table = vocabulary.load(path, settings.cache_folder())
    except catalog.ModelError as e:
        sys.exit(f"the model cannot be used: {e}")
    if table.fim is None:
        sys.exit(f"{path} has no fill-in-the-middle tokens")
    prompts = Prompts(table, table.fim)
    bench = Bench(path, args.threads)
    found: dict[str, Any] = {}
    pairs: dict[str, list[Pair]] = {}
    for name in sets:
        make: Callable[[int, random.Random], list[Task]] = getattr(prompts, name)
        try:
            tasks = make(n, random.Random(args.seed))
        except OSError as e:
            sys.exit(f"the benchmark data is absent: {e}")
        except catalog.Refused as e:
            sys.exit(f"{path} cannot do the set {name}: {e}")
        if not pairs:
            bench.warm_up(tasks[0])
        bench.forget()
        pairs[name] = []
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            for i, task in enumerate(progress.track(tasks, description=name)):
                pairs[name].append(bench.pair(task, plain_first=i % 2 == 0))
        found[name] = figures(pairs[name])
    show(found, args.model)
    plain = [p.plain for of_set in pairs.values() for p in of_set if p.plain.tokens]
    unit_ms = 1 / _speed(plain) if plain else None
    print(f"decode unit {report.number(unit_ms)} ms")
    doc = report.document(
        "speculation",
        {"n": n, "seed": args.seed, "sets": sets, "model": args.model},
        {"decode_unit_ms": unit_ms, "sets": found},
    )
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
