"""`slmcode engine`: the process that holds the model. Servers start it by themselves."""

from __future__ import annotations

from typing import Annotated

import typer


def engine(
    model: Annotated[
        str, typer.Option(help="fast, quality or a GGUF file; default: the settings'.")
    ] = "",
) -> None:
    """Hold the model and serve this user's servers; ends when idle.

    Servers start one on demand, so this is for looking at it: it stays in the foreground. If one
    runs already it says "another" and ends.
    """
    import msgspec

    from slmcode import config
    from slmcode.engine import host, wire
    from slmcode.features.launching import engine_options
    from slmcode.models import store
    from slmcode.models.catalog import ModelError

    settings, problems = config.load()
    for problem in problems:
        typer.echo(f"slmcode: {problem}", err=True)
    if model:
        settings, _ = config.overlay(settings, {"model": model})
    try:
        path = store.resolve(settings)
        options = engine_options(settings)
        address = wire.address(config.runtime_folder(), path, msgspec.structs.astuple(options))
        code = host.main(address, path, options)
    except (ModelError, OSError) as e:
        typer.echo(f"slmcode: {e}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(code)
