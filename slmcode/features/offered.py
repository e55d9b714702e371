"""What was offered last, to say of an acceptance what was accepted. Event loop only.

An editor names a completion by its id alone. The same id comes again with the rest of the text
while the user types along what is offered, so the newest text with an id is the one meant.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from slmcode.features.audit import About

_HELD = 64


@dataclass(eq=False, slots=True)
class Offer:
    """A completion that was answered. `about` is None where there was no audit log."""

    about: About | None
    text: str
    others: int  # alternatives with the same id
    accepted: int = 0  # code points of the text, so far
    shown: str = ""  # the text that was said to be visible last

    @property
    def detail(self) -> str:
        """What there is to say of its text."""
        return f"or one of {self.others} other texts offered with it" if self.others else ""


class Offers:
    """The newest offers by their completion id."""

    def __init__(self) -> None:
        self._offers: OrderedDict[str, Offer] = OrderedDict()

    def answered(self, completion_id: str, about: About | None, text: str, others: int) -> None:
        """It was answered, for the first time or with another piece of its text."""
        known = self._offers.pop(completion_id, None)
        if known is not None:
            known.text, known.others, known.accepted = text, others, 0
        self._offers[completion_id] = known or Offer(about, text, others)
        if len(self._offers) > _HELD:
            self._offers.popitem(last=False)

    def find(self, completion_id: str) -> Offer | None:
        """The offer with that id, if it is still known."""
        return self._offers.get(completion_id)
