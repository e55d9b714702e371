"""From a request to a running generation, and on behind what was shown.

A generation writes the visible line or block and, where the gate thinks well of that, one line
more: whoever accepts and goes on typing finds it in memory. It is carried on from there when the
cursor has come that far, at the lowest priority.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from slmcode.engine.job import Chunk, Job, Priority, Stream
from slmcode.features import postprocess
from slmcode.features.document import Account, Document, Request
from slmcode.features.launching import MAX_TYPED
from slmcode.features.proof import Found, Proof, Proofreader
from slmcode.features.resources import Resources
from slmcode.features.statistics import Statistics
from slmcode.features.suggestions import Suggestion
from slmcode.features.work_ahead import WorkAhead
from slmcode.syntax.scopes import block_indent, node_kind
from slmcode.text import Snapshot, one_line_end
from slmcode.trace import span

LOOK_BELOW = 4000  # characters behind the cursor that a repetition is looked for in
_AHEAD_TOKENS = 64  # longest piece generated behind what is visible
_LINES_AHEAD = 1
_DRAFT_CHARS = 400  # of the suggestion the user typed away from

# Whether what is visible at the cursor is likely enough to go on behind it.
Likely = Callable[[Snapshot, int, Suggestion], bool]


class Generations:
    """Starts generations and takes in their text."""

    def __init__(
        self, resources: Resources, ahead: WorkAhead, statistics: Statistics, likely: Likely
    ) -> None:
        self._resources = resources
        self._ahead = ahead
        self._statistics = statistics
        self._likely = likely
        self._proofreader = Proofreader(resources)

    def start(
        self, doc: Document, request: Request, account: Account | None, branch: int = 0
    ) -> Suggestion:
        """Break off what runs, build the prompt and start the model on it.

        `account` is told what it cost. `branch` > 0 is for alternatives: the first free token is
        that many ranks below the best.
        """
        anchors, engine, model = (
            self._resources.anchors,
            self._resources.engine,
            self._resources.model,
        )
        assert anchors is not None
        assert engine is not None
        assert model is not None
        snapshot, offset = request.snapshot, request.offset
        config = self._resources.config
        if doc.running is not None:
            doc.running.break_off()
        with span("prompt") as prompt_span:
            anchor, is_new = self._ahead.anchor_for(doc, snapshot, offset, request.invoked)
            if is_new:
                prompt_span.set(anchor="new")
            if chunks := anchor.head.context.chunks:
                prompt_span.set(chunks=", ".join(f"{c.path}:{c.line + 1}" for c in chunks))
            prompt = anchors.prompt(anchor, snapshot, offset)
            start = offset - len(prompt.heal_text)
            suggestion = Suggestion(
                before=anchor.head.prefix + snapshot.text[anchor.offset : start],
                suffix=anchor.head.suffix,
                context=anchor.head.context,
                start=start,
                asked_at=len(one_line_end(snapshot.text[start:offset])),
                stream=engine.stream(
                    Job(
                        sequence=anchor.sequence,
                        tokens=prompt.tokens,
                        priority=Priority.COMPLETION,
                        heal=prompt.heal,
                        max_tokens=config.max_tokens,
                        stop_lines=config.max_lines + 1,
                        draft=model.tokenizer.encode(doc.suggestions.newest_text[:_DRAFT_CHARS]),
                        branch=branch,
                    )
                ),
            )
            # The engine is at work; what decides where to stop is found out meanwhile.
            tree = self._resources.syntax.tree(snapshot)
            suggestion.node = node_kind(tree, offset)
            suggestion.block = block_indent(tree, snapshot, offset)
            if suggestion.block is None and request.invoked:
                # The user asked: go on as long as the indentation does not fall.
                suggestion.block = (
                    postprocess.columns(snapshot.text[snapshot.line_start(offset) : offset] + "x")
                    - 1
                )
            prompt_span.set(tokens=len(prompt.tokens), multi_line=suggestion.block is not None)
        doc.suggestions.hold(suggestion, newest=branch == 0)
        doc.running = suggestion
        doc.explain_prompt = partial(anchors.pieces, anchor, prompt, snapshot, offset)
        at = suggestion.asked_at
        proof = self._proofreader.begin(
            suggestion, anchor, snapshot, offset, at, may_send_back=True
        )
        self._resources.spawn(self._collect(doc, suggestion, request, account, proof))
        return suggestion

    async def _collect(
        self,
        doc: Document,
        suggestion: Suggestion,
        request: Request,
        account: Account | None,
        proof: Proof | None,
    ) -> None:
        """Take in the text of a generation and end it where enough is known."""
        snapshot, offset = request.snapshot, request.offset
        after = one_line_end(snapshot.text[offset : offset + LOOK_BELOW])
        typed_n = suggestion.asked_at
        stream = suggestion.stream
        async for chunk in stream:
            if not suggestion.running or suggestion.stream is not stream:
                continue
            suggestion.add(chunk)
            if proof is not None and self._is_sent_back(suggestion, proof, chunk):
                self._resources.spawn(self._collect(doc, suggestion, request, account, proof))
            if not suggestion.running or suggestion.stream is not stream:
                continue
            if suggestion.block is not None and suggestion.block_end is None:
                end = postprocess.complete_block(
                    suggestion.text[typed_n:],
                    suggestion.block,
                    snapshot.language_id,
                    after,
                    self._resources.config.max_lines,
                )
                if end is not None:
                    suggestion.block_end = typed_n + end
                    suggestion.wake()
            if self._enough(doc, suggestion):
                stream.cancel()
                suggestion.end()
        ended_itself = suggestion.running and suggestion.stream is stream
        if proof is not None and ended_itself and self._is_sent_back(suggestion, proof, None):
            self._resources.spawn(self._collect(doc, suggestion, request, account, proof))
        self._ended(suggestion, stream)
        if stream.done is not None and account is not None:
            account.timings = stream.done.timings
            account.span.set(**msgspec.structs.asdict(account.timings), stop=stream.done.stop.value)

    def _is_sent_back(self, suggestion: Suggestion, proof: Proof, chunk: Chunk | None) -> bool:
        """Look for unknown names; whether the text was cut and another stream goes on with it.

        `chunk` is what came last, None at the end of the text.
        """
        if chunk is not None and not proof.likely(suggestion, chunk):
            return False
        if proof.read(suggestion, final=chunk is None) is not Found.SENT_BACK:
            return False
        engine = self._resources.engine
        assert engine is not None
        job, spelled = proof.job(self._resources)
        suggestion.write_on(engine.stream(job), spelled)
        return True

    def _enough(self, doc: Document, suggestion: Suggestion) -> bool:
        """Whether the visible text is complete and nothing behind it is wanted."""
        typed = suggestion.typed(doc.snapshot, doc.cursor)
        if typed is None:
            return False  # the next request breaks it off, or the user takes the key back
        _, settled = suggestion.visible(len(typed))
        if not settled:
            return False
        if suggestion.goes_on:
            return suggestion.lines_ahead(len(typed)) >= _LINES_AHEAD
        suggestion.goes_on = self._worth_going_on(doc, suggestion)
        return not suggestion.goes_on

    def _worth_going_on(self, doc: Document, suggestion: Suggestion) -> bool:
        """Whether the user is likely to come to the text behind what is visible."""
        return self._ahead.allowed() and self._likely(doc.snapshot, doc.cursor, suggestion)

    def go_on(self, doc: Document, suggestion: Suggestion) -> None:
        """Generate behind what is visible at the cursor, if that is worth it."""
        resources = self._resources
        anchors, engine, anchor = resources.anchors, resources.engine, doc.anchor
        if suggestion.running or anchors is None or engine is None or anchor is None:
            return
        if suggestion.unknown:
            return  # the same would be written again
        typed = suggestion.typed(doc.snapshot, doc.cursor)
        if typed is None or suggestion.lines_ahead(len(typed)) >= _LINES_AHEAD:
            return
        if not anchor.holds(doc.snapshot, doc.cursor):
            return
        rest = suggestion.text[len(typed) :]
        behind = doc.cursor - anchor.offset + len(rest)
        if not rest or behind > MAX_TYPED or not self._worth_going_on(doc, suggestion):
            return
        prompt = anchors.prompt_behind(anchor, doc.snapshot, doc.cursor, rest)
        # One line end is the visible line's own, unless it stands there already.
        n_ends = 2 if suggestion.text.find("\n", len(typed)) < 0 else 1
        job = Job(
            sequence=anchor.sequence,
            tokens=prompt.tokens,
            priority=Priority.WARM,
            heal=prompt.heal,
            max_tokens=_AHEAD_TOKENS,
            stop_lines=n_ends,
        )
        suggestion.go_on(engine.stream(job), len(prompt.heal))
        doc.running = suggestion
        proof = self._proofreader.begin(
            suggestion, anchor, doc.snapshot, doc.cursor, len(typed), may_send_back=False
        )
        resources.spawn(self._collect_more(suggestion, proof))

    async def _collect_more(self, suggestion: Suggestion, proof: Proof | None) -> None:
        stream = suggestion.stream
        async for chunk in stream:
            if suggestion.running and suggestion.stream is stream:
                suggestion.add(chunk)
                if proof is not None:
                    proof.read(suggestion, final=False)
        if proof is not None and suggestion.running and suggestion.stream is stream:
            proof.read(suggestion, final=True)
        self._ended(suggestion, stream)

    def _ended(self, suggestion: Suggestion, stream: Stream) -> None:
        """A stream has ended, by itself or because it was cancelled."""
        if stream.done is None:
            return
        timings = stream.done.timings
        self._ahead.learn(timings)
        self._statistics.generated(timings)
        if suggestion.stream is stream:
            suggestion.done = stream.done
            if suggestion.running:
                suggestion.end()
