"""Code rewritten by an instruction, and never shown unchecked.

The model is shown the selected lines and what stands around them, and answers with the lines after
the edit. The lines it is to rewrite are the draft for speculation, so what stays costs little. The
answer is put into a copy of the document, and `contract` says whether the copy keeps what every
edit must keep. If not the model is asked once more, with the fault in the prompt and without the
code around, which the 0.5B model at times gives back; if that fails too the edit is refused with
the fault as its reason.
"""

from __future__ import annotations

import uuid
from functools import partial

import msgspec

from slmcode.engine.job import Stop
from slmcode.features import contract, rewriting
from slmcode.features.contract import State
from slmcode.features.launching import engine_options
from slmcode.features.outcome import Edited, Refused, Verdict
from slmcode.features.reply import LIMIT_S, OnProgress, Writer
from slmcode.features.resources import Resources
from slmcode.features.selection import selected
from slmcode.prompt import edit as edit_prompt
from slmcode.prompt.edit import Selected, TooLong
from slmcode.syntax.parser import MAX_CHARS
from slmcode.syntax.symbols import Definition, Outline, outline
from slmcode.text import Edit, Snapshot, TextRange

_TRIES = 2
_TITLE = 60  # characters
_INSTRUCTION = 1000
_CHARS_PER_TOKEN_OF_CONTEXT = 1.2  # of code that fits, with its answer
_NOTHING = Outline((), ())


class Editing:
    """Edits by instruction. Event loop only."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._sequence = f"edit {uuid.uuid4()}"
        self._outlined: tuple[Snapshot, Outline] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether there is a model that can be asked just now."""
        try:
            Writer(self._resources)
        except Refused:
            return False
        return True

    def lines(self, snapshot: Snapshot, text_range: TextRange) -> TextRange | None:
        """The lines that `edit` would rewrite for `text_range`; None where it would refuse."""
        try:
            readable(snapshot)
            return selected(snapshot, text_range, self._outline(snapshot).definitions)
        except Refused:
            return None

    def first_definition(self, snapshot: Snapshot, lines: TextRange) -> Definition | None:
        """The first definition that begins in the lines."""
        definitions = self._outline(snapshot).definitions
        return next((d for d in definitions if lines.start <= d.start < lines.end), None)

    def lines_around(self, snapshot: Snapshot, text_range: TextRange) -> TextRange | None:
        """The lines of the function in which the range begins, else those of the range itself.

        The latter too where the function is likely too long. None where `edit` would refuse both.
        """
        start, end = text_range
        function = self.lines(snapshot, TextRange(start, start))
        most = engine_options(self._resources.config).n_ctx_seq * _CHARS_PER_TOKEN_OF_CONTEXT
        if function is not None and function.end - function.start <= most:
            return function
        return self.lines(snapshot, TextRange(snapshot.line_start(start), snapshot.line_end(end)))

    async def edit(
        self,
        snapshot: Snapshot,
        text_range: TextRange,
        instruction: str,
        on_progress: OnProgress = lambda tokens: None,
    ) -> Edited:
        """Rewrite the lines of `text_range`, or the function around an empty one.

        Never raises; what cannot be done is refused. Cancelling the task ends the model's work. A
        newer edit refuses the one under way.
        """
        instruction = " ".join(instruction.split())
        title = instruction if len(instruction) <= _TITLE else instruction[: _TITLE - 1] + "…"
        lines = TextRange(text_range.start, text_range.start)
        try:
            before = self._state(snapshot, text_range, instruction)
            lines = before.lines
            after = await self._rewrite(before, instruction, on_progress)
        except (Refused, TooLong) as e:
            return Edited(lines, None, Verdict.REFUSED, str(e), title)
        new_text = after.snapshot.text[slice(*after.lines)]
        reason = contract.kept(after, instruction)
        return Edited(lines, new_text, Verdict.NOT_VERIFIED, reason, title)

    def _state(self, snapshot: Snapshot, text_range: TextRange, instruction: str) -> State:
        """The document before the edit. Raises Refused."""
        if not instruction:
            raise Refused("there is no instruction")
        if len(instruction) > _INSTRUCTION:
            raise Refused(
                f"the instruction has {len(instruction):,} characters; at most {_INSTRUCTION:,} fit"
            )
        readable(snapshot)
        tree = self._resources.syntax.tree(snapshot, budget_ms=0)
        found = outline(tree, snapshot.text) if tree is not None else _NOTHING
        return State(snapshot, selected(snapshot, text_range, found.definitions), tree, found)

    async def _rewrite(self, before: State, instruction: str, on_progress: OnProgress) -> State:
        """The document after an edit that keeps the contract. Raises Refused or TooLong."""
        writer = Writer(self._resources, on_progress)
        (start, end), text = before.lines, before.snapshot.text
        old = text[start:end]
        code = rewriting.dedented(old)
        shown = Selected(before.snapshot.language_id, text[:start], code, text[end:])
        fault = ""
        for _ in range(_TRIES):
            try:
                prompt = edit_prompt.edit(
                    writer.tokenizer,
                    writer.chat,
                    shown,
                    instruction,
                    fault=fault,
                    n_ctx=writer.n_ctx,
                )
            except TooLong:
                if fault:
                    break  # there is no room to tell it
                raise
            is_closed = partial(rewriting.is_closed, fence=prompt.fence)
            answer, stop = await writer.write(prompt, self._sequence, is_closed, draft=code)
            if stop is Stop.DEADLINE:
                raise Refused(f"it took longer than {LIMIT_S:.0f} s")
            if stop is Stop.LENGTH:
                fault = f"it is longer than {prompt.max_tokens} tokens"
                continue
            after = self._after(before, rewriting.code_of(answer, prompt.fence), old)
            fault = contract.fault(before, after, instruction)
            if not fault:
                return after
            shown = msgspec.structs.replace(shown, above="", below="")
        raise Refused(f"the model's answer was not right: {fault}")

    def _outline(self, snapshot: Snapshot) -> Outline:
        """The document's outline, which is asked for again and again while a cursor moves."""
        if self._outlined is None or self._outlined[0] is not snapshot:
            tree = self._resources.syntax.tree(snapshot)
            found = outline(tree, snapshot.text) if tree is not None else _NOTHING
            self._outlined = (snapshot, found)
        return self._outlined[1]

    def _after(self, before: State, code: str, old: str) -> State:
        """The document with the code in place of the lines."""
        snapshot, lines = before.snapshot, before.lines
        new = rewriting.rewritten(old, code)
        changed = snapshot.apply(Edit(lines, new), snapshot.version)
        tree = self._resources.syntax.tree(changed, budget_ms=0)
        found = outline(tree, changed.text) if tree is not None else _NOTHING
        return State(changed, TextRange(lines.start, lines.start + len(new)), tree, found)


def readable(snapshot: Snapshot) -> None:
    """Raises Refused for a document that nobody should edit or explain by a model."""
    text = snapshot.text
    if not text.strip():
        raise Refused("the document is empty")
    if len(text) > MAX_CHARS:
        raise Refused(f"the document has {len(text):,} characters; at most {MAX_CHARS:,} can be")
    if "\0" in text:
        raise Refused("this is a binary file")
