"""FILE SECTION: FD and SD with their records, joined to their SELECT."""

from __future__ import annotations

from typing import Any

from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.data import items
from slmcode.translate.cobol.parser.environment import Select
from slmcode.translate.cobol.parser.expressions import reference, value
from slmcode.translate.cobol.tree import Expression, File


def file_section(p: Cursor, selects: dict[str, Select]) -> tuple[File, ...]:
    """All FD and SD entries of the section, and the files that have a SELECT alone."""
    files: list[File] = []
    while p.word in ("FD", "SD", "RD", "CD"):
        line = p.line
        kind = p.word
        if kind in ("RD", "CD"):
            raise p.refuse(kind)
        p.at += 1
        name = p.name()
        select = selects.get(name)
        if select is None:
            raise p.refuse(f"{kind} {name} without SELECT", line=line)
        clauses: dict[str, Any] = {**select.clauses, "is_sort": kind == "SD"}
        while not p.accept("."):
            _clause(p, clauses)
        records = items(p)
        files.append(File(name, select.line, records=records, **clauses))
    return tuple(files)


def _clause(p: Cursor, clauses: dict[str, Any]) -> None:
    word = p.word
    p.at += 1
    if word == "IS":
        word = p.expect("EXTERNAL", "GLOBAL")
    if word == "EXTERNAL":
        clauses["external"] = True
        if p.accept("AS"):
            p.text()
    elif word == "GLOBAL":
        clauses["is_global"] = True
    elif word == "BLOCK":
        p.accept("CONTAINS")
        _range(p)
        p.accept("CHARACTERS", "RECORDS")
    elif word == "RECORD":
        _record(p, clauses)
    elif word == "LABEL":
        p.skip("RECORD", "RECORDS", "IS", "ARE")
        p.expect("STANDARD", "OMITTED")
    elif word == "VALUE":
        p.accept("OF")
        while p.at_name() or p.word == "FILE-ID":
            p.at += 1
            p.accept("IS")
            value(p)
    elif word == "DATA":
        p.skip("RECORD", "RECORDS", "IS", "ARE")
        while p.at_name():
            p.name()
    elif word == "LINAGE":
        _linage(p, clauses)
    elif word == "RECORDING":
        p.skip("MODE", "IS")
        p.name()
    elif word == "CODE-SET":
        raise p.refuse("CODE-SET")
    elif word in ("REPORT", "REPORTS"):
        raise p.refuse("REPORT", "the report writer is not translated")
    else:
        p.at -= 1
        p.unexpected("a clause of FD")


def _range(p: Cursor) -> tuple[int | None, int]:
    first = p.integer()
    if p.accept("TO"):
        return first, p.integer()
    return None, first


def _record(p: Cursor, clauses: dict[str, Any]) -> None:
    p.accept("IS")
    if p.accept("VARYING"):
        p.skip("IN", "SIZE", "FROM")
        if p.word == "0":
            clauses["record_least"] = p.integer()
        if p.accept("TO"):
            clauses["record_most"] = p.integer()
        p.accept("CHARACTERS")
        if p.accept("DEPENDING"):
            p.accept("ON")
            clauses["record_depending"] = reference(p)
        clauses.setdefault("record_least", 0)
        return
    p.accept("CONTAINS")
    least, most = _range(p)
    clauses["record_least"] = least if least is not None else most
    clauses["record_most"] = most
    p.accept("CHARACTERS")


def _linage(p: Cursor, clauses: dict[str, Any]) -> None:
    """LINAGE lines, WITH FOOTING, TOP, BOTTOM: in this order, absent ones at their defaults."""
    p.accept("IS")
    lines = value(p)
    p.accept("LINES")
    parts: dict[str, Expression] = {}
    while True:
        p.skip("WITH", "LINES", "AT")
        part = p.accept("FOOTING", "TOP", "BOTTOM")
        if not part:
            break
        p.accept("AT")
        parts[part] = value(p)
    from slmcode.translate.cobol.tree import Number

    zero = Number("0")
    clauses["linage"] = (
        lines,
        parts.get("FOOTING", zero),
        parts.get("TOP", zero),
        parts.get("BOTTOM", zero),
    )
