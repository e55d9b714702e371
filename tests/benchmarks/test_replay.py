"""The typing replay against a scripted desk with a virtual clock: no time passes here."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.replay import (
    Answer,
    Region,
    Request,
    Session,
    Span,
    figures,
    percentile,
    plan,
    region_of,
    something_would_be_right,
    split_of,
    type_region,
)
from slmcode.cli.typist import ANNOUNCED_S, accepted_part, gap_s, is_right, keys

Script = Callable[[str], tuple[str, float] | None]  # what is still to be typed -> text, seconds


class ScriptedDesk:
    """A desk whose time jumps. Answers what the script says for the text still to be typed."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.now = 0.0
        self.text = ""
        self.first_key_at: float | None = None
        self.accepted: list[str] = []

    async def open(self, region: Region) -> None:
        self._region = region
        self.now += ANNOUNCED_S

    async def press(self, text: str, *, accepted: bool) -> None:
        if self.first_key_at is None:
            self.first_key_at = self.now
        self.text += text
        if accepted:
            self.accepted.append(text)

    async def rest(self, seconds: float) -> Answer | None:
        self.now += seconds
        answer = self._script(self._region.typed[len(self.text) :])
        if answer is None or answer[1] > seconds:
            return None
        return Answer(*answer, {}, reason=None if answer[0] else "end_of_line")


REGION = Region("a/b", "x.py", "python", "def f():\n    ", "a = 1\n    b = 22\n    return b", "\n")


async def typed(script: Script, region: Region = REGION) -> tuple[Session, ScriptedDesk]:
    desk = ScriptedDesk(script)
    session = await type_region(desk, region, random.Random(0))
    assert desk.text == region.typed  # whatever is offered, the file comes out as it was
    return session, desk


async def test_without_answers_every_key_is_pressed_and_late() -> None:
    session, desk = await typed(lambda remaining: None)
    assert session.pressed_n == session.plain_n == len("a = 1") + 1 + len("b = 22") + 1 + 8
    f = figures(session, None)
    assert (f["late"], f["in_time"], f["coverage"], f["saved"]) == (1, 0, 0, 0)
    assert f["precision"] is None
    assert f["p50_ms"] is None
    assert desk.first_key_at == ANNOUNCED_S


async def test_a_right_line_is_accepted_for_one_key() -> None:
    session, desk = await typed(lambda remaining: (remaining.partition("\n")[0], 0.0))
    assert desk.accepted == [" = 1", "b = 22", "return b"]
    assert session.pressed_n == len(["a", " = 1", "\n    ", "b = 22", "\n    ", "return b"])
    assert figures(session, None)["precision"] == 1


async def test_what_is_right_altogether_is_accepted_altogether() -> None:
    session, desk = await typed(lambda remaining: (remaining, 0.0))
    assert session.pressed_n == 2
    assert desk.accepted == [REGION.typed[1:]]
    assert figures(session, None)["saved"] == pytest.approx(1 - 2 / session.plain_n)


async def test_of_a_text_that_goes_wrong_the_first_line_is_taken() -> None:
    _, desk = await typed(lambda remaining: (remaining.partition("\n")[0] + "\nwrong", 0.0))
    assert desk.accepted[0] == " = 1"


async def test_a_wrong_text_is_shown_and_not_accepted() -> None:
    session, desk = await typed(lambda remaining: ("wrong", 0.0))
    f = figures(session, None)
    assert desk.accepted == []
    assert (f["coverage"], f["precision"], f["quiet"], f["saved"]) == (1, 0, 0, 0)


async def test_an_answer_behind_the_next_key_is_late() -> None:
    """Answers take a second, gaps about 0.14 s: only a pause at a newline is long enough."""
    session, _ = await typed(lambda remaining: ("wrong", 1.0))
    f = figures(session, None)
    assert f["late"] + f["coverage"] == pytest.approx(1)
    assert f["late"] > 0.8
    assert f["in_time"] == 0


async def test_quiet_counts_only_where_nothing_would_be_right() -> None:
    def script(remaining: str) -> tuple[str, float]:
        return ("wrong" if something_would_be_right(remaining) else "", 0.0)

    session, _ = await typed(script)
    f = figures(session, None)
    assert f["quiet"] == 1
    assert f["coverage"] < 1


async def test_typed_along_is_the_last_text_without_the_key() -> None:
    session, _ = await typed(lambda remaining: ("wrong", 0.0))
    assert figures(session, None)["typed_along"] == 0
    one_line = Region("a/b", "x.py", "python", "", "abcdef", "")
    offered = "bcdXYZ"

    def script(remaining: str) -> tuple[str, float]:
        done = 6 - len(remaining)
        return (offered[done - 1 :] if done <= 4 else "", 0.0)

    session, _ = await typed(script, one_line)
    assert figures(session, None)["typed_along"] == pytest.approx(3 / 4)


def test_keys_bring_the_indentation_with_the_newline() -> None:
    assert list(keys("ab\n\tc\n\n  d")) == ["a", "b", "\n\t", "c", "\n", "\n  ", "d"]


def test_gaps_have_the_defined_medians_and_pauses() -> None:
    rng = random.Random(1)
    plain = [gap_s("a", rng) for _ in range(4000)]
    assert statistics.median(plain) == pytest.approx(0.140, rel=0.03)
    newline = [gap_s("\n  ", rng) for _ in range(4000)]
    slow = [g for g in newline if g >= 0.8]
    assert len(slow) / len(newline) == pytest.approx(0.3, abs=0.04)
    quick = [g for g in newline if g < 0.8]
    assert statistics.median(quick) == pytest.approx(0.308, rel=0.06)
    assert max(slow) <= 2.5


@pytest.mark.parametrize(
    ("shown", "remaining", "right", "accepted"),
    [
        ("foo()", "foo()\nbar", True, "foo()"),
        ("foo()  ", "foo()\nbar", True, "foo()"),
        ("fo", "foo()", True, "fo"),
        ("f", "foo()", True, ""),  # one character is not worth a key
        ("foo(x)", "foo()", False, ""),
        ("foo()\nbar", "foo()\nbar\nbaz", True, "foo()\nbar"),
        ("foo()\nqux", "foo()\nbar\nbaz", True, "foo()"),
        ("\n    bar", "\n    bar", True, "\n    bar"),
        ("\n    qux", "\n    bar", False, ""),
        ("\n", "\nbar", False, ""),  # a line ending alone shows nothing
        ("", "foo", False, ""),
    ],
)
def test_judging(shown: str, remaining: str, right: bool, accepted: str) -> None:
    assert is_right(shown, remaining) is right
    assert accepted_part(shown, remaining) == accepted


def test_regions_know_what_the_commit_added() -> None:
    region = region_of(row(first=2, n_lines=6), random.Random(0))
    assert region is not None
    assert region.spans == (Span(first=1, n=6, deleted=0),)
    assert region.text == row()["after"]


def row(path: str = "x.py", first: int = 2, n_lines: int = 6, after: str = "") -> dict[str, Any]:
    text = after or "def f():\n" + "".join(f"    line_{i} = {i}\n" for i in range(20)) + "end\n"
    span = {"start_line": first, "n_lines": n_lines, "deleted_lines": 0}
    return {"repo": "a/b", "path": path, "lang": "python", "after": text, "spans": [span]}


def test_regions_are_four_to_nine_added_lines() -> None:
    for seed in range(50):
        r = row(n_lines=15)
        region = region_of(r, random.Random(seed))
        assert region is not None
        assert region.before + region.typed + region.after == r["after"]
        assert 4 <= region.typed.count("\n") + 1 <= 9
        assert region.before.endswith("\n    ")  # the first line keeps its indentation
        first = region.before.count("\n") + 1
        assert first >= 2
        assert first + region.typed.count("\n") <= 16


def test_files_without_a_fitting_region_are_left_out() -> None:
    assert region_of(row(n_lines=3), random.Random(0)) is None
    assert region_of(row(after="a\r\n" * 20), random.Random(0)) is None
    assert region_of(row(after="\n" * 20), random.Random(0)) is None
    assert region_of(row(first=30, n_lines=6), random.Random(0)) is None


def test_plan_takes_languages_in_turn_and_one_region_a_file() -> None:
    rows = [row(f"{i}.py") for i in range(40)]
    rows += [row(f"{i}.go") | {"lang": "go"} for i in range(40)] + [row("0.py")] * 5
    regions = plan(rows, split="dev", seed=3, n_files=10, wanted=lambda r: True)
    assert [r.language for r in regions] == ["go", "python"] * 5
    assert len({r.path for r in regions}) == 10
    assert {split_of(r.repository, r.path) for r in regions} == {"dev"}
    assert regions == plan(rows, split="dev", seed=3, n_files=10, wanted=lambda r: True)
    held_out = plan(rows, split="held-out", seed=3, n_files=100, wanted=lambda r: True)
    assert not {r.path for r in held_out} & {r.path for r in regions}


def test_percentiles_by_nearest_rank() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([], 0.5) is None


def session_of(*answers: Answer | None, gap_s: float = 0.14) -> Session:
    """A session of one key an answer, nothing right, nothing accepted."""
    requests = [
        Request("x.py", "python", "a", False, i * gap_s, gap_s, answer, False, True, 0, False)
        for i, answer in enumerate(answers)
    ]
    return Session(requests, pressed_n=len(answers), plain_n=len(answers), region_n=1)


def test_an_empty_answer_is_in_time_only_with_its_reason() -> None:
    session = session_of(
        Answer("", 0.02, {}, reason="gated"),
        Answer("", 0.02, {}),
        Answer("x", 0.02, {}),
        Answer("x", 0.11, {}),
    )
    f = figures(session, None)
    assert f["in_time"] == 0.5
    assert f["late"] == 0
    assert f["reasons"] == {"gated": 1, "unnamed": 1}


def test_an_answer_given_twice_is_as_fast_as_the_first_and_shows_the_last() -> None:
    """The first answer was empty after 92 ms; what stands there in the end came by asking again."""
    f = figures(session_of(Answer("text", 0.092, {}, text_after_s=0.18)), 20.0)
    assert (f["in_time"], f["late"], f["coverage"]) == (1, 0, 1)
    assert f["generated_p50_ms"] == 92
    assert (f["text_in_time"], f["text_p50_ms"], f["text_p50_units"]) == (0, 180, 9)
    assert f["generated_text_p95_ms"] == 180


def test_nothing_yet_is_in_time_and_not_decided() -> None:
    session = session_of(
        Answer("", 0.05, {}, reason="deadline"),
        Answer("", 0.05, {}, reason="gated"),
        Answer("text", 0.05, {}, text_after_s=0.05),
        Answer("text", 0.05, {}, text_after_s=0.18),  # brought by a second answer
        Answer("text", 0.11, {}),
    )
    f = figures(session, None)
    assert (f["in_time"], f["decided_in_time"]) == (0.8, 0.4)


def test_a_stall_is_the_longest_time_a_key_waited_answered_or_not() -> None:
    assert figures(session_of(Answer("x", 0.05, {}), None, gap_s=0.3), None)["stall_ms"] == 300
    assert figures(session_of(Answer("x", 0.25, {}), gap_s=2.0), None)["stall_ms"] == 250


def test_generated_answers_leave_out_memory_and_refusals() -> None:
    session = session_of(
        Answer("x", 0.001, {}, from_memory=True),
        Answer("", 0.002, {}, reason="inside_word"),
        Answer("", 0.07, {}, reason="gated"),  # the model worked for it
        Answer("x", 0.09, {}),
    )
    f = figures(session, 20.0)
    assert f["generated"] == 2
    assert (f["generated_p50_ms"], f["generated_p95_ms"]) == (70, 90)
    assert f["generated_p95_units"] == 4.5
    assert f["p50_ms"] == 2


async def test_keys_carry_their_time_and_whether_they_accepted() -> None:
    session, _ = await typed(lambda remaining: (remaining.partition("\n")[0], 0.0))
    first, second = session.requests[:2]
    assert (first.key, first.took, first.at_s) == ("a", False, 0.0)
    assert (second.key, second.took, second.at_s) == (" = 1", True, first.gap_s)
