"""Code that `slmcode models tune` calibrates and checks with: excerpts of free software.

    -- path (origin, licence) --
    text before
    -- middle --
    what stands at the cursor
    -- suffix --
    text after

`calibration.txt` decides how rounding errors are weighed, `held_out.txt` what is lost; no file is
in both, and no test data is in either. An excerpt without a middle is read from its beginning.
"""

from __future__ import annotations

import re
from importlib import resources

import msgspec

CALIBRATION, HELD_OUT = "calibration", "held_out"

_HEAD = re.compile(r"^-- [^\n]+ \([^\n]+\) --\n", re.MULTILINE)
_MIDDLE, _SUFFIX = "-- middle --\n", "\n-- suffix --"


class Excerpt(msgspec.Struct, frozen=True):
    """Text before, at and behind a cursor; `middle` and `suffix` are "" where there is none."""

    prefix: str
    middle: str
    suffix: str


def read(name: str) -> bytes:
    """The file as it is, for its digest."""
    return resources.files(__name__).joinpath(f"{name}.txt").read_bytes()


def load(name: str) -> list[Excerpt]:
    """The excerpts of CALIBRATION or HELD_OUT, in order."""
    bodies = _HEAD.split(read(name).decode("utf-8"))[1:]
    return [_excerpt(body.removesuffix("\n")) for body in bodies]


def _excerpt(body: str) -> Excerpt:
    prefix, cursor, rest = body.partition(_MIDDLE)
    if not cursor:
        return Excerpt(body, "", "")
    middle, _, suffix = rest.partition(_SUFFIX)
    return Excerpt(prefix, middle, suffix)
