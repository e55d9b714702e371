"""What pygls gets wrong, on the wire: errors, states and the end of the process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slmcode.lsp.client import Client, ResponseError
from tests.lsp.conftest import SECRET, Lab

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]


def request(method: str, params: Any = None, msg_id: Any = 77) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": msg_id, "method": method, "params": params}


async def response(client: Client, msg_id: Any = 77, *, after: int = 0) -> dict[str, Any]:
    """The first response with this id behind message number `after`."""
    async with asyncio.timeout(10), client._received:
        while True:
            for m in client.messages[after:]:
                if m.dir == "s2c" and "method" not in m.msg and m.msg["id"] == msg_id:
                    return m.msg
            await client._received.wait()


def completion(**changes: Any) -> dict[str, Any]:
    good = {
        "textDocument": {"uri": "file:///w/a.py"},
        "position": {"line": 0, "character": 0},
        "context": {"triggerKind": 2},
    }
    return {k: v for k, v in (good | changes).items() if v is not ...}


async def test_malformed_parameters_of_a_request(client: Client, shared_lab: Lab) -> None:
    wrong: list[Any] = [
        None,
        [],
        "text",
        {},
        completion(position=...),
        completion(context={}),
        completion(context={"triggerKind": 9}),
        completion(position={"line": -1, "character": 0}),
        completion(position={"line": 1.5, "character": 0}),
        completion(position={"line": "1", "character": 0}),
        completion(position={"line": True, "character": 0}),
        completion(position={"line": 2**31, "character": 0}),
        completion(textDocument={"uri": 5}),
    ]
    for i, params in enumerate(wrong):
        method = "textDocument/inlineCompletion"
        shared_lab.send_wrong(client, request(method, params, f"wrong {i}"))
        answer = await response(client, f"wrong {i}")
        assert answer["error"]["code"] == -32602, params
        assert method in answer["error"]["message"]
    assert client.received("window/showMessage") == []
    assert await client.request("textDocument/inlineCompletion", completion()) is None


async def test_malformed_parameters_of_notifications_are_logged_without_text(
    client: Client, shared_lab: Lab
) -> None:
    for method, params in (
        ("textDocument/didOpen", {"textDocument": {"uri": SECRET, "text": None}}),
        ("textDocument/didChange", SECRET),
        ("slmcode/cursorMoved", {"textDocument": {"uri": SECRET}, "position": {"line": SECRET}}),
        ("textDocument/didPartiallyAcceptCompletion", {"item": SECRET, "acceptedLength": -1}),
        ("$/cancelRequest", {"id": [SECRET]}),
    ):
        shared_lab.send_wrong(client, {"jsonrpc": "2.0", "method": method, "params": params})
    assert await client.request("textDocument/inlineCompletion", completion()) is None
    assert client.received("window/showMessage") == []
    assert shared_lab.log().count("malformed parameters") == 5


async def test_before_initialize(lab: Lab) -> None:
    client = await lab.start()
    client.open("file:///w/a.py", "python", SECRET)
    for method in ("textDocument/inlineCompletion", "shutdown"):
        with pytest.raises(ResponseError) as e:
            await client.request(method, completion() if "/" in method else None)
        assert e.value.code == -32002
    await client.initialize()
    assert await client.request("textDocument/inlineCompletion", completion()) is None


async def test_failed_initialize_may_be_repeated(lab: Lab) -> None:
    client = await lab.start()
    lab.send_wrong(client, request("initialize", {"capabilities": 1}))
    assert (await response(client))["error"]["code"] == -32602
    assert (await client.initialize())["capabilities"]


async def test_second_initialize(lab: Lab) -> None:
    client = await lab.ready()
    with pytest.raises(ResponseError) as e:
        await client.initialize(encodings=["utf-8"])
    assert e.value.code == -32600


async def test_after_shutdown(lab: Lab) -> None:
    client = await lab.ready()
    await client.request("shutdown")
    client.open("file:///w/a.py", "python", SECRET)
    for method, params in (
        ("textDocument/inlineCompletion", completion()),
        ("shutdown", None),
        ("workspace/executeCommand", {"command": "slmcode.accept", "arguments": ["a"]}),
    ):
        with pytest.raises(ResponseError) as e:
            await client.request(method, params)
        assert e.value.code == -32600
    client.notify("exit")
    assert await client.wait_end() == 0


async def test_exit_without_shutdown(lab: Lab) -> None:
    client = await lab.ready()
    client.notify("exit")
    assert await client.wait_end() == 1


async def test_exit_before_initialize(lab: Lab) -> None:
    client = await lab.start()
    client.notify("exit")
    assert await client.wait_end() == 1


@pytest.mark.parametrize("after", ["start", "initialize", "shutdown", "half a message"])
async def test_closed_stdin_ends_the_process(lab: Lab, after: str) -> None:
    client = await lab.start()
    if after != "start":
        await client.initialize()
    if after == "shutdown":
        await client.request("shutdown")
    if after == "half a message":
        client.send_bytes(b"Content-Length: 100\r\n\r\n{")
    client.close_stdin()
    assert await client.wait_end() == (0 if after == "shutdown" else 1)


async def test_closed_stdin_ends_the_process_while_a_request_runs(lab: Lab) -> None:
    client = await lab.ready()
    client.open("file:///w/a.py", "hang", "")
    hanging = client.inline_completion("file:///w/a.py", 0, 0)
    await client.wait_for("slmcode/status", lambda s: '"complete"' in s["message"])
    client.cancel(hanging)
    client.close_stdin()
    with pytest.raises(ResponseError):
        await hanging
    assert await client.wait_end() == 1


async def test_unknown_methods(client: Client, shared_lab: Lab) -> None:
    with pytest.raises(ResponseError) as e:
        await client.request("textDocument/hover", _place())
    assert e.value.code == -32601
    shared_lab.send_wrong(client, request("$/whatever", msg_id="what"))
    assert (await response(client, "what"))["error"]["code"] == -32601
    shared_lab.send_wrong(
        client, {"jsonrpc": "2.0", "method": "$/whatever", "params": {"a": SECRET}}
    )
    shared_lab.send_wrong(client, {"jsonrpc": "2.0", "method": "other/whatever"})
    client.notify("$/setTrace", {"value": "verbose"})
    client.notify("textDocument/didSave", {"textDocument": {"uri": "file:///w/a.py"}})
    assert await client.request("textDocument/inlineCompletion", completion()) is None
    assert client.received("window/showMessage") == []


def _place() -> dict[str, Any]:
    return {k: v for k, v in completion().items() if k != "context"}


NO_MESSAGES = [
    (b"{", -32700),
    (b'{"jsonrpc": "2.0", "method": "%b' % SECRET.encode(), -32700),
    (b"\xff\xfe\xff", -32700),
    (b"[" * 100_000, -32700),
    (b"", -32700),
    (b"[]", -32600),
    (b"17", -32600),
    (b'{"id": 1, "method": "shutdown"}', -32600),
    (b'{"jsonrpc": "1.0", "id": 1, "method": "shutdown"}', -32600),
    (b'{"jsonrpc": "2.0", "id": null, "method": "shutdown"}', -32600),
    (b'{"jsonrpc": "2.0", "id": [1], "method": "shutdown"}', -32600),
    (b'{"jsonrpc": "2.0", "id": true, "method": "shutdown"}', -32600),
]


async def test_bodies_that_are_no_message(client: Client, shared_lab: Lab) -> None:
    shared_lab.orphans = len(NO_MESSAGES)
    for body, code in NO_MESSAGES:
        count = len(client.messages)
        client.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        assert (await response(client, None, after=count))["error"]["code"] == code, body[:99]
    assert await client.request("textDocument/inlineCompletion", completion()) is None


async def test_objects_inside_that_look_like_messages(client: Client) -> None:
    inner = {"jsonrpc": "2.0", "id": 1, "method": "shutdown"}
    client.notify("workspace/didChangeConfiguration", {"settings": {"slmcode": inner}})
    assert await client.request("textDocument/inlineCompletion", completion()) is None


async def test_a_response_to_nothing_is_ignored(client: Client, shared_lab: Lab) -> None:
    shared_lab.send_wrong(client, {"jsonrpc": "2.0", "id": "none", "result": SECRET})
    assert await client.request("textDocument/inlineCompletion", completion()) is None


async def test_a_malformed_header_ends_the_process(lab: Lab) -> None:
    lab.errors = ["base protocol"]
    client = await lab.ready()
    client.send_bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await client.wait_end() == 1
    assert "base protocol" in lab.log()


async def test_headers_are_read_leniently(lab: Lab) -> None:
    client = await lab.ready()
    body = b'{"jsonrpc": "2.0", "method": "exit"}'
    client.send_bytes(b"Content-Type: x; charset=utf-8\r\ncontent-length:%d \r\n\r\n" % len(body))
    client.send_bytes(body)
    assert await client.wait_end() == 1
