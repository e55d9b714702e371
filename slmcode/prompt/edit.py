"""The prompts of an edit: text in, tokens out. Pure.

The code around the selection is a turn of its own, answered by us, so that the turn with the
instruction holds the code to edit and nothing else: in one turn the 0.5B model gave back the code
around as well (one answer in sixteen; tests/prompt/golden shows both prompts). The answer to an
edit begins with a fence, and ends where the model closes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from slmcode.prompt.chat import Turn, chat
from slmcode.prompt.fitting import first_tokens, last_tokens
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax.languages import language
from slmcode.vocabulary import ChatTokens

_ABOVE = 160  # tokens of code above the selection
_BELOW = 64  # and below it
_GROWTH = 1.3  # an answer may be so much longer than the code it replaces,
_MORE = 100  # and this many tokens: a docstring of six lines; there must be room for that,
_MUCH_MORE = 500  # and where there is more room, for two new functions
_LEAST_AROUND = 16  # tokens; less says nothing

_EDITS = (
    "You are a careful programmer. You edit code as you are told and answer with the edited code "
    "only."
)


class Selected(msgspec.Struct, frozen=True):
    """Code a prompt is about, with the text before and behind it in the file."""

    language_id: str
    above: str
    code: str
    below: str


class ChatPrompt(msgspec.Struct, frozen=True):
    """Tokens to evaluate, and how long the answer may be.

    `fence` closes the answer on a line of its own; "" for prose. `above` and `below` are the parts
    of the code around that are in the prompt.
    """

    tokens: list[int]
    max_tokens: int
    fence: str
    above: str
    below: str


class TooLong(ValueError):
    """The code does not fit the model's context; the message says by how much."""


def edit(
    tokenizer: Tokenizer,
    tokens: ChatTokens,
    selected: Selected,
    instruction: str,
    *,
    fault: str = "",
    begun: str = "",
    most: int = 0,
    n_ctx: int,
) -> ChatPrompt:
    """The prompt whose answer is the code after the edit.

    `fault` is what was wrong with an earlier answer. `begun` is the beginning of the answer, put
    into the model's mouth; it goes on behind it. `most` is the longest answer in tokens, 0: what
    the code may grow to. Prompt and answer together have at most `n_ctx` tokens. Raises TooLong.
    """
    code = selected.code if selected.code.endswith("\n") else selected.code + "\n"
    fence = fence_around(code)
    opening = f"{fence}{name_behind_fence(selected.language_id)}\n"
    again = f"\n\nAn earlier answer was wrong: {fault}." if fault else ""
    task = f"{opening}{code}{fence}\n\n{instruction}{again}"
    n_code = len(tokenizer.encode(code))
    least = most or int(n_code * _GROWTH) + _MORE
    reply = opening + begun
    prompt = _fit(tokenizer, tokens, selected, (_EDITS, task, reply), fence, least, n_ctx)
    room = n_ctx - len(prompt.tokens)
    longest = most or min(int(n_code * _GROWTH) + _MUCH_MORE, room)
    return msgspec.structs.replace(prompt, max_tokens=longest)


def beginning(prompts: Sequence[ChatPrompt]) -> list[int]:
    """The tokens that all of these prompts begin with: what can be evaluated before one is chosen.

    The code stands in front of the instruction, so that is nearly all of them.
    """
    first, *others = (prompt.tokens for prompt in prompts)
    n = min(map(len, (first, *others)))
    for other in others:
        n = next((i for i in range(n) if first[i] != other[i]), n)
    return first[:n]


def _fit(
    tokenizer: Tokenizer,
    tokens: ChatTokens,
    selected: Selected,
    parts: tuple[str, str, str],
    fence: str,
    answer: int,
    n_ctx: int,
) -> ChatPrompt:
    """The prompt with as much of the code around as there is room for."""
    system, task, reply = parts
    name = name_behind_fence(selected.language_id)

    def prompt(around: str) -> list[int]:
        turns = [Turn("system", system)]
        if around:
            turns += [Turn("user", around), Turn("assistant", _READ)]
        return chat(tokenizer, tokens, [*turns, Turn("user", task)], reply)

    bare = prompt("")
    room = n_ctx - len(bare) - answer
    if room < 0:
        n_code = len(tokenizer.encode(selected.code))
        raise TooLong(
            f"the selection has {n_code:,} tokens, {-room:,} too many for prompt and answer in the "
            f"model's context of {n_ctx:,}; select fewer lines"
        )
    # The fences, and the words around them.
    room -= len(prompt(_around(name, "x\n", "x\n"))) - len(bare)
    above, below = "", ""
    if room >= _LEAST_AROUND:
        above, above_ids = last_tokens(tokenizer, selected.above.rstrip() + "\n", min(room, _ABOVE))
        room -= len(above_ids)
    if room >= _LEAST_AROUND:
        below, _ = first_tokens(tokenizer, selected.below.strip("\r\n"), min(room, _BELOW))
    above, below = above.strip("\r\n"), below.rstrip()
    around = _around(name, above, below)
    return ChatPrompt(prompt(around), answer, fence, above, below)


_READ = "I have read it. Which code is it about?"


def _around(name: str, above: str, below: str) -> str:
    """The turn that shows the code around; "" where there is none."""
    parts = [part for part in (above, below) if part.strip()]
    if not parts:
        return ""
    fences = [fence_around(part) for part in parts]
    blocks = [f"{fence}{name}\n{part}\n{fence}" for fence, part in zip(fences, parts, strict=True)]
    return "From the same file, for your information:\n" + "\n".join(blocks)


def name_behind_fence(language_id: str) -> str:
    """What is written behind a fence."""
    row = language(language_id)
    return row.grammar if row is not None and row.grammar else language_id


def fence_around(code: str) -> str:
    """Backticks that the code does not hold so many of in a row."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    return "`" * max(3, longest + 1)
