"""Servers under test: real processes, whose whole traffic is checked when the test is over."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from slmcode.lsp.client import Client
from tests import lspmeta

SECRET = "kfzq_MARKER_never_in_a_log"  # stands in every document
ROOT = Path(__file__).parents[2]
MODEL = lspmeta.MetaModel() if lspmeta.PATH.exists() else None


class Lab:
    """Starts servers for one test.

    A test lists what it does wrong on purpose: `wrong` are messages sent that must not pass the
    validation, `orphans` the number of error responses that cannot name a request, `errors`
    words of error lines expected in the log.
    """

    def __init__(self, folder: Path) -> None:
        self.clients: list[Client] = []
        self.wrong: list[dict[str, Any]] = []
        self.orphans = 0
        self.errors: list[str] = []
        self._sessions: dict[Client, lspmeta.Session] = {}
        self._checked: dict[Client, int] = {}
        self._stderr = folder / "stderr.txt"
        self._env = dict(os.environ, SLMCODE_CONFIG=str(folder / "config.toml"))
        self.config = folder / "config.toml"

    async def start(self, *options: str, state: str = "ready") -> Client:
        """A running server, not yet initialized."""
        argv = [sys.executable, "-m", "tests.lsp.scripted_server", state, *options]
        with self._stderr.open("ab") as stderr:
            client = await Client.start(argv, env=self._env, cwd=ROOT, stderr=stderr)
        self.clients.append(client)
        return client

    async def ready(self, *options: str, state: str = "ready", **initialize: Any) -> Client:
        """A running, initialized server."""
        client = await self.start(*options, state=state)
        await client.initialize(**initialize)
        return client

    def send_wrong(self, client: Client, message: dict[str, Any]) -> None:
        """Send a message that breaks the protocol."""
        self.wrong.append(message)
        client.send(message)

    @staticmethod
    async def told(client: Client) -> None:
        """Wait until the server has taken in what was sent to it so far."""
        await client.request("workspace/symbol", {"query": ""})

    def log(self) -> str:
        """What the servers wrote to stderr so far."""
        return self._stderr.read_text() if self._stderr.exists() else ""

    async def close(self) -> None:
        """End the servers, in order where they still run, and check all that was said."""
        for client in self.clients:
            if client.process.returncode is None and client.capabilities:
                await client.stop()
            await client.kill()
        log = self.log()
        assert SECRET not in log
        for line in log.splitlines():
            if " ERROR " in line or " CRITICAL " in line:
                assert any(word in line for word in self.errors), line
        for client in self.clients:
            self.validate(client)
        assert self.orphans == 0 or MODEL is None, "fewer error responses without an id than said"

    def validate(self, client: Client) -> None:
        """Check the messages since the last call; no request may be unanswered."""
        if MODEL is None:
            warnings.warn("traffic not validated: no meta model in ../shared", stacklevel=1)
            return
        session = self._sessions.setdefault(client, lspmeta.Session(MODEL))
        checked, self._checked[client] = self._checked.get(client, 0), len(client.messages)
        for message in client.messages[checked:]:
            errors = session.check(message.dir, message.msg)
            if any(message.msg is wrong for wrong in self.wrong):
                assert errors, f"meant to be wrong, but is not: {message.msg}"
            elif "method" not in message.msg and message.msg.get("id") is None and self.orphans:
                self.orphans -= 1
            else:
                assert not errors, (message.dir, message.msg)
        assert session.pending == {}, "unanswered"


@pytest_asyncio.fixture(loop_scope="session")
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """For tests that need a server of their own."""
    lab = Lab(tmp_path)
    try:
        yield lab
        await lab.close()
    finally:
        for client in lab.clients:
            await client.kill()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("shared"))
    try:
        await lab.ready()
        yield lab
        await lab.close()
    finally:
        for client in lab.clients:
            await client.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def client(shared_lab: Lab) -> AsyncIterator[Client]:
    """The one server of the tests that leave it as they found it; each has documents of its own.

    Starting a process takes 0.7 s, most of it the import of lsprotocol.
    """
    (client,) = shared_lab.clients
    yield client
    assert SECRET not in shared_lab.log()
    shared_lab.validate(client)


@pytest.fixture
def uri(request: pytest.FixtureRequest) -> str:
    """A document no other test uses."""
    return f"file:///w/{request.node.name}.py"
