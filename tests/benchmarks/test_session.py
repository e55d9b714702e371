"""The replay's desk: what it does to a document, and what it reads out of the messages."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import session
from benchmarks.places import jumps, newline_at, quiet_places
from benchmarks.replay import Region, Span
from benchmarks.session import LspDesk, text_after
from slmcode.cli.desk import Desk
from slmcode.lsp.client import Client
from slmcode.lsp.record import Message

ROOT = Path(__file__).resolve().parents[2]
LINES = [f"    naïve_{i} = '😀'" for i in range(40)]  # short: the script tells texts under 1,000
REGION = Region(
    "a/b",
    "x.py",
    "python",
    "\n".join(LINES[:30]) + "\n    ",
    "\n".join(LINES[30:33]).strip(),
    "\n" + "\n".join(LINES[33:]),
    (Span(4, 3, 0), Span(12, 4, 0)),
)


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """A client of the scripted server; the desk does not wait between its steps."""

    async def details(desk: Desk) -> dict[str, Any]:
        return {"reason": "blank", "from_memory": True, "timings": {"prompt_n": 3}}

    monkeypatch.setattr(Desk, "details", details)
    monkeypatch.setattr(session, "ANNOUNCED_S", 0.0)
    monkeypatch.setattr(session, "_LAST_CHARACTER_S", 0.0)
    monkeypatch.setattr(session, "_QUIET_S", 0.0)
    command = [sys.executable, "-m", "tests.lsp.scripted_server", "ready"]
    client = await Client.start(command, cwd=ROOT)
    try:
        await client.initialize()
        yield client
    finally:
        await client.kill()


async def calls(client: Client, n_changes: int) -> list[list[Any]]:
    """What the server's completer was asked, once it has seen that many changes."""

    def seen(status: Any) -> bool:
        return bool(status["message"]) and json.loads(status["message"])[1] != ""

    def found() -> list[list[Any]]:
        return [json.loads(s["message"])[1:] for s in client.received("slmcode/status") if seen(s)]

    await client.wait_for(
        "slmcode/status", lambda _: sum(c[0] == "change" for c in found()) >= n_changes
    )
    return found()


def n_changes(client: Client) -> int:
    sent = [m for m in client.messages if m.dir == "c2s"]
    return sum(m.msg.get("method") == "textDocument/didChange" for m in sent)


async def test_every_visit_asks_at_its_place_and_leaves_the_file_as_it_was(
    client: Client, tmp_path: Path
) -> None:
    region = REGION
    assert len(region.text) < 1000
    desk = LspDesk(client, tmp_path, region)
    await desk.open(region)
    await desk.press(region.typed, accepted=False)
    end = len(region.before + region.typed)
    places = [
        *jumps(region, random.Random(1), 2),
        newline_at("back", region.text, end),
        *quiet_places(region, random.Random(1), 2),
    ]
    assert [p.kind for p in places] == ["jump", "jump", "back", *["finished"] * 2, *["deleted"] * 2]
    for place in places:
        answer = await desk.visit(place, 0.0)
        assert answer is not None
        assert answer.text.startswith("😀 = 1")
        assert answer.timings == {"prompt_n": 3}
        told = await calls(client, n_changes(client))
        asked = [c for c in told if c[0] == "complete"][-1]
        moved = [c for c in told if c[0] == "cursor"][-1]
        assert moved[2] == place.offset
        assert asked[3] == place.cut[0] + len(place.key)
        changes = [c for c in told if c[0] == "change"]
        start, stop = place.cut
        during = region.text[:start] + place.key + region.text[stop:]
        assert during in [c[3] for c in changes[-2:]] or place.kind == "finished"
        assert changes[-1][3] == region.text, place


async def test_a_quiet_place_is_asked_again_until_there_is_a_verdict(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = ["deadline", "gated", "blank"]

    async def details(desk: Desk) -> dict[str, Any]:
        return {"reason": reasons.pop(0)}

    monkeypatch.setattr(Desk, "details", details)
    region = REGION._replace(language="empty")
    desk = LspDesk(client, tmp_path, region)
    await desk.open(region)
    await desk.press(region.typed, accepted=False)
    (place, *_) = quiet_places(region, random.Random(1), 1)
    answer = await desk.visit(place, 0.0)
    assert answer is not None
    assert (answer.text, answer.reason) == ("", "gated")
    assert reasons == ["blank"]


async def test_a_second_request_on_its_way_means_there_was_nothing_yet(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server tells of the newest request, which has no time yet and no reason."""

    async def details(desk: Desk) -> dict[str, Any]:
        return {"reason": None, "server_ms": -5.0, "from_memory": True}

    monkeypatch.setattr(Desk, "details", details)
    region = REGION._replace(language="empty")
    desk = LspDesk(client, tmp_path, region)
    await desk.open(region)
    await desk.press(region.typed, accepted=False)
    client.messages.append(Message(0.0, "s2c", {"method": "slmcode/refresh", "params": {}}))
    await desk._desk.answer(5.0)
    answer = await desk.rest(0.0)
    assert answer is not None
    assert (answer.reason, answer.from_memory, answer.timings) == ("deadline", False, {})


async def test_a_cold_key_is_pressed_without_an_announcement(
    client: Client, tmp_path: Path
) -> None:
    desk = LspDesk(client, tmp_path, REGION)
    answer = await desk.cold()
    assert answer is not None
    assert (answer.text, answer.from_memory) == ("😀 = 1\nnext", True)
    told = await calls(client, 1)
    assert [c[0] for c in told if c[0] in ("open", "cursor", "change", "complete")] == [
        "open",
        "change",
        "complete",
    ]


def asked(t: float, msg_id: int) -> Message:
    return Message(t, "c2s", {"id": msg_id, "method": "textDocument/inlineCompletion"})


def answered(t: float, msg_id: int, items: list[Any] | None) -> Message:
    return Message(t, "s2c", {"id": msg_id, "result": items and {"items": items}})


def test_text_may_come_with_the_second_answer() -> None:
    messages = [
        asked(1.0, 7),
        answered(1.05, 6, ["of an older request"]),
        answered(1.09, 7, None),
        Message(1.17, "s2c", {"method": "slmcode/refresh"}),
        asked(1.171, 8),
        answered(1.18, 8, ["text"]),
        answered(1.19, 8, ["later"]),
    ]
    assert text_after(messages) == pytest.approx(0.18)
    assert text_after(messages[:5]) is None
    assert text_after([]) is None
