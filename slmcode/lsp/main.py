"""The server process from its first line to its exit code, apart from what completes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from slmcode.config import Config
from slmcode.lsp import logs, stdio
from slmcode.lsp.handlers import MakeCompleter
from slmcode.lsp.record import Recorder
from slmcode.lsp.server import build_server


def serve(
    make_completer: MakeCompleter,
    settings: Config,
    problems: Sequence[str] = (),
    *,
    record: Path | None = None,
    socket: Path | None = None,
    targets: Mapping[str, Sequence[str]] | None = None,
) -> int:
    """Serve one client over stdio, or the first that connects to `socket`; the exit code.

    `settings` are those known before the client's, `problems` what was wrong with them. `record`
    is written as `slmcode.lsp.record` says; `targets` as `build_server` says. Raises
    OSError if one of the two paths cannot be used.
    """
    read_fd, write_fd = stdio.take_stdio()
    logs.set_up(settings)
    protocol = build_server(make_completer, settings, problems, targets or {}).protocol
    if record is not None:
        print(f"slmcode: {record} will hold your source text", file=sys.stderr)
        protocol.recorder = Recorder(record)
    if socket is not None:
        read_fd, write_fd = stdio.accept_one(socket)
    return stdio.run(protocol, read_fd, write_fd)
