"""The scripted server says what its script says, through the real session and protocol."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from slmcode.lsp.client import Client
from tests.editors.scripted_engine import write

ROOT = Path(__file__).parents[2]
URI = "file:///w/a.py"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script.json"


@pytest_asyncio.fixture
async def client(
    tmp_path: Path, script: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SLMCODE_CONFIG", str(tmp_path / "config.toml"))
    write(
        script,
        {
            "settings": {"deadline_ms": 20000},
            "writes": [{"after": "x = ", "text": "alpha + beta", "others": ["gamma", "delta"]}],
            "translate": {"languages": ["go"], "parts": {"go": [translated("a"), translated("b")]}},
        },
    )
    argv = [sys.executable, "-m", "tests.editors.scripted_server", str(script)]
    client = await Client.start(argv, cwd=ROOT, env=dict(os.environ))
    try:
        await client.initialize()
        await client.wait_for("slmcode/status", lambda status: status["state"] == "ready")
        yield client
        await client.stop()
    finally:
        await client.kill()


def translated(text: str) -> dict[str, Any]:
    return {"language_id": "go", "text": text, "verdict": "proved", "reason": ""}


async def complete(client: Client, text: str, *, invoked: bool = False) -> list[str]:
    """What is offered at the end of a one-line document."""
    client.open(URI, "python", text)
    answer = await client.inline_completion(URI, 0, len(text), invoked=invoked)
    client.close(URI)
    return [item["insertText"] for item in (answer or {"items": []})["items"]]


async def test_it_writes_what_follows_the_text(client: Client) -> None:
    assert await complete(client, "x = ") == ["alpha + beta"]
    assert await complete(client, "x = alp") == ["ha + beta"]
    assert await complete(client, "x = alpaca") == []
    assert await complete(client, "y = ") == []
    assert await complete(client, "x = ", invoked=True) == ["alpha + beta", "gamma", "delta"]


async def test_the_script_changes_while_it_runs(client: Client, script: Path) -> None:
    write(script, {"status": {"state": "no_model", "message": "there is none"}})
    await client.wait_for("slmcode/status", lambda status: status["state"] == "downloadNeeded")
    assert await complete(client, "x = ") == []
    write(script, {"writes": [{"after": "x = ", "text": "other"}]})
    assert await complete(client, "x = ") == ["other"]


async def test_it_translates(client: Client) -> None:
    client.open(URI, "python", "a = 1\n")
    answer = await client.request(
        "slmcode/translate",
        {"textDocument": {"uri": URI}, "targetLanguage": "go", "partialResultToken": "t"},
    )
    assert answer["text"] == "b"
    parts = [p["value"]["text"] for p in client.received("$/progress") if p["token"] == "t"]
    assert parts[:1] == ["a"]
