"""FUNCTION: intrinsic functions, as Python's own operators where these do the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import data, expressions
from slmcode.translate.cobol.emit.base import (
    ATOM,
    PRODUCT,
    SUM,
    Num,
    Out,
    Txt,
    is_numeric,
    length_of,
    number,
    quoted,
    text,
)
from slmcode.translate.cobol.tree import Refused


@dataclass(frozen=True, slots=True)
class Plain:
    """A function of the runtime: its name, its arguments (n number, t text; the last one may
    repeat), and what it gives."""

    name: str
    arguments: str
    gives: str  # int | number | float | text
    size: int | None = None  # characters of a text
    high: int | None = None  # the greatest int; the least is 0


_INT = 10**9 - 1
PLAIN = {
    "ACOS": Plain("acos", "n", "number"),
    "ANNUITY": Plain("annuity", "nn", "number"),
    "ASIN": Plain("asin", "n", "number"),
    "ATAN": Plain("atan", "n", "number"),
    "CHAR": Plain("char", "n", "text", 1),
    "COMBINED-DATETIME": Plain("combined_datetime", "nn", "number"),
    "COS": Plain("cos", "n", "number"),
    "CURRENT-DATE": Plain("current_date", "", "text", 21),
    "DATE-OF-INTEGER": Plain("date_of_integer", "n", "int", high=99991231),
    "DATE-TO-YYYYMMDD": Plain("date_to_yyyymmdd", "nnn", "int", high=99991231),
    "DAY-OF-INTEGER": Plain("day_of_integer", "n", "int", high=9999366),
    "DAY-TO-YYYYDDD": Plain("day_to_yyyyddd", "nnn", "int", high=9999366),
    "E": Plain("euler", "", "number"),
    "EXP": Plain("exp", "n", "number"),
    "EXP10": Plain("exp10", "n", "number"),
    "FACTORIAL": Plain("factorial", "n", "int"),
    "FORMATTED-CURRENT-DATE": Plain("formatted_current_date", "t", "text"),
    "FORMATTED-DATE": Plain("formatted_date", "tn", "text"),
    "FORMATTED-DATETIME": Plain("formatted_datetime", "tnnn", "text"),
    "FORMATTED-TIME": Plain("formatted_time", "tnn", "text"),
    "FRACTION-PART": Plain("fraction_part", "n", "number"),
    "INTEGER-OF-DATE": Plain("integer_of_date", "n", "int", high=_INT),
    "INTEGER-OF-DAY": Plain("integer_of_day", "n", "int", high=_INT),
    "INTEGER-OF-FORMATTED-DATE": Plain("integer_of_formatted_date", "tt", "int", high=_INT),
    "LOCALE-COMPARE": Plain("locale_compare", "tt", "text", 1),
    "LOCALE-DATE": Plain("locale_date", "t", "text"),
    "LOCALE-TIME": Plain("locale_time", "t", "text"),
    "LOCALE-TIME-FROM-SECONDS": Plain("locale_time_from_seconds", "n", "text"),
    "LOG": Plain("log", "n", "number"),
    "LOG10": Plain("log10", "n", "number"),
    "LOWER-CASE": Plain("lower", "t", "text"),
    "MEAN": Plain("mean", "n*", "number"),
    "MEDIAN": Plain("median", "n*", "number"),
    "MIDRANGE": Plain("midrange", "n*", "number"),
    "NUMVAL-F": Plain("numval_f", "t", "number"),
    "PI": Plain("pi", "", "number"),
    "PRESENT-VALUE": Plain("present_value", "n*", "number"),
    "RANDOM": Plain("random", "n", "float"),
    "RANGE": Plain("value_range", "n*", "number"),
    "REM": Plain("remainder", "nn", "number"),
    "SECONDS-PAST-MIDNIGHT": Plain("seconds_past_midnight", "", "int", high=86_400),
    "SIN": Plain("sin", "n", "number"),
    "SQRT": Plain("sqrt", "n", "number"),
    "STANDARD-DEVIATION": Plain("standard_deviation", "n*", "number"),
    "STORED-CHAR-LENGTH": Plain("stored_length", "t", "int", high=_INT),
    "SUBSTITUTE": Plain("substitute", "t*", "text"),
    "SUBSTITUTE-CASE": Plain("substitute_case", "t*", "text"),
    "TAN": Plain("tan", "n", "number"),
    "TEST-DATE-YYYYMMDD": Plain("check_date", "n", "int", high=3),
    "TEST-DAY-YYYYDDD": Plain("check_day", "n", "int", high=2),
    "TEST-NUMVAL": Plain("check_numval", "t", "int", high=_INT),
    "UPPER-CASE": Plain("upper", "t", "text"),
    "VARIANCE": Plain("variance", "n*", "number"),
    "YEAR-TO-YYYY": Plain("year_to_yyyy", "nnn", "int", high=9999),
}
_SAME_SIZE = {"UPPER-CASE", "LOWER-CASE"}

# What the C locale has: programs run in it unless somebody sets another one.
CONSTANT = {
    "CURRENCY-SYMBOL": "",
    "MONETARY-DECIMAL-POINT": "",
    "MONETARY-THOUSANDS-SEPARATOR": "",
    "NUMERIC-DECIMAL-POINT": ".",
    "NUMERIC-THOUSANDS-SEPARATOR": "",
}

Made = Num | Txt
SPECIAL: dict[str, Callable[[Out, tree.FunctionCall], Made]] = {}


def _special(*names: str) -> Callable[[Callable[[Out, tree.FunctionCall], Made]], None]:
    def register(function: Callable[[Out, tree.FunctionCall], Made]) -> None:
        SPECIAL.update(dict.fromkeys(names, function))

    return register


def function(out: Out, call: tree.FunctionCall) -> Made:
    """The value of an intrinsic function. Raises `Refused` for one that is not translated."""
    name = call.name.upper()
    if name in SPECIAL:
        return SPECIAL[name](out, call)
    if name in CONSTANT:
        return Txt(quoted(out, CONSTANT[name]), len(CONSTANT[name]), literal=CONSTANT[name])
    plain = PLAIN.get(name)
    if plain is None:
        raise Refused(call.line, f"FUNCTION {name}", "not translated")
    repeated = plain.arguments.endswith("*")
    kinds = plain.arguments.rstrip("*")
    if len(call.arguments) > len(kinds) and not repeated:
        raise Refused(call.line, f"FUNCTION {name}", "too many arguments")
    codes: list[str] = []
    for place, argument in enumerate(call.arguments):
        kind = kinds[min(place, len(kinds) - 1)]
        codes += _argument(out, argument, kind, call.line)
    code = f"{out.use(plain.name)}({', '.join(codes)})"
    if plain.gives == "text":
        size = plain.size
        if name in _SAME_SIZE:
            size = text(out, _expression(call, 0)).length
        return Txt(code, size)
    if plain.gives == "int":
        return Num(code, 0, plain.high)
    return Num(code, kind=plain.gives)


expressions.FUNCTION.append(function)


def _expression(call: tree.FunctionCall, place: int) -> tree.Expression:
    if place >= len(call.arguments):
        raise Refused(call.line, f"FUNCTION {call.name}", "an argument is missing")
    argument = call.arguments[place]
    if isinstance(argument, str):
        raise Refused(call.line, f"FUNCTION {call.name} {argument}", "not translated")
    return argument


def _argument(out: Out, argument: tree.Expression | str, kind: str, line: int) -> list[str]:
    """Code of one argument; `*…` for a table with the subscript ALL."""
    if isinstance(argument, str):
        raise Refused(line, argument, "as an argument of a function")
    if isinstance(argument, tree.Ref) and "ALL" in argument.subscripts:
        return [_all(out, argument)]
    return [(number if kind == "n" else _text)(out, argument).code]


def _text(out: Out, argument: tree.Expression) -> Txt:
    """`text`, but cobc takes the literal "" for a space."""
    found = text(out, argument)
    if found.literal == "":
        return Txt(quoted(out, " "), 1, literal=" ")
    return found


def _all(out: Out, ref: tree.Ref) -> str:
    """All elements of a table: name(ALL), name(2, ALL)."""
    field = out.layout.find(ref)
    indexes: list[str] = []
    loops: list[str] = []
    for dimension, subscript in zip(field.dims, ref.subscripts, strict=True):
        if subscript == "ALL":
            variable = "nmkjih"[len(loops)]
            loops.append(f"for {variable} in range({dimension.count})")
            indexes.append(variable)
        else:
            assert not isinstance(subscript, str)
            found = number(out, subscript)
            indexes.append(
                str(found.constant - 1) if found.constant is not None else f"{found.at(SUM)} - 1"
            )
    code = data.place_of(out, field, indexes).code
    if len(loops) == 1 and code.endswith("[n]"):
        return f"*{code[:-3]}"
    return f"*({code} {' '.join(loops)})"


def _numbers(out: Out, call: tree.FunctionCall) -> tuple[list[str], list[Num]]:
    """Code of numeric arguments, and what is known of those that are no tables."""
    codes: list[str] = []
    known: list[Num] = []
    for argument in call.arguments:
        if isinstance(argument, tree.Ref) and "ALL" in argument.subscripts:
            codes.append(_all(out, argument))
            field = out.layout.find(argument)
            low, high = field.bounds
            known.append(
                Num("", low, high, max(field.scale, 0), field.kind)
                if field.kind in ("int", "decimal", "float")
                else Num("", kind="number")
            )
        elif isinstance(argument, str):
            raise Refused(call.line, argument, "as an argument of a function")
        else:
            known.append(number(out, argument))
            codes.append(known[-1].code)
    return codes, known


@_special("MAX", "MIN")
def _extreme(out: Out, call: tree.FunctionCall) -> Made:
    name = call.name.lower()
    if not all(isinstance(a, str) or is_numeric(out, _plain(a)) for a in call.arguments):
        codes = [c for a in call.arguments for c in _argument(out, a, "t", call.line)]
        return Txt(f"{name}({', '.join(codes)})" if len(codes) > 1 else codes[0].lstrip("*"))
    codes, known = _numbers(out, call)
    if len(codes) == 1 and not codes[0].startswith("*"):
        return known[0]
    if len(codes) == 1:
        codes = [codes[0][1:]]
    kinds = {one.kind for one in known}
    kind = kinds.pop() if len(kinds) == 1 else "number"
    scales = {one.scale for one in known}
    if kind == "decimal" and len(scales) > 1:
        kind = "number"
    code = f"{name}({', '.join(codes)})"
    if kind in ("int", "decimal"):
        pick = max if name == "max" else min
        lows, highs = [one.low for one in known], [one.high for one in known]
        low = None if None in lows else pick(lows)  # type: ignore[type-var]
        high = None if None in highs else pick(highs)  # type: ignore[type-var]
        return Num(code, low, high, known[0].scale, kind)
    return Num(code, kind=kind)


def _plain(argument: tree.Expression) -> tree.Expression:
    """A table with ALL as one of its elements: its kind is asked for."""
    if isinstance(argument, tree.Ref) and "ALL" in argument.subscripts:
        one = tree.Number("1", argument.line)
        return tree.Ref(
            argument.name,
            argument.line,
            argument.qualifiers,
            tuple(one if s == "ALL" else s for s in argument.subscripts),
        )
    return argument


@_special("SUM")
def _sum(out: Out, call: tree.FunctionCall) -> Made:
    codes, known = _numbers(out, call)
    if len(codes) == 1 and codes[0].startswith("*"):
        code = f"sum({codes[0][1:]})"
    elif any(code.startswith("*") for code in codes):
        code = f"sum([{', '.join(codes)}])"
    else:
        code = f"sum([{', '.join(codes)}])"
    if all(one.kind == "int" for one in known):
        return Num(code)
    return Num(code, kind="float" if any(one.kind == "float" for one in known) else "number")


@_special("ORD-MAX", "ORD-MIN")
def _place_of_extreme(out: Out, call: tree.FunctionCall) -> Made:
    numeric = all(isinstance(a, str) or is_numeric(out, _plain(a)) for a in call.arguments)
    kind = "n" if numeric else "t"
    codes = [c for a in call.arguments for c in _argument(out, a, kind, call.line)]
    name = out.use(call.name.lower().replace("-", "_"))
    return Num(f"{name}({', '.join(codes)})", 0, _INT)


@_special("ABS")
def _abs(out: Out, call: tree.FunctionCall) -> Made:
    value = number(out, _expression(call, 0))
    if value.low is None or value.high is None:
        return Num(f"abs({value.code})", None, None, value.scale, value.kind)
    if value.low >= 0:
        return value
    return Num(f"abs({value.code})", 0, max(-value.low, value.high), value.scale, value.kind)


@_special("INTEGER", "INTEGER-PART")
def _integer(out: Out, call: tree.FunctionCall) -> Made:
    value = number(out, _expression(call, 0))
    if value.kind == "int":
        return value
    if call.name == "INTEGER":
        return Num(f"{out.use('integer')}({value.code})")
    return Num(f"int({value.code})")


@_special("MOD")
def _mod(out: Out, call: tree.FunctionCall) -> Made:
    first, second = number(out, _expression(call, 0)), number(out, _expression(call, 1))
    divisor = second.constant
    if first.kind == second.kind == "int" and divisor:
        low, high = (0, divisor - 1) if divisor > 0 else (divisor + 1, 0)
        return Num(f"{first.at(PRODUCT)} % {second.at(SUM + 2)}", low, high, level=PRODUCT)
    return Num(f"{out.use('modulo')}({first.code}, {second.code})")


@_special("REM")
def _rem(out: Out, call: tree.FunctionCall) -> Made:
    first, second = number(out, _expression(call, 0)), number(out, _expression(call, 1))
    divisor = second.constant
    if first.kind == second.kind == "int":
        if divisor and divisor > 0 and not first.signed:
            return Num(f"{first.at(PRODUCT)} % {second.code}", 0, divisor - 1, level=PRODUCT)
        return Num(f"{out.use('remainder')}({first.code}, {second.code})")
    return Num(f"{out.use('remainder')}({first.code}, {second.code})", kind="number")


@_special("SIGN")
def _sign(out: Out, call: tree.FunctionCall) -> Made:
    return Num(f"{out.use('sign')}({number(out, _expression(call, 0)).code})", -1, 1)


@_special("LENGTH", "BYTE-LENGTH", "LENGTH-AN")
def _length(out: Out, call: tree.FunctionCall) -> Made:
    argument = _expression(call, 0)
    if isinstance(argument, (tree.FunctionCall, tree.Binary, tree.Negated)):
        return Num(f"len({text(out, argument).code})", 0, _INT)
    return length_of(out, argument)


@_special("ORD")
def _ord(out: Out, call: tree.FunctionCall) -> Made:
    value = _text(out, _expression(call, 0))
    if value.literal:
        place = ord(value.literal[0]) + 1
        return Num(str(place), place, place)
    first = value.code if value.length == 1 else f"{value.at(ATOM)}[0]"
    return Num(f"ord({first}) + 1", 1, 256, level=SUM)


@_special("TRIM")
def _trim(out: Out, call: tree.FunctionCall) -> Made:
    argument = _expression(call, 0)
    if is_numeric(out, argument) and not _is_plain_digits(out, argument):
        raise Refused(call.line, "FUNCTION TRIM", "of a number with a sign or decimals")
    value = _text(out, argument)
    sides = [a for a in call.arguments[1:] if isinstance(a, str)]
    sides += [a.name for a in call.arguments[1:] if isinstance(a, tree.Ref)]
    if not sides:
        return Txt(f"{out.use('trim')}({value.code})")
    method = "lstrip" if sides[0].upper() == "LEADING" else "rstrip"
    return Txt(f'{value.at(ATOM)}.{method}(" ")')


def _is_plain_digits(out: Out, argument: tree.Expression) -> bool:
    """Whether the bytes of a number are its digits: no sign, no decimals, DISPLAY."""
    if not isinstance(argument, tree.Ref):
        return False
    field = out.layout.find(argument)
    return field.kind == "int" and not field.signed and field.size == field.digits


@_special("REVERSE")
def _reverse(out: Out, call: tree.FunctionCall) -> Made:
    value = _text(out, _expression(call, 0))
    return Txt(f"{value.at(ATOM)}[::-1]", value.length)


@_special("CONCATENATE", "CONCAT")
def _concatenate(out: Out, call: tree.FunctionCall) -> Made:
    values = [_text(out, _expression(call, place)) for place in range(len(call.arguments))]
    lengths = [value.length for value in values]
    size = None if None in lengths else sum(length or 0 for length in lengths)
    level = SUM if len(values) > 1 else values[0].level
    return Txt(" + ".join(value.at(SUM) for value in values), size, level)


@_special("NUMVAL")
def _numval(out: Out, call: tree.FunctionCall) -> Made:
    comma = ", comma=True" if out.special.decimal_point_is_comma else ""
    return Num(
        f"{out.use('numval')}({_text(out, _expression(call, 0)).code}{comma})", kind="number"
    )


@_special("NUMVAL-C")
def _numval_c(out: Out, call: tree.FunctionCall) -> Made:
    code = _text(out, _expression(call, 0)).code
    if len(call.arguments) > 1:
        code += f", {_currency(out, call)}"
    comma = ", comma=True" if out.special.decimal_point_is_comma else ""
    return Num(f"{out.use('numval_c')}({code}{comma})", kind="number")


def _currency(out: Out, call: tree.FunctionCall) -> str:
    """The second argument: cobc compares one character only."""
    found = _text(out, _expression(call, 1))
    if found.length != 1:
        raise Refused(call.line, f"FUNCTION {call.name}", "a currency of several characters")
    return found.code


@_special("SECONDS-FROM-FORMATTED-TIME")
def _seconds(out: Out, call: tree.FunctionCall) -> Made:
    """Of whole seconds: cobc gives fractions a scale that MOVE and DISPLAY read differently."""
    form, written = _text(out, _expression(call, 0)), _text(out, _expression(call, 1))
    if form.literal is None or "." in form.literal or "," in form.literal:
        raise Refused(call.line, f"FUNCTION {call.name}", "with fractions of a second")
    name = out.use("seconds_from_formatted_time")
    return Num(f"{name}({form.code}, {written.code})", 0, 86_399)


@_special("TEST-NUMVAL-C", "TEST-NUMVAL-F")
def _check_numval(out: Out, call: tree.FunctionCall) -> Made:
    code = _text(out, _expression(call, 0)).code
    if call.name.endswith("F"):
        return Num(f"{out.use('check_numval')}({code}, exponent=True)", 0, _INT)
    currency = _currency(out, call) if len(call.arguments) > 1 else '"$"'
    return Num(f"{out.use('check_numval')}({code}, {currency})", 0, _INT)


@_special("HIGHEST-ALGEBRAIC", "LOWEST-ALGEBRAIC")
def _algebraic(out: Out, call: tree.FunctionCall) -> Made:
    argument = _expression(call, 0)
    if not isinstance(argument, tree.Ref):
        raise Refused(call.line, f"FUNCTION {call.name}", "of something that is no item")
    low, high = out.layout.find(argument).bounds
    units = high if call.name.startswith("HIGHEST") else low
    if units is None:
        raise Refused(call.line, f"FUNCTION {call.name}", "of an item without bounds")
    return expressions.constant(out, units, max(out.layout.find(argument).scale, 0))


@_special("MODULE-ID")
def _module_id(out: Out, call: tree.FunctionCall) -> Made:
    name = out.layout.program.name
    return Txt(quoted(out, name), len(name), literal=name)


def shown(out: Out, call: tree.FunctionCall) -> str:
    """Code of what DISPLAY prints of a function."""
    value = function(out, call)
    if isinstance(value, Txt):
        return value.code
    if call.name in ("LENGTH", "BYTE-LENGTH", "LENGTH-AN") and value.constant is not None:
        argument = call.arguments[0]
        if not (isinstance(argument, tree.Ref) and argument.start is not None):
            return f'"{value.constant}"'
    if call.name in ("DATE-OF-INTEGER", "DAY-OF-INTEGER"):
        return f"{out.use('show')}({value.code}, {8 if call.name < 'DAY' else 7})"
    chosen = call.name in ("MAX", "MIN") or (call.name == "MEDIAN" and len(call.arguments) % 2)
    chosen = chosen or (call.name == "MEAN" and len(call.arguments) == 1)
    if chosen or call.name == "ABS":
        fields = _fields(out, call)
        if len(fields) == 1:
            digits, scale, signed = fields.pop()
            mark = ", True" if signed else ""
            return f"{out.use('show')}({value.code}, {digits}, {scale}{mark})"
        if chosen:
            return _chosen(out, call)
        argument = call.arguments[0]
        if isinstance(argument, tree.Number):
            return quoted(out, argument.text.replace("-", "+"))
        if isinstance(argument, tree.Ref) and out.layout.find(argument).kind == "float":
            return f"{out.use('show_float')}(float({value.code}))"
        if isinstance(argument, (tree.Binary, tree.Negated)) and value.kind != "float":
            return f'"+" + {out.use("show_result")}({value.code})'
    if value.kind == "float":
        return f"{out.use('show_float')}({value.code})"
    return f"{out.use('show_result')}({value.code})"


def _chosen(out: Out, call: tree.FunctionCall) -> str:
    """Of functions whose result is one of their arguments: that one, as DISPLAY shows it."""
    from slmcode.translate.cobol.emit import console

    pairs: list[str] = []
    for argument in call.arguments:
        if isinstance(argument, str):
            raise Refused(call.line, argument, "as an argument of a function")
        value = number(out, argument)
        if isinstance(argument, (tree.Binary, tree.Negated)):
            printed = f"{out.use('show_result')}({value.code})"
        else:
            printed = console.shown(out, argument)
        if len(call.arguments) == 1:
            return printed
        pairs.append(f"({value.code}, {printed})")
    by_value = "key=lambda pair: pair[0]"
    if call.name == "MEDIAN":
        return f"sorted([{', '.join(pairs)}], {by_value})[{len(pairs) // 2}][1]"
    return f"{call.name.lower()}({', '.join(pairs)}, {by_value})[1]"


def _fields(out: Out, call: tree.FunctionCall) -> set[tuple[int, int, bool]]:
    """The pictures of the arguments: the result of MAX has that of the argument it is."""
    found: set[tuple[int, int, bool]] = set()
    for argument in call.arguments:
        if not isinstance(argument, tree.Ref) or argument.start is not None:
            return set()
        field = out.layout.find(argument)
        if field.kind not in ("int", "decimal"):
            return set()
        found.add((field.digits, field.scale, field.signed))
    return found
