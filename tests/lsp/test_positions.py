"""Positions against a reference that encodes the whole line and counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmcode.lsp.positions import ENCODINGS, Encoding, prefix_length, to_offset, to_position, width
from slmcode.text import Snapshot

CHARACTERS = "ab \té語😀👩\u200d\u0301\f\v\u2028\u0085\r\n\x00\ud800\udc00"
texts = st.lists(st.sampled_from([*CHARACTERS, "\r\n", "x" * 5000, "é" * 5000])).map("".join)
encodings = st.sampled_from(ENCODINGS)

_CODEC = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


def units(text: str, encoding: Encoding) -> int:
    codec, size = _CODEC[encoding]
    return sum(len(c.encode(codec, "surrogatepass")) // size for c in text)


def lines(text: str) -> list[tuple[int, str]]:
    """Offset and text, without its ending, of each line; found by walking."""
    found, start, i = [], 0, 0
    while i < len(text):
        if text[i] in "\r\n":
            found.append((start, text[start:i]))
            i += 2 if text[i : i + 2] == "\r\n" else 1
            start = i
        else:
            i += 1
    return [*found, (start, text[start:])]


def reference_offset(text: str, line: int, character: int, encoding: Encoding) -> int:
    all_lines = lines(text)
    if line >= len(all_lines):
        return len(text)
    start, content = all_lines[line]
    fitting = [n for n in range(len(content) + 1) if units(content[:n], encoding) <= character]
    return start + max(fitting)


def snapshot(text: str) -> Snapshot:
    return Snapshot("untitled:1", "", 1, text)


short = st.lists(st.sampled_from([*CHARACTERS, "\r\n"]), max_size=12).map("".join)


@given(short, st.integers(0, 14), st.integers(0, 60), encodings)
def test_offset_is_that_of_the_reference(
    text: str, line: int, character: int, encoding: Encoding
) -> None:
    expected = reference_offset(text, line, character, encoding)
    assert to_offset(snapshot(text), line, character, encoding) == expected


@given(texts, encodings, st.data())
def test_there_and_back(text: str, encoding: Encoding, data: st.DataObject) -> None:
    s = snapshot(text)
    offset = data.draw(st.integers(0, len(text)))
    line, character = to_position(s, offset, encoding)
    start, content = lines(text)[line]
    assert start <= offset
    inside = min(offset - start, len(content))  # between CR and LF: the line's end
    assert character == units(content[:inside], encoding)
    assert to_offset(s, line, character, encoding) == start + inside


@given(texts, encodings)
def test_ends_are_clamped(text: str, encoding: Encoding) -> None:
    s = snapshot(text)
    all_lines = lines(text)
    assert to_offset(s, len(all_lines), 0, encoding) == len(text)
    for line, (start, content) in enumerate(all_lines):
        assert to_offset(s, line, 2**31 - 1, encoding) == start + len(content)
        assert to_offset(s, line, units(content, encoding), encoding) == start + len(content)


@given(texts, encodings)
def test_width(text: str, encoding: Encoding) -> None:
    assert width(text, encoding) == units(text, encoding)


@pytest.mark.parametrize(
    ("encoding", "starts"), [("utf-8", [1, 1, 1, 1, 2]), ("utf-16", [1, 1, 2]), ("utf-32", [1, 2])]
)
def test_inside_a_character_is_its_start(encoding: Encoding, starts: list[int]) -> None:
    s = snapshot("a😀b")
    assert [to_offset(s, 0, 1 + i, encoding) for i in range(len(starts))] == starts


def test_prefix_length_counts_whole_characters() -> None:
    assert [prefix_length("a😀b", n, "utf-16") for n in range(6)] == [0, 1, 1, 2, 3, 3]


def test_only_the_line_is_scanned() -> None:
    """A position in the last of 10,000 lines looks at that line's text and at no other."""

    class Watched(str):
        read = 0

        def __getitem__(self, key: object) -> str:
            part = str.__getitem__(self, key)  # type: ignore[index]
            Watched.read += len(part)
            return part

    text = "é" * 100 + "\n"
    s = snapshot(text * 10_000)
    s.line_starts  # noqa: B018 - found once per snapshot
    s.text = Watched(s.text)
    assert to_offset(s, 9_999, 50, "utf-16") == 9_999 * 101 + 50
    assert to_position(s, 9_999 * 101 + 50, "utf-16") == (9_999, 50)
    assert Watched.read < 1_000
