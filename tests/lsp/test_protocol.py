"""What pygls gets wrong, on the wire: errors, states and the end of the process."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lsprotocol import types

from slmcode.config import Config, overlay
from slmcode.features.project import file_of
from slmcode.lsp import convert, edits, messages, stdio, translations
from slmcode.lsp.client import Client, ResponseError
from slmcode.lsp.code_actions import CodeActions
from slmcode.lsp.handlers import Handlers
from slmcode.lsp.progress import Work
from slmcode.lsp.protocol import Protocol, RequestError
from slmcode.lsp.server import Server
from slmcode.text import Snapshot
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
    (b'{"method": "shutdown"}', -32600),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "slmcode/why", "params": NaN}', -32700),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "slmcode/why", "params": [1e999]}', -32700),
    ('{"jsonrpc": "2.0", "id": 3, "method": "x"}'.encode("utf-16"), -32700),
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


async def test_what_is_no_request_is_refused_by_its_id_where_it_has_one() -> None:
    protocol, wire = connected({"slmcode/why": lambda params: None})
    deep: Any = 0
    for _ in range(300):
        deep = [deep]
    for wrong in (
        {"id": "a", "method": "slmcode/why"},
        {"jsonrpc": "1.0", "id": "a", "method": "slmcode/why"},
        {"jsonrpc": "2.0", "id": "a", "method": 5},
        request("slmcode/why", {"textDocument": {"uri": "a:b"}, "x": deep}, "a"),
    ):
        protocol.receive(json.dumps(wrong).encode(), 0.0)
        assert [(m["id"], m["error"]["code"]) for m in wire.sent] == [("a", -32600)]
        wire.sent.clear()


async def test_responses_are_never_answered() -> None:
    protocol, wire = connected({})
    for msg_id in (None, 5, [], True, 1.5):
        for rest in ({"error": {"code": -32600, "message": ""}}, {"result": None}):
            protocol.receive(json.dumps({"jsonrpc": "2.0", "id": msg_id, **rest}).encode(), 0.0)
            protocol.receive(json.dumps({"id": msg_id, **rest}).encode(), 0.0)
    assert wire.sent == []


async def test_requests_and_notifications_do_not_stand_for_each_other() -> None:
    called: list[str] = []
    methods = ("shutdown", "initialize", "slmcode/why", "textDocument/didClose", "slmcode/willEdit")
    protocol, wire = connected({})
    protocol.handlers = {m: lambda params, m=m: called.append(m) for m in methods}  # type: ignore[misc]
    document = {"textDocument": {"uri": "a:b"}}
    for method in methods[:3]:
        protocol.receive(
            json.dumps({"jsonrpc": "2.0", "method": method, "params": document}).encode(), 0.0
        )
    for method in methods[3:]:
        protocol.receive(json.dumps(request(method, document, method)).encode(), 0.0)
    assert called == []
    assert [(m["id"], m["error"]["code"]) for m in wire.sent] == [(m, -32601) for m in methods[3:]]


async def test_what_is_repeated_in_an_error_is_short() -> None:
    protocol, wire = connected({"slmcode/why": lambda params: None})
    protocol.receive(json.dumps(request("x" * 10_000)).encode(), 0.0)
    protocol.receive(json.dumps(request("slmcode/why", {"x" * 10_000: 1})).encode(), 0.0)
    assert [len(m["error"]["message"]) < 1000 for m in wire.sent] == [True, True]


async def test_values_are_taken_as_they_are() -> None:
    action = "textDocument/codeAction"
    seen: list[Any] = []
    protocol, wire = connected({action: seen.append})
    place = {"line": 0, "character": 0}
    where = {"start": place, "end": place}

    def ask(context: Any, **more: Any) -> int:
        params = {"textDocument": {"uri": "a:b"}, "range": where, "context": context, **more}
        protocol.receive(json.dumps(request(action, params)).encode(), 0.0)
        return int(wire.sent.pop().get("error", {"code": 0})["code"])

    assert ask({"diagnostics": {}}) == -32602
    assert ask({"diagnostics": [], "only": "refactor"}) == -32602
    assert ask({"diagnostics": [], "only": [5]}) == -32602
    assert ask({"diagnostics": [], "triggerKind": True}) == -32602
    assert ask({"diagnostics": []}, workDoneToken=[1]) == -32602
    assert ask({"diagnostics": []}, workDoneToken=2**31) == -32602
    told = {"range": where, "message": {"kind": "markdown", "value": "*no*"}}
    assert ask({"diagnostics": [told], "only": ["refactor"]}, workDoneToken="w") == 0
    assert seen[-1].context.diagnostics[0].message == "*no*"


async def test_null_leaves_out_what_may_be_left_out() -> None:
    protocol, wire = connected({"slmcode/why": lambda params: params.completion_id})
    params = {"textDocument": {"uri": "a:b"}, "completionId": None}
    protocol.receive(json.dumps(request("slmcode/why", params)).encode(), 0.0)
    assert wire.sent[0]["result"] == ""


async def test_a_request_of_ours_that_was_given_up_is_forgotten() -> None:
    protocol, wire = connected({})
    asked = protocol.send_request_async("workspace/configuration", types.ConfigurationParams([]))
    asked.cancel()
    await asyncio.sleep(0)
    assert not protocol._request_futures
    assert not protocol._result_types
    answer = {"jsonrpc": "2.0", "id": wire.sent[0]["id"], "result": []}
    protocol.receive(json.dumps(answer).encode(), 0.0)


async def test_a_record_that_cannot_be_written_costs_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full:
        def client_sent(self, message: dict[str, Any], arrived: float) -> None:
            raise OSError(SECRET)

    protocol, wire = connected({"slmcode/why": lambda params: None})
    protocol.recorder = Full()  # type: ignore[assignment]
    for _ in range(2):
        params = {"textDocument": {"uri": "a:b"}}
        protocol.receive(json.dumps(request("slmcode/why", params)).encode(), 0.0)
    assert [m["result"] for m in wire.sent] == [None, None]
    assert caplog.text.count("nothing more is recorded") == 1
    assert SECRET not in caplog.text


async def test_what_a_header_claims_is_not_set_aside() -> None:
    sizes: list[int] = []

    def read(n: int) -> bytes:
        sizes.append(n)
        return b"Content-Length: 1000000000\r\n\r\n" if len(sizes) == 1 else b""

    assert list(stdio.frames(read)) == []
    assert max(sizes) <= 1 << 20


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


async def test_initialized_twice_registers_once() -> None:
    started: list[Any] = []

    class Registered(Wire):
        def write(self, data: bytes) -> None:
            started.append(json.loads(data.partition(b"\r\n\r\n")[2]))

    handlers = Handlers(Server(), lambda *_: None, Config(), (), {})  # type: ignore[arg-type,return-value]
    handlers._server.protocol.set_writer(Registered())
    handlers._watches_files = True
    handlers.initialized(types.InitializedParams())
    handlers.initialized(types.InitializedParams())
    assert [m["method"] for m in started] == ["client/registerCapability"]


async def test_settings_with_lone_surrogates_can_be_read() -> None:
    values = convert.settings_of({"slmcode": {"model": {"\ud800": "\udc00"}, "log_level": None}})
    assert values == {"model": {"?": "?"}}
    assert overlay(Config(), values)[1]


@pytest.mark.parametrize(
    "uri", ["file:///%00", "file://[::1", "file:///\ud800", "file:" + "/a" * 5000]
)
async def test_uris_that_name_no_file(uri: str) -> None:
    path = file_of(uri)
    assert path is None or not edits._is_folder(path)


async def test_inputs_of_translations_are_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translations, "_MAX_INPUT", 3)
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"abc")
    large.write_bytes(b"abcd")
    assert translations._input(small.as_uri()).stdin == b"abc"
    for uri in ("file:///dev/zero", tmp_path.as_uri(), "file:///%00", "", large.as_uri()):
        with pytest.raises(RequestError) as e:
            translations._input(uri)
        assert e.value.code == -32602


async def test_a_code_action_that_came_back_changed_is_refused() -> None:
    snapshot = Snapshot("a:b", "python", 1, "x = 1\n")
    good: dict[str, Any] = {"uri": "a:b", "version": 1, "start": 0, "end": 6, "action": "simplify"}
    asking: Any = SimpleNamespace(documents={"a:b": snapshot})
    wrongs: list[dict[str, Any]] = [
        {"start": -1},
        {"end": 7},
        {"start": 5, "end": 4},
        {"action": "none"},
        {"problem": {"start": 0, "end": 99, "message": "", "source": "", "code": ""}},
        {"\ud800": 1},
    ]
    for wrong in wrongs:
        with pytest.raises(RequestError) as e:
            CodeActions(asking).resolve(types.CodeAction("t", data=good | wrong))
        assert e.value.code == -32602, wrong


async def test_a_token_that_was_given_twice_still_cancels_the_newer_request() -> None:
    protocol, _ = connected({})
    order: list[str] = []

    async def work(name: str, until: asyncio.Event) -> None:
        with Work(protocol, messages.Work(work_done_token="t"), name):
            await until.wait()
        order.append(name)

    first, never = asyncio.Event(), asyncio.Event()
    older = asyncio.ensure_future(work("older", first))
    await asyncio.sleep(0)
    newer = asyncio.ensure_future(work("newer", never))
    await asyncio.sleep(0)
    first.set()
    await older
    Work.cancel("t")
    with pytest.raises(asyncio.CancelledError):
        await newer
    assert order == ["older"]


async def test_a_code_action_whose_progress_was_cancelled_is_not_null() -> None:
    snapshot = Snapshot("a:b", "python", 1, "x = 1\n")
    data = {"uri": "a:b", "version": 1, "start": 0, "end": 6, "action": "simplify"}
    begun = asyncio.Event()

    async def token() -> str:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    asking: Any = SimpleNamespace(documents={"a:b": snapshot}, token=token)
    work = CodeActions(asking).resolve(types.CodeAction("t", data=data))
    task = asyncio.ensure_future(work)
    await begun.wait()
    task.cancel()
    with pytest.raises(RequestError) as e:
        await task
    assert e.value.code == -32802


@pytest.mark.parametrize("msg_id", [10**30, -1, "", "\ud800"])
async def test_every_id_that_is_taken_can_be_cancelled(msg_id: int | str) -> None:
    method = "textDocument/inlineCompletion"
    protocol, wire = connected({method: lambda params: asyncio.sleep(3600)})
    protocol.receive(json.dumps(request(method, completion(), msg_id)).encode(), 0.0)
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": msg_id}}
    protocol.receive(json.dumps(cancel).encode(), 0.0)
    await asyncio.wait(protocol._running.values())
    await asyncio.sleep(0)  # its end is seen
    assert [(m["id"], m["error"]["code"]) for m in wire.sent] == [(msg_id, -32800)]
