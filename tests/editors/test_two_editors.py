"""Neovim and Vim at once, with the real server and weights: two servers, one engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import cache_with_weights
from tests.editors import programs, wire
from tests.editors.neovim import SERVER, Session
from tests.editors.terminal import until
from tests.editors.test_vim import Vim

SETTINGS = {"deadline_ms": 20000, "show_probability": 0}
TEXT = '''def total(prices):
    """The sum of all prices."""
    result = 0
    for price in prices:
        result += price
    print(result)
    return res'''


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, fast_weights: Path) -> Path:
    """Where both editors keep all they keep; short enough for a socket."""
    folder = tmp_path_factory.mktemp("two")
    cache_with_weights(folder / "cache")
    (folder / "config.toml").write_text("engine_idle_s = 5\n")
    return folder


@pytest.fixture
def neovim(folder: Path, tmp_path: Path) -> Iterator[Session]:
    env = {f"SLMCODE_{name.upper()}": str(folder / name) for name in ("cache", "state")}
    env["SLMCODE_RUNTIME"] = str(folder / "rt")
    env["SLMCODE_CONFIG"] = str(folder / "config.toml")
    program = programs.neovim("0.11")
    session = Session(tmp_path, program, SERVER, settings=SETTINGS, env=env)
    yield session
    session.nvim.close()


@pytest.fixture
def vim(folder: Path) -> Iterator[Vim]:
    programs.on_path("vim")
    (folder / "w").mkdir()
    file = folder / "w/other.py"
    file.write_text(TEXT + "\n")
    editor = Vim(folder, file, SERVER, SETTINGS)
    yield editor
    editor.close()


def processes(folder: Path, module: str) -> list[psutil.Process]:
    """All processes of a module of ours that use this runtime folder, whoever started them."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("SLMCODE_RUNTIME") == str(folder / "rt")
            if ours and module in process.cmdline() and str(wire.TEE) not in process.cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue  # it has just gone, or is somebody else's
    return found


def test_they_share_one_engine(neovim: Session, vim: Vim, folder: Path, fast_weights: Path) -> None:
    vim.terminal.wait("state:ready.")
    neovim.open("shop.py", TEXT)
    vim.insert("GA")
    vim.type("u")
    neovim.nvim.type("u")
    until(lambda: vim.terminal.ghost().startswith("lt"), "ghost text in Vim")
    until(lambda: neovim.nvim.ghost.startswith("lt"), "ghost text in Neovim")

    (engine,) = processes(folder, "slmcode.engine")
    servers = processes(folder, "slmcode.cli")
    assert len(servers) == 2
    # Only the engine has the weights in memory.
    size = fast_weights.stat().st_size
    assert engine.memory_info().rss > size / 2
    assert all(server.memory_info().rss < size / 2 for server in servers)

    vim.quit()
    neovim.nvim.type("l")
    until(lambda: neovim.nvim.ghost.startswith("t"), "ghost text without the other editor")
    assert processes(folder, "slmcode.engine") == [engine]
    neovim.end()
