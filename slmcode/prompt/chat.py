"""A conversation as token ids, in ChatML, which Qwen's instruct models are trained on. Pure.

    <|im_start|>system\n…<|im_end|>\n<|im_start|>user\n…<|im_end|>\n<|im_start|>assistant\nreply

The turns' tokens are ids from the vocabulary: a text that holds `<|im_end|>` ends nothing. `reply`
is the beginning of the answer, put into the model's mouth: an answer that begins with a fence holds
code and no polite sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import ChatTokens

Role = Literal["system", "user", "assistant"]


class Turn(NamedTuple):
    """What one side says."""

    role: Role
    text: str


def chat(
    tokenizer: Tokenizer, tokens: ChatTokens, turns: Sequence[Turn], reply: str = ""
) -> list[int]:
    """The prompt behind which the model goes on with `reply`."""
    ids: list[int] = []
    for role, text in turns:
        ids += [tokens.start, *tokenizer.encode(f"{role}\n{text}"), tokens.end]
        ids += tokenizer.encode("\n")
    return [*ids, tokens.start, *tokenizer.encode(f"assistant\n{reply}")]
