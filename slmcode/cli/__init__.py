"""The command line: `slmcode COMMAND`."""

from __future__ import annotations

import typer

from slmcode.cli import models

app = typer.Typer(help="Ghost text from a small code model on your own CPU.", no_args_is_help=True)
app.add_typer(models.app, name="models")


def main() -> None:
    """The `slmcode` command."""
    app(prog_name="slmcode")
