"""The documents a user works in, and the way of one completion through them.

Event loop only. A request first looks whether a held suggestion goes on with what was typed.
If none does, the running generation is broken off, a prompt is built on the document's anchor
and a new generation is started; the request then waits for text until its deadline and answers
with the longest piece that the gate thinks right. The generation goes on behind the answer, and
the next keystroke finds the longer text. A client that can ask again is told when there is more
(`on_refresh`) and gets an empty answer by the deadline if there is nothing yet; any other client
waits for the text: a user who has stopped typing wants it late rather than not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from slmcode.config import Config
from slmcode.engine.job import Engine, Stop, Timings
from slmcode.features import postprocess
from slmcode.features.answer import Answer, Completion, Empty, PromptPiece, Reason, Why
from slmcode.features.document import Account, Document, Request
from slmcode.features.edits.requests import Requests
from slmcode.features.gate import Gate
from slmcode.features.gate import load as load_gate
from slmcode.features.generation import LOOK_BELOW, Generations
from slmcode.features.offered import Offers
from slmcode.features.refusal import refusal
from slmcode.features.resources import Model, Resources
from slmcode.features.showing import Showing
from slmcode.features.statistics import Statistics
from slmcode.features.suggestions import Suggestion
from slmcode.features.translation import Translator
from slmcode.features.work_ahead import WorkAhead
from slmcode.prompt.context import NONE
from slmcode.text import Edit, Snapshot, TextRange, one_line_end
from slmcode.trace import span, trace

_OWN_SHARE_MS = 8.0  # kept of the deadline for the way to the editor: 2 ms, 8 on a busy machine
_EARLY = 0.5  # this share of the deadline before it, a piece of _WORD characters is answered
_WORD = 4
_PATIENCE_S = 10.0  # longest wait for a first piece, by a client that cannot ask again
_ALTERNATIVES = 2  # beside the best, for a request by command

# A document and the offset in it where there is more text now than was answered.
OnRefresh = Callable[[Snapshot, int], None]


class _Offer(NamedTuple):
    """What can be answered just now."""

    answer: Answer
    settled: bool  # no more text comes
    decided: bool  # the gate would not show more of it if there were more
    score: float | None = None


class Completer:
    """Completions for any number of documents. Every method but `complete` returns at once.

    `engine` and `model` may come later (`set_engine`, `set_model`); until then answers are empty
    with a reason.
    """

    def __init__(
        self,
        config: Config,
        engine: Engine | None = None,
        model: Model | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._resources = Resources(config, engine)
        self.statistics = Statistics()
        self._showing = Showing(gate or load_gate(None)[0])
        self._ahead = WorkAhead(self._resources)
        self._generations = Generations(
            self._resources, self._ahead, self.statistics, self._showing.is_likely
        )
        self._documents: dict[str, Document] = {}
        self._offers = Offers()
        self._changed = asyncio.Event()
        self.on_refresh: OnRefresh | None = None  # for a client that can ask again
        self.requests = Requests(self._resources)
        self._resources.documents = lambda: [d.snapshot for d in self._documents.values()]
        self.translator: Translator | None = None
        if model is not None:
            self._resources.set_model(model)

    def configure(self, config: Config) -> None:
        """New settings; they take effect with the next request."""
        self._resources.config = config

    def set_engine(self, engine: Engine) -> None:
        """The engine to ask from now on."""
        self._resources.engine = engine

    def set_model(self, model: Model) -> None:
        """The tokenizer that belongs to the engine's weights."""
        self._resources.set_model(model)

    # Documents

    def did_open(self, snapshot: Snapshot) -> None:
        """A document was opened, or opened again with another text."""
        self.did_close(snapshot.uri)
        if self._resources.audit is not None:
            self._resources.audit.document_is(snapshot)
        if self._resources.project is not None:
            self._resources.project.rests(snapshot)  # it may differ from its file
        self._ahead.plan(self._document(snapshot))

    def did_change(self, snapshot: Snapshot, edits: Sequence[Edit]) -> None:
        """`snapshot` is the document after `edits`, applied in their order."""
        doc = self._documents.get(snapshot.uri)
        if doc is None:
            self.did_open(snapshot)
            return
        doc.changed(snapshot, edits)
        if self._resources.audit is not None:
            self._resources.audit.document_is(snapshot)
        self._visited(doc)
        self._ahead.plan(doc)

    def did_close(self, uri: str) -> None:
        """The document is gone; its generation ends."""
        doc = self._documents.pop(uri, None)
        self._resources.syntax.forget(uri)
        if doc is not None:
            self._supersede(doc)
            doc.close()
            self._ahead.forget(doc)
            if self._resources.project is not None:
                self._resources.project.closed(uri)

    def cursor_moved(self, snapshot: Snapshot, offset: int) -> None:
        """The cursor rests at `offset`: evaluate the prompt that will be asked for there."""
        doc = self._document(snapshot)
        doc.cursor = offset
        self._visited(doc)
        self._ahead.cursor_rests(doc)
        self._ahead.plan(doc)

    def _visited(self, doc: Document) -> None:
        if self._resources.project is not None:
            self._resources.project.visited(doc.snapshot, doc.cursor)

    def _document(self, snapshot: Snapshot) -> Document:
        doc = self._documents.get(snapshot.uri)
        if doc is None:
            doc = self._documents[snapshot.uri] = Document(snapshot)
        return doc

    # One completion

    async def complete(
        self, snapshot: Snapshot, offset: int, *, arrived: float, invoked: bool
    ) -> Answer:
        """Answer by the deadline counted from `arrived` (time.monotonic()).

        The caller takes the snapshot before its first await. Cancelling the task is how the
        client takes the request back; a newer call for the same document answers SUPERSEDED here.
        """
        with (
            trace("completion", version=snapshot.version) as root,
            self._resources.request("completion", snapshot.uri) as about,
        ):
            root.start = arrived
            account = Account(root)
            answer: Answer = Empty(Reason.FAILED)
            try:
                answer = await self._answer(snapshot, offset, arrived, invoked, account)
            except asyncio.CancelledError:
                answer = Empty(Reason.CANCELLED)
                raise
            finally:
                if isinstance(answer, Completion):
                    others = len(answer.alternatives)
                    self._offers.answered(answer.completion_id, about, answer.text, others)
                    root.set(characters=len(answer.text), final=answer.final)
                    root.set(from_memory=answer.from_memory)
                else:
                    account.reason, account.detail = answer.reason, answer.detail
                    root.set(reason=answer.reason.value)
                self.statistics.answered(answer, arrived)
            if doc := self._documents.get(snapshot.uri):
                doc.last = account
            return answer

    async def _answer(
        self,
        snapshot: Snapshot,
        offset: int,
        arrived: float,
        invoked: bool,
        account: Account,
    ) -> Answer:
        doc = self._document(snapshot)
        self._supersede(doc)
        doc.cursor = offset
        self._showing.feedback.key(snapshot, offset)
        config = self._resources.config
        wait_ms = config.invoked_deadline_ms if invoked else config.deadline_ms
        request = Request(snapshot, offset, invoked, arrived + (wait_ms - _OWN_SHARE_MS) / 1e3)
        doc.request = request
        try:
            await self._wait_until_started(request, account)
            if request.superseded:
                return Empty(Reason.SUPERSEDED)
            if doc.snapshot is not snapshot:
                return Empty(Reason.STALE)
            refused = refusal(self._resources, snapshot, offset, invoked)
            if refused is not None:
                return refused
            with span("lookup"):
                suggestion = doc.suggestions.lookup(snapshot, offset)
            if suggestion is not None and not invoked and _is_dismissed(suggestion, doc):
                return Empty(Reason.DISMISSED)
            if suggestion is not None and invoked and suggestion.block is None:
                suggestion = None  # one line is less than what a command asks for
            if suggestion is None:
                suggestion = self._generations.start(doc, request, account)
            else:
                typed = suggestion.typed(snapshot, offset)
                account.from_memory = typed is not None and suggestion.visible(len(typed))[1]
            with span("wait"):
                offer = await self._wait(doc, request, suggestion, account)
                if _is_stale(offer.answer) and doc.snapshot is snapshot and not request.superseded:
                    # It fitted what there was of it, and then went another way than the user.
                    account.from_memory = False
                    suggestion = self._generations.start(doc, request, account)
                    offer = await self._wait(doc, request, suggestion, account)
            if invoked:
                with span("alternatives"):
                    return await self._with_alternatives(doc, request, offer.answer)
            self._answered(doc, request, suggestion, offer, account)
            return offer.answer
        finally:
            if doc.request is request:
                doc.request = None
            if self._documents.get(doc.snapshot.uri) is doc:
                self._ahead.plan(doc)

    def _answered(
        self,
        doc: Document,
        request: Request,
        suggestion: Suggestion,
        offer: _Offer,
        account: Account,
    ) -> None:
        """What an answer leads to: it is remembered, carried on, or replaced by a longer one."""
        answer = offer.answer
        account.score = offer.score
        if isinstance(answer, Completion):
            uri, offset = doc.snapshot.uri, answer.range.end
            score = offer.score if offer.score is not None else 0.5
            self._showing.feedback.answered(uri, answer.completion_id, offset, answer.text, score)
        if offer.settled:
            self._generations.go_on(doc, suggestion)
        elif self.on_refresh is not None and not request.superseded:
            doc.following = self._resources.spawn(self._follow(doc, suggestion, answer, account))

    async def _wait_until_started(self, request: Request, account: Account) -> None:
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

    def _look_again(self) -> None:
        """The workspace has more to say than before."""
        for doc in self._documents.values():
            if doc.cursor > 0 and doc.request is None:
                self._ahead.look_again(doc)

    def _started(self) -> None:
        """Engine and model are there: evaluate where the cursors rest."""
        self._wake()
        for doc in self._documents.values():
            if doc.cursor > 0 and doc.request is None and self._ahead.is_near(doc):
                self._ahead.cursor_rests(doc)

    def _supersede(self, doc: Document) -> None:
        """Let the request that is being waited for, if any, answer at once."""
        if doc.following is not None:
            doc.following.cancel()
            doc.following = None
        if doc.request is not None:
            doc.request.superseded = True
            doc.request = None
            self._wake()
            if doc.running is not None:
                doc.running.wake()

    # Waiting for text, and what of it is offered

    async def _wait(
        self, doc: Document, request: Request, suggestion: Suggestion, account: Account
    ) -> _Offer:
        """The best piece there is when it is time to answer.

        That is at once where no further token can change it, and at the latest by the deadline;
        a share of it earlier with a word, or where the client can ask again: the next key of a
        quick typist comes before the deadline, takes the request back and leaves it without answer.
        A client that cannot ask again waits for a first piece beyond the deadline.
        """
        can_refresh = self.on_refresh is not None and not request.invoked
        give_up = request.deadline + (0.0 if can_refresh else _PATIENCE_S)
        early = request.deadline - _EARLY * (request.deadline - account.span.start)
        while True:
            if request.superseded:
                return _Offer(Empty(Reason.SUPERSEDED), True, True)
            now = time.monotonic()
            offer = self._offer(doc, request, suggestion, account.from_memory)
            if offer.settled or now >= give_up:
                return offer
            if not request.invoked:
                length = len(offer.answer.text) if isinstance(offer.answer, Completion) else 0
                if offer.decided and (length or can_refresh):
                    return offer
                if now >= early and (length >= _WORD or can_refresh):
                    return offer
                if now >= request.deadline and length:
                    return offer
            until = min(t for t in (early, request.deadline, give_up) if t > now)
            await suggestion.changed(until - now)
            account.waited_s += time.monotonic() - now

    async def _follow(
        self, doc: Document, suggestion: Suggestion, answered: Answer, account: Account
    ) -> None:
        """Tell the client to ask again when there is more to show than was answered.

        A first piece is told at once, a longer one when the text is complete. A user who types
        along what is shown makes no new request, and is followed. Where nothing comes after all,
        why not takes the place of "nothing yet" in the account.
        """
        assert self.on_refresh is not None
        began = suggestion.typed(doc.snapshot, doc.cursor)
        shown = len(answered.text) if isinstance(answered, Completion) else 0
        shown_to = len(began or "") + shown
        while (typed := suggestion.typed(doc.snapshot, doc.cursor)) is not None:
            if not shown and typed != began:
                return  # the key behind an empty answer asks for itself
            at = Request(doc.snapshot, doc.cursor, invoked=False, deadline=0.0)
            offer = self._offer(doc, at, suggestion, from_memory=True)
            text = offer.answer.text if isinstance(offer.answer, Completion) else ""
            enough = offer.settled or (not shown and len(text) >= _WORD)
            if enough and len(typed) + len(text) > shown_to:
                self.on_refresh(doc.snapshot, doc.cursor)
                return
            if not shown and offer.decided and isinstance(offer.answer, Empty):
                account.reason, account.detail = offer.answer.reason, offer.answer.detail
            if offer.settled:
                return
            await suggestion.changed(_PATIENCE_S)

    def _offer(
        self, doc: Document, request: Request, suggestion: Suggestion, from_memory: bool
    ) -> _Offer:
        """What of the suggestion fits the document as it is now, or why nothing does."""
        done = suggestion.done
        timings = done.timings if done is not None else Timings()
        snapshot, offset = doc.snapshot, request.offset
        if done is not None and not suggestion.text and done.stop in _FAILURES:
            return _Offer(Empty(_FAILURES[done.stop], done.message, timings), True, True)
        typed = suggestion.typed(snapshot, offset)
        if typed is None:
            return _Offer(Empty(Reason.STALE, timings=timings), True, True)
        at = len(typed)
        end, settled = suggestion.visible(at)
        text = suggestion.text[at:end]
        decided, score = settled, None
        withheld = bool(suggestion.unknown) and end == len(suggestion.text)
        threshold = 0.0 if request.invoked else self._resources.config.show_probability
        if threshold > 0 and text.strip():
            whole, verdict = self._showing.verdict(snapshot, offset, suggestion, at, threshold)
            score = verdict.score
            decided = settled or verdict.decided
            if verdict.length == 0 and decided and not withheld:
                return _Offer(Empty(Reason.GATED, f"{score:.2f}"), settled, True, score)
            text = whole[: verdict.length]
            withheld = withheld and not text.strip()
        else:
            text = postprocess.last_piece(text, settled)
        if withheld:  # nobody but a gate can say whether the words in front of the name are right
            empty = Empty(Reason.UNKNOWN_NAME, suggestion.unknown, timings)
            return _Offer(empty, settled, True, score)
        fitted = _fitted(snapshot, offset, text, decided)
        if isinstance(fitted, Reason):
            reason = fitted if decided else Reason.DEADLINE
            return _Offer(Empty(reason, timings=timings), settled, decided, score)
        completion = Completion(
            completion_id=suggestion.completion_id,
            text=fitted,
            range=TextRange(offset, offset),
            final=settled,
            from_memory=from_memory,
            mean_logprob=suggestion.mean_logprob,
            timings=timings,
        )
        return _Offer(completion, settled, decided, score)

    async def _with_alternatives(self, doc: Document, request: Request, best: Answer) -> Answer:
        """The best answer with other ones behind it, as many as the deadline allows."""
        if not isinstance(best, Completion):
            return best
        others: list[str] = []
        made_for = doc.snapshot
        for branch in range(1, _ALTERNATIVES + 1):
            if request.superseded or time.monotonic() >= request.deadline:
                break
            if doc.snapshot is not request.snapshot:
                break
            suggestion = self._generations.start(doc, request, None, branch)
            while not suggestion.visible(request.offset - suggestion.start)[1]:
                rest = request.deadline - time.monotonic()
                if rest <= 0 or request.superseded:
                    break
                await suggestion.changed(rest)
            offer = self._offer(doc, request, suggestion, from_memory=False)
            if offer.settled and isinstance(offer.answer, Completion):
                text = offer.answer.text
                if text != best.text and text not in others:
                    others.append(text)
            suggestion.break_off()
        if doc.snapshot is not made_for:
            return Empty(Reason.STALE)  # its range is one of a document that is no more
        return msgspec.structs.replace(best, alternatives=tuple(others))

    # What is known of them

    def last_prompt(self, uri: str) -> list[PromptPiece]:
        """What the model was given last for this document."""
        doc = self._documents.get(uri)
        return doc.explain_prompt() if doc is not None else []

    def last_text(self, uri: str) -> str:
        """What the model wrote last for this document, as far as it is held."""
        doc = self._documents.get(uri)
        return doc.suggestions.newest_text if doc is not None else ""

    def last_completion(self, uri: str) -> dict[str, Any] | None:
        """How the request for this document that was answered last was answered; None without one.

        `timings` are zero when it was served from memory, and complete only when the generation
        has ended, which may be after the answer. `server_ms` is the loop's own share of it.
        """
        doc = self._documents.get(uri)
        if doc is None or doc.last is None:
            return None
        return doc.last.to_json()

    def why(self, uri: str, completion_id: str = "") -> Why | None:
        """What stood in the prompt of the suggestion with that id, or of the newest one.

        Without an id and a suggestion: what stands ready for the next one. None where there is
        no such suggestion, or the document holds it no longer.
        """
        doc = self._documents.get(uri)
        if doc is None:
            return None
        suggestion = doc.suggestions.find(completion_id)
        if suggestion is None and completion_id:
            return None
        context = doc.anchor.head.context if doc.anchor is not None else NONE
        if suggestion is not None:
            context, completion_id = suggestion.context, suggestion.completion_id
        note = ""
        if not context.chunks:
            project = self._resources.project
            note = project.why_none(uri) if project is not None else "there is no workspace"
            if not note and not self._ahead.allowed():
                note = "at rest: on battery or a busy machine, or by the setting work_ahead"
            note = note or "nothing of the workspace was in the prompt yet, or nothing fitted"
        return Why(completion_id, context, note)

    async def rested(self, uri: str) -> None:
        """Wait until all that can be done ahead for a document has been done."""
        if (doc := self._documents.get(uri)) is not None:
            await doc.rested.wait()

    # What the user did with it

    def shown(self, completion_id: str) -> None:
        """The item became visible."""
        self.statistics.counters.shown += 1
        offer = self._offers.find(completion_id)
        if offer is not None and not offer.shown.endswith(offer.text):  # else typed along
            self._resources.became("shown", offer.about, offer.text, offer.detail)
            offer.shown = offer.text
        self._showing.feedback.shown(completion_id)

    def accepted(self, completion_id: str) -> None:
        """The item was accepted."""
        self.statistics.counters.accepted += 1
        if (offer := self._offers.find(completion_id)) is not None:
            self.statistics.counters.accepted_characters += len(offer.text) - offer.accepted
            offer.accepted = len(offer.text)
            self._resources.became("accepted", offer.about, offer.text, offer.detail)

    def dismissed(self, completion_id: str) -> None:
        """The user sent the item away: what was visible of it is not offered again."""
        self.statistics.counters.dismissed += 1
        if (offer := self._offers.find(completion_id)) is not None:
            self._resources.became("dismissed", offer.about, offer.text)
        self._showing.feedback.dismissed(completion_id)
        for doc in self._documents.values():
            suggestion = doc.suggestions.find(completion_id) if completion_id else None
            if suggestion is not None:
                typed = suggestion.typed(doc.snapshot, doc.cursor)
                suggestion.dismissed_to, _ = suggestion.visible(len(typed or ""))

    def partially_accepted(self, completion_id: str, accepted_length: int) -> None:
        """`accepted_length`: code points accepted so far, cumulative."""
        self.statistics.counters.partially_accepted += 1
        if (offer := self._offers.find(completion_id)) is not None:
            so_far = max(offer.accepted, min(accepted_length, len(offer.text)))
            self.statistics.counters.accepted_characters += so_far - offer.accepted
            offer.accepted = so_far
            self._resources.became("accepted in part", offer.about, offer.text[:so_far])


_FAILURES = {
    Stop.LOST: Reason.ENGINE_DOWN,
    Stop.FAILED: Reason.FAILED,
    Stop.FULL: Reason.FULL,
    Stop.BUSY: Reason.BUSY,
    Stop.DEADLINE: Reason.DEADLINE,
    Stop.CANCELLED: Reason.STALE,
}


def _is_dismissed(suggestion: Suggestion, doc: Document) -> bool:
    """Whether what would be offered is what the user sent away."""
    typed = suggestion.typed(doc.snapshot, doc.cursor)
    return typed is not None and len(typed) < suggestion.dismissed_to


def _is_stale(answer: Answer) -> bool:
    return isinstance(answer, Empty) and answer.reason is Reason.STALE


def _fitted(snapshot: Snapshot, offset: int, text: str, final: bool) -> str | Reason:
    """Generated text as it can be offered at the cursor, or why nothing of it can."""
    left = snapshot.text[snapshot.line_start(offset) : offset]
    right = snapshot.text[offset : snapshot.line_end(offset)]
    if not text.strip():
        return Reason.END_OF_LINE if text or final else Reason.BLANK
    text = postprocess.balance(text.rstrip(), left, right)
    below = snapshot.text[offset : offset + LOOK_BELOW]
    kept = postprocess.cut_repetition(text, left, one_line_end(below))
    kept = postprocess.clean(kept, postprocess.line_ending(snapshot.text[:LOOK_BELOW]))
    if kept.strip():
        return kept
    return Reason.REPEATS_SUFFIX if text.strip() else Reason.BLANK
