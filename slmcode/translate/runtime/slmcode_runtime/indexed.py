"""Indexed files, in a format of their own: cobc's are those of a data base library."""

from __future__ import annotations

import errno
import os
from bisect import bisect_left, bisect_right, insort
from typing import Any, BinaryIO

from .files import File
from .records import Record

Key = tuple[int, int]  # offset and bytes in the record
Entry = tuple[bytes, int, bytes]  # a key, the order among equal ones, the primary key

MARK = b"slmcode indexed file 1\n"


class IndexedFile(File):
    """ORGANIZATION INDEXED. All records are in memory while the file is open.

    On disk: a line that says what it is, then for every record its length (4 bytes, little
    endian), for every alternate key its place among equal ones (8 bytes), and its bytes.
    CLOSE writes a new file and puts it in the place of the old one.
    """

    def __init__(
        self,
        *arguments: Any,
        record_key: Key,
        alternates: tuple[tuple[int, int, bool], ...] = (),
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.keys: tuple[Key, ...] = (record_key, *((at, size) for at, size, _ in alternates))
        self.duplicates = (False, *(several for _, _, several in alternates))
        self._records: dict[bytes, bytes] = {}
        self._order: list[list[Entry]] = [[] for _ in self.keys]
        self._serial = 0
        self._changed = False
        self._target = ""

    def _opened(self, path: str, mode: str, create: bool) -> BinaryIO:
        self._records = {}
        self._order = [[] for _ in self.keys]
        self._serial = 0
        self._target = path
        self._changed = create or mode == "OUTPUT"
        if not self._changed:
            self._load(path)
        if mode != "INPUT" and not os.access(os.path.dirname(path) or ".", os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return open(path, "wb" if self._changed else "rb")

    def _load(self, path: str) -> None:
        with open(path, "rb") as stream:
            if stream.readline() != MARK:
                raise OSError(errno.EINVAL, "not an indexed file of slmcode", path)
            while head := stream.read(4):
                serials = [
                    int.from_bytes(stream.read(8), "little") for _ in range(len(self.keys) - 1)
                ]
                data = stream.read(int.from_bytes(head, "little"))
                primary = self._key(data, 0)
                self._records[primary] = data
                for index, serial in enumerate((0, *serials)):
                    self._order[index].append((self._key(data, index), serial, primary))
                    self._serial = max(self._serial, serial)
        for order in self._order:
            order.sort()

    def _begin(self) -> None:
        self._index = 0  # the key whose order READ NEXT follows
        self._last: Entry | None = None  # what was read last, or found by START
        self._started = False
        self._written: bytes = b""  # the key written last, of sequential access

    def _end(self) -> None:
        if self.mode != "INPUT" and self._changed:
            self._save()

    def _save(self) -> None:
        serials: dict[bytes, list[int]] = {primary: [] for primary in self._records}
        for order in self._order[1:]:
            for _, serial, primary in order:
                serials[primary].append(serial)
        scratch = f"{self._target}.new"
        try:
            with open(scratch, "wb") as stream:
                stream.write(MARK)
                for _, _, primary in self._order[0]:
                    data = self._records[primary]
                    stream.write(len(data).to_bytes(4, "little"))
                    for serial in serials[primary]:
                        stream.write(serial.to_bytes(8, "little"))
                    stream.write(data)
            os.replace(scratch, self._target)
        except OSError:
            if os.path.exists(scratch):
                os.unlink(scratch)
            raise

    def _key(self, data: bytes | memoryview, index: int) -> bytes:
        at, size = self.keys[index]
        return bytes(data[at : at + size]).ljust(size)

    def _equal(self, index: int, key: bytes) -> list[Entry]:
        order = self._order[index]
        at = bisect_left(order, (key, -1, b""))
        found = []
        while at < len(order) and order[at][0] == key:
            found.append(order[at])
            at += 1
        return found

    def _found(self, entry: Entry) -> bool | None:
        self._fill(self._records[entry[2]])
        self._last = entry
        self._started = self._ended = False
        self._can_rewrite = True
        return self._done("00")

    # READ and START

    def read(self, caught: bool = False) -> bool | None:
        """READ NEXT, in the order of the key used last."""
        status = self._for_reading()
        if status:
            return self._done(status)
        order = self._order[self._index]
        at = 0
        if self._last is not None:
            side = bisect_left if self._started else bisect_right
            at = side(order, self._last)
        return self._found(order[at]) if at < len(order) else self._end_of_file(caught)

    def read_previous(self, caught: bool = False) -> bool | None:
        """READ PREVIOUS."""
        status = self._for_reading()
        if status:
            return self._done(status)
        order = self._order[self._index]
        at = len(order)
        if self._last is not None:
            side = bisect_right if self._started else bisect_left
            at = side(order, self._last)
        return self._found(order[at - 1]) if at else self._end_of_file(caught)

    def read_key(self, key: int = 0, caught: bool = False) -> bool | None:
        """READ of the record with the key in the area: 0 is RECORD KEY, then the alternate ones."""
        self._can_rewrite = False
        if self.mode not in ("INPUT", "I-O"):
            return self._done("47")
        found = self._equal(key, self._key(self.area, key))
        if not found:
            return self._done("23", caught)
        self._index = key
        return self._found(found[0])

    def start(
        self, operator: str = "=", key: int = 0, size: int | None = None, caught: bool = False
    ) -> bool | None:
        """START: READ NEXT gives the first record that compares so; or FIRST, LAST.

        `size`: only so many bytes of the key are compared.
        """
        self._can_rewrite = False
        if self.mode not in ("INPUT", "I-O"):
            return self._done("47")
        order = self._order[key]
        wanted = self._key(self.area, key)[:size]
        cut = len(wanted)
        low = bisect_left(order, wanted, key=lambda entry: entry[0][:cut])
        high = bisect_right(order, wanted, key=lambda entry: entry[0][:cut])
        at = {
            "=": low if low < high else -1,
            ">=": low,
            ">": high,
            "<": low - 1,
            "<=": high - 1,
            "FIRST": 0,
            "LAST": len(order) - 1,
        }[operator]
        if not 0 <= at < len(order):
            self._ended = True
            return self._done("23", caught)
        self._index = key
        self._last = order[at]
        self._started = True
        self._ended = False
        return self._done("00")

    # WRITE, REWRITE, DELETE

    def _clash(self, data: bytes, own: bytes | None = None) -> str:
        """The status of storing `data`: 22, 02 where an alternate key is there twice, or 00."""
        status = "00"
        for index in range(1, len(self.keys)):
            key = self._key(data, index)
            if own is not None and self._key(self._records[own], index) == key:
                continue
            others = self._equal(index, key)
            if others and not self.duplicates[index]:
                return "22"
            if others:
                status = "02"
        return status

    def write(
        self, record: Record | None = None, *, size: int | None = None, caught: bool = False
    ) -> bool | None:
        """WRITE."""
        status = self._for_writing()
        if status:
            return self._done(status)
        data = self._record(record, size)
        if data is None:
            return self._done("44")
        primary = self._key(data, 0)
        if self.access == "SEQUENTIAL" and primary <= self._written and self._written:
            return self._done("21", caught)
        if primary in self._records:
            return self._done("22", caught)
        status = self._clash(data)
        if status != "22":
            self._written = primary
            self._store(primary, data)
        return self._done(status, caught)

    def _store(self, primary: bytes, data: bytes) -> None:
        self._changed = True
        self._records[primary] = data
        insort(self._order[0], (primary, 0, primary))
        for index in range(1, len(self.keys)):
            self._serial += 1
            insort(self._order[index], (self._key(data, index), self._serial, primary))

    def _chosen(self) -> tuple[str, bytes]:
        can = self._can_rewrite
        self._can_rewrite = False
        primary = self._key(self.area, 0)
        if self.mode != "I-O":
            return "49", primary
        if self.access == "SEQUENTIAL":
            if not can or self._last is None:
                return "43", primary
            return ("" if self._last[2] == primary else "21"), primary
        return ("" if primary in self._records else "23"), primary

    def rewrite(
        self, record: Record | None = None, *, size: int | None = None, caught: bool = False
    ) -> bool | None:
        """REWRITE of the record with this key."""
        status, primary = self._chosen()
        data = self._record(record, size)
        if not status and data is None:
            status = "44"
        if not status and data is not None:
            status = self._clash(data, primary)
            if status != "22":
                self._replace(primary, data)
        return self._done(status or "00", caught)

    def _replace(self, primary: bytes, data: bytes) -> None:
        self._changed = True
        before = self._records[primary]
        self._records[primary] = data
        for index in range(1, len(self.keys)):
            old, new = self._key(before, index), self._key(data, index)
            if old != new:
                self._forget(index, old, primary)
                self._serial += 1
                insort(self._order[index], (new, self._serial, primary))

    def _forget(self, index: int, key: bytes, primary: bytes) -> None:
        for entry in self._equal(index, key):
            if entry[2] == primary:
                del self._order[index][bisect_left(self._order[index], entry)]

    def delete(self, caught: bool = False) -> bool | None:
        """DELETE of the record with this key."""
        status, primary = self._chosen()
        if not status:
            self._changed = True
            data = self._records.pop(primary)
            for index in range(len(self.keys)):
                self._forget(index, self._key(data, index), primary)
        return self._done(status or "00", caught)
