"""The cells above the cursor's cell as context, and when a prompt changes by them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio

from slmcode.config import Config
from slmcode.engine.fake import writes
from slmcode.features.project import Project
from slmcode.text import Snapshot
from tests.features.harness import Desk
from tests.features.test_project import CONFIG, PRICING, head, opened, pause

NOTEBOOK = "untitled:Untitled-1.ipynb?jupyter-notebook"
LOADS = "import sales\nrows = sales.load()\n"
COUNTS = "n = len(rows)\n"


class Notebook:
    """A notebook with one cell that is typed in; the others are given by name."""

    def __init__(
        self, project: Project, source: str, uri: str = NOTEBOOK, config: Config = CONFIG
    ) -> None:
        self.uri = uri
        self.project = project
        self.cells: dict[str, Snapshot] = {}
        self.desk = Desk(source, writes(b"x\n"), config=config, uri=self.cell("here"))
        self.desk.completer._resources.project = project

    def cell(self, name: str) -> str:
        return f"vscode-notebook-cell:/w/n.ipynb#{name}"

    def put(self, name: str, text: str, language: str = "python") -> None:
        """A cell has this text now."""
        snapshot = Snapshot(self.cell(name), language, 1, text)
        self.cells[snapshot.uri] = snapshot

    def arrange(self, *names: str) -> None:
        """The cells stand in this order."""
        self.project.cells.arranged(self.uri, [self.cell(name) for name in names], self.cells.get)


@pytest_asyncio.fixture
async def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Project]:
    """No folder is open in it."""
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    found = Project(CONFIG, lambda folder, progress: None)
    yield found
    found.close()


@pytest_asyncio.fixture
async def notebook(project: Project) -> Notebook:
    found = Notebook(project, "mean = ˇ")
    found.put("loads", LOADS)
    found.put("counts", COUNTS)
    return found


async def test_the_cells_above_stand_in_their_order_without_any_folder(notebook: Notebook) -> None:
    notebook.arrange("loads", "counts", "here")
    await pause(notebook.desk)
    name = "Untitled-1.ipynb\n"
    assert head(notebook.desk) == f"|{name}{LOADS}|{name}{COUNTS}|{name}"
    await notebook.desk.ask()
    why = notebook.desk.completer.why(notebook.desk.snapshot.uri)
    assert why is not None
    assert [(c.uri, c.line, c.end_line, c.reason) for c in why.context.chunks] == [
        (notebook.cell("loads"), 0, 3, "cell"),
        (notebook.cell("counts"), 0, 2, "cell"),
    ]


async def test_a_new_cell_sees_the_nearest_one_at_its_first_key(project: Project) -> None:
    """It is empty: without a pause there would be nothing in its prompt."""
    notebook = Notebook(project, "ˇ", uri="untitled:n.ipynb")
    notebook.put("loads", LOADS)
    notebook.put("counts", COUNTS)
    notebook.arrange("loads", "counts", "here")
    notebook.desk.type("m")
    await notebook.desk.ask()
    assert head(notebook.desk) == f"|n.ipynb\n{COUNTS}|n.ipynb\n"
    await pause(notebook.desk)
    assert head(notebook.desk) == f"|n.ipynb\n{LOADS}|n.ipynb\n{COUNTS}|n.ipynb\n"


async def test_a_long_cell_leaves_no_room_at_first(project: Project) -> None:
    notebook = Notebook(project, "x = 1\n" * 100 + "ˇ", uri="untitled:n.ipynb")
    notebook.put("counts", COUNTS)
    notebook.arrange("counts", "here")
    await notebook.desk.ask()
    assert head(notebook.desk) == ""


async def test_what_is_below_or_in_another_language_or_empty_is_left_out(
    notebook: Notebook,
) -> None:
    notebook.put("heading", "# Sales of a year\n", "markdown")
    notebook.put("blank", " \n\n")
    notebook.put("below", "print(mean)\n")
    notebook.arrange("heading", "counts", "blank", "never opened", "here", "below")
    await pause(notebook.desk)
    assert head(notebook.desk) == f"|Untitled-1.ipynb\n{COUNTS}|Untitled-1.ipynb\n"


async def test_the_nearest_come_first_into_a_small_budget(project: Project) -> None:
    project.configure(Config(context_tokens=90, work_ahead="always"))
    notebook = Notebook(project, "mean = ˇ")
    for i in range(9):
        notebook.put(str(i), f"step_{i} = {i} + 1\n")
    notebook.arrange(*map(str, range(9)), "here")
    await pause(notebook.desk)
    assert "step_8" in head(notebook.desk)
    assert "step_7" in head(notebook.desk)
    assert "step_6" not in head(notebook.desk)


async def test_of_a_long_cell_the_beginning(notebook: Notebook) -> None:
    notebook.put("long", "import sales\n" + "show(1)\n" * 100_000)
    notebook.put("data", "blob = '" + "A" * 1_000_000 + "'\n")
    notebook.arrange("data", "long", "here")
    await pause(notebook.desk)
    assert head(notebook.desk).startswith("|Untitled-1.ipynb\nimport sales\nshow(1)\nshow(1)\n")
    assert "blob" not in head(notebook.desk)


async def test_a_secret_in_a_cell_is_masked(notebook: Notebook) -> None:
    notebook.put("key", "password = 'hunter2hunter2'\n")
    notebook.arrange("key", "here")
    await pause(notebook.desk)
    assert "password" in head(notebook.desk)
    assert "hunter2" not in head(notebook.desk)


async def test_keys_in_another_cell_change_nothing_until_a_pause_here(notebook: Notebook) -> None:
    notebook.arrange("loads", "counts", "here")
    await pause(notebook.desk)
    before = head(notebook.desk)
    n = len(notebook.desk.engine.jobs)
    for end in range(1, 9):
        notebook.put("counts", COUNTS + "m = n - 1\n"[:end])
    notebook.desk.type("n")
    await notebook.desk.ask()
    assert head(notebook.desk) == before
    assert len(notebook.desk.completions_asked) == len(notebook.desk.engine.jobs) - n
    await pause(notebook.desk)
    assert head(notebook.desk) == before.replace(COUNTS, COUNTS + "m = n - \n")


async def test_a_pause_with_nothing_new_evaluates_nothing(notebook: Notebook) -> None:
    notebook.arrange("loads", "counts", "here")
    await pause(notebook.desk)
    n = len(notebook.desk.engine.jobs)
    await pause(notebook.desk)
    assert len(notebook.desk.engine.jobs) == n


async def test_cells_that_move_and_go(notebook: Notebook) -> None:
    notebook.arrange("loads", "counts", "here")
    await pause(notebook.desk)
    notebook.arrange("counts", "loads", "here")
    await pause(notebook.desk)
    assert head(notebook.desk).index(COUNTS) < head(notebook.desk).index(LOADS)
    notebook.arrange("counts", "here", "loads")
    await pause(notebook.desk)
    assert head(notebook.desk) == f"|Untitled-1.ipynb\n{COUNTS}|Untitled-1.ipynb\n"
    notebook.arrange("here")
    await pause(notebook.desk)
    assert head(notebook.desk) == ""


async def test_a_closed_notebook_is_forgotten(notebook: Notebook) -> None:
    notebook.arrange("loads", "here")
    notebook.arrange()
    assert notebook.project.cells.notebook_of(notebook.cell("here")) is None
    await pause(notebook.desk)
    assert head(notebook.desk) == ""


async def test_no_budget_no_cells(project: Project) -> None:
    project.configure(Config(context_tokens=0, work_ahead="always"))
    notebook = Notebook(project, "mean = ˇ", config=Config(context_tokens=0, work_ahead="always"))
    notebook.put("loads", LOADS)
    notebook.arrange("loads", "here")
    await pause(notebook.desk)
    assert head(notebook.desk) == ""


# In a workspace folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "pricing.py").write_text(PRICING)
    (workspace / "bill.ipynb").write_text('{"cells": ["discount = discount(order)"]}')
    return workspace


async def test_cells_come_before_what_the_index_finds(folder: Path) -> None:
    project = await opened(folder)
    notebook = Notebook(project, "price = discount(ˇ", uri=(folder / "bill.ipynb").as_uri())
    notebook.put("loads", LOADS)
    notebook.arrange("loads", "here")
    await pause(notebook.desk)
    assert head(notebook.desk) == (f"|pricing.py\n{PRICING}|bill.ipynb\n{LOADS}|bill.ipynb\n"), (
        "the better a chunk, the nearer it stands"
    )
    project.close()


@pytest.mark.parametrize("cell", ["vscode-notebook-cell:/w/n.ipynb#1", "file:{notebook}#1"])
async def test_a_cell_is_no_file_of_the_folder(folder: Path, cell: str) -> None:
    """It is not indexed in place of the notebook, and its names are not held against the index."""
    project = await opened(folder)
    path = folder / "bill.ipynb"
    uri = cell.format(notebook=f"//{quote(str(path))}")
    snapshot = Snapshot(uri, "python", 1, "x = 1\n")
    project.cells.arranged(path.as_uri(), [uri], {uri: snapshot}.get)
    assert project.find(uri) is None
    found = project.place_of(uri)
    assert found is not None
    assert found[1] == "bill.ipynb"
    project.close()


async def test_why_a_cell_has_nothing(project: Project, folder: Path) -> None:
    notebook = Notebook(project, "x = ˇ")
    notebook.arrange("here")
    here = notebook.cell("here")
    assert project.why_none(here) == "the document has no file yet"
    notebook.uri = (folder / "bill.ipynb").as_uri()
    notebook.arrange("here")
    assert project.why_none(here) == "no workspace folder is open"
