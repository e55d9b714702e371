"""The server's side of the worker: started on first use, one request at a time, ended on time-out.

Event loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import msgspec

from slmcode.refactor.messages import LENGTH, Reply, Request

LIMIT_S = 30.0  # for a refactoring of a whole workspace
_COMMAND = (sys.executable, "-P", "-m", "slmcode.refactor.worker")
_DECODER = msgspec.msgpack.Decoder(Reply)


class Refactorer:
    """One worker process. Close it."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._closed = False

    async def ask(self, request: Request) -> Reply:
        """What a request comes to; what fails is refused in the reply.

        Cancelling the task ends the worker, as it may be at work for long.
        """
        async with self._lock:
            if self._closed:
                return Reply(refused="the server is ending")
            try:
                async with asyncio.timeout(self._limit_s):
                    if self._process is None:
                        return await self._ask(request)
                    try:
                        return await self._ask(request)
                    except (OSError, EOFError):  # it was ended while nobody looked
                        await self._end()
                        return await self._ask(request)
            except TimeoutError:
                await self._end()
                return Reply(refused=f"it took longer than {self._limit_s:.0f} s")
            except (OSError, EOFError, msgspec.MsgspecError):
                await self._end()
                return Reply(refused="the process for refactorings ended in the midst of it")
            except asyncio.CancelledError:
                await self._end()
                raise

    async def close(self) -> None:
        """End the worker, whatever it is at."""
        self._closed = True
        await self._end()

    async def _ask(self, request: Request) -> Reply:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        data = msgspec.msgpack.encode(request)
        process.stdin.write(LENGTH.pack(len(data)) + data)
        await process.stdin.drain()
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return _DECODER.decode(await process.stdout.readexactly(length))

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
