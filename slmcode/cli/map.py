"""`slmcode map DIR`: which files and definitions of a folder matter most."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slmcode.cli.index import Indexed, existing_folder, fail, up_to_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slmcode.index.map import Outlined

_TOKENS = 1024


def map(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to outline.")],
    tokens: Annotated[
        int, typer.Option(min=50, max=100_000, help="Length of the outline, about.")
    ] = _TOKENS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    focus: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Outline what this file uses and what uses it. May be given more than once.",
        ),
    ] = None,
) -> None:
    """Outline a folder: the files that matter most, with their most important definitions.

    Files are ranked by who uses what they define (PageRank); the highest comes first. The index is
    brought up to date before.
    """
    found = up_to_date(existing_folder(folder))
    paths = [_indexed_path(found, file) for file in focus or ()]

    from slmcode.index.map import outline, rank

    ranked = rank(found.reader, paths)
    outlined = outline(ranked, tokens)
    if as_json:
        typer.echo(json.dumps(_as_json(found.folder, tokens, outlined), ensure_ascii=False))
    elif outlined:
        _show(outlined)
    else:
        typer.echo(
            f"slmcode: no file of {found.folder} defines anything in a language slmcode parses",
            err=True,
        )


def _indexed_path(found: Indexed, file: Path) -> str:
    """A file as the index has it: named from the current folder or from the indexed one."""
    named = (file.expanduser(), found.folder / file)
    real = next((Path(os.path.realpath(p)) for p in named if p.is_file()), None)
    if real is None:
        fail(f"there is no file {file}")
    if not real.is_relative_to(found.folder):
        fail(f"{file} is not in {found.folder}")
    path = real.relative_to(found.folder).as_posix()
    if path not in found.reader.files():
        reasons = {s.path: s.reason for s in found.reader.skipped()}
        fail(f"{file} is not indexed: {reasons.get(path, 'it is ignored')}")
    return path


def _as_json(folder: Path, tokens: int, outlined: Sequence[Outlined]) -> dict[str, object]:
    """Lines are counted from 1, as editors show them; `end_line` is the last one."""
    from slmcode.index.walk import printable

    return {
        "folder": printable(str(folder)),
        "tokens": tokens,
        "files": [
            {
                "path": file.path,
                "rank": file.score,
                "symbols": [
                    {
                        "name": row.symbol.name,
                        "kind": row.symbol.kind,
                        "scope": row.symbol.scope,
                        "signature": row.symbol.signature,
                        "line": row.symbol.line + 1,
                        "end_line": row.symbol.end_line,
                        "depth": row.depth,
                    }
                    for row in file.rows
                ],
            }
            for file in outlined
        ],
    }


def _show(outlined: Sequence[Outlined]) -> None:
    """The outline; where stdout is a terminal, with bold names and lines cut at its width."""
    from rich.console import Console
    from rich.text import Text

    from slmcode.index.map import line_of

    console = Console(highlight=False)
    for number, file in enumerate(outlined):
        lines = [Text(file.path, style="bold cyan")]
        for row in file.rows:
            text = Text(line_of(row))
            text.highlight_words([row.symbol.name], "bold")
            lines.append(text)
        for text in [Text(""), *lines] if number else lines:
            if console.is_terminal:
                text.truncate(console.width, overflow="ellipsis")
            console.print(text, soft_wrap=True)
