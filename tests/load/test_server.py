"""One editor that asks for much, through the real server process. The model is a script."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks import clients
from benchmarks.vitals import vitals
from slmcode.lsp.client import Client
from slmcode.lsp.messages import CAN_REFRESH
from tests.editors.scripted_engine import write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture
async def client(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SLMCODE_CONFIG", str(tmp_path / "config.toml"))
    script = tmp_path / "script.json"
    write(script, {"writes": [{"after": "x", "text": " = 1", "token_ms": 5}]})
    argv = [sys.executable, "-m", "tests.editors.scripted_server", str(script)]
    client = await Client.start(argv, cwd=ROOT, env=dict(os.environ))
    try:
        await client.initialize(capabilities=CAN_REFRESH)
        await client.wait_for("slmcode/status", lambda s: s["state"] == "ready", 60)
        yield client
        await client.stop(60)
    finally:
        await client.kill()


async def test_100_requests_a_second_half_of_them_taken_back(client: Client) -> None:
    found = await clients.flood(client, 3)
    assert found["asked"] == 300
    assert found["answered"] == 1
    assert set(found["outcomes"]) <= {"answered", "cancelled"}, "each with the right error"
    assert found["outcomes"].get("cancelled", 0) <= 150, "only what was taken back"
    assert found["behind_s"] is not None
    assert not client._requests, "none is answered twice or left"


async def test_10_mb_are_pasted_and_the_memory_comes_back(client: Client) -> None:
    found = await clients.paste(client)
    # The text and the lines' beginnings of a version or two; 64 MB measured.
    assert found["most_mb"] - found["before_mb"] < 150, found
    assert found["after_mb"] - found["before_mb"] < 40, found


async def test_1000_documents_take_what_their_text_takes(client: Client) -> None:
    await client.request("workspace/symbol", {"query": ""})  # its thread stays
    held = vitals(client.process.pid)
    found = await clients.documents(client, os.environ, 0.1)
    assert found["kb_a_document"] < 50, found
    after = vitals(client.process.pid)
    assert after.handles == held.handles
    assert after.threads <= held.threads + 1, "asyncio's own may have begun"
