"""Kill the engine again and again, at every stage, and look whether an editor would notice.

    python -m tests.faults.kills --kills 1000 --seed 1 [--model WEIGHTS.gguf]

Around each SIGKILL a request must be answered, with text or empty, within 2 s, and when the engine
is back the next request must be served by it. The last line is one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from slmcode.lsp.client import Client, Request, ResponseError
from tests.faults.desk import Desk, Process, within

ANSWER_S = 2.0
STAGES = ("idle", "starting", "loading", "prefill", "decode", "second weights")
_WARM_UP = 20  # kills, before memory is compared


class Kill(NamedTuple):
    """What one kill came to. Times are in s, from the kill unless said otherwise."""

    stage: str
    answered_s: float  # of the request around it, from the kill or its arrival; inf: too late
    ready_s: float
    served_s: float  # the next suggestion; inf: it was not served
    degraded: int  # times the client was told that the engine is away
    shown: int  # messages to the user
    zombies: int

    @property
    def unnoticed(self) -> bool:
        return self.answered_s <= ANSWER_S and self.served_s < float("inf")


class Killer:
    """One server, whose engine is killed."""

    def __init__(self, desk: Desk, client: Client, seed: int) -> None:
        self.desk, self.client = desk, client
        self.random = random.Random(seed)
        self.server = Process(client.process.pid)

    async def kill(self, stage: str) -> Kill:
        """Kill the engine at a stage; it is ready before, and as a rule afterwards."""
        desk, client = self.desk, self.client
        seen = len(desk.states(client))
        uri, line = desk.open(client)
        asked = None
        if stage in ("starting", "loading"):
            first = desk.engine()
            first.send(signal.SIGKILL)
            await first.gone()
            seen = await self._is_degraded(seen)
            engine = await self.server.child("slmcode.engine")
            if stage == "loading":
                await desk.reach(client, "loading", seen)
                await asyncio.sleep(self.random.uniform(0, 0.02))
            else:
                await asyncio.sleep(self.random.uniform(0, 0.3))
            seen = len(desk.states(client))
        else:
            engine = desk.engine()
        if stage == "prefill":
            asked = client.inline_completion(uri, line, 0, invoked=True)
            await asyncio.sleep(self.random.uniform(0, 0.03))
        elif stage == "decode":
            asked = client.inline_completion(uri, line, 0, invoked=True)
            await asyncio.sleep(self.random.uniform(0.03, 0.15))
        elif stage == "second weights":
            asked = _edit(client, uri)
            await asyncio.sleep(self.random.uniform(0, 0.1))
        engine.send(signal.SIGKILL)
        killed = time.monotonic()
        if asked is None:
            asked = client.inline_completion(uri, line, 0, invoked=True)
        try:
            _, answered_s = await within(ANSWER_S, asked)
        except TimeoutError:
            answered_s = float("inf")
        await engine.gone()
        client.close(uri)
        # The one that was killed may have said that it is ready just before.
        await desk.reach(client, "ready", await self._is_degraded(seen))
        ready_s = time.monotonic() - killed
        try:
            served = await desk.served(client)
        except ResponseError:
            served = False
        served_s = time.monotonic() - killed if served else float("inf")
        degraded = desk.states(client)[seen:].count("degraded")
        shown = len(desk.said(client))
        zombies = len(desk.zombies(client))
        client.messages.clear()  # a thousand kills make many
        return Kill(stage, answered_s, ready_s, served_s, degraded, shown, zombies)

    async def _is_degraded(self, seen: int) -> int:
        """Wait until it is said that the engine is away; the number of statuses up to that."""
        await self.desk.reach(self.client, "degraded", seen)
        return seen + self.desk.states(self.client)[seen:].index("degraded") + 1


def _edit(client: Client, uri: str) -> Request:
    """Ask for an edit, which has the second weights loaded."""
    span = {"start": _place(0), "end": _place(3)}
    params = {"textDocument": {"uri": uri}, "range": span, "instruction": "shorter"}
    return client.request("slmcode/edit", params)


def _place(line: int) -> dict[str, int]:
    return {"line": line, "character": 0}


async def run(
    desk: Desk, n: int, seed: int, stages: tuple[str, ...] = STAGES, *, aloud: bool = False
) -> tuple[list[Kill], dict[str, int]]:
    """Kill `n` times, the stages in a random order; the kills, and what of the server grew."""
    client = await desk.start()
    await desk.ready(client)
    assert await desk.served(client)
    uri, _ = desk.open(client)
    await within(60, _edit(client, uri))  # the first one imports much
    client.close(uri)
    killer = Killer(desk, client, seed)
    kills: list[Kill] = []
    warm = (0, 0)
    for i in range(n):
        if i % len(stages) == 0:
            order = killer.random.sample(stages, len(stages))
        try:
            kills.append(await killer.kill(order[i % len(stages)]))
        except TimeoutError:
            print("kill", i + 1, order[i % len(stages)], desk.states(client), desk.said(client))
            raise
        if i + 1 == min(_WARM_UP, n):
            warm = killer.server.resident_kb(), killer.server.descriptors()
        if aloud and ((i + 1) % 25 == 0 or not kills[-1].unnoticed):
            print(i + 1, sum(k.unnoticed for k in kills), "unnoticed", kills[-1], flush=True)
    grown = {
        "memory_kb": killer.server.resident_kb() - warm[0],
        "of_kb": warm[0],
        "descriptors": killer.server.descriptors() - warm[1],
    }
    await client.stop()
    return kills, grown


def report(kills: list[Kill], grown: dict[str, int], seed: int) -> dict[str, object]:
    """Print a table for people; the figures."""
    print(f"{'stage':16} {'kills':>5} {'unnoticed':>9} {'answer ms':>18} {'next served ms':>18}")
    for stage in STAGES:
        some = [k for k in kills if k.stage == stage]
        if some:
            answers = _median_and_most([k.answered_s for k in some])
            served = _median_and_most([k.served_s for k in some])
            good = sum(k.unnoticed for k in some)
            print(f"{stage:16} {len(some):5} {good:9} {answers:>18} {served:>18}")
    return {
        "kills": len(kills),
        "unnoticed": sum(k.unnoticed for k in kills),
        "seed": seed,
        "answered_s_max": max(k.answered_s for k in kills),
        "ready_s_median": statistics.median(k.ready_s for k in kills),
        "served_s_median": statistics.median(k.served_s for k in kills),
        "served_s_max": max(k.served_s for k in kills),
        "degraded": dict(Counter(k.degraded for k in kills)),
        "shown": sum(k.shown for k in kills),
        "zombies": sum(k.zombies for k in kills),
        "grown": grown,
        "load": os.getloadavg(),
    }


def _median_and_most(values: list[float]) -> str:
    return f"{statistics.median(values) * 1e3:.0f}, {max(values) * 1e3:.0f} at most"


def main() -> int:
    """See the module; 0 if no kill was noticed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, help="weights in place of the tiny ones")
    parser.add_argument("--stages", nargs="*", default=STAGES, choices=STAGES)
    parser.add_argument("--lines", type=int, default=60, help="of a document, 12 tokens each")
    parser.add_argument("--threads", type=int, default=1, help="of the engine; 0: one per core")
    options = parser.parse_args()

    async def all_of_it(folder: Path) -> tuple[list[Kill], dict[str, int]]:
        desk = Desk(folder, folder / "run", options.model)
        desk.n_lines, desk.settings["threads"] = options.lines, options.threads
        try:
            return await run(desk, options.kills, options.seed, tuple(options.stages), aloud=True)
        finally:
            await desk.close()

    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        kills, grown = asyncio.run(all_of_it(Path(folder)))
    figures = report(kills, grown, options.seed)
    print(json.dumps(figures))
    return figures["unnoticed"] != len(kills)


if __name__ == "__main__":
    sys.exit(main())
