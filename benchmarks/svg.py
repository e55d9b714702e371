"""Charts as SVG for the report: text in, text out, nothing loaded from anywhere.

Coordinates are pixels of a chart of fixed size that scales with the page. Every text that comes
from data is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

INK, SOFT, GRID = "#202124", "#5f6368", "#e3e6ea"
GREEN, BLUE, ORANGE, RED, GREY, VIOLET, YELLOW = (
    "#2e7d32",
    "#1a6fc4",
    "#e08214",
    "#c62828",
    "#9aa0a6",
    "#7b4fa8",
    "#e3c341",
)


class Series(NamedTuple):
    """A line of a chart."""

    label: str
    colour: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


def svg(width: int, height: int, body: str, label: str) -> str:
    """A chart. `label` says what it shows, for those who do not see it."""
    return (
        f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img"'
        f' aria-label="{escape(label)}">{body}</svg>'
    )


def text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: str = "start",
    colour: str = SOFT,
    size: float = 11,
    style: str = "",
) -> str:
    """A line of text."""
    extra = f" {style}" if style else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
        f' font-size="{size:g}"{extra}>{escape(content)}</text>'
    )


def line(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str = GRID,
    *,
    width: float = 1,
    dashed: bool = False,
) -> str:
    """A straight line."""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
        f' stroke-width="{width:g}"{dash}/>'
    )


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    colour: str,
    *,
    title: str = "",
    style: str = "",
) -> str:
    """A filled box, with a tool tip where there is a title."""
    tip = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
        f' fill="{colour}" {style}>{tip}</rect>'
    )


def path(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    """A line through points."""
    if not points:
        return ""
    dash = ' stroke-dasharray="5 3"' if dashed else ""
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def legend(series: Sequence[Series], x: float, y: float) -> str:
    """Labels below each other, each with a piece of its line."""
    out = []
    for i, s in enumerate(series):
        at = y + 17 * i
        out.append(line(x, at - 4, x + 22, at - 4, s.colour, width=3, dashed=s.dashed))
        out.append(text(x + 28, at, s.label, colour=INK, size=12))
    return "".join(out)


class Frame:
    """The inside of a chart with its axes: data in, pixels out."""

    def __init__(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        log_x: bool = False,
    ) -> None:
        self.left, self.top, self.width, self.height = left, top, width, height
        self._log_x = log_x
        self._x = (math.log(x[0]), math.log(x[1])) if log_x else x
        self._y = y
        self._low_x = x[0]

    def x(self, value: float) -> float:
        """Pixel of a value on the horizontal axis; outside values are put at its ends."""
        value = math.log(max(value, self._low_x)) if self._log_x else value
        low, high = self._x
        return self.left + self.width * min(max((value - low) / ((high - low) or 1), 0), 1)

    def y(self, value: float) -> float:
        """Pixel of a value on the vertical axis."""
        low, high = self._y
        share = min(max((value - low) / ((high - low) or 1), 0), 1)
        return self.top + self.height * (1 - share)

    def grid(
        self,
        x_ticks: Sequence[float],
        y_ticks: Sequence[float],
        x_form: Callable[[float], str],
        y_form: Callable[[float], str],
    ) -> str:
        """Grid lines and their labels."""
        bottom, right = self.top + self.height, self.left + self.width
        out = []
        for tick in x_ticks:
            x = self.x(tick)
            out.append(line(x, self.top, x, bottom))
            out.append(text(x, bottom + 15, x_form(tick), anchor="middle"))
        for tick in y_ticks:
            y = self.y(tick)
            out.append(line(self.left, y, right, y))
            out.append(text(self.left - 6, y + 4, y_form(tick), anchor="end"))
        return "".join(out)

    def draw(self, series: Series) -> str:
        """A series as a line."""
        points = [(self.x(x), self.y(y)) for x, y in series.points]
        return path(points, series.colour, dashed=series.dashed)


def steps(values: Sequence[float], whole: int) -> list[tuple[float, float]]:
    """The share of `whole` that is at most x, as the corners of its steps.

    What has no value (a key without an answer) is in `whole` and keeps the curve below 1.
    """
    out = [(0.0, 0.0)]
    for i, value in enumerate(sorted(values), 1):
        out += [(value, out[-1][1]), (value, i / whole)]
    return out


def distribution(
    series: Sequence[Series], x: tuple[float, float], ticks: Sequence[float], unit: str, mark: float
) -> str:
    """Cumulative shares over a logarithmic axis, with a line at `mark` (0: none)."""
    width, height = 560, 330
    frame = Frame(46, 12, width - 60, height - 62, x, (0, 1), log_x=True)
    body = frame.grid(ticks, [0, 0.25, 0.5, 0.75, 0.9, 1], lambda v: f"{v:g}", lambda v: f"{v:.0%}")
    if mark:
        at = frame.x(mark)
        body += line(at, frame.top, at, frame.top + frame.height, RED, dashed=True)
        body += text(at + 5, frame.top + frame.height - 8, f"{mark:g} {unit}", colour=RED)
    body += "".join(
        frame.draw(s._replace(points=[*s.points, (x[1], s.points[-1][1])])) for s in series
    )
    body += text(frame.left + frame.width / 2, height - 12, unit, anchor="middle", colour=INK)
    return svg(width, height, body, f"cumulative distribution in {unit}")


def curves(series: Sequence[Series], x_title: str) -> str:
    """Lines over a linear axis, both axes from 0, with ticks where the first one has points."""
    width, height = 560, 310
    top = math.ceil(max(y for s in series for _, y in s.points) * 1.05 / 20) * 20.0
    most = max(x for s in series for x, _ in s.points)
    frame = Frame(46, 12, width - 80, height - 62, (0, most), (0, top))
    ticks = [x for x, _ in series[0].points]
    levels = [top * i / 4 for i in range(5)]
    body = frame.grid(ticks, levels, lambda v: f"{v:g}", lambda v: f"{v:.0f}")
    body += "".join(frame.draw(s) for s in series) + legend(series, 70, 32)
    middle = frame.left + frame.width / 2
    body += text(middle, height - 12, x_title, anchor="middle", colour=INK)
    return svg(width, height, body, x_title)


class Mark(NamedTuple):
    """A point of a history."""

    label: str  # of the axis
    title: str  # tool tip
    value: float


def history(title: str, marks: Sequence[Mark], *, share: bool, bar: float | None) -> str:
    """One figure over the records, the oldest to the left; a dashed line where its bar is."""
    width, height = 350, 170
    values = [m.value for m in marks] + ([bar] if bar is not None else [])
    top = 1.0 if share else max(values, default=1.0) * 1.15
    frame = Frame(44, 30, width - 96, height - 62, (0, max(len(marks) - 1, 1)), (0, top))

    def form(value: float) -> str:
        return f"{value:.0%}" if share else f"{value:.1f}"

    body = frame.grid([], [0, top / 2, top], str, form)
    body += text(8, 17, title, colour=INK, size=13, style='font-weight="600"')
    if bar is not None:
        at = frame.y(bar)
        body += line(frame.left, at, frame.left + frame.width, at, GREEN, dashed=True)
        body += text(
            frame.left + frame.width + 5, at + 4, f"bar {form(bar)}", colour=GREEN, size=10
        )
    points = [(frame.x(i), frame.y(m.value)) for i, m in enumerate(marks)]
    body += path(points, BLUE)
    for (x, y), mark in zip(points, marks, strict=True):
        tip = f"<title>{escape(mark.title)}</title>"
        body += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{BLUE}">{tip}</circle>'
    if marks:
        x, y = points[-1]
        shown = f"{marks[-1].value:.1%}" if share else f"{marks[-1].value:.2f}"
        if bar is None or abs(y - frame.y(bar)) > 11:
            body += text(x + 8, y + 4, shown, colour=BLUE, size=11)
        else:
            body += text(
                x, y + (16 if y < frame.top + 20 else -8), shown, anchor="end", colour=BLUE
            )
        for i in sorted({0, len(marks) - 1}):
            anchor = "start" if i == 0 else "end"
            body += text(frame.x(i), height - 14, marks[i].label, anchor=anchor, size=10)
    return svg(width, height, body, title)


def counts(rows: Sequence[tuple[str, float, str, str]], whole: float) -> str:
    """Horizontal bars: label, value, what is written behind it, colour."""
    height = 22 * len(rows) + 4
    out = []
    for i, (label, value, shown, colour) in enumerate(rows):
        y = 22 * i + 3
        out.append(text(150, y + 13, label, anchor="end", colour=INK, size=12))
        length = 330 * value / whole if whole else 0
        out.append(rect(158, y + 2, length, 14, colour))
        out.append(text(158 + length + 6, y + 13, shown, size=12))
    return svg(560, height, "".join(out), "counts")
