"""The command line: `slmcode COMMAND`.

A command's module is imported when that command runs: an editor waits for `slmcode serve`, and
the model library, the tokenizer or the table printer of some other command are not its business.
`COMMANDS` therefore holds the first line of each command's help; a test compares.
"""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

# Each one is the function, or the typer app, in the module slmcode.cli.<name>.
COMMANDS = {
    "demo": "Watch the model complete a sample project, or FILE.",
    "complete": "Complete at a cursor and show prompt, answer or reason, and where the time went.",
    "edit": "Change lines of a file by an instruction or an action, under a contract.",
    "translate": "Translate legacy programs, prove the results, and say what to look at first.",
    "index": "Index a folder and show what was found, what was skipped, and how long it took.",
    "search": "Find definitions by name, or passages by their words.",
    "map": "Outline a folder: the files that matter most, with their most important definitions.",
    "serve": "Run the language server; editors start this.",
    "models": "See, fetch, check and tune the weights.",
    "bundle": "Write an archive that installs slmcode, weights and plugins without a network.",
    "settings": "Show the settings: type, default, unit, values allowed, and where to set them.",
    "doctor": "Check this machine and say what to do about each fault.",
    "stats": "Show what the servers of this user have counted: requests, latencies, reuse.",
    "audit": "Show what the models were given for which file, and what of their answers was"
    " accepted.",
    "trace": "Replay a recorded session and show where its slowest requests spent their time.",
    "engine": "Hold the model and serve this user's servers; ends when idle.",
}


# The network is closed before any other command is imported. These use it, or close it themselves
# as soon as they know that they need none.
_OPEN = ("models", "bundle", "doctor", "demo", "translate")
_process_is_ours = False  # and not one in which tests call commands


def close_network() -> None:
    """Close the network for this process and its children, for good."""
    if _process_is_ours:
        from slmcode import network

        network.close(sandboxes=True)


class LazyGroup(TyperGroup):
    """Knows all commands by name and first line; imports the one that is run."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What stands for the command in `slmcode --help`, or None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name], rich_markup_mode="rich")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, found, rest = super().resolve_command(ctx, args)
        if name not in _OPEN:
            close_network()  # first of all: a process with threads can no longer do it as well
        return name, found and load(str(name)), rest


def load(name: str) -> Any:
    """The command itself, with its options."""
    module = importlib.import_module(f"slmcode.cli.{name}")
    if isinstance(group := getattr(module, "app", None), typer.Typer):
        return typer.main.get_group(group)
    single = typer.Typer(add_completion=False)
    single.command(name)(getattr(module, name))
    return typer.main.get_command(single)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables: source text
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from slmcode import __version__

        typer.echo(f"slmcode {__version__}")
        raise typer.Exit


@app.callback()
def _slmcode(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Ghost text from a small code model on your own CPU.

    No code leaves this machine. New here? Run `slmcode demo`; if anything is odd, `slmcode doctor`.
    `slmcode COMMAND --help` says more about each command.
    """


def main() -> None:
    """The `slmcode` command."""
    global _process_is_ours
    _process_is_ours = True
    app(prog_name="slmcode")
