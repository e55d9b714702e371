"""One document typed into through a real language server, as an editor does it.

    desk = Desk(client, uri, "python", before, after)
    desk.open()                         didOpen, slmcode/cursorMoved
    desk.press("x")                     didChange, the older request cancelled, inlineCompletion
    shown = await desk.rest(0.14)       what came within 0.14 s of the key, or None
    desk.accept(shown, "yz")            the edit and its message; the next press asks again

A server that had less to show by the deadline than a moment later says so (`slmcode/refresh`); the
desk then asks again, as an editor does, and what is shown changes. The first answer to a key is the
one its time is taken of. The document is in memory only; no file is read or written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from slmcode.lsp.client import Client, Request
from slmcode.lsp.messages import LAST_COMPLETION, REFRESH
from slmcode.text import line_starts


class Shown(NamedTuple):
    """What stands behind the cursor in grey (maybe nothing); `after_s`: key to first answer."""

    text: str
    after_s: float
    item: Mapping[str, Any] | None


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units, as LSP counts columns."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class Desk:
    """Event loop only. The client must be initialized with UTF-16 positions."""

    def __init__(self, client: Client, uri: str, language_id: str, before: str, after: str) -> None:
        self._client = client
        self._uri = uri
        self._language_id = language_id
        self._text = before + after
        starts = line_starts(before)
        self._line = len(starts) - 1
        self._line_text = before[starts[-1] :]  # from the start of the line to the cursor
        self._request: Request | None = None
        self._pressed_at = 0.0
        self._answered_at: float | None = None  # first answer to the last key
        self._items: list[Mapping[str, Any]] = []  # of the newest answer to it

    @property
    def line_text(self) -> str:
        """The cursor's line, up to the cursor."""
        return self._line_text

    @property
    def line_number(self) -> int:
        """The cursor's line, counted from 1."""
        return self._line + 1

    @property
    def asked_at(self) -> float:
        """When the last request was sent, `time.monotonic()`."""
        return self._pressed_at

    def open(self) -> None:
        """Open the document and announce the cursor's place."""
        self._client.open(self._uri, self._language_id, self._text)
        self._client.cursor_moved(self._uri, *self._position())

    def press(self, text: str) -> None:
        """Put `text` at the cursor and ask for a completion; the older request is cancelled."""
        self._insert(text)
        self.ask()

    def ask(self, *, invoked: bool = False) -> None:
        """Ask for a completion at the cursor; the older request is cancelled."""
        self._pressed_at = time.monotonic()
        self._answered_at = None
        if self._request is not None and not self._request.done():
            self._client.cancel(self._request)
        self._client.listeners[REFRESH] = self._refreshed
        self._send(invoked=invoked)

    def accept(self, shown: Shown, text: str) -> None:
        """Take `text`, all of what is shown or its beginning, and ask for what follows."""
        self._insert(text)
        if shown.item is not None:
            if text == shown.text and shown.item.get("command"):
                command = shown.item["command"]
                self._client.request(
                    "workspace/executeCommand",
                    {"command": command["command"], "arguments": command.get("arguments", [])},
                )
            else:
                before = utf16_length(shown.item["insertText"]) - utf16_length(shown.text)
                length = before + utf16_length(text)
                self._client.notify(
                    "textDocument/didPartiallyAcceptCompletion",
                    {"item": shown.item, "acceptedLength": length},
                )
        self.ask()

    async def rest(self, seconds: float) -> Shown | None:
        """Wait until that long after the last key; the answer, if it came by then."""
        await asyncio.sleep(max(self._pressed_at + seconds - time.monotonic(), 0.0))
        return self._shown()

    async def answer(self, timeout: float) -> Shown | None:
        """Wait for the answer, at most `timeout` seconds."""
        if self._request is not None:
            await asyncio.wait([self._request], timeout=timeout)
        return self._shown()

    async def details(self) -> Mapping[str, Any]:
        """What the server says of its last answer for this document; empty without one."""
        found = await self._client.request(LAST_COMPLETION, {"textDocument": {"uri": self._uri}})
        return found or {}

    def close(self) -> None:
        """Close the document."""
        if self._request is not None and not self._request.done():
            self._client.cancel(self._request)
        self._client.close(self._uri)

    def _send(self, *, invoked: bool) -> None:
        request = self._client.inline_completion(self._uri, *self._position(), invoked=invoked)
        request.add_done_callback(self._answered)
        self._request = request

    def _refreshed(self, params: Mapping[str, Any]) -> None:
        """There is more to show somewhere: ask again if that is here."""
        line, character = self._position()
        here = {"line": line, "character": character}
        if params["textDocument"]["uri"] == self._uri and params["position"] == here:
            self._send(invoked=False)

    def _shown(self) -> Shown | None:
        if self._answered_at is None:
            return None
        after_s = self._answered_at - self._pressed_at
        if not self._items:
            return Shown("", after_s, None)
        return Shown(self._ghost(self._items[0]), after_s, self._items[0])

    def _ghost(self, item: Mapping[str, Any]) -> str:
        """What an editor draws behind the cursor: the item without what already stands there."""
        start = item["range"]["start"]["character"]
        line = self._line_text.encode("utf-16-le", "surrogatepass")
        standing = line[2 * start :].decode("utf-16-le", "surrogatepass")
        text: str = item["insertText"]
        return text[len(standing) :] if text.startswith(standing) else ""

    def _answered(self, request: asyncio.Future[Any]) -> None:
        if request is not self._request:
            request.exception()  # an older request: its answer is of no use to anybody
            return
        if self._answered_at is None:
            self._answered_at = time.monotonic()
        failed = request.exception() is not None
        self._items = [] if failed else (request.result() or {}).get("items") or []
        if self._items:
            self._client.notify("textDocument/didShowCompletion", {"item": self._items[0]})

    def _insert(self, text: str) -> None:
        position = self._position()
        self._client.replace(self._uri, position, position, text)
        starts = line_starts(text)
        if len(starts) > 1:
            self._line += len(starts) - 1
            self._line_text = text[starts[-1] :]
        else:
            self._line_text += text

    def _position(self) -> tuple[int, int]:
        return self._line, utf16_length(self._line_text)
