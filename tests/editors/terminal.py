"""A program on a screen of its own, without anybody looking: keys go in, lines of text come out.

tmux is the terminal. Its keys are those of a keyboard and its screen is what a user sees: ghost
text that is not drawn is not there. Ghost text is told by its colour, `GHOST`, which the test
gives to nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.editors import programs, wire

BOUND_S = 60  # for each wait; a busy machine takes half of it to start an editor and a server
GHOST = 201  # of the 256 colours of a terminal
_STYLE = re.compile(r"\x1b\[([0-9;]*)m")
_OTHER = re.compile(r"(^|;)(|0|38|39|3[0-7]|9[0-7])(;|$)")  # another colour, or none


def until(condition: Callable[[], Any], what: Callable[[], str] | str) -> Any:
    """Wait for a condition, at most `BOUND_S`; its value."""
    end = time.monotonic() + BOUND_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}")
        time.sleep(0.01)
    return value


def environment(folder: Path) -> dict[str, str]:
    """An environment in which editor and server keep everything in `folder`.

    Its path must be short enough for a socket's.
    """
    folders = {
        "HOME": folder,
        "SLMCODE_CONFIG": folder / "config.toml",
        "SLMCODE_RUNTIME": folder / "rt",
        "SLMCODE_CACHE": folder / "cache",
        "SLMCODE_STATE": folder / "state",
    }
    own = {name: str(path) for name, path in folders.items()}
    return {**os.environ, **own, "PYTHONPATH": str(wire.ROOT), "LC_ALL": "C.UTF-8"}


class Terminal:
    """One program in one window, 160 columns wide, of a tmux of its own."""

    def __init__(self, argv: list[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._tmux_program = str(programs.on_path("tmux"))
        self._name = f"slmcode-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._env = {**env, "TERM": "xterm-256color"}
        # The escape key is a key at once, not the beginning of one.
        self._tmux(
            *("-f", os.devnull, "set", "-s", "escape-time", "0", ";"),
            *("set", "-g", "default-terminal", "screen-256color", ";"),
            *("new-session", "-d", "-x", "160", "-y", "24", "-c", str(cwd), "--", *argv),
        )

    def _tmux(self, *words: str) -> str:
        command = [self._tmux_program, "-u", "-L", self._name, *words]
        done = subprocess.run(
            command, env=self._env, capture_output=True, encoding="utf-8", timeout=BOUND_S
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    @property
    def pid(self) -> int:
        """The program's process."""
        return int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def kill_children(self) -> None:
        """Kill what the program has started, and what that has."""
        for process in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it went with its parent
                process.kill()

    def type(self, text: str) -> None:
        """Type characters."""
        self._tmux("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: Tab, Escape, Enter, C-g, M-x."""
        self._tmux("send-keys", "--", *keys)

    def screen(self) -> list[str]:
        """The lines on the screen, without trailing spaces."""
        return self._tmux("capture-pane", "-p").split("\n")[:-1]

    def ghost(self) -> str:
        """All that is drawn in the colour of ghost text, line by line."""
        lines = []
        is_ghost = False
        for line in self._tmux("capture-pane", "-p", "-e").split("\n"):
            shown = ""
            # Text and styles alternate.
            for n, part in enumerate(_STYLE.split(line)):
                if n % 2 == 0:
                    shown += part if is_ghost else ""
                elif f"38;5;{GHOST}" in part:
                    is_ghost = True
                elif _OTHER.search(part):
                    is_ghost = False
            lines.append(shown.rstrip())
        return "\n".join(lines).strip("\n")

    def wait(self, text: str) -> None:
        """Wait until the screen shows `text`. A long one may be broken at the edge."""

        def there() -> bool:
            return text in "".join(self.screen())

        until(there, lambda: f"{text!r} on\n" + "\n".join(self.screen()))

    def wait_for_ghost(self, text: str) -> None:
        """Wait until exactly `text` is ghost text."""
        until(
            lambda: self.ghost() == text,
            lambda: f"ghost text {text!r}, not {self.ghost()!r}, on\n" + "\n".join(self.screen()),
        )

    def close(self) -> None:
        """End the program."""
        command = [self._tmux_program, "-L", self._name, "kill-server"]
        subprocess.run(command, capture_output=True, check=False)


def answers(log: Path, method: str) -> list[Any]:
    """The results of all answered requests of the editor with that method, None for errors."""
    said = wire.said(log)
    asked = {m["id"] for d, m in said if d == "c2s" and m.get("method") == method}
    back = [m for d, m in said if d == "s2c" and "method" not in m]
    return [m.get("result") for m in back if m["id"] in asked]


def answered_with_nothing(log: Path, method: str, character: int) -> bool:
    """Whether the newest request, for this column, has its answer, and that has no items."""
    requests, results = wire.sent(log, method), answers(log, method)
    return (
        bool(requests)
        and requests[-1]["position"]["character"] == character
        and len(results) == len(requests)
        and results[-1] == {"items": []}
    )


def ended(log: Path) -> list[wire.Said]:
    """What was said until the server was gone."""

    def last() -> dict[str, Any]:
        lines = log.read_text("utf-8").splitlines()
        row: dict[str, Any] = json.loads(lines[-1])
        return row

    until(lambda: "exit" in last(), "the server's end")
    assert last() == {"exit": 0}
    return wire.said(log)
