"""Values, references and arithmetic expressions."""

from __future__ import annotations

from slmcode.translate.cobol.lexer import NUMBER, TEXT
from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.tree import (
    AddressOf,
    Binary,
    Expression,
    Figurative,
    FunctionCall,
    LengthOf,
    Negated,
    Number,
    Ref,
    Text,
)

FIGURATIVE = {
    **dict.fromkeys(("ZERO", "ZEROS", "ZEROES"), "ZERO"),
    **dict.fromkeys(("SPACE", "SPACES"), "SPACE"),
    **dict.fromkeys(("QUOTE", "QUOTES"), "QUOTE"),
    **dict.fromkeys(("HIGH-VALUE", "HIGH-VALUES"), "HIGH-VALUE"),
    **dict.fromkeys(("LOW-VALUE", "LOW-VALUES"), "LOW-VALUE"),
    **dict.fromkeys(("NULL", "NULLS"), "NULL"),
}
_KEYWORDS = frozenset({"LEADING", "TRAILING", "ALL", "ANYCASE", "NESTED", "PHYSICAL"})
_POWERS = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}
_STARTS = frozenset({NUMBER, TEXT, "FUNCTION", "LENGTH", "ADDRESS", "ALL", *FIGURATIVE})


def starts_value(p: Cursor) -> bool:
    """Whether a literal, a reference or a function comes next."""
    word = p.words[p.at]
    return word not in p.reserved or word in _STARTS


def reference(p: Cursor) -> Ref:
    """A name with qualifiers, subscripts and reference modification."""
    at = p.at
    words = p.words
    name = words[at]
    if name in p.reserved:
        p.unexpected("a name")
    line = p.lines[at]
    at += 1
    word = words[at]
    qualifiers: tuple[str, ...] = ()
    while word in ("OF", "IN"):
        if words[at + 1] in p.reserved:
            p.at = at + 1
            p.unexpected("a name")
        qualifiers += (words[at + 1],)
        at += 2
        word = words[at]
    p.at = at
    if word != "(":
        return Ref(name, line, qualifiers)
    subscripts, start, length = _parenthesized(p, subscripts=True)
    if start is None and p.words[p.at] == "(":
        more, start, length = _parenthesized(p, subscripts=False)
        if start is None:
            raise p.refuse(f"two lists of subscripts of {name}", line=line)
        subscripts += more
    return Ref(name, line, qualifiers, subscripts, start, length)


def _parenthesized(
    p: Cursor, subscripts: bool
) -> tuple[tuple[Expression | str, ...], Expression | None, Expression | None]:
    """What stands in parentheses behind a name: subscripts, or the start and length of a part."""
    p.at += 1
    values: list[Expression | str] = []
    while True:
        if p.accept(","):
            continue
        if p.accept(")"):
            return tuple(values), None, None
        if p.word == "ALL" and p.words[p.at + 1] in (")", ","):
            p.at += 1
            values.append("ALL")
            continue
        value = expression(p)
        if p.accept(":"):
            if values:
                p.unexpected("one start of a part")
            length = None if p.word == ")" else expression(p)
            p.expect(")")
            return (), value, length
        values.append(value)


def _part(p: Cursor) -> tuple[Expression | None, Expression | None]:
    """A reference modification behind a function, if there is one."""
    if p.words[p.at] != "(":
        return None, None
    at = p.at
    _, start, length = _parenthesized(p, subscripts=False)
    if start is None:
        p.at = at
    return start, length


def value(p: Cursor) -> Expression:
    """A literal, a figurative constant, a reference or a function; no arithmetic."""
    word = p.words[p.at]
    if word not in p.reserved:
        if word in p.functions:
            return function(p, p.at)
        if word == "BYTE-LENGTH" and p.words[p.at + 1] == "OF":
            p.at += 2
            return LengthOf(value(p), p.lines[p.at - 1])
        return reference(p)
    found = p.values.get(p.at)
    if found is not None and not isinstance(found, str):
        p.at += 1
        if p.words[p.at] == "&":
            return _concatenated(p, found)
        return found
    if word in FIGURATIVE:
        p.at += 1
        return Figurative(FIGURATIVE[word], line=p.lines[p.at - 1])
    if word == "FUNCTION":
        return function(p, p.at + 1)
    line = p.line
    if word == "ALL":
        p.at += 1
        if p.word in FIGURATIVE:
            return value(p)
        if p.word == TEXT:
            whole = value(p)
            assert isinstance(whole, Text)
            return Figurative("ALL", whole.text, line)
        if p.at_name():  # a constant
            raise p.refuse("ALL with a constant's name", line=line)
        p.unexpected("a literal")
    if word == "LENGTH":
        if p.words[p.at + 1] == "(":
            return function(p, p.at)
        p.at += 1
        p.accept("OF")
        return LengthOf(value(p), line)
    if word == "ADDRESS":
        p.at += 1
        p.expect("OF")
        if p.accept("ENTRY", "PROCEDURE"):
            raise p.refuse("ADDRESS OF ENTRY", line=line)
        return AddressOf(reference(p), line)
    if word in "+-" and p.words[p.at + 1] == NUMBER:
        p.at += 1
        number = p.values[p.at]
        assert isinstance(number, Number)
        p.at += 1
        return Number(word.replace("+", "") + number.text.lstrip("+"), line)
    p.unexpected("a value")
    raise AssertionError


def _concatenated(p: Cursor, first: Expression) -> Expression:
    """Literals joined by &."""
    if not isinstance(first, Text):
        p.unexpected()
    assert isinstance(first, Text)
    text = first.text
    while p.accept("&"):
        if p.word in FIGURATIVE and FIGURATIVE[p.word] in _BYTES:
            text += _BYTES[FIGURATIVE[p.word]]
            p.at += 1
        else:
            text += p.text().text
    return Text(text, first.line, first.kind)


_BYTES = {
    "SPACE": " ",
    "ZERO": "0",
    "QUOTE": '"',
    "LOW-VALUE": "\0",
    "HIGH-VALUE": "\xff",
    "NULL": "\0",
}


def function(p: Cursor, at: int) -> FunctionCall:
    """A function whose name is the word at `at`."""
    name = p.words[at]
    line = p.lines[at]
    if not name or not name[0].isalpha():
        p.at = at
        p.unexpected("a function's name")
    p.at = at + 1
    arguments: list[Expression | str] = []
    if p.words[p.at] == "(":
        start, length = _part_first(p)
        if start is not None:
            return FunctionCall(name, (), line, start, length)
        p.at += 1
        while not p.accept(")"):
            if p.accept(","):
                continue
            word = p.words[p.at]
            if word in _KEYWORDS and not (word == "ALL" and p.words[p.at + 1] in (TEXT,)):
                p.at += 1
                arguments.append(word)
                continue
            arguments.append(argument(p))
    start, length = _part(p)
    return FunctionCall(name, tuple(arguments), line, start, length)


def _part_first(p: Cursor) -> tuple[Expression | None, Expression | None]:
    """A reference modification right behind the name of a function without arguments."""
    depth = 0
    at = p.at
    words = p.words
    while True:
        word = words[at]
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
            if depth == 0:
                return None, None
        elif word == ":" and depth == 1:
            _, start, length = _parenthesized(p, subscripts=False)
            return start, length
        elif word in (".", ""):
            return None, None
        at += 1


def argument(p: Cursor) -> Expression:
    """An argument: a number with its sign begins the next one, as cobc reads it."""
    return climb(p, 1, signed_ends=True)


def expression(p: Cursor) -> Expression:
    """An arithmetic expression, or a single value of any kind."""
    return climb(p, 1)


def climb(
    p: Cursor, least: int, first: Expression | None = None, signed_ends: bool = False
) -> Expression:
    """Operators that bind at least as `least`; `first` is an operand that is read already."""
    left = _operand(p, signed_ends) if first is None else first
    words = p.words
    while True:
        operator = words[p.at]
        power = _POWERS.get(operator)
        if power is None:
            if operator != NUMBER or signed_ends or least > 1 or not _is_arithmetic(left):
                return left
            sign = take_sign(p)
            if not sign:
                return left
            left = Binary(sign, left, climb(p, 2, None, signed_ends), p.line)
            continue
        if power < least:
            return left
        line = p.lines[p.at]
        p.at += 1
        # powers go from right to left, as cobc has them
        right = climb(p, power if operator == "**" else power + 1, None, signed_ends)
        left = Binary(operator, left, right, line)


def take_sign(p: Cursor) -> str:
    """The sign that the lexer took to the next number, now taken off it, or "".

    In "A -1" it can only be an operator, though cobc refuses to see it so everywhere.
    """
    number = p.values.get(p.at)
    if not isinstance(number, Number) or number.text[0] not in "+-":
        return ""
    p.values[p.at] = Number(number.text[1:], number.line)
    return number.text[0]


def _is_arithmetic(value: Expression) -> bool:
    return isinstance(value, Binary | Ref | Number | FunctionCall | Negated)


def _operand(p: Cursor, signed_ends: bool) -> Expression:
    word = p.words[p.at]
    if word == "(":
        p.at += 1
        inner = climb(p, 1)
        p.expect(")")
        return inner
    if word in ("-", "+"):
        line = p.line
        p.at += 1
        of = _operand(p, signed_ends)
        return of if word == "+" else Negated(of, line)
    return value(p)
