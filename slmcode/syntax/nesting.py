"""What belongs to what, in languages whose syntax tree is flat, and comments that it has not.

A COBOL paragraph goes on to the next, a group item holds the items of higher level numbers below
it, and a Perl package statement without a block holds the rest of the file or up to the next one.
The trees know none of this, so it is told here from the order of the definitions. Comments of
fixed form begin with what is no comment elsewhere and are read here, too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from slmcode.text import line_starts

if TYPE_CHECKING:
    from slmcode.syntax.symbols import Definition

_LEVEL = re.compile(r"\d+")
_SECTION = re.compile(r"\s+SECTION\b[^.]*\.?\Z", re.IGNORECASE)
_LEVEL_OF_ITS_OWN = (66, 77, 78)
_CONDITION = 88  # belongs to the item above it


def nested(grammar: str, definitions: Sequence[Definition], text: str) -> tuple[Definition, ...]:
    """The definitions with the ends, scopes and comments told here; unchanged for most grammars.

    They come in the order of the source, and COBOL's with each name as often as it is defined.
    """
    if grammar == "cobol":
        return _documented(_cobol(definitions, text), text, _COBOL_COMMENT)
    if grammar == "fortran":
        return _documented(definitions, text, _FORTRAN_COMMENT)
    if grammar == "perl":
        return _perl(definitions, text)
    return tuple(definitions)


def _cobol(definitions: Sequence[Definition], text: str) -> tuple[Definition, ...]:
    """Names without SECTION and full stop, kinds by level numbers, scopes by levels and headers."""
    starts = line_starts(text)
    found: list[Definition] = []
    program = section = ""
    program_end = len(text)
    items: list[tuple[int, int]] = []  # (level, index) of the group items around
    for i, definition in enumerate(definitions):
        name, kind, scope, end = definition.name, definition.kind, program, definition.end
        if kind == "module":
            program = section = name
            program_end = definition.end
            scope = ""
        elif kind == "paragraph":
            is_section = bool(_SECTION.search(name))
            name = _SECTION.sub("", name).rstrip(" .")
            scope = program if is_section else section
            if is_section:
                section = f"{program}.{name}" if program else name
            later = (
                d.start
                for d in definitions[i + 1 :]
                if d.kind == "paragraph" and (not is_section or _SECTION.search(d.name))
            )
            end = _code_end(text, min(next(later, program_end), program_end), definition.end)
        elif level := _LEVEL.match(text, definition.start):
            number = int(level.group())
            if number == _CONDITION:
                kind = "constant"
            elif number in _LEVEL_OF_ITS_OWN:
                items = []
                kind = "constant" if number == 78 else "variable"
            else:
                while items and items[-1][0] >= number:
                    items.pop()
                kind = "field" if items or kind == "field" else kind
                if number == 1:
                    kind = "constant" if " CONSTANT" in definition.signature.upper() else "variable"
            for _, outer in items:
                scope = f"{scope}.{found[outer].name}" if scope else found[outer].name
                found[outer] = _ending(found[outer], end, starts)
            if number not in (_CONDITION, *_LEVEL_OF_ITS_OWN):
                items.append((number, i))
        definition = msgspec.structs.replace(definition, name=name, kind=kind, scope=scope)
        if kind == "module":
            definition = msgspec.structs.replace(definition, signature=f"PROGRAM-ID. {name}")
        found.append(_ending(definition, end, starts))
    return tuple(found)


def _perl(definitions: Sequence[Definition], text: str) -> tuple[Definition, ...]:
    """What follows a package statement without a block is in that package."""
    starts = line_starts(text)
    found: list[Definition] = []
    package = ""
    package_at = -1
    for definition in definitions:
        if definition.kind == "module":
            open_ended = "{" not in text[definition.start : definition.end]
            if package_at >= 0 and open_ended:
                end = _code_end(text, definition.start, found[package_at].end)
                found[package_at] = _ending(found[package_at], end, starts)
            if open_ended:
                package = ".".join(filter(None, (definition.scope, definition.name)))
                package, package_at = package.replace("::", "."), len(found)
        elif package and not _inside_block(found, definition):
            scope = f"{package}.{definition.scope}" if definition.scope else package
            definition = msgspec.structs.replace(definition, scope=scope)
        found.append(definition)
    if package_at >= 0:
        end = _code_end(text, len(text), found[package_at].end)
        found[package_at] = _ending(found[package_at], end, starts)
    return tuple(found)


def _inside_block(found: list[Definition], definition: Definition) -> bool:
    """Whether a package with a block holds the definition."""
    return any(d.kind == "module" and d.end >= definition.end for d in reversed(found))


def _ending(definition: Definition, end: int, starts: list[int]) -> Definition:
    """The definition with another end, in code points."""
    line = bisect_right(starts, max(definition.start, end - 1)) - 1
    return msgspec.structs.replace(definition, end=end, end_line=line)


_COBOL_COMMENT = re.compile(r".{6}[*/]>?|\s*\*>")
_FORTRAN_COMMENT = re.compile(r"[Cc*!]|\s*!")
_MAX_DOC = 120  # characters


def _documented(
    definitions: Sequence[Definition], text: str, comment: re.Pattern[str]
) -> tuple[Definition, ...]:
    """With the first line of the comment above each definition, where it has none yet."""
    lines = text.split("\n")
    found = []
    for definition in definitions:
        line = definition.line
        while not definition.doc and line and (match := comment.match(lines[line - 1])):
            line -= 1
            doc = lines[line][match.end() :].strip(" \t\r*!")
            if not line or not comment.match(lines[line - 1]):
                definition = msgspec.structs.replace(definition, doc=doc[:_MAX_DOC])
                break
        found.append(definition)
    return tuple(found)


_BLANK_OR_COMMENT = re.compile(r"[ \t\d]*(?:\*.*|\*>.*|#.*)?\Z")


def _code_end(text: str, end: int, at_least: int) -> int:
    """`end` moved back over white space and comment lines: those belong to what follows."""
    while end > at_least:
        end = len(text[:end].rstrip())
        start = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
        if start <= at_least or not _BLANK_OR_COMMENT.match(text[start:end]):
            break
        end = start
    return max(end, at_least)
