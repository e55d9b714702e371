"""SORT, MERGE, RELEASE, RETURN."""

from __future__ import annotations

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import data
from slmcode.translate.cobol.emit.base import Out, emits, integer, quoted, store
from slmcode.translate.cobol.emit.control import calls
from slmcode.translate.cobol.emit.files import description, file_of, outcome
from slmcode.translate.cobol.layout import Field
from slmcode.translate.cobol.tree import Refused


@emits(tree.Sort)
def sort(out: Out, node: tree.Sort) -> None:
    if out.layout.find_or_none(node.name) is not None:
        _table(out, node)
        return
    file = description(out, node.name.name, node.line)
    work = file_of(out, file.name)
    out.line(f"{work}.begin()")
    for name in node.using:
        out.line(f"{work}.read_from({file_of(out, name)})")
    if node.input is not None:
        for line in calls(out, *node.input):
            out.line(line)
    keys = [_key(out, order, _file_key(out, file, ref)) for order, ref in node.keys]
    out.line(f"{work}.sort({', '.join(keys + _alphabet(out, node))})")
    if node.giving:
        names = ", ".join(file_of(out, name) for name in node.giving)
        out.line(f"{work}.write_to({names})")
    if node.output is not None:
        for line in calls(out, *node.output):
            out.line(line)


def _file_key(out: Out, file: tree.File, ref: tree.Ref) -> Field:
    for found in out.layout.candidates(ref):
        if found.record.file == file.name:
            return found
    raise Refused(ref.line, ref.name, f"no item of the records of {file.name}")


def _key(out: Out, order: str, field: Field) -> str:
    """A key of view records: the description of its bytes."""
    found = data.place_of(out, field, ["0"] * len(field.dims))
    code = found.descriptor or f"{out.use('Text')}(0, {field.size})"
    function = "ascending" if order == "ASCENDING" else "descending"
    return f"{out.use(function)}({code})"


def _alphabet(out: Out, node: tree.Sort) -> list[str]:
    """The argument for an order of characters that is not the native one."""
    name = node.collating or out.special.collating
    if not name:
        return []
    alphabet = out.special.alphabets.get(name, name)
    if alphabet in ("NATIVE", "ASCII", "STANDARD-1", "STANDARD-2"):
        return []
    if len(alphabet) != 256:
        raise Refused(node.line, f"COLLATING SEQUENCE {name}")
    return [f"alphabet={quoted(out, alphabet)}"]


# Tables


def _table(out: Out, node: tree.Sort) -> None:
    table = out.layout.find(node.name)
    if not table.count:
        raise Refused(node.line, f"SORT {table.name}", "not a table")
    code = data.table(out, node.name)
    keys = node.keys
    if not keys and table.item.occurs is not None:
        keys = tuple((order, tree.Ref(name, node.line)) for order, name in table.item.occurs.keys)
    keys = keys or (("ASCENDING", node.name),)
    fields = [(order, _table_key(out, table, ref)) for order, ref in keys]
    depending = table.depending
    count = None if depending is None else integer(out, depending).code
    alphabet = _alphabet(out, node)
    if table.view or alphabet:
        if not table.view:
            raise Refused(node.line, "SORT of a table with a COLLATING SEQUENCE")
        _view_table(out, table, code, fields, count, alphabet)
        return
    _native_table(out, table, code, fields, count)


def _table_key(out: Out, table: Field, ref: tree.Ref) -> Field:
    for found in out.layout.candidates(ref):
        if table in found.chain:
            return found
    raise Refused(ref.line, ref.name, f"not in the table {table.name}")


def _view_table(
    out: Out,
    table: Field,
    code: str,
    fields: list[tuple[str, Field]],
    count: str | None,
    alphabet: list[str],
) -> None:
    arguments = [code]
    for order, field in fields:
        if field is table:
            inner = data.descriptor(out, field, 0)
            function = "ascending" if order == "ASCENDING" else "descending"
            arguments.append(f"{out.use(function)}({inner})")
        else:
            arguments.append(_key(out, order, field))
    if count is not None:
        arguments.append(f"count={count}")
    out.line(f"{out.use('sort_table')}({', '.join(arguments + alphabet)})")


def _native_table(
    out: Out, table: Field, code: str, fields: list[tuple[str, Field]], count: str | None
) -> None:
    """A list is sorted in place; sorts are stable, so the last key goes first."""
    groups: list[tuple[bool, list[Field]]] = []
    for order, field in fields:
        reverse = order == "DESCENDING"
        if groups and groups[-1][0] == reverse:
            groups[-1][1].append(field)
        else:
            groups.append((reverse, [field]))
    for reverse, keys in reversed(groups):
        arguments = []
        if table.is_row:
            names = [f"row.{_inside(table, field)}" for field in keys]
            key = names[0] if len(names) == 1 else f"({', '.join(names)})"
            arguments.append(f"key=lambda row: {key}")
        if reverse:
            arguments.append("reverse=True")
        if count is None:
            out.line(f"{code}.sort({', '.join(arguments)})")
        else:
            part = f"{code}[:{count}]"
            out.line(f"{part} = sorted({', '.join([part, *arguments])})")


def _inside(table: Field, field: Field) -> str:
    if field.children or field.count:
        raise Refused(field.item.line, field.name, "a group or table as a key here")
    return field.attribute


# The records of a SORT


@emits(tree.Release)
def release(out: Out, node: tree.Release) -> None:
    record = out.layout.find(node.record)
    if node.source is not None:
        store(out, node.record, node.source)
    out.line(f"{file_of(out, record.record.file)}.release()")


@emits(tree.Return)
def return_(out: Out, node: tree.Return) -> None:
    file = description(out, node.file, node.line)
    call = f"{file_of(out, node.file)}.next_record()"
    outcome(out, file, call, node.at_end, node.not_at_end, node.into)
