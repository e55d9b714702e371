"""Four-bit weights that make up for their own rounding errors.

    W  weights, one row for each output    shape (n_out, n_in)
    H  second moments of the input         shape (n_in, n_in), from engine/calibrate.py
    Q  what is stored: codes times a scale for each 32 weights of a row

Rounding each weight for itself loses 4 to 5 points of first-line hits (design.md). GPTQ (Frantar
et al. 2022, arXiv 2210.17323) rounds the columns one after the other and adds each column's error,
multiplied with what H says of the other columns, to those that are not rounded yet; what is
minimised is the error of the product with real inputs, tr((W - Q) H (W - Q)^T).

The format is llama.cpp's IQ4_NL: 16 values spaced as normally distributed weights are, 4.5 bits a
weight, with fast kernels on AVX2 and NEON.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gguf.constants import GGMLQuantizationType
from gguf.quants import dequantize, quantize

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
_Doubles = npt.NDArray[np.floating[Any]]

GROUP = 32  # weights of a row that share a scale
_DAMPING = 0.01  # of the mean of H's diagonal, added to it; GPTQ's own
_COLUMNS = 128  # rounded before the columns behind them are corrected, all at once
_TRIALS = range(-7, 8)  # scales tried about the one that reaches the largest weight

# ggml-common.h, kvalues_iq4nl
_VALUES = np.array(
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32
)
# The nearest value's code for each integer -128..127; half-way cases do not matter here.
_NEAREST = np.abs(np.arange(-128, 128)[:, None] - _VALUES[None]).argmin(1).astype(np.uint8)


def floats(data: Bytes, kind: int, shape: tuple[int, ...]) -> Floats:
    """The weights a tensor's bytes stand for, shape (n_out, n_in); `shape` is GGUF's."""
    rows = data.reshape((*shape[:0:-1], -1))
    return dequantize(rows, GGMLQuantizationType(kind)).astype(np.float32, copy=False)


def rounded(weights: Floats, kind: GGMLQuantizationType) -> Bytes:
    """Each weight rounded for itself, as llama.cpp does without an importance matrix."""
    return quantize(weights, kind)


def compensated(weights: Floats, moments: Floats) -> Bytes:
    """IQ4_NL bytes of `weights`, shape (n_out, n_in // 32 * 18), by GPTQ.

    `n_in` must be a multiple of 32. `moments` is H of the input. The same arguments give the same
    bytes on one machine.
    """
    n_out, n_in = weights.shape
    upper = _inverse_factor(moments)
    left = np.ascontiguousarray(weights.T)  # columns lie together; corrected as we go
    codes = np.empty((n_in, n_out), np.uint8)
    scales = np.empty((n_in // GROUP, n_out), np.float16)
    for start in range(0, n_in, _COLUMNS):
        end = min(start + _COLUMNS, n_in)
        block = left[start:end]
        factor = upper[start:end, start:end]
        errors = np.empty_like(block)
        for j in range(end - start):
            if j % GROUP == 0:
                importance = 1.0 / np.diagonal(factor)[j : j + GROUP] ** 2
                scale = best_scales(block[j : j + GROUP], importance)
                scales[(start + j) // GROUP] = scale
                step = scale.astype(np.float32)
                inverse = np.divide(1.0, step, out=np.zeros_like(step), where=step != 0)
            code = _codes(block[j] * inverse)
            codes[start + j] = code
            error = (block[j] - _VALUES[code] * step) / factor[j, j]
            errors[j] = error
            block[j + 1 :] -= np.multiply.outer(factor[j, j + 1 :], error)
        left[end:] -= upper[start:end, end:].T @ errors
    return _packed(codes, scales)


def best_scales(group: Floats, importance: Floats) -> npt.NDArray[np.float16]:
    """The scale of each column of `group`, shape (32, n), that gives the least weighted error."""
    weight = importance[:, None].astype(np.float32)
    at = np.abs(group).argmax(0)
    largest = np.take_along_axis(group, at[None], 0)[0]
    safe = np.where(largest == 0, np.float32(1), largest)
    best_gain = np.zeros(group.shape[1], np.float32)
    best = np.zeros(group.shape[1], np.float32)
    for sign in (1.0, -1.0):
        for trial in _TRIALS:
            inverse = (sign * _VALUES[0] + trial).astype(np.float32) / safe
            value = _VALUES[_codes(group * inverse)]
            weighted = weight * value
            product = (weighted * group).sum(0)
            power = (weighted * value).sum(0)
            gain = product * product / power
            better = gain > best_gain
            best_gain = np.where(better, gain, best_gain)
            best = np.where(better, product / power, best)
    return best.astype(np.float16)


def _codes(scaled: Floats) -> Bytes:
    codes: Bytes = _NEAREST[np.clip(np.rint(scaled), -128, 127).astype(np.int16) + 128]
    return codes


def _inverse_factor(moments: Floats) -> Floats:
    """Upper triangular U with U^T U = (H + damping)^-1; inputs that never occur cost nothing."""
    h = moments.astype(np.float64)
    diagonal = np.diagonal(h).copy()
    h[np.diag_indices_from(h)] += _DAMPING * max(diagonal.mean(), 1e-12)
    # With P reversing the order: P H P = L L^T gives H^-1 = (P L^-1 P)^T (P L^-1 P), and
    # P L^-1 P is upper triangular.
    lower = np.linalg.cholesky(h[::-1, ::-1])
    inverse = _inverse_of_lower(lower)
    return np.ascontiguousarray(inverse[::-1, ::-1]).astype(np.float32)


def _inverse_of_lower(lower: _Doubles) -> _Doubles:
    """By halves: [[A, 0], [B, C]] -> [[A', 0], [-C' B A', C']]."""
    n = len(lower)
    if n <= 64:
        return np.linalg.inv(lower)
    m = n // 2
    out = np.zeros_like(lower)
    out[:m, :m] = _inverse_of_lower(lower[:m, :m])
    out[m:, m:] = _inverse_of_lower(lower[m:, m:])
    out[m:, :m] = -out[m:, m:] @ (lower[m:, :m] @ out[:m, :m])
    return out


def _packed(codes: npt.NDArray[np.uint8], scales: npt.NDArray[np.float16]) -> Bytes:
    """Blocks of a scale and 16 bytes: weights 0..15 of a group in the low halves, 16..31 above."""
    n_in, n_out = codes.shape
    groups = codes.reshape(n_in // GROUP, GROUP, n_out)
    nibbles = groups[:, : GROUP // 2] | groups[:, GROUP // 2 :] << 4
    head = scales.view(np.uint8).reshape(n_in // GROUP, n_out, 2).transpose(1, 0, 2)
    blocks = np.concatenate([head, nibbles.transpose(2, 0, 1)], axis=2)
    return np.ascontiguousarray(blocks).reshape(n_out, -1)
