"""SET, SEARCH, INITIALIZE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import data, initial, moves
from slmcode.translate.cobol.emit.base import (
    AND,
    Num,
    Out,
    condition,
    emits,
    integer,
    place,
    store,
)
from slmcode.translate.cobol.layout import Field
from slmcode.translate.cobol.tree import Refused

# SET


@emits(tree.SetTo)
def set_to(out: Out, node: tree.SetTo) -> None:
    for ref in node.refs:
        if not isinstance(ref, tree.Ref):
            raise Refused(node.line, "SET ADDRESS OF")
        if node.how in ("TRUE", "FALSE"):
            _condition_name(out, ref, node.how == "TRUE")
        elif node.how in ("ON", "OFF"):
            device = out.special.mnemonics.get(ref.name, ref.name)
            out.line(f'self.set_switch("{device}", {node.how == "ON"})')
        elif node.value is None:
            raise Refused(node.line, "SET", "without a value")
        elif node.how == "TO":
            if isinstance(node.value, tree.AddressOf):
                raise Refused(node.line, "SET TO ADDRESS OF")
            store(out, ref, node.value)
        else:
            _step(out, ref, node.value, node.how == "UP", node.line)


def _step(out: Out, ref: tree.Ref, value: tree.Expression, up: bool, line: int) -> None:
    found = place(out, ref)
    if found.field.usage == "INDEX":
        out.line(f"{found.code} {'+' if up else '-'}= {integer(out, value).code}")
        return
    verb = "ADD" if up else "SUBTRACT"
    out.body((tree.Arithmetic(line, verb, (value,), (tree.Target(ref),)),))


def _condition_name(out: Out, ref: tree.Ref, to: bool) -> None:
    """SET level-88 TO TRUE or FALSE: its first value goes to its item."""
    found = out.layout.condition_of(ref)
    if found is None:
        raise Refused(ref.line, ref.name, "no condition has this name")
    name, field = found
    value: tree.Expression | tuple[tree.Expression, tree.Expression] | None
    value = name.values[0] if to else name.false
    if value is None:
        raise Refused(ref.line, f"SET {ref.name} TO FALSE", "it has no value for FALSE")
    if isinstance(value, tuple):
        value = value[0]
    at = data.place_of(out, field, data.indexes(out, ref, field))
    moves.move_field(out, at, value)


# SEARCH


@emits(tree.Search)
def search(out: Out, node: tree.Search) -> None:
    table = out.layout.find(node.table)
    occurs = table.item.occurs
    if occurs is None:
        raise Refused(node.line, f"SEARCH {table.name}", "it has no OCCURS")
    if not occurs.indexes:
        raise Refused(node.line, f"SEARCH {table.name}", "it has no INDEXED BY")
    index = tree.Ref(occurs.indexes[0], node.line)
    varying = node.varying
    if varying is not None and varying.name in occurs.indexes:
        index, varying = varying, None
    count = Num(str(table.count), table.count, table.count)
    if occurs.depending is not None:
        count = integer(out, occurs.depending)
    if node.all:
        _search_all(out, node, table, index, count)
        return
    at = place(out, index).code
    tests = [condition(out, tree.Not(test, node.line), AND) for test, _ in node.whens]
    with out.block(f"while {' and '.join([f'{at} <= {count.code}', *tests])}:"):
        _step(out, index, tree.Number("1"), True, node.line)
        if varying is not None:  # cobc gives it the index's value, whatever it was
            store(out, varying, index)
    _found(out, node, f"{at} > {count.code}", f"{at} <= {count.code}")


def _found(out: Out, node: tree.Search, missed: str, hit: str) -> None:
    """The phrases behind the loop that looks: a `break` in them is the program's own."""
    word = "if"
    if node.at_end is None and len(node.whens) == 1:
        with out.block(f"if {hit}:"):
            out.body(node.whens[0][1])
        return
    with out.block(f"{word} {missed}:"):
        out.body(node.at_end or ())
    for test, body in node.whens[:-1]:
        with out.block(f"elif {condition(out, test)}:"):
            out.body(body)
    last = node.whens[-1][1]
    if any(not isinstance(inside, (tree.Continue, tree.Comment)) for inside in last):
        with out.block("else:"):
            out.body(last)


def _search_all(out: Out, node: tree.Search, table: Field, index: tree.Ref, count: Num) -> None:
    """The same halves as cobc tries: of equal keys the same one is found."""
    assert table.item.occurs is not None
    order = {name: way for way, name in table.item.occurs.keys}
    if not order:
        raise Refused(node.line, f"SEARCH ALL {table.name}", "it has no KEY")
    if len(node.whens) != 1:
        raise Refused(node.line, "SEARCH ALL with more than one WHEN")
    test, _ = node.whens[0]
    pairs = [_compared(out, part, order, node.line) for part in _parts(test)]
    at = place(out, index).code
    low, high = out.local("low"), out.local("high")
    beyond = str(count.constant + 1) if count.constant is not None else f"{count.code} + 1"
    out.line(f"{low}, {high} = 0, {beyond}")
    with out.block(f"while {low} < {high} - 1:"):
        out.line(f"{at} = ({low} + {high}) // 2")
        with out.block(f"if {condition(out, test)}:"):
            out.line("break")
        with out.block(f"if {condition(out, _smaller(pairs))}:"):
            out.line(f"{low} = {at}")
        with out.block("else:"):
            out.line(f"{high} = {at}")
    _found(out, node, f"{low} >= {high} - 1", f"{low} < {high} - 1")


def _parts(test: tree.Condition) -> Iterator[tree.Condition]:
    if isinstance(test, tree.Both):
        yield from _parts(test.left)
        yield from _parts(test.right)
    else:
        yield test


def _compared(out: Out, test: tree.Condition, order: dict[str, str], line: int) -> tree.Compare:
    """One part of WHEN as a comparison that is true where the value is further on."""
    if isinstance(test, tree.NameTest):
        found = out.layout.condition_of(test.of)
        if found is None or isinstance(found[0].values[0], tuple):
            raise Refused(line, "SEARCH ALL with this condition-name")
        item = tree.Ref(
            found[1].name, test.of.line, test.of.qualifiers, subscripts=test.of.subscripts
        )
        test = tree.Compare("=", item, found[0].values[0], line)
    if not isinstance(test, tree.Compare) or test.operator != "=":
        raise Refused(line, "SEARCH ALL with another condition than key = value")
    for key, value in ((test.left, test.right), (test.right, test.left)):
        if isinstance(key, tree.Ref) and key.name in order:
            further = "<" if order[key.name] == "ASCENDING" else ">"
            return tree.Compare(further, key, value, line)
    raise Refused(line, "SEARCH ALL", "a WHEN without a key of the table")


def _smaller(pairs: list[tree.Compare]) -> tree.Condition:
    first, *rest = pairs
    if not rest:
        return first
    equal = tree.Compare("=", first.left, first.right, first.line)
    return tree.Either(first, tree.Both(equal, _smaller(rest), first.line), first.line)


# INITIALIZE

_CATEGORIES = {
    "numeric": "NUMERIC",
    "float": "NUMERIC",
    "index": "NUMERIC",
    "numeric-edited": "NUMERIC-EDITED",
    "alphanumeric": "ALPHANUMERIC",
    "alphabetic": "ALPHABETIC",
    "alphanumeric-edited": "ALPHANUMERIC-EDITED",
}


@emits(tree.Initialize)
def initialize(out: Out, node: tree.Initialize) -> None:
    for ref in node.refs:
        field = out.layout.find(ref)
        if ref.start is not None:
            store(out, ref, tree.Figurative("SPACE", line=node.line))
            continue
        _initialize(out, node, field, data.indexes(out, ref, field))


def _initialize(out: Out, node: tree.Initialize, field: Field, subscripts: list[str]) -> None:
    if not field.children:
        _elementary(out, node, field, subscripts)
        return
    for child in field.children:
        if child.redefines is not None or child.item.level == 66:
            continue
        if not any(_value(node, below) is not None for below in _inside(child)):
            continue
        if not child.count:
            _initialize(out, node, child, subscripts)
        elif not child.children and not child.view:
            _whole_list(out, node, child, subscripts)
        else:
            with ExitStack() as blocks:
                i = out.local("i")
                blocks.enter_context(out.block(f"for {i} in range({child.count}):"))
                _initialize(out, node, child, [*subscripts, i])


def _inside(field: Field) -> Iterator[Field]:
    """The elementary items that INITIALIZE of a group reaches."""
    if not field.children:
        yield field
    for child in field.children:
        if child.redefines is None and child.item.level != 66:
            yield from _inside(child)


def _whole_list(out: Out, node: tree.Initialize, field: Field, subscripts: list[str]) -> None:
    value = _value(node, field)
    assert value is not None
    found = data.place_of(out, field, [*subscripts, "@"]).code
    replaces = any(value is given for _, given in node.replacing)
    if replaces or not found.endswith("[@]"):
        i = out.local("i")
        with out.block(f"for {i} in range({field.count}):"):
            _elementary(out, node, field, [*subscripts, i])
        return
    code = initial.value(out, field, value)
    out.line(f"{found.removesuffix('[@]')} = [{code}] * {field.count}")


def _elementary(out: Out, node: tree.Initialize, field: Field, subscripts: list[str]) -> None:
    value = _value(node, field)
    if value is None or (not field.attribute and not field.view):
        return
    at = data.place_of(out, field, subscripts)
    if any(value is given for _, given in node.replacing):
        moves.move_field(out, at, value)
    else:
        out.line(f"{at.code} = {initial.value(out, field, value)}")


def _value(node: tree.Initialize, field: Field) -> tree.Expression | None:
    """What INITIALIZE gives an elementary item; None: it is left alone."""
    if not field.name and not node.with_filler:
        return None
    category = _CATEGORIES.get(field.category)
    if category is None:
        return None
    if field.item.values and node.to_value:  # cobc does not look at the category here
        return field.item.values[0]
    for wanted, value in node.replacing:
        if wanted == category:
            return value
    if node.to_default or not (node.to_value or node.replacing):
        if category == "NUMERIC":
            return tree.Figurative("ZERO")
        return tree.Number("0") if category == "NUMERIC-EDITED" else tree.Figurative("SPACE")
    return None
