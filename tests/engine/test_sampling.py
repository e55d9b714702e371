"""Greedy choice, and the choice among tokens that spell a forced text."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slmcode.engine.sampling import TokenTable, greedy, greedy_among

PIECES = [b"a", b"b", b"ab", b"abc", b"", b"\xff", b"\xff\xff", b"ret", b"return", b" return", b"r"]


def spelling(remainder: bytes) -> set[bytes]:
    return {PIECES[i] for i in TokenTable(PIECES).spelling(remainder)}


def test_beginnings_and_continuations_are_allowed() -> None:
    assert spelling(b"re") == {b"r", b"ret", b"return"}
    assert spelling(b"return") == {b"r", b"ret", b"return"}
    assert spelling(b"\xff") == {b"\xff", b"\xff\xff"}
    assert spelling(b"zebra") == set()


@given(
    st.lists(st.binary(max_size=3), max_size=30),
    st.binary(min_size=1, max_size=4),
)
def test_spelling_is_what_it_says(pieces: list[bytes], remainder: bytes) -> None:
    allowed = set(TokenTable(pieces).spelling(remainder).tolist())
    wanted = {
        i
        for i, piece in enumerate(pieces)
        if piece and (piece.startswith(remainder) or remainder.startswith(piece))
    }
    assert allowed == wanted


def one_of(*remainders: bytes) -> set[bytes]:
    pieces = [*PIECES, b"ret.", b"retry", b"return x", b"b.", b" "]
    return {pieces[i] for i in TokenTable(pieces).spelling_one_of(remainders)}


def test_a_word_ends_where_a_choice_ends() -> None:
    assert one_of(b"ret") == {b"r", b"ret", b"ret."}
    assert one_of(b"ret", b"retry") == {b"r", b"ret", b"ret.", b"retry"}
    assert one_of(b"return", b"b") == {b"r", b"ret", b"return", b"return x", b"b", b"b."}
    assert one_of(b"") == {b" return", b" "}
    assert one_of(b"", b"try") == {b" return", b" "}


@given(
    st.lists(st.binary(max_size=3), max_size=30),
    st.lists(st.binary(max_size=3), min_size=1, max_size=4),
)
def test_spelling_one_of_is_what_it_says(pieces: list[bytes], remainders: list[bytes]) -> None:
    def goes_on(rest: bytes) -> bool:
        return rest[:1].isalnum() or rest[:1] == b"_" or rest[:1] >= b"\x80"

    allowed = set(TokenTable(pieces).spelling_one_of(remainders).tolist())
    wanted = {
        i
        for i, piece in enumerate(pieces)
        for remainder in remainders
        if piece
        and (
            (piece.startswith(remainder) and not goes_on(piece[len(remainder) :]))
            or (remainder.startswith(piece) and piece != remainder)
        )
    }
    assert allowed == wanted


def test_greedy_gives_the_best_and_its_probability() -> None:
    logits = np.log(np.array([0.2, 0.5, 0.3], dtype=np.float32))
    token, logprob = greedy(logits)
    assert token == 1
    assert math.isclose(logprob, math.log(0.5), rel_tol=1e-5)
    token, logprob = greedy_among(logits, np.array([0, 2]))
    assert token == 2
    assert math.isclose(logprob, math.log(0.3), rel_tol=1e-5)
