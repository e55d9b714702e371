"""From what the model wrote to what is offered: where to stop and what to take off. Pure.

The model sees the suffix but does not respect it: it closes brackets that are closed already, goes
on into the lines below and never ends a block by itself. Nothing here adds text; every function
returns a beginning of what it was given (`clean` also drops characters and converts line ends).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from slmcode.syntax.languages import block_style
from slmcode.text import one_line_end

_PAIRS = {")": "(", "]": "[", "}": "{"}
_OPEN = frozenset("([{")
_QUOTES = "\"'`"
_TAB = 8  # columns; only compared with columns counted the same way
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")
_TRAILING = re.compile(r"[^\S\n]+$", re.MULTILINE)
_FENCE = "```"  # of a code block in Markdown
_WORD_END = re.compile(r"\w+\Z")
_SUBSTANTIAL = re.compile(r"\w\W*\w\W*\w")  # three letters: not just `}` or `);`
# The line that ends a block whose body is deeper, at the header's own indentation.
_CLOSER = re.compile(
    r"\s*(?:[)\]}]|end\b|END\b|End\b|fi\b|done\b|esac\b|until\b|else\b|elsif\b|elseif\b|elif\b"
    r"|except\b|finally\b|catch\b|rescue\b|ensure\b|when\b|case\b)"
)
_HARD_CLOSER = re.compile(r"\s*(?:[)\]}]|end|fi\b|done\b|esac\b)", re.IGNORECASE)


def balance(suggestion: str, line_left: str, line_right: str) -> str:
    """`suggestion` without what already stands right of the cursor.

    Cut at the first closing bracket that line_right closes too: `foo(ˇ)` keeps `a` of `a)`. Then an
    end that repeats the beginning of line_right is dropped, such as a quote or `;`, but no
    bracket: those that are left close something.
    """
    right = line_right.strip()
    if not right:
        return suggestion
    to_close = _unclosed(line_left)[1]
    closed_right = _unclosed(right)[0]
    if closed_right:
        spare = max(0, len(to_close) - len(closed_right))
        closers = _unclosed(suggestion)[0]
        if len(closers) > spare:
            suggestion = suggestion[: closers[spare]]
    for length in range(min(len(right), len(suggestion)), 0, -1):
        repeated = right[:length]
        if suggestion.endswith(repeated) and not _PAIRS.keys() & set(repeated):
            return suggestion[:-length]
    return suggestion


def cut_repetition(suggestion: str, line_left: str, text_after: str) -> str:
    """`suggestion` cut before it begins to repeat the lines below the cursor; "" if it only does.

    `text_after` begins at the cursor. Indentation counts for lines without three letters, such as
    `}`: only one at the same depth is a repetition.
    """
    below = [line for line in text_after.split("\n")[1:] if line.strip()]
    if not below:
        return suggestion
    lines = suggestion.split("\n")
    for i in range(len(lines)):
        first = line_left + lines[0] if i == 0 else lines[i]
        rest = [line for line in (first, *lines[i + 1 :]) if line.strip()]
        if first.strip() and rest and _repeats(rest, below):
            return "\n".join(lines[:i]).rstrip()
    return suggestion


def complete_block(
    text: str, base_indent: int, language_id: str, text_after: str, max_lines: int
) -> int | None:
    """The length at which the block written by `text` is closed, or None while it is open.

    `text` begins at the cursor, `base_indent` is the column of the block's header (-1: no header,
    only the other rules hold). Closed by: a line that is not deeper than the header, which still is
    part of the block if it is its closing brace or keyword and does not stand below already;
    an unmatched `}`; two blank lines; the first line of `text_after`'s further lines; `max_lines`;
    a fence, where the model goes on as a chat: with no text below, as in a new cell of a notebook.
    White space at the end is not counted. To be asked again as the text grows.
    """
    below = next((line for line in text_after.split("\n")[1:] if line.strip()), "")
    closed_below = bool(_CLOSER.match(below)) and columns(below) == base_indent
    brace = _closing_brace(text) if block_style(language_id) == "braces" else None
    n_blank = n_lines = 0
    for start, line, whole in _lines(text):
        end = start + len(line)
        if brace is not None and start <= brace < end:
            if closed_below or text_after.split("\n")[0].lstrip().startswith("}"):
                return _stripped(text, brace)
            return _stripped(text, end) if whole else None
        if not line.strip():
            n_blank += 1 if start else 0
            n_lines += 1 if whole and start else 0
            if n_blank == 2 and whole:
                return _stripped(text, start)
            continue
        n_blank = 0
        if start and columns(line) <= base_indent:
            closer = block_style(language_id) != "indent" and _HARD_CLOSER.match(line)
            if not closer or closed_below:
                return _stripped(text, start)
            return _stripped(text, end) if whole else None
        if start and whole and below and line.rstrip() == below.rstrip():
            return _stripped(text, start)
        if start and line.startswith(_FENCE) and language_id != "markdown":
            return _stripped(text, start)
        n_lines += 1
        if n_lines >= max_lines and whole:
            return _stripped(text, end)
    return None


def last_piece(text: str, final: bool) -> str:
    """The longest piece of a generation in progress that can be shown.

    Whole lines if there are any, else up to the last complete word: an identifier at the end may be
    half of one, as only its next token can tell. If there is nothing else it is shown all the same.
    """
    if final:
        return text
    lines, newline, _ = text.rpartition("\n")
    if newline and lines.strip():
        return lines.rstrip()
    whole = _WORD_END.sub("", text)
    return (whole if whole.strip() else text).rstrip()


def clean(text: str, line_ending: str) -> str:
    """`text` ready to be inserted: no control characters, no trailing white space, the document's
    line ending.

    The model writes "\\n"; form feeds, NULs and U+FFFD from broken characters are dropped.
    """
    text = _TRAILING.sub("", _CONTROL.sub("", one_line_end(text))).rstrip()
    return text if line_ending == "\n" else text.replace("\n", line_ending)


def line_ending(text: str) -> str:
    """The line ending of a document: that of its first line, "\\n" if it has only one line."""
    match = re.search(r"\r\n|\n|\r", text)
    return match.group() if match else "\n"


def columns(line: str) -> int:
    """Columns of white space a line begins with, tabs to multiples of eight."""
    expanded = line.expandtabs(_TAB)
    return len(expanded) - len(expanded.lstrip())


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """(offset, line without its end, whether the end was written) for each line of `text`."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        if end < 0:
            yield start, text[start:], False
            return
        yield start, text[start:end], True
        start = end + 1


def _stripped(text: str, end: int) -> int:
    return len(text[:end].rstrip())


def _repeats(lines: list[str], below: list[str]) -> bool:
    """Whether `lines` are what stands below, as far as both go."""
    pairs = list(zip(lines, below, strict=False))
    if any(_SUBSTANTIAL.search(line) for line, _ in pairs):
        return all(line.strip() == other.strip() for line, other in pairs)
    return all(line.rstrip() == other.rstrip() for line, other in pairs)


def _unclosed(text: str) -> tuple[list[int], list[str]]:
    """Offsets of closing brackets without an opening one, and opening ones without a closing.

    Quoted text is skipped where the quote is closed on the same line: an apostrophe in a comment
    or a lifetime in Rust is no string. A bracket closes the nearest of its kind.
    """
    closers: list[int] = []
    openers: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char in _QUOTES:
            at = _quote_end(text, at)
        elif char in _OPEN:
            openers.append(char)
        elif char in _PAIRS:
            if openers and openers[-1] == _PAIRS[char]:
                openers.pop()
            else:
                closers.append(at)
        at += 1
    return closers, openers


def _quote_end(text: str, start: int) -> int:
    """Offset of the quote that closes the one at `start`, or `start` if the line has none."""
    at = start + 1
    while at < len(text) and text[at] != "\n":
        if text[at] == "\\":
            at += 1
        elif text[at] == text[start]:
            return at
        at += 1
    return start


def _closing_brace(text: str) -> int | None:
    """Offset of the first `}` in `text` that closes what was opened before it."""
    return next((at for at in _unclosed(text)[0] if text[at] == "}"), None)
