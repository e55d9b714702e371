"""Records: bytes, and names for pieces of them.

    class Customer(Record):
        size = 31
        name = Text(0, 20)
        balance = Packed(20, 7, 2)         # PIC S9(5)V99 COMP-3
        last_name = Text(10, 10)           # several names may look at the same bytes
        orders = Table(24, 1, 7, Order)    # OCCURS 1, 7 bytes each; Order is a Record too

    customer = Customer()
    customer.balance = Decimal("12.345")   # the field cuts it to 12.34
    customer.orders[0].number = 5
    customer.group                         # all of it as text

A field reads as `str`, `int` (no decimals), `Decimal` or `float`. Storing cuts and fills as MOVE
does. Reading bytes that are no number gives what cobc's programs work out of them. Table rows and
groups are views: what is stored through one is seen through every other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from .numbers import (
    Number,
    scaled,
    show,
    show_float,
    single,
    to_float,
    unscaled,
    wrap,
)
from .texts import pad, pad_left

Storage = bytearray | memoryview

V = TypeVar("V")
G = TypeVar("G", bound="Record")


class Record:
    """A view on `size` bytes: its own (spaces at first), or those of `storage`.

    Fields are class attributes; read through the class they are the descriptions themselves:
    `Customer.balance.show(customer)`.
    """

    size: ClassVar[int] = 0

    def __init__(self, storage: Storage | None = None) -> None:
        if storage is None:
            storage = bytearray(b" " * self.size)
        self.storage = memoryview(storage)

    @property
    def group(self) -> str:
        """All bytes as text."""
        return str(self.storage[: self.size], "latin-1")

    @group.setter
    def group(self, text: str) -> None:
        size = min(self.size, len(self.storage))
        self.storage[:size] = pad(text, size).encode("latin-1")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({bytes(self.storage[: self.size])!r})"


class Field(Generic[V]):
    """A piece of a record: `size` bytes from `offset`."""

    def __init__(self, offset: int, size: int) -> None:
        self.offset = offset
        self.size = size
        self.place = slice(offset, offset + size)

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> V: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | V:
        if record is None:
            return self
        return self.decode(bytes(record.storage[self.place]))

    def __set__(self, record: Record, value: Any) -> None:
        record.storage[self.place] = self.encode(value)

    def decode(self, raw: bytes) -> V:
        raise NotImplementedError

    def encode(self, value: Any) -> bytes:
        raise NotImplementedError

    def raw(self, record: Record) -> str:
        """Its bytes as text."""
        return str(record.storage[self.place], "latin-1")

    def bytes_of(self, record: Record) -> memoryview:
        """Its bytes as storage that another record can be laid over."""
        return record.storage[self.place]

    def show(self, record: Record) -> str:
        """What DISPLAY prints."""
        return self.raw(record)

    def is_numeric(self, record: Record) -> bool:
        """IS NUMERIC."""
        raw = bytes(record.storage[self.place])
        return raw.isdigit()

    def moved(self, offset: int) -> Self:
        """The same field elsewhere: an element of a table."""
        copy = self.__class__.__new__(self.__class__)
        copy.__dict__.update(self.__dict__)
        copy.offset = offset
        copy.place = slice(offset, offset + self.size)
        return copy


class Text(Field[str]):
    """PIC X, A, and the bytes of any other item taken as text."""

    def __init__(self, offset: int, size: int, right: bool = False) -> None:
        super().__init__(offset, size)
        self.right = right  # JUSTIFIED

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> str: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | str:
        if record is None:
            return self
        return str(record.storage[self.place], "latin-1")

    def __set__(self, record: Record, value: str) -> None:
        size = self.size
        if len(value) != size:
            value = pad_left(value, size) if self.right else value.ljust(size)[:size]
        record.storage[self.place] = value.encode("latin-1")

    def decode(self, raw: bytes) -> str:
        return str(raw, "latin-1")

    def encode(self, value: str) -> bytes:
        kept = pad_left(value, self.size) if self.right else pad(value, self.size)
        return kept.encode("latin-1")


class Numeric(Field[V]):
    """A field of `digits` digits, `scale` of them behind the point (less than 0: PIC 9P)."""

    def __init__(self, offset: int, size: int, digits: int, scale: int, signed: bool) -> None:
        super().__init__(offset, size)
        self.digits = digits
        self.scale = scale
        self.signed = signed
        self.limit: int = 10**digits

    def units(self, value: Number | float) -> int:
        """What is kept of `value`, in units of its last digit."""
        units = value if type(value) is int and not self.scale else scaled(value, self.scale)
        if units < 0:
            kept = -units % self.limit
            return -kept if self.signed else kept
        return units % self.limit

    def show(self, record: Record) -> str:
        value: Any = self.decode(bytes(record.storage[self.place]))
        return show(value, self.digits, self.scale, self.signed)


class Zoned(Numeric[V]):
    """PIC 9, USAGE DISPLAY: a digit each byte.

    `sign` is where that of a signed one stands: "trailing" and "leading" set bit 6 of a digit
    (-1 is "q"), "trailing separate" and "leading separate" take a byte of their own.
    """

    def __init__(
        self,
        offset: int,
        digits: int,
        scale: int = 0,
        signed: bool = False,
        sign: str = "trailing",
    ) -> None:
        self.separate = signed and sign.endswith("separate")
        super().__init__(offset, digits + self.separate, digits, scale, signed)
        self.leading = sign.startswith("leading")
        self.form = b"%%0%dd" % digits

    def integer(self, raw: bytes) -> int:
        """The digits, in units of the last one."""
        if raw.isdigit():
            return int(raw)
        negative = False
        if self.separate:
            sign, raw = (raw[:1], raw[1:]) if self.leading else (raw[-1:], raw[:-1])
            negative = sign == b"-"
        elif self.signed:
            at = 0 if self.leading else len(raw) - 1
            last = raw[at]
            if 0x70 <= last <= 0x79:  # p to y
                negative = True
                raw = raw[:at] + bytes([last - 0x40]) + raw[at + 1 :]
            elif not 0x30 <= last <= 0x39 and last != 0x20:
                raw = raw[:at] + b"0" + raw[at + 1 :]
        if raw.isdigit():
            number = int(raw)
        else:  # as cobc: what a byte is more than "0", in 64 bits
            number = 0
            for byte in raw:
                number = number * 10 + byte - 48
            number &= 0xFFFF_FFFF_FFFF_FFFF
        return -number if negative else number

    def digits_of(self, units: int) -> bytes:
        """The bytes of so many units of the last digit."""
        if units >= 0 and not self.separate:
            return self.form % units
        raw = self.form % abs(units)
        if self.separate:
            sign = b"-" if units < 0 else b"+"
            return sign + raw if self.leading else raw + sign
        if self.leading:
            return bytes([raw[0] + 0x40]) + raw[1:]
        return raw[:-1] + bytes([raw[-1] + 0x40])

    def encode(self, value: Number | float) -> bytes:
        return self.digits_of(self.units(value))

    def show(self, record: Record) -> str:
        """The bytes as they are, with a point and a sign in front of them or behind."""
        text = self.raw(record)
        negative = False
        if self.separate:
            sign, text = (text[0], text[1:]) if self.leading else (text[-1], text[:-1])
            negative = sign == "-"
        elif self.signed:
            at = 0 if self.leading else len(text) - 1
            last = text[at]
            if "p" <= last <= "y":
                negative = True
                text = text[:at] + chr(ord(last) - 0x40) + text[at + 1 :]
            elif not "0" <= last <= "9" and last != " ":
                text = text[:at] + "0" + text[at + 1 :]
        if self.scale > 0:
            text = text.rjust(self.scale, "0")
            text = f"{text[: -self.scale]}.{text[-self.scale :]}"
        elif self.scale < 0:
            text += "0" * -self.scale
        if not self.signed:
            return text
        mark = "-" if negative else "+"
        return text + mark if self.separate and not self.leading else mark + text

    def is_numeric(self, record: Record) -> bool:
        raw = bytes(record.storage[self.place])
        if self.separate:
            sign, raw = (raw[:1], raw[1:]) if self.leading else (raw[-1:], raw[:-1])
            return sign in (b"+", b"-") and raw.isdigit()
        if self.signed and not raw.isdigit():
            at = 0 if self.leading else len(raw) - 1
            if 0x70 <= raw[at] <= 0x79:
                raw = raw[:at] + b"0" + raw[at + 1 :]
        return raw.isdigit()


class Display(Zoned[int]):
    """PIC 9 without decimals: `Display(0, 5)`; see `Zoned`."""

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> int: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | int:
        if record is None:
            return self
        raw = bytes(record.storage[self.place])
        if raw.isdigit() and not self.scale:
            return int(raw)
        return int(unscaled(self.integer(raw), self.scale))

    def __set__(self, record: Record, value: Number | float) -> None:
        record.storage[self.place] = self.digits_of(self.units(value))

    def decode(self, raw: bytes) -> int:
        return int(unscaled(self.integer(raw), self.scale))


class DecimalDisplay(Zoned[Decimal]):
    """PIC 9 with decimals: `DecimalDisplay(0, 5, 2)` is PIC 999V99; see `Zoned`."""

    def decode(self, raw: bytes) -> Decimal:
        return Decimal(self.integer(raw)).scaleb(-self.scale)


class Binary(Numeric[Number]):
    """COMP, COMP-5, COMP-X, INDEX, BINARY-LONG …: a binary number of `size` bytes.

    With `digits` None it keeps what its bits can (COMP-5, COMP-X), else it is cut to digits.
    `shown` is the number of digits that DISPLAY prints.
    """

    def __init__(
        self,
        offset: int,
        size: int,
        digits: int | None = None,
        scale: int = 0,
        signed: bool = False,
        little: bool = False,
        shown: int | None = None,
    ) -> None:
        bits = 8 * size - signed
        super().__init__(offset, size, digits or len(str((1 << bits) - 1)), scale, signed)
        self.cut = digits is not None
        self.order = "little" if little else "big"
        self.shown = shown or self.digits

    def decode(self, raw: bytes) -> Number:
        order: Any = self.order
        units = int.from_bytes(raw, order, signed=self.signed)
        return units if not self.scale else unscaled(units, self.scale)

    def encode(self, value: Number | float) -> bytes:
        order: Any = self.order
        if self.cut:
            return self.units(value).to_bytes(self.size, order, signed=self.signed)
        kept = int(wrap(scaled(value, self.scale), self.size, self.signed))
        return kept.to_bytes(self.size, order, signed=self.signed)

    def show(self, record: Record) -> str:
        return show(
            self.decode(bytes(record.storage[self.place])),
            self.shown,
            self.scale,
            self.signed,
        )

    def is_numeric(self, record: Record) -> bool:
        return True


class Packed(Numeric[Number]):
    """COMP-3: two digits a byte, the last half byte is the sign; COMP-6 (`bare`) has none."""

    def __init__(
        self,
        offset: int,
        digits: int,
        scale: int = 0,
        signed: bool = True,
        bare: bool = False,
    ) -> None:
        self.bare = bare
        size = (digits + 1) // 2 if bare else digits // 2 + 1
        super().__init__(offset, size, digits, scale, signed and not bare)
        self.form = f"0{2 * size - (not bare)}d"

    def decode(self, raw: bytes) -> Number:
        halves = raw.hex()
        if self.bare:
            digits, sign = halves, "f"
        else:
            digits, sign = halves[:-1], halves[-1]
        if digits.isdecimal():
            units = int(digits)
        else:
            units = 0
            for half in digits:
                units = units * 10 + int(half, 16)
        if sign == "d":
            units = -units
        return units if not self.scale else unscaled(units, self.scale)

    def encode(self, value: Number | float) -> bytes:
        units = self.units(value)
        digits = format(abs(units), self.form)
        if self.bare:
            return bytes.fromhex(digits)
        sign = "f" if not self.signed else "d" if units < 0 else "c"
        return bytes.fromhex(digits + sign)

    def is_numeric(self, record: Record) -> bool:
        halves = bytes(record.storage[self.place]).hex()
        if self.bare:
            return halves.isdecimal()
        return halves[:-1].isdecimal() and halves[-1] in ("cd" if self.signed else "f")


class Float(Field[float]):
    """COMP-1 (4 bytes) and COMP-2 (8 bytes)."""

    def __init__(self, offset: int, size: int = 8) -> None:
        super().__init__(offset, size)
        self.form = struct.Struct("<f" if size == 4 else "<d")

    def decode(self, raw: bytes) -> float:
        value: float = self.form.unpack(raw)[0]
        return value

    def encode(self, value: Number | float) -> bytes:
        return self.form.pack(single(value) if self.size == 4 else to_float(value))

    def show(self, record: Record) -> str:
        return show_float(self.decode(bytes(record.storage[self.place])), self.size)

    def is_numeric(self, record: Record) -> bool:
        return True


class Group(Generic[G]):
    """A record inside a record."""

    def __init__(self, offset: int, row: type[G]) -> None:
        self.offset = offset
        self.row = row

    def __set_name__(self, owner: type[Record], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> G: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | G:
        if record is None:
            return self
        view = self.row(record.storage[self.offset : self.offset + self.row.size])
        record.__dict__[self.name] = view  # found there from now on
        return view


class Rows(Generic[G]):
    """The rows of a table, counted from 0."""

    def __init__(self, record: Record, table: Table[G]) -> None:
        self._storage = record.storage
        self._table = table
        self._views: dict[int, G] = {}

    def __len__(self) -> int:
        return self._table.count

    def __getitem__(self, index: int) -> G:
        view = self._views.get(index)
        if view is None:
            table = self._table
            at = table.offset + index * table.stride
            if at < 0 or at + table.row.size > len(self._storage):
                return table.row(bytearray(table.row.size))
            view = table.row(self._storage[at : at + table.row.size])
            self._views[index] = view
        return view

    def __iter__(self) -> Iterator[G]:
        return (self[index] for index in range(self._table.count))


class Table(Generic[G]):
    """OCCURS of a group: `count` rows, `stride` bytes from each to the next.

    As in COBOL a subscript is not checked against `count`: what follows in the record is read.
    Beyond the record binary zeros are read, and what is stored there is lost.
    """

    def __init__(self, offset: int, count: int, stride: int, row: type[G]) -> None:
        self.offset = offset
        self.count = count
        self.stride = stride
        self.row = row

    def __set_name__(self, owner: type[Record], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> Rows[G]: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | Rows[G]:
        if record is None:
            return self
        rows = Rows(record, self)
        record.__dict__[self.name] = rows
        return rows


class Elements(Generic[V]):
    """The elements of a table of single fields, counted from 0; see `Table` for subscripts."""

    def __init__(self, record: Record, array: Array[V]) -> None:
        self._record = record
        self._array = array
        self._fields: dict[int, Field[V]] = {}

    def field(self, index: int) -> Field[V]:
        """The description of one element: `codes.field(i).is_numeric(record)`."""
        found = self._fields.get(index)
        if found is None:
            array = self._array
            at = array.offset + index * array.stride
            found = array.item.moved(at)
            if not self._outside(index):
                self._fields[index] = found
        return found

    def _outside(self, index: int) -> bool:
        array = self._array
        at = array.offset + index * array.stride
        return at < 0 or at + array.item.size > len(self._record.storage)

    def __len__(self) -> int:
        return self._array.count

    def __getitem__(self, index: int) -> V:
        if index not in self._fields and self._outside(index):
            return self._array.item.decode(bytes(self._array.item.size))
        return self.field(index).__get__(self._record, Record)

    def __setitem__(self, index: int, value: Any) -> None:
        if index not in self._fields and self._outside(index):
            return
        self.field(index).__set__(self._record, value)

    def __iter__(self) -> Iterator[V]:
        return (self[index] for index in range(self._array.count))


class Array(Generic[V]):
    """OCCURS of one field: `codes = Array(0, 10, 5, Text(0, 5))`."""

    def __init__(self, offset: int, count: int, stride: int, item: Field[V]) -> None:
        self.offset = offset
        self.count = count
        self.stride = stride
        self.item = item

    def __set_name__(self, owner: type[Record], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> Elements[V]: ...
    def __get__(self, record: Record | None, owner: type[Record]) -> Self | Elements[V]:
        if record is None:
            return self
        elements = Elements(record, self)
        record.__dict__[self.name] = elements
        return elements
