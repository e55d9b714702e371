"""The token table of a GGUF file, read once and then kept in the cache folder.

    cache/vocabulary/<digest>.<format>.msgpack      4 bytes CRC-32, then the Vocabulary

Byte-level BPE vocabularies ("gpt2") write every byte as one visible character, so that
"Ġ" is a space; here they become bytes again. The names of FIM and end tokens are llama.cpp's lists
(`llama-vocab.cpp`), so that both sides of slmcode agree on what ends a text.
"""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from slmcode.models.catalog import Refused
from slmcode.models.stamps import stamp_of, write_atomically
from slmcode.vocabulary import ChatTokens, FimTokens, Vocabulary

_FORMAT = 2  # raised whenever the same file would give another Vocabulary
_NORMAL = 1  # token type; all others are unknown, control, user-defined, unused or byte tokens

# The metadata keys of an id, and the names that mean it where no key does.
_FIM: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "prefix": (
        ("fim_pre_token_id", "prefix_token_id"),
        ("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>"),
    ),
    "suffix": (
        ("fim_suf_token_id", "suffix_token_id"),
        ("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>"),
    ),
    "middle": (
        ("fim_mid_token_id", "middle_token_id"),
        ("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>"),
    ),
    "file_separator": (("fim_sep_token_id",), ("<|file_sep|>",)),
    "repository": (
        ("fim_rep_token_id",),
        ("<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
    ),
    "pad": (("fim_pad_token_id",), ("<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>")),
}
_TURN = ("<|im_start|>", "<|im_end|>")  # no metadata key names the first
_END_KEYS = ("eos_token_id", "eot_token_id", "eom_token_id")
_END_NAMES = (
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "▁<EOT>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
)


def load(path: Path, cache: Path) -> Vocabulary:
    """The vocabulary of the GGUF file at `path`, from the cache folder where it is there.

    `Vocabulary.digest` is the file's SHA-256 if it is known, else made of its place, size and
    time. A damaged cache is made anew; a folder that cannot be written is no error. Raises
    Refused if the file is not GGUF or its tokenizer is not byte-level BPE, OSError if it
    cannot be read.
    """
    digest = _digest(path)
    cached = cache / "vocabulary" / f"{digest}.{_FORMAT}.msgpack"
    vocabulary = _read_cache(cached)
    if vocabulary is None:
        vocabulary = read(path, digest)
        _write_cache(cached, vocabulary)
    return vocabulary


def read(path: Path, digest: str) -> Vocabulary:
    """The vocabulary of the GGUF file itself. Raises as `load`."""
    from slmcode.models import header  # numpy behind it: 0.2 s a warm cache never pays

    values = header.read(path).values
    try:
        return build(values, digest)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
        raise Refused(f"{path} holds no usable vocabulary: {e}") from e


def build(values: dict[str, Any], digest: str) -> Vocabulary:
    """The vocabulary in a file's metadata. Raises KeyError and the like for what is missing."""
    model = _text(values, "tokenizer.ggml.model")
    if model != "gpt2":
        raise ValueError(f"its tokenizer is {model!r}, slmcode reads byte-level BPE ('gpt2')")
    names: list[bytes] = values["tokenizer.ggml.tokens"]
    types: list[int] = values.get("tokenizer.ggml.token_type", [_NORMAL] * len(names))
    if len(types) != len(names):
        raise ValueError(f"{len(names)} tokens but {len(types)} token types")
    merges: list[bytes] = values["tokenizer.ggml.merges"]
    special = {i for i, kind in enumerate(types) if kind != _NORMAL}
    id_of = {name: i for i, name in enumerate(names)}

    def find(keys: Iterable[str], spellings: Iterable[str]) -> int | None:
        for key in keys:
            i = values.get(f"tokenizer.ggml.{key}")
            if isinstance(i, int) and 0 <= i < len(names):
                return i
        return next((id_of[s.encode()] for s in spellings if s.encode() in id_of), None)

    fim = _fim({part: find(keys, spellings) for part, (keys, spellings) in _FIM.items()})
    ends = {find((key,), ()) for key in _END_KEYS} | {find((), (name,)) for name in _END_NAMES}
    if fim is not None:
        ends |= {fim.file_separator, fim.repository, fim.pad}
        special |= {fim.prefix, fim.suffix, fim.middle}
    start, end = (find((), (name,)) for name in _TURN)
    chat = ChatTokens(start, end) if start is not None and end is not None else None
    if chat is not None:
        special.add(chat.start)
    end_ids = {i for i in ends if i is not None}
    special |= end_ids
    architecture = _text(values, "general.architecture")
    return Vocabulary(
        digest=digest,
        architecture=architecture,
        name=_text(values, "general.name", ""),
        pre=_text(values, "tokenizer.ggml.pre", "default"),
        tokens=[n if i in special else _to_bytes(n) for i, n in enumerate(names)],
        merges=[_to_bytes(left + right) for left, right in (m.split(b" ", 1) for m in merges)],
        special_ids=sorted(special),
        end_ids=sorted(end_ids),
        fim=fim,
        context_length=int(values[f"{architecture}.context_length"]),
        chat=chat,
    )


def _fim(ids: dict[str, int | None]) -> FimTokens | None:
    """The FIM tokens, or None unless prefix, suffix and middle are all there."""
    prefix, suffix, middle = ids["prefix"], ids["suffix"], ids["middle"]
    if prefix is None or suffix is None or middle is None:
        return None
    return FimTokens(prefix, suffix, middle, ids["file_separator"], ids["repository"], ids["pad"])


def _text(values: dict[str, Any], key: str, default: str | None = None) -> str:
    value = values.get(key, default)
    if value is None:
        raise ValueError(f"{key} is missing")
    return value if isinstance(value, str) else value.decode("utf-8")


def _byte_table() -> dict[int, int]:
    """Code point of the visible character -> byte, as GPT-2 defined it.

    Printable Latin-1 stands for itself; the other 68 bytes follow from U+0100 on.
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [b for b in range(256) if b not in visible]
    return {b: b for b in visible} | {0x100 + n: b for n, b in enumerate(hidden)}


_BYTES = _byte_table()


def _to_bytes(name: bytes) -> bytes:
    """The bytes a token's name stands for. Raises ValueError for other characters."""
    try:
        return name.decode("utf-8").translate(_BYTES).encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"token {name!r} is not written in the byte alphabet") from None


def _digest(path: Path) -> str:
    vouched = stamp_of(path)
    if vouched is not None:
        return vouched.digest
    stat = path.stat()
    identity = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
    return f"file-{hashlib.sha256(identity.encode()).hexdigest()}"


def _read_cache(path: Path) -> Vocabulary | None:
    try:
        data = path.read_bytes()
        if int.from_bytes(data[:4], "big") != zlib.crc32(memoryview(data)[4:]):
            return None
        return msgspec.msgpack.decode(memoryview(data)[4:], type=Vocabulary)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _write_cache(path: Path, vocabulary: Vocabulary) -> None:
    data = msgspec.msgpack.encode(vocabulary)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, zlib.crc32(data).to_bytes(4, "big") + data)
