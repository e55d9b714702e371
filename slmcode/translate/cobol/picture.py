"""PICTURE strings: what an item is, how many bytes it shows and what it can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from slmcode.translate.cobol.tree import Refused

_REPEATED = re.compile(r"(.)\((\d+)\)")
_NUMERIC = frozenset("9VPS")
_EDITING = frozenset("Z*+-/B0.,")


@dataclass(frozen=True, slots=True)
class Picture:
    """A PICTURE worked out.

    `size` counts the characters of USAGE DISPLAY, a separate sign not among them. A number has
    `digits` digits, `scale` of them behind the point: PIC 9(3)V99 is 5 and 2; PIC 9(3)PP is 3 and
    -2; PIC VPP9 is 1 and 3.
    """

    written: str
    category: str  # numeric | numeric-edited | alphanumeric | alphabetic | alphanumeric-edited
    size: int
    digits: int = 0
    scale: int = 0
    signed: bool = False
    national: bool = False

    @property
    def is_edited(self) -> bool:
        return self.category.endswith("edited")


@lru_cache(maxsize=4096)
def parse(text: str, line: int = 0, currency: str = "$", comma: bool = False) -> Picture:
    """The meaning of `text` as written, without PIC. Raises `Refused` for what is no picture."""
    symbols = _expand(text.upper(), line)
    present = set(symbols)
    point = "," if comma else "."
    if present <= _NUMERIC and "9" in present:
        return _number(text, symbols, line)
    if "N" in present and present <= set("N"):
        return Picture(text, "alphanumeric", 2 * len(symbols), national=True)
    if present <= set("XA9"):
        category = "alphabetic" if present == {"A"} else "alphanumeric"
        return Picture(text, category, len(symbols))
    if present <= set("XA9B0/") and present & set("XA"):
        return Picture(text, "alphanumeric-edited", len(symbols))
    if present == {"B", "A"}:
        return Picture(text, "alphanumeric-edited", len(symbols))
    ending = symbols[-2:] if symbols[-2:] in ("CR", "DB") else ""
    body = symbols[: len(symbols) - len(ending)]
    known = _EDITING | {"9", "V", "P", currency}
    if not body or not set(body) <= known or body.count(point) > 1 or body.count("V") > 1:
        raise Refused(line, f"PICTURE {text}", "not a picture cobc takes")
    return _edited(text, body, ending, currency, point)


def _expand(text: str, line: int) -> str:
    def repeat(match: re.Match[str]) -> str:
        return match[1] * int(match[2])

    if sum(int(match[2]) for match in _REPEATED.finditer(text)) > 100_000_000:
        raise Refused(line, f"PICTURE {text}", "too large")
    symbols = _REPEATED.sub(repeat, text)
    if not symbols or "(" in symbols or ")" in symbols:
        raise Refused(line, f"PICTURE {text}", "not a picture cobc takes")
    return symbols


def _number(text: str, symbols: str, line: int) -> Picture:
    if symbols.count("V") > 1 or "S" in symbols[1:]:
        raise Refused(line, f"PICTURE {text}", "not a picture cobc takes")
    digits = symbols.count("9")
    before, mark, behind = symbols.lstrip("S").partition("V")
    if before.startswith("P"):  # the point stands in front of leading Ps
        scale = len(before) + len(behind)
    elif "P" in before:
        scale = -before.count("P")
    else:
        scale = len(behind) if mark else 0
    if digits > 38:
        raise Refused(line, f"PICTURE {text}", "more than 38 digits")
    return Picture(text, "numeric", digits, digits, scale, symbols.startswith("S"))


def _edited(text: str, body: str, ending: str, currency: str, point: str) -> Picture:
    floating = next((s for s in ("+", "-", currency) if body.count(s) > 1), "")
    digits = scale = 0
    behind = first = False
    for symbol in body:
        if symbol in ("V", point):
            behind = True
        elif symbol in "9Z*" or (symbol == floating and first):
            digits += 1
            scale += behind
        elif symbol == floating:
            first = True
        elif symbol == "P":
            behind = behind or digits == 0
            scale += 1 if behind else -1
    size = len(body) - body.count("V") - body.count("P") + len(ending)
    signed = bool(ending) or "+" in body or "-" in body
    return Picture(text, "numeric-edited", size, digits, scale, signed)
