"""An engine that writes what a script says: exact, for tests in real editors. Never for a claim.

The script is a JSON file, read anew whenever it changes, so that a test can change it while the
editor runs (`write` does so in one step):

    {"status": {"state": "ready", "message": ""},            the engine's state, as EngineState
     "settings": {"deadline_ms": 2000},                      put over what the editor says
     "writes": [{"after": "def f(",                          the text before the cursor holds this,
                 "text": "x):\\n    return x\\n",              and this is what follows it
                 "others": ["y):", "z):"],                   for a request by command
                 "first_ms": 0, "token_ms": 0,               waits before the first and each piece
                 "hold": false}],                            writes nothing as long as it is true
     "chat": [{"contains": "Explain", "text": "It adds."}],  for prompts that are no FIM prompts
     "translate": {"languages": ["go"],
                   "parts": {"go": [Translated, …]},         the last one is the result
                   "part_ms": 0}}

What stands behind `after` already must be a beginning of `text`; the rest is written. The first
rule that fits counts; where none does the model ends the text at once. Every job is appended to
SCRIPT.jobs.jsonl: {"context", "before", "priority", "branch", "wrote", "stop"}.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from slmcode.engine.job import Chunk, Done, EngineState, EngineStatus, Job, Stop, Timings
from slmcode.features.translation import Translated
from slmcode.text import Snapshot, TextRange, one_line_end
from slmcode.vocabulary import Vocabulary

_POLL_S = 0.02
_PIECE = re.compile(r"\s*\w+|\n|\s|.", re.DOTALL)
_PROBABLE = -0.01  # log-probability of every token


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What follows a text before the cursor."""

    after: str
    text: str
    others: list[str] = []
    first_ms: float = 0
    token_ms: float = 0
    hold: bool = False

    def rest(self, before: str, branch: int) -> str | None:
        """What is to be written behind `before`, None where the rule does not fit."""
        at = before.rfind(self.after)
        if at < 0 or branch > len(self.others):
            return None
        text = self.others[branch - 1] if branch else self.text
        typed = before[at + len(self.after) :]
        return text[len(typed) :] if text.startswith(typed) else None


class ChatRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered to an instruction that holds a text."""

    contains: str
    text: str
    first_ms: float = 0
    token_ms: float = 0
    hold: bool = False


class Translations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be translated to, and what comes of it piece by piece."""

    languages: list[str] = []
    parts: dict[str, list[Translated]] = {}
    part_ms: float = 0


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole script."""

    status: EngineStatus = EngineStatus(EngineState.READY)
    settings: dict[str, object] = {}
    writes: list[Rule] = []
    chat: list[ChatRule] = []
    translate: Translations = Translations()


def write(path: Path, script: dict[str, object]) -> None:
    """Put a script in place; a server that reads it sees the old one or this one."""
    msgspec.convert(script, Script)  # a mistake is the test's, not the server's
    new = path.with_suffix(".new")
    new.write_text(json.dumps(script), encoding="utf-8")
    os.replace(new, path)


class ScriptFile:
    """The script as it is now. `on_change` is called when the file has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.on_change: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()
        self._stamp: tuple[int, int] | None = None
        self._script = Script()
        self.read()

    def read(self) -> Script:
        """The script, looked at anew."""
        stat = self.path.stat()
        if (stamp := (stat.st_mtime_ns, stat.st_ino)) != self._stamp:
            self._stamp = stamp
            self._script = msgspec.json.decode(self.path.read_bytes(), type=Script)
            self._changed.set()
            self._changed = asyncio.Event()
            self.on_change()
        return self._script

    async def changed(self) -> None:
        """Return at the next change."""
        await self._changed.wait()

    async def watch(self) -> None:
        """Look at the file for ever."""
        while True:
            self.read()
            await asyncio.sleep(_POLL_S)


class ScriptedEngine:
    """Implements `Engine`. `vocabulary` is that of the prompts."""

    def __init__(self, file: ScriptFile, vocabulary: Vocabulary) -> None:
        self.file = file
        self._vocabulary = vocabulary
        self._journal = file.path.with_suffix(".jobs.jsonl")
        self._count = 0

    @property
    def status(self) -> EngineStatus:
        return self.file.read().status

    def stream(self, job: Job) -> ScriptedStream:
        self._count += 1
        return ScriptedStream(self, self._count, job)

    def prompt(self, tokens: list[int]) -> tuple[str | None, str]:
        """The text of other files, None where this is no FIM prompt, and what stands before the
        place to be written at.
        """
        fim = self._vocabulary.fim
        assert fim is not None
        if fim.middle not in tokens:
            return None, self._text(tokens)
        middle = len(tokens) - 1 - tokens[::-1].index(fim.middle)
        prefix = tokens.index(fim.prefix)
        suffix = tokens.index(fim.suffix, prefix)
        before = tokens[prefix + 1 : suffix] + tokens[middle + 1 :]
        return self._text(tokens[:prefix]), self._text(before)

    def _text(self, tokens: list[int]) -> str:
        data = b"".join(self._vocabulary.tokens[token] for token in tokens)
        return data.decode("utf-8", "replace")

    def note(self, job: Job, context: str | None, before: str, wrote: str, stop: Stop) -> None:
        """Write down what a job came to."""
        row = {
            "context": context,
            "before": before,
            "priority": job.priority.name,
            "branch": job.branch,
            "wrote": wrote,
            "stop": stop.value,
        }
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(row) + "\n")


class ScriptedStream:
    """A job of the scripted engine; implements `Stream`."""

    def __init__(self, engine: ScriptedEngine, job_id: int, job: Job) -> None:
        self.done: Done | None = None
        self._engine = engine
        self._id = job_id
        self._job = job
        self._wrote = ""
        self._items: asyncio.Queue[Chunk | Done] = asyncio.Queue()
        self._context, before = engine.prompt(job.tokens)
        self._before = one_line_end(before + job.heal.decode("utf-8", "replace"))
        self._task = asyncio.get_running_loop().create_task(self._run())

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
        self._task.cancel()

    async def _run(self) -> None:
        stop = Stop.CANCELLED
        try:
            stop = await self._write()
        finally:
            n = len(self._wrote)
            self._engine.note(self._job, self._context, self._before, self._wrote, stop)
            self._items.put_nowait(Done(self._id, stop, Timings(predicted_n=n)))

    async def _write(self) -> Stop:
        """Put out the text; why it ended."""
        job = self._job
        if job.max_tokens == 0:
            return Stop.LENGTH
        if job.choices:
            self._emit(job.heal.decode() + job.choices[0].decode())
            return Stop.END
        rule, text = self._wanted()
        while rule is not None and rule.hold:
            await self._engine.file.changed()
            rule, text = self._wanted()
        await asyncio.sleep(rule.first_ms / 1000 if rule is not None else 0)
        self._emit(job.heal.decode("utf-8", "replace"))
        if rule is None:
            return Stop.END
        n_lines = 0
        for n, piece in enumerate(_PIECE.findall(text)):
            if n >= job.max_tokens:
                return Stop.LENGTH
            self._emit(piece)
            n_lines += piece.count("\n")
            if 0 < job.stop_lines <= n_lines:
                return Stop.LINES
            await asyncio.sleep(rule.token_ms / 1000)
        return Stop.END

    def _wanted(self) -> tuple[Rule | ChatRule | None, str]:
        script = self._engine.file.read()
        if self._context is None:
            for chat in script.chat:
                if chat.contains in self._before:
                    return chat, chat.text
            return None, ""
        for rule in script.writes:
            text = rule.rest(self._before, self._job.branch)
            if text:
                return rule, text
        return None, ""

    def _emit(self, piece: str) -> None:
        if piece:
            self._wrote += piece
            self._items.put_nowait(Chunk(self._id, piece.encode(), [0], [_PROBABLE]))


class ScriptedTranslator:
    """Implements `Translator`."""

    def __init__(self, file: ScriptFile) -> None:
        self._file = file

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._file.read().translate.languages)

    async def translate(
        self,
        snapshot: Snapshot,
        text_range: TextRange | None,
        target_language: str,
        on_part: Callable[[Translated], None],
        **options: object,
    ) -> Translated:
        script = self._file.read().translate
        *parts, whole = script.parts[target_language]
        for part in parts:
            on_part(part)
            await asyncio.sleep(script.part_ms / 1000)
        return whole
