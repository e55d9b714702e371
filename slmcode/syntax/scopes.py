"""Where definitions begin, where empty blocks begin, and what is text rather than code.

Scopes come from `grammars/<grammar>/scopes.scm`. Whether a block begins is read from the lines
around the cursor, because the tree of half-written code changes shape with every key; the tree says
which of that is comment or string, and what a brace belongs to. All of it works without a tree.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

import tree_sitter

from slmcode.syntax.languages import block_style, comment_marker, query_text
from slmcode.syntax.parser import Tree, grammar_language
from slmcode.text import Snapshot

Kind = Literal["string", "comment", "code"]

_HEADER_CHARS = 4000  # how far back the header of a block is looked for
_PYTHON_HEADER = re.compile(
    r"\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b"
)
# A line that opens a block, per language with keyword blocks. A keyword inside a word (`dot`,
# `beginning`) must not count.
_KEYWORD_HEADER = {
    "lua": re.compile(
        r"(?:.*\b(?:then|do)|\s*(?:else|repeat)|(?:.*[\s=(,]|\s*)function\b[^()]*\([^()]*\))\s*$"
    ),
    "ruby": re.compile(
        r"\s*(?:(?:private\s+|public\s+|protected\s+)?def\b(?!\s+[\w.?!]+(?:\([^)]*\))?\s*=\s)|class\b|module\b|if\b|"
        r"unless\b|while\b|until\b|case\b|when\b|else\b|elsif\b|begin\b|rescue\b|ensure\b|for\b)"
        r"(?!.*\bend\s*$)|.*(?:\bdo|\{)(?:\s*\|[^|]*\|)?\s*$|.*=\s*(?:if|case|begin|unless)\b"
    ),
    "shellscript": re.compile(r".*(?:(?:^|[\s;])(?:then|do|else|in)|\{)\s*$"),
    "fortran": re.compile(
        r"\s*(?!end)(?:.*\bthen\s*$|(?:\w+\s*:\s*)?do\b|else\b|(?:[\w()=*, ]+\s)?"
        r"(?:subroutine|function)\s+\w+|(?:program|module|interface|contains)\b|case\b)",
        re.IGNORECASE,
    ),
    "cobol": re.compile(
        r"(?:\d{6})?\s*(?:(?:IF|WHEN|PERFORM\s+(?:UNTIL|VARYING|(?:WITH\s+)?TEST|\S+\s+TIMES))\b"
        r"(?!.*\.\s*$)|ELSE\s*$|(?!END-|EXIT\b|GOBACK\b|CONTINUE\b)[A-Z0-9][\w-]*"
        r"(?:\s+SECTION)?\.\s*$)",
        re.IGNORECASE,
    ),
    "pascal": re.compile(
        r".*\b(?:begin|repeat|try|except|finally|record|of|var|type|const)\s*$", re.IGNORECASE
    ),
}
_HEADER_LANGUAGE = {
    "bash": "shellscript",
    "sh": "shellscript",
    "COBOL": "cobol",
    "fortran-modern": "fortran",
    "FortranFixedForm": "fortran",
    "FortranFreeForm": "fortran",
}
# What stands before a brace that opens a value, not a block.
_VALUE_BRACE = re.compile(r"(?:(?<![=!<>])=|[(,:?\[]|\breturn|&&|\|\|)\s*$")


def node_kind(tree: Tree | None, offset: int) -> Kind:
    """What a character typed at `offset` would be part of. "code" without a tree.

    An interpolated expression in a string is code. The end of a line comment still is comment.
    """
    if tree is None or offset == 0:
        return "code"
    byte = tree.byte(offset)
    node = tree.root.descendant_for_byte_range(byte - 1, byte)
    while node is not None:
        kind = node.type
        if "interpolation" in kind or "substitution" in kind or "expansion" in kind:
            return "code"
        inside = node.start_byte < byte < node.end_byte
        if "comment" in kind:
            end = tree.data[node.start_byte : node.end_byte].rstrip(b"\r\n")
            if inside or not end.endswith((b"*/", b"=end", b"]]")):
                return "comment" if byte <= node.start_byte + len(end) else "code"
        if inside and node.is_named and _STRING.search(kind):
            return "string"
        if (node.is_error and _open_quote(node, byte)) or _quote_left_of(node, byte):
            return "string"
        node = node.parent
    return "code"


def window_start(tree: Tree | None, snapshot: Snapshot, offset: int, max_chars: int) -> int:
    """Where a prefix window that ends at `offset` should begin; at most `max_chars` before it.

    The start of the file if it is within reach, else the first definition that begins within
    reach, else a line start. The result is at the start of a line, so the first line keeps its
    indentation, unless a single line is longer than `max_chars`.
    """
    reach = offset - max_chars
    if reach <= 0:
        return 0
    for start in _definitions(tree, reach, offset):
        line = snapshot.line_start(start)
        if reach <= line <= offset and not snapshot.text[line:start].strip():
            return line
    line = snapshot.line_at(reach - 1) + 1
    starts = snapshot.line_starts
    return starts[line] if line < len(starts) and starts[line] <= offset else reach


def block_indent(tree: Tree | None, snapshot: Snapshot, offset: int) -> int | None:
    """The column of the header whose empty block begins at the cursor, or None.

    The cursor is on a blank line below a header such as `def f():` or `if (x) {`, or at the
    end of the header itself, and no deeper line follows: at most the block's closing brace or
    keyword. The header may have several lines; its column is that of the first. None in comments,
    strings and braces that open a value (`x = {`).
    """
    text = snapshot.text
    line_start, line_end = snapshot.line_start(offset), snapshot.line_end(offset)
    if text[offset:line_end].strip() not in ("", "}"):
        return None
    end = len(text[:offset].rstrip()) if not text[line_start:offset].strip() else offset
    end = _code_end(tree, text, end, comment_marker(snapshot.language_id))
    if end == 0 or node_kind(tree, offset) != "code" or node_kind(tree, end) != "code":
        return None
    header_start = snapshot.line_start(end - 1)
    if not _is_header(tree, text, header_start, end, snapshot.language_id):
        return None
    indent = _indent(text[_statement_start(text, end) : end])
    below = text[offset:].lstrip(" \t}") if text[offset:line_end].strip() else text[line_end:]
    following = next((line for line in _LINES.findall(below[:_HEADER_CHARS]) if line.strip()), "")
    return indent if not following or _indent(following) <= indent else None


_LINES = re.compile(r"[^\r\n]+")
_OPEN, _CLOSE = "([{", ")]}"


def _indent(line: str) -> int:
    """Columns of white space a line begins with, tabs to multiples of eight."""
    expanded = line.expandtabs(8)
    return len(expanded) - len(expanded.lstrip())


def _is_header(tree: Tree | None, text: str, line_start: int, end: int, language_id: str) -> bool:
    """Whether the code that ends at `end` opens a block."""
    style = block_style(language_id)
    line = text[line_start:end]
    if style == "indent":
        statement = text[_statement_start(text, end) : end]
        return statement.endswith(":") and bool(_PYTHON_HEADER.match(statement))
    pattern = _KEYWORD_HEADER.get(_HEADER_LANGUAGE.get(language_id, language_id))
    if style == "keywords" and pattern is not None:
        return bool(pattern.match(line))
    if not line.endswith("{"):
        return False
    if tree is not None and not tree.stale:
        byte = tree.byte(end)
        node = tree.root.descendant_for_byte_range(byte - 1, byte)
        parent = node.parent if node is not None else None
        types = _block_types(tree.grammar)
        half = parent is None or parent.is_error or any(c.is_missing for c in parent.children)
        if types and parent is not None and not half:
            return parent.type in types
    return not _VALUE_BRACE.search(text[max(0, end - 200) : end - 1])


def _statement_start(text: str, end: int) -> int:
    """Start of the line in which the brackets that close before `end` were opened.

    Brackets in strings count too; a wrong start then costs one suggestion its further lines.
    """
    depth = 0
    at = end
    stop = max(0, end - _HEADER_CHARS)
    while at > stop:
        char = text[at - 1]
        if char in _CLOSE:
            depth += 1
        elif char in _OPEN:
            depth -= 1 if depth else 0
        elif char in "\r\n" and not depth:
            break
        at -= 1
    return at


def _code_end(tree: Tree | None, text: str, end: int, marker: str) -> int:
    """`end` moved back over white space and comments, to the end of the code before."""
    while True:
        end = len(text[:end].rstrip())
        start = _comment_start(tree, text, end, marker)
        if start is None:
            return end
        end = start


def _comment_start(tree: Tree | None, text: str, end: int, marker: str) -> int | None:
    """Where the comment that ends at `end` begins, or None if no comment ends there."""
    if end == 0:
        return None
    if tree is None:
        line = text[max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1 : end]
        at = line.find(marker) if marker else -1
        return end - len(line) + at if at == 0 or (at > 0 and line[at - 1].isspace()) else None
    byte = tree.byte(end)
    node = tree.root.descendant_for_byte_range(byte - 1, byte)
    while node is not None and "comment" not in node.type:
        node = node.parent
    return None if node is None or node.parent is None else tree.offset(node.start_byte)


def _definitions(tree: Tree | None, start: int, end: int) -> list[int]:
    """Offsets at which definitions between `start` and `end` begin, in order."""
    query = None if tree is None else _scope_query(tree.grammar)
    if tree is None or query is None:
        return []
    cursor = tree_sitter.QueryCursor(query)
    first = tree.byte(start)
    cursor.set_byte_range(first, tree.byte(end))
    nodes = cursor.captures(tree.root).get("scope", [])
    return [tree.offset(b) for b in sorted(n.start_byte for n in nodes if n.start_byte >= first)]


@cache
def _scope_query(grammar: str) -> tree_sitter.Query | None:
    text = query_text(grammar, "scopes")
    return None if text is None else tree_sitter.Query(grammar_language(grammar), text)


@cache
def _block_types(grammar: str) -> frozenset[str]:
    """Node types captured as @block."""
    text = query_text(grammar, "scopes") or ""
    return frozenset(re.findall(r"\((\w+)\)\s*@block", text))


_STRING = re.compile(r"string|char_literal|character|heredoc|raw_text|regex|template_chars|rune")


def _quote_left_of(node: tree_sitter.Node, byte: int) -> bool:
    """Whether an error left of `node` on its line opens a string: the quote alone is the error."""
    row = node.start_point.row
    left = node.prev_sibling
    while left is not None and left.end_point.row == row:
        if left.is_error and _open_quote(left, byte):
            return True
        left = left.prev_sibling
    return False


def _open_quote(error: tree_sitter.Node, byte: int) -> bool:
    """Whether a string was opened in this error node before `byte` and not closed."""
    opened = False
    for child in error.children:
        if child.start_byte >= byte:
            break
        if child.type in ('"', "'", "`", "string_start"):
            opened = not opened
        elif child.type == "string_end":
            opened = False
    return opened
