"""What all emitters share: the sheet a method is written on, values, and a registry of statements.

    @emits(tree.Move)
    def move(out: Out, node: tree.Move) -> None:
        out.line(...)

Values of the tree become code through

    number(out, expression) -> Num       an int, Decimal or float
    text(out, expression) -> Txt         a str, one character for each byte
    condition(out, condition) -> str     code of a truth value, without brackets around it
    place(out, ref) -> Place             an item with its subscripts (no reference modification)
    store(out, ref, value)               MOVE: value is an expression of the tree, a Num or a Txt
    store_number(out, target, value)     the end of ADD, COMPUTE …: rounds, cuts

Assigning to `place(out, ref).code` by hand skips truncation for native items: use `store`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.options import Options

if TYPE_CHECKING:
    from slmcode.translate.cobol.layout import Field, Layout

# How tightly an expression binds: code of a lower level needs brackets inside a higher one.
TERNARY, OR, AND, NOT, COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)


def bracketed(code: str, level: int, needed: int) -> str:
    """`code`, which binds as tightly as `level`, where something of level `needed` must stand."""
    return code if level >= needed else f"({code})"


@dataclass(frozen=True, slots=True)
class Num:
    """Code of a number. `low` and `high` bound its value in units of 10 ** -scale.

    kind: "int"; "decimal": a Decimal with exactly `scale` places; "number": int or Decimal, known
    when it runs only (quotients, functions); "float": COMP-1, COMP-2.
    """

    code: str
    low: int | None = None  # None: no bound is known
    high: int | None = None
    scale: int = 0
    kind: str = "int"
    level: int = ATOM

    @property
    def signed(self) -> bool:
        """True when it may be less than zero."""
        return self.low is None or self.low < 0

    @property
    def digits(self) -> int:
        """All digits it can have, those behind the point too; 38 where no bound is known."""
        if self.low is None or self.high is None:
            return 38
        return max(len(str(max(abs(self.low), abs(self.high)))), self.scale, 1)

    @property
    def constant(self) -> int | None:
        """Its value in units, where it has only one."""
        return self.low if self.low is not None and self.low == self.high else None

    def at(self, level: int) -> str:
        """The code as an operand of something that binds as tightly as `level`."""
        return bracketed(self.code, self.level, level)


@dataclass(frozen=True, slots=True)
class Txt:
    """Code of a text of `length` characters, None where that is known when it runs only."""

    code: str
    length: int | None = None
    level: int = ATOM
    literal: str | None = None  # its characters, where they are known

    def at(self, level: int) -> str:
        return bracketed(self.code, self.level, level)


@dataclass(frozen=True, slots=True)
class Place:
    """An item with its subscripts worked out.

    `code` reads it (int, Decimal, float or str) and can be assigned to. `owner` is the Record that
    holds a view's bytes and `descriptor` its field there, for `descriptor.show(owner)`,
    `.raw(owner)`, `.is_numeric(owner)`, `.bytes_of(owner)`; both are "" for a native item.
    """

    code: str
    field: Field
    owner: str = ""
    descriptor: str = ""


@dataclass(slots=True)
class Sheet:
    """A module being written: what all its methods share."""

    options: Options = field(default_factory=Options)
    used: set[str] = field(default_factory=set)  # names to import from slmcode_runtime
    modules: set[str] = field(default_factory=set)  # "decimal.Decimal": from … import …


class Out:
    """One method being written; `lines` have their indent, `sources` the source line of each."""

    def __init__(self, sheet: Sheet, layout: Layout, method: str = "", indent: int = 0) -> None:
        self.sheet = sheet
        self.layout = layout
        self.method = method
        self.indent = indent
        self.lines: list[str] = []
        self.sources: list[int] = []
        self.source = 0  # of the statement being written
        self.place: Any = None  # the procedure's emitter keeps its state here
        self.calculating = ""  # in ADD, COMPUTE …: "stores", or "raises" with ON SIZE ERROR
        self.divisors: list[str] = []  # code of what the statement divides by and may be zero
        self._names: set[str] = set()

    @property
    def special(self) -> tree.SpecialNames:
        return self.layout.special

    @property
    def options(self) -> Options:
        return self.sheet.options

    def line(self, code: str, source: int | None = None) -> None:
        """Write one line at the current indent; `source` is its line of COBOL if not current."""
        self.lines.append("    " * self.indent + code if code else "")
        self.sources.append(self.source if source is None else source)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """`head` (with its colon) and what is written inside; `pass` where that is nothing."""
        self.line(head)
        before = len(self.lines)
        self.indent += 1
        try:
            yield
            if all(
                not line.strip() or line.strip().startswith("#") for line in self.lines[before:]
            ):
                self.line("pass")
        finally:
            self.indent -= 1

    def body(self, statements: Iterable[tree.Statement]) -> None:
        """Write statements by their registered emitters."""
        for node in statements:
            self.statement(node)

    def statement(self, node: tree.Statement) -> None:
        before = self.source
        if node.line:
            self.source = node.line
        if isinstance(node, tree.Comment):
            for comment in node.lines:
                self.line(f"# {printable(comment)}".rstrip())
        elif isinstance(node, tree.Unsupported):
            raise tree.Refused(node.line, node.construct, "not translated")
        elif isinstance(node, tree.Continue):
            pass
        else:
            emitter = EMITTERS.get(type(node))
            if emitter is None:
                raise tree.Refused(node.line, type(node).__name__.upper(), "not translated yet")
            emitter(self, node)
        self.source = before

    def use(self, name: str) -> str:
        """`name`, which is then imported from slmcode_runtime."""
        self.sheet.used.add(name)
        return name

    def local(self, base: str) -> str:
        """A local name of this method that nothing else has."""
        name, count = base, 1
        while name in self._names:
            count += 1
            name = f"{base}_{count}"
        self._names.add(name)
        return name


N = TypeVar("N", bound=tree.Statement)
EMITTERS: dict[type, Callable[[Out, Any], None]] = {}


def emits(kind: type[N]) -> Callable[[Callable[[Out, N], None]], Callable[[Out, N], None]]:
    """Register the function below as what writes statements of `kind`."""

    def register(function: Callable[[Out, N], None]) -> Callable[[Out, N], None]:
        EMITTERS[kind] = function
        return function

    return register


# Literals


def printable(text: str) -> str:
    """Bytes of the source as text for people: UTF-8 where they are that."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def quoted(out: Out, value: str) -> str:
    """A Python literal of the bytes `value`, readable where they are UTF-8."""
    if value.isascii():
        return _literal(value)
    shown = printable(value)
    if shown != value and shown.isprintable():
        return f"{out.use('utf8')}({_literal(shown)})"
    return _literal(value)


def _literal(value: str) -> str:
    length = len(value)
    if length > 8 and value == value[0] * length:
        return f"{_literal(value[0])} * {length}"
    inner = value.replace("\\", "\\\\")
    quote = "'" if '"' in value and "'" not in value else '"'
    inner = inner.replace(quote, "\\" + quote)
    return quote + "".join(_escaped(c) for c in inner) + quote


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character, f"\\x{ord(character):02x}")


def integer_literal(value: int) -> str:
    """`value` with underscores where it is long."""
    return f"{value:_}" if abs(value) >= 100_000 else str(value)


def power_of_ten(digits: int) -> str:
    """10 ** digits, as one would write it."""
    return integer_literal(10**digits) if digits <= 9 else f"10**{digits}"


# Values: the modules beside this one work them out


def number(out: Out, expression: tree.Expression) -> Num:
    """The value of a numeric expression; an alphanumeric item is taken as its digits.

    Raises `tree.Refused` for what has no numeric value (HIGH-VALUE, a pointer).
    """
    from slmcode.translate.cobol.emit.expressions import number as made

    return made(out, expression)


def integer(out: Out, expression: tree.Expression) -> Num:
    """The same with decimals cut: a subscript, a count. Always an int."""
    found = number(out, expression)
    if found.kind == "int":
        return found
    return replace(found, code=f"int({found.code})", kind="int", scale=0, low=None, high=None,
                   level=ATOM)  # fmt: skip


def text(out: Out, expression: tree.Expression, size: int | str | None = None) -> Txt:
    """The value as text: bytes as they stand in storage, reference modification included.

    Numeric DISPLAY items give their digits, groups all their bytes. A figurative constant or ALL
    literal is repeated to `size` characters (code where it is not known), else it stands once.
    """
    from slmcode.translate.cobol.emit.expressions import text as made

    return made(out, expression, size)


def condition(out: Out, node: tree.Condition, needed: int = TERNARY) -> str:
    """Code of a truth value; in brackets where it would not bind as tightly as `needed`."""
    from slmcode.translate.cobol.emit.conditions import condition as made

    return made(out, node, needed)


def place(out: Out, ref: tree.Ref) -> Place:
    """Where an item is. Raises `tree.Refused` where the name is unknown or ambiguous."""
    from slmcode.translate.cobol.emit.data import place as made

    return made(out, ref)


def store(out: Out, ref: tree.Ref, value: tree.Expression | Num | Txt) -> None:
    """Write the statements of MOVE value TO ref, reference modification of `ref` included."""
    from slmcode.translate.cobol.emit.moves import store as made

    made(out, ref, value)


def store_number(out: Out, target: tree.Target, value: Num, checked: bool = False) -> None:
    """Write the statement that ends an arithmetic one: round, cut to the target's PICTURE, assign.

    `checked`: too large a value raises SizeError and leaves the target alone (ON SIZE ERROR).
    """
    from slmcode.translate.cobol.emit.arithmetic import store_number as made

    made(out, target, value, checked)


def is_numeric(out: Out, expression: tree.Expression) -> bool:
    """True when MOVE and comparison take the expression as a number (edited items are not)."""
    from slmcode.translate.cobol.emit.expressions import is_numeric as made

    return made(out, expression)


def length_of(out: Out, expression: tree.Expression) -> Num:
    """LENGTH OF: bytes of an item, literal or reference modification."""
    from slmcode.translate.cobol.emit.expressions import length_of as made

    return made(out, expression)
