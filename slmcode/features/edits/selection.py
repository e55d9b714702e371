"""Which lines an edit or an explanation is about. Pure.

A selection is widened to whole lines, without blank ones at its ends; an empty one stands for the
function around it.
"""

from __future__ import annotations

from collections.abc import Iterable

from slmcode.features.edits.outcome import Refused
from slmcode.syntax.symbols import Definition
from slmcode.text import Snapshot, TextRange

MAX_LINES = 200
_FUNCTIONS = ("function", "method", "paragraph")
_BLANK = " \t\r\n\f\v"


def selected(
    snapshot: Snapshot, text_range: TextRange, definitions: Iterable[Definition]
) -> TextRange:
    """Whole lines for the selection. Raises Refused."""
    start, end = text_range
    if not snapshot.text[start:end].strip(_BLANK):
        found = function_at(snapshot, start, definitions)
        if found is None:
            raise Refused("nothing is selected, and there is no function at the cursor")
        start, end = found
    lines = whole_lines(snapshot, TextRange(start, end))
    n_lines = snapshot.line_at(lines.end - 1) - snapshot.line_at(lines.start) + 1
    if n_lines > MAX_LINES:
        raise Refused(f"{n_lines:,} lines are selected; at most {MAX_LINES} can be done at once")
    return lines


def whole_lines(snapshot: Snapshot, text_range: TextRange) -> TextRange:
    """The lines from the first with text to the last, with their line endings.

    The range must hold more than blanks.
    """
    text, (start, end) = snapshot.text, text_range
    start += len(text[start:end]) - len(text[start:end].lstrip(_BLANK))
    end -= len(text[start:end]) - len(text[start:end].rstrip(_BLANK))
    last = snapshot.line_at(end)
    starts = [*snapshot.line_starts, len(text)]
    return TextRange(snapshot.line_start(start), starts[last + 1])


def function_at(
    snapshot: Snapshot, offset: int, definitions: Iterable[Definition]
) -> TextRange | None:
    """The innermost function whose lines hold `offset`, else the innermost other definition."""
    around = [
        d for d in definitions if snapshot.line_start(d.start) <= offset <= snapshot.line_end(d.end)
    ]
    functions = [d for d in around if d.kind in _FUNCTIONS]
    innermost = max(functions or around, key=lambda d: d.start, default=None)
    return None if innermost is None else TextRange(innermost.start, innermost.end)
