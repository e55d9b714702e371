"""Completions against a scripted model, in one process and on one event loop.

The scheduler, the sequences, healing and the session are the real ones; only the model is
scripted and the model thread is a task that takes a step whenever the loop is free.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from slmcode.config import Config
from slmcode.engine.decode import Runner
from slmcode.engine.fake import END, MIDDLE, PREFIX, SUFFIX, FakeBackend, Script, writes
from slmcode.engine.job import Chunk, Done, EngineState, EngineStatus, Job, Priority, Stop
from slmcode.engine.scheduler import Scheduler
from slmcode.features.answer import Answer, Completion, Empty, Reason
from slmcode.features.resources import Model
from slmcode.features.session import Completer
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.text import Edit, Snapshot, TextRange
from slmcode.vocabulary import FimTokens, Vocabulary

CURSOR = "ˇ"

BYTES = Vocabulary(
    digest="bytes",
    architecture="scripted",
    name="bytes",
    pre="qwen2",
    tokens=[bytes([i]) for i in range(256)] + [b"<pre>", b"<suf>", b"<mid>", b"<end>"],
    merges=[],
    special_ids=[256, 257, 258, 259],
    end_ids=[259],
    fim=FimTokens(PREFIX, SUFFIX, MIDDLE, file_separator=END),
    context_length=4096,
)


class ScriptedStream:
    """A job of the scripted engine."""

    def __init__(self, engine: ScriptedEngine, job: Job) -> None:
        self.done: Done | None = None
        self.job = job
        self._engine = engine
        self._items: asyncio.Queue[Chunk | Done] = asyncio.Queue()
        self.job_id = engine.count(job)
        engine.scheduler.submit(self.job_id, job, self._items.put_nowait)

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[Chunk]:
        while self.done is None:
            item = await self._items.get()
            if isinstance(item, Chunk):
                yield item
            else:
                self.done = item

    def cancel(self) -> None:
        self._engine.scheduler.cancel(self.job_id, self._items.put_nowait)
        self._engine.wake.set()


class ScriptedEngine:
    """Implements `Engine` with a fake model. `hold` keeps the model thread from working."""

    def __init__(self, script: Script) -> None:
        self.backend = FakeBackend(script, n_seq=8, n_ctx_seq=8192)
        self.scheduler = Scheduler(Runner(self.backend))
        self.status = EngineStatus(EngineState.READY)
        self.jobs: list[Job] = []
        self.wake = asyncio.Event()
        self.rested = asyncio.Event()
        self.hold = False
        self._task = asyncio.get_running_loop().create_task(self._work())

    def count(self, job: Job) -> int:
        self.jobs.append(job)
        self.rested.clear()
        self.wake.set()
        return len(self.jobs)

    def stream(self, job: Job) -> ScriptedStream:
        return ScriptedStream(self, job)

    async def _work(self) -> None:
        while True:
            while not self.hold and self.scheduler.step():  # noqa: ASYNC110
                await asyncio.sleep(0)
            if not self.hold:
                self.rested.set()
            self.wake.clear()
            await self.wake.wait()

    async def settle(self) -> None:
        """Return when the model thread has nothing left to do."""
        await self.rested.wait()
        await asyncio.sleep(0)  # let the readers of its last messages run

    def release(self) -> None:
        self.hold = False
        self.wake.set()


def split(source: str) -> tuple[str, int]:
    """Text and cursor of a source with one `ˇ`."""
    assert source.count(CURSOR) == 1
    return source.replace(CURSOR, ""), source.index(CURSOR)


class Desk:
    """One document, a completer, and what a user does. Use on a running event loop."""

    def __init__(
        self,
        source: str,
        script: Script,
        *,
        language: str = "python",
        config: Config | None = None,
        uri: str = "file:///w/t",
    ) -> None:
        text, self.offset = split(source)
        self.engine = ScriptedEngine(script)
        self.config = config or Config(deadline_ms=2000, show_probability=0, work_ahead="always")
        model = Model(Tokenizer(BYTES), BYTES.fim)  # type: ignore[arg-type]
        self.completer = Completer(self.config, self.engine, model)
        self.snapshot = Snapshot(uri, language, 1, text)
        self.completer.did_open(self.snapshot)

    def type(self, text: str) -> None:
        """Type at the cursor."""
        self.edit(self.offset, self.offset, text)

    def edit(self, start: int, end: int, text: str) -> None:
        """Change the document; the cursor goes behind the new text."""
        edit = Edit(TextRange(start, end), text)
        self.snapshot = self.snapshot.apply(edit, (self.snapshot.version or 0) + 1)
        self.offset = start + len(text)
        self.completer.did_change(self.snapshot, [edit])

    async def ask(self, *, invoked: bool = False) -> Answer:
        return await self.completer.complete(
            self.snapshot, self.offset, arrived=time.monotonic(), invoked=invoked
        )

    async def ask_while_held(self) -> None:
        """Ask, and take the request back before the model thread works again."""
        asked = asyncio.ensure_future(self.ask())
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait({asked})

    @property
    def completions_asked(self) -> list[Job]:
        """Jobs that generate for a request, in order."""
        return [
            job
            for job in self.engine.jobs
            if job.max_tokens > 0 and job.priority is Priority.COMPLETION
        ]

    def accept(self, answer: Answer) -> str:
        """Put the completion in; the document with its cursor."""
        assert isinstance(answer, Completion), answer
        self.edit(answer.range.start, answer.range.end, answer.text)
        text = self.snapshot.text
        return text[: self.offset] + CURSOR + text[self.offset :]


def check(
    source: str,
    *,
    model: str,
    after: str | None = None,
    reason: Reason | None = None,
    language: str = "python",
    config: Config | None = None,
) -> None:
    """Ask at the cursor; the model writes `model` from the start of the cursor's line on.

    Either `after` is the accepted document with its cursor, or `reason` is why there is nothing.
    """

    async def run() -> None:
        desk = Desk(source, writes(model.encode()), language=language, config=config)
        answer = await desk.ask()
        if reason is not None:
            assert isinstance(answer, Empty), answer
            assert answer.reason is reason
        else:
            assert desk.accept(answer) == after

    asyncio.run(run())


__all__ = ["BYTES", "Completion", "Desk", "Empty", "Reason", "Stop", "check", "split", "writes"]
