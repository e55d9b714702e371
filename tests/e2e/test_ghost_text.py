"""The main job: real weights in a real engine, behind a real server, asked by a real client.

Every message is validated in both directions against the LSP meta model when a test ends (`Lab`).
The module shares one engine; each test has a server of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from slmcode.lsp.client import Client
from slmcode.lsp.messages import CAN_REFRESH
from tests.e2e.conftest import RealLab
from tests.lsp.conftest import SECRET

URI = "file:///w/shop.py"
HEAD = f'''"""Prices of a shop: {SECRET}."""


def total(prices):
    """The sum of all prices."""
    result = 0
    for price in prices:
        '''
TAIL = "\n    return result\n"


def is_ready(params: Any) -> bool:
    return bool(params["state"] == "ready")


async def text_at(client: Client, line: int, character: int, uri: str = URI) -> str:
    """The first offered text; "" for none."""
    answer = await client.inline_completion(uri, line, character, invoked=True)
    items = (answer or {}).get("items") or []
    return str(items[0]["insertText"]) if items else ""


async def why(client: Client, uri: str = URI) -> dict[str, Any]:
    found: dict[str, Any] = await client.request(
        "slmcode/lastCompletion", {"textDocument": {"uri": uri}}
    )
    return found


LINE, COLUMN = 7, 8  # the cursor between HEAD and TAIL
real_loop = pytest.mark.asyncio(loop_scope="session")


@real_loop
async def test_the_model_completes_real_code(real: RealLab) -> None:
    client = await real.ready()
    client.open(URI, "python", HEAD + TAIL)
    first = await text_at(client, LINE, COLUMN)
    assert first == "result += price"
    assert [s["state"] for s in client.received("slmcode/status")][-1] == "ready"

    client.replace(URI, (LINE, COLUMN), (LINE, COLUMN), "result +")
    assert await text_at(client, LINE, COLUMN + 8) == "= price"
    account = await why(client)
    assert account["reason"] is None
    assert account["trace"]["from_memory"]
    assert account["timings"]["prompt_n"] == 0


@real_loop
async def test_a_half_typed_word_is_finished(real: RealLab) -> None:
    client = await real.ready()
    client.open(URI, "python", HEAD + "resu" + TAIL)
    text = await text_at(client, LINE, COLUMN + 4)
    assert text.startswith("lt")


@real_loop
async def test_the_cursor_at_rest_is_warm(real: RealLab) -> None:
    client = await real.ready()
    await client.wait_for("slmcode/status", is_ready, timeout=30)
    uri = "file:///w/warm.py"
    body = "".join(f"def f{i}(x):\n    return x + {i}\n\n\n" for i in range(12))
    client.open(uri, "python", body + "def g(x):\n    return " + "\n")
    line = body.count("\n") + 1
    client.cursor_moved(uri, line, 11)
    # The second request for the place finds what the first one or the warm-up evaluated.
    assert await text_at(client, line, 11, uri)
    client.replace(uri, (line, 11), (line, 11), "y")
    await text_at(client, line, 12, uri)
    timings = (await why(client, uri))["timings"]
    assert timings["cache_n"] / (timings["cache_n"] + timings["prompt_n"]) > 0.9


@real_loop
async def test_special_tokens_in_a_file_are_text(real: RealLab) -> None:
    client = await real.ready()
    tokens = "# <|fim_prefix|><|fim_suffix|><|fim_middle|><|endoftext|><|file_sep|>\n"
    client.open(URI, "python", tokens + HEAD + TAIL)
    assert await text_at(client, LINE + 1, COLUMN) == "result += price"


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("", (0, 0), None),
        ("x = 1\n" * 8_500_000, (3, 5), "too_large"),
        ("\x00\x01\x02binary\xff" * 500, (0, 3), "long_line"),
        ("a\x00b\n" * 100, (3, 3), "binary"),
        ("x = " + "'y' + " * 170_000, (0, 4), "long_line"),
        ("x = 1\n", (700, 900), None),
        ("\r\rx = 1\r\n\x0c\u2028\n", (3, 0), None),
        ("s = '🦀漢字'\n", (0, 6), None),
    ],
    ids=["empty", "50MB", "binary", "NUL", "1MB-line", "beyond-the-end", "odd-lines", "astral"],
)
@real_loop
async def test_odd_documents_get_an_answer(
    real: RealLab, text: str, place: tuple[int, int], reason: str | None
) -> None:
    client = await real.ready()
    client.open(URI, "python", text)
    await text_at(client, *place)
    if reason is not None:
        assert (await why(client))["reason"] == reason


@real_loop
async def test_an_engine_killed_during_a_request(real: RealLab) -> None:
    client = await real.ready()
    await client.wait_for("slmcode/status", is_ready, timeout=30)
    uri = "file:///w/long.py"
    client.open(uri, "python", "".join(f"value_{i} = {i}\n" for i in range(400)))
    seen = len(client.received("slmcode/status"))
    asked = client.inline_completion(uri, 400, 0, invoked=True)
    pid = engine_pid(real)
    os.kill(pid, signal.SIGKILL)
    answer = await asked
    assert not (answer or {}).get("items")
    assert (await why(client, uri))["reason"] == "engine_down"
    states: list[str] = []

    def ready_again(params: Any) -> bool:
        states.append(params["state"])
        return len(states) > seen and is_ready(params)

    await client.wait_for("slmcode/status", ready_again, timeout=30)
    assert engine_pid(real) != pid
    client.open(URI, "python", HEAD + TAIL)
    assert await text_at(client, LINE, COLUMN) == "result += price"
    assert client.received("window/showMessage") == []


def engine_pid(lab: RealLab) -> int:
    """The engine that listens in the lab's runtime folder."""
    runtime = lab._env["SLMCODE_RUNTIME"].encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"slmcode.engine" in arguments and any(a.startswith(runtime) for a in arguments):
            return int(folder.name)
    raise AssertionError("no engine is running")


@real_loop
async def test_two_servers_share_one_engine(real: RealLab) -> None:
    clients = await asyncio.gather(real.ready(), real.ready())
    for client in clients:
        client.open(URI, "python", HEAD + TAIL)
    texts = await asyncio.gather(*(text_at(c, LINE, COLUMN) for c in clients))
    assert texts == ["result += price"] * 2
    engine_pid(real)
    runtime = Path(real._env["SLMCODE_RUNTIME"])
    assert len(list(runtime.glob("*.sock"))) == 1


@real_loop
async def test_without_a_model(real: RealLab, tmp_path: Path) -> None:
    real.set(SLMCODE_CACHE=str(tmp_path / "empty"))
    client = await real.ready()
    shown = await client.wait_for("window/showMessage")
    assert "slmcode models pull fast" in shown["message"]
    client.open(URI, "python", HEAD + TAIL)
    assert await text_at(client, LINE, COLUMN) == ""
    assert (await why(client))["reason"] == "no_model"
    assert len(client.received("window/showMessage")) == 1


@real_loop
async def test_weights_that_were_tampered_with(real: RealLab, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    from slmcode.models import catalog

    model = catalog.find("fast")
    with (folder / model.file).open("wb") as f:
        f.write(b"GGUF")
        f.truncate(model.size)
    client = await real.ready(options={"models_folder": str(folder)})
    shown = await client.wait_for("window/showMessage", timeout=30)
    assert model.sha256 in shown["message"]
    client.open(URI, "python", HEAD + TAIL)
    assert await text_at(client, LINE, COLUMN) == ""
    assert (await why(client))["reason"] == "no_model"


@real_loop
async def test_settings_take_effect_without_a_restart(real: RealLab) -> None:
    client = await real.ready()
    client.open(URI, "python", HEAD + TAIL)
    assert await text_at(client, LINE, COLUMN)
    settings = {"slmcode": {"disabled_languages": ["python"]}}
    client.notify("workspace/didChangeConfiguration", {"settings": settings})
    assert await text_at(client, LINE, COLUMN) == ""
    assert (await why(client))["reason"] == "disabled"


@pytest.mark.asyncio(loop_scope="session")
async def test_a_client_that_can_ask_again_is_not_kept_waiting(real: RealLab) -> None:
    client = await real.start()
    settings = {"deadline_ms": 10, "show_probability": 0}
    await client.initialize(options=settings, capabilities=CAN_REFRESH)
    await client.wait_for("slmcode/status", is_ready, 60)
    client.open(URI, "python", HEAD + TAIL)
    at = (HEAD.count("\n"), 8)
    first = await client.inline_completion(URI, *at)
    assert first["items"] == []
    told = await client.wait_for("slmcode/refresh", timeout=30)
    assert told == {
        "textDocument": {"uri": URI},
        "position": {"line": at[0], "character": at[1]},
    }
    again = await client.inline_completion(URI, *at)
    assert again["items"][0]["insertText"]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_request_by_command_offers_alternatives(real: RealLab) -> None:
    client = await real.start()
    await client.initialize()
    await client.wait_for("slmcode/status", is_ready, 60)
    client.open(URI, "python", HEAD + TAIL)
    answer = await client.inline_completion(URI, HEAD.count("\n"), 8, invoked=True)
    texts = [item["insertText"] for item in answer["items"]]
    assert len(texts) >= 2
    assert len(set(texts)) == len(texts)
