"""The faithful text of a program by rules, with all that the proof and the report need of it."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from slmcode.features.translation.places import moved, places
from slmcode.features.translation.shape import Look, Refusal
from slmcode.verify import inputs
from slmcode.verify.inputs import Facts

if TYPE_CHECKING:  # the front ends are imported when a program comes: a server starts without them
    from slmcode.translate.cobol.options import Options
    from slmcode.translate.cobol.translation import Module
    from slmcode.translate.cobol.translation import Unit as CobolUnit

_COPYBOOKS = (".cpy", ".cbl", ".cob", ".cobol", "")
_PROGRAMS = (".cob", ".cbl", ".cobol")
_CALLED = 50  # programs of other files, all together
_MOST_BYTES = 4_000_000  # of a copybook or a called program
_NUMBER = re.compile(r"[+-]?\d*\.?\d+")


class Part(NamedTuple):
    """A unit of the source. Lines count from 0, the end is exclusive."""

    name: str
    kind: str
    source_lines: tuple[int, int]
    lines: tuple[int, int]  # of the faithful text
    calls: tuple[str, ...] = ()
    key: str = ""  # of its function in the text, "" where it is not just one


class Faithful(msgspec.Struct, frozen=True, kw_only=True):
    """A translation by rules. `line_map` counts from 0, -1 for none.

    `sources` are the original's files, the main one first, with `flags` for its compiler; `beside`
    what the translation needs in its folder.
    """

    text: str
    stem: str
    parts: tuple[Part, ...]
    line_map: tuple[int, ...]
    facts: Facts
    sources: Mapping[str, bytes]
    flags: tuple[str, ...] = ()
    beside: Mapping[str, bytes] = {}
    called: tuple[str, ...] = ()  # programs of other files
    missing: tuple[str, ...] = ()  # those of them that were not found
    needs_runtime: bool = False
    look: tuple[Look, ...] = ()


class RefusedSource(Exception):
    """The source holds what cannot be translated."""

    def __init__(self, refusals: tuple[Refusal, ...], message: str) -> None:
        super().__init__(message)
        self.refusals = refusals


def from_cobol(
    text: str,
    name: str,
    folder: Path | None,
    copybooks: Iterable[Path],
    reference_format: str,
    flags: tuple[str, ...],
) -> Faithful:
    """COBOL as Python. Reads copybooks and called programs. Raises RefusedSource."""
    from slmcode.translate.cobol.options import from_cobc

    folders = [*copybooks, *([folder] if folder is not None else [])]
    library = _Library(folders)
    options = dataclasses.replace(
        from_cobc(flags, library.find), copybook_folders=tuple(map(str, folders))
    )
    if reference_format != "auto":
        options = dataclasses.replace(options, format=reference_format)
    latin = text.encode("utf-8").decode("latin-1")
    module = _module(latin, name, options)
    main = Path(name).name
    sources: dict[str, bytes] = {main: text.encode("utf-8")}
    beside: dict[str, bytes] = {}
    missing, waiting, seen = [], list(module.called), set(module.called)
    while waiting and len(seen) <= _CALLED:
        program = waiting.pop(0)
        found = library.program(program)
        if found is None:
            missing.append(program)
            continue
        called = _module(found.read_bytes().decode("latin-1"), found.name, options)
        sources[found.name] = found.read_bytes()
        beside[f"{called.stem}.py"] = called.text.encode("utf-8")
        waiting += [c for c in called.called if c not in seen]
        seen |= set(called.called)
    sources |= library.used
    lines = tuple(line - 1 for line in module.line_map)
    classes = {unit.program: unit.method for unit in module.units if unit.kind == "program"}
    parts = tuple(
        Part(
            unit.name,
            unit.kind,
            (unit.source_lines[0] - 1, unit.source_lines[1]),
            (unit.lines[0] - 1, unit.lines[1]),
            unit.calls,
            _key(unit, classes),
        )
        for unit in module.units
    )
    return Faithful(
        text=module.text,
        stem=module.stem,
        parts=parts,
        line_map=lines,
        facts=Facts(
            numbers=tuple(x for x in module.literals if _NUMBER.fullmatch(x)),
            texts=tuple(x for x in module.literals if not _NUMBER.fullmatch(x)),
            accepted=module.accepted,
            files=tuple(
                file.assign.strip("\"'")
                for file in module.files
                if "INPUT" in file.direction or "I-O" in file.direction
            ),
            units=tuple((u.name, *u.source_lines) for u in module.units if u.kind != "program"),
        ),
        sources=sources,
        flags=_with_format(flags, options.format, latin),
        beside=beside,
        called=module.called,
        missing=tuple(missing),
        needs_runtime=True,
    )


def _module(latin: str, name: str, options: Options) -> Module:
    from slmcode.translate.cobol.translation import Refused, to_python

    try:
        return to_python(latin, name, options)
    except Refused as e:
        found = [e, *getattr(e, "others", ())]
        refusals = tuple(Refusal(max(0, r.line - 1), r.construct) for r in found)
        raise RefusedSource(refusals, f"{name}, {e}") from None


def _with_format(flags: tuple[str, ...], chosen: str, latin: str) -> tuple[str, ...]:
    """The flags with cobc's word for the format, where they say none."""
    if {"-free", "-F", "-fixed"} & set(flags):
        return flags
    from slmcode.translate.cobol.source import format_of

    known = format_of(latin) if chosen == "auto" else chosen
    return (*flags, "-fixed" if known == "fixed" else "-free") if known != "variable" else flags


class _Library:
    """Files beside a program, found by the names that COBOL has for them."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self.used: dict[str, bytes] = {}

    def find(self, name: str) -> str | None:
        """The text of a copybook, as Latin-1."""
        plain = name.strip("\"'")
        found = self._file(plain, _COPYBOOKS)
        if found is None:
            return None
        data = found.read_bytes()
        relative = Path(plain)
        if not relative.is_absolute() and ".." not in relative.parts:
            self.used[plain if relative.suffix else f"{plain}.cpy"] = data
        return data.decode("latin-1")

    def program(self, name: str) -> Path | None:
        return self._file(name, _PROGRAMS)

    def _file(self, name: str, suffixes: Iterable[str]) -> Path | None:
        for folder in self._folders:
            for spelled in dict.fromkeys((name, name.lower(), name.upper())):
                for suffix in suffixes:
                    for path in (
                        folder / f"{spelled}{suffix}",
                        folder / f"{spelled}{suffix.upper()}",
                    ):
                        if path.is_file() and path.stat().st_size <= _MOST_BYTES:
                            return path
        return None


def from_python2(text: str, name: str) -> Faithful:
    """Python 2 as Python 3. Raises RefusedSource."""
    from slmcode.translate import python2

    try:
        fixed = python2.to_python3(text)
    except python2.NotPython2 as e:
        line = re.search(r"line (\d+)", str(e))
        refusal = Refusal(int(line[1]) - 1 if line else 0, str(e))
        raise RefusedSource((refusal,), str(e)) from None
    lines = moved(range(len(text.splitlines())), text, fixed.text)
    parts = []
    for place in places(fixed.text).values():
        known = [line for line in lines[place.start : place.end] if line >= 0]
        if known and not isinstance(place.node, ast.ClassDef):
            source_lines = (min(known), max(known) + 1)
            lines_here = (place.start, place.end)
            parts.append(Part(place.key, "function", source_lines, lines_here, (), place.key))
    return Faithful(
        text=fixed.text,
        stem=Path(name).stem,
        parts=tuple(parts),
        line_map=lines,
        facts=inputs.facts(text, "python2"),
        sources={Path(name).name: text.encode("utf-8")},
        look=tuple(
            Look(left.what, _target_line(lines, left.line - 1), left.line - 1)
            for left in fixed.left
        ),
    )


def _target_line(line_map: tuple[int, ...], source_line: int) -> int:
    return next((n for n, line in enumerate(line_map) if line == source_line), -1)


def _key(unit: CobolUnit, classes: Mapping[str, str]) -> str:
    """The unit's method in the text; a program is no method."""
    owner = classes.get(unit.program)
    return f"{owner}.{unit.method}" if owner and unit.method and unit.kind != "program" else ""
