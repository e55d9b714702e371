"""Compiler directives: >>IF, >>DEFINE, >>SET, >>SOURCE and their forms with $."""

from __future__ import annotations

import re

from slmcode.translate.cobol.lexer import literal
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.tree import Number, Refused, Text

_PARTS = re.compile(r""""[^"]*"|'[^']*'|[-+]?\d+(?:\.\d+)?(?![\w-])|[\w-]+|<>|<=|>=|[<>=()]""")
_FORMATS = {"FREE": "free", "FIXED": "fixed", "VARIABLE": "variable", "COBOLX": "fixed"}
# They change listings, checks or conventions, not what a program does
_IGNORED = frozenset(
    """TURN LISTING PAGE LEAP-SECOND DISPLAY CALL-CONVENTION FLAG-02 FLAG-14 FLAG-85 PROPAGATE
    EJECT TITLE REGION""".split()
)
_COMPARISONS = {
    "=": "=",
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
    "<>": "<>",
    "EQUAL": "=",
    "LESS": "<",
    "GREATER": ">",
}


class Directives:
    """What is defined, and which branch of the open >>IFs is read."""

    def __init__(self, options: Options) -> None:
        self.defined: dict[str, Number | Text | None] = {
            name.upper(): _value(text) for name, text in options.defines.items()
        }
        # name -> (value, line) of every definition
        self.constants: dict[str, list[tuple[Number | Text, int]]] = {}
        self.active = True
        self._define_constants = options.define_constants
        self._parameters = dict(self.defined)
        # for every open IF: (was read before it, a branch has been taken, its line)
        self._open: list[tuple[bool, bool, int]] = []

    def take(self, text: str, line: int) -> str:
        """Obey one directive; the source format that it switches to, or ""."""
        mark = 2 if text.startswith(">>") else 1
        code = text[mark:].split("*>")[0]
        parts = _PARTS.findall(code)
        if not parts:
            return ""
        name = parts[0].upper()
        rest = [part if part[0] in "\"'" else part.upper() for part in parts[1:]]
        if name == "IF":
            taken = self.active and self._condition(rest, line)
            self._open.append((self.active, taken, line))
            self.active = taken
        elif name in ("ELIF", "ELSE-IF", "ELSE", "END-IF", "END"):
            self._branch(name, rest, line)
        elif not self.active or name in _IGNORED:
            pass
        elif name == "DEFINE":
            self._define(rest, line)
        elif name == "SET":
            return self._set(rest, line)
        elif name == "SOURCE":
            chosen = [part.strip("\"'") for part in rest if part not in ("FORMAT", "IS")]
            return self._format(chosen, line)
        else:
            raise Refused(line, f"directive {text[:mark]}{name}")
        return ""

    def check_end(self, line: int) -> None:
        """Raise `Refused` where an >>IF is still open at the end of the text."""
        if self._open:
            raise Refused(self._open[-1][2], ">>IF without >>END-IF")

    def _branch(self, name: str, rest: list[str], line: int) -> None:
        if not self._open:
            raise Refused(line, f">>{name} without >>IF")
        outer, taken, opened = self._open.pop()
        if name in ("END-IF", "END"):
            self.active = outer
            return
        now = outer and not taken
        if now and name != "ELSE":
            now = self._condition(rest, line)
        self.active = now
        self._open.append((outer, taken or now, opened))

    def _condition(self, parts: list[str], line: int) -> bool:
        """`name [IS] [NOT] DEFINED | SET | = value …`, joined by AND and OR."""
        result: bool | None = None
        joint = ""
        while parts:
            end = next((i for i, part in enumerate(parts) if part in ("AND", "OR")), len(parts))
            value = self._simple(parts[:end], line)
            result = (
                value
                if result is None
                else (result and value)
                if joint == "AND"
                else (result or value)
            )
            joint = parts[end] if end < len(parts) else ""
            parts = parts[end + 1 :]
        if result is None:
            raise Refused(line, ">>IF without a condition")
        return result

    def _simple(self, parts: list[str], line: int) -> bool:
        negated = False
        words = []
        for part in parts:
            if part == "NOT":
                negated = not negated
            elif part not in ("IS", "THAN", "TO", "(", ")"):
                words.append(part)
        if len(words) == 1:
            return (self.defined.get(words[0]) is not None) != negated
        if len(words) == 2 and words[1] in ("DEFINED", "SET"):
            return (words[0] in self.defined) != negated
        if "OR" in words or len(words) != 3 or words[1] not in _COMPARISONS:
            raise Refused(line, ">>IF " + " ".join(parts))
        left, right = self._known(words[0]), self._known(words[2])
        if left is None or right is None:
            return negated
        sides: tuple[object, object] = (left.text, right.text)
        if isinstance(left, Number) and isinstance(right, Number):
            sides = (float(left.text), float(right.text))
        return _compare(_COMPARISONS[words[1]], *sides) != negated

    def _known(self, word: str) -> Number | Text | None:
        return self.defined.get(word) if word[0].isalpha() else _value(word)

    def _define(self, parts: list[str], line: int) -> None:
        constant = parts[:1] == ["CONSTANT"] and len(parts) > 1
        if constant:
            parts = parts[1:]
        if not parts:
            raise Refused(line, ">>DEFINE without a name")
        name, *rest = parts
        rest = [part for part in rest if part not in ("AS", "OVERRIDE")]
        if rest == ["OFF"]:
            self.defined.pop(name, None)
        elif rest == ["PARAMETER"]:
            if name in self._parameters:
                self.defined[name] = self._parameters[name]
        else:
            value = self._known(rest[0]) if rest else Text("")
            self.defined[name] = value
            if (constant or self._define_constants) and value is not None and rest:
                self.constants.setdefault(name, []).append((value, line))

    def _set(self, parts: list[str], line: int) -> str:
        words = [part.strip("\"'") for part in parts if part not in ("(", ")")]
        if words[:1] == ["SOURCEFORMAT"]:
            return self._format([word.upper() for word in words[1:] if word not in ("AS",)], line)
        if words[:1] == ["CONSTANT"] and len(words) == 3:
            value = _value(parts[2])
            if value is not None:
                self.defined[words[1]] = value
                self.constants.setdefault(words[1], []).append((value, line))
        elif words and words[0] not in ("CONSTANT",):
            # >>SET NAME [value] defines; every other setting is of another compiler's making
            self.defined.setdefault(words[0], _value(parts[-1]) if len(parts) > 1 else Text(""))
        return ""

    def _format(self, words: list[str], line: int) -> str:
        if not words or words[0].upper() not in _FORMATS:
            raise Refused(line, "source format " + " ".join(words))
        return _FORMATS[words[0].upper()]


def _value(text: str) -> Number | Text | None:
    """A literal as written, or a bare text."""
    if text[:1] in ("'", '"') and len(text) > 1:
        return literal(text, 0)
    if re.fullmatch(r"[-+]?\d+(\.\d+)?", text):
        return Number(text)
    return Text(text)


def _compare(operator: str, left: object, right: object) -> bool:
    if operator in ("=", "<>"):
        return (left == right) == (operator == "=")
    less = left < right  # type: ignore[operator]
    equal = left == right
    return bool(
        {"<": less, ">": not less and not equal, "<=": less or equal, ">=": not less}[operator]
    )
