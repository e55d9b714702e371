"""Spans: where the time of a request went, and the counters beside it.

A span is opened with `with span("prefill", prompt_n=12):` anywhere below a `Trace`; the
current one travels in a context variable, so asyncio tasks inherit it. Values are times,
counts and reasons, never source text. Finished traces go into a ring buffer (`recent`)
and can be written as Chrome trace events or drawn as a tree in the terminal.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

_current: ContextVar[Span | None] = ContextVar("slmcode_span", default=None)
_RING = 256  # finished traces kept; at 10 requests a second the last half minute
recent: deque[Span] = deque(maxlen=_RING)


@dataclass(slots=True)
class Span:
    """A named piece of time. `start` and `end` are `time.monotonic()` seconds."""

    name: str
    start: float
    end: float = 0.0
    values: dict[str, Any] = field(default_factory=dict)
    children: list[Span] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """Duration in milliseconds."""
        return (self.end - self.start) * 1e3

    def set(self, **values: Any) -> None:
        """Add counters or a reason to the span."""
        self.values.update(values)

    def add(self, name: str, start: float, end: float, **values: Any) -> Span:
        """Add a finished child that was measured elsewhere (another thread or process)."""
        child = Span(name, start, end, values)
        self.children.append(child)
        return child

    def to_json(self, start: float | None = None) -> dict[str, Any]:
        """The span tree as plain JSON values; `at_ms` counts from `start`, else the root's."""
        start = self.start if start is None else start
        at_ms = round((self.start - start) * 1e3, 3)
        out: dict[str, Any] = {"name": self.name, "at_ms": at_ms, "ms": round(self.ms, 3)}
        out |= self.values
        if self.children:
            out["children"] = [c.to_json(start) for c in self.children]
        return out

    @classmethod
    def from_json(cls, tree: Mapping[str, Any], start: float = 0.0) -> Span:
        """What `to_json` wrote, with the root at `start`."""
        begin = start + tree.get("at_ms", 0.0) / 1e3
        values = {k: v for k, v in tree.items() if k not in ("name", "at_ms", "ms", "children")}
        children = [cls.from_json(child, start) for child in tree.get("children", ())]
        return cls(tree["name"], begin, begin + tree["ms"] / 1e3, values, children)


@contextlib.contextmanager
def trace(name: str, **values: Any) -> Iterator[Span]:
    """Open a root span; when it closes it is put into `recent`."""
    root = Span(name, time.monotonic(), values=values)
    token = _current.set(root)
    try:
        yield root
    finally:
        root.end = time.monotonic()
        _current.reset(token)
        recent.append(root)


@contextlib.contextmanager
def span(name: str, **values: Any) -> Iterator[Span]:
    """Open a child of the current span; outside of a trace it measures but is not kept."""
    child = Span(name, time.monotonic(), values=values)
    parent = _current.get()
    if parent is not None:
        parent.children.append(child)
    token = _current.set(child)
    try:
        yield child
    finally:
        child.end = time.monotonic()
        _current.reset(token)


def chrome_events(spans: list[Span]) -> list[dict[str, Any]]:
    """The spans as Chrome trace events (`chrome://tracing`, Perfetto), times in microseconds."""
    events: list[dict[str, Any]] = []

    def visit(s: Span, thread: int) -> None:
        events.append(
            {
                "name": s.name,
                "ph": "X",
                "ts": s.start * 1e6,
                "dur": (s.end - s.start) * 1e6,
                "pid": 1,
                "tid": thread,
                "args": s.values,
            }
        )
        for child in s.children:
            visit(child, thread)

    for thread, root in enumerate(spans):
        visit(root, thread)
    return events


def tree_lines(root: Span) -> list[str]:
    """The span tree for a terminal: offset from the start, duration, name, values."""
    lines: list[str] = []

    def visit(s: Span, indent: str) -> None:
        values = "  ".join(f"{k}={_short(v)}" for k, v in s.values.items() if v is not None)
        at = (s.start - root.start) * 1e3
        lines.append(f"{at:8.1f} ms  {s.ms:8.1f} ms  {indent}{s.name}  {values}".rstrip())
        for child in s.children:
            visit(child, indent + "  ")

    visit(root, "")
    return lines


def _short(value: Any) -> str:
    """Times to a tenth; switches as words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
