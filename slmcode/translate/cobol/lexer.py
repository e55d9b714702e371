"""Logical lines to tokens.

A token is three entries of parallel lists: `words` (upper case; for a literal one of the marks
below, which no word can be), `lines`, and for literals, pictures and EXEC blocks `values`.
Words as plain strings make the parser's questions (`words[at] == "TO"`) as cheap as they get.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from slmcode.translate.cobol.tree import Number, Refused, Text

NUMBER = "0"  # values: Number
TEXT = '"'  # values: Text
PICTURE = "%"  # values: str, the character string behind PIC
END = ""  # behind the last token

Line = tuple[int, str]  # number in the user's text, text in free form; comments begin with *>


@dataclass(slots=True)
class Tokens:
    words: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    values: dict[int, Number | Text | str] = field(default_factory=dict)
    # (index of the first token behind or on the line, line, text)
    comments: list[tuple[int, int, str]] = field(default_factory=list)


# A literal's body; a word; a number, with the sign that touches it unless it follows an operand
_STRING = r"""(?:[BN]X|NC|[XZNBH])?(?:"(?:[^"]|"")*"|'(?:[^']|'')*')"""
_WORD = r"[A-Za-z0-9_\x80-\xff]+(?:-+[A-Za-z0-9_\x80-\xff]+)*"
_NO_WORD = r"(?![\w\x80-\xff]|-+[\w\x80-\xff])"
_REST = r"""\*>.*|"[^"]*|'[^']*|\*\*|>=|<=|<>|==|[-+*/=<>().,;:&]|\S"""
_POINT = re.compile(
    rf"""{_STRING}
    |(?<![\w)"'.])[-+]?(?:\d*\.\d+(?:E[-+]?\d+(?:\.\d+)?)?(?![\w\x80-\xff])|\d+{_NO_WORD})
    |{_WORD}|{_REST}""",
    re.VERBOSE | re.IGNORECASE,
)
_COMMA = re.compile(
    rf"""{_STRING}
    |(?<![\w)"'])[-+]?(?:\d*,\d+(?:E[-+]?\d+(?:,\d+)?)?(?![\w\x80-\xff])|\d+{_NO_WORD})
    |{_WORD}|{_REST}""",
    re.VERBOSE | re.IGNORECASE,
)
_REMARK = re.compile(
    r"\s*(?:AUTHOR|INSTALLATION|DATE-WRITTEN|DATE-COMPILED|DATE-MODIFIED|SECURITY|REMARKS)\s*\.",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"""\s*(?:(?:IDENTIFICATION|ID|ENVIRONMENT|DATA|PROCEDURE)\s+DIVISION
    |(?:CONFIGURATION|INPUT-OUTPUT|FILE|WORKING-STORAGE|LOCAL-STORAGE|LINKAGE)\s+SECTION
    |(?:PROGRAM-ID|FUNCTION-ID|OPTIONS|SPECIAL-NAMES|REPOSITORY)\s*\.)""",
    re.IGNORECASE | re.VERBOSE,
)
_DECIMAL_COMMA = re.compile(r"\bDECIMAL-POINT\s+(?:IS\s+)?COMMA\b", re.IGNORECASE)
_PICTURE = re.compile(r"\s*(?:IS\s+)?(\S+)", re.IGNORECASE)
_NUMERIC = re.compile(r"[-+]?[.,]?\d[\d.,]*(?:E[-+]?[\d.,]+)?$", re.IGNORECASE)
_SIMPLE = re.compile(r"[A-Za-z_0-9\x80-\xff-]*[A-Za-z_\x80-\xff][A-Za-z_0-9\x80-\xff-]*$")
_SYMBOLS = frozenset("** >= <= <> == - + * / = < > ( ) . : &".split())


def tokens(lines: Iterable[Line]) -> Tokens:
    """The tokens of a program's lines; raises `Refused` for a literal without end."""
    found = Tokens()
    words, numbers, values = found.words, found.lines, found.values
    known: dict[str, str] = {symbol: symbol for symbol in _SYMBOLS}
    pattern = _POINT
    depth = 0  # of parentheses: a comma separates arguments there, elsewhere it is a blank
    picture = False  # PIC stood last on the line before
    remark = False  # in the text of a paragraph like AUTHOR, which may be anything
    for number, text in lines:
        if not text or text.isspace():
            continue
        if _REMARK.match(text):
            remark = True
            continue
        if remark:
            remark = _HEADING.match(text) is None and not text.startswith("*>")
            if remark:
                continue
        start = len(words)
        at = 0
        if picture:
            at, picture = _take_picture(found, number, text, 0), False
        elif text.startswith("*>"):
            found.comments.append((start, number, _plain(text)))
            continue
        for match in pattern.finditer(text, at):
            lexeme = match[0]
            word = known.get(lexeme)
            if word is not None:
                if match.start() < at:
                    continue  # inside a picture
                if word == "(":
                    depth += 1
                elif word == ")":
                    depth -= 1
                elif word == ".":
                    depth = 0
                words.append(word)
                numbers.append(number)
                continue
            if match.start() < at:
                continue
            if lexeme in ",;":
                if depth > 0 and lexeme == ",":
                    words.append(",")
                    numbers.append(number)
                continue
            if _SIMPLE.match(lexeme):
                word = lexeme.upper()
                words.append(word)
                numbers.append(number)
                if word in ("PIC", "PICTURE"):
                    at = _take_picture(found, number, text, match.end())
                    picture = at < 0
                elif word == "DECIMAL-POINT":
                    if _DECIMAL_COMMA.match(text, match.start()):
                        pattern = _COMMA
                else:
                    known[lexeme] = word
                continue
            if lexeme.startswith("*>"):
                found.comments.append((start, number, _plain(lexeme)))
                continue
            if _NUMERIC.match(lexeme):
                values[len(words)] = Number(_decimal(lexeme.replace(",", "."), number), number)
                words.append(NUMBER)
            elif lexeme[-1] in "\"'":
                values[len(words)] = literal(lexeme, number)
                words.append(TEXT)
            elif lexeme[0] in "\"'":
                raise Refused(number, "literal without its closing quote")
            else:
                words.append(lexeme)
            numbers.append(number)
        if pattern is not _COMMA and "DECIMAL-POINT" in words[start:]:
            pattern = _COMMA if _DECIMAL_COMMA.search(text) else pattern
    last = numbers[-1] if numbers else 1
    words += [END] * 4  # the parser looks ahead by three words at most
    numbers += [last] * 4
    return found


def _decimal(text: str, line: int) -> str:
    """A number without exponent: 1.5E-3 is .0015, +1E0 is +1."""
    if text.isalnum() or "E" not in text.upper():
        return text
    try:
        plain = f"{Decimal(text.lstrip('+-')):f}"
    except InvalidOperation:
        raise Refused(line, f"number {text}") from None
    sign = text[0] if text[0] in "+-" else ""
    return sign + (plain[1:] if plain.startswith("0.") else plain)


def _plain(comment: str) -> str:
    return comment[2:].removeprefix(" ").rstrip()


def _take_picture(found: Tokens, number: int, text: str, at: int) -> int:
    """Take the character string at `at`; where it ends, or -1 where the line ends before it."""
    match = _PICTURE.match(text, at)
    if match is None or match[1].upper() == "IS":
        return -1
    picture = match[1]
    if picture.upper() == "SYMBOL":  # of CURRENCY SIGN
        return at
    end = match.end()
    # a separator at the end is none of the picture's
    while picture and picture[-1] in ".,;":
        picture = picture[:-1]
        end -= 1
    found.values[len(found.words)] = picture.upper()
    found.words.append(PICTURE)
    found.lines.append(number)
    return end


def literal(lexeme: str, line: int) -> Text | Number:
    """A quoted literal with its prefix: X"41", Z"C", N"…", B"101", H"FF", BX"…"."""
    quote = lexeme[-1]
    opening = lexeme.index(quote)
    prefix = lexeme[:opening].upper()
    text = lexeme[opening + 1 : -1].replace(quote * 2, quote)
    if prefix == "":
        return Text(text, line)
    try:
        if prefix == "X":
            return Text(bytes.fromhex(text).decode("latin-1"), line)
        if prefix == "NX":
            return Text(bytes.fromhex(text).decode("utf-16-be"), line, "N")
        if prefix == "B":
            return Number(str(int(text, 2)), line)
        if prefix in ("H", "BX"):
            return Number(str(int(text, 16)), line)
    except ValueError:
        raise Refused(line, f"literal {lexeme}") from None
    return Text(text, line, "Z" if prefix == "Z" else "N")
