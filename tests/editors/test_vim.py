"""Vim, typed into as a user does, with the minimal configuration that editors/vim.md quotes.

Keys and screen are a terminal's; the exact text comes out of Vim by a channel (`:help channel`),
which does not disturb the typing. Vim counts bytes, so positions are utf-8.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import cache_with_weights
from tests.editors import programs, wire
from tests.editors.scripted_engine import write
from tests.editors.terminal import (
    BOUND_S,
    GHOST,
    Terminal,
    answered_with_nothing,
    answers,
    ended,
    environment,
    until,
)

INLINE = "textDocument/inlineCompletion"
SLMCODE_VIM = wire.ROOT / "editors/minimal/slmcode.vim"

TOTAL = '''def total(prices):
    """The sum of all prices."""
    result = 0
    for price in prices:
        result += price
    print("合計 🦀"
    return result
'''
RC = """
set nocompatible nomodeline noswapfile shortmess+=I laststatus=2 encoding=utf-8
set statusline=%f\\ state:%{{get(g:,'slmcode_state','')}}.
filetype on
highlight SlmcodeGhost ctermfg={ghost}
let g:slmcode = {settings}
source {slmcode}
let g:channel = ch_open('unix:{channel}', {{'mode': 'json'}})
"""


class Vim:
    """One Vim with one file, and what is said to its server."""

    def __init__(self, folder: Path, file: Path, command: list[str], settings: Any) -> None:
        self.log = folder / "traffic.jsonl"
        server = [str(wire.wrapper(folder / "server", self.log, command)), "serve"]
        channel = folder / "c"
        rc = folder / "vimrc"
        rc.write_text(
            RC.format(
                ghost=GHOST,
                settings=json.dumps({"cmd": server, "settings": settings}),
                slmcode=SLMCODE_VIM,
                channel=channel,
            )
        )
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(channel))
            listener.listen()
            listener.settimeout(BOUND_S)
            self.terminal = Terminal(
                ["vim", "-u", str(rc), str(file)], file.parent, environment(folder)
            )
            try:
                self._socket, _ = listener.accept()
            except TimeoutError:
                pytest.fail("Vim does not start:\n" + "\n".join(self.terminal.screen()))
        self._socket.settimeout(BOUND_S)

    def value(self, expression: str) -> Any:
        """The value of a Vim expression."""
        self._socket.sendall(json.dumps(["expr", expression, -1]).encode() + b"\n")
        data = b""
        while True:
            data += self._socket.recv(65536)
            with contextlib.suppress(json.JSONDecodeError, UnicodeDecodeError):
                return json.loads(data)[1]

    def lines(self) -> list[str]:
        return list(self.value("getline(1, '$')"))

    def insert(self, keys: str = "A") -> None:
        """Into Insert mode."""
        self.terminal.type(keys)
        until(lambda: self.value("mode()") == "i", "Insert mode")

    def type(self, text: str) -> None:
        """Type characters, each when the one before has arrived."""
        for character in text:
            tick = self.value("b:changedtick")
            self.terminal.type(character)
            until(functools.partial(self._is_past, tick), f"key {character!r}")

    def _is_past(self, tick: int) -> bool:
        return bool(self.value("b:changedtick") > tick)

    def leave(self) -> None:
        """From Insert mode to Normal mode."""
        self.terminal.press("Escape")
        until(lambda: self.value("mode()") == "n", "Normal mode")

    def command(self, line: str) -> None:
        """A command, from any mode."""
        self.terminal.press("C-\\", "C-n")
        self.terminal.type(f":{line}\r")

    def quit(self) -> list[wire.Said]:
        """Leave; what was said until the server was gone, checked."""
        self.command("qa!")
        messages = ended(self.log)
        wire.check(messages)
        return messages

    def close(self) -> None:
        self._socket.close()
        self.terminal.close()


Start = Callable[..., Vim]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short enough for a socket."""
    return tmp_path_factory.mktemp("v")


@pytest.fixture
def script(folder: Path) -> Path:
    return folder / "script.json"


@pytest.fixture
def start(folder: Path, script: Path) -> Iterator[Start]:
    """Start Vim with a file and the scripted server, or another."""
    vim = programs.on_path("vim")
    features = subprocess.run([vim, "--version"], capture_output=True, text=True).stdout
    if "+textprop" not in features:
        programs.missing("Vim with +textprop")
    started: list[Vim] = []

    def go(
        text: str = "", *, name: str = "shop.py", command: list[str] | None = None, **settings: Any
    ) -> Vim:
        work = folder / "w"
        work.mkdir()
        file = work / name
        file.write_bytes(text.encode())
        command = command or wire.scripted(script)
        editor = Vim(folder, file, command, {"deadline_ms": 5000, **settings})
        started.append(editor)
        return editor

    yield go
    for editor in started:
        editor.close()


def scripted(start: Start, script: Path, text: str, *writes: Any, **options: Any) -> Vim:
    """Vim with a script: pairs of text before the cursor and what follows."""
    rules = [
        rule if isinstance(rule, dict) else {"after": rule[0], "text": rule[1]} for rule in writes
    ]
    write(script, {"writes": rules})
    vim = start(text, **options)
    vim.terminal.wait("state:ready.")
    return vim


def test_from_the_first_key_to_the_next_line(start: Start, script: Path) -> None:
    body = "result = sum(prices)\n    return result"
    vim = scripted(start, script, "def total(prices):\n", ("prices):\n    ", body))
    vim.insert("o")
    vim.type("    ")
    vim.terminal.wait_for_ghost(body)
    assert vim.lines() == ["def total(prices):", "    "]

    n_requests = len(wire.sent(vim.log, INLINE))
    vim.type("result")  # along with it
    vim.terminal.wait_for_ghost(" = sum(prices)\n    return result")
    assert len(wire.sent(vim.log, INLINE)) == n_requests

    vim.terminal.press("Tab")
    whole = ["def total(prices):", "    result = sum(prices)", "    return result"]
    until(lambda: vim.lines() == whole, "what was offered in the text")
    vim.type("  # end")
    assert vim.lines() == [*whole[:2], "    return result  # end"]

    said = vim.quit()
    methods = [message.get("method") for _, message in said]
    assert methods.count("workspace/executeCommand") == 1
    assert "textDocument/didShowCompletion" in methods


def test_tab_is_a_tab_where_nothing_is_shown(start: Start, script: Path) -> None:
    vim = scripted(start, script, "x\n")
    vim.insert()
    vim.terminal.press("Tab")
    until(lambda: vim.lines() == ["x\t"], "a tab in the text")
    vim.quit()


def test_wide_characters_before_the_cursor(start: Start, script: Path) -> None:
    vim = scripted(start, script, 'print("合計 🦀"\nnext\n', ('"合計 🦀", ', "total)"))
    vim.insert()
    vim.type(", to")
    vim.terminal.wait_for_ghost("tal)")
    line = 'print("合計 🦀", to'
    place = wire.sent(vim.log, INLINE)[-1]["position"]
    assert place == {"line": 0, "character": len(line.encode())}
    vim.terminal.press("Tab")
    until(lambda: vim.lines() == [line + "tal)", "next"], "what was offered in the text")
    vim.quit()


def test_a_file_with_crlf(start: Start, script: Path) -> None:
    vim = scripted(
        start, script, "def f():\r\n\r\nx = 1\r\n", ("f():\n    ", "a = 2\n    return a\n")
    )
    vim.insert("jA")
    vim.type("    ")
    vim.terminal.wait_for_ghost("a = 2\n    return a")
    vim.terminal.press("Tab")
    until(lambda: len(vim.lines()) == 4, "what was offered in the text")
    vim.leave()
    vim.command("write")
    file = vim.value("expand('%:p')")
    whole = b"def f():\r\n    a = 2\r\n    return a\r\nx = 1\r\n"
    until(lambda: Path(file).read_bytes() == whole, "the written file")
    vim.quit()


def test_escape_sends_it_away(start: Start, script: Path) -> None:
    vim = scripted(start, script, "\n", ("x = ", "alpha"))
    vim.insert()
    vim.type("x = ")
    vim.terminal.wait_for_ghost("alpha")
    vim.leave()
    vim.terminal.wait_for_ghost("")
    assert vim.lines() == ["x = "]
    until(lambda: wire.sent(vim.log, "slmcode/didDismissCompletion"), "a word to the server")
    vim.quit()


def test_one_undo_takes_back_what_was_accepted(start: Start, script: Path) -> None:
    vim = scripted(start, script, "def f():\n", ("f():\n    ", "a = 2\n    return a\n"))
    vim.insert("o")
    vim.type("    ")
    vim.terminal.wait_for_ghost("a = 2\n    return a")
    vim.terminal.press("Tab")
    until(lambda: len(vim.lines()) == 3, "what was offered in the text")
    vim.leave()
    vim.terminal.type("u")
    until(lambda: vim.lines() == ["def f():", "    "], "the text as it was")
    vim.quit()


def test_typing_on_takes_the_request_back(start: Start, script: Path) -> None:
    rule = {"after": "x = ", "text": "alpha", "hold": True}
    vim = scripted(start, script, "\n", rule)
    vim.insert()
    vim.type("x = ")
    until(lambda: wire.asked_at(vim.log, INLINE, 4), "the request that is held")
    vim.type("al")
    until(lambda: wire.sent(vim.log, "$/cancelRequest"), "a request taken back")
    write(script, {"writes": [{**rule, "hold": False}]})
    vim.terminal.wait_for_ghost("pha")
    vim.quit()


def test_more_text_is_shown_when_the_server_has_it(start: Start, script: Path) -> None:
    rule = {"after": "x = ", "text": "alpha", "hold": True}
    vim = scripted(start, script, "\n", rule, deadline_ms=50)
    vim.insert()
    vim.type("x = ")
    until(lambda: answered_with_nothing(vim.log, INLINE, 4), "the answer by the deadline")
    write(script, {"writes": [{**rule, "hold": False}]})
    vim.terminal.wait_for_ghost("alpha")  # without a key
    assert wire.sent(vim.log, "slmcode/refresh")
    vim.quit()


def test_by_command_there_are_alternatives(start: Start, script: Path) -> None:
    rule = {"after": "x = ", "text": "alpha", "others": ["beta", "gamma"]}
    vim = scripted(start, script, "x = \n", rule)
    vim.command("imap <C-l> <Plug>(slmcode-complete)")
    vim.command("imap <C-n> <Plug>(slmcode-next)")
    vim.command("imap <C-e> <Plug>(slmcode-accept)")
    vim.insert()
    vim.terminal.press("C-l")
    vim.terminal.wait_for_ghost("alpha")
    vim.terminal.press("C-n")
    vim.terminal.wait_for_ghost("beta")
    vim.terminal.press("C-e")
    until(lambda: vim.lines() == ["x = beta"], "the second in the text")
    vim.quit()


def test_settings_reach_the_server(start: Start, script: Path) -> None:
    vim = scripted(start, script, "\n", ("x = ", "alpha"), disabled_languages=["python"])
    vim.insert()
    vim.type("x = ")
    until(lambda: len(answers(vim.log, INLINE)) == 4, "four answers")
    assert all(answer in (None, {"items": []}) for answer in answers(vim.log, INLINE))
    assert vim.terminal.ghost() == ""
    vim.quit()


def test_what_to_do_without_a_model(start: Start, script: Path) -> None:
    write(script, {"status": {"state": "no_model", "message": "run slmcode models pull fast"}})
    vim = start("x\n")
    vim.terminal.wait("slmcode: run slmcode models pull fast")
    vim.terminal.wait("state:downloadNeeded.")
    vim.quit()


def test_a_killed_server_is_told_and_can_be_started_again(start: Start, script: Path) -> None:
    vim = scripted(start, script, "\n", ("x = ", "alpha"))
    vim.insert()
    vim.terminal.kill_children()
    vim.terminal.wait("slmcode: the server has ended")
    vim.type("x = al")  # the editor goes on without it
    vim.command("SlmcodeStart")
    vim.terminal.wait("state:ready.")
    vim.insert()
    vim.type("p")
    vim.terminal.wait_for_ghost("ha")
    vim.quit()


def test_a_server_that_cannot_be_started(start: Start, folder: Path) -> None:
    broken = folder / "broken"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 3\n")
    broken.chmod(0o755)
    vim = start("x\n", command=[str(broken)])
    vim.terminal.wait("slmcode: the server has ended (3)")
    vim.terminal.wait("no such library")
    vim.command("let g:slmcode.cmd = ['/no/such/slmcode', 'serve'] | SlmcodeStart")
    vim.terminal.wait("slmcode: no program /no/such/slmcode here")


NORMAL = (
    "{n}Goab",
    "{n}Gdd",
    "{n}G3dd",
    "{n}GJ",
    "{n}Gyyp",
    "{n}Giab 🦀\rc",
    "u",
    "\x12",
    "{n}G>>",
    "ggdG",
)
EX = ("{n},$s/a/bb\\rc/e", "{n}m0", "g/b/d", "%s/b/é/ge", "1,2d", "$d", "{n}put ='aé'")


def test_the_server_has_the_same_text(start: Start, script: Path) -> None:
    lines = [f"line {n} aé合🦀b" for n in range(40)]
    vim = scripted(start, script, "\n".join(lines) + "\n")
    chance = random.Random(5)
    texts = []
    for _ in range(60):
        # Some together: Vim tells of them at once.
        together = [_change(chance) for _ in range(chance.randint(1, 4))]
        vim.value(f"execute({json.dumps(together, ensure_ascii=False)}, 'silent!')")
        vim.value("listener_flush()")
        texts.append(vim.value('join(getline(1, "$"), "\\n") .. "\\n"'))
    vim.quit()
    text = wire.sent(vim.log, "textDocument/didOpen")[0]["textDocument"]["text"]
    changes = wire.sent(vim.log, "textDocument/didChange")
    assert len(changes) > 30
    for change in changes:
        for edit in change["contentChanges"]:
            text = _edited(text, edit)
        while texts and texts[0] == text:
            del texts[0]
    assert texts == []


def _change(chance: random.Random) -> str:
    """An Ex command that changes the text, or fails."""
    n = chance.randint(1, 30)
    if chance.random() < 0.5:
        return chance.choice(EX).format(n=n)
    return "normal! " + chance.choice(NORMAL).format(n=n)


def _edited(text: str, edit: Any) -> str:
    """The text after an edit of whole lines, or of everything."""
    if "range" not in edit:
        return str(edit["text"])
    lines = text.splitlines(keepends=True)
    start, end = edit["range"]["start"], edit["range"]["end"]
    assert start["character"] == end["character"] == 0
    assert start["line"] <= end["line"] <= len(lines)
    return "".join([*lines[: start["line"]], edit["text"], *lines[end["line"] :]])


def test_real_weights(start: Start, folder: Path, fast_weights: Path) -> None:
    cache_with_weights(folder / "cache")
    (folder / "config.toml").write_text("engine_idle_s = 5\n")
    vim = start(
        TOTAL,
        command=[sys.executable, "-m", "slmcode.cli", "serve"],
        deadline_ms=20000,
    )
    vim.terminal.wait("state:ready.")
    vim.insert("6GA")
    vim.type(", res")
    until(lambda: vim.terminal.ghost().startswith("ult"), "ghost text")
    vim.terminal.press("Tab")
    until(lambda: vim.lines()[5].startswith('    print("合計 🦀", result'), "it in the text")
    vim.quit()
