"""What a model's matrices are multiplied with: the second moments of their inputs.

    X   one row for each token, the input of a matrix   shape (n_tokens, n_in)
    H = X^T X / n_tokens                                 shape (n_in, n_in)

`models/quantize.py` weighs its rounding errors with H. llama.cpp hands us X: it asks a callback
for each node of its graph whether we want to see it, and shows those we do when they are computed.

    python -m slmcode.engine.calibrate REQUEST

REQUEST is a file of msgpack. Each line on stdout says how much of the work is done, from 0 to 1.
A process of its own, because a fault in native code would end it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from slmcode.engine.offline import Offline, Unusable

Moments = dict[str, npt.NDArray[np.float32]]  # by tensor name, shape (n_in, n_in)

_ROWS = 1024  # of X kept before H is renewed: 94 MB in memory for 4,864 columns, whatever the rows


class Request(msgspec.Struct, frozen=True):
    """Evaluate `texts` with the weights at `path`; write H as `folder`/<tensor>.npy (float32)."""

    path: str
    texts: list[list[int]]  # token ids, each text evaluated for itself
    tensors: list[str]  # the matrices whose input is wanted
    folder: str
    threads: int


class _Tensor(ctypes.Structure):
    """`struct ggml_tensor` of ggml.h up to its name."""


_Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(_Tensor) * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
]
_F32 = 0  # GGML_TYPE_F32


def second_moments(request: Request, told: Callable[[float], None]) -> Moments:
    """H of each wanted input over all tokens. Raises Unusable."""
    sums = _Sums()
    wanted = frozenset(name.encode() for name in request.tensors)
    longest = max(len(text) for text in request.texts)
    model = Offline(
        Path(request.path),
        threads=request.threads,
        n_ctx=longest,
        batch=longest,
        watch=_watch(wanted, sums),
    )
    for done, text in enumerate(request.texts):
        model.keep(0)
        model.evaluate(text, 0, len(text))  # all logits: else the last layer is cut to one row
        told((done + 1) / len(request.texts))
    model.close()
    moments = sums.mean(sum(len(text) for text in request.texts))
    if missing := set(request.tensors) - set(moments):
        raise Unusable(f"llama.cpp did not show the input of {min(missing)}")
    return moments


class _Sums:
    """X^T X by tensor name, renewed when enough rows have come together."""

    def __init__(self) -> None:
        self._sums: Moments = {}
        self._rows: dict[str, list[npt.NDArray[np.float32]]] = {}

    def add(self, name: str, rows: npt.NDArray[np.float32]) -> None:
        """Take the inputs of one text, shape (n_tokens, n_in)."""
        waiting = self._rows.setdefault(name, [])
        waiting.append(rows)
        if sum(len(r) for r in waiting) >= _ROWS:
            self._flush(name)

    def mean(self, n_tokens: int) -> Moments:
        """All there is, divided by the number of tokens."""
        for name in self._rows:
            self._flush(name)
        for moments in self._sums.values():
            moments /= n_tokens
        return self._sums

    def _flush(self, name: str) -> None:
        waiting = self._rows[name]
        if waiting:
            x = np.concatenate(waiting)
            product = x.T @ x
            if name in self._sums:
                self._sums[name] += product
            else:
                self._sums[name] = product
            waiting.clear()


def _watch(wanted: Collection[bytes], sums: _Sums) -> Callable[[int, bool, object], bool]:
    """llama.cpp's callback: False lets the graph run on, True shows the node when computed."""

    def watch(pointer: int, ask: bool, data: object) -> bool:
        node = ctypes.cast(pointer, ctypes.POINTER(_Tensor)).contents
        if not node.src[0] or not node.src[1]:
            return not ask
        name = node.src[0].contents.name
        if name not in wanted:
            return not ask
        if not ask:
            sums.add(name.decode(), _rows(name.decode(), node.src[1].contents))
        return True

    return watch


def _rows(name: str, inputs: _Tensor) -> npt.NDArray[np.float32]:
    """A copy of the input of a matrix, one row for each token."""
    n_in, n_tokens = inputs.ne[0], inputs.ne[1]
    if inputs.type != _F32 or inputs.nb[0] != 4 or inputs.nb[1] != 4 * n_in:
        raise Unusable(f"the input of {name} is not a matrix of floats")
    pointer = ctypes.cast(inputs.data, ctypes.POINTER(ctypes.c_float))
    return np.ctypeslib.as_array(pointer, (n_tokens, n_in)).copy()


def main(argv: Sequence[str]) -> None:
    """See the module's docstring."""
    request = msgspec.msgpack.decode(Path(argv[0]).read_bytes(), type=Request)
    moments = second_moments(request, lambda part: print(f"{part:.4f}", flush=True))
    for name, h in moments.items():
        np.save(Path(request.folder) / f"{name}.npy", h)


if __name__ == "__main__":
    main(sys.argv[1:])
