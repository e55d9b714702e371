"""The prompts of translations, as they are: tests/prompt/golden. `REWRITE=1` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slmcode.prompt.edit import ChatPrompt, TooLong
from slmcode.prompt.translation import Method, Source, polish, translated
from tests.prompt.test_edit_prompt import CHAT, TOKENIZER, n_tokens, shown

GOLDEN = Path(__file__).parent / "golden"
METHOD = Method(
    "def count(self) -> None:\n    i = 1\n    while not i > self.n:\n        i += 1\n",
    ("self.n = 0  # PIC 9(6)",),
)
FUNCTION = Source(
    "c", "go", "int twice(int n) { return n * 2; }", "func twice(n int) int {", ("func f() int",)
)
PROGRAM = Source("perl", "python", 'print "a\\n";', is_program=True)


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("polish", polish(TOKENIZER, CHAT, METHOD, n_ctx=4000)),
        ("polish-again", polish(TOKENIZER, CHAT, METHOD, fault="it changed nothing", n_ctx=4000)),
        ("translate-function", translated(TOKENIZER, CHAT, FUNCTION, n_ctx=4000)),
        ("translate-program", translated(TOKENIZER, CHAT, PROGRAM, n_ctx=4000)),
    ],
)
def test_golden(name: str, prompt: ChatPrompt) -> None:
    path = GOLDEN / f"{name}.txt"
    text = n_tokens(prompt) + "-" * 72 + "\n" + shown(prompt.tokens) + "\n"
    if os.environ.get("REWRITE"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_declarations_go_first_where_there_is_no_room() -> None:
    full = polish(TOKENIZER, CHAT, METHOD, n_ctx=4000)
    needed = len(full.tokens) + full.max_tokens
    less = polish(TOKENIZER, CHAT, METHOD, n_ctx=needed - 1)
    assert "PIC" in shown(full.tokens)
    assert "PIC" not in shown(less.tokens)
    assert "while not" in shown(less.tokens)


def test_too_long_says_what_is_needed() -> None:
    with pytest.raises(TooLong, match=r"^\d+ tokens are needed .* context has 100$"):
        polish(TOKENIZER, CHAT, METHOD, n_ctx=100)
