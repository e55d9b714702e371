"""The README's tables are what the code says. `REWRITE=1` puts the code's tables into it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from slmcode.config import describe
from slmcode.lsp.messages import CUSTOM

README = Path(__file__).parent.parent / "README.md"


def settings_table() -> str:
    """One row a setting."""
    rows = ["| setting | default | |", "|---|---|---|"]
    for s in describe():
        default = json.dumps(list(s.default) if isinstance(s.default, tuple) else s.default)
        rows.append(f"| `{s.name}` | `{default}` | {s.description} |")
    return "\n".join(rows)


def messages_table() -> str:
    """One row a message."""
    rows = ["| message | direction | |", "|---|---|---|"]
    rows += [f"| `{m.method}` | {m.direction.value} | {m.purpose} |" for m in CUSTOM.values()]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("name", "table"),
    [("settings", settings_table()), ("messages", messages_table())],
    ids=["settings", "messages"],
)
def test_table(name: str, table: str) -> None:
    text = README.read_text(encoding="utf-8")
    before, opening, rest = text.partition(f"<!-- {name}:")
    comment, line_end, rest = rest.partition("-->\n")
    printed, closing, after = rest.partition(f"<!-- /{name} -->")
    assert all((opening, line_end, closing)), f"the README has lost its {name} table"
    if os.environ.get("REWRITE"):
        made = before + opening + comment + line_end + table + "\n" + closing + after
        README.write_text(made, encoding="utf-8")
        return
    assert printed.strip() == table
