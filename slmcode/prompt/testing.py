"""The prompt for tests of a Python function: text in, tokens out. Pure.

The answer is begun for the model: an open fence, the import of the function, and `def test_`. So it
is neither a class nor prose, and imports what is there; a small model invents names of modules.
"""

from __future__ import annotations

import msgspec

from slmcode.prompt.chat import Turn, chat
from slmcode.prompt.edit import ChatPrompt, TooLong, fence_around
from slmcode.prompt.fitting import first_tokens
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import ChatTokens

_AROUND = 700  # tokens of code that the function uses
_LEAST_AROUND = 16
_ANSWER = 500  # tokens; tests behind it are not missed

_SYSTEM = "You are a careful programmer. You write tests in Python and answer with code only."
_TASK = """Write tests for `{name}`: six short functions without parameters. Each has one \
`assert {call} == ` and a literal, with other arguments. {how}
Use ordinary values, empty ones and those at the borders of each condition. \
No files, no network, no clock."""


class Subject(msgspec.Struct, frozen=True):
    """A function a prompt asks tests for.

    `around` is code of the same file that it uses, without the function. `call` is how a test calls
    it ("Shelf(books=…).total()"). `opening` are the first lines of the answer, whole ones, up to
    the first test. `how` is a sentence on how to call it, "" where that is plain.
    """

    name: str
    call: str
    code: str
    around: str
    opening: str
    how: str = ""


def write_tests(
    tokenizer: Tokenizer, tokens: ChatTokens, tested: Subject, *, fault: str = "", n_ctx: int
) -> ChatPrompt:
    """The prompt whose answer goes on behind `tested.opening` and `def test_`.

    `fault` is what was wrong with an earlier answer. Raises TooLong.
    """
    code = tested.code.rstrip("\n") + "\n"
    fence = fence_around(code + tested.around)
    task = _TASK.format(name=tested.name, call=tested.call, how=tested.how).replace(". \n", ".\n")
    again = f"\n\nAn earlier answer was wrong: {fault}." if fault else ""
    asked = f"{fence}python\n{code}{fence}\n\n{task}{again}"
    reply = f"{fence}python\n{tested.opening}def test_"

    def prompt(around: str) -> list[int]:
        turns = [Turn("system", _SYSTEM)]
        if around:
            shown = f"From the same file, for your information:\n{fence}python\n{around}{fence}"
            turns += [Turn("user", shown), Turn("assistant", "I have read it. What do I test?")]
        return chat(tokenizer, tokens, [*turns, Turn("user", asked)], reply)

    bare = prompt("")
    room = n_ctx - len(bare) - _ANSWER
    if room < 0:
        raise TooLong(
            f"the function is {-room:,} tokens too long for prompt and answer in the model's "
            f"context of {n_ctx:,}"
        )
    room -= len(prompt("x\n")) - len(bare)
    around = ""
    if tested.around.strip() and room >= _LEAST_AROUND:
        around, _ = first_tokens(tokenizer, tested.around, min(room, _AROUND))
        around = around.rstrip("\n") + "\n" if around.strip() else ""
    return ChatPrompt(prompt(around), _ANSWER, fence, around, "")
