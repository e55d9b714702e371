"""`slmcode stats`: the local counters, with latencies as a histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from slmcode.features.statistics import Counters

_BAR = 40  # characters of the longest bar


def stats(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Show the counters, then begin at zero.")
    ] = False,
) -> None:
    """Show what the servers of this user have counted: requests, latencies, reuse.

    Counts and times only, never text or file names; nothing of it ever leaves this machine. A
    server adds its own once a minute and when its editor is closed.

    Joules are those that the processor counts for its whole package (RAPL), shared among all
    processes of the machine by the processor time they used in the same interval. So what the
    package takes at rest is shared by those who work; memory and screen are not in it. They are
    per character of completions that were accepted: typed along is not accepted.
    """
    import msgspec

    from slmcode.config import state_folder
    from slmcode.features import statistics

    folder = state_folder()
    counters = statistics.load(folder)
    if as_json:
        typer.echo(msgspec.json.encode(counters).decode())
    else:
        from rich.console import Console

        _show(Console(highlight=False), counters)
    if reset:
        try:
            (folder / statistics.FILE).unlink(missing_ok=True)
        except OSError as e:
            typer.echo(f"slmcode: {folder / statistics.FILE}: {e.strerror}", err=True)
            raise typer.Exit(1) from None
        if not as_json:
            typer.echo("the counters are at zero now")


def _show(console: Console, c: Counters) -> None:
    from rich.table import Table

    from slmcode.features.statistics import BUCKETS_MS

    if not c.requests:
        console.print(
            "Nothing is counted yet. A server adds its counters once a minute and when it ends."
        )
        return
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right", style="dim")
    table.add_row("requests", f"{c.requests:,}")
    table.add_row("answered with text", f"{c.completions:,}", _share(c.completions, c.requests))
    table.add_row("  from memory", f"{c.from_memory:,}", _share(c.from_memory, c.completions))
    table.add_row("shown", f"{c.shown:,}")
    table.add_row("  accepted", f"{c.accepted:,}", _share(c.accepted, c.shown))
    table.add_row(
        "  accepted in part", f"{c.partially_accepted:,}", _share(c.partially_accepted, c.shown)
    )
    read = c.cache_n + c.prompt_n
    table.add_row("prompt tokens", f"{read:,}")
    table.add_row("  reused", f"{c.cache_n:,}", _share(c.cache_n, read))
    if c.prompt_n:
        table.add_row("  read", f"{c.prompt_n:,}", f"{c.prompt_ms / c.prompt_n:.1f} ms each")
    if c.predicted_n:
        each = f"{c.predicted_ms / c.predicted_n:.1f} ms each"
        table.add_row("tokens produced", f"{c.predicted_n:,}", each)
    if c.draft_n:
        table.add_row("draft tokens", f"{c.draft_n:,}")
        kept = _share(c.draft_n_accepted, c.draft_n)
        table.add_row("  kept", f"{c.draft_n_accepted:,}", kept)
    _add_energy(table, c)
    console.print(table)
    if c.reasons:
        console.print("\n[bold]Nothing offered because[/]")
        reasons = Table.grid(padding=(0, 2))
        reasons.add_column()
        reasons.add_column(justify="right")
        reasons.add_column(justify="right", style="dim")
        for reason, n in sorted(c.reasons.items(), key=lambda item: -item[1]):
            reasons.add_row(f"  {reason}", f"{n:,}", _share(n, c.requests))
        console.print(reasons)
    console.print(f"\n[bold]Answered within[/]{'answers   so far':>{_BAR + 12}}")
    counts = c.latency_counts
    used = [i for i, n in enumerate(counts) if n]
    so_far = 0
    for i in range(used[-1] + 1):
        so_far += counts[i]
        label = f"{BUCKETS_MS[i]} ms" if i < len(BUCKETS_MS) else "longer"
        bar = "█" * round(_BAR * counts[i] / max(counts))
        console.print(f"{label:>9}  {bar:<{_BAR}} {counts[i]:>6,}  {_share(so_far, c.requests):>7}")


def _add_energy(table: Table, c: Counters) -> None:
    from slmcode.features.energy import unreadable

    characters = c.accepted_characters
    table.add_row("characters accepted", f"{characters:,}")
    cpu_s = c.server_cpu_s + c.engine_cpu_s
    each = f"{cpu_s / characters:.3g} s a character accepted" if characters else ""
    table.add_row("processor", f"{cpu_s:,.1f} s", each)
    table.add_row("  engine", f"{c.engine_cpu_s:,.1f} s", _share(c.engine_cpu_s, cpu_s))
    if c.joules:
        measured = c.measured_characters
        each = f"{c.joules / measured:.3g} J a character accepted" if measured else ""
        table.add_row("energy", f"{c.joules:,.1f} J", each)
    elif why := unreadable():
        table.add_row("energy", "unknown", why)


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""
