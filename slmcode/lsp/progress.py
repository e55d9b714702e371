"""What the editor is told while something takes long (`$/progress`).

`Work` is for a request that brought its tokens. The first index of a folder belongs to no request:
one token a folder and run, and the editor is asked for leave to use it; until it has answered, and
if it never does, nothing is sent.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lsprotocol import types

from slmcode.lsp import messages
from slmcode.lsp.protocol import Protocol, RequestError

if TYPE_CHECKING:
    from slmcode.index.index import Progress


class Work:
    """Progress and partial results of one request; silent where the client gave no token.

    Its `with` block is the whole work: the client's Cancel button ends the task that runs it.
    """

    _running: ClassVar[dict[int | str, asyncio.Task[Any]]] = {}  # by token

    def __init__(self, protocol: Protocol, params: messages.Work, title: str) -> None:
        self._protocol = protocol
        self._token = params.work_done_token
        self._partial = params.partial_result_token
        self._title = title

    def __enter__(self) -> Work:
        task = asyncio.current_task()
        if self._token is not None and task is not None:
            self._running[self._token] = task
        self._send(self._token, types.WorkDoneProgressBegin(title=self._title, cancellable=True))
        return self

    def __exit__(self, *_: object) -> None:
        task = asyncio.current_task()
        if self._token is not None and self._running.get(self._token) is task:
            del self._running[self._token]  # a client may have given it to a newer request too
        self._send(self._token, types.WorkDoneProgressEnd())

    @classmethod
    def cancel(cls, token: int | str) -> None:
        """The user does not want it any more; the request is answered with null."""
        if token in cls._running:
            cls._running[token].cancel()

    def report(self, message: str, percentage: int | None = None) -> None:
        """How far it is, for people; the percentage may only grow."""
        report = types.WorkDoneProgressReport(message=message, percentage=percentage)
        self._send(self._token, report)

    def part(self, value: Any) -> None:
        """A part of the result, in the shape the request documents."""
        self._send(self._partial, value)

    def _send(self, token: int | str | None, value: Any) -> None:
        if token is not None:
            self._protocol.notify(types.PROGRESS, types.ProgressParams(token=token, value=value))


class IndexProgress:
    """What the editor was told of each folder. Event loop only."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._count = 0
        self._tokens: dict[Path, str] = {}
        self._begun: set[str] = set()
        self._last: dict[Path, Progress] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def report(self, folder: Path, progress: Progress) -> None:
        """Something of a folder's index was done."""
        self._last[folder] = progress
        token = self._tokens.get(folder)
        if token is None and progress.running:
            self._count += 1
            self._tokens[folder] = f"slmcode/index/{self._count}"
            task = asyncio.ensure_future(self._begin(folder, self._tokens[folder]))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        elif token in self._begun:
            self._send(token, _now(progress))
            if not progress.running:
                self._end(folder, token)

    async def _begin(self, folder: Path, token: str) -> None:
        params = types.WorkDoneProgressCreateParams(token)
        try:
            await self._protocol.send_request_async(types.WINDOW_WORK_DONE_PROGRESS_CREATE, params)
        except RequestError:
            return  # the editor does not want it
        self._begun.add(token)
        title = f"slmcode: indexing {folder.name}"
        self._send(token, types.WorkDoneProgressBegin(title=title, percentage=0))
        progress = self._last[folder]
        if not progress.running:  # complete before the editor answered
            self._send(token, _now(progress))
            self._end(folder, token)

    def _end(self, folder: Path, token: str) -> None:
        self._begun.discard(token)
        del self._tokens[folder]

    def _send(self, token: str, value: Any) -> None:
        self._protocol.notify(types.PROGRESS, types.ProgressParams(token=token, value=value))


def _now(progress: Progress) -> types.WorkDoneProgressReport | types.WorkDoneProgressEnd:
    """A report, or the end."""
    if not progress.running:
        return types.WorkDoneProgressEnd(message=f"{progress.done:,} files")
    return types.WorkDoneProgressReport(
        message=f"{progress.done:,} of {progress.total:,} files",
        percentage=100 * progress.done // max(1, progress.total),
    )
