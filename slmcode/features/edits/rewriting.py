"""From the model's answer to the lines of the document. Pure.

The model is shown code without the indentation that all of its lines share, and with LF at the end
of lines. What it answers gets both back. A line that differs in blanks at its end only, or
in its line ending, is the line that stood there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import SequenceMatcher

from slmcode.text import Edit, TextRange, one_line_end

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$")
_END = re.compile(r"\r\n|\n|\r")
_TAB = 4  # columns, where an answer is indented with spaces in a file of tabs or the other way


def indentation(text: str) -> str:
    """The white space that all lines with text begin with."""
    shared: str | None = None
    for line in _END.split(text):
        if line.strip():
            blanks = _blanks(line)
            shared = blanks if shared is None else _common(shared, blanks)
    return shared or ""


def dedented(text: str) -> str:
    """The code as the model is shown it."""
    indent = len(indentation(text))
    lines = one_line_end(text).split("\n")
    return "\n".join(line[indent:] if line.strip() else "" for line in lines)


def is_closed(answer: str, fence: str) -> bool:
    """Whether an answer that began behind an open fence has closed it."""
    return _closing(_opened_once(answer, fence), fence) >= 0


def code_of(answer: str, fence: str) -> str:
    """The code in an answer that began behind an open fence.

    A fence that the model opens once more, and what it says behind the closing one, are left out.
    """
    answer = _opened_once(answer, fence)
    at = _closing(answer, fence)
    return answer if at < 0 else answer[:at]


def _opened_once(answer: str, fence: str) -> str:
    answer = one_line_end(answer)
    return answer.partition("\n")[2] if answer.startswith(fence) else answer


def _closing(answer: str, fence: str) -> int:
    return ("\n" + answer).find("\n" + fence)


def rewritten(old: str, code: str) -> str:
    """The lines `old` with `code` in their place: indented alike, line endings kept.

    Code without any text leaves nothing, not even a blank line.
    """
    if not code.strip():
        return ""
    before = _LINE.findall(old)
    ends = _END.findall(old)
    end = max(set(ends), key=ends.count) if ends else "\n"
    last = _END.search(before[-1]) if before else None
    indent = indentation(old)
    code = dedented(code.strip("\r\n"))
    new = [indent + line.rstrip() if line.strip() else "" for line in code.split("\n")]
    out: list[str] = []
    stripped = [line.rstrip() for line in before]
    like_old = _like(old)
    for tag, a, b, c, d in SequenceMatcher(None, stripped, new, autojunk=False).get_opcodes():
        out += before[a:b] if tag == "equal" else map(like_old, new[c:d])
    contents = [_END.sub("", line) for line in out]
    ends = [end if (found := _END.search(line)) is None else found[0] for line in out]
    ends[-1] = last[0] if last else ""
    return "".join(map(str.__add__, contents, ends))


def _blanks(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _common(a: str, b: str) -> str:
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return a[:n]


def _like(old: str) -> Callable[[str], str]:
    """Indents a line with tabs or with spaces, whichever `old` has; with both or none as it is."""
    kinds = {_blanks(line)[:1] for line in _END.split(old)} - {""}

    def convert(line: str) -> str:
        blanks = _blanks(line)
        columns = len(blanks.expandtabs(_TAB))
        if kinds == {"\t"}:
            return "\t" * (columns // _TAB) + " " * (columns % _TAB) + line[len(blanks) :]
        return " " * columns + line[len(blanks) :] if kinds == {" "} else line

    return convert


def hunks(start: int, old: str, new: str) -> list[Edit]:
    """The least edits of whole lines that make `new` of `old`, which begins at offset `start`."""
    a, b = _LINE.findall(old), _LINE.findall(new)
    offsets = [start]
    for line in a:
        offsets.append(offsets[-1] + len(line))
    return [
        Edit(TextRange(offsets[i], offsets[j]), "".join(b[k:m]))
        for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        if tag != "equal"
    ]
