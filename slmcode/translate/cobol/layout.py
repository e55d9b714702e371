"""What the data division means: every item with its bytes, its place in a record, its names.

    layout(program, options) -> Layout        Layout.find(ref) -> Field

Sizes, offsets and alignment are those of cobc with its default settings: binary items take 1, 2,
4 or 8 bytes, OCCURS DEPENDING always the room of its most. `storage` decides which items need
their bytes at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.picture import Picture, parse
from slmcode.translate.cobol.tree import Refused

# (bytes, signed unless said otherwise)
_BINARY_SIZES = {"BINARY-CHAR": 1, "BINARY-SHORT": 2, "BINARY-LONG": 4, "BINARY-DOUBLE": 8}
_UNCUT = frozenset({"COMP-5", "COMP-X", "COMP-N", "INDEX", "POINTER", *_BINARY_SIZES})
_BINARY = frozenset({"COMP", *_UNCUT})
_TEXTS = frozenset({"alphanumeric", "alphabetic", "alphanumeric-edited", "numeric-edited"})


@dataclass(eq=False, slots=True)
class Field:
    """An item of the data division, of one program."""

    item: tree.Item
    section: str  # working | local | linkage | file | index | register
    parent: Field | None = None
    children: list[Field] = field(default_factory=list)
    picture: Picture | None = None
    usage: str = "DISPLAY"
    sign: str = ""
    category: str = "group"  # those of Picture, float, index, pointer, group
    digits: int = 0
    scale: int = 0
    signed: bool = False
    size: int = 0  # bytes of one of it
    offset: int = 0  # from the beginning of its record, all subscripts 1
    count: int = 0  # OCCURS: the most; 0 is none
    redefines: Field | None = None
    dims: tuple[Field, ...] = ()  # items with OCCURS from the outermost to itself
    file: str = ""
    cut: bool = True  # binary: kept to its digits
    # Filled by `storage`:
    view: bool = False
    root: Field | None = None  # of a view: the item whose Record it is in
    is_row: bool = False  # a native table of groups: its rows are objects
    is_thin: bool = False  # a viewed table of groups that are one item each: that is the table
    attribute: str = ""
    class_name: str = ""

    @property
    def name(self) -> str:
        return self.item.name

    @property
    def depending(self) -> tree.Ref | None:
        return self.item.occurs.depending if self.item.occurs else None

    @property
    def kind(self) -> str:
        """What it reads as: int, decimal, float, text or group."""
        if self.category == "group":
            return "group"
        if self.category in _TEXTS:
            return "text"
        if self.category == "float":
            return "float"
        return "decimal" if self.scale > 0 else "int"

    @property
    def is_number(self) -> bool:
        return self.kind in ("int", "decimal", "float")

    @property
    def is_binary(self) -> bool:
        return self.usage in _BINARY

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """Least and greatest value in units of 10 ** -scale."""
        if not self.is_number or self.category == "float":
            return None, None
        if self.is_binary and not self.cut:
            bits = 8 * self.size
            return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.signed else (0, (1 << bits) - 1)
        most = (10**self.digits - 1) * 10 ** max(0, -self.scale)
        return (-most if self.signed else 0), most

    @property
    def record(self) -> Field:
        """The level 01 or 77 it belongs to."""
        found = self
        while found.parent is not None:
            found = found.parent
        return found

    @property
    def chain(self) -> list[Field]:
        """Its record, …, its parent, itself."""
        found: list[Field] = []
        at: Field | None = self
        while at is not None:
            found.append(at)
            at = at.parent
        return found[::-1]

    def walk(self) -> Iterator[Field]:
        """Itself and everything below, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def shared_row(self) -> bool:
        """A native group with OCCURS and one child only: the child has its subscript."""
        return self.count > 0 and self.category == "group" and not self.view and not self.is_row


@dataclass(eq=False, slots=True)
class Layout:
    """The data of one program, and what its names mean."""

    program: tree.Program
    options: Options
    outer: Layout | None = None
    records: list[Field] = field(default_factory=list)
    names: dict[str, list[Field]] = field(default_factory=dict)
    conditions: dict[str, list[tuple[tree.ConditionName, Field]]] = field(default_factory=dict)
    constants: dict[str, tree.Item] = field(default_factory=dict)
    renames: list[tuple[tree.Item, Field]] = field(default_factory=list)
    files: dict[str, tree.File] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    user_functions: dict[str, tree.Program] = field(default_factory=dict)
    registers_used: set[str] = field(default_factory=set)

    @property
    def special(self) -> tree.SpecialNames:
        """SPECIAL-NAMES: of the outermost program where this one has none."""
        own = self.program.special
        if self.outer is not None and own == tree.SpecialNames():
            return self.outer.special
        return own

    def records_of(self, file: str) -> list[Field]:
        return [record for record in self.records if record.file == file]

    def candidates(self, ref: tree.Ref) -> list[Field]:
        """Every item `ref` can mean here, not looking into enclosing programs."""
        return [
            found for found in self.names.get(ref.name, ()) if _qualified(found, ref.qualifiers)
        ]

    def find_or_none(self, ref: tree.Ref) -> Field | None:
        """The item, or None where there is none. Raises Refused where there are several."""
        found = self.candidates(ref)
        if len(found) > 1:
            tops = [f for f in found if f.parent is None and not ref.qualifiers]
            if len(tops) != 1:
                raise Refused(ref.line, ref.name, "the name is ambiguous")
            found = tops
        if found:
            return found[0]
        return self.outer.find_global(ref) if self.outer else None

    def find_global(self, ref: tree.Ref) -> Field | None:
        """The same as a contained program sees it: GLOBAL items only."""
        for found in self.candidates(ref):
            if found.record.item.is_global or found.section == "register" or self._shared(found):
                return found
        return self.outer.find_global(ref) if self.outer else None

    def _shared(self, found: Field) -> bool:
        return bool(found.file) and self.files[found.file].is_global

    def find(self, ref: tree.Ref) -> Field:
        """The item `ref` means. Raises Refused where the name is unknown or ambiguous."""
        found = self.find_or_none(ref)
        if found is None:
            shown = " OF ".join((ref.name, *ref.qualifiers))
            raise Refused(ref.line, shown, "no data item has this name")
        return found

    def condition_of(self, ref: tree.Ref) -> tuple[tree.ConditionName, Field] | None:
        """The level 88 `ref` names, and its item."""
        found = [
            pair
            for pair in self.conditions.get(ref.name, ())
            if not ref.qualifiers
            or (pair[1].name == ref.qualifiers[0] and _qualified(pair[1], ref.qualifiers[1:]))
            or _qualified(pair[1], ref.qualifiers)
        ]
        if len(found) > 1:
            raise Refused(ref.line, ref.name, "the condition name is ambiguous")
        if found:
            return found[0]
        return self.outer.condition_of(ref) if self.outer else None

    def constant(self, name: str) -> tree.Expression | None:
        """The value of a constant: level 78, 01 CONSTANT."""
        item = self.constants.get(name)
        if item is None:
            return self.outer.constant(name) if self.outer else None
        return item.values[0]

    def depth_of(self, found: Field) -> int:
        """How many programs out `found` is declared: 0 here, 1 in the enclosing one."""
        depth = 0
        at: Layout | None = self
        while at is not None:
            if found in at.names.get(found.name, ()) or any(
                found.record is record for record in at.records
            ):
                return depth
            at, depth = at.outer, depth + 1
        return 0


def _qualified(found: Field, qualifiers: tuple[str, ...]) -> bool:
    at = found
    for name in qualifiers:
        while at.parent is not None and at.parent.name != name:
            at = at.parent
        if at.parent is None:
            return name == at.file
        at = at.parent
    return True


def layout(
    program: tree.Program,
    options: Options,
    outer: Layout | None = None,
    classes: set[str] | None = None,
) -> Layout:
    """The data of `program`. `classes`: names of the module's classes, its own are added."""
    from slmcode.translate.cobol.storage import decide

    made = Layout(program, options, outer)
    if classes is not None:
        made.classes = classes
    maker = _Maker(made)
    for file in program.files:
        made.files[file.name] = file
    for item in (*program.working, *program.local, *program.linkage):
        if item.level == 78:
            made.constants[item.name] = item
    for file in program.files:
        for item in file.records:
            if item.level == 78:
                made.constants[item.name] = item
    for file in program.files:
        for item in file.records:
            if item.level != 78:
                maker.record(item, "file", file.name)
    for section, items in (
        ("working", program.working),
        ("local", program.local),
        ("linkage", program.linkage),
    ):
        for item in items:
            if item.level != 78:
                maker.record(item, section)
    maker.registers()
    maker.rename()
    decide(made)
    return made


def constant_value(made: Layout, expression: tree.Expression, line: int) -> int:
    """The value of an expression of literals and constants, an integer."""
    if isinstance(expression, tree.Number):
        return int(float(expression.text))
    if isinstance(expression, tree.Ref):
        value = made.constant(expression.name)
        if value is not None:
            return constant_value(made, value, line)
    if isinstance(expression, tree.Negated):
        return -constant_value(made, expression.of, line)
    if isinstance(expression, tree.LengthOf) and isinstance(expression.of, tree.Ref):
        found = made.find(expression.of)
        return found.size
    if isinstance(expression, tree.Text):
        return len(expression.text)
    if isinstance(expression, tree.Binary):
        left = constant_value(made, expression.left, line)
        right = constant_value(made, expression.right, line)
        match expression.operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/" if right:
                return int(left / right)
    raise Refused(line, "a constant expression", "its value is not known before the program runs")


class _Maker:
    def __init__(self, made: Layout) -> None:
        self.made = made
        special = made.special
        self.comma = special.decimal_point_is_comma
        self.currency = special.currency[0][1] if special.currency else "$"

    def record(self, item: tree.Item, section: str, file: str = "") -> None:
        before = [record for record in self.made.records if record.section == section]
        made = self.field(item, section, None, "", "", ())
        made.file = file
        self.place(made, 0)
        if item.redefines:
            for other in reversed(before):
                if other.name == item.redefines:
                    made.redefines = other
                    break
            else:
                raise Refused(item.line, f"REDEFINES {item.redefines}", "not found before it")
        self.made.records.append(made)

    def field(
        self,
        item: tree.Item,
        section: str,
        parent: Field | None,
        usage: str,
        sign: str,
        dims: tuple[Field, ...],
    ) -> Field:
        made = Field(item, section, parent)
        made.usage = item.usage or usage
        made.sign = item.sign or sign
        if item.occurs is not None:
            made.count = constant_value(self.made, item.occurs.most, item.line)
            if made.count < 1:
                raise Refused(item.line, f"OCCURS {made.count}")
            for index in item.occurs.indexes:
                self.index(index, item.line)
            dims = (*dims, made)
        made.dims = dims
        if item.name:
            self.made.names.setdefault(item.name, []).append(made)
        for condition in item.conditions:
            self.made.conditions.setdefault(condition.name, []).append((condition, made))
        for child in item.children:
            if child.level == 66:
                self.made.renames.append((child, made.record))
            elif child.level == 78:
                self.made.constants[child.name] = child
            else:
                made.children.append(self.field(child, section, made, made.usage, made.sign, dims))
        if not made.children:
            self.elementary(made)
        made.usage = made.usage or "DISPLAY"
        return made

    def index(self, name: str, line: int) -> None:
        item = tree.Item(77, name, line, usage="INDEX")
        made = Field(item, "index", usage="INDEX")
        self.elementary(made)
        self.made.names.setdefault(name, []).append(made)
        self.made.records.append(made)

    def registers(self) -> None:
        """Special registers that no item of the program hides."""
        for name, digits in (
            ("RETURN-CODE", 9),
            ("TALLY", 5),
            ("SORT-RETURN", 9),
            ("NUMBER-OF-CALL-PARAMETERS", 9),
        ):
            if name not in self.made.names:
                item = tree.Item(77, name, 0, picture=f"S9({digits})", usage="BINARY-LONG")
                made = Field(item, "register", usage="BINARY-LONG")
                self.elementary(made)
                made.digits = digits  # as many as DISPLAY shows
                made.attribute = name.lower().replace("-", "_")
                self.made.names[name] = [made]

    def elementary(self, made: Field) -> None:
        item = made.item
        usage = made.usage or "DISPLAY"
        if usage in ("COMP-1", "COMP-2"):
            made.category, made.size, made.signed = "float", 4 if usage == "COMP-1" else 8, True
            return
        if usage in ("INDEX", "POINTER", "PROGRAM-POINTER"):
            made.category = "index" if usage == "INDEX" else "pointer"
            made.size, made.signed, made.cut = (4 if usage == "INDEX" else 8), True, False
            made.digits = 9 if usage == "INDEX" else 18
            if usage == "PROGRAM-POINTER":
                made.usage = "POINTER"
            return
        if usage in _BINARY_SIZES:
            made.category, made.size = "numeric", _BINARY_SIZES[usage]
            made.signed, made.cut = not item.unsigned, False
            made.digits = len(str(made.bounds[1]))
            return
        if usage.startswith("FLOAT"):
            raise Refused(item.line, f"USAGE {usage}", "not translated")
        if not item.picture:
            if item.values and isinstance(item.values[0], tree.Text) and item.level in (1, 77):
                picture = Picture("X", "alphanumeric", len(item.values[0].text))
            else:
                raise Refused(item.line, item.name or "FILLER", "neither PICTURE nor group")
        else:
            picture = parse(item.picture, item.line, self.currency, self.comma)
        made.picture = picture
        made.category, made.size = picture.category, picture.size
        made.digits, made.scale, made.signed = picture.digits, picture.scale, picture.signed
        if picture.category != "numeric":
            if usage == "COMP-X" and picture.category == "alphanumeric":
                made.category, made.signed, made.cut = "numeric", False, False
                made.digits = len(str((1 << 8 * made.size) - 1))
            elif usage == "NATIONAL" and not picture.national:
                made.size *= 2
            elif usage not in ("DISPLAY", "NATIONAL"):
                made.usage = "DISPLAY"  # a group's USAGE says nothing of its texts
            return
        if picture.scale + 0 > 38 or made.size > 38:
            raise Refused(item.line, f"PICTURE {item.picture}", "more than 38 digits")
        if usage == "COMP-3":
            made.size = picture.digits // 2 + 1
        elif usage == "COMP-6":
            made.size = (picture.digits + 1) // 2
        elif usage in _BINARY:
            made.size = _binary_size(picture.digits, usage, made.signed)
            made.cut = usage == "COMP" and self.made.options.truncate
        elif "SEPARATE" in made.sign and made.signed:
            made.size += 1
        if item.picture and item.blank_when_zero and usage == "DISPLAY":
            made.category = "numeric-edited"

    def place(self, made: Field, offset: int) -> int:
        """Give `made` and all below their offsets; returns the alignment its table needs."""
        made.offset = offset
        if not made.children:
            return 1
        at = offset
        named: dict[str, Field] = {}
        aligned = 1
        for child in made.children:
            if child.item.redefines:
                other = named.get(child.item.redefines)
                if other is None:
                    raise Refused(
                        child.item.line, f"REDEFINES {child.item.redefines}", "not found before it"
                    )
                child.redefines = other
                self.place(child, other.offset)
                at = max(at, other.offset + _room(child))
            else:
                if child.item.synchronized and child.is_binary and child.size in (2, 4, 8):
                    at += -at % child.size
                    aligned = max(aligned, child.size)
                aligned = max(aligned, self.place(child, at))
                at += _room(child)
            if child.name:
                named[child.name] = child
        made.size = at - offset
        if made.count and aligned > 1:
            made.size += -made.size % aligned
        self._check_depending(made)
        return aligned

    def _check_depending(self, made: Field) -> None:
        if not self.made.options.odo_slide:
            return
        for child in made.children[:-1]:
            if any(below.depending for below in child.walk()):
                raise Refused(
                    child.item.line, "OCCURS DEPENDING ON", "items behind it move (-fodoslide)"
                )

    def rename(self) -> None:
        """Level 66: an item over the bytes of others."""
        for item, record in self.made.renames:
            assert item.renames is not None
            first, last = item.renames
            start = self._within(first, record)
            end = self._within(last, record) if last is not None else start
            size = end.offset + _room(end) - start.offset
            made = Field(item, record.section, record)
            made.offset, made.size = start.offset, size
            if last is None and not start.children:
                made.picture, made.usage, made.sign = start.picture, start.usage, start.sign
                made.category, made.digits = start.category, start.digits
                made.scale, made.signed, made.cut = start.scale, start.signed, start.cut
            else:
                made.category = "alphanumeric"
            made.redefines = start
            record.children.append(made)
            self.made.names.setdefault(item.name, []).append(made)
            for condition in item.conditions:
                self.made.conditions.setdefault(condition.name, []).append((condition, made))

    def _within(self, ref: tree.Ref, record: Field) -> Field:
        for found in self.made.candidates(ref):
            if found.record is record:
                return found
        raise Refused(ref.line, f"RENAMES {ref.name}", "not in the record above it")


def _room(made: Field) -> int:
    return made.size * max(1, made.count)


def _binary_size(digits: int, usage: str, signed: bool) -> int:
    """1-2-4-8, as cobc's default; COMP-X takes the bytes its digits need."""
    if usage == "COMP-X":
        most: int = 10**digits - 1
        return max(1, (most.bit_length() + signed + 7) // 8)
    if digits <= 2:
        return 1
    if digits <= 4:
        return 2
    return 4 if digits <= 9 else 8 if digits <= 18 else 16
