"""Several refusals as one exception."""

from __future__ import annotations

from collections.abc import Sequence

from slmcode.translate.cobol.tree import Refused


class Refusals(Refused):
    """The first refusal of a source; `others` are those that were found besides."""

    def __init__(self, refusals: Sequence[Refused]) -> None:
        found = sorted(refusals, key=lambda refused: refused.line)
        first = found[0]
        super().__init__(first.line, first.construct, first.hint)
        self.others = tuple(found[1:])
