"""The text of a docstring or doc comment, put in its place by rules.

Python: behind the header, or in the place of the docstring that stands there. Elsewhere: a comment
of the language's kind right above the definition and what is written above it (`@Override`,
`#[test]`). Whatever the model says, the program stays the same.
"""

from __future__ import annotations

import ast
import inspect
import re

from slmcode.features.edits.contracts.base import State
from slmcode.features.edits.headers import Header, first_header
from slmcode.features.edits.rewriting import indentation
from slmcode.text import Edit, TextRange

_MOST = 160  # tokens: ten lines
_QUOTES = '"""'
# How a doc comment begins, goes on and ends, by grammar; a language's own line comment elsewhere.
_STARS = ("typescript", "tsx", "javascript", "java", "php", "kotlin", "c", "cpp")
_BLOCK = dict.fromkeys(_STARS, ("/**\n * ", " * ", " */"))
_LINE = {"go": "// ", "rust": "/// ", "csharp": "/// ", "lua": "--- ", "ruby": "# ", "bash": "# "}
_WRITTEN_ABOVE = re.compile(r"\s*(?:@\w|#\[|template\s*<|\[\w)")


def find(before: State) -> PythonDocstring | DocComment | None:
    """How the first definition in the lines is documented; None where no rule knows."""
    header = first_header(before)
    if header is not None:
        node = header.node
        last = header.lines[node.body[0].lineno - 1][: node.body[0].col_offset]
        return PythonDocstring(before, header) if not last.strip() else None
    grammar = before.tree.grammar if before.tree is not None else ""
    if grammar in _BLOCK or grammar in _LINE:
        start, end = before.lines
        found = [d for d in before.outline.definitions if start <= d.start < end]
        if found:
            return DocComment(before, min(d.start for d in found), grammar, found[0].name)
    return None


class PythonDocstring:
    """Written behind a header."""

    most = _MOST
    draft = ""

    def __init__(self, before: State, header: Header) -> None:
        self._before = before
        self._header = header
        node, lines = header.node, header.lines
        body = node.body[0]
        self._indent = lines[body.lineno - 1][: body.col_offset]
        last = body.lineno - 1  # the header's last line, from 1
        while last > node.lineno and _is_blank(lines[last - 1]):
            last -= 1
        self._behind = last
        head = "\n".join(lines[node.lineno - 1 : last])
        self.begun = f"{head}\n{self._indent}{_QUOTES}"

    def is_closed(self, answer: str) -> bool:
        return _QUOTES in answer

    def edits(self, answer: str) -> list[Edit]:
        text = inspect.cleandoc(answer.partition(_QUOTES)[0]).strip()
        end = _line_end(self._before)
        first = self._header.node.body[0]
        old = isinstance(first, ast.Expr) and ast.get_docstring(self._header.node) is not None
        shared = indentation(self._before.code)
        lines = _quoted(text).split("\n")
        indent = shared + self._indent
        new = end.join(f"{indent}{line}" if line else "" for line in lines)
        if old:
            assert first.end_lineno is not None
            assert first.end_col_offset is not None
            where = TextRange(
                self._header.offset(first.lineno, first.col_offset),
                self._header.offset(first.end_lineno, first.end_col_offset),
            )
            return [Edit(where, new[len(indent) :])]
        at = self._header.starts[self._behind] - len(shared)
        if not self._header.lines[self._behind].strip():  # a blank line has no indentation
            at = self._before.snapshot.line_start(self._header.starts[self._behind])
        return [Edit(TextRange(at, at), new + end)]


class DocComment:
    """Written above a definition, in a language where that is a comment."""

    most = _MOST
    draft = ""

    def __init__(self, before: State, start: int, grammar: str, name: str) -> None:
        snapshot = before.snapshot
        line = snapshot.line_at(start)
        while line > 0 and _WRITTEN_ABOVE.match(_line(before, line - 1)):
            line -= 1
        self._before = before
        self._at = snapshot.line_starts[line]
        self._block = _BLOCK.get(grammar)
        self._marker = _LINE.get(grammar, "")
        self.begun = self._block[0] if self._block else self._marker
        self._word = f"{name} " if grammar == "go" else ""  # as Go's tools want it
        self.begun += self._word

    def is_closed(self, answer: str) -> bool:
        if self._block:
            return "*/" in answer
        *lines, _ = answer.split("\n")
        return any(not line.startswith(self._marker.strip()) for line in lines[1:])

    def edits(self, answer: str) -> list[Edit]:
        marker = self._block[1].strip() if self._block else self._marker.strip()
        lines: list[str] = []
        for line in answer.partition("*/")[0].split("\n"):
            if lines and not self._block and not line.strip().startswith(marker):
                break
            lines.append(line.strip().removeprefix(marker).strip() if lines else line.strip())
        while lines and not lines[-1]:
            lines.pop()
        lines[:1] = [self._word + line for line in lines[:1]]
        indent = re.match(r"[ \t]*", self._before.snapshot.text[self._at :])
        assert indent is not None
        end = _line_end(self._before)
        if self._block:
            _, middle, last = self._block
            text = ["/**", *((middle + line).rstrip() for line in lines), last]
        else:
            text = [(self._marker + line).rstrip() for line in lines]
        new = "".join(indent[0] + line + end for line in text)
        return [Edit(TextRange(self._at, self._at), new)]


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _quoted(text: str) -> str:
    """As a literal in triple quotes."""
    raw = "r" if "\\" in text else ""
    if "\n" in text:
        return f"{raw}{_QUOTES}{text}\n{_QUOTES}"
    return f"{raw}{_QUOTES}{text}{_QUOTES}"


def _line(before: State, line: int) -> str:
    starts = before.snapshot.line_starts
    return before.snapshot.text[starts[line] : before.snapshot.line_end(starts[line])]


def _line_end(before: State) -> str:
    found = re.search(r"\r\n|\n|\r", before.snapshot.text)
    return found[0] if found else "\n"
