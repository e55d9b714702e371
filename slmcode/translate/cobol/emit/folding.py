"""Lines of at most `WIDTH` columns, as a formatter would break them.

Written for the lines this package writes: one logical line of Python each, brackets balanced.
"""

from __future__ import annotations

import re
import unicodedata

WIDTH = 100  # columns; a wide character takes two
INDENT = "    "
_TOKEN = re.compile(
    r"""(?:[rbfRBF]{0,2}"(?:\\.|[^"\\])*"|[rbfRBF]{0,2}'(?:\\.|[^'\\])*')|\#.*|\w+|\s+|."""
)
_HEADS = ("if ", "elif ", "while ", "return ", "for ", "with ", "match ", "assert ", "raise ")


def width(text: str) -> int:
    """The columns `text` takes."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fold(line: str) -> list[str]:
    """`line` as it is, or broken at its outermost bracket into several."""
    if len(line) * 2 <= WIDTH or width(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    code, comment = _split_comment(line.strip())
    if comment:
        above = [indent + part for part in wrap_comment(comment, WIDTH - len(indent))]
        return [*above, *fold(indent + code)] if code else above
    return _fold(indent, code)


def _split_comment(code: str) -> tuple[str, str]:
    position = 0
    for match in _TOKEN.finditer(code):
        if match.group().startswith("#"):
            return code[:position].rstrip(), match.group()[1:].strip()
        position = match.end()
    return code, ""


def wrap_comment(text: str, columns: int) -> list[str]:
    """`text` as comment lines of at most `columns` columns."""
    lines: list[str] = []
    current = "#"
    for word in text.split():
        while width(word) > columns - 2:  # no blank to break at: text without any
            cut = max(1, columns // 2 - 2)
            if current != "#":
                lines.append(current)
                current = "#"
            lines.append("# " + word[:cut])
            word = word[cut:]
        if width(current) + 1 + width(word) > columns and current != "#":
            lines.append(current)
            current = "#"
        current += " " + word
    return [*lines, current] if current != "#" or not lines else lines


def _fold(indent: str, code: str) -> list[str]:
    if width(indent + code) <= WIDTH:
        return [indent + code]
    tokens = [match.group() for match in _TOKEN.finditer(code)]
    opened, closed = _outermost(tokens)
    head = next((word for word in _HEADS if code.startswith(word)), "")
    if head and not _wraps(tokens, opened, closed, head):
        end = ":" if code.endswith(":") else ""
        inner = code[len(head) : len(code) - len(end)]
        if head not in ("for ", "with "):
            tokens = [head.rstrip(), " ", "(", *_tokens(inner), ")", end]
            opened, closed = 2, len(tokens) - 2
    elif opened is None or (closed is not None and _depth_zero_operator(tokens)):
        name, equals, value = code.partition(" = ")
        if equals and "(" not in name and not value.startswith("("):
            tokens = [*_tokens(name), " ", "=", " ", "(", *_tokens(value), ")"]
            opened, closed = len(_tokens(name)) + 3, len(tokens) - 1
    if opened is None or closed is None:
        return _string_parts(indent, code)
    before = "".join(tokens[: opened + 1])
    after = "".join(tokens[closed:])
    parts = _parts(tokens[opened + 1 : closed])
    lines = [indent + before]
    for part in parts:
        lines += _fold(indent + INDENT, part)
    return [*lines, *_tail(indent, after)]


def _tail(indent: str, after: str) -> list[str]:
    if width(indent + after) <= WIDTH:
        return [indent + after]
    tokens = _tokens(after)
    for position in range(1, len(tokens)):
        if tokens[position] in "([{":
            rest = _fold(indent, "".join(tokens[1:]))
            return [indent + tokens[0] + rest[0].strip(), *rest[1:]]
    return [f"{indent}{after}  # noqa: E501"]


def _tokens(code: str) -> list[str]:
    return [match.group() for match in _TOKEN.finditer(code)]


def _outermost(tokens: list[str]) -> tuple[int | None, int | None]:
    """The outermost pair of brackets with most in it: the places of both."""
    depth, start = 0, 0
    best: tuple[int | None, int | None] = (None, None)
    most = 0
    for position, token in enumerate(tokens):
        if token in ("(", "[", "{"):
            if depth == 0:
                start = position
            depth += 1
        elif token in (")", "]", "}"):
            depth -= 1
            size = sum(map(len, tokens[start:position]))
            if depth == 0 and position > start + 1 and size > most:
                most, best = size, (start, position)
    return best


def _wraps(tokens: list[str], opened: int | None, closed: int | None, head: str) -> bool:
    """True when the brackets are all of what stands behind `head`, or there is no operator."""
    if opened is None or closed is None:
        return False
    return not _depth_zero_operator(tokens)


def _depth_zero_operator(tokens: list[str]) -> bool:
    depth = 0
    words = ("and", "or", "+", "-", "*", "/", "==", "<", ">", "in", "if", "!")
    for position, token in enumerate(tokens):
        if token in ("(", "[", "{"):
            depth += 1
        elif token in (")", "]", "}"):
            depth -= 1
        elif depth == 0 and token in words and position > 0:
            return True
    return False


def _parts(tokens: list[str]) -> list[str]:
    """What stands between brackets, in lines: at commas, else at the weakest operator."""
    for weakest in ((",",), ("if", "else"), ("or",), ("and",), ("+", "-"), ("*", "/", "%")):
        depth = 0
        parts: list[str] = []
        current = ""
        for position, token in enumerate(tokens):
            if token in ("(", "[", "{"):
                depth += 1
            elif token in (")", "]", "}"):
                depth -= 1
            if depth == 0 and token in weakest and weakest == (",",):
                parts.append(current.strip() + ",")
                current = ""
                continue
            spaced = position > 0 and tokens[position - 1].isspace()
            if depth == 0 and token in weakest and spaced and current.strip():
                parts.append(current.strip())
                current = token
                continue
            current += token
        if current.strip():
            comma = "," if weakest == (",",) and " for " not in current else ""
            parts.append(current.strip() + (comma if parts else ""))
        if len(parts) > 1:
            return parts
    return ["".join(tokens).strip()]


def _string_parts(indent: str, code: str) -> list[str]:
    """A literal too long for a line as several that Python joins; else the line as it is."""
    match = re.fullmatch(r'(.*?)([rbf]?)("(?:\\.|[^"\\])*")(,?)', code)
    if match is None or match[1].strip():
        return [f"{indent}{code}  # noqa: E501"]
    inner = match[3][1:-1]
    units = re.findall(r"\\x..|\\u....|\\N\{[^}]*\}|\\.|.", inner, re.DOTALL)
    lines, current = [], ""
    for unit in units:
        if width(current) + width(unit) > WIDTH - len(indent) - 6:
            lines.append(f'{indent}{match[2]}"{current}"')
            current = ""
        current += unit
    lines.append(f'{indent}{match[2]}"{current}"{match[4]}')
    return lines
