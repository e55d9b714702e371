"""Work that ends early without an error: what was reached until then is the result."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The user had enough."""


async def unless(stopped: asyncio.Event | None, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. Raises Stopped as soon as `stopped` is set; the work has ended then."""
    if stopped is None:
        return await work
    if stopped.is_set():
        work.close()
        raise Stopped
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Stopped
    finally:
        waiting.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
