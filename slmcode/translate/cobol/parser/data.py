"""DATA DIVISION: items, their clauses and their nesting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from slmcode.translate.cobol.lexer import NUMBER, PICTURE
from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.expressions import (
    climb,
    reference,
    starts_value,
    take_sign,
    value,
)
from slmcode.translate.cobol.tree import (
    Binary,
    ConditionName,
    Expression,
    Item,
    Number,
    Occurs,
    Ref,
)

USAGES = {
    "DISPLAY": "DISPLAY",
    **dict.fromkeys(("COMP", "COMPUTATIONAL", "BINARY", "COMP-4", "COMPUTATIONAL-4"), "COMP"),
    **dict.fromkeys(("COMP-1", "COMPUTATIONAL-1", "FLOAT-SHORT"), "COMP-1"),
    **dict.fromkeys(("COMP-2", "COMPUTATIONAL-2", "FLOAT-LONG", "DOUBLE", "FLOAT"), "COMP-2"),
    **dict.fromkeys(("COMP-3", "COMPUTATIONAL-3", "PACKED-DECIMAL"), "COMP-3"),
    **dict.fromkeys(("COMP-5", "COMPUTATIONAL-5"), "COMP-5"),
    **dict.fromkeys(("COMP-6", "COMPUTATIONAL-6"), "COMP-6"),
    **dict.fromkeys(("COMP-X", "COMPUTATIONAL-X"), "COMP-X"),
    **dict.fromkeys(("COMP-N", "COMPUTATIONAL-N"), "COMP-N"),
    "INDEX": "INDEX",
    "POINTER": "POINTER",
    "PROGRAM-POINTER": "PROGRAM-POINTER",
    "PROCEDURE-POINTER": "PROGRAM-POINTER",
    "NATIONAL": "NATIONAL",
    "BINARY-CHAR": "BINARY-CHAR",
    "BINARY-SHORT": "BINARY-SHORT",
    "BINARY-LONG": "BINARY-LONG",
    "BINARY-INT": "BINARY-LONG",
    "BINARY-DOUBLE": "BINARY-DOUBLE",
    "BINARY-C-LONG": "BINARY-DOUBLE",
    "BINARY-LONG-LONG": "BINARY-DOUBLE",
    "SIGNED-SHORT": "BINARY-SHORT",
    "SIGNED-INT": "BINARY-LONG",
    "SIGNED-LONG": "BINARY-DOUBLE",
    "UNSIGNED-SHORT": "BINARY-SHORT",
    "UNSIGNED-INT": "BINARY-LONG",
    "UNSIGNED-LONG": "BINARY-DOUBLE",
    "FLOAT-DECIMAL-16": "FLOAT-DECIMAL-16",
    "FLOAT-DECIMAL-34": "FLOAT-DECIMAL-34",
    "FLOAT-BINARY-32": "COMP-1",
    "FLOAT-BINARY-64": "COMP-2",
}
_UNSIGNED = frozenset({"UNSIGNED-SHORT", "UNSIGNED-INT", "UNSIGNED-LONG"})
_SIGNABLE = frozenset({"BINARY-CHAR", "BINARY-SHORT", "BINARY-LONG", "BINARY-DOUBLE"})


@dataclass(slots=True)
class _Entry:
    """One entry while its children and condition names are still being found."""

    clauses: dict[str, Any]
    conditions: list[ConditionName] = field(default_factory=list)
    children: list[_Entry] = field(default_factory=list)

    def item(self) -> Item:
        return Item(
            conditions=tuple(self.conditions),
            children=tuple(child.item() for child in self.children),
            **self.clauses,
        )


def items(p: Cursor) -> tuple[Item, ...]:
    """All entries of a section, nested by their level numbers."""
    top: list[_Entry] = []
    open_: list[_Entry] = []  # the entry of every level that is still open
    while p.words[p.at] == NUMBER or p.words[p.at] in ("EXEC", "EXECUTE", "CONSTANT"):
        if p.words[p.at] != NUMBER:
            raise p.refuse("EXEC " + p.words[p.at + 1] + " in the data division")
        comments = p.take_comments()
        line = p.line
        level = p.integer()
        if level == 88:
            if not open_:
                raise p.refuse("level 88 without an item above it", line=line)
            open_[-1].conditions.append(_condition_name(p, line))
            continue
        if not (1 <= level <= 49 or level in (66, 77, 78)):
            raise p.refuse(f"level number {level}", line=line)
        entry = _Entry(_entry(p, level, line, comments))
        if level in (66, 77, 78):
            if level == 66 and top:
                top[-1].children.append(entry)
            else:
                top.append(entry)
                open_ = [entry] if level == 77 else open_
            continue
        while open_ and (open_[-1].clauses["level"] >= level or open_[-1].clauses["level"] == 77):
            open_.pop()
        if open_:
            open_[-1].children.append(entry)
        elif level > 1 and not p.options.relaxed and top and not _is_record(top[-1]):
            raise p.refuse(f"level {level:02} without a record above it", line=line)
        else:
            top.append(entry)
        open_.append(entry)
    return tuple(entry.item() for entry in top)


def _is_record(entry: _Entry) -> bool:
    return bool(entry.clauses["level"] != 1)


def _condition_name(p: Cursor, line: int) -> ConditionName:
    name = p.name()
    p.condition_names.add(name)
    p.expect("VALUE", "VALUES")
    p.skip("IS", "ARE")
    values: list[Expression | tuple[Expression, Expression]] = []
    false: Expression | None = None
    while starts_value(p) or p.word in ("+", "-"):
        first = value(p)
        if p.accept("THRU", "THROUGH"):
            values.append((first, value(p)))
        else:
            values.append(first)
    if p.accept("IN"):
        raise p.refuse("level 88 with an alphabet")
    if p.accept("WHEN", "FALSE"):
        p.skip("SET", "TO", "FALSE", "IS")
        false = value(p)
    if not values:
        p.unexpected("a value")
    p.expect(".")
    return ConditionName(name, tuple(values), line, false)


def _entry(p: Cursor, level: int, line: int, comments: tuple[str, ...]) -> dict[str, Any]:
    clauses: dict[str, Any] = {"level": level, "name": "", "line": line, "comments": comments}
    if p.at_name() and not _is_clause(p):
        clauses["name"] = p.name()
    else:
        p.accept("FILLER")
    if level == 66:
        p.expect("RENAMES")
        first = reference(p)
        through = reference(p) if p.accept("THRU", "THROUGH") else None
        clauses["renames"] = (first, through)
        p.expect(".")
        return clauses
    if level == 78 or p.word == "CONSTANT":
        clauses["level"] = 78
        _constant(p, clauses)
        return clauses
    while not p.accept("."):
        word = p.words[p.at]
        clause = _CLAUSES.get(word)
        if clause is not None:
            p.at += 1
            clause(p, clauses)
        elif word in USAGES:
            _usage(p, clauses)
        elif word in ("TYPE", "SAME", "LIKE", "TYPEDEF", "GROUP-USAGE"):
            raise p.refuse(f"{word} in a data description")
        else:
            p.unexpected("a clause or a period")
    return clauses


def _is_clause(p: Cursor) -> bool:
    """Whether the word that could be a name begins a clause of a nameless item."""
    return p.words[p.at + 1] == PICTURE


def _constant(p: Cursor, clauses: dict[str, Any]) -> None:
    """78 name VALUE …, and 01 name CONSTANT [GLOBAL] AS …"""
    if p.accept("CONSTANT"):
        p.skip("IS")
        if p.accept("GLOBAL"):
            clauses["is_global"] = True
        if p.accept("FROM"):
            defined = p.defined.get(p.word)
            if defined is None:
                raise p.refuse(f"CONSTANT FROM {p.word}", "nothing defines it")
            p.at += 1
            clauses["values"] = (defined,)
        else:
            p.accept("AS")
            clauses["values"] = (climb(p, 1),)
    else:
        p.skip("IS")
        if p.accept("GLOBAL"):
            clauses["is_global"] = True
        p.expect("VALUE", "VALUES")
        p.skip("IS", "ARE")
        clauses["values"] = (_left_to_right(p),)
    p.expect(".")


def _left_to_right(p: Cursor) -> Expression:
    """A level 78 value: its operators have no precedence."""
    if p.word in ("NEXT", "START"):
        raise p.refuse(f"78 VALUE {p.word}")
    left = climb(p, 4)
    while True:
        line = p.line
        operator = take_sign(p) or p.accept("+", "-", "*", "/", "**")
        if not operator:
            return left
        if p.word in ("NEXT", "START"):
            raise p.refuse(f"78 VALUE {p.word}")
        left = Binary(operator, left, climb(p, 4), line)


def _picture(p: Cursor, clauses: dict[str, Any]) -> None:
    if p.words[p.at] != PICTURE:
        p.unexpected("a picture")
    clauses["picture"] = p.values[p.at]
    p.at += 1
    if p.word in ("DEPENDING",):
        raise p.refuse("PICTURE DEPENDING")


def _usage_clause(p: Cursor, clauses: dict[str, Any]) -> None:
    p.skip("IS")
    if p.word not in USAGES:
        raise p.refuse(f"USAGE {p.shown()}")
    _usage(p, clauses)


def _usage(p: Cursor, clauses: dict[str, Any]) -> None:
    word = p.words[p.at]
    p.at += 1
    usage = USAGES[word]
    clauses["usage"] = usage
    if word in _UNSIGNED:
        clauses["unsigned"] = True
    if usage in _SIGNABLE:
        sign = p.accept("SIGNED", "UNSIGNED")
        if sign == "UNSIGNED":
            clauses["unsigned"] = True
    if usage in ("POINTER", "PROGRAM-POINTER") and p.accept("TO"):
        p.name()


def _value_clause(p: Cursor, clauses: dict[str, Any]) -> None:
    p.skip("IS", "ARE")
    values = []
    while starts_value(p) or p.word in ("+", "-"):
        values.append(value(p))
    if not values:
        p.unexpected("a value")
    clauses["values"] = tuple(values)


def _occurs(p: Cursor, clauses: dict[str, Any]) -> None:
    least: Expression | None = None
    if p.phrase("DYNAMIC"):
        raise p.refuse("OCCURS DYNAMIC")
    most = climb(p, 1)
    if p.accept("TO"):
        if p.word == "UNBOUNDED":
            raise p.refuse("OCCURS … UNBOUNDED")
        least, most = most, climb(p, 1)
    p.accept("TIMES")
    depending: Ref | None = None
    indexes: list[str] = []
    keys: list[tuple[str, str]] = []
    while True:
        if p.accept("DEPENDING"):
            p.accept("ON")
            depending = reference(p)
        elif p.word in ("ASCENDING", "DESCENDING"):
            order = p.word
            p.at += 1
            p.skip("KEY", "IS")
            while p.at_name():
                keys.append((order, reference(p).name))
        elif p.accept("INDEXED"):
            p.accept("BY")
            while p.at_name():
                indexes.append(p.name())
        else:
            break
    clauses["occurs"] = Occurs(most, least, depending, tuple(indexes), tuple(keys))


def _redefines(p: Cursor, clauses: dict[str, Any]) -> None:
    clauses["redefines"] = p.name()


def _sign(p: Cursor, clauses: dict[str, Any]) -> None:
    p.accept("IS")
    _sign_place(p, clauses, p.expect("LEADING", "TRAILING"))


def _sign_place(p: Cursor, clauses: dict[str, Any], place: str) -> None:
    clauses["sign"] = place
    if p.accept("SEPARATE"):
        clauses["sign"] += " SEPARATE"
        p.accept("CHARACTER")


def _leading(p: Cursor, clauses: dict[str, Any]) -> None:
    _sign_place(p, clauses, "LEADING")


def _trailing(p: Cursor, clauses: dict[str, Any]) -> None:
    _sign_place(p, clauses, "TRAILING")


def _blank(p: Cursor, clauses: dict[str, Any]) -> None:
    p.accept("WHEN")
    p.expect("ZERO", "ZEROS", "ZEROES")
    clauses["blank_when_zero"] = True


def _just(p: Cursor, clauses: dict[str, Any]) -> None:
    p.accept("RIGHT")
    clauses["justified"] = True


def _sync(p: Cursor, clauses: dict[str, Any]) -> None:
    p.accept("LEFT", "RIGHT")
    clauses["synchronized"] = True


def _is(p: Cursor, clauses: dict[str, Any]) -> None:
    word = p.expect("EXTERNAL", "GLOBAL", "TYPEDEF")
    if word == "TYPEDEF":
        raise p.refuse("TYPEDEF")
    _CLAUSES[word](p, clauses)


def _external(p: Cursor, clauses: dict[str, Any]) -> None:
    clauses["external"] = True
    if p.accept("AS"):
        p.text()


def _global(_: Cursor, clauses: dict[str, Any]) -> None:
    clauses["is_global"] = True


def _based(_: Cursor, clauses: dict[str, Any]) -> None:
    clauses["based"] = True


def _any(p: Cursor, clauses: dict[str, Any]) -> None:
    p.accept("NUMERIC")
    p.expect("LENGTH")
    clauses["any_length"] = True


def _none(_: Cursor, __: dict[str, Any]) -> None:
    """A clause that changes nothing here."""


_CLAUSES = {
    "PIC": _picture,
    "PICTURE": _picture,
    "USAGE": _usage_clause,
    "VALUE": _value_clause,
    "VALUES": _value_clause,
    "OCCURS": _occurs,
    "REDEFINES": _redefines,
    "SIGN": _sign,
    "LEADING": _leading,
    "TRAILING": _trailing,
    "BLANK": _blank,
    "JUSTIFIED": _just,
    "JUST": _just,
    "SYNCHRONIZED": _sync,
    "SYNCHRONISED": _sync,
    "SYNC": _sync,
    "IS": _is,
    "EXTERNAL": _external,
    "GLOBAL": _global,
    "BASED": _based,
    "ANY": _any,
    "VOLATILE": _none,
}


def constant_item(name: str, value_: Expression, line: int) -> Item:
    """The item of a constant that a directive defined."""
    if isinstance(value_, Number):
        value_ = Number(value_.text, line)
    return Item(78, name, line, values=(value_,))
