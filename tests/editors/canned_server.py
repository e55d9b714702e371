"""A language server whose answers about edits stand in a file, for tests of the editors' side.

    python -m tests.editors.canned_server ANSWERS.json

No model and no feature is behind it: what an editor makes of a verdict, a plan or a refusal is
tested with verdicts, plans and refusals of every kind. The file is read anew at each request:

    {"slmcode/edit": {"result": {"edit": …, "verdict": "verified", …},
                      "error": "",             answered as RequestFailed where it is not ""
                      "steps": ["step 1"],     work-done reports before the answer
                      "parts": [{…}],          partial results before the answer
                      "hold": false,           no answer as long as it is true
                      "cancelled": null}}      the answer to who cancels it; null: an error

In results "$uri" and "$version" stand for the last document that was changed or opened. A method
that is not in the file is answered with null.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

import slmcode

POLL_S = 0.02
REQUEST_FAILED, REQUEST_CANCELLED = -32803, -32800
CAPABILITIES = {
    "textDocumentSync": {"openClose": True, "change": 2},
    "inlineCompletionProvider": {},
    "codeActionProvider": {
        "codeActionKinds": ["refactor.rewrite", "quickfix", "refactor.extract", "refactor.inline"],
        "resolveProvider": True,
    },
    "renameProvider": {"prepareProvider": True},
    "experimental": {
        "slmcode": {
            "edit": True,
            "explain": True,
            "debug": True,
            "modules": True,
            "translate": [],
        }
    },
}


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one method is answered; see the module's docstring."""

    result: Any = None
    error: str = ""
    steps: list[str] = []
    parts: list[Any] = []
    hold: bool = False
    cancelled: Any = None


def write(path: Path, answers: Mapping[str, Mapping[str, Any]]) -> None:
    """Put answers in place, in one step."""
    msgspec.convert(answers, dict[str, Answer])  # a mistake is the test's, not the server's
    new = path.with_suffix(".new")
    new.write_text(json.dumps(answers), encoding="utf-8")
    os.replace(new, path)


class Server:
    """One client on stdio."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._document: tuple[str, int] = ("", 0)
        self._running: dict[Any, asyncio.Task[None]] = {}
        self._is_shut_down = False

    async def run(self) -> int:
        """Serve until the client says `exit`; the exit code."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while head := await reader.readline():
            length = int(head.split(b":")[1])
            while (await reader.readline()).strip():
                pass
            message = json.loads(await reader.readexactly(length))
            if message.get("method") == "exit":
                return 0
            self._received(message)
        return 0 if self._is_shut_down else 1  # Neovim 0.11 closes the pipe without `exit`

    def _received(self, message: dict[str, Any]) -> None:
        method: str | None = message.get("method")
        params: Any = message.get("params")
        if method == "initialize":
            info = {"name": "slmcode", "version": slmcode.__version__}
            self._answer(message["id"], {"capabilities": CAPABILITIES, "serverInfo": info})
        elif method == "initialized":
            status = {"state": "ready", "message": "", "model": "fast", "downloadBytes": 0}
            self._notify("slmcode/status", status)
        elif method in ("textDocument/didOpen", "textDocument/didChange"):
            document = params["textDocument"]
            self._document = (document["uri"], document["version"])
        elif method == "$/cancelRequest":
            if (task := self._running.get(params["id"])) is not None:
                task.cancel()
        elif method is not None and "id" in message:
            self._is_shut_down = self._is_shut_down or method == "shutdown"
            msg_id = message["id"]
            task = asyncio.ensure_future(self._work(msg_id, method, params or {}))
            self._running[msg_id] = task
            task.add_done_callback(lambda done: self._over(msg_id, method, done))

    async def _work(self, msg_id: Any, method: str, params: dict[str, Any]) -> None:
        answer = self._read(method)
        work, partial = params.get("workDoneToken"), params.get("partialResultToken")
        if work is not None:
            self._progress(work, {"kind": "begin", "title": method})
            for step in answer.steps:
                self._progress(work, {"kind": "report", "message": step})
        if partial is not None:
            for part in answer.parts:
                self._progress(partial, self._filled(part))
        while answer.hold:
            await asyncio.sleep(POLL_S)
            answer = self._read(method)
        if work is not None:
            self._progress(work, {"kind": "end"})
        if answer.error:
            self._answer_error(msg_id, REQUEST_FAILED, answer.error)
        else:
            self._answer(msg_id, self._filled(self._resolved(method, params, answer.result)))

    def _over(self, msg_id: Any, method: str, task: asyncio.Task[None]) -> None:
        """Answer a request that was cancelled, if before it began."""
        del self._running[msg_id]
        if not task.cancelled():
            task.result()  # a mistake is to be seen
        elif (answer := self._read(method)).cancelled is not None:
            self._answer(msg_id, self._filled(answer.cancelled))
        else:
            self._answer_error(msg_id, REQUEST_CANCELLED, "cancelled")

    @staticmethod
    def _resolved(method: str, params: dict[str, Any], result: Any) -> Any:
        """A code action is answered with what was sent, and more."""
        return params | result if method == "codeAction/resolve" and result else result

    def _read(self, method: str) -> Answer:
        answers = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Answer])
        return answers.get(method, Answer())

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._filled(key): self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        uri, version = self._document
        return {"$uri": uri, "$version": version}.get(value, value) if value is not None else None

    def _progress(self, token: Any, value: Any) -> None:
        self._notify("$/progress", {"token": token, "value": value})

    def _notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _answer(self, msg_id: Any, result: Any) -> None:
        self._send({"id": msg_id, "result": result})

    def _answer_error(self, msg_id: Any, code: int, message: str) -> None:
        self._send({"id": msg_id, "error": {"code": code, "message": message}})

    @staticmethod
    def _send(message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(asyncio.run(Server(Path(sys.argv[1])).run()))
