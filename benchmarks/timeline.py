"""One typing session drawn on a time axis: what every key got, and when.

⇥ accepted text                 above: what the key accepted
|█|   |█| |▒|                   a bar a key: milliseconds to its first answer; thinner above it
 d     e   f                    until text stood there, where that came later
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.svg import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    SOFT,
    VIOLET,
    YELLOW,
    line,
    rect,
    svg,
    text,
)

Event = Mapping[str, Any]

CATEGORIES = {
    "memory": (GREEN, "from memory"),
    "generated": (BLUE, "generated, within 100 ms"),
    "empty": (GREY, "empty for a reason, within 100 ms"),
    "waiting": (YELLOW, "nothing yet by the deadline"),
    "slow": (ORANGE, "answered after 100 ms"),
    "late": (RED, "no answer before the next key"),
}
_WIDTH, _LEFT, _ROW_S = 1120, 46, 6.0
_LANE, _BARS, _KEYS, _GAP = 28, 80, 34, 10  # heights of a row's parts
_ROW = _LANE + _BARS + _KEYS + _GAP
_TOP_MS = 200.0
_ANNOUNCED_S, _IDLE_S = 2.0, 0.7
_CHAR = 5.6  # width of a character of the accepted texts
_BAR = 7.0


def category(event: Event) -> str:
    """What a key got, of CATEGORIES. An empty answer without a reason is as good as none."""
    if "after_ms" not in event:
        return "late"
    if not event["in_time"]:
        return "slow"
    if not event["decided"]:
        return "waiting"
    if not event["text"]:
        return "empty"
    return "memory" if event["from_memory"] else "generated"


def chosen(keys: Sequence[Event], wanted: int = 110) -> list[Event]:
    """The keys of the region that shows most kinds of answers; of those the handiest length."""
    regions: dict[str, list[Event]] = {}
    for event in keys:
        regions.setdefault(event["path"], []).append(event)
    if not regions:
        return []
    return max(
        regions.values(),
        key=lambda r: (len({category(e) for e in r}), -abs(len(r) - wanted)),
    )


def draw(keys: Sequence[Event]) -> str:
    """The keys of one region."""
    first = -_ANNOUNCED_S
    last = keys[-1]["at_s"] + keys[-1]["gap_s"]
    n_rows = int((last - first) / _ROW_S) + 1
    scale = (_WIDTH - _LEFT - 16) / _ROW_S

    def place(at_s: float) -> tuple[float, float]:
        """Left edge and top of the row of a time."""
        row = int((at_s - first) / _ROW_S)
        return _LEFT + (at_s - first - row * _ROW_S) * scale, row * _ROW

    body = [_row(row, first + row * _ROW_S, scale) for row in range(n_rows)]
    body += _bands(first, 0.0, place, scale, "cursor announced: the prompt is read")
    for event in keys:
        if event["gap_s"] > _IDLE_S:
            end = event["at_s"] + event["gap_s"]
            body += _bands(event["at_s"] + _IDLE_S, end, place, scale, "pause: work ahead")
    body += [_key(event, *place(event["at_s"])) for event in keys]
    taken = [event for event in keys if event["took"]]
    for event, following in zip(taken, [*taken[1:], None], strict=True):
        x, top = place(event["at_s"])
        room = _WIDTH - 16 - x
        if following is not None and place(following["at_s"])[1] == top:
            room = place(following["at_s"])[0] - x - 8
        fits = int(room / _CHAR) - 2
        shown = " ⏎ ".join(part.strip() for part in event["key"].split("\n"))
        shown = shown if len(shown) <= fits else shown[: max(fits - 1, 0)] + "…"
        mono = 'font-family="ui-monospace, monospace"'
        body.append(text(x - 3, top + 13, f"⇥ {shown}", colour=GREEN, size=9.5, style=mono))
    return svg(_WIDTH, n_rows * _ROW, "".join(body), "timeline of a typing session")


def _row(row: int, start_s: float, scale: float) -> str:
    top = row * _ROW + _LANE
    out = []
    for ms in (0, 100, 200):
        y = top + _BARS * (1 - ms / _TOP_MS)
        colour = RED if ms == 100 else "#d5d9de"
        out.append(line(_LEFT, y, _WIDTH - 16, y, colour, dashed=ms == 100, width=0.8))
        out.append(text(_LEFT - 6, y + 4, f"{ms}", anchor="end", size=10))
    for second in range(int(_ROW_S) + 1):
        at = start_s + second
        x = _LEFT + second * scale
        out.append(line(x, top + _BARS, x, top + _BARS + 4, SOFT))
        if second < _ROW_S:
            out.append(text(x, top + _BARS + _KEYS, f"{at:g} s", anchor="middle", size=9))
    return "".join(out)


def _bands(start: float, end: float, place: Any, scale: float, label: str) -> list[str]:
    """A shaded stretch of time, cut at the ends of rows."""
    out: list[str] = []
    while end - start > 0.01:
        x, top = place(start)
        width = min((end - start) * scale, _WIDTH - 16 - x)
        out.append(rect(x, top + _LANE, width, _BARS, "#efe9f7", title=label))
        if not out[:-1] and width > 5.2 * len(label):
            out.append(text(x + 6, top + _LANE + 13, label, colour=VIOLET, size=10))
        start += max(width / scale, 0.01)
    return out


def _key(event: Event, x: float, top: float) -> str:
    kind = category(event)
    colour = CATEGORIES[kind][0]
    base = top + _LANE + _BARS
    waited = event.get("after_ms", event["gap_s"] * 1e3)
    title = _told(event, kind)
    height = max(_BARS * min(waited / _TOP_MS, 1), 3)
    out = []
    text_ms = event.get("text_after_ms")
    if text_ms is not None and text_ms > waited + 1:
        upto = _BARS * min(text_ms / _TOP_MS, 1)
        out.append(rect(x - 1, base - upto, 2, upto, colour, title=title))
    fill, style = colour, ""
    if kind == "late":  # hollow: the bar is how long it waited, nothing came
        fill, style = "#fde8e8", f'stroke="{colour}" stroke-width="1.2"'
    out.append(rect(x - _BAR / 2, base - height, _BAR, height, fill, title=title, style=style))
    if waited > _TOP_MS:  # cut off; at 200 ms in the picture
        out.append(text(x, base - height - 2, f"{waited:.0f}", anchor="middle", size=7.5))
    shown = event["key"]
    if event["took"] or shown.isspace():
        shown = "⇥" if event["took"] else "⏎" if shown.startswith("\n") else "␣"
    mono = 'font-family="ui-monospace, monospace"'
    colour = GREEN if event["took"] else SOFT if event["key"].isspace() else INK
    out.append(text(x, base + 15, shown, anchor="middle", colour=colour, size=11, style=mono))
    drafted = (event.get("timings") or {}).get("draft_n", 0)
    if drafted:
        kept = event["timings"].get("draft_n_accepted", 0)
        out.append(text(x, base + 24, f"{kept}/{drafted}", anchor="middle", colour=VIOLET, size=7))
    return "".join(out)


def _told(event: Event, kind: str) -> str:
    """The tool tip of a key."""
    parts = [f"{event['at_s']:.2f} s, key {event['key']!r}: {CATEGORIES[kind][1]}"]
    if "after_ms" in event:
        parts.append(f"answer after {event['after_ms']:.0f} ms")
        if event["text"]:
            parts.append(f"{'right' if event['right'] else 'not right'}: {event['text']!r}")
        elif event["reason"]:
            parts.append(f"reason: {event['reason']}")
        timings = event["timings"]
        counts = [f"{n} {timings[n]}" for n in ("cache_n", "prompt_n", "draft_n") if timings.get(n)]
        parts += [", ".join(counts)] if counts else []
    return "\n".join(parts)
