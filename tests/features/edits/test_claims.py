"""What becomes of sentences about code, and how an answer that grows is cut into them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmcode.features.edits.claims import Claims, Sentences, Spot, is_block, link, plain
from slmcode.prompt.explaining import Source

LENDING = Source(
    "lending.py",
    29,
    "def copies_left(library, isbn):\n"
    '    """How many copies of a book stand on the shelf."""\n'
    "    book = library.books[isbn]\n"
    "    out = sum(1 for loan in open_loans(library) if loan.book.isbn == isbn)\n"
    "    return book.copies - out\n",
)
LOANS = Source("loans.py", 7, "def open_loans(library):\n    return [x for x in library.loans]\n")
ELSEWHERE = {"Library": [Spot("models.py", "", 3)], "Member": [Spot("models.py", "", 9)] * 2}


def checked(sentence: str, *sources: Source) -> str:
    found = Claims(sources or (LENDING, LOANS), lambda name: ELSEWHERE.get(name, []), "python")
    return found.sentence(sentence).replace("\\", "")


@pytest.mark.parametrize(
    ("sentence", "after"),
    [
        # a line that the model names, and that has to do with the sentence
        ("- Line 33: Returns what is left.", "- Returns what is left lending.py:33."),
        ("It takes `out` away [1:33].", "It takes `out` away lending.py:33."),
        ("It takes `out` away. [1:33]", "It takes `out` away lending.py:33."),
        ("On line 31 the `book` is found.", "The `book` is found lending.py:31."),
        ("`open_loans` lists them [2:7].", "`open_loans` lists them loans.py:7."),
        # one that has not, or that is no line of a source
        ("- Line 30: Returns the difference.", "- Returns the difference lending.py:33."),
        ("- Lines 12-14: Gets the `book`.", "- Gets the `book` lending.py:31."),
        ("It takes `copies` [1:999] [9:1].", "It takes `copies` lending.py:33."),
        ("**Line 31:** `book` is looked up.", "`book` is looked up lending.py:31."),
        ("- Lines 30, 31: `book` is looked up.", "- `book` is looked up lending.py:31."),
        ("- Line 31 - `book` is looked up.", "- `book` is looked up lending.py:31."),
        ("- Line 31. `book` is looked up.", "- `book` is looked up lending.py:31."),
        ("3 - 2 is one.", "3 - 2 is one."),
        # none
        ("It sums the open loans.", "It sums the open loans lending.py:32."),
        ("`return book.copies - out` ends.", "`return book.copies - out` ends lending.py:33."),
        ("It calls open_loans() and copies_left().",
         "It calls open_loans() and copies_left() lending.py:29 lending.py:32."),
        # elsewhere, and nowhere
        ("A `Library` is given.", "A `Library` is given models.py:3."),
        ("It calls `burn`.", "It calls `burn` (`burn`: not in the indexed code)."),
        ("It calls burn_all() [1:29].",
         "It calls burn_all() (`burn_all`: not in the indexed code)."),
        ("`isbn` and `issn` differ!",
         "`isbn` and `issn` differ lending.py:29 (`issn`: not in the indexed code)!"),
        ("See `other.py`.", "See `other.py` (`other.py`: not in the indexed code)."),
        ("See `lending.py`.", "See `lending.py`."),
        # words of the language, and no claim about code
        ("It raises a `KeyError` or gives `None`.", "It raises a `KeyError` or gives `None`."),
        ("Here is what happens:", "Here is what happens:"),
        ("There are 3 (2) of them.", "There are 3 (2) of them."),
        ("JavaScript is not Python.", "JavaScript is not Python."),
        ("\n\n", "\n\n"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_sentence_gets_its_places_or_a_mark(sentence: str, after: str) -> None:
    assert checked(sentence) == after


@pytest.mark.parametrize(
    "text",
    [
        "![copies](http://evil/?q=secret) here",
        "[copies](command:run) here",
        "[copies](http://evil/a_(b)) here",
        "[[copies](x)](http://evil) here",
        "[copies][1] here\n",
        "<img src=x onerror=alert(1)> copies",
        "<http://evil> copies",
        "see http://evil/copies now",
        "see www.evil.com now",
        "`copies` ` [x](http://evil) `",
        "`` ` `` [x](javascript:x)",
    ],
)
def test_what_an_answer_could_load_or_open_is_text(text: str) -> None:
    after = Claims((LENDING,), lambda name: []).sentence(text)
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", after)
    assert not re.search(r"(?<!\\)\]\(", outside)
    assert not re.search(r"(?<!\\)<", outside)
    assert "://" not in outside
    assert "www." not in outside
    assert outside.count("`") == 0


@given(st.text(st.sampled_from("`[]()<>!*_ab:1 .-\\\0\n|/"), max_size=60))
def test_no_text_makes_a_link(text: str) -> None:
    for piece in [*(cut := Sentences()).feed(text), cut.rest(text)]:
        if not is_block(piece):
            after = Claims((LENDING,), lambda name: []).sentence(piece)
            after = after.replace("lending.py:", "")
            outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", after)
            assert not re.search(r"(?<!\\)(?:\\\\)*\]\(", outside), after


def test_a_place_opens_its_file_whatever_that_is_called() -> None:
    spot = Spot("a](b)*`x`.py", "file:///w/a](b)*`x`.py", 3)
    assert link(spot) == r"[a\]\(b\)\*\`x\`.py:3](file:///w/a%5D%28b%29%2A%60x%60.py#L3)"
    assert link(Spot("Untitled-1", "untitled:Untitled-1", 3)) == r"Untitled\-1:3"
    assert plain("a | b\n<c>") == r"a \| b \<c\>"


OVERDUE = Source(
    "report.py",
    12,
    "def overdue_loans(library: Library, today: date) -> list[Loan]:\n"
    '    """Loans that are overdue, the oldest first."""\n'
    "    overdue = [loan for loan in open_loans(library) if loan.is_overdue(today)]\n"
    "    return sorted(overdue, key=lambda loan: loan.due)\n",
)


def test_lines_that_were_counted_up_are_put_right() -> None:
    """What the 1.5B model said of it, each line after the first one too early."""
    told = {
        "- Line 12: Defines a function `overdue_loans` that takes a `date` object.": 12,
        "- Line 13: Filters the list of open loans to include only those that are overdue.": 14,
        "- Line 14: Sorts the list of overdue loans by the due date in ascending order.": 15,
        "- Line 15: Returns the sorted list of overdue loans.": 15,
    }
    for sentence, line in told.items():
        assert f" report.py:{line}." in checked(sentence, OVERDUE)


def test_code_in_an_answer_is_known_or_marked() -> None:
    claims = Claims((LENDING,), lambda name: [])
    assert claims.block("```python\nbook =  library.books[isbn]\n```\n") == (
        "```python\nbook =  library.books[isbn]\n```\n\nlending.py:31\n\n"
    )
    assert "(not in the indexed code, as it is written here)" in claims.block("```\nx = 2\n```\n")
    assert claims.block("```\nx = 2").startswith("```\nx = 2\n```\n")
    assert (claims.n_cited, claims.n_missing) == (1, 2)


ANSWER = """\
- Line 9. Here.
- Line 1: It is e.g. `a. b` here. It ends. [1:3] It goes on (see below). More

1. First. 2. Second!
```python
x = 1. Not a sentence.

y = 2
```
The `end of it. Really"""


def test_an_answer_is_cut_into_sentences_and_code() -> None:
    cut = Sentences()
    found = [*cut.feed(ANSWER), cut.rest(ANSWER)]
    assert [piece.strip() for piece in found] == [
        "- Line 9. Here.",
        "- Line 1: It is e.g. `a. b` here.",
        "It ends. [1:3]",
        "It goes on (see below).",
        "More",
        "1. First.",
        "2. Second!",
        "```python\nx = 1. Not a sentence.\n\ny = 2\n```",
        "The `end of it. Really",
    ]
    assert "".join(found) == ANSWER


@given(st.text(st.sampled_from("ab. !?\n`[]1:()-"), max_size=80), st.integers(1, 7))
def test_however_an_answer_comes_its_pieces_are_the_answer(text: str, step: int) -> None:
    cut = Sentences()
    pieces = []
    for end in range(0, len(text) + step, step):
        pieces += cut.feed(text[:end])
    pieces.append(cut.rest(text))
    assert "".join(pieces) == text
    again = Sentences()
    assert [*again.feed(text), again.rest(text)] == pieces


def test_a_sentence_waits_for_the_citation_behind_it() -> None:
    cut = Sentences()
    assert cut.feed("It ends. ") == []
    assert cut.feed("It ends. [1:") == []
    assert cut.feed("It ends. [1:3]") == ["It ends. [1:3]"]
