"""`slmcode serve`: the language server of one editor, over stdio or a Unix-domain socket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    record: Annotated[
        Path | None,
        typer.Option(help="Write what the editor sends to this file, for `slmcode trace`."),
    ] = None,
    socket: Annotated[
        Path | None,
        typer.Option(help="Wait for one client at this Unix-domain socket instead of stdio."),
    ] = None,
) -> None:
    """Run the language server; editors start this."""
    from functools import partial

    from slmcode import config
    from slmcode.features import launching

    settings, problems = config.load()
    early = launching.start_early(settings)
    # Half a second of imports, while the engine loads its weights.
    from slmcode.features import workspace
    from slmcode.lsp import main, translations

    try:
        code = main.serve(
            partial(workspace.start, early=early),
            settings,
            problems,
            record=record,
            socket=socket,
            targets=translations.TARGETS,
        )
    except OSError as e:
        typer.echo(f"slmcode: {e}", err=True)
        code = 2
    raise typer.Exit(code)
