"""A file as units that are edited one by one: which there are, and in which order. Pure.

A unit is a function, a method of a class that is too long to be edited whole, a type, or a few
lines of code between them. Units are whole lines and apart from each other. One comes behind those
whose names it uses; units that use each other stay in the order of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from slmcode.features.edits.outcome import Refused
from slmcode.features.edits.selection import MAX_LINES
from slmcode.syntax.errors import errors
from slmcode.syntax.parser import Tree
from slmcode.syntax.statements import names, statements
from slmcode.syntax.symbols import Outline
from slmcode.text import Snapshot, TextRange

MAX_UNITS = 300  # hours of work; their order is found in 0.1 s
_TYPE_LINES = 60  # a longer type is split into its methods
_CODE_LINES = 40  # of code outside of definitions
_CHARS_PER_TOKEN = 3.0  # of code
_COPIES = 2.3  # of the code in prompt and answer together
_INSTRUCTIONS = 200  # tokens of a prompt that are not code

_FUNCTIONS = ("function", "method", "paragraph")
_TYPES = ("class", "interface", "struct", "enum", "type")


class Unit(NamedTuple):
    """Whole lines that are edited at once. `after` are the units it uses that come before it."""

    name: str  # "f", "Class", "Class.method", "lines 3–9"; unique in a plan
    lines: TextRange
    after: tuple[str, ...]


class Units(NamedTuple):
    """Units in the order in which they are edited. `left_out` are names with the reason."""

    units: tuple[Unit, ...]
    left_out: tuple[tuple[str, str], ...]


class _Piece(NamedTuple):
    """A unit before its dependencies are known. `defines` are the names others use it by."""

    name: str
    lines: TextRange
    defines: frozenset[str]


def units(
    snapshot: Snapshot, tree: Tree, outline: Outline, edit_tokens: int, *, functions: bool = False
) -> Units:
    """The units of a file. Raises Refused where there are too many of them.

    `functions`: every function and method is one, types without any too, and nothing else.
    """
    type_lines = 0 if functions else _TYPE_LINES
    pieces, left_out = _pieces(snapshot, outline, _most_chars(edit_tokens), type_lines)
    between, too_long = _between(snapshot, tree, outline, pieces) if not functions else ([], [])
    pieces = sorted([*pieces, *between], key=lambda p: p.lines.start)
    broken = errors(tree)
    bad = [p for p in pieces if any(p.lines.start <= at < p.lines.end for at in broken)]
    pieces = [piece for piece in pieces if piece not in bad]
    left_out = [*left_out, *too_long, *((piece.name, "it does not parse") for piece in bad)]
    if len(pieces) > MAX_UNITS:
        raise Refused(f"the file has {len(pieces):,} units; at most {MAX_UNITS} can be done")
    uses = _uses(tree, pieces)
    order = _order(uses)
    place = {i: n for n, i in enumerate(order)}
    found = [
        Unit(
            pieces[i].name,
            pieces[i].lines,
            tuple(pieces[j].name for j in sorted(uses[i]) if place[j] < place[i]),
        )
        for i in order
    ]
    return Units(tuple(found), tuple(left_out))


def _most_chars(edit_tokens: int) -> int:
    """Characters of code that fit the model's context together with their answer."""
    return int((edit_tokens - _INSTRUCTIONS) / _COPIES * _CHARS_PER_TOKEN)


def _pieces(
    snapshot: Snapshot, outline: Outline, most_chars: int, type_lines: int
) -> tuple[list[_Piece], list[tuple[str, str]]]:
    """Functions, types and methods, and those that are too long."""
    pieces: list[_Piece] = []
    left_out: list[tuple[str, str]] = []
    seen: dict[str, int] = {}
    covered = 0  # up to here the pieces hold what is defined
    for d in sorted(outline.definitions, key=lambda d: (d.start, -d.end)):
        if d.start < covered or d.kind not in (*_FUNCTIONS, *_TYPES):
            continue
        lines = _lines(snapshot, d.start, d.end)
        name = f"{d.scope}.{d.name}" if d.scope else d.name
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name} ({seen[name]})"
        n_lines = d.end_line - d.line + 1
        n_chars = lines.end - lines.start
        inner = [o for o in outline.definitions if d.start < o.start < d.end]
        if d.kind in _TYPES and n_lines > type_lines and any(o.kind in _FUNCTIONS for o in inner):
            left_out.append((name, "its methods are done one by one, its other lines stay"))
            continue
        covered = d.end
        if n_lines > MAX_LINES:
            left_out.append((name, f"it has {n_lines:,} lines; at most {MAX_LINES} can be done"))
        elif n_chars > most_chars:
            left_out.append(
                (name, f"its {n_chars:,} characters do not fit the model (edit_tokens)")
            )
        elif pieces and lines.start < pieces[-1].lines.end:
            left_out.append((name, f"it shares a line with {pieces[-1].name}"))
        else:
            pieces.append(_Piece(name, lines, frozenset({d.name})))
    return pieces, left_out


def _between(
    snapshot: Snapshot, tree: Tree, outline: Outline, pieces: Sequence[_Piece]
) -> tuple[list[_Piece], list[tuple[str, str]]]:
    """Code outside of definitions, without the imports, comments and texts at its ends."""
    imports = {imported.line for imported in outline.imports}
    taken = [
        _lines(snapshot, d.start, d.end)
        for d in outline.definitions
        if d.kind in (*_FUNCTIONS, *_TYPES)
    ]
    taken += [piece.lines for piece in pieces]
    taken.sort()
    found: list[_Piece] = []
    left_out: list[tuple[str, str]] = []
    run: list[TextRange] = []  # lines of statements with no definition between them

    def close() -> None:
        if not run:
            return
        lines = TextRange(run[0].start, run[-1].end)
        run.clear()
        first, last = snapshot.line_at(lines.start) + 1, snapshot.line_at(lines.end - 1) + 1
        name = f"line {first}" if first == last else f"lines {first}–{last}"
        if last - first + 1 > _CODE_LINES:
            n_lines = last - first + 1
            left_out.append(
                (name, f"{n_lines:,} lines outside of functions; at most {_CODE_LINES} can be done")
            )
            return
        defines = frozenset(d.name for d in outline.definitions if first <= d.line + 1 <= last)
        found.append(_Piece(name, lines, defines))

    for start, end, is_code in statements(tree):
        lines = _lines(snapshot, start, end)
        if any(lines.start < other.end and other.start < lines.end for other in taken):
            close()
        elif is_code and snapshot.line_at(lines.start) not in imports:
            run.append(lines)
    close()
    return found, left_out


def _lines(snapshot: Snapshot, start: int, end: int) -> TextRange:
    """The whole lines of a range."""
    starts = snapshot.line_starts
    last = snapshot.line_at(max(start, end - 1))
    behind = starts[last + 1] if last + 1 < len(starts) else len(snapshot.text)
    return TextRange(snapshot.line_start(start), behind)


# Order


def _uses(tree: Tree, pieces: Sequence[_Piece]) -> list[set[int]]:
    """For each piece the others whose names stand in its code, comments and texts left out."""
    defined: dict[str, list[int]] = {}
    for i, piece in enumerate(pieces):
        for name in piece.defines:
            defined.setdefault(name, []).append(i)
    found: list[set[int]] = [set() for _ in pieces]
    i = 0
    for at, name in names(tree):
        while i < len(pieces) and pieces[i].lines.end <= at:
            i += 1
        if i == len(pieces):
            break
        if pieces[i].lines.start <= at and name in defined:
            found[i].update(j for j in defined[name] if j != i)
    return found


def _order(uses: Sequence[set[int]]) -> list[int]:
    """Callees first; those that use each other, directly or not, in the order of the source."""
    n = len(uses)
    reach = [sum(1 << j for j in uses[i]) for i in range(n)]
    for k in range(n):
        for i in range(n):
            if reach[i] >> k & 1:
                reach[i] |= reach[k]
    cycles = [
        sum(1 << j for j in range(n) if reach[i] >> j & 1 and reach[j] >> i & 1) | 1 << i
        for i in range(n)
    ]
    left = (1 << n) - 1
    order: list[int] = []
    while left:
        ready = next(i for i in range(n) if left >> i & 1 and not reach[i] & left & ~cycles[i])
        order += [j for j in range(n) if cycles[ready] >> j & 1]
        left &= ~cycles[ready]
    return order
