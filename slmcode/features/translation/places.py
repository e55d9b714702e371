"""Where the functions of a Python text stand, and what becomes of lines when it changes. Pure."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple, TypeAlias

from slmcode.text import one_line_end

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Place(NamedTuple):
    """One definition. Lines count from 0, the end is exclusive; decorators belong to it."""

    key: str  # "main" or "Sortnum.main"
    start: int
    end: int
    node: Function | ast.ClassDef


def places(text: str) -> dict[str, Place]:
    """Functions, classes and methods by their key; nested functions belong to what holds them.

    Of two with one key the last holds. Raises SyntaxError.
    """
    return {place.key: place for place in _inside(ast.parse(text), "")}


def _inside(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[Place]:
    for node in parent.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            yield Place(prefix + node.name, first - 1, node.end_lineno or first, node)
            if isinstance(node, ast.ClassDef):
                yield from _inside(node, f"{prefix}{node.name}.")


def code_of(text: str, place: Place) -> str:
    """The definition's lines without their indentation."""
    return textwrap.dedent("".join(text.splitlines(keepends=True)[place.start : place.end]))


def replaced(text: str, place: Place, code: str) -> str:
    """The text with `code`, indented as the definition was, in its place."""
    lines = text.splitlines(keepends=True)
    first = lines[place.start]
    indent = first[: len(first) - len(first.lstrip())]
    new = textwrap.indent(textwrap.dedent(code).strip("\n") + "\n", indent)
    return "".join([*lines[: place.start], new, *lines[place.end :]])


def moved(line_map: Sequence[int], old: str, new: str) -> tuple[int, ...]:
    """The line map of `new`, given that of `old`: a changed line goes with what it is most like."""
    a, b = old.splitlines(), new.splitlines()
    have = [*line_map, *([-1] * (len(a) - len(line_map)))]
    out: list[int] = []
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            out += have[i:j]
        else:
            out += _nearest(a[i:j], have[i:j], b[k:m])
    return tuple(out)


def _nearest(old: Sequence[str], mapped: Sequence[int], new: Sequence[str]) -> list[int]:
    """For each new line what the old line that shares most words with it maps to.

    One that shares none goes with the line before it; -1 where there is no such line.
    """
    words = [set(_WORD.findall(line)) - _EVERYWHERE for line in old[:_BLOCK]]
    out: list[int] = []
    for line in new:
        own = set(_WORD.findall(line)) - _EVERYWHERE
        shared = [
            len(own & those) / len(own | those) if own and mapped[n] >= 0 else 0.0
            for n, those in enumerate(words)
        ]
        best = max(range(len(shared)), key=lambda n: shared[n], default=-1)
        if best >= 0 and shared[best]:
            out.append(mapped[best])
        else:
            out.append(out[-1] if out and own else -1)
    return out


_WORD = re.compile(r"\w+")
_EVERYWHERE = {"self"}
_BLOCK = 400  # lines of a changed block that are looked at


def comments(code: str) -> list[str]:
    """The texts of the comments, in order. Code that does not tokenize has none."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(one_line_end(code)).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT]


def same_code(a: str, b: str) -> bool:
    """Whether two definitions differ in layout and comments at most."""
    try:
        return ast.dump(ast.parse(a)) == ast.dump(ast.parse(b))
    except SyntaxError:
        return a == b
