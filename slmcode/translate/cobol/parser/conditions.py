"""Conditions: comparisons, class, sign and name tests; abbreviated ones are written out."""

from __future__ import annotations

from dataclasses import dataclass

from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.expressions import climb, expression
from slmcode.translate.cobol.tree import (
    Both,
    ClassTest,
    Compare,
    Condition,
    Either,
    Expression,
    NameTest,
    Not,
    Ref,
    SignTest,
)

CONDITIONS = (Compare, ClassTest, SignTest, NameTest, Not, Both, Either)
_CLASSES = frozenset(
    {"NUMERIC", "ALPHABETIC", "ALPHABETIC-LOWER", "ALPHABETIC-UPPER", "ALPHANUMERIC", "BOOLEAN"}
)
_SIGNS = {"POSITIVE": "POSITIVE", "NEGATIVE": "NEGATIVE"} | dict.fromkeys(
    ("ZERO", "ZEROS", "ZEROES"), "ZERO"
)
_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_RELATIONS = frozenset(
    {"=", "<>", "<", ">", "<=", ">=", "EQUAL", "EQUALS", "GREATER", "LESS", "UNEQUAL", "=="}
)


@dataclass(slots=True)
class _Subject:
    """What an abbreviated relation goes on with."""

    left: Expression | None = None
    operator: str = "="


def condition(p: Cursor) -> Condition:
    """A whole condition."""
    found = _disjunction(p, _Subject())
    return found if isinstance(found, CONDITIONS) else _as_condition(p, found)


def condition_or_value(p: Cursor) -> Condition | Expression:
    """A condition, or an expression that is none (a subject of EVALUATE)."""
    return _disjunction(p, _Subject())


def test_of(p: Cursor, subject: Expression) -> Condition:
    """A condition that may leave its subject out, as `WHEN > 5`."""
    found = _disjunction(p, _Subject(subject))
    return found if isinstance(found, CONDITIONS) else _as_condition(p, found)


def at_relation(p: Cursor) -> bool:
    """Whether a relational operator comes next, perhaps with IS and NOT before it."""
    at = p.at
    words = p.words
    while words[at] in ("IS", "ARE", "NOT"):
        at += 1
    return words[at] in _RELATIONS


def _as_condition(p: Cursor, found: Expression) -> Condition:
    if isinstance(found, Ref):
        return NameTest(found, found.line)
    p.unexpected("a condition")
    raise AssertionError


def _disjunction(p: Cursor, subject: _Subject) -> Condition | Expression:
    left = _conjunction(p, subject)
    while p.words[p.at] == "OR":
        line = p.line
        p.at += 1
        left = _completed(p, left, subject)
        right = _completed(p, _conjunction(p, subject), subject)
        left = Either(left, right, line)
    return left


def _conjunction(p: Cursor, subject: _Subject) -> Condition | Expression:
    left = _simple(p, subject)
    while p.words[p.at] == "AND":
        line = p.line
        p.at += 1
        left = _completed(p, left, subject)
        right = _completed(p, _simple(p, subject), subject)
        left = Both(left, right, line)
    return left


def _completed(p: Cursor, found: Condition | Expression, subject: _Subject) -> Condition:
    """A condition of what may be the bare object of an abbreviated relation."""
    if isinstance(found, CONDITIONS):
        return found
    if subject.left is None or (isinstance(found, Ref) and found.name in p.condition_names):
        return _as_condition(p, found)
    return Compare(subject.operator, subject.left, found, getattr(found, "line", p.line))


def _simple(p: Cursor, subject: _Subject) -> Condition | Expression:
    word = p.words[p.at]
    if subject.left is not None and (word in _RELATIONS or at_relation(p)):
        return _tail(p, subject.left, subject)
    if word == "NOT":
        line = p.line
        p.at += 1
        return Not(_completed(p, _simple(p, subject), subject), line)
    if word == "(":
        p.at += 1
        inner = _disjunction(p, subject)
        p.expect(")")
        if isinstance(inner, CONDITIONS):
            return inner
        left = climb(p, 1, inner)
    else:
        left = expression(p)
    return _tail(p, left, subject)


def _tail(p: Cursor, left: Expression, subject: _Subject) -> Condition | Expression:
    """The relation, class or sign behind an operand; the operand alone where there is none."""
    at = p.at
    words = p.words
    line = p.lines[at]
    negated = False
    while words[p.at] in ("IS", "ARE", "NOT"):
        negated = negated != (words[p.at] == "NOT")
        p.at += 1
    word = words[p.at]
    operator = _operator(p) if word in _RELATIONS else ""
    if operator:
        if negated:
            operator = _OPPOSITE[operator]
        if words[p.at] == "(":
            return _grouped(p, left, operator, line, subject)
        right = expression(p)
        subject.left, subject.operator = left, operator
        return Compare(operator, left, right, line)
    found: Condition | None = None
    if word in _CLASSES or word in p.class_names:
        found = ClassTest(left, word, line)
    elif word in _SIGNS:
        found = SignTest(left, _SIGNS[word], line)
    elif word == "OMITTED":
        raise p.refuse("condition IS OMITTED")
    if found is None:
        p.at = at
        return left
    p.at += 1
    return Not(found, line) if negated else found


def _grouped(p: Cursor, left: Expression, operator: str, line: int, subject: _Subject) -> Condition:
    """`A = (B + C)`, or the abbreviation `A = (B OR C)`."""
    at = p.at
    subject.left, subject.operator = left, operator
    p.at += 1
    inner = _disjunction(p, subject)
    if isinstance(inner, CONDITIONS):
        p.expect(")")
        return inner
    p.at = at
    return Compare(operator, left, expression(p), line)


def _operator(p: Cursor) -> str:
    """A relational operator in symbols or words."""
    word = p.words[p.at]
    p.at += 1
    if word in ("=", "=="):
        return "="
    if word in ("EQUAL", "EQUALS"):
        p.accept("TO")
        return "="
    if word == "UNEQUAL":
        p.accept("TO")
        return "<>"
    if word not in ("GREATER", "LESS", "<", ">"):
        return word
    p.accept("THAN")
    sign = {"GREATER": ">", "LESS": "<"}.get(word, word)
    if p.word == "OR" and p.words[p.at + 1] in ("EQUAL", "EQUALS", "="):
        p.at += 2
        p.accept("TO")
        return sign + "="
    return sign
