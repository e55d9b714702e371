"""`slmcode audit`: what the models were given for which file, and what was accepted of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from slmcode.features.audit import Entry

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WIDE = 100  # columns from which on the weights have a column of their own


def audit(
    file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Only entries about this file, or files in this folder."),
    ] = None,
    since: Annotated[
        str,
        typer.Option(metavar="WHEN", help="Only newer ones: 30m, 2h, 7d, or a date and time."),
    ] = "",
    kind: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="Only these: completion, edit, tests, names, module, explanation, debugging,"
            " translation.",
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on stdout, with the whole texts.")
    ] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase the log: all of it, or refuse with a filter.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
) -> None:
    """Show what the models were given for which file, and what of their answers was accepted.

    The log is kept where the setting "audit_log" is true, in the user's state folder, readable by
    the user alone and never sent anywhere. "sent" is a prompt as the model read it, secrets masked;
    "ahead" marks one that was read before it was asked for. A completion is "shown", "accepted",
    "accepted in part" or "dismissed" where the editor says so. An edit is "answered" with its new
    lines, and "accepted" once the open document is exactly what was shown; edits that are taken in
    part, and those that `slmcode edit --write` makes, are not seen to be accepted.
    """
    from slmcode.config import load, state_folder
    from slmcode.features import audit as log

    folder = state_folder()
    if kind and kind not in log.KINDS:
        _fail(f"there is no kind {kind}; the kinds are: {', '.join(log.KINDS)}", 2)
    try:
        newer_than = _when(since)
    except ValueError as e:
        _fail(str(e), 2)
    if erase:
        if file is not None or since or kind:
            _fail("--erase is for the whole log; leave the filters out", 2)
        _erase(folder, yes)
        return
    try:
        entries = list(_chosen(log.read(folder), file, newer_than, kind))
    except OSError as e:
        _fail(f"{e.filename}: {e.strerror or e}", 1)
    if as_json:
        import msgspec

        for entry in entries:
            typer.echo(msgspec.json.encode(entry).decode())
        return
    from rich.console import Console

    config, _ = load()
    console = Console(highlight=False)
    if entries:
        _show(console, entries)
    elif any((folder / name).exists() for name in (log.FILE, log.OLDER)):
        console.print("There is no such entry in the audit log.")
    else:
        console.print(f"There is no audit log in {folder}.", soft_wrap=True)
    if not config.audit_log:
        console.print(
            'The settings file has "audit_log" off: nothing is logged, unless an editor\'s'
            " own settings say otherwise."
        )


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"slmcode: {message}", err=True)
    raise typer.Exit(code)


def _when(text: str) -> datetime | None:
    """The moment that `--since` names, None for "". Raises ValueError."""
    if not text:
        return None
    if match := re.fullmatch(r"(\d{1,6})([smhdw])", text):
        return datetime.now(UTC) - timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    try:
        return datetime.fromisoformat(text).astimezone(UTC)  # local time, where it says no zone
    except ValueError:
        raise ValueError(
            f'"{text}" is no time; say 30m, 2h, 7d, 2026-11-23 or 2026-11-23T14:00'
        ) from None


def _chosen(
    entries: Iterator[Entry], file: Path | None, newer_than: datetime | None, kind: str
) -> Iterator[Entry]:
    wanted = file.expanduser().resolve() if file is not None else None
    for entry in entries:
        if kind and entry.kind != kind:
            continue
        if newer_than is not None and datetime.fromisoformat(entry.time) < newer_than:
            continue
        if wanted is not None:
            about = Path(entry.file)
            if about != wanted and wanted not in about.parents:
                continue
        yield entry


def _erase(folder: Path, yes: bool) -> None:
    from slmcode.features import audit as log

    paths = [folder / name for name in (log.FILE, log.OLDER) if (folder / name).exists()]
    if not paths:
        typer.echo(f"there is no audit log in {folder}")
        return
    size = sum(path.stat().st_size for path in paths)
    n_entries = sum(1 for _ in log.read(folder))
    what = f"{n_entries:,} entries, {size / 1e6:.1f} MB: {' and '.join(map(str, paths))}"
    if not yes:
        typer.echo(what)
        typer.confirm("Erase them for good?", abort=True)
    try:
        log.erase(folder)
    except OSError as e:
        _fail(f"{folder}: {e.strerror or e}", 1)
    typer.echo(f"erased {what}")


def _show(console: Console, entries: list[Entry]) -> None:
    from rich.table import Table
    from rich.text import Text

    wide = console.width >= _WIDE
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(width=16 if wide else 9)
    table.add_column(width=11, overflow="fold")
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=console.width // 4)
    if wide:
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=20, style="dim")
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    heads = ["time", "event", "kind", "file", "what"]
    if wide:
        heads[4:4] = ["tokens", "model"]
    table.add_row(*(Text(head, style="bold") for head in heads))
    for entry in entries:
        local = datetime.fromisoformat(entry.time).astimezone()
        cells = [
            local.strftime("%Y-%m-%d %H:%M:%S" if wide else "%m-%d %H:%M:%S"),
            entry.event,
            entry.kind,
            _end_of(entry.file, console.width // 4),
            _what(entry),
        ]
        if wide:
            tokens = f"{entry.tokens:,}" if entry.tokens else ""
            cells[4:4] = [tokens, f"{entry.sha256[:8]} {entry.model}".strip()]
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def _end_of(path: str, most: int) -> str:
    return path if len(path) <= most else "…" + path[1 - most :]


def _what(entry: Entry) -> str:
    """The last line of a prompt, where the cursor was; the first of anything else."""
    lines = [line.strip() for line in entry.text.splitlines() if line.strip()]
    line = lines[-1 if entry.event == "sent" else 0] if lines else ""
    withheld = f"[{entry.withheld} masked]" if entry.withheld else ""
    return "  ".join(part for part in (withheld, entry.detail, line) if part)
