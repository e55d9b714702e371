"""Text cut to a budget of tokens, at the border of a line where there is one. Pure."""

from __future__ import annotations

from slmcode.prompt.tokenizer import Tokenizer

_CHARS = 8  # looked at per token of budget; code has three to four


def last_tokens(tokenizer: Tokenizer, text: str, budget: int) -> tuple[str, list[int]]:
    """The end of `text` in at most `budget` tokens, from the start of a line if possible."""
    text = text[len(text) - min(len(text), budget * _CHARS) :]
    tokens = tokenizer.encode(text)
    while len(tokens) > budget:
        # Cut in proportion, then forward to a line start; repeated until it fits.
        cut = max(1, len(text) * (len(tokens) - budget) // len(tokens))
        line = text.find("\n", cut - 1)
        text = text[line + 1 :] if 0 <= line < len(text) - 1 else text[cut:]
        tokens = tokenizer.encode(text)
    return text, tokens


def first_tokens(tokenizer: Tokenizer, text: str, budget: int) -> tuple[str, list[int]]:
    """The beginning of `text` in at most `budget` tokens, up to the end of a line if possible."""
    text = text[: budget * _CHARS]
    tokens = tokenizer.encode(text)
    while len(tokens) > budget:
        keep = max(0, min(len(text) - 1, len(text) * budget // len(tokens)))
        line = text.rfind("\n", 0, keep)
        text = text[: line + 1] if line > 0 else text[:keep]
        tokens = tokenizer.encode(text)
    return text, tokens
