"""Values: literals, items, reference modification, arithmetic expressions."""

from __future__ import annotations

import re
from collections.abc import Callable

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import data
from slmcode.translate.cobol.emit.base import (
    ATOM,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Num,
    Out,
    Place,
    Txt,
    integer,
    quoted,
)
from slmcode.translate.cobol.emit.literals import (
    CHARACTERS,
    decimal_of,
    number_code,
    text_constant,
)
from slmcode.translate.cobol.layout import Field
from slmcode.translate.cobol.tree import Refused

# Registered by emit/functions.py and emit/programs.py: they know functions.
FUNCTION: list[Callable[[Out, tree.FunctionCall], Num | Txt]] = []
USER_FUNCTION: list[Callable[[Out, tree.FunctionCall], Num | Txt]] = []

_CONSTANT_FILL = 24  # characters: longer texts of one character are written as a product


def resolve(out: Out, expression: tree.Expression) -> tree.Expression:
    """A constant's value in place of its name."""
    while isinstance(expression, tree.Ref) and not expression.subscripts:
        value = out.layout.constant(expression.name)
        if value is None:
            symbol = out.special.symbolic.get(expression.name)
            if symbol is None or out.layout.find_or_none(expression) is not None:
                break
            return tree.Figurative("ALL", chr(symbol - 1), expression.line)
        expression = value
    return expression


def call(out: Out, node: tree.FunctionCall) -> Num | Txt:
    """The value of a function, reference modification left out."""
    if node.name in out.layout.user_functions:
        return USER_FUNCTION[0](out, node)
    if not FUNCTION:
        raise Refused(node.line, f"FUNCTION {node.name}", "not translated")
    return FUNCTION[0](out, node)


def is_numeric(out: Out, expression: tree.Expression) -> bool:
    expression = resolve(out, expression)
    if isinstance(expression, tree.Ref):
        if expression.start is not None:
            return False
        return out.layout.find(expression).kind in ("int", "decimal", "float")
    if isinstance(expression, tree.FunctionCall):
        if expression.start is not None:
            return False
        return isinstance(_peek(out, expression), Num)
    return isinstance(
        expression, (tree.Number, tree.Binary, tree.Negated, tree.LengthOf, tree.AddressOf)
    )


def _peek(out: Out, node: tree.FunctionCall) -> Num | Txt:
    """A function's value only to see its kind: nothing counts as used."""
    used, modules, lines = set(out.sheet.used), set(out.sheet.modules), len(out.lines)
    divisors = list(out.divisors)
    try:
        return call(out, node)
    finally:
        out.sheet.used.clear()
        out.sheet.used.update(used)
        out.sheet.modules.clear()
        out.sheet.modules.update(modules)
        out.divisors[:] = divisors
        del out.lines[lines:]
        del out.sources[lines:]


# Numbers


def number(out: Out, expression: tree.Expression | Num | Txt | Place) -> Num:
    expression = resolve(out, expression)  # type: ignore[arg-type]
    if isinstance(expression, Num):
        return expression
    if isinstance(expression, Txt):
        return number_of_text(out, expression)
    if isinstance(expression, Place):
        return number_at(out, expression)
    if isinstance(expression, tree.Number):
        units, scale = decimal_of(expression.text, expression.line)
        return constant(out, units, scale)
    if isinstance(expression, tree.Ref):
        if expression.start is not None:
            return number_of_text(out, text(out, expression))
        return number_at(out, data.place(out, expression))
    if isinstance(expression, tree.Binary):
        return binary(out, expression)
    if isinstance(expression, tree.Negated):
        inner = number(out, expression.of)
        if inner.constant is not None:
            return constant(out, -inner.constant, inner.scale)
        low = None if inner.high is None else -inner.high
        high = None if inner.low is None else -inner.low
        return Num(f"-{inner.at(SIGN)}", low, high, inner.scale, inner.kind, SIGN)
    if isinstance(expression, tree.Figurative):
        if expression.name == "ZERO":
            return constant(out, 0, 0)
        if expression.name == "ALL" and expression.text.isdigit():
            return constant(out, int(expression.text * 38), 0)
        raise Refused(expression.line, expression.name, "not a number")
    if isinstance(expression, tree.FunctionCall):
        if expression.start is not None:
            return number_of_text(out, text(out, expression))
        found = call(out, expression)
        return found if isinstance(found, Num) else number_of_text(out, found)
    if isinstance(expression, tree.LengthOf):
        return length_of(out, expression.of)
    if isinstance(expression, tree.Text):
        return number_of_text(out, text(out, expression))
    raise Refused(expression.line, "ADDRESS OF", "not translated here")


def constant(out: Out, units: int, scale: int) -> Num:
    kind = "decimal" if scale > 0 else "int"
    code = number_code(out, units, scale)
    level = SIGN if units < 0 and kind == "int" else ATOM
    return Num(code, units, units, max(scale, 0), kind, level)


def number_at(out: Out, place: Place) -> Num:
    """What an item is as a number."""
    field = place.field
    low, high = field.bounds
    if field.kind == "int":
        return Num(place.code, low, high)
    if field.kind == "decimal":
        return Num(place.code, low, high, field.scale, "decimal")
    if field.kind == "float":
        return Num(f"{out.use('from_float')}({place.code})", kind="number", scale=0)
    if field.category == "numeric-edited":
        comma = ", comma=True" if out.special.decimal_point_is_comma else ""
        return Num(f"{out.use('deedit')}({place.code}{comma})", kind="number")
    return number_of_text(out, text_at(out, place))


def number_of_text(out: Out, value: Txt) -> Num:
    """What MOVE to a number takes a text for."""
    if value.literal is not None:
        literal = value.literal.strip(" ")
        point = "," if out.special.decimal_point_is_comma else "."
        if re.fullmatch(rf"[+-]?\d*\{point}?\d+", literal) and len(literal) < 40:
            return constant(out, *decimal_of(literal.replace(",", ".")))
    comma = ", True" if out.special.decimal_point_is_comma else ""
    return Num(f"{out.use('number_from')}({value.code}{comma})", kind="number")


def binary(out: Out, node: tree.Binary) -> Num:
    left, right = number(out, node.left), number(out, node.right)
    match node.operator:
        case "+" | "-":
            return add(out, left, right, node.operator)
        case "*":
            return multiply(out, left, right)
        case "/":
            return divide(out, left, right)
    return power(out, left, right)


def add(out: Out, left: Num, right: Num, operator: str = "+") -> Num:
    kind, scale = _result(left, right), max(left.scale, right.scale)
    low = high = None
    if kind != "number" and None not in (left.low, left.high, right.low, right.high):
        a_low, a_high = _rescaled(left, scale)
        b_low, b_high = _rescaled(right, scale)
        if operator == "-":
            b_low, b_high = -b_high, -b_low
        low, high = a_low + b_low, a_high + b_high
        if low == high and left.constant is not None and right.constant is not None:
            return constant(out, low, scale)
    if right.constant == 0 and kind == left.kind and scale == left.scale:
        return left
    if right.kind == "int" and right.constant is not None and right.constant < 0:
        operator = "-" if operator == "+" else "+"
        right = constant(out, -right.constant, 0)
    code = f"{left.at(SUM)} {operator} {right.at(PRODUCT if operator == '-' else SUM)}"
    return Num(code, low, high, scale, kind, SUM)


def multiply(out: Out, left: Num, right: Num) -> Num:
    kind, scale = _result(left, right), left.scale + right.scale
    low = high = None
    if kind != "number" and None not in (left.low, left.high, right.low, right.high):
        products = [
            a * b  # type: ignore[operator]
            for a in (left.low, left.high)
            for b in (right.low, right.high)
        ]
        low, high = min(products), max(products)
        if left.constant is not None and right.constant is not None:
            return constant(out, low, scale)
    code = f"{left.at(PRODUCT)} * {right.at(PRODUCT)}"
    if right.level == PRODUCT:
        code = f"{left.at(PRODUCT)} * ({right.code})"
    return Num(code, low, high, scale, kind, PRODUCT)


def divide(out: Out, left: Num, right: Num) -> Num:
    """The quotient with all the decimals cobc works out."""
    guard(out, right)
    if right.constant == 1 and right.scale == 0:
        return left
    name = "divide" if out.calculating else "quotient"
    return Num(f"{out.use(name)}({left.code}, {right.code})", kind="number")


def guard(out: Out, divisor: Num) -> None:
    """Note a divisor that may be zero: the statement then leaves its targets alone."""
    if divisor.constant == 0:
        out.divisors.append("0")
    elif divisor.low is not None and divisor.low > 0:
        return
    elif divisor.constant is None and divisor.code not in out.divisors:
        out.divisors.append(divisor.at(ATOM))


def whole_quotient(out: Out, left: Num, right: Num) -> Num | None:
    """The quotient cut to an integer, as `//`, where it is one of integers not below zero."""
    if left.kind == right.kind == "int" and not left.signed and not right.signed:
        guard(out, right)
        least = max(1, right.low or 0)
        high = None if left.high is None else left.high // least
        return Num(f"{left.at(PRODUCT)} // {right.at(POWER)}", 0, high, level=PRODUCT)
    return None


def power(out: Out, left: Num, right: Num) -> Num:
    exponent = right.constant
    if left.kind == "int" and right.scale == 0 and exponent is not None and 0 < exponent <= 1000:
        if left.constant is not None:
            return constant(out, left.constant**exponent, 0)
        low = high = None
        if left.low is not None and left.high is not None:
            ends = [left.low**exponent, left.high**exponent]
            low, high = min(*ends, 0) if left.low < 0 else ends[0], max(ends)
        return Num(f"{left.at(ATOM)} ** {right.code}", low, high, level=POWER)
    name = "checked_power" if out.calculating == "raises" else "power"
    return Num(f"{out.use(name)}({left.code}, {right.code})", kind="number")


def _result(left: Num, right: Num) -> str:
    kinds = {left.kind, right.kind}
    if "number" in kinds or "float" in kinds:
        return "number"
    return "decimal" if "decimal" in kinds else "int"


def _rescaled(value: Num, scale: int) -> tuple[int, int]:
    assert value.low is not None
    assert value.high is not None
    factor = 10 ** (scale - value.scale)
    return value.low * factor, value.high * factor


def length_of(out: Out, expression: tree.Expression) -> Num:
    expression = resolve(out, expression)
    if isinstance(expression, tree.Ref) and expression.start is None:
        field = out.layout.find(expression)
        depending = depending_within(field)
        if depending is None:
            return constant(out, field.size, 0)
        return Num(group_size(out, field, depending), 0, field.size, level=SUM)
    value = text(out, expression)
    if value.length is not None:
        return constant(out, value.length, 0)
    return Num(f"len({value.code})", 0, 10**9)


# Texts


def text(
    out: Out, expression: tree.Expression | Num | Txt | Place, size: int | str | None = None
) -> Txt:
    expression = resolve(out, expression)  # type: ignore[arg-type]
    if isinstance(expression, Txt):
        return expression
    if isinstance(expression, Num):
        return digits_of(out, expression)
    if isinstance(expression, Place):
        return text_at(out, expression)
    if isinstance(expression, (tree.Text, tree.Number)):
        literal = text_constant(out, expression, 0)
        return Txt(quoted(out, literal), len(literal), literal=literal)
    if isinstance(expression, tree.Figurative):
        return figurative(out, expression, size)
    if isinstance(expression, tree.Ref):
        found = data.place(out, expression)
        if expression.start is not None and data.is_long(found.field):
            part = data.part_of_bytes(out, expression, found.field)
            return Txt(f'str({part.code}, "latin-1")', part.size)
        whole = text_at(out, found)
        return whole if expression.start is None else sliced(out, whole, expression)
    if isinstance(expression, tree.FunctionCall):
        result = call(out, expression)
        if isinstance(result, Num):
            result = digits_of(out, result)
        return result if expression.start is None else sliced(out, result, expression)
    return digits_of(out, number(out, expression))


def sliced(out: Out, whole: Txt, ref: tree.Ref | tree.FunctionCall) -> Txt:
    """A text with its reference modification."""
    part = data.reference_slice(out, ref)
    size = part.size
    if part.count is None and whole.length is not None and part.first.isdigit():
        size = max(0, whole.length - int(part.first))
    if part.first == "0" and size == whole.length and size is not None:
        return whole
    return Txt(f"{whole.at(ATOM)}{part.code}", size)


def figurative(out: Out, node: tree.Figurative, size: int | str | None) -> Txt:
    characters = node.text if node.name == "ALL" else CHARACTERS[node.name]
    if not characters:
        raise Refused(node.line, "ALL", "of an empty literal")
    if size is None:
        return Txt(quoted(out, characters), len(characters), literal=characters)
    names = {"HIGH-VALUE": "HIGH", "LOW-VALUE": "LOW"}
    one = out.use(names[node.name]) if node.name in names else quoted(out, characters)
    if isinstance(size, str):
        if len(characters) > 1:
            return Txt(f"{out.use('fill')}({one}, {size})")
        times = size if size.replace(".", "").isidentifier() else f"({size})"
        return Txt(f"{one} * {times}", level=PRODUCT)
    literal = (characters * (size // len(characters) + 1))[:size]
    if node.name in names:
        code = one if size == 1 else f"{one} * {size}"
        return Txt(code, size, ATOM if size == 1 else PRODUCT, literal)
    if len(characters) == 1 and size > 8:
        return Txt(f"{one} * {size}", size, PRODUCT, literal)
    if size > _CONSTANT_FILL and len(characters) > 1:
        return Txt(f"{out.use('fill')}({one}, {size})", size, literal=literal)
    return Txt(quoted(out, literal), size, literal=literal)


def text_at(out: Out, place: Place) -> Txt:
    """The bytes of an item."""
    field = place.field
    if field.kind == "text":
        return Txt(place.code, field.size)
    if field.kind == "group":
        return group_text(out, place)
    if field.view:
        return Txt(f"{place.descriptor}.raw({place.owner})", field.size)
    if data.plain_digits(field) and field.scale == 0:
        return Txt(f'f"{{{place.code}:0{field.digits}d}}"', field.size)
    kind = data.descriptor(out, field, 0)
    return Txt(f'{kind}.encode({place.code}).decode("latin-1")', field.size)


def group_text(out: Out, place: Place) -> Txt:
    field = place.field
    depending = depending_within(field)
    if depending is None:
        return Txt(place.code, field.size)
    return Txt(f"{place.code}[: {group_size(out, field, depending)}]")


def depending_within(field: Field) -> Field | None:
    """The table with OCCURS DEPENDING at the end of a group, if there is one."""
    for child in reversed(field.children):
        if child.item.level == 66 or child.redefines is not None:
            continue
        return child if child.depending else depending_within(child)
    return None


def group_size(out: Out, field: Field, depending: Field) -> str:
    """Code of the bytes a group has now."""
    ref = depending.depending
    assert ref is not None
    count = integer(out, ref)
    fixed = depending.offset - field.offset
    code = count.at(PRODUCT) if depending.size == 1 else f"{count.at(PRODUCT)} * {depending.size}"
    return f"{fixed} + {code}" if fixed else code


def digits_of(out: Out, value: Num, field: Field | None = None) -> Txt:
    """A number as MOVE to an alphanumeric item takes it: its digits, no sign, no point."""
    if value.constant is not None and field is None:
        literal = str(abs(value.constant)).rjust(value.scale, "0")
        return Txt(quoted(out, literal), len(literal), literal=literal)
    digits = field.digits if field is not None else value.digits
    if value.kind == "int":
        if field is not None and field.scale < 0:
            digits -= field.scale
        code = value.code if not value.signed else f"abs({value.code})"
        if field is None and (value.high is None or digits > 18):
            return Txt(f"{out.use('text_of')}({value.code})")
        return Txt(f'f"{{{code}:0{digits}d}}"', digits)
    if value.kind == "decimal":
        shown = f"{out.use('show')}({value.code}, {digits}, {value.scale})"
        return Txt(f'{shown}.replace(".", "")', digits)
    return Txt(f"{out.use('text_of')}({value.code})")
