"""Which places are jumped to and which are quiet, and what is counted there."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks import events, places
from benchmarks.places import Place, Probe, jumps, newline_at, quiet_places
from benchmarks.replay import Answer, Region, Request, Span

LINES = [f"    value_{i} = {i}" for i in range(100)]


def region(lines: list[str], first: int, n: int, *spans: Span) -> Region:
    """Lines `first` … `first + n` of a file are typed."""
    head, hole = "\n".join(lines[:first]) + "\n", "\n".join(lines[first : first + n])
    return Region(
        "a/b", "x.py", "python", head, hole, "\n" + "\n".join(lines[first + n :]), (*spans,)
    )


def done(text: str, place: Place) -> tuple[str, int]:
    """The file after what is done at a place, and where the cursor is."""
    start, end = place.cut
    return text[:start] + place.key + text[end:], start + len(place.key)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset)


def test_jumps_go_far_to_the_end_of_a_line_and_open_a_new_one() -> None:
    lines = [*LINES[:40], "", " ", *LINES[40:]]
    r = region(lines, 50, 5)
    for seed in range(30):
        here = 54
        for place in jumps(r, random.Random(seed), 3):
            line = line_of(r.text, place.offset)
            assert abs(line - here) >= 20
            assert lines[line].strip()
            after, cursor = done(r.text, place)
            assert after.split("\n")[line : line + 2] == [lines[line], "    "]
            assert line_of(after, cursor) == line + 1
            here = line


def test_a_short_file_has_no_jumps() -> None:
    assert jumps(region(LINES[:15], 5, 4), random.Random(0), 2) == []


def test_a_newline_brings_the_indentation_of_its_own_line() -> None:
    text = "def f():\n\tif x:\n\t\ty()\n"
    assert newline_at("back", text, len(text) - 1).key == "\n\t\t"
    assert newline_at("back", text, len("def f():")).key == "\n"


def test_finished_lines_are_complete_and_the_next_one_stands() -> None:
    lines = [*LINES[:12], "", "}", *LINES[12:20]]
    r = region(lines, 3, 4, Span(9, 6, 0))
    found = [p for p in quiet_places(r, random.Random(1), 50) if p.kind == "finished"]
    # 11: a blank line follows. 12 is blank, 13 a brace alone.
    assert [line_of(r.text, p.offset) for p in sorted(found, key=lambda p: p.offset)] == [9, 10, 14]
    for place in found:
        after, cursor = done(r.text, place)
        assert after == r.text
        assert after[cursor] == "\n"


def test_deleted_code_was_not_there_before_and_leaves_whole_lines() -> None:
    replaced, added, first = Span(20, 2, 3), Span(30, 4, 0), Span(0, 2, 0)
    r = region(LINES, 50, 5, replaced, added, first)
    found = [p for p in quiet_places(r, random.Random(1), 50) if p.kind == "deleted"]
    assert len(found) == 1
    after, cursor = done(r.text, found[0])
    assert after.split("\n") == LINES[:30] + LINES[34:]
    assert line_of(after, cursor) == 29
    assert after[cursor] == "\n"


def test_not_more_quiet_places_than_asked_for() -> None:
    r = region(LINES, 50, 5, Span(10, 20, 0), Span(70, 5, 0), Span(80, 5, 0))
    kinds = [p.kind for p in quiet_places(r, random.Random(1), 2)]
    assert kinds == ["finished", "finished", "deleted", "deleted"]


def probe(kind: str, answer: Answer | None) -> Probe:
    return Probe(kind, "x.py", "python", answer)


def test_figures_of_places() -> None:
    gated = Answer("", 0.05, {}, reason="gated")
    f = places.figures(
        [
            probe("cold", Answer("x", 1.2, {})),
            probe("cold", None),
            probe("jump", Answer("x", 0.09, {})),
            probe("jump", gated),
            probe("jump", Answer("", 0.05, {})),  # without a reason: not in time
            probe("jump", None),
            probe("finished", gated),
            probe("finished", Answer("wrong", 0.05, {})),
            probe("deleted", gated),
            probe("deleted", None),  # no answer is not quiet
            probe("deleted", Answer("", 0.05, {}, reason="deadline")),  # nor is "nothing yet"
            probe("deleted", gated),
        ],
        unit_ms=20.0,
    )
    assert (f["cold_n"], f["cold_in_time"], f["cold_p50_ms"]) == (2, 0, 1200)
    assert f["cold_p50_units"] == 60
    assert (f["jump_n"], f["jump_in_time"]) == (4, 0.5)
    assert (f["back_n"], f["back_in_time"]) == (0, None)
    assert (f["quiet_finished"], f["quiet_deleted"], f["quiet_positions"]) == (0.5, 0.5, 0.5)
    assert f["jump_decided_in_time"] == 0.5
    assert f["quiet_reasons"] == {"gated": 3, "deadline": 1}


def test_the_event_log_holds_every_key_and_probe(tmp_path: Path) -> None:
    answer = Answer("b", 0.05, {"prompt_n": 2}, from_memory=False)
    request = Request("x.py", "python", "a", False, 0.5, 0.14, answer, True, True, 1, False)
    late = Request("x.py", "python", "b", True, 0.64, 0.14, None, False, True, 0, False)
    path = tmp_path / "new" / "events.jsonl"
    events.write(path, {"benchmark": "typing"}, [request, late], [probe("cold", answer)])
    run, first, second, cold = events.read(path)
    assert (run["event"], run["benchmark"]) == ("run", "typing")
    assert (first["key"], first["after_ms"], first["generated"]) == ("a", 50, True)
    assert first["timings"] == {"prompt_n": 2}
    assert (second["took"], "after_ms" in second) == (True, False)
    assert (cold["event"], cold["kind"], cold["in_time"]) == ("probe", "cold", True)
    assert events.read(tmp_path / "absent") == []
