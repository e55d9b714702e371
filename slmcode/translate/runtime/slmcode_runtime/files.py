"""Files of records: sequential, line sequential, relative, indexed.

    self.sales = LineSequentialFile(self, "SALES", "sales.txt", self.sale.storage)
    self.sales.open("INPUT")
    while self.sales.read(caught=True):
        ...                                # the record is in self.sale
    self.sales.close()

Every operation sets `status`, the two digits of FILE STATUS, and returns True when it succeeded.
What fails runs the program's declarative for that file; without one it ends the run, unless the
file has a FILE STATUS item; then the result is None. `caught` leaves an end of file or an invalid
key to the caller: the result is False.

On disk they are those of cobc 3.1: records one after the other (variable ones behind four bytes of
length), lines without the spaces at their end, slots of eight bytes of length and a record
(relative). Indexed files have a format of their own, see `IndexedFile`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from . import console
from .program import Program, StopRun, at_end
from .records import Record, Storage

Binding = tuple[Any, str]  # an object and the name of its attribute: an item of the program

_MESSAGES = {
    "10": "end of file",
    "14": "key out of range",
    "21": "key order not ascending",
    "22": "record key already exists",
    "23": "record key does not exist",
    "30": "permanent file error",
    "31": "inconsistent file name",
    "34": "disk space exhausted",
    "35": "file does not exist",
    "37": "permission denied",
    "41": "file already open",
    "42": "file not open",
    "43": "READ must be executed first",
    "44": "record overflow",
    "46": "READ after unsuccessful READ/START",
    "47": "READ/START not allowed, file not open for input",
    "48": "WRITE not allowed, file not open for output",
    "49": "DELETE/REWRITE not allowed, file not open for I-O",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_open_files: list[File] = []


def _close_all() -> None:
    for file in list(_open_files):
        file.shut()


at_end.append(_close_all)


def path_of(name: str) -> str:
    """Where the file `name` is: DD_name, dd_name or name of the environment, COB_FILE_PATH."""
    name = name.rstrip(" \0").strip("\"'")
    if "/" not in name:
        plain = name.removeprefix("-")
        found = _from_environment(plain)
        if found is not None:
            return found
        folder = os.environ.get("COB_FILE_PATH")
        return os.path.join(folder, plain) if folder and plain else plain
    first, _, rest = name.partition("/")
    if not first:
        return name
    found = _from_environment(first.removeprefix("$"))
    if found is not None:
        return f"{found}/{rest}"
    return rest if first.startswith("$") else name


def _from_environment(name: str) -> str | None:
    plain = name.replace(".", "_")
    for variable in (f"DD_{plain}", f"dd_{plain}", plain):
        if plain and os.environ.get(variable):
            return os.environ[variable]
    return None


def status_of(error: OSError, mode: str) -> str:
    if error.errno in _NO_ROOM:
        return "34"
    if error.errno == errno.ENOENT and mode != "OUTPUT":
        return "35"
    if error.errno in (errno.EACCES, errno.EISDIR, errno.EROFS, errno.EPERM, errno.ETXTBSY):
        return "37"
    return "30"


class File:
    """What all files have in common. `storage` is the record area, of the longest record's size."""

    def __init__(
        self,
        program: Program,
        name: str,
        assign: str | Callable[[], str],
        storage: Storage,
        *,
        status: Binding | None = None,
        optional: bool = False,
        least: int | None = None,
        length: Binding | None = None,
        key: Binding | None = None,
        access: str = "SEQUENTIAL",
    ) -> None:
        self.program = program
        self.name = name
        self.assign = assign
        self.area = memoryview(storage)
        self.area[:] = bytes(len(self.area))  # zero bytes at first, whatever VALUE says
        self.most = len(self.area)  # bytes of the longest record
        self.least = self.most if least is None else least
        self.length = length  # RECORD VARYING … DEPENDING ON
        self.key = key  # RELATIVE KEY
        self.access = access
        self.optional = optional
        self.status = "00"
        self.mode = ""  # INPUT, OUTPUT, I-O, EXTEND; "" is closed
        self._wanted = ""  # that of the last OPEN, whether it succeeded or not
        self.size = self.most  # bytes of the record read last
        self._bound = status
        self._stream: BinaryIO | None = None
        self._ended = False  # the last READ or START failed
        self._can_rewrite = False  # the last operation was a READ that succeeded

    # Results

    def _done(self, status: str, caught: bool = False) -> bool | None:
        """Note the status; when it is no success, have it handled.

        False is a failure left to the caller, None one that was handled.
        """
        self.status = status
        if self._bound is not None:
            set_item(self._bound, status)
        if status[0] == "0":
            return True
        if caught and status[0] in "12":
            return False
        handlers = getattr(self.program, "handlers", {})
        handler = handlers.get(self.name) or handlers.get(self.mode or self._wanted)
        if handler is not None:
            handler()
        elif self._bound is None:
            sys.stdout.flush()
            message = _MESSAGES.get(status, "unknown file error")
            print(
                f"libcob: error: {message} (status = {status}) for file {self.name}",
                file=sys.stderr,
            )
            raise StopRun(1)
        return None

    # OPEN and CLOSE

    @property
    def path(self) -> str:
        """The path that ASSIGN means now."""
        name = self.assign if isinstance(self.assign, str) else self.assign()
        return os.fsdecode(path_of(name).encode("latin-1"))

    def open(self, mode: str) -> bool | None:
        """OPEN INPUT, OUTPUT, I-O or EXTEND."""
        if self.mode:
            return self._done("41")
        self._wanted = mode
        path = self.path
        if not path.strip():
            return self._done("31")
        status = "00"
        try:
            if not os.path.exists(path) and mode != "OUTPUT":
                if not self.optional:
                    return self._done("35")
                status = "05"
            self._stream = None
            if status == "00" or mode != "INPUT":
                self._stream = self._opened(path, mode, status == "05")
        except OSError as error:
            return self._done(status_of(error, mode))
        self.mode = mode
        self._ended = False
        self._can_rewrite = False
        _open_files.append(self)
        self._begin()
        return self._done(status)

    def _opened(self, path: str, mode: str, create: bool) -> BinaryIO:
        how = {"INPUT": "rb", "OUTPUT": "wb", "EXTEND": "ab", "I-O": "w+b" if create else "r+b"}
        stream: BinaryIO = open(path, how[mode])  # type: ignore[assignment]  # noqa: SIM115
        return stream

    def _begin(self) -> None:
        """What is to be done when the file was opened."""

    def close(self) -> bool | None:
        """CLOSE."""
        if not self.mode:
            return self._done("42")
        return self._done(self.shut())

    def shut(self) -> str:
        """Write what is left and close; the status."""
        status = "00"
        try:
            self._end()
            if self._stream is not None:
                self._release(self._stream)
        except OSError as error:
            status = status_of(error, "OUTPUT")
            print(f"{self.name}: {error.strerror}", file=sys.stderr)
        self._stream = None
        self.mode = ""
        _open_files.remove(self)
        return status

    def _end(self) -> None:
        """What is to be written before the file is closed."""

    def _release(self, stream: BinaryIO) -> None:
        stream.close()

    # What every kind of file does in its own way

    def read(self, caught: bool = False) -> bool | None:
        """READ of the next record."""
        raise NotImplementedError

    def write(
        self, record: Record | None = None, *, size: int | None = None, caught: bool = False
    ) -> bool | None:
        """WRITE of what is in the record area: all of it, of `record`, or `size` bytes."""
        raise NotImplementedError

    # Pieces of the operations

    def _for_reading(self) -> str:
        """The status that forbids READ now, or ""."""
        self._can_rewrite = False
        if self.mode not in ("INPUT", "I-O"):
            return "47"
        if self._ended:
            return "46"
        return ""

    def _for_writing(self) -> str:
        self._can_rewrite = False
        if self.mode in ("OUTPUT", "EXTEND"):
            return ""
        if self.mode == "I-O" and self.access != "SEQUENTIAL":
            return ""
        return "48"

    def _end_of_file(self, caught: bool) -> bool | None:
        self._ended = True
        return self._done("10", caught)

    def _fill(self, data: bytes, blank: bool = False) -> None:
        """Put a record that was read into the record area; `blank`: spaces behind it."""
        size = min(len(data), self.most)
        self.area[:size] = data[:size]
        if blank:
            self.area[size:] = b" " * (self.most - size)
        self.size = size
        if self.length is not None:
            set_item(self.length, size)

    def _record(self, record: Record | None, size: int | None) -> bytes | None:
        """The bytes to write; None where RECORD VARYING says an impossible length."""
        if size is None:
            if self.length is not None:
                size = int(getattr(*self.length))
                if size < self.least:
                    return None
            else:
                size = self.most if record is None else record.size
        return bytes(self.area[: min(size, self.most)])


def set_item(binding: Binding, value: str | int) -> None:
    """Give an item of the program a value, as text or number as it is one."""
    owner, name = binding
    before = getattr(owner, name)
    if isinstance(before, int):
        setattr(owner, name, int(value))
    else:
        text = value if isinstance(value, str) else str(value)
        setattr(owner, name, text.ljust(len(before))[: len(before)])


Linage = tuple[int, int, int, int]  # lines, footing, lines at top, lines at bottom


class SequentialFile(File):
    """ORGANIZATION SEQUENTIAL. Records of different lengths have their length in front of them."""

    def __init__(
        self,
        *arguments: Any,
        linage: Linage | Callable[[], Linage] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.linage = linage
        self.linage_counter = 0
        self.end_of_page = False
        self._page: Linage = (0, 0, 0, 0)
        self._needs_newline = False
        self._at = 0  # where the record read last begins

    def _opened(self, path: str, mode: str, create: bool) -> BinaryIO:
        name = self.assign if isinstance(self.assign, str) else ""
        if name == "KEYBOARD" and mode == "INPUT":
            return console.standard_input()
        if name == "DISPLAY" and mode != "INPUT":
            return console.standard_output()
        return super()._opened(path, mode, create)

    @property
    def path(self) -> str:
        if self.assign in ("KEYBOARD", "DISPLAY"):
            return os.devnull
        return super().path

    def _release(self, stream: BinaryIO) -> None:
        if stream is console.standard_output():
            stream.flush()
        elif stream is not console.standard_input():
            stream.close()

    def _begin(self) -> None:
        self._needs_newline = False
        if self.linage is not None and self.mode in ("OUTPUT", "EXTEND"):
            self._new_page()
            self._write(b"\n" * self._page[2])

    def _new_page(self) -> None:
        assert self.linage is not None
        self._page = self.linage() if callable(self.linage) else self.linage
        self.linage_counter = 1

    def _write(self, data: bytes) -> None:
        assert self._stream is not None
        self._stream.write(data)

    def _end(self) -> None:
        if self._needs_newline:
            self._write(b"\n")

    # READ

    def read(self, caught: bool = False) -> bool | None:
        """READ: the next record."""
        status = self._for_reading()
        if status:
            return self._done(status)
        try:
            data = self._next()
        except OSError:
            self._ended = True
            return self._done("30")
        if data is None:
            return self._end_of_file(caught)
        self._can_rewrite = True
        return self._done(self._taken(data))

    def _next(self) -> bytes | None:
        """The bytes of the next record, None at the end."""
        stream = self._stream
        if stream is None:
            return None
        if self.mode == "I-O":
            self._at = stream.tell()
        size = self.most
        if self.least != self.most:
            head = stream.read(4)
            if len(head) < 4:
                return None
            size = int.from_bytes(head[:2], "big")
        return stream.read(size) or None

    def _taken(self, data: bytes) -> str:
        self._fill(data)
        return "04" if self.least == self.most and len(data) < self.most else "00"

    # WRITE

    def write(
        self,
        record: Record | None = None,
        *,
        size: int | None = None,
        before: int | str | None = None,
        after: int | str | None = None,
        caught: bool = False,
    ) -> bool | None:
        """WRITE. `before` and `after` are ADVANCING: so many lines, or "PAGE"."""
        status = self._for_writing()
        if status:
            return self._done(status)
        data = self._record(record, size)
        if data is None:
            return self._done("44")
        self.end_of_page = False
        try:
            self._put(data, before, after)
        except OSError as error:
            return self._done(status_of(error, "OUTPUT"))
        return self._done("00")

    def _put(self, data: bytes, before: int | str | None, after: int | str | None) -> None:
        if after is not None:
            self._advance(after)
            self._needs_newline = True
        else:
            self._needs_newline = False
        if self.least != self.most:
            self._write(len(data).to_bytes(2, "big") + b"\0\0")
        self._write(data)
        if before is not None:
            self._advance(before)

    def _advance(self, lines: int | str) -> None:
        if self.linage is not None:
            self._advance_page(lines)
        elif lines == "PAGE":
            self._write(b"\f")
        else:
            self._write(b"\n" * int(lines) or b"\r")

    def _advance_page(self, lines: int | str) -> None:
        """So many lines on a page of LINAGE; the next page where this one ends."""
        total, footing, _, bottom = self._page
        if lines == "PAGE":
            self._write(b"\n" * (total - self.linage_counter))
        else:
            self.linage_counter += int(lines)
            if footing and self.linage_counter >= footing:
                self.end_of_page = True
            if self.linage_counter <= total:
                self._write(b"\n" * int(lines))
                return
            self.end_of_page = True
            self._write(b"\n" * (total - self.linage_counter + int(lines) + 1))
        self._new_page()
        self._write(b"\n" * (bottom + self._page[2]))

    def rewrite(
        self, record: Record | None = None, *, size: int | None = None, caught: bool = False
    ) -> bool | None:
        """REWRITE: the record read last."""
        can = self._can_rewrite
        self._can_rewrite = False
        if self.mode != "I-O":
            return self._done("49")
        if not can:
            return self._done("43")
        data = self._record(record, size)
        if data is None or (self.least != self.most and len(data) != self.size):
            return self._done("44")
        stream = self._stream
        assert stream is not None
        try:
            end = stream.tell()
            stream.seek(self._at + (4 if self.least != self.most else 0))
            stream.write(data[: self.size])
            stream.seek(end)
        except OSError as error:
            return self._done(status_of(error, "OUTPUT"))
        return self._done("00")


class LineSequentialFile(SequentialFile):
    """ORGANIZATION LINE SEQUENTIAL: lines of text, without the spaces at their end."""

    def _next(self) -> bytes | None:
        if self._stream is None:
            return None
        line = self._stream.readline()
        if not line:
            return None
        line = line.removesuffix(b"\n")
        return line.replace(b"\r", b"") if b"\r" in line else line

    def _taken(self, data: bytes) -> str:
        self._fill(data, blank=True)
        return "00"

    def _put(self, data: bytes, before: int | str | None, after: int | str | None) -> None:
        line = data.rstrip(b" ")
        if after is not None:
            self._advance(after)
            self._write(line)
            self._needs_newline = True
            return
        self._needs_newline = False
        if before is None and self.linage is None:
            self._write(line + b"\n")
            return
        self._write(line)
        self._advance(1 if before is None else before)
