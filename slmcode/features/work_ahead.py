"""Work done before anybody asks: prompts evaluated where the cursor rests, anchors moved along.

    cursor rests      a small prompt at once (`_REST_PREFILL_MS`): the next key finds it done
    700 ms idle       a larger one (`_IDLE_PREFILL_MS`) on the document's second sequence
    700 ms more       the full one, with what the workspace has to say (`features.project`);
                      each is swapped in when it is read

Everything here runs at the lowest priority, is broken off by any request, and rests on battery and
while other programs keep the processor busy (setting `work_ahead`).
"""

from __future__ import annotations

import asyncio
import time
import uuid

import psutil

from slmcode.engine.job import Job, Priority, Stop, Timings
from slmcode.features.anchors import Anchor, Budget
from slmcode.features.document import Document
from slmcode.features.refusal import refusal
from slmcode.features.resources import Resources
from slmcode.prompt import context
from slmcode.prompt.context import Context
from slmcode.text import Snapshot

_CAUGHT_UP = 2  # tokens a swap of anchors may leave to the next key
_HOT_PREFILL_MS = 600.0  # prompt budget of a request while typing that found nothing warm
_REST_PREFILL_MS = 550.0  # where a cursor has just come to rest: the next key may come after 700
_IDLE_PREFILL_MS = 1300.0  # in a first pause: whoever looks at a place types after two seconds
_SMALL = 0.6  # of the size for a first pause: a smaller prompt is brought to that, others to full
_INVOKED_PREFILL_MS = 1700.0  # of a request by command
_NEAR = 4  # documents that are worked ahead for: each may have two of the engine's sequences
_LOOK_AT_POWER_S = 5.0  # battery and load are asked for this often
_BUSY_LOAD = 3.0  # runnable processes a core; the engine itself is one of them


class WorkAhead:
    """Anchors of documents: made, warmed, swapped."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._prefill_ms = 10.0  # a prompt token, learned from the engine's timings
        self._session = uuid.uuid4().hex[:8]  # two servers may have the same document open
        self._power = Power()
        self._active: Document | None = None  # the one last worked in
        self._near: list[Document] = []  # those last opened or worked in, the latest last

    def allowed(self) -> bool:
        """Whether work that nobody has asked for may be done now."""
        return self._power.allows(self._resources.config.work_ahead)

    def learn(self, timings: Timings) -> None:
        """Take in what prompt tokens cost."""
        if timings.prompt_n >= 16:
            self._prefill_ms += 0.3 * (timings.prompt_ms / timings.prompt_n - self._prefill_ms)

    def anchor_for(
        self, doc: Document, snapshot: Snapshot, offset: int, invoked: bool
    ) -> tuple[Anchor, bool]:
        """The anchor for a request there, and whether it had to be made."""
        self._active = doc
        if doc.anchor is not None and doc.anchor.holds(snapshot, offset):
            return doc.anchor, False
        self.stop(doc)
        budget = self._budget(_INVOKED_PREFILL_MS if invoked else _HOT_PREFILL_MS)
        doc.anchor = self._make_anchor(doc, snapshot, offset, budget)
        return doc.anchor, True

    def cursor_rests(self, doc: Document) -> None:
        """Evaluate the prompt that will be asked for where the cursor is."""
        came_back, self._active = self._active is not doc, doc
        anchor = doc.anchor
        if anchor is None or not anchor.holds(doc.snapshot, doc.cursor):
            if refusal(self._resources, doc.snapshot, doc.cursor, invoked=False) is None:
                self._warm(doc, self._budget(_REST_PREFILL_MS))
        elif came_back and self.allowed():
            # Its keys and values may have given way to those of other documents.
            self.stop(doc)
            doc.warming = self._resources.spawn(self._warm_up(doc, anchor))

    def is_near(self, doc: Document) -> bool:
        """Whether it is one of the few that are worked ahead for."""
        return doc in self._near

    def forget(self, doc: Document) -> None:
        """The document was closed."""
        self._active = None if self._active is doc else self._active
        if doc in self._near:
            self._near.remove(doc)

    def plan(self, doc: Document) -> None:
        """The user is here: (re)start the idle clock, and stop that of who was here long ago.

        An editor may open hundreds of documents at once. There is neither time to read all of them
        nor memory to keep what was read.
        """
        if not self._near or self._near[-1] is not doc:
            self._near = [*(d for d in self._near if d is not doc), doc]
            if len(self._near) > _NEAR:
                self._rest(self._near.pop(0))
        self._wait(doc)

    def look_again(self, doc: Document) -> None:
        """There may be more to do for it than there was."""
        if self.is_near(doc):
            self._wait(doc)

    def _rest(self, doc: Document) -> None:
        if doc.idle is not None:
            doc.idle.cancel()
            doc.idle = None
        self.stop(doc)
        doc.rested.set()

    def _wait(self, doc: Document) -> None:
        if doc.idle is not None:
            doc.idle.cancel()
        doc.rested.clear()
        loop = asyncio.get_running_loop()
        doc.idle = loop.call_later(self._resources.config.idle_ms / 1e3, self.idle, doc)

    def idle(self, doc: Document) -> None:
        """Nothing was typed for a while: bring the anchor up to the cursor's line, and in size."""
        if doc.running is not None and doc.running.running:
            self._wait(doc)
            return
        if refusal(self._resources, doc.snapshot, doc.cursor, invoked=True) is not None:
            doc.rested.set()
            return
        if doc.warming is not None and not doc.warming.done():
            self._wait(doc)  # the small prompt first
            return
        self._resources.syntax.tree(doc.snapshot, budget_ms=0)  # exact again, whatever it takes
        if self._resources.project is not None:
            self._resources.project.rests(doc.snapshot)
        full, step = self._full_budget(), self._budget(_IDLE_PREFILL_MS)
        anchor = doc.anchor
        if not self.allowed():
            doc.rested.set()
        elif (
            anchor is None
            or not anchor.holds(doc.snapshot, doc.cursor)
            or anchor.budget.total < _SMALL * step.total
        ):
            self._warm(doc, step)
        else:
            found = self._context(doc, anchor.head.context)
            here = anchor.offset == doc.snapshot.line_start(doc.cursor)
            if anchor.budget != full or not here or found != anchor.head.context:
                self._warm(doc, full, found)
            else:
                doc.rested.set()

    def stop(self, doc: Document) -> None:
        """Break off what is being warmed."""
        if doc.warming is not None:
            doc.warming.cancel()
            doc.warming = None

    def _full_budget(self) -> Budget:
        config = self._resources.config
        return Budget(config.prefix_tokens, config.suffix_tokens)

    def _budget(self, prefill_ms: float) -> Budget:
        """The prompt this machine can evaluate in `prefill_ms`, at most that of the settings."""
        return self._full_budget().at_most(int(prefill_ms / self._prefill_ms))

    def _context(self, doc: Document, before: Context) -> Context:
        """What other files have to say at the cursor."""
        project, model = self._resources.project, self._resources.model
        if project is None or model is None:
            return context.NONE
        return project.context(
            model.tokenizer, model.fim, doc.snapshot, doc.cursor, self._full_budget(), before
        )

    def _make_anchor(
        self,
        doc: Document,
        snapshot: Snapshot,
        offset: int,
        budget: Budget,
        found: Context | None = None,
    ) -> Anchor:
        """A new anchor on the sequence that the current one does not use.

        Its context is that of the current one, which the engine knows, unless `found` is given.
        The first one of all has what costs nothing to find.
        """
        anchors, project, model = (
            self._resources.anchors,
            self._resources.project,
            self._resources.model,
        )
        assert anchors is not None
        if found is None and doc.anchor is None and project is not None and model is not None:
            found = project.first_context(model.tokenizer, model.fim, snapshot, budget)
        doc.n_anchors += 1
        sequence = f"{self._session} {snapshot.uri} {doc.n_anchors % 2}"
        return anchors.make(snapshot, offset, budget, sequence, doc.anchor, found)

    def _warm(self, doc: Document, budget: Budget, found: Context | None = None) -> None:
        """Evaluate the prompt of a new anchor in the background; swap to it when it is ready."""
        if not self.allowed():
            return
        self.stop(doc)
        anchor = self._make_anchor(doc, doc.snapshot, doc.cursor, budget, found)
        if doc.anchor is None or not doc.anchor.holds(doc.snapshot, doc.cursor):
            doc.anchor = anchor  # nothing to lose: a request can join the evaluation at once
        doc.warming = self._resources.spawn(self._warm_up(doc, anchor))

    async def _warm_up(self, doc: Document, anchor: Anchor) -> None:
        """Evaluate the anchor's prompt and what is typed meanwhile; swap when all of it is read."""
        engine, anchors = self._resources.engine, self._resources.anchors
        assert engine is not None
        assert anchors is not None
        evaluated_n = 0
        while anchor.holds(doc.snapshot, doc.cursor):
            prompt = anchors.prompt(anchor, doc.snapshot, doc.cursor)
            if len(prompt.tokens) <= evaluated_n + _CAUGHT_UP:
                doc.anchor = anchor
                self._wait(doc)  # the next step, unless something is typed
                return
            job = Job(sequence=anchor.sequence, tokens=prompt.tokens, priority=Priority.WARM)
            with self._resources.request("completion", doc.snapshot.uri):
                stream = engine.stream(job)
            try:
                async for _ in stream:
                    pass
            except asyncio.CancelledError:
                stream.cancel()
                raise
            if stream.done is None or stream.done.stop is not Stop.LENGTH:
                doc.rested.set()
                return
            self.learn(stream.done.timings)
            evaluated_n = len(prompt.tokens)


class Power:
    """Whether the machine has strength to spare. Asked at most every `_LOOK_AT_POWER_S`."""

    def __init__(self) -> None:
        self._looked_at = -_LOOK_AT_POWER_S
        self._spare = True

    def allows(self, setting: str) -> bool:
        """What the setting `work_ahead` says now."""
        if setting != "auto":
            return setting == "always"
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AT_POWER_S:
            self._looked_at = now
            self._spare = not on_battery() and not busy()
        return self._spare


def on_battery() -> bool:
    """Whether the machine runs on its battery; False where nobody can tell."""
    read = getattr(psutil, "sensors_battery", None)  # not on every system
    battery = read() if read is not None else None
    return battery is not None and battery.power_plugged is False


def busy() -> bool:
    """Whether far more processes want to run than there are cores."""
    return bool(psutil.getloadavg()[0] > _BUSY_LOAD * (psutil.cpu_count() or 1))
