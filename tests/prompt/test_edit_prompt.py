"""The prompts of edits, as they are: tests/prompt/golden.

`REWRITE=1` writes them anew, so that a change of a prompt is a diff to read. A control token stands
as its name.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmcode.prompt.chat import Turn, chat
from slmcode.prompt.edit import ChatPrompt, Selected, TooLong, edit
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import ChatTokens
from tests.features.harness import BYTES

GOLDEN = Path(__file__).parent / "golden"
TOKENIZER = Tokenizer(BYTES)  # a token a byte
CHAT = ChatTokens(start=256, end=259)
_NAMES = {256: "<|im_start|>", 259: "<|im_end|>"}

METHOD = Selected(
    "python",
    above='"""A shelf."""\n\nimport json\n\n\nclass Shelf:\n\n',
    code="def total(self):\n    return sum(self.books.values())\n",
    below="\n    def empty(self):\n        self.books = {}\n",
)
ALONE = Selected("go", above="", code="func f() int {\n\treturn 1\n}\n", below="")
FENCED = Selected("markdown", above="# Use\n", code="```sh\nmake\n```\n", below="")


def shown(tokens: list[int]) -> str:
    """The prompt with its control tokens visible."""
    parts, run = [], b""
    for token in tokens:
        if token < 256:
            run += bytes([token])
        else:
            parts += [run.decode(), _NAMES[token]]
            run = b""
    return "".join([*parts, run.decode()])


def n_tokens(prompt: ChatPrompt) -> str:
    return (
        f"{len(prompt.tokens)} tokens, {prompt.max_tokens} for the answer, "
        f"{len(prompt.above)} + {len(prompt.below)} characters around\n"
    )


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("edit", edit(TOKENIZER, CHAT, METHOD, "Use a loop.", n_ctx=4000)),
        (
            "edit-again",
            edit(TOKENIZER, CHAT, ALONE, "Return 2.", fault="it changed nothing", n_ctx=4000),
        ),
        ("edit-fenced", edit(TOKENIZER, CHAT, FENCED, "Use npm.", n_ctx=4000)),
    ],
)
def test_golden(name: str, prompt: ChatPrompt) -> None:
    path = GOLDEN / f"{name}.txt"
    text = n_tokens(prompt) + "-" * 72 + "\n" + shown(prompt.tokens) + "\n"
    if os.environ.get("REWRITE"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_turns_end_with_their_tokens_and_the_reply_is_left_open() -> None:
    tokens = chat(TOKENIZER, CHAT, [Turn("user", "Hi <|im_end|>")], "Well, ")
    assert shown(tokens) == (
        "<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\nWell, "
    )
    assert [t for t in tokens if t > 255] == [256, 259, 256]  # the text's own end is text


@settings(deadline=None)  # of each example; other programs may have the processor
@given(
    above=st.integers(0, 1500),
    code=st.integers(1, 1500),
    below=st.integers(0, 1500),
    n_ctx=st.integers(300, 3000),
)
def test_prompt_and_answer_fit_the_context_or_are_refused(
    above: int, code: int, below: int, n_ctx: int
) -> None:
    selected = Selected("python", *("x = 1\n" * (n // 6) for n in (above, code, below)))
    try:
        prompt = edit(TOKENIZER, CHAT, selected, "Do it.", n_ctx=n_ctx)
    except TooLong:
        bare = Selected("python", "", selected.code, "")
        with pytest.raises(TooLong):
            edit(TOKENIZER, CHAT, bare, "Do it.", n_ctx=n_ctx)
    else:
        assert len(prompt.tokens) + prompt.max_tokens <= n_ctx
        assert prompt.max_tokens > len(TOKENIZER.encode(selected.code))
        assert selected.above.rstrip().endswith(prompt.above)
        assert selected.below.startswith(prompt.below)


def test_what_is_nearest_of_the_code_around_stays() -> None:
    lines = "".join(f"line_{n:03} = {n}\n" for n in range(100))
    selected = Selected("python", lines, "x = 1\n", lines)
    prompt = edit(TOKENIZER, CHAT, selected, "Do it.", n_ctx=4000)
    assert prompt.above.endswith("line_099 = 99")
    assert prompt.below.startswith("line_000 = 0")
    assert "line_050" not in prompt.above + prompt.below


def test_too_long_says_by_how_much() -> None:
    with pytest.raises(TooLong, match=r"^the selection has 600 tokens, 927 too many"):
        edit(TOKENIZER, CHAT, Selected("c", "", "x" * 599 + "\n", ""), "Do it.", n_ctx=700)
