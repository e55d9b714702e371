"""Suggestions use other files: the right answer stands only there. Real weights, real server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from slmcode.lsp.client import Client
from tests.e2e.conftest import RealLab

WAREHOUSE = '''\
"""Where pallets are kept."""


class Warehouse:
    """All halls of one site."""

    def __init__(self, site):
        self.site = site

    def reserve_pallet_bay(self, pallet_number, hall):
        """Keep a bay free for a pallet."""
        return (self.site, hall, pallet_number)
'''
MAIN = '''\
from warehouse import Warehouse


def store_pallet(warehouse: Warehouse, pallet_number, hall):
    """Reserve the pallet bay in a hall."""
    return warehouse.re'''
LINE, COLUMN = 5, len("    return warehouse.re")
NAME = "reserve_pallet_bay("

real_loop = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    workspace = tmp_path / "work space"
    workspace.mkdir()
    (workspace / "warehouse.py").write_text(WAREHOUSE)
    (workspace / "main.py").write_text("")
    return workspace


async def chunks_of(client: Client, uri: str) -> list[dict[str, Any]]:
    """The chunks that stand ready, once there are some."""
    while True:
        found = await client.request("slmcode/why", {"textDocument": {"uri": uri}})
        if found is not None and found["chunks"]:
            return list(found["chunks"])
        await asyncio.sleep(0.02)


async def completed(client: Client, uri: str) -> tuple[str, str]:
    """The text offered by command, and its id."""
    answer = await client.inline_completion(uri, LINE, COLUMN, invoked=True)
    (item, *_) = answer["items"]
    return item["insertText"], item["command"]["arguments"][0]


async def opened(real: RealLab, folder: Path, **options: Any) -> tuple[Client, str]:
    client = await real.start()
    options = {"work_ahead": "always"} | options  # also while other tests run
    await client.initialize(folders=[(folder.as_uri(), "w")], options=options)
    uri = (folder / "main.py").as_uri()
    client.open(uri, "python", MAIN)
    client.cursor_moved(uri, LINE, COLUMN)
    return client, uri


@real_loop
async def test_a_method_that_only_another_file_knows(real: RealLab, folder: Path) -> None:
    client, uri = await opened(real, folder)
    async with asyncio.timeout(60):
        ready = await chunks_of(client, uri)
    text, completion_id = await completed(client, uri)
    assert ("re" + text).startswith(NAME)
    params = {"textDocument": {"uri": uri}, "completionId": completion_id}
    proof = await client.request("slmcode/why", params)
    assert proof["chunks"] == ready
    assert proof["note"] == ""
    (chunk,) = [c for c in ready if c["path"] == "warehouse.py"]
    assert chunk["uri"] == (folder / "warehouse.py").as_uri()
    assert "def reserve_pallet_bay(self, pallet_number, hall)" in chunk["text"]
    assert chunk["reason"] in ("receiver", "lexical")


@real_loop
async def test_it_is_not_guessed_without(real: RealLab, folder: Path) -> None:
    """The counterpart: were the name guessed, the test above would prove nothing."""
    client, uri = await opened(real, folder, context_tokens=0, index=False)
    text, completion_id = await completed(client, uri)
    assert not ("re" + text).startswith(NAME)
    params = {"textDocument": {"uri": uri}, "completionId": completion_id}
    proof = await client.request("slmcode/why", params)
    assert proof["chunks"] == []
    assert "switched off" in proof["note"]


@real_loop
async def test_an_unsaved_file_counts_as_it_is_in_the_editor(real: RealLab, folder: Path) -> None:
    client, uri = await opened(real, folder)
    client.close(uri)
    other = (folder / "warehouse.py").as_uri()
    client.open(other, "python", WAREHOUSE.replace("reserve_pallet_bay", "request_storage_bay"))
    client.open(uri, "python", MAIN)
    client.cursor_moved(uri, LINE, COLUMN)
    async with asyncio.timeout(60):
        chunks = await chunks_of(client, uri)
    (chunk,) = [c for c in chunks if c["path"] == "warehouse.py"]
    assert "request_storage_bay" in chunk["text"]
    assert "reserve_pallet_bay" not in chunk["text"]
    assert "reserve_pallet_bay" in (folder / "warehouse.py").read_text()


@real_loop
async def test_nothing_is_written_into_the_workspace(real: RealLab, folder: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    client, uri = await opened(real, folder)
    async with asyncio.timeout(60):
        await chunks_of(client, uri)
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before
