"""A prover for tests of logic: it executes the text in this process, so give it nothing wild."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence

from slmcode.features.translation.proving import Judged
from slmcode.features.translation.shape import Difference, Verdict


def output(text: str, given: str) -> str:
    """What the program prints; its `input()` reads the lines of `given`."""
    lines = iter(given.splitlines())
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(
                compile(text, "translation", "exec"),
                {"__name__": "__main__", "input": lambda: next(lines)},
            )
    except Exception as e:
        return f"{out.getvalue()}[{type(e).__name__}]"
    return out.getvalue()


class StandIn:
    """Compares with `original` on `inputs`; `later` are those that `afresh` adds.

    `texts` are all that were compared, `is_waiting` is called before each comparison.
    """

    def __init__(
        self, original: Callable[[str], str], inputs: Sequence[str], later: Sequence[str] = ()
    ) -> None:
        self._original = original
        self._inputs = list(inputs)
        self._later = later
        self.texts: list[str] = []
        self.before: Callable[[], None] = lambda: None

    async def prove(self, text: str) -> Judged:
        self.before()
        self.texts.append(text)
        for n, given in enumerate(self._inputs):
            expected, actual = self._original(given), output(text, given)
            if expected != actual:
                found = Difference(
                    stdin=given.encode(), expected=expected, actual=actual, what="stdout"
                )
                return Judged(
                    verdict=Verdict.DIFFERS, reason="it differs", inputs_tried=n, difference=found
                )
        return Judged(verdict=Verdict.PROVED, reason="alike", inputs_tried=len(self._inputs))

    async def again(self, text: str) -> Judged:
        return await self.prove(text)

    async def afresh(self, text: str) -> Judged:
        self._inputs += self._later
        return await self.prove(text)
