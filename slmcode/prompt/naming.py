"""The prompts that ask for names: text in, tokens out. Pure.

The answer to the first is a name and nothing else; to the second lines of `old -> new`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from slmcode.prompt.chat import Turn, chat
from slmcode.prompt.edit import ChatPrompt, TooLong
from slmcode.prompt.fitting import last_tokens
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax.languages import language
from slmcode.vocabulary import ChatTokens

_NAMES = "You are a careful programmer who finds clear, short names. You answer with names only."
_NAME_TOKENS = 12
_TOKENS_PER_NAME = 16
_AROUND = 300  # tokens of code before an expression
_FENCE = "```"


def one_name(
    tokenizer: Tokenizer,
    tokens: ChatTokens,
    language_id: str,
    above: str,
    code: str,
    kind: str,
    *,
    n_ctx: int,
) -> ChatPrompt:
    """The prompt whose answer is a name for `code`, which becomes a `kind`: "variable"…

    `above` is the code before it, of which the end is shown. Raises TooLong.
    """
    above, _ = last_tokens(tokenizer, above, _AROUND)
    row = language(language_id)
    label = row.grammar if row is not None else language_id
    fence = fence_for(above + code)
    around = f"{fence}{label}\n{above.strip()}\n{fence}\n\n" if above.strip() else ""
    task = f"{around}This becomes a {kind}:\n{fence}{label}\n{code.strip()}\n{fence}\n\n"
    task += f"What is a clear name for the {kind}? Answer with the name."
    reply = "`"
    ids = chat(tokenizer, tokens, [Turn("system", _NAMES), Turn("user", task)], reply)
    return _prompt(ids, _NAME_TOKENS, n_ctx)


def clear_names(
    tokenizer: Tokenizer,
    tokens: ChatTokens,
    language_id: str,
    code: str,
    names: Sequence[str],
    *,
    n_ctx: int,
) -> ChatPrompt:
    """The prompt whose answer says which of the local `names` become what. Raises TooLong."""
    row = language(language_id)
    label = row.grammar if row is not None else language_id
    fence = fence_for(code)
    listed = ", ".join(f"`{name}`" for name in names)
    task = (
        f"{fence}{label}\n{code.rstrip()}\n{fence}\n\n"
        f"Its local names are {listed}. Give the unclear ones clear names. "
        "Answer with one line `old -> new` for each name that changes."
    )
    reply = f"{_FENCE}\n"
    ids = chat(tokenizer, tokens, [Turn("system", _NAMES), Turn("user", task)], reply)
    return _prompt(ids, _TOKENS_PER_NAME * len(names) + _NAME_TOKENS, n_ctx)


def fence_for(code: str) -> str:
    """Backticks that the code does not hold so many of in a row."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    return "`" * max(3, longest + 1)


def _prompt(ids: list[int], max_tokens: int, n_ctx: int) -> ChatPrompt:
    over = len(ids) + max_tokens - n_ctx
    if over > 0:
        raise TooLong(f"the code is {over:,} tokens too long for the model's context")
    return ChatPrompt(ids, max_tokens, _FENCE, "", "")
