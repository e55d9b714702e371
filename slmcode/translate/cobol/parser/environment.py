"""ENVIRONMENT DIVISION: SPECIAL-NAMES, REPOSITORY, FILE-CONTROL."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as fields
from typing import Any

from slmcode.translate.cobol.lexer import NUMBER, TEXT
from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.expressions import FIGURATIVE, reference, value
from slmcode.translate.cobol.tree import Expression, Number, Ref, SpecialNames, Text
from slmcode.translate.cobol.words import INTRINSICS

_CHARACTERS = {
    "ZERO": "0",
    "SPACE": " ",
    "QUOTE": '"',
    "HIGH-VALUE": "\xff",
    "LOW-VALUE": "\0",
    "NULL": "\0",
}


@dataclass(slots=True)
class Select:
    """SELECT until its FD is read."""

    name: str
    line: int
    clauses: dict[str, Any]


@dataclass(slots=True)
class Environment:
    special: SpecialNames = fields(default_factory=SpecialNames)
    selects: dict[str, Select] = fields(default_factory=dict)
    debugging: bool = False


def environment(p: Cursor, found: Environment) -> None:
    """The whole division, from behind its heading to the next division."""
    while True:
        if p.phrase("CONFIGURATION", "SECTION") or p.phrase("INPUT-OUTPUT", "SECTION"):
            p.expect(".")
        elif p.accept("SOURCE-COMPUTER", "OBJECT-COMPUTER"):
            p.expect(".")
            _computer(p, found)
        elif p.accept("SPECIAL-NAMES"):
            p.expect(".")
            _special_names(p, found)
        elif p.accept("REPOSITORY"):
            p.expect(".")
            _repository(p, found)
        elif p.accept("FILE-CONTROL"):
            p.expect(".")
            _file_control(p, found)
        elif p.accept("I-O-CONTROL"):
            p.expect(".")
            _io_control(p)
        else:
            return


def _computer(p: Cursor, found: Environment) -> None:
    if p.word in _PARAGRAPHS or p.words[p.at + 1] in ("SECTION", "DIVISION"):
        return
    while not p.accept("."):
        if p.accept("DEBUGGING"):
            p.expect("MODE")
            found.debugging = True
        elif p.accept("COLLATING", "SEQUENCE"):
            p.skip("SEQUENCE", "IS")
            _set(found, collating=p.name())
        elif p.word in ("DIVISION", "SECTION", ""):
            p.unexpected("a period")
        else:
            p.at += 1


_PARAGRAPHS = frozenset(
    "SOURCE-COMPUTER OBJECT-COMPUTER SPECIAL-NAMES REPOSITORY FILE-CONTROL I-O-CONTROL".split()
)


def _set(found: Environment, **changes: Any) -> None:
    from dataclasses import replace

    found.special = replace(found.special, **changes)


def _special_names(p: Cursor, found: Environment) -> None:
    special = found.special
    while True:
        word = p.word
        if p.accept("."):
            # cobc takes one period at the end; some write one behind every clause
            if p.word in _CLAUSES or (p.at_name() and p.words[p.at + 1] in ("IS", "ON", "OFF")):
                continue
            return
        if word in ("ENVIRONMENT", "DATA", "PROCEDURE", "INPUT-OUTPUT", "REPOSITORY", ""):
            return
        clause = _CLAUSES.get(word)
        if clause is not None:
            p.at += 1
            clause(p, found)
        elif p.at_name() or word in ("CONSOLE", "FORMFEED"):
            p.at += 1
            _mnemonic(p, special, word)
        else:
            p.unexpected("a clause of SPECIAL-NAMES")


def _mnemonic(p: Cursor, special: SpecialNames, device: str) -> None:
    if p.ahead("IS", "CRT") or p.word == "CRT":  # CONSOLE IS CRT
        raise p.refuse(f"{device} IS CRT", "screens are not translated")
    if p.accept("IS") or p.at_name():
        special.mnemonics[p.name()] = device
    while p.word in ("ON", "OFF"):
        on = p.word == "ON"
        p.at += 1
        p.skip("STATUS", "IS")
        name = p.name()
        special.switches[name] = (device, on)
        p.condition_names.add(name)


def _decimal_point(p: Cursor, found: Environment) -> None:
    p.accept("IS")
    p.expect("COMMA")
    _set(found, decimal_point_is_comma=True)


def _currency(p: Cursor, found: Environment) -> None:
    p.accept("SIGN")
    p.accept("IS")
    sign = p.text().text
    symbol = sign
    if p.accept("WITH", "PICTURE"):
        p.skip("PICTURE")
        p.accept("SYMBOL")
        symbol = p.text().text
    _set(found, currency=(*found.special.currency, (sign, symbol)))


def _class(p: Cursor, found: Environment) -> None:
    name = p.name()
    p.accept("IS")
    ranges: list[tuple[str, str]] = []
    while p.word in (TEXT, NUMBER) or p.word in FIGURATIVE:
        first = _characters(p)
        if p.accept("THRU", "THROUGH"):
            ranges.append((first, _characters(p)))
        else:
            ranges += [(character, character) for character in first]
    found.special.classes[name] = tuple(ranges)
    p.class_names.add(name)


def _characters(p: Cursor) -> str:
    """A literal's characters; a number is an ordinal, counted from 1."""
    shown = value(p)
    if isinstance(shown, Text):
        return shown.text
    if isinstance(shown, Number) and shown.text.isdigit() and 1 <= int(shown.text) <= 256:
        return chr(int(shown.text) - 1)
    name = getattr(shown, "name", "")
    if name in _CHARACTERS:
        return _CHARACTERS[name]
    raise p.refuse("characters of an alphabet or class")


def _alphabet(p: Cursor, found: Environment) -> None:
    name = p.name()
    p.accept("IS")
    if p.word in ("NATIVE", "STANDARD-1", "STANDARD-2", "ASCII", "EBCDIC"):
        word = p.word
        p.at += 1
        found.special.alphabets[name] = "EBCDIC" if word == "EBCDIC" else "NATIVE"
        return
    order: list[str] = []
    while p.word in (TEXT, NUMBER) or p.word in FIGURATIVE:
        first = _characters(p)
        if p.accept("THRU", "THROUGH"):
            last = _characters(p)
            step = 1 if last >= first else -1
            order += [chr(code) for code in range(ord(first), ord(last) + step, step)]
        else:
            order += first
        if p.word == "ALSO":
            raise p.refuse("ALPHABET … ALSO")
    rest = [chr(code) for code in range(256) if chr(code) not in order]
    found.special.alphabets[name] = "".join([*dict.fromkeys(order), *rest])


def _symbolic(p: Cursor, found: Environment) -> None:
    p.accept("CHARACTERS")
    names: list[str] = []
    while p.at_name():
        names.append(p.name())
        if p.accept("IS", "ARE") or p.word == NUMBER:
            for name in names:
                found.special.symbolic[name] = p.integer()
            names = []
    if p.accept("IN"):
        raise p.refuse("SYMBOLIC CHARACTERS … IN")


def _crt(p: Cursor, found: Environment) -> None:
    p.expect("STATUS")
    p.accept("IS")
    _set(found, crt_status=reference(p))


def _cursor(p: Cursor, _: Environment) -> None:
    raise p.refuse("CURSOR", "screens are not translated")


def _not_translated(p: Cursor, _: Environment) -> None:
    raise p.refuse(f"{p.words[p.at - 1]} in SPECIAL-NAMES")


_CLAUSES = {
    "DECIMAL-POINT": _decimal_point,
    "CURRENCY": _currency,
    "CLASS": _class,
    "ALPHABET": _alphabet,
    "SYMBOLIC": _symbolic,
    "CRT": _crt,
    "CURSOR": _cursor,
    "LOCALE": _not_translated,
    "NUMERIC": _not_translated,
}


def _repository(p: Cursor, found: Environment) -> None:
    intrinsic = list(found.special.functions)
    own = list(found.special.user_functions)
    while p.accept("FUNCTION", "PROGRAM", "CLASS", "INTERFACE"):
        kind = p.words[p.at - 1]
        if kind in ("CLASS", "INTERFACE"):
            raise p.refuse(f"REPOSITORY {kind}")
        if p.phrase("ALL", "INTRINSIC"):
            intrinsic += [name for name in INTRINSICS if name not in p.options.not_intrinsic]
            continue
        names: list[str] = []
        while p.at_name() or (p.word in INTRINSICS and kind == "FUNCTION"):
            names.append(p.word)
            p.at += 1
            if p.accept("AS"):
                p.text()
        if p.accept("INTRINSIC"):
            intrinsic += names
        elif kind == "FUNCTION":
            own += names
    p.accept(".")
    p.functions |= {*intrinsic, *own}
    p.reserved -= p.functions - {"LENGTH"}  # SIGN(…), RANDOM(…)
    _set(found, functions=tuple(intrinsic), user_functions=tuple(own))


def _io_control(p: Cursor) -> None:
    """SAME AREA, RERUN and the like say nothing about what a program does; SHARED RECORD does."""
    while p.word not in ("DATA", "PROCEDURE", "") and p.words[p.at + 1] != "DIVISION":
        if p.word == "SAME" and p.words[p.at + 1] == "RECORD":
            raise p.refuse("SAME RECORD AREA")
        p.at += 1


def _file_control(p: Cursor, found: Environment) -> None:
    while p.word == "SELECT":
        line = p.line
        p.at += 1
        clauses: dict[str, Any] = {}
        if p.accept("OPTIONAL"):
            clauses["optional"] = True
        elif p.ahead("NOT", "OPTIONAL"):
            p.skip("NOT", "OPTIONAL")
        name = p.name()
        found.selects[name] = Select(name, line, clauses)
        while not p.accept("."):
            _select_clause(p, clauses)


def _select_clause(p: Cursor, clauses: dict[str, Any]) -> None:
    word = p.word
    if word == "ASSIGN":
        p.at += 1
        assigned = clauses["assign"] = _assign(p)
        if isinstance(assigned, Ref):
            clauses["assign_name"] = p.as_written(assigned.name, assigned.line)
    elif word in ("ORGANIZATION", "ORGANISATION"):
        p.at += 1
        p.accept("IS")
        clauses["organization"] = _organization(p)
    elif word in ("SEQUENTIAL", "INDEXED", "RELATIVE", "LINE") and p.words[p.at + 1] != "KEY":
        if word == "RELATIVE" and p.words[p.at + 1] == "IS":
            p.at += 2
            clauses["relative_key"] = reference(p)
            return
        clauses["organization"] = _organization(p)
    elif word == "ACCESS":
        p.at += 1
        p.skip("MODE", "IS")
        clauses["access"] = p.expect("SEQUENTIAL", "RANDOM", "DYNAMIC")
    elif word == "RELATIVE":
        p.at += 1
        p.skip("KEY", "IS")
        clauses["relative_key"] = reference(p)
    elif word == "RECORD" and p.words[p.at + 1] == "DELIMITER":
        raise p.refuse("RECORD DELIMITER")
    elif word == "RECORD":
        p.at += 1
        p.skip("KEY", "IS")
        clauses["record_key"] = reference(p)
        _plain_key(p)
    elif word == "ALTERNATE":
        p.at += 1
        p.skip("RECORD", "KEY", "IS")
        key = reference(p)
        _plain_key(p)
        duplicates = p.word == "DUPLICATES" or p.ahead("WITH", "DUPLICATES")
        if duplicates:
            p.skip("WITH", "DUPLICATES")
        if p.accept("SUPPRESS"):
            raise p.refuse("ALTERNATE KEY … SUPPRESS")
        clauses["alternate_keys"] = (*clauses.get("alternate_keys", ()), (key, duplicates))
    elif word in ("FILE", "STATUS", "SORT"):
        p.skip("FILE", "SORT")
        p.expect("STATUS")
        p.accept("IS")
        clauses["status"] = reference(p)
        if p.at_name():  # VSAM's second status: cobc does not set it
            reference(p)
    elif word == "LOCK":
        p.at += 1
        p.skip("MODE", "IS", "MANUAL", "AUTOMATIC", "EXCLUSIVE", "WITH", "ON", "MULTIPLE")
        p.skip("LOCK", "RECORD", "RECORDS", "ROLLBACK")
    elif word == "SHARING":
        p.at += 1
        p.skip("WITH", "ALL", "NO", "READ", "ONLY", "OTHER")
    elif word == "RESERVE":
        p.at += 1
        p.skip("NO")
        if p.word == NUMBER:
            p.at += 1
        p.skip("ALTERNATE", "AREA", "AREAS")
    elif word == "PADDING":
        p.at += 1
        p.skip("CHARACTER", "IS")
        value(p)
    elif word in ("COLLATING", "NATIONAL", "COMPRESSION", "ENCRYPTION"):
        raise p.refuse(f"SELECT … {word}")
    else:
        p.unexpected("a clause of SELECT")


def _plain_key(p: Cursor) -> None:
    if p.word in ("=", "SOURCE"):
        raise p.refuse("a key of several parts")


def _organization(p: Cursor) -> str:
    if p.accept("LINE"):
        p.accept("SEQUENTIAL")
        return "LINE SEQUENTIAL"
    if p.accept("RECORD"):
        p.accept("BINARY")
        p.expect("SEQUENTIAL")
        return "SEQUENTIAL"
    return p.expect("SEQUENTIAL", "INDEXED", "RELATIVE")


_DEVICE_KINDS = frozenset("DISK TAPE PRINT PRINTER KEYBOARD DISPLAY CARD-READER CASSETTE".split())


def _assign(p: Cursor) -> Expression:
    p.skip("TO", "USING", "EXTERNAL", "DYNAMIC", "VARYING")
    if p.accept("LINE", "MULTIPLE", "UNIT", "REEL"):
        p.skip("ADVANCING", "FILE", "REEL", "UNIT")
    word = p.word
    if word in _DEVICE_KINDS:
        p.at += 1
        p.skip("FILE")
        if p.accept("FROM"):
            return reference(p)
        if p.word == TEXT or (p.at_name() and p.words[p.at + 1] not in ("IS", "STATUS")):
            return value(p)
        return Ref(word, p.lines[p.at - 1])
    return value(p)
