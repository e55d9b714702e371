"""`slmcode index DIR`: bring the index of a folder up to date and say what is in it.

`search` and `map` bring theirs up to date the same way. Exit codes: 0 done, 1 failed with one
message, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn

import typer

if TYPE_CHECKING:
    from slmcode.index.build import State
    from slmcode.index.reader import Reader
    from slmcode.index.rows import Skipped

_INTERRUPTED = 130  # what a shell reports for a command ended by Ctrl-C
_QUICK_S = 0.3  # a bar for less is a flicker
_NO_LANGUAGE = "other text"


class Indexed(NamedTuple):
    """A folder whose index is up to date, and how that went."""

    folder: Path
    database: Path
    reader: Reader
    state: State


def index(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to index.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="Worker processes; 0: one per processor.")
    ] = 0,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Throw the index away and make a new one.")
    ] = False,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="List what is not indexed, and why.")
    ] = False,
) -> None:
    """Index a folder and show what was found, what was skipped, and how long it took.

    Only what changed since the last time is read. The index lies in the user's cache folder;
    nothing is written into DIR. Servers keep theirs up to date without this command.
    """
    found = up_to_date(existing_folder(folder), workers=workers, rebuild=rebuild)
    not_indexed = sorted(
        {*found.state.skipped, *found.reader.skipped()}, key=lambda s: (s.path, s.reason)
    )
    report = _report(found, not_indexed)
    if as_json:
        import json

        if skipped:
            report["skipped_files"] = [{"path": s.path, "reason": s.reason} for s in not_indexed]
        typer.echo(json.dumps(report, ensure_ascii=False))
        return
    _show(report, listed=skipped)
    if skipped:
        for s in not_indexed:
            typer.echo(f"  {s.path or '.'}: {s.reason}")


def existing_folder(named: Path) -> Path:
    """The folder as the index knows it: absolute, links followed. Ends the command if none."""
    folder = Path(os.path.realpath(named.expanduser()))
    if folder.is_file():
        fail(f"{named} is a file; name the folder that holds it: {named.parent}")
    if not folder.is_dir():
        fail(f"there is no folder {named}")
    try:
        with os.scandir(folder):
            pass
    except OSError as e:
        fail(f"{named} cannot be read: {e.strerror}")
    return folder


def enclosing_project() -> Path:
    """The project around the current folder. Ends the command if there is none."""
    from slmcode.index.root import project_root

    root = project_root(Path.cwd())
    if root is None:
        fail(
            f"{Path.cwd()} is in no project: neither a repository nor a file such as"
            " pyproject.toml or package.json is here or above; name a folder with --dir"
        )
    return root


def up_to_date(folder: Path, *, workers: int = 0, rebuild: bool = False) -> Indexed:
    """Bring the index of a folder up to date, with a bar on stderr where that takes a while.

    Ends the command with one message where it cannot be done.
    """
    from slmcode import config
    from slmcode.features.project import database_of
    from slmcode.index.build import build
    from slmcode.index.reader import Reader

    settings, problems = config.load()
    for problem in problems:
        typer.echo(f"slmcode: {problem}", err=True)
    database = database_of(folder)
    if rebuild:
        _remove(database)
    gc.disable()  # what the workers send has no cycles, and there is much of it
    try:
        with _bar() as on_progress:
            state = build(
                folder,
                database,
                limit_kb=settings.index_file_kb,
                n_workers=workers,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        typer.echo("slmcode: interrupted; run the same command again to go on", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        gc.enable()
    if state.state == "failed":
        fail(_advice(state.problem, database.parent))
    if state.rebuilt:
        typer.echo(f"slmcode: the index was built anew: {state.rebuilt}", err=True)
    return Indexed(folder, database, Reader(folder, database), state)


def fail(message: str) -> NoReturn:
    """End the command with one line on stderr and exit code 1."""
    typer.echo(f"slmcode: {message}", err=True)
    raise typer.Exit(1)


def _remove(database: Path) -> None:
    from slmcode.index import store

    try:
        store.remove(database)
    except OSError as e:
        fail(f"{database} cannot be removed: {e.strerror}")


def _advice(problem: str, folder: Path) -> str:
    """What failed, and what to do about it where that is the cache folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        return (
            f"the index cannot be written: {problem};"
            f" make {folder} writable, or name another cache folder in $SLMCODE_CACHE"
        )
    if "full" in problem or "No space" in problem:
        return f"the disk of {folder} is full; make room, or name another folder in $SLMCODE_CACHE"
    return f"the index could not be built: {problem}"


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[State], None]]:
    """A bar on stderr that appears when there is something to wait for, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda state: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=None, said="")

    def on_progress(state: State) -> None:
        if state.seconds > _QUICK_S and not bar.live.is_started:
            bar.start()
        said = f"{state.files:,}/{state.total:,} files, {state.lines:,} lines"
        if state.state == "waiting":
            said = "for another build of this index"
        bar.update(
            task,
            description=state.state,
            completed=state.files,
            total=state.total or None,
            said=said if state.total or state.state == "waiting" else "",
        )

    try:
        yield on_progress
    finally:
        bar.stop()


def _report(found: Indexed, not_indexed: list[Skipped]) -> dict[str, Any]:
    """Everything there is to say, for people and for programs."""
    from slmcode.index.statistics import languages
    from slmcode.index.walk import printable

    state, counts = found.state, found.reader.counts()
    return {
        "folder": printable(str(found.folder)),
        "database": printable(str(found.database)),
        "database_bytes": found.database.stat().st_size,
        "files": counts.files,
        "lines": counts.lines,
        "symbols": counts.symbols,
        "passages": counts.passages,
        "bytes": counts.bytes,
        "languages": {
            row.language: {"files": row.files, "lines": row.lines, "bytes": row.bytes}
            for row in languages(found.database)
        },
        "read": state.files,
        "unchanged": state.unchanged,
        "removed": state.removed,
        "seconds": state.seconds,
        "lines_per_s": round(state.lines / state.seconds) if state.lines else None,
        "rebuilt": state.rebuilt,
        "skipped": dict(Counter(s.reason for s in not_indexed).most_common()),
    }


def _show(report: dict[str, Any], listed: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    if report["languages"]:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column("language")
        for column in ("files", "lines", "kB"):
            table.add_column(column, justify="right")
        for language, row in report["languages"].items():
            table.add_row(language or _NO_LANGUAGE, *_cells(row))
        table.add_section()
        table.add_row("all", *_cells(report))
        console.print(table)
    console.print(f"{report['symbols']:,} symbols, {report['passages']:,} passages")
    said = f"{report['seconds']:.2f} s"
    if report["lines_per_s"]:
        said += f": {report['read']:,} files read, {report['lines_per_s']:,} lines a second"
    elif report["read"]:
        said += f": {report['read']:,} files read"
    else:
        said += ": nothing to read"
    if report["unchanged"]:
        said += f"; {report['unchanged']:,} unchanged"
    if report["removed"]:
        said += f"; {report['removed']:,} gone"
    console.print(said)
    console.print(f"{report['database_bytes'] / 1e6:,.1f} MB in {report['database']}")
    if report["skipped"]:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in report["skipped"].items())
        total = sum(report["skipped"].values())
        hint = ":" if listed else "; --skipped lists them"
        console.print(f"not indexed: {total:,} ({reasons}){hint}")


def _cells(row: dict[str, Any]) -> tuple[str, str, str]:
    return f"{row['files']:,}", f"{row['lines']:,}", f"{row['bytes'] / 1e3:,.0f}"
