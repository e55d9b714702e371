"""The server on the wire: ghost text, documents, settings, status. See `Lab` for what is
checked of every message in every one of these tests."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from slmcode.features.translation import late, pipeline
from slmcode.lsp import record, translations
from slmcode.lsp.client import Client, ResponseError
from slmcode.lsp.messages import CUSTOM
from tests import lspmeta
from tests.lsp.conftest import SECRET, Lab

pytestmark = pytest.mark.timeout(60)


async def call(client: Client, name: str, *start: Any, after: int = 0) -> Any:
    """The arguments of the completer's first call `name` that begin with `start`."""

    def fits(status: Any) -> bool:
        count, called, *arguments = json.loads(status["message"])
        return bool(count > after and called == name and arguments[: len(start)] == list(start))

    status = await client.wait_for("slmcode/status", fits)
    return json.loads(status["message"])[2:]


def calls(client: Client) -> list[str]:
    return [json.loads(s["message"])[1] for s in client.received("slmcode/status")]


def test_the_meta_model_is_there() -> None:
    if not lspmeta.PATH.exists():
        pytest.skip("traffic is not validated: no meta model in ../shared")
    assert "textDocument/inlineCompletion" in lspmeta.MetaModel().requests


def test_custom_messages_are_documented() -> None:
    assert {
        method: "c2s" if row.direction == "client → server" else "s2c"
        for method, row in CUSTOM.items()
        if not row.result
    } == {method: direction for method, (direction, _) in lspmeta.CUSTOM.items()}
    assert {method for method, row in CUSTOM.items() if row.result} == set(lspmeta.REQUESTS)


@pytest.mark.asyncio(loop_scope="session")
async def test_capabilities(lab: Lab) -> None:
    client = await lab.start()
    result = await client.initialize()
    assert result["capabilities"] == {
        "positionEncoding": "utf-16",
        "textDocumentSync": {"openClose": True, "change": 2},
        "notebookDocumentSync": {
            "notebookSelector": [{"notebook": "*", "cells": [{"language": "*"}]}],
            "save": True,
        },
        "inlineCompletionProvider": {},
        "codeActionProvider": {
            "codeActionKinds": [
                "refactor.rewrite",
                "quickfix",
                "refactor.extract",
                "refactor.inline",
                "refactor.move",
                "source.organizeImports",
            ],
            "resolveProvider": True,
        },
        "experimental": {
            "slmcode": {
                "edit": True,
                "explain": True,
                "debug": True,
                "modules": True,
                "willEdit": True,
                "actions": [
                    "docstring",
                    "type-hints",
                    "simplify",
                    "modernize",
                    "clear-names",
                    "tests",
                    "fix",
                ],
                "translate": [],
            }
        },
        "executeCommandProvider": {"commands": ["slmcode.accept"]},
        "workspaceSymbolProvider": True,
        "workspace": {"workspaceFolders": {"supported": True, "changeNotifications": True}},
    }
    assert result["serverInfo"]["name"] == "slmcode"


@pytest.mark.parametrize(
    ("offered", "chosen", "column"),
    [
        (("utf-8", "utf-16"), "utf-8", 9),
        (("utf-16",), "utf-16", 4),
        (("utf-7", "utf-32", "utf-16"), "utf-32", 3),
    ],
)
@pytest.mark.asyncio(loop_scope="session")
async def test_ghost_text_in_every_encoding(
    lab: Lab, uri: str, offered: tuple[str, ...], chosen: str, column: int
) -> None:
    client = await lab.ready(encodings=offered)
    assert client.capabilities["positionEncoding"] == chosen
    client.open(uri, "python", f"# {SECRET}\né語😀\n")
    result = await client.inline_completion(uri, 1, column)
    assert result == {
        "items": [
            {
                "insertText": "é語😀😀 = 1\nnext",
                "range": {
                    "start": {"line": 1, "character": 0},
                    "end": {"line": 1, "character": column},
                },
                "command": {
                    "title": "Accept completion",
                    "command": "slmcode.accept",
                    "arguments": ["id-1"],
                },
            }
        ]
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_invoked_and_automatic(client: Client, uri: str) -> None:
    client.open(uri, "python", "ab")
    await client.inline_completion(uri, 0, 1)
    await client.inline_completion(uri, 0, 2, invoked=True)
    assert await call(client, "complete", uri, 1, 1) == [uri, 1, 1, False]
    assert await call(client, "complete", uri, 1, 2) == [uri, 1, 2, True]


@pytest.mark.asyncio(loop_scope="session")
async def test_shown_accepted_and_partially_accepted(client: Client, uri: str) -> None:
    client.open(uri, "python", "")
    (item,) = (await client.inline_completion(uri, 0, 0))["items"]
    client.notify("textDocument/didShowCompletion", {"item": item})
    partial = {"item": item, "acceptedLength": 3}  # the emoji counts two
    client.notify("textDocument/didPartiallyAcceptCompletion", partial)
    await client.request("workspace/executeCommand", _only(item["command"]))
    assert await call(client, "shown") == ["id-1"]
    assert await call(client, "partially") == ["id-1", 2]
    assert await call(client, "accepted") == ["id-1"]


def _only(command: dict[str, Any]) -> dict[str, Any]:
    return {"command": command["command"], "arguments": command["arguments"]}


@pytest.mark.asyncio(loop_scope="session")
async def test_stray_output_goes_to_stderr(lab: Lab) -> None:
    client = await lab.ready()
    accept = {"command": "slmcode.accept", "arguments": ["id-1"]}
    await client.request("workspace/executeCommand", accept)
    await client.stop()
    assert "a stray print" in lab.log()
    assert "a native library's stray print" in lab.log()


@pytest.mark.asyncio(loop_scope="session")
async def test_items_of_others_are_ignored(client: Client, uri: str) -> None:
    before = calls(client)
    foreign = {"insertText": "x", "command": {"title": "", "command": "other", "arguments": ["y"]}}
    for item in ({"insertText": "x"}, foreign):
        client.notify("textDocument/didShowCompletion", {"item": item})
    assert await client.inline_completion(uri, 0, 0) is None
    assert calls(client) == before


@pytest.mark.asyncio(loop_scope="session")
async def test_accept_needs_one_id(client: Client) -> None:
    accept = {"command": "slmcode.accept"}
    variants: list[dict[str, Any]] = [
        {},
        {"arguments": []},
        {"arguments": [1]},
        {"arguments": ["a", "b"]},
    ]
    for arguments in variants:
        with pytest.raises(ResponseError) as e:
            await client.request("workspace/executeCommand", accept | arguments)
        assert e.value.code == -32602
    with pytest.raises(ResponseError) as e:
        await client.request("workspace/executeCommand", {"command": "x", "arguments": ["id"]})
    assert e.value.code == -32602


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_to_offer_is_an_empty_list(client: Client, uri: str) -> None:
    client.open(uri, "empty", "x")
    assert await client.inline_completion(uri, 0, 1) == {"items": []}


@pytest.mark.asyncio(loop_scope="session")
async def test_a_failing_completer_is_an_internal_error_without_its_text(
    client: Client, shared_lab: Lab, uri: str
) -> None:
    shared_lab.errors = ["textDocument/inlineCompletion failed: ValueError"]
    client.open(uri, "fail", SECRET)
    with pytest.raises(ResponseError) as e:
        await client.inline_completion(uri, 0, 0)
    assert e.value.code == -32603
    assert SECRET not in e.value.message
    assert shared_lab.errors[0] in shared_lab.log()


@pytest.mark.asyncio(loop_scope="session")
async def test_cursor_moved(client: Client, uri: str) -> None:
    client.open(uri, "python", "ab\ncd")
    client.cursor_moved(uri, 1, 1)
    assert await call(client, "cursor", uri) == [uri, 4]


@pytest.mark.asyncio(loop_scope="session")
async def test_cancelled_by_the_client(client: Client, uri: str) -> None:
    client.open(uri, "hang", "x")
    request = client.inline_completion(uri, 0, 1)
    await call(client, "complete", uri)
    client.cancel(request)
    with pytest.raises(ResponseError) as e:
        await request
    assert e.value.code == -32800
    await call(client, "cancelled", uri)


@pytest.mark.asyncio(loop_scope="session")
async def test_cancelled_before_it_began(client: Client, uri: str) -> None:
    client.open(uri, "hang", "x")
    request = client.inline_completion(uri, 0, 1)
    client.cancel(request)
    with pytest.raises(ResponseError) as e:
        await request
    assert e.value.code == -32800


@pytest.mark.asyncio(loop_scope="session")
async def test_cancel_of_what_is_not_running_is_ignored(client: Client, uri: str) -> None:
    client.open(uri, "python", "x")
    request = client.inline_completion(uri, 0, 1)
    await request
    client.cancel(request)
    client.notify("$/cancelRequest", {"id": "never used"})
    assert await client.inline_completion(uri, 0, 1)


@pytest.mark.asyncio(loop_scope="session")
async def test_superseded_is_null(client: Client, uri: str) -> None:
    client.open(uri, "wait", "x")
    older = client.inline_completion(uri, 0, 1)
    newer = client.inline_completion(uri, 0, 1)
    assert await older is None
    client.replace(uri, (0, 0), (0, 0), "y")
    assert len((await newer)["items"]) == 1


@pytest.mark.asyncio(loop_scope="session")
async def test_shutdown_answers_what_is_running_with_null(lab: Lab, uri: str) -> None:
    client = await lab.ready()
    client.open(uri, "hang", "x")
    request = client.inline_completion(uri, 0, 1)
    await call(client, "complete", uri)
    assert await client.stop() == 0
    assert await request is None


@pytest.mark.asyncio(loop_scope="session")
async def test_the_snapshot_is_of_the_requests_arrival(client: Client, uri: str) -> None:
    """Request and change arrive in one piece: what is asked for is the text before the change.

    The answer's range is one of the text as it is now, where the session has moved it to.
    """
    client.open(uri, "python", "😀x")
    pieces: list[bytes] = []
    with pytest.MonkeyPatch.context() as held:
        held.setattr(client, "send_bytes", pieces.append)
        request = client.inline_completion(uri, 0, 3)
        client.replace(uri, (0, 0), (0, 3), "\n\n\n")
    client.send_bytes(b"".join(pieces))
    (item,) = (await request)["items"]
    assert await call(client, "complete", uri) == [uri, 1, 2, False]
    assert item["insertText"] == "😀x😀 = 1\nnext"
    assert item["range"]["end"] == {"line": 2, "character": 0}  # offset 2, which was not moved


@pytest.mark.asyncio(loop_scope="session")
async def test_changes_reach_the_completer_as_edits(client: Client, uri: str) -> None:
    client.open(uri, "python", "a\fb\u2028c\n😀d\n")
    client.change(
        uri,
        [
            {"range": _range(1, 2, 1, 3), "text": "e"},
            {"range": _range(9, 9, 9, 9), "text": "end"},
        ],
    )
    assert await call(client, "change", uri) == [
        uri,
        2,
        "a\fb\u2028c\n😀e\nend",
        [[[7, 8], "e"], [[9, 9], "end"]],
    ]
    client.change(uri, [{"text": "all new"}])
    assert await call(client, "change", uri, 3) == [uri, 3, "all new", [[[0, 12], "all new"]]]
    client.close(uri)
    assert await call(client, "close", uri) == [uri]
    assert await client.inline_completion(uri, 0, 0) is None


def _range(*numbers: int) -> dict[str, dict[str, int]]:
    line, column, end_line, end_column = numbers
    start = {"line": line, "character": column}
    return {"start": start, "end": {"line": end_line, "character": end_column}}


@pytest.mark.asyncio(loop_scope="session")
async def test_changes_of_a_document_never_opened_are_logged_once(
    client: Client, shared_lab: Lab, uri: str
) -> None:
    before = calls(client)
    for text in (SECRET, "b"):
        client.change(uri, [{"text": text}])
    client.close(uri)
    assert await client.inline_completion(uri, 0, 0) is None
    assert calls(client) == before
    assert shared_lab.log().count(uri) == 1


@pytest.mark.asyncio(loop_scope="session")
async def test_positions_outside_of_the_text(client: Client) -> None:
    for name, text, place, offset in (
        ("untitled:empty", "", (0, 0), 0),
        ("untitled:1", "", (5, 5), 0),
        ("vscode-remote://h/a%20b", "ab\ncd", (0, 99), 2),
        ("untitled:2", "ab\ncd", (99, 0), 5),
        ("untitled:3", "ab\ncd", (2**31 - 1, 2**31 - 1), 5),
    ):
        client.open(name, "python", text)
        assert await client.inline_completion(name, *place)
        assert (await call(client, "complete", name))[2] == offset


@pytest.mark.asyncio(loop_scope="session")
async def test_lone_surrogates_and_control_characters_pass(client: Client, uri: str) -> None:
    client.open(uri, "python", "\ud800x\x00\x01")
    (item,) = (await client.inline_completion(uri, 0, 4))["items"]
    assert item["insertText"] == "\ud800x\x00\x01😀 = 1\nnext"
    assert item["range"]["end"] == {"line": 0, "character": 4}


@pytest.mark.asyncio(loop_scope="session")
async def test_a_line_of_a_megabyte(client: Client, uri: str) -> None:
    client.open(uri, "empty", "é" * 500_000 + "😀" * 250_000)
    await client.inline_completion(uri, 0, 999_999)
    assert (await call(client, "complete", uri))[2] == 749_999


@pytest.mark.asyncio(loop_scope="session")
async def test_a_document_of_50_megabytes(client: Client, uri: str) -> None:
    client.open(uri, "empty", ("0123456789abcde " * 15 + "0123456789abcde\n") * (50 * 2**12))
    client.replace(uri, (200_000, 0), (200_000, 1), "new")
    await client.inline_completion(uri, 200_000, 5)
    assert await call(client, "open", uri) == [uri, "empty", 50 * 2**20, 50 * 2**12 + 1]
    assert (await call(client, "complete", uri))[2] == 200_000 * 256 + 5
    client.close(uri)


@pytest.mark.asyncio(loop_scope="session")
async def test_settings_from_every_side(lab: Lab) -> None:
    lab.config.write_text("deadline_ms = 50\nfirst = 1\n")
    client = await lab.start()
    await client.initialize(options={"deadline_ms": 60, "second": 1, "threads": None})
    assert await call(client, "start") == [60]
    from_file = await client.wait_for("window/showMessage", lambda p: "first" in p["message"])
    from_options = await client.wait_for("window/showMessage", lambda p: "second" in p["message"])
    assert (from_file["type"], from_options["type"]) == (2, 2)
    for settings, deadline in (
        ({"slmcode": {"deadline_ms": 70, "trace": {"server": "off"}}}, 70),
        ({"deadline_ms": 80}, 80),
        ({"deadline_ms": "soon", "third": 1}, 60),
        ({"deadline_ms": "soon", "third": 1}, 60),
        (["nonsense"], 60),
    ):
        count = len(client.received("slmcode/status"))
        client.notify("workspace/didChangeConfiguration", {"settings": settings})
        assert await call(client, "configure", after=count) == [deadline]
    client.settings["slmcode"] = {"deadline_ms": 90}
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    assert await call(client, "configure", 90)
    warnings = [m["message"] for m in client.received("window/showMessage")]
    assert len(warnings) == 3, warnings
    assert "deadline_ms" in warnings[2]
    assert "third" in warnings[2]


@pytest.mark.asyncio(loop_scope="session")
async def test_workspace_folders(lab: Lab) -> None:
    client = await lab.ready(folders=[("file:///w", "w"), ("file:///v", "v")])
    event = {"added": [{"uri": "file:///u", "name": "u"}], "removed": [{"uri": "a:", "name": ""}]}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    assert await client.stop() == 0


@pytest.mark.asyncio(loop_scope="session")
async def test_status(lab: Lab) -> None:
    client = await lab.ready(state="down")
    await client.wait_for("slmcode/status", lambda s: s["state"] == "ready")
    state = {"state": "degraded", "model": "fast", "downloadBytes": 0}
    assert client.received("slmcode/status")[:2] == [
        state | {"message": "a sentence"},
        state | {"message": "another sentence"},
    ]
    kinds = [m.msg.get("method", "response") for m in client.messages]
    assert kinds.index("initialized") < kinds.index("slmcode/status")


@pytest.mark.asyncio(loop_scope="session")
async def test_without_a_model_the_user_is_told_once(lab: Lab, uri: str) -> None:
    client = await lab.ready(state="no_model")
    client.open(uri, "empty", "x")
    for _ in range(3):
        assert await client.inline_completion(uri, 0, 1) == {"items": []}
    (message,) = client.received("window/showMessage")
    assert "slmcode models pull fast" in message["message"]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_client_that_shows_the_status_gets_no_pop_up(lab: Lab, uri: str) -> None:
    own = {"experimental": {"slmcode": {"status": True}}}
    client = await lab.ready(state="no_model", capabilities=own)
    client.open(uri, "empty", "x")
    assert await client.inline_completion(uri, 0, 1) == {"items": []}
    status = await client.wait_for("slmcode/status", lambda s: s["state"] == "downloadNeeded")
    assert status["downloadBytes"] == 491_400_064
    assert client.received("window/showMessage") == []


@pytest.mark.asyncio(loop_scope="session")
async def test_what_was_sent_to_the_model(lab: Lab, uri: str) -> None:
    client = await lab.ready()
    client.open(uri, "python", "x")
    answer = await client.request("slmcode/prompt", {"textDocument": {"uri": uri}})
    piece = {"kind": "prefix", "source": "1:1-1:2", "tokenCount": 1, "text": "x"}
    assert answer == {"pieces": [piece], "tokens": 1, "generated": "y"}
    other = await client.request("slmcode/prompt", {"textDocument": {"uri": "file:///none"}})
    assert other is None


@pytest.mark.asyncio(loop_scope="session")
async def test_a_dismissed_item(lab: Lab, uri: str) -> None:
    client = await lab.ready()
    client.open(uri, "python", "x")
    (item,) = (await client.inline_completion(uri, 0, 1))["items"]
    client.notify("slmcode/didDismissCompletion", {"item": item})
    assert await call(client, "dismissed") == ["id-1"]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_translation_comes_in_parts(lab: Lab, uri: str) -> None:
    client = await lab.start("--translates", "python")
    result = await client.initialize()
    assert result["capabilities"]["experimental"]["slmcode"]["translate"] == ["python"]
    client.open(uri, "cobol", "A.\nB.\n")
    params = {
        "textDocument": {"uri": uri},
        "targetLanguage": "python",
        "workDoneToken": "w",
        "partialResultToken": "p",
    }
    answer = await client.request("slmcode/translate", params)
    assert [u["verdict"] for u in answer["units"]] == ["proved", "differs"]
    assert answer["verdict"] == "differs"
    progress = client.received("$/progress")
    kinds = [p["value"].get("kind") for p in progress if p["token"] == "w"]
    assert (kinds[0], kinds[-1]) == ("begin", "end")
    (told,) = (p["value"] for p in progress if p["value"].get("kind") == "report")
    assert told["message"] == "making it idiomatic: idiomatic 0 (1 of 2 units)"
    assert told["percentage"] == 50
    (part,) = (p["value"] for p in progress if p["token"] == "p")
    assert part == answer | {"units": answer["units"][:1], "verdict": "proved", "reason": ""}
    with pytest.raises(ResponseError, match="python"):
        await client.request("slmcode/translate", params | {"targetLanguage": "cobol"})


@pytest.mark.asyncio(loop_scope="session")
async def test_a_translation_gets_its_inputs_and_its_form(
    lab: Lab, uri: str, tmp_path: Path
) -> None:
    client = await lab.start("--translates", "python")
    await client.initialize()
    client.open(uri, "cobol", "A.\nB.\n")
    given = tmp_path / "input.txt"
    given.write_bytes(b"1\n")
    params = {
        "textDocument": {"uri": uri},
        "targetLanguage": "python",
        "workDoneToken": "w",
        "inputs": [given.as_uri()],
        "form": "faithful",
    }
    await client.request("slmcode/translate", params)
    told = await client.wait_for("$/progress", lambda p: p["value"]["kind"] == "report")
    assert told["value"]["message"].startswith("making it idiomatic: faithful 1 ")
    missing = [(tmp_path / "none.txt").as_uri()]
    with pytest.raises(ResponseError, match="cannot be read"):
        await client.request("slmcode/translate", params | {"inputs": missing})


def test_what_the_server_announces_is_what_the_pipeline_translates() -> None:
    announced = {name: tuple(found) for name, found in translations.TARGETS.items()}
    meant = {name.replace("python2", "python"): found for name, found in pipeline.TARGETS.items()}
    assert announced == meant
    assert set(late.LANGUAGES) == {target for found in meant.values() for target in found}


@pytest.mark.asyncio(loop_scope="session")
async def test_long_work_ends_at_the_cancel_button(lab: Lab, uri: str) -> None:
    client = await lab.start("--translates", "python")
    await client.initialize()
    client.open(uri, "hang", "A.\n")
    params = {"textDocument": {"uri": uri}, "targetLanguage": "python", "workDoneToken": "w"}
    answer = asyncio.ensure_future(client.request("slmcode/translate", params))
    await client.wait_for("$/progress", lambda p: p["value"]["kind"] == "report")
    client.notify("window/workDoneProgress/cancel", {"token": "nothing of ours"})
    client.notify("window/workDoneProgress/cancel", {"token": "w"})
    assert await answer is None
    await client.wait_for("$/progress", lambda p: p["value"]["kind"] == "end")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_server_that_does_not_translate_says_so(lab: Lab, uri: str) -> None:
    client = await lab.ready()
    client.open(uri, "cobol", "A.\n")
    params = {"textDocument": {"uri": uri}, "targetLanguage": "python"}
    with pytest.raises(ResponseError, match="does not translate"):
        await client.request("slmcode/translate", params)


@pytest.mark.asyncio(loop_scope="session")
async def test_record(lab: Lab, uri: str, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.touch(0o644)
    client = await lab.ready("--record", str(path))
    client.open(uri, "python", SECRET)
    await client.inline_completion(uri, 0, 1)
    await client.stop()
    rows = list(record.read(path))
    assert [r.msg for r in rows] == [m.msg for m in client.messages if m.dir == "c2s"]
    assert [r.t for r in rows] == sorted(r.t for r in rows)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "source text" in lab.log()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_socket_in_place_of_stdio(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = await lab.start("--socket", str(path))
    assert server.process.stderr is None
    reader, writer = await _connect(path, server)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "shutdown"}).encode()
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert b"Content-Length" in await reader.readline()
    writer.close()
    assert await server.wait_end() == 1
    assert not path.exists()


async def _connect(path: Path, server: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect as soon as the server listens; fails when it ended instead."""
    while server.process.returncode is None:
        try:
            return await asyncio.open_unix_connection(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0.02)
    raise AssertionError("the server ended before it listened")
