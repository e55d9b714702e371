"""Code, problems and stack traces explained in Markdown, each sentence with its place in the code.

The model is shown numbered lines of the code in question and of what it uses and is used by
(`evidence`). What it writes is cut into sentences, and each is sent when it was checked (`claims`).
Of a trace the first part is made by rules: where each frame is in the workspace, and the code of
the innermost one.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

from slmcode.engine.job import Stop
from slmcode.features.edits.claims import Claims, Sentences, is_block, link, plain
from slmcode.features.edits.contracts.base import NOTHING, Diagnostic
from slmcode.features.edits.editing import readable
from slmcode.features.edits.evidence import Evidence, Mapped, apart
from slmcode.features.edits.frames import Frame, Trace, traces
from slmcode.features.edits.outcome import Refused
from slmcode.features.edits.reply import open_writer
from slmcode.features.edits.selection import selected, whole_lines
from slmcode.features.project import Folder
from slmcode.features.resources import Resources
from slmcode.index.secrets import mask
from slmcode.prompt.edit import TooLong, fence_around, name_behind_fence
from slmcode.prompt.explaining import REPLY, Source, explanation
from slmcode.syntax.languages import language_of_path
from slmcode.syntax.symbols import Definition, outline
from slmcode.text import Snapshot, TextRange

OnPiece = Callable[[str], None]

_BUDGET = 700  # tokens of other code than that in question
_SOURCES = 9
_MESSAGE = 500  # characters of a problem or an error
_TRACES = 4  # of one text that are shown, the last ones
_FIRST_ROWS, _LAST_ROWS = 4, 20  # of a trace
_MAPPED = 400  # frames that are looked up, innermost first
_FRAMES = 4  # of the workspace that the model is shown


class _Page:
    """The answer, sent piece by piece."""

    def __init__(self, on_piece: OnPiece) -> None:
        self.text = ""
        self._on_piece = on_piece

    def add(self, piece: str) -> None:
        if piece:
            self.text += piece
            self._on_piece(piece)


class Explaining:
    """Explanations of code. Event loop only."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._sequence = f"explain {uuid.uuid4()}"

    async def explain(
        self,
        snapshot: Snapshot,
        text_range: TextRange,
        on_piece: OnPiece = lambda piece: None,
        diagnostic: Diagnostic | None = None,
    ) -> str:
        """Explain the lines of `text_range`, or the function around an empty one, in Markdown.

        With `diagnostic` that problem is explained, in the function around it. The pieces joined
        are the result. Raises Refused. Cancelling the task ends the model's work.
        """
        with self._resources.request("explanation", snapshot.uri) as about:
            text = await self._explain(snapshot, text_range, on_piece, diagnostic)
        self._resources.became("answered", about, text)
        return text

    async def _explain(
        self,
        snapshot: Snapshot,
        text_range: TextRange,
        on_piece: OnPiece,
        diagnostic: Diagnostic | None,
    ) -> str:
        readable(snapshot)
        tree = self._resources.syntax.tree(snapshot, budget_ms=0)
        found = outline(tree, snapshot.text) if tree is not None else NOTHING
        question = "Explain what the code of [1] does."
        if diagnostic is None:
            lines = selected(snapshot, text_range, found.definitions)
        else:
            lines = _lines_of(snapshot, diagnostic, found.definitions)
            question = _question(snapshot, diagnostic)
        evidence = Evidence(self._place(snapshot), snapshot, found)
        first = evidence.lines(lines)
        related = list(islice(apart(evidence.related(lines), first), _SOURCES - 1))
        page = _Page(on_piece)
        await self._ask(page, evidence, [first, *related], question, snapshot.language_id)
        return page.text

    async def explain_trace(
        self, trace: str, folder: Path | None, on_piece: OnPiece = lambda piece: None
    ) -> str:
        """Explain a traceback or stack trace of a program in `folder`, in Markdown.

        None: in any of the workspace's folders with an open document. The pieces joined are the
        result. Raises Refused. Cancelling the task ends the model's work. Where there is no model
        the frames are shown all the same.
        """
        file = str(folder) if folder is not None else ""
        with self._resources.request("explanation", file) as about:
            text = await self._explain_trace(trace, folder, on_piece)
        self._resources.became("answered", about, text)
        return text

    async def _explain_trace(self, trace: str, folder: Path | None, on_piece: OnPiece) -> str:
        if not trace.strip():
            raise Refused("the trace is empty")
        found = await asyncio.to_thread(traces, trace)
        if not found:
            raise Refused("there is no frame of a stack trace in it; paste the whole trace")
        evidence = self._evidence(found[-_TRACES:], folder)
        page = _Page(on_piece)
        chosen: tuple[Trace, list[Mapped]] | None = None
        if (left_out := len(found) - _TRACES) > 0:
            page.add(f"*{left_out:,} traces above these are left out.*\n\n")
        for one in found[-_TRACES:]:
            page.add(_table(one, evidence))
            inside = _in_workspace(one, evidence)
            if inside or chosen is None:
                chosen = (one, inside)
        assert chosen is not None
        error, inside = chosen
        if not inside:
            page.add("None of the frames could be shown: there is nothing to explain.\n")
            return page.text
        page.add(_code(inside[0]))
        sources = _sources(evidence, inside)
        message = " ".join(mask(error.message).split())[:_MESSAGE]
        question = (
            f"The program ended with this error: {message or 'unknown'}\nIt came from line "
            f"{inside[0].frame.line} of [1]. Explain what happens there, and how it came to that."
        )
        language_id = language_of_path(sources[0].path)
        try:
            await self._ask(page, evidence, sources, question, language_id)
        except Refused as e:
            page.add(f"*There is no explanation: {plain(str(e))}.*\n")
        return page.text

    async def _ask(
        self,
        page: _Page,
        evidence: Evidence,
        sources: Sequence[Source],
        question: str,
        language_id: str,
    ) -> None:
        """Have the first source explained, each sentence checked. Raises Refused."""
        writer = await open_writer(self._resources)
        model = writer.model
        try:
            found = explanation(
                model.tokenizer,
                model.chat,
                sources,
                question,
                n_ctx=model.n_ctx,
                budget=_BUDGET,
            )
        except TooLong as e:
            raise Refused(str(e)) from None
        claims = Claims(found.sources, evidence.find, language_id)
        sentences = Sentences()

        def checked(piece: str) -> str:
            return claims.block(piece) if is_block(piece) else claims.sentence(piece)

        def on_text(answer: str) -> bool:
            for piece in sentences.feed(REPLY + answer):
                page.add(checked(piece))
            return False

        answer, stop, _ = await writer.write(found.prompt, self._sequence, on_text)
        page.add(checked(sentences.rest(REPLY + answer)))
        if stop is not Stop.END:
            page.add(" …\n\n*It was cut off here: there is a limit of tokens and of time.*")
        page.add(_note(found.sources, evidence, claims, model.note))

    # Folders

    def _place(self, snapshot: Snapshot) -> tuple[Folder, str] | None:
        """The folder of a document and its path there; the path of a cell is ""."""
        project = self._resources.project
        if project is None:
            return None
        found = project.place_of(snapshot.uri)
        return found if found is None or project.find(snapshot.uri) else (found[0], "")

    def _evidence(self, found: Sequence[Trace], folder: Path | None) -> Evidence:
        """The folder in which most frames are."""
        project = self._resources.project
        uris = [document.uri for document in self._resources.documents()]
        if folder is not None:
            uris = [folder.as_uri()]
        folders = {}
        for uri in uris:
            if project is not None and (place := project.place_of(uri)) is not None:
                folders[place[0].path] = place[0]
        choices = [Evidence((f, "")) for f in folders.values()]
        frames = list(dict.fromkeys(f for trace in found for f in trace.frames[-_LAST_ROWS:]))
        return max(
            choices,
            key=lambda e: sum(e.mapped(f).spot is not None for f in frames),
            default=Evidence(None),
        )


def _lines_of(
    snapshot: Snapshot, diagnostic: Diagnostic, definitions: Sequence[Definition]
) -> TextRange:
    """The function around a problem, or its lines where there is none or it is too long."""
    start, end = diagnostic.range
    try:
        return selected(snapshot, TextRange(start, start), definitions)
    except Refused:
        around = TextRange(snapshot.line_start(start), snapshot.line_end(max(start, end - 1)))
        if not snapshot.text[slice(*around)].strip():
            raise Refused("there is no code where the problem is") from None
        return selected(snapshot, whole_lines(snapshot, around), definitions)


def _question(snapshot: Snapshot, diagnostic: Diagnostic) -> str:
    line = snapshot.line_at(diagnostic.range.start) + 1
    who = " ".join(diagnostic.source.split())[:_MESSAGE] or "A tool"
    message = " ".join(mask(diagnostic.message).split())[:_MESSAGE]
    return (
        f"{who} says of line {line} of [1]: {message}\nExplain what that means for this code and "
        "how it can be put right."
    )


# Traces


def _in_workspace(trace: Trace, evidence: Evidence) -> list[Mapped]:
    """The frames that can be shown, the innermost first, each place once."""
    seen: set[Frame] = set()
    found = []
    for frame in islice(dict.fromkeys(reversed(trace.frames)), _MAPPED):
        if frame not in seen:
            seen.add(frame)
            mapped = evidence.mapped(frame)
            if mapped.source is not None:
                found.append(mapped)
                if len(found) == _FRAMES:
                    break
    return found


def _sources(evidence: Evidence, inside: Sequence[Mapped]) -> list[Source]:
    """What the model is shown of a trace."""
    first = inside[0]
    assert first.source is not None

    def others() -> Iterator[Source]:
        yield from (mapped.source for mapped in inside[1:] if mapped.source is not None)
        yield from evidence.used_on(first)
        yield from evidence.callers(first)

    return [first.source, *islice(apart(others(), first.source), _SOURCES - 1)]


def _table(trace: Trace, evidence: Evidence) -> str:
    """The frames with their places, the innermost last."""
    message = " ".join(mask(trace.message).split())[:_MESSAGE]
    rows = [(frame, len(list(same))) for frame, same in groupby(trace.frames)]
    left_out = len(rows) - _FIRST_ROWS - _LAST_ROWS
    lines = [f"**{plain(message)}**\n" if message else "**Trace**\n"]
    lines += ["| frame | where |", "|---|---|"]
    for n, (frame, times) in enumerate(rows):
        if left_out > 0 and _FIRST_ROWS <= n < _FIRST_ROWS + left_out:
            if n == _FIRST_ROWS:
                lines.append(f"| … | {left_out:,} frames are left out |")
            continue
        lines.append(_row(evidence.mapped(frame), times))
    return "\n".join(lines) + "\n\n"


def _row(mapped: Mapped, times: int) -> str:
    frame = mapped.frame
    where = link(mapped.spot) if mapped.spot else plain(f"{frame.path}:{frame.line}")
    why = f" ({plain(mapped.why)})" if mapped.why else ""
    again = f" × {times:,}" if times > 1 else ""
    return f"| {plain(frame.name) or '?'}{again} | {where}{why} |"


def _code(mapped: Mapped) -> str:
    """The innermost frame of the workspace with its code."""
    source, spot = mapped.source, mapped.spot
    assert source is not None
    assert spot is not None
    width = len(str(source.end_line))
    code = "\n".join(
        f"{'>' if n == spot.line else ' '} {n:{width}} | {line}".rstrip()
        for n, line in enumerate(source.lines, source.line)
    )
    fence = fence_around(code)
    name = re.sub(r"\W", "", name_behind_fence(language_of_path(source.path)))
    return (
        f"The innermost frame in the indexed code is {link(spot)}:\n\n"
        f"{fence}{name}\n{code}\n{fence}\n\n"
    )


def _note(sources: Sequence[Source], evidence: Evidence, claims: Claims, note: str) -> str:
    """What must be known of an explanation: who wrote it, what from, and what was checked."""
    saw = ", ".join(f"{plain(source.path)} {source.line}–{source.end_line}" for source in sources)
    parts = [
        "A small language model on this machine wrote these sentences, and they may be wrong.",
        "Checked was that each place is a line that exists and that has a name or word of its "
        "sentence, where any has, and whether the names are in the indexed code; not whether what "
        "they say is true.",
    ]
    if claims.n_missing:
        parts.append("Some name what is not in the indexed code, and say so.")
    if not evidence.is_indexed:
        parts.append("There is no index here: names were looked for in this document alone.")
    elif not evidence.is_whole:
        parts.append("The index is still being made: names may be missing in it.")
    parts.append(f"The model saw {saw}, and no other code.")
    if note:
        parts.append(f"It was {plain(note)}.")
    return f"\n\n---\n*{' '.join(parts)}*\n"
