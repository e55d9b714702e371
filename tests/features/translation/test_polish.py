"""The loop of polishing: what is kept, what is not, and what a stop leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from slmcode.features.edits.weights import EditModel
from slmcode.features.translation.asking import Asker
from slmcode.features.translation.checks import broken
from slmcode.features.translation.polish import Polish, callees_first
from slmcode.features.translation.stopping import Stopped
from tests.features.edits.desk import CHAT, TOKENIZER, Desk, answers
from tests.features.translation.stand_in import StandIn, output

PROGRAM = """class P:
    def main(self) -> None:
        # sums up
        total = 0
        for x in (1, 2, 3):
            if x != 2:
                total = total + x * int(input())
        print(total)


if __name__ == "__main__":
    P().main()
"""
GOOD = """def main(self) -> None:
    # sums up
    total = sum(x * int(input()) for x in (1, 3))
    print(total)
```
"""
WRONG = GOOD.replace("(1, 3)", "(1, 2)")
NO_PYTHON = GOOD.replace("print(total)", "print(total")
UNKNOWN = GOOD.replace("print(total)", "print(totals)")
NO_COMMENT = GOOD.replace("    # sums up\n", "")
RENAMED = GOOD.replace("def main", "def start")
LOOP = """def main(self) -> None:
    # sums up
    for _ in range(3):
        print(sum(x * int(input()) for x in (1, 3)))
        return
```
"""
SAME = PROGRAM.partition("\n")[2].partition("\n\n\n")[0] + "\n```\n"
INPUTS = ["1\n1\n", "5\n7\n"]


async def polished(
    *said: str, before: Callable[[asyncio.Event], None] | None = None
) -> tuple[Polish, StandIn, Desk]:
    desk = Desk("«x»", answers(*said))
    stopped = asyncio.Event()
    prover = StandIn(lambda given: output(PROGRAM, given), INPUTS)
    if before is not None:
        prover.before = lambda: before(stopped)
    asker = Asker(desk.resources, EditModel("scripted", TOKENIZER, CHAT, 6000))
    polish = Polish(PROGRAM, prover, asker, stopped)
    try:
        await polish.run(["P.main"], lambda key: None)
    finally:
        await desk.stop()
    return polish, prover, desk


def test_an_answer_that_behaves_alike_is_kept() -> None:
    polish, _, _ = asyncio.run(polished(GOOD))
    change = polish.changes["P.main"]
    assert "sum(x * int(input()) for x in (1, 3))" in polish.text
    assert change.is_idiomatic
    assert change.tries == 1
    assert change.confidence is not None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (WRONG, "on the input '1\\n1\\n' it must give '4\\n'"),
        (NO_PYTHON, "it is not valid Python"),
        (UNKNOWN, "ruff finds F821"),
        (NO_COMMENT, "the comment 'sums up' is missing"),
        (RENAMED, "it must be the one function main"),
        (LOOP, "it has a new loop"),
    ],
)
def test_what_was_wrong_is_told_and_the_next_answer_kept(wrong: str, told: str) -> None:
    polish, prover, desk = asyncio.run(polished(wrong, GOOD))
    assert polish.changes["P.main"].tries == 2
    assert told in desk.prompts()[1]
    assert "(1, 3)" in polish.text
    assert all(not broken(text) for text in prover.texts)


def test_three_wrong_answers_leave_the_text_as_it_was() -> None:
    polish, _, _ = asyncio.run(polished(WRONG, UNKNOWN, RENAMED, GOOD))
    change = polish.changes["P.main"]
    assert "for x in (1, 2, 3):" in polish.text
    assert change.tries == 3
    assert not change.by_model
    assert change.why == "it must be the one function main"


def test_an_answer_that_changes_nothing_is_asked_for_once() -> None:
    polish, _, desk = asyncio.run(polished(SAME, GOOD))
    assert polish.changes["P.main"].why == "the model changed nothing"
    assert len(desk.prompts()) == 1
    assert not polish.changes["P.main"].by_model


def test_a_stop_in_the_middle_leaves_the_last_proved_text() -> None:
    async def run() -> tuple[str, StandIn]:
        desk = Desk("«x»", answers(GOOD))
        stopped = asyncio.Event()
        prover = StandIn(lambda given: output(PROGRAM, given), INPUTS)
        asker = Asker(desk.resources, EditModel("scripted", TOKENIZER, CHAT, 6000))
        polish = Polish(PROGRAM, prover, asker, stopped)
        seen: list[str] = []

        def on_unit(key: str) -> None:
            seen.append(key)
            stopped.set()  # the model was not asked yet

        with pytest.raises(Stopped):
            await polish.run(["P.main"], on_unit)
        await desk.stop()
        assert seen == ["P.main"]
        assert not desk.engine.jobs
        return polish.text, prover

    text, prover = asyncio.run(run())
    assert output(text, INPUTS[1]) == output(PROGRAM, INPUTS[1])
    assert text in (PROGRAM, *prover.texts)


def test_callees_come_first_and_circles_end() -> None:
    order = callees_first({"main": ["a", "b"], "a": ["b"], "b": ["c"], "c": ["b", "unknown"]})
    assert order == ["c", "b", "a", "main"]
