"""The command line: `slmcode COMMAND`."""

from __future__ import annotations

import typer

from slmcode.cli import complete, engine, models, serve, stats

app = typer.Typer(
    help="Ghost text from a small code model on your own CPU.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables: source text
)
app.add_typer(models.app, name="models")
app.command()(complete.complete)
app.command()(serve.serve)
app.command()(engine.engine)
app.command()(stats.stats)


def main() -> None:
    """The `slmcode` command."""
    app(prog_name="slmcode")
