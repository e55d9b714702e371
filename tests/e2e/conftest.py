"""Real servers with real weights, one engine for all tests of a module."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from slmcode.lsp.client import Client
from tests.conftest import cache_with_weights
from tests.lsp.conftest import ROOT, Lab


class RealLab(Lab):
    """Servers as an editor starts them, with one runtime folder for all of a module."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        super().__init__(folder)
        self._env |= {
            "SLMCODE_RUNTIME": str(runtime),
            "SLMCODE_CACHE": str(runtime / "cache"),
            "SLMCODE_STATE": str(folder / "state"),
        }
        self.config.write_text("engine_idle_s = 5\ninvoked_deadline_ms = 20000\n")

    def set(self, **env: str) -> None:
        self._env |= env

    async def start(self, *options: str, state: str = "") -> Client:
        argv = [sys.executable, "-m", "slmcode.cli", "serve", *options]
        with self._stderr.open("ab") as stderr:
            client = await Client.start(argv, env=self._env, cwd=ROOT, stderr=stderr)
        self.clients.append(client)
        return client


@pytest.fixture(scope="module")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sockets, and a cache with the user's weights and indexes of its own."""
    folder = tmp_path_factory.mktemp("rt")
    cache_with_weights(folder / "cache")
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def real(tmp_path: Path, engine_folder: Path, fast_weights: Path) -> AsyncIterator[RealLab]:
    lab = RealLab(tmp_path, engine_folder)
    try:
        yield lab
        await lab.close()
    finally:
        for client in lab.clients:
            await client.kill()
