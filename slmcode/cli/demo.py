"""`slmcode demo [FILE]`: watch the model complete code, through the real server.

Some lines are taken out of a file in memory and typed again at human speed. Every new suggestion
is printed: what was typed in normal type, what was offered dim, then its latency and how
many tokens the model produced, had in memory and had to read. Nothing is written to any file.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slmcode import config as settings
from slmcode import samples
from slmcode.cli import close_network
from slmcode.cli.desk import Desk, Shown
from slmcode.cli.typist import ANNOUNCED_S, accepted_part, gap_s, keys
from slmcode.lsp.client import Client, ResponseError, ServerGoneError
from slmcode.lsp.messages import CAN_REFRESH
from slmcode.models import catalog, store
from slmcode.syntax.languages import language_of_path
from slmcode.text import line_starts

_STATUS = "slmcode/status"
_SETTLED = ("ready", "downloadNeeded", "degraded")
_START_S = 120.0  # longest wait for the engine; loading takes a second or two from a warm disk
_IN_TIME_S = 0.100
_SEED = 1  # of the typing speed: two runs type alike
_LINES = 3  # retyped at each of two places of the user's own file

SAMPLE_SCENES = (
    (
        "lending.py",
        "out = sum(1 for loan in open_loans(library) if loan.book.isbn == isbn)\n"
        "    return book.copies - out",
    ),
    (
        "models.py",
        "end = self.returned or today\n"
        "        days = max((end - self.due).days, 0)\n"
        "        return days * FEE_PER_DAY",
    ),
    (
        "report.py",
        "overdue = [loan for loan in open_loans(library) if loan.is_overdue(today)]\n"
        "    return sorted(overdue, key=lambda loan: loan.due)",
    ),
)


class Scene(NamedTuple):
    """A file and what is typed in it; `typed` empty: one suggestion at the end of `before`."""

    path: Path
    before: str
    typed: str
    after: str


@dataclass(slots=True)
class Tally:
    """What the summary needs."""

    keys_pressed: int = 0
    keys_plain: int = 0
    latencies_s: list[float] = field(default_factory=list)
    suggestions: int = 0
    accepted_characters: int = 0
    first_suggestion_s: float | None = None


def sample_scenes() -> list[Scene]:
    """The places to type in the bundled project."""
    folder = Path(samples.__file__).parent / "library"
    scenes = []
    for name, typed in SAMPLE_SCENES:
        text = (folder / name).read_text(encoding="utf-8")
        before, found, after = text.partition(typed)
        assert found, f"{name} no longer holds what is typed in it"
        scenes.append(Scene(folder / name, before, typed, after))
    return scenes


def scenes_of(path: Path, text: str) -> list[Scene]:
    """Two places of three lines with text in them, a third and two thirds into the file.

    Lines that end in CR are left out. A file without such a place is completed at its end.
    """
    starts = line_starts(text)
    lines = text.split("\n")
    fitting = [
        i
        for i in range(len(lines) - _LINES)
        if all(line.strip() and "\r" not in line for line in lines[i : i + _LINES])
    ]
    if not fitting or len(lines) != len(starts):
        return [Scene(path, text, "", "")]
    chosen = {min(fitting, key=lambda i: abs(i - len(lines) * k / 3)) for k in (1, 2)}
    scenes = []
    for first in sorted(chosen):
        indentation = len(lines[first]) - len(lines[first].lstrip())
        start = starts[first] + indentation
        end = starts[first + _LINES] - 1
        scenes.append(Scene(path, text[:start], text[start:end], text[end:]))
    return scenes


def demo(
    file: Annotated[
        Path | None, typer.Argument(help="A file of your own; it is read and never written.")
    ] = None,
) -> None:
    """Watch the model complete a sample project, or FILE."""
    config, problems = settings.load()
    for problem in problems:
        typer.echo(problem, err=True)
    console = Console(highlight=False)
    try:
        store.resolve(config)
    except catalog.NotPulled:
        console.print("The model is not on this machine yet; getting it.")
        # In a process of its own: this one is going to read source and has no network then.
        pull = [sys.executable, "-P", "-m", "slmcode.cli", "models", "pull", config.model]
        if code := subprocess.call(pull):
            raise typer.Exit(code) from None
    except catalog.ModelError as e:
        typer.echo(f"slmcode: {e}", err=True)
        raise typer.Exit(1) from None
    close_network()
    scenes = sample_scenes() if file is None else scenes_of(file, _read(file))
    try:
        ready = asyncio.run(perform(scenes, console))
    except (ServerGoneError, ResponseError, TimeoutError) as e:
        typer.echo(f"slmcode: the server failed: {e}. Run: slmcode doctor", err=True)
        raise typer.Exit(1) from None
    if not ready:
        raise typer.Exit(1)


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as e:
        typer.echo(f"slmcode: {file}: {e.strerror}", err=True)
    except UnicodeDecodeError:
        typer.echo(f"slmcode: {file} is not UTF-8 text", err=True)
    raise typer.Exit(2)


async def perform(scenes: Sequence[Scene], console: Console) -> bool:
    """Start a server, play the scenes, print the summary. False if the model cannot be used."""
    started = time.monotonic()
    client = await Client.start([sys.executable, "-P", "-m", "slmcode.cli", "serve"])
    try:
        folder = scenes[0].path.resolve().parent
        folders = [(folder.as_uri(), folder.name)]
        await client.initialize(folders=folders, capabilities=CAN_REFRESH)
        status = await client.wait_for(_STATUS, lambda s: s["state"] in _SETTLED, _START_S)
        if status["state"] != "ready":
            console.print(f"The model cannot be used: {status['message']}", style="red")
            return False
        console.print(f"Server and model are ready after {time.monotonic() - started:.1f} s.")
        tally = Tally()
        rng = random.Random(_SEED)
        for scene in scenes:
            console.rule(f"[bold]{scene.path.name}", align="left")
            await _play(scene, client, console, tally, rng, started)
        _summary(console, tally)
    finally:
        await client.stop()
    return True


async def _play(
    scene: Scene,
    client: Client,
    console: Console,
    tally: Tally,
    rng: random.Random,
    started: float,
) -> None:
    """Type one scene. The first suggestion of all is asked for at once: how soon is it there?"""
    uri = scene.path.resolve().as_uri()
    desk = Desk(client, uri, language_of_path(scene.path), scene.before, scene.after)
    desk.open()
    for i, line in enumerate(scene.before.splitlines()[-3:-1]):
        _print_code(console, desk.line_number - 2 + i, Text(line))
    if not scene.typed or tally.first_suggestion_s is None:
        desk.ask(invoked=True)
        await _look(desk, await desk.answer(_START_S), "", console, tally, started)
    else:
        await asyncio.sleep(ANNOUNCED_S)
    tally.keys_plain += sum(1 for _ in keys(scene.typed))
    remaining, accepted, offered = scene.typed, "", ""
    shown: Shown | None = None
    while remaining:
        key = accepted or next(keys(remaining))
        if accepted and shown is not None:
            desk.accept(shown, key)
            tally.accepted_characters += len(key)
            console.print(Text(f"      ✓ {len(key)} characters accepted with one key", "green"))
        else:
            desk.press(key)
        if "\n" in key:
            offered = ""
        remaining = remaining[len(key) :]
        tally.keys_pressed += 1
        shown = await desk.rest(gap_s(key, rng))
        if shown is not None:
            tally.latencies_s.append(shown.after_s)
        standing = offered.removeprefix(key) if offered.startswith(key) else ""
        offered = await _look(desk, shown, standing, console, tally, started)
        accepted = accepted_part(offered, remaining)
    _print_code(console, desk.line_number, Text(desk.line_text))
    desk.close()


async def _look(
    desk: Desk,
    shown: Shown | None,
    standing: str,
    console: Console,
    tally: Tally,
    started: float,
) -> str:
    """Count a suggestion, print it unless it is what is `standing` there; returns its text."""
    if shown is None or not shown.text:
        return ""
    details = await desk.details()
    timings = details.get("timings") or {}
    tally.suggestions += 1
    if tally.first_suggestion_s is None:
        tally.first_suggestion_s = desk.asked_at + shown.after_s - started
    if shown.text != standing:
        first, *below = shown.text.split("\n")
        code = Text(desk.line_text).append(first, "dim italic")
        _print_code(console, desk.line_number, code, _figures(shown, timings))
        for i, line in enumerate(below):
            _print_code(console, desk.line_number + 1 + i, Text(line, "dim italic"))
    return shown.text


def _figures(shown: Shown, timings: Mapping[str, Any]) -> str:
    parts = [f"{shown.after_s * 1e3:.0f} ms"]
    if timings.get("predicted_n"):
        parts.append(f"{timings['predicted_n']} tokens")
    if timings.get("prompt_n"):
        parts.append(f"prompt {timings.get('cache_n', 0)} reused + {timings['prompt_n']} read")
    if timings.get("draft_n"):
        parts.append(f"draft {timings.get('draft_n_accepted', 0)} of {timings['draft_n']}")
    return ", ".join(parts)


def _print_code(console: Console, line_number: int, code: Text, figures: str = "") -> None:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(justify="right", width=5, style="dim")
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True, style="cyan")
    grid.add_row(str(line_number), code, figures)
    console.print(grid)


def _summary(console: Console, tally: Tally) -> None:
    table = Table(title="Summary", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    if tally.first_suggestion_s is not None:
        table.add_row("server start to first suggestion", f"{tally.first_suggestion_s:.1f} s")
    if tally.latencies_s:
        in_time = sum(s <= _IN_TIME_S for s in tally.latencies_s) / tally.keys_pressed
        table.add_row("keys answered within 100 ms", f"{in_time:.0%}")
        median_ms = statistics.median(tally.latencies_s) * 1e3
        table.add_row("latency, median", f"{median_ms:.0f} ms")
    table.add_row("suggestions shown", str(tally.suggestions))
    if tally.keys_pressed:
        table.add_row("characters accepted", str(tally.accepted_characters))
        table.add_row("keys", f"{tally.keys_pressed} instead of {tally.keys_plain}")
    console.print(table)
