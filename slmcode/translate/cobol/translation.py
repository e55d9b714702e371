"""The door: a COBOL source in, the text of a Python module out.

    read (parser) -> one layout and one flow per program -> emit -> Module

Pure. What cannot be translated raises `Refused` with its line and name, never a guess; `Refusals`
carries all that one source holds, as far as they do not hide each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from slmcode.translate.cobol import parser, tree
from slmcode.translate.cobol.emit.module import Unit, Written, write
from slmcode.translate.cobol.facts import DataFile, DataName, all_programs, collect
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.refusals import Refusals

__all__ = ["DataFile", "DataName", "Module", "Refusals", "Refused", "Unit", "to_python"]

Refused = tree.Refused


@dataclass(frozen=True, slots=True)
class Module:
    """A translated source. `text` is Unicode; `data`, `literals` … are Latin-1 as read."""

    text: str
    stem: str  # of the file to write: what a CALL from another module imports
    line_map: tuple[int, ...]  # source line of every line of `text`, 0 for none
    units: tuple[Unit, ...]
    data: Mapping[str, DataName] = field(default_factory=dict)
    files: tuple[DataFile, ...] = ()
    called: tuple[str, ...] = ()  # programs that are CALLed by literal and not in this source
    accepted: tuple[tuple[str, str], ...] = ()  # (name, picture) in the order of the ACCEPTs
    literals: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()  # the programs of this source in their order


def to_python(text: str, name: str, options: Options | None = None) -> Module:
    """`text` (Latin-1: a character per byte) of a file called `name` as a Python module.

    Raises `Refused` for what is no COBOL or not translated.
    """
    options = options or Options()
    source = parser.read(text, name, options)
    written: Written = write(source, PurePath(name).name, options)
    facts = collect(source)
    return Module(
        written.text,
        stem(name),
        written.line_map,
        written.units,
        facts.data,
        facts.files,
        facts.called,
        facts.accepted,
        facts.literals,
        tuple(program.name for program in all_programs(source.programs)),
    )


def stem(name: str) -> str:
    """The module's name of a source file: "Pay-Roll.cob" gives "pay_roll"."""
    found = re.sub(r"\W", "_", PurePath(name).stem.lower(), flags=re.ASCII)
    return f"_{found}" if not found or found[0].isdigit() else found
