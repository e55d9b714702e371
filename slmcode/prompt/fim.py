"""Fill-in-the-middle prompts: text in, tokens out. Pure: no clock, no randomness, no cache.

    context <fim_prefix> prefix <fim_suffix> suffix <fim_middle> typed
    `---------------------- head ------------------------------´

The head is frozen at an *anchor*, the start of a line at or above the cursor; what was typed
since stands behind `<fim_middle>` as if the model had written it, so a keystroke adds a token or
two at the end and changes nothing before (EFIM, arXiv 2505.21889). The last word of it is
not in the prompt: it is the `heal` text, which the first generated tokens must spell. On
HumanEval's random spans either alone loses quality, both together win (benchmarks/LOG.md).
"""

from __future__ import annotations

import msgspec

from slmcode.prompt.context import NONE, Context
from slmcode.prompt.fitting import first_tokens, last_tokens
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import FimTokens


class Head(msgspec.Struct, frozen=True):
    """The frozen part of an anchored prompt, `context` before it included in `tokens`.

    `prefix` ends at the anchor; `suffix` begins behind the cursor of the time the anchor was set.
    """

    prefix: str
    suffix: str
    tokens: list[int]
    prefix_n: int  # tokens of the prefix
    suffix_n: int  # tokens of the suffix
    context: Context = NONE


class FimPrompt(msgspec.Struct, frozen=True):
    """Tokens to evaluate, and the bytes the first generated tokens must spell.

    The generated text begins `len(heal_text)` characters before the cursor.
    """

    tokens: list[int]
    heal_text: str

    @property
    def heal(self) -> bytes:
        """`heal_text` as UTF-8; a lone surrogate is a replacement character."""
        return utf8(self.heal_text)


def utf8(text: str) -> bytes:
    """UTF-8 of any text an editor may send; lone surrogates become U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


def head(
    tokenizer: Tokenizer,
    fim: FimTokens,
    prefix: str,
    suffix: str,
    *,
    prefix_tokens: int,
    suffix_tokens: int,
    context: Context = NONE,
) -> Head:
    """The head for `prefix` and `suffix`, each cut at a line border to fit its budget.

    A single line over the budget is cut inside. The prefix loses its beginning, the suffix its end.
    """
    prefix, prefix_ids = last_tokens(tokenizer, prefix, prefix_tokens)
    suffix, suffix_ids = first_tokens(tokenizer, suffix, suffix_tokens)
    tokens = [*context.tokens, fim.prefix, *prefix_ids, fim.suffix, *suffix_ids, fim.middle]
    return Head(prefix, suffix, tokens, len(prefix_ids), len(suffix_ids), context)


def anchored(tokenizer: Tokenizer, head: Head, typed: str, *, heal: bool = True) -> FimPrompt:
    """The prompt behind `head` for what was typed since the anchor."""
    boundary = tokenizer.last_boundary(typed) if heal else len(typed)
    return FimPrompt(head.tokens + tokenizer.encode(typed[:boundary]), typed[boundary:])


def plain(
    tokenizer: Tokenizer, fim: FimTokens, prefix: str, suffix: str, *, heal: bool
) -> FimPrompt:
    """The textbook order, for comparison in benchmarks: all text before the cursor is prefix."""
    boundary = tokenizer.last_boundary(prefix) if heal else len(prefix)
    tokens = [
        fim.prefix,
        *tokenizer.encode(prefix[:boundary]),
        fim.suffix,
        *tokenizer.encode(suffix),
        fim.middle,
    ]
    return FimPrompt(tokens, prefix[boundary:])
