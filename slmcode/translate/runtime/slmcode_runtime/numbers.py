"""Numbers as COBOL keeps them: so many digits, so many behind the point, with or without sign.

A number is an `int` where nothing stands behind the point, else a `Decimal` whose exponent is
minus the scale. Both are exact; only `divide` and `power` round, as cobc's do.
"""

from __future__ import annotations

import decimal
import math
import struct
from decimal import Decimal
from functools import lru_cache

Number = int | Decimal

DIGITS = 38  # the most a number has; also the places `divide` works out behind the point
# Wide enough that +, - and * never round.
CONTEXT = decimal.Context(prec=2000, Emax=999_999, Emin=-999_999, rounding=decimal.ROUND_DOWN)

_HIGH_PRECISION = decimal.Context(prec=130, Emax=999_999, Emin=-999_999)
_FLOATING = decimal.Context(prec=96, Emax=999_999, Emin=-999_999)
_TENS: tuple[int, ...] = tuple(10**power for power in range(800))  # a table is faster


class SizeError(ArithmeticError):
    """A result that its field cannot hold; like a division by zero, it is an ON SIZE ERROR."""


MODES = {
    "TRUNCATION": decimal.ROUND_DOWN,
    "NEAREST-AWAY-FROM-ZERO": decimal.ROUND_HALF_UP,
    "NEAREST-EVEN": decimal.ROUND_HALF_EVEN,
    "NEAREST-TOWARD-ZERO": decimal.ROUND_HALF_DOWN,
    "AWAY-FROM-ZERO": decimal.ROUND_UP,
    "TOWARD-GREATER": decimal.ROUND_CEILING,
    "TOWARD-LESSER": decimal.ROUND_FLOOR,
}


def scaled(value: Number | float, scale: int) -> int:
    """`value` in units of 10 ** -scale; what is smaller is cut off."""
    if isinstance(value, float):
        value = from_float(value)
    if isinstance(value, Decimal):
        return int(value.scaleb(scale))
    if scale >= 0:
        return value * _TENS[scale]
    unit = _TENS[-scale]
    return value // unit if value >= 0 else -(-value // unit)


def unscaled(units: int, scale: int) -> Number:
    """The number of so many units of 10 ** -scale."""
    if scale > 0:
        return Decimal(units).scaleb(-scale)
    return units * _TENS[-scale]


def truncate(
    value: Number | float, digits: int, scale: int = 0, signed: bool = True
) -> int | Decimal:
    """What a field of `digits` digits, `scale` of them behind the point, keeps of `value`."""
    units = scaled(value, scale)
    if units < 0:
        kept = -units % _TENS[digits]
        return unscaled(-kept if signed else kept, scale)
    return unscaled(units % _TENS[digits], scale)


def whole(value: Number | float, digits: int, signed: bool = True) -> int:
    """`truncate` of a field without decimals."""
    units = value if isinstance(value, int) else scaled(value, 0)
    if units < 0:
        kept = -units % _TENS[digits]
        return -kept if signed else kept
    return units % _TENS[digits]


def fixed(value: Number | float, digits: int, scale: int, signed: bool = True) -> Decimal:
    """`truncate` of a field with decimals."""
    units = scaled(value, scale)
    kept = abs(units) % _TENS[digits]
    return Decimal(-kept if signed and units < 0 else kept).scaleb(-scale)


def fits(value: Number | float, digits: int, scale: int = 0) -> bool:
    """Whether the field keeps all digits before the point: no ON SIZE ERROR."""
    return abs(scaled(value, scale)) < _TENS[digits]


def checked(
    value: Number | float, digits: int, scale: int = 0, signed: bool = True
) -> int | Decimal:
    """`truncate`; raises SizeError where digits before the point would be lost."""
    units = scaled(value, scale)
    if abs(units) >= _TENS[digits]:
        raise SizeError(f"{value} has more than {digits} digits")
    return unscaled(units if signed else abs(units), scale)


def wrap(value: Number | float, size: int, signed: bool = True, scale: int = 0) -> int | Decimal:
    """What a binary field of `size` bytes keeps that is not cut to digits (COMP-5)."""
    units = scaled(value, scale) & ((1 << 8 * size) - 1)
    if signed and units >> (8 * size - 1):
        units -= 1 << 8 * size
    return unscaled(units, scale)


def fits_binary(value: Number | float, size: int, signed: bool = True, scale: int = 0) -> bool:
    """Whether a binary field of `size` bytes holds `value` unchanged."""
    units = scaled(value, scale)
    if signed:
        return -(1 << 8 * size - 1) <= units < 1 << 8 * size - 1
    return 0 <= units < 1 << 8 * size


def rounded(value: Number | float, scale: int = 0, mode: str = "NEAREST-AWAY-FROM-ZERO") -> Number:
    """`value` with `scale` digits behind the point, in a mode of ROUNDED MODE IS.

    Raises SizeError where the mode is PROHIBITED and something would be rounded.
    """
    if isinstance(value, int) and scale >= 0:
        return value
    number = from_float(value) if isinstance(value, float) else value
    units = Decimal(number).scaleb(scale)
    if mode == "PROHIBITED":
        if units != int(units):
            raise SizeError(f"{value} has more than {scale} decimals")
        return unscaled(int(units), scale)
    return unscaled(int(units.to_integral_value(MODES[mode])), scale)


def scale_of(value: Number) -> int:
    """Digits behind the point."""
    return 0 if isinstance(value, int) else -int(value.as_tuple().exponent)


def divide(dividend: Number | float, divisor: Number | float) -> Number:
    """The quotient as cobc works it out: 38 places more than the operands need, then cut.

    Raises ZeroDivisionError.
    """
    above = from_float(dividend) if isinstance(dividend, float) else dividend
    below = from_float(divisor) if isinstance(divisor, float) else divisor
    if not below:
        raise ZeroDivisionError("division by zero")
    if not above:
        return 0
    above_scale, below_scale = scale_of(above), scale_of(below)
    shift = DIGITS + max(0, below_scale - above_scale)
    numerator = scaled(above, above_scale + shift)
    denominator = scaled(below, below_scale)
    quotient = abs(numerator) // abs(denominator)
    if (numerator < 0) != (denominator < 0):
        quotient = -quotient
    return Decimal(quotient).scaleb(below_scale - above_scale - shift)


def quotient(dividend: Number | float, divisor: Number | float) -> Number:
    """The quotient in a comparison: by zero it is without end, and of zero by zero it is zero."""
    if divisor:
        return divide(dividend, divisor)
    return Decimal("Infinity").copy_sign(Decimal(dividend)) if dividend else 0


def trimmed(value: Number) -> Number:
    """The same number without zeros at its end; an int where nothing is left behind the point."""
    if isinstance(value, int):
        return value
    integral = int(value)
    return integral if integral == value else value.normalize()


def _power(base: Number, exponent: int) -> Number:
    return base**exponent if isinstance(base, Decimal) else int(base**exponent)


def power(base: Number | float, exponent: Number | float) -> Number:
    """`base ** exponent` as cobc works it out; 1 or 0 where it has no value."""
    try:
        return checked_power(base, exponent)
    except SizeError:
        return 0 if base else 1


def checked_power(base: Number | float, exponent: Number | float) -> Number:
    """`power` with ON SIZE ERROR: raises SizeError where it has no value."""
    root = trimmed(from_float(base) if isinstance(base, float) else base)
    raised = trimmed(from_float(exponent) if isinstance(exponent, float) else exponent)
    if not raised:
        if not root:
            raise SizeError("zero to the power of zero")
        return 1
    if not root:
        return 0
    if isinstance(raised, int):
        if raised > 0:
            return trimmed(_power(root, raised))
        return trimmed(divide(1, trimmed(_power(root, -raised))))
    if root < 0:
        raise SizeError("a root of a negative number")
    if raised == Decimal("0.5"):
        return floating(_HIGH_PRECISION.sqrt(Decimal(root)))
    return floating(_HIGH_PRECISION.power(Decimal(root), Decimal(raised)))


def floating(value: Decimal) -> Number:
    """`value` with the 96 digits that cobc keeps of what it cannot work out exactly."""
    return trimmed(_FLOATING.plus(value))


# Floating point (COMP-1, COMP-2)


def from_float(value: float) -> Number:
    """The number that cobc takes a floating-point field for."""
    return trimmed(Decimal(f"{value:.17g}"))


def to_float(value: Number | float) -> float:
    """The double a COMP-2 field keeps: what does not fit in its 53 bits is cut, not rounded."""
    if isinstance(value, float):
        return value
    nearest = float(value)
    if nearest and not math.isinf(nearest) and abs(Decimal(nearest)) > abs(Decimal(value)):
        return math.nextafter(nearest, 0.0)
    return nearest


def single(value: Number | float) -> float:
    """The value a COMP-1 field keeps."""
    kept: float = struct.unpack("<f", struct.pack("<f", to_float(value)))[0]
    return kept


# As DISPLAY shows them


def show(value: Number, digits: int, scale: int = 0, signed: bool = False) -> str:
    """All digits, a point where there are decimals, and the sign of a field that has one."""
    units = scaled(value, scale)
    text = f"{abs(units):0{digits}d}"
    if scale > 0:
        text = text.zfill(scale)
        text = f"{text[:-scale]}.{text[-scale:]}"
    elif scale < 0:
        text += "0" * -scale
    if signed:
        return ("-" if units < 0 else "+") + text
    return text


def show_float(value: float, size: int = 8) -> str:
    """A COMP-2 field (`size` 8) or a COMP-1 field (4)."""
    text = f"{value:.{16 if size == 8 else 8}g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}E{int(exponent):+d}" if exponent else text


# Numbers out of texts


@lru_cache(maxsize=4096)
def number_from(text: str, comma: bool = False) -> Number:
    """The number that MOVE takes an alphanumeric text for; 0 where it is none.

    Blanks around it are skipped, also group separators; `comma` is DECIMAL-POINT IS COMMA.
    """
    point, separator = (",", ".") if comma else (".", ",")
    body = text.strip(" \0")
    negative = body.startswith("-")
    if body[:1] in ("-", "+"):
        body = body[1:]
    digits: list[str] = []
    places = -1
    for character in body:
        if "0" <= character <= "9":
            digits.append(character)
            places += places >= 0
        elif character == point and places < 0:
            places = 0
        elif character not in (separator, " "):
            return 0
    units = int("".join(digits) or "0")
    return unscaled(-units if negative else units, max(places, 0))


def text_of(value: Number | float) -> str:
    """The digits of an integer, as MOVE to an alphanumeric field takes them: without sign."""
    return str(abs(scaled(value, 0)))
