"""From an answer to lines of a document: indentation, line endings, and the least that changes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmcode.features.edits.rewriting import code_of, dedented, hunks, is_closed, rewritten
from slmcode.text import Snapshot

_BLANKS = st.sampled_from(["", " ", "    ", "\t", "  \t", "\t "])
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
_TEXT = st.lists(
    st.builds("{}{}{}{}".format, _BLANKS, st.sampled_from(["", "x", "é y", '"""']), _BLANKS, _ENDS)
).map("".join)


@settings(deadline=None)
@given(_TEXT)
def test_code_given_back_as_it_was_changes_nothing(lines: str) -> None:
    old = f"  a = 1\n{lines}  b = 2"
    assert rewritten(old, dedented(old)) == old


@settings(deadline=None)
@given(_TEXT, st.text("ab \t\n\r`\f", max_size=40))
def test_any_answer_ends_as_what_it_replaces(lines: str, answer: str) -> None:
    new = rewritten(f"{lines}x = 1\r\n", code_of(answer, "```"))
    assert new == "" or (new.endswith("\r\n") and new.strip())


@settings(deadline=None)
@given(_TEXT, _TEXT)
def test_hunks_make_the_new_text_of_the_old(old: str, new: str) -> None:
    snapshot = Snapshot("file:///t", "", 1, "before\n" + old)
    for edit in reversed(hunks(7, old, new)):
        snapshot = snapshot.apply(edit, 1)
    assert snapshot.text == "before\n" + new


def test_hunks_are_the_lines_that_differ() -> None:
    edits = hunks(100, "a\nb\nc\nd\n", "a\nB\nc\nd\ne\n")
    assert [(*edit.range, edit.new_text) for edit in edits] == [
        (102, 104, "B\n"),
        (108, 108, "e\n"),
    ]


@pytest.mark.parametrize(
    ("old", "code", "new"),
    [
        ("    x = 1\n", "x = 2\n", "    x = 2\n"),
        ("    x = 1\n", "    x = 2\n", "    x = 2\n"),  # indented already
        ("    if a:\n        b()\n", "if b:\n    a()\n", "    if b:\n        a()\n"),
        ("x = 1\r\ny = 2\r\n", "x = 1\ny = 3\nz = 4\n", "x = 1\r\ny = 3\r\nz = 4\r\n"),
        ("x = 1\ny = 2", "x = 1\nz = 3\ny = 2\n", "x = 1\nz = 3\ny = 2"),
        ("x = 1  \ny = 2\n", "x = 1\ny = 3\n", "x = 1  \ny = 3\n"),  # not the line to change
        ("\tif (a)\n\t\tb();\n", "if (b)\n    a();\n", "\tif (b)\n\t\ta();\n"),
        ("    if (a)\n        b();\n", "if (b)\n\ta();\n", "    if (b)\n        a();\n"),
        ("x = 1\n", "\n\nx = 2\n\n\n", "x = 2\n"),
        ("x = 1\n", " \n", ""),
    ],
)
def test_an_answer_gets_the_indentation_and_line_endings_of_what_it_replaces(
    old: str, code: str, new: str
) -> None:
    assert rewritten(old, code) == new


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("x = 1\n```\nI hope this helps.", "x = 1\n"),
        ("```python\nx = 1\n```", "x = 1\n"),
        ("x = 1", "x = 1"),
        ("x = '```'\n```", "x = '```'\n"),
        ("```", ""),
    ],
)
def test_the_code_of_an_answer(answer: str, code: str) -> None:
    assert code_of(answer, "```") == code


def test_a_fence_in_the_code_does_not_close_a_longer_one() -> None:
    assert not is_closed('"""\n```\nx\n```\n"""\n', "````")
    assert is_closed('"""\n```\nx\n```\n"""\n````', "````")
