"""STRING, UNSTRING, INSPECT."""

from __future__ import annotations

from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.expressions import reference, starts_value, value
from slmcode.translate.cobol.parser.statements import line_before, phrases, verb
from slmcode.translate.cobol.tree import (
    Expression,
    Inspect,
    InspectLimit,
    InspectStep,
    Ref,
    Statement,
    String,
    StringPart,
    Unstring,
    UnstringTarget,
)

_HOW = ("ALL", "LEADING", "TRAILING", "FIRST")


@verb("STRING")
def _string(p: Cursor) -> Statement:
    line = line_before(p)
    parts: list[StringPart] = []
    waiting: list[Expression] = []
    while p.word != "INTO":
        if p.accept("DELIMITED"):
            p.accept("BY")
            delimiter = None if p.accept("SIZE") else value(p)
            parts += [StringPart(part, delimiter) for part in waiting]
            waiting = []
        elif starts_value(p) or p.word in ("-", "+"):
            waiting.append(value(p))
        else:
            p.unexpected("INTO")
    parts += [StringPart(part, None) for part in waiting]
    p.expect("INTO")
    into = reference(p)
    pointer: Ref | None = None
    if p.ahead("WITH", "POINTER") or p.word == "POINTER":
        p.skip("WITH", "POINTER")
        pointer = reference(p)
    happened, other = phrases(p, "OVERFLOW")
    p.accept("END-STRING")
    return String(line, tuple(parts), into, pointer, happened, other)


@verb("UNSTRING")
def _unstring(p: Cursor) -> Statement:
    line = line_before(p)
    source = value(p)
    delimiters: list[tuple[Expression, bool]] = []
    if p.accept("DELIMITED"):
        p.accept("BY")
        while True:
            repeated = bool(p.accept("ALL"))
            delimiters.append((value(p), repeated))
            if not p.accept("OR"):
                break
    p.expect("INTO")
    into: list[UnstringTarget] = []
    while p.at_name():
        ref = reference(p)
        delimiter: Ref | None = None
        count: Ref | None = None
        if p.accept("DELIMITER"):
            p.accept("IN")
            delimiter = reference(p)
        if p.accept("COUNT"):
            p.accept("IN")
            count = reference(p)
        into.append(UnstringTarget(ref, delimiter, count))
    if not into:
        p.unexpected("a name")
    pointer: Ref | None = None
    tallying: Ref | None = None
    if p.ahead("WITH", "POINTER") or p.word == "POINTER":
        p.skip("WITH", "POINTER")
        pointer = reference(p)
    if p.accept("TALLYING"):
        p.accept("IN")
        tallying = reference(p)
    happened, other = phrases(p, "OVERFLOW")
    p.accept("END-UNSTRING")
    return Unstring(
        line, source, tuple(delimiters), tuple(into), pointer, tallying, happened, other
    )


@verb("INSPECT")
def _inspect(p: Cursor) -> Statement:
    line = line_before(p)
    ref = value(p)
    tallying: tuple[InspectStep, ...] = ()
    replacing: tuple[InspectStep, ...] = ()
    if p.accept("CONVERTING"):
        source = value(p)
        p.expect("TO")
        into = value(p)
        return Inspect(line, ref, converting=(source, into), converting_limits=_limits(p))
    if p.accept("TALLYING"):
        tallying = _tallying(p)
    if p.accept("REPLACING"):
        replacing = _replacing(p)
    if not tallying and not replacing:
        p.unexpected("TALLYING, REPLACING or CONVERTING")
    if p.word == "CONVERTING":
        raise p.refuse("INSPECT with CONVERTING behind other phrases", line=line)
    return Inspect(line, ref, tallying, replacing)


def _limits(p: Cursor) -> tuple[InspectLimit, ...]:
    found = []
    while p.word in ("BEFORE", "AFTER"):
        before = p.word == "BEFORE"
        p.at += 1
        p.accept("INITIAL")
        found.append(InspectLimit(before, value(p)))
    return tuple(found)


def _tallying(p: Cursor) -> tuple[InspectStep, ...]:
    steps: list[InspectStep] = []
    while p.at_name() or p.word in ("LINAGE-COUNTER",):
        tally = reference(p)
        p.expect("FOR")
        what = ""
        while True:
            if p.accept("CHARACTERS"):
                steps.append(InspectStep("CHARACTERS", None, None, tally, _limits(p)))
                what = ""
                continue
            at = p.at
            how = p.accept(*_HOW)
            if how:
                what = how
            elif not what or not starts_value(p):
                break
            step = value(p)
            if not how and p.word == "FOR":  # the next tally
                p.at = at
                break
            steps.append(InspectStep(what, step, None, tally, _limits(p)))
    if not steps:
        p.unexpected("what to tally")
    return tuple(steps)


def _replacing(p: Cursor) -> tuple[InspectStep, ...]:
    steps: list[InspectStep] = []
    what = ""
    while True:
        if p.accept("CHARACTERS"):
            p.expect("BY")
            by = value(p)
            steps.append(InspectStep("CHARACTERS", None, by, None, _limits(p)))
            what = ""
            continue
        how = p.accept(*_HOW)
        if how:
            what = how
        elif not what or not starts_value(p):
            break
        step = value(p)
        p.expect("BY")
        by = value(p)
        steps.append(InspectStep(what, step, by, None, _limits(p)))
    if not steps:
        p.unexpected("what to replace")
    return tuple(steps)
