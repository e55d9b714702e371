"""What a proof must know of a source: what it reads, its files, its literals, whom it calls.

Read from the tree as it is; names are COBOL's, text is Latin-1 as in the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from slmcode.translate.cobol import tree


@dataclass(frozen=True, slots=True)
class DataName:
    """What the data division says of a name."""

    name: str
    picture: str
    line: int
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of the program: what the proof has to lay there or to look at."""

    name: str
    assign: str  # the literal's text, else the data or environment name as written
    organization: str
    direction: str  # INPUT | OUTPUT | I-O | EXTEND, several joined by "/", "" if never opened


@dataclass(slots=True)
class Facts:
    data: dict[str, DataName]
    files: tuple[DataFile, ...]
    called: tuple[str, ...]
    accepted: tuple[tuple[str, str], ...]
    literals: tuple[str, ...]


def collect(source: tree.Source) -> Facts:
    """The facts of all programs of `source` together."""
    data: dict[str, DataName] = {}
    files: list[DataFile] = []
    called: dict[str, None] = {}
    literals: dict[str, None] = {}
    accepts: list[tree.Accept] = []
    opened: dict[str, dict[str, None]] = {}
    programs = list(all_programs(source.programs))
    for program in programs:
        for item in _items(program):
            if item.name and item.name not in data:
                data[item.name] = DataName(item.name, item.picture, item.line, item.comments)
        for node in nodes(program.sections):
            if isinstance(node, (tree.Number, tree.Text)):
                literals[node.text] = None
            elif isinstance(node, tree.Accept):
                accepts.append(node)
            elif isinstance(node, tree.CallProgram) and isinstance(node.program, tree.Text):
                called[node.program.text.upper()] = None
            elif isinstance(node, tree.Open):
                for direction, file in node.files:
                    opened.setdefault(file, {})[direction] = None
            elif isinstance(node, tree.Sort):
                for file in node.using:
                    opened.setdefault(file, {})["INPUT"] = None
                for file in node.giving:
                    opened.setdefault(file, {})["OUTPUT"] = None
        for item in _items(program):
            for condition in item.conditions:
                for node in nodes(condition.values):
                    if isinstance(node, (tree.Number, tree.Text)):
                        literals[node.text] = None
    for program in programs:
        for found in program.files:
            if not found.is_sort:
                assign = found.assign
                name = assign.text if isinstance(assign, tree.Text) else ""
                if isinstance(assign, tree.Ref):
                    name = assign.name
                directions = "/".join(opened.get(found.name, {}))
                files.append(DataFile(found.name, name, found.organization, directions))
    own = {program.name.upper() for program in programs}
    return Facts(
        data,
        tuple(files),
        tuple(name for name in called if name not in own),
        tuple(
            (node.into.name, data[node.into.name].picture if node.into.name in data else "")
            for node in accepts
            if not node.source
        ),
        tuple(literals),
    )


def all_programs(programs: tuple[tree.Program, ...]) -> Iterator[tree.Program]:
    """Every program with those inside it, the outer before the inner."""
    for program in programs:
        yield program
        yield from all_programs(program.nested)


def _items(program: tree.Program) -> Iterator[tree.Item]:
    def below(items: tuple[tree.Item, ...]) -> Iterator[tree.Item]:
        for item in items:
            yield item
            yield from below(item.children)

    for file in program.files:
        yield from below(file.records)
    for items in (program.working, program.local, program.linkage):
        yield from below(items)


_FIELDS: dict[type, tuple[str, ...] | None] = {}
_PLAIN = ("int", "str", "bool", "int | None")


def nodes(value: object) -> list[object]:
    """`value` and every node inside it, in the order of the source."""
    found: list[object] = []
    waiting = [value]
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind is tuple:
            waiting.extend(reversed(node))  # type: ignore[call-overload]
            continue
        if kind not in _FIELDS:
            _FIELDS[kind] = _node_fields(kind)
        names = _FIELDS[kind]
        if names is None:
            continue
        found.append(node)
        for name in names:
            inner = getattr(node, name)
            if inner is not None and inner != ():
                waiting.append(inner)
    return found


def _node_fields(kind: type) -> tuple[str, ...] | None:
    """The fields of `kind` that may hold nodes, the last first; None of what is no node."""
    if not is_dataclass(kind):
        return None
    names = [part.name for part in fields(kind) if part.type not in _PLAIN]
    return tuple(reversed(names))
