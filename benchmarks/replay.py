"""The typing replay as pure logic: what is typed, when, what counts as right, and the figures.

Defined in words in the README ("Measured") and the same for every run: regions of 4–9 lines that
were really added by a commit are deleted and typed again. A key is one character; a newline
brings the indentation behind it for one key. The desk (`Desk`) does what the keys say: a real
language server in `typing.py`, a script with a virtual clock in the tests.

The person at the keys is `slmcode.cli.typist`. Readings of the definition that it leaves open:
- The region's first line keeps its indentation, as if the newline before it had just been typed.
- Nothing would be right where fewer than two characters are left of the line.
- A server may answer a key twice: something first, and more when it has it ("ask again"). How
  fast it is, is told by the *first* answer to the key; what is shown, judged and accepted is what
  stands on the screen when the next key comes. `Answer` carries both. `text_p50`, `text_in_time`
  and so on tell what a second answer could hide: when text stood there, whichever brought it.
- An empty answer in time counts as in time only with its reason. One of the reasons is that there
  is nothing yet ("deadline"); `decided_in_time` leaves those out, and text that came later than
  100 ms with a second answer.
- A stall is the longest time a key waited: for its answer, or without one until the next key.
- A generated answer is one the model worked for: not served from memory, and not refused by a
  rule that looks at the document only (`REFUSALS`). `p50` and `p95` of what is answered, with
  type-through excluded, are those of generated answers.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from slmcode.cli.typist import SHORTEST_ACCEPTED, accepted_part, gap_s, is_right, keys
from slmcode.text import line_starts

IN_TIME_S = 0.100
UNDECIDED = "deadline"  # the reason of an empty answer whose generation goes on
REFUSALS = frozenset(
    {"disabled", "no_model", "engine_down", "too_large", "binary", "long_line", "inside_word"}
)
FEWEST_LINES, MOST_LINES = 4, 9


class Span(NamedTuple):
    """Lines a commit added. `deleted` lines stood in their place before."""

    first: int  # counted from 0
    n: int
    deleted: int


class Region(NamedTuple):
    """A file with a hole, and what is typed into it. `before` + `typed` + `after` is the file."""

    repository: str
    path: str
    language: str
    before: str
    typed: str
    after: str
    spans: tuple[Span, ...] = ()  # all that the commit added to the file

    @property
    def text(self) -> str:
        """The whole file."""
        return self.before + self.typed + self.after


def split_of(repository: str, path: str) -> str:
    """ "dev" or "held-out": by a hash of the name, so that all versions of a file go together."""
    digest = hashlib.sha256(f"{repository}/{path}".encode()).digest()
    return "dev" if digest[0] % 2 == 0 else "held-out"


def region_of(row: Mapping[str, Any], rng: random.Random) -> Region | None:
    """A region of 4–9 added lines of one commit-replay row, or None where there is none.

    One span of the fitting ones is drawn; of a longer one a part. Lines that end in CR are
    left out: a typist does not type them.
    """
    text: str = row["after"]
    if "\r" in text:
        return None
    starts = line_starts(text)
    spans = [s for s in row["spans"] if s["n_lines"] >= FEWEST_LINES]
    if not spans:
        return None
    span = rng.choice(spans)
    n_lines = min(span["n_lines"], rng.randint(FEWEST_LINES, MOST_LINES))
    first = span["start_line"] - 1 + rng.randint(0, span["n_lines"] - n_lines)
    if first + n_lines > len(starts):
        return None
    start = starts[first]
    end = starts[first + n_lines] - 1 if first + n_lines < len(starts) else len(text)
    lines = text[start:end].split("\n")
    if sum(bool(line.strip()) for line in lines) < FEWEST_LINES - 1:
        return None
    start += len(lines[0]) - len(lines[0].lstrip(" \t"))
    typed = text[start:end].rstrip("\n")
    return Region(
        row["repo"],
        row["path"],
        row["lang"],
        text[:start],
        typed,
        text[start + len(typed) :],
        tuple(Span(s["start_line"] - 1, s["n_lines"], s["deleted_lines"]) for s in row["spans"]),
    )


def something_would_be_right(remaining: str) -> bool:
    """Are two characters or more of the line still to be typed?"""
    line, _, _ = remaining.partition("\n")
    return len(line.strip()) >= SHORTEST_ACCEPTED


class Answer(NamedTuple):
    """What came back for a key: text to show at the cursor (maybe none), seconds after the key.

    Of a key that was answered twice, `after_s` is that of the first answer, `text` is the last.
    """

    text: str
    after_s: float
    timings: Mapping[str, Any]  # what the server says of it; empty where it says nothing
    reason: str | None = None  # of an empty answer
    from_memory: bool = False  # served without a new generation
    text_after_s: float | None = None  # until the first text stood there; None without

    @property
    def in_time(self) -> bool:
        """Within the 100 ms, and with a reason where it is empty."""
        return self.after_s <= IN_TIME_S and bool(self.text or self.reason)

    @property
    def decided_in_time(self) -> bool:
        """In time with text, or with a reason that is more than "nothing yet"."""
        if not self.text:
            return self.in_time and self.reason != UNDECIDED
        came_s = self.after_s if self.text_after_s is None else self.text_after_s
        return self.in_time and came_s <= IN_TIME_S

    @property
    def generated(self) -> bool:
        """Whether the model had to work for it."""
        return not self.from_memory and (bool(self.text) or self.reason not in REFUSALS)


class Desk(Protocol):
    """Where the typing happens."""

    async def open(self, region: Region) -> None:
        """Open the file without the region, announce the cursor's place, rest two seconds."""

    async def press(self, text: str, *, accepted: bool) -> None:
        """Put `text` at the cursor, take the older request back and ask for a completion."""

    async def rest(self, seconds: float) -> Answer | None:
        """Let that much time pass since the key; return the answer if it came meanwhile."""


@dataclass(slots=True)
class Request:
    """One key and what came of it. `answer` is None where none came before the next key."""

    path: str
    language: str
    key: str  # what it put into the document
    took: bool  # the key accepted what was shown
    at_s: float  # of the key, since the first key of the region
    gap_s: float  # to the next key
    answer: Answer | None
    right: bool  # something was shown and its first line was right
    fits: bool  # something would have been right here
    accepted_n: int  # characters taken with the key that follows
    typed_along: bool  # the answer is the last one without what was typed

    @property
    def waited_s(self) -> float:
        """Until the answer, or the next key where none came."""
        return self.answer.after_s if self.answer else self.gap_s


@dataclass(slots=True)
class Session:
    """What one or more regions gave."""

    requests: list[Request] = field(default_factory=list)
    pressed_n: int = 0
    plain_n: int = 0  # keys it would have taken without completions
    region_n: int = 0

    def add(self, other: Session) -> None:
        """Take the other session's figures in."""
        self.requests += other.requests
        self.pressed_n += other.pressed_n
        self.plain_n += other.plain_n
        self.region_n += other.region_n


async def type_region(desk: Desk, region: Region, rng: random.Random) -> Session:
    """Type one region at the desk. Afterwards the document is the file again, and open."""
    session = Session(region_n=1, plain_n=sum(1 for _ in keys(region.typed)))
    await desk.open(region)
    remaining = region.typed
    accepted = ""
    last_shown = ""
    at_s = 0.0
    while remaining:
        took = bool(accepted)
        key = accepted or next(keys(remaining))
        await desk.press(key, accepted=took)
        remaining = remaining[len(key) :]
        session.pressed_n += 1
        gap = gap_s(key, rng)
        answer = await desk.rest(gap)
        shown = answer.text if answer else ""
        accepted = accepted_part(shown, remaining)
        session.requests.append(
            Request(
                path=region.path,
                language=region.language,
                key=key,
                took=took,
                at_s=at_s,
                gap_s=gap,
                answer=answer,
                right=is_right(shown, remaining),
                fits=something_would_be_right(remaining),
                accepted_n=len(accepted),
                typed_along=bool(shown) and last_shown == key + shown,
            )
        )
        last_shown = shown
        at_s += gap
    return session


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the values lie, by nearest rank; None of no values."""
    if not values:
        return None
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def share(part: int, whole: int) -> float | None:
    """part / whole, or None where there is no whole."""
    return part / whole if whole else None


def figures(session: Session, unit_ms: float | None) -> dict[str, Any]:
    """The figures of data/README.md for a session; shares from 0 to 1, None where undefined."""
    requests = session.requests
    answers = [r.answer for r in requests if r.answer]
    shown = [r for r in requests if r.answer and r.answer.text]
    nothing = [r for r in requests if not r.fits]
    own = [a.timings["server_ms"] for a in answers if "server_ms" in a.timings]
    out: dict[str, Any] = {
        "regions": session.region_n,
        "requests": len(requests),
        "in_time": share(sum(a.in_time for a in answers), len(requests)),
        "decided_in_time": share(sum(a.decided_in_time for a in answers), len(requests)),
        "late": share(len(requests) - len(answers), len(requests)),
        "coverage": share(len(shown), len(requests)),
        "precision": share(sum(r.right for r in shown), len(shown)),
        "saved": 1 - session.pressed_n / session.plain_n if session.plain_n else None,
        "quiet": share(sum(not (r.answer and r.answer.text) for r in nothing), len(nothing)),
        "typed_along": share(sum(r.typed_along for r in requests), len(shown)),
        "server_p95_ms": percentile(own, 0.95),
        "accepted_characters": sum(r.accepted_n for r in requests),
        "stall_ms": max((r.waited_s * 1e3 for r in requests), default=None),
        "reasons": counted(a.reason or "unnamed" for a in answers if not a.text),
        "generated": sum(a.generated for a in answers),
    }
    text = [a.text_after_s for a in answers if a.text_after_s is not None]
    out["text_in_time"] = share(sum(s <= IN_TIME_S for s in text), len(requests))
    out |= latencies("", [a.after_s for a in answers], unit_ms)
    out |= latencies("generated_", [a.after_s for a in answers if a.generated], unit_ms)
    out |= latencies("text_", text, unit_ms)
    worked = [a.text_after_s for a in answers if a.generated and a.text_after_s is not None]
    out |= latencies("generated_text_", worked, unit_ms)
    return out


def counted(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())


def latencies(prefix: str, seconds: Sequence[float], unit_ms: float | None) -> dict[str, Any]:
    """`<prefix>p50_ms`, `…p95_ms` and the same in decode units."""
    out: dict[str, Any] = {}
    for name, at in (("p50", 0.5), ("p95", 0.95)):
        ms = percentile([s * 1e3 for s in seconds], at)
        out[f"{prefix}{name}_ms"] = ms
        out[f"{prefix}{name}_units"] = ms / unit_ms if ms is not None and unit_ms else None
    return out


def plan(
    rows: Sequence[Mapping[str, Any]],
    *,
    split: str,
    seed: int,
    n_files: int,
    wanted: Callable[[Mapping[str, Any]], bool],
) -> list[Region]:
    """`n_files` regions of the split, one a file, languages in turn, the same for a seed."""
    rng = random.Random(seed)
    by_language: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if wanted(row) and split_of(row["repo"], row["path"]) == split:
            by_language.setdefault(row["lang"], []).append(row)
    for candidates in by_language.values():
        rng.shuffle(candidates)
    out: list[Region] = []
    seen: set[tuple[str, str]] = set()
    languages = sorted(by_language)
    while len(out) < n_files and languages:
        for language in list(languages):
            region = None
            while region is None and by_language[language]:
                row = by_language[language].pop()
                if (row["repo"], row["path"]) not in seen:
                    region = region_of(row, rng)
            if region is None:
                languages.remove(language)
            elif len(out) < n_files:
                seen.add((region.repository, region.path))
                out.append(region)
    return out
