"""From the editor's start to the first suggestion, and what server and engine cost while idle.

    python -m benchmarks.startup --starts 5

Every start is that of a new server with no engine running: the server is launched as an editor
does it, a file is opened and the last line of it typed on until a suggestion is there. The weights
are in the page cache: an unmeasured start comes first. One more start has an empty cache folder
(`cold cache`): tokenizer and vocabulary are made anew from the weights, as after
`slmcode models pull`, which has checked their digest.

Afterwards nobody touches the last editor. Work ahead is allowed to end (5 s, its CPU time is
reported), then the CPU time of server and engine is taken over 30 s: 100 % is one core.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import report
from benchmarks.processes import usage
from benchmarks.replay import percentile
from benchmarks.session import first_text
from benchmarks.unit import samples
from slmcode import config as settings
from slmcode.cli.desk import Desk
from slmcode.lsp.client import Client, ServerGoneError
from slmcode.lsp.messages import CAN_REFRESH
from slmcode.models import catalog, store

_MARKER = "SLMCODE_RUNTIME"
_STARTS, _SHORT_STARTS = 5, 3
_IDLE_S, _SHORT_IDLE_S = 30.0, 10.0
_SETTLE_S = 5.0
_GIVE_UP_S = 60.0
_GAP_S = 0.3  # between an answer and the next key
_GONE_S = 30.0  # an engine leaves two seconds after its last server
_POLL_S = 0.05
_BEFORE = '''"""Temperatures of one week."""


def mean(values: list[float]) -> float:
    """The arithmetic mean."""
    return s'''
_TYPED = "um(values) / len(values)"
_AFTER = "\n\n\ndef spread(values: list[float]) -> float:\n    return max(values) - min(values)\n"


class Start(NamedTuple):
    """Seconds since the server was launched; None where it did not come."""

    initialized_s: float
    ready_s: float
    suggestion_s: float | None


class Idle(NamedTuple):
    """What an editor costs that nobody touches, and the decode unit of its engine."""

    settle_cpu_s: float  # CPU seconds of the work ahead behind the last key
    cpu_share: float  # of one core, afterwards
    pss_mb: float
    rss_mb: float
    unit_ms: float | None


async def start(env: Mapping[str, str], idle_s: float | None) -> tuple[Start, Idle | None]:
    """One start, and with `idle_s` what the running processes use when nothing is done."""
    began = time.monotonic()
    client = await Client.start([sys.executable, "-m", "slmcode.cli", "serve"], env=env)
    try:
        await client.initialize(capabilities=CAN_REFRESH)
        initialized_s = time.monotonic() - began
        desk = Desk(client, "file:///week/mean.py", "python", _BEFORE, _AFTER)
        desk.open()
        suggestion_s = await _first_suggestion(client, desk)
        settled = ("ready", "downloadNeeded", "degraded")
        status = await client.wait_for(
            "slmcode/status", lambda s: s["state"] in settled, _GIVE_UP_S
        )
        if status["state"] != "ready":
            sys.exit(f"the model cannot be used: {status['message']}")
        ready_at = next(
            m.t
            for m in client.messages
            if m.msg.get("method") == "slmcode/status" and m.msg["params"]["state"] == "ready"
        )
        found = Start(initialized_s, ready_at, suggestion_s)
        return found, None if idle_s is None else await _idle(env, idle_s)
    finally:
        with contextlib.suppress(TimeoutError, ServerGoneError):
            await client.stop()
        await _engine_gone(env[_MARKER])


async def _first_suggestion(client: Client, desk: Desk) -> float | None:
    """Ask, and type on for as long as nothing is shown; seconds from the start until there is."""
    desk.ask()
    for key in _TYPED:
        await desk.answer(_GIVE_UP_S)
        await asyncio.sleep(_GAP_S)  # a first answer without text may be followed by one with it
        if (found := first_text(client.messages)) is not None:
            return found
        desk.press(key)
    return None


async def _idle(env: Mapping[str, str], seconds: float) -> Idle:
    marker = env[_MARKER]
    first = usage(_MARKER, marker)
    await asyncio.sleep(_SETTLE_S)
    settled = usage(_MARKER, marker)
    began = time.monotonic()
    await asyncio.sleep(seconds)
    after = usage(_MARKER, marker)
    share = (after.cpu_s - settled.cpu_s) / (time.monotonic() - began)
    config, _ = settings.load(Path(env["SLMCODE_CONFIG"]))
    unit_ms = percentile(await samples(config, Path(marker)), 0.5)
    return Idle(settled.cpu_s - first.cpu_s, share, after.pss_mb, after.rss_mb, unit_ms)


async def _engine_gone(marker: str) -> None:
    """Wait until nothing of this run is left: the next start must start an engine."""
    until = time.monotonic() + _GONE_S
    while usage(_MARKER, marker).n:
        if time.monotonic() > until:
            raise TimeoutError("the engine did not leave when its last server had left")
        await asyncio.sleep(_POLL_S)


def summary(cold: Start, starts: list[Start], idle: Idle) -> dict[str, Any]:
    """Medians over the starts, the slowest first suggestion, the start with an empty cache."""
    came = [s.suggestion_s for s in starts if s.suggestion_s is not None]
    return {
        "starts": len(starts),
        "without_suggestion": len(starts) - len(came),
        "initialized_s": percentile([s.initialized_s for s in starts], 0.5),
        "ready_s": percentile([s.ready_s for s in starts], 0.5),
        "suggestion_s": percentile(came, 0.5),
        "suggestion_max_s": max(came, default=None),
        "decode_unit_ms": idle.unit_ms,
        "cold_cache": cold._asdict(),
        "settle_cpu_s": idle.settle_cpu_s,
        "idle_cpu": idle.cpu_share,
        "memory_pss_mb": idle.pss_mb,
        "memory_rss_mb": idle.rss_mb,
    }


def show(found: Mapping[str, Any]) -> None:
    """The table."""
    cold = found["cold_cache"]
    rows = [
        [name, _seconds(found[key]), _seconds(cold[key])]
        for name, key in (
            ("initialize answered", "initialized_s"),
            ("engine ready", "ready_s"),
            ("first suggestion", "suggestion_s"),
        )
    ]
    rows.append(["  slowest", _seconds(found["suggestion_max_s"]), ""])
    title = f"Start-up, median of {found['starts']}"
    report.table(title, ["since the editor's start", "warm cache", "cold cache"], rows)
    print(
        f"idle: {100 * found['idle_cpu']:.2f} % of a core after {found['settle_cpu_s']:.1f} CPU s"
        f" of work ahead; server and engine {found['memory_pss_mb']:.0f} MB (PSS),"
        f" {found['memory_rss_mb']:.0f} MB (RSS)"
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


async def measure(n: int, idle_s: float, model: str, weights: Path, tuned: bool) -> dict[str, Any]:
    """All starts, in folders of this run's own."""
    with tempfile.TemporaryDirectory(prefix="slmcode-") as folder:
        config = Path(folder, "config.toml")
        config.write_text(
            f"model = {json.dumps(model)}\nmodels_folder = {json.dumps(str(weights))}\n"
            f"tuned = {json.dumps(tuned)}\nengine_idle_s = 2\n"
        )
        env = {
            **os.environ,
            _MARKER: folder,
            "SLMCODE_CONFIG": str(config),
            "SLMCODE_STATE": str(Path(folder, "state")),
            "SLMCODE_CACHE": str(Path(folder, "cache")),
        }
        await start(env, None)  # page cache, byte code
        for kept in Path(folder, "cache").rglob("*"):
            if kept.is_file():
                kept.unlink()
        cold, _ = await start(env, None)
        starts = [(await start(env, None))[0] for _ in range(n - 1)]
        last, idle = await start(env, idle_s)
        assert idle is not None
        return summary(cold, [*starts, last], idle)


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.startup", description=__doc__)
    parser.add_argument("--starts", type=int, default=None, help=f"default {_STARTS}")
    parser.add_argument("--model", default="fast")
    parser.add_argument("--official", action="store_true", help="not the tuned weights")
    parser.add_argument("--short", action="store_true", help="fewer starts, 10 s of idleness")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    config, _ = settings.overlay(
        settings.load()[0], {"model": args.model, "tuned": not args.official}
    )
    try:
        store.resolve(config)  # hashed and stamped here, as `slmcode models pull` does
    except catalog.ModelError as e:
        sys.exit(f"the model cannot be used: {e}")
    n = args.starts or (_SHORT_STARTS if args.short else _STARTS)
    idle_s = _SHORT_IDLE_S if args.short else _IDLE_S
    found = asyncio.run(
        measure(n, idle_s, args.model, settings.models_folder(config), not args.official)
    )
    show(found)
    doc = report.document(
        "startup",
        {"starts": n, "idle_s": idle_s, "model": args.model, "tuned": not args.official},
        found,
    )
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
