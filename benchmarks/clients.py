"""Many editors on one engine, and one editor that asks for much.

    python -m benchmarks.clients [--servers 20] [--seconds 60]

turns       20 connections to a real engine with real weights (`EngineClient`, no server before
            them), each the jobs of somebody who types at a pace of their own, all at once: who is
            served how often. A key's job ends the one of the key before, as a server does it. A job
            is served when the model has written for it; it is dropped with a reason when it ends as
            BUSY. What clients get is compared in tokens: who types quickly has more jobs in a turn.
            Prompts are read before, as a server does that at a pause.
editors     20 real server processes on that engine, each typed into by the benchmark's typist
            (`slmcode/cli/typist.py`), against one of them alone: from a key to its first answer and
            to text, in decode units; why answers were empty; memory of all processes.
flood       one editor sends 100 requests a second, a change before each, and takes every second one
            back: all are answered, and the key behind them is served.
paste       10 MB are pasted into a document, typed behind, and taken back.
documents   1,000 documents are opened; one of them is typed into; all are closed.

The decode unit (`unit.py`) is measured at the start, on the idle engine. No workspace is open.
The short form has 4 servers and few seconds of each.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report, unit
from benchmarks.processes import usage
from benchmarks.replay import percentile
from benchmarks.session import text_after
from benchmarks.typing import ready
from benchmarks.vitals import engine_of, most_over_least, vitals
from slmcode import config as settings
from slmcode.cli.desk import Desk
from slmcode.cli.typist import accepted_part, gap_s, keys
from slmcode.config import Config
from slmcode.engine.client import EngineClient, Launch
from slmcode.engine.job import EngineState, Job, Priority, Stop
from slmcode.features import statistics
from slmcode.features.launching import engine_options
from slmcode.features.resources import Model
from slmcode.features.workspace import load_model
from slmcode.lsp.client import Client, ResponseError
from slmcode.lsp.messages import CAN_REFRESH
from slmcode.models import store
from slmcode.models.catalog import ModelError
from slmcode.prompt import fim

_MARKER = "SLMCODE_RUNTIME"
_CLIENTS, _SERVERS, _SHORT_SERVERS = 20, 20, 4
_SECONDS, _SHORT_SECONDS = 60.0, 8.0
_READY_S = 60.0
_SETTLED_S = 30.0  # everything that was asked is answered by then
_PREFIX, _SUFFIX = 48, 8  # tokens of a client's prompt: a small file
_PACE_S = (0.09, 0.30)  # a client's own median between two keys
_LINE_TOKENS = 32
_FLOOD_PER_S = 100
_CANCELLED = -32800
_PASTED = 10_000_000  # characters
_DOCUMENTS = 1_000


def sources() -> list[str]:
    """Texts of this repository that are long enough to be typed in, always the same."""
    found = sorted((report.ROOT / "slmcode").rglob("*.py"))
    texts = [path.read_text("utf-8") for path in found]
    return [text for text in texts if len(text) > 4000]


# Turns


@dataclass
class Typist:
    """What became of one connection's jobs. Times in ms."""

    asked: int = 0
    begun: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    served: int = 0
    tokens: int = 0
    line: list[float] = field(default_factory=list)  # to the end, of those that were served
    queued: list[float] = field(default_factory=list)


async def type_jobs(
    engine: EngineClient, model: Model, n: int, seconds: float, all_read: asyncio.Barrier
) -> Typist:
    """Type text number `n` for so long, key by key. Raises RuntimeError where a job fails."""
    out = Typist()
    rng = random.Random(n)
    text = sources()[n]
    at = text.index("\n", len(text) // 3) + 1
    head = fim.head(
        model.tokenizer,
        model.fim,
        text[:at],
        text[2 * at :],
        prefix_tokens=_PREFIX,
        suffix_tokens=_SUFFIX,
    )
    sequence = f"typist {n}"
    async for _ in engine.stream(
        Job(sequence=sequence, tokens=head.tokens, priority=Priority.EDIT)
    ):
        pass
    await all_read.wait()
    pace = rng.uniform(*_PACE_S)
    until = time.monotonic() + seconds
    under_way: list[asyncio.Task[None]] = []

    async def ask(typed: str) -> None:
        prompt = fim.anchored(model.tokenizer, head, typed)
        began = time.monotonic()
        stream = engine.stream(
            Job(
                sequence=sequence,
                tokens=prompt.tokens,
                heal=prompt.heal,
                max_tokens=_LINE_TOKENS,
                stop_lines=1,
            )
        )
        async for _ in stream:
            pass
        done = stream.done
        assert done is not None
        if done.stop in (Stop.FAILED, Stop.LOST, Stop.FULL):
            raise RuntimeError(f"the engine ended with {done.stop}: {done.message}")
        out.stops[done.stop.value] += 1
        out.begun += bool(done.timings.cache_n or done.timings.prompt_n)
        if done.timings.predicted_n:
            out.served += 1
            out.tokens += done.timings.predicted_n
            out.queued.append(done.timings.queued_ms)
        if done.stop in (Stop.LINES, Stop.LENGTH, Stop.END):
            out.line.append((time.monotonic() - began) * 1e3)

    while time.monotonic() < until:
        typed = text[at : at + 1 + out.asked % 120]
        out.asked += 1
        under_way.append(asyncio.create_task(ask(typed)))
        await asyncio.sleep(pace * rng.lognormvariate(0.0, 0.45))
    async with asyncio.timeout(_SETTLED_S):
        await asyncio.gather(*under_way)
    return out


async def turns(config: Config, runtime: Path, seconds: float) -> tuple[dict[str, Any], float]:
    """One connection alone, then all at once; and the decode unit in ms."""
    path = store.resolve(config)
    model = load_model(path)
    launch = Launch(runtime, path, engine_options(config))
    engines = [EngineClient(launch, lambda status: None) for _ in range(_CLIENTS)]
    try:
        for engine in engines:
            engine.start()
            async with asyncio.timeout(_READY_S):
                while engine.status.state is not EngineState.READY:
                    if engine.status.state is EngineState.REFUSED:
                        raise RuntimeError(engine.status.message)
                    await engine.changed()
        unit_ms = percentile(await unit.samples(config, runtime), 0.5)
        assert unit_ms is not None
        alone = await type_jobs(engines[0], model, 0, seconds / 3, asyncio.Barrier(1))
        barrier = asyncio.Barrier(_CLIENTS)
        together = await asyncio.gather(
            *(type_jobs(engine, model, n, seconds, barrier) for n, engine in enumerate(engines))
        )
    finally:
        for engine in engines:
            await engine.close()
    return turns_of(alone, together, unit_ms), unit_ms


def turns_of(alone: Typist, together: Sequence[Typist], unit_ms: float) -> dict[str, Any]:
    """The figures of `turns`."""
    tokens = [t.tokens for t in together]
    asked = sum(t.asked for t in together)
    stops: Counter[str] = sum((t.stops for t in together), Counter())
    lines = [ms for t in together for ms in t.line]
    queued = [ms for t in together for ms in t.queued]
    return {
        "clients": len(together),
        "asked": asked,
        "begun": [t.begun for t in together],
        "served": [t.served for t in together],
        "tokens": tokens,
        "served_most_over_least": most_over_least([t.served for t in together]),
        "tokens_most_over_least": most_over_least(tokens),
        "dropped": stops[Stop.BUSY.value] / asked,
        "taken_back": stops[Stop.CANCELLED.value] / asked,
        "stops": dict(stops),
        "line_p95_units": in_units(lines, 0.95, unit_ms),
        "line_alone_p95_units": in_units(alone.line, 0.95, unit_ms),
        "queued_p50_units": in_units(queued, 0.5, unit_ms),
        "queued_p95_units": in_units(queued, 0.95, unit_ms),
    }


def in_units(values: Sequence[float], share: float, unit_ms: float) -> float | None:
    """A percentile in decode units; None without values."""
    ms = percentile(values, share)
    return None if ms is None else ms / unit_ms


# Editors


@dataclass
class Typed:
    """What one editor's user saw. Times in ms."""

    keys: int = 0
    answers: list[float] = field(default_factory=list)
    texts: list[float] = field(default_factory=list)
    text_keys: int = 0  # with text beside them when the next one was pressed


async def started(env: Mapping[str, str], state: Path) -> Client:
    """A server that is ready; its counters go into a folder of its own."""
    own = {**env, "SLMCODE_STATE": str(state)}
    client = await Client.start([sys.executable, "-m", "slmcode.cli", "serve"], env=own)
    await client.initialize(capabilities=CAN_REFRESH)
    await ready(client)
    return client


async def type_text(client: Client, n: int, seconds: float) -> Typed:
    """Type on in the middle of text number `n`, accept what is right."""
    out = Typed()
    rng = random.Random(n)
    text = sources()[n]
    at = text.index("\n", len(text) // 3)
    below = text[text.index("\n", 2 * at) :]
    desk = Desk(client, f"file:///typed/{n}.py", "python", text[:at], below)
    desk.open()
    await asyncio.sleep(rng.uniform(0.5, 1.5))
    rest = text[at : 2 * at]
    until = time.monotonic() + seconds
    while rest and time.monotonic() < until:
        key = next(keys(rest))
        seen = len(client.messages)
        desk.press(key)
        out.keys += 1
        rest = rest[len(key) :]
        shown = await desk.rest(gap_s(key, rng))
        if shown is None:
            continue
        out.answers.append(shown.after_s * 1e3)
        if (after := text_after(client.messages[seen:])) is not None:
            out.texts.append(after * 1e3)
        out.text_keys += bool(shown.text)
        if part := accepted_part(shown.text, rest):
            desk.accept(shown, part)
            rest = rest[len(part) :]
            await desk.rest(0.15)
    desk.close()
    return out


async def editors(
    env: Mapping[str, str], folder: Path, n_servers: int, seconds: float, unit_ms: float
) -> dict[str, Any]:
    """One server alone, then all at once."""
    alone_client = await started(env, folder / "alone")
    clients: list[Client] = []
    try:
        alone = await type_text(alone_client, 0, seconds / 2)
        states = [folder / f"server {n}" for n in range(n_servers)]
        for state in states:  # one after the other: 20 at once would want 40 CPU seconds at once
            clients.append(await started(env, state))
        together = await asyncio.gather(
            *(type_text(client, n, seconds) for n, client in enumerate(clients))
        )
        used = usage(_MARKER, env[_MARKER])
        engine = engine_of(_MARKER, env[_MARKER])
        engine_mb = vitals(engine).rss_mb if engine is not None else None
    finally:
        for client in [*clients, alone_client]:
            await client.stop(_SETTLED_S)
    reasons: Counter[str] = Counter()
    requests = 0
    for state in states:
        counters = statistics.load(state)
        reasons.update(counters.reasons)
        requests += counters.requests
    tokens = [statistics.load(state).predicted_n for state in states]
    out: dict[str, Any] = {
        "servers": n_servers,
        "keys": sum(t.keys for t in together),
        "requests": requests,
        "reasons": dict(reasons.most_common()),
        "dropped": reasons["busy"] / requests if requests else None,
        "tokens": tokens,
        "tokens_most_over_least": most_over_least(tokens),
        "memory_pss_mb": used.pss_mb,
        "server_pss_mb": (used.pss_mb - (engine_mb or 0)) / (n_servers + 1),
        "engine_rss_mb": engine_mb,
    }
    for name, typed in (("alone", [alone]), ("together", together)):
        n_keys = sum(t.keys for t in typed)
        answers = [ms for t in typed for ms in t.answers]
        texts = [ms for t in typed for ms in t.texts]
        out[name] = {
            "answered": len(answers) / n_keys,
            "with_text": sum(t.text_keys for t in typed) / n_keys,
            "answer_p50_units": in_units(answers, 0.5, unit_ms),
            "answer_p95_units": in_units(answers, 0.95, unit_ms),
            "text_p50_units": in_units(texts, 0.5, unit_ms),
            "text_p95_units": in_units(texts, 0.95, unit_ms),
        }
    return out


# One editor that asks for much


async def flood(client: Client, seconds: float) -> dict[str, Any]:
    """100 requests a second, every second one taken back soon."""
    uri, text = "file:///flood/f.py", sources()[1][:4000]
    client.open(uri, "python", text)
    line = text.count("\n")
    column = len(text) - text.rfind("\n") - 1
    asked = []
    began = time.monotonic()
    n = round(seconds * _FLOOD_PER_S)
    for i in range(n):
        await asyncio.sleep(max(began + i / _FLOOD_PER_S - time.monotonic(), 0))
        client.replace(uri, (line, column), (line, column), "x")
        column += 1
        request = client.inline_completion(uri, line, column)
        asked.append(request)
        if i % 2:
            client.cancel(request)
    sent_s = time.monotonic() - began
    await asyncio.wait(asked, timeout=_SETTLED_S)
    settled_s = time.monotonic() - began - sent_s
    outcomes: Counter[str] = Counter()
    for request in asked:
        outcomes[_outcome(request)] += 1
    pressed = time.monotonic()
    client.replace(uri, (line, column), (line, column), "\n")
    behind = client.inline_completion(uri, line + 1, 0, invoked=True)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(behind), _SETTLED_S)
    behind_s = time.monotonic() - pressed
    client.close(uri)
    return {
        "asked": n,
        "per_s": n / sent_s,
        "outcomes": dict(outcomes),
        "answered": 1 - outcomes["never"] / n,
        "settled_s": settled_s,
        "behind_s": behind_s if behind.done() else None,
    }


def _outcome(request: asyncio.Future[Any]) -> str:
    if not request.done():
        return "never"
    error = request.exception()
    if error is None:
        return "answered"
    cancelled = isinstance(error, ResponseError) and error.code == _CANCELLED
    return "cancelled" if cancelled else "failed"


async def paste(client: Client) -> dict[str, Any]:
    """10 MB pasted, twenty keys behind them, and all of it taken back and closed."""
    pid, uri = client.process.pid, "file:///paste/p.py"
    client.open(uri, "python", "x = 1\n")
    await client.inline_completion(uri, 1, 0)
    before = vitals(pid).rss_mb
    line = "value = compute(value, 17)\n"
    n = _PASTED // len(line)
    began = time.monotonic()
    client.replace(uri, (1, 0), (1, 0), line * n)
    await client.inline_completion(uri, n + 1, 0)
    pasted_s = time.monotonic() - began
    gaps = []
    for i in range(20):
        began = time.monotonic()
        client.replace(uri, (n + 1, i), (n + 1, i), "y")
        await client.inline_completion(uri, n + 1, i + 1)
        gaps.append((time.monotonic() - began) * 1e3)
    most = vitals(pid).rss_mb
    client.replace(uri, (1, 0), (n + 1, 20), "")
    await client.inline_completion(uri, 1, 0)
    client.close(uri)
    client.messages.clear()
    await client.request("workspace/symbol", {"query": ""})  # behind the close
    return {
        "pasted_s": pasted_s,
        "key_p50_ms": percentile(gaps, 0.5),
        "key_p95_ms": percentile(gaps, 0.95),
        "before_mb": before,
        "most_mb": most,
        "after_mb": vitals(pid).rss_mb,
    }


async def documents(client: Client, env: Mapping[str, str], settle_s: float) -> dict[str, Any]:
    """1,000 documents opened, one of them typed into, all closed."""
    pid = client.process.pid
    texts = sources()
    before = vitals(pid).rss_mb
    uris = [f"file:///many/{n}.py" for n in range(_DOCUMENTS)]
    began = time.monotonic()
    for n, uri in enumerate(uris):
        client.open(uri, "python", f"# {n}\n{texts[n % len(texts)][:4000]}")
    await client.request("workspace/symbol", {"query": ""})
    opened_s = time.monotonic() - began
    first = usage(_MARKER, env[_MARKER])
    await asyncio.sleep(settle_s)
    ahead_cpu_s = usage(_MARKER, env[_MARKER]).cpu_s - first.cpu_s
    most = vitals(pid).rss_mb
    began = time.monotonic()
    client.replace(uris[7], (1, 0), (1, 0), "import ")
    await client.inline_completion(uris[7], 1, 7)
    key_ms = (time.monotonic() - began) * 1e3
    for uri in uris:
        client.close(uri)
    await client.request("workspace/symbol", {"query": ""})
    return {
        "opened_s": opened_s,
        "ahead_cpu_s": ahead_cpu_s,
        "settle_s": settle_s,
        "key_ms": key_ms,
        "before_mb": before,
        "most_mb": most,
        "after_mb": vitals(pid).rss_mb,
        "kb_a_document": (most - before) * 1024 / _DOCUMENTS,
    }


async def run(
    config: Config, folder: Path, env: Mapping[str, str], n_servers: int, seconds: float
) -> dict[str, Any]:
    """All of it. Raises RuntimeError where the engine fails, TimeoutError where it hangs."""
    began = time.monotonic()
    turned, unit_ms = await turns(config, folder, seconds)
    out: dict[str, Any] = {"decode_unit_ms": unit_ms, "turns": turned}
    print(f"  turns: {time.monotonic() - began:.0f} s", flush=True)
    out["editors"] = await editors(env, folder, n_servers, seconds, unit_ms)
    print(f"  editors: {time.monotonic() - began:.0f} s", flush=True)
    client = await started(env, folder / "one")
    try:
        out["flood"] = await flood(client, seconds / 4)
        out["paste"] = await paste(client)
        out["documents"] = await documents(client, env, seconds / 4)
    finally:
        await client.stop(_SETTLED_S)
    return out


def show(result: Mapping[str, Any]) -> None:
    """The tables."""
    number, percent = report.number, report.percent
    t, e = result["turns"], result["editors"]
    report.table(
        f"{t['clients']} connections to one engine",
        ["", "", "alone"],
        [
            ["jobs", str(t["asked"]), ""],
            ["  begun, least and most", f"{min(t['begun'])} {max(t['begun'])}", ""],
            ["  served, least and most", f"{min(t['served'])} {max(t['served'])}", ""],
            ["    most over least", number(t["served_most_over_least"], 2), ""],
            ["tokens, least and most", f"{min(t['tokens'])} {max(t['tokens'])}", ""],
            ["    most over least", number(t["tokens_most_over_least"], 2), ""],
            ["  taken back by a newer key", percent(t["taken_back"]), ""],
            ["  dropped with a reason", percent(t["dropped"]), ""],
            [
                "whole line, p95, decode units",
                number(t["line_p95_units"]),
                number(t["line_alone_p95_units"]),
            ],
            ["wait for the model thread, p95", number(t["queued_p95_units"]), ""],
        ],
    )
    rows = [
        [title, form(e["together"][key]), form(e["alone"][key])]
        for title, key, form in (
            ("keys answered before the next", "answered", percent),
            ("keys with text beside them", "with_text", percent),
            ("first answer, p50, decode units", "answer_p50_units", number),
            ("first answer, p95, decode units", "answer_p95_units", number),
            ("text, p50, decode units", "text_p50_units", number),
            ("text, p95, decode units", "text_p95_units", number),
        )
    ]
    rows.append(["tokens, most over least", number(e["tokens_most_over_least"], 2), ""])
    report.table(f"{e['servers']} editors typed into at once", ["", "", "alone"], rows)
    print("empty answers: " + ", ".join(f"{name} {n}" for name, n in e["reasons"].items()))
    print(
        f"memory: {e['memory_pss_mb']:.0f} MB (PSS) in all, a server {e['server_pss_mb']:.0f},"
        f" the engine {number(e['engine_rss_mb'], 0)} (RSS);"
        f" decode unit {result['decode_unit_ms']:.1f} ms"
    )
    f, p, d = result["flood"], result["paste"], result["documents"]
    print(
        f"flood: {f['asked']} requests at {f['per_s']:.0f} a second: {f['outcomes']}; settled"
        f" {f['settled_s']:.2f} s behind the last, the next one answered in"
        f" {number(f['behind_s'], 2)} s"
    )
    print(
        f"10 MB pasted in {p['pasted_s']:.2f} s; a key behind them p95 {p['key_p95_ms']:.0f} ms;"
        f" server {p['before_mb']:.0f} MB, then {p['most_mb']:.0f}, at last {p['after_mb']:.0f}"
    )
    print(
        f"1,000 documents in {d['opened_s']:.2f} s, {d['kb_a_document']:.0f} kB each; a key"
        f" {d['key_ms']:.0f} ms; {d['ahead_cpu_s']:.1f} CPU s in the {d['settle_s']:.0f} s behind;"
        f" server {d['after_mb']:.0f} MB once closed"
    )


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.clients", description=__doc__)
    parser.add_argument("--servers", type=int, help=f"default {_SERVERS}")
    parser.add_argument("--seconds", type=float, help=f"of typing; default {_SECONDS:.0f}")
    parser.add_argument("--short", action="store_true", help="the minute of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    n_servers = args.servers or (_SHORT_SERVERS if args.short else _SERVERS)
    seconds = args.seconds or (_SHORT_SECONDS if args.short else _SECONDS)
    with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
        folder = Path(name)
        written = folder / "config.toml"
        written.write_text("engine_idle_s = 5\n")
        env = os.environ | {_MARKER: name, "SLMCODE_CONFIG": str(written)}
        os.environ[_MARKER] = name  # the engine inherits it: so it is found in /proc
        os.environ["SLMCODE_STATE"] = str(folder / "state")
        config, _ = settings.load(written)
        try:
            result = asyncio.run(run(config, folder, env, n_servers, seconds))
        except (ModelError, RuntimeError) as e:
            sys.exit(f"the engine cannot be measured: {e}")
    show(result)
    doc = report.document("clients", {"servers": n_servers, "seconds": seconds}, result)
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
