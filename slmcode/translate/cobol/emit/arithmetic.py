"""ADD, SUBTRACT, MULTIPLY, DIVIDE, COMPUTE."""

from __future__ import annotations

from dataclasses import replace

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import data
from slmcode.translate.cobol.emit import expressions as values
from slmcode.translate.cobol.emit.base import (
    ATOM,
    Num,
    Out,
    Place,
    emits,
)
from slmcode.translate.cobol.emit.moves import (
    absolute,
    assign_number,
    corresponding,
    cut,
    edited,
    float_code,
)
from slmcode.translate.cobol.layout import Field
from slmcode.translate.cobol.tree import Refused

_TRUNCATION = ("", "TRUNCATION")


@emits(tree.Arithmetic)
def arithmetic(out: Out, node: tree.Arithmetic) -> None:
    checked = node.on_error is not None or node.on_other is not None
    out.calculating = "raises" if checked else "stores"
    try:
        _arithmetic(out, node, checked)
    finally:
        out.calculating = ""


def _body(out: Out, statements: tree.Body) -> None:
    """Statements of a phrase, which are not part of the calculation."""
    before, out.calculating = out.calculating, ""
    out.body(statements)
    out.calculating = before


def _arithmetic(out: Out, node: tree.Arithmetic, checked: bool) -> None:
    steps = _steps(out, node)
    if not checked:
        if len(steps) > 1 and _one_quotient(out, steps):
            return
        for step in steps:
            step.write(out, False)
        return
    if len(steps) == 1 and not steps[0].remainder:
        with out.block("try:"):
            steps[0].write(out, True)
        with out.block("except ArithmeticError:"):
            _body(out, node.on_error or ())
        if node.on_other:
            with out.block("else:"):
                _body(out, node.on_other)
        return
    failed = out.local("failed")
    out.line(f"{failed} = False")
    for step in steps:
        with out.block("try:"):
            step.write(out, True)
        with out.block("except ArithmeticError:"):
            out.line(f"{failed} = True")
    if node.on_error:
        with out.block(f"if {failed}:"):
            _body(out, node.on_error)
        if node.on_other:
            with out.block("else:"):
                _body(out, node.on_other)
    elif node.on_other:
        with out.block(f"if not {failed}:"):
            _body(out, node.on_other)


class _Step:
    """One result going to one target: `operands` joined by `operator`."""

    def __init__(
        self,
        target: tree.Target | Place,
        make: tree.Expression | Num,
        rounded: str = "",
        remainder: tree.Target | None = None,
        wraps: bool = False,
    ) -> None:
        self.target = target
        self.make = make
        self.rounded = rounded or (target.rounded if isinstance(target, tree.Target) else "")
        self.remainder = remainder
        self.wraps = wraps

    def write(self, out: Out, checked: bool) -> None:
        before = out.divisors
        out.divisors = []
        place = self.target if isinstance(self.target, Place) else data.place(out, self.target.ref)
        value = self._value(out, place)
        divisors, out.divisors = out.divisors, before
        if self.remainder is not None:
            assert isinstance(self.make, tree.Binary)
            self._divided(out, place, value, checked, divisors)
        elif checked:
            if "0" in divisors:
                out.line("raise ZeroDivisionError")
            else:
                _assign(out, place, value, self.rounded, True)
        else:
            wraps = self.wraps and self.rounded in _TRUNCATION
            _guarded(out, divisors, lambda: _assign(out, place, value, self.rounded, False, wraps))

    def _value(self, out: Out, place: Place) -> Num:
        make = self.make
        if isinstance(make, Num):
            return make
        if (
            isinstance(make, tree.Binary)
            and make.operator == "/"
            and place.field.is_number
            and place.field.kind == "int"
            and place.field.scale == 0
            and self.rounded in _TRUNCATION
        ):
            found = values.whole_quotient(
                out, values.number(out, make.left), values.number(out, make.right)
            )
            if found is not None:
                return found
        return values.number(out, make)

    def _divided(
        self, out: Out, place: Place, value: Num, checked: bool, divisors: list[str]
    ) -> None:
        """DIVIDE with REMAINDER: what the quotient, cut to its target, leaves of the dividend."""
        make, remainder = self.make, self.remainder
        assert isinstance(make, tree.Binary)
        assert remainder is not None
        dividend, divisor = values.number(out, make.left), values.number(out, make.right)
        rest = data.place(out, remainder.ref)

        def write() -> None:
            left = _kept(out, "remainder", place, rest, dividend, divisor, value)
            _assign(out, place, value, self.rounded, checked)
            _assign(out, rest, left, remainder.rounded, checked)

        if checked:
            if "0" in divisors:
                out.line("raise ZeroDivisionError")
            else:
                write()
        else:
            _guarded(out, divisors, write)


def _kept(
    out: Out, name: str, place: Place, rest: Place, dividend: Num, divisor: Num, quotient: Num
) -> Num:
    """Code of dividend - quotient * divisor, kept in a local where storing would disturb it."""
    field = place.field
    scale = max(field.scale, 0)
    whole = dividend.kind == divisor.kind == "int" and scale == 0
    if whole and not dividend.signed and not divisor.signed:
        high = None if divisor.high is None else max(0, divisor.high - 1)
        left = Num(f"{dividend.at(5)} % {divisor.at(7)}", 0, high, level=6)
        left = replace(left, code=f"{dividend.at(6)} % {divisor.at(8)}")
    else:
        cut_quotient = f'{out.use("rounded")}({quotient.code}, {scale}, "TRUNCATION")'
        code = f"{dividend.at(5)} - {cut_quotient} * {divisor.at(7)}"
        left = Num(code, kind="number", level=5)
    used = place.code
    if used in left.code or used in rest.code:
        local = out.local(name)
        out.line(f"{local} = {left.code}")
        left = replace(left, code=local, level=ATOM)
    return left


def _guarded(out: Out, divisors: list[str], write: object) -> None:
    """A division by zero leaves the targets as they are."""
    assert callable(write)
    if "0" in divisors:
        out.line("pass  # a division by zero: nothing is stored")
        return
    if not divisors:
        write()
        return
    with out.block(f"if {' and '.join(f'{code} != 0' for code in divisors)}:"):
        write()


def _steps(out: Out, node: tree.Arithmetic) -> list[_Step]:
    if node.corresponding:
        return _corresponding(out, node)
    line = node.line
    operands = node.operands
    if node.verb == "COMPUTE":
        targets = node.giving or node.into
        if len(targets) > 1:
            return _shared(out, targets, operands[0])
        return [_Step(target, operands[0]) for target in targets]
    if node.verb == "DIVIDE":
        if node.giving:
            quotient = tree.Binary("/", operands[0], operands[1], line)
            if node.remainder is not None:
                return [_Step(node.giving[0], quotient, remainder=node.remainder)]
            if len(node.giving) > 1:
                return _shared(out, node.giving, quotient)
            return [_Step(target, quotient) for target in node.giving]
        return [
            _Step(target, tree.Binary("/", target.ref, operands[0], line)) for target in node.into
        ]
    if node.verb == "MULTIPLY":
        if node.giving:
            other = operands[1] if len(operands) > 1 else _base(node)
            product = tree.Binary("*", operands[0], other, line)
            return [_Step(target, product) for target in node.giving]
        return [
            _Step(target, tree.Binary("*", target.ref, operands[0], line)) for target in node.into
        ]
    total = operands[0]
    for operand in operands[1:]:
        total = tree.Binary("+", total, operand, line)
    operator = "-" if node.verb == "SUBTRACT" else "+"
    if node.giving:
        if node.base is not None:
            if operator == "-":
                total = tree.Binary("-", node.base, total, line)
            else:
                total = tree.Binary("+", total, node.base, line)
        return [_Step(target, total) for target in node.giving]
    if len(node.into) > 1 and len(operands) > 1:
        found = _once(out, values.number(out, total))
        steps = []
        for target in node.into:
            own = values.number(out, target.ref)
            steps.append(_Step(target, values.add(out, own, found, operator)))
        return steps
    single = len(operands) == 1 and _fits_int(values.number(out, total))
    return [
        _Step(target, tree.Binary(operator, target.ref, total, line), wraps=single)
        for target in node.into
    ]


def _fits_int(value: Num) -> bool:
    """Whether cobc adds it to a COMP-5 item in the machine's arithmetic."""
    return value.kind == "int" and value.high is not None and value.digits <= 9


def _base(node: tree.Arithmetic) -> tree.Expression:
    if node.base is None:
        if node.into:
            return node.into[0].ref
        raise Refused(node.line, node.verb, "an operand is missing")
    return node.base


def _once(out: Out, value: Num) -> Num:
    """A value that several targets take, worked out once where it is more than a name."""
    if value.constant is not None:
        return value
    name = out.local("value")
    out.line(f"{name} = {value.code}")
    return replace(value, code=name, level=ATOM)


def _one_quotient(out: Out, steps: list[_Step]) -> bool:
    """A division by what may be zero with several targets, worked out once; else False."""
    make = steps[0].make
    if isinstance(make, Num) or any(step.make is not make for step in steps):
        return False
    before, out.divisors = out.divisors, []
    value = values.number(out, make)
    divisors, out.divisors = out.divisors, before
    if not divisors:
        return False

    def write() -> None:
        once = _once(out, value)
        for step in steps:
            assert isinstance(step.target, tree.Target)
            store_number(out, step.target, once)

    _guarded(out, divisors, write)
    return True


def _shared(out: Out, targets: tuple[tree.Target, ...], expression: tree.Expression) -> list[_Step]:
    before = list(out.divisors)
    out.divisors = []
    value = values.number(out, expression)
    divisors, out.divisors = out.divisors, before
    if divisors:
        return [_Step(target, expression) for target in targets]
    value = _once(out, value)
    return [_Step(target, value) for target in targets]


def _corresponding(out: Out, node: tree.Arithmetic) -> list[_Step]:
    source = node.operands[0]
    assert isinstance(source, tree.Ref)
    operator = "-" if node.verb == "SUBTRACT" else "+"
    steps = []
    for target in node.into:
        for one, other in corresponding(out, source, target.ref):
            if one.field.is_number and other.field.is_number:
                total = values.add(
                    out, values.number_at(out, other), values.number_at(out, one), operator
                )
                steps.append(_Step(other, total, target.rounded))
    return steps


# The end of a statement


def store_number(out: Out, target: tree.Target, value: Num, checked: bool = False) -> None:
    _assign(out, data.place(out, target.ref), value, target.rounded, checked)


def _assign(
    out: Out, place: Place, value: Num, rounding: str, checked: bool, wraps: bool = False
) -> None:
    field = place.field
    if field.category in ("group", "pointer"):
        raise Refused(out.source, field.name, "not a number")
    if field.category == "float":
        out.line(f"{place.code} = {float_code(out, field, value)}")
        return
    scale = field.scale
    if rounding == "NEAREST-AWAY-FROM-ZERO":
        rounding = out.layout.program.default_rounded or rounding
    if rounding not in _TRUNCATION and (value.kind == "number" or value.scale > max(scale, 0)):
        value = _rounded(out, value, scale, rounding)
    if field.category == "numeric-edited":
        code = value.code
        if checked:
            code = f"{out.use('checked')}({code}, {field.digits}, {field.scale})"
        out.line(f"{place.code} = {edited(out, field, code)}")
        return
    if not field.is_number and field.category != "index":
        raise Refused(out.source, field.name, "not a number")
    if field.is_binary and not field.cut and not field.signed and value.signed and not wraps:
        value = absolute(out, value)
    if checked:
        _assign_checked(out, place, value)
        return
    simple = _augmented(out, place, value)
    if simple is not None:
        out.line(simple)
        return
    assign_number(out, place, value)


def _augmented(out: Out, place: Place, value: Num) -> str | None:
    """`x += 1`, where nothing has to be cut."""
    prefix = f"{place.code} "
    if not value.code.startswith((f"{prefix}+ ", f"{prefix}- ")):
        return None
    if not place.field.view and cut(out, place.field, value) != value.code:
        return None
    operator, rest = value.code[len(prefix)], value.code[len(prefix) + 2 :]
    if " + " in rest or " - " in rest:
        return None
    return f"{place.code} {operator}= {rest}"


def _rounded(out: Out, value: Num, scale: int, mode: str) -> Num:
    arguments = [value.code]
    plain = mode in ("NEAREST-AWAY-FROM-ZERO", "ROUNDED")
    if scale or not plain:
        arguments.append(str(scale))
    if not plain:
        arguments.append(f'"{mode}"')
    code = f"{out.use('rounded')}({', '.join(arguments)})"
    low = high = None
    kind = "number"
    if value.kind == "decimal" and value.low is not None and value.high is not None and scale >= 0:
        unit = 10 ** (value.scale - scale)
        low, high = value.low // unit - 1, value.high // unit + 1
        kind = "decimal" if scale else "int"
    return Num(code, low, high, max(scale, 0), kind)


def _assign_checked(out: Out, place: Place, value: Num) -> None:
    field = place.field
    if _always_fits(field, value):
        assign_number(out, place, value)
        return
    if field.is_binary and not field.cut:
        local = out.local("result")
        out.line(f"{local} = {value.code}")
        arguments = f"{local}, {field.size}, {field.signed}, {field.scale}"
        with out.block(f"if not {out.use('fits_binary')}({arguments}):"):
            out.line(f"raise {out.use('SizeError')}")
        assign_number(out, place, replace(value, code=local, level=ATOM))
        return
    arguments = f"{value.code}, {field.digits}"
    if field.scale:
        arguments += f", {field.scale}"
    if not field.signed:
        arguments += ", signed=False"
    out.line(f"{place.code} = {out.use('checked')}({arguments})")


def _always_fits(field: Field, value: Num) -> bool:
    low, high = field.bounds
    if value.low is None or value.high is None or value.kind == "number":
        return False
    if low is None or high is None or field.scale < 0:
        return False
    up: int = 10 ** max(0, field.scale - value.scale)
    down: int = 10 ** max(0, value.scale - field.scale)
    least, most = value.low * up, value.high * up
    return -(high + 1) * down < least and most < (high + 1) * down
