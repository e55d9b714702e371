"""Items in Python: where they are, the classes of records and rows, their first values."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import initial
from slmcode.translate.cobol.emit.base import (
    ATOM,
    PRODUCT,
    SUM,
    Out,
    Place,
    Txt,
    integer,
    printable,
    text,
)
from slmcode.translate.cobol.emit.literals import number_code
from slmcode.translate.cobol.layout import Field
from slmcode.translate.cobol.tree import Refused

_LONG = 256  # bytes: parts of a longer view are not cut out of all its text

# Places


def place(out: Out, ref: tree.Ref) -> Place:
    field = out.layout.find(ref)
    return place_of(out, field, indexes(out, ref, field))


def indexes(out: Out, ref: tree.Ref, field: Field) -> list[str]:
    """The subscripts of `ref` as code that counts from 0."""
    if len(ref.subscripts) != len(field.dims):
        wanted = len(field.dims)
        hint = f"{wanted} subscript{'s' * (wanted != 1)} wanted, {len(ref.subscripts)} there"
        raise Refused(ref.line, ref.name, hint)
    return [index(out, subscript, ref.line) for subscript in ref.subscripts]


def index(out: Out, subscript: tree.Expression | str, line: int = 0) -> str:
    """Code of `subscript` - 1."""
    if isinstance(subscript, str):
        raise Refused(line, f"subscript {subscript}", "only as an argument of a function")
    return less(out, subscript, 1)


def less(out: Out, expression: tree.Expression, by: int) -> str:
    """Code of an integer less a constant: i + 1 less 1 is i."""
    if (
        isinstance(expression, tree.Binary)
        and expression.operator in ("+", "-")
        and isinstance(expression.right, tree.Number)
        and expression.right.text.isdigit()
    ):
        amount = int(expression.right.text)
        by += amount if expression.operator == "-" else -amount
        expression = expression.left
    found = integer(out, expression)
    if found.constant is not None:
        return str(found.constant - by)
    if by == 0:
        return found.code
    return f"{found.at(SUM)} {'-' if by > 0 else '+'} {abs(by)}"


def place_of(out: Out, field: Field, subscripts: list[str]) -> Place:
    """The place of `field`; `subscripts` is code that counts from 0, one for each of its dims."""
    base = "self" + ".parent" * (0 if field.section == "register" else out.layout.depth_of(field))
    if field.view:
        return _view(base, field, subscripts)
    if field.category == "group" and not field.is_row:
        raise Refused(field.item.line, field.name, "a group without bytes of its own")
    left = list(subscripts)
    code = base
    waiting: list[str] = []
    for item in field.chain:
        if item.count:
            waiting.append(left.pop(0))
        if item.is_row or item is field:
            code += f".{item.attribute}" + "".join(f"[{s}]" for s in waiting)
            waiting = []
    return Place(code, field)


def _view(base: str, field: Field, subscripts: list[str]) -> Place:
    root = field.root
    assert root is not None
    left = list(subscripts)
    owner, owning = f"{base}.{root.attribute}", root
    if root.count:
        owner += f"[{left.pop(0)}]"
    if field is root:
        if root.children:
            return Place(f"{owner}.group", field, owner, "")
        return Place(f"{owner}.value", field, owner, f"{root.class_name}.value")
    chain = field.chain
    for item in chain[chain.index(root) + 1 :]:
        if item.count and item.children and not item.is_thin:
            owner, owning = f"{owner}.{item.attribute}[{left.pop(0)}]", item
            if item is field:
                return Place(f"{owner}.group", field, owner, "")
    if field.count or (field.parent is not None and field.parent.is_thin):
        at = left.pop(0)
        elements = f"{owner}.{field.attribute}"
        return Place(f"{elements}[{at}]", field, owner, f"{elements}.field({at})")
    return Place(
        f"{owner}.{field.attribute}", field, owner, f"{owning.class_name}.{field.attribute}"
    )


def table(out: Out, ref: tree.Ref) -> str:
    """Code of the table itself (a list, Rows, Elements); `ref` lacks its own subscript."""
    field = out.layout.find(ref)
    outer = [index(out, s, ref.line) for s in ref.subscripts[: max(0, len(field.dims) - 1)]]
    if not field.count:
        raise Refused(ref.line, ref.name, "not a table")
    if field.shared_row or field.is_thin:
        child = next(c for c in field.children if c.name or c.children)
        while child.shared_row or (child.children and not child.is_row):
            child = next(c for c in child.children if c.name or c.children)
        missing = len(child.dims) - len(outer)
        if field.is_thin:
            child = field.children[0]
        found = place_of(out, child, [*outer, *["@"] * missing]).code
        return found[: found.index("[@]")]
    return place_of(out, field, [*outer, "@"]).code.removesuffix(".group").removesuffix("[@]")


def record_of(out: Out, field: Field) -> str:
    """Code of the Record whose bytes are those of `field`, a record or the root of a view."""
    depth = out.layout.depth_of(field)
    return "self" + ".parent" * depth + f".{field.attribute}"


def storage(out: Out, expression: tree.Expression, copy: bool) -> str:
    """Code of the bytes of an argument of CALL; a copy where the program called may not change it.

    What has no bytes of its own (a native item, a literal, a function) is always a copy.
    """
    if isinstance(expression, tree.Ref) and out.layout.constant(expression.name) is None:
        found = place(out, expression)
        if found.field.view:
            code = _bytes_from(out, expression, found, not copy and expression.start is None)
            if expression.start is not None:
                code += reference_slice(out, expression).code
            return f"bytearray({code})" if copy else code
        if expression.start is None and found.field.is_number and not plain_digits(found.field):
            kind = descriptor(out, found.field, 0)
            return f"bytearray({kind}.encode({found.code}))"
    value = text(out, expression)
    return f"bytearray({encoded(value)})"


def _bytes_from(out: Out, ref: tree.Ref, found: Place, to_end: bool) -> str:
    """The bytes of a view, or those from its first one to the end of its record.

    A program called may lay a larger record over them than the item is.
    """
    field, root = found.field, found.field.root
    assert root is not None
    subscripts = indexes(out, ref, field)
    base = found.owner.split(f".{root.attribute}")[0] + f".{root.attribute}"
    dims = list(zip(field.dims, subscripts, strict=True))
    if root.count:
        base += f"[{dims.pop(0)[1]}]"
    at = field.offset - root.offset
    terms = []
    for item, subscript in dims:
        if subscript.isdigit():
            at += int(subscript) * item.size
        else:
            shown = subscript if subscript.replace(".", "_").isidentifier() else f"({subscript})"
            terms.append(shown if item.size == 1 else f"{shown} * {item.size}")
    if at or not terms:
        terms.append(str(at))
    start = " + ".join(terms)
    if to_end:
        return f"{base}.storage" if start == "0" else f"{base}.storage[{start} :]"
    if not start.isdigit():
        return f"{base}.storage[{start} :][: {field.size}]"
    begin = "" if start == "0" else start
    return f"{base}.storage[{begin}:{at + field.size}]"


@dataclass(frozen=True, slots=True)
class Slice:
    """A reference modification: `code` in brackets; `size` in characters where it is known."""

    code: str
    size: int | None
    first: str
    count: str | None


def reference_slice(out: Out, ref: tree.Ref | tree.FunctionCall) -> Slice:
    """What (start:length) of `ref` cuts out of a text, as a slice."""
    assert ref.start is not None
    first = less(out, ref.start, 1)
    begin = "" if first == "0" else first
    if ref.length is None:
        return Slice(f"[{begin}:]", None, first, None)
    length = integer(out, ref.length)
    size = length.constant
    if size is not None:
        if first.isdigit():
            return Slice(f"[{begin}:{int(first) + size}]", size, first, str(size))
        return Slice(f"[{begin} : {less(out, ref.start, 1 - size)}]", size, first, str(size))
    if first == "0":
        return Slice(f"[:{length.code}]", None, first, length.code)
    end = f"{first} + {length.at(PRODUCT)}" if first.isdigit() else f"{first} + {length.at(SUM)}"
    return Slice(f"[{begin} : {end}]", None, first, length.code)


def is_long(field: Field) -> bool:
    """True for a view so long that a part of it is taken from its bytes, not from all its text."""
    return field.view and field.size > _LONG and not field.dims and field.kind in ("text", "group")


def encoded(value: Txt) -> str:
    """Code of the bytes of a text."""
    if value.literal is not None and value.literal.isascii() and value.code[:1] in "\"'":
        return f"b{value.code}"
    return f'{value.at(ATOM)}.encode("latin-1")'


def part_of_bytes(out: Out, ref: tree.Ref, field: Field) -> Slice:
    """The bytes of a reference modification of a long view: `code` is all of it."""
    assert ref.start is not None
    assert field.root is not None
    at = field.offset - field.root.offset
    owner = place_of(out, field, []).owner
    first = less(out, ref.start, 1 - at)
    begin = "" if first == "0" else first
    if ref.length is None:
        last = at + field.size
        code = f"{owner}.storage[{begin}:{last}]"
        if first.isdigit():
            return Slice(code, last - int(first), first, None)
        return Slice(code, None, first, f"{last} - ({first})")
    length = integer(out, ref.length)
    size = length.code
    if length.constant is not None:
        end = less(out, ref.start, 1 - at - length.constant)
    elif first == "0":
        end = length.code
    else:
        end = f"{first} + {length.at(SUM)}"
    colon = ":" if first.isdigit() and end.isdigit() else " : "
    code = f"{owner}.storage[{begin}{colon}{end}]".replace("[ : ", "[:")
    return Slice(code, length.constant, first, size)


def plain_digits(field: Field) -> bool:
    """True when its bytes are its digits: USAGE DISPLAY, integer, no sign."""
    return field.usage == "DISPLAY" and not field.signed and field.scale <= 0


# Descriptions of bytes


def descriptor(out: Out, field: Field, offset: int) -> str:
    """The construction of the runtime's Field for one of `field`, at `offset` of its record."""
    at = str(offset)
    if field.kind in ("text", "group") or field.category == "pointer":
        if field.category == "pointer":
            return f"{out.use('Binary')}({at}, 8)"
        right = ", right=True" if field.item.justified else ""
        return f"{out.use('Text')}({at}, {field.size}{right})"
    if field.category == "float":
        return f"{out.use('Float')}({at}{', 4' if field.size == 4 else ''})"
    signed = field.signed
    scale = field.scale
    if field.usage == "DISPLAY":
        sign = field.sign.lower() if signed else ""
        tail = f', "{sign}"' if sign and sign != "trailing" else ""
        if scale > 0:
            middle = f", {scale}" + (", True" if signed else "")
            return f"{out.use('DecimalDisplay')}({at}, {field.digits}{middle}{tail})"
        middle = (f", {scale}" if scale or signed else "") + (", True" if signed else "")
        return f"{out.use('Display')}({at}, {field.digits}{middle}{tail})"
    if field.usage in ("COMP-3", "COMP-6"):
        parts = [at, str(field.digits)]
        if scale or not signed:
            parts.append(str(scale))
        if not signed:
            parts.append("False")
        if field.usage == "COMP-6":
            parts.append("bare=True")
        return f"{out.use('Packed')}({', '.join(parts)})"
    parts = [at, str(field.size)]
    if field.cut:
        parts.append(str(field.digits))
    if scale:
        parts.append(f"scale={scale}")
    if signed:
        parts.append("signed=True")
    if field.usage not in ("COMP", "COMP-X"):
        parts.append("little=True")
    if field.usage == "INDEX":
        parts.append("shown=9")
    elif field.size == 8 and signed and not field.cut:
        parts.append("shown=20")
    return f"{out.use('Binary')}({', '.join(parts)})"


def picture_of(field: Field) -> str:
    """PICTURE and USAGE as a comment tells them."""
    parts = [f"PIC {field.item.picture}"] if field.item.picture else []
    if field.usage != "DISPLAY":
        parts.append(field.usage)
    return " ".join(parts)


def record_classes(out: Out) -> None:
    """Write the classes of this program's records and rows, as a module has them."""
    for record in out.layout.records:
        _classes(out, record)


def _classes(out: Out, field: Field) -> None:
    if field.view:
        _record_class(out, field)
        return
    for child in field.children:
        _classes(out, child)
    if field.is_row:
        _row_class(out, field)


def _row_class(out: Out, field: Field) -> None:
    names = [item.attribute for item in _attributes(field)]
    with out.block(f"class {field.class_name}:"):
        out.line(f'"""A row of {field.name or "a table"}."""', field.item.line)
        out.line("")
        slots = ", ".join(f'"{name}"' for name in names)
        out.line(f"__slots__ = ({slots}{',' * (len(names) == 1)})")
        out.line("")
        with out.block("def __init__(self) -> None:"):
            for item in _attributes(field):
                _native_line(out, item)
    out.line("")
    out.line("")


def _attributes(row: Field) -> list[Field]:
    """The items right in a native row or in groups that dissolve in it."""
    found: list[Field] = []
    for child in row.children:
        if child.is_row or not child.children:
            if child.attribute:
                found.append(child)
        else:
            found.extend(_attributes(child))
    return found


def _record_class(out: Out, field: Field) -> None:
    for child in field.children:
        _inner_classes(out, child)
    with out.block(f"class {field.class_name}({out.use('Record')}):"):
        title = printable(field.name) or "A record"
        out.line(f'"""{title}: {field.size} byte{"s" * (field.size != 1)}."""', field.item.line)
        out.line("")
        out.line(f"size = {field.size}", field.item.line)
        if not field.children:
            _field_line(out, field, field, "value")
        for child in field.children:
            _field_lines(out, child, field)
    out.line("")
    out.line("")


def _inner_classes(out: Out, field: Field) -> None:
    if field.is_thin:
        return
    if field.count and field.children:
        _record_class(out, field)
    else:
        for child in field.children:
            _inner_classes(out, child)


def _field_lines(out: Out, field: Field, owner: Field) -> None:
    if field.is_thin:
        _field_line(out, field, owner, field.children[0].attribute)
        return
    if field.attribute:
        _field_line(out, field, owner, field.attribute)
    if field.children and not field.count:
        for child in field.children:
            _field_lines(out, child, owner)


def _field_line(out: Out, field: Field, owner: Field, name: str) -> None:
    at = field.offset - owner.offset
    if field.is_thin:
        child = field.children[0]
        inner = descriptor(out, child, 0)
        code = f"{out.use('Array')}({at}, {field.count}, {field.size}, {inner})"
        field = child
    elif field.count and field.children:
        row = f"{at}, {field.count}, {field.size}, {field.class_name}"
        code = f"{out.use('Table')}({row})"
    elif field.count:
        inner = descriptor(out, field, 0)
        code = f"{out.use('Array')}({at}, {field.count}, {field.size}, {inner})"
    else:
        code = descriptor(out, field, at)
    shown = picture_of(field)
    out.line(f"{name} = {code}" + (f"  # {shown}" if shown else ""), field.item.line)


# First values


def declare(out: Out) -> None:
    """Write the lines of `__init__` for everything but LOCAL-STORAGE."""
    for name in sorted(out.layout.registers_used - {"RETURN-CODE"}):
        out.line(f"self.{name.lower().replace('-', '_')} = 0")
    for record in out.layout.records:
        if record.section != "local":
            _declare(out, record)


def declare_local(out: Out) -> None:
    """Write the lines that give LOCAL-STORAGE its first values, at every start."""
    for record in out.layout.records:
        if record.section == "local":
            _declare(out, record)


def _declare(out: Out, field: Field) -> None:
    for comment in field.item.comments:
        out.line(f"# {printable(comment)}".rstrip(), field.item.line)
    if field.view:
        _declare_view(out, field)
        return
    if field.is_row or not field.children:
        if field.attribute:
            _native_line(out, field)
        return
    for child in field.children:
        _declare(out, child)


def _native_line(out: Out, field: Field) -> None:
    """`self.n = 0  # PIC 9(4)`; a table as a list."""
    counts = _counts(field)[::-1]
    if field.is_row:
        code = f"[{field.class_name}() for _ in range({counts[0]})]"
    else:
        code = initial.value(out, field)
        if counts and len(field.item.values) > 1:
            code = initial.several(out, field, counts)
            counts = []
        elif counts:
            code = f"[{code}] * {counts[0]}"
    for count in counts[1:]:
        code = f"[{code} for _ in range({count})]"
    shown = picture_of(field) if field.picture or field.usage != "INDEX" else ""
    out.line(
        f"self.{field.attribute} = {code}" + (f"  # {shown}" if shown else ""), field.item.line
    )


def fill_native(out: Out, field: Field, character: str) -> None:
    """Write what gives every item of a native group that character, or the value 0."""
    for item in _tops(field):
        _fill(out, item, "self", character)


def _fill(out: Out, field: Field, owner: str, character: str) -> None:
    if not field.is_row:
        code = _filled(out, field, character)
        for count in reversed(_counts(field)):
            code = f"[{code}] * {count}" if code[:1] != "[" else f"[{code} for _ in range({count})]"
        out.line(f"{owner}.{field.attribute} = {code}")
        return
    rows = f"{owner}.{field.attribute}"
    row = out.local("row")
    depth = len(_counts(field))
    with ExitStack() as stack:
        for _ in range(depth - 1):
            inner = out.local("rows")
            stack.enter_context(out.block(f"for {inner} in {rows}:"))
            rows = inner
        stack.enter_context(out.block(f"for {row} in {rows}:"))
        for item in _attributes(field):
            _fill(out, item, row, character)


def _filled(out: Out, field: Field, character: str) -> str:
    if field.kind in ("int", "decimal"):
        return number_code(out, 0, field.scale)
    return f'"{character}"' if field.size == 1 else f'"{character}" * {field.size}'


def _tops(field: Field) -> list[Field]:
    """The attributes of the program that a native group has dissolved into."""
    if field.is_row or not field.children:
        return [field] if field.attribute else []
    return [item for child in field.children for item in _tops(child)]


def _counts(field: Field) -> list[int]:
    """How often it occurs in the row it belongs to, or in the program: outermost first."""
    counts: list[int] = []
    for item in reversed(field.chain):
        if item.is_row and item is not field:
            break
        if item.count:
            counts.append(item.count)
    return counts[::-1]


def _declare_view(out: Out, field: Field) -> None:
    own = f"self.{field.attribute}"
    if field.count:
        rows = f"[{field.class_name}() for _ in range({field.count})]"
        out.line(f"{own} = {rows}", field.item.line)
        row = out.local("row")
        with out.block(f"for {row} in {own}:"):
            initial.view(out, field, row)
        return
    out.line(f"{own} = {field.class_name}({_bytes_below(out, field)})", field.item.line)
    if field.item.external or field.section == "linkage":
        return
    if field.redefines is not None or field.file:  # a file's area begins as zero bytes
        return
    initial.view(out, field)


def _bytes_below(out: Out, field: Field) -> str:
    """The argument of a Record's class: whose bytes it is laid over, or nothing."""
    if field.item.external:
        return f'{out.use("external")}("{field.name}", {field.size})'
    first = field
    if field.file:
        first = out.layout.records_of(field.file)[0]
    elif field.redefines is not None:
        first = field.redefines
        while first.redefines is not None and first.parent is None:
            first = first.redefines
    if first is not field:
        return f"self.{first.attribute}.storage"
    sharing = [
        other
        for other in out.layout.records
        if other is not field and ((field.file and other.file == field.file) or _over(other, field))
    ]
    most = max((other.size for other in sharing), default=0)
    return f'bytearray(b" " * {most})' if most > field.size else ""


def _over(other: Field, field: Field) -> bool:
    at = other.redefines
    while at is not None:
        if at is field:
            return True
        at = at.redefines if at.parent is None else None
    return False
