"""GGUF files made on the spot: real enough to be read, small enough for every test.

`write_vocabulary_gguf` writes a byte-level BPE vocabulary of the kind Qwen2.5-Coder has:
256 byte tokens in GPT-2's order, one token per merge, then the special tokens.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

CONTEXT_LENGTH = 512

# GPT-2's visible characters for the 256 bytes, in the order their tokens have.
_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_ALPHABET = [chr(b) for b in _PRINTABLE] + [chr(0x100 + n) for n in range(256 - len(_PRINTABLE))]

MERGES = [  # best first; "Ġ" is a space, "Ċ" a line feed
    *("Ġ Ġ", "ĠĠ ĠĠ", "ĠĠĠĠ ĠĠĠĠ", "i n", "r e", "o n", "e r", "s e", "Ġ =", "Ġ t"),
    *("l f", "se lf", "t u", "r n", "re tu", "retu rn", "Ġ retu", "Ġretu rn", "d e", "de f"),
    *("Ġ a", "Ġ b", "in t", "p r", "pr int", "Ġ in", "f o", "fo r", "i f", "Ġ if"),
    *("l e", "le n", "( )", "( self", "Ġ +", "Ġ -", "Ċ Ċ", "ĠĠ Ġ", "Ċ ĠĠĠ", "d d"),
    *("a dd", "o r", "a n", "an d", "Ġ and", "n o", "no t", "Ġ not", "T r", "u e"),
    *("Tr ue", "Ã ©", ": Ċ", "Ġ :", "i m", "p or", "im por", "impor t"),
]
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
FIM = [
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
]
USER_DEFINED = ["<tool_call>"]
UNUSED = ["[PAD0]"]


def write_vocabulary_gguf(path: Path, fim: bool = True, tensor_size: int = 0) -> None:
    """Write metadata and vocabulary, and with `tensor_size` one tensor of that many bytes.

    Without `fim` the six FIM tokens are left out of the vocabulary.
    """
    writer = gguf.GGUFWriter(path, "qwen2")
    add_vocabulary(writer, fim)
    if tensor_size:
        noise = np.random.default_rng(7).integers(-128, 128, tensor_size, dtype=np.int8)
        writer.add_tensor("noise", noise)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_vocabulary(writer: gguf.GGUFWriter, fim: bool = True) -> None:
    """Add the name, context length and tokenizer of the toy model to a GGUF in the making."""
    control = [*CONTROL, *(FIM if fim else [])]
    ordinary = [*_ALPHABET, *(m.replace(" ", "") for m in MERGES)]
    tokens = [*ordinary, *control, *USER_DEFINED, *UNUSED]
    types = [gguf.TokenType.NORMAL] * len(ordinary)
    types += [gguf.TokenType.CONTROL] * len(control)
    types += [gguf.TokenType.USER_DEFINED] * len(USER_DEFINED)
    types += [gguf.TokenType.UNUSED] * len(UNUSED)
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT_LENGTH)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
