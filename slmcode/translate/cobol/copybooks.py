"""COPY and REPLACE: texts that are put in, and words that are exchanged, before anything is read.

Both work on text words as the standard has them: literals, words, and separators one by one, so
that `==:TAG:==` is found in `:TAG:-NAME`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slmcode.translate.cobol.lexer import Line
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.source import Reader
from slmcode.translate.cobol.tree import Refused

_LEXEME = re.compile(
    r"""\*>.*|"(?:[^"\n]|"")*"?|'(?:[^'\n]|'')*'?|==|[A-Za-z0-9_\x80-\xff-]+|\n|[^\S\n]+|."""
)
_START = re.compile(r"(?<![\w-])(COPY|REPLACE)(?![\w-])", re.IGNORECASE)
_DEPTH = 40  # of copybooks within copybooks


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One pair of REPLACING or REPLACE; `part` is "", LEADING or TRAILING."""

    old: tuple[str, ...]  # in upper case, without blanks
    new: tuple[str, ...]  # as written
    part: str = ""


def expand(lines: list[Line], reader: Reader, options: Options) -> list[Line]:
    """The lines with every COPY put in and every REPLACE obeyed."""
    if not any(_START.search(text) for _, text in lines):
        return lines
    return _Replacer(reader, options).run(lines, 0)


class _Replacer:
    def __init__(self, reader: Reader, options: Options) -> None:
        self._reader = reader
        self._options = options
        self._exchanges: list[_Exchange] = []  # of the REPLACE in force

    def run(self, lines: list[Line], depth: int) -> list[Line]:
        done: list[Line] = []
        block: list[Line] = []  # what waits for the REPLACE in force
        queue = lines
        at = 0
        while at < len(queue):
            number, text = queue[at]
            start = _statement_at(text)
            if start < 0:
                block.append(queue[at])
                at += 1
                continue
            if text[:start].strip():
                block.append((number, text[:start]))
            words, rest, at = _statement(queue, at, start)
            if words[0] == "REPLACE":
                done += exchange(block, self._exchanges)
                block = []
                self._exchanges = self._replace(words, number)
            else:
                block += self._copy(words, number, depth)
            if rest[1].strip():
                queue = [rest, *queue[at:]]
                at = 0
        return done + exchange(block, self._exchanges)

    def _replace(self, words: list[str], line: int) -> list[_Exchange]:
        plain = [word for word in words[1:] if not word.isspace()]
        if [word.upper() for word in plain] == ["OFF"]:
            return []
        also = bool(plain) and plain[0].upper() == "ALSO"
        found = _pairs(words[words.index(plain[0]) + 1 :] if also else words[1:], line)
        return found + self._exchanges if also else found

    def _copy(self, words: list[str], line: int, depth: int) -> list[Line]:
        plain = [(i, word) for i, word in enumerate(words) if not word.isspace()]
        if len(plain) < 2:
            raise Refused(line, "COPY without a name")
        name = plain[1][1].strip("\"'")
        following = 2
        if len(plain) > 3 and plain[2][1].upper() in ("OF", "IN"):
            following = 4
        exchanges: list[_Exchange] = []
        while following < len(plain):
            at, word = plain[following]
            if word.upper() == "REPLACING":
                exchanges = _pairs(words[at + 1 :], line)
                break
            if word.upper() not in ("SUPPRESS", "PRINTING"):
                raise Refused(line, f"COPY {name} {word}")
            following += 1
        if depth >= _DEPTH:
            raise Refused(line, f"COPY {name}", "copybooks copy each other without end")
        text = self._options.copybooks(name) if self._options.copybooks else None
        if text is None:
            folders = ", ".join(self._options.copybook_folders)
            where = f"looked for in {folders}" if folders else "no folder of copybooks was given"
            raise Refused(line, f"COPY {name}", f"no such copybook; {where}")
        form = self._reader.format
        copied = [(line, code) for _, code in self._reader.read(text)]
        self._reader.format = form
        inner = self.run_copied(copied, depth + 1)
        return exchange(inner, exchanges)

    def run_copied(self, lines: list[Line], depth: int) -> list[Line]:
        """A copybook's own COPY statements; the REPLACE in force comes later, over everything."""
        if not any(_START.search(text) for _, text in lines):
            return lines
        outer, self._exchanges = self._exchanges, []
        found = self.run(lines, depth)
        self._exchanges = outer
        return found


def _statement_at(text: str) -> int:
    """Where COPY or REPLACE begins in a line, outside of literals and comments; -1 if nowhere."""
    if not _START.search(text):
        return -1
    for match in _LEXEME.finditer(text):
        if match[0].upper() in ("COPY", "REPLACE"):
            return match.start()
    return -1


def _statement(lines: list[Line], at: int, start: int) -> tuple[list[str], Line, int]:
    """The words up to the period, what follows it on its line, and the line behind."""
    first = lines[at][0]
    words: list[str] = []
    pseudo = False
    offset = start
    while at < len(lines):
        number, text = lines[at]
        at += 1
        for match in _LEXEME.finditer(text, offset):
            word = match[0]
            if word == "==":
                pseudo = not pseudo
            if word == "." and not pseudo:
                words[0] = words[0].upper()
                return words, (number, text[match.end() :]), at
            if not word.startswith("*>"):
                words.append(word)
        words.append("\n")
        offset = 0
    raise Refused(first, f"{words[0].upper()} without a period")


def _pairs(words: list[str], line: int) -> list[_Exchange]:
    """`[LEADING | TRAILING] old BY new …`."""
    pairs: list[_Exchange] = []
    at = 0

    def blank() -> None:
        nonlocal at
        while at < len(words) and (words[at].isspace() or words[at] in ",;"):
            at += 1

    def operand() -> tuple[str, ...]:
        nonlocal at
        blank()
        if at >= len(words):
            raise Refused(line, "REPLACING without BY")
        if words[at] == "==":
            end = words.index("==", at + 1) if "==" in words[at + 1 :] else -1
            if end < 0:
                raise Refused(line, "pseudo-text without its closing ==")
            found = tuple(words[at + 1 : end])
            at = end + 1
            return found
        found = (words[at],)
        at += 1
        # an identifier: qualifiers, subscripts
        while True:
            held = at
            blank()
            if at < len(words) and words[at].upper() in ("OF", "IN"):
                joint = words[at]
                at += 1
                blank()
                if at < len(words):
                    found += (" ", joint, " ", words[at])
                    at += 1
                continue
            if at < len(words) and words[at] == "(" and ")" in words[at:]:
                end = words.index(")", at)
                found += tuple(words[at : end + 1])
                at = end + 1
                continue
            at = held
            return found

    blank()
    while at < len(words):
        part = ""
        if words[at].upper() in ("LEADING", "TRAILING"):
            part = words[at].upper()
            at += 1
        old = operand()
        blank()
        if at >= len(words) or words[at].upper() != "BY":
            raise Refused(line, "REPLACING without BY")
        at += 1
        new = operand()
        searched = tuple(word.upper() for word in old if not word.isspace() and word not in ",;")
        if not searched:
            raise Refused(line, "REPLACING nothing")
        pairs.append(_Exchange(searched, new, part))
        blank()
    return pairs


def exchange(lines: list[Line], exchanges: list[_Exchange]) -> list[Line]:
    """The lines with all exchanges made, each word exchanged once at most."""
    if not exchanges or not lines:
        return lines
    numbers: list[int] = []
    words: list[str] = []
    for number, text in lines:
        for match in _LEXEME.finditer(text):
            words.append(match[0])
            numbers.append(number)
        words.append("\n")
        numbers.append(number)
    upper = [word.upper() for word in words]
    first = {pair.old[0] for pair in exchanges if not pair.part}
    parts = [pair for pair in exchanges if pair.part]
    done: list[Line] = []
    current: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word == "\n":
            done.append((numbers[at], "".join(current)))
            current = []
            at += 1
            continue
        if upper[at] in first:
            found = next(
                (
                    (pair, end)
                    for pair in exchanges
                    if not pair.part and (end := _matched(upper, at, pair.old)) > 0
                ),
                None,
            )
            if found is not None:
                current.append("".join(found[0].new).replace("\n", " "))
                at = found[1]
                continue
        for pair in parts:
            changed = _part(word, upper[at], pair)
            if changed is not None:
                word = changed
                break
        current.append(word)
        at += 1
    return done


def _matched(upper: list[str], at: int, old: tuple[str, ...]) -> int:
    """The place behind the words `old` if they stand at `at`, blanks aside; else 0."""
    for wanted in old:
        while (
            at < len(upper)
            and wanted != upper[at]
            and (upper[at].isspace() or upper[at] in ",;" or upper[at].startswith("*>"))
        ):
            at += 1
        if at >= len(upper) or upper[at] != wanted:
            return 0
        at += 1
    return at


def _part(word: str, upper: str, pair: _Exchange) -> str | None:
    """`word` with its beginning or end exchanged, None where that is not the searched one."""
    old = "".join(pair.old)
    new = "".join(pair.new).strip()
    if pair.part == "LEADING" and upper.startswith(old):
        return new + word[len(old) :]
    if pair.part == "TRAILING" and upper.endswith(old):
        return word[: len(word) - len(old)] + new
    return None
