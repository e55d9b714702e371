"""Edited pictures: a number or a text as PIC Z(5)9.99-, $$$,$$9.99CR or XXBXX show it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache

from .numbers import Number, number_from, scaled, unscaled


def edit(
    value: Number | str,
    picture: str,
    *,
    currency: str = "$",
    comma: bool = False,
    blank: bool = False,
) -> str:
    """`value` as an item of this picture keeps it.

    `currency` is the symbol of CURRENCY SIGN, `comma` DECIMAL-POINT IS COMMA, `blank` BLANK WHEN
    ZERO. A text goes into a picture of X and A; for others it is taken for a number first.
    """
    return mask(picture, currency, comma, blank)(value)


def expand(picture: str) -> str:
    """`picture` in upper case with its repetitions written out: "Z(3)9" is "ZZZ9"."""
    written = picture.upper()
    while (start := written.find("(")) > 0:
        end = written.index(")", start)
        count = int(written[start + 1 : end])
        written = written[: start - 1] + written[start - 1] * count + written[end + 1 :]
    return written


@cache
def mask(
    picture: str, currency: str = "$", comma: bool = False, blank: bool = False
) -> Callable[[Number | str], str]:
    """The function that edits for `picture`, made once; see `edit`."""
    symbols = expand(picture)
    if "X" in symbols or "A" in symbols:
        return _text_mask(symbols)
    return _number_mask(symbols, currency, comma, blank)


def _text_mask(symbols: str) -> Callable[[Number | str], str]:
    size = sum(symbol in "XA9" for symbol in symbols)
    form = "".join("{}" if s in "XA9" else " " if s == "B" else s for s in symbols)

    def edited(value: Number | str) -> str:
        text = value if isinstance(value, str) else str(abs(scaled(value, 0)))
        return form.format(*text.ljust(size)[:size])

    return edited


def _number_mask(
    symbols: str, currency: str, comma: bool, blank: bool
) -> Callable[[Number | str], str]:
    point, separator = (",", ".") if comma else (".", ",")
    ending = symbols[-2:] if symbols[-2:] in ("CR", "DB") else ""
    body = symbols[: len(symbols) - len(ending)]
    size = len(symbols) - symbols.count("V") - symbols.count("P")
    if set(body) <= {"Z", "9"} and "9" not in body[: body.rfind("Z") + 1] and not ending:
        return _plain_mask(size, body.count("9"), comma, blank)

    # A sign or currency symbol that is there twice floats. As in cobc every sign and currency
    # symbol uses up a digit: one that is not 0 ends the suppression of zeros.
    marks = "+-" + currency
    floating = next((symbol for symbol in marks if body.count(symbol) > 1), "")
    first_digit = min((body.find(s) for s in "9Z*" if s in body), default=len(body))
    trailing = next(
        (p for p, s in enumerate(body) if s in "+-" and s != floating and p > first_digit), -1
    )
    if trailing < 0 and floating and floating not in "+-":
        first_float = body.find(floating)
        trailing = next((p for p, s in enumerate(body) if s in "+-" and p > first_float), -1)
    digits = scale = 0
    behind = False
    for place, symbol in enumerate(body):
        if symbol in ("V", point):
            behind = True
        elif symbol == "P":
            behind = behind or not digits
            scale += 1 if behind else -1
        elif place == trailing or symbol in "9Z*" or symbol in marks:
            digits += 1
            scale += behind or place == trailing
    limit: int = 10**digits
    form = f"0{digits}d"
    both = currency in body and body[0] in "+-"  # cobc prints this sign as the picture has it
    filler = "*" if "*" in body else " "

    def edited(value: Number | str) -> str:
        units = scaled(_number(value, comma), scale)
        negative = units < 0
        units = abs(units) % limit
        negative = negative and units > 0
        if not units and blank:
            return " " * size
        shown = units // 10 if trailing >= 0 else units
        number = format(units, form)
        out: list[str] = []
        taken = 0
        suppressing = True  # leading zeros, until a digit shows
        lead = -1  # where a floating symbol goes: in front of the first digit that shows
        for place, symbol in enumerate(body):
            if place == trailing:
                out.append("-" if negative else "+" if symbol == "+" else " ")
            elif symbol in "9Z*" or symbol in marks:
                digit = number[taken]
                taken += 1
                first = symbol in marks and (symbol != floating or body.find(symbol) == place)
                if suppressing and (digit != "0" or symbol == "9"):
                    suppressing = False
                    lead = len(out) - (not first)
                if first:
                    out.append(filler)
                    if symbol == currency and symbol != floating:
                        out[-1] = "\0" if both and digit != "0" else symbol
                    elif symbol != floating:
                        sign = "-" if negative else "+" if symbol == "+" else " "
                        out[-1] = symbol if both else sign
                else:
                    out.append(filler if suppressing else digit)
            elif symbol == point or symbol == "V":
                if suppressing and shown:
                    suppressing = False
                    lead = len(out) - 1
                if symbol == point:
                    out.append(point)
            elif symbol == separator or symbol == "B":
                out.append(filler if suppressing else " " if symbol == "B" else separator)
            elif symbol != "P":  # 0 and /
                out.append(symbol)
        if suppressing and not units:
            if filler == " ":
                return " " * size
            return "".join(point if s == point else "*" for s in out) + "*" * len(ending)
        if floating and lead >= 0:
            sign = "-" if negative else "+" if floating == "+" else " "
            out[lead] = currency if floating == currency else sign
        if ending:
            out.append(ending if negative else "  ")
        return "".join(out)

    return edited


def _plain_mask(size: int, zeros: int, comma: bool, blank: bool) -> Callable[[Number | str], str]:
    """Z and 9 only: by far the most frequent."""
    limit: int = 10**size
    form = f"0{zeros}d"

    def edited(value: Number | str) -> str:
        units = value if isinstance(value, int) else scaled(_number(value, comma), 0)
        kept = abs(units) % limit
        if not kept and (blank or not zeros):
            return " " * size
        return format(kept, form).rjust(size)

    return edited


def _number(value: Number | str, comma: bool) -> Number:
    if isinstance(value, str):
        return number_from(value, comma)
    return value


def deedit(text: str, *, comma: bool = False) -> Number:
    """The number that an edited item shows: what MOVE of it to a numeric item takes."""
    point = "," if comma else "."
    negative = "-" in text or "CR" in text  # cobc overlooks DB
    whole, _, fraction = text.partition(point)
    front = "".join(c for c in whole if c.isdecimal())
    behind = "".join(c for c in fraction if c.isdecimal())
    units = int(front + behind or "0")
    value = unscaled(-units if negative else units, len(behind))
    return value if isinstance(value, int) else Decimal(value)
