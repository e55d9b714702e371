"""The typing replay (data/README.md) in real time, through a real client, server and engine.

    python -m benchmarks.typing --files 12
    python -m benchmarks.typing --files 12 --beside 2        two CPU-bound processes beside it

Files are those of `commit-replay` whose repository has a working tree in `repos`; that tree is
the workspace (`--no-workspace`: files of all repositories, all languages, without one). One server
a repository, one engine for all, both started for this run. Every latency stands in ms and in
decode units, the time of one plain token in the same run (`unit.py`), without what runs beside it.

For every file, in this order: the first key in another file that was just opened (cold); the
region, typed warm; jumps inside the file; the way back to the file typed before, which stayed
open; quiet positions. `places.py` defines the last three. CPU time is that of the typing alone.

Every key and what came of it is written to a file of JSON lines (`events.py`), from which
`make report` draws. It holds text of the data; it stays outside of the repository.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import events, places, report
from benchmarks.places import Probe
from benchmarks.processes import Usage, usage
from benchmarks.replay import Region, Session, figures, percentile, plan, share, type_region
from benchmarks.session import LspDesk
from benchmarks.unit import samples
from slmcode.config import load as load_config
from slmcode.features import statistics
from slmcode.features.project import database_of
from slmcode.lsp.client import Client
from slmcode.lsp.messages import CAN_REFRESH

_MARKER = "SLMCODE_RUNTIME"  # a folder of this run's own: no other engine is met, and ours found
_READY_S = 120.0
_SHORT_FILES = 4
_JUMPS = 2  # a region
_QUIET = 2  # finished lines a region, and as many places of deleted code
_VISIT_S = (0.7, 1.2)  # between the cursor's announcement at a place and the key there
_SPIN = """
import os
parent = os.getppid()
while os.getppid() == parent:  # a benchmark that was killed leaves nothing behind
    for _ in range(1_000_000):
        pass
"""


@dataclass
class Measured:
    """A session with its single requests and what the processes used while typing."""

    session: Session = field(default_factory=Session)
    probes: list[Probe] = field(default_factory=list)
    cpu_s: float = 0.0

    def add(self, other: Measured) -> None:
        """Take the other one in."""
        self.session.add(other.session)
        self.probes += other.probes
        self.cpu_s += other.cpu_s

    def figures(self, unit_ms: float | None) -> dict[str, Any]:
        """All figures."""
        out = figures(self.session, unit_ms)
        n = out["accepted_characters"]
        out["cpu_s"] = self.cpu_s
        out["cpu_s_per_accepted_character"] = self.cpu_s / n if n else None
        return out | places.figures(self.probes, unit_ms)


def rows() -> list[dict[str, Any]]:
    """Every commit-replay row. Raises OSError where the data is absent."""
    files = sorted((report.DATA / "commit-replay").glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(report.DATA / "commit-replay")
    return [json.loads(line) for f in files for line in f.read_text("utf-8").splitlines()]


def workspace_of(repository: str) -> Path:
    """The working tree of a repository; may not exist."""
    return report.DATA / "repos" / repository.replace("/", "+")


@contextlib.contextmanager
def busy(n: int) -> Iterator[None]:
    """`n` CPU-bound processes run meanwhile, at our own priority."""
    spinning = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(n)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


async def one_file(
    client: Client,
    folder: Path,
    region: Region,
    cold: Region | None,
    back: LspDesk | None,
    rng: random.Random,
    marker: str,
) -> tuple[Measured, LspDesk]:
    """Everything that is done with one file. `back` is the desk of the one before, still open."""
    out = Measured()
    if cold is not None:
        desk = LspDesk(client, folder, cold)
        out.probes.append(Probe("cold", cold.path, cold.language, await desk.cold()))
        desk.close()
    desk = LspDesk(client, folder, region)
    before = usage(_MARKER, marker)
    out.session = await type_region(desk, region, rng)
    out.cpu_s = usage(_MARKER, marker).cpu_s - before.cpu_s
    rng = random.Random(f"{region.repository} {region.path}")  # same places, whatever was typed
    visits = [(desk, p) for p in places.jumps(region, rng, _JUMPS)]
    if back is not None:
        text = back.region.text
        end = len(back.region.before + back.region.typed)
        visits.append((back, places.newline_at("back", text, end)))
    visits += [(desk, p) for p in places.quiet_places(region, rng, _QUIET)]
    for there, place in visits:
        answer = await there.visit(place, rng.uniform(*_VISIT_S))
        r = there.region
        out.probes.append(Probe(place.kind, r.path, r.language, answer))
    return out, desk


async def replay(
    regions: list[Region],
    cold: list[Region],
    *,
    seed: int,
    seconds: float,
    env: Mapping[str, str],
    workspace: bool,
    beside: int,
    index_beside: Path | None,
) -> tuple[list[tuple[str, Measured]], Usage, float | None]:
    """Type all regions, or as many as begin within `seconds`.

    `cold` are regions of further files, each used with a region of its repository. Returns what
    was measured for each region with its language, the peak of memory, and the decode unit in ms.
    """
    measured: list[tuple[str, Measured]] = []
    peak = Usage(0.0, 0.0, 0.0, 0)
    marker = env[_MARKER]
    config, _ = load_config(Path(env["SLMCODE_CONFIG"]))
    unit: list[float] = []
    repositories = sorted({r.repository for r in regions})
    with contextlib.ExitStack() as load:
        for repository in repositories:
            folder = workspace_of(repository)
            folders = [(folder.as_uri(), folder.name)] if workspace else []
            if index_beside is not None:
                database_of(index_beside).unlink(missing_ok=True)
                folders.append((index_beside.as_uri(), index_beside.name))
            client = await Client.start([sys.executable, "-m", "slmcode.cli", "serve"], env=env)
            try:
                await client.initialize(folders=folders, capabilities=CAN_REFRESH)
                await ready(client)
                if not measured or not beside:
                    unit += await samples(config, Path(marker))
                if not measured:  # a machine becomes busy while the editor is open
                    load.enter_context(busy(beside))
                unused = [r for r in cold if r.repository == repository]
                back: LspDesk | None = None
                until = time.monotonic() + seconds / len(repositories)
                for region in (r for r in regions if r.repository == repository):
                    if time.monotonic() > until:
                        break
                    rng = random.Random(f"{seed} {repository} {region.path}")
                    first = unused.pop(0) if unused else None
                    one, desk = await one_file(client, folder, region, first, back, rng, marker)
                    if back is not None:
                        back.close()
                    back = desk
                    measured.append((region.language, one))
                    peak = max(peak, usage(_MARKER, marker), key=lambda u: u.pss_mb)
                    n = len(one.session.requests)
                    print(f"  {repository} {region.path}: {n} keys", flush=True)
            finally:
                await client.stop()
    return measured, peak, percentile(unit, 0.5)


async def ready(client: Client) -> None:
    """Wait until the model is loaded; ends the program where it cannot be."""
    settled = ("ready", "downloadNeeded", "degraded")
    status = await client.wait_for("slmcode/status", lambda s: s["state"] in settled, _READY_S)
    if status["state"] != "ready":
        sys.exit(f"the model cannot be used: {status['message']}")


def generations(state: Path) -> dict[str, Any]:
    """What the servers counted of all their generations (`features/statistics.py`), and shares."""
    counted = msgspec.to_builtins(statistics.load(state))
    names = ("cache_n", "prompt_n", "predicted_n", "draft_n", "draft_n_accepted")
    out = {name: counted.get(name, 0) for name in names}
    out["reused"] = share(out["cache_n"], out["cache_n"] + out["prompt_n"])
    out["draft_kept"] = share(out["draft_n_accepted"], out["draft_n"])
    return out


def show(by_name: Mapping[str, Mapping[str, Any]]) -> None:
    """The table: a column a language, a row a figure."""
    percent, number = report.percent, report.number

    def count(value: float | None) -> str:
        return number(value, 0)

    lines = [
        ("in time (100 ms)", "in_time", percent),
        ("  with text or a verdict", "decided_in_time", percent),
        ("late", "late", percent),
        ("coverage", "coverage", percent),
        ("text within 100 ms", "text_in_time", percent),
        ("precision", "precision", percent),
        ("saved", "saved", percent),
        ("quiet", "quiet", percent),
        ("typed along", "typed_along", percent),
        ("p50, ms", "p50_ms", number),
        ("p95, ms", "p95_ms", number),
        ("generated answers: p50, ms", "generated_p50_ms", number),
        ("generated answers: p95, ms", "generated_p95_ms", number),
        ("generated answers: p50, decode units", "generated_p50_units", number),
        ("generated answers: p95, decode units", "generated_p95_units", number),
        ("generated text stands there: p50, ms", "generated_text_p50_ms", number),
        ("generated text stands there: p95, ms", "generated_text_p95_ms", number),
        ("longest stall, ms", "stall_ms", count),
        ("server's own p95, ms", "server_p95_ms", number),
        ("accepted characters", "accepted_characters", count),
        ("CPU s per accepted character", "cpu_s_per_accepted_character", lambda v: number(v, 3)),
        ("requests", "requests", count),
        ("regions", "regions", count),
        ("cold first key: in time", "cold_in_time", percent),
        ("  with text or a verdict", "cold_decided_in_time", percent),
        ("cold first key: p50, ms", "cold_p50_ms", count),
        ("cold first keys", "cold_n", count),
        ("after a jump: in time", "jump_in_time", percent),
        ("  with text or a verdict", "jump_decided_in_time", percent),
        ("jumps", "jump_n", count),
        ("back in an open file: in time", "back_in_time", percent),
        ("ways back", "back_n", count),
        ("quiet at quiet positions", "quiet_positions", percent),
        ("  finished lines", "quiet_finished", percent),
        ("  deleted code", "quiet_deleted", percent),
        ("quiet positions", "quiet_positions_n", count),
    ]
    body = [[title, *(form(f[key]) for f in by_name.values())] for title, key, form in lines]
    report.table("Typing replay", ["", *by_name], body)
    for title, key in (("empty answers", "reasons"), ("quiet positions", "quiet_reasons")):
        reasons = ", ".join(f"{name} {n}" for name, n in by_name["all"][key].items())
        print(f"{title}: {reasons or 'none'}")


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.typing", description=__doc__)
    parser.add_argument("--files", type=int, default=24, help="regions to type, one a file")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no region after these")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=("dev", "held-out"), default="dev")
    parser.add_argument("--model", default="fast")
    parser.add_argument("--official", action="store_true", help="not the tuned weights")
    parser.add_argument("--beside", type=int, default=0, help="CPU-bound processes beside it")
    parser.add_argument(
        "--index-beside", type=Path, help="a large folder that is indexed from nothing meanwhile"
    )
    parser.add_argument(
        "--context",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="what other files say stands in the prompts",
    )
    parser.add_argument("--events", type=Path, help="default: artifacts/typing[-beside].jsonl")
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
        planned = plan(
            rows(),
            split=args.split,
            seed=args.seed,
            n_files=3 * n_files,  # the first ones to type into, the others to be opened cold
            wanted=lambda r: not args.workspace or workspace_of(r["repo"]).is_dir(),
        )
    except OSError as e:
        sys.exit(f"the benchmark data is absent: {e}")
    settings = {
        "files": n_files,
        "seed": args.seed,
        "split": args.split,
        "model": args.model,
        "tuned": not args.official,
        "workspace": args.workspace,
        "beside": args.beside,
        "index_beside": args.index_beside is not None,
        "context": args.context,
    }
    with tempfile.TemporaryDirectory(prefix="slmcode-") as runtime:
        config = Path(runtime, "config.toml")
        tuned = json.dumps(not args.official)
        without = "" if args.context else "context_tokens = 0\n"
        config.write_text(
            f"model = {json.dumps(args.model)}\ntuned = {tuned}\nengine_idle_s = 5\n{without}"
        )
        state = Path(runtime, "state")  # the user's own counters stay as they are
        env = {
            **os.environ,
            _MARKER: runtime,
            "SLMCODE_CONFIG": str(config),
            "SLMCODE_STATE": str(state),
        }
        measured, peak, unit_ms = asyncio.run(
            replay(
                planned[:n_files],
                planned[n_files:],
                seed=args.seed,
                seconds=args.seconds,
                env=env,
                workspace=args.workspace,
                beside=args.beside,
                index_beside=args.index_beside and args.index_beside.resolve(),
            )
        )
        generated = generations(state)
    overall = Measured()
    by_language: dict[str, Measured] = {}
    for language, one in measured:
        overall.add(one)
        by_language.setdefault(language, Measured()).add(one)
    by_name = {"all": overall.figures(unit_ms)}
    by_name |= {name: m.figures(unit_ms) for name, m in sorted(by_language.items())}
    show(by_name)
    print(
        f"decode unit {report.number(unit_ms)} ms; server and engine {peak.pss_mb:.0f} MB"
        f" (PSS), {peak.rss_mb:.0f} MB (RSS)"
    )
    print(
        f"generations: {report.percent(generated['reused'])} of their prompt tokens reused,"
        f" {generated['predicted_n']:,} tokens, {generated['draft_n']:,} draft tokens,"
        f" {report.percent(generated['draft_kept'])} of them kept"
    )
    doc = report.document(
        "typing",
        settings,
        {
            "decode_unit_ms": unit_ms,
            "memory_pss_mb": peak.pss_mb,
            "memory_rss_mb": peak.rss_mb,
            "generations": generated,
            "figures": by_name,
        },
    )
    name = "typing-beside.jsonl" if args.beside else "typing.jsonl"
    path = args.events or report.ARTIFACTS / name
    events.write(path, doc, overall.session.requests, overall.probes)
    print(f"every key: {path}")
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
