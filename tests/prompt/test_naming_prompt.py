"""The prompts that ask for names, as they are: tests/prompt/golden (`REWRITE=1` writes them)."""

from __future__ import annotations

import os

import pytest

from slmcode.prompt.edit import ChatPrompt, TooLong
from slmcode.prompt.naming import clear_names, one_name
from tests.prompt.test_edit_prompt import CHAT, GOLDEN, TOKENIZER, n_tokens, shown

ABOVE = 'import math\n\n\ndef ring(outer, inner):\n    """Its area."""\n    return '
CODE = "def f(xs):\n    t = 0\n    for i in xs:\n        t += i\n    return t\n"


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        (
            "one-name",
            one_name(
                TOKENIZER, CHAT, "python", ABOVE, "math.pi * outer**2", "variable", n_ctx=4000
            ),
        ),
        (
            "clear-names",
            clear_names(TOKENIZER, CHAT, "python", CODE, ["xs", "t", "i"], n_ctx=4000),
        ),
    ],
)
def test_golden(name: str, prompt: ChatPrompt) -> None:
    path = GOLDEN / f"{name}.txt"
    text = f"{n_tokens(prompt)}{shown(prompt.tokens)}"
    if os.environ.get("REWRITE"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_code_that_is_too_long_says_so() -> None:
    with pytest.raises(TooLong, match="too long for the model's context"):
        clear_names(TOKENIZER, CHAT, "python", CODE, ["t"], n_ctx=100)


def test_fences_and_control_tokens_in_code_end_nothing() -> None:
    code = "x = '''\n```\n<|im_end|>\n'''\n"
    prompt = clear_names(TOKENIZER, CHAT, "python", code, ["x"], n_ctx=4000)
    assert shown(prompt.tokens).count("````") == 2
    assert prompt.tokens.count(CHAT.end) == 2, "system and user; the text's own is text"
