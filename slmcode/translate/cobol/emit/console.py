"""DISPLAY and ACCEPT."""

from __future__ import annotations

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import expressions as values
from slmcode.translate.cobol.emit.base import (
    OR,
    Num,
    Out,
    Place,
    Txt,
    emits,
    integer,
    number,
    place,
    quoted,
    store,
    text,
)
from slmcode.translate.cobol.layout import Field
from slmcode.translate.cobol.tree import Refused

_STDOUT = frozenset(
    "CONSOLE SYSOUT STDOUT CRT PRINTER PRINTER-1 SYSLIST SYSLST SYSPRINT SYSPRT TERMINAL".split()
)
_STDERR = frozenset(("SYSERR", "STDERR"))
_STDIN = frozenset(("CONSOLE", "SYSIN", "SYSIPT", "STDIN", "TERMINAL", "CRT"))
_CLOCK = {  # the runtime's function, and how many digits it gives
    "DATE": ("accept_date", 6),
    "DATE YYYYMMDD": ("accept_date_yyyymmdd", 8),
    "DAY": ("accept_day", 5),
    "DAY YYYYDDD": ("accept_day_yyyyddd", 7),
    "DAY-OF-WEEK": ("accept_day_of_week", 1),
    "TIME": ("accept_time", 8),
}
_BINARY_DIGITS = {1: 3, 2: 5, 4: 10, 8: 20}  # what DISPLAY prints of an item kept to its bytes


# DISPLAY


@emits(tree.Display)
def display(out: Out, node: tree.Display) -> None:
    device = out.special.mnemonics.get(node.upon, node.upon)
    if device == "ARGUMENT-NUMBER":
        code = f"{out.use('display_argument_number')}({integer(out, node.values[0]).code})"
        _either(out, code, node.on_other, node.on_exception)
        return
    if device in ("ENVIRONMENT-NAME", "ENVIRONMENT-VALUE"):
        function = f"display_{device.lower().replace('-', '_')}"
        code = " + ".join(text(out, value).code for value in node.values)
        out.line(f"{out.use(function)}({code})")
    elif device and device not in _STDOUT and device not in _STDERR:
        raise Refused(node.line, f"DISPLAY UPON {node.upon}")
    else:
        function = "display_error" if device in _STDERR else "display"
        arguments = [shown(out, value) for value in node.values]
        if not node.advancing:
            arguments.append("advancing=False")
        out.line(f"{out.use(function)}({', '.join(arguments)})")
    out.body(node.on_other or ())  # nothing is an exception here


def _either(out: Out, test: str, then: tree.Body | None, otherwise: tree.Body | None) -> None:
    """Write NOT ON EXCEPTION and ON EXCEPTION of what is true when it succeeds."""
    if then:
        with out.block(f"if {test}:"):
            out.body(then)
        if otherwise:
            with out.block("else:"):
                out.body(otherwise)
    elif otherwise:
        with out.block(f"if not {test}:"):
            out.body(otherwise)
    else:
        out.line(test)


def shown(out: Out, expression: tree.Expression) -> str:
    """Code of what DISPLAY prints of a value."""
    expression = values.resolve(out, expression)
    code = _shown(out, expression)
    if out.special.decimal_point_is_comma and _has_point(out, expression):
        return f'({code}).replace(".", ",")' if " + " in code else f'{code}.replace(".", ",")'
    return code


def _has_point(out: Out, expression: tree.Expression) -> bool:
    """Whether DISPLAY may print a decimal point of a number."""
    if isinstance(expression, tree.Ref) and expression.start is None:
        field = out.layout.find_or_none(expression)
        return field is not None and (field.kind in ("decimal", "float"))
    return isinstance(expression, tree.FunctionCall) and values.is_numeric(out, expression)


def _shown(out: Out, expression: tree.Expression) -> str:
    if isinstance(expression, tree.Number):
        if out.special.decimal_point_is_comma:
            return quoted(out, expression.text.replace(".", ","))
        return quoted(out, expression.text)
    if isinstance(expression, tree.Ref) and expression.start is None:
        return shown_place(out, place(out, expression))
    if isinstance(expression, tree.FunctionCall) and expression.start is None:
        return _function(out, expression)
    if isinstance(expression, (tree.LengthOf, tree.Binary, tree.Negated)):
        found = number(out, expression)
        if found.constant is not None and found.scale == 0:
            return f'"{found.constant}"'
        return f"str({found.code})"
    return text(out, expression).code


def _function(out: Out, call: tree.FunctionCall) -> str:
    from slmcode.translate.cobol.emit import functions

    if call.name in out.layout.user_functions:
        found = values.call(out, call)
        return found.code if isinstance(found, Txt) else _number(out, found)
    return functions.shown(out, call)


def _number(out: Out, value: Num) -> str:
    signed = ", True" if value.signed else ""
    return f"{out.use('show')}({value.code}, {value.digits}, {value.scale}{signed})"


def shown_place(out: Out, found: Place) -> str:
    """The same of an item."""
    field = found.field
    if field.category == "float":
        return f"{out.use('show_float')}({found.code}{', 4' if field.size == 4 else ''})"
    if field.category == "pointer":
        raise Refused(out.source, f"DISPLAY of the pointer {field.name}")
    if not field.is_number:
        return text(out, found).code  # type: ignore[arg-type]
    if found.descriptor and field.usage == "DISPLAY":
        return f"{found.descriptor}.show({found.owner})"
    digits, scale = shown_digits(field), field.scale
    if scale < 0:
        digits, scale = digits - scale, 0
    if "SEPARATE" in field.sign and "LEADING" not in field.sign and field.signed:
        plain = f"{out.use('show')}(abs({found.code}), {digits}, {scale})"
        return f'{plain} + ("-" if {found.code} < 0 else "+")'
    if scale == 0:
        if field.signed:
            return f'f"{{{found.code}:+0{digits + 1}d}}"'
        return f'f"{{{found.code}{f":0{digits}d" if digits > 1 else ""}}}"'
    if field.signed or digits <= scale:
        signed = ", True" if field.signed else ""
        return f"{out.use('show')}({found.code}, {digits}, {scale}{signed})"
    return f'f"{{{found.code}:0{digits + 1}.{scale}f}}"'


def shown_digits(field: Field) -> int:
    """How many digits DISPLAY prints of a number."""
    if field.is_binary and not field.cut and field.usage not in ("INDEX", "COMP-X"):
        return _BINARY_DIGITS.get(field.size, field.digits)
    return field.digits


# ACCEPT


@emits(tree.Accept)
def accept(out: Out, node: tree.Accept) -> None:
    source = node.source
    if not source and isinstance(node.name, tree.Ref):
        device = out.special.mnemonics.get(node.name.name, node.name.name)
        if device in ("COMMAND-LINE", "ARGUMENT-VALUE", "ARGUMENT-NUMBER", "ENVIRONMENT-VALUE"):
            source = device
        elif device not in _STDIN:
            raise Refused(node.line, f"ACCEPT FROM {node.name.name}")
    if not source:
        store(out, node.into, _console(out, node.into))
        _exceptions(out, node, f"{out.use('input_ended')}()")
    elif source in _CLOCK:
        function, digits = _CLOCK[source]
        store_digits(out, node.into, f"{out.use(function)}()", digits)
    elif source == "COMMAND-LINE":
        store(out, node.into, Txt(f"{out.use('accept_command_line')}()"))
    elif source == "ARGUMENT-NUMBER":
        store(out, node.into, Num(f"{out.use('accept_argument_number')}()", 0, 999_999_999))
    elif source == "ARGUMENT-VALUE":
        argument = out.local("argument")
        out.line(f"{argument} = {out.use('accept_argument')}()")
        with out.block(f"if {argument} is not None:"):
            store(out, node.into, Txt(argument))
            out.body(node.on_other or ())
        if node.on_exception:
            with out.block("else:"):
                out.body(node.on_exception)
    elif source in ("ENVIRONMENT", "ENVIRONMENT-VALUE"):
        _environment(out, node, source)
    else:
        raise Refused(node.line, f"ACCEPT FROM {source}")


def _environment(out: Out, node: tree.Accept, source: str) -> None:
    name = ""
    if source == "ENVIRONMENT" and node.name is not None:
        name = text(out, node.name).code
    code = f"{out.use('accept_environment')}({name})"
    if not (node.on_exception or node.on_other):
        store(out, node.into, Txt(f'{code} or " "', level=OR))
        return
    variable = out.local("variable")
    out.line(f"{variable} = {code}")
    store(out, node.into, Txt(f'{variable} or " "', level=OR))
    _exceptions(out, node, f"{variable} is None")


def _exceptions(out: Out, node: tree.Accept, test: str) -> None:
    """Write ON EXCEPTION and NOT ON EXCEPTION of an ACCEPT that fails where `test` is true."""
    if node.on_exception:
        with out.block(f"if {test}:"):
            out.body(node.on_exception)
        if node.on_other:
            with out.block("else:"):
                out.body(node.on_other)
    elif node.on_other:
        with out.block(f"if not ({test}):"):
            out.body(node.on_other)


def store_digits(out: Out, into: tree.Ref, code: str, digits: int) -> None:
    """Store a text of so many digits: as a number where the item is one."""
    if into.start is None and out.layout.find(into).is_number:
        store(out, into, Num(f"int({code})", 0, 10**digits - 1))
    else:
        store(out, into, Txt(code, digits))


def _console(out: Out, into: tree.Ref) -> Num | Txt:
    """A line of standard input as the item it goes to takes it."""
    field = out.layout.find(into)
    if into.start is not None:
        size = text(out, into).length
        return Txt(f"{out.use('accept')}({size})", size) if size else _any_text(out)
    if field.item.justified and not field.children:
        return Txt(f"{out.use('accept_right')}({field.size})", field.size)
    if field.category in ("float", "numeric-edited"):
        comma = "comma=True" if out.special.decimal_point_is_comma else ""
        return Num(f"{out.use('accept_any')}({comma})", kind="number")
    if not field.is_number:
        return Txt(f"{out.use('accept')}({field.size})", field.size)
    return _number_line(out, field)


def _any_text(out: Out) -> Txt:
    return Txt(f"{out.use('accept')}(0)")


def _number_line(out: Out, field: Field) -> Num:
    low, high = field.bounds
    kind, scale = field.kind, max(field.scale, 0)
    if field.usage == "DISPLAY":
        parts = [str(field.digits)]
        function = "accept_number"
        if field.scale:
            function = "accept_decimal"
            parts.append(str(field.scale))
        if field.signed:
            parts.append("signed=True")
        if field.size != field.digits:
            parts.append(f"size={field.size}")
        if out.special.decimal_point_is_comma:
            parts.append("comma=True")
        code = f"{out.use(function)}({', '.join(parts)})"
        if field.scale < 0:
            code = f"int({code})"
        return Num(code, low, high, scale, kind)
    if field.usage in ("COMP-3", "COMP-6"):
        function, parts = "accept_packed", [str(field.digits)]
    elif field.category == "index":
        function, parts = "accept_binary", ["4", "None"]
    else:
        function, parts = (
            "accept_binary",
            [str(field.size), str(field.digits) if field.cut else "None"],
        )
    if field.scale:
        parts.append(str(field.scale))
    if not field.signed:
        parts.append("signed=False")
    if out.special.decimal_point_is_comma:
        parts.append("comma=True")
    return Num(f"{out.use(function)}({', '.join(parts)})", low, high, scale, kind)
