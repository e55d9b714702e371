"""The first values of items: VALUE, else zero for numbers and spaces for texts, as cobc's."""

from __future__ import annotations

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit.base import Out, quoted
from slmcode.translate.cobol.emit.literals import (
    kept_units,
    number_code,
    picture_edit,
    text_constant,
    units_of,
)
from slmcode.translate.cobol.layout import Field


def value(out: Out, field: Field, given: tree.Expression | None = None) -> str:
    """Code of the value that one of `field` has at first."""
    if given is None and field.item.values:
        given = field.item.values[0]
    if isinstance(given, tree.Ref):
        given = out.layout.constant(given.name) or given
    if field.kind in ("int", "decimal"):
        if field.section == "index":
            return "1"
        units = 0 if given is None else units_of(given, field.scale, field.item.line)
        return number_code(out, kept_units(field, units, field.scale), field.scale)
    if field.kind == "float":
        return (
            "0.0" if given is None else repr(float(units_of(given, 18, field.item.line) / 10**18))
        )
    if given is None:
        if field.category == "numeric-edited":
            return _shown(out, picture_edit(out, "0", field))
        return f'" " * {field.size}' if field.size > 8 else f'"{" " * field.size}"'
    literal = text_constant(out, given, field.size)
    if field.category == "numeric-edited" and isinstance(given, tree.Number):
        return _shown(out, picture_edit(out, given.text, field))
    return _shown(out, literal.ljust(field.size)[: field.size])


def _shown(out: Out, literal: str) -> str:
    """A literal, with many spaces at its end written as a number of them."""
    kept = literal.rstrip(" ")
    spaces = len(literal) - len(kept)
    if kept and spaces > 24:
        return f"{quoted(out, kept)}.ljust({len(literal)})"
    return quoted(out, literal)


def several(out: Out, field: Field, counts: list[int]) -> str:
    """VALUES of a table: one for each element, the last for those that follow."""
    values = field.item.values
    codes = [value(out, field, values[min(i, len(values) - 1)]) for i in range(counts[0])]
    return f"[{', '.join(codes)}]"


def view(out: Out, root: Field, row: str = "") -> None:
    """Write what gives a new record its values; its bytes are spaces. `row`: one of several."""
    own = row or f"self.{root.attribute}"
    if not root.children:
        code = value(out, root)
        if not _spaces(root, code):
            out.line(f"{own}.value = {code}", root.item.line)
        return
    if root.item.values:
        _group_value(out, root, f"{own}.group")
        return
    for child in root.children:
        _inside(out, child, own)


def _group_value(out: Out, field: Field, code: str) -> None:
    literal = text_constant(out, field.item.values[0], field.size)
    if literal.strip(" "):
        kept = literal.rstrip(" ") if len(literal) <= field.size else literal[: field.size]
        out.line(f"{code} = {quoted(out, kept)}", field.item.line)


def _spaces(field: Field, code: str) -> bool:
    return field.kind == "text" and (code.startswith('" " *') or not code.strip('" '))


def _inside(out: Out, field: Field, owner: str) -> None:
    if field.redefines is not None:
        return
    if field.item.values and field.children:
        if field.count:
            return
        _group_value(out, field, f"{owner}.{field.attribute}")
        return
    if field.children:
        if field.is_thin:
            child = field.children[0]
            code = value(out, child)
            if not _spaces(child, code):
                with out.block(f"for i in range({field.count}):"):
                    out.line(f"{owner}.{child.attribute}[i] = {code}", child.item.line)
            return
        if not field.count:
            for child in field.children:
                _inside(out, child, owner)
            return
        if _needs(out, field):
            row = out.local("row")
            with out.block(f"for {row} in {owner}.{field.attribute}:"):
                for child in field.children:
                    _inside(out, child, row)
        return
    if not field.attribute:
        return
    if field.count and len(field.item.values) > 1:
        for at, given in enumerate(field.item.values):
            out.line(f"{owner}.{field.attribute}[{at}] = {value(out, field, given)}")
        return
    code = value(out, field)
    if _spaces(field, code):
        return
    if field.count:
        with out.block(f"for i in range({field.count}):"):
            out.line(f"{owner}.{field.attribute}[i] = {code}", field.item.line)
    else:
        out.line(f"{owner}.{field.attribute} = {code}", field.item.line)


def _needs(out: Out, field: Field) -> bool:
    """True when a table's rows have anything that is not spaces at first."""
    for item in field.walk():
        if item.redefines is not None:
            continue
        if not item.children and (item.is_number or not _spaces(item, value(out, item))):
            return True
    return False
