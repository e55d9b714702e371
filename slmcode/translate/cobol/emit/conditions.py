"""Conditions: comparison, class, sign, condition-names, and, or, not."""

from __future__ import annotations

from typing import TypeAlias

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import data
from slmcode.translate.cobol.emit import expressions as values
from slmcode.translate.cobol.emit.base import (
    AND,
    ATOM,
    COMPARE,
    NOT,
    OR,
    TERNARY,
    Out,
    Place,
    Txt,
    bracketed,
    quoted,
)
from slmcode.translate.cobol.emit.literals import text_constant
from slmcode.translate.cobol.tree import Refused

Operand: TypeAlias = tree.Expression | Place

_PYTHON = {"=": "==", "<>": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_NEGATED = {"=": "<>", "<>": "=", "<": ">=", ">": "<=", "<=": ">", ">=": "<"}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_PADDED = 12  # spaces: a literal is written with so many behind it, else the item is stripped

Code: TypeAlias = tuple[str, int]  # and how tightly it binds


def condition(out: Out, node: tree.Condition, needed: int = TERNARY) -> str:
    code, level = _condition(out, node, False)
    return bracketed(code, level, needed)


def _condition(out: Out, node: tree.Condition, negated: bool) -> Code:
    if isinstance(node, tree.Not):
        return _condition(out, node.of, not negated)
    if isinstance(node, (tree.Both, tree.Either)):
        word, level = ("and", AND) if isinstance(node, tree.Both) != negated else ("or", OR)
        left, left_level = _condition(out, node.left, negated)
        right, right_level = _condition(out, node.right, negated)
        code = f"{bracketed(left, left_level, level)} {word} {bracketed(right, right_level, level)}"
        return code, level
    if isinstance(node, tree.Compare):
        operator = _NEGATED[node.operator] if negated else node.operator
        return compare(out, operator, node.left, node.right, node.line)
    if isinstance(node, tree.SignTest):
        return _sign(out, node, negated)
    if isinstance(node, tree.NameTest):
        return _name(out, node, negated)
    return _not(_class(out, node), negated)


def _not(found: Code, negated: bool) -> Code:
    if not negated:
        return found
    code, level = found
    constants = {"True": "False", "False": "True"}
    if code in constants:
        return constants[code], ATOM
    return f"not {bracketed(code, level, NOT)}", NOT


# Comparison


def compare(out: Out, operator: str, left: Operand, right: Operand, line: int = 0) -> Code:
    left, right = _resolved(out, left), _resolved(out, right)
    if _is_constant(left) and not _is_constant(right):
        left, right, operator = right, left, _MIRRORED[operator]
    if _pointer(out, left) or _pointer(out, right):
        return _pointers(out, operator, left, right, line)
    if _numbers(out, left, right):
        one, other = values.number(out, left), values.number(out, right)
        return f"{one.at(COMPARE + 1)} {_PYTHON[operator]} {other.at(COMPARE + 1)}", COMPARE
    return _texts(out, operator, left, right)


def _resolved(out: Out, operand: Operand) -> Operand:
    return operand if isinstance(operand, Place) else values.resolve(out, operand)


def _is_constant(operand: Operand) -> bool:
    return isinstance(operand, (tree.Text, tree.Number, tree.Figurative))


def _numeric(out: Out, operand: Operand) -> bool:
    if isinstance(operand, Place):
        return operand.field.is_number
    return values.is_numeric(out, operand)


def _zero(operand: Operand) -> bool:
    return isinstance(operand, tree.Figurative) and operand.name == "ZERO"


def _numbers(out: Out, left: Operand, right: Operand) -> bool:
    one, other = _numeric(out, left), _numeric(out, right)
    return (one and other) or (one and _zero(right)) or (other and _zero(left))


def _pointer(out: Out, operand: Operand) -> bool:
    if isinstance(operand, tree.AddressOf):
        return True
    if isinstance(operand, Place):
        return operand.field.category == "pointer"
    if isinstance(operand, tree.Ref) and operand.start is None:
        found = out.layout.find_or_none(operand)
        return found is not None and found.category == "pointer"
    return False


def _pointers(out: Out, operator: str, left: Operand, right: Operand, line: int) -> Code:
    codes = []
    for operand in (left, right):
        if isinstance(operand, tree.Figurative) and operand.name in ("NULL", "LOW-VALUE"):
            codes.append("0")
        elif isinstance(operand, tree.Ref):
            codes.append(data.place(out, operand).code)
        else:
            raise Refused(line, "a comparison of addresses")
    return f"{codes[0]} {_PYTHON[operator]} {codes[1]}", COMPARE


def _text(out: Out, operand: Operand, size: int | str | None) -> Txt:
    """An operand of a comparison of texts; a number is taken as its digits."""
    if isinstance(operand, tree.Ref) and operand.start is None:
        operand = data.place(out, operand)
    if not isinstance(operand, Place):
        return values.text(out, operand, size)
    field = operand.field
    if not field.is_number or (field.view and field.usage == "DISPLAY" and not field.signed):
        return values.text_at(out, operand)
    return values.digits_of(out, values.number_at(out, operand), field)


def _texts(out: Out, operator: str, left: Operand, right: Operand) -> Code:
    sign = _PYTHON[operator]
    digits = _digits(out, left, right)
    if digits is not None:
        return f"{digits[0]} {sign} {digits[1]}", COMPARE
    alphabet = _alphabet(out, operator)
    one = _text(out, left, None)
    if isinstance(right, tree.Figurative) and alphabet is None:
        return _figurative(out, sign, one, right)
    other = _text(out, right, None)
    if alphabet is not None:
        use = out.use("collated")
        one = Txt(f"{use}({_padded(one, other)}, {alphabet})", one.length)
        other = Txt(f"{use}({_padded(other, one)}, {alphabet})", one.length)
        return f"{one.code} {sign} {other.code}", COMPARE
    if one.literal is not None and other.literal is not None:
        size = max(len(one.literal), len(other.literal))
        return f"{_shown(out, one, size)} {sign} {_shown(out, other, size)}", COMPARE
    if other.literal is not None and one.length is not None:
        return _with_literal(out, sign, one, other.literal)
    if one.length is not None and one.length == other.length:
        return f"{one.at(COMPARE + 1)} {sign} {other.at(COMPARE + 1)}", COMPARE
    return _unequal(out, sign, one, other)


def _digits(out: Out, left: Operand, right: Operand) -> tuple[str, str] | None:
    """A native number of so many digits beside a literal of as many: both as numbers."""
    if not isinstance(right, tree.Text) or not isinstance(left, tree.Ref) or left.start is not None:
        return None
    literal = right.text.rstrip(" ")
    field = out.layout.find(left)
    if field.view or field.kind != "int" or field.signed or not data.plain_digits(field):
        return None
    if len(literal) != field.digits or not (literal.isascii() and literal.isdigit()):
        return None
    return data.place(out, left).code, str(int(literal))


def _unequal(out: Out, sign: str, one: Txt, other: Txt) -> Code:
    """Texts of different or unknown length: the shorter counts as filled with spaces."""
    arguments = f"({one.code}, {other.code})"
    if sign == "==":
        return f"{out.use('same')}{arguments}", ATOM
    if sign == "!=":
        return f"not {out.use('same')}{arguments}", NOT
    return f"{out.use('compare')}{arguments} {sign} 0", COMPARE


def _shown(out: Out, value: Txt, size: int) -> str:
    assert value.literal is not None
    return quoted(out, value.literal.ljust(size))


def _with_literal(out: Out, sign: str, one: Txt, literal: str) -> Code:
    assert one.length is not None
    if len(literal) > one.length:
        literal = literal[: one.length] + literal[one.length :].rstrip(" ")
    if len(literal) > one.length:
        return _unequal(out, sign, one, Txt(quoted(out, literal)))
    missing = one.length - len(literal)
    code = one.at(COMPARE + 1)
    if missing > _PADDED and sign in ("==", "!="):
        bare = literal.rstrip(" ")
        if bare:
            return f'{one.at(ATOM)}.rstrip(" ") {sign} {quoted(out, bare)}', COMPARE
    return f"{code} {sign} {quoted(out, literal.ljust(one.length))}", COMPARE


def _figurative(out: Out, sign: str, one: Txt, node: tree.Figurative) -> Code:
    size: int | str | None = one.length
    if size is None:
        if node.name == "SPACE":
            return _unequal(out, sign, one, Txt('" "'))
        size = f"len({one.code})"
    other = values.text(out, node, size)
    return f"{one.at(COMPARE + 1)} {sign} {other.at(COMPARE + 1)}", COMPARE


def _alphabet(out: Out, operator: str) -> str | None:
    """The collating sequence of the program where it is not that of the machine."""
    name = out.special.collating
    if not name or operator in ("=", "<>"):
        return None
    alphabet = out.special.alphabets.get(name, name)
    if alphabet in ("NATIVE", "ASCII", "STANDARD-1", "STANDARD-2"):
        return None
    if len(alphabet) != 256:
        raise Refused(0, f"COLLATING SEQUENCE {name}", "not translated")
    return quoted(out, alphabet)


def _padded(one: Txt, other: Txt) -> str:
    if one.length is not None and other.length is not None and one.length >= other.length:
        return one.code
    size = other.length if other.length is not None else f"len({other.code})"
    return f"{one.at(ATOM)}.ljust({size})"


# The other kinds


def _sign(out: Out, node: tree.SignTest, negated: bool) -> Code:
    operator = {"POSITIVE": ">", "NEGATIVE": "<", "ZERO": "="}[node.sign]
    if negated:
        operator = _NEGATED[operator]
    value = values.number(out, node.of)
    return f"{value.at(COMPARE + 1)} {_PYTHON[operator]} 0", COMPARE


def _class(out: Out, node: tree.ClassTest) -> Code:
    name = node.name
    of = values.resolve(out, node.of)
    if name == "NUMERIC" and isinstance(of, tree.Ref) and of.start is None:
        found = data.place(out, of)
        if found.field.is_number:
            if not found.field.view:
                return "True", ATOM  # it cannot hold anything else
            return f"{found.descriptor}.is_numeric({found.owner})", ATOM
    functions = {
        "NUMERIC": "is_numeric",
        "ALPHABETIC": "is_alphabetic",
        "ALPHABETIC-LOWER": "is_lower",
        "ALPHABETIC-UPPER": "is_upper",
    }
    code = values.text(out, of).code
    if name in functions:
        return f"{out.use(functions[name])}({code})", ATOM
    ranges = out.special.classes.get(name)
    if ranges is None:
        raise Refused(node.line, name, "no class has this name")
    characters = "".join(chr(at) for first, last in ranges for at in _span(first, last or first))
    return f"{out.use('in_class')}({code}, {quoted(out, characters)})", ATOM


def _span(first: str, last: str) -> range:
    low, high = sorted((ord(first[:1]), ord(last[-1:])))
    return range(low, high + 1)


def _name(out: Out, node: tree.NameTest, negated: bool) -> Code:
    switch = out.special.switches.get(node.of.name)
    if switch is not None and out.layout.find_or_none(node.of) is None:
        device, on = switch
        return _not((f'self.switch("{device}")', ATOM), negated != (not on))
    found = out.layout.condition_of(node.of)
    if found is None:
        raise Refused(node.line, node.of.name, "no condition has this name")
    name, field = found
    if len(node.of.subscripts) != len(field.dims):
        raise Refused(node.line, node.of.name, f"{len(field.dims)} subscripts wanted")
    subscripts = [data.index(out, s, node.line) for s in node.of.subscripts]
    place = data.place_of(out, field, subscripts)
    return _one_of(out, place, name, negated)


def _one_of(out: Out, place: Place, name: tree.ConditionName, negated: bool) -> Code:
    """Whether an item has one of the values of a condition-name."""
    single = [value for value in name.values if not isinstance(value, tuple)]
    if len(single) > 1 and len(single) == len(name.values):
        listed = _listed(out, place, single)
        if listed is not None:
            code = place.code
            return f"{code} {'not in' if negated else 'in'} ({', '.join(listed)})", COMPARE
    codes = [_value_test(out, place, value, negated) for value in name.values]
    if len(codes) == 1:
        return codes[0]
    word, level = (" and ", AND) if negated else (" or ", OR)
    return word.join(bracketed(code, own, level) for code, own in codes), level


def _listed(out: Out, place: Place, single: list[tree.Expression]) -> list[str] | None:
    if place.field.kind == "int" and all(isinstance(v, tree.Number) for v in single):
        return [values.number(out, value).code for value in single]
    if place.field.kind == "text" and all(isinstance(v, tree.Text) for v in single):
        literals = [text_constant(out, value, 0).rstrip(" ") for value in single]
        if all(len(literal) <= place.field.size for literal in literals):
            return [quoted(out, literal.ljust(place.field.size)) for literal in literals]
    return None


def _value_test(
    out: Out,
    place: Place,
    value: tree.Expression | tuple[tree.Expression, tree.Expression],
    negated: bool,
) -> Code:
    if not isinstance(value, tuple):
        return compare(out, "<>" if negated else "=", place, value)
    first, last = value
    if place.field.is_number and all(_number_like(v) for v in value):
        low, high = values.number(out, first), values.number(out, last)
        code = f"{low.at(COMPARE + 1)} <= {place.code} <= {high.at(COMPARE + 1)}"
        if place.field.kind != "float":
            return _not((code, COMPARE), negated)
    low_code, low_level = compare(out, "<" if negated else ">=", place, first)
    high_code, high_level = compare(out, ">" if negated else "<=", place, last)
    if not negated and low_level == high_level == COMPARE:
        chained = _chained(low_code, high_code)
        if chained is not None:
            return chained, COMPARE
    word, level = (" or ", OR) if negated else (" and ", AND)
    return word.join((low_code, high_code)), level


def _chained(low: str, high: str) -> str | None:
    """ "x >= a" and "x <= b" as "a <= x <= b"."""
    one, first, least = low.partition(" >= ")
    other, last, most = high.partition(" <= ")
    return f"{least} <= {one} <= {most}" if first and last and one == other else None


def _number_like(value: tree.Expression) -> bool:
    return isinstance(value, tree.Number) or _zero(value)
