"""A real server with a real engine process on tiny weights, as an editor has them, to do harm to.

The weights are those of `tests.tiny_model`: llama.cpp runs them, what they write means nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slmcode.lsp.client import Client
from slmcode.lsp.messages import CAN_REFRESH
from tests.lsp.conftest import ROOT
from tests.tiny_model import write_tiny_model

LINES = "".join(f"value_{i} = measure({i}) + offset\n" for i in range(60))


class Process:
    """Another process, by its number in /proc."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def state(self) -> str:
        """One letter: R, S, T (stopped), Z (zombie); "" once it is gone."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return ""
        return stat.rpartition(")")[2].split()[0]

    @property
    def command(self) -> list[str]:
        try:
            return os.fsdecode(Path(f"/proc/{self.pid}/cmdline").read_bytes()).split("\0")
        except OSError:
            return []

    def children(self) -> list[Process]:
        """Its direct children, zombies too."""
        found: list[Process] = []
        for task in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [Process(int(pid)) for pid in task.read_text().split()]
        return found

    async def child(self, module: str, within_s: float = 60.0) -> Process:
        """The child that runs this module, as soon as there is one. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                for child in self.children():
                    if child.state not in ("Z", "") and module in child.command:
                        return child
                await asyncio.sleep(0.002)

    def resident_kb(self) -> int:
        """Memory of its own: resident, without what is mapped from files."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
        return 0

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def send(self, how: signal.Signals) -> None:
        """Send a signal; nothing where it has ended already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, how)

    async def gone(self, within_s: float = 30.0) -> None:
        """Return when it has ended, collected or not. Raises TimeoutError."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, ended.set)
        try:
            async with asyncio.timeout(within_s):
                await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)


class Desk:
    """Folders of its own, tiny weights, settings, and the servers that were started on them."""

    def __init__(self, folder: Path, runtime: Path, model: Path | None = None) -> None:
        self.folder, self.runtime = folder, runtime
        self.model = model or folder / "tiny.gguf"
        self.second = folder / "second.gguf"
        if model is None:
            write_tiny_model(self.model)
        write_tiny_model(self.second)
        self.state, self.cache = folder / "state", folder / "cache"
        self.config = folder / "config.toml"
        self.stderr = folder / "stderr.txt"
        self.clients: list[Client] = []
        self.documents = 0
        self.n_lines = 60  # of a document
        self.settings: dict[str, Any] = {
            "model": str(self.model),
            "edit_model": str(self.second),
            "edit_tokens": 1024,
            "threads": 1,
            "memory_mb": 32,
            "engine_idle_s": 5,
            "show_probability": 0,
            "work_ahead": "always",
        }
        self.env = dict(
            os.environ,
            SLMCODE_CONFIG=str(self.config),
            SLMCODE_RUNTIME=str(runtime),
            SLMCODE_STATE=str(self.state),
            SLMCODE_CACHE=str(self.cache),
        )

    async def start(
        self, *, prefix: Sequence[str] = (), folders: Sequence[Path] = (), refreshes: bool = False
    ) -> Client:
        """An initialized server. `prefix` are words in front of its command, such as `prlimit`."""
        lines = (f"{k} = {_toml(v)}\n" for k, v in self.settings.items())
        self.config.write_text("".join(lines))
        argv = [*prefix, sys.executable, "-m", "slmcode.cli", "serve"]
        with self.stderr.open("ab") as stderr:
            client = await Client.start(argv, env=self.env, cwd=ROOT, stderr=stderr)
        self.clients.append(client)
        await client.initialize(
            folders=[(f.as_uri(), f.name) for f in folders],
            capabilities=CAN_REFRESH if refreshes else None,
        )
        return client

    def engines(self) -> list[Process]:
        """The engine processes that listen, or are about to, in this runtime folder."""
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                process = Process(int(entry.name))
                command = process.command
                if "slmcode.engine" in command and str(self.runtime) in " ".join(command):
                    found.append(process)
        return found

    def engine(self) -> Process:
        """The one engine there is."""
        (engine,) = self.engines()
        return engine

    async def ready(self, client: Client, after: int = 0, within_s: float = 60.0) -> None:
        """Wait for the status "ready" behind the first `after` statuses."""
        await self.reach(client, "ready", after, within_s)

    async def reach(
        self, client: Client, state: str, after: int = 0, within_s: float = 60.0
    ) -> dict[str, Any]:
        """Wait for a status behind the first `after` of them; its parameters."""
        count = 0

        def fits(params: Any) -> bool:
            nonlocal count
            count += 1
            return count > after and params["state"] == state

        found: dict[str, Any] = await client.wait_for("slmcode/status", fits, within_s)
        return found

    def open(self, client: Client) -> tuple[str, int]:
        """A document never seen before; its URI and its last line, which is empty."""
        self.documents += 1
        uri = f"file:///desk/{self.documents}.py"
        lines = LINES.splitlines(keepends=True)[: self.n_lines]
        client.open(uri, "python", f"# document {self.documents}\n" + "".join(lines))
        return uri, len(lines) + 1

    async def served(self, client: Client, *, invoked: bool = False) -> bool:
        """Whether a new document is completed by the engine, whatever it writes.

        A client that can ask again gets the first text only if it has `invoked` the completion.
        """
        uri, line = self.open(client)
        answer = await client.inline_completion(uri, line, 0, invoked=invoked)
        account = await client.request("slmcode/lastCompletion", {"textDocument": {"uri": uri}})
        client.close(uri)
        return bool((answer or {}).get("items")) or account["timings"]["predicted_n"] > 0

    async def indexed(self, client: Client, name: str, within_s: float = 60.0) -> None:
        """Return when the index has this definition. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                symbols = await client.request("workspace/symbol", {"query": name})
                if any(s["name"] == name for s in symbols or []):
                    return
                await asyncio.sleep(0.05)

    def zombies(self, client: Client) -> list[Process]:
        """Children of the server that ended and were not collected."""
        children = Process(client.process.pid).children()
        return [child for child in children if child.state == "Z"]

    def said(self, client: Client) -> list[str]:
        """What the user was shown."""
        return [m["message"] for m in client.received("window/showMessage")]

    def states(self, client: Client) -> list[str]:
        return [s["state"] for s in client.received("slmcode/status")]

    async def close(self) -> None:
        """End all servers and engines."""
        for client in self.clients:
            if client.process.returncode is None:
                Process(client.process.pid).send(signal.SIGCONT)
            await client.kill()
        for engine in self.engines():
            engine.send(signal.SIGKILL)
            await engine.gone()


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


async def within(seconds: float, awaitable: Any) -> tuple[Any, float]:
    """The result and the time it took, in s. Raises TimeoutError; a refusal is a result too."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        try:
            result = await awaitable
        except TimeoutError:
            raise
        except Exception as e:
            result = e
    return result, time.monotonic() - began
