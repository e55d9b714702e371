"""GGUF files made on the spot: real enough to be read, small enough for every test.

`write_vocabulary_gguf` writes a byte-level BPE vocabulary of the kind Qwen2.5-Coder has:
256 byte tokens in GPT-2's order, one token per merge, then the special tokens.
`write_tiny_model` writes the same vocabulary with weights, for where the arithmetic matters and
the meaning does not.
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


def add_vocabulary(writer: gguf.GGUFWriter, fim: bool = True) -> int:
    """Add name, context length and tokenizer to a GGUF in the making; return its token count."""
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
    return len(tokens)


def write_tiny_model(path: Path, fim: bool = True) -> None:
    """Write a qwen2 model that llama.cpp runs: 2 layers, random weights, always the same ones.

    Its text means nothing, but depends on every token before it. It writes the tokens of `WRITES`
    only, all others have the logit 0, so a generation ends at its `max_tokens`. The logits of those
    have a standard deviation of `_LOGIT_SCALE`, which puts the best token whole units ahead as a
    rule, where batches of other shapes move a logit by 0.1.
    """
    writer = gguf.GGUFWriter(path, "qwen2")
    n_vocab = add_vocabulary(writer, fim)
    writer.add_block_count(_N_LAYER)
    writer.add_embedding_length(_N_EMBD)
    writer.add_feed_forward_length(_N_FF)
    writer.add_head_count(_N_HEAD)
    writer.add_head_count_kv(_N_HEAD_KV)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    random = np.random.default_rng(11)

    def matrix(name: str, n_out: int, n_in: int) -> None:
        weights = random.standard_normal((n_out, n_in)) / np.sqrt(n_in)
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))

    def ones(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(_N_EMBD, dtype=np.float32))

    def zeros(name: str, n: int) -> None:
        writer.add_tensor(f"{name}.bias", np.zeros(n, dtype=np.float32))

    n_kv = _N_EMBD // _N_HEAD * _N_HEAD_KV
    matrix("token_embd", n_vocab, _N_EMBD)
    for i in range(_N_LAYER):
        block = f"blk.{i}."
        ones(block + "attn_norm")
        for part, n in (("q", _N_EMBD), ("k", n_kv), ("v", n_kv)):
            matrix(f"{block}attn_{part}", n, _N_EMBD)
            zeros(f"{block}attn_{part}", n)
        matrix(block + "attn_output", _N_EMBD, _N_EMBD)
        ones(block + "ffn_norm")
        matrix(block + "ffn_gate", _N_FF, _N_EMBD)
        matrix(block + "ffn_up", _N_FF, _N_EMBD)
        matrix(block + "ffn_down", _N_EMBD, _N_FF)
    ones("output_norm")
    head = random.standard_normal((n_vocab, _N_EMBD)) * _LOGIT_SCALE / np.sqrt(_N_EMBD)
    written = [_ALPHABET.index(letter) for letter in WRITES]
    head[[i for i in range(n_vocab) if i not in written]] = 0.0
    writer.add_tensor("output.weight", head.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_N_LAYER, _N_EMBD, _N_FF, _N_HEAD, _N_HEAD_KV = 2, 64, 128, 4, 2
_LOGIT_SCALE = 20.0
WRITES = "abcdefghijklmnopqrstuvwxyzĊĠ"
