"""Whether other files still find in a file what they use of it, by the index. Pure."""

from __future__ import annotations

import re
from typing import Protocol

from slmcode.features.names import occurs
from slmcode.index.rows import FileImport
from slmcode.syntax.symbols import Outline

_END = 1_000_000  # a line behind the end of every file
_SHOWN = 3


class Reader(Protocol):
    """What is asked of an index; `index.reader.Reader` has it."""

    def importers(self, path: str) -> list[str]: ...
    def imports(self, path: str) -> list[FileImport]: ...
    def text(self, path: str, line: int, end_line: int) -> str | None: ...


def missing(reader: Reader, path: str, before: Outline, after: Outline) -> str:
    """Which names other files use of a file that it does not have any more, as half a sentence.

    "" where there are none. A file that was changed since it was indexed counts by what it
    imported then.
    """
    gone = at_top(before) - at_top(after)
    if not gone:
        return ""
    found = []
    for importer in reader.importers(path):
        rows = [row for row in reader.imports(importer) if row.target == path]
        text = reader.text(importer, 0, _END) or ""
        for name in sorted(gone):
            if any(_uses(row, name, text) for row in rows):
                found.append(f"{importer} uses {name}, which is gone")
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def at_top(outline: Outline) -> set[str]:
    """Names that a file has at its top: what it defines and what it brings in."""
    names = {d.name for d in outline.definitions if not d.scope}
    for imported in outline.imports:
        names |= {here for _, here in imported.names} or {imported.alias or imported.module}
    return names


def _uses(row: FileImport, name: str, text: str) -> bool:
    """Whether an import, or what stands behind the name it gives the module, needs a name."""
    if row.names and not any(there == "*" for there, _ in row.names):
        return any(there == name for there, _ in row.names) or any(
            _dotted(here, name, text) for _, here in row.names
        )
    module = row.alias or re.split(r"[./:\\]", row.module.strip("\"'"))[-1]
    if "import *" in text or row.names:
        return occurs(text, name)
    return _dotted(module, name, text)


def _dotted(module: str, name: str, text: str) -> bool:
    return bool(re.search(rf"\b{re.escape(module)}\s*(?:\.|::|->)\s*{re.escape(name)}\b", text))
