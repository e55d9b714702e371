"""What the frames of a screen say of a key, and the person at an editor that follows a script."""

from __future__ import annotations

import random
from typing import Any

import pytest

from benchmarks import editors
from benchmarks.editors import Astray, Key, Measured, ScreenDesk, run
from benchmarks.replay import Region, Session, type_region
from benchmarks.screens import Sight


def key(before: str, key: str, *ghosts: str) -> Key:
    """A key whose frames come every 10 ms."""
    sights = tuple(Sight(n / 100, ghost) for n, ghost in enumerate(ghosts, 1))
    return Key(key, False, before, sights)


def test_ghost_text_appears() -> None:
    appeared = key("", "a", "", "", "bc")
    assert not appeared.typed_along
    assert appeared.text_after_s == 0.03
    assert key("", "a", "", "").text_after_s is None


def test_typed_along_without_and_with_a_flicker() -> None:
    kept = key("abc", "a", "bc", "bcd")
    assert (kept.typed_along, kept.lost_n, kept.text_after_s) == (True, 0, 0.01)
    flickers = key("abc", "a", "", "", "bc")
    assert (flickers.typed_along, flickers.lost_n, flickers.text_after_s) == (True, 2, 0.03)
    assert key("abc", "a").lost_n == 0  # no frame at all
    assert not key("a", "a", "").typed_along  # nothing of it is left
    assert key("\n    b", "\n    ", "b").typed_along


def test_old_ghost_text_is_not_new() -> None:
    stale = key("abc", "x", "abc", "abc", "", "yz")
    assert len(stale.stale) == 2
    assert stale.text_after_s == 0.04


def test_figures() -> None:
    measured = Measured(
        keys=[key("", "a", "", "bc"), key("bc", "b", "", "c"), key("c", "x", "c", ""), key("", "y")]
    )
    out = measured.figures()
    assert (out["keys"], out["appeared"], out["typed_along"]) == (4, 1, 1)
    assert (out["appeared_p50_ms"], out["kept_p95_ms"]) == (20.0, 20.0)
    assert (out["lost_frames"], out["keys_with_lost_frames"], out["stale_frames"]) == (1, 1, 1)
    assert out["with_ghost"] == 0.5
    assert Measured().figures()["appeared_p50_ms"] is None


class ScriptedScreen:
    """An editor that shows the rest of the line at once; `broken` swallows every "x"."""

    def __init__(self, region: Region, broken: bool = False) -> None:
        self._text = region.before
        self._line = region.typed.split("\n")[0]
        self._ghost = ""
        self._broken = broken
        self.accepted = 0

    def press(self, text: str) -> None:
        self._text += text.replace("x", "") if self._broken else text
        typed = self.left()
        self._ghost = self._line[len(typed) :] if self._line.startswith(typed) else ""

    def accept(self, whole: bool) -> None:
        assert whole
        self.accepted += 1
        self._text += self._ghost
        self._ghost = ""

    def sights(self) -> list[Sight]:
        return [Sight(0.01, self._ghost)]

    def left(self) -> str:
        return self._text.rpartition("\n")[2]

    def close(self) -> None:
        pass


REGION = Region("r", "a.py", "python", "import this\n", "xray = 1\nb = 2", "\n")


def type_into(screen: ScriptedScreen, desk: ScreenDesk) -> Session:
    return run(type_region(desk, REGION, random.Random(1)))


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(at: Any) -> None:
        pass

    monkeypatch.setattr(editors, "_wait_until", wait)
    monkeypatch.setattr(editors, "_LAG_S", 0.0)


def test_the_person_accepts_what_is_right(no_waiting: None) -> None:
    screen = ScriptedScreen(REGION)
    desk = ScreenDesk(screen)
    session = type_into(screen, desk)
    assert screen.accepted == 1
    assert [k.key for k in desk.keys][:3] == ["x", "ray = 1", "\n"]
    assert session.region_n == 1
    assert screen.left() == "b = 2"


def test_an_editor_that_changes_what_is_typed(no_waiting: None) -> None:
    screen = ScriptedScreen(REGION, broken=True)
    with pytest.raises(Astray, match="'' in place of 'x'"):
        type_into(screen, ScreenDesk(screen))
