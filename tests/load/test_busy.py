"""An engine that has more to do than it can says so, and the editor's user is told.

The cursor stands inside of what is healed: a job that wrote nothing does not even spell that, and
was once taken for one that went another way than the user, and asked again.
"""

from __future__ import annotations

import asyncio

import pytest

from slmcode.engine import scheduler
from slmcode.engine.job import Job
from slmcode.features.answer import Empty, Reason, sentence
from tests.engine.harness import fim
from tests.features.harness import Desk, writes


def test_a_completion_that_waits_for_others_in_vain_is_empty_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        desk = Desk("x = ˇ\n", writes(b"1\n"))
        await desk.engine.settle()
        desk.engine.hold = True
        desk.engine.stream(Job(sequence="another editor", tokens=fim(b"y"), max_tokens=50))
        desk.engine.scheduler.step()
        monkeypatch.setattr(scheduler, "_LONGEST_WAIT_S", 0.0)
        asked = asyncio.ensure_future(desk.ask())
        await asyncio.sleep(0)
        desk.engine.release()
        answer = await asked
        assert isinstance(answer, Empty)
        assert answer.reason is Reason.BUSY
        assert len(desk.completions_asked) == 2, "that of the other editor, and one of ours"
        assert sentence(answer.reason, answer.detail) == (
            "the engine has more to do than it can: other editors keep the engine busy"
        )
        monkeypatch.undo()
        desk.type(" ")
        again = await desk.ask()
        assert not isinstance(again, Empty) or again.reason is not Reason.BUSY

    asyncio.run(run())
