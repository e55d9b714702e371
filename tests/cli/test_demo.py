"""The demo's places to type, and the desk it types at."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from slmcode.cli.demo import sample_scenes, scenes_of
from slmcode.cli.desk import LAST_COMPLETION, REFRESH, Desk
from slmcode.lsp.client import Client, ResponseError

PATH = Path("x.py")


def test_the_sample_project_holds_what_is_typed() -> None:
    for scene in sample_scenes():
        text = scene.path.read_text(encoding="utf-8")
        assert scene.before + scene.typed + scene.after == text
        assert scene.typed.strip()
        compile(text, scene.path, "exec")


def test_scenes_of_a_file_are_lines_with_text() -> None:
    text = "".join(f"def f{i}():\n    a = {i}\n    return a\n\n" for i in range(10))
    scenes = scenes_of(PATH, text)
    assert len(scenes) == 2
    for scene in scenes:
        assert scene.before + scene.typed + scene.after == text
        assert scene.typed.count("\n") == 2
        assert all(line.strip() for line in scene.typed.split("\n"))
    assert len(scenes[0].before) < len(text) / 2 < len(scenes[1].before)


@pytest.mark.parametrize(
    "text", ["", "x = 1\n", "a\r\nb\r\nc\r\nd\r\ne\r\n", "a\rb\rc\rd\ne\nf\ng\nh"]
)
def test_a_file_without_such_a_place_is_completed_at_its_end(text: str) -> None:
    (scene,) = scenes_of(PATH, text)
    assert (scene.before, scene.typed, scene.after) == (text, "", "")


class StubClient:
    """Records what is sent; requests are answered by the test."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.requests: list[asyncio.Future[Any]] = []
        self.listeners: dict[str, Any] = {}

    def open(self, uri: str, language_id: str, text: str) -> None:
        self.sent.append(("open", text))

    def close(self, uri: str) -> None:
        self.sent.append(("close", uri))

    def replace(self, uri: str, start: Any, end: Any, text: str) -> None:
        self.sent.append(("replace", (start, end, text)))

    def cursor_moved(self, uri: str, line: int, character: int) -> None:
        self.sent.append(("cursor", (line, character)))

    def notify(self, method: str, params: Any = None) -> None:
        self.sent.append((method, params))

    def cancel(self, request: asyncio.Future[Any]) -> None:
        self.sent.append(("cancel", self.requests.index(request)))

    def inline_completion(
        self, uri: str, line: int, character: int, *, invoked: bool = False
    ) -> asyncio.Future[Any]:
        self.sent.append(("ask", (line, character)))
        self.requests.append(asyncio.get_running_loop().create_future())
        return self.requests[-1]

    def request(self, method: str, params: Any = None) -> asyncio.Future[Any]:
        self.sent.append((method, params))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if method == LAST_COMPLETION:
            future.set_exception(ResponseError(-32601, "unknown"))
        return future

    def named(self, name: str) -> list[Any]:
        return [params for n, params in self.sent if n == name]


def desk_of(before: str, after: str = "") -> tuple[Desk, StubClient]:
    stub = StubClient()
    desk = Desk(cast(Client, stub), "file:///x.py", "python", before, after)
    desk.open()
    return desk, stub


def item(text: str, start: int, end: int) -> dict[str, Any]:
    return {
        "items": [
            {
                "insertText": text,
                "range": {
                    "start": {"line": 0, "character": start},
                    "end": {"line": 0, "character": end},
                },
                "command": {"title": "", "command": "slmcode.accept", "arguments": ["7"]},
            }
        ]
    }


async def test_keys_move_the_cursor_in_utf16_and_cancel_the_older_request() -> None:
    desk, stub = desk_of("a\nb😀")
    assert stub.named("cursor") == [(1, 3)]
    desk.press("😀")
    desk.press("\n  ")
    assert stub.named("replace") == [((1, 3), (1, 3), "😀"), ((1, 5), (1, 5), "\n  ")]
    assert stub.named("ask") == [(1, 5), (2, 2)]
    assert stub.named("cancel") == [0]
    assert (desk.line_text, desk.line_number) == ("  ", 3)


async def test_ghost_text_is_what_does_not_stand_there_yet() -> None:
    desk, stub = desk_of("😀 ret")
    desk.press("u")
    stub.requests[0].set_result(item("return x", 3, 7))
    shown = await desk.answer(1)
    assert shown is not None
    assert shown.text == "rn x"
    assert stub.named("textDocument/didShowCompletion") == [{"item": shown.item}]


async def test_a_refresh_is_asked_for_again_and_the_first_answer_keeps_its_time() -> None:
    desk, stub = desk_of("ret")
    desk.press("u")
    stub.requests[0].set_result({"items": []})
    first = await desk.answer(1)
    assert first is not None
    assert first.text == ""
    place = {"textDocument": {"uri": "file:///x.py"}, "position": {"line": 0, "character": 4}}
    stub.listeners[REFRESH](place | {"position": {"line": 0, "character": 3}})
    assert len(stub.requests) == 1, "the cursor is elsewhere"
    stub.listeners[REFRESH](place)
    stub.requests[1].set_result(item("return x", 0, 4))
    shown = await desk.answer(1)
    assert shown is not None
    assert (shown.text, shown.after_s) == ("rn x", first.after_s)


async def test_an_item_that_does_not_continue_the_line_is_not_drawn() -> None:
    desk, stub = desk_of("ret")
    desk.press("u")
    stub.requests[0].set_result(item("raise x", 0, 4))
    shown = await desk.answer(1)
    assert shown is not None
    assert shown.text == ""


async def test_no_answer_by_the_next_key_and_an_answer_without_text() -> None:
    desk, stub = desk_of("")
    desk.press("a")
    assert await desk.rest(0) is None
    stub.requests[0].set_result(None)
    shown = await desk.answer(1)
    assert shown is not None
    assert (shown.text, shown.item) == ("", None)


async def test_accepting_all_sends_the_command_and_a_part_its_length() -> None:
    desk, stub = desk_of("ret")
    desk.press("u")
    stub.requests[0].set_result(item("return x", 0, 4))
    shown = await desk.answer(1)
    assert shown is not None
    desk.accept(shown, "rn x")
    (command,) = stub.named("workspace/executeCommand")
    assert command == {"command": "slmcode.accept", "arguments": ["7"]}
    assert desk.line_text == "return x"
    assert len(stub.requests) == 2  # acceptance asks for what follows
    desk.accept(shown, "rn")
    (partial,) = stub.named("textDocument/didPartiallyAcceptCompletion")
    assert partial["acceptedLength"] == len("return")
