"""A file's text to logical lines in free form: columns, continuations, comments, directives.

Everything is text with one character per byte (Latin-1). A line keeps the number it has in the
text that the user sees.
"""

from __future__ import annotations

import re

from slmcode.translate.cobol.directives import Directives
from slmcode.translate.cobol.lexer import Line
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.tree import Refused

_RIGHT = 72  # the last column of fixed form
_DEBUGGING = re.compile(r"\bWITH\s+DEBUGGING\s+MODE|\bDEBUGGING\s+MODE\s*\.", re.IGNORECASE)
_SWITCH = re.compile(
    r"""[ \d]{0,7}\s*(?:>>\s*SOURCE\s+(?:FORMAT\s+)?(?:IS\s+)?
    |(?:>>\s*|\$\s*)SET\s+SOURCEFORMAT\s*\(?\s*["']?)(\w+)""",
    re.IGNORECASE | re.VERBOSE,
)
_OUTSIDE = re.compile(r"""^[ ]{0,6}[A-Za-z]""")
_HEADING = re.compile(
    r"^\s*(IDENTIFICATION|ID|ENVIRONMENT|DATA|PROCEDURE)\s+DIVISION|^\s*(PROGRAM|FUNCTION)-ID",
    re.IGNORECASE,
)


def check_text(text: str) -> None:
    """Raise `Refused` for text that can be no COBOL: empty or binary."""
    if not text.strip():
        raise Refused(1, "empty source")
    odd = re.search(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]", text.rstrip("\x1a\x00\n"))
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        raise Refused(line, f"byte {ord(odd[0]):#04x}", "this is no text")


def format_of(text: str) -> str:
    """The reference format that the text is most likely in: fixed, free or variable."""
    lines = [line.expandtabs(8) for line in text.splitlines()[:2000] if line.strip()]
    for line in lines:
        switch = _SWITCH.match(line)
        if switch:
            return "fixed" if line[:7].strip("0123456789 ") == "" else "free"
        if _HEADING.match(line):
            return "free" if len(line) - len(line.lstrip()) < 7 else _by_columns(lines)
        if _HEADING.match(line[6:]):
            return _by_columns(lines)
    return _by_columns(lines)


def _by_columns(lines: list[str]) -> str:
    """Fixed, unless column 7 holds what no indicator is or code goes past column 72."""
    indicated = sum(line[6:7] in ("*", "/", "-") and line[6:8] != "*>" for line in lines)
    outside = 0
    past = 0
    for line in lines:
        if line[6:7] not in ("", " ", "*", "/", "-", "D", "d", "$", ">") or (
            line[:6].strip() and _OUTSIDE.match(line) and line[6:7].isalnum()
        ):
            outside += 1
        elif line[6:7] == " " and "*>" not in line and _goes_past(line.rstrip()):
            past += 1
    if outside > indicated or (past and not indicated):
        return "free"
    return "variable" if past else "fixed"


def _goes_past(line: str) -> bool:
    """Whether code goes on behind column 72, where fixed form has a card's identification."""
    tail = line[_RIGHT:]
    straddles = tail[:1].strip() != "" and line[_RIGHT - 1] != " "
    return len(tail) > 8 or (straddles and not re.fullmatch(r"[A-Z0-9]{8}|\d+", tail))


class Reader:
    """Reads the main text and its copybooks with one state of directives and one format."""

    def __init__(self, options: Options, text: str) -> None:
        self.format = options.format
        self.directives = Directives(options)
        self._width = 0  # columns of the last fixed line that is no comment
        self.debugging = options.debugging_lines or bool(_DEBUGGING.search(text))

    def read(self, text: str) -> list[Line]:
        """The logical lines of `text`: comments as "*> …", inactive ones and directives gone."""
        lines: list[Line] = []
        directives = self.directives
        for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
            line = raw.expandtabs(8) if "\t" in raw else raw
            stripped = line.lstrip()
            if not stripped:
                continue
            first = stripped[0]
            body = ""
            if first == ">" and stripped.startswith(">>"):
                body = stripped
            elif self.format != "free" and line[7:].lstrip()[:2] == ">>":
                body = line[7:].lstrip()
            elif first == "$":
                body = stripped
            elif self.format != "free" and line[6:7] == "$":
                body = line[6:]
            if body:
                if body[:3].upper() == ">>D" and not body[3:4].isalnum():
                    if self.debugging and directives.active:
                        lines.append((number, body[3:]))
                    continue
                switched = directives.take(body, number)
                if switched:
                    self.format = switched
                continue
            if not directives.active:
                continue
            if self.format == "free":
                lines.append((number, stripped if first == "*" else line))
            else:
                self._fixed(lines, number, line)
        directives.check_end(text.count("\n") + 1)
        return lines

    def _fixed(self, lines: list[Line], number: int, line: str) -> None:
        indicator = line[6:7]
        body = line[7:_RIGHT] if self.format == "fixed" else line[7:]
        if indicator == "-":
            self._continue(lines, number, body)
        elif indicator in ("*", "/"):
            lines.append((number, "*>" + body.removeprefix(">")))
            return
        elif indicator == " ":
            lines.append((number, body))
        elif indicator in ("D", "d"):
            if self.debugging:
                lines.append((number, body))
        elif indicator not in ("", "\x0c"):
            raise Refused(number, f"indicator {indicator!r} in column 7", "is this free format?")
        self._width = len(body)

    def _continue(self, lines: list[Line], number: int, body: str) -> None:
        """Join a continuation line to the last line that is no comment."""
        at = next((i for i in range(len(lines) - 1, -1, -1) if lines[i][1][:2] != "*>"), -1)
        if at < 0:
            raise Refused(number, "continuation of nothing")
        first, text = lines[at]
        quote = open_quote(text)
        rest = body.lstrip()
        if quote:
            if not rest.startswith(quote):
                raise Refused(number, "continuation of a literal without its quote")
            # a literal runs to the last column of its line, blanks included
            missing = _RIGHT - 7 - self._width if self.format == "fixed" else 0
            joined = text + " " * missing + rest[1:]
        else:
            joined = text.rstrip() + rest
        lines[at] = (first, joined)


def open_quote(text: str) -> str:
    """The quote of the literal that is still open at the end of `text`, or ""."""
    quote = ""
    for at, character in enumerate(text):
        if quote:
            if character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character == "*" and text[at : at + 2] == "*>":
            return ""
    return quote
