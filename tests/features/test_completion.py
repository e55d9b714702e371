"""Completions as a user meets them: strings with a cursor and a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import msgspec
import psutil
import pytest

from slmcode.config import Config
from slmcode.engine.fake import END, MIDDLE
from slmcode.engine.job import EngineState, EngineStatus, Priority
from slmcode.features.answer import Completion, Empty, Reason
from slmcode.features.work_ahead import Power
from slmcode.text import Snapshot
from tests.features.harness import Desk, check, writes

HEAD = "def add(a, b):\n"


def test_fills_expression() -> None:
    check(
        HEAD + "    return ˇ\n",
        model="    return a + b\n",
        after=HEAD + "    return a + bˇ\n",
    )


def test_finishes_a_half_typed_word() -> None:
    check(HEAD + "    retuˇ\n", model="    return a + b\n", after=HEAD + "    return a + bˇ\n")


def test_keeps_the_bracket_on_the_right() -> None:
    check("print(ˇ)\n", model="print(a, b)\n", after="print(a, bˇ)\n")


def test_several_lines_where_a_block_opens() -> None:
    check(
        "def f(x):\n    ˇ\n\nprint(1)\n",
        model="    if x:\n        return 1\n    return 2\n\nprint(1)\n",
        after="def f(x):\n    if x:\n        return 1\n    return 2ˇ\n\nprint(1)\n",
    )


def test_one_line_elsewhere() -> None:
    check("x = ˇ\n", model="x = 1\ny = 2\n", after="x = 1ˇ\n")


def test_does_not_repeat_the_line_below() -> None:
    check(
        "a = 1\nˇ\nresult = compute(a)\n",
        model="result = compute(a)\n",
        reason=Reason.REPEATS_SUFFIX,
    )


def test_says_when_the_line_is_finished() -> None:
    check("x = 1ˇ\n", model="x = 1\n", reason=Reason.END_OF_LINE)


@pytest.mark.parametrize(
    ("source", "reason", "settings"),
    [
        ("x = fooˇbar\n", Reason.INSIDE_WORD, {}),
        ("x = ˇ" + "y" * 0 + "\n" + "z" * 2000, Reason.TOO_LARGE, {"max_file_kb": 1}),
        ("x = ˇ  " + "+ 1" * 1000 + "\n", Reason.LONG_LINE, {}),
        ("x\0 = ˇ\n", Reason.BINARY, {}),
        ("x = ˇ\n", Reason.DISABLED, {"enabled": False}),
        ("x = ˇ\n", Reason.DISABLED, {"disabled_languages": ("python",)}),
    ],
)
def test_every_blank_has_its_reason(
    source: str, reason: Reason, settings: dict[str, object]
) -> None:
    config = msgspec.structs.replace(Config(deadline_ms=2000), **settings)
    check(source, model="x = 1\n", reason=reason, config=config)


def test_a_language_is_disabled_by_any_of_its_names() -> None:
    config = Config(deadline_ms=2000, disabled_languages=("cs", "sh"))
    check("x = ˇ\n", model="x = 1\n", reason=Reason.DISABLED, language="csharp", config=config)
    check("x=ˇ\n", model="x=1\n", reason=Reason.DISABLED, language="shellscript", config=config)


def test_crlf_stays_crlf() -> None:
    check(
        "def f(x):\r\n    ˇ\r\n",
        model="    if x:\n        return 1\n    return 2\n\n\n",
        after="def f(x):\r\n    if x:\r\n        return 1\r\n    return 2ˇ\r\n",
    )


def test_special_tokens_in_the_text_are_text() -> None:
    check(
        's = "<|fim_prefix|>ˇ\n',
        model='s = "<|fim_prefix|>"\n',
        after='s = "<|fim_prefix|>"ˇ\n',
    )


@pytest.mark.parametrize("text", ["ˇ", "ˇ\n", "# \ud800 ˇ\n", "# 漢字 🦀 ˇ\n", "\x0c\u2028ˇ"])
def test_odd_documents_are_answered(text: str) -> None:
    desk_run(text, "no such beginning", lambda desk: desk.ask())


def desk_run(
    source: str, model: str, play: Callable[[Desk], Awaitable[object]], **more: object
) -> object:
    async def run() -> object:
        return await play(Desk(source, writes(model.encode()), **more))  # type: ignore[arg-type]

    return asyncio.run(run())


def test_typing_into_an_empty_file() -> None:
    async def play(desk: Desk) -> None:
        desk.completer.cursor_moved(desk.snapshot, 0)
        await desk.completer.rested(desk.snapshot.uri)
        desk.type("x = ")
        first = await desk.ask()
        desk.type("a")
        second = await desk.ask()
        assert isinstance(first, Completion)
        assert isinstance(second, Completion)
        assert (first.text, second.text) == ("alpha", "lpha")
        assert len(desk.completions_asked) == 1

    desk_run("ˇ", "x = alpha\n", play)


def test_typing_along_is_served_from_memory() -> None:
    async def play(desk: Desk) -> None:
        first = await desk.ask()
        assert isinstance(first, Completion)
        for letter in "a + ":
            desk.type(letter)
            answer = await desk.ask()
            assert isinstance(answer, Completion)
            assert answer.from_memory
        assert answer.text == "b"
        assert len(desk.completions_asked) == 1

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_letters_the_user_takes_back_are_not_offered_again() -> None:
    async def play(desk: Desk) -> None:
        desk.type("x")
        assert isinstance(await desk.ask(), Empty)  # the model knows nothing behind "totx"
        desk.edit(desk.offset - 1, desk.offset, "")
        assert desk.accept(await desk.ask()) == "total = 1ˇ\n"

    desk_run("totˇ\n", "total = 1\n", play)


def test_typing_something_else_asks_again() -> None:
    async def play(desk: Desk) -> None:
        await desk.ask()
        desk.type("b")
        answer = await desk.ask()
        assert isinstance(answer, Empty)  # the scripted model knows nothing behind "return b"
        assert len(desk.completions_asked) == 2

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_the_deadline_answer_goes_on_behind_itself() -> None:
    async def play(desk: Desk) -> None:
        line = "    return alpha + beta\n"
        steps = 0

        def gate() -> None:
            nonlocal steps
            steps += 1
            if steps == 12:
                desk.engine.hold = True

        desk.engine.backend._gate = gate
        early = await desk.ask()
        assert isinstance(early, Completion)
        assert not early.final
        assert line[len("    return ") :].startswith(early.text)
        desk.engine.release()
        await desk.engine.settle()
        later = await desk.ask()
        assert isinstance(later, Completion)
        assert later.final
        assert later.text == "alpha + beta"
        assert len(desk.completions_asked) == 1

    desk_run(
        HEAD + "    return ˇ\n",
        "    return alpha + beta\n",
        play,
        config=Config(deadline_ms=150, show_probability=0, work_ahead="always"),
    )


def test_nothing_at_the_deadline_is_answered_late_not_never() -> None:
    async def play(desk: Desk) -> None:
        desk.engine.hold = True
        asked = asyncio.ensure_future(desk.ask())
        done, _ = await asyncio.wait({asked}, timeout=0.1)
        assert not done, "answered without anything to show"
        desk.engine.release()
        assert isinstance(await asked, Completion)

    desk_run(
        HEAD + "    return ˇ\n",
        "    return a\n",
        play,
        config=Config(deadline_ms=10, show_probability=0),
    )


def test_a_newer_request_supersedes() -> None:
    async def play(desk: Desk) -> None:
        desk.engine.hold = True
        first = asyncio.ensure_future(desk.ask())
        await asyncio.sleep(0)
        desk.type("a")
        second = asyncio.ensure_future(desk.ask())
        answer = await first
        assert isinstance(answer, Empty)
        assert answer.reason is Reason.SUPERSEDED
        desk.engine.release()
        assert isinstance(await second, Completion)

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_a_late_answer_is_rebased_on_what_was_typed() -> None:
    async def play(desk: Desk) -> None:
        desk.engine.hold = True
        asked = asyncio.ensure_future(desk.ask())
        await asyncio.sleep(0)
        desk.type("a +")
        desk.engine.release()
        answer = await asked
        assert isinstance(answer, Completion)
        assert (answer.text, answer.range.start) == (" b", desk.offset)

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_a_late_answer_that_does_not_fit_is_stale() -> None:
    async def play(desk: Desk) -> None:
        desk.engine.hold = True
        asked = asyncio.ensure_future(desk.ask())
        await asyncio.sleep(0)
        desk.type("xyz")
        desk.engine.release()
        answer = await asked
        assert isinstance(answer, Empty)
        assert answer.reason is Reason.STALE

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_an_edit_above_does_not_disturb() -> None:
    async def play(desk: Desk) -> None:
        await desk.ask()
        cursor = desk.offset
        desk.edit(0, 0, "")
        desk.offset = cursor
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.from_memory

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_typing_inside_an_anchor_reuses_the_prompt() -> None:
    async def play(desk: Desk) -> None:
        await desk.ask()
        reused = asked = 0
        for letter in "total = 0 + one * two":
            desk.type(letter)
            answer = await desk.ask()
            reused += answer.timings.cache_n
            asked += answer.timings.cache_n + answer.timings.prompt_n
        assert reused / asked >= 0.98
        anchors = {job.tokens[: job.tokens.index(258)].__repr__() for job in desk.completions_asked}
        assert len(anchors) == 1

    desk_run("x = 1\n" * 60 + "ˇ\n", "zzz", play)


def test_a_bracket_closed_by_the_editor_keeps_the_anchor() -> None:
    async def play(desk: Desk) -> None:
        await desk.ask()
        desk.type("print(")
        desk.edit(desk.offset, desk.offset, ")")
        desk.offset -= 1
        await desk.ask()
        first, second = desk.completions_asked
        assert second.tokens[: len(first.tokens)] == first.tokens

    desk_run("x = 1\n" * 20 + "ˇ\ny = 2\n", "z = 1\n", play)


def test_the_cursor_at_rest_warms_the_prompt() -> None:
    async def play(desk: Desk) -> None:
        desk.completer.cursor_moved(desk.snapshot, desk.offset)
        await asyncio.sleep(0)
        assert [job.priority for job in desk.engine.jobs] == [Priority.WARM]
        await desk.engine.settle()
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.timings.prompt_n <= 1

    desk_run("x = 1\n" * 30 + "ˇ\n", "y = 2\n", play)


def test_a_lost_engine_answers_empty_with_a_reason() -> None:
    async def play(desk: Desk) -> None:
        desk.engine.status = EngineStatus(EngineState.DOWN, "the engine ended; starting it again")
        answer = await desk.ask()
        assert isinstance(answer, Empty)
        assert answer.reason is Reason.ENGINE_DOWN
        assert "starting it again" in answer.detail

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_a_closed_document_ends_its_generation() -> None:
    async def play(desk: Desk) -> None:
        desk.engine.hold = True
        asked = asyncio.ensure_future(desk.ask())
        await asyncio.sleep(0)
        desk.completer.did_close(desk.snapshot.uri)
        desk.engine.release()
        answer = await asked
        assert isinstance(answer, Empty)
        assert not desk.engine.scheduler._entries

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_a_new_anchor_is_not_swapped_in_before_it_has_read_what_was_typed() -> None:
    async def play(desk: Desk) -> None:
        await desk.ask()
        for letter in "one = two\n":
            desk.type(letter)
        first = desk.completions_asked[0].tokens
        await desk.engine.settle()
        desk.engine.hold = True
        desk.completer._ahead.idle(desk.completer._documents[desk.snapshot.uri])
        await asyncio.sleep(0)
        for letter in "three = four + five":
            desk.type(letter)
        await desk.ask_while_held()
        assert desk.completions_asked[-1].tokens[: len(first)] == first, "swapped too early"
        desk.engine.release()
        await desk.engine.settle()
        desk.type(" ")
        answer = await desk.ask()
        assert desk.completions_asked[-1].tokens[: len(first)] != first, "never swapped"
        assert answer.timings.prompt_n <= 8

    desk_run("x = 1\n" * 30 + "ˇ\n", "zzz", play)


# Work ahead and what outlives the keystroke


def test_the_line_behind_an_accepted_one_is_served_from_memory() -> None:
    async def play(desk: Desk) -> None:
        first = await desk.ask()
        assert isinstance(first, Completion)
        assert first.text == "alpha + beta", "only the line is visible"
        desk.accept(first)
        await desk.ask()
        await desk.engine.settle()
        desk.type("\n")
        second = await desk.ask()
        assert isinstance(second, Completion)
        assert second.from_memory
        assert second.text == "beta = 2"
        assert len(desk.completions_asked) == 1

    desk_run("x = ˇ\n", "x = alpha + beta\nbeta = 2\ngamma = 3\n", play)


def test_lines_are_generated_ahead_as_the_cursor_comes() -> None:
    async def play(desk: Desk) -> None:
        for line in ("alpha + beta", "beta = 2", "gamma = 3", "delta = 4"):
            answer = await desk.ask()
            assert isinstance(answer, Completion)
            assert answer.text == line
            desk.accept(answer)
            await desk.ask()
            desk.type("\n")
            await desk.engine.settle()
        assert len(desk.completions_asked) == 1
        assert all(j.priority is Priority.WARM for j in desk.engine.jobs[1:])

    desk_run("x = ˇ\n", "x = alpha + beta\nbeta = 2\ngamma = 3\ndelta = 4\nlast = 5\n", play)


def test_nothing_is_generated_ahead_where_the_setting_forbids_it() -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        desk.accept(answer)
        await desk.ask()
        await desk.engine.settle()
        desk.completer.cursor_moved(desk.snapshot, 0)
        await asyncio.sleep(0)
        assert all(job.priority is Priority.COMPLETION for job in desk.engine.jobs)
        desk.type("\n")
        later = await desk.ask()
        assert not (isinstance(later, Completion) and later.from_memory)

    desk_run(
        "x = ˇ\n",
        "x = alpha\nbeta = 2\n",
        play,
        config=Config(deadline_ms=2000, show_probability=0, work_ahead="never"),
    )


def test_a_suggestion_typed_away_from_is_offered_as_a_draft() -> None:
    async def play(desk: Desk) -> None:
        await desk.ask()
        desk.type("b")
        await desk.ask()
        drafts = [bytes(job.draft).decode() for job in desk.completions_asked]
        assert drafts[0] == ""
        assert drafts[1] == " a + b\n"

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_a_generation_that_goes_another_way_than_the_user_is_replaced() -> None:
    async def play(desk: Desk) -> None:
        desk.engine.hold = True
        await desk.ask_while_held()
        desk.type("b")  # the model will want "a + b"
        asked = asyncio.ensure_future(desk.ask())
        await asyncio.sleep(0)
        desk.engine.release()
        answer = await asked
        assert isinstance(answer, Empty)
        assert answer.reason is not Reason.STALE
        assert len(desk.completions_asked) == 2

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play)


def test_coming_back_to_a_document_warms_it_again() -> None:
    async def play(desk: Desk) -> None:
        completer = desk.completer
        here, there = desk.snapshot, Snapshot("file:///w/other", "python", 1, "y = 2\n" * 30)
        completer.cursor_moved(here, desk.offset)
        await desk.engine.settle()
        completer.did_open(there)
        completer.cursor_moved(there, len(there.text))
        await desk.engine.settle()
        n = len(desk.engine.jobs)
        completer.cursor_moved(there, len(there.text))
        await asyncio.sleep(0)
        assert len(desk.engine.jobs) == n, "warm already"
        completer.cursor_moved(here, desk.offset)
        await asyncio.sleep(0)
        assert desk.engine.jobs[-1].tokens == desk.engine.jobs[0].tokens

    desk_run("x = 1\n" * 30 + "ˇ\n", "y = 2\n", play)


def test_a_pause_brings_the_prompt_to_full_size_in_steps_and_then_rests() -> None:
    async def play(desk: Desk) -> None:
        ahead = desk.completer._ahead
        desk.completer.cursor_moved(desk.snapshot, desk.offset)
        doc = desk.completer._documents[desk.snapshot.uri]
        sizes = []
        for _ in range(5):
            assert doc.warming is not None
            await doc.warming
            ahead._prefill_ms = 10.0  # whatever the scripted model did
            assert doc.anchor is not None
            sizes.append(doc.anchor.budget.total)
            ahead.idle(doc)
            await asyncio.sleep(0)
        assert sizes[0] < sizes[1] < sizes[2] == 384
        assert sizes[2:] == [384] * 3
        assert len(desk.engine.jobs) == 3, "and nothing more while nothing happens"

    desk_run("x = 1\n" * 300 + "ˇ\n", "y = 2\n", play)


@pytest.mark.parametrize(
    ("setting", "battery", "load", "allowed"),
    [
        ("auto", False, 0.5, True),
        ("auto", True, 0.5, False),
        ("auto", None, 99.0, False),
        ("auto", None, 0.5, True),
        ("always", True, 99.0, True),
        ("never", False, 0.0, False),
    ],
)
def test_work_ahead_rests_on_battery_and_while_others_work(
    monkeypatch: pytest.MonkeyPatch, setting: str, battery: bool | None, load: float, allowed: bool
) -> None:
    plugged = None if battery is None else SimpleNamespace(power_plugged=not battery)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: plugged, raising=False)
    monkeypatch.setattr(psutil, "getloadavg", lambda: (load, load, load))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    assert Power().allows(setting) is allowed


# The gate


def gated(threshold: float) -> Config:
    return Config(deadline_ms=2000, show_probability=threshold, work_ahead="never")


def test_what_is_not_likely_is_not_shown_and_says_so() -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Empty)
        assert answer.reason is Reason.GATED
        assert 0 <= float(answer.detail) < 1
        explicit = await desk.ask(invoked=True)
        assert isinstance(explicit, Completion), "a request by command is not gated"

    desk_run(HEAD + "    return ˇ\n", "    return a + b\n", play, config=gated(1.0))


def test_the_gate_learns_from_what_is_typed() -> None:
    async def play(desk: Desk) -> None:
        gate = desk.completer._showing.gate
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        desk.completer.shown(answer.completion_id)
        desk.type("z")
        await desk.ask()
        assert gate.calibration.lessons == 1
        assert desk.completer._showing.feedback.recent < 0.5

    desk_run(HEAD + "    return ˇ\n", "    return alpha + beta\n", play, config=gated(0.01))


def test_what_was_not_seen_teaches_nothing() -> None:
    async def play(desk: Desk) -> None:
        await desk.ask()
        desk.type("z")
        await desk.ask()
        assert desk.completer._showing.gate.calibration.lessons == 0

    desk_run(HEAD + "    return ˇ\n", "    return alpha + beta\n", play, config=gated(0.01))


# Clients that can ask again


def refreshable(desk: Desk) -> asyncio.Queue[int]:
    """What the completer tells such a client."""
    told: asyncio.Queue[int] = asyncio.Queue()
    desk.completer.on_refresh = lambda snapshot, offset: told.put_nowait(offset)
    return told


def test_a_client_that_can_ask_again_is_answered_by_the_deadline_and_told_later() -> None:
    async def play(desk: Desk) -> None:
        told = refreshable(desk)
        desk.engine.hold = True
        answer = await desk.ask()
        assert isinstance(answer, Empty)
        assert answer.reason is Reason.DEADLINE
        desk.engine.release()
        assert await told.get() == desk.offset
        await desk.engine.settle()
        again = await desk.ask()
        assert isinstance(again, Completion)
        assert again.text == "alpha"
        assert len(desk.completions_asked) == 1

    desk_run(
        HEAD + "    return ˇ\n",
        "    return alpha\n",
        play,
        config=Config(deadline_ms=10, show_probability=0),
    )


def test_a_client_is_told_nothing_of_a_place_it_has_left() -> None:
    async def play(desk: Desk) -> None:
        told = refreshable(desk)
        desk.engine.hold = True
        await desk.ask()
        desk.type("z")
        await desk.ask()
        desk.engine.release()
        await desk.engine.settle()
        assert told.empty()

    desk_run(
        HEAD + "    return ˇ\n",
        "    return alpha\n",
        play,
        config=Config(deadline_ms=10, show_probability=0),
    )


def test_why_nothing_came_is_told_when_it_is_known() -> None:
    async def play(desk: Desk) -> None:
        refreshable(desk)
        desk.engine.hold = True
        await desk.ask()
        reasons = [reason(desk)]
        desk.engine.release()
        while reason(desk) == "deadline":  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert [*reasons, reason(desk)] == ["deadline", "end_of_line"]

    def reason(desk: Desk) -> str:
        last = desk.completer.last_completion(desk.snapshot.uri)
        assert last is not None
        return str(last["reason"])

    desk_run(
        HEAD + "    return alphaˇ\n",
        "    return alpha\n",
        play,
        config=Config(deadline_ms=10, show_probability=0),
    )


def test_a_client_is_told_of_more_while_the_user_types_along() -> None:
    async def play(desk: Desk) -> None:
        told = refreshable(desk)
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.text == "alpha +"
        desk.type("al")
        desk.engine.release()
        assert await told.get() == desk.offset
        again = await desk.ask()
        assert isinstance(again, Completion)
        assert again.text == "pha + beta + gamma"
        assert len(desk.completions_asked) == 1

    async def run() -> None:
        text = b"    return alpha + beta + gamma\n"
        write = writes(text)

        def script(tokens: list[int]) -> int:
            if tokens[-1] == ord("+") and tokens.count(ord("+")) == 1:
                desk.engine.hold = True  # the user comes to type before the rest is written
            return write(tokens)

        desk = Desk(
            HEAD + "    return ˇ\n", script, config=Config(deadline_ms=1000, show_probability=0)
        )
        await play(desk)

    asyncio.run(run())


# What the user sends away


def test_what_was_sent_away_is_not_offered_again() -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        desk.completer.dismissed(answer.completion_id)
        again = await desk.ask()
        desk.type("al")
        along = await desk.ask()
        assert isinstance(again, Empty)
        assert isinstance(along, Empty)
        assert (again.reason, along.reason) == (Reason.DISMISSED, Reason.DISMISSED)
        by_command = await desk.ask(invoked=True)
        assert isinstance(by_command, Completion)
        assert by_command.text == "pha"

    desk_run(HEAD + "    return ˇ\n", "    return alpha\n", play)


def test_what_is_typed_instead_of_a_text_sent_away_is_completed() -> None:
    def script(tokens: list[int]) -> int:
        typed = bytes(t for t in tokens[tokens.index(MIDDLE) + 1 :] if t < 256)
        line = b"    return zeta\n" if b"z" in typed else b"    return alpha\n"
        return line[len(typed)] if line.startswith(typed) and len(typed) < len(line) else END

    async def run() -> None:
        desk = Desk(HEAD + "    return ˇ\n", script)
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        desk.completer.dismissed(answer.completion_id)
        desk.type("z")
        other = await desk.ask()
        assert isinstance(other, Completion)
        assert other.text == "eta"

    asyncio.run(run())


# By command


def test_a_request_by_command_goes_on_while_the_indentation_lasts() -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask(invoked=True)
        assert isinstance(answer, Completion)
        assert answer.text == "1\n    y = 2"

    desk_run("def f():\n    x = ˇ\n", "    x = 1\n    y = 2\nprint(f)\n", play)


def test_a_request_by_command_is_not_served_the_one_line_that_is_held() -> None:
    async def play(desk: Desk) -> None:
        line = await desk.ask()
        block = await desk.ask(invoked=True)
        assert isinstance(line, Completion)
        assert isinstance(block, Completion)
        assert (line.text, block.text) == ("1", "1\n    y = 2")

    desk_run("def f():\n    x = ˇ\n", "    x = 1\n    y = 2\nprint(f)\n", play)


def test_a_request_by_command_has_alternatives() -> None:
    line = b"x = alpha\n"

    def script(tokens: list[int]) -> int | list[int]:
        typed = bytes(t for t in tokens[tokens.index(258) + 1 :] if t < 256)
        for text in (line, b"x = beta\n", b"x = gamma\n"):
            if text.startswith(typed) and len(typed) > len("x = "):
                return text[len(typed)] if len(typed) < len(text) else 259
        return [ord("a"), ord("b"), ord("g")] if typed == b"x = " else 259

    async def run() -> None:
        desk = Desk("x = ˇ\n", script)
        answer = await desk.ask(invoked=True)
        assert isinstance(answer, Completion)
        assert (answer.text, answer.alternatives) == ("alpha", ("beta", "gamma"))

    asyncio.run(run())


def test_a_document_that_changes_while_alternatives_are_waited_for() -> None:
    """The best text's place is that of the document before: it is not answered."""

    def script(tokens: list[int]) -> int | list[int]:
        typed = bytes(t for t in tokens[tokens.index(258) + 1 :] if t < 256)
        return [ord("a"), ord("b")] if len(typed) < len("x = abcdef") else ord("\n")

    async def run() -> None:
        desk = Desk("x = ˇ\n", script)
        asked = asyncio.ensure_future(desk.ask(invoked=True))
        while not any(job.branch for job in desk.engine.jobs):  # noqa: ASYNC110
            await asyncio.sleep(0)
        desk.edit(0, 0, "# above\n")
        answer = await asked
        assert isinstance(answer, Empty)
        assert answer.reason is Reason.STALE

    asyncio.run(run())
