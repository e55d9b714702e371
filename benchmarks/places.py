"""Single requests beside the typing replay: at which places, and the figures, as pure logic.

cold      the first key in a file that was opened at the same moment, its place not announced
jump      the cursor is announced at another place of the open file, and at least 0.7 s later one
          key is typed there: a newline with its indentation at the end of a line
back      the same in a file that was left open while another one was typed into
finished  the last character of a line that a commit added is taken back and typed again. The line
          is complete and the next one stands in the file already: nothing right is possible
deleted   a span of lines that a commit added is removed by one edit, with nothing in its place
          before the commit: the file was right without it, and the cursor stays where it was

finished and deleted are the *quiet positions*: what is shown there within 1.5 s is wrong. For a
finished line that is the issue's reading itself; for deleted code it is ours: whoever takes lines
out does not want them offered again. A request without any answer, or that still says "nothing
yet" after several seconds, does not count as quiet.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.replay import UNDECIDED, Answer, Region, counted, latencies, share
from slmcode.text import line_starts

QUIET = ("finished", "deleted")
_FAR_LINES = 20  # a jump is no jump where the old prompt still holds the new place
_SHORTEST_LINE = 3  # characters of a line worth standing at the end of


class Place(NamedTuple):
    """A place in a whole file and what happens there. `cut` is removed, then `key` is typed.

    Without a key the request follows the cut at once. Afterwards the file is put right again.
    """

    kind: str
    offset: int  # where the cursor is announced
    cut: tuple[int, int]  # offsets; the cursor is at its start afterwards
    key: str


class Probe(NamedTuple):
    """One request at a place. `answer` is None where none came in a long time."""

    kind: str
    path: str
    language: str
    answer: Answer | None


def _lines(text: str) -> list[tuple[int, int]]:
    """Start and end of every line, without its line ending."""
    starts = line_starts(text)
    ends = [s - 1 for s in starts[1:]] + [len(text)]
    return list(zip(starts, ends, strict=True))


def _standing(text: str, line: tuple[int, int]) -> bool:
    return len(text[slice(*line)].strip()) >= _SHORTEST_LINE


def newline_at(kind: str, text: str, offset: int) -> Place:
    """A newline with its indentation, typed at `offset`."""
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:offset]
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    return Place(kind, offset, (offset, offset), f"\n{indent}")


def jumps(region: Region, rng: random.Random, n: int) -> list[Place]:
    """`n` ends of lines, each far from the place before it, beginning with the region."""
    text = region.text
    lines = _lines(text)
    here = (region.before + region.typed).count("\n")
    out: list[Place] = []
    for _ in range(n):
        far = [
            i
            for i, line in enumerate(lines)
            if abs(i - here) >= _FAR_LINES and _standing(text, line)
        ]
        if not far:
            break
        here = rng.choice(far)
        out.append(newline_at("jump", text, lines[here][1]))
    return out


def quiet_places(region: Region, rng: random.Random, n: int) -> list[Place]:
    """Up to `n` finished lines and `n` places of deleted code."""
    text = region.text
    lines = _lines(text)
    finished = [
        Place("finished", end, (end - 1, end), text[end - 1])
        for span in region.spans
        for i, (start, end) in enumerate(lines[span.first : span.first + span.n], span.first)
        if i + 1 < len(lines)
        and _standing(text, (start, end))
        and _standing(text, lines[i + 1])
        and not text[end - 1].isspace()
    ]
    deleted = [
        Place("deleted", end, (lines[span.first - 1][1], end), "")
        for span in region.spans
        if span.deleted == 0 and span.first > 0 and span.first + span.n <= len(lines)
        for end in [lines[span.first + span.n - 1][1]]
        if text[lines[span.first][0] : end].strip()
    ]
    return [p for all_ in (finished, deleted) for p in rng.sample(all_, min(n, len(all_)))]


def figures(probes: Sequence[Probe], unit_ms: float | None) -> dict[str, Any]:
    """Shares from 0 to 1, None where there was no such place; `_n` counts the places."""
    out: dict[str, Any] = {}
    for kind in ("cold", "jump", "back"):
        answers = _answers(probes, kind)
        came = [a for a in answers if a]
        out[f"{kind}_n"] = len(answers)
        out[f"{kind}_in_time"] = share(sum(a.in_time for a in came), len(answers))
        decided = sum(a.decided_in_time for a in came)
        out[f"{kind}_decided_in_time"] = share(decided, len(answers))
        out |= latencies(f"{kind}_", [a.after_s for a in came], unit_ms)
    n = quiet_n = 0
    for kind in QUIET:
        answers = _answers(probes, kind)
        silent = sum(a is not None and not a.text and a.reason != UNDECIDED for a in answers)
        out[f"quiet_{kind}_n"] = len(answers)
        out[f"quiet_{kind}"] = share(silent, len(answers))
        n += len(answers)
        quiet_n += silent
    out["quiet_positions_n"] = n
    out["quiet_positions"] = share(quiet_n, n)
    out["quiet_reasons"] = counted(
        a.reason or "unnamed" for kind in QUIET for a in _answers(probes, kind) if a and not a.text
    )
    return out


def _answers(probes: Sequence[Probe], kind: str) -> list[Answer | None]:
    return [p.answer for p in probes if p.kind == kind]
