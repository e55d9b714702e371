"""Edits of a document carried over to a later version of it. Pure.

A change that the user makes on other lines moves an edit and leaves it as it is. One that touches a
line the edit changes could mean anything for it, so then the edit is given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slmcode.text import Edit, Snapshot, TextRange


def rebase(before: Snapshot, edits: Sequence[Edit], later: Iterable[Edit]) -> list[Edit] | None:
    """`edits` of `before` as edits of what `later` has made of it; None where the two touch.

    `edits` are all in `before`; each of `later` is in the text that the one before it left.
    """
    text, moved = before, list(edits)
    for change in later:
        shift = len(change.new_text) - (change.range.end - change.range.start)
        for i, edit in enumerate(moved):
            if touches(text, edit, change):
                return None
            if change.range.end <= edit.range.start:
                start, end = edit.range
                moved[i] = Edit(TextRange(start + shift, end + shift), edit.new_text)
        text = text.apply(change, None)
    return moved


def touches(text: Snapshot, edit: Edit, change: Edit) -> bool:
    """Whether a change reaches a line that an edit changes, both in `text`.

    What is put in front of its first line, or taken away there, as whole lines does not.
    """
    start, end = edit.range
    first = text.line_start(start)
    is_new_line = start == end == first  # put in front of a line, which stays as it is
    last = start if is_new_line else text.line_end(end - 1 if end > start else end)
    if change.range.end < first or change.range.start > last:
        return False
    if change.range.end > first or is_new_line:
        return True
    if change.new_text:
        return not change.new_text.endswith("\n")
    return change.range.start != text.line_start(change.range.start)
