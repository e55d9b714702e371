"""`slmcode doctor --measure`: how fast slmcode is on this machine, and what that means.

    weights     prefill, one token, several tokens together      engine/measure.py, beside no engine
    cold        from an editor's start to its first suggestion   a server of our own, no engine yet
    typing      key to text, or to the verdict that there is none, on the shipped sample
    warm        the first suggestion of a second editor          the engine is there already

Server and engine are of our own, in folders that are gone afterwards; the user's go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import typer

from slmcode import config as settings
from slmcode.cli.demo import Scene, sample_scenes
from slmcode.cli.desk import Desk
from slmcode.cli.ending import ended_as_interrupted
from slmcode.cli.typist import ANNOUNCED_S, gap_s, keys
from slmcode.config import Config
from slmcode.engine import measure, wire
from slmcode.engine.backend import physical_cores
from slmcode.lsp.client import Client, ResponseError, ServerGoneError
from slmcode.models import catalog, store
from slmcode.syntax.languages import language_of_path

_LIMIT_S = 50.0  # for all of it; what has not been measured by then is left out
_IDLE_S = 20  # our engine leaves so long after its last server, if we cannot end it
_LEAVING_S = 8.0  # for an engine that was told to end
_ROUNDS = 3  # of the weights' speed
_KEYS = 20
_ANSWER_S = 5.0  # longest wait for one key
_SETTLED = ("ready", "downloadNeeded", "degraded")
_FINE_MS, _NOTICED_MS = 100.0, 200.0  # the median key
_SEED = 1  # of the typing speed

Told = Callable[[str, float], None]  # a step, and how much of it is done, 0 to 1


class Failed(Exception):
    """Nothing can be measured; the message says what to do."""


class Measured(msgspec.Struct):
    """What was found; None where the time was over before."""

    model: str
    file: str
    tuned: bool
    threads: int
    load: float  # of other programs when it began, in processors
    prefill_tokens_per_s: float | None = None
    decode_ms: float | None = None  # one token
    batch_tokens_per_s: dict[int, float] = {}  # tokens evaluated together, as drafts are
    cold_s: float | None = None  # to the first suggestion, the engine not running
    warm_s: float | None = None  # the same with the engine there
    keys: int = 0
    key_median_ms: float | None = None
    key_slowest_ms: float | None = None

    @property
    def is_beside_others(self) -> bool:
        """Whether other programs took what the engine needs."""
        return self.load > self.threads / 2


def report(as_json: bool) -> int:
    """Measure, tell how far it is on stderr, print the result; the exit code."""
    config, problems = settings.load()
    for problem in problems:
        typer.echo(problem, err=True)
    try:
        with ended_as_interrupted(), _progress() as told:
            found = asyncio.run(run(config, told))
    except (Failed, ServerGoneError, ResponseError) as e:
        typer.echo(f"slmcode: {e}", err=True)
        return 1
    said, advice = verdict(found), advise(found)
    if as_json:
        result = msgspec.to_builtins(found, str_keys=True)
        typer.echo(json.dumps(result | {"verdict": said, "advice": advice}))
    else:
        _show(found, said, advice)
    return 0


async def run(config: Config, told: Told) -> Measured:
    """All measurements, in about 20 s; at most a minute. Raises Failed."""
    try:
        path = store.choose(config).path
    except catalog.ModelError as e:
        raise Failed(str(e)) from None
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    official = settings.models_folder(config)
    found = Measured(
        model=config.model,
        file=path.name,
        tuned=path.parent != official and path.is_relative_to(official),
        threads=config.threads or physical_cores(),
        load=load,
    )
    with tempfile.TemporaryDirectory(prefix="slmcode-", ignore_cleanup_errors=True) as folder:
        try:
            async with asyncio.timeout(_LIMIT_S):
                await _weights(found, path, Path(folder), told)
                await _editors(found, config, Path(folder), told)
        except TimeoutError:
            pass
        finally:
            await _end_engine(Path(folder))
    return found


async def _weights(found: Measured, path: Path, folder: Path, told: Told) -> None:
    """The speed of the weights, in a process of its own."""
    step = "speed of the weights"
    told(step, 0.0)
    asked, answered = folder / "request", folder / "answer"
    request = measure.SpeedRequest({"model": str(path)}, {}, found.threads, _ROUNDS)
    asked.write_bytes(msgspec.msgpack.encode(request))
    command = ["-P", "-m", "slmcode.engine.measure", str(asked), str(answered)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=pipe, stderr=pipe
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async for line in process.stdout:
            told(step, float(line))
        error = (await process.stderr.read()).decode(errors="replace").strip()
        if await process.wait() != 0:
            last = error.splitlines()[-1] if error else f"it ended with {process.returncode}"
            raise Failed(f"the weights cannot be measured: {last}; run: slmcode doctor")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    costs = msgspec.msgpack.decode(answered.read_bytes(), type=dict[str, measure.Costs])["model"]
    found.prefill_tokens_per_s = 1000 / costs.prefill_ms
    found.decode_ms = costs.decode_ms
    found.batch_tokens_per_s = {n: 1000 * n / ms for n, ms in costs.batch_ms.items()}


async def _editors(found: Measured, config: Config, folder: Path, told: Told) -> None:
    """Two editors with one engine: the first starts it and types, the second finds it."""
    env = _environment(config, folder)
    first, typed, second = sample_scenes()
    told("an editor's start", 0.0)
    async with _editor(env) as (client, began):
        there = await _first_text(client, first)
        found.cold_s = None if there is None else there - began
        told("an editor's start", 1.0)
        await _type(found, client, typed, told)
        told("a second editor's start", 0.0)
        async with _editor(env) as (other, began):
            there = await _first_text(other, second)
            found.warm_s = None if there is None else there - began
            told("a second editor's start", 1.0)


def _environment(config: Config, folder: Path) -> dict[str, str]:
    """The user's settings, but for an engine that leaves soon."""
    config = msgspec.structs.replace(config, engine_idle_s=_IDLE_S)
    values = msgspec.structs.asdict(config).items()
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values]
    (folder / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    return {
        **os.environ,
        "SLMCODE_CONFIG": str(folder / "config.toml"),
        "SLMCODE_RUNTIME": str(folder / "run"),
        "SLMCODE_STATE": str(folder / "state"),
    }


@contextlib.asynccontextmanager
async def _editor(env: Mapping[str, str]) -> AsyncIterator[tuple[Client, float]]:
    """A client that cannot ask again, so that its answers are text or verdicts; when it began."""
    began = time.monotonic()
    command = [sys.executable, "-P", "-m", "slmcode.cli", "serve"]
    client = await Client.start(command, env=env, stderr=asyncio.subprocess.DEVNULL)
    try:
        await client.initialize()
        status = await client.wait_for("slmcode/status", lambda s: s["state"] in _SETTLED, _LIMIT_S)
        if status["state"] != "ready":
            raise Failed(f"the model cannot be used: {status['message']}; run: slmcode doctor")
        yield client, began
    finally:
        with contextlib.suppress(TimeoutError, ServerGoneError):
            await client.stop()


async def _first_text(client: Client, scene: Scene) -> float | None:
    """Ask, and type on for as long as nothing is offered; when there was a text."""
    desk = _desk(client, scene)
    desk.ask()
    for key in keys(scene.typed):
        shown = await desk.answer(_ANSWER_S)
        if shown is not None and shown.text:
            break
        desk.press(key)
    else:
        return None
    desk.close()
    return desk.asked_at + shown.after_s


async def _type(found: Measured, client: Client, scene: Scene, told: Told) -> None:
    """Some keys at human speed, each one's answer waited for."""
    desk = _desk(client, scene)
    await asyncio.sleep(ANNOUNCED_S)
    rng = random.Random(_SEED)
    latencies = []
    for n, key in enumerate(itertools.islice(keys(scene.typed), _KEYS)):
        desk.press(key)
        shown = await desk.answer(_ANSWER_S)
        latencies.append(shown.after_s * 1e3 if shown is not None else _ANSWER_S * 1e3)
        await desk.rest(gap_s(key, rng))
        told("typing", (n + 1) / _KEYS)
    desk.close()
    found.keys = len(latencies)
    found.key_median_ms = statistics.median(latencies)
    found.key_slowest_ms = max(latencies)


def _desk(client: Client, scene: Scene) -> Desk:
    language_id = language_of_path(scene.path)
    desk = Desk(client, scene.path.as_uri(), language_id, scene.before, scene.after)
    desk.open()
    return desk


async def _end_engine(folder: Path) -> None:
    """End our engine. On Windows its pipe has no file: it is left to itself."""
    for address in (folder / "run").glob("engine-*.sock"):
        with contextlib.suppress(OSError, TimeoutError, wire.BadMessage):
            async with asyncio.timeout(_LEAVING_S):
                reader, writer = await wire.connect(address)
                greeting = await wire.read(reader)
                if isinstance(greeting, wire.Hello):
                    os.kill(greeting.pid, signal.SIGTERM)
                    await reader.read()  # until its end of the connection is gone
                writer.close()


# What it means


def verdict(found: Measured) -> str:
    """One sentence for people."""
    ms = found.key_median_ms
    if ms is None:
        return "this machine is too busy, or too slow, to measure typing within a minute"
    said = f"typing answers in about {max(10, round(ms, -1)):.0f} ms: "
    if ms <= _FINE_MS:
        said += "fine"
    elif ms <= _NOTICED_MS:
        said += "the wait can be felt"
    else:
        said += "too late to be of much use"
    if found.is_beside_others:
        said += f" (measured while other programs kept {found.load:.1f} processors busy)"
    return said


def advise(found: Measured) -> list[str]:
    """What would make it faster, the easiest first; nothing where all is fine."""
    if found.key_median_ms is not None and found.key_median_ms <= _FINE_MS:
        return []
    advice = []
    if found.is_beside_others:
        advice.append("measure again when the other programs are at rest")
    if found.threads > physical_cores():
        advice.append(f'set "threads" to {physical_cores()}, the number of cores, or to 0')
    elif found.is_beside_others and found.threads > 1:
        advice.append(
            f'if they never are: set "threads" to {found.threads - 1}, which waits for them less'
        )
    roles = [model.role for model in catalog.MODELS]
    if found.model in roles and not found.tuned:
        advice.append(f"fit the weights to this machine: slmcode models tune {found.model}")
    if found.model != roles[0]:
        advice.append(f'a smaller model is faster: set "model" to "{roles[0]}"')
    advice.append("is the native library built for this processor? run: slmcode doctor")
    return advice


def _show(found: Measured, said: str, advice: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_row("weights", found.file + (", fitted to this machine" if found.tuned else ""))
    table.add_row("threads", str(found.threads))
    table.add_row("reads prompts", _figure(found.prefill_tokens_per_s, "tokens/s"))
    table.add_row("writes one token", _figure(found.decode_ms, "ms", 1))
    for n in (4, 8, 16):
        rate = found.batch_tokens_per_s.get(n)
        table.add_row(f"writes from drafts of {n}, all right", _figure(rate, "tokens/s"))
    table.add_row("editor's start to a first suggestion", _figure(found.cold_s, "s", 1))
    table.add_row("the same, engine running", _figure(found.warm_s, "s", 1))
    table.add_row(f"key to answer, median of {found.keys}", _figure(found.key_median_ms, "ms"))
    table.add_row("the same, slowest", _figure(found.key_slowest_ms, "ms"))
    console = Console(highlight=False)
    console.print(table)
    style = "yellow" if advice else "green"
    console.print(f"\n{said[:1].upper()}{said[1:]}.", style=style)
    for line in advice:
        console.print(f"→ {line}", style=style)


def _figure(value: float | None, unit: str, digits: int = 0) -> str:
    return "not measured" if value is None else f"{value:,.{digits}f} {unit}"


@contextlib.contextmanager
def _progress() -> Iterator[Told]:
    """A bar on stderr for each step; without a terminal a line for each step that begins."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:24}"), BarColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, TaskID] = {}

        def told(step: str, part: float) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=1.0)
                if bar.disable:
                    typer.echo(step, err=True)
            bar.update(tasks[step], completed=part)

        yield told
