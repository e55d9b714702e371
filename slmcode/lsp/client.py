"""A small LSP client over a server process, independent of pygls.

Used by `slmcode demo`, `slmcode trace`, the benchmarks and the tests. Every message of both
directions is kept in `messages`, in the form of a record (`slmcode.lsp.record`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from slmcode.lsp.record import Message

_ANSWERED_WITH_NULL = ("window/workDoneProgress/create", "client/registerCapability")


class ResponseError(Exception):
    """The server answered a request with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class ServerGoneError(Exception):
    """The server closed its output: what was still waited for will not come."""


class Request(asyncio.Future[Any]):
    """A request on its way. Await it for the result.

    Raises ResponseError, or ServerGoneError when the server ended without an answer.
    """

    def __init__(self, msg_id: int) -> None:
        super().__init__()
        self.msg_id = msg_id


class Client:
    """One server process and the connection to it. Make it with `start`, end it with `stop`.

    `settings` answers `workspace/configuration`: one value per section name.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.messages: list[Message] = []
        self.settings: dict[str, Any] = {}
        self.capabilities: dict[str, Any] = {}  # the server's, after `initialize`
        self.listeners: dict[str, Callable[[Any], None]] = {}  # notifications: params
        self.process = process
        self._began = time.monotonic()
        self._requests: dict[int | str, Request] = {}
        self._next_id = 1
        self._versions: dict[str, int] = {}
        self._received = asyncio.Condition()
        self._gone = False
        self._reader = asyncio.ensure_future(self._read_all())

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stderr: IO[bytes] | int | None = None,
    ) -> Client:
        """Start a server. `env` replaces the environment; `stderr` as for `subprocess`."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=pipe, stdout=pipe, stderr=stderr, env=env, cwd=cwd
        )
        return cls(process)

    # Messages

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification; without params if they are None."""
        self.send(_message(method, params))

    def request(self, method: str, params: Any = None) -> Request:
        """Send a request."""
        request = Request(self._next_id)
        self._next_id += 1
        self._requests[request.msg_id] = request
        self.send(_message(method, params) | {"id": request.msg_id})
        return request

    def cancel(self, request: Request) -> None:
        """Ask the server to give up a request; it still answers."""
        self.notify("$/cancelRequest", {"id": request.msg_id})

    def send(self, message: dict[str, Any]) -> None:
        """Send any message object as it is."""
        self._keep("c2s", message)
        body = json.dumps(message).encode("ascii")
        self.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes that need not be a message, and are not kept."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def received(self, method: str) -> list[Any]:
        """Parameters of all notifications and requests of that name the server sent so far."""
        return [m.msg.get("params") for m in self.messages if _is_from_server(m, method)]

    async def wait_for(
        self, method: str, predicate: Callable[[Any], bool] | None = None, timeout: float = 10.0
    ) -> Any:
        """Parameters of the first message of that name, sent or still to come, that fits.

        Raises TimeoutError, or ServerGoneError if the server ends first.
        """
        seen = 0
        async with asyncio.timeout(timeout), self._received:
            while True:
                for m in self.messages[seen:]:
                    if _is_from_server(m, method):
                        params = m.msg.get("params")
                        if predicate is None or predicate(params):
                            return params
                seen = len(self.messages)
                if self._gone:
                    raise ServerGoneError(f"the server ended without {method}")
                await self._received.wait()

    # The life of a session

    async def initialize(
        self,
        *,
        encodings: Sequence[str] | None = ("utf-16",),
        options: Any = None,
        folders: Sequence[tuple[str, str]] = (),
        capabilities: Mapping[str, Any] | None = None,
    ) -> Any:
        """Shake hands; returns the InitializeResult. `folders` are (uri, name) pairs."""
        offered: dict[str, Any] = {
            "textDocument": {"inlineCompletion": {"dynamicRegistration": False}},
            "workspace": {"workspaceFolders": True, "configuration": True},
            **(capabilities or {}),
        }
        if encodings is not None:
            offered["general"] = {"positionEncodings": list(encodings)}
        params: dict[str, Any] = {
            "processId": None,
            "rootUri": folders[0][0] if folders else None,
            "capabilities": offered,
            "workspaceFolders": [{"uri": uri, "name": name} for uri, name in folders] or None,
        }
        if options is not None:
            params["initializationOptions"] = options
        result = await self.request("initialize", params)
        self.capabilities = result["capabilities"]
        self.notify("initialized", {})
        return result

    def open(self, uri: str, language_id: str, text: str) -> None:
        """Open a document as version 1."""
        self._versions[uri] = 1
        item = {"uri": uri, "languageId": language_id, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, changes: Sequence[Mapping[str, Any]]) -> None:
        """Change a document: `contentChanges` as LSP has them, under the next version."""
        version = self._versions[uri] = self._versions.get(uri, 0) + 1
        self.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": list(changes)},
        )

    def replace(self, uri: str, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        """Change one range, given by (line, character) pairs."""
        change = {"range": {"start": _position(*start), "end": _position(*end)}, "text": text}
        self.change(uri, [change])

    def close(self, uri: str) -> None:
        """Close a document."""
        self._versions.pop(uri, None)
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def inline_completion(
        self, uri: str, line: int, character: int, *, invoked: bool = False
    ) -> Request:
        """Ask for ghost text, as while typing, or `invoked` by a command."""
        return self.request(
            "textDocument/inlineCompletion",
            {
                "textDocument": {"uri": uri},
                "position": _position(line, character),
                "context": {"triggerKind": 1 if invoked else 2},
            },
        )

    def cursor_moved(self, uri: str, line: int, character: int) -> None:
        """Tell where the cursor rests."""
        place = {"textDocument": {"uri": uri}, "position": _position(line, character)}
        self.notify("slmcode/cursorMoved", place)

    async def stop(self, timeout: float = 10.0) -> int:
        """Shutdown and exit; the exit code of the process.

        Raises TimeoutError if it does not end; it is killed then.
        """
        try:
            async with asyncio.timeout(timeout):
                await self.request("shutdown")
                self.notify("exit")
                return await self.wait_end()
        finally:
            await self.kill()

    async def wait_end(self) -> int:
        """Wait until the process ends by itself; its exit code."""
        await self._reader
        return await self.process.wait()

    def close_stdin(self) -> None:
        """Close the connection to the server, as an editor that dies does."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def kill(self) -> None:
        """End the process if it still runs, and collect it."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self._reader
        await self.process.wait()

    async def _read_all(self) -> None:
        assert self.process.stdout is not None
        try:
            while True:
                header = await self.process.stdout.readuntil(b"\r\n\r\n")
                length = int(header.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await self._on_message(json.loads(await self.process.stdout.readexactly(length)))
        except asyncio.IncompleteReadError:
            pass
        finally:
            async with self._received:
                self._gone = True
                self._received.notify_all()
            for request in self._requests.values():
                if not request.done():
                    request.set_exception(ServerGoneError("the server ended without an answer"))
                    request.exception()  # retrieved: not everybody waits for every answer

    async def _on_message(self, message: dict[str, Any]) -> None:
        async with self._received:
            self._keep("s2c", message)
            self._received.notify_all()
        if "method" in message and "id" in message:
            self._answer(message)
        elif "method" in message:
            if listener := self.listeners.get(message["method"]):
                listener(message.get("params"))
        else:
            request = self._requests.pop(message.get("id") or 0, None)
            if request is None or request.done():
                return
            if "error" in message:
                error = message["error"]
                request.set_exception(ResponseError(error["code"], error["message"]))
            else:
                request.set_result(message["result"])

    def _answer(self, request: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        if request["method"] == "workspace/configuration":
            items = request["params"]["items"]
            answer["result"] = [self.settings.get(item.get("section")) for item in items]
        elif request["method"] in _ANSWERED_WITH_NULL:
            answer["result"] = None
        else:
            answer["error"] = {"code": -32601, "message": f"unknown request {request['method']}"}
        self.send(answer)

    def _keep(self, direction: str, message: dict[str, Any]) -> None:
        self.messages.append(Message(time.monotonic() - self._began, direction, message))


def _message(method: str, params: Any) -> dict[str, Any]:
    message = {"jsonrpc": "2.0", "method": method}
    return message if params is None else message | {"params": params}


def _position(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


def _is_from_server(message: Message, method: str) -> bool:
    return message.dir == "s2c" and message.msg.get("method") == method
