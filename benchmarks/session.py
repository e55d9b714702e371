"""The replay's desk over a real server: one open document of a workspace.

Answers carry what the server says of them (`slmcode/lastCompletion`). A server may tell that text
is there now (`slmcode/refresh`), and the client asks again: then the first answer is the one that
counts for the time, and it was not served from memory, whatever is said of the second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from benchmarks.places import QUIET, Place
from benchmarks.replay import UNDECIDED, Answer, Region
from slmcode.cli.desk import Desk, Shown, utf16_length
from slmcode.cli.typist import ANNOUNCED_S
from slmcode.lsp.client import Client
from slmcode.lsp.messages import REFRESH
from slmcode.lsp.record import Message

_QUIET_TRIES = 3
_ANSWER_S = 5.0  # a key that has no answer by then has none
_QUIET_S = 1.5  # a place whose answers are empty so long after its key is quiet
_LAST_CHARACTER_S = 0.2  # between taking a character back and typing it again


class LspDesk:
    """One document. Make it, `open` it, type and visit places, `close` it."""

    def __init__(self, client: Client, workspace: Path, region: Region) -> None:
        self.region = region
        self._client = client
        self._uri = (workspace / region.path).as_uri()
        self._desk = self._at(region.before, region.after)
        self._shown: Shown | None = None
        self._seen = 0  # messages, when the key was pressed

    def _at(self, before: str, after: str) -> Desk:
        return Desk(self._client, self._uri, self.region.language, before, after)

    async def open(self, region: Region) -> None:
        assert region is self.region
        self._desk.open()
        await asyncio.sleep(ANNOUNCED_S)

    async def press(self, text: str, *, accepted: bool) -> None:
        self._seen = len(self._client.messages)
        if accepted and self._shown is not None:
            self._desk.accept(self._shown, text)
        else:
            self._desk.press(text)

    async def rest(self, seconds: float) -> Answer | None:
        self._shown = await self._desk.rest(seconds)
        return await self._answer(self._desk, self._shown)

    async def cold(self) -> Answer | None:
        """Open the file and press the region's first key at once. The document stays open."""
        region = self.region
        self._client.open(self._uri, region.language, region.before + region.after)
        self._seen = len(self._client.messages)
        self._desk.press(region.typed[0])
        return await self._first(self._desk)

    async def visit(self, place: Place, rest_s: float) -> Answer | None:
        """Go to a place of the whole file, rest there, do what is done there and undo it.

        Quiet places are watched until there is a verdict, others until there is an answer.
        """
        text = self.region.text
        start, end = place.cut
        desk = self._at(text[:start], text[end:])
        self._client.cursor_moved(self._uri, *_position(text[: place.offset]))
        await asyncio.sleep(rest_s)
        at = _position(text[:start])
        if end > start:
            self._client.replace(self._uri, at, _position(text[:end]), "")
        self._seen = len(self._client.messages)
        if not place.key:
            desk.ask()
        else:
            if end > start:
                await asyncio.sleep(_LAST_CHARACTER_S)
            desk.press(place.key)
        if place.kind in QUIET:
            answer = await self._settled(desk)
        else:
            answer = await self._first(desk)
        after = _position(text[:start] + place.key)
        self._client.replace(self._uri, at, after, text[start:end])
        return answer

    def close(self) -> None:
        """Close the document."""
        self._desk.close()

    async def _first(self, desk: Desk) -> Answer | None:
        """The first answer; of an empty one also what text may follow it."""
        shown = await desk.answer(_ANSWER_S)
        if shown is not None and not shown.text:
            shown = await desk.rest(_QUIET_S)
        return await self._answer(desk, shown)

    async def _settled(self, desk: Desk) -> Answer | None:
        """The answer when there is more to it than "nothing yet", or after several seconds.

        Of one that was empty first and is empty for good, the reason is heard by asking again.
        """
        answer = None
        for _ in range(_QUIET_TRIES):
            shown = await desk.rest(_QUIET_S) or await desk.answer(_ANSWER_S)
            answer = await self._answer(desk, shown)
            if answer is None or answer.text or answer.reason != UNDECIDED:
                break
            desk.ask()
        return answer

    async def _answer(self, desk: Desk, shown: Shown | None) -> Answer | None:
        if shown is None:
            return None
        details = await desk.details()
        since = self._client.messages[self._seen :]
        refreshed = any(m.dir == "s2c" and m.msg.get("method") == REFRESH for m in since)
        reason = details.get("reason")
        if reason is None and refreshed:  # that of a second request; the first had nothing yet
            reason = UNDECIDED
        own_ms = details.get("server_ms", -1.0)  # negative while that one is on its way
        told = {"server_ms": own_ms} if own_ms >= 0 else {}
        return Answer(
            shown.text,
            shown.after_s,
            dict(details.get("timings") or {}) | told,
            reason=None if shown.text else reason,
            from_memory=bool(details.get("from_memory")) and not refreshed,
            text_after_s=text_after(since) if shown.text else None,
        )


def text_after(messages: Sequence[Message]) -> float | None:
    """Seconds from the first request for ghost text to the first answer that has some."""
    asked = next((m.t for m in messages if _asks(m)), None)
    came = first_text(messages)
    return None if asked is None or came is None else came - asked


def first_text(messages: Sequence[Message]) -> float | None:
    """When the first answer came that has text, on the clock of the messages."""
    asked = {m.msg["id"] for m in messages if _asks(m)}
    for m in messages:
        answers = m.dir == "s2c" and "method" not in m.msg and m.msg.get("id") in asked
        if answers and (m.msg.get("result") or {}).get("items"):
            return m.t
    return None


def _asks(message: Message) -> bool:
    return message.dir == "c2s" and message.msg.get("method") == "textDocument/inlineCompletion"


def _position(before: str) -> tuple[int, int]:
    """Line and UTF-16 column behind `before`."""
    line_start = before.rfind("\n") + 1
    return before.count("\n"), utf16_length(before[line_start:])
