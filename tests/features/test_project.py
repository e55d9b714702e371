"""When what the workspace says comes into a prompt, and when it does not."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from slmcode.config import Config
from slmcode.engine.fake import END, writes
from slmcode.features.project import Project, database_of, file_of
from tests.features.harness import Desk

PRICING = "def discount(order, percent):\n    return order.total() * (100 - percent) / 100\n"
BILL = "def print_bill(order):\n    heading = order.customer\n    return heading\n"
CONFIG = Config(deadline_ms=2000, show_probability=0, work_ahead="always", context_tokens=400)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "pricing.py").write_text(PRICING)
    (workspace / "bill.py").write_text(BILL)
    (workspace / "main.py").write_text("")
    return workspace


@pytest_asyncio.fixture
async def project(folder: Path) -> AsyncIterator[Project]:
    found = await opened(folder)
    yield found
    found.close()


async def opened(folder: Path, config: Config = CONFIG) -> Project:
    found = Project(config, lambda folder, progress: None)
    found.change_folders([folder.as_uri()], [])
    await until(lambda: found.is_indexed)
    return found


async def until(holds: Callable[[], object]) -> None:
    """Wait for what another thread brings about."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  (the index has no event of this loop)
            await asyncio.sleep(0.01)


def desk_in(project: Project, folder: Path, source: str) -> Desk:
    uri = (folder / "main.py").as_uri()
    desk = Desk(source, writes(b"x\n"), config=CONFIG, uri=uri)
    desk.completer._resources.project = project
    return desk


async def pause(desk: Desk) -> None:
    """Nothing is typed until all that can be done ahead is done."""
    doc = desk.completer._documents[desk.snapshot.uri]
    desk.completer.cursor_moved(desk.snapshot, desk.offset)
    async with asyncio.timeout(30):
        while not doc.rested.is_set():
            desk.completer._ahead.idle(doc)
            await desk.engine.settle()


def head(desk: Desk) -> str:
    """What stood in front of the prefix in the newest prompt; separators as `|`."""
    tokens = desk.engine.jobs[-1].tokens
    before = tokens[: tokens.index(256)]
    return "".join("|" if t == END else chr(t) for t in before)


async def test_a_pause_brings_what_other_files_say(project: Project, folder: Path) -> None:
    desk = desk_in(project, folder, "price = discount(ˇ")
    await desk.ask()
    assert head(desk) == "", "no key waits for retrieval"
    await pause(desk)
    assert head(desk) == f"|pricing.py\n{PRICING}|main.py\n"
    await desk.ask()
    why = desk.completer.why(desk.snapshot.uri)
    assert why is not None
    assert [(c.path, c.line, c.end_line, c.reason) for c in why.context.chunks] == [
        ("pricing.py", 0, 2, "call")
    ]
    assert why.note == ""


async def test_typing_changes_nothing_of_it(project: Project, folder: Path) -> None:
    """Another function is called, without a pause: its definition has to wait."""
    desk = desk_in(project, folder, "price = discount(ˇ")
    await pause(desk)
    before = head(desk)
    for key in "1)\nprint_bill(":
        desk.type(key)
        await desk.ask()
    assert head(desk) == before
    assert "print_bill" not in before


async def test_the_next_pause_adds_what_is_missing_behind_what_is_there(
    project: Project, folder: Path
) -> None:
    desk = desk_in(project, folder, "price = discount(ˇ")
    await pause(desk)
    desk.type("1)\nprint_bill(")
    await pause(desk)
    assert head(desk) == f"|pricing.py\n{PRICING}|bill.py\n{BILL}|main.py\n"


async def test_a_pause_with_nothing_new_evaluates_nothing(project: Project, folder: Path) -> None:
    desk = desk_in(project, folder, "price = discount(ˇ")
    await pause(desk)
    n = len(desk.engine.jobs)
    await pause(desk)
    assert len(desk.engine.jobs) == n


async def test_files_that_change_on_disk_are_seen(project: Project, folder: Path) -> None:
    desk = desk_in(project, folder, "price = surcharge(ˇ")
    await pause(desk)
    assert "surcharge" not in head(desk)
    added = "def surcharge(order):\n    return order.total() + 5\n"
    (folder / "more.py").write_text(added)
    project.files_changed([(folder / "more.py").as_uri()])
    (reader,) = [f.reader for f in project._folders]
    await until(lambda: reader.definitions(["surcharge"]))
    await pause(desk)
    assert f"|more.py\n{added}" in head(desk)


async def test_two_folders_each_with_its_own(
    project: Project, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "deep.py").write_text("def discount(order):\n    return 0\n")
    project.change_folders([other.as_uri()], [])
    await until(lambda: project.is_indexed)
    desk = desk_in(project, folder, "price = discount(ˇ")
    await pause(desk)
    assert head(desk) == f"|pricing.py\n{PRICING}|main.py\n"
    assert {s.path for _, s in await project.symbols("discount", 9)} == {"pricing.py", "deep.py"}
    project.change_folders([], [other.as_uri()])
    assert {s.path for _, s in await project.symbols("discount", 9)} == {"pricing.py"}


@pytest.mark.parametrize(
    ("uri", "note"),
    [
        ("untitled:Untitled-1", "the document has no file yet"),
        ("file:///elsewhere/a.py", "the file is outside the workspace folders"),
    ],
)
async def test_documents_without_a_folder(project: Project, uri: str, note: str) -> None:
    desk = Desk("price = discount(ˇ", writes(b"x\n"), config=CONFIG, uri=uri)
    desk.completer._resources.project = project
    await pause(desk)
    await desk.ask()
    assert head(desk) == ""
    why = desk.completer.why(uri)
    assert why is not None
    assert why.note == note


async def test_switched_off(folder: Path) -> None:
    project = await opened(folder, Config(index=False))
    desk = desk_in(project, folder, "price = discount(ˇ")
    await pause(desk)
    assert head(desk) == ""
    why = desk.completer.why(desk.snapshot.uri)
    assert why is not None
    assert "switched off" in why.note


async def test_indexes_nobody_opens_any_more_are_removed(folder: Path) -> None:
    (await opened(folder)).close()
    used = database_of(folder)
    old = used.with_name("0123456789abcdef.sqlite")
    old.write_bytes(used.read_bytes())
    for database in (used, old):
        os.utime(database, (0, time.time() - 80 * 86_400))
    (await opened(folder)).close()
    assert old.exists()
    os.utime(old, (0, time.time() - 100 * 86_400))
    (await opened(folder)).close()
    assert not old.exists()
    assert used.exists()


async def test_settings_open_the_indexes_anew(project: Project) -> None:
    project.configure(msgspec.structs.replace(CONFIG, index=False))
    assert await project.symbols("discount", 9) == []
    project.configure(CONFIG)
    await until(lambda: project.is_indexed)
    assert [s.name for _, s in await project.symbols("discount", 9)] == ["discount"]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a%20b/%C3%A4.py", "/a b/ä.py"),
        ("file:///a/%FF.py", "/a/\udcff.py"),
        ("untitled:Untitled-1", None),
        ("vscode-notebook-cell:/a/b.ipynb#W0", None),
        ("file:", None),
        ("", None),
    ],
)
def test_file_of(uri: str, path: str | None) -> None:
    assert file_of(uri) == (None if path is None else Path(path))
