"""The language server with a scripted completer: a real process on a real wire, without a model.

    python -m tests.lsp.scripted_server STATE [--record FILE] [--socket PATH]

STATE is the engine's state right after the start. Every call of the completer is reported as a
READY status whose message is a JSON array, so that a test can wait for it. What a completion
does is said by the document's language id: "hang" waits for ever, "wait" for the next change of
the document, "fail" raises with the document's text in the exception, "empty" has nothing to
offer; all else is answered. A newer request for a document supersedes the one waiting.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from slmcode.config import Config, load
from slmcode.engine.job import EngineState, EngineStatus, Timings
from slmcode.features.answer import Answer, Completion, Empty, PromptPiece, Reason, Why
from slmcode.features.translation import Translated, Unit, Verdict, pipeline
from slmcode.index.index import Progress
from slmcode.index.rows import Symbol
from slmcode.lsp.main import serve
from slmcode.prompt.context import Chunk, Context
from slmcode.text import Edit, Snapshot, TextRange
from tests.lsp.scripted_requests import ScriptedRequests

FOLDER = SimpleNamespace(path=Path("/w"))


class ScriptedCells:
    """Reports the order of a notebook's cells, and what of them is open."""

    def __init__(self, completer: ScriptedCompleter) -> None:
        self._completer = completer

    def arranged(self, notebook: str, cells: Sequence[str], read: Callable[[str], Any]) -> None:
        self._completer.report("cells", notebook, list(cells), [c for c in cells if read(c)])


class ScriptedProject:
    """Reports its calls. A folder that joins is being indexed; "indexed" in its name: and is soon.

    The index of file:///indexing is complete when files change.
    """

    def __init__(self, completer: ScriptedCompleter) -> None:
        self._completer = completer
        self.cells = ScriptedCells(completer)

    def change_folders(self, added: Iterable[str], removed: Iterable[str]) -> None:
        added, removed = list(added), list(removed)
        self._completer.report("folders", added, removed)
        if on_index := self._completer.on_index:
            for uri in added:
                on_index(Path(uri), Progress(running=True, done=1, total=4))
                if "indexed" in uri:
                    on_index(Path(uri), Progress(running=False, done=4, total=4))

    def files_changed(self, uris: Iterable[str]) -> None:
        self._completer.report("files", sorted(uris))
        if self._completer.on_index is not None:
            folder = Path("file:///indexing")
            self._completer.on_index(folder, Progress(running=True, done=2, total=4))
            self._completer.on_index(folder, Progress(running=False, done=4, total=4))

    def place_of(self, uri: str) -> tuple[Any, str]:
        return FOLDER, "a.py"

    async def symbols(self, query: str, limit: int) -> list[tuple[Any, Symbol]]:
        kinds = ("class", "function", "paragraph", "no such kind")
        symbols = [Symbol("sub dir/ä.py", query, kind, "", "", "", 3, 7) for kind in kinds]
        return [(FOLDER, symbol) for symbol in symbols][:limit]


class ScriptedTranslator:
    """A unit for each line; the second one differs, and never comes for the language "hang"."""

    languages = ("python",)

    async def translate(
        self,
        snapshot: Snapshot,
        text_range: TextRange | None,
        target_language: str,
        on_part: Callable[[Translated], None],
        *,
        inputs: tuple[pipeline.Input, ...] = (),
        form: str = "idiomatic",
        on_progress: Callable[[pipeline.Progress], None] = lambda progress: None,
    ) -> Translated:
        verdicts = ((Verdict.PROVED, "3 inputs"), (Verdict.DIFFERS, "on input 7"))
        units = tuple(
            Unit(
                name=f"unit {i}",
                source_lines=(i, i + 1),
                lines=(i, i + 1),
                verdict=verdict,
                reason=reason,
                form="faithful",
            )
            for i, (verdict, reason) in enumerate(verdicts)
        )
        result = Translated(
            language_id=target_language,
            text="a()\nb()\n",
            verdict=Verdict.DIFFERS,
            reason="unit 1 differs",
            units=units,
        )
        on_progress(pipeline.Progress("polishing", 1, 2, f"{form} {len(inputs)}"))
        first = msgspec.structs.replace(result, units=units[:1], verdict=Verdict.PROVED, reason="")
        on_part(first)
        if snapshot.language_id == "hang":
            await asyncio.Event().wait()
        return result


class ScriptedCompleter:
    """Reports its calls, and completes as the language id says."""

    def __init__(self, config: Config, on_status: Any) -> None:
        self.on_index: Any = None
        self.project = ScriptedProject(self)
        self.translator: ScriptedTranslator | None = None
        self.report = self._report
        self._on_status = on_status
        self._count = 0
        self._waiting: dict[str, asyncio.Future[Reason | None]] = {}
        self._documents: dict[str, Snapshot] = {}
        self.requests = ScriptedRequests(self._report, self._documents)
        self._report("start", config.deadline_ms)

    def _report(self, *call: Any) -> None:
        self._count += 1
        message = json.dumps([self._count, *call])
        self._on_status(EngineStatus(EngineState.READY, message))

    def configure(self, config: Config) -> None:
        self._report("configure", config.deadline_ms)

    def did_open(self, snapshot: Snapshot) -> None:
        self._documents[snapshot.uri] = snapshot
        lines = len(snapshot.line_starts)
        self._report("open", snapshot.uri, snapshot.language_id, len(snapshot.text), lines)

    def did_change(self, snapshot: Snapshot, edits: Sequence[Edit]) -> None:
        self._documents[snapshot.uri] = snapshot
        text = snapshot.text if len(snapshot.text) < 1000 else ""
        self._report("change", snapshot.uri, snapshot.version, text, edits)
        waiting = self._waiting.pop(snapshot.uri, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def did_close(self, uri: str) -> None:
        self._documents.pop(uri, None)
        self._report("close", uri)

    def cursor_moved(self, snapshot: Snapshot, offset: int) -> None:
        self._report("cursor", snapshot.uri, offset)

    async def complete(
        self, snapshot: Snapshot, offset: int, *, arrived: float, invoked: bool
    ) -> Answer:
        self._report("complete", snapshot.uri, snapshot.version, offset, invoked)
        older = self._waiting.pop(snapshot.uri, None)
        if older is not None and not older.done():
            older.set_result(Reason.SUPERSEDED)
        if snapshot.language_id == "fail":
            raise ValueError(snapshot.text)
        if snapshot.language_id == "empty":
            return Empty(Reason.BLANK)
        if snapshot.language_id in ("hang", "wait"):
            future: asyncio.Future[Reason | None] = asyncio.get_running_loop().create_future()
            self._waiting[snapshot.uri] = future
            try:
                answer = await future
            except asyncio.CancelledError:
                self._waiting.pop(snapshot.uri, None)
                self._report("cancelled", snapshot.uri)
                raise
            if answer is not None:
                return Empty(answer)
        text_range = TextRange(snapshot.line_start(offset), offset)
        text = snapshot.text[text_range.start : offset] + "😀 = 1\nnext"
        return Completion("id-1", text, text_range, True, False, 0.0, Timings())

    def why(self, uri: str, completion_id: str) -> Why | None:
        chunk = Chunk("b.py", 2, 5, "def f():\n", 0.912345, "call")
        context = Context((chunk,), (7,), tuple(range(9)))
        return Why(completion_id, context, "") if completion_id else None

    def last_prompt(self, uri: str) -> list[PromptPiece]:
        return [PromptPiece("prefix", "1:1-1:2", 1, "x")] if "none" not in uri else []

    def last_text(self, uri: str) -> str:
        return "y"

    async def close(self) -> None:
        print("the completer was closed")

    def shown(self, completion_id: str) -> None:
        self._report("shown", completion_id)

    def accepted(self, completion_id: str) -> None:
        print("a stray print")
        ctypes.CDLL(None).puts(b"a native library's stray print")
        ctypes.CDLL(None).fflush(None)
        self._report("accepted", completion_id)

    def dismissed(self, completion_id: str) -> None:
        self._report("dismissed", completion_id)

    def partially_accepted(self, completion_id: str, accepted_length: int) -> None:
        self._report("partially", completion_id, accepted_length)


def main() -> None:
    """Serve with the script in place of the workspace."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=EngineState)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--translates", nargs="*", default=())
    options = parser.parse_args()

    def start(config: Config, on_status: Any, on_warning: Any) -> Any:
        if options.state is not EngineState.READY:
            on_status(EngineStatus(options.state, "a sentence"))
            on_status(EngineStatus(options.state, "a sentence"))
            on_status(EngineStatus(options.state, "another sentence"))
        completer = ScriptedCompleter(config, on_status)
        completer.translator = ScriptedTranslator() if options.translates else None
        return completer

    settings, problems = load()
    sys.exit(
        serve(
            start,
            settings,
            problems,
            record=options.record,
            socket=options.socket,
            targets={"": options.translates},
        )
    )


if __name__ == "__main__":
    main()
