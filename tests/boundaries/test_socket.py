"""The local socket against other users and against peers that misbehave.

Other users are processes of uid 65534 that a test started as root makes; without root these tests
are skipped, and fail where CI says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from slmcode.engine import wire
from slmcode.engine.client import Launch
from slmcode.engine.job import EngineState, Job
from tests.engine.test_process import OPTIONS, Connect, completion, reach, text
from tests.engine.test_process import TEXT as WRITTEN
from tests.engine.test_process import connect as connect  # a fixture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix-domain sockets")

NOBODY = 65534


@pytest.fixture
def others() -> int:
    """The uid of another user as whom we can act."""
    if os.getuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("CI must run as root: other users are tried")
        pytest.skip("only root can be another user")
    return NOBODY


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own ones are the user's alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_other(uid: int, script: str, *arguments: object) -> subprocess.Popen[bytes]:
    """A Python process of another user, without our packages."""
    return subprocess.Popen(
        ["/usr/bin/env", "python3", "-I", "-S", "-c", script, *map(str, arguments)],
        user=uid,
        group=uid,
        extra_groups=[],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


CLIENT = """
import socket, sys
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect(sys.argv[1])
    peer.settimeout(30)
    print("read", peer.recv(1000))
except (PermissionError, ConnectionError) as e:
    print(type(e).__name__)
"""
LISTENER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
listener.listen()
print("listening", flush=True)
peer, _ = listener.accept()
peer.settimeout(30)
try:
    print("read", peer.recv(100_000))
except ConnectionError:
    print("read b''")
"""


class Peers:
    """What listens here, and what it was told."""

    def __init__(self) -> None:
        self.read: list[wire.Message] = []
        self.bad: list[str] = []
        self.now = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        writer.write(wire.encode(wire.hello()))
        try:
            while (message := await wire.read(reader)) is not None:
                self.read.append(message)
                writer.write(wire.encode(wire.hello()))
        except wire.BadMessage as e:
            self.bad.append(str(e))
        finally:
            self.now -= 1
            writer.close()


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[Peers]:
    peers, ready = Peers(), asyncio.Event()
    task = asyncio.create_task(wire.listen(path, peers.connected, ready.set))
    await asyncio.wait_for(ready.wait(), 30)
    yield peers
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def said(process: subprocess.Popen[bytes]) -> str:
    out, _ = await asyncio.to_thread(process.communicate, timeout=60)
    return out.decode().strip()


# Other users


async def test_another_user_cannot_reach_the_socket(others: int, public: Path) -> None:
    folder = public / "run"
    wire.private_folder(folder)
    async with listening(folder / "engine.sock") as peers:
        assert await said(as_other(others, CLIENT, folder / "engine.sock")) == "PermissionError"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert peers.read == []


async def test_another_user_who_reaches_it_is_told_nothing(others: int, public: Path) -> None:
    """The modes gone wrong: the kernel's word on who is there holds alone."""
    path = public / "engine.sock"
    async with listening(path) as peers:
        path.chmod(0o666)
        assert await said(as_other(others, CLIENT, path)) in ("read b''", "ConnectionResetError")
        reader, writer = await wire.connect(path)  # ours is still served
        assert isinstance(await wire.read(reader), wire.Hello)
        writer.close()
    assert peers.bad == []


async def test_a_listener_of_another_user_gets_nothing(others: int, public: Path) -> None:
    path = public / "engine.sock"
    public.chmod(0o777)
    planted = as_other(others, LISTENER, path)
    assert planted.stdout is not None
    assert planted.stdout.readline() == b"listening\n"
    with pytest.raises(PermissionError, match="another user listens"):
        await wire.connect(path)
    assert await said(planted) == "read b''"


@pytest.mark.parametrize("as_link", [False, True], ids=["folder", "link"])
async def test_a_runtime_folder_of_another_user_is_not_used(
    others: int, public: Path, as_link: bool
) -> None:
    planted = public / "planted"
    planted.mkdir()
    os.chown(planted, others, others)
    folder = planted
    if as_link:
        folder = public / "run"
        folder.symlink_to(planted)
    with pytest.raises(PermissionError, match="set SLMCODE_RUNTIME"):
        wire.private_folder(folder)
    (planted / "engine.sock").touch()
    with pytest.raises(PermissionError, match="set SLMCODE_RUNTIME"):
        await wire.connect(folder / "engine.sock")
    launch = Launch(folder, Path("m.gguf"), OPTIONS, ["/bin/false"])
    with pytest.raises(PermissionError):
        launch.start()
    assert stat.S_IMODE(planted.stat().st_mode) == 0o755


def test_a_folder_of_ours_that_is_open_to_others_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    wire.private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_link_in_the_place_of_the_socket_is_replaced(tmp_path: Path) -> None:
    """A crash, a thief, a mistake: who holds the lock puts its own socket there."""
    target = tmp_path / "precious"
    target.write_text("kept")
    path = tmp_path / "engine.sock"
    path.symlink_to(target)
    async with listening(path):
        assert stat.S_ISSOCK(path.lstat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert target.read_text() == "kept"


# Peers that misbehave


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + body


async def hung_up_on(path: Path, *pieces: bytes) -> None:
    """Send the pieces, and wait for the other end to hang up."""
    reader, writer = await wire.connect(path)
    for piece in pieces:
        writer.write(piece)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            await reader.read()
    writer.close()


HELLO = wire.encode(wire.hello())


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"\x10",),
        (b"\x10\x00\x00",),
        (HELLO[:-1],),
        (HELLO, HELLO[:1]),
        (HELLO, (wire.MAX_MESSAGE).to_bytes(4, "little"), b"\0" * 1000),
    ],
    ids=["silent", "a byte", "half a length", "half a greeting", "later a byte", "later a half"],
)
async def test_a_message_that_does_not_end_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(wire, "FIRST_S", 0.2)
    monkeypatch.setattr(wire, "MESSAGE_S", 0.2)
    async with listening(tmp_path / "s") as peers:
        await hung_up_on(tmp_path / "s", *pieces)
        assert peers.bad == ["a message that was not finished in time"]
        assert peers.now == 0


async def test_bytes_that_trickle_in_do_not_gain_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is for the message, not for the next byte of it."""
    monkeypatch.setattr(wire, "FIRST_S", 0.3)
    async with listening(tmp_path / "s") as peers:
        reader, writer = await wire.connect(tmp_path / "s")
        writer.write((1000).to_bytes(4, "little"))
        sent = 0
        async with asyncio.timeout(60):
            while not reader.at_eof():
                writer.write(b"x")
                sent += 1
                with contextlib.suppress(ConnectionError, TimeoutError):
                    await asyncio.wait_for(reader.read(100), 0.02)
        assert sent < 1000
        assert peers.bad == ["a message that was not finished in time"]
        writer.close()


async def test_who_has_greeted_may_be_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "FIRST_S", 0.05)
    monkeypatch.setattr(wire, "MESSAGE_S", 0.05)
    async with listening(tmp_path / "s") as peers:
        reader, writer = await wire.connect(tmp_path / "s")
        writer.write(HELLO)
        await wire.read(reader)
        await wire.read(reader)
        await hung_up_on(tmp_path / "s")  # a silent one: more time than the limit has gone by
        writer.write(HELLO)
        assert isinstance(await wire.read(reader), wire.Hello)
        assert peers.now == 1
        writer.close()


@pytest.mark.parametrize("size", [wire.MAX_MESSAGE + 1, 0xFFFFFFFF])
async def test_what_is_too_long_is_refused_by_its_length(tmp_path: Path, size: int) -> None:
    async with listening(tmp_path / "s") as peers:
        await hung_up_on(tmp_path / "s", size.to_bytes(4, "little"))
        assert peers.bad == [f"a message of {size} bytes"]


def test_the_largest_job_fits() -> None:
    """The largest prompt that settings allow, with its draft, in the longest token numbers."""
    tokens = [151_935] * 32_768
    job = Job(sequence="edit " + "x" * 40, tokens=tokens)
    body = msgspec.msgpack.encode(wire.Submit(1, job))
    assert len(body) * 3 < wire.MAX_MESSAGE


async def test_only_so_many_peers_are_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_PEERS", 3)
    path = tmp_path / "s"
    async with listening(path) as peers:
        there = []
        for _ in range(3):
            reader, writer = await wire.connect(path)
            writer.write(HELLO)
            await wire.read(reader)
            there.append(writer)
        await hung_up_on(path, HELLO)
        assert (peers.now, peers.bad) == (3, [])
        there[0].close()
        async with asyncio.timeout(60):
            while True:  # as soon as one has left there is room
                reader, writer = await wire.connect(path)
                with contextlib.suppress(ConnectionError):
                    if isinstance(await wire.read(reader), wire.Hello):
                        break
                writer.close()
        for one in (*there, writer):
            one.close()


async def test_a_flood_of_connections_does_not_stop_the_engine(
    connect: Connect, runtime: Path
) -> None:
    client = connect()
    await reach(client, EngineState.READY)
    (address,) = runtime.glob("*.sock")
    flood = [socket.socket(socket.AF_UNIX) for _ in range(300)]
    try:
        for one in flood:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                one.connect(str(address))
            with contextlib.suppress(BlockingIOError, OSError):
                one.send(b"\x00\x00\x10")  # half a length
        assert await text(client.stream(completion())) == WRITTEN
    finally:
        for one in flood:
            one.close()
    assert await text(client.stream(completion())) == WRITTEN
    log = client.launch.log.read_text(encoding="utf-8")
    assert "one client too many" in log
    assert "Traceback" not in log
