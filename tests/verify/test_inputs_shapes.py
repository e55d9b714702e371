"""The shape of inputs, and what is made of them: without running anything."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmcode.verify.inputs import facts
from slmcode.verify.programs import GENERATED, MALFORMED, Input
from slmcode.verify.shapes import Document
from slmcode.verify.variants import Facts, Varied, smaller, weight


def variants(text: str, n: int = 200, known: Facts | None = None, seed: int = 1) -> list[str]:
    one = Input(stdin=text.encode())
    varied = Varied(known or Facts(), [one], random.Random(seed))
    return [i.stdin.decode() for i in varied.batch(n, [one], malformed=False)]


@given(st.binary(max_size=200))
def test_a_document_is_its_text(data: bytes) -> None:
    assert Document.of(data).data() == data


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("3\n1 2 3\n", [(0, 0, "fields", 1)]),
        ("3\n5\n6\n7\n", [(0, 0, "lines", 1)]),
        ("2 3\n.#.\n##.\n", [(0, 0, "lines", 1), (0, 1, "characters", 1)]),
        ("4 4\n....\n....\n....\n....\n", [(0, 0, "lines", 1), (0, 1, "characters", 1)]),
        ("5 2\n5\n3\n1 2 3 4 5\n", [(0, 1, "lines", 1), (0, 0, "fields", 2)]),
        ("7 8\n", []),
        ("abc\n", []),
    ],
)
def test_what_counts_what(text: str, counted: list[tuple[int, int, str, int]]) -> None:
    assert [c[:4] for c in Document.of(text.encode()).counted] == counted


def test_counts_stay_right() -> None:
    made = variants("3\n10 20 30\n")
    sizes = set()
    for text in made:
        first, second = text.splitlines()
        assert len(second.split()) == int(first)
        sizes.add(int(first))
    assert {1, 2, 3, 4} <= sizes
    for text in variants("2 3\n.#.\n##.\n"):
        height, width, *rows = text.split()
        assert [len(row) for row in rows] == [int(width)] * int(height)


def test_numbers_stay_within_the_picture_and_reach_its_bounds() -> None:
    known = Facts(numbers=("40",), accepted=(("N", "9(3)"),))
    numbers = [int(text) for text in variants("7\n", 300, known)]
    assert min(numbers) == 0
    assert max(numbers) == 999
    assert {39, 40, 41} <= set(numbers)


def test_signs_only_where_there_are_some() -> None:
    assert not any("-" in text for text in variants("7 8\n"))
    assert any("-" in text for text in variants("7 -8\n"))
    assert any("-" in text for text in variants("7\n", known=Facts(accepted=(("N", "S9(3)"),))))


def test_words_of_the_source_are_tried() -> None:
    made = variants("red\n", known=Facts(texts=("STOP", "two words")))
    assert "STOP\n" in made
    assert all(len(text.split()) == 1 for text in made)


def test_words_reach_the_end_of_what_takes_them() -> None:
    made = variants("abc\n", 300, Facts(accepted=(("S", "X(11)"),)))
    assert {10, 11, 12} <= {len(text) - 1 for text in made}


def test_the_same_seed_gives_the_same_inputs() -> None:
    assert variants("3\n1 2 3\n", seed=5) == variants("3\n1 2 3\n", seed=5)
    assert variants("3\n1 2 3\n", seed=5) != variants("3\n1 2 3\n", seed=6)


def test_malformed_inputs_are_called_so() -> None:
    one = Input(stdin=b"3\n1 2 3\n")
    varied = Varied(Facts(), [one], random.Random(1))
    made = varied.batch(40, [one], malformed=True)
    assert {i.kind for i in made} == {MALFORMED}
    assert b"" in [i.stdin for i in made]
    assert {i.kind for i in varied.batch(40, [one], malformed=False)} == {GENERATED}


def test_files_are_varied_too() -> None:
    one = Input(files={"IN.DAT": b"ab 12\ncd 34\n"})
    made = Varied(Facts(), [one], random.Random(1)).batch(20, [one], malformed=False)
    assert len({i.files["IN.DAT"] for i in made}) == 20
    assert all(i.stdin == b"" for i in made)


_LINES = st.lists(
    st.lists(st.sampled_from(["1", "2", "3", "10", "-4", "0.5", "ab", ".#", "007"]), max_size=4),
    max_size=6,
)


@settings(deadline=None, max_examples=40)
@given(_LINES, st.integers(0, 5))
def test_any_input_can_be_varied_and_made_smaller(lines: list[list[str]], seed: int) -> None:
    one = Input(stdin="".join(" ".join(line) + "\n" for line in lines).encode())
    varied = Varied(Facts(), [one], random.Random(seed))
    made = varied.batch(10, [one], malformed=False)
    made += varied.batch(5, made or [one], malformed=False)
    made += varied.batch(5, made or [one], malformed=True)
    for text in made:
        assert all(weight(step) < weight(text) for step in smaller(text))


def test_nothing_is_made_of_nothing() -> None:
    assert Varied(Facts(), [], random.Random(1)).batch(9, [Input()], malformed=False) == []


def test_first_inputs_by_pictures() -> None:
    known = Facts(accepted=(("N", "9(2)"), ("S", "X(3)")))
    made = [i.stdin for i in Varied(known, [], random.Random(1)).from_facts()]
    assert b"99\nA\n" in made
    assert b"0\nabc\n" in made


def test_smaller_inputs_keep_the_shape() -> None:
    steps = smaller(Input(stdin=b"3\n10 20 30\n"))
    texts = [s.stdin for s in steps]
    assert b"1\n10\n" in texts
    assert b"2\n20 30\n" in texts
    assert b"3\n10 0 30\n" in texts
    assert all(weight(s) < weight(Input(stdin=b"3\n10 20 30\n")) for s in steps)
    for text in texts:
        first, second = text.decode().splitlines()
        assert len(second.split()) == int(first)


def test_facts_of_a_cobol_source() -> None:
    text = "\n".join(
        [
            "DATA DIVISION.",
            "WORKING-STORAGE SECTION.",
            "01 N PIC 9(4).",
            "01 S PIC X(20).",
            "PROCEDURE DIVISION.",
            "MAIN-LINE.",
            "  ACCEPT N. ACCEPT S.",
            "  IF N > 365 AND S = 'red' DISPLAY 7.",
            "SECOND-PART SECTION.",
            "  STOP RUN.",
        ]
    )
    found = facts(text, "cobol")
    assert found.numbers[0] == "365"
    assert found.texts[0] == "red"
    assert ("N", "9(4)") in found.accepted
    assert found.units == (("MAIN-LINE", 6, 8), ("SECOND-PART", 9, 10))


def test_facts_of_other_languages() -> None:
    fortran = "      SUBROUTINE ADD(A)\n      END\n      INTEGER FUNCTION F(X)\n      END\n"
    assert [u[0] for u in facts(fortran, "fortran").units] == ["ADD", "F"]
    assert [u[0] for u in facts("sub one { }\nsub two { }\n", "perl").units] == ["one", "two"]
    assert facts("nothing", "go") == Facts()
