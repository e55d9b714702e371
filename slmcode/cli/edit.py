"""`slmcode edit FILE`: lines changed by a model, and shown only if they keep a contract."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn

import typer

from slmcode.cli import patch
from slmcode.cli.patch import File, FileError

if TYPE_CHECKING:
    from slmcode.config import Config
    from slmcode.features.edits.outcome import Change, Outcome
    from slmcode.features.workspace import Workspace
    from slmcode.text import Snapshot, TextRange

_RANGE = re.compile(r"([1-9]\d*):([1-9]\d*)")
_REFUSED, _INTERRUPTED = 3, 130  # exit codes
_PATIENCE_S = 3.0  # without a token; then the user is told what takes so long


def edit(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to change.")],
    lines: Annotated[
        str,
        typer.Option(
            "--range",
            metavar="A:B",
            help="Its lines A to B, counted from 1, both included; default: the whole file.",
        ),
    ] = "",
    instruction: Annotated[
        str, typer.Option(metavar="TEXT", help="What is to be done, in your words.")
    ] = "",
    action: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Instead of an instruction: docstring, type-hints, simplify, modernize,"
            " clear-names, tests, or fix (the first problem the project's tools find there).",
        ),
    ] = "",
    write: Annotated[
        bool,
        typer.Option(
            "--write/--diff", help="Write the result into the file; default: print a diff."
        ),
    ] = False,
    test_command: Annotated[
        str,
        typer.Option(
            metavar="CMD",
            help='Runs the project\'s tests, such as "pytest -q": in a sandbox, before and after.',
        ),
    ] = "",
    model: Annotated[
        str, typer.Option(help="fast, quality or a GGUF file; default: the settings'.")
    ] = "",
    workspace: Annotated[
        Path | None,
        typer.Option(help="The project's folder; default: the project around FILE."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="One JSON object on stdout: after (the whole new text), diff, files, contract,"
            " verdict, reason, title, tries, model, confidence, timings.",
        ),
    ] = False,
) -> None:
    """Change lines of a file by an instruction or an action, under a contract.

    Runs the same code as the language server. The unified diff goes to stdout, so that
    `slmcode edit … | git apply` works; what was checked goes to stderr. A result that breaks its
    contract is tried once more and then refused; it is never shown.

    Exit code 0: accepted; 3: refused, with the reason; 2: wrong usage; 1: a file or a model that
    cannot be used.
    """
    _check_usage(instruction, action, lines)
    file = _read(path, for_writing=write)
    snapshot = _snapshot(file)
    text_range = _text_range(snapshot, lines)
    # Imported here, so that wrong usage is answered at once.
    import asyncio

    from slmcode.cli.ending import ended_as_interrupted
    from slmcode.features.edits import actions

    asked = _Asked(action or actions.INSTRUCTION, instruction, snapshot, text_range)
    config = _settings(model, test_command, indexed=workspace is not None)
    root = _folder(workspace)
    try:
        with ended_as_interrupted():
            outcome = asyncio.run(_edit(config, asked, root))
    except KeyboardInterrupt:
        typer.echo("slmcode: interrupted; nothing was changed", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    try:
        files = _files(outcome, file)
    except FileError as e:
        _fail(str(e))
    diff = "".join(patch.unified_diff(each.path, each.before, each.after) for each in files)
    if as_json:
        typer.echo(json.dumps(_as_json(outcome, file, files, diff), ensure_ascii=False).encode())
    elif not write:
        typer.echo(diff.encode(), nl=False)
    _tell(outcome)
    if not outcome.changes:
        raise typer.Exit(_REFUSED)
    if write:
        try:
            _write(files)
        except FileError as e:
            if not as_json:
                typer.echo(diff.encode(), nl=False)  # it took a while to make
            _fail(str(e))


# Before


def _check_usage(instruction: str, action: str, lines: str) -> None:
    from slmcode.features.edits import actions

    if bool(instruction.strip()) == bool(action):
        raise typer.BadParameter("give either --instruction or --action")
    if action and action not in actions.IDS:
        known = ", ".join(actions.IDS)
        raise typer.BadParameter(f"there is no action {action!r}; there are {known}")
    found = _RANGE.fullmatch(lines)
    if lines and (found is None or int(found[1]) > int(found[2])):
        raise typer.BadParameter(
            f"{lines!r} is not A:B, two lines counted from 1, A at most B", param_hint="--range"
        )


def _read(path: Path, *, for_writing: bool) -> File:
    try:
        file = patch.read(path)
        if for_writing:
            patch.check_writable(file)
    except FileError as e:
        _fail(str(e))
    return file


def _snapshot(file: File) -> Snapshot:
    from slmcode.syntax.languages import language_of_path
    from slmcode.text import Snapshot

    return Snapshot(file.path.as_uri(), language_of_path(file.path), None, file.text)


def _text_range(snapshot: Snapshot, lines: str) -> TextRange:
    from slmcode.text import TextRange

    if not lines:
        return TextRange(0, len(snapshot.text))
    first, last = map(int, lines.split(":"))
    starts = snapshot.line_starts
    n_lines = len(starts) - (starts[-1] == len(snapshot.text))
    if last > n_lines:
        noun = "line" if n_lines == 1 else "lines"
        raise typer.BadParameter(
            f"{lines} is beyond the end: the file has {n_lines:,} {noun}", param_hint="--range"
        )
    return TextRange(starts[first - 1], [*starts, len(snapshot.text)][last])


def _settings(model: str, test_command: str, *, indexed: bool) -> Config:
    from slmcode import config

    settings, problems = config.load()
    changes: dict[str, Any] = {"work_ahead": "never"}
    if model:
        changes["edit_model"] = model
    if test_command:
        changes["test_command"] = test_command
    if not indexed:
        changes["index"] = False  # no edit looks at it
    settings, _ = config.overlay(settings, changes)
    for problem in problems:
        typer.echo(f"slmcode: {problem}", err=True)
    return settings


def _folder(workspace: Path | None) -> Path | None:
    if workspace is not None and not workspace.is_dir():
        _fail(f"{workspace} is not a folder")
    return workspace and workspace.resolve()


def _fail(message: str) -> NoReturn:
    typer.echo(f"slmcode: {message}", err=True)
    raise typer.Exit(1)


# The edit


class _Asked(NamedTuple):
    """What is to be done, and where."""

    action: str
    instruction: str
    snapshot: Snapshot
    text_range: TextRange


class _Progress:
    """What stderr is told while the model works."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._n_tokens = 0

    def tokens(self, n_tokens: int) -> None:
        self._n_tokens = n_tokens
        if self._shows:
            typer.echo(f"\rslmcode: {n_tokens} tokens written", err=True, nl=False)

    async def explain_waiting(self) -> None:
        """Say why nothing happens, if nothing does."""
        import asyncio

        await asyncio.sleep(_PATIENCE_S)
        if not self._n_tokens:
            typer.echo(
                "slmcode: reading the code; the first run also waits for the weights to load",
                err=True,
            )

    def end(self) -> None:
        if self._shows and self._n_tokens:
            typer.echo("\r\x1b[K", err=True, nl=False)


async def _edit(config: Config, asked: _Asked, folder: Path | None) -> Outcome:
    import asyncio

    from slmcode.features import workspace

    def warn(sentence: str) -> None:
        typer.echo(f"slmcode: {sentence}", err=True)

    progress = _Progress()
    space = workspace.start(config, lambda status: None, warn)
    waiting = asyncio.ensure_future(progress.explain_waiting())
    try:
        await _ready(space)
        if folder is not None:
            space.project.change_folders([folder.as_uri()], [])
        space.did_open(asked.snapshot)
        return await space.requests.act(
            asked.action,
            asked.snapshot,
            asked.text_range,
            instruction=asked.instruction,
            on_progress=progress.tokens,
        )
    finally:
        waiting.cancel()
        progress.end()
        await space.close()
        await space.requests.close()


async def _ready(space: Workspace) -> None:
    """Wait for the model, or end where there is none."""
    from slmcode.engine.job import EngineState

    status = await space.ready()
    if status.state is not EngineState.READY:
        _fail(status.message or f"the engine is {status.state}; run: slmcode doctor")


# Afterwards


class _Changed(NamedTuple):
    """A file before (None: it is new) and after; `file` is None for a new one."""

    path: Path
    before: str | None
    after: str
    file: File | None


def _files(outcome: Outcome, file: File) -> list[_Changed]:
    """Every file the outcome changes. Raises FileError where one is not what it was."""
    from slmcode.features.edits.outcome import Change
    from slmcode.features.project import file_of

    by_uri: dict[str, list[Change]] = {}
    for change in outcome.changes:
        by_uri.setdefault(change.uri, []).append(change)
    found = []
    for uri, changes in by_uri.items():
        path, before = file_of(uri), changes[0].before
        assert path is not None
        edits = sorted(edit for change in changes for edit in change.edits)
        after = Change(uri, before, tuple(edits)).after
        if before is None:
            if path.exists():
                raise FileError(f"there is a file {path} already")
            found.append(_Changed(path, None, after, None))
            continue
        other = file if path == file.path else patch.read(path)
        if other.text != before.text.removeprefix("\ufeff"):
            raise FileError(f"{path} has changed meanwhile; nothing was changed")
        found.append(_Changed(path, before.text, after, other))
    return found


def _write(files: list[_Changed]) -> None:
    """Raises FileError."""
    for changed in files:
        if changed.file is None:
            patch.create(changed.path, changed.after)
        else:
            patch.write(changed.file, changed.after)


def _as_json(outcome: Outcome, file: File, files: list[_Changed], diff: str) -> dict[str, Any]:
    import msgspec

    own = next((each.after for each in files if each.path == file.path), file.text)
    return {
        "after": file.mark + own if outcome.changes else None,
        "diff": diff,
        "files": [
            {"path": str(each.path), "new": each.before is None, "after": each.after}
            for each in files
        ],
        "contract": outcome.contract,
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "title": outcome.title,
        "tries": outcome.tries,
        "model": outcome.model,
        "confidence": outcome.confidence,
        "timings": msgspec.to_builtins(outcome.spent),
    }


def _tell(outcome: Outcome) -> None:
    """The verdict, for people."""
    spent = outcome.spent
    rows = {"title": outcome.title, "contract": outcome.contract, "verdict": outcome.verdict.value}
    rows["reason"] = outcome.reason
    if outcome.model:
        tries = "1 try" if outcome.tries == 1 else f"{outcome.tries} tries"
        sure = "" if outcome.confidence is None else f", confidence {outcome.confidence:.2f}"
        rows["model"] = f"{outcome.model}, {tries}{sure}"
        rows["time"] = (
            f"{spent.total_ms / 1e3:.1f} s, the first token after {spent.first_token_ms / 1e3:.1f}"
            f" s; {spent.predicted_n} tokens"
        )
    for name, value in rows.items():
        if value:
            typer.echo(f"{name + ':':<10}{value}", err=True)
