"""`slmcode engine`: the process that holds the model. Servers start it by themselves."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from slmcode import config
from slmcode.engine import host, wire
from slmcode.features.workspace import engine_options
from slmcode.models import store
from slmcode.models.catalog import ModelError


def engine(
    model: Annotated[str, typer.Option(help="Role or path; default: the settings'.")] = "",
) -> None:
    """Hold the model and serve this user's servers; ends when idle.

    Servers start one on demand, so this is for looking at it: it stays in the foreground.
    """
    import msgspec

    settings, problems = config.load()
    for problem in problems:
        print(f"slmcode: {problem}", file=sys.stderr)
    if model:
        settings = msgspec.structs.replace(settings, model=model)
    try:
        path = store.resolve(settings)
    except ModelError as e:
        print(f"slmcode: {e}", file=sys.stderr)
        raise typer.Exit(1) from None
    options = engine_options(settings)
    address = wire.address(config.runtime_folder(), path, msgspec.structs.astuple(options))
    raise typer.Exit(host.main(address, path, options))
