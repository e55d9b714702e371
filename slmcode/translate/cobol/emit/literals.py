"""Constants: what literals are worth, and how Python writes them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit.base import Out, integer_literal
from slmcode.translate.cobol.layout import Field
from slmcode.translate.cobol.tree import Refused
from slmcode_runtime.numbers import CONTEXT
from slmcode_runtime.pictures import edit

CHARACTERS = {
    "ZERO": "0",
    "SPACE": " ",
    "QUOTE": '"',
    "HIGH-VALUE": "\xff",
    "LOW-VALUE": "\0",
    "NULL": "\0",
}


def decimal_of(literal: str, line: int = 0) -> tuple[int, int]:
    """(units, scale) of a numeric literal: "-1.50" is -150, 2."""
    try:
        sign, digits, exponent = Decimal(literal).as_tuple()
    except InvalidOperation:
        raise Refused(line, literal, "not a number") from None
    assert isinstance(exponent, int)
    units = int("".join(map(str, digits)) or "0")
    units = -units if sign else units
    return (units, -exponent) if exponent <= 0 else (units * 10**exponent, 0)


def units_of(value: tree.Expression, scale: int, line: int) -> int:
    """A constant in units of 10 ** -scale, cut."""
    if isinstance(value, tree.Number):
        units, own = decimal_of(value.text, value.line)
    elif isinstance(value, tree.Text):
        try:
            units, own = decimal_of(value.text.strip() or "0", value.line)
        except Refused:
            units, own = 0, 0
    elif isinstance(value, tree.Figurative) and value.name == "ALL" and value.text.isdigit():
        units, own = int(value.text * 38), 0
    elif isinstance(value, tree.Figurative):
        units, own = 0, 0
    elif isinstance(value, tree.Negated):
        return -units_of(value.of, scale, line)
    else:
        raise Refused(line, "VALUE", "not a literal")
    shift = scale - own
    if shift >= 0:
        return int(units * 10**shift)
    cut = int(abs(units) // 10**-shift)
    return -cut if units < 0 else cut


def number_code(out: Out, units: int, scale: int) -> str:
    """A Python literal: 12, or Decimal("1.20")."""
    if scale <= 0:
        return integer_literal(units * (10**-scale if scale < 0 else 1))
    out.sheet.modules.add("decimal.Decimal")
    digits = f"{abs(units):0{scale + 1}d}"
    return f'Decimal("{"-" * (units < 0)}{digits[:-scale]}.{digits[-scale:]}")'


def kept_units(field: Field, units: int, scale: int) -> int:
    """What a numeric item keeps of a constant, in units of its own scale."""
    shift = field.scale - scale
    if shift >= 0:
        units = int(units * 10**shift)
    else:
        cut = int(abs(units) // 10**-shift)
        units = -cut if units < 0 else cut
    if field.is_binary and not field.cut:
        bits = 8 * field.size
        units &= (1 << bits) - 1
        return units - (1 << bits) if field.signed and units >> (bits - 1) else units
    kept = int(abs(units) % 10**field.digits)
    return -kept if units < 0 and field.signed else kept


def text_constant(out: Out, value: tree.Expression, size: int) -> str:
    """The characters of a literal; figurative constants and ALL repeated to `size`."""
    if isinstance(value, tree.Text):
        return value.text + ("\0" if value.kind == "Z" else "")
    if isinstance(value, tree.Number):
        return value.text.lstrip("+-").replace(".", "")
    if isinstance(value, tree.Figurative):
        characters = value.text if value.name == "ALL" else CHARACTERS[value.name]
        return (characters * (size // len(characters) + 1))[:size]
    raise Refused(getattr(value, "line", 0), "VALUE", "not a literal")


def edit_arguments(out: Out, field: Field) -> str:
    """What `edit` is told besides value and picture."""
    special = out.special
    parts = []
    if special.currency:
        sign, symbol = special.currency[0]
        if sign != symbol:
            raise Refused(field.item.line, "CURRENCY SIGN with another PICTURE SYMBOL")
        if symbol in field.item.picture:
            parts.append(f', currency="{symbol}"')
    if special.decimal_point_is_comma:
        parts.append(", comma=True")
    if field.item.blank_when_zero:
        parts.append(", blank=True")
    return "".join(parts)


def picture_edit(out: Out, number: str, field: Field) -> str:
    """A constant number as the edited item `field` shows it, worked out now."""
    special = out.special
    with localcontext(CONTEXT):
        return edit(
            Decimal(number),
            field.item.picture,
            currency=special.currency[0][1] if special.currency else "$",
            comma=special.decimal_point_is_comma,
            blank=field.item.blank_when_zero,
        )
