"""Lines rewritten by a model, and never shown unchecked.

The model is shown the lines and what stands around them, and answers with the lines after the edit.
The lines it is to rewrite are the draft for speculation, so what stays costs little. The answer is
put into a copy of the document, and the action's contract judges the copy. If it is broken the
model is asked once more, with the fault in the prompt and without the code around, which small
models at times give back; if that fails too the edit is refused with the fault as its reason.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence

import msgspec

from slmcode.engine.job import Stop
from slmcode.features.edits import actions, importing, rewriting
from slmcode.features.edits.actions import Action
from slmcode.features.edits.contracts import contract
from slmcode.features.edits.contracts.base import (
    NOTHING,
    Asked,
    Contract,
    Diagnostic,
    State,
    state,
)
from slmcode.features.edits.forms import form
from slmcode.features.edits.outcome import Change, Judgement, Outcome, Refused, refused
from slmcode.features.edits.place import place_of
from slmcode.features.edits.reply import OnProgress, Writer, open_writer
from slmcode.features.edits.rewriting import hunks
from slmcode.features.edits.selection import selected
from slmcode.features.resources import Resources
from slmcode.index.secrets import mask
from slmcode.prompt import edit as edit_prompt
from slmcode.prompt.edit import Selected, TooLong
from slmcode.syntax.parser import MAX_CHARS
from slmcode.syntax.symbols import Definition, Outline, outline
from slmcode.text import Edit, Snapshot, TextRange

_TRIES = 2
_INSTRUCTION = 4000  # characters
_UNSURE = 0.25  # confidence; below it the user is told
_AROUND = 16_000  # characters on either side that a prompt is cut from; a key is shorter
_CHARS_PER_TOKEN = 3.0  # of code, with room for its answer twice


class _Tried:
    """An edit on its way."""

    def __init__(self) -> None:
        self.n = 0
        self.confidence: float | None = None


class Editing:
    """Edits of lines. Event loop only."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._sequence = f"edit {uuid.uuid4()}"
        self._outlined: tuple[Snapshot, Outline] | None = None

    def lines(self, snapshot: Snapshot, text_range: TextRange) -> TextRange | None:
        """The lines that `edit` would rewrite for `text_range`; None where it would refuse."""
        try:
            readable(snapshot)
            return selected(snapshot, text_range, self.outline(snapshot).definitions)
        except Refused:
            return None

    def first_definition(self, snapshot: Snapshot, lines: TextRange) -> Definition | None:
        """The first definition that begins in the lines."""
        definitions = self.outline(snapshot).definitions
        return next((d for d in definitions if lines.start <= d.start < lines.end), None)

    def lines_around(self, snapshot: Snapshot, text_range: TextRange) -> TextRange | None:
        """The lines of the function in which the range begins, else those of the range itself.

        The latter too where the function is likely too long. None where `edit` would refuse both.
        """
        start, end = text_range
        function = self.lines(snapshot, TextRange(start, start))
        most = self._resources.config.edit_tokens / 2 * _CHARS_PER_TOKEN
        if function is not None and function.end - function.start <= most:
            return function
        return self.lines(snapshot, TextRange(snapshot.line_start(start), snapshot.line_end(end)))

    async def edit(
        self,
        snapshot: Snapshot,
        text_range: TextRange,
        action: Action,
        on_progress: OnProgress = lambda tokens: None,
        diagnostic: Diagnostic | None = None,
    ) -> Outcome:
        """Rewrite the lines of `text_range`, or the function around an empty one.

        Never raises; what cannot be done is refused. Cancelling the task ends the model's work. A
        newer edit refuses the one under way.
        """
        promised = contract(action.contract)
        asked = Asked(action.instruction, place_of(self._resources, snapshot), diagnostic)
        tried = _Tried()
        writer: Writer | None = None
        try:
            if not action.instruction:
                raise Refused("there is no instruction")
            if (n := len(action.instruction)) > _INSTRUCTION:
                raise Refused(f"the instruction has {n:,} characters; at most {_INSTRUCTION:,} fit")
            readable(snapshot)
            lines = self._lines(snapshot, text_range, action)
            before = state(self._resources.syntax, snapshot, lines)
            writer = await open_writer(self._resources, on_progress)
            after, judgement = await self._rewrite(before, action, asked, promised, writer, tried)
        except (Refused, TooLong) as e:
            nothing = refused(action.title, str(e), promised.name)
            if writer is None:
                return nothing
            return dataclasses.replace(
                nothing,
                model=writer.model.name,
                confidence=tried.confidence,
                tries=tried.n,
                spent=writer.spent,
            )
        reasons = [judgement.checked]
        if tried.confidence is not None and tried.confidence < _UNSURE:
            reasons.append("the model was not sure of it")
        if writer.model.note:
            reasons.append(writer.model.note)
        edits = hunks(0, snapshot.text, after.snapshot.text)
        return Outcome(
            action.title,
            judgement.verdict,
            "; ".join(reasons),
            promised.name,
            (Change(snapshot.uri, snapshot, tuple(edits)),),
            writer.model.name,
            tried.confidence,
            tried.n,
            writer.spent,
        )

    async def _rewrite(
        self,
        before: State,
        action: Action,
        asked: Asked,
        promised: Contract,
        writer: Writer,
        tried: _Tried,
    ) -> tuple[State, Judgement]:
        """The document after an edit that keeps its contract. Raises Refused or TooLong."""
        model = writer.model
        code = rewriting.dedented(before.code)
        shown = _shown(before.snapshot, before.lines)
        asks = form(action.id, before, edit_prompt.fence_around(code))
        fault = ""
        while tried.n < _TRIES:
            try:
                prompt = edit_prompt.edit(
                    model.tokenizer,
                    model.chat,
                    shown,
                    asked.instruction,
                    fault=fault,
                    begun=asks.begun,
                    most=asks.most,
                    n_ctx=model.n_ctx,
                )
            except TooLong:
                if fault:
                    break  # there is no room to tell it
                raise
            tried.n += 1
            answer = await writer.write(prompt, self._sequence, asks.is_closed, draft=asks.draft)
            tried.confidence = answer.confidence
            if answer.stop is Stop.DEADLINE:
                raise Refused(f"it took longer than {writer.limit_s:.0f} s (edit_limit_s)")
            if answer.stop is Stop.LENGTH:
                fault = f"it is longer than {prompt.max_tokens} tokens"
                continue
            after = self._after(before, asks.edits(answer.text))
            judgement = await self._judged(before, after, asked, promised)
            if not judgement.fault:
                return after, judgement
            fault = judgement.fault
            shown = msgspec.structs.replace(shown, above="", below="")
        raise Refused(f"the model's answer was not right: {fault}")

    def _lines(self, snapshot: Snapshot, text_range: TextRange, action: Action) -> TextRange:
        """The lines the action is about: a part of a definition stands for it where it needs one.

        Raises Refused.
        """
        definitions = self.outline(snapshot).definitions
        lines = selected(snapshot, text_range, definitions)
        if action.id in actions.OF_DEFINITIONS and not self.first_definition(snapshot, lines):
            lines = selected(snapshot, TextRange(lines.start, lines.start), definitions)
        return lines

    async def warm(
        self, snapshot: Snapshot, text_range: TextRange, likely: Sequence[Action]
    ) -> None:
        """Have the model read what edits of these lines begin with, before one is asked for.

        A user who opens the menu or the box for an instruction takes a second to choose. Does
        nothing where the edit would be refused.
        """
        try:
            readable(snapshot)
            lines = selected(snapshot, text_range, self.outline(snapshot).definitions)
            writer = await open_writer(self._resources)
            model = writer.model
            shown = _shown(snapshot, lines)
            prompts = [
                edit_prompt.edit(
                    model.tokenizer, model.chat, shown, action.instruction, n_ctx=model.n_ctx
                )
                for action in likely
            ]
        except (Refused, TooLong):
            return
        await writer.warm(edit_prompt.beginning(prompts), self._sequence)

    async def _judged(
        self, before: State, after: State, asked: Asked, promised: Contract
    ) -> Judgement:
        """What the contract says; benchmarks listen here."""
        return await promised.judge(before, after, asked)

    def outline(self, snapshot: Snapshot) -> Outline:
        """The document's outline, which is asked for again and again while a cursor moves."""
        if self._outlined is None or self._outlined[0] is not snapshot:
            tree = self._resources.syntax.tree(snapshot)
            found = outline(tree, snapshot.text) if tree is not None else NOTHING
            self._outlined = (snapshot, found)
        return self._outlined[1]

    def _after(self, before: State, edits: Sequence[Edit]) -> State:
        """The document after the edits, with the lines where they have moved to."""
        changed = before.snapshot
        for edit in reversed(edits):
            changed = changed.apply(edit, changed.version)
        (start, end), above, inside = before.lines, 0, 0
        for where, new_text in edits:
            grown = len(new_text) - (where.end - where.start)
            if where.start < start:
                above += grown
            else:
                inside += grown
        lines = TextRange(start + above, end + above + inside)
        if changed.language_id == "python":
            added = importing.forgotten(before.snapshot.text, changed)
            if added is not None:
                changed = changed.apply(added, changed.version)
                n, is_above = len(added.new_text), added.range.start < lines.start
                lines = TextRange(lines.start + n * is_above, lines.end + n)
        return state(self._resources.syntax, changed, lines)


def _shown(snapshot: Snapshot, lines: TextRange) -> Selected:
    """What the model sees: the lines as they are, as it must give them back; secrets around them
    masked.
    """
    text, (start, end) = snapshot.text, lines
    code = rewriting.dedented(text[start:end])
    above, below = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    return Selected(snapshot.language_id, mask(above), code, mask(below))


def readable(snapshot: Snapshot) -> None:
    """Raises Refused for a document that nobody should edit or explain by a model."""
    text = snapshot.text
    if not text.strip():
        raise Refused("the document is empty")
    if len(text) > MAX_CHARS:
        raise Refused(f"the document has {len(text):,} characters; at most {MAX_CHARS:,} can be")
    if "\0" in text:
        raise Refused("this is a binary file")
