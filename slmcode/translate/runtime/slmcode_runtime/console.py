"""ACCEPT and DISPLAY: standard input and output as bytes, the environment, arguments.

A text is one character for each byte (Latin-1). Output is buffered, and written when the run ends
or waits for somebody at a terminal.
"""

from __future__ import annotations

import io
import os
import sys
from decimal import Decimal
from typing import BinaryIO

from .numbers import Number, fixed, unscaled, whole, wrap

LINE = 8191  # the most characters ACCEPT takes of a line; the next one gets what is left

_stdin: BinaryIO = sys.stdin.buffer if sys.stdin else io.BytesIO()
_stdout: BinaryIO = sys.stdout.buffer if sys.stdout else io.BytesIO()
_read = _stdin.readline
_write = _stdout.write
_is_terminal = bool(sys.stdout) and sys.stdout.isatty()


class _State:
    """What lives on from one ACCEPT or DISPLAY to the next."""

    ended = False  # the last ACCEPT met the end of the input
    variable = ""  # DISPLAY … UPON ENVIRONMENT-NAME
    argument = 0  # of ARGUMENT-VALUE


def standard_input() -> BinaryIO:
    """What ACCEPT and files ASSIGNed to KEYBOARD read."""
    return _stdin


def standard_output() -> BinaryIO:
    """What DISPLAY and files ASSIGNed to DISPLAY write."""
    return _stdout


# DISPLAY


def display(*values: str, advancing: bool = True) -> None:
    """DISPLAY: the values side by side, and the end of the line."""
    text = "".join(values)
    _write((text + "\n" if advancing else text).encode("latin-1"))
    if _is_terminal:
        _stdout.flush()


def display_error(*values: str, advancing: bool = True) -> None:
    """DISPLAY … UPON SYSERR. What stdout was given before is written first."""
    _stdout.flush()
    if sys.stderr:
        text = "".join(values)
        sys.stderr.buffer.write((text + "\n" if advancing else text).encode("latin-1"))
        sys.stderr.buffer.flush()


# ACCEPT from standard input


def _line() -> str:
    """The next line without its end; " " where it is empty or there is none."""
    if _is_terminal:
        _stdout.flush()
    raw = _read(LINE)
    if raw.endswith(b"\n"):
        _State.ended = False
        raw = raw[:-1]
    else:
        _State.ended = len(raw) < LINE
    return raw.decode("latin-1") or " "


def accept(size: int) -> str:
    """A line for a text of `size` characters: cut or filled; spaces at the end of the input."""
    return _line().ljust(size)[:size]


def accept_right(size: int) -> str:
    """The same for an item that is JUSTIFIED RIGHT."""
    return _line().rjust(size)[-size:]


def accept_number(
    digits: int, *, signed: bool = False, size: int | None = None, comma: bool = False
) -> int:
    """A line for PIC 9(digits): of its first characters, as many as the item has, the number.

    What cobc does with a text: blanks in front, one sign, digits; decimals are cut; anything else
    makes it 0. `size` is the number of characters where it is not `digits`; `comma` is
    DECIMAL-POINT IS COMMA.
    """
    line = _line()[: size or digits]
    if line.isdigit() and line.isascii():
        return int(line)
    units = _units(line, digits, 0, comma)
    return units if signed else abs(units)


def accept_decimal(
    digits: int, scale: int, *, signed: bool = False, size: int | None = None, comma: bool = False
) -> Decimal:
    """The same for an item with `scale` decimals, or (`scale` below 0) of whole thousands …"""
    units = _units(_line()[: size or digits], digits, scale, comma)
    return Decimal(units if signed else abs(units)).scaleb(-scale)


def accept_any(comma: bool = False) -> Number:
    """A line as a number for items that are not kept digit by digit: COMP, COMP-3, edited."""
    return _any(_line(), comma)


def accept_packed(
    digits: int, scale: int = 0, *, signed: bool = True, comma: bool = False
) -> int | Decimal:
    """A line for COMP-3."""
    value = _any(_line(), comma)
    return fixed(value, digits, scale, signed) if scale > 0 else whole(value, digits, signed)


def accept_binary(
    size: int, digits: int | None, scale: int = 0, *, signed: bool = True, comma: bool = False
) -> int | Decimal:
    """A line for a binary item of `size` bytes, kept to `digits` unless that is None (COMP-5)."""
    units = int(Decimal(_any(_line(), comma)).scaleb(scale))
    kept = abs(units) % (1 << 64)  # cobc counts in 64 bits
    if digits is not None:
        kept %= 10**digits
    if units < 0 and signed:
        kept = -kept
    if digits is None:
        return wrap(unscaled(kept, scale), size, signed, scale)
    return unscaled(kept, scale)


def _any(line: str, comma: bool = False) -> Number:
    units = _units(line, 76, 38, comma)
    if not units % 10**38:
        return units // 10**38
    return Decimal(units).scaleb(-38)


def _units(text: str, digits: int, scale: int, comma: bool = False) -> int:
    """What a numeric item of so many digits takes of a text, in units of 10 ** -scale.

    As cobc: the digits in front of the point go to the end of their room, further ones on the left
    are lost; what follows when the room is full is not looked at.
    """
    point, separator = (",", ".") if comma else (".", ",")
    text = text.lstrip(" \t\n\v\f\r")
    negative = text[:1] == "-"
    if text[:1] in ("+", "-"):
        text = text[1:]
    front = sum("0" <= c <= "9" for c in text.partition(point)[0])
    room = digits - scale  # places in front of the point
    used = max(room - front, 0)
    kept = ["0"] * used
    at = 0
    while front > room:
        front -= "0" <= text[at] <= "9"
        at += 1
    points = 0
    for character in text[at:]:
        if len(kept) >= digits:
            break
        if "0" <= character <= "9":
            kept.append(character)
        elif character == point:
            points += 1
            if points > 1:
                return 0
        elif character != separator and character not in " \t\n\v\f\r":
            return 0
    units = int("".join(kept).ljust(digits, "0") or "0")
    return -units if negative else units


def input_ended() -> bool:
    """Whether the last ACCEPT met the end of its input: its ON EXCEPTION."""
    return _State.ended


# The environment and the arguments


def _latin(text: str) -> str:
    return os.fsencode(text).decode("latin-1")


def accept_command_line() -> str:
    """All arguments with a space between them."""
    return _latin(" ".join(sys.argv[1:])) or " "


def accept_argument_number() -> int:
    """How many arguments there are."""
    return len(sys.argv) - 1


def accept_argument() -> str | None:
    """ARGUMENT-VALUE: the next argument; None after the last."""
    if _State.argument >= len(sys.argv) - 1:
        return None
    _State.argument += 1
    return _latin(sys.argv[_State.argument])


def display_argument_number(number: int) -> bool:
    """DISPLAY number UPON ARGUMENT-NUMBER: which one ARGUMENT-VALUE gives next; False: no such."""
    if not 0 <= number < len(sys.argv):
        return False
    _State.argument = number - 1
    return True


def accept_environment(name: str | None = None) -> str | None:
    """A variable of the environment (that of ENVIRONMENT-NAME); None where it is not set."""
    wanted = _State.variable if name is None else name.rstrip(" \0")
    found = os.environ.get(wanted) if wanted else None
    return None if found is None else _latin(found)


def display_environment_name(name: str) -> None:
    """DISPLAY name UPON ENVIRONMENT-NAME: which variable is meant from now on."""
    _State.variable = name.rstrip(" \0")


def display_environment_value(value: str) -> None:
    """DISPLAY value UPON ENVIRONMENT-VALUE."""
    if _State.variable:
        os.environ[_State.variable] = value
