"""Statements on files, SORT and MERGE."""

from __future__ import annotations

from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.expressions import expression, reference, value
from slmcode.translate.cobol.parser.statements import line_before, phrases, verb
from slmcode.translate.cobol.parser.verbs_control import procedure_name
from slmcode.translate.cobol.tree import (
    Body,
    Close,
    Delete,
    Expression,
    Open,
    Read,
    Ref,
    Release,
    Return,
    Sort,
    Start,
    Statement,
    Write,
)

_MODES = ("INPUT", "OUTPUT", "I-O", "EXTEND")


@verb("OPEN")
def _open(p: Cursor) -> Statement:
    line = line_before(p)
    files: list[tuple[str, str]] = []
    while p.word in _MODES:
        mode = p.word
        p.at += 1
        _sharing(p)
        while p.at_name():
            files.append((mode, p.name()))
            if p.ahead("WITH", "NO", "REWIND") or p.ahead("NO", "REWIND"):
                p.skip("WITH", "NO", "REWIND")
            p.accept("REVERSED")
            if p.ahead("WITH", "LOCK") or p.word == "LOCK":
                p.skip("WITH", "LOCK")
    if not files:
        p.unexpected("INPUT, OUTPUT, I-O or EXTEND")
    return Open(line, tuple(files))


def _sharing(p: Cursor) -> None:
    """SHARING WITH …, which matters to other processes only."""
    p.accept("EXCLUSIVE")
    if p.accept("SHARING"):
        p.skip("WITH", "ALL", "NO", "READ", "ONLY", "OTHER")


@verb("CLOSE")
def _close(p: Cursor) -> Statement:
    line = line_before(p)
    files = [p.name()]
    while True:
        if p.accept("REEL", "UNIT"):
            raise p.refuse("CLOSE REEL", line=line)
        if p.ahead("WITH", "LOCK") or p.ahead("WITH", "NO", "REWIND") or p.word in ("LOCK", "NO"):
            p.skip("WITH", "LOCK", "NO", "REWIND")
        elif p.at_name():
            files.append(p.name())
        else:
            return Close(line, tuple(files))


@verb("READ")
def _read(p: Cursor) -> Statement:
    line = line_before(p)
    name = p.name()
    direction = p.accept("NEXT", "PREVIOUS")
    p.accept("RECORD")
    into: Ref | None = None
    key: Ref | None = None
    while True:
        if p.accept("INTO"):
            into = reference(p)
        elif p.accept("KEY"):
            p.accept("IS")
            key = reference(p)
        elif not _no_lock(p):
            break
    at_end, not_at_end, invalid, not_invalid = _outcomes(p)
    p.accept("END-READ")
    return Read(line, name, direction, into, key, at_end, not_at_end, invalid, not_invalid)


def _no_lock(p: Cursor) -> bool:
    """Step over a phrase about locks; whether there was one."""
    at = p.at
    p.accept("WITH")
    if p.accept("LOCK", "KEPT", "IGNORE", "NO", "WAIT"):
        p.skip("LOCK", "KEPT", "NO")
        return True
    p.at = at
    if p.accept("IGNORING"):
        p.expect("LOCK")
        return True
    return False


def _outcomes(
    p: Cursor,
) -> tuple[Body | None, Body | None, Body | None, Body | None]:
    at_end, not_at_end = phrases(p, "END", ("AT",))
    invalid, not_invalid = phrases(p, "INVALID", (), also=("KEY",))
    if at_end is None and not_at_end is None:
        at_end, not_at_end = phrases(p, "END", ("AT",))
    return at_end, not_at_end, invalid, not_invalid


@verb("WRITE", "REWRITE")
def _write(p: Cursor) -> Statement:
    line = line_before(p)
    rewrite = p.words[p.at - 1] == "REWRITE"
    if p.accept("FILE"):
        record = Ref(p.name(), line)
    else:
        record = reference(p)
        p.accept("RECORD")
    source = value(p) if p.accept("FROM") else None
    before: bool | None = None
    advancing: Expression | str | None = None
    while True:
        if p.accept("BEFORE", "AFTER"):
            before = p.words[p.at - 1] == "BEFORE"
            p.accept("ADVANCING")
            if p.accept("PAGE"):
                advancing = "PAGE"
            else:
                advancing = expression(p)
                p.accept("LINE", "LINES")
        elif not _no_lock(p):
            break
    at_eop, not_at_eop = phrases(p, "END-OF-PAGE", ("AT",))
    if at_eop is None and not_at_eop is None:
        at_eop, not_at_eop = phrases(p, "EOP", ("AT",))
    invalid, not_invalid = phrases(p, "INVALID", (), also=("KEY",))
    p.accept("END-REWRITE" if rewrite else "END-WRITE")
    return Write(
        line,
        record,
        rewrite,
        source,
        before,
        advancing,
        at_eop,
        not_at_eop,
        invalid,
        not_invalid,
    )


@verb("DELETE")
def _delete(p: Cursor) -> Statement:
    line = line_before(p)
    if p.accept("FILE"):
        raise p.refuse("DELETE FILE", line=line)
    name = p.name()
    p.accept("RECORD")
    invalid, not_invalid = phrases(p, "INVALID", (), also=("KEY",))
    p.accept("END-DELETE")
    return Delete(line, name, invalid, not_invalid)


_OPPOSITE = {"=": "<>", "<": ">=", ">": "<=", "<=": ">", ">=": "<", "<>": "="}


@verb("START")
def _start(p: Cursor) -> Statement:
    line = line_before(p)
    name = p.name()
    operator = "="
    key: Ref | None = None
    first = p.accept("FIRST", "LAST")
    if p.accept("KEY"):
        operator = _relation(p)
        key = reference(p)
        if p.accept("WITH", "SIZE", "LENGTH"):
            raise p.refuse("START … WITH LENGTH", line=line)
    invalid, not_invalid = phrases(p, "INVALID", (), also=("KEY",))
    p.accept("END-START")
    return Start(line, name, operator, key, first, invalid, not_invalid)


def _relation(p: Cursor) -> str:
    p.accept("IS")
    negated = bool(p.accept("NOT"))
    word = p.expect("=", "<", ">", "<=", ">=", "<>", "EQUAL", "EQUALS", "GREATER", "LESS")
    p.skip("THAN", "TO")
    sign = {"EQUAL": "=", "EQUALS": "=", "GREATER": ">", "LESS": "<"}.get(word, word)
    if p.accept("OR"):
        p.expect("EQUAL", "=")
        p.accept("TO")
        sign += "="
    return _OPPOSITE[sign] if negated else sign


@verb("SORT", "MERGE")
def _sort(p: Cursor) -> Statement:
    line = line_before(p)
    merge = p.words[p.at - 1] == "MERGE"
    name = reference(p)
    keys: list[tuple[str, Ref]] = []
    duplicates = False
    collating = ""
    using: list[str] = []
    giving: list[str] = []
    first: tuple[Ref, Ref | None] | None = None
    last: tuple[Ref, Ref | None] | None = None
    while True:
        if p.word in ("ASCENDING", "DESCENDING") or (
            p.word == "ON" and p.words[p.at + 1] in ("ASCENDING", "DESCENDING")
        ):
            p.accept("ON")
            order = p.word
            p.at += 1
            p.skip("KEY", "IS")
            while p.at_name():
                keys.append((order, reference(p)))
            if not keys:  # the table's own element
                keys.append((order, name))
        elif p.word == "DUPLICATES" or p.ahead("WITH", "DUPLICATES"):
            p.skip("WITH", "DUPLICATES", "IN", "ORDER")
            duplicates = True
        elif p.accept("COLLATING", "SEQUENCE"):
            p.skip("SEQUENCE", "IS")
            collating = p.name()
        elif p.accept("USING"):
            while p.at_name():
                using.append(p.name())
        elif p.accept("GIVING"):
            while p.at_name():
                giving.append(p.name())
        elif p.accept("INPUT"):
            first = _procedures(p)
        elif p.accept("OUTPUT"):
            last = _procedures(p)
        else:
            break
    return Sort(
        line,
        name,
        merge,
        tuple(keys),
        duplicates,
        collating,
        tuple(using),
        tuple(giving),
        first,
        last,
    )


def _procedures(p: Cursor) -> tuple[Ref, Ref | None]:
    p.expect("PROCEDURE")
    p.accept("IS")
    start = procedure_name(p)
    return start, procedure_name(p) if p.accept("THRU", "THROUGH") else None


@verb("RELEASE")
def _release(p: Cursor) -> Statement:
    line = line_before(p)
    record = reference(p)
    return Release(line, record, value(p) if p.accept("FROM") else None)


@verb("RETURN")
def _return(p: Cursor) -> Statement:
    line = line_before(p)
    name = p.name()
    p.accept("RECORD")
    into = reference(p) if p.accept("INTO") else None
    at_end, not_at_end = phrases(p, "END", ("AT",))
    p.accept("END-RETURN")
    return Return(line, name, into, at_end, not_at_end)


@verb("USE")
def _use(p: Cursor) -> Statement:
    raise p.refuse("USE outside the head of a section of DECLARATIVES", line=line_before(p))
