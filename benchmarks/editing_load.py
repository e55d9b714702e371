"""Completions while an edit of the second model runs, against completions without.

    python -m benchmarks.editing_load --pairs 12

A real engine process, started for this run, with the settings' models (`model`, `edit_model`). In
each pair the beginning of a region of commit-replay is typed twice, key by key: once alone and once
while edits of functions of this repository run one after the other, in turn the one or the
other first. Both begin from the same prompt, evaluated; a key comes 0.12 to 0.3 s after the one
before, or when that was answered. A completion is one line.

Latencies are those of the engine's client, from the job to its first token and to its end, in ms
and in decode units, the time of one plain token of the completing model (`unit.py`).
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks import replay, report, typing, unit
from benchmarks.processes import Usage, usage
from benchmarks.replay import Region, percentile
from slmcode import config as settings
from slmcode.config import Config
from slmcode.engine.client import EngineClient, Launch, RemoteStream
from slmcode.engine.job import Done, EngineState, Job, Priority, Stop, Weights
from slmcode.features.launching import engine_options
from slmcode.features.resources import Model
from slmcode.features.workspace import load_model
from slmcode.models import store, vocabulary
from slmcode.models.catalog import ModelError
from slmcode.prompt import edit as edit_prompt
from slmcode.prompt import fim
from slmcode.prompt.edit import Selected
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import ChatTokens

_MARKER = "SLMCODE_RUNTIME"
_PAIRS, _SHORT_PAIRS = 12, 2
_KEYS, _SHORT_KEYS = 40, 10  # of each region
_GAP_S = (0.12, 0.3)  # between two keys
_LINE_TOKENS = 32
_FUNCTION_LINES = (25, 60)
_INSTRUCTION = "Use clearer names for the local variables and add a docstring."
_WITHIN_S = 120.0
_BAR = 1.3  # p95 beside an edit, against without


class Editor(NamedTuple):
    """The second model, and functions to edit."""

    weights: Weights
    tokenizer: Tokenizer
    chat: ChatTokens
    functions: list[str]
    priority: Priority

    def job(self, n: int) -> Job:
        """The edit of the n-th function, from the first one again behind the last."""
        code = self.functions[n % len(self.functions)]
        prompt = edit_prompt.edit(
            self.tokenizer,
            self.chat,
            Selected("python", "", code, ""),
            _INSTRUCTION,
            n_ctx=self.weights.n_ctx,
        )
        return Job(
            sequence="edit",
            tokens=prompt.tokens,
            priority=self.priority,
            max_tokens=prompt.max_tokens,
            draft=self.tokenizer.encode(code),
            weights=self.weights,
        )


@dataclass
class Keys:
    """Latencies of completions in ms."""

    first: list[float] = field(default_factory=list)  # to the first token, where there was one
    line: list[float] = field(default_factory=list)  # to the end
    queued: list[float] = field(default_factory=list)  # before its first step, as the engine says

    def add(self, other: Keys) -> None:
        """Take the other ones in."""
        self.first += other.first
        self.line += other.line
        self.queued += other.queued

    def figures(self, unit_ms: float) -> dict[str, Any]:
        """Percentiles in ms and decode units."""
        out: dict[str, Any] = {"keys": len(self.line)}
        for name in ("first", "line", "queued"):
            values: list[float] = getattr(self, name)
            for share in (50, 95):
                ms = percentile(values, share / 100)
                out[f"{name}_p{share}_ms"] = ms
                out[f"{name}_p{share}_units"] = None if ms is None else ms / unit_ms
        out["longest_ms"] = max(self.line, default=None)
        return out


@dataclass
class Edited:
    """What the edits beside did."""

    tokens: int = 0
    prompt_tokens: int = 0
    finished: int = 0
    seconds: float = 0.0

    def add(self, done: Done) -> None:
        """An edit ended, or was ended with the typing."""
        self.tokens += done.timings.predicted_n
        self.prompt_tokens += done.timings.prompt_n
        self.finished += done.stop in (Stop.END, Stop.LENGTH)


async def type_keys(engine: EngineClient, model: Model, region: Region, n_keys: int) -> Keys:
    """Type the beginning of a region. Raises RuntimeError where a completion fails."""
    config = Config()
    head = fim.head(
        model.tokenizer,
        model.fim,
        region.before,
        region.after,
        prefix_tokens=config.prefix_tokens,
        suffix_tokens=config.suffix_tokens,
    )
    # One name for all: what the other half of a pair typed is cut off here.
    await finish(engine.stream(Job(sequence="typing", tokens=head.tokens)))
    rng = random.Random(f"{region.repository} {region.path}")
    out = Keys()
    for n in range(min(n_keys, len(region.typed))):
        prompt = fim.anchored(model.tokenizer, head, region.typed[:n])
        began = time.monotonic()
        stream = engine.stream(
            Job(
                sequence="typing",
                tokens=prompt.tokens,
                heal=prompt.heal,
                max_tokens=_LINE_TOKENS,
                stop_lines=1,
            )
        )
        first = True
        async for _ in stream:
            if first:
                out.first.append((time.monotonic() - began) * 1e3)
                first = False
        out.line.append((time.monotonic() - began) * 1e3)
        done = await finish(stream)
        out.queued.append(done.timings.queued_ms)
        await asyncio.sleep(max(began + rng.uniform(*_GAP_S) - time.monotonic(), 0))
    return out


async def edits(engine: EngineClient, editor: Editor, first: int, out: Edited) -> None:
    """Edit one function after the other until cancelled."""
    n = first
    while True:
        stream = engine.stream(editor.job(n))
        try:
            out.add(await finish(stream, None))
        except asyncio.CancelledError:
            stream.cancel()
            async with asyncio.timeout(_WITHIN_S):
                async for _ in stream:
                    pass
            assert stream.done is not None
            out.add(stream.done)
            raise
        n += 1


async def finish(stream: RemoteStream, within_s: float | None = _WITHIN_S) -> Done:
    """Read a stream to its end. Raises RuntimeError where the job failed."""
    async with asyncio.timeout(within_s):
        async for _ in stream:
            pass
    assert stream.done is not None
    if stream.done.stop not in (Stop.END, Stop.LENGTH, Stop.LINES):
        raise RuntimeError(f"the engine ended with {stream.done.stop}: {stream.done.message}")
    return stream.done


async def measure(
    engine: EngineClient, model: Model, editor: Editor, regions: list[Region], n_keys: int
) -> tuple[Keys, Keys, Edited]:
    """All pairs: alone, beside edits, and what those edits did."""
    alone, beside, edited = Keys(), Keys(), Edited()
    for n, region in enumerate(regions):
        for with_edits in (False, True) if n % 2 == 0 else (True, False):
            if not with_edits:
                alone.add(await type_keys(engine, model, region, n_keys))
                continue
            began = time.monotonic()
            task = asyncio.create_task(edits(engine, editor, n, edited))
            try:
                beside.add(await type_keys(engine, model, region, n_keys))
                if task.done():
                    task.result()  # it failed: say why
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            edited.seconds += time.monotonic() - began
        print(f"  {region.language} {region.path}", flush=True)
    return alone, beside, edited


def functions() -> list[str]:
    """Functions of this repository, of a usual length, always the same."""
    out = []
    for path in sorted((report.ROOT / "slmcode").rglob("*.py")):
        text = path.read_text("utf-8")
        lines = text.splitlines(keepends=True)
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                code = lines[node.lineno - 1 : node.end_lineno]
                if _FUNCTION_LINES[0] <= len(code) <= _FUNCTION_LINES[1]:
                    out.append("".join(code))
    return out


async def run(
    config: Config, runtime: Path, regions: list[Region], n_keys: int, priority: Priority
) -> dict[str, Any]:
    """Start the engine, measure, end it. Raises ModelError, RuntimeError or TimeoutError."""
    path = store.resolve(config)
    second = store.resolve(msgspec.structs.replace(config, model=config.edit_model))
    words = vocabulary.load(second, settings.cache_folder())
    if words.chat is None:
        raise RuntimeError(f"{second.name} has no chat tokens")
    model = load_model(path)
    weights = Weights(str(second), config.edit_tokens)
    editor = Editor(weights, Tokenizer(words), words.chat, functions(), priority)
    engine = EngineClient(Launch(runtime, path, engine_options(config)), lambda status: None)
    engine.start()
    try:
        async with asyncio.timeout(_WITHIN_S):
            while engine.status.state is not EngineState.READY:
                if engine.status.state is EngineState.REFUSED:
                    raise RuntimeError(engine.status.message)
                await engine.changed()
        unit_ms = percentile(await unit.samples(config, runtime), 0.5)
        assert unit_ms is not None
        began = time.monotonic()
        warm = msgspec.structs.replace(editor.job(0), max_tokens=0, tokens=editor.job(0).tokens[:1])
        await finish(engine.stream(warm))
        load_s = time.monotonic() - began
        await type_keys(engine, model, regions[0], 5)  # costs of batches, for drafts
        alone, beside, edited = await measure(engine, model, editor, regions, n_keys)
        used: Usage = usage(_MARKER, str(runtime))
    finally:
        await engine.close()
    figures = {"alone": alone.figures(unit_ms), "beside": beside.figures(unit_ms)}
    names = [n for n in figures["alone"] if n.endswith("_ms")]
    ratios = {
        n.removesuffix("_ms"): figures["beside"][n] / figures["alone"][n]
        for n in names
        if figures["alone"][n]
    }
    return {
        "decode_unit_ms": unit_ms,
        "load_s": load_s,
        "memory_pss_mb": used.pss_mb,
        "figures": figures,
        "ratios": ratios,
        "edit_tokens": edited.tokens,
        "edit_prompt_tokens": edited.prompt_tokens,
        "edits_finished": edited.finished,
        "edit_tokens_per_s": edited.tokens / edited.seconds,
    }


def show(result: dict[str, Any]) -> None:
    """The table."""
    number = report.number
    alone, beside = result["figures"]["alone"], result["figures"]["beside"]
    rows = []
    for title, key in (
        ("first token, p50", "first_p50"),
        ("first token, p95", "first_p95"),
        ("whole line, p50", "line_p50"),
        ("whole line, p95", "line_p95"),
        ("wait for the model thread, p50", "queued_p50"),
        ("wait for the model thread, p95", "queued_p95"),
    ):
        ms, units = f"{key}_ms", f"{key}_units"
        row = [alone[ms], beside[ms], alone[units], beside[units]]
        rows.append([title, *map(number, row), number(result["ratios"].get(key), 2)])
    rows.append(["longest", number(alone["longest_ms"]), number(beside["longest_ms"]), "", "", ""])
    columns = ["", "alone, ms", "beside, ms", "alone, units", "beside, units", "ratio"]
    report.table("Completions beside an edit", columns, rows)
    print(
        f"{alone['keys']} keys each; decode unit {number(result['decode_unit_ms'])} ms; bar: p95 of"
        f" the whole line beside an edit at most {_BAR} times that alone"
    )
    print(
        f"second weights: loaded in {number(result['load_s'])} s, engine"
        f" {result['memory_pss_mb']:.0f} MB (PSS); {result['edit_tokens']:,} tokens of"
        f" {result['edits_finished']} finished edits,"
        f" {number(result['edit_tokens_per_s'])} a second while somebody types"
    )


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.editing_load", description=__doc__)
    parser.add_argument("--pairs", type=int, help=f"default {_PAIRS}")
    parser.add_argument("--keys", type=int, help=f"of each region; default {_KEYS}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="fast", help="what completes: a role or a GGUF file")
    parser.add_argument("--edit-model", default="quality", help="what edits: a role or a GGUF file")
    parser.add_argument(
        "--beside",
        choices=("edit", "translation"),
        default="edit",
        help="whose priority the second model's work has",
    )
    parser.add_argument("--threads", type=int, default=0, help="0: one per core")
    parser.add_argument("--short", action="store_true", help="the few keys of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    n_pairs = args.pairs or (_SHORT_PAIRS if args.short else _PAIRS)
    n_keys = args.keys or (_SHORT_KEYS if args.short else _KEYS)
    try:
        regions = replay.plan(
            typing.rows(), split="dev", seed=args.seed, n_files=n_pairs, wanted=lambda row: True
        )
    except OSError as e:
        sys.exit(f"the benchmark data is absent: {e}")
    changed = {"model": args.model, "edit_model": args.edit_model, "threads": args.threads}
    config = msgspec.structs.replace(settings.load()[0], engine_idle_s=5, **changed)
    priority = Priority[args.beside.upper()]
    with tempfile.TemporaryDirectory(prefix="slmcode-") as runtime:
        os.environ[_MARKER] = runtime  # the engine inherits it: so it is found in /proc
        os.environ["SLMCODE_STATE"] = str(Path(runtime, "state"))
        try:
            result = asyncio.run(run(config, Path(runtime), regions, n_keys, priority))
        except (ModelError, RuntimeError) as e:
            sys.exit(f"the engine cannot be measured: {e}")
    show(result)
    told = changed | {"pairs": n_pairs, "keys": n_keys, "seed": args.seed, "tuned": config.tuned}
    told["beside"] = args.beside
    doc = report.document("editing_load", told, result)
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
