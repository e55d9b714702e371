"""A GGUF file made from another one: fewer tokens, other tensor types, tensors joined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGUFWriter
from gguf.constants import GGMLQuantizationType, GGUFValueType

from slmcode.models import header, prune
from slmcode.models.header import Tensor

Bytes = npt.NDArray[np.uint8]
Data = tuple[Bytes, GGMLQuantizationType]  # bytes of each row, and their type
PER_TOKEN = ("token_embd.weight", "output.weight")  # matrices with a row for each token


def rows(path: Path, tensor: Tensor) -> Bytes:
    """The bytes of a tensor, one row of the matrix in each row: shape (n_out, bytes)."""
    data = np.memmap(path, np.uint8, "r", tensor.start, (tensor.size,))
    n_rows = int(np.prod(tensor.shape[1:]))
    return data.reshape(n_rows, -1)


def rewrite(
    source: Path,
    target: Path,
    kept: npt.NDArray[np.int64],
    replaced: dict[str, Data],
    joined: dict[str, Sequence[str]],
    added: dict[str, str],
) -> None:
    """Write `target`: `source` with the tokens `kept` only and the tensors `replaced`.

    `replaced` data of a matrix with a row for each token is already cut. `joined` names tensors
    made of the rows of others, all of one type, which they stand for. `added` is metadata.
    """
    read = header.read(source)
    writer = GGUFWriter(target, read.values["general.architecture"].decode())
    for key, value in prune.pruned(read.values, kept).items():
        if key != "general.architecture":
            _add_value(writer, key, value, read.types[key])
    for key, text in added.items():
        writer.add_string(key, text)
    tensors = {t.name: t for t in read.tensors}
    whole_of = {part: whole for whole, parts in joined.items() for part in parts}
    for tensor in read.tensors:
        whole = whole_of.get(tensor.name, tensor.name)
        parts = joined.get(whole, (tensor.name,))
        if tensor.name == parts[0]:
            found = [replaced.get(p) or _copied(source, tensors[p], kept) for p in parts]
            kinds = {kind for _, kind in found}
            assert len(kinds) == 1, f"{whole} is made of several types: {kinds}"
            _add_tensor(writer, whole, [data for data, _ in found], len(tensor.shape), kinds.pop())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copied(source: Path, tensor: Tensor, kept: npt.NDArray[np.int64]) -> Data:
    data = rows(source, tensor)
    if tensor.name in PER_TOKEN:
        data = data[kept]
    return data, GGMLQuantizationType(tensor.kind)


def _add_tensor(
    writer: GGUFWriter, name: str, parts: list[Bytes], dimensions: int, kind: GGMLQuantizationType
) -> None:
    """Add the rows of `parts` as one tensor of one or two dimensions."""
    if dimensions == 1:
        parts = [part.reshape(-1) for part in parts]
    data = np.ascontiguousarray(np.concatenate(parts))
    if kind == GGMLQuantizationType.F32:
        writer.add_tensor(name, data.view(np.float32))
    else:
        writer.add_tensor(name, data, raw_dtype=kind)


def _add_value(writer: GGUFWriter, key: str, value: Any, kind: int) -> None:
    if isinstance(value, list):
        writer.add_key_value(key, value, GGUFValueType.ARRAY, GGUFValueType(kind))
    else:
        writer.add_key_value(key, value, GGUFValueType(kind))
