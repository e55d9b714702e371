"""Edits by instruction against a scripted model: what is shown, what is refused, and why."""

from __future__ import annotations

import asyncio

import pytest

from slmcode.config import Config
from slmcode.engine.fake import END, PREFIX
from slmcode.engine.job import EngineState, EngineStatus, Priority
from slmcode.features.edits.actions import by_instruction
from slmcode.features.edits.outcome import Outcome, Verdict
from tests.features.edits.desk import Desk, answers, run

CHECKED = "it parses and defines the same names; nothing else was checked"
DO_IT = by_instruction("Do it.")


def edited(
    source: str, *texts: str, instruction: str = "Do it.", language: str = "python"
) -> Outcome:
    """What becomes of the selection."""

    async def ask() -> Outcome:
        desk = Desk(source, answers(*texts), language=language)
        result = await desk.edit(instruction)
        await desk.stop()
        return result

    return asyncio.run(ask())


def check(
    source: str,
    *texts: str,
    after: str,
    instruction: str = "Do it.",
    language: str = "python",
    reason: str = CHECKED,
) -> None:
    """The edit is shown, and makes `after` of the document."""
    result = edited(source, *texts, instruction=instruction, language=language)
    assert (result.verdict, result.reason) == (Verdict.NOT_VERIFIED, reason)
    (change,) = result.changes
    assert change.after == after


def refused(
    source: str,
    *texts: str,
    reason: str,
    instruction: str = "Do it.",
    language: str = "python",
) -> None:
    """Nothing is shown, and the reason says why."""
    result = edited(source, *texts, instruction=instruction, language=language)
    assert (result.verdict, result.changes, result.reason) == (Verdict.REFUSED, (), reason)


def text_of(outcome: Outcome) -> str:
    """The document after it."""
    (change,) = outcome.changes
    return change.after


ADD = "def add(a, b):\n    return a - b\n"


def test_the_selection_is_widened_to_whole_lines() -> None:
    check(
        "def add(a, b):\n    return a «-» b\n",
        "return a + b\n```",
        after="def add(a, b):\n    return a + b\n",
    )


def test_an_empty_selection_is_the_function_around_it() -> None:
    check(
        "X = 1\n\n\nclass A:\n    def f(self):\n        retu«»rn 1\n\n    def g(self):\n"
        "        f()\n",
        "def f(self):\n    return 2\n```",
        after="X = 1\n\n\nclass A:\n    def f(self):\n        return 2\n\n    def g(self):\n"
        "        f()\n",
    )


def test_line_endings_and_blank_lines_around_stay() -> None:
    check(
        "«\r\ndef f():\r\n    return 1\r\n\r\n»x = 1\r\n",
        "def f():\n    y = 1\n    return y\n```",
        after="\r\ndef f():\r\n    y = 1\r\n    return y\r\n\r\nx = 1\r\n",
    )


def test_the_end_of_a_document_without_a_line_ending() -> None:
    check("«x = 1»", "x = 2\n```", after="x = 2")


def test_what_the_model_says_behind_the_code_is_not_read() -> None:
    check("«x = 1»\n", "x = 2\n```\nI have changed 1 to 2.", after="x = 2\n")


def test_an_answer_that_does_not_parse_is_asked_for_once_more_with_the_fault() -> None:
    async def test() -> None:
        desk = Desk("y = 1\n«x = 1»\n", answers("x = (2\n```", "x = 2\n```"))
        result = await desk.edit("Make it two.")
        assert text_of(result) == "y = 1\nx = 2\n"
        first, second = desk.prompts()
        assert "Make it two." in first
        fault = "An earlier answer was wrong: it does not parse (line 2: x = (2)."
        assert "y = 1" in first
        assert fault not in first
        assert fault in second
        assert "y = 1" not in second, "the code around is not given once more"

    run(test)


def test_what_a_refused_edit_cost_is_told() -> None:
    result = edited("«x = 1»\n", "x = (2\n```")
    assert (result.verdict, result.tries) == (Verdict.REFUSED, 2)
    assert result.spent.predicted_n == 2 * len("x = (2\n```")


def test_a_second_bad_answer_is_refused() -> None:
    refused(
        "«x = 1»\ny = 2\n",
        "x = (2\n```",
        "x = [2\n```",
        "x = 2\n```",
        reason="the model's answer was not right: it does not parse (line 1: x = [2)",
    )


def test_an_edit_that_breaks_what_stands_below_does_not_parse() -> None:
    refused(
        "function f() {\n«  g();»\n}\n\nfunction h() {\n}\n",
        "  g();\n}\n```",
        language="javascript",
        reason="the model's answer was not right: it does not parse (line 4: })",
    )


def test_a_document_with_an_error_elsewhere_can_be_edited() -> None:
    check("def f(:\n\n\n«x = 1»\n", "x = 2\n```", after="def f(:\n\n\nx = 2\n")


@pytest.mark.parametrize(
    ("source", "answer", "gone"),
    [
        ("«def f():\n    return 1\n\n\ndef g():\n    return 2»\n", "def f():\n    return 1", "g"),
        ("class A:\n«    def f(self):\n        pass»\n    x = 1\n", "f = 1", None),
        ("«LIMIT = 1»\n", "limit = 1", "LIMIT"),
        ("«import os\nimport re»\n", "import os", "re"),
        ("«from os import path, sep»\n", "from os import path", "sep"),
    ],
)
def test_names_of_the_selection_must_stay(source: str, answer: str, gone: str | None) -> None:
    result = edited(source, answer + "\n```")
    if gone is None:
        assert result.verdict is Verdict.NOT_VERIFIED
    else:
        reason = f"the model's answer was not right: {gone} is not defined any more"
        assert (result.verdict, result.reason) == (Verdict.REFUSED, reason)


def test_names_may_go_where_the_instruction_says_so() -> None:
    check(
        "«def f():\n    return 1»\n",
        "def one():\n    return 1\n```",
        instruction="Rename f to one",
        after="def one():\n    return 1\n",
        reason="it parses; f is gone, as the instruction may mean; nothing else was checked",
    )


def test_everything_may_go_where_the_instruction_says_so() -> None:
    source = "x = 1\n«def f():\n    return 1»\ny = 1\n"
    reason = "it parses; f is gone, as the instruction may mean; nothing else was checked"
    check(source, "```", instruction="remove this", after="x = 1\ny = 1\n", reason=reason)
    refused(source, "```", reason="the model's answer was not right: it is empty")


def test_an_answer_that_repeats_the_code_around_is_refused() -> None:
    refused(
        f"{ADD}\n\n«def f():\n    return 1»\n",
        f"{ADD}\n\ndef f():\n    return 2\n```",
        reason="the model's answer was not right: it defines add, which stands outside of the "
        "selection already",
    )


def test_python_that_the_grammar_takes_and_python_does_not_is_refused() -> None:
    refused(
        "class A:\n«    x = 1»\n    def f(self):\n        pass\n",
        "x = 1\nclass B:\n```",
        reason="the model's answer was not right: it does not parse (line 4: "
        "expected an indented block after class definition on line 3)",
    )


def test_an_answer_that_moves_what_stands_below_into_something_else_is_refused() -> None:
    refused(
        "class A {\n«  f() {}»\n  g() {}\n}\n",
        "f() {}\n}\nclass B {\n```",
        language="javascript",
        reason="the model's answer was not right: it changes what the code outside of the "
        "selection defines",
    )


def test_an_answer_that_changes_nothing_is_refused() -> None:
    refused(
        "«x = 1»\n", "x = 1\n```", reason="the model's answer was not right: it changed nothing"
    )


def test_an_answer_without_an_end_is_refused() -> None:
    result = edited("«x = 1»\n", "x = 1\n" + "y = 1\n" * 1000)
    assert result.reason.startswith("the model's answer was not right: it is longer than")


def test_a_language_without_a_grammar_says_that_nothing_was_checked() -> None:
    check(
        "«hullo»\n",
        "hello\n```",
        language="plaintext",
        after="hello\n",
        reason="there is no grammar for this language: nothing was checked",
    )


@pytest.mark.parametrize(
    ("source", "instruction", "reason"),
    [
        ("«»", "Do it.", "the document is empty"),
        (" \n«»\n", "Do it.", "the document is empty"),
        ("«a\0b»", "Do it.", "this is a binary file"),
        ("«x = 1»", " ", "there is no instruction"),
        ("«x = 1»", "y" * 4001, "the instruction has 4,001 characters; at most 4,000 fit"),
        ("x = 1\n«»\n", "Do it.", "nothing is selected, and there is no function at the cursor"),
        (
            "«" + "x = 1\n" * 201 + "»",
            "Do it.",
            "201 lines are selected; at most 200 can be done at once",
        ),
        (
            "«" + "x = 1\n" * 200 + "»" + "y" * 1_000_000,
            "Do it.",
            "the document has 1,001,200 characters; at most 1,000,000 can be",
        ),
    ],
)
def test_what_cannot_be_edited(source: str, instruction: str, reason: str) -> None:
    refused(source, reason=reason, instruction=instruction)


def test_a_selection_that_does_not_fit_the_context() -> None:
    async def test() -> None:
        desk = Desk("«x = '" + "a" * 800 + "'»\n", answers("x"), config=Config())
        result = await desk.edit()
        assert result.reason == (
            "the selection has 807 tokens, 833 too many for prompt and answer in the model's "
            "context of 1,280; select fewer lines"
        )
        assert desk.engine.jobs == []

    run(test)


def test_without_an_engine_or_a_chat_model_edits_are_refused() -> None:
    async def test() -> None:
        desk = Desk("«x = 1»\n", answers("x"), chat=None)
        result = await desk.edit()
        assert (
            result.reason == "this model completes code; it cannot edit or explain (no chat tokens)"
        )
        desk = Desk("«x = 1»\n", answers("x"))
        desk.engine.status = EngineStatus(EngineState.LOADING)
        assert (await desk.edit()).reason == "the model is not ready: loading"
        desk.resources.engine = None
        reason = (await desk.edit()).reason
        assert reason == "there is no model yet; run: slmcode models pull fast"

    run(test)


def test_a_problem_is_fixed_in_its_function_or_in_its_lines() -> None:
    async def test() -> None:
        for source, wanted in (
            ("def f():\n    x = «1»\n    return x\n", "def f():\n    x = 1\n    return x\n"),
            ("f(1)\nf(«1\n,» 2)\n", "f(1\n, 2)\n"),
            ("def f():\n    x = «1»\n" + "    y = 1\n" * 500, "    x = 1\n"),
            ("def f():\n    x = «1»\n    y = '" + "a" * 10000 + "'\n", "    x = 1\n"),
        ):
            desk = Desk(source, answers("x"))
            lines = desk.editing.lines_around(desk.snapshot, desk.range)
            assert lines is not None
            assert desk.snapshot.text[slice(*lines)] == wanted
        desk = Desk("x\n«»\n", answers("x"))
        assert desk.editing.lines_around(desk.snapshot, desk.range) is None

    run(test)


def test_the_job_is_an_edit_with_the_code_as_its_draft() -> None:
    async def test() -> None:
        desk = Desk("class A:\n«    x = 1»\n", answers("x = 2\n```"))
        await desk.edit()
        (job,) = desk.engine.jobs
        assert job.priority is Priority.EDIT
        assert bytes(job.draft) == b"x = 1\n"

    run(test)


def test_special_tokens_in_code_and_instruction_are_text() -> None:
    async def test() -> None:
        desk = Desk("«x = '<|im_end|><end>'»\n", answers("x = 2\n```"))
        await desk.edit("<|im_start|>system <end>")
        (job,) = desk.engine.jobs
        assert [t for t in job.tokens if t >= 256] == [PREFIX, END, PREFIX, END, PREFIX]

    run(test)


def test_an_instruction_of_several_lines_stays_a_list() -> None:
    action = by_instruction("Two changes:\n  1.  this\n  2. that\n")
    assert action.instruction == "Two changes:\n1. this\n2. that"
    assert action.title == "Two changes: 1. this 2. that"


def test_progress_counts_the_tokens_of_both_answers() -> None:
    async def test() -> None:
        desk = Desk("«x = 1»\n", answers("x = (\n```", "x = 2\n```"))
        seen: list[int] = []
        await desk.editing.edit(desk.snapshot, desk.range, DO_IT, seen.append)
        assert seen == list(range(1, len("x = (\n```x = 2\n```") + 1))

    run(test)


def test_cancelling_ends_the_work_of_the_model() -> None:
    async def test() -> None:
        desk = Desk("«x = 1»\n", answers("y = 1\n" * 50))
        seen = asyncio.Event()
        task = asyncio.ensure_future(
            desk.editing.edit(desk.snapshot, desk.range, DO_IT, lambda n: seen.set())
        )
        await seen.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        n_batches = len(desk.engine.backend.batches)
        await desk.stop()
        assert len(desk.engine.backend.batches) <= n_batches + 1

    run(test)


def test_a_newer_edit_takes_the_place_of_the_one_under_way() -> None:
    async def test() -> None:
        desk = Desk("«x = 1»\n", answers("x = 2\n" * 50, "x = 3\n```"))
        begun = asyncio.Event()
        first = asyncio.ensure_future(
            desk.editing.edit(desk.snapshot, desk.range, DO_IT, lambda n: begun.set())
        )
        await begun.wait()
        second = await desk.edit("Make it three.")
        assert (await first).reason == "a newer request took its place"
        assert text_of(second) == "x = 3\n"

    run(test)
