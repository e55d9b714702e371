"""`slmcode settings`: what can be set, and to what."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from slmcode.config import config_path, describe


def settings(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on stdout.")] = False,
) -> None:
    """Show the settings: type, default, unit, values allowed, and where to set them.

    A setting of scope "machine" is for the user to set, in the settings file or in the editor's
    own settings; one of scope "window" may be set for a project too, one of scope "trusted" for
    a project that the user trusts.
    """
    import msgspec

    if as_json:
        typer.echo(msgspec.json.encode(list(describe())).decode())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for setting in describe():
        text = Text(setting.description)
        limits = f"\n{setting.allowed}; default {json.dumps(setting.default)}; {setting.scope}"
        table.add_row(setting.name, text.append(limits, style="dim"))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"\nsettings file: {config_path()}", soft_wrap=True)
