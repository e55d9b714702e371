"""The header of a GGUF file: its metadata, and whether the file is as long as it says.

    "GGUF" version tensors pairs | key type value ... | name shape type offset ... | data

`gguf.GGUFReader` makes two numpy arrays per token and takes 19 s for the 151,936 tokens of
the fast model (m, two busy cores), and says nothing of a truncated file. This walk takes a
hundredth of it. Types and block sizes are the `gguf` package's.
"""

from __future__ import annotations

import math
import mmap
import struct
from pathlib import Path
from typing import Any

import msgspec
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType

from slmcode.models.catalog import Refused

_SCALARS: dict[int, str] = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT64: "d",
    GGUFValueType.BOOL: "?",
}
_VERSIONS = (2, 3)
_LARGEST_SIZE = 1 << 62  # of a tensor in bytes; larger numbers are a damaged header


class Tensor(msgspec.Struct, frozen=True):
    """Where a tensor lies. `shape` is llama.cpp's: the length of a row first."""

    name: str
    shape: tuple[int, ...]
    kind: int  # a GGMLQuantizationType
    start: int  # bytes, from the beginning of the file
    size: int  # bytes


class Header(msgspec.Struct, frozen=True):
    """Metadata as plain values, strings as bytes; `types` are their GGUF types.

    Of an array `types` holds the type of its elements. `needed_size` is the file size the tensors
    ask for.
    """

    values: dict[str, Any]
    types: dict[str, int]
    tensors: list[Tensor]
    needed_size: int


class _Short(Exception):
    """The header goes on behind the end of the file."""


class _Cursor:
    """Reads little-endian values off a memory map."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.pos = 0

    def take(self, layout: str, count: int = 1) -> tuple[Any, ...]:
        size = struct.calcsize(f"<{layout}") * count
        if size > len(self.data) - self.pos:
            raise _Short
        out = struct.unpack_from(f"<{count}{layout}", self.data, self.pos)
        self.pos += size
        return out

    def string(self) -> bytes:
        (size,) = self.take("Q")
        start, end = self.pos, self.pos + size
        if end > len(self.data):
            raise _Short
        self.pos = end
        return self.data[start:end]

    def strings(self, count: int) -> list[bytes]:
        if count > len(self.data) - self.pos:
            raise _Short
        data, pos, end = self.data, self.pos, len(self.data)
        length = struct.Struct("<Q").unpack_from
        out = []
        for _ in range(count):
            if pos + 8 > end:
                raise _Short
            start = pos + 8
            pos = start + length(data, pos)[0]
            if pos > end:
                raise _Short
            out.append(data[start:pos])
        self.pos = pos
        return out

    def value(self, kind: int) -> Any:
        if kind == GGUFValueType.STRING:
            return self.string()
        if kind == GGUFValueType.ARRAY:
            inner, count = (*self.take("I"), *self.take("Q"))
            if inner == GGUFValueType.STRING:
                return self.strings(count)
            if inner not in _SCALARS:
                raise ValueError(f"arrays of type {inner}")
            return list(self.take(_SCALARS[inner], count))
        if kind not in _SCALARS:
            raise ValueError(f"a value of type {kind}")
        return self.take(_SCALARS[kind])[0]


def read(path: Path) -> Header:
    """The header of the GGUF file at `path`.

    Raises Refused if it is not GGUF, its header is damaged or cut, or the file is shorter than
    its tensors; OSError if it cannot be read.
    """
    with path.open("rb") as file:
        magic = file.read(4)
        if magic != b"GGUF":
            raise Refused(f"{path} is not a GGUF file: it begins with {magic!r}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size = len(data)
            try:
                header = _read(_Cursor(data))
            except _Short:
                raise Refused(
                    f"{path} is truncated: its {size:,} bytes end inside the header"
                ) from None
            except (ValueError, struct.error, OverflowError) as e:
                raise Refused(f"{path} has a damaged or unknown GGUF header: {e}") from None
    if size < header.needed_size:
        raise Refused(
            f"{path} is truncated: {size:,} bytes, its tensors need {header.needed_size:,}"
        )
    return header


def _read(cursor: _Cursor) -> Header:
    cursor.pos = 4
    (version,) = cursor.take("I")
    if version not in _VERSIONS:
        raise ValueError(f"version {version}, known are 2 and 3")
    tensor_count, pair_count = cursor.take("Q", 2)
    values: dict[str, Any] = {}
    types: dict[str, int] = {}
    for _ in range(pair_count):
        key = cursor.string().decode("utf-8")
        (kind,) = cursor.take("I")
        start = cursor.pos
        values[key] = cursor.value(kind)
        types[key] = kind
        if kind == GGUFValueType.ARRAY:
            (types[key],) = struct.unpack_from("<I", cursor.data, start)
    found: list[Tensor] = []
    for _ in range(tensor_count):
        name = cursor.string().decode("utf-8")
        (dimension_count,) = cursor.take("I")
        shape = cursor.take("Q", dimension_count)
        kind, offset = (*cursor.take("I"), *cursor.take("Q"))
        block, block_size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        size = math.prod(shape) // block * block_size
        if offset + size > _LARGEST_SIZE:
            raise ValueError("a tensor of impossible size")
        found.append(Tensor(name, shape, kind, offset, size))
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0:
        raise ValueError(f"an alignment of {alignment!r}")
    begin = -(-cursor.pos // alignment) * alignment
    tensors = [Tensor(t.name, t.shape, t.kind, begin + t.start, t.size) for t in found]
    needed = max((t.start + t.size for t in tensors), default=cursor.pos)
    return Header(values, types, tensors, needed)
