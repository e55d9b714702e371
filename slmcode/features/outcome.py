"""What becomes of a request to edit or explain. Imports little: a starting server imports it."""

from __future__ import annotations

import enum

import msgspec

from slmcode.text import TextRange


class Refused(Exception):
    """What was asked for cannot be done; the message is half a sentence for the user."""


class Verdict(enum.StrEnum):
    """What is known of an edit."""

    NOT_VERIFIED = "not verified"  # it keeps the contract, which says nothing of its meaning
    REFUSED = "refused"


class Edited(msgspec.Struct, frozen=True):
    """What became of an edit.

    `range` are the whole lines that were asked about, empty where it was refused before; `new_text`
    stands for them, None where the edit was refused. `reason` is half a sentence for the user: what
    was checked, or why it was refused.
    """

    range: TextRange
    new_text: str | None
    verdict: Verdict
    reason: str
    title: str
