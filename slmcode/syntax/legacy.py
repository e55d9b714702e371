"""Legacy source formats, rewritten into what the grammars accept, with the way back.

The grammars of the language pack were made for one form of each language: COBOL in columns 8 to
72, Fortran in free form. What is written otherwise is rewritten here before it is parsed, line by
line, so rows stay rows: most characters keep their place (replaced one for one), some lines get
blanks in front, some lose blanks or the inside of a literal. The result is ASCII, so in it a byte
is a character. `PositionMap` leads from one to the other in both directions.

A rewritten character is never shown to anybody: names, signatures and chunks are cut from the
original. The replacements are listed in the tables below, each with what the grammar lacks.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

_LAST_COLUMN = 72  # of a statement, in both languages
_SAMPLED = 32_000  # characters that decide whether a file is in fixed form


Edit = tuple[int, int, str]  # column, characters that go, characters that come
Edits = dict[int, list[Edit]]  # by line


class PositionMap:
    """Offsets of a text and of its rewritten form, as pieces that begin at both lists' entries.

    Within a piece characters stand for each other one by one, up to the end of the shorter side:
    what follows there was inserted or left out, and maps to the end of the other side.
    """

    __slots__ = ("_normalized", "_original")

    def __init__(self, original: list[int], normalized: list[int]) -> None:
        self._original = original
        self._normalized = normalized

    def to_normalized(self, offset: int) -> int:
        """Where the character at `offset` of the original went."""
        return _across(self._original, self._normalized, offset)

    def to_original(self, offset: int) -> int:
        """Where the character at `offset` of the rewritten text came from."""
        return _across(self._normalized, self._original, offset)

    def to_originals(self, offsets: Sequence[int]) -> list[int]:
        """`to_original` of many."""
        here, there = self._normalized, self._original
        return [_across(here, there, offset) for offset in offsets]


def _across(here: list[int], there: list[int], offset: int) -> int:
    piece = bisect_right(here, offset) - 1
    found = there[piece] + offset - here[piece]
    return min(found, there[piece + 1]) if piece + 1 < len(there) else found


class Normalized(NamedTuple):
    """A rewritten text; `positions` is None where every character kept its offset."""

    text: str
    positions: PositionMap | None


def normalize(language_id: str, text: str) -> Normalized:
    """`text` as its grammar wants it; unchanged for a language that needs nothing."""
    if language_id == "cobol":
        return _cobol(text)
    if language_id == "fortran" and is_fixed_fortran(text):
        return _fixed_fortran(text)
    if language_id == "pascal":
        return Normalized(_pascal(text), None)
    return Normalized(text, None)


# --- what all of them share ---------------------------------------------------------------------


def _letters(error: UnicodeError) -> tuple[str, int]:
    """White space for white space and the letter x for anything else that is not ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    found = error.object[error.start : error.end]
    return "".join(" " if c.isspace() else "x" for c in found), error.end


codecs.register_error("slmcode.letters", _letters)

_CONTROLS = bytes(32 if n < 32 and n not in b"\t\n" else n for n in range(128)) + bytes(128)


def _plain(text: str, table: bytes = _CONTROLS) -> str:
    """`text` in ASCII, as long as before: one line ending, no control characters."""
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    return text.encode("ascii", "slmcode.letters").translate(table).decode("ascii")


def _starts(lines: list[str]) -> list[int]:
    """Offsets at which the lines begin, and that behind the last line's ending."""
    return list(accumulate([len(line) + 1 for line in lines], initial=0))


# --- Fortran ------------------------------------------------------------------------------------

_FREE_FORTRAN = re.compile(
    r"^(?:(?![cCdD])[A-Za-z]| {1,4}[A-Za-z]|(?:[^!*Cc\n][^!\n]*)?[^!\n ]&[ \t]*$)", re.MULTILINE
)
_FIXED_FORTRAN = re.compile(r"^(?:[*Cc](?![a-z]{3}| *=)| {5}[^\sA-Za-z0!]|\t[1-9])", re.MULTILINE)


def is_fixed_fortran(text: str) -> bool:
    """Whether Fortran is in fixed form, by its first 32,000 characters.

    Each line votes. Free: a statement that begins in columns 1 to 5, a `&` that ends a line.
    Fixed: `C` or `*` in column 1, a mark in column 6 behind five blanks, a tab and a digit. A tie
    is fixed: the name of the file said so, and code in columns 7 to 72 reads the same in both.
    """
    head = text[:_SAMPLED]
    if "\r" in head:
        head = head.replace("\r\n", "\n").replace("\r", "\n")
    free = len(_FREE_FORTRAN.findall(head))
    return not free or free <= len(_FIXED_FORTRAN.findall(head))


def _fixed_fortran(text: str) -> Normalized:
    """Free form: `!` for the mark of a comment, `&` in column 6 and at the end of the line before.

    What stands beyond column 72 becomes a comment, or is blanked out where the statement goes on.
    """
    text = _plain(text)
    lines = text.split("\n")
    statements: list[list[int]] = []  # the lines of each
    for i, line in enumerate(lines):
        first = line[:1]
        if not first or first == "#" or line.isspace():
            continue
        if first in "Cc*!Dd":
            lines[i] = "!" + line[1:]
            continue
        tab = line.find("\t", 0, 6)
        mark = 5 if tab < 0 else tab + 1
        found = line[mark : mark + 1]
        goes_on = False
        if found == "0" and tab < 0:
            line = line[:5] + " " + line[6:]
        elif line[: min(mark, 5)].isspace() and (
            found not in " \t!" if tab < 0 else found in _DIGITS_1_TO_9
        ):
            line = line[:mark] + "&" + line[mark + 1 :]
            goes_on = bool(statements)
        if tab < 0 and len(line) > _LAST_COLUMN:
            line = line[:_LAST_COLUMN] + "!" + line[_LAST_COLUMN + 1 :]
        lines[i] = line
        if goes_on:
            statements[-1].append(i)
        elif line.lstrip(" \t")[:1] != "!":
            statements.append([i])
    if _HOLLERITH.search(text):
        for statement in statements:
            if any(_HOLLERITH.search(lines[i]) for i in statement):
                _quote_hollerith(lines, statement)
    for statement in statements:
        line = lines[statement[0]]
        if "//" in line:
            lines[statement[0]] = _BLANK_COMMON.sub(r"\1  ", line)
        elif "FORMAT" in line or "format" in line:
            for i in statement:
                lines[i] = _NEGATIVE_SCALE.sub(" ", lines[i])
    edits: Edits = {}
    for statement in statements:
        for before, after in pairwise(statement):
            _continue_fortran(lines, before, after, edits)
    return _rewritten(lines, 0, edits)


_DIGITS_1_TO_9 = frozenset("123456789")
_HOLLERITH = re.compile(r"\d[hH]")
_HOLLERITHS = re.compile(r"'[^']*(?:'|$)|\"[^\"]*(?:\"|$)|(?<![\w.*])([1-9]\d?)[hH]|!")
_LITERAL_OR_COMMENT = re.compile(r"'[^']*'|\"[^\"]*\"|(!)")
# Blank common: the grammar wants a name between the slashes, or no slashes.
_BLANK_COMMON = re.compile(r"^([ \t\d]*COMMON *)//", re.IGNORECASE)
# A negative scale factor (-2PE9.4): the grammar has the others.
_NEGATIVE_SCALE = re.compile(r"(?<=[,(/ ])-(?=\d+[pP])")
_WORD_END = re.compile(r"[\w.]\Z")
_WORD_START = re.compile(r"[\w.]+")


def _continue_fortran(lines: list[str], before: int, after: int, edits: Edits) -> None:
    """Put `&` at the end of the line: over what stands in column 73, else inserted.

    The grammar ends a name or number with its line; one that goes on is written whole in the first.
    """
    line = lines[before]
    end = len(line)
    fixed = "\t" not in line[:6]
    given = []
    if fixed and end >= _LAST_COLUMN and _WORD_END.match(line, _LAST_COLUMN - 1, _LAST_COLUMN):
        rest = _WORD_START.match(lines[after], 6)
        if rest:
            given.append((_LAST_COLUMN, 0, rest.group()))
            lines[after] = lines[after][:6] + " " * (rest.end() - 6) + lines[after][rest.end() :]
    if fixed and end > _LAST_COLUMN and line[_LAST_COLUMN] == "!":
        lines[before] = line[:_LAST_COLUMN] + "&" + " " * (end - _LAST_COLUMN - 1)
    else:
        if "!" in line:
            marks = (m.start(1) for m in _LITERAL_OR_COMMENT.finditer(line) if m.group(1))
            end = next(marks, end)
        given.append((end, 0, "&"))
    if given:
        edits[before] = given


def _quote_hollerith(lines: list[str], statement: list[int]) -> None:
    """Hollerith constants (5HABCDE) as literals of the same length, which the grammar has anywhere
    and which may go on in the next line.
    """
    parts = [lines[i][6:_LAST_COLUMN] for i in statement]
    parts = [part.ljust(_LAST_COLUMN - 6) for part in parts[:-1]] + parts[-1:]
    joined = "".join(parts)
    at = 0
    while match := _HOLLERITHS.search(joined, at):
        if match.group() == "!":
            return
        at = match.end()
        digits = match.group(1)
        if digits and at + int(digits) <= len(joined):
            end = at + int(digits)
            body = joined[at:end].replace("'", '"')
            filled = "'" + body + "'" + " " * (len(digits) - 1)
            joined = joined[: match.start()] + filled + joined[end:]
            at = end
    at = 0
    for i, part in zip(statement, parts, strict=True):
        line = lines[i]
        code = line[6:_LAST_COLUMN]
        lines[i] = line[:6] + joined[at : at + len(code)] + line[_LAST_COLUMN:]
        at += len(part)


# --- COBOL --------------------------------------------------------------------------------------

_INDENT = 7  # columns before area A
_COBOL_FREE = re.compile(
    r"^(?:(?=.{0,5}\S)(?![0-9]{6}(?:[ *\-/DdXx$]|$))(?!(?=.{0,5}\d)[A-Za-z0-9]{6}(?:[ *\-/]|$))\S?"
    r"| {6}[A-Za-z0-9][\w-]|.{6}[^*/\n].{64}[\w-]{2}(?!.{0,6}\s*$))",
    re.MULTILINE,
)
_COBOL_FIXED = re.compile(r"^(?:[0-9]{6}[ *\-/]|[ ]{6}[*\-/](?!>)|.{72}[\w ]{8}\s*$)", re.MULTILINE)
_COBOL_FORMAT = re.compile(
    r"^[ \t\d]*(?:>>\s*SOURCE\s+(?:FORMAT\s+)?(?:IS\s+)?|>>\s*SET\s+SOURCEFORMAT\s*[\"']?|"
    r"\$\s*SET\s+SOURCEFORMAT\s*\(?[\"']?)(FREE|FIXED)",
    re.MULTILINE | re.IGNORECASE,
)


def is_fixed_cobol(text: str) -> bool:
    """Whether COBOL is in fixed form: by its directive, else by its first 32,000 characters.

    Each line votes. Free: code in columns 1 to 6 that is no sequence number, a word that begins in
    column 7, a word across column 72. Fixed: a sequence number, an indicator in column 7, eight
    characters from column 73 on. A tie is fixed: code in columns 8 to 72 reads the same in both.
    """
    head = text[:_SAMPLED]
    if "\r" in head:
        head = head.replace("\r\n", "\n").replace("\r", "\n")
    if directive := _COBOL_FORMAT.search(head):
        return directive.group(1).upper() == "FIXED"
    free = len(_COBOL_FREE.findall(head))
    return not free or free <= len(_COBOL_FIXED.findall(head))


# Underscores are legal in GnuCOBOL's names, but not in the grammar's. Tried and true in literals
# and comments too: nobody reads those here.
_COBOL_CHARACTERS = _CONTROLS.replace(b"_", b"-")


def _blanked(match: re.Match[str]) -> str:
    return " " * len(match.group())


# Legal words the grammar does not know, and what stands for them, as long as they are: a part that
# says whether to look, the pattern, the replacement.
_COBOL_WORDS: tuple[tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (part, re.compile(rf"(?<![\w-]){pattern}", re.IGNORECASE), replacement)
    for part, pattern, replacement in (
        ("length", r"LENGTH(?= *\()", "LENGTX"),  # without FUNCTION: as a table
        ("line ", r"LINE(?= +SEQUENTIAL\b)", _blanked),
        ("float-", r"FLOAT-SHORT\b", "COMP-1     "),
        ("float-", r"FLOAT-LONG\b", "COMP-2    "),
        ("binary-int", r"BINARY-INT\b", "COMP-5    "),
        ("recursive", r"(?:IS +)?RECURSIVE(?= *\.)", _blanked),
        ("function-id", r"FUNCTION-ID\b", "PROGRAM-ID "),
        ("end function", r"END FUNCTION\b", "END PROGRAM "),
        ('x"', r'[XBZ](?=")', "X"),  # the grammar has an upper-case X only
        ("x'", r"[XBZ](?=')", "X"),
        ('b"', r'[XBZ](?=")', "X"),
        ("b'", r"[XBZ](?=')", "X"),
        ('z"', r'[XBZ](?=")', "X"),
        ("z'", r"[XBZ](?=')", "X"),
    )
)


def _cobol(text: str) -> Normalized:
    fixed = is_fixed_cobol(text)
    text = _plain(text, _COBOL_CHARACTERS).replace("<>", "!=")
    lower = text.lower()
    for part, pattern, replacement in _COBOL_WORDS:
        if part in lower:
            text = pattern.sub(replacement, text)
    lines = text.split("\n")
    edits: Edits = {}
    if fixed:
        _fixed_cobol(lines, edits)
    else:
        _free_cobol(lines, edits)
    indent = 0 if fixed else _INDENT
    for i, edit in _insertions(text, lower, lines):
        edits.setdefault(i, [(0, 0, " " * indent)]).append(edit)
    return _rewritten(lines, indent, edits)


_PROGRAM_ID = re.compile(r"[ \t\d]*(PROGRAM-ID) *\.(\s*)", re.IGNORECASE)
_ID_DIVISION = re.compile(r"[ \t\d]*(ID)\s+DIVISION", re.IGNORECASE)
_CONSTANT = re.compile(r"[ \t]+\d+\s+[\w-]+\s+CONSTANT\b(?!\s+(?:IS\s+)?GLOBAL)", re.IGNORECASE)
_HEADER_AT_END = re.compile(
    r"\n[ \t\d]*(?<=[ \t\n])[\w-]+(?:[ \t]+SECTION)?[ \t]*\.\s*\Z", re.IGNORECASE
)


def _insertions(text: str, lower: str, lines: list[str]) -> Iterator[tuple[int, Edit]]:
    """What the grammar wants and COBOL lets you leave out, as (line, edit)."""
    short = "id division" in lower or "id  division" in lower
    long = "identification" in lower
    if short:  # spelled out
        for i, line in enumerate(lines):
            if found := _ID_DIVISION.match(line):
                yield i, (found.start(1), 2, "IDENTIFICATION")
    elif not long and ("program-id" in lower or "function-id" in lower):
        for i, line in enumerate(lines):
            if found := _PROGRAM_ID.match(line):
                yield i, (found.start(1), 0, "IDENTIFICATION DIVISION. ")
                yield i, (found.start(2), len(found.group(2)), " ")
    if " constant" in lower:  # of a constant the grammar wants to know that it is global
        for i, line in enumerate(lines):
            if found := _CONSTANT.match(line):
                yield i, (found.end(), 0, " GLOBAL")
    if _HEADER_AT_END.search(text, max(0, len(text) - 300)) and "procedure" in lower:
        # A last paragraph without a statement.
        yield len(lines) - 1, (len(lines[-1]), 0, "\n           CONTINUE.")


def _fixed_cobol(lines: list[str], edits: Edits) -> None:
    """Blank out columns 1 to 6 and 73 on; put comments and directives under one indicator."""
    for i, line in enumerate(lines):
        if "\t" in line[:_INDENT]:
            head = line[:_INDENT]
            edits[i] = [(0, 0, " " * (_INDENT if head.isspace() else 0))]
            if not head.isspace():
                lines[i] = "      "[: len(line)] + line[6:]
            continue
        if len(line) > _LAST_COLUMN:
            line = lines[i] = line[:_LAST_COLUMN] + " " * (len(line) - _LAST_COLUMN)
        if line[:6] != "      " and line:
            line = lines[i] = "      "[: len(line)] + line[6:]
        indicator = line[6:7]
        if indicator == " ":
            if ">>" in line and line.lstrip()[:2] == ">>":
                lines[i] = line[:6] + "*" + line[7:]
        elif indicator == "-":
            _continue_cobol(lines, i)
        elif indicator and indicator in "Dd":
            lines[i] = line[:6] + " " + line[7:]
        elif indicator and indicator in "$>":
            lines[i] = line[:6] + "*" + line[7:]


def _continue_cobol(lines: list[str], at: int) -> None:
    """A literal that goes on behind a hyphen in column 7: the grammar has it in double quotes only.
    A word that goes on is two words.
    """
    line = lines[at]
    first = line[7:].lstrip()[:1]
    if first == "'" and at and '"' not in line + lines[at - 1]:
        lines[at - 1] = lines[at - 1].replace("'", '"')
        lines[at] = line.replace("'", '"')
    elif first not in ("'", '"'):
        lines[at] = line[:6] + " " + line[7:]


def _free_cobol(lines: list[str], edits: Edits) -> None:
    """Comments and directives begin in column 7, all else in column 8; no word begins beyond 72."""
    for i, line in enumerate(lines):
        if len(line) <= _LAST_COLUMN - _INDENT and "*" not in line and ">>" not in line:
            continue
        code = line.lstrip(" \t")
        blanks = len(line) - len(code)
        if code[:2] == "*>" or (code[:1] == "*" and blanks == 6):
            edits[i] = [(0, blanks, "      ")]
        elif code[:2] == ">>" or code[:1] == "$":
            edits[i] = [(0, blanks, "      *")]
        elif len(line) > _LAST_COLUMN - _INDENT:
            edits[i] = _squeezed(line, blanks)


_COBOL_TOKENS = re.compile(r"\"[^\"]*\"?|'[^']*'?|[ \t]+|\*>.*|[\w-]+|.")


def _squeezed(line: str, blanks: int) -> list[Edit]:
    """What lets the last word of a long line begin before column 73: without indentation, one blank
    between words, then the literals cut short.
    """
    edits: list[Edit] = [(0, blanks, " " * _INDENT)]
    tokens = [m.span() for m in _COBOL_TOKENS.finditer(line.rstrip(), blanks)]
    excess = tokens[-1][0] - blanks + _INDENT - _LAST_COLUMN + 1 if tokens else 0
    for quote, keep in ((" \t", 1), ("'\"", 2)):
        for start, end in tokens:
            if excess > 0 and line[start] in quote and end - start > keep:
                gone = min(excess, end - start - keep)
                edits.append((start + 1, gone, ""))
                excess -= gone
    return edits


# --- putting it together ------------------------------------------------------------------------


def _rewritten(lines: list[str], indent: int, edits: Edits) -> Normalized:
    """The lines with `indent` blanks before each, or edited, joined, and the way back."""
    if not indent and not edits:
        return Normalized("\n".join(lines), None)
    pad = " " * indent
    new = [pad + line for line in lines] if indent else lines.copy()
    for i, given in edits.items():
        given.sort(key=lambda edit: edit[0])
        new[i] = _edited(lines[i], given)
    text = "\n".join(new)
    olds, news = _starts(lines), _starts(new)
    original, normalized = [0], [0]
    done = 0
    for i in sorted(edits):
        if indent:
            original += olds[done:i]
            normalized += [start + indent for start in news[done:i]]
        shift = 0
        for column, gone, come in edits[i]:
            shift += len(come) - gone
            original.append(olds[i] + column + gone)
            normalized.append(news[i] + column + gone + shift)
        done = i + 1
    if indent:
        original += olds[done:-1]
        normalized += [start + indent for start in news[done:-1]]
    return Normalized(text, PositionMap(original, normalized))


def _edited(line: str, edits: list[Edit]) -> str:
    parts = []
    done = 0
    for column, gone, come in edits:
        parts += [line[done:column], come]
        done = column + gone
    return "".join([*parts, line[done:]])


# --- Pascal -------------------------------------------------------------------------------------

_OTHERWISE = re.compile(r"\botherwise\b", re.IGNORECASE)
_EMPTY_VALUE = re.compile(r"([=(,]\s*)\(\)")


def _pascal(text: str) -> str:
    """Free Pascal's `otherwise`, `**` and empty array constants, in words the grammar has."""
    if "**" in text:
        text = text.replace("**", "* ")
    if "otherwise" in text or "OTHERWISE" in text or "Otherwise" in text:
        text = _OTHERWISE.sub("else     ", text)
    if "()" in text:
        text = _EMPTY_VALUE.sub(r"\1[]", text)
    return text
