"""What pygls gets wrong, on the wire: errors, states and the end of the process."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from lsprotocol import types

from slmcode.lsp import stdio
from slmcode.lsp.client import Client, ResponseError
from slmcode.lsp.protocol import Protocol, RequestError
from slmcode.lsp.server import Server
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


async def test_second_initialize(client: Client) -> None:
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
    assert "the completer was closed" in lab.log()


async def test_exit_without_shutdown(lab: Lab) -> None:
    client = await lab.ready()
    client.notify("exit")
    assert await client.wait_end() == 1


async def test_exit_before_initialize(lab: Lab) -> None:
    client = await lab.start()
    client.notify("exit")
    assert await client.wait_end() == 1


@pytest.mark.parametrize("after", ["start", "shutdown", "half a message"])
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
    assert ("the completer was closed" in lab.log()) == (after != "start")


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


class Wire:
    """Takes what the server writes."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self.sent.append(json.loads(data.partition(b"\r\n\r\n")[2]))

    def close(self) -> None:
        pass


def connected(handlers: dict[str, Any]) -> tuple[Protocol, Wire]:
    """A protocol after `initialize`, without a process."""
    protocol, wire = Server().protocol, Wire()
    protocol.set_writer(wire)
    protocol.handlers = {"initialize": lambda params: None, **handlers}
    protocol.receive(json.dumps(request("initialize", {"capabilities": {}})).encode(), 0.0)
    wire.sent.clear()
    return protocol, wire


async def test_an_id_in_use_is_refused() -> None:
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    method = "textDocument/inlineCompletion"
    protocol, wire = connected({method: lambda params: wait()})
    body = json.dumps(request(method, completion())).encode()
    protocol.receive(body, 0.0)
    protocol.receive(body, 0.0)
    assert [m["error"]["code"] for m in wire.sent] == [-32600]
    go.set()
    await protocol.shut_down()
    assert wire.sent[1] == {"jsonrpc": "2.0", "id": 77, "result": None}


async def test_a_capability_we_do_not_read_may_be_wrong() -> None:
    strange = {"textDocument": {"synchronization": {"didSave": 1}}, "general": {"markdown": 5}}
    fresh, wire = Server().protocol, Wire()
    fresh.set_writer(wire)
    fresh.handlers = {"initialize": lambda params: None}
    fresh.receive(json.dumps(request("initialize", {"capabilities": strange})).encode(), 0.0)
    assert "result" in wire.sent[0]


async def test_a_lost_client_ends_the_server() -> None:
    class Gone(Wire):
        def write(self, data: bytes) -> None:
            raise BrokenPipeError

    protocol, _ = connected({"shutdown": lambda params: None})
    protocol.ended = asyncio.get_running_loop().create_future()
    protocol.set_writer(Gone())
    protocol.receive(json.dumps(request("shutdown")).encode(), 0.0)
    assert await protocol.ended == 1


async def test_a_client_that_waits_for_no_answer_to_shutdown() -> None:
    protocol, wire = connected({"shutdown": lambda params: protocol.shut_down()})
    protocol.ended = asyncio.get_running_loop().create_future()
    protocol.receive(json.dumps(request("shutdown")).encode(), 0.0)
    protocol.receive(json.dumps(request("shutdown", msg_id=78)).encode(), 0.0)
    protocol.connection_lost()
    assert await protocol.ended == 0
    await asyncio.sleep(0)  # the answer's task runs,
    await asyncio.sleep(0)  # and its end is seen
    late, first = wire.sent
    assert (late["id"], late["error"]["code"]) == (78, -32600)
    assert (first["id"], first["result"]) == (77, None)


async def test_an_error_answered_to_our_request_is_the_callers() -> None:
    protocol, wire = connected({})
    nothing = types.ConfigurationParams(items=[])
    asked = protocol.send_request_async("workspace/configuration", nothing)
    error = {"code": 1, "message": SECRET}
    answer = {"jsonrpc": "2.0", "id": wire.sent[0]["id"], "error": error}
    protocol.receive(json.dumps(answer).encode(), 0.0)
    with pytest.raises(RequestError):
        await asked


async def test_a_completer_that_does_not_close_keeps_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stdio, "_CLOSE_S", 0.01)
    protocol, _ = connected({})
    protocol.on_end = asyncio.Event().wait  # type: ignore[assignment]
    read_fd, write_fd = os.pipe()
    os.close(write_fd)
    assert await stdio._serve(protocol, read_fd, 2) == 1
    os.close(read_fd)
    assert "closing failed: TimeoutError" in caplog.text
    asyncio.get_running_loop().set_exception_handler(None)
