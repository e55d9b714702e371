"""Texts: lines, and line starts kept up to date by edits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmcode.text import Edit, Snapshot, TextRange, line_starts

texts = st.lists(st.sampled_from("a\r\n\f\v\u2028é😀"), max_size=20).map("".join)


def reference(text: str) -> list[int]:
    """A line starts behind every LF, and behind every CR no LF follows."""
    ends = (
        i + 1
        for i, c in enumerate(text)
        if c == "\n" or (c == "\r" and text[i + 1 : i + 2] != "\n")
    )
    return [0, *ends]


def snapshot(text: str) -> Snapshot:
    return Snapshot("untitled:1", "", 1, text)


@given(texts)
def test_lines_end_at_cr_lf_and_crlf_only(text: str) -> None:
    assert line_starts(text) == reference(text)


@given(texts, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), texts), max_size=6))
def test_line_starts_follow_edits(text: str, edits: list[tuple[int, int, str]]) -> None:
    s = snapshot(text)
    for start, length, new_text in edits:
        start = min(start, len(s.text))
        end = min(start + length, len(s.text))
        expected = s.text[:start] + new_text + s.text[end:]
        s = s.apply(Edit(TextRange(start, end), new_text), 2)
        assert s.text == expected
        assert s.line_starts == reference(expected)


@given(texts, st.data())
def test_lines_hold_their_offsets(text: str, data: st.DataObject) -> None:
    s = snapshot(text)
    offset = data.draw(st.integers(0, len(text)))
    start, end = s.line_start(offset), s.line_end(offset)
    assert start <= offset
    assert start in s.line_starts
    assert not set(text[start:end]) & set("\r\n")
    assert end == len(text) or text[end] in "\r\n"
    assert s.line_starts[s.line_at(offset)] == start


@pytest.mark.parametrize("place", [(-1, 0), (0, 4), (2, 1), (4, 4)])
def test_an_edit_outside_of_the_text_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        snapshot("abc").apply(Edit(TextRange(*place), ""), 2)
