"""A job on a Dask cluster: a program a task, each worker with a local engine of its own.

A worker needs this package and a model, and none of our files: what a program may include goes with
its task. What a lost worker was at, the scheduler gives to another one; what is done comes back
here and is on the disk before anything else happens.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from slmcode import __version__, config
from slmcode.features.translation import pipeline
from slmcode.features.translation.batch import Done, Job, JobError, Options, refused
from slmcode.features.translation.finding import Source, surroundings
from slmcode.features.translation.local import Local
from slmcode.features.translation.shape import Translated

_CONNECT_S = 20.0
T = TypeVar("T")


class _Task(msgspec.Struct, frozen=True, kw_only=True):
    """A program with all that its translation may read."""

    version: str
    source: str  # its path on the machine that asks
    language: str
    text: str
    options: bytes  # Options, its folders left out
    copybooks: dict[str, bytes]  # by name
    own: dict[str, bytes]  # what of its own folder it may need


class _Answer(msgspec.Struct, frozen=True):
    """What a worker made of a task, or why it could not."""

    result: Translated | None = None
    error: str = ""


async def results(
    job: Job, options: Options, address: str, stopped: asyncio.Event
) -> AsyncIterator[tuple[Source, Translated | Done]]:
    """The programs of a job as they are done, by the workers of the scheduler at `address`.

    Raises JobError.
    """
    try:
        import distributed
    except ImportError:
        raise JobError("--scheduler needs Dask: pip install 'slmcode[cluster]'") from None
    waiting = []
    for source in job.sources:
        done = job.finished(source, options)
        if done is None:
            waiting.append(source)
        else:
            yield source, done
    try:
        connected: Any = distributed.Client(  # type: ignore[no-untyped-call]
            address, asynchronous=True, timeout=_CONNECT_S
        )
        client = await connected
    except (OSError, ValueError) as e:
        raise JobError(f"no Dask scheduler answers at {address}: {e}") from None
    async with client:
        futures = {
            client.submit(
                work,
                msgspec.json.encode(_task(source, options)),
                key=f"slmcode-{source.path.name}-{options.digest(source)}",
                pure=False,
            ): source
            for source in waiting
        }
        pending = {asyncio.ensure_future(_result(future)): future for future in futures}
        end = asyncio.ensure_future(stopped.wait())
        end.add_done_callback(lambda _: [each.cancel() for each in pending])
        try:
            while pending and not stopped.is_set():
                over, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for each in over:
                    source = futures[pending.pop(each)]
                    if not each.cancelled():
                        yield source, _outcome(source, options, each.result())
        finally:
            end.cancel()
            for each, future in pending.items():
                each.cancel()
                await future.cancel()


async def _result(future: Any) -> _Answer:
    """What a worker answered, or why none did."""
    try:
        return msgspec.json.decode(await future, type=_Answer)
    except Exception as e:  # whatever the scheduler makes of lost workers
        return _Answer(error=f"{type(e).__name__}: {e}")


def _outcome(source: Source, options: Options, answer: _Answer) -> Translated:
    if answer.result is None:
        return refused(source, options.target, f"no worker translated it: {answer.error}")
    return answer.result


def _task(source: Source, options: Options) -> _Task:
    own: dict[str, bytes] = {}
    others: dict[str, bytes] = {}
    for path, data in surroundings(source, options.copybooks).items():
        (own if path.parent == source.path.parent else others).setdefault(path.name, data)
    plain = msgspec.structs.replace(options, copybooks=())
    return _Task(
        version=__version__,
        source=str(source.path),
        language=source.language,
        text=source.text,
        options=msgspec.json.encode(plain),
        copybooks=others,
        own=own,
    )


# On a worker


def work(data: bytes) -> bytes:
    """Translate one program: a `_Task` in, an `_Answer` out, both as JSON.

    Nothing is raised: what Dask makes of an exception depends on what it can pickle.
    """
    try:
        task = msgspec.json.decode(data, type=_Task)
        if task.version != __version__:
            said = f"the worker has slmcode {__version__}, not {task.version}"
            return msgspec.json.encode(_Answer(error=said))
        answer = _Answer(_local().run(_translate(task)))
    except Exception as e:
        answer = _Answer(error=f"{type(e).__name__}: {e}")
    return msgspec.json.encode(answer)


async def _translate(task: _Task) -> Translated:
    options = msgspec.json.decode(task.options, type=Options)
    source = Source(path=Path(task.source), language=task.language, text=task.text)
    with tempfile.TemporaryDirectory(prefix="slmcode-") as folder:
        own, copybooks = Path(folder, "own"), Path(folder, "copybooks")
        for where, files in ((own, task.own), (copybooks, task.copybooks)):
            where.mkdir()
            for name, content in files.items():
                (where / name).write_bytes(content)
        here = msgspec.structs.replace(options, copybooks=(copybooks,))
        request = here.request(source, own)
        try:
            resources = await _local().resources_for(request)
            return await pipeline.translate(request, resources=resources)
        except pipeline.Cannot as e:
            return refused(source, options.target, str(e))


class _Worker:
    """The event loop and the engine of this worker's process, for all its tasks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="slmcode", daemon=True).start()
        self._local = Local(config.load()[0], lambda sentence: None)
        self._one = asyncio.Lock()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Any thread: wait for it; programs of several threads go one after the other."""

        async def alone() -> T:
            async with self._one:
                return await coroutine

        return asyncio.run_coroutine_threadsafe(alone(), self._loop).result()

    async def resources_for(self, request: pipeline.Request) -> Any:
        """As `Local`."""
        return await self._local.resources_for(request)


_WORKER: list[_Worker] = []
_MAKING = threading.Lock()


def _local() -> _Worker:
    with _MAKING:
        if not _WORKER:
            _WORKER.append(_Worker())
    return _WORKER[0]
