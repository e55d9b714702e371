"""What a translation is: the shape that editors show, and who can make one.

A session without a `Translator` does not offer to translate.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

import msgspec

from slmcode.text import Snapshot, TextRange


class Verdict(enum.StrEnum):
    """What is known of a unit, or of the whole: the worst of its units."""

    PROVED = "proved"  # behaves alike on every input tried
    DIFFERS = "differs"  # an input was found on which it does not
    NOT_PROVED = "not proved"  # nothing was compared: the reason says why
    REFUSED = "refused"  # holds a construct that cannot be translated


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A part translated as a whole. Lines are counted from 0, the end is exclusive."""

    name: str
    source_lines: tuple[int, int]
    lines: tuple[int, int]  # of the translation
    verdict: Verdict
    reason: str  # one sentence: inputs tried, the difference, or what is missing
    form: str  # "faithful" or "idiomatic"


class Translated(msgspec.Struct, frozen=True, kw_only=True):
    """A translation, or as much of it as there is."""

    language_id: str
    text: str
    verdict: Verdict
    reason: str
    units: tuple[Unit, ...] = ()


class Translator(Protocol):
    """Translates. Cancelling the task ends it."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The target languages."""
        ...

    async def translate(
        self,
        snapshot: Snapshot,
        text_range: TextRange | None,
        target_language: str,
        on_part: Callable[[Translated], None],
    ) -> Translated: ...
