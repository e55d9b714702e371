"""Edits carried over to a later version: right, or given up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmcode.features.edits.rebasing import rebase
from slmcode.text import Edit, Snapshot, TextRange


def snapshot(text: str) -> Snapshot:
    return Snapshot("", "", 1, text)


def after(text: str, edits: list[Edit]) -> str:
    """All of `edits` are in `text`, ascending."""
    for (start, end), new_text in reversed(edits):
        text = text[:start] + new_text + text[end:]
    return text


def rebased(text: str, edits: list[Edit], later: list[Edit]) -> str | None:
    """The text with both, None where the edits are given up."""
    moved = rebase(snapshot(text), edits, later)
    if moved is None:
        return None
    for change in later:
        text = after(text, [change])
    return after(text, moved)


def edit(text: str, old: str, new: str) -> Edit:
    """`old` stands in `text` once. A `|` in it is where `new` is put in, and stands nowhere."""
    if "|" in old:
        at = text.index(old.replace("|", "")) + old.index("|")
        return Edit(TextRange(at, at), new)
    at = text.index(old)
    return Edit(TextRange(at, at + len(old)), new)


TEXT = "a\nb\nc\nd\n"
NEW_C = edit(TEXT, "c\n", "C\n")


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("a", "aa", "aa\nb\nC\nd\n"),
        ("a\n", "", "b\nC\nd\n"),
        ("b\n", "", "a\nC\nd\n"),
        ("b", "", "a\n\nC\nd\n"),
        ("b\n|", "x\n", "a\nb\nx\nC\nd\n"),
        ("b|", "\nx", "a\nb\nx\nC\nd\n"),
        ("|d", "x", "a\nb\nC\nxd\n"),
        ("d\n", "", "a\nb\nC\n"),
        ("d\n|", "e\n", "a\nb\nC\nd\ne\n"),
        ("b\n|", "x", None),
        ("|c", "x", None),
        ("c|", "x", None),
        ("c", "x", None),
        ("c\n", "", None),
        ("\nc", "", None),
        ("c|", "\nx", None),
        ("b\nc\n", "", None),
    ],
)
def test_a_line_replaced(old: str, new: str, result: str | None) -> None:
    assert rebased(TEXT, [NEW_C], [edit(TEXT, old, new)]) == result


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("b", "B", "a\nB\nnew\nc\nd\n"),
        ("c", "C", None),  # it may have been the line the new one was for
        ("|c", "C", None),
        ("b\n", "", None),
        ("d", "D", "a\nb\nnew\nc\nD\n"),
    ],
)
def test_a_line_put_in(old: str, new: str, result: str | None) -> None:
    put_in = edit(TEXT, "|c", "new\n")
    assert rebased(TEXT, [put_in], [edit(TEXT, old, new)]) == result


def test_a_word_of_a_line() -> None:
    text = "x = old + 1\ny = 2\n"
    word = edit(text, "old", "new")
    assert rebased(text, [word], [edit(text, "2", "3")]) == "x = new + 1\ny = 3\n"
    assert rebased(text, [word], [edit(text, "1", "3")]) is None


def test_the_last_line_without_an_end() -> None:
    assert rebased("a\nb", [edit("a\nb", "b", "B")], [edit("a\nb", "a", "A")]) == "A\nB"
    assert rebased("a\nb", [edit("a\nb", "b", "B")], [edit("a\nb", "b|", "x")]) is None


def test_each_later_edit_is_in_the_text_of_the_one_before() -> None:
    later = [Edit(TextRange(0, 0), "x\n"), Edit(TextRange(2, 3), "yy"), Edit(TextRange(0, 2), "")]
    assert rebased(TEXT, [NEW_C], later) == "yy\nb\nC\nd\n"
    later.append(Edit(TextRange(5, 5), "z"))
    assert rebased(TEXT, [NEW_C], later) is None


LINES = st.lists(st.sampled_from(["", "a", "bb", "a b", "c😀"]), min_size=1, max_size=8)
ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, list[Edit], list[Edit]]:
    """A text, edits of whole lines in it, and what a user does one after the other."""
    end = draw(ENDS)
    text = end.join(draw(LINES)) + draw(st.sampled_from([end, ""]))
    borders = draw(st.lists(st.sampled_from([*snapshot(text).line_starts, len(text)]), max_size=4))
    edits = [
        Edit(TextRange(start, stop), draw(st.sampled_from([f"new{end}", ""])))
        for start, stop in zip(*[iter(sorted(borders))] * 2, strict=False)
    ]
    later, now = [], text
    for _ in range(draw(st.integers(1, 4))):
        places = [m.start() for m in re.finditer(r"(?<!\r)|(?!\n)", now)]  # none between CR and LF
        start, stop = sorted(draw(st.tuples(st.sampled_from(places), st.sampled_from(places))))
        change = Edit(TextRange(start, stop), draw(st.sampled_from(["", "x", end, f"x{end}"])))
        later.append(change)
        now = after(now, [change])
    return text, edits, later


def applied_by_character(text: str, edits: list[Edit], later: list[Edit]) -> str:
    """Both, where every character of the text knows where it came from."""
    kept: list[tuple[str, int | None]] = [(character, i) for i, character in enumerate(text)]
    for (start, end), new_text in later:
        kept[start:end] = [(character, None) for character in new_text]
    for (start, end), new_text in reversed(edits):
        came_from = [i for _, i in kept]
        at = came_from.index(start) if start in came_from else came_from.index(start - 1) + 1
        assert came_from[at : at + end - start] == list(range(start, end)), "what it replaces"
        kept[at : at + end - start] = [(character, None) for character in new_text]
    return "".join(character for character, _ in kept)


@given(cases())
def test_both_are_applied_or_none(case: tuple[str, list[Edit], list[Edit]]) -> None:
    text, edits, later = case
    result = rebased(text, edits, later)
    if result is not None:
        assert result == applied_by_character(text, edits, later)


@given(cases())
def test_lines_elsewhere_never_stand_in_the_way(case: tuple[str, list[Edit], list[Edit]]) -> None:
    """The user's text is put around the edited one, with a line between."""
    text, edits, later = case
    above = [Edit(where, new_text) for where, new_text in later]
    moved = [
        Edit(TextRange(start + len(text) + 1, end + len(text) + 1), new_text)
        for (start, end), new_text in edits
    ]
    assert rebased(f"{text}\n{text}", moved, above) is not None
