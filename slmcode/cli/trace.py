"""`slmcode trace SESSION`: a recorded session again, against a real server, with its times.

The server is a new process, as an editor starts it. What the client sent is sent again at the same
distances, from the moment the model is ready; only a document is not closed before its requests are
answered, however slow this machine is. Request numbers are our own, so a recorded
cancellation is aimed at the request that stands for the recorded one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from slmcode.lsp.client import Client, Request
    from slmcode.lsp.record import Message

_INLINE_COMPLETION = "textDocument/inlineCompletion"
_STATUS = "slmcode/status"
_SETTLED = ("ready", "downloadNeeded", "degraded")
_START_S = 120.0  # longest wait for the engine
_REST_S = 30.0  # longest wait for answers when everything was sent


@dataclass(eq=False)
class Row:
    """One replayed completion request. Times are `time.monotonic()` seconds."""

    number: int
    at_s: float  # in the recording
    uri: str
    version: int | None
    line: int
    character: int
    sent: float
    answered: float = 0.0
    text: str = ""
    error: str = ""  # of an error answer, such as that of a cancelled request
    account: dict[str, Any] | None = None  # what slmcode/lastCompletion said of it

    @property
    def ms(self) -> float:
        """From the request to its answer, as the client sees it."""
        return (self.answered - self.sent) * 1e3

    @property
    def outcome(self) -> str:
        """The offered text, or in a word why there was none."""
        if self.text:
            first, *more = self.text.split("\n")
            return repr(first)[1:-1] + (f" … {len(more)} more lines" if more else "")
        if self.error:
            return f"({self.error})"
        reason = self.account.get("reason") if self.account else "superseded"
        return f"({reason or 'nothing offered'})"


def trace(
    session: Annotated[
        Path,
        typer.Argument(metavar="SESSION", help="A file written by `slmcode serve --record FILE`."),
    ],
    slowest: Annotated[
        int, typer.Option(min=0, help="Show the span trees of that many requests.")
    ] = 3,
    chrome: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write all spans for chrome://tracing or ui.perfetto.dev."
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.01, max=100.0, help="Replay that many times as fast.")
    ] = 1.0,
) -> None:
    """Replay a recorded session and show where its slowest requests spent their time.

    Starts a server of its own with your settings; its counters do not go into `slmcode stats`.
    """
    from rich.console import Console

    from slmcode.lsp import record
    from slmcode.lsp.client import ResponseError, ServerGoneError

    try:
        messages = [m for m in record.read(session) if m.dir == "c2s"]
    except OSError as e:
        _fail(f"{session}: {e.strerror or e}")
    except ValueError as e:  # not a line of a record, or not UTF-8
        _fail(str(e) if str(session) in str(e) else f"{session} is not a recorded session")
    if not messages or messages[0].msg.get("method") != "initialize":
        _fail(f"{session} is not a recorded session: it does not begin with initialize")
    seconds = (messages[-1].t - messages[0].t) / speed
    typer.echo(f"replaying {len(messages)} messages, {seconds:.0f} s of typing", err=True)
    try:
        rows = asyncio.run(replay(messages, speed))
    except (ServerGoneError, ResponseError, TimeoutError) as e:
        _fail(f"the server failed: {e or 'no answer'}; run: slmcode doctor")
    except NotReady as e:
        _fail(str(e))
    if chrome is not None:
        _write_chrome(chrome, rows)
    _show(Console(highlight=False), rows, slowest)


class NotReady(Exception):
    """The server has no model it can use; the message says why."""


def _fail(message: str) -> Any:
    typer.echo(f"slmcode: {message}", err=True)
    raise typer.Exit(1)


async def replay(messages: Sequence[Message], speed: float = 1.0) -> list[Row]:
    """Send the client's messages of a record to a new server; one row per completion request.

    `messages` begins with `initialize`. Raises NotReady, ServerGoneError, ResponseError or
    TimeoutError.
    """
    from slmcode.lsp.client import Client

    with tempfile.TemporaryDirectory() as state:
        env = dict(os.environ, SLMCODE_STATE=state)
        client = await Client.start([sys.executable, "-P", "-m", "slmcode.cli", "serve"], env=env)
        try:
            player = _Player(client, messages[0].t, speed)
            await player.initialize(messages)
            for message in messages[1:]:
                if message.msg.get("method") in ("shutdown", "exit"):
                    break
                await player.play(message)
            return await player.finish()
        finally:
            await client.stop()


class _Player:
    """Sends recorded messages and keeps what comes back. Event loop only."""

    def __init__(self, client: Client, began: float, speed: float) -> None:
        self._client = client
        self._began = began
        self._speed = speed
        self._rows: list[Row] = []
        self._requests: dict[Any, Request] = {}  # by their recorded number
        self._newest: dict[str, Row] = {}  # by document
        self._versions: dict[str, int | None] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def initialize(self, messages: Sequence[Message]) -> None:
        """Shake hands and wait for the model; the clock starts here."""
        params = dict(messages[0].msg.get("params") or {})
        params["processId"] = os.getpid()  # the recorded editor is gone
        for message in messages:  # what the editor said when it was asked for its settings
            result = message.msg.get("result")
            if "method" not in message.msg and isinstance(result, list) and len(result) == 1:
                self._client.settings["slmcode"] = result[0]
        await self._client.request("initialize", params)
        self._client.notify("initialized", {})
        status = await self._client.wait_for(_STATUS, lambda s: s["state"] in _SETTLED, _START_S)
        if status["state"] != "ready":
            raise NotReady(status["message"] or "the model cannot be used; run: slmcode doctor")
        rest = [m.t for m in messages if m.msg.get("method") not in ("initialize", "initialized")]
        self._began = min(rest, default=self._began)
        self._started = time.monotonic()

    async def play(self, message: Message) -> None:
        """Send one message at its time."""
        method = message.msg.get("method")
        params: Any = message.msg.get("params")
        if method is None or method in ("initialize", "initialized"):
            return  # an answer of the recorded client: ours gives its own
        due = self._started + (message.t - self._began) / self._speed
        await asyncio.sleep(max(due - time.monotonic(), 0.0))
        uri = _uri_of(params)
        if method in ("textDocument/didOpen", "textDocument/didChange"):
            self._versions[uri] = params["textDocument"].get("version") if uri else None
        if method == _INLINE_COMPLETION:
            self._ask_again(uri)
        elif method == "textDocument/didClose":
            waited_from = time.monotonic()
            await self._settle()
            self._started += time.monotonic() - waited_from
        if method == "$/cancelRequest":
            request = self._requests.get(params.get("id"))
            if request is not None and not request.done():
                self._client.cancel(request)
        elif "id" not in message.msg:
            self._client.notify(method, params)
        else:
            request = self._requests[message.msg["id"]] = self._client.request(method, params)
            if method == _INLINE_COMPLETION and "position" in (params or {}):
                self._add_row(message, uri, request)
            else:
                request.add_done_callback(lambda r: r.exception())  # retrieved; of no interest

    async def finish(self) -> list[Row]:
        """Wait for what is still to come; all rows."""
        await self._settle()
        return [row for row in self._rows if row.answered]

    async def _settle(self) -> None:
        """Wait for every answer and what is to be known of it."""
        if waiting := [r for r in self._requests.values() if not r.done()]:
            await asyncio.wait(waiting, timeout=_REST_S)
        for uri in self._newest:
            self._ask_again(uri)
        if self._asking:
            await asyncio.wait(self._asking, timeout=_REST_S)

    def _add_row(self, message: Message, uri: str, request: Request) -> None:
        place = message.msg["params"]["position"]
        row = Row(
            number=len(self._rows) + 1,
            at_s=message.t - self._began,
            uri=uri,
            version=self._versions.get(uri),
            line=place["line"],
            character=place["character"],
            sent=time.monotonic(),
        )
        self._rows.append(row)
        self._newest[uri] = row

        def answered(request: asyncio.Future[Any]) -> None:
            row.answered = time.monotonic()
            if (error := request.exception()) is not None:
                row.error = str(error)
                return
            items = (request.result() or {}).get("items") or []
            row.text = items[0]["insertText"] if items else ""
            self._ask(row)

        request.add_done_callback(answered)

    def _ask_again(self, uri: str) -> None:
        """The engine's figures come when a generation ends: after its answer, by the next one."""
        row = self._newest.get(uri)
        if row is not None and row.account is not None and "stop" not in row.account["trace"]:
            self._ask(row)

    def _ask(self, row: Row) -> None:
        from slmcode.lsp.client import ResponseError, ServerGoneError

        async def ask(asked: Request) -> None:
            with contextlib.suppress(ResponseError, ServerGoneError):
                account = await asked
                # Meanwhile a newer request may have come in; then the account is that one's.
                if account and account["trace"].get("version", row.version) == row.version:
                    row.account = account

        params = {"textDocument": {"uri": row.uri}}
        task = asyncio.ensure_future(ask(self._client.request("slmcode/lastCompletion", params)))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)


def _uri_of(params: Any) -> str:
    document = params.get("textDocument") if isinstance(params, dict) else None
    return str(document.get("uri")) if isinstance(document, dict) else ""


def _write_chrome(path: Path, rows: Sequence[Row]) -> None:
    from slmcode.trace import Span, chrome_events

    roots = []
    for row in rows:
        if row.account is not None:
            roots.append(Span.from_json(row.account["trace"], row.sent - rows[0].sent))
            roots[-1].set(request=row.number)
    try:
        path.write_text(json.dumps({"traceEvents": chrome_events(roots)}), encoding="utf-8")
    except OSError as e:
        _fail(f"{path}: {e.strerror or e}")


def _show(console: Console, rows: Sequence[Row], slowest: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from slmcode.trace import Span, tree_lines

    answered = [row for row in rows if not row.error]
    if not answered:
        console.print("No completion request of this session was answered.")
        return
    accounts = [row.account for row in rows if row.account is not None]
    timings = [a["timings"] for a in accounts if a["timings"]["prompt_n"]]
    reused = sum(t["cache_n"] for t in timings)
    read = reused + sum(t["prompt_n"] for t in timings)
    table = Table.grid(padding=(0, 2))
    with_text = sum(bool(row.text) for row in answered)
    table.add_row(
        "requests",
        f"{len(rows)}: {with_text} with text, {len(answered) - with_text} without,"
        f" {len(rows) - len(answered)} cancelled",
    )
    table.add_row("latency", _quantiles([row.ms for row in answered]))
    table.add_row("the server's own share", _quantiles([a["server_ms"] for a in accounts]))
    if read:
        table.add_row("prompt tokens reused", f"{reused} of {read}, {100 * reused / read:.1f} %")
    console.print(table)
    known = [row for row in answered if row.account is not None]  # not superseded by the next key
    for row in sorted(known, key=lambda row: -row.ms)[:slowest]:
        title = (
            f"\n#{row.number} after {row.at_s:.1f} s, line {row.line + 1} column"
            f" {row.character + 1}: {row.ms:.0f} ms  {row.outcome}"
        )
        console.print(Text(title, style="bold"), soft_wrap=True)
        assert row.account is not None
        for line in tree_lines(Span.from_json(row.account["trace"])):
            console.print(Text(line, style="dim"), soft_wrap=True)


def _quantiles(values_ms: list[float]) -> str:
    if not values_ms:
        return "unknown"
    ranked = sorted(values_ms)
    p50, p95 = (ranked[min(int(q * len(ranked)), len(ranked) - 1)] for q in (0.5, 0.95))
    return f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, longest {ranked[-1]:.1f} ms"
