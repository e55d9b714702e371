"""`slmcode stats`: the local counters, with latencies as a histogram."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from slmcode.config import state_folder
from slmcode.features.statistics import BUCKETS_MS, load


def stats() -> None:
    """Show what the servers of this user have counted: requests, latencies, reuse, acceptance.

    Counts and times only; nothing of it ever leaves this machine.
    """
    console = Console(highlight=False)
    c = load(state_folder())
    if not c.requests:
        console.print("nothing counted yet: no server of this user has ended since the last reset")
        return
    table = Table(show_header=False, box=None)
    table.add_row("requests", str(c.requests))
    table.add_row("answered with text", _share(c.completions, c.requests))
    table.add_row("  of these from memory", _share(c.from_memory, c.completions))
    table.add_row("shown, accepted, in part", f"{c.shown}, {c.accepted}, {c.partially_accepted}")
    table.add_row("prompt tokens reused", _share(c.cache_n, c.cache_n + c.prompt_n))
    if c.prompt_n and c.predicted_n:
        table.add_row("a prompt token", f"{c.prompt_ms / c.prompt_n:.1f} ms")
        table.add_row("a produced token", f"{c.predicted_ms / c.predicted_n:.1f} ms")
    console.print(table)
    if c.reasons:
        reasons = Table("nothing shown because", "times", box=None)
        for reason, n in sorted(c.reasons.items(), key=lambda item: -item[1]):
            reasons.add_row(reason, str(n))
        console.print(reasons)
    top = max(c.latency_counts)
    for i, n in enumerate(c.latency_counts):
        label = f"≤ {BUCKETS_MS[i]} ms" if i < len(BUCKETS_MS) else f"> {BUCKETS_MS[-1]} ms"
        console.print(f"{label:>10}  {'█' * round(40 * n / top):<40}  {n}")


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.0f} %)" if whole else str(part)
