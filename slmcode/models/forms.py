"""The forms of a model that `slmcode models tune` chooses from.

All have the cut vocabulary of `prune.py`. They differ in the matrices for which llama.cpp has no
fast kernels on most CPUs: `Q5_0`, `Q5_K` and `Q6_K` are decoded weight by weight, while
`Q4_0`, `Q4_K` and `IQ4_NL` are repacked when they are loaded and evaluated eight rows at a time.

    vocabulary   nothing else is changed
    balanced     slow matrices to IQ4_NL with GPTQ; queries, keys and values to Q8_0, joined
    small        the output matrix to IQ4_NL too
    plain        slow matrices and the output matrix to Q4_0, rounded weight by weight: what GPTQ
                 is compared with

Keys and values stay at eight bits because all heads share them: at four bits 5 of 56 first lines
were lost. The queries have the same type so that llama.cpp can evaluate the three as one matrix:
fewer and larger steps take 5 % off a token on two cores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from slmcode.models import header, prune, quantize, rewrite
from slmcode.models.header import Tensor
from slmcode.models.rewrite import PER_TOKEN, Data

_Q8_0, _Q4_0 = GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0
_IQ4_NL = GGMLQuantizationType.IQ4_NL
_FAST = {_Q4_0, GGMLQuantizationType.Q4_K, _IQ4_NL, _Q8_0}
_MATRIX = re.compile(r"blk\.\d+\.(\w+)\.weight")
_JOINT = ("attn_q", "attn_k", "attn_v")
_JOINED = {"qwen2"}  # architectures whose q, k and v llama.cpp also reads as one matrix
_OUTPUT = "output.weight"
_SHARED_INPUT = {"attn_k": "attn_q", "attn_v": "attn_q", "ffn_up": "ffn_gate"}


class Form(msgspec.Struct, frozen=True):
    """A way to store the weights: the type of each matrix that is changed."""

    name: str
    kinds: dict[str, GGMLQuantizationType]
    solved: bool  # IQ4_NL matrices are rounded with compensation


class Source:
    """The official file, and what can be made of it."""

    def __init__(self, path: Path) -> None:
        """Raises Refused if the file's vocabulary is not the one `prune.py` has a list for."""
        self._path = path
        self._header = header.read(path)
        self._tensors = {t.name: t for t in self._header.tensors}
        self._kept = prune.kept_tokens(self._header.values)

    def forms(self) -> list[Form]:
        """The candidates. The same for the same file."""
        slow = [t.name for t in self._matrices() if t.kind not in _FAST]
        most = [*slow, _OUTPUT] if _OUTPUT in self._tensors else slow
        joint = [n for n in self._tensors if _part(n) in _JOINT]
        eight = dict.fromkeys((n for n in joint if n in slow or input_of(n) in slow), _Q8_0)
        return [
            Form("vocabulary", {}, solved=False),
            Form("balanced", dict.fromkeys(slow, _IQ4_NL) | eight, solved=True),
            Form("small", dict.fromkeys(most, _IQ4_NL) | eight, solved=True),
            Form("plain", dict.fromkeys(most, _Q4_0), solved=False),
        ]

    def solvable(self) -> list[str]:
        """The matrices some form wants at IQ4_NL with compensation, in the file's order."""
        return sorted(
            {n for f in self.forms() if f.solved for n, k in f.kinds.items() if k == _IQ4_NL},
            key=list(self._tensors).index,
        )

    def groups(self, names: Sequence[str], most_bytes: int) -> Iterator[list[str]]:
        """The matrices cut into groups whose inputs have second moments of at most that size."""
        group: list[str] = []
        inputs: set[str] = set()
        size = 0
        for name in names:
            needed = 0 if input_of(name) in inputs else 4 * self._tensors[name].shape[0] ** 2
            if group and size + needed > most_bytes:
                yield group
                group, inputs, size = [], set(), 0
                needed = 4 * self._tensors[name].shape[0] ** 2
            group.append(name)
            inputs.add(input_of(name))
            size += needed
        if group:
            yield group

    def solve(self, name: str, folder: Path) -> Data:
        """The matrix at IQ4_NL; the second moments of its input are in `folder`."""
        moments = np.load(folder / f"{input_of(name)}.npy")
        return quantize.compensated(self._floats(self._tensors[name]), moments), _IQ4_NL

    def size(self, form: Form) -> int:
        """Bytes of the form's file, about: without the metadata."""
        total = 0
        for tensor in self._tensors.values():
            count = int(np.prod(tensor.shape))
            if tensor.name in PER_TOKEN:
                count = tensor.shape[0] * len(self._kept)
            kind = form.kinds.get(tensor.name, GGMLQuantizationType(tensor.kind))
            block, block_size = GGML_QUANT_SIZES[kind]
            total += count // block * block_size
        return total

    def write(
        self, form: Form, solved: dict[str, Data], target: Path, added: dict[str, str]
    ) -> None:
        """Write the form's file; `added` is metadata."""
        replaced: dict[str, Data] = {}
        for name, kind in form.kinds.items():
            if form.solved and kind == _IQ4_NL:
                replaced[name] = solved[name]
            else:
                weights = self._floats(self._tensors[name])
                replaced[name] = quantize.rounded(weights, kind), kind
        rewrite.rewrite(self._path, target, self._kept, replaced, self._joined(form), added)

    def _joined(self, form: Form) -> dict[str, Sequence[str]]:
        """q, k and v of a block as one matrix where they have one type."""
        if self._header.values["general.architecture"].decode() not in _JOINED:
            return {}
        joined: dict[str, Sequence[str]] = {}
        for stem in (n.removesuffix("q.weight") for n in self._tensors if _part(n) == "attn_q"):
            for end in ("weight", "bias"):
                parts = [f"{stem}{part}.{end}" for part in "qkv"]
                if len({self._kind(form, part) for part in parts}) > 1:
                    break  # and no bias without its weights
                joined[f"{stem}qkv.{end}"] = parts
        return joined

    def _kind(self, form: Form, name: str) -> int:
        return form.kinds.get(name, GGMLQuantizationType(self._tensors[name].kind))

    def _matrices(self) -> list[Tensor]:
        return [t for t in self._tensors.values() if _part(t.name) and len(t.shape) > 1]

    def _floats(self, tensor: Tensor) -> quantize.Floats:
        """The weights, without the rows of tokens that are not kept."""
        data = rewrite.rows(self._path, tensor)
        if tensor.name in PER_TOKEN:
            data = data[self._kept]
        return quantize.floats(data, tensor.kind, (tensor.shape[0], len(data)))


def input_of(name: str) -> str:
    """The matrix that stands for all with the same input, in calibration."""
    part = _part(name)
    return name.replace(part, _SHARED_INPUT.get(part, part)) if part else name


def _part(name: str) -> str:
    """ "attn_q" for "blk.7.attn_q.weight"; "" for what is no matrix of a block."""
    found = _MATRIX.fullmatch(name)
    return found[1] if found else ""
