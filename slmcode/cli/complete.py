"""`slmcode complete FILE:LINE:COL`: one completion, with everything that led to it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slmcode import config, trace
from slmcode.engine.job import EngineState
from slmcode.features import workspace
from slmcode.features.answer import Answer, Completion, Empty, PromptPiece
from slmcode.syntax.languages import language_of_path
from slmcode.text import Snapshot

_PLACE = re.compile(r"(?P<file>.+):(?P<line>[1-9]\d*):(?P<column>[1-9]\d*)")


def complete(
    place: Annotated[str, typer.Argument(help="FILE:LINE:COL, both counted from 1.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    model: Annotated[str, typer.Option(help="Role or path; default: the settings'.")] = "",
) -> None:
    """Complete at a cursor and show prompt, answer or reason, and where the time went.

    Runs the same code as the language server. The first thing to run on any bug.
    """
    match = _PLACE.fullmatch(place)
    if match is None:
        raise typer.BadParameter(f"{place!r} is not FILE:LINE:COL with both counted from 1")
    path = Path(match["file"])
    snapshot = _read(path)
    line, column = int(match["line"]), int(match["column"])
    if line > len(snapshot.line_starts):
        _fail(f"{path} has {len(snapshot.line_starts)} lines, not {line}")
    start = snapshot.line_starts[line - 1]
    offset = min(start + column - 1, snapshot.line_end(start))
    settings, problems = config.load()
    if model:
        settings = msgspec.structs.replace(settings, model=model)
    for problem in problems:
        print(f"slmcode: {problem}", file=sys.stderr)
    answer, pieces, span = asyncio.run(_complete(settings, snapshot, offset))
    if as_json:
        print(json.dumps(_as_json(answer, pieces, span)))
    else:
        _show(Console(), snapshot, offset, answer, pieces, span)


def _read(path: Path) -> Snapshot:
    try:
        data = path.read_bytes()
    except OSError as e:
        _fail(f"{path}: {e.strerror}")
    return Snapshot(
        path.resolve().as_uri(), language_of_path(path), None, data.decode("utf-8", "replace")
    )


def _fail(message: str) -> Any:
    print(f"slmcode: {message}", file=sys.stderr)
    raise typer.Exit(1)


async def _complete(
    settings: config.Config, snapshot: Snapshot, offset: int
) -> tuple[Answer, list[PromptPiece], trace.Span]:
    space = workspace.start(settings, lambda status: None)
    try:
        status = await space.ready()
        if status.state is not EngineState.READY:
            _fail(status.message or f"the engine is {status.state}")
        space.did_open(snapshot)
        answer = await space.complete(snapshot, offset, arrived=time.monotonic(), invoked=True)
        return answer, space.last_prompt(snapshot.uri), trace.recent[-1]
    finally:
        await space.close()


def _as_json(answer: Answer, pieces: list[PromptPiece], span: trace.Span) -> dict[str, Any]:
    found = answer if isinstance(answer, Completion) else None
    empty = answer if isinstance(answer, Empty) else None
    return {
        "text": found.text if found else "",
        "reason": empty.reason.value if empty else None,
        "detail": empty.detail if empty else "",
        "final": found.final if found else True,
        "mean_logprob": found.mean_logprob if found else None,
        "prompt": [msgspec.to_builtins(piece) for piece in pieces],
        "timings": msgspec.to_builtins(answer.timings),
        "trace": span.to_json(),
    }


def _show(
    console: Console,
    snapshot: Snapshot,
    offset: int,
    answer: Answer,
    pieces: list[PromptPiece],
    span: trace.Span,
) -> None:
    table = Table("piece", "from", "tokens", "text", title="Prompt", title_justify="left")
    for piece in pieces:
        style = "cyan" if piece.kind == "special" else ""
        table.add_row(
            piece.kind, piece.source, str(piece.token_count), Text(piece.text, style=style)
        )
    console.print(table)
    if isinstance(answer, Completion):
        left = snapshot.text[snapshot.line_start(offset) : offset]
        right = snapshot.text[offset : snapshot.line_end(offset)]
        console.print(Text.assemble(left, (answer.text, "bold green"), right))
    else:
        console.print(Text(f"no completion: {answer.reason}  {answer.detail}", style="yellow"))
    t = answer.timings
    console.print(
        f"\nreused {t.cache_n} tokens, evaluated {t.prompt_n} in {t.prompt_ms:.0f} ms, "
        f"produced {t.predicted_n} in {t.predicted_ms:.0f} ms\n",
        style="dim",
        highlight=False,
    )
    for line in trace.tree_lines(span):
        console.print(Text(line, style="dim"))
