"""`slmcode serve`: the language server of one editor, over stdio or a Unix-domain socket."""

from __future__ import annotations

import sys
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
    # Imported here: pygls and lsprotocol take longer to import than most other commands to run.
    from slmcode import config
    from slmcode.features import workspace
    from slmcode.lsp import logs, stdio
    from slmcode.lsp.record import Recorder
    from slmcode.lsp.server import build_server

    read_fd, write_fd = stdio.take_stdio()
    settings, problems = config.load()
    logs.set_up(settings)
    if socket is not None:
        read_fd, write_fd = stdio.accept_one(socket)
    protocol = build_server(workspace.start, settings, problems).protocol
    if record is not None:
        print(f"slmcode: {record} will hold your source text", file=sys.stderr)
        protocol.recorder = Recorder(record)
    raise typer.Exit(stdio.run(protocol, read_fd, write_fd))
