"""`slmcode complete FILE:LINE:COL`: one completion, with everything that led to it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from slmcode.config import Config
    from slmcode.features.answer import Answer, PromptPiece, Why
    from slmcode.features.workspace import Workspace
    from slmcode.text import Snapshot
    from slmcode.trace import Span

_PLACE = re.compile(r"(?P<file>.+):(?P<line>[1-9]\d*):(?P<column>[1-9]\d*)")
_DEADLINE_MS = 20_000  # the whole answer, from a cold engine on a busy machine
_IDLE_MS = 50  # nobody types here: no need to wait for a pause
_CHUNK_LINES = 4  # of a piece from another file that are shown
_LOOK_S, _LOOKS = 0.005, 400  # for the engine's figures; they come a token's time after the answer

_WHY = {
    "disabled": "completions are switched off in the settings, for all or for this language",
    "no_model": "there is no model that can be used",
    "engine_down": "the engine is not running",
    "too_large": "the file is larger than the setting max_file_kb",
    "binary": "the file is binary: it holds NUL characters",
    "long_line": "the line is too long to be code a person writes",
    "deadline": "the model had nothing complete in time",
    "end_of_line": "the model says that the line is finished here",
    "repeats_suffix": "the model would only repeat what stands to the right or below",
    "unknown-name": "the model would write a name that does not exist",
    "blank": "the model offers white space only",
    "full": "the prompt does not fit the model's context",
    "busy": "the engine has more to do than it can, for other editors or many requests",
    "failed": "the engine reported an error",
}


class Place(NamedTuple):
    """A cursor as editors show it: line and column counted from 1."""

    path: Path
    line: int
    column: int


def parse_place(place: str) -> Place | None:
    """The last two colons count, so `C:\\x.py:3:4` is line 3, column 4. None if it is no place."""
    found = _PLACE.fullmatch(place)
    if found is None:
        return None
    return Place(Path(found["file"]), int(found["line"]), int(found["column"]))


def complete(
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE:LINE:COL",
            help="Where the cursor stands; both counted from 1, as editors show them.",
        ),
    ],
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON object on stdout: text, reason, prompt, timings, trace."
        ),
    ] = False,
    model: Annotated[
        str, typer.Option(help="fast, quality or a GGUF file; default: the settings'.")
    ] = "",
    workspace: Annotated[
        Path | None,
        typer.Option(
            help="The folder whose other files may help; default: the project around FILE."
        ),
    ] = None,
    no_context: Annotated[
        bool, typer.Option("--no-context", help="Give the model nothing but the file itself.")
    ] = False,
) -> None:
    """Complete at a cursor and show prompt, answer or reason, and where the time went.

    Runs the same code as the language server, and waits for the whole answer. The first thing to
    run on any bug. Having nothing to offer is an answer too (exit code 0, with the reason); 1 is
    a file, place, model or engine that cannot be used, 2 wrong usage.
    """
    where = parse_place(place)
    if where is None:
        raise typer.BadParameter(
            f"{place!r} is not FILE:LINE:COL with line and column counted from 1,"
            " such as src/app.py:20:5",
            param_hint="FILE:LINE:COL",
        )
    snapshot = _read(where.path)
    offset = _offset(snapshot, where)

    # Imported here, so that a wrong place is answered at once.
    import asyncio
    import json

    from slmcode import config

    settings, problems = config.load()
    changes: dict[str, Any] = {
        "invoked_deadline_ms": _DEADLINE_MS,
        "idle_ms": _IDLE_MS,
        "work_ahead": "always",
    }
    if model:
        changes["model"] = model
    root = _root(workspace, where.path)
    if no_context or root is None:
        changes["index"] = False
    settings, _ = config.overlay(settings, changes)
    for problem in problems:
        typer.echo(f"slmcode: {problem}", err=True)
    result = asyncio.run(_complete(settings, snapshot, offset, root))
    if as_json:
        typer.echo(json.dumps(_as_json(result), ensure_ascii=False))
        return
    from rich.console import Console

    _show(Console(highlight=False), snapshot, offset, result)


def _root(workspace: Path | None, file: Path) -> Path | None:
    """The folder to be indexed; None where FILE stands alone."""
    from slmcode.index.root import project_root

    if workspace is None:
        return project_root(file)
    if not workspace.is_dir():
        _fail(f"{workspace} is not a folder")
    return workspace.resolve()


class Result(NamedTuple):
    """A completion and everything that led to it."""

    answer: Answer
    pieces: list[PromptPiece]  # what the model was given
    account: dict[str, Any]
    why: Why | None  # None where the model was not asked
    root: Span


def _read(path: Path) -> Snapshot:
    from slmcode.syntax.languages import language_of_path
    from slmcode.text import Snapshot

    try:
        data = path.read_bytes()
    except IsADirectoryError:
        _fail(f"{path} is a folder, not a file")
    except FileNotFoundError:
        _fail(f"there is no file {path}")
    except (OSError, ValueError) as e:
        _fail(f"{path} cannot be read: {getattr(e, 'strerror', None) or e}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        if b"\0" not in data:
            typer.echo(f"slmcode: {path} is not UTF-8 (byte {e.start})", err=True)
        text = data.decode("utf-8", "replace")
    return Snapshot(path.resolve().as_uri(), language_of_path(path), None, text)


def _offset(snapshot: Snapshot, where: Place) -> int:
    """The place in code points; a column behind the end of its line is the end, and said so."""
    n_lines = len(snapshot.line_starts)
    if where.line > n_lines:
        lines = "1 line" if n_lines == 1 else f"{n_lines} lines"
        _fail(f"{where.path} has {lines}; there is no line {where.line}")
    start = snapshot.line_starts[where.line - 1]
    end = snapshot.line_end(start)
    if start + where.column - 1 > end:
        typer.echo(
            f"slmcode: line {where.line} of {where.path} ends at column {end - start + 1};"
            " completing there",
            err=True,
        )
    return min(start + where.column - 1, end)


def _fail(message: str) -> NoReturn:
    typer.echo(f"slmcode: {message}", err=True)
    raise typer.Exit(1)


async def _complete(
    settings: Config, snapshot: Snapshot, offset: int, folder: Path | None
) -> Result:
    """Index, then complete as if typing had just stopped there."""
    import asyncio
    import time

    from slmcode import trace
    from slmcode.engine.job import EngineState
    from slmcode.features import workspace
    from slmcode.text import Edit, TextRange

    def warn(sentence: str) -> None:
        typer.echo(f"slmcode: {sentence}", err=True)

    space = workspace.start(settings, lambda status: None, warn)
    try:
        status = await space.ready()
        if status.state is not EngineState.READY:
            _fail(status.message or f"the engine is {status.state}; run: slmcode doctor")
        if folder is not None:
            space.project.change_folders([folder.as_uri()], [])
            await _indexed(space)
        space.did_open(snapshot)
        # After the pause the server works ahead with the whole prompt. A request in the middle of
        # typing gets a shorter one on a cold engine.
        space.did_change(snapshot, [Edit(TextRange(offset, offset), "")])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(space.rested(snapshot.uri), _DEADLINE_MS / 1e3)
        answer = await space.complete(snapshot, offset, arrived=time.monotonic(), invoked=True)
        root = trace.recent[-1]
        pieces = space.last_prompt(snapshot.uri)
        for _ in range(_LOOKS if pieces else 0):
            if "stop" in root.values:
                break  # the engine's figures have come: the generation has ended
            await asyncio.sleep(_LOOK_S)
        account = space.last_completion(snapshot.uri) or {}
        return Result(answer, pieces, account, space.why(snapshot.uri), root)
    finally:
        await space.close()


async def _indexed(space: Workspace) -> None:
    """Wait for the index, and say so where that takes time."""
    from rich.console import Console

    with Console(stderr=True).status("indexing"):
        await space.indexed()


def _as_json(result: Result) -> dict[str, Any]:
    import msgspec

    from slmcode.features.answer import Completion

    answer, pieces, account, why, _ = result
    found = answer if isinstance(answer, Completion) else None
    return {
        "text": found.text if found else "",
        "reason": None if isinstance(answer, Completion) else answer.reason.value,
        "detail": "" if isinstance(answer, Completion) else answer.detail,
        "final": found.final if found else True,
        "mean_logprob": found.mean_logprob if found else None,
        "prompt": [msgspec.to_builtins(piece) for piece in pieces],
        "context": {
            "chunks": [
                {**msgspec.to_builtins(chunk), "tokens": token_count}
                for chunk, token_count in zip(
                    why.context.chunks, why.context.token_counts, strict=True
                )
            ],
            "note": why.note,
        }
        if why is not None
        else None,
        **{name: account[name] for name in ("timings", "server_ms", "trace") if name in account},
    }


def _show(
    console: Console,
    snapshot: Snapshot,
    offset: int,
    result: Result,
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from slmcode import trace
    from slmcode.features.answer import Completion

    answer, pieces, account, why, root = result
    if pieces:
        table = Table("piece", "from", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("tokens", justify="right")
        table.add_column("text")
        for piece in pieces:
            special = piece.kind == "special"
            text = Text(piece.text if special else _shortened(piece))
            if special:
                text.stylize("cyan")
            table.add_row(piece.kind, piece.source, str(piece.token_count), text)
        console.print(table)
    if why is not None:
        _show_context(console, why)
    if isinstance(answer, Completion):
        left = snapshot.text[snapshot.line_start(offset) : offset]
        right = snapshot.text[offset : snapshot.line_end(offset)]
        console.print(Text.assemble(left, (answer.text, "bold green"), right), soft_wrap=True)
    else:
        sentence = _WHY.get(answer.reason.value, "")
        said = f": {answer.detail}" if answer.detail else ""
        console.print(
            Text(f"No completion ({answer.reason.value}): {sentence}{said}", style="yellow")
        )
    console.print()
    if t := account.get("timings"):
        console.print(
            f"prompt: {t['cache_n']} tokens reused, {t['prompt_n']} read in {t['prompt_ms']:.0f} ms"
            f" · answer: {t['predicted_n']} tokens in {t['predicted_ms']:.0f} ms"
            f" · waited for the model: {t['queued_ms']:.1f} ms\n",
            soft_wrap=True,
        )
    for line in trace.tree_lines(root):
        console.print(Text(line, style="dim"), soft_wrap=True)


def _shortened(piece: PromptPiece) -> str:
    """The text of a piece; of one from another file its first lines."""
    lines = piece.text.rstrip("\n").split("\n")
    if piece.kind == "chunk" and len(lines) > _CHUNK_LINES:
        lines[_CHUNK_LINES:] = [f"… {len(lines) - _CHUNK_LINES} more lines"]
    return "\n".join(lines)


def _show_context(console: Console, why: Why) -> None:
    """Which pieces of the workspace stood in the prompt, and why."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not why.context.chunks:
        console.print(Text(f"from the workspace: nothing ({why.note})\n", style="dim"))
        return
    table = Table("from the workspace", "for", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("score", justify="right")
    table.add_column("tokens", justify="right")
    for chunk, n in zip(why.context.chunks, why.context.token_counts, strict=True):
        place = Text(f"{chunk.path}:{chunk.line + 1}-{chunk.end_line}")
        table.add_row(place, chunk.reason, f"{chunk.score:.2f}", str(n))
    console.print(table)
