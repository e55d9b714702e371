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
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from slmcode.syntax.difference import common_prefix, common_suffix

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

    @property
    def pieces(self) -> tuple[list[int], list[int]]:
        """Where the pieces begin, in the original and in the rewritten text."""
        return self._original, self._normalized

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
    """A rewritten text; `positions` is None where every character kept its offset.

    `form` is "fixed" or "free" for what was rewritten line by line, else "".
    """

    text: str
    positions: PositionMap | None
    form: str = ""


def normalize(language_id: str, text: str) -> Normalized:
    """`text` as its grammar wants it; unchanged for a language that needs nothing."""
    if language_id == "cobol":
        return _cobol(text, is_fixed_cobol(text))
    if language_id == "fortran" and is_fixed_fortran(text):
        return _fixed_fortran(text)
    if language_id == "pascal":
        return Normalized(_pascal(text), None)
    return Normalized(text, None)


def normalize_again(language_id: str, text: str, old_text: str, old: Normalized) -> Normalized:
    """`normalize`, given what it made of the text before an edit: a few lines instead of all.

    10,000 lines take 5 to 10 ms, a key in them should not. The result is the same.
    """
    if not old.form:
        return normalize(language_id, text)
    start = common_prefix(old_text, text)
    same = common_suffix(old_text, text, min(len(old_text), len(text)) - start)
    changed = start < _SAMPLED
    if changed and ("fixed" if _IS_FIXED[language_id](text) else "free") != old.form:
        return normalize(language_id, text)
    begins = _BEGINS_STATEMENT[language_id]
    first = text.rfind("\n", 0, start) + 1
    while first:  # a line before the one that changed, with which a statement begins
        first = text.rfind("\n", 0, first - 1) + 1
        if begins(text, first):
            break
    end = text.find("\n", len(text) - same) + 1
    while end and not begins(text, end):
        end = text.find("\n", end) + 1
    old_end = end - len(text) + len(old_text)
    touched = (text[first:end] + old_text[first:old_end]).lower() if end else ""
    if not first or not end or any(word in touched for word in _WHOLE_FILE[language_id]):
        return normalize(language_id, text)
    if language_id == "cobol" and end > len(text) - 2 * _END_OF_FILE:
        return normalize(language_id, text)
    # Without the last line's ending, behind which another line would begin.
    part = text[first : end - 1]
    part = part[:-1] + " " if part.endswith("\r") else part
    middle = _REWRITE[language_id](part, old.form == "fixed")
    return _spliced(old, middle, (first, end - 1), old_end - 1)


def _spliced(
    old: Normalized, middle: Normalized, place: tuple[int, int], old_end: int
) -> Normalized:
    """`middle`, made of the text at `place`, in the place of what was made of the old one."""
    first, end = place
    if old.positions is None:
        original, normalized = [0], [0]
        low, high = first, old_end
    else:
        original, normalized = old.positions.pieces
        # What came before a line's own first character belongs to the line.
        low = old.positions.to_normalized(first - 1) + 1
        high = old.positions.to_normalized(old_end)
    text = old.text[:low] + middle.text + old.text[high:]
    if old.positions is None and middle.positions is None and high - low == len(middle.text):
        return Normalized(text, None, old.form)
    before, after = bisect_left(original, first), bisect_right(original, old_end)
    inner = ([0], [0]) if middle.positions is None else middle.positions.pieces
    by, shift = end - old_end, low + len(middle.text) - high
    pieces = (
        [*original[:before], *[o + first for o in inner[0]], end]
        + [o + by for o in original[after:]],
        [*normalized[:before], *[n + low for n in inner[1]], low + len(middle.text)]
        + [n + shift for n in normalized[after:]],
    )
    return Normalized(text, PositionMap(*pieces), old.form)


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
    return [*accumulate(map((1).__add__, map(len, lines)), initial=0)]


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


def _fixed_fortran(text: str, fixed: bool = True) -> Normalized:
    """Free form: `!` for the mark of a comment, `&` in column 6 and at the end of the line before.

    What stands beyond column 72 becomes a comment, or is blanked out where the statement goes on.
    """
    text = _plain(text)
    lines = ["!" + line[1:] if line[:1] in _COMMENT_MARKS else line for line in text.split("\n")]
    if max(map(len, lines)) > _LAST_COLUMN:
        lines = [_to_column_72(line) if len(line) > _LAST_COLUMN else line for line in lines]
    before: dict[int, int] = {}  # a line that goes on with a statement: the line before
    for i in [i for i, line in enumerate(lines) if line[:6] != "      " and line[:1] != "!"]:
        line = lines[i]
        tab = line.find("\t", 0, 6)
        mark = 5 if tab < 0 else tab + 1
        found = line[mark : mark + 1]
        if found == "0" and tab < 0:
            lines[i] = line[:5] + " " + line[6:]
        elif line[: min(mark, 5)].isspace() and (
            found not in " \t!" if tab < 0 else found in _DIGITS_1_TO_9
        ):
            lines[i] = line[:mark] + "&" + line[mark + 1 :]
            last = i - 1
            while last >= 0 and _NO_FORTRAN.match(lines[last]):
                last -= 1
            if last >= 0:
                before[i] = last
    if _HOLLERITH.search(text):
        _quote_hollerith(lines, before)
    if "//" in text:
        lines = [_BLANK_COMMON.sub(r"\1  ", line) if "//" in line else line for line in lines]
    if _NEGATIVE_SCALE.search(text):
        for statement in _statements(lines, before, _NEGATIVE_SCALE):
            if _FORMAT.match(lines[statement[0]]):
                for i in statement:
                    lines[i] = _NEGATIVE_SCALE.sub(" ", lines[i])
    edits: Edits = {}
    for after, last in before.items():
        _continue_fortran(lines, last, after, edits)
    return _rewritten(lines, 0, edits)._replace(form="fixed")


def _to_column_72(line: str) -> str:
    """The rest made a comment; with tabs nobody knows where column 72 is."""
    if line[0] == "!" or "\t" in line[:6]:
        return line
    return line[:_LAST_COLUMN] + "!" + line[_LAST_COLUMN + 1 :]


def _statements(
    lines: list[str], before: dict[int, int], pattern: re.Pattern[str]
) -> Iterator[list[int]]:
    """The lines of each statement in which `pattern` is found."""
    after = {last: i for i, last in before.items()}
    done = -1
    for i, line in enumerate(lines):
        if i > done and line[:1] != "!" and pattern.search(line):
            first = i
            while first in before:
                first = before[first]
            statement = [first]
            while statement[-1] in after:
                statement.append(after[statement[-1]])
            done = statement[-1]
            yield statement


_COMMENT_MARKS = frozenset("Cc*!Dd")
_NO_FORTRAN = re.compile(r"\s*(?:!|\Z|#)")
_DIGITS_1_TO_9 = frozenset("123456789")
_HOLLERITH = re.compile(r"\d[hH]")
_HOLLERITHS = re.compile(r"'[^']*(?:'|$)|\"[^\"]*(?:\"|$)|(?<![\w.*])([1-9]\d?)[hH]|!")
_LITERAL_OR_COMMENT = re.compile(r"'[^']*'|\"[^\"]*\"|(!)")
# Blank common: the grammar wants a name between the slashes, or no slashes.
_BLANK_COMMON = re.compile(r"^([ \t\d]*COMMON *)//", re.IGNORECASE)
# A negative scale factor (-2PE9.4): the grammar has the others.
_NEGATIVE_SCALE = re.compile(r"-(?=\d+[pP])(?<=[,(/ ]-)")
_FORMAT = re.compile(r"[ \d]*FORMAT *\(", re.IGNORECASE)
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
    in_literal = line.count("'", 6, _LAST_COLUMN) % 2
    whole = fixed and end >= _LAST_COLUMN and not in_literal
    if whole and _WORD_END.match(line, _LAST_COLUMN - 1, _LAST_COLUMN):
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


def _quote_hollerith(lines: list[str], before: dict[int, int]) -> None:
    """Hollerith constants as literals in their place (` 'ABCD'` for `5HABCDE`), which the grammar
    has anywhere and which may go on in the next line.
    """
    for statement in _statements(lines, before, _HOLLERITH):
        parts = [lines[i][6:_LAST_COLUMN] for i in statement]
        parts = [part.ljust(_LAST_COLUMN - 6) for part in parts[:-1]] + parts[-1:]
        joined = _quoted("".join(parts))
        at = 0
        for i, part in zip(statement, parts, strict=True):
            line = lines[i]
            code = joined[at : at + len(line[6:_LAST_COLUMN])]
            lines[i] = line[:6] + code + line[_LAST_COLUMN:]
            at += len(part)


def _quoted(statement: str) -> str:
    at = 0
    while match := _HOLLERITHS.search(statement, at):
        if match.group() == "!":
            break
        at = match.end()
        digits = match.group(1)
        if digits and at + int(digits) <= len(statement):
            end = at + int(digits)
            body = statement[at : end - 1].replace("'", '"')
            opening = " " * len(digits) + "'"
            statement = statement[: match.start()] + opening + body + "'" + statement[end:]
            at = end
    return statement


# --- COBOL --------------------------------------------------------------------------------------

_INDENT = 7  # columns before area A
_COBOL_FREE = re.compile(
    r"^(?:(?=[^\t\n]{0,5}\S)(?![0-9]{6}(?:[ *\-/DdXx$]|$))"
    r"(?!(?=.{0,5}\d)[A-Za-z0-9]{6}(?:[ *\-/]|$))\S?"
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


# Legal words the grammar does not know: how they begin, in lower case, what must follow, and what
# stands for all of it.
_COBOL_WORDS = tuple(
    (word, re.compile(rf"(?<![\w-]){re.escape(word)}{rest}", re.IGNORECASE), stand_in)
    for word, rest, stand_in in (
        ("length", r"(?= *\()", "LENGTX"),  # without FUNCTION: as a table
        ("line ", r"(?= *SEQUENTIAL\b)", ""),
        ("float-short", r"\b", "COMP-1"),
        ("float-long", r"\b", "COMP-2"),
        ("binary-int", r"\b", "COMP-5"),
        ("is recursive", r"(?= *\.)", ""),
        ("recursive", r"(?= *\.)", ""),
        ("function-id", r"\b", "PROGRAM-ID"),
        ("end function", r"\b", "END PROGRAM"),
        ('x"', "", 'X"'),  # the grammar has an upper-case X only, and neither B"1" nor Z"text"
        ("x'", "", "X'"),
        ('b"', "", 'X"'),
        ("b'", "", "X'"),
        ('z"', "", 'X"'),
        ("z'", "", "X'"),
    )
)


def _with_stand_ins(text: str) -> str:
    """The words replaced by what stands for them, blanks behind."""
    lower = text.lower()
    found: list[tuple[int, int, str]] = []
    for word, pattern, stand_in in _COBOL_WORDS:
        at = lower.find(word)
        while at >= 0:
            if match := pattern.match(text, at):
                found.append((at, match.end(), stand_in.ljust(match.end() - at)))
            at = lower.find(word, at + len(word))
    if not found:
        return text
    parts = []
    done = 0
    for start, end, stand_in in sorted(found):
        if start >= done:
            parts += [text[done:start], stand_in]
            done = end
    return "".join([*parts, text[done:]])


def _cobol(text: str, fixed: bool) -> Normalized:
    text = _with_stand_ins(_plain(text, _COBOL_CHARACTERS).replace("<>", "!="))
    lines = text.split("\n")
    edits: Edits = {}
    if fixed:
        _fixed_cobol(lines, edits)
    else:
        _free_cobol(lines, edits)
    indent = 0 if fixed else _INDENT
    given = list(_insertions(text))
    if given:
        starts = _starts(lines)
        for at, gone, come in given:
            i = bisect_right(starts, at) - 1
            edits.setdefault(i, [(0, 0, " " * indent)]).append((at - starts[i], gone, come))
    return _rewritten(lines, indent, edits)._replace(form="fixed" if fixed else "free")


_PROGRAM_ID = re.compile(r"program-id *\.( *)")
_ID_DIVISION = re.compile(r"\bid +division")
_CONSTANT = re.compile(r"constant\b(?![ \t]+(?:is[ \t]+)?global)")
_LEVEL = re.compile(r"[ \d]*[ \t]\d+\s+[\w-]+\s+\Z")
_END_OF_FILE = 300  # characters in which the last paragraph's header is looked for
_HEADER_AT_END = re.compile(r"\n[ \t\d]*(?<=[ \t\n])[\w-]+(?:[ \t]+section)?[ \t]*\.\s*\Z")


def _insertions(text: str) -> Iterator[Edit]:
    """What the grammar wants and COBOL lets you leave out, at offsets in the text."""
    lower = text.lower()
    short = [at for at in _all(lower, "id ") if _ID_DIVISION.match(lower, at)]
    for at in short:
        yield at, 2, "IDENTIFICATION"
    if not short and "identification" not in lower:
        for at in _all(lower, "program-id"):
            begins_line = not lower[lower.rfind("\n", 0, at) + 1 : at].strip(" \t0123456789")
            if begins_line and (match := _PROGRAM_ID.match(lower, at)):
                yield at, 0, "IDENTIFICATION DIVISION. "
                yield match.start(1), len(match.group(1)), " "
    for at in _all(lower, "constant"):  # the grammar wants to know that it is global
        line = lower.rfind("\n", 0, at) + 1
        if (match := _CONSTANT.match(lower, at)) and _LEVEL.match(" " + lower[line:at]):
            yield match.end(), 0, " GLOBAL"
    if _HEADER_AT_END.search(lower, max(0, len(lower) - _END_OF_FILE)) and "procedure" in lower:
        # A last paragraph without a statement.
        yield len(text), 0, "\n           CONTINUE."


def _all(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))


def _fixed_cobol(lines: list[str], edits: Edits) -> None:
    """Blank out columns 1 to 6 and 73 on; comments and directives begin with `*>`."""
    blanks = " " * _INDENT
    unusual = [
        i
        for i, line in enumerate(lines)
        if line[:_INDENT] != blanks or len(line) > _LAST_COLUMN or ">>" in line
    ]
    for i in unusual:
        line = lines[i]
        if "\t" in line[:_INDENT] and line.lstrip(" ")[0] == "\t":
            edits[i] = [(0, 0, blanks)]
            continue
        if len(line) > _LAST_COLUMN:
            line = line[:_LAST_COLUMN] + " " * (len(line) - _LAST_COLUMN)
        line = blanks[: min(6, len(line))] + line[6:]
        indicator = line[6:7]
        lines[i] = line
        if indicator == "-":
            _continue_cobol(lines, i)
        elif indicator in ("D", "d"):
            lines[i] = line[:6] + " " + line[7:]
        elif indicator in ("*", "/", "$", ">") or (
            indicator == " " and line.lstrip(" ")[:2] == ">>"
        ):
            lines[i] = _as_comment(line)


def _as_comment(line: str) -> str:
    """`*>` over the first two characters from column 8 on: that is a comment with a node of its own
    size, while the grammar's token for `*` in column 7 has none.
    """
    at = max(_INDENT, len(line) - len(line.lstrip(" ")))
    if len(line) < at + 2:
        return " " * len(line)
    return " " * at + "*>" + line[at + 2 :]


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
    """Directives and what fixed form has for comments begin with `*>`; no word beyond column 72."""
    width = _LAST_COLUMN - _INDENT
    unusual = [
        i
        for i, line in enumerate(lines)
        if len(line) > width or ">>" in line or line[:7] == "      *" or line[:1] == "$"
    ]
    for i in unusual:
        line = lines[i]
        code = line.lstrip(" \t")
        blanks = len(line) - len(code)
        if code[:2] == ">>" or code[:1] == "$":
            lines[i] = line[:blanks] + "*>" + code[2:]
        elif code[:1] == "*" and blanks == 6:
            lines[i] = _as_comment(line)
        elif len(line) > width and code[:2] != "*>":
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
        edits[i] = _apart(given)
        new[i] = _edited(lines[i], edits[i])
    text = "\n".join(new)
    olds, news = _starts(lines), _starts(new)
    shifted = [start + indent for start in news] if indent else news
    original, normalized = [0], [0]
    done = 0
    for i in sorted(edits):
        if indent:
            original += olds[done:i]
            normalized += shifted[done:i]
        shift = 0
        for column, gone, come in edits[i]:
            shift += len(come) - gone
            original.append(olds[i] + column + gone)
            normalized.append(news[i] + column + gone + shift)
        done = i + 1
    if indent:
        original += olds[done:-1]
        normalized += shifted[done:-1]
    return Normalized(text, PositionMap(original, normalized))


def _apart(edits: list[Edit]) -> list[Edit]:
    """In ascending order, without those that begin inside another."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: edit[0]):
        if not kept or edit[0] >= kept[-1][0] + kept[-1][1]:
            kept.append(edit)
    return kept


def _edited(line: str, edits: list[Edit]) -> str:
    parts = []
    done = 0
    for column, gone, come in edits:
        parts += [line[done:column], come]
        done = column + gone
    return "".join([*parts, line[done:]])


# --- Pascal -------------------------------------------------------------------------------------

_OTHERWISE = re.compile(r"\botherwise\b", re.IGNORECASE)
_NOTHING_IN_PARENTHESES = re.compile(r"\((\s*)\)")
_IN_FILE = re.compile(r"\bin\s*'[^'\n]*'(?=\s*[,;])", re.IGNORECASE)


def _empty_value(match: re.Match[str]) -> str:
    """`[]` for the parentheses of a constant, and as they are behind a function's name."""
    before = match.string[max(0, match.start() - 100) : match.start()].rstrip()[-1:]
    return f"[{match.group(1)}]" if before and before in "=(," else match.group()


def _pascal(text: str) -> str:
    """What Free Pascal has and the grammar lacks, as what it has: `otherwise` is `else`, `**` one
    `*`, an empty array constant `()` is `[]`; the file behind a used unit's name goes.
    """
    lower = text.lower() if text.isascii() else text
    if "**" in text:
        text = text.replace("**", "* ")
    if "otherwise" in lower:
        text = _OTHERWISE.sub("else     ", text)
    text = _NOTHING_IN_PARENTHESES.sub(_empty_value, text)
    if " in '" in lower:
        text = _IN_FILE.sub(_blanked, text)
    return text


# --- by language --------------------------------------------------------------------------------


def _begins_fortran(text: str, at: int) -> bool:
    """Whether the line is a statement's first."""
    return text.startswith("      ", at) and text[at + 6 : at + 7] not in " \t!\r\n"


def _begins_cobol(text: str, at: int) -> bool:
    """Whether the line does not go on with a literal of the one before."""
    return text[at + 6 : at + 7] != "-" and "\n" not in text[at : at + 6]


_IS_FIXED = {"cobol": is_fixed_cobol, "fortran": is_fixed_fortran}
_REWRITE = {"cobol": _cobol, "fortran": _fixed_fortran}
_BEGINS_STATEMENT = {"cobol": _begins_cobol, "fortran": _begins_fortran}
# What is looked for in the whole file.
_WHOLE_FILE = {
    "cobol": ("division", "-id", "identification", "procedure"),
    "fortran": (),
}
