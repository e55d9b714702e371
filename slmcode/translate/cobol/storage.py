"""Which items need their bytes, and how every item is called in Python.

An item is *native*, a plain attribute, when nothing sees its bytes; else it is a *view*: a field
of a Record, together with all of the group that something uses as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit.names import (
    RECORD_RESERVED,
    RESERVED,
    class_name,
    python_name,
)
from slmcode.translate.cobol.layout import Field, Layout

# Names the module imports: no class of a record may hide them.
_IMPORTED = frozenset(
    "Array Binary CallError Decimal DecimalDisplay Display ExitProgram Float Group Jump Packed "
    "Program Record SizeError StopRun Storage Table Text Any HIGH LOW".split()
)
_LONG = 500  # bytes: storing a part of so long a text in place is worth being a view
_WHOLE = ("LENGTH", "BYTE-LENGTH")
_BYTES_ONLY = ("SPACE", "HIGH-VALUE", "LOW-VALUE", "QUOTE")


def decide(made: Layout) -> None:
    """Fill `view`, `root`, `is_row` and the names of all fields."""
    needed = _Needed(made)
    for record in made.records:
        _from_data(record, needed)
        if record.file or record.section == "linkage" or record.item.external or record.item.based:
            needed.bytes_of(record)
    if made.program.returning is not None:
        needed.ref(made.program.returning)
    needed.walk(made.program)
    for record in made.records:
        _mark(record, None, needed.found)
    for record in made.records:
        _rows(record, needed.whole)
    _name(made)


def _from_data(record: Field, needed: _Needed) -> None:
    if record.redefines is not None:
        needed.bytes_of(record)
        needed.bytes_of(record.redefines)
    for item in record.walk():
        if item.children and item.item.values:
            needed.bytes_of(item)
        if item.redefines is not None and item.parent is not None:
            parent = item.parent
            needed.bytes_of(parent if item.item.level != 66 else item.record)
        if item.category == "pointer":
            needed.bytes_of(item)
        for condition in item.item.conditions:
            if item.children or (
                item.is_number and any(_bytes_only(v) for v in _values(condition))
            ):
                needed.bytes_of(item)


def _values(condition: tree.ConditionName) -> Iterator[object]:
    for value in condition.values:
        if isinstance(value, tuple):
            yield from value
        else:
            yield value


def _bytes_only(value: object) -> bool:
    return isinstance(value, tree.Figurative) and value.name in (*_BYTES_ONLY, "ALL")


class _Needed:
    """The fields whose bytes some statement sees."""

    def __init__(self, made: Layout) -> None:
        self.made = made
        self.found: set[int] = set()
        self.whole: set[int] = set()  # rows among them

    def bytes_of(self, field: Field) -> None:
        self.whole.add(id(field))
        top = field.record if field.dims else field
        self.found.add(id(top))

    def fields(self, ref: tree.Ref) -> list[Field]:
        return self.made.candidates(ref)

    def ref(self, ref: tree.Ref, always: bool = True) -> None:
        """Something sees the bytes of `ref`; not `always`: of a number only."""
        for field in self.fields(ref):
            if always or field.is_number:
                self.bytes_of(field)

    def walk(self, node: Any) -> None:
        kind: Any = type(node)
        if kind is tuple or kind is list:
            for part in node:
                self.walk(part)
            return
        if isinstance(node, tree.Ref):
            self.use(node)
            return
        if not is_dataclass(node) or kind in _SKIPPED:
            return
        special = getattr(self, f"_{kind.__name__.lower()}", None)
        if special is None or special(node):
            for name in _fields(kind):
                self.walk(getattr(node, name))

    def use(self, node: tree.Ref) -> None:
        """A reference where a value is read or stored."""
        for field in self.fields(node):
            if field.section == "register":
                self.made.registers_used.add(field.name)
            if field.category == "group" or (node.start is not None and field.is_number):
                self.bytes_of(field)
        self.inside(node)

    def inside(self, node: tree.Ref) -> None:
        self.walk(node.subscripts)
        self.walk(node.start)
        self.walk(node.length)

    def filled(self, ref: tree.Ref, value: str) -> None:
        """ZERO or SPACE is moved to all of `ref`: items that can have it need no bytes for it."""
        self.inside(ref)
        for field in self.fields(ref):
            group = field.category == "group"
            if ref.start is not None or (group and (field.dims or not _can_be(field, value))):
                self.ref(ref, always=group)
            elif value == "SPACE":
                self.ref(ref, always=False)

    # Nodes of their own: True where the parts are walked as usual

    def _program(self, node: tree.Program) -> bool:
        for part in (node.files, node.declaratives, node.sections, node.nested):
            self.walk(part)
        return False

    def _file(self, node: tree.File) -> bool:
        return False

    def _lengthof(self, node: tree.LengthOf) -> bool:
        if isinstance(node.of, tree.Ref):
            self.inside(node.of)
            return False
        return True

    def _functioncall(self, node: tree.FunctionCall) -> bool:
        if node.name in _WHOLE:
            for argument in node.arguments:
                if isinstance(argument, tree.Ref):
                    self.inside(argument)
                else:
                    self.walk(argument)
            return False
        if node.name in self.made.program.special.user_functions:
            for argument in node.arguments:
                if isinstance(argument, tree.Ref):
                    self.ref(argument)
        return True

    def _addressof(self, node: tree.AddressOf) -> bool:
        self.ref(node.of)
        return True

    def _nametest(self, node: tree.NameTest) -> bool:
        self.inside(node.of)
        return False

    def _initialize(self, node: tree.Initialize) -> bool:
        for ref in node.refs:
            self.inside(ref)
        self.walk(node.replacing)
        return False

    def _move(self, node: tree.Move) -> bool:
        if node.corresponding:
            for ref in (node.source, *node.into):
                if isinstance(ref, tree.Ref):
                    self.inside(ref)
            return False
        for ref in node.into:
            if ref.start is not None:
                for field in self.fields(ref):
                    if field.size > _LONG and not field.dims:
                        self.bytes_of(field)
        source = self.fields(node.source) if isinstance(node.source, tree.Ref) else []
        if isinstance(node.source, tree.Figurative) and node.source.name in ("ZERO", "SPACE"):
            for ref in node.into:
                self.filled(ref, node.source.name)
            return False
        if _bytes_only(node.source) or any(field.category == "group" for field in source):
            for ref in node.into:
                self.ref(ref, always=False)
        return True

    def _arithmetic(self, node: tree.Arithmetic) -> bool:
        if not node.corresponding:
            return True
        self.walk(node.on_error)
        self.walk(node.on_other)
        return False

    def _sort(self, node: tree.Sort) -> bool:
        self.inside(node.name)
        return False

    def _search(self, node: tree.Search) -> bool:
        self.inside(node.table)
        self.walk(node.whens)
        self.walk(node.at_end)
        return False

    def _inspect(self, node: tree.Inspect) -> bool:
        if isinstance(node.ref, tree.Ref) and (node.replacing or node.converting):
            self.ref(node.ref, always=False)
        return True

    def _string(self, node: tree.String) -> bool:
        self.ref(node.into, always=False)
        return True

    def _callprogram(self, node: tree.CallProgram) -> bool:
        for argument in node.using:
            if argument.by == "REFERENCE" and isinstance(argument.value, tree.Ref):
                self.ref(argument.value)
        if node.returning is not None:
            self.ref(node.returning)
        return True


def _can_be(field: Field, value: str) -> bool:
    """Whether every item of a group can have that value everywhere: 0 in texts is "000"."""
    if field.children:
        return all(child.redefines is None and _can_be(child, value) for child in field.children)
    if field.kind == "text":
        return True
    return value == "ZERO" and field.usage == "DISPLAY" and "SEPARATE" not in field.sign


_SKIPPED = (tree.Item, tree.SpecialNames, tree.Number, tree.Text, tree.Figurative)
_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields(kind: type) -> tuple[str, ...]:
    found = _FIELDS.get(kind)
    if found is None:
        found = _FIELDS[kind] = tuple(part.name for part in fields(kind) if part.name != "line")
    return found


def _mark(field: Field, root: Field | None, needed: set[int]) -> None:
    if root is None and id(field) in needed:
        root = field
    field.root = root
    field.view = root is not None
    for child in field.children:
        _mark(child, root, needed)


def _rows(field: Field, whole: set[int]) -> None:
    """Native tables of groups have rows that are objects, but for those with one child only."""
    for item in field.walk():
        if (
            item.count
            and item.view
            and item is not item.root
            and len(item.children) == 1
            and id(item) not in whole
        ):
            child = item.children[0]
            item.is_thin = not (child.children or child.count or child.item.values[1:])
        if item.count and item.children and not item.view:
            named = [child for child in item.children if child.name or child.children]
            item.is_row = len(named) != 1


# Names


def _name(made: Layout) -> None:
    taken = set(RESERVED)
    made.attributes = taken
    made.classes |= _IMPORTED
    own = class_name(made.program.name)
    made.classes.add(own)
    for record in made.records:
        if record.view:
            _name_record(record, made, taken)
        else:
            _name_native(record, made, taken, qualify=True)


def _unique(field: Field, taken: set[str], qualify: bool) -> str:
    name = python_name(field.name)
    if name in taken and qualify:
        for parent in field.chain[-2::-1]:
            if parent.name:
                longer = python_name(f"{parent.name}-{field.name}")
                if longer not in taken:
                    name = longer
                    break
    return python_name_of(name, taken)


def python_name_of(name: str, taken: set[str]) -> str:
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    taken.add(found)
    return found


def _name_native(field: Field, made: Layout, taken: set[str], qualify: bool) -> None:
    if field.view:
        _name_record(field, made, taken)
        return
    if not field.children or field.is_row:
        if field.name or field.count:
            field.attribute = _unique(field, taken, qualify)
        if field.is_row:
            field.class_name = class_name(field.name, made.classes)
            made.classes.add(field.class_name)
            taken = set()
    for child in field.children:
        _name_native(child, made, taken, qualify)


def _name_record(root: Field, made: Layout, taken: set[str]) -> None:
    root.attribute = _unique(root, taken, True)
    root.class_name = class_name(root.name, made.classes)
    made.classes.add(root.class_name)
    inner = set(RECORD_RESERVED)
    if not root.children:
        return
    for child in root.children:
        _name_inside(child, made, inner)


def _name_inside(field: Field, made: Layout, taken: set[str]) -> None:
    if field.is_thin:
        child = field.children[0]
        child.attribute = _unique(child, taken, True)
        return
    if field.name or field.count or field.item.values or _holds_number(field):
        field.attribute = _unique(field, taken, True)
    if field.count and field.children:
        field.class_name = class_name(field.name or "Row", made.classes)
        made.classes.add(field.class_name)
        taken = set(RECORD_RESERVED)
    for child in field.children:
        _name_inside(child, made, taken)


def _holds_number(field: Field) -> bool:
    """A nameless number: its bytes are zeros at first, not spaces."""
    return not field.children and field.is_number
