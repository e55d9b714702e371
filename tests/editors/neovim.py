"""Neovim as a user has it: keys go in, and what stands on the screen comes out.

The process runs with `--embed` and a user interface attached, which keeps the grid as a terminal
would. Every flush is a frame, with its time. pynvim reads only while a call waits, and a frame
would have no time of its own; a thread reads here, and the protocol is small enough.

Ghost text is told by its colour: its highlight groups have one that nothing else has, as a colour
scheme would give them.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]

from tests.editors import wire

PLUGIN = wire.ROOT / "editors/nvim"
SERVER = [sys.executable, "-m", "slmcode.cli", "serve"]
STATUS_LINE = """vim.o.laststatus = 2
vim.o.statusline = "[%{v:lua.require'slmcode'.statusline()}] %f" """
BOUND_S = 20.0  # for each wait
COLUMNS, LINES = 160, 40
_GHOST, _HINT = 0x70A1B2, 0x70A1B3
# Ghost text of our own display and of Neovim 0.12's; "(1/3)" behind it is none of it.
_COLOURS = (
    f"{{SlmcodeSuggestion = {_GHOST}, ComplHint = {_GHOST}, "
    f"SlmcodeHint = {_HINT}, ComplHintMore = {_HINT}}}"
)
_SET_COLOUR = "vim.api.nvim_set_hl(0, group, {fg = colour})"


class NeovimError(Exception):
    """What Neovim answered to a call that failed."""


class Cell(NamedTuple):
    """One cell of the grid. The second cell of a wide character has no text."""

    text: str
    highlight: int


class Frame(NamedTuple):
    """What one flush put on the screen."""

    at: float  # time.monotonic()
    ghost: str  # all cells in the colour of ghost text, from the cursor's row on
    rows: tuple[str, ...]
    cursor: tuple[int, int]  # row and column on the screen, from 0

    @property
    def left(self) -> str:
        """The cursor's row, up to the cursor."""
        return self.rows[self.cursor[0]][: self.cursor[1]]

    def says(self, *texts: str) -> bool:
        """Whether all of these stand there; a long message goes on in the next row."""
        screen = "".join(self.rows)
        return all(text in screen for text in texts)


class Screen:
    """The grid as the redraw events make it. Used by one thread."""

    def __init__(self) -> None:
        self._cells: list[list[Cell]] = []
        self._cursor = (0, 0)
        self._colours: dict[int, int] = {}

    def handle(self, name: str, args: Sequence[Any]) -> None:
        """Apply one event of the protocol `ext_linegrid` (`:help ui-linegrid`)."""
        if name == "grid_resize":
            _, width, height = args
            self._cells = [[Cell(" ", 0)] * width for _ in range(height)]
        elif name == "grid_clear":
            self._cells = [[Cell(" ", 0)] * len(row) for row in self._cells]
        elif name == "grid_cursor_goto":
            self._cursor = (args[1], args[2])
        elif name == "grid_line":
            self._line(args[1], args[2], args[3])
        elif name == "grid_scroll":
            self._scroll(*args[1:6])
        elif name == "hl_attr_define":
            self._colours[args[0]] = args[1].get("foreground", -1)

    def _line(self, row: int, column: int, cells: Sequence[Sequence[Any]]) -> None:
        highlight = 0
        for text, *rest in cells:
            highlight = rest[0] if rest else highlight
            for _ in range(rest[1] if len(rest) > 1 else 1):
                self._cells[row][column] = Cell(text, highlight)
                column += 1

    def _scroll(self, top: int, bottom: int, left: int, right: int, by: int) -> None:
        old = [row[left:right] for row in self._cells]
        for row in range(top, bottom):
            if top <= row + by < bottom:
                self._cells[row][left:right] = old[row + by]

    def frame(self, at: float) -> Frame:
        """The grid as it is now."""
        ghost: dict[int, str] = {}
        for n, row in enumerate(self._cells):
            text = "".join(c.text for c in row if self._colours.get(c.highlight) == _GHOST)
            if text:
                ghost[n] = text
        between = range(min(*ghost, self._cursor[0]), max(ghost) + 1) if ghost else ()
        return Frame(
            at,
            "\n".join(ghost.get(n, "") for n in between),
            tuple("".join(c.text for c in row) for row in self._cells),
            self._cursor,
        )


class Neovim:
    """One process with one screen. `close` it, or leave with `quit`."""

    def __init__(
        self, program: Path, init: Path, files: Sequence[Path], env: Mapping[str, str], cwd: Path
    ) -> None:
        """Start it with `init` as its only configuration."""
        colours = f"lua for group, colour in pairs({_COLOURS}) do {_SET_COLOUR} end"
        argv = [program, "--embed", "--clean", "-n", "--cmd", colours, "-u", init, *files]
        self.process = subprocess.Popen(
            list(map(str, argv)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(env),
            cwd=cwd,
        )
        self.frames: list[Frame] = []
        self._changed = threading.Condition()
        self._screen = Screen()
        self._ids = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[tuple[Any, Any]]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.call("nvim_ui_attach", COLUMNS, LINES, {"rgb": True, "ext_linegrid": True})

    # The wire

    def _read(self) -> None:
        assert self.process.stdout is not None
        unpacker = msgpack.Unpacker(ext_hook=lambda _, data: msgpack.unpackb(data))
        while data := self.process.stdout.read1(65536):  # type: ignore[attr-defined]
            unpacker.feed(data)
            for kind, *rest in unpacker:
                if kind == 1:
                    self._answers.pop(rest[0]).put((rest[1], rest[2]))
                elif kind == 2 and rest[0] == "redraw":
                    self._redraw(rest[1])
        for waiting in self._answers.values():
            waiting.put(((0, "Neovim has ended"), None))
        with self._changed:
            self._changed.notify_all()

    def _redraw(self, events: Sequence[Sequence[Any]]) -> None:
        for name, *calls in events:
            if name == "flush":
                frame = self._screen.frame(time.monotonic())
                with self._changed:
                    self.frames.append(frame)
                    self._changed.notify_all()
            else:
                for args in calls:
                    self._screen.handle(name, args)

    def call(self, method: str, *args: Any) -> Any:
        """What a function of Neovim's API gives. Raises NeovimError."""
        call_id = next(self._ids)
        answer = self._answers[call_id] = queue.SimpleQueue()
        assert self.process.stdin is not None
        self.process.stdin.write(msgpack.packb([0, call_id, method, args]))
        self.process.stdin.flush()
        try:
            error, result = answer.get(timeout=BOUND_S)
        except queue.Empty:
            raise NeovimError(f"no answer to {method}; {self.text()}") from None
        if error:
            raise NeovimError(f"{method}: {error[1]}")
        return result

    def lua(self, code: str, *args: Any) -> Any:
        """Run Lua; what it returns."""
        return self.call("nvim_exec_lua", code, args)

    def command(self, line: str) -> str:
        """Run an Ex command; what it prints."""
        return str(self.call("nvim_exec2", line, {"output": True})["output"])

    # A user

    def input(self, keys: str) -> None:
        """Press keys in Neovim's notation, and do not wait."""
        self.call("nvim_input", keys)

    def type(self, text: str) -> None:
        """Type text, each character when the one before stands in the buffer."""
        for character in text:
            tick = self._tick()
            self.input(keys(character))
            self.until(functools.partial(self._is_past, tick), f"key {character!r}")

    def _tick(self) -> int:
        return int(self.call("nvim_buf_get_changedtick", 0))

    def _is_past(self, tick: int) -> bool:
        return self._tick() > tick

    def press(self, keys: str, mode: str) -> None:
        """Press special keys that end in `mode`, as `:help mode()` names it."""
        self.input(keys)
        self.until(lambda: self.call("nvim_get_mode")["mode"] == mode, f"mode {mode}")

    def insert_at(self, line: int, column: int | None = None) -> None:
        """Begin to insert in a line, from 1, at its end or before a column, in bytes from 0."""
        self.press("<C-\\><C-n>", "n")
        self.press("i", "i")
        if column is None:
            column = len(self.lines()[line - 1].encode())
        self.call("nvim_win_set_cursor", 0, [line, column])

    def lines(self) -> list[str]:
        """The lines of the current buffer."""
        return list(self.call("nvim_buf_get_lines", 0, 0, -1, True))

    def cursor(self) -> tuple[int, int]:
        """Line, from 1, and column in bytes, from 0."""
        line, column = self.call("nvim_win_get_cursor", 0)
        return line, column

    # What is on the screen

    @property
    def frame(self) -> Frame:
        """The newest frame."""
        return self.frames[-1]

    @property
    def ghost(self) -> str:
        """The ghost text on the screen now."""
        return self.frame.ghost

    def text(self) -> str:
        """All the screen says, without the rows below the end of the text."""
        rows = [row.rstrip() for row in self.frame.rows] if self.frames else []
        return "\n".join(row for row in rows if row != "~")

    def see(self, wanted: Callable[[Frame], Any], what: str) -> Frame:
        """Wait for a frame that is as wanted; raises AssertionError with the screen."""
        with self._changed:
            seen = self._changed.wait_for(
                lambda: (self.frames and wanted(self.frame)) or self.process.poll() is not None,
                BOUND_S,
            )
        assert seen, f"waited in vain for {what}; the screen:\n{self.text()}"
        return self.frame

    def see_ghost(self, text: str | None = None) -> str:
        """Wait until this ghost text, or any, is on the screen."""
        what = "ghost text" if text is None else f"the ghost text {text!r}"
        return self.see(lambda f: f.ghost if text is None else f.ghost == text, what).ghost

    def see_no_ghost(self) -> None:
        """Wait until no ghost text is on the screen."""
        self.see(lambda f: not f.ghost, "no ghost text")

    def see_text(self, *texts: str) -> None:
        """Wait until the screen says all of these."""
        self.see(lambda f: f.says(*texts), repr(texts))

    def saw_text(self, *texts: str) -> None:
        """Wait until some frame has said all of these; messages do not stay on the screen."""
        self.see(lambda _: any(f.says(*texts) for f in self.frames), f"{texts}, ever")

    def until(self, condition: Callable[[], Any], what: str, bound_s: float = 0.0) -> None:
        """Wait for something that is not on the screen; each look is a call of Neovim."""
        end = time.monotonic() + max(bound_s, BOUND_S)
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}; the screen:\n{self.text()}"
            time.sleep(0.002)

    # The end

    def quit(self) -> None:
        """Leave as a user does, with `:qa!`, and wait for the end."""
        self.call("nvim_input", "<C-\\><C-n>:qa!<CR>")
        self.process.wait(BOUND_S)
        self.close()

    def close(self) -> None:
        """End it, however it is."""
        self.process.kill()
        self.process.wait()
        self._reader.join()


_NAMES = {"<": "<lt>", "\n": "<CR>", "\t": "<C-v><Tab>"}


def keys(text: str) -> str:
    """Text as keys in Neovim's notation."""
    return "".join(_NAMES.get(character, character) for character in text)


class Session:
    """Neovim with our plugin in an emptied home, and a server whose traffic is written down."""

    def __init__(
        self,
        folder: Path,
        program: Path,
        server: Sequence[str],
        *,
        display: str = "own",
        settings: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        first: str = "",
        more: str = "",
        recorded: bool = True,
    ) -> None:
        """`env` is put over the environment. `first` and `more` are Lua around the set-up."""
        self.folder = folder
        self.log = folder / "traffic.jsonl"
        command = list(server)
        if recorded:
            command = [str(wire.wrapper(folder / "slmcode", self.log, command)), "serve"]
        options = {"cmd": command, "display": display}
        init = write_init(folder / "init.lua", {**options, "settings": settings or {}}, first, more)
        self.nvim = Neovim(program, init, [], {**os.environ, **home(folder), **(env or {})}, folder)

    def open(self, name: str, text: str | bytes) -> Path:
        """Edit a new file, with a server, the cursor at its end, ready to type."""
        path = self.edit(name, text)
        attached = "return #vim.lsp.get_clients({bufnr = 0, name = 'slmcode'})"
        self.nvim.until(lambda: self.nvim.lua(attached) == 1, "a server for the buffer")
        self.nvim.insert_at(len(self.nvim.lines()))
        return path

    def edit(self, name: str, text: str | bytes) -> Path:
        """Edit a new file. Files of one name stand in folders of their own."""
        folders = (self.folder / f"files{n}" for n in itertools.count())
        path = next(folder / name for folder in folders if not (folder / name).exists())
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.nvim.press("<C-\\><C-n>", "n")
        self.nvim.command(f"edit! {path}")
        return path

    def sent(self, method: str) -> list[Any]:
        """Parameters of all messages with that method so far, from either side."""
        return wire.sent(self.log, method)

    def wait_sent(self, method: str, n: int = 1) -> list[Any]:
        """Wait until there are so many; all of them."""
        self.nvim.until(lambda: len(self.sent(method)) >= n, f"{n} of {method}")
        return self.sent(method)

    def ask(self, method: str) -> Any:
        """The server's answer to a request about the current buffer, sent behind all others."""
        ask = (
            "local here = {textDocument = vim.lsp.util.make_text_document_params(0)}"
            "local _, answer = next(vim.lsp.buf_request_sync(0, ..., here, 10000))"
            "return answer.result"
        )
        return self.nvim.lua(ask, method)

    def end(self, *, may_be_unanswered: Sequence[str] = ()) -> None:
        """Leave with `:qa!`, wait for the server's end, and check what was said."""
        self.nvim.quit()
        end = time.monotonic() + BOUND_S
        while (last := wire.sessions(self.log)[-1])[1] is None:
            assert time.monotonic() < end, "the server is still there"
            time.sleep(0.01)
        assert last[1] == 0
        for messages, _ in wire.sessions(self.log):
            wire.check(messages, may_be_unanswered=may_be_unanswered)


def home(folder: Path) -> dict[str, str]:
    """The environment in which Neovim and our server keep all they keep in a folder."""
    places = {f"XDG_{kind}_HOME": kind.lower() for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    places |= {f"SLMCODE_{kind}": kind.lower() for kind in ("RUNTIME", "STATE", "CACHE")}
    places["SLMCODE_CONFIG"] = "config.toml"
    return {"PYTHONPATH": str(wire.ROOT), **{name: str(folder / at) for name, at in places.items()}}


def write_init(path: Path, options: Mapping[str, Any], first: str = "", more: str = "") -> Path:
    """Write a configuration in Lua: `first`, our plugin set up with `options`, `more`."""
    path.write_text(
        f"{first}\n"
        f"vim.opt.rtp:prepend({_lua(str(PLUGIN))})\n"
        f"require('slmcode').setup(vim.json.decode({_lua(json.dumps(options))}))\n"
        f"{more}\n",
        encoding="utf-8",
    )
    return path


def _lua(text: str) -> str:
    return f"[==[{text}]==]"
