"""Legacy code into a modern language, with a verdict: see `pipeline`."""

from __future__ import annotations

from slmcode.features.translation.shape import (
    FAITHFUL,
    IDIOMATIC,
    Difference,
    Look,
    Refusal,
    Translated,
    Translator,
    Unit,
    Verdict,
)

__all__ = [
    "FAITHFUL",
    "IDIOMATIC",
    "Difference",
    "Look",
    "Refusal",
    "Translated",
    "Translator",
    "Unit",
    "Verdict",
]
