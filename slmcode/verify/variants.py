"""Inputs made from inputs: within their shape, and out of it. Seeded; runs nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import msgspec

from slmcode.verify.programs import GENERATED, MALFORMED, Input
from slmcode.verify.shapes import Document, kind_of

_SMALL = 12
_DIGITS = 18
_LONGEST = 120  # characters of a word made for the end of a field
_LITERAL = 24  # characters of a literal worth trying as a field


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a source. All may be empty: then the given inputs alone are varied."""

    numbers: tuple[str, ...] = ()  # literals: "0", "-3.5", of conditions first
    texts: tuple[str, ...] = ()  # literals, one character a byte
    accepted: tuple[tuple[str, str], ...] = ()  # what is read: name, PICTURE ("" unknown), in order
    files: tuple[str, ...] = ()  # names of files that are read
    units: tuple[tuple[str, int, int], ...] = ()  # name, first and last line, from 1


class Varied:
    """Makes inputs that are like those it is given."""

    def __init__(self, facts: Facts, given: Sequence[Input], dice: random.Random) -> None:
        self._facts = facts
        self._dice = dice
        self._numbers = [int(n) for n in facts.numbers if re.fullmatch(r"-?\d{1,18}", n)]
        self._words = [t for t in facts.texts if re.fullmatch(rf"[!-~]{{1,{_LITERAL}}}", t)]
        texts = [one.stdin.decode("latin-1") for one in given]
        texts += [t.decode("latin-1") for one in given for t in one.files.values()]
        self._signed = any(re.search(r"(?m)(?:^|[\s,])-\d", text) for text in texts)
        self._signed |= any(p.upper().startswith("S") for _, p in facts.accepted)
        self._limits = _limits(facts, texts)
        pictures = [_picture(p) for _, p in facts.accepted]
        self._lengths = [n for n, is_number in pictures if not is_number and 0 < n <= _LONGEST]
        self._documents: dict[bytes, Document] = {}

    def from_facts(self) -> list[Input]:
        """First inputs where none is given: a line for each ACCEPT, by its PICTURE."""
        found = [Input(kind=GENERATED)]
        if not self._facts.accepted:
            return found
        for style in ("1", "0", "9"):
            lines = []
            for _, picture in self._facts.accepted:
                size, is_number = _picture(picture)
                if is_number:
                    lines.append(style if style != "9" else "9" * max(size, 1))
                else:
                    lines.append({"1": "1 2 3", "0": "abc", "9": "A"}[style][: size or 9])
            found.append(Input(stdin=("\n".join(lines) + "\n").encode(), kind=GENERATED))
        return found

    def batch(self, size: int, sources: Sequence[Input], *, malformed: bool) -> list[Input]:
        """At most `size` different inputs, the newest sources preferred. May be empty."""
        found: dict[bytes, Input] = {}
        if not any(one.stdin or one.files for one in sources):
            return []
        for _ in range(4 * size):
            late = sources[-8:] if self._dice.random() < 0.4 else sources
            source = self._dice.choice(late)
            one = self._malformed(source) if malformed else self._variant(source)
            found.setdefault(repr((one.stdin, sorted(one.files.items()))).encode(), one)
            if len(found) >= size:
                break
        return list(found.values())

    def _variant(self, source: Input) -> Input:
        name = self._place(source)
        data = source.files[name] if name else source.stdin
        document = self._document(data).copy()
        for _ in range(self._dice.choice((1, 1, 1, 2, 3))):
            self._change(document)
        data = document.data()
        self._documents.setdefault(data, document)
        return _with(source, name, data, GENERATED)

    def _place(self, source: Input) -> str:
        """Which file to vary, "" for stdin."""
        names = [name for name, data in source.files.items() if data]
        if names and (not source.stdin or self._dice.random() < 0.5):
            return self._dice.choice(names)
        return ""

    def _document(self, data: bytes) -> Document:
        """With the shape it was made with: a short text would tell less about it."""
        if data not in self._documents:
            self._documents[data] = Document.of(data)
        return self._documents[data]

    def _change(self, document: Document) -> None:
        dice = self._dice
        counts, places = document.counts(), document.places()
        if counts and (not places or dice.random() < 0.3):
            block, field = dice.choice(counts)
            document.set_count(block, field, self._size(), dice)
            return
        if not places:
            return
        block, line, field = dice.choice(places)
        fields = document.blocks[block][line].fields
        before = fields[field]
        way = dice.random()
        if way < 0.55:
            fields[field] = self._field(before)
        elif way < 0.8:  # all of a line anew, or of a block, of one size
            pick = self._numbers_of(dice.choice(("few", "small", "like")))
            for b, n, f in places:
                if b == block and (n == line or way > 0.7):
                    other = document.blocks[b][n].fields
                    is_number = kind_of(other[f]) == "integer"
                    new = pick(other[f]) if is_number else self._word(other[f])
                    other[f] = self._as_long(new, other[f], document, b, f)
        elif way < 0.9:
            self._reorder(document, block, line)
            return
        else:  # two fields alike, or nearly so
            other_block, other_line, other_field = dice.choice(places)
            fields[field] = document.blocks[other_block][other_line].fields[other_field]
            if kind_of(fields[field]) == "integer" and dice.random() < 0.5:
                fields[field] = self._fit(int(fields[field]) + dice.choice((-1, 1)), fields[field])
        fields[field] = self._as_long(fields[field], before, document, block, field)

    def _as_long(self, new: str, old: str, document: Document, block: int, field: int) -> str:
        """Of the old one's length where something says that length."""
        if len(new) == len(old) or not document.has_counted_length(block, field):
            return new
        return (new + "".join(self._dice.choice(old) for _ in old))[: len(old)]

    def _reorder(self, document: Document, block: int, line: int) -> None:
        dice = self._dice
        lines = document.blocks[block]
        free = {f for b, n, f in document.places() if (b, n) == (block, line)}
        if len(lines) > 1 and dice.random() < 0.5:
            dice.choice((dice.shuffle, list.reverse))(lines)
        elif len(free) == len(lines[line].fields):
            fields = lines[line].fields
            kinds = {kind_of(f) for f in fields}
            way = dice.randrange(4)
            if len(kinds) > 1:
                return
            if way == 0:
                fields.reverse()
            elif way == 1:
                dice.shuffle(fields)
            elif kinds == {"integer"}:
                fields.sort(key=int, reverse=way == 2)
            else:
                fields.sort(reverse=way == 2)

    def _size(self) -> int:
        """How many of something."""
        dice = self._dice
        sizes = (0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, dice.randint(1, 10), dice.randint(1, 25))
        return dice.choice(sizes)

    def _field(self, text: str) -> str:
        kind = kind_of(text)
        if kind == "integer":
            way = self._dice.choice(
                ("few", "small", "like", "wide", "edge", "edge", "constant", "near")
            )
            return self._numbers_of(way)(text)
        if kind == "decimal":
            whole, _, part = text.lstrip("+-").partition(".")
            sign = "-" if self._signed and self._dice.random() < 0.3 else ""
            digits = "".join(self._dice.choice("0123456789") for _ in part)
            number = self._numbers_of(self._dice.choice(("small", "like", "edge")))(whole or "0")
            edge = self._dice.choice((digits, digits, "0" * len(part), "9" * len(part)))
            return f"{sign}{number.lstrip('-')}.{edge}"
        return self._word(text)

    def _numbers_of(self, way: str) -> Callable[[str], str]:
        """What makes a number of one sort in the place of another."""
        dice = self._dice

        def pick(text: str) -> str:
            value = int(text) if kind_of(text) == "integer" else 0
            size = max(len(text.lstrip("+-")), 1)
            if way == "few":
                number = dice.randint(0, 3)
            elif way == "small":
                number = dice.randint(0, _SMALL)
            elif way == "like":
                number = dice.randint(0, 10 ** dice.randint(1, size) - 1)
            elif way == "wide":
                number = dice.randint(0, 10 ** min(self._limits, size + 2) - 1)
            elif way == "near":
                number = value + dice.choice((-2, -1, 1, 2, value, -(value // 2)))
            elif way == "constant" and self._numbers:
                number = dice.choice(self._numbers) + dice.choice((-1, 0, 0, 1))
            else:
                power = 10 ** dice.randint(0, min(self._limits, size + 2))
                number = dice.choice((0, 1, power - 1, power, power + 1, power // 2))
            return self._fit(number, text)

        return pick

    def _fit(self, number: int, text: str) -> str:
        """As the program can take it: no longer than its numbers, a sign where there are some."""
        number = abs(number) % 10**self._limits * (-1 if number < 0 else 1)
        if not self._signed:
            number = abs(number)
        elif self._dice.random() < 0.25:
            number = -number
        return str(number)

    def _word(self, text: str) -> str:
        dice = self._dice
        way = dice.random()
        if way < 0.3 and self._words:
            return dice.choice(self._words)
        letters = sorted(set(text) | {w for w in self._words if len(w) == 1})
        if text.isdigit() or (text[:1] in "+-" and text[1:].isdigit()):
            letters = list("0123456789")
        elif len(letters) > 4 or way > 0.85:
            if text.isalpha() and text.islower():
                letters = list("abcdefghijklmnopqrstuvwxyz")
            elif text.isalpha():
                letters = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        if not letters:
            return text
        if any(not c.isalnum() for c in text) and any(c.isalnum() for c in text):
            return "".join(  # a date, a formula: signs stay where they are
                dice.choice("0123456789") if c.isdigit() else c for c in text
            )
        if way < 0.55:
            size = len(text)
        elif self._lengths and way < 0.65:  # about the end of what takes it
            size = max(1, dice.choice(self._lengths) + dice.choice((-1, 0, 1)))
        else:
            size = max(1, len(text) + dice.choice((-2, -1, 1, 2, len(text), -(len(text) // 2))))
        if way < 0.45 and len(text) > 1:  # one character of it
            at = dice.randrange(len(text))
            return text[:at] + dice.choice(letters) + text[at + 1 :]
        word = "".join(dice.choice(letters) for _ in range(size))
        if way > 0.93:
            word = word[: (size + 1) // 2] + word[: size // 2][::-1]
        return word

    def _malformed(self, source: Input) -> Input:
        dice = self._dice
        name = self._place(source)
        text = (source.files[name] if name else source.stdin).decode("latin-1")
        lines = text.split("\n")
        at = dice.randrange(len(lines))
        way = dice.randrange(9)
        if way == 0:
            text = ""
        elif way == 1:
            text = "\n".join(lines[: max(0, len(lines) - 2)])
        elif way == 2:
            lines[at] = ""
        elif way == 3:
            lines[at] = lines[at] + " " + dice.choice(("7", "x", "-1"))
        elif way == 4:
            lines[at] = re.sub(r"\d", dice.choice("xA -.,"), lines[at], count=1)
        elif way == 5:
            lines[at] = "  " + lines[at].replace(" ", "  ")
        elif way == 6:
            lines[at] = re.sub(r"\d+", "9" * dice.randint(5, 40), lines[at], count=1)
        elif way == 7:
            lines[at] = "-" + lines[at]
        else:
            text = text.replace("\n", "\r\n")
        data = text if way in (0, 1, 8) else "\n".join(lines)
        return _with(source, name, data.encode("latin-1"), MALFORMED)


def smaller(one: Input) -> list[Input]:
    """Inputs a step smaller than this one, within its shape; the greatest steps first."""
    found: list[Input] = []
    for name in ["", *one.files]:
        data = one.files[name] if name else one.stdin
        document = Document.of(data)
        steps: list[Document] = []
        for block, field in document.counts():
            value = int(document.blocks[block][0].fields[field])
            for size in (1, 2, value // 2, value - 1):
                if 0 < size < value:
                    steps.append(document.copy())
                    steps[-1].set_count(block, field, size, random.Random(0))
        for block, lines in enumerate(document.blocks):
            for n in range(len(lines)):
                copy = document.copy()
                if copy.drop_line(block, n):
                    steps.append(copy)
            for n in range(len(lines[0].fields) if lines else 0):
                copy = document.copy()
                if copy.drop_field(block, n):
                    steps.append(copy)
        for block, line, field in document.places():
            text = document.blocks[block][line].fields[field]
            for simple in _simpler(text):
                copy = document.copy()
                copy.blocks[block][line].fields[field] = simple
                steps.append(copy)
        found += [_with(one, name, step.data(), one.kind) for step in steps]
    seen: dict[bytes, Input] = {}
    for smaller_one in found:
        if weight(smaller_one) < weight(one):
            seen.setdefault(repr((smaller_one.stdin, smaller_one.files)).encode(), smaller_one)
    return list(seen.values())


def weight(one: Input) -> tuple[int, int]:
    """What the smallest of inputs is the smallest by: its length, then its digits and letters."""
    whole = one.stdin + b"".join(one.files.values())
    return len(whole), sum(whole)


def _simpler(text: str) -> list[str]:
    kind = kind_of(text)
    if kind == "integer":
        value = int(text)
        return [str(n) for n in dict.fromkeys((0, 1, 2, value // 10, value // 2, value - 1))]
    if kind == "decimal":
        whole, _, part = text.partition(".")
        return [f"{n}.{p}" for n in ("0", "1", whole) for p in ("0" * len(part), part)]
    size = len(text)
    cut = [text[: size // 2], text[size // 2 :], text[1:], text[:-1]]
    return [t for t in dict.fromkeys([text[:1], *cut]) if t]


def _with(source: Input, name: str, data: bytes, kind: str) -> Input:
    if name:
        return msgspec.structs.replace(source, files={**source.files, name: data}, kind=kind)
    return msgspec.structs.replace(source, stdin=data, kind=kind)


def _limits(facts: Facts, texts: Sequence[str]) -> int:
    """How many digits numbers have at most: as in pictures, else as those given and two more."""
    pictures = [_picture(p) for _, p in facts.accepted]
    sizes = [size for size, is_number in pictures if is_number]
    if sizes and len(sizes) == len(pictures):
        return max(2, min(_DIGITS, max(sizes)))  # of one digit there are too few numbers
    given = [len(n) for text in texts for n in re.findall(r"\d+", text) if len(n) <= _DIGITS]
    return min(_DIGITS, max([*sizes, *(n + 2 for n in given)], default=4))


def _picture(picture: str) -> tuple[int, bool]:
    """How many characters it takes (of a number: digits before the point), and is it a number?"""
    text = picture.upper()
    whole = re.split(r"[V.]", text)[0]
    size = 0
    for _, times in re.findall(r"([9XAZ*])(?:\((\d+)\))?", whole):
        size += int(times) if times else 1
    return size, "9" in text and not re.search(r"[XA]", text)
