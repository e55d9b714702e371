"""A vocabulary without the tokens that program text hardly ever needs.

The output matrix has a row for each of 151,936 tokens and is read whole for each token
generated: 145 of 391 MB. `kept.bin` names the merges that stay, chosen by
`benchmarks/choose_vocabulary.py` from code in 20 languages. It is closed under merges: whatever a
kept token is merged from is kept. So a text whose tokens are all kept has the same tokens as
before, and every other text still encodes, in more and shorter tokens, down to single bytes.

Deviation from issue 3: ids are not mapped inside `engine/`. The tuned file has a vocabulary of
its own, and the server's tokenizer is made from the file, so the ids are the same everywhere.
"""

from __future__ import annotations

import hashlib
import zlib
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from slmcode.models.catalog import Refused

_DIGEST_SIZE = 16  # bytes in front of the list: the merges it was made for
_BYTES = 256  # tokens before the first merge
_UNUSED = 5  # token type of rows that only fill the matrix up

TOKENS = "tokenizer.ggml.tokens"
TYPES = "tokenizer.ggml.token_type"
MERGES = "tokenizer.ggml.merges"


def kept_tokens(values: dict[str, Any]) -> npt.NDArray[np.int64]:
    """The ids to keep of the vocabulary in a GGUF's metadata, ascending.

    All bytes, the merges of the shipped list, all special tokens. Raises Refused if the list was
    made for another vocabulary.
    """
    data = shipped()
    merges: list[bytes] = values[MERGES]
    if data[:_DIGEST_SIZE] != merges_digest(merges):
        raise Refused("the list of tokens to keep was made for another vocabulary")
    bits = np.frombuffer(zlib.decompress(data[_DIGEST_SIZE:]), np.uint8)
    keep = np.zeros(len(values[TOKENS]), bool)
    keep[:_BYTES] = True
    keep[_BYTES : _BYTES + len(merges)] = np.unpackbits(bits, count=len(merges))
    special = np.asarray(values[TYPES][_BYTES + len(merges) :]) != _UNUSED
    keep[_BYTES + len(merges) :] = special
    return np.flatnonzero(keep)


def shipped() -> bytes:
    """The contents of `kept.bin`."""
    return resources.files("slmcode.models").joinpath("kept.bin").read_bytes()


def list_of(keep: npt.NDArray[np.bool_], merges: list[bytes]) -> bytes:
    """The contents of `kept.bin` for the merges where `keep` is true."""
    return merges_digest(merges) + zlib.compress(np.packbits(keep).tobytes(), 9)


def merges_digest(merges: list[bytes]) -> bytes:
    """What tells one vocabulary from another."""
    return hashlib.blake2b(b"\n".join(merges), digest_size=_DIGEST_SIZE).digest()


def pruned(values: dict[str, Any], kept: npt.NDArray[np.int64]) -> dict[str, Any]:
    """The metadata with only the tokens `kept`, special ids renumbered."""
    new_id = {int(old): new for new, old in enumerate(kept)}
    merges = values[MERGES]
    out = dict(values)
    out[TOKENS] = [values[TOKENS][i] for i in kept]
    out[TYPES] = [values[TYPES][i] for i in kept]
    out[MERGES] = [merges[i - _BYTES] for i in kept if _BYTES <= i < _BYTES + len(merges)]
    for key, value in values.items():
        if key.startswith("tokenizer.ggml.") and key.endswith("_token_id"):
            out[key] = new_id[value]
    return out
