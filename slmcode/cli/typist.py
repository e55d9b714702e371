"""A person at the keys, as pure logic: which keys, how far apart, and what is accepted.

Used by `slmcode demo` and the typing benchmark. A key is one character; a newline brings the
indentation behind it for one key. Readings of the definition (README, "Measured") that it leaves
open:

- The gap is the time after a key. After a newline its median is 2.2 times as long, and at three
  newlines in ten the gap is a pause instead.
- A suggestion that begins with a newline is judged by its first line with something in it.
- Acceptance takes the whole suggestion where all of it is right, else the right first line.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator

MEDIAN_GAP_S = 0.140
GAP_SIGMA = 0.45  # of the gap's logarithm: two thirds of the keys come 90 to 220 ms after the last
NEWLINE_FACTOR = 2.2
PAUSE_SHARE = 0.3
PAUSE_S = (0.8, 2.5)
ANNOUNCED_S = 2.0  # from the cursor's announcement to the first key
SHORTEST_ACCEPTED = 2  # characters

_KEY = re.compile(r"\n[ \t]*|.", re.DOTALL)
_FIRST_LINE = re.compile(r"\s*[^\n]*")


def keys(text: str) -> Iterator[str]:
    """The text as keys: single characters, and newlines with the indentation behind them."""
    return (m[0] for m in _KEY.finditer(text))


def gap_s(key: str, rng: random.Random) -> float:
    """Seconds from this key to the next one."""
    median = MEDIAN_GAP_S
    if key.startswith("\n"):
        if rng.random() < PAUSE_SHARE:
            return rng.uniform(*PAUSE_S)
        median *= NEWLINE_FACTOR
    return median * math.exp(rng.gauss(0.0, GAP_SIGMA))


def first_line(text: str) -> str:
    """The text up to the end of its first line that has something in it."""
    found = _FIRST_LINE.match(text)
    assert found is not None  # the pattern fits the empty text
    return found[0].rstrip()


def is_right(shown: str, remaining: str) -> bool:
    """Is the shown first line what is really typed next?"""
    line = first_line(shown)
    return bool(line.strip()) and remaining.startswith(line)


def accepted_part(shown: str, remaining: str) -> str:
    """What a careful user takes of a shown text for one key: all, its first line, or nothing."""
    if not is_right(shown, remaining) or len(first_line(shown).strip()) < SHORTEST_ACCEPTED:
        return ""
    whole = shown.rstrip()
    return whole if remaining.startswith(whole) else first_line(shown)
