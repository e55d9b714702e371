"""The screens of real editors, for `benchmarks.editors`: one file, one editor, its frames.

Each starts its editor with our plugin and the real server, waits until the model is loaded, and
puts the cursor behind `region.before`. Nothing is written into the file.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.replay import Region
from slmcode.cli.desk import utf16_length
from tests.editors import programs, vscode
from tests.editors.neovim import SERVER, Frame, Neovim, keys, write_init

_START_S = 60.0  # until the model is loaded
# What a typist types and nothing else goes into the text.
_PLAIN_TYPING = """
vim.cmd('filetype plugin off | filetype indent off')
vim.o.autoindent = false
vim.o.formatoptions = ''
"""


class Sight(NamedTuple):
    """One frame that holds the key: seconds since the key, and the ghost text in it."""

    after_s: float
    ghost: str


class Screen(Protocol):
    """One file in one editor."""

    def press(self, text: str) -> None:
        """Type a key's text: a character, or a newline with its indentation."""

    def accept(self, whole: bool) -> None:
        """Accept what is shown, or its first line."""

    def sights(self) -> list[Sight]:
        """The frames since the last key or acceptance, in order, from the first that holds it."""

    def left(self) -> str:
        """The cursor's line up to the cursor."""

    def close(self) -> None:
        """Leave the editor."""


class NeovimScreen:
    """Neovim: a frame is a flush of its grid."""

    def __init__(
        self, version: str, display: str, folder: Path, region: Region, env: Mapping[str, str]
    ) -> None:
        options = {"cmd": SERVER, "display": display}
        init = write_init(folder.with_suffix(".lua"), options, more=_PLAIN_TYPING)
        self._nvim = Neovim(programs.neovim(version), init, [folder / region.path], env, folder)
        try:
            self._begin(region)
        except BaseException:
            self._nvim.close()
            raise
        self._at = time.monotonic()
        self._old = self._nvim.frame
        self._seen = 0

    def _begin(self, region: Region) -> None:
        state = "return require('slmcode.status').get().state"
        self._nvim.until(lambda: self._nvim.lua(state) == "ready", "the model", _START_S)
        lines = region.before.split("\n")
        self._nvim.insert_at(len(lines), len(lines[-1].encode()))

    def press(self, text: str) -> None:
        self._press(keys(text))

    def accept(self, whole: bool) -> None:
        self._press("<Tab>" if whole else "<M-C-Right>")

    def _press(self, names: str) -> None:
        self._seen = len(self._nvim.frames)
        self._old = self._nvim.frame
        self._at = time.monotonic()
        self._nvim.input(names)

    def sights(self) -> list[Sight]:
        frames = self._nvim.frames[self._seen :]
        while frames and not self._holds_key(frames[0]):
            frames = frames[1:]
        return [Sight(frame.at - self._at, frame.ghost) for frame in frames]

    def _holds_key(self, frame: Frame) -> bool:
        return (frame.cursor, frame.left) != (self._old.cursor, self._old.left)

    def left(self) -> str:
        at = "vim.api.nvim_win_get_cursor(0)[2]"
        return str(self._nvim.lua(f"return vim.api.nvim_get_current_line():sub(1, {at})"))

    def close(self) -> None:
        self._nvim.quit()


# For VS Code, as `_PLAIN_TYPING`.
_PLAIN = {"editor.autoIndent": "none", "editor.formatOnType": False}


class VsCodeScreen:
    """VS Code: a frame is an animation frame of its page, looked at when it has been drawn."""

    def __init__(self, folder: Path, region: Region, env: Mapping[str, str]) -> None:
        with contextlib.ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slmcode-")))
            lab = stack.enter_context(vscode.lab(home, SERVER, env))
            self._window = stack.enter_context(lab.window(folder, _PLAIN))
            line = region.before.count("\n")
            column = utf16_length(region.before.rpartition("\n")[2])
            self._window.open(folder / region.path, (line, column))
            self._window.wait_ready()
            self._window.page.evaluate(_WATCH.replace("READ", vscode._READ))
            self._stack = stack.pop_all()

    def press(self, text: str) -> None:
        self._arm()
        self._window.type(text)

    def accept(self, whole: bool) -> None:
        self._arm()
        self._window.press("Tab" if whole else "Alt+End")

    def _arm(self) -> None:
        self._window.page.evaluate("() => window.slmcodeWatch.arm()")

    def sights(self) -> list[Sight]:
        seen = self._window.page.evaluate("() => window.slmcodeWatch.sights")
        return [Sight(after_ms / 1e3, ghost) for after_ms, ghost in seen]

    def left(self) -> str:
        return str(
            self._window.run(
                "const { document, selection } = vscode.window.activeTextEditor;"
                "const at = selection.active;"
                "return document.lineAt(at.line).text.slice(0, at.character);"
            )
        )

    def close(self) -> None:
        self._stack.close()


# The first event of a key, which may be several (a newline with its indentation), sets the time.
# A frame holds the key when the cursor has moved from where it was when the watch was armed.
_WATCH = r"""() => {
  const read = READ;
  const cursor = () => {
    const drawn = document.querySelector(".monaco-editor.focused .cursors-layer .cursor");
    return drawn ? drawn.style.top + " " + drawn.style.left : "";
  };
  const watch = (window.slmcodeWatch = { sights: [], at: null, from: "" });
  watch.arm = () => Object.assign(watch, { sights: [], at: null, from: cursor() });
  const onKey = (event) => {
    watch.at ??= event.timeStamp;
  };
  window.addEventListener("keydown", onKey, { capture: true });
  window.addEventListener("beforeinput", onKey, { capture: true });
  const drawn = new MessageChannel();
  drawn.port1.onmessage = () => {
    if (watch.at !== null && cursor() !== watch.from) {
      watch.sights.push([performance.now() - watch.at, read().ghost]);
    }
  };
  const look = () => {
    drawn.port2.postMessage(null);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


# Opens an editor for a region, in its workspace and an environment.
SCREENS: dict[str, Callable[[Path, Region, Mapping[str, str]], Screen]] = {
    "vscode": VsCodeScreen,
    "neovim": functools.partial(NeovimScreen, "0.11", "own"),
    "neovim-0.12": functools.partial(NeovimScreen, "0.12", "own"),
    "neovim-0.12-native": functools.partial(NeovimScreen, "0.12", "native"),
}
