"""What a user's machine may have wrong: models, folders, settings, clients, programs.

The first half speaks to the server as an editor does, the second half is typed into Neovim. What
else is amiss with documents and messages is tested in `tests/lsp`, a server that dies or is not
there in `test_neovim_scripted.py` and `test_vim.py`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from slmcode import __version__
from slmcode.lsp.client import Client
from tests.editors import programs, wire
from tests.editors.neovim import STATUS_LINE, Session
from tests.editors.scripted_engine import write
from tests.lsp.conftest import Lab

URI = "file:///w/a.py"
real_loop = pytest.mark.asyncio(loop_scope="session")


class HomeLab(Lab):
    """Servers with folders of their own; the engine is scripted, or the real one."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        super().__init__(folder)
        self._env |= {
            "SLMCODE_RUNTIME": str(runtime),
            "SLMCODE_CACHE": str(folder / "cache"),
            "SLMCODE_STATE": str(folder / "state"),
        }
        self._script = folder / "script.json"
        write(self._script, {"writes": [{"after": "x = ", "text": "alpha"}]})

    async def start(self, *options: str, state: str = "ready") -> Client:
        real = [sys.executable, "-m", "slmcode.cli", "serve"]
        argv = real if state == "real" else wire.scripted(self._script)
        with self._stderr.open("ab") as stderr:
            client = await Client.start(argv, env=self._env, cwd=wire.ROOT, stderr=stderr)
        self.clients.append(client)
        return client


@pytest_asyncio.fixture(loop_scope="session")
async def home(tmp_path: Path, runtime: Path) -> AsyncIterator[HomeLab]:
    lab = HomeLab(tmp_path, runtime)
    try:
        yield lab
        await lab.close()
    finally:
        for client in lab.clients:
            await client.kill()


async def offered(client: Client, state: str = "ready") -> list[str]:
    """What is offered behind "x = ", once the server says it is in that state."""
    await client.wait_for("slmcode/status", lambda s: s["state"] == state, timeout=30)
    client.open(URI, "python", "x = ")
    answer = await client.inline_completion(URI, 0, 4, invoked=True)
    return [item["insertText"] for item in answer["items"]]


@real_loop
@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty"])
async def test_a_model_that_cannot_be_used(home: HomeLab, tmp_path: Path, kind: str) -> None:
    model = tmp_path / "my.gguf"
    if kind == "folder":
        model.mkdir()
    elif kind != "missing":
        model.write_text("not a model\n" if kind == "text" else "")
    client = await home.ready(state="real", options={"model": str(model)})
    status = await client.wait_for(
        "slmcode/status", lambda s: s["state"] in ("degraded", "downloadNeeded"), timeout=30
    )
    assert str(model) in status["message"]
    assert await offered(client, status["state"]) == []
    last = await client.request("slmcode/lastCompletion", {"textDocument": {"uri": URI}})
    assert last["reason"] == "no_model"
    assert last["message"]


@real_loop
@pytest.mark.parametrize("kind", ["missing", "file", "loop", "other scheme"])
async def test_a_workspace_that_cannot_be_read(home: HomeLab, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "w"
    if kind == "file":
        folder.write_text("x")
    elif kind == "loop":
        folder.symlink_to(folder)
    uri = "vscode-vfs://github/a/b" if kind == "other scheme" else folder.as_uri()
    client = await home.start()
    await client.initialize(folders=[(uri, "w")])
    assert await offered(client) == ["alpha"]
    assert await client.request("workspace/symbol", {"query": "x"}) == []
    await client.stop()


@real_loop
async def test_settings_of_wrong_types_are_named(home: HomeLab) -> None:
    wrong = {"deadline_ms": "soon", "enabled": "yes", "disabled_languages": "python", "odd": 1}
    home.config.write_text('threads = "all"\n')
    client = await home.ready(options=wrong)
    for name in ["threads", *wrong]:
        await client.wait_for("window/showMessage", partial(_names, name))
    assert await offered(client) == ["alpha"]


def _names(name: str, shown: Any) -> bool:
    return name in shown["message"]


@real_loop
@pytest.mark.parametrize("options", ["a string", 3, ["a", "list"], True])
async def test_settings_that_are_no_object(home: HomeLab, options: Any) -> None:
    client = await home.ready(options=options)
    assert await offered(client) == ["alpha"]
    client.close(URI)
    client.notify("workspace/didChangeConfiguration", {"settings": options})
    assert await offered(client) == ["alpha"]


@real_loop
async def test_a_config_file_that_is_no_toml(home: HomeLab) -> None:
    home.config.write_bytes(b"\xff\xfe = [")
    client = await home.ready()
    await client.wait_for("window/showMessage", partial(_names, str(home.config)))
    assert await offered(client) == ["alpha"]


@real_loop
async def test_a_client_that_can_do_nothing(home: HomeLab) -> None:
    client = await home.start()
    answer = await client.request(
        "initialize", {"processId": None, "rootUri": None, "capabilities": {}}
    )
    assert answer["capabilities"]["inlineCompletionProvider"] == {}
    client.notify("initialized", {})
    assert await offered(client) == ["alpha"]
    from_server = [message.msg for message in client.messages if message.dir == "s2c"]
    assert [m for m in from_server if "method" in m and "id" in m] == []  # it is asked nothing
    await client.request("shutdown")
    client.notify("exit")
    assert await client.wait_end() == 0


@pytest.fixture
def neovim(tmp_path: Path) -> Iterator[Any]:
    """Start Neovim with a program as the server."""
    started: list[Session] = []

    def go(program: Path) -> Session:
        command = [str(program), "serve"]
        session = Session(
            tmp_path, programs.neovim("0.11"), command, more=STATUS_LINE, recorded=False
        )
        started.append(session)
        session.edit("a.py", "")
        return session

    yield go
    for session in started:
        session.nvim.close()


def test_a_server_that_is_not_executable(neovim: Any, tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\n")
    session = neovim(program)
    session.nvim.saw_text("cannot be executed: chmod +x")


def test_a_server_of_another_version(neovim: Any, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    write(script, {"writes": [{"after": "x = ", "text": "alpha"}]})
    program = tmp_path / "server"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, slmcode\n"
        "slmcode.__version__ = '9.9.9'\n"
        "from tests.editors import scripted_server\n"
        f"sys.argv[1:] = [{str(script)!r}]\n"
        "scripted_server.main()\n"
    )
    program.chmod(0o755)
    session = neovim(program)
    session.nvim.saw_text("the server is version 9.9.9", __version__)
    session.nvim.press("<CR>", "n")
    session.nvim.insert_at(1)
    session.nvim.type("x = ")
    session.nvim.see_ghost("alpha")  # what they have in common works


def test_a_server_that_says_nothing_sensible(neovim: Any, tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\necho hello; echo no such library >&2; exit 1\n")
    program.chmod(0o755)
    session = neovim(program)
    session.nvim.saw_text("ended three times within a minute", "lsp.log")
    session.nvim.press("<CR>", "n")
    session.nvim.insert_at(1)
    session.nvim.type("x = ")  # the editor goes on
    assert session.nvim.lines() == ["x = "]
