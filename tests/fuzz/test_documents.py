"""The short form of `tests.fuzz.documents`, and that it finds what is wrong."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmcode import text
from slmcode.lsp import documents as ours
from slmcode.lsp import positions
from slmcode.lsp.positions import ENCODINGS, Encoding
from tests.fuzz import documents as fuzz

EDITS = 20_000


@pytest.fixture(scope="module")
def node() -> Iterator[fuzz.Reference]:
    with fuzz.reference() as node:
        yield node


def test_changes_at_random_give_the_text_of_the_reference(node: fuzz.Reference) -> None:
    seed = secrets.token_hex(4)  # another one every time; it says all
    done, _, problems = fuzz.run(EDITS, seed, node)
    assert not problems, "\n".join([f"seed {seed}", *problems])
    assert done >= EDITS


PIECES = st.lists(
    st.sampled_from([*"ab é😀\f\u2028\r\n\0", "\r\n", "\ud83d", "\ude00", "e\u0301"]), max_size=6
).map("".join)
PLACES = st.fixed_dictionaries({"line": st.integers(0, 4), "character": st.integers(0, 9)})
CHANGES = st.fixed_dictionaries(
    {"text": PIECES},
    optional={"range": st.fixed_dictionaries({"start": PLACES, "end": PLACES})},
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(ENCODINGS), PIECES, st.lists(st.lists(CHANGES, max_size=3), max_size=4))
def test_no_changes_of_a_few_characters_differ(
    node: fuzz.Reference, encoding: Encoding, before: str, changes: list[list[Any]]
) -> None:
    """Shortened by hypothesis, whose choices know nothing of the text."""
    places = [[line, character] for line in range(3) for character in range(4)]
    ops: list[fuzz.Op] = [["open", "untitled:1", 1, before]]
    ops += [["change", "untitled:1", 2, some, places, list(range(6))] for some in changes]
    assert fuzz.difference(encoding, ops, node) is None


def planted(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a mistake that servers make."""
    if fault == "lines end at form feeds":
        line_end = re.compile(r"\r\n|\n|\r|\f")
        monkeypatch.setattr(text, "_LINE_END", line_end)
        starts = [0]
        monkeypatch.setattr(
            text, "line_starts", lambda t: starts + [m.end() for m in line_end.finditer(t)]
        )
    elif fault == "halves are not joined":
        monkeypatch.setattr(ours, "joined", lambda t: t)
    elif fault == "CR alone ends no line":
        monkeypatch.setattr(
            text, "line_starts", lambda t: [0] + [i + 1 for i, c in enumerate(t) if c == "\n"]
        )
    else:
        located = positions.locate

        def beyond(snapshot: Any, line: int, character: int, encoding: Encoding) -> Any:
            return located(snapshot, line, character, "utf-32")

        monkeypatch.setattr(ours, "locate", beyond)


@pytest.mark.parametrize(
    ("fault", "most"),
    [
        ("lines end at form feeds", 1),
        ("halves are not joined", 1),
        ("CR alone ends no line", 1),
        ("columns are code points", 2),
    ],
)
def test_a_planted_fault_is_found_and_shortened(
    node: fuzz.Reference, monkeypatch: pytest.MonkeyPatch, fault: str, most: int
) -> None:
    planted(fault, monkeypatch)
    for i in range(300):
        sequence = fuzz.played(f"planted/{i}")
        if fuzz.difference(sequence.encoding, sequence.ops, node) is not None:
            break
    else:
        pytest.fail("not found")
    ops = fuzz.shortened(
        sequence.ops, lambda ops: fuzz.fails(sequence.encoding, ops, node), seconds=20
    )
    assert len(ops) <= 2, ops
    assert fuzz.count(ops) <= most, ops
    assert len(repr(ops)) < 400, ops
    report = fuzz.report(sequence._replace(ops=ops), node)
    assert "  ours " in report
    assert "  reference " in report


def test_a_seed_says_what_a_sequence_is() -> None:
    assert fuzz.played("x/1") == fuzz.played("x/1")
    assert fuzz.played("x/1").ops != fuzz.played("x/2").ops
