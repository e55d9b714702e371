"""The typing replay (data/README.md) in real time, through a real client, server and engine.

    python -m benchmarks.typing --files 12

Files are those of `commit-replay` whose repository has a working tree in `repos`; that tree is
the workspace. One server a repository, one engine for all, both started for this run. Every
latency stands in ms and in decode units, the time of one plain token in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.processes import Usage, usage
from benchmarks.replay import (
    Answer,
    Region,
    Session,
    decode_unit_ms,
    figures,
    plan,
    type_region,
)
from slmcode.cli.desk import Desk, Shown
from slmcode.cli.typist import ANNOUNCED_S
from slmcode.lsp.client import Client

_MARKER = "SLMCODE_RUNTIME"  # a folder of this run's own: no other engine is met, and ours found
_READY_S = 120.0
_SHORT_FILES = 4


class LspDesk:
    """The replay's desk over a real server."""

    def __init__(self, client: Client, workspace: Path) -> None:
        self._client = client
        self._workspace = workspace
        self._desk: Desk
        self._shown: Shown | None = None

    async def open(self, region: Region) -> None:
        uri = (self._workspace / region.path).as_uri()
        self._desk = Desk(self._client, uri, region.language, region.before, region.after)
        self._shown = None
        self._desk.open()
        await asyncio.sleep(ANNOUNCED_S)

    async def press(self, text: str, *, accepted: bool) -> None:
        if accepted and self._shown is not None:
            self._desk.accept(self._shown, text)
        else:
            self._desk.press(text)

    async def rest(self, seconds: float) -> Answer | None:
        self._shown = await self._desk.rest(seconds)
        if self._shown is None:
            return None
        details = await self._desk.details()
        told = {k: details[k] for k in ("reason", "server_ms") if k in details}
        timings = dict(details.get("timings") or {})
        return Answer(self._shown.text, self._shown.after_s, timings | told)

    async def close(self) -> None:
        self._desk.close()


class Measured:
    """A session with what the processes used for it."""

    def __init__(self) -> None:
        self.session = Session()
        self.cpu_s = 0.0

    def add(self, session: Session, cpu_s: float) -> None:
        self.session.add(session)
        self.cpu_s += cpu_s

    def figures(self, unit_ms: float | None) -> dict[str, Any]:
        out = figures(self.session, unit_ms)
        n = out["accepted_characters"]
        out["cpu_s"] = self.cpu_s
        out["cpu_s_per_accepted_character"] = self.cpu_s / n if n else None
        return out


def rows() -> list[dict[str, Any]]:
    """Every commit-replay row. Raises OSError where the data is absent."""
    files = sorted((report.DATA / "commit-replay").glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(report.DATA / "commit-replay")
    return [json.loads(line) for f in files for line in f.read_text("utf-8").splitlines()]


def workspace_of(repository: str) -> Path:
    """The working tree of a repository; may not exist."""
    return report.DATA / "repos" / repository.replace("/", "+")


async def replay(
    regions: list[Region], *, seed: int, seconds: float, env: Mapping[str, str], workspace: bool
) -> tuple[dict[str, Measured], Usage]:
    """Type all regions, or as many as begin within `seconds`; figures by language, peak memory."""
    measured: dict[str, Measured] = {}
    peak = Usage(0.0, 0.0, 0.0, 0)
    marker = env[_MARKER]
    repositories = sorted({r.repository for r in regions})
    for repository in repositories:
        folder = workspace_of(repository)
        folders = [(folder.as_uri(), folder.name)] if workspace else []
        client = await Client.start([sys.executable, "-m", "slmcode.cli", "serve"], env=env)
        try:
            await client.initialize(folders=folders)
            await _ready(client)
            until = time.monotonic() + seconds / len(repositories)
            for region in (r for r in regions if r.repository == repository):
                if time.monotonic() > until:
                    break
                before = usage(_MARKER, marker)
                rng = random.Random(f"{seed} {repository} {region.path}")
                session = await type_region(LspDesk(client, folder), region, rng)
                after = usage(_MARKER, marker)
                peak = max(peak, after, key=lambda u: u.pss_mb)
                language = measured.setdefault(region.language, Measured())
                language.add(session, after.cpu_s - before.cpu_s)
                print(f"  {repository} {region.path}: {len(session.requests)} keys", flush=True)
        finally:
            await client.stop()
    return measured, peak


async def _ready(client: Client) -> None:
    settled = ("ready", "downloadNeeded", "degraded")
    status = await client.wait_for("slmcode/status", lambda s: s["state"] in settled, _READY_S)
    if status["state"] != "ready":
        sys.exit(f"the model cannot be used: {status['message']}")


def show(by_name: Mapping[str, Mapping[str, Any]]) -> None:
    """The table: a column a language, a row a figure."""
    percent, number = report.percent, report.number
    lines = [
        ("in time (100 ms)", "in_time", percent),
        ("late", "late", percent),
        ("coverage", "coverage", percent),
        ("precision", "precision", percent),
        ("saved", "saved", percent),
        ("quiet", "quiet", percent),
        ("typed along", "typed_along", percent),
        ("prompt tokens reused", "reused", percent),
        ("p50, ms", "p50_ms", number),
        ("p95, ms", "p95_ms", number),
        ("p50, decode units", "p50_units", number),
        ("p95, decode units", "p95_units", number),
        ("server's own p95, ms", "server_p95_ms", number),
        ("accepted characters", "accepted_characters", lambda v: number(v, 0)),
        ("CPU s per accepted character", "cpu_s_per_accepted_character", lambda v: number(v, 3)),
        ("requests", "requests", lambda v: number(v, 0)),
        ("regions", "regions", lambda v: number(v, 0)),
    ]
    body = [[title, *(form(f[key]) for f in by_name.values())] for title, key, form in lines]
    report.table("Typing replay", ["", *by_name], body)


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.typing", description=__doc__)
    parser.add_argument("--files", type=int, default=24, help="regions to type, one a file")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no region after these")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=("dev", "held-out"), default="dev")
    parser.add_argument("--model", default="fast")
    parser.add_argument(
        "--workspace",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open the repository's tree; without it files of all repositories are typed",
    )
    parser.add_argument("--short", action="store_true", help="the few files of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    n_files = _SHORT_FILES if args.short else args.files
    try:
        regions = plan(
            rows(),
            split=args.split,
            seed=args.seed,
            n_files=n_files,
            wanted=lambda r: not args.workspace or workspace_of(r["repo"]).is_dir(),
        )
    except OSError as e:
        sys.exit(f"the benchmark data is absent: {e}")
    with tempfile.TemporaryDirectory(prefix="slmcode-") as runtime:
        config = Path(runtime, "config.toml")
        config.write_text(f"model = {json.dumps(args.model)}\nengine_idle_s = 5\n")
        env = {**os.environ, _MARKER: runtime, "SLMCODE_CONFIG": str(config)}
        measured, peak = asyncio.run(
            replay(
                regions,
                seed=args.seed,
                seconds=args.seconds,
                env=env,
                workspace=args.workspace,
            )
        )
    overall = Measured()
    for m in measured.values():
        overall.add(m.session, m.cpu_s)
    unit_ms = decode_unit_ms(overall.session.requests)
    by_name = {"all": overall.figures(unit_ms)}
    by_name |= {name: m.figures(unit_ms) for name, m in sorted(measured.items())}
    show(by_name)
    print(
        f"decode unit {report.number(unit_ms)} ms; server and engine {peak.pss_mb:.0f} MB"
        f" (PSS), {peak.rss_mb:.0f} MB (RSS)"
    )
    doc = report.document(
        "typing",
        {
            "files": n_files,
            "seed": args.seed,
            "split": args.split,
            "model": args.model,
            "workspace": args.workspace,
        },
        {
            "decode_unit_ms": unit_ms,
            "memory_pss_mb": peak.pss_mb,
            "memory_rss_mb": peak.rss_mb,
            "figures": by_name,
        },
    )
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
