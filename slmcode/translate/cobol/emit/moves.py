"""MOVE, and storing of values in items in general."""

from __future__ import annotations

from dataclasses import replace

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import data
from slmcode.translate.cobol.emit import expressions as values
from slmcode.translate.cobol.emit.base import (
    ATOM,
    PRODUCT,
    SUM,
    Num,
    Out,
    Place,
    Txt,
    emits,
    integer,
    power_of_ten,
    quoted,
)
from slmcode.translate.cobol.emit.literals import (
    edit_arguments,
    kept_units,
    number_code,
    picture_edit,
)
from slmcode.translate.cobol.layout import Field
from slmcode.translate.cobol.tree import Refused

Value = tree.Expression | Num | Txt | Place


@emits(tree.Move)
def move(out: Out, node: tree.Move) -> None:
    if node.corresponding:
        assert isinstance(node.source, tree.Ref)
        for target in node.into:
            for one, other in corresponding(out, node.source, target):
                if one.field.children and other.field.children:
                    _assign_text(out, other, values.text_at(out, one))
                elif not (one.field.children or other.field.children):
                    move_field(out, other, one)
                else:
                    _assign_text(out, other, values.text_at(out, one))
        return
    source: Value = values.resolve(out, node.source)
    if isinstance(source, tree.FunctionCall) and len(node.into) > 1:
        name = out.local("value")
        found = values.number(out, source) if values.is_numeric(out, source) else None
        made = found or values.text(out, source)
        out.line(f"{name} = {made.code}")
        source = replace(made, code=name, level=ATOM)
    for ref in node.into:
        if not _filled(out, ref, source):
            store(out, ref, source)


def _filled(out: Out, ref: tree.Ref, source: Value) -> bool:
    """ZERO or SPACE to a native group: each of its items has it; else False."""
    if not isinstance(source, tree.Figurative) or ref.start is not None:
        return False
    field = out.layout.find(ref)
    if field.category != "group" or field.view:
        return False
    data.fill_native(out, field, "0" if source.name == "ZERO" else " ")
    return True


def corresponding(out: Out, left: tree.Ref, right: tree.Ref) -> list[tuple[Place, Place]]:
    """The items of two groups that MOVE CORRESPONDING pairs, elementary on one side at least."""
    one, other = out.layout.find(left), out.layout.find(right)
    one_at = data.indexes(out, left, one)
    other_at = data.indexes(out, right, other)
    return [
        (data.place_of(out, a, one_at), data.place_of(out, b, other_at))
        for a, b in _pairs(one, other)
    ]


def _pairs(one: Field, other: Field) -> list[tuple[Field, Field]]:
    found = []
    named = {child.name: child for child in reversed(_eligible(other)) if child.name}
    for child in _eligible(one):
        partner = named.get(child.name)
        if partner is None:
            continue
        if child.children and partner.children:
            found.extend(_pairs(child, partner))
        elif not (child.children or partner.children) or (child.view and partner.view):
            found.append((child, partner))
    return found


def _eligible(group: Field) -> list[Field]:
    return [
        child
        for child in group.children
        if child.item.level not in (66, 77)
        and child.redefines is None
        and not child.count
        and child.category not in ("index", "pointer")
    ]


# Storing


def store(out: Out, ref: tree.Ref, value: Value) -> None:
    place = data.place(out, ref)
    if ref.start is not None:
        _store_part(out, ref, place, value)
    else:
        move_field(out, place, value)


def _store_part(out: Out, ref: tree.Ref, place: Place, value: Value) -> None:
    """Into a reference modification."""
    if data.is_long(place.field):
        bytes_of = data.part_of_bytes(out, ref, place.field)
        count = bytes_of.size if bytes_of.size is not None else bytes_of.count
        new = _text_of(out, value, count)
        exact = new.length is not None and new.length == bytes_of.size
        if not exact and not isinstance(value, tree.Figurative):
            new = _padded(out, new, count)
        out.line(f"{bytes_of.code} = {data.encoded(new)}")
        return
    part = data.reference_slice(out, ref)
    whole = values.text_at(out, place)
    size: int | str | None = part.size
    if size is None:
        size = part.count
    if size is None:
        if whole.length is not None and part.first.isdigit():
            size = whole.length - int(part.first)
        else:
            size = f"len({whole.code}) - ({part.first})"
    moved = _text_of(out, value, size)
    start = integer(out, ref.start) if ref.start is not None else None
    assert start is not None
    if not place.field.view and isinstance(size, int) and moved.literal is not None:
        fitted = moved.literal.ljust(size)[:size]
        if part.first.isdigit() and whole.length is not None:
            first = int(part.first)
            pieces = [f"{place.code}[:{first}]"] if first else []
            pieces.append(quoted(out, fitted))
            if first + size < whole.length:
                pieces.append(f"{place.code}[{first + size} :]")
            out.line(f"{place.code} = {' + '.join(pieces)}")
            return
    count = "" if part.count is None else f", {part.count}"
    code = f"{out.use('replaced')}({whole.code}, {start.code}, {moved.code}{count})"
    _assign_bytes(out, place, Txt(code, whole.length))


def _padded(out: Out, text: Txt, size: int | str | None) -> Txt:
    """`text` cut or filled to so many characters, known now or when it runs."""
    if isinstance(size, int):
        literal = None if text.literal is None else text.literal.ljust(size)[:size]
        return Txt(fitted(out, text, size), size, literal=literal)
    return Txt(f"{out.use('pad')}({text.code}, {size})")


def move_field(out: Out, place: Place, value: Value) -> None:
    """MOVE of `value` to a whole item."""
    field = place.field
    if not isinstance(value, (Num, Txt, Place)):
        value = values.resolve(out, value)
    if field.category == "group" or _is_group(out, value):
        _group_move(out, place, value)
    elif field.category == "pointer":
        _pointer_move(out, place, value)
    elif field.is_number or field.category == "index":
        _to_number(out, place, value)
    elif field.category == "numeric-edited":
        _to_edited(out, place, value)
    elif field.category == "alphanumeric-edited":
        text = _text_of(out, value, field.size)
        code = f'{out.use("edit")}({text.code}, "{field.item.picture}")'
        out.line(f"{place.code} = {code}")
    else:
        text = _text_of(out, value, field.size)
        if field.item.justified and (text.length or 0) > field.size and _from_number(out, value):
            text = Txt(fitted(out, text, field.size), field.size)  # cut behind all the same
        _assign_text(out, place, text)


def _from_number(out: Out, value: Value) -> bool:
    """Whether it is a number that is known when the program runs only, without P in its picture."""
    if isinstance(value, Place):
        return value.field.is_number and value.field.scale >= 0
    if isinstance(value, tree.Ref) and out.layout.find(value).scale < 0:
        return False
    if isinstance(value, (tree.Number, Txt)):
        return False
    return isinstance(value, Num) or values.is_numeric(out, value)


def _is_group(out: Out, value: Value) -> bool:
    if isinstance(value, Place):
        return value.field.category == "group"
    if isinstance(value, tree.Ref) and value.start is None:
        return out.layout.find(value).category == "group"
    return False


def _group_move(out: Out, place: Place, value: Value) -> None:
    """Bytes as they are, filled with spaces; also from a group to anything."""
    field = place.field
    if isinstance(value, (tree.Number, Num)):
        text = values.text(out, value)
    elif isinstance(value, tree.Figurative):
        text = values.text(out, value, field.size)
    elif isinstance(value, Place):
        text = values.text_at(out, value)
    else:
        text = values.text(out, value)
    if field.category == "group":
        _assign_text(out, place, text)
    elif field.kind == "text":
        _assign_text(out, place, text, plain=True)
    else:
        _assign_bytes(out, place, text)


def _assign_bytes(out: Out, place: Place, text: Txt) -> None:
    """Put bytes into an item whatever it is."""
    field = place.field
    if field.kind in ("text", "group"):
        _assign_text(out, place, text, plain=True)
        return
    if not field.view:
        raise Refused(out.source, f"bytes moved to {field.name}", "a number without bytes")
    code = (
        text.code if text.length == field.size else f"{out.use('pad')}({text.code}, {field.size})"
    )
    out.line(f'{place.descriptor}.bytes_of({place.owner})[:] = {_atom(code)}.encode("latin-1")')


def _atom(code: str) -> str:
    return code if " " not in code.split("(")[0] else f"({code})"


def _assign_text(out: Out, place: Place, text: Txt, plain: bool = False) -> None:
    """Assign to an alphanumeric item or group, cut or filled to its size."""
    field = place.field
    right = field.item.justified and not plain and not field.children
    if field.view and not (field.item.justified and plain):
        code = text.code
        if text.literal is not None and text.level == ATOM:
            bare = text.literal.rstrip(" ") if not right else text.literal
            code = quoted(out, bare or " ")
        out.line(f"{place.code} = {code}")
        return
    out.line(f"{place.code} = {fitted(out, text, field.size, right)}")


def fitted(out: Out, text: Txt, size: int, right: bool = False) -> str:
    """`text` as exactly `size` characters."""
    if text.length == size:
        return text.code
    if text.literal is not None:
        whole = text.literal
        literal = whole.rjust(size)[-size:] if right else whole.ljust(size)[:size]
        bare = literal.rstrip(" ")
        if not bare and size > 8:
            return f'" " * {size}'
        if len(literal) - len(bare) > 8:
            return f"{quoted(out, bare)}.ljust({size})"
        return quoted(out, literal)
    if right:
        if text.length is not None and text.length < size:
            return f"{text.at(ATOM)}.rjust({size})"
        return f"{out.use('pad_left')}({text.code}, {size})"
    if text.length is None:
        return f"{out.use('pad')}({text.code}, {size})"
    if text.length > size:
        return f"{text.at(ATOM)}[:{size}]"
    return f"{text.at(ATOM)}.ljust({size})"


def _text_of(out: Out, value: Value, size: int | str | None) -> Txt:
    """A value as MOVE to an alphanumeric item takes it."""
    if isinstance(value, Txt):
        return value
    if isinstance(value, Num):
        return values.digits_of(out, value)
    if isinstance(value, Place):
        if value.field.is_number:
            return values.digits_of(out, values.number_at(out, value), value.field)
        return values.text_at(out, value)
    if isinstance(value, tree.Ref) and value.start is None:
        found = data.place(out, value)
        if found.field.is_number or found.field.category == "index":
            return values.digits_of(out, values.number_at(out, found), found.field)
    return values.text(out, value, size)


def _pointer_move(out: Out, place: Place, value: Value) -> None:
    if isinstance(value, tree.Figurative):
        out.line(f"{place.code} = 0")
    elif isinstance(value, Place):
        out.line(f"{place.code} = {value.code}")
    elif isinstance(value, tree.Ref):
        out.line(f"{place.code} = {data.place(out, value).code}")
    else:
        raise Refused(out.source, "a value for a pointer")


def _to_edited(out: Out, place: Place, value: Value) -> None:
    field = place.field
    if isinstance(value, tree.Number):
        out.line(f"{place.code} = {quoted(out, picture_edit(out, value.text, field))}")
        return
    if isinstance(value, tree.Figurative):
        if value.name == "ZERO":
            out.line(f"{place.code} = {quoted(out, picture_edit(out, '0', field))}")
        else:
            _assign_text(out, place, values.text(out, value, field.size), plain=True)
        return
    if isinstance(value, tree.Ref) and not values.is_numeric(out, value):
        found = data.place(out, value)
        if found.field.category == "numeric-edited" and value.start is None:
            code = values.number_at(out, found).code
        else:
            code = values.text(out, value).code
    elif isinstance(value, Place) and value.field.kind == "text":
        code = (
            values.number_at(out, value).code
            if value.field.category == "numeric-edited"
            else value.code
        )
    elif isinstance(value, (tree.Text, Txt)):
        code = values.text(out, value).code
    else:
        code = values.number(out, value).code
    out.line(f"{place.code} = {edited(out, field, code)}")


def edited(out: Out, field: Field, code: str) -> str:
    """Code of a value as the edited item `field` shows it."""
    return f'{out.use("edit")}({code}, "{field.item.picture}"{edit_arguments(out, field)})'


def _to_number(out: Out, place: Place, value: Value) -> None:
    field = place.field
    if isinstance(value, tree.Figurative) and value.name != "ZERO" and not _digits(value):
        _assign_bytes(out, place, values.text(out, value, field.size))
        return
    found = values.number(out, value)
    if field.is_binary and not field.cut and not field.signed and found.signed:
        found = absolute(out, found)
    assign_number(out, place, found)


def absolute(out: Out, value: Num) -> Num:
    """MOVE to an unsigned binary item drops the sign; arithmetic wraps round instead."""
    if value.constant is not None:
        return values.constant(out, abs(value.constant), value.scale)
    bounds = [abs(bound) for bound in (value.low, value.high) if bound is not None]
    high = max(bounds) if len(bounds) == 2 else None
    return replace(value, code=f"abs({value.code})", low=0, high=high, level=ATOM)


def _digits(value: tree.Figurative) -> bool:
    return value.name == "ALL" and value.text.isdigit()


def assign_number(out: Out, place: Place, value: Num) -> None:
    """Assign a number, cut as MOVE cuts it."""
    code = value.code if place.field.view else cut(out, place.field, value)
    if place.field.view and value.constant is not None:
        code = cut(out, place.field, value)
    out.line(f"{place.code} = {code}")


def cut(out: Out, field: Field, value: Num) -> str:
    """Code of `value` without what the item has no room for, at both ends."""
    if field.category == "float":
        return float_code(out, field, value)
    low, high = field.bounds
    assert low is not None
    assert high is not None
    scale = max(field.scale, 0)
    if value.constant is not None:
        return number_code(out, kept_units(field, value.constant, value.scale), field.scale)
    if field.usage == "INDEX":
        return value.code if value.kind == "int" else f"int({value.code})"
    inside = _inside(value, low, high, scale)
    if field.scale < 0:
        arguments = f"{value.code}, {field.digits}, {field.scale}"
        return f"{out.use('truncate')}({arguments}{'' if field.signed else ', signed=False'})"
    if inside and value.kind == "int" and scale == 0:
        return value.code
    if inside and value.kind == "decimal" and value.scale == scale and scale > 0:
        return value.code
    if inside and value.kind == "decimal" and scale == 0:
        return f"int({value.code})"
    if field.is_binary and not field.cut:
        if value.kind == "int" and scale == 0:
            return _wrapped(field, value)
        arguments = f"{value.code}, {field.size}"
        if not field.signed or scale:
            arguments += f", {field.signed}"
        if scale:
            arguments += f", {scale}"
        return f"{out.use('wrap')}({arguments})"
    signed = "" if field.signed else ", signed=False"
    if scale:
        arguments = f"{value.code}, {field.digits}, {scale}"
        if not field.signed:
            arguments += ", False"
        else:
            arguments += ", True"
        return f"{out.use('fixed')}({arguments})".replace(", True)", ")")
    if value.kind == "int" and not value.signed:
        return f"{value.at(PRODUCT)} % {power_of_ten(field.digits)}"
    if value.kind == "int" and not field.signed and _inside(value, -high, high, 0):
        return f"abs({value.code})"
    return f"{out.use('whole')}({value.code}, {field.digits}{signed})"


def _wrapped(field: Field, value: Num) -> str:
    """An integer as so many bits keep it, without a call: loops run on COMP-5 counters."""
    bits = 8 * field.size
    if not field.signed:
        mask = f"{(1 << bits) - 1:#X}".replace("0X", "0x")
        return f"{value.at(PRODUCT)} & {mask}"
    half = f"2**{bits - 1}"
    return f"({value.at(SUM)} + {half}) % 2**{bits} - {half}"


def _inside(value: Num, low: int, high: int, scale: int) -> bool:
    if value.low is None or value.high is None or value.kind == "number":
        return False
    up = int(10 ** max(0, scale - value.scale))
    down = int(10 ** max(0, value.scale - scale))
    return low * down <= value.low * up and value.high * up < (high + 1) * down


def float_code(out: Out, field: Field, value: Num) -> str:
    function = "single" if field.size == 4 else "to_float"
    if value.constant is not None and field.size == 8:
        whole = value.constant / 10**value.scale
        if whole == int(whole):
            return repr(whole)
    return f"{out.use(function)}({value.code})"
