"""Emacs with lsp-mode, typed into as a user does, with the configuration of editors/emacs.md.

Keys and screen are a terminal's; the exact text comes out of Emacs by emacsclient. lsp-mode asks
for utf-32 positions.
"""

from __future__ import annotations

import base64
import copy
import functools
import json
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
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
    environment,
    until,
)

INLINE = "textDocument/inlineCompletion"
SLMCODE_EL = wire.ROOT / "editors/minimal/slmcode.el"

# What stands between a fresh Emacs and the lines of editors/emacs.md: packages, and no files beside
# the one that is edited. The clients of other servers are left out, they take long to load.
INIT = """
(setq inhibit-startup-screen t make-backup-files nil auto-save-default nil create-lockfiles nil
      native-comp-deferred-compilation nil lsp-client-packages nil lsp-enable-snippet nil
      lsp-auto-guess-root t lsp-restart 'ignore
      lsp-session-file (expand-file-name "session" folder)
      server-socket-dir folder server-name "emacs")
(server-start)
(dolist (package packages)
  (add-to-list 'load-path package)
  (dolist (file (file-expand-wildcards (concat package "/*-autoloads.el"))) (load file nil t)))
(load slmcode-el nil t)
(add-hook 'prog-mode-hook #'lsp-deferred)
(set-face-attribute 'lsp-inline-completion-overlay-face nil :inherit nil :foreground "color-GHOST")
"""
TOTAL = '''def total(prices):
    """The sum of all prices."""
    result = 0
    for price in prices:
        result += price
    print("合計 🦀"
    return result
'''


def lisp(value: Any) -> str:
    """A Lisp literal: strings, numbers, lists."""
    if isinstance(value, list):
        return "(" + " ".join(map(lisp, value)) + ")"
    return json.dumps(value, ensure_ascii=False)


class Emacs:
    """One Emacs with one file, and what is said to its server."""

    def __init__(
        self, folder: Path, file: Path, command: list[str], settings: dict[str, Any]
    ) -> None:
        self.log = folder / "traffic.jsonl"
        self._socket = folder / "emacs"
        server = wire.wrapper(folder / "server", self.log, command)
        alist = " ".join(f"({name} . {lisp(value)})" for name, value in settings.items())
        variables: dict[str, str] = {
            "folder": lisp(str(folder)),
            "packages": lisp([str(path) for path in programs.lsp_mode()]),
            "slmcode-el": lisp(str(SLMCODE_EL)),
            "slmcode-command": lisp([str(server), "serve"]),
            "slmcode-settings": f"({alist})",
        }
        init = folder / "init.el"
        init.write_text(
            "".join(f"(setq {name} '{value})\n" for name, value in variables.items())
            + INIT.replace("GHOST", str(GHOST))
        )
        self.terminal = Terminal(
            ["emacs", "-nw", "-Q", "-l", str(init), str(file)], file.parent, environment(folder)
        )

    def value(self, expression: str) -> Any:
        """The value of a Lisp expression in the buffer that is shown, by way of JSON."""
        lisp = f"(with-current-buffer (window-buffer) (json-encode {expression}))"
        lisp = f"(base64-encode-string (encode-coding-string {lisp} 'utf-8) t)"
        done = subprocess.run(
            ["emacsclient", "-s", str(self._socket), "--eval", lisp],
            capture_output=True, text=True, timeout=BOUND_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + "\n".join(self.terminal.screen())
        return json.loads(base64.b64decode(done.stdout.strip().strip('"')))

    def text(self) -> str:
        return str(self.value("(buffer-substring-no-properties (point-min) (point-max))"))

    def type(self, text: str) -> None:
        """Type characters, each when the one before has arrived."""
        for character in text:
            tick = self._tick()
            self.terminal.type(character)
            until(functools.partial(self._is_past, tick), f"key {character!r}")

    def _tick(self) -> int:
        return int(self.value("(buffer-chars-modified-tick)"))

    def _is_past(self, tick: int) -> bool:
        return self._tick() > tick

    def end_of_line(self, line: int) -> None:
        """Put the cursor at the end of a line."""
        self.terminal.press("M-g", "g")
        self.terminal.type(f"{line}\r")
        self.terminal.press("C-e")
        until(lambda: self.value("(list (line-number-at-pos) (eolp))") == [line, True], "the line")

    def quit(self, *, may_be_unanswered: Collection[str] = ()) -> list[wire.Said]:
        """Leave; all that was said, checked."""
        self.value("(set-buffer-modified-p nil)")
        self.terminal.press("C-g")
        self.terminal.press("C-x", "C-c")
        # lsp-mode does not wait for more: what it sends last may be lost with the process.
        until(lambda: answers(self.log, "shutdown"), "the end")
        messages = wire.said(self.log)
        wire.check(
            [(direction, repaired(message)) for direction, message in messages],
            may_be_unanswered=may_be_unanswered,
        )
        return messages

    def close(self) -> None:
        self.terminal.close()


def repaired(message: dict[str, Any]) -> dict[str, Any]:
    """The message without what lsp-mode 10.0 says wrong. The server does not mind any of it."""
    if message.get("method") in ("shutdown", "exit"):
        return {name: value for name, value in message.items() if name != "params"}
    if message.get("method") == "initialize":
        message = copy.deepcopy(message)
        can = message["params"]["capabilities"]["textDocument"]
        can["completion"]["completionItem"].pop("resolveAdditionalTextEditsSupport", None)
        can["inlineCompletion"] = can["inlineCompletion"] or {}
    return message


Start = Callable[..., Emacs]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short enough for a socket."""
    return tmp_path_factory.mktemp("e")


@pytest.fixture
def script(folder: Path) -> Path:
    return folder / "script.json"


@pytest.fixture
def start(folder: Path, script: Path) -> Iterator[Start]:
    """Start Emacs with a file and the scripted server, or another."""
    for program in ("emacs", "emacsclient"):
        programs.on_path(program)
    started: list[Emacs] = []

    def go(text: str, *, command: list[str] | None = None, **settings: Any) -> Emacs:
        work = folder / "w"
        (work / ".git").mkdir(parents=True)
        file = work / "shop.py"
        file.write_bytes(text.encode())
        command = command or wire.scripted(script)
        editor = Emacs(folder, file, command, {"deadline_ms": 5000, **settings})
        started.append(editor)
        return editor

    yield go
    for editor in started:
        editor.close()


def scripted(start: Start, script: Path, text: str, *writes: Any, **settings: Any) -> Emacs:
    """Emacs with a script: pairs of text before the cursor and what follows."""
    rules = [
        rule if isinstance(rule, dict) else {"after": rule[0], "text": rule[1]} for rule in writes
    ]
    write(script, {"writes": rules})
    emacs = start(text, **settings)
    emacs.terminal.wait("slmcode: ready")
    return emacs


def test_from_the_first_key_to_the_next_line(start: Start, script: Path) -> None:
    body = "result = sum(prices)\n    return result"
    emacs = scripted(start, script, "def total(prices):\n", ("prices):\n    ", body))
    assert emacs.value("lsp--position-column-function") == "lsp--utf-32-column"
    emacs.end_of_line(1)
    emacs.type("\r")  # Emacs indents
    emacs.terminal.wait_for_ghost(body)
    assert emacs.text() == "def total(prices):\n    \n"

    emacs.type("result")  # along with it
    emacs.terminal.wait_for_ghost(" = sum(prices)\n    return result")
    emacs.terminal.press("Tab")
    whole = f"def total(prices):\n    {body}"
    until(lambda: emacs.text() == f"{whole}\n", "what was offered in the text")
    emacs.type("  # end")
    assert emacs.text() == f"{whole}  # end\n"

    said = emacs.quit()
    methods = [message.get("method") for _, message in said]
    assert methods.count("workspace/executeCommand") == 1
    assert "textDocument/didShowCompletion" in methods


def test_tab_indents_where_nothing_is_shown(start: Start, script: Path) -> None:
    emacs = scripted(start, script, "def f():\nx\n")
    emacs.end_of_line(2)
    emacs.terminal.press("Tab")
    until(lambda: emacs.text() == "def f():\n    x\n", "an indented line")
    emacs.quit()


def test_wide_characters_before_the_cursor(start: Start, script: Path) -> None:
    emacs = scripted(start, script, 'print("合計 🦀"\nnext\n', ('"合計 🦀", ', "total)"))
    emacs.end_of_line(1)
    emacs.type(", to")
    emacs.terminal.wait_for_ghost("tal)")
    line = 'print("合計 🦀", to'
    place = wire.sent(emacs.log, INLINE)[-1]["position"]
    assert place == {"line": 0, "character": len(line)}
    emacs.terminal.press("Tab")
    until(lambda: emacs.text() == f"{line}tal)\nnext\n", "what was offered in the text")
    emacs.quit()


def test_a_file_with_crlf(start: Start, script: Path) -> None:
    body = "a = 2\n    return a"
    emacs = scripted(start, script, "def f():\r\nx = 1\r\n", ("f():\n    ", body))
    emacs.end_of_line(1)
    emacs.type("\r")
    emacs.terminal.wait_for_ghost(body)
    emacs.terminal.press("Tab")
    until(lambda: emacs.text() == f"def f():\n    {body}\nx = 1\n", "what was offered in the text")
    emacs.terminal.press("C-g")
    emacs.terminal.press("C-x", "C-s")
    file = Path(emacs.value("buffer-file-name"))
    whole = f"def f():\n    {body}\nx = 1\n".replace("\n", "\r\n").encode()
    until(lambda: file.read_bytes() == whole, "the written file")
    emacs.quit()


def test_c_g_sends_it_away(start: Start, script: Path) -> None:
    emacs = scripted(start, script, "\n", ("x = ", "alpha"))
    emacs.type("x = ")
    emacs.terminal.wait_for_ghost("alpha")
    emacs.terminal.press("C-g")
    emacs.terminal.wait_for_ghost("")
    assert emacs.text() == "x = \n"
    until(lambda: wire.sent(emacs.log, "slmcode/didDismissCompletion"), "a word to the server")
    emacs.quit()


def test_one_undo_takes_back_what_was_accepted(start: Start, script: Path) -> None:
    body = "a = 2\n    return a"
    emacs = scripted(start, script, "def f():\n", ("f():\n    ", body))
    emacs.end_of_line(1)
    emacs.type("\r")
    emacs.terminal.wait_for_ghost(body)
    emacs.terminal.press("Tab")
    until(lambda: emacs.text() == f"def f():\n    {body}\n", "what was offered in the text")
    emacs.terminal.press("C-/")
    until(lambda: emacs.text() == "def f():\n    \n", "the text as it was")
    emacs.quit()


def test_typing_on_takes_the_request_back(start: Start, script: Path) -> None:
    rule = {"after": "x = ", "text": "alpha", "hold": True}
    emacs = scripted(start, script, "\n", rule)
    emacs.type("x = ")
    until(lambda: wire.asked_at(emacs.log, INLINE, 4), "the request that is held")
    emacs.type("al")
    until(lambda: wire.sent(emacs.log, "$/cancelRequest"), "a request taken back")
    write(script, {"writes": [{**rule, "hold": False}]})
    emacs.terminal.wait_for_ghost("pha")
    emacs.quit()


def test_more_text_is_shown_when_the_server_has_it(start: Start, script: Path) -> None:
    rule = {"after": "x = ", "text": "alpha", "hold": True}
    emacs = scripted(start, script, "\n", rule, deadline_ms=50)
    emacs.type("x = ")
    until(lambda: answered_with_nothing(emacs.log, INLINE, 4), "the answer by then")
    write(script, {"writes": [{**rule, "hold": False}]})
    emacs.terminal.wait_for_ghost("alpha")  # without a key
    assert wire.sent(emacs.log, "slmcode/refresh")
    emacs.quit()


def test_by_command_there_are_alternatives(start: Start, script: Path) -> None:
    rule = {"after": "x = ", "text": "alpha", "others": ["beta", "gamma"]}
    emacs = scripted(start, script, "x = \n", rule)
    emacs.end_of_line(1)
    emacs.terminal.press("M-x")
    emacs.terminal.type("lsp-inline-completion-display\r")
    emacs.terminal.wait_for_ghost("alpha")
    emacs.terminal.press("C-n")
    emacs.terminal.wait_for_ghost("beta")
    emacs.terminal.press("Tab")
    until(lambda: emacs.text() == "x = beta\n", "the second in the text")
    emacs.quit()


def test_what_to_do_without_a_model(start: Start, script: Path) -> None:
    write(script, {"status": {"state": "no_model", "message": "run slmcode models pull fast"}})
    emacs = start("x\n")
    emacs.terminal.wait("slmcode: run slmcode models pull fast")
    emacs.terminal.wait("slmcode: downloadNeeded")
    emacs.quit()


def test_a_killed_server_is_told_and_started_again(start: Start, script: Path) -> None:
    emacs = scripted(start, script, "\n", ("x = ", "alpha"))
    emacs.value("(setq lsp-restart 'auto-restart)")
    emacs.terminal.kill_children()
    until(
        lambda: len(wire.sent(emacs.log, "initialized")) == 2,
        lambda: "the next server, on\n" + "\n".join(emacs.terminal.screen()),
    )
    emacs.value("(setq lsp-restart 'ignore)")
    said = '(with-current-buffer "*Messages*" (buffer-substring-no-properties 1 (point-max)))'
    assert "has exited" in emacs.value(said)  # the line on the screen is soon another one
    emacs.type("x = al")
    emacs.terminal.wait_for_ghost("pha")
    emacs.quit(may_be_unanswered=("textDocument/codeAction",))  # it asks for them at any pause


def test_real_weights(start: Start, folder: Path, fast_weights: Path) -> None:
    cache_with_weights(folder / "cache")
    (folder / "config.toml").write_text("engine_idle_s = 5\n")
    emacs = start(TOTAL, command=[sys.executable, "-m", "slmcode.cli", "serve"], deadline_ms=20000)
    emacs.terminal.wait("slmcode: ready")
    emacs.end_of_line(6)
    emacs.type(", res")
    until(lambda: emacs.terminal.ghost().startswith("ult"), "ghost text")
    emacs.terminal.press("Tab")
    until(lambda: '    print("合計 🦀", result' in emacs.text(), "it in the text")
    emacs.quit()
