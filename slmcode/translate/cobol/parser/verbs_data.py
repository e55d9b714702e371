"""MOVE, SET, INITIALIZE, SEARCH, ACCEPT, DISPLAY."""

from __future__ import annotations

from slmcode.translate.cobol.parser.conditions import condition
from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.expressions import expression, reference, starts_value, value
from slmcode.translate.cobol.parser.statements import body, line_before, phrases, verb
from slmcode.translate.cobol.tree import (
    Accept,
    AddressOf,
    Body,
    Condition,
    Display,
    Expression,
    Initialize,
    Move,
    Ref,
    Search,
    SetTo,
    Statement,
)

CATEGORIES = frozenset(
    """ALPHABETIC ALPHANUMERIC ALPHANUMERIC-EDITED NATIONAL NATIONAL-EDITED NUMERIC
    NUMERIC-EDITED""".split()
)
_SCREEN = frozenset(
    """AT LINE COLUMN COL POSITION POS ERASE HIGHLIGHT LOWLIGHT BLINK BELL REVERSE-VIDEO
    UNDERLINE FOREGROUND-COLOR BACKGROUND-COLOR SIZE BLANK PROMPT SECURE AUTO UPDATE MODE
    BEEP REVERSED NO-ECHO OVERLINE CONTROL COLOR TIMEOUT TIME-OUT""".split()
)


# Devices of DISPLAY … UPON that are reserved words
_DEVICES = "ENVIRONMENT-NAME ENVIRONMENT-VALUE ARGUMENT-NUMBER COMMAND-LINE CRT".split()


@verb("MOVE")
def _move(p: Cursor) -> Statement:
    line = line_before(p)
    corresponding = bool(p.accept("CORRESPONDING", "CORR"))
    source = value(p)
    p.expect("TO")
    into = [reference(p)]
    while p.at_name() or p.word == "LINAGE-COUNTER":
        into.append(reference(p))
    return Move(line, source, tuple(into), corresponding)


@verb("SET")
def _set(p: Cursor) -> Statement:
    line = line_before(p)
    if p.accept("ENVIRONMENT"):
        raise p.refuse("SET ENVIRONMENT", line=line)
    refs: list[Expression] = []
    while p.at_name() or p.word == "ADDRESS":
        refs.append(value(p))
        if p.word == "ATTRIBUTE":
            raise p.refuse("SET … ATTRIBUTE", line=line)
    if not refs:
        p.unexpected("a name")
    if p.accept("UP", "DOWN"):
        how = p.words[p.at - 1]
        p.accept("BY")
        return SetTo(line, tuple(refs), how, expression(p))
    p.expect("TO")
    word = p.accept("TRUE", "FALSE", "ON", "OFF")
    if word:
        return SetTo(line, tuple(refs), word)
    if p.accept("ENTRY"):
        raise p.refuse("SET … TO ENTRY", line=line)
    if all(isinstance(ref, Ref | AddressOf) for ref in refs):
        return SetTo(line, tuple(refs), "TO", expression(p))
    raise p.refuse("SET", line=line)


@verb("INITIALIZE", "INITIALISE")
def _initialize(p: Cursor) -> Statement:
    line = line_before(p)
    refs = [reference(p)]
    while p.at_name():
        refs.append(reference(p))
    filler = False
    if p.ahead("WITH", "FILLER") or p.word == "FILLER":
        p.skip("WITH", "FILLER")
        filler = True
    to_value: tuple[str, ...] = ()
    at = p.at
    categories = []
    while p.word == "ALL" or p.word in CATEGORIES:
        categories.append(p.word)
        p.at += 1
    if categories:
        p.accept("TO")
        if p.accept("VALUE"):
            to_value = tuple(categories)
        else:
            p.at = at
    replacing: list[tuple[str, Expression]] = []
    p.accept("THEN")
    if p.accept("REPLACING"):
        while p.word in CATEGORIES:
            category = p.word
            p.at += 1
            p.accept("DATA")
            p.expect("BY")
            replacing.append((category, value(p)))
        if not replacing:
            p.unexpected("a category")
    default = False
    at = p.at
    p.skip("THEN", "TO")
    if p.accept("DEFAULT"):
        default = True
    else:
        p.at = at
    return Initialize(line, tuple(refs), filler, to_value, tuple(replacing), default)


@verb("SEARCH")
def _search(p: Cursor) -> Statement:
    line = line_before(p)
    everything = bool(p.accept("ALL"))
    table = reference(p)
    varying = reference(p) if p.accept("VARYING") else None
    at_end: Body | None = None
    if p.word == "END" or p.ahead("AT", "END"):
        p.skip("AT", "END")
        at_end = body(p)
    whens: list[tuple[Condition, Body]] = []
    while p.accept("WHEN"):
        test = condition(p)
        whens.append((test, body(p)))
    if not whens:
        p.unexpected("WHEN")
    p.accept("END-SEARCH")
    return Search(line, table, tuple(whens), varying, everything, at_end)


@verb("DISPLAY")
def _display(p: Cursor) -> Statement:
    line = line_before(p)
    values: list[Expression] = []
    while starts_value(p) or p.word in ("-", "+"):
        values.append(value(p))
    if not values:
        p.unexpected("a value")
    upon = ""
    advancing = True
    while True:
        if p.accept("UPON"):
            upon = p.accept(*_DEVICES) or p.name()
        elif p.ahead("WITH", "NO") or p.word == "NO":
            p.accept("WITH")
            p.expect("NO")
            p.expect("ADVANCING")
            advancing = False
        else:
            break
    _no_screen(p, "DISPLAY", line)
    happened, other = phrases(p, "EXCEPTION")
    p.accept("END-DISPLAY")
    return Display(line, tuple(values), upon, advancing, happened, other)


def _no_screen(p: Cursor, verb_word: str, line: int) -> None:
    """Raise `Refused` for a screen position or attribute."""
    at = p.at + (p.word == "WITH")
    if p.words[at] in _SCREEN:
        raise p.refuse(f"{verb_word} … {p.words[at]}", "screens are not translated", line)


@verb("ACCEPT")
def _accept(p: Cursor) -> Statement:
    line = line_before(p)
    if p.word == "OMITTED":
        raise p.refuse("ACCEPT OMITTED", line=line)
    into = reference(p)
    source = ""
    name: Expression | None = None
    if p.accept("FROM"):
        source, name = _accept_source(p)
    _no_screen(p, "ACCEPT", line)
    happened, other = phrases(p, "EXCEPTION")
    p.accept("END-ACCEPT")
    return Accept(line, into, source, name, happened, other)


def _accept_source(p: Cursor) -> tuple[str, Expression | None]:
    word = p.word
    if word in ("DATE", "DAY"):
        p.at += 1
        form = p.accept("YYYYMMDD", "YYYYDDD")
        return f"{word} {form}".strip(), None
    if word in ("TIME", "DAY-OF-WEEK", "COMMAND-LINE", "ARGUMENT-NUMBER", "ENVIRONMENT-VALUE"):
        p.at += 1
        return word, None
    if word == "ARGUMENT-VALUE":
        p.at += 1
        return word, value(p) if starts_value(p) else None
    if word == "ENVIRONMENT":
        p.at += 1
        return word, value(p)
    if word in ("ESCAPE", "EXCEPTION", "LINES", "COLUMNS", "USER"):
        raise p.refuse(f"ACCEPT … FROM {word}")
    return "", reference(p)  # a mnemonic name or a device
