"""SORT and MERGE: records in memory, keys by their descriptions.

    self.work.begin()
    self.work.read_from(self.sales)                       # USING; or release() in a procedure
    self.work.sort(ascending(SaleRec.region), descending(SaleRec.amount))
    self.work.write_to(self.report)                       # GIVING; or next_record()

Equal records keep the order they came in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .files import File
from .records import Elements, Field, Record, Rows, Storage, Text
from .texts import collated

Key = tuple[Field[Any], bool]  # the piece of a record, and True where the order is descending


def ascending(field: Field[Any]) -> Key:
    return field, False


def descending(field: Field[Any]) -> Key:
    return field, True


def _value(field: Field[Any], alphabet: str) -> Callable[[bytes], Any]:
    """The function from a record's bytes to what is compared."""
    place = field.place
    if isinstance(field, Text):
        if not alphabet:
            return lambda data: data[place]
        return lambda data: collated(str(data[place], "latin-1"), alphabet)
    return lambda data: field.decode(data[place])


def _sorted(records: list[bytes], keys: Sequence[Key], alphabet: str) -> None:
    for field, reverse in reversed(keys):  # stable, so the last key goes first
        records.sort(key=_value(field, alphabet), reverse=reverse)


class SortFile:
    """An SD: the records of one SORT or MERGE. `storage` is the record area."""

    def __init__(self, storage: Storage) -> None:
        self.area = memoryview(storage)
        self.area[:] = bytes(len(self.area))
        self._records: list[bytes] = []
        self._at = 0

    def begin(self) -> None:
        """A SORT begins: no record is left of the one before."""
        self._records = []
        self._at = 0

    def release(self) -> None:
        """RELEASE: the record in the area is one more to sort."""
        self._records.append(bytes(self.area))

    def read_from(self, file: File) -> None:
        """USING: all records of a file, which is opened and closed."""
        size = len(self.area)
        if file.open("INPUT"):
            while file.read(caught=True):
                self._records.append(bytes(file.area[: file.size]).ljust(size)[:size])
            file.close()

    def sort(self, *keys: Key, alphabet: str = "") -> None:
        """Sort what came in, by the first key, then the second …"""
        _sorted(self._records, keys, alphabet)
        self._at = 0

    def next_record(self) -> bool:
        """RETURN: puts the next record into the area; False at the end."""
        if self._at >= len(self._records):
            return False
        self.area[:] = self._records[self._at]
        self._at += 1
        return True

    def write_to(self, *files: File) -> None:
        """GIVING: writes all records to files, which are opened and closed."""
        for file in files:
            if not file.open("OUTPUT"):
                continue
            for data in self._records:
                file.area[:] = data.ljust(file.most)[: file.most]
                file.write(size=min(len(data), file.most) if file.least < file.most else file.most)
            file.close()


def sort_table(
    table: Rows[Any] | Elements[Any], *keys: Key, count: int | None = None, alphabet: str = ""
) -> None:
    """SORT of a table whose bytes are in a record; `count` of its rows."""
    places: list[memoryview] = []
    for index in range(len(table) if count is None else count):
        if isinstance(table, Rows):
            row: Record = table[index]
            places.append(row.storage[: row.size])
        else:
            places.append(table.field(index).bytes_of(table._record))
    records = [bytes(place) for place in places]
    _sorted(records, keys, alphabet)
    for place, data in zip(places, records, strict=True):
        place[:] = data
