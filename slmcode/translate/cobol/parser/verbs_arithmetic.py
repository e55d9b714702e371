"""ADD, SUBTRACT, MULTIPLY, DIVIDE, COMPUTE."""

from __future__ import annotations

from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.expressions import expression, reference, starts_value, value
from slmcode.translate.cobol.parser.statements import line_before, phrases, verb
from slmcode.translate.cobol.tree import Arithmetic, Body, Expression, Statement, Target

MODES = frozenset(
    """AWAY-FROM-ZERO NEAREST-AWAY-FROM-ZERO NEAREST-EVEN NEAREST-TOWARD-ZERO PROHIBITED
    TOWARD-GREATER TOWARD-LESSER TRUNCATION""".split()
)


def _target(p: Cursor) -> Target:
    ref = reference(p)
    if not p.accept("ROUNDED"):
        return Target(ref)
    if p.accept("MODE"):
        p.accept("IS")
        if p.word not in MODES:
            p.unexpected("a rounding mode")
        p.at += 1
        return Target(ref, p.words[p.at - 1])
    return Target(ref, p.default_rounded)


def _targets(p: Cursor) -> tuple[Target, ...]:
    found = [_target(p)]
    while p.at_name():
        found.append(_target(p))
    return tuple(found)


def _values(p: Cursor) -> tuple[Expression, ...]:
    found = [_value(p)]
    while starts_value(p) or p.word in ("(", "-", "+"):
        found.append(_value(p))
    return tuple(found)


def _value(p: Cursor) -> Expression:
    """An operand: a value, or an expression in parentheses."""
    return expression(p) if p.word == "(" else value(p)


def _end(p: Cursor, verb_word: str) -> tuple[Body | None, Body | None]:
    found = phrases(p, "SIZE", also=("ERROR",))
    p.accept("END-" + verb_word)
    return found


@verb("COMPUTE")
def _compute(p: Cursor) -> Statement:
    line = line_before(p)
    giving = _targets(p)
    p.expect("=", "EQUAL", "EQUALS")
    operand = expression(p)
    error, other = _end(p, "COMPUTE")
    return Arithmetic(line, "COMPUTE", (operand,), giving=giving, on_error=error, on_other=other)


@verb("ADD", "SUBTRACT")
def _add(p: Cursor) -> Statement:
    line = line_before(p)
    name = p.words[p.at - 1]
    joint = "TO" if name == "ADD" else "FROM"
    if p.accept("CORRESPONDING", "CORR"):
        operand: Expression = reference(p)
        p.expect(joint)
        into = _targets(p)
        error, other = _end(p, name)
        return Arithmetic(
            line, name, (operand,), into, corresponding=True, on_error=error, on_other=other
        )
    operands = _values(p)
    into = ()
    base: Expression | None = None
    giving: tuple[Target, ...] = ()
    if p.accept(joint):
        at = p.at
        if p.at_name():
            into = _targets(p)
        else:
            base = _value(p)
        if p.accept("GIVING"):
            if into:
                p.at = at
                base = value(p)
                if p.word != "GIVING":
                    p.unexpected("GIVING")
                p.at += 1
                into = ()
            giving = _targets(p)
        elif base is not None:
            p.unexpected("GIVING")
    elif name == "ADD":
        p.expect("GIVING")
        giving = _targets(p)
    else:
        p.unexpected("FROM")
    error, other = _end(p, name)
    return Arithmetic(line, name, operands, into, base, giving, on_error=error, on_other=other)


@verb("MULTIPLY")
def _multiply(p: Cursor) -> Statement:
    line = line_before(p)
    first = _value(p)
    p.expect("BY")
    at = p.at
    second: Expression | None = None
    into: tuple[Target, ...] = ()
    giving: tuple[Target, ...] = ()
    if p.at_name():
        into = _targets(p)
    else:
        second = _value(p)
    if p.accept("GIVING"):
        if into:
            p.at = at
            second = value(p)
            p.expect("GIVING")
            into = ()
        giving = _targets(p)
    elif second is not None:
        p.unexpected("GIVING")
    operands = (first,) if second is None else (first, second)
    error, other = _end(p, "MULTIPLY")
    return Arithmetic(
        line, "MULTIPLY", operands, into, giving=giving, on_error=error, on_other=other
    )


@verb("DIVIDE")
def _divide(p: Cursor) -> Statement:
    line = line_before(p)
    first = _value(p)
    into: tuple[Target, ...] = ()
    giving: tuple[Target, ...] = ()
    remainder: Target | None = None
    if p.expect("INTO", "BY") == "INTO":
        at = p.at
        if p.at_name():
            into = _targets(p)
        else:
            value(p)
        if p.accept("GIVING"):
            p.at = at
            operands: tuple[Expression, ...] = (_value(p), first)
            p.expect("GIVING")
            into = ()
            giving = _targets(p)
        elif into:
            operands = (first,)
        else:
            p.unexpected("GIVING")
    else:
        operands = (first, _value(p))
        p.expect("GIVING")
        giving = _targets(p)
    if p.accept("REMAINDER"):
        remainder = _target(p)
    error, other = _end(p, "DIVIDE")
    return Arithmetic(
        line,
        "DIVIDE",
        operands,
        into,
        giving=giving,
        remainder=remainder,
        on_error=error,
        on_other=other,
    )
