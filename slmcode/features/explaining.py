"""Code explained in Markdown, as the model writes it. Nothing of it is checked, and it says so."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from slmcode.engine.job import Stop
from slmcode.features.editing import readable
from slmcode.features.outcome import Refused
from slmcode.features.reply import Writer
from slmcode.features.resources import Resources
from slmcode.features.rewriting import dedented
from slmcode.features.selection import selected
from slmcode.prompt import edit as edit_prompt
from slmcode.prompt.edit import ChatPrompt, Selected, TooLong
from slmcode.syntax.symbols import outline
from slmcode.text import Snapshot, TextRange

OnPiece = Callable[[str], None]


class Explaining:
    """Explanations of code. Event loop only."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._sequence = f"explain {uuid.uuid4()}"

    async def explain(
        self, snapshot: Snapshot, text_range: TextRange, on_piece: OnPiece = lambda piece: None
    ) -> str:
        """Explain the lines of `text_range`, or the function around an empty one, in Markdown.

        The pieces joined are the result. Raises Refused. Cancelling the task ends the model's work.
        """
        readable(snapshot)
        tree = self._resources.syntax.tree(snapshot, budget_ms=0)
        definitions = outline(tree, snapshot.text).definitions if tree is not None else ()
        start, end = selected(snapshot, text_range, definitions)
        writer = Writer(self._resources)
        text = snapshot.text
        shown = Selected(snapshot.language_id, text[:start], dedented(text[start:end]), text[end:])
        try:
            prompt = edit_prompt.explanation(
                writer.tokenizer, writer.chat, shown, n_ctx=writer.n_ctx
            )
        except TooLong as e:
            raise Refused(str(e)) from None
        sent = 0

        def on_text(answer: str) -> bool:
            nonlocal sent
            on_piece(answer[sent:])
            sent = len(answer)
            return False

        answer, stop = await writer.write(prompt, self._sequence, on_text)
        first, last = snapshot.line_at(start) + 1, snapshot.line_at(end - 1) + 1
        end_note = _note(first, last, prompt, ended=stop is Stop.END)
        if _is_open(answer):
            end_note = "\n```" + end_note
        on_piece(end_note)
        return answer + end_note


def _is_open(markdown: str) -> bool:
    """Whether a fence was opened and not closed: what follows would be code."""
    return sum(line.lstrip().startswith("```") for line in markdown.split("\n")) % 2 == 1


def _note(first: int, last: int, prompt: ChatPrompt, *, ended: bool) -> str:
    """What must be known of an explanation: who wrote it, and what it was made from."""
    lines = f"line {first}" if first == last else f"lines {first} to {last}"
    above, below = (len(text.splitlines()) for text in (prompt.above, prompt.below))
    around = f", {above} of the lines above and {below} of those below" if above or below else ""
    cut = "" if ended else " …\n\n*It was cut off here: there is a limit of tokens and of time.*"
    return (
        f"{cut}\n\n---\n*A small language model on this machine wrote this. It may be wrong: "
        f"nothing of it was checked. It saw {lines}{around}, and no other code.*\n"
    )
