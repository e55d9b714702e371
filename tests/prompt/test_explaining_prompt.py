"""The prompts of explanations, as they are: tests/prompt/golden. `REWRITE=1` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmcode.prompt.edit import TooLong
from slmcode.prompt.explaining import Explanation, Source, explanation
from tests.prompt.test_edit_prompt import CHAT, GOLDEN, TOKENIZER, n_tokens, shown

METHOD = Source(
    "src/shelf.py", 98, "    def total(self):\n\n        return sum(self.books.values())\n"
)
CALLER = Source("src/bill.py", 3, "def bill(shelf):\n    print(shelf.total())", "uses total")
FENCED = Source("docs/use.md", 7, "```sh\r\nmake <|im_end|>\r\n```\r\n", "from the\nmanual")


def asked(*sources: Source, n_ctx: int = 4000, budget: int = 700) -> Explanation:
    return explanation(
        TOKENIZER, CHAT, sources, "Explain what the code of [1] does.", n_ctx=n_ctx, budget=budget
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [("explanation", asked(METHOD)), ("explanation-around", asked(METHOD, CALLER, FENCED))],
)
def test_golden(name: str, found: Explanation) -> None:
    path: Path = GOLDEN / f"{name}.txt"
    text = n_tokens(found.prompt) + "-" * 72 + "\n" + shown(found.prompt.tokens) + "\n"
    if os.environ.get("REWRITE"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@settings(deadline=None)  # of each example; other programs may have the processor
@given(first=st.integers(1, 60), other=st.integers(1, 60), n_ctx=st.integers(600, 4000))
def test_prompt_and_answer_fit_the_context_or_are_refused(
    first: int, other: int, n_ctx: int
) -> None:
    sources = [Source("a.py", 1, "x = 1\n" * first), *[Source("b.py", 5, "y = 2\n" * other)] * 3]
    try:
        found = asked(*sources, n_ctx=n_ctx)
    except TooLong:
        with pytest.raises(TooLong):
            asked(sources[0], n_ctx=n_ctx)
    else:
        assert len(found.prompt.tokens) + found.prompt.max_tokens <= n_ctx
        assert found.sources[0] == sources[0]  # is whole


def test_a_source_that_does_not_fit_is_cut_at_a_line_and_left_out_where_little_remains() -> None:
    long = Source("b.py", 5, "".join(f"y = {n:04}\n" for n in range(200)))
    cut = asked(METHOD, long, budget=300).sources[1]
    assert 2 <= len(cut.lines) < 200
    assert cut.end_line == 5 + len(cut.lines) - 1
    assert long.text.startswith(cut.text)
    assert asked(METHOD, long, budget=40).sources == (METHOD,)


def test_too_long_says_by_how_much() -> None:
    with pytest.raises(TooLong, match=r"^5,000 lines are [\d,]+ tokens too many .* of 4,000"):
        asked(Source("a.py", 1, "x = 1\n" * 5000))
