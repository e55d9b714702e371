"""The report: what is measured stands in it, what is absent is named, nothing is loaded."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from benchmarks import bars, events, html, svg, timeline
from benchmarks.bars import Data
from benchmarks.places import Probe
from benchmarks.replay import Answer, Request
from slmcode.models.tuned import Form, Quality, Record, Speed

NOTHING = Data([], [], [], None)
EVIL = "</svg><script src=http://x>&"


def typing_doc(date: str, beside: int = 0, **figures: float) -> dict[str, Any]:
    return {
        "benchmark": "typing",
        "date": date,
        "commit": "abc123",
        "machine": {
            "cpu": "A",
            "cores": 2,
            "instructions": ["avx2"],
            "memory_gb": 8,
            "system": "Linux",
        },
        "settings": {"files": 14, "beside": beside},
        "result": {
            "decode_unit_ms": 20.0,
            "figures": {"all": {"reasons": {"gated": 3}, **figures}, "go": figures},
        },
    }


def request(at_s: float, answer: Answer | None, *, key: str = "a", took: bool = False) -> Request:
    return Request("src/x.go", "go", key, took, at_s, 0.14, answer, True, True, 0, False)


def log(folder: Path, name: str, doc: dict[str, Any], requests: list[Request]) -> None:
    cold = Probe("cold", "src/y.go", "go", Answer("x", 1.5, {}))
    events.write(folder / name, doc, requests, [cold])


def events_of(*requests: Request) -> list[dict[str, Any]]:
    return [{"event": "key", **row} for row in map(events.key_row, requests)]


def record() -> Record:
    speed = Speed(10.0, 4.0, 25.0, 8.0, {1: 10.0, 8: 40.0}, {1: 25.0, 8: 70.0})
    quality = Quality(100, 0.55, 0.56, -0.5, 0.4, 1000, 0.6, 0.6, 0.1, 0.2, 0.97)
    forms = [
        Form("mixed-4", 264_000_000, speed, quality, True),
        Form("all-4", 1, speed, quality, False),
    ]
    return Record("a" * 64, "b" * 64, 264, "mixed-4", {}, "A", 2, "2026-01-02", "c", forms, {})


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    """A recorded run, a newer one with an event log, and one under load."""
    requests = [
        request(0.0, Answer("one", 0.004, {}, from_memory=True)),
        request(0.14, Answer(EVIL, 0.07, {"draft_n": 6, "draft_n_accepted": 5}), key=EVIL),
        request(0.28, Answer("", 0.05, {}, reason="gated"), took=True),
        request(0.42, Answer("late", 0.13, {})),
        request(0.56, None),
        request(0.70, Answer("", 0.05, {}, reason="deadline")),
    ]
    old = typing_doc("2026-01-01T00:00", in_time=0.5, late=0.2)
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps(old))
    monkeypatch.setattr(html.report, "RESULTS", results)
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    new = typing_doc("2026-01-03T00:00", in_time=0.991, late=0.03)
    load = typing_doc("2026-01-02T00:00", 2, in_time=0.7, late=0.05, stall_ms=400)
    log(tmp_path, "typing.jsonl", new, requests)
    log(tmp_path, "typing-beside.jsonl", load, requests)
    return html.collect(tmp_path)


def states(data: Data) -> dict[str, bool | None]:
    return {bar.what: bar.met for bar in bars.bars(data)}


def test_the_newest_run_is_held_to_the_bars_and_load_apart(measured: Data) -> None:
    found = states(measured)
    assert found["in time (≤ 100 ms), warm"] is True  # 0.991, not the older 0.5
    assert found["late, warm"] is False
    assert found["two processes beside it: in time"] is False
    assert found["two processes beside it: longest stall"] is True
    assert found["keys saved"] is None
    short = typing_doc("2026-01-04", in_time=0.2) | {"settings": {"files": 4}}
    official = typing_doc("2026-01-05", in_time=0.2)
    official["settings"] |= {"model": "fast", "tuned": False}
    newer = measured._replace(docs=[*measured.docs, short, official])
    assert states(newer) == found  # neither a short run nor other weights take its place
    assert set(states(NOTHING).values()) == {None}


def test_tuned_weights_are_held_to_the_official_ones_of_the_same_run() -> None:
    found = {bar.what: bar.value for bar in bars.bars(NOTHING._replace(tune=record()))}
    assert found["time of a token, tuned against official"] == 0.4
    assert found["prefill speed, tuned against official"] == 2.0


def test_a_paired_run_counts_only_over_all_spans() -> None:
    def fim(n: int, points: float) -> dict[str, Any]:
        found = {"n": n, "differences": {"fast": {"points": points}}}
        result = {"weights": {"fast-official": "a", "fast": "b"}, "sets": {"RandomSpan": found}}
        return typing_doc("2026-01-01") | {"benchmark": "fim", "result": result}

    def lost(*docs: dict[str, Any]) -> float | None:
        what = "first-line hits, tuned against official, 1,010 tasks"
        return next(b.value for b in bars.bars(NOTHING._replace(docs=docs)) if b.what == what)

    assert lost(fim(1010, -0.4), fim(50, 3.0)) == -0.4
    assert lost(fim(50, 3.0)) is None


def test_the_page_holds_what_was_measured(measured: Data) -> None:
    page = html.page(measured._replace(tune=record()))
    for expected in ("99.1 %", "70.0 %", "abc123", "gated", "mixed-4", "−0.5 ± 0.4", "5/6"):
        assert expected in page, expected
    assert page.count('class="state met"') > 2
    assert page.count('class="state missed"') > 2
    assert "50.0 %" in page or "50%" in page  # the older run is history


def test_the_page_loads_nothing_and_escapes_what_was_typed(measured: Data) -> None:
    page = html.page(measured._replace(tune=record()))
    assert not re.search(r"<(script|link|img|iframe|object|embed)\b", page)
    assert not re.search(r"\b(src|href|xlink:href|srcset)\s*=\s*[\"']", page)
    assert not re.search(r"url\(|@import", page)
    assert "&lt;script" in page


def test_every_picture_is_well_formed_and_every_tag_closed(measured: Data) -> None:
    page = html.page(measured._replace(tune=record()))
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) > 8
    for picture in pictures:
        ElementTree.fromstring(picture)

    class Closed(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag != "meta":
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: Any) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    reader = Closed()
    reader.feed(page)
    assert reader.open == []


def test_a_page_of_nothing_says_what_to_run() -> None:
    page = html.page(NOTHING)
    for sentence in ("run make bench", "make bench-typing", "make tune", "make bench-speculation"):
        assert sentence in page, sentence
    assert page.count("not measured") == len(bars.bars(NOTHING))


def test_a_tuned_file_without_evidence_is_said_to_have_none() -> None:
    bare = replace(record(), forms=[])
    assert "no evidence" in html.page(NOTHING._replace(tune=bare))


def test_what_a_key_got(measured: Data) -> None:
    kinds = [timeline.category(e) for e in measured.warm if e["event"] == "key"]
    assert kinds == ["memory", "generated", "empty", "slow", "late", "waiting"]


def test_until_text_or_a_verdict(measured: Data) -> None:
    keys = [e for e in measured.warm if e["event"] == "key"]
    assert [html._settled_ms(e) for e in keys] == [4, 70, 50, 130, None, None]
    second = events_of(request(0.0, Answer("text", 0.05, {}, text_after_s=0.18)))
    assert [html._settled_ms(e) for e in second] == [180]


def test_the_timeline_shows_every_key_and_what_was_accepted(measured: Data) -> None:
    keys = timeline.chosen([e for e in measured.warm if e["event"] == "key"])
    drawn = timeline.draw(keys)
    assert drawn.count("<title>") == len(keys) + 1  # and the announcement
    assert "cursor announced" in drawn
    assert "⇥ a" in drawn
    assert "no answer before the next key" in drawn
    assert "reason: gated" in drawn
    assert timeline.chosen([]) == []


def test_keys_without_an_answer_keep_the_curve_down() -> None:
    assert svg.steps([30.0, 10.0], 4)[-1] == (30.0, 0.5)
    assert svg.steps([], 4) == [(0.0, 0.0)]


def test_the_command_writes_the_page(tmp_path: Path, measured: Data) -> None:
    out = tmp_path / "new" / "report.html"
    html.main(["--artifacts", str(tmp_path), "--out", str(out)])
    assert "99.1 %" in out.read_text(encoding="utf-8")
