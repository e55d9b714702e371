"""What becomes of a request to change code. Imports little: a starting server imports it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from slmcode.text import Edit, Snapshot


class Refused(Exception):
    """What was asked for cannot be done; the message is half a sentence for the user."""


class Verdict(enum.StrEnum):
    """What is known of a change that is shown, or that it is not shown."""

    EXACT = "exact"  # made by rules, not by a model
    VERIFIED = "verified"  # its contract says what it promises, and that was checked whole
    NOT_VERIFIED = "not verified"  # it keeps the contract, which says nothing of its meaning
    REFUSED = "refused"


@dataclass(frozen=True)
class Change:
    """Edits of one file. Offsets are those of `before`, ascending and apart from each other.

    `before` None: the file is new and `edits` holds its text. `moved_to` is the URI the file gets,
    "" where it stays. `unit` names the part of the change, where the user confirms parts.
    """

    uri: str
    before: Snapshot | None
    edits: tuple[Edit, ...]
    unit: str = ""
    moved_to: str = ""

    @property
    def after(self) -> str:
        """The file's whole text after these edits alone."""
        text = "" if self.before is None else self.before.text
        for (start, end), new_text in reversed(self.edits):
            text = text[:start] + new_text + text[end:]
        return text


class Spent(msgspec.Struct):
    """What a request cost, all tries together. llama.cpp's names; times in ms."""

    first_token_ms: float = 0.0  # from the request to the first token
    total_ms: float = 0.0
    prompt_n: int = 0
    cache_n: int = 0
    predicted_n: int = 0
    draft_n: int = 0
    draft_n_accepted: int = 0
    predicted_ms: float = 0.0


class Judgement(NamedTuple):
    """What a contract says of an answer.

    `fault` is half a sentence for the model and the user, "" where the contract is kept; `checked`
    a sentence for the user that says what was checked, and what was not.
    """

    fault: str
    checked: str = ""
    verdict: Verdict = Verdict.NOT_VERIFIED


@dataclass(frozen=True)
class Outcome:
    """What became of a request. `changes` is empty where it was refused.

    `reason` is half a sentence: what was checked, or why it was refused. `contract` names what the
    change must keep, "" for an exact one. `model` is the role or file that wrote it, "" for none.
    `confidence` is from 0 to 1, None where no model wrote; `tries` are the answers asked for.
    """

    title: str
    verdict: Verdict
    reason: str
    contract: str = ""
    changes: tuple[Change, ...] = ()
    model: str = ""
    confidence: float | None = None
    tries: int = 0
    spent: Spent = field(default_factory=Spent)


def refused(title: str, reason: str, contract: str = "") -> Outcome:
    """Nothing is shown, and why."""
    return Outcome(title, Verdict.REFUSED, reason, contract)
