"""The token table of a model, as a plain value both the prompt and the engine side can hold."""

from __future__ import annotations

import msgspec


class FimTokens(msgspec.Struct, frozen=True):
    """Ids of the special tokens a fill-in-the-middle prompt is made of; None where absent."""

    prefix: int
    suffix: int
    middle: int
    file_separator: int | None = None
    repository: int | None = None
    pad: int | None = None


class ChatTokens(msgspec.Struct, frozen=True):
    """Ids of the special tokens around each turn of a chat (ChatML: Qwen's)."""

    start: int
    end: int


class Vocabulary(msgspec.Struct, frozen=True):
    """What a tokenizer needs, read from a GGUF file without loading its weights.

    `tokens[i]` are the bytes of token i; those of `special_ids` are names such as
    b"<|fim_prefix|>" and never produced from user text. `merges` holds the bytes of each
    merged pair, best first. `pre` names the pre-tokenizer ("qwen2"). `fim` is None for a
    model that cannot fill in the middle, `chat` for one that does not chat in ChatML. `end_ids` end
    a generation.
    """

    digest: str
    architecture: str
    name: str
    pre: str
    tokens: list[bytes]
    merges: list[bytes]
    special_ids: list[int]
    end_ids: list[int]
    fim: FimTokens | None
    context_length: int
    chat: ChatTokens | None = None
