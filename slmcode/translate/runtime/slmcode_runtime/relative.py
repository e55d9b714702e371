"""Relative files: slots of one length, found by their number."""

from __future__ import annotations

import os
from typing import BinaryIO

from .files import File, set_item, status_of
from .records import Record

HEAD = 8  # bytes of length in front of every slot of a relative file


class RelativeFile(File):
    """ORGANIZATION RELATIVE: slots of one length, found by their number."""

    def _begin(self) -> None:
        self._slot = 0  # what READ NEXT looks at first, from 0
        self._last = -1  # the slot read last
        self._started = False  # START found a slot, nothing was read since
        if self.mode == "EXTEND" and self._stream is not None:
            self._slot = self._count()

    def _opened(self, path: str, mode: str, create: bool) -> BinaryIO:
        if mode == "EXTEND":
            return open(path, "w+b" if create else "r+b")
        if mode == "OUTPUT":
            return open(path, "w+b")
        return super()._opened(path, mode, create)

    def _count(self) -> int:
        assert self._stream is not None
        end = self._stream.seek(0, os.SEEK_END)
        return -(-end // (HEAD + self.most))

    def _get(self, slot: int) -> bytes | None:
        """The record in a slot: None where the file has no such slot, b"" where it is empty."""
        if self._stream is None or slot < 0:
            return None
        self._stream.seek(slot * (HEAD + self.most))
        raw = self._stream.read(HEAD + self.most)
        if len(raw) < HEAD:
            return None
        size = int.from_bytes(raw[:HEAD], "little")
        return raw[HEAD : HEAD + size]

    def _put(self, slot: int, data: bytes) -> None:
        assert self._stream is not None
        self._stream.seek(slot * (HEAD + self.most))
        self._stream.write(len(data).to_bytes(HEAD, "little") + data.ljust(self.most, b"\0"))

    def _number(self) -> int:
        """The slot that RELATIVE KEY names, from 0."""
        return -1 if self.key is None else int(getattr(*self.key)) - 1

    def _found(self, slot: int, data: bytes) -> bool | None:
        self._fill(data)
        self._last = slot
        self._started = False
        self._ended = False
        self._can_rewrite = True
        if self.key is not None:
            set_item(self.key, slot + 1)
        return self._done("00")

    def read(self, caught: bool = False) -> bool | None:
        """READ NEXT."""
        return self._step(self._slot, 1, caught)

    def read_previous(self, caught: bool = False) -> bool | None:
        """READ PREVIOUS."""
        return self._step(self._slot if self._started else self._last - 1, -1, caught)

    def _step(self, slot: int, step: int, caught: bool) -> bool | None:
        status = self._for_reading()
        if status:
            return self._done(status)
        while (data := self._get(slot)) is not None:
            if data:
                self._slot = slot + 1
                return self._found(slot, data)
            slot += step
        return self._end_of_file(caught)

    def read_key(self, caught: bool = False) -> bool | None:
        """READ of the slot that RELATIVE KEY names."""
        self._can_rewrite = False
        if self.mode not in ("INPUT", "I-O"):
            return self._done("47")
        slot = self._number()
        data = self._get(slot)
        if not data:
            return self._done("23", caught)
        self._slot = slot + 1
        return self._found(slot, data)

    def start(self, operator: str = "=", caught: bool = False) -> bool | None:
        """START: READ NEXT gives the first slot that is so to RELATIVE KEY; or FIRST, LAST."""
        self._can_rewrite = False
        if self.mode not in ("INPUT", "I-O"):
            return self._done("47")
        wanted, count = self._number(), 0 if self._stream is None else self._count()
        ways: dict[str, range] = {
            "=": range(wanted, wanted + 1),
            ">=": range(max(wanted, 0), count),
            ">": range(max(wanted + 1, 0), count),
            "<=": range(min(wanted, count - 1), -1, -1),
            "<": range(min(wanted - 1, count - 1), -1, -1),
            "FIRST": range(count),
            "LAST": range(count - 1, -1, -1),
        }
        for slot in ways[operator]:
            if self._get(slot):
                self._slot = slot
                self._started = True
                self._ended = False
                return self._done("00")
        self._ended = True
        return self._done("23", caught)

    def write(
        self, record: Record | None = None, *, size: int | None = None, caught: bool = False
    ) -> bool | None:
        """WRITE: behind the last record, or into the slot that RELATIVE KEY names."""
        status = self._for_writing()
        if status:
            return self._done(status)
        data = self._record(record, size)
        if data is None:
            return self._done("44")
        if self.access == "SEQUENTIAL":
            slot = self._slot
            self._slot += 1
        else:
            slot = self._number()
            if slot < 0:
                return self._done("24", caught)
            if self._get(slot):
                return self._done("22", caught)
        try:
            self._put(slot, data)
        except OSError as error:
            return self._done(status_of(error, "OUTPUT"))
        if self.access == "SEQUENTIAL" and self.key is not None:
            set_item(self.key, slot + 1)
        return self._done("00")

    def _chosen(self) -> tuple[str, int]:
        """The status that forbids REWRITE and DELETE now, or "", and the slot."""
        can = self._can_rewrite
        self._can_rewrite = False
        if self.mode != "I-O":
            return "49", 0
        if self.access == "SEQUENTIAL":
            return ("" if can else "43"), self._last
        slot = self._number()
        return ("" if self._get(slot) is not None else "23"), slot

    def rewrite(
        self, record: Record | None = None, *, size: int | None = None, caught: bool = False
    ) -> bool | None:
        """REWRITE of the record read last, or of the slot that RELATIVE KEY names."""
        status, slot = self._chosen()
        data = self._record(record, size)
        if not status and data is None:
            status = "44"
        if not status and data is not None:
            assert self._stream is not None
            try:  # the bytes only: an empty slot stays one, as with cobc
                self._stream.seek(slot * (HEAD + self.most) + HEAD)
                self._stream.write(data)
            except OSError as error:
                status = status_of(error, "OUTPUT")
        return self._done(status or "00", caught)

    def delete(self, caught: bool = False) -> bool | None:
        """DELETE: the slot is empty from now on."""
        status, slot = self._chosen()
        if not status:
            assert self._stream is not None
            self._stream.seek(slot * (HEAD + self.most))
            self._stream.write(bytes(HEAD))
        return self._done(status or "00", caught)
