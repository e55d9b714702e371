"""Notebooks on the wire: cells that open, change, move, go, and what of them reaches a prompt."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from slmcode.features.answer import Why
from slmcode.lsp import convert
from slmcode.lsp.client import Client
from slmcode.prompt.context import Chunk, Context
from tests.editors import scripted_engine
from tests.lsp.conftest import ROOT, Lab
from tests.lsp.test_server import call, calls

pytestmark = [pytest.mark.timeout(60), pytest.mark.asyncio(loop_scope="session")]


class Notebook:
    """What an editor says of one notebook."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.uri = f"file:///w/{name}.ipynb"
        self.version = 1

    def cell(self, name: str) -> str:
        return f"vscode-notebook-cell:{self.uri.removeprefix('file:')}#{name}"

    def item(self, name: str, text: str, language: str = "python") -> dict[str, Any]:
        return {"uri": self.cell(name), "languageId": language, "version": 1, "text": text}

    def open(self, *items: dict[str, Any]) -> None:
        cells = [{"kind": 2, "document": item["uri"]} for item in items]
        document = {"uri": self.uri, "notebookType": "jupyter-notebook", "version": 1}
        self.client.notify(
            "notebookDocument/didOpen",
            {"notebookDocument": {**document, "cells": cells}, "cellTextDocuments": list(items)},
        )

    def change(self, **change: Any) -> None:
        self.version += 1
        self.client.notify(
            "notebookDocument/didChange",
            {"notebookDocument": {"uri": self.uri, "version": self.version}, "change": change},
        )

    def splice(
        self,
        start: int,
        delete_count: int,
        *names: str,
        opened: tuple[dict[str, Any], ...] = (),
        closed: tuple[str, ...] = (),
    ) -> None:
        """Take cells out and put others in at their place."""
        cells = [{"kind": 2, "document": self.cell(name)} for name in names]
        structure = {
            "array": {"start": start, "deleteCount": delete_count, "cells": cells},
            "didOpen": list(opened),
            "didClose": [{"uri": self.cell(name)} for name in closed],
        }
        self.change(cells={"structure": structure})

    def type(self, name: str, line: int, character: int, text: str) -> None:
        """Put a text into a cell."""
        self.version += 1
        place = {"line": line, "character": character}
        content = {
            "document": {"uri": self.cell(name), "version": self.version},
            "changes": [{"range": {"start": place, "end": place}, "text": text}],
        }
        self.change(cells={"textContent": [content]})

    def close(self, *names: str) -> None:
        self.client.notify(
            "notebookDocument/didClose",
            {
                "notebookDocument": {"uri": self.uri},
                "cellTextDocuments": [{"uri": self.cell(name)} for name in names],
            },
        )

    async def order(self, *names: str) -> Any:
        """Wait until the cells are said to stand in this order; those of them that are open."""
        cells = [self.cell(name) for name in names]
        return (await call(self.client, "cells", self.uri, cells))[2]


@pytest.fixture
def notebook(client: Client, request: pytest.FixtureRequest) -> Notebook:
    """A notebook no other test uses."""
    return Notebook(client, request.node.name)


async def test_the_server_announces_them(client: Client) -> None:
    assert client.capabilities["notebookDocumentSync"] == {
        "notebookSelector": [{"notebook": "*", "cells": [{"language": "*"}]}],
        "save": True,
    }


async def test_cells_open_with_the_notebook(client: Client, notebook: Notebook) -> None:
    notebook.open(
        notebook.item("a", "# Heading\n", "markdown"), notebook.item("b", "x = 1\ny = 2\n")
    )
    assert await notebook.order("a", "b") == [], "the order is known before the texts"
    assert await call(client, "open", notebook.cell("a")) == [
        notebook.cell("a"),
        "markdown",
        10,
        2,
    ]
    assert await call(client, "open", notebook.cell("b")) == [notebook.cell("b"), "python", 12, 3]


async def test_a_language_has_one_name(client: Client, notebook: Notebook) -> None:
    """Neovim says "cs" where LSP says "csharp"."""
    notebook.open(notebook.item("a", "int x;\n", "cs"))
    assert (await call(client, "open", notebook.cell("a")))[1] == "csharp"


async def test_text_changes_in_a_cell(client: Client, notebook: Notebook) -> None:
    notebook.open(notebook.item("a", "s = '😀'\n"))
    notebook.type("a", 0, 8, ".upper()")
    assert await call(client, "change", notebook.cell("a")) == [
        notebook.cell("a"),
        2,
        "s = '😀'.upper()\n",
        [[[7, 7], ".upper()"]],
    ]
    answer = await client.inline_completion(notebook.cell("a"), 0, 16)
    (item,) = answer["items"]
    assert item["insertText"] == "s = '😀'.upper()😀 = 1\nnext"


async def test_a_cell_that_moves_stays_open(client: Client, notebook: Notebook) -> None:
    notebook.open(*(notebook.item(name, f"{name} = 1\n") for name in "abc"))
    notebook.splice(2, 1)
    notebook.splice(0, 0, "c")
    assert await notebook.order("c", "a", "b") == [notebook.cell(name) for name in "cab"]
    assert await client.inline_completion(notebook.cell("c"), 0, 5) is not None
    closed = ["close", notebook.cell("c")]
    said = [json.loads(s["message"])[1:3] for s in client.received("slmcode/status")]
    assert closed not in said


async def test_a_cell_that_is_deleted_is_closed(client: Client, notebook: Notebook) -> None:
    notebook.open(*(notebook.item(name, f"{name} = 1\n") for name in "abc"))
    notebook.splice(1, 1, closed=("b",))
    assert await notebook.order("a", "c") == [notebook.cell("a"), notebook.cell("c")]
    await call(client, "close", notebook.cell("b"))
    assert await client.inline_completion(notebook.cell("b"), 0, 5) is None


async def test_a_cell_that_comes_in(client: Client, notebook: Notebook) -> None:
    notebook.open(notebook.item("a", "a = 1\n"))
    notebook.splice(1, 0, "b", opened=(notebook.item("b", "b = 2\n"),))
    await notebook.order("a", "b")
    await call(client, "open", notebook.cell("b"))


async def test_all_cells_go_and_one_comes(client: Client, notebook: Notebook) -> None:
    notebook.open(notebook.item("a", "a = 1\n"))
    notebook.splice(0, 1, closed=("a",))
    await notebook.order()
    notebook.splice(0, 0, "b", opened=(notebook.item("b", "b = 2\n"),))
    await notebook.order("b")


async def test_a_cell_of_another_language(client: Client, notebook: Notebook) -> None:
    """The editor closes the cell's document and opens it again, in one change."""
    notebook.open(notebook.item("a", "select 1\n"))
    again = notebook.item("a", "select 1\n", "sql")
    notebook.splice(0, 1, "a", opened=(again,), closed=("a",))
    await call(client, "open", notebook.cell("a"), "sql")
    assert await client.inline_completion(notebook.cell("a"), 0, 8) is not None


async def test_metadata_and_saving_change_nothing(client: Client, notebook: Notebook) -> None:
    notebook.open(notebook.item("a", "a = 1\n"))
    await call(client, "open", notebook.cell("a"))
    before = len(calls(client))
    notebook.change(metadata={"kernel": "python3"})
    notebook.change(cells={"data": [{"kind": 2, "document": notebook.cell("a")}]})
    client.notify("notebookDocument/didSave", {"notebookDocument": {"uri": notebook.uri}})
    await client.inline_completion(notebook.cell("a"), 0, 5)
    assert calls(client)[before:] == ["complete"]


async def test_closing(client: Client, notebook: Notebook) -> None:
    notebook.open(notebook.item("a", "a = 1\n"), notebook.item("b", "b = 1\n"))
    await call(client, "open", notebook.cell("b"))
    notebook.close("a", "b")
    await notebook.order()
    for name in "ab":
        await call(client, "close", notebook.cell(name))
        assert await client.inline_completion(notebook.cell(name), 0, 1) is None


async def test_a_notebook_that_was_never_opened(client: Client, notebook: Notebook) -> None:
    notebook.splice(3, 2, "x", opened=(notebook.item("x", "x = 1\n"),))
    assert await notebook.order("x") == []
    notebook.close("y")
    assert await client.inline_completion(notebook.cell("x"), 0, 5) is not None


async def test_why_names_the_cell() -> None:
    cell = Chunk("n.ipynb", 0, 2, "x = 1\n", 1.0, "cell", "vscode-notebook-cell:/w/n.ipynb#a")
    file = Chunk("a.py", 3, 4, "y = 1\n", 0.5, "name")
    context = Context((cell, file), (5, 6), tuple(range(13)))
    answer = convert.why(Path("/w"), Why("c1", context, ""))
    assert [c["uri"] for c in answer["chunks"]] == [cell.uri, "file:///w/a.py"]
    answer = convert.why(None, Why("c1", context, ""))
    assert [c["uri"] for c in answer["chunks"]] == [cell.uri, None]


async def test_the_cells_above_reach_the_prompt(lab: Lab, tmp_path: Path) -> None:
    """The real session with a scripted engine, an untitled notebook and no folder."""
    script = tmp_path / "script.json"
    scripted_engine.write(script, {"settings": {"idle_ms": 50}})
    client = await Client.start(
        [sys.executable, "-m", "tests.editors.scripted_server", str(script)],
        cwd=ROOT,
        env={
            **os.environ,
            "SLMCODE_CONFIG": str(tmp_path / "none"),
            "SLMCODE_STATE": str(tmp_path / "state"),
            "SLMCODE_RUNTIME": str(tmp_path / "run"),
        },
    )
    lab.clients.append(client)
    await client.initialize()
    await client.wait_for("slmcode/status", lambda s: s["state"] == "ready")
    notebook = Notebook(client, "n")
    notebook.uri = "untitled:Untitled-1.ipynb"
    notebook.open(
        notebook.item("a", "import sales\n"),
        notebook.item("b", "rows = 1\n"),
        notebook.item("c", "n = len(\n"),
        notebook.item("d", "below = 1\n"),
    )
    notebook.type("b", 0, 8, "23")
    client.cursor_moved(notebook.cell("c"), 0, 8)
    document = {"textDocument": {"uri": notebook.cell("c")}}
    chunks: list[dict[str, Any]] = []
    while not chunks:  # a pause brings them in
        chunks = (await client.request("slmcode/why", document))["chunks"]
    assert [(c["uri"], c["reason"], c["text"]) for c in chunks] == [
        (notebook.cell("a"), "cell", "import sales\n"),
        (notebook.cell("b"), "cell", "rows = 123\n"),
    ]
    await client.inline_completion(notebook.cell("c"), 0, 8)
    prompt = await client.request("slmcode/prompt", document)
    assert [p["text"] for p in prompt["pieces"] if p["kind"] == "chunk"] == [
        "import sales\n",
        "rows = 123\n",
    ]
