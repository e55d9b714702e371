"""The show-gate: which pieces there are, which one is shown, and what a damaged file does."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from slmcode.features import gate
from slmcode.features.gate import Calibration, Gate, Model, Situation, Split, pieces

PLACE = Situation("python", "    x = ", "", "code", False)


def tokens(*texts: str) -> tuple[str, list[int]]:
    """The text of some tokens, and where each of them ends."""
    ends, text = [], ""
    for t in texts:
        text += t
        ends.append(len(text))
    return text, ends


def shown(*texts: str) -> list[str]:
    text, ends = tokens(*texts)
    return [text[: p.length] for p in pieces(text, ends)]


def by_sum(bias: float = 0.0) -> Gate:
    """The log-odds are the log-probability of the piece, the cut is the threshold."""
    return Gate(
        Model(
            format=1,
            provenance={},
            cuts=[(0.5, 0.5)],
            bias=bias,
            weights={"sum": 1.0},
            trees=[],
        )
    )


def test_pieces_end_at_words() -> None:
    assert shown("self", ".get", "_user", "(", "name", ")") == [
        "self",
        "self.get",
        "self.get_user",
        "self.get_user(",
        "self.get_user(name",
        "self.get_user(name)",
    ]


def test_half_a_word_is_no_piece_but_a_part_of_its_name_is() -> None:
    assert shown("col", "umns", "Total", "s") == ["columns", "columnsTotals"]
    assert shown("HTTP", "S", "_", "URL") == ["HTTPS", "HTTPS_", "HTTPS_URL"]


def test_a_single_character_is_no_piece() -> None:
    assert shown(")") == []
    assert shown(" ", "x") == []
    assert shown(")", ":") == ["):"]


def test_trailing_blanks_belong_to_no_piece() -> None:
    assert shown("a =", " ", "b") == ["a =", "a = b"]


def test_further_lines_are_whole() -> None:
    assert shown("\n    ", "a", " = 1", "\n    ", "b", " = 2", "\n\n", "    c") == [
        "\n    a = 1",
        "\n    a = 1\n    b = 2",
        "\n    a = 1\n    b = 2\n\n    c",
    ]


def test_text_may_be_cut_inside_its_last_token() -> None:
    text = "foo(bar"
    assert [text[: p.length] for p in pieces(text, [3, 4, 9])] == [
        "foo",
        "foo(",
        "foo(bar",
    ]


def sigmoid(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def test_a_piece_grows_while_it_stays_likely() -> None:
    text, ends = tokens("self", ".name", " + ", "other")
    logprobs = [-0.1, -0.02, -0.05, -4.0]
    verdict = by_sum(3.0).judge(PLACE, text, ends, logprobs, final=True, threshold=0.5)
    assert text[: verdict.length] == "self.name +"
    assert verdict.score == pytest.approx(sigmoid(2.83))


def test_a_confident_beginning_is_not_put_at_risk() -> None:
    """The whole line is likely enough by itself, and still only its beginning is shown."""
    text, ends = tokens("self.name", " + other")
    logprobs = [-0.1, -2.0]
    verdict = by_sum(3.0).judge(PLACE, text, ends, logprobs, final=True, threshold=0.5)
    assert text[: verdict.length] == "self.name"
    assert by_sum(3.0).is_likely(PLACE, text, ends, logprobs, least=0.99 * sigmoid(0.9))
    assert not by_sum(3.0).is_likely(PLACE, text, ends, logprobs, least=1.01 * sigmoid(0.9))


def test_nothing_to_show_is_not_likely() -> None:
    assert not by_sum(9.0).is_likely(PLACE, " ", [1], [0.0], least=0.1)


def test_further_lines_need_the_threshold() -> None:
    text, ends = tokens("\n    return", " x", "\n\n", "done()")
    logprobs = [-0.1, -0.02, -1.0, -0.5]
    verdict = by_sum(3.0).judge(PLACE, text, ends, logprobs, final=True, threshold=0.5)
    assert text[: verdict.length] == text
    verdict = by_sum(3.0).judge(PLACE, text, ends, logprobs, final=True, threshold=0.85)
    assert text[: verdict.length] == "\n    return x"


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_more_text_does_not_change_what_is_decided(threshold: float) -> None:
    parts = ["value", ".strip", "()", " or", " None", "\n", "return", " x"]
    logprobs = [-0.05, -0.1, -0.02, -1.5, -0.2, -0.1, -0.3, -2.0]
    shipped, _ = gate.load(None)
    verdicts = []
    for n in range(1, len(parts) + 1):
        text, ends = tokens(*parts[:n])
        final = n == len(parts)
        verdict = shipped.judge(PLACE, text, ends, logprobs[:n], final=final, threshold=threshold)
        assert final or verdict.decided == (verdict.length < len(text.rstrip()))
        verdicts.append(verdict)
    assert verdicts[-1].decided
    first = next(i for i, v in enumerate(verdicts) if v.decided)
    assert {v.length for v in verdicts[first:]} == {verdicts[first].length}


def test_nothing_likely_scores_as_its_best_piece() -> None:
    text, ends = tokens("self", ".name")
    verdict = by_sum().judge(PLACE, text, ends, [-2.0, -3.0], final=True, threshold=0.5)
    assert verdict.length == 0
    assert verdict.score == pytest.approx(sigmoid(-2.0))


@pytest.mark.parametrize("situation", [PLACE, Situation("", "", ")", "string", True, 0.0, 0)])
def test_a_higher_threshold_never_shows_more(situation: Situation) -> None:
    shipped, warning = gate.load(None)
    assert not warning
    text, ends = tokens("value", ".strip", "()", " or", " None", "\n", "    return", " value")
    logprobs = [-0.05, -0.3, -0.1, -1.5, -0.2, -0.4, -0.9, -0.3]
    verdicts = [
        shipped.judge(situation, text, ends, logprobs, final=True, threshold=t / 50)
        for t in range(51)
    ]
    lengths = [v.length for v in verdicts]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == len(text)
    assert lengths[-1] == 0


def test_confidence_counts_in_the_shipped_model() -> None:
    shipped, _ = gate.load(None)
    text, ends = tokens("value", ".strip", "()")
    sure = shipped.judge(PLACE, text, ends, [-0.01, -0.01, -0.01], final=True, threshold=0.0)
    unsure = shipped.judge(PLACE, text, ends, [-2.0, -3.0, -2.0], final=True, threshold=0.0)
    assert sure.score > 0.3
    assert unsure.score < 0.1


def test_trees_are_walked() -> None:
    split = Split("comment", 0.5, low=1.0, high=Split("tokens", 1.0, low=-1.0, high=-2.0))
    model = Model(format=1, provenance={}, cuts=[], bias=0.0, weights={}, trees=[split, 0.25])
    text, ends = tokens("one", " two")
    comment = msgspec.structs.replace(PLACE, node="comment")
    code = Gate(model).judge(PLACE, text, ends, [0.0, 0.0], final=True, threshold=0.0)
    words = Gate(model).judge(comment, text, ends, [0.0, 0.0], final=True, threshold=0.0)
    assert code.score == pytest.approx(sigmoid(1.25))
    assert words.score == pytest.approx(sigmoid(-1.75))


def score(g: Gate) -> float:
    text, ends = tokens("name")
    return g.judge(PLACE, text, ends, [0.0], final=True, threshold=0.0).score


@pytest.mark.parametrize(("accepted", "sign"), [(True, 1), (False, -1)])
def test_lessons_move_scores_their_way_and_stay_bounded(accepted: bool, sign: int) -> None:
    g = by_sum(0.5)
    before = score(g)
    g.learn(before, accepted)
    once = score(g)
    assert sign * (once - before) > 0
    assert abs(once - before) < 0.02
    for _ in range(5000):
        g.learn(score(g), accepted)
    assert 0.1 < score(g) < 0.95
    c = g.calibration
    assert 0.5 <= c.slope <= 2.0
    assert -1.5 <= c.offset <= 1.5


def test_opposite_lessons_are_taken_back() -> None:
    """A user who accepts as often as the score says leaves the gate as it is."""
    g = by_sum(0.0)
    for i in range(400):
        g.learn(score(g), accepted=i % 2 == 0)
    assert score(g) == pytest.approx(0.5, abs=0.03)


def test_calibration_is_kept(tmp_path: Path) -> None:
    first, _ = gate.load(tmp_path)
    for _ in range(30):
        first.learn(0.8, accepted=False)
    first.save(tmp_path)
    second, warning = gate.load(tmp_path)
    assert not warning
    assert second.calibration == first.calibration
    assert score(second) < score(gate.load(None)[0])
    assert [f.name for f in tmp_path.iterdir()] == [gate.FILE]


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'{"slope": "a"}', b'{"slope": 40.0}', b'{"text": "x = 1"}', b"\xff\x00"],
)
def test_a_damaged_calibration_is_ignored_with_a_warning(tmp_path: Path, data: bytes) -> None:
    (tmp_path / gate.FILE).write_bytes(data)
    found, warning = gate.load(tmp_path)
    assert found.calibration == Calibration()
    assert gate.FILE in warning
    assert "\n" not in warning


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"format": 2, "provenance": {}, "cuts": [], "bias": 0, "weights": {}, "trees": []}',
        b'{"format": 1, "provenance": {}, "cuts": [], "bias": 0, "weights": {"moon": 1},'
        b' "trees": []}',
        b'{"format": 1, "provenance": {}, "cuts": [], "bias": 0, "weights": {}, "trees":'
        b' [{"feature": "moon", "at": 1, "low": 0, "high": 1}]}',
    ],
)
def test_a_damaged_model_is_ignored_with_a_warning(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(data)
    found, warning = gate.load(None, path)
    assert "model.json" in warning
    assert "\n" not in warning
    text, ends = tokens("name")
    assert found.judge(PLACE, text, ends, [-1.0], final=True, threshold=0.1).length == 4
