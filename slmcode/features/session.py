"""The documents a user works in, and the way of one completion through them.

Event loop only. A request first looks whether a held suggestion goes on with what was typed.
If none does, the running generation is broken off, a prompt is built on the document's anchor
and a new generation is started; the request then waits for text until its deadline and answers
with the longest complete piece. The generation goes on behind the answer, and the next
keystroke finds the longer text. A request that has nothing at its deadline answers as soon as it
has something: a user who has stopped typing wants the text late rather than not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from slmcode.config import Config
from slmcode.engine.job import Engine, EngineState, Job, Priority, Stop, Timings
from slmcode.features import postprocess
from slmcode.features.anchors import Anchor, AnchorMaker, Budget
from slmcode.features.answer import Answer, Completion, Empty, PromptPiece, Reason
from slmcode.features.statistics import Statistics
from slmcode.features.suggestions import Suggestion, Suggestions
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax.parser import SyntaxCache
from slmcode.syntax.scopes import block_indent
from slmcode.text import Edit, Snapshot, TextRange, one_line_end
from slmcode.trace import Span, span, trace
from slmcode.vocabulary import FimTokens

_OWN_SHARE_MS = 8.0  # kept of the deadline for the way to the editor: 2 ms, 8 on a busy machine
_EARLY = 0.35  # this share of the deadline before it, a piece of _WORD characters is answered
_WORD = 4
_CAUGHT_UP = 2  # tokens a swap of anchors may leave to the next key
_PATIENCE_S = 10.0  # longest wait for a first piece
_LONG_LINE = 2000  # characters; no person types on such a line
_HOT_PREFILL_MS = 600.0  # prompt budget of a request while typing that found nothing warm
_WARM_PREFILL_MS = 1700.0  # of a request by command, or a cursor that has just come to rest


@dataclass(eq=False)
class _Request:
    """A request that has not been answered."""

    snapshot: Snapshot
    offset: int  # moves with what is typed meanwhile
    invoked: bool
    deadline: float
    superseded: bool = False


@dataclass(eq=False)
class _Account:
    """How one request was answered, for whoever asks afterwards."""

    span: Span
    timings: Timings = field(default_factory=Timings)
    reason: Reason | None = None
    waited_s: float = 0.0  # of the request's time, spent waiting for the engine

    def to_json(self) -> dict[str, Any]:
        return {
            "reason": self.reason.value if self.reason is not None else None,
            "timings": msgspec.to_builtins(self.timings),
            "server_ms": round(self.span.ms - self.waited_s * 1e3, 3),
            "trace": self.span.to_json(),
        }


@dataclass(eq=False)
class _Document:
    """What is known of one open document. `snapshot` is the newest one."""

    snapshot: Snapshot
    suggestions: Suggestions = field(default_factory=Suggestions)
    anchor: Anchor | None = None
    running: Suggestion | None = None
    request: _Request | None = None
    cursor: int = 0  # where it was seen last
    idle: asyncio.TimerHandle | None = None
    warming: asyncio.Task[None] | None = None
    n_anchors: int = 0
    explain_prompt: Callable[[], list[PromptPiece]] = list  # the newest prompt, for people
    last: _Account | None = None


class Model:
    """What the completer needs of the weights: their tokenizer and FIM tokens."""

    def __init__(self, tokenizer: Tokenizer, fim: FimTokens) -> None:
        self.tokenizer = tokenizer
        self.fim = fim


class Completer:
    """Completions for any number of documents. Every method but `complete` returns at once.

    `engine` and `model` may come later (`set_engine`, `set_model`); until then answers are empty
    with a reason.
    """

    def __init__(
        self, config: Config, engine: Engine | None = None, model: Model | None = None
    ) -> None:
        self._config = config
        self._engine = engine
        self._model = model
        self._syntax = SyntaxCache()
        self._documents: dict[str, _Document] = {}
        self._anchors: AnchorMaker | None = None
        self._prefill_ms = 10.0  # a prompt token, learned from the engine's timings
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = uuid.uuid4().hex[:8]  # two servers may have the same document open
        self._changed = asyncio.Event()
        self.statistics = Statistics()
        if model is not None:
            self.set_model(model)

    def configure(self, config: Config) -> None:
        """New settings; they take effect with the next request."""
        self._config = config

    def set_engine(self, engine: Engine) -> None:
        """The engine to ask from now on."""
        self._engine = engine

    def set_model(self, model: Model) -> None:
        """The tokenizer that belongs to the engine's weights."""
        self._model = model
        self._anchors = AnchorMaker(model.tokenizer, model.fim, self._syntax)

    # Documents

    def did_open(self, snapshot: Snapshot) -> None:
        """A document was opened, or opened again with another text."""
        self.did_close(snapshot.uri)
        self._documents[snapshot.uri] = _Document(snapshot)

    def did_change(self, snapshot: Snapshot, edits: Sequence[Edit]) -> None:
        """`snapshot` is the document after `edits`, applied in their order."""
        doc = self._documents.get(snapshot.uri)
        if doc is None:
            self.did_open(snapshot)
            return
        doc.snapshot = snapshot
        doc.suggestions.did_change(list(edits))
        if doc.anchor is not None:
            doc.anchor = doc.anchor.moved(edits)
        if doc.request is not None:
            doc.request.offset = _moved(doc.request.offset, edits)
        if edits:
            doc.cursor = edits[-1].range.start + len(edits[-1].new_text)
        self._plan_idle_work(doc)

    def did_close(self, uri: str) -> None:
        """The document is gone; its generation ends."""
        doc = self._documents.pop(uri, None)
        self._syntax.forget(uri)
        if doc is None:
            return
        self._supersede(doc)
        if doc.running is not None:
            doc.running.break_off()
        if doc.idle is not None:
            doc.idle.cancel()
        if doc.warming is not None:
            doc.warming.cancel()

    def cursor_moved(self, snapshot: Snapshot, offset: int) -> None:
        """The cursor rests at `offset`: evaluate the prompt that will be asked for there."""
        doc = self._document(snapshot)
        doc.cursor = offset
        if self._refusal(snapshot, offset, invoked=False) is not None:
            return
        if doc.anchor is not None and doc.anchor.holds(snapshot, offset):
            return
        self._warm(doc, self._budget(_WARM_PREFILL_MS))

    def _document(self, snapshot: Snapshot) -> _Document:
        doc = self._documents.get(snapshot.uri)
        if doc is None:
            doc = self._documents[snapshot.uri] = _Document(snapshot)
        return doc

    # One completion

    async def complete(
        self, snapshot: Snapshot, offset: int, *, arrived: float, invoked: bool
    ) -> Answer:
        """Answer by the deadline counted from `arrived` (time.monotonic()).

        The caller takes the snapshot before its first await. Cancelling the task is how the
        client takes the request back; a newer call for the same document answers SUPERSEDED here.
        """
        with trace("completion", version=snapshot.version) as root:
            root.start = arrived
            account = self._document(snapshot).last = _Account(root)
            answer: Answer = Empty(Reason.FAILED)
            try:
                answer = await self._answer(snapshot, offset, arrived, invoked, account)
            except asyncio.CancelledError:
                answer = Empty(Reason.CANCELLED)
                raise
            finally:
                if isinstance(answer, Completion):
                    root.set(characters=len(answer.text), final=answer.final)
                    root.set(from_memory=answer.from_memory)
                else:
                    account.reason = answer.reason
                    root.set(reason=answer.reason.value)
                self.statistics.answered(answer, arrived)
            return answer

    async def _answer(
        self,
        snapshot: Snapshot,
        offset: int,
        arrived: float,
        invoked: bool,
        account: _Account,
    ) -> Answer:
        doc = self._document(snapshot)
        self._supersede(doc)
        doc.cursor = offset
        wait_ms = self._config.invoked_deadline_ms if invoked else self._config.deadline_ms
        request = _Request(snapshot, offset, invoked, arrived + (wait_ms - _OWN_SHARE_MS) / 1e3)
        doc.request = request
        try:
            await self._wait_until_started(request, account)
            if request.superseded:
                return Empty(Reason.SUPERSEDED)
            if doc.snapshot is not snapshot:
                return Empty(Reason.STALE)
            refusal = self._refusal(snapshot, offset, invoked)
            if refusal is not None:
                return refusal
            with span("lookup"):
                suggestion = doc.suggestions.lookup(snapshot, offset)
            from_memory = suggestion is not None and suggestion.final
            if suggestion is None:
                suggestion = self._generate(doc, request, account)
            with span("wait"):
                return await self._wait(doc, request, suggestion, from_memory, account)
        finally:
            if doc.request is request:
                doc.request = None
            self._plan_idle_work(doc)

    async def _wait_until_started(self, request: _Request, account: _Account) -> None:
        """Wait while engine and model are being started: an editor asks before they are there."""
        began = time.monotonic()
        while self._starting() and not request.superseded:
            rest = began + _PATIENCE_S - time.monotonic()
            if rest <= 0:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), rest)
        account.waited_s += time.monotonic() - began

    def _starting(self) -> bool:
        """Whether engine and model are on their way."""
        return False

    def _wake(self) -> None:
        """Let the requests that wait for a start look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _started(self) -> None:
        """Engine and model are there: evaluate where the cursors rest."""
        self._wake()
        for doc in self._documents.values():
            if doc.cursor > 0 and doc.request is None:
                self.cursor_moved(doc.snapshot, doc.cursor)

    def _refusal(self, snapshot: Snapshot, offset: int, invoked: bool) -> Empty | None:
        """Why this place cannot be completed at all, or None."""
        config, text = self._config, snapshot.text
        if not config.enabled or snapshot.language_id in config.disabled_languages:
            return Empty(Reason.DISABLED)
        if len(text) > config.max_file_kb * 1000:
            return Empty(Reason.TOO_LARGE, f"{len(text)} characters")
        if self._engine is None or self._model is None:
            return Empty(Reason.NO_MODEL)
        status = self._engine.status
        if status.state in (EngineState.NO_MODEL, EngineState.REFUSED):
            return Empty(Reason.NO_MODEL, status.message)
        if status.state is not EngineState.READY:
            return Empty(Reason.ENGINE_DOWN, status.message)
        start, end = snapshot.line_start(offset), snapshot.line_end(offset)
        if end - start > _LONG_LINE:
            return Empty(Reason.LONG_LINE, f"{end - start} characters")
        if "\0" in text[max(0, offset - 4000) : offset + 4000]:
            return Empty(Reason.BINARY)
        if not invoked and offset < end and (text[offset].isalnum() or text[offset] == "_"):
            return Empty(Reason.INSIDE_WORD)
        return None

    def _supersede(self, doc: _Document) -> None:
        """Let the request that is being waited for, if any, answer at once."""
        if doc.request is not None:
            doc.request.superseded = True
            doc.request = None
            self._wake()
            if doc.running is not None:
                doc.running.wake()

    # Generation

    def _generate(self, doc: _Document, request: _Request, account: _Account) -> Suggestion:
        """Break off what runs, build the prompt and start the model on it."""
        assert self._anchors is not None
        assert self._engine is not None
        snapshot, offset, invoked = request.snapshot, request.offset, request.invoked
        if doc.running is not None:
            doc.running.break_off()
        with span("prompt") as prompt_span:
            anchor = doc.anchor
            if anchor is None or not anchor.holds(snapshot, offset):
                self._stop_warming(doc)
                budget = self._budget(_WARM_PREFILL_MS if invoked else _HOT_PREFILL_MS)
                anchor = self._make_anchor(doc, snapshot, offset, budget)
                doc.anchor = anchor
                prompt_span.set(anchor="new")
            prompt = self._anchors.prompt(anchor, snapshot, offset)
            header = block_indent(self._syntax.tree(snapshot), snapshot, offset)
            prompt_span.set(tokens=len(prompt.tokens), multi_line=header is not None)
        job = Job(
            sequence=anchor.sequence,
            tokens=prompt.tokens,
            priority=Priority.COMPLETION,
            heal=prompt.heal,
            max_tokens=self._config.max_tokens,
            stop_lines=1 if header is None else self._config.max_lines + 1,
        )
        start = offset - len(prompt.heal_text)
        suggestion = Suggestion(
            before=anchor.head.prefix + snapshot.text[anchor.offset : start],
            suffix=anchor.head.suffix,
            start=start,
            stream=self._engine.stream(job),
        )
        doc.suggestions.hold(suggestion)
        doc.running = suggestion
        doc.explain_prompt = partial(self._anchors.pieces, anchor, prompt, snapshot, offset)
        self._spawn(self._collect(suggestion, snapshot, offset, header, account))
        return suggestion

    async def _collect(
        self,
        suggestion: Suggestion,
        snapshot: Snapshot,
        offset: int,
        header: int | None,
        account: _Account,
    ) -> None:
        """Take in the text of a generation and end it where the syntax ends.

        `header` is the column of the block that is being filled, None for a single line.
        """
        after = one_line_end(snapshot.text[offset : offset + _LOOK_BELOW])
        typed_n = len(one_line_end(snapshot.text[suggestion.start : offset]))
        async for chunk in suggestion.stream:
            if suggestion.final:
                continue
            suggestion.add(chunk)
            if header is not None:
                end = postprocess.complete_block(
                    suggestion.text[typed_n:],
                    header,
                    snapshot.language_id,
                    after,
                    self._config.max_lines,
                )
                if end is not None:
                    suggestion.stream.cancel()
                    suggestion.end(None, typed_n + end)
        done = suggestion.stream.done
        if done is not None:
            suggestion.done = done
            self._learn(done.timings)
            self.statistics.generated(done.timings)
            account.timings = done.timings
            account.span.set(**msgspec.structs.asdict(done.timings), stop=done.stop.value)
            if not suggestion.final:
                suggestion.end(done)

    async def _wait(
        self,
        doc: _Document,
        request: _Request,
        suggestion: Suggestion,
        from_memory: bool,
        account: _Account,
    ) -> Answer:
        """The best piece by the deadline; with none by then, the first one there is.

        A word is enough a little earlier: the next key of a quick typist comes before the deadline,
        and an answer that is out by then is worth more than one that is longer.
        """
        give_up = request.deadline + _PATIENCE_S
        early = request.deadline - _EARLY * (request.deadline - account.span.start)
        while True:
            if request.superseded:
                return Empty(Reason.SUPERSEDED)
            now = time.monotonic()
            if suggestion.final or now >= early:
                answer = self._offer(doc, request, suggestion, from_memory)
                hopeless = isinstance(answer, Empty) and answer.reason is Reason.STALE
                shown = isinstance(answer, Completion) and (
                    now >= request.deadline or len(answer.text) >= _WORD
                )
                if shown or hopeless or suggestion.final or now >= give_up:
                    return answer
                until = request.deadline if now < request.deadline else give_up
            else:
                until = early
            await suggestion.changed(until - now)
            account.waited_s += time.monotonic() - now

    def _offer(
        self, doc: _Document, request: _Request, suggestion: Suggestion, from_memory: bool
    ) -> Answer:
        """What of the suggestion fits the document as it is now, or why nothing does."""
        done = suggestion.done
        timings = done.timings if done is not None else Timings()
        snapshot, offset = doc.snapshot, request.offset
        typed = suggestion.typed(snapshot, offset)
        if typed is None:
            return Empty(Reason.STALE, timings=timings)
        if done is not None and not suggestion.text and done.stop in _FAILURES:
            return Empty(_FAILURES[done.stop], done.message, timings)
        text = _fitted(snapshot, offset, suggestion.text[len(typed) :], suggestion.final)
        if isinstance(text, Reason):
            return Empty(text, timings=timings)
        return Completion(
            completion_id=suggestion.completion_id,
            text=text,
            range=TextRange(offset, offset),
            final=suggestion.final,
            from_memory=from_memory,
            mean_logprob=suggestion.mean_logprob,
            timings=timings,
        )

    # Anchors and work ahead

    def _budget(self, prefill_ms: float) -> Budget:
        """The prompt this machine can evaluate in `prefill_ms`, at most that of the settings."""
        full = Budget(self._config.prefix_tokens, self._config.suffix_tokens)
        return full.at_most(int(prefill_ms / self._prefill_ms))

    def _learn(self, timings: Timings) -> None:
        if timings.prompt_n >= 16:
            self._prefill_ms += 0.3 * (timings.prompt_ms / timings.prompt_n - self._prefill_ms)

    def _make_anchor(
        self, doc: _Document, snapshot: Snapshot, offset: int, budget: Budget
    ) -> Anchor:
        """A new anchor on the sequence that the current one does not use."""
        assert self._anchors is not None
        doc.n_anchors += 1
        sequence = f"{self._session} {snapshot.uri} {doc.n_anchors % 2}"
        return self._anchors.make(snapshot, offset, budget, sequence, doc.anchor)

    def _warm(self, doc: _Document, budget: Budget) -> None:
        """Evaluate the prompt of a new anchor in the background; swap to it when it is ready."""
        self._stop_warming(doc)
        anchor = self._make_anchor(doc, doc.snapshot, doc.cursor, budget)
        if doc.anchor is None or not doc.anchor.holds(doc.snapshot, doc.cursor):
            doc.anchor = anchor  # nothing to lose: a request can join the evaluation at once
        doc.warming = self._spawn(self._warm_up(doc, anchor))

    async def _warm_up(self, doc: _Document, anchor: Anchor) -> None:
        """Evaluate the anchor's prompt and what is typed meanwhile; swap when all of it is read."""
        assert self._engine is not None
        assert self._anchors is not None
        evaluated_n = 0
        while anchor.holds(doc.snapshot, doc.cursor):
            prompt = self._anchors.prompt(anchor, doc.snapshot, doc.cursor)
            if len(prompt.tokens) <= evaluated_n + _CAUGHT_UP:
                doc.anchor = anchor
                return
            job = Job(sequence=anchor.sequence, tokens=prompt.tokens, priority=Priority.WARM)
            stream = self._engine.stream(job)
            try:
                async for _ in stream:
                    pass
            except asyncio.CancelledError:
                stream.cancel()
                raise
            if stream.done is None or stream.done.stop is not Stop.LENGTH:
                return
            self._learn(stream.done.timings)
            evaluated_n = len(prompt.tokens)

    def _stop_warming(self, doc: _Document) -> None:
        if doc.warming is not None:
            doc.warming.cancel()
            doc.warming = None

    def _plan_idle_work(self, doc: _Document) -> None:
        """(Re)start the idle clock."""
        if doc.idle is not None:
            doc.idle.cancel()
        if self._documents.get(doc.snapshot.uri) is doc:
            loop = asyncio.get_running_loop()
            doc.idle = loop.call_later(self._config.idle_ms / 1e3, self._idle, doc)

    def _idle(self, doc: _Document) -> None:
        """Nothing was typed for a while: bring the anchor up to the cursor's line, in full size."""
        if doc.running is not None and not doc.running.final:
            self._plan_idle_work(doc)
            return
        if self._refusal(doc.snapshot, doc.cursor, invoked=True) is not None:
            return
        if doc.warming is not None and not doc.warming.done():
            return
        self._syntax.tree(doc.snapshot, budget_ms=0)  # exact again, whatever it takes
        full = Budget(self._config.prefix_tokens, self._config.suffix_tokens)
        anchor = doc.anchor
        if anchor is not None and anchor.holds(doc.snapshot, doc.cursor):
            near = anchor.offset == doc.snapshot.line_start(doc.cursor)
            if near and anchor.budget == full:
                return
        self._warm(doc, full)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def last_prompt(self, uri: str) -> list[PromptPiece]:
        """What the model was given last for this document."""
        doc = self._documents.get(uri)
        return doc.explain_prompt() if doc is not None else []

    def last_completion(self, uri: str) -> dict[str, Any] | None:
        """How the newest request for this document was answered; None without one.

        `timings` are zero when it was served from memory, and complete only when the generation
        has ended, which may be after the answer. `server_ms` is the loop's own share of it.
        """
        doc = self._documents.get(uri)
        if doc is None or doc.last is None:
            return None
        return doc.last.to_json()

    # What the user did with it

    def shown(self, completion_id: str) -> None:
        """The item became visible."""
        self.statistics.counters.shown += 1

    def accepted(self, completion_id: str) -> None:
        """The item was accepted."""
        self.statistics.counters.accepted += 1

    def partially_accepted(self, completion_id: str, accepted_length: int) -> None:
        """`accepted_length`: code points accepted so far, cumulative."""
        self.statistics.counters.partially_accepted += 1


_FAILURES = {
    Stop.LOST: Reason.ENGINE_DOWN,
    Stop.FAILED: Reason.FAILED,
    Stop.FULL: Reason.FULL,
    Stop.DEADLINE: Reason.DEADLINE,
    Stop.CANCELLED: Reason.STALE,
}


def _fitted(snapshot: Snapshot, offset: int, text: str, final: bool) -> str | Reason:
    """Generated text as it can be offered at the cursor, or why nothing of it can."""
    left = snapshot.text[snapshot.line_start(offset) : offset]
    right = snapshot.text[offset : snapshot.line_end(offset)]
    if not text.strip():
        return Reason.END_OF_LINE if text or final else Reason.BLANK
    text = postprocess.balance(postprocess.last_piece(text, final).rstrip(), left, right)
    below = snapshot.text[offset : offset + _LOOK_BELOW]
    kept = postprocess.cut_repetition(text, left, one_line_end(below))
    kept = postprocess.clean(kept, postprocess.line_ending(snapshot.text[:_LOOK_BELOW]))
    if kept.strip():
        return kept
    return Reason.REPEATS_SUFFIX if text.strip() else Reason.BLANK


_LOOK_BELOW = 4000  # characters behind the cursor that a repetition is looked for in


def _moved(offset: int, edits: Sequence[Edit]) -> int:
    """Where the cursor stands after edits; text inserted at it goes before it."""
    for (start, end), new_text in edits:
        if end <= offset:
            offset += len(new_text) - (end - start)
        elif start < offset:
            offset = start + len(new_text)
    return offset
