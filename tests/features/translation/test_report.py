"""The report of a translation: its data, and its page in a browser without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmcode.features.translation import Difference, Look, Translated, Unit, Verdict, report
from slmcode.features.translation.batch import Done

SOURCE = "\n".join(f"       LINE-{n} <&> $x." for n in range(1, 101)) + "\n"
TARGET = "\n".join(f"line_{n} = '<&> $x'" for n in range(1, 201)) + "\n"


def unit(name: str, lines: tuple[int, int], verdict: Verdict) -> Unit:
    first, end = lines
    return Unit(
        name=name,
        source_lines=lines,
        lines=(2 * first, 2 * end),
        verdict=verdict,
        reason=f"about {name}",
        form="faithful",
        confidence=0.25,
        tries=2,
        why="the third try came too late",
    )


RESULT = Translated(
    language_id="python",
    text=TARGET,
    verdict=Verdict.DIFFERS,
    reason="they differ on 1 of 40 inputs",
    name="a<b.cob",
    source_language="cobol",
    stem="a_b",
    extension=".py",
    units=(
        unit("whole", (0, 100), Verdict.DIFFERS),
        unit("good", (0, 50), Verdict.PROVED),
        unit("bad", (50, 100), Verdict.DIFFERS),
    ),
    line_map=tuple(n // 2 if n % 2 == 0 else -1 for n in range(200)),
    inputs_tried=40,
    coverage=0.875,
    look_first=(Look("the sum differs", 150, 75),),
    difference=Difference(
        stdin=b"1\xff\n", expected="out <1>", actual="out <2>", what="stdout", unit="bad"
    ),
)


def test_the_data() -> None:
    found = json.loads(report.as_json(RESULT, SOURCE, "/src/a<b.cob"))
    assert (found["verdict"], found["coverage"], found["file"]) == ("differs", 0.875, "a_b.py")
    assert (found["source_line_count"], found["line_count"]) == (100, 200)
    assert found["line_map"][:4] == [1, 0, 2, 0]
    assert found["look_first"] == [{"what": "the sum differs", "line": 151, "source_line": 76}]
    assert found["difference"]["stdin"] == "1\\xff\n"
    bad = found["units"][2]
    assert (bad["source_lines"], bad["lines"]) == ([51, 100], [101, 200])
    assert (bad["confidence"], bad["tries"]) == (0.25, 2)


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    from tests.editors.vscode import browser

    path = tmp_path / "report.html"
    path.write_text(report.page(RESULT, SOURCE, "/src/a<b.cob"), encoding="utf-8")
    with browser() as started:
        page = started.new_page(viewport={"width": 1200, "height": 800})
        asked: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path.as_uri())
        assert page.locator("h1").inner_text().startswith("a<b.cob → python")
        facts = page.locator(".facts").inner_text()
        assert "40 inputs tried · 88% of the original’s branches reached" in facts
        assert page.locator("section").filter(has_text="smallest input").count() == 1
        assert page.locator("#s100").text_content() == "       LINE-100 <&> $x."
        assert "u-differs" in (page.locator("#s76").get_attribute("class") or "")
        assert "u-proved" in (page.locator("#s2").get_attribute("class") or "")

        page.get_by_text("source line 76").click()
        for line in ("#s76", "#t151"):
            page.locator(f"{line}.on").wait_for()
            assert is_seen(page, line), line
        page.locator("#t161").click()
        page.locator("#s81.on").wait_for()
        assert page.locator(".on").count() == 2
        assert faults == []
        assert asked == [path.as_uri()], "it loads nothing"


def is_seen(page: object, line: str) -> bool:
    """Whether a line is inside what its side shows."""
    code = """(line) => {
      const at = document.querySelector(line).getBoundingClientRect();
      const side = document.querySelector(line).closest(".side").getBoundingClientRect();
      return at.top >= side.top && at.bottom <= side.bottom;
    }"""
    return bool(page.evaluate(code, line))  # type: ignore[attr-defined]


def test_the_summary_has_the_worst_at_its_top() -> None:
    rows = [
        Done(source="/a.cob", digest="", verdict=verdict, reason="", stem="a", files=())
        for verdict in (Verdict.PROVED, Verdict.NOT_PROVED, Verdict.REFUSED, Verdict.DIFFERS)
    ]
    page = report.summary(rows, 5)
    assert "4 of 5 programs done" in page
    assert "1 not reached yet" in page
    body = page[page.index("<table") :]
    places = [
        body.index(f">{verdict}<") for verdict in ("differs", "refused", "not proved", "proved")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("text", ["", "\n", "a", "a\n", "a\fb\n", "\ud800"])
def test_odd_sources(text: str) -> None:
    empty = Translated(language_id="go", text="", verdict=Verdict.REFUSED, reason="no")
    assert "no translation" in report.page(empty, text, "x")
    found = json.loads(report.as_json(empty, text, "x"))
    assert found["source_line_count"] == len(report._lines(text))
    assert found["file"] is None
