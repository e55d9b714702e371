"""The workspace on the wire: folders, files that change, symbols, progress, why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slmcode.lsp.client import Client
from tests.lsp.conftest import Lab

pytestmark = pytest.mark.timeout(60)
FOLDERS = [("file:///w/one", "one"), ("file:///w/two", "two")]


async def call(client: Client, name: str) -> Any:
    """The arguments of the completer's first call of that name."""
    status = await client.wait_for("slmcode/status", lambda s: json.loads(s["message"])[1] == name)
    return json.loads(status["message"])[2:]


@pytest.mark.asyncio(loop_scope="session")
async def test_folders_reach_the_project(lab: Lab) -> None:
    client = await lab.ready(folders=FOLDERS)
    assert await call(client, "folders") == [["file:///w/one", "file:///w/two"], []]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_root_counts_where_a_client_has_no_folders(lab: Lab) -> None:
    client = await lab.start()
    params = {"processId": None, "rootUri": "file:///w/root", "capabilities": {}}
    await client.request("initialize", params)
    client.notify("initialized", {})
    assert await call(client, "folders") == [["file:///w/root"], []]
    await client.request("shutdown")
    client.notify("exit")
    await client.wait_end()


@pytest.mark.asyncio(loop_scope="session")
async def test_folders_that_join_and_leave(lab: Lab) -> None:
    client = await lab.ready()
    event = {
        "added": [{"uri": "file:///w/three", "name": "three"}],
        "removed": [{"uri": "file:///w/one", "name": "one"}],
    }
    client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    wanted = [["file:///w/three"], ["file:///w/one"]]
    await client.wait_for("slmcode/status", lambda s: json.loads(s["message"])[2:] == wanted)


@pytest.mark.asyncio(loop_scope="session")
async def test_changed_files_are_asked_for_where_the_client_offers_it(lab: Lab) -> None:
    watched = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}
    client = await lab.ready(capabilities=watched)
    asked = await client.wait_for("client/registerCapability")
    (registration,) = asked["registrations"]
    assert registration["method"] == "workspace/didChangeWatchedFiles"
    changes = [{"uri": "file:///w/b.py", "type": 1}, {"uri": "file:///w/a.py", "type": 3}]
    client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
    assert await call(client, "files") == [["file:///w/a.py", "file:///w/b.py"]]


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_is_asked_of_a_client_that_offers_nothing(lab: Lab) -> None:
    client = await lab.ready(folders=FOLDERS)
    await call(client, "folders")
    assert not client.received("client/registerCapability")
    assert not client.received("window/workDoneProgress/create")


@pytest.mark.asyncio(loop_scope="session")
async def test_symbols(lab: Lab) -> None:
    client = await lab.ready()
    found = await client.request("workspace/symbol", {"query": "total"})
    assert [s["kind"] for s in found] == [5, 12, 12, 13]
    assert found[0]["name"] == "total"
    assert found[0]["location"] == {
        "uri": "file:///w/sub%20dir/%C3%A4.py",
        "range": {"start": {"line": 3, "character": 0}, "end": {"line": 7, "character": 0}},
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_why(lab: Lab) -> None:
    client = await lab.ready()
    document = {"textDocument": {"uri": "file:///w/a.py"}}
    assert await client.request("slmcode/why", {**document, "completionId": ""}) is None
    answer = await client.request("slmcode/why", {**document, "completionId": "c7"})
    assert answer == {
        "completionId": "c7",
        "note": "",
        "chunks": [
            {
                "uri": "file:///w/b.py",
                "path": "b.py",
                "range": {"start": {"line": 2, "character": 0}, "end": {"line": 5, "character": 0}},
                "tokens": 7,
                "score": 0.912,
                "reason": "call",
                "text": "def f():\n",
            }
        ],
    }


@pytest.mark.parametrize("folder", ["indexed", "indexing"])
@pytest.mark.asyncio(loop_scope="session")
async def test_progress_begins_and_ends(lab: Lab, folder: str) -> None:
    """Whether the index is complete before the client allows progress, or after."""
    client = await lab.ready(
        folders=[(f"file:///{folder}", folder)], capabilities={"window": {"workDoneProgress": True}}
    )
    if folder == "indexing":
        await client.wait_for("$/progress", lambda p: p["value"]["kind"] == "begin")
        changes = {"changes": [{"uri": "file:///w/a.py", "type": 2}]}
        client.notify("workspace/didChangeWatchedFiles", changes)
    await client.wait_for("$/progress", lambda p: p["value"]["kind"] == "end")
    (created,) = client.received("window/workDoneProgress/create")
    sent = client.received("$/progress")
    assert {p["token"] for p in sent} == {created["token"]}
    kinds = [p["value"]["kind"] for p in sent]
    assert kinds == (["begin", "report", "end"] if folder == "indexing" else ["begin", "end"])
