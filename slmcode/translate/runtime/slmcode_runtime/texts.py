"""Texts of fixed length. A character stands for a byte (Latin-1), as COBOL counts."""

from __future__ import annotations

import string

HIGH = "\xff"  # HIGH-VALUE
LOW = "\0"  # LOW-VALUE

_LOWER = frozenset(string.ascii_lowercase + " ")
_UPPER = frozenset(string.ascii_uppercase + " ")
_LETTERS = _LOWER | _UPPER


def utf8(text: str) -> str:
    """The bytes of a literal, for text beyond ASCII: one character for each byte."""
    return text.encode().decode("latin-1")


def pad(text: str, size: int) -> str:
    """`text` as a field of `size` keeps it: cut at its end, or filled with spaces."""
    return text.ljust(size)[:size]


def pad_left(text: str, size: int) -> str:
    """The same for a field that is JUSTIFIED RIGHT: cut and filled at its beginning."""
    return text.rjust(size)[max(0, len(text) - size) :]


def fill(text: str, size: int) -> str:
    """ALL "text", and figurative constants: repeated up to `size`."""
    return (text * (size // len(text) + 1))[:size]


def replaced(text: str, start: int, value: str, size: int | None = None) -> str:
    """`text` with `size` characters from `start` (from 1) replaced by `value`: text(start:size).

    Without `size` all that follow are replaced.
    """
    first = start - 1
    last = len(text) if size is None else first + size
    return text[:first] + pad(value, last - first) + text[last:]


def compare(left: str, right: str) -> int:
    """Less than, equal to or greater than 0; the shorter one counts as filled with spaces."""
    size = max(len(left), len(right))
    left, right = left.ljust(size), right.ljust(size)
    return (left > right) - (left < right)


def same(left: str, right: str) -> bool:
    """Whether both are equal, the shorter one filled with spaces."""
    size = max(len(left), len(right))
    return left.ljust(size) == right.ljust(size)


def is_numeric(text: str) -> bool:
    """IS NUMERIC of an alphanumeric text: digits only."""
    return text.isascii() and text.isdigit()


def is_alphabetic(text: str) -> bool:
    return _LETTERS.issuperset(text)


def is_lower(text: str) -> bool:
    return _LOWER.issuperset(text)


def is_upper(text: str) -> bool:
    return _UPPER.issuperset(text)


def in_class(text: str, characters: str) -> bool:
    """Whether `text` has only characters of a class of SPECIAL-NAMES."""
    return set(characters).issuperset(text)


def collated(text: str, alphabet: str) -> str:
    """`text` with every character replaced by its place in `alphabet` (256 characters in order)."""
    return text.translate({ord(character): place for place, character in enumerate(alphabet)})
