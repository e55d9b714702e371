"""The screens of real editors, for `benchmarks.editors`: one file, one editor, its frames.

Each starts its editor with our plugin and the real server, waits until the model is loaded, and
puts the cursor behind `region.before`. Nothing is written into the file.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.replay import Region
from tests.editors import programs
from tests.editors.neovim import Frame, Neovim, keys, write_init

SERVER = [sys.executable, "-m", "slmcode.cli", "serve"]
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
        state = "return require('slmcode').status().state"
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


SCREENS = {
    "neovim": functools.partial(NeovimScreen, "0.11", "own"),
    "neovim-0.12": functools.partial(NeovimScreen, "0.12", "own"),
    "neovim-0.12-native": functools.partial(NeovimScreen, "0.12", "native"),
}
