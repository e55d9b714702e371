"""The figures of the speculation benchmark from pairs of generations."""

from __future__ import annotations

import pytest

from benchmarks.speculation import Pair, Run, figures


def pair(plain_ms: float, drafted_ms: float, lead: float | None = None) -> Pair:
    tokens = list(range(10))
    return Pair("task", Run(tokens, plain_ms, 0, 0), Run(tokens, drafted_ms, 8, 6), lead)


def test_speeds_are_medians_and_ratios_are_paired() -> None:
    # The second pair was measured while the machine was busy: its ratio is as good as the others.
    found = figures([pair(100, 50), pair(1000, 400), pair(100, 100)])
    assert found["plain_tokens_per_s"] == 100
    assert found["drafted_tokens_per_s"] == 100
    assert found["ratio"] == 2
    assert found["ratio_of_sums"] == pytest.approx(1200 / 550)
    assert (found["draft_n"], found["draft_n_accepted"]) == (24, 18)


def test_texts_that_differ_are_counted_with_their_leads() -> None:
    found = figures([pair(100, 50), pair(100, 50, lead=0.1)])
    assert (found["identical"], found["leads"]) == (1, [0.1])


def test_generations_without_a_token_say_nothing() -> None:
    empty = Pair("task", Run([], 0.0, 0, 0), Run([], 0.0, 0, 0), None)
    assert figures([empty, pair(100, 50)])["pairs"] == 1
    assert figures([empty])["ratio"] is None
