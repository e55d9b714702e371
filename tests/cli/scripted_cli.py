"""The command line with an engine that follows a script; see `tests.editors.scripted_engine`.

python -m tests.cli.scripted_cli SCRIPT.json COMMAND …
"""

from __future__ import annotations

import sys
from pathlib import Path

from slmcode.cli import main
from slmcode.config import Config
from slmcode.features import workspace
from slmcode.features.workspace import OnStatus, OnWarning, Workspace
from tests.editors.scripted_server import ScriptedWorkspace

SCRIPT = Path(sys.argv.pop(1))


def start(config: Config, on_status: OnStatus, on_warning: OnWarning) -> Workspace:
    space = ScriptedWorkspace(config, on_status, on_warning, SCRIPT)
    space.begin()
    return space


async def ready(space: ScriptedWorkspace) -> object:
    """There is no process to wait for."""
    assert space._begun is not None
    await space._begun
    return space._last


if __name__ == "__main__":
    workspace.start = start  # type: ignore[assignment]
    ScriptedWorkspace.ready = ready  # type: ignore[assignment,method-assign]
    main()
