"""The engine as a process of its own, over its socket: started, shared, killed, refused.

The model is a script, except where weights are what is tested.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from slmcode import __version__, network
from slmcode.engine import client as client_module
from slmcode.engine import wire
from slmcode.engine.client import EngineClient, Launch, RemoteStream
from slmcode.engine.fake import MIDDLE, PREFIX, SUFFIX
from slmcode.engine.job import (
    EngineOptions,
    EngineState,
    EngineStatus,
    Job,
    Priority,
    Stop,
    Weights,
)
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix-domain sockets")

OPTIONS = EngineOptions(threads=1, memory_mb=16, n_ctx_seq=512, idle_s=60)
PROMPT = [PREFIX, *b"def f(a, b):\n", SUFFIX, MIDDLE]
TEXT = "return a + b\n"

Connect = Callable[..., EngineClient]


@pytest.fixture
async def connect(runtime: Path) -> AsyncIterator[Connect]:
    """Make clients that start the scripted engine; afterwards no engine process is left."""
    clients: list[EngineClient] = []
    pids: set[int] = set()

    def connect(
        model: Path | None = None, idle_s: float = 60, command: list[str] | None = None
    ) -> EngineClient:
        path = model or Path("script.gguf")
        address = wire.address(runtime, path, msgspec.structs.astuple(OPTIONS))
        scripted = [sys.executable, "-m", "slmcode.engine.fake", str(address), TEXT, str(idle_s)]
        started = command or (None if model else scripted)
        client = EngineClient(Launch(runtime, path, OPTIONS, started), lambda status: None)
        clients.append(client)
        client.start()
        return client

    yield connect
    for client in clients:
        pids |= {client.engine_pid} if client.engine_pid else set()
        await client.close()
    for pid in pids:
        await end(pid, signal.SIGTERM)


async def reach(client: EngineClient, state: EngineState) -> EngineStatus:
    async with asyncio.timeout(60):
        while client.status.state is not state:
            await client.changed()
    return client.status


async def gone(pid: int) -> None:
    """Wait until the process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(60):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def end(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return
    await gone(pid)


def completion(**more: object) -> Job:
    values: dict[str, object] = {"sequence": "a", "max_tokens": 50, "stop_lines": 1, **more}
    return Job(tokens=PROMPT, **values)  # type: ignore[arg-type]


async def text(stream: RemoteStream) -> str:
    async with asyncio.timeout(60):
        return b"".join([chunk.data async for chunk in stream]).decode()


# Life


async def test_starts_on_demand_and_answers(connect: Connect, runtime: Path) -> None:
    client = connect()
    stream = client.stream(completion())  # at once: there is no engine yet
    assert await text(stream) == ""
    assert stream.done is not None
    assert (stream.done.stop, stream.done.message) == (Stop.LOST, "starting the engine")
    await reach(client, EngineState.READY)
    stream = client.stream(completion())
    assert await text(stream) == TEXT
    assert stream.done is not None
    assert stream.done.stop is Stop.LINES
    assert stream.done.timings.prompt_n == len(PROMPT)
    (address,) = runtime.glob("*.sock")
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    assert stat.S_IMODE(address.stat().st_mode) == 0o600
    log = client.launch.log.read_text(encoding="utf-8")
    assert f"process {client.engine_pid}" in log
    assert TEXT.strip() not in log


async def test_clients_that_start_at_once_share_one_engine(connect: Connect) -> None:
    clients = [connect() for _ in range(3)]
    for client in clients:
        await reach(client, EngineState.READY)
    assert len({client.engine_pid for client in clients}) == 1
    streams = [c.stream(completion(sequence=str(i))) for i, c in enumerate(clients)]
    assert [await text(stream) for stream in streams] == [TEXT] * 3


async def test_the_engine_outlives_the_server_that_started_it(
    connect: Connect, runtime: Path
) -> None:
    model = Path("script.gguf")
    address = wire.address(runtime, model, msgspec.structs.astuple(OPTIONS))
    server = f"""
import asyncio
import contextlib
from pathlib import Path
from slmcode.engine.client import EngineClient, Launch
from slmcode.engine.job import EngineOptions, EngineState
async def main():
    command = [{sys.executable!r}, "-m", "slmcode.engine.fake", {str(address)!r}, {TEXT!r}]
    launch = Launch(Path({str(runtime)!r}), Path({str(model)!r}), {OPTIONS!r}, command)
    client = EngineClient(launch, lambda s: None)
    client.start()
    while client.status.state is not EngineState.READY:
        await client.changed()
    print(client.engine_pid)
    await client.close()
asyncio.run(main())
"""
    first = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", server], stdout=subprocess.PIPE, check=True
    )
    client = connect()
    await reach(client, EngineState.READY)
    assert client.engine_pid == int(first.stdout)


async def test_leaves_after_idling(connect: Connect, runtime: Path) -> None:
    client = connect(idle_s=0.2)
    await reach(client, EngineState.READY)
    pid = client.engine_pid
    assert pid is not None
    assert await text(client.stream(completion())) == TEXT
    await client.close()
    await gone(pid)
    assert not list(runtime.glob("*.sock"))


async def test_one_started_early_that_left_before_anybody_came(
    connect: Connect, runtime: Path
) -> None:
    """A busy machine: the server took longer to connect than the engine waits for one."""
    path = Path("script.gguf")
    address = wire.address(runtime, path, msgspec.structs.astuple(OPTIONS))
    command = [sys.executable, "-m", "slmcode.engine.fake", str(address), TEXT, "0.1"]
    early = Launch(runtime, path, OPTIONS, command)
    early.start_early()
    process = early.take_early()
    assert process is not None
    assert await asyncio.to_thread(process.wait) == 0
    client = connect()
    client.launch._early = process
    seen: list[EngineState] = []
    client._on_status = lambda status: seen.append(status.state)
    await reach(client, EngineState.READY)
    assert EngineState.DOWN not in seen


async def test_killed_during_a_request(connect: Connect) -> None:
    client = connect()
    await reach(client, EngineState.READY)
    pid = client.engine_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that the request is under way for certain
    stream = client.stream(completion())
    os.kill(pid, signal.SIGKILL)
    assert await text(stream) == ""
    assert stream.done is not None
    assert stream.done.stop is Stop.LOST
    assert stream.done.message == "the engine went away during the request"
    down = await reach(client, EngineState.DOWN)
    assert down.message == "the engine ended; starting it again"
    await reach(client, EngineState.READY)  # over the socket file the killed one left
    assert client.engine_pid != pid
    assert await text(client.stream(completion())) == TEXT


async def lose(client: EngineClient, pid: int | None) -> None:
    """Kill the engine, and return when the client knows."""
    assert pid is not None
    await end(pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        while client.status.state is EngineState.READY:
            await client.changed()


async def test_engines_that_were_of_use_are_started_again_however_often(connect: Connect) -> None:
    client = connect()
    for _ in range(5):
        await reach(client, EngineState.READY)
        assert await text(client.stream(completion())) == TEXT
        await lose(client, client.engine_pid)
        assert client.status.message == "the engine ended; starting it again"
    await reach(client, EngineState.READY)


async def test_three_engines_in_a_row_that_were_of_no_use(connect: Connect) -> None:
    """The user is told once; what is said next is that it works again."""
    client = connect()
    for _ in range(3):
        await reach(client, EngineState.READY)
        await lose(client, client.engine_pid)
    refused = await reach(client, EngineState.REFUSED)
    assert refused.message.startswith("the engine ended, 3 times in a row; run: slmcode doctor")
    stream = client.stream(completion())
    assert await text(stream) == ""
    assert stream.done is not None
    assert stream.done.message == refused.message
    async with asyncio.timeout(60):
        await client.changed()
    assert client.status.state is EngineState.READY
    assert await text(client.stream(completion())) == TEXT


async def test_a_command_that_fails(connect: Connect) -> None:
    client = connect(command=[sys.executable, "-c", "import sys; sys.exit('no library')"])
    refused = await reach(client, EngineState.REFUSED)
    assert "the engine cannot be started: it ended at once with code 1" in refused.message
    assert "slmcode doctor" in refused.message
    assert "no library" in client.launch.log.read_text(encoding="utf-8")


async def test_a_command_that_never_listens(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_START_TIMEOUT_S", 0.1)
    client = connect(command=[sys.executable, "-c", "import signal; signal.pause()"])
    refused = await reach(client, EngineState.REFUSED)
    assert "the engine cannot be started: it did not start within" in refused.message


async def test_a_client_closed_while_the_engine_starts(connect: Connect) -> None:
    await connect(command=[sys.executable, "-c", "input()"]).close()
    client = connect()
    await asyncio.sleep(0)  # its task has begun
    await client.close()
    await reach(connect(), EngineState.READY)


async def test_a_closed_client(connect: Connect) -> None:
    client = connect()
    await reach(client, EngineState.READY)
    pid = client.engine_pid
    assert pid is not None
    await client.close()
    stream = client.stream(completion())
    assert await text(stream) == ""
    assert stream.done is not None
    assert stream.done.message == "the server is shutting down"
    await end(pid, signal.SIGTERM)


# Peers


@asynccontextmanager
async def listening(
    runtime: Path, answer: Callable[[asyncio.StreamWriter], None]
) -> AsyncIterator[None]:
    """A peer in the engine's place that says something of its own at once."""
    address = wire.address(runtime, Path("script.gguf"), msgspec.structs.astuple(OPTIONS))

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer(writer)
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(connected, address):
        yield


@pytest.mark.parametrize(
    "greeting",
    [
        wire.encode(wire.Hello(wire.hello().protocol, "0.0.0", 1)),
        wire.encode(wire.Hello(wire.hello().protocol + 1, __version__, 1)),
        wire.encode(wire.Cancel(1)),
        b"\xff\xff\xff\xff",
        b"\x02\x00\x00\x00{}",
    ],
    ids=["version", "protocol", "no greeting", "oversized", "malformed"],
)
async def test_an_engine_of_another_release(
    connect: Connect, runtime: Path, greeting: bytes
) -> None:
    async with listening(runtime, lambda writer: writer.write(greeting)):
        client = connect()
        refused = await reach(client, EngineState.REFUSED)
        assert refused.message.startswith("an engine of another release is running")
        await client.close()


async def test_an_engine_that_leaves_before_it_greets(connect: Connect, runtime: Path) -> None:
    async with listening(runtime, lambda writer: writer.close()):
        client = connect()
        await reach(client, EngineState.DOWN)
    await reach(client, EngineState.READY)


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        frame(b"\xc1"),
        frame(b"\x81\xa1\xff\x01"),
        frame(b"\x81\xa4type\xa6Nobody"),
        frame(b"\x82\xa4type\xa6Cancel\xa6job_id\xa1x"),
        frame(b"\x83\xa4type\xa6Cancel\xa6job_id\x01\xa1x" + b"\x91" * 5000 + b"\xc0"),
        frame(b""),
    ],
    ids=["oversized", "no msgpack", "no utf-8", "unknown", "wrong type", "nested", "empty"],
)
async def test_a_client_that_talks_nonsense_is_hung_up_on(
    connect: Connect, runtime: Path, sent: bytes
) -> None:
    client = connect()
    await reach(client, EngineState.READY)
    (address,) = runtime.glob("*.sock")
    reader, writer = await wire.connect(address)
    writer.write(sent)
    async with asyncio.timeout(60):
        await reader.read()  # to its end: hung up
    writer.close()
    assert await text(client.stream(completion())) == TEXT
    log = client.launch.log.read_text(encoding="utf-8")
    assert "does not speak our protocol" in log
    assert "Traceback" not in log


async def test_a_client_that_does_not_read_is_hung_up_on(connect: Connect, runtime: Path) -> None:
    client = connect()
    await reach(client, EngineState.READY)
    (address,) = runtime.glob("*.sock")
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(address))
    submits = b"".join(
        wire.encode(wire.Submit(i, Job(sequence="x" * 50, tokens=[]))) for i in range(200)
    )

    def talk() -> None:
        with deaf:
            while True:
                deaf.sendall(submits)

    with pytest.raises(ConnectionError):
        async with asyncio.timeout(60):
            await asyncio.to_thread(talk)
    assert await text(client.stream(completion())) == TEXT
    assert "does not read" in client.launch.log.read_text(encoding="utf-8")


async def test_jobs_of_a_client_that_hung_up_are_cancelled(connect: Connect, model: Path) -> None:
    first, second = connect(model), connect(model)
    await reach(first, EngineState.READY)
    await reach(second, EngineState.READY)
    long = first.stream(completion(max_tokens=400, stop_lines=0))
    async with asyncio.timeout(60):
        await anext(aiter(long))
    pid = first.engine_pid
    await first.close()
    await text(long)
    assert long.done is not None
    assert long.done.stop is Stop.LOST
    stream = second.stream(completion(priority=Priority.WARM, max_tokens=0))
    await text(stream)
    assert stream.done is not None
    assert stream.done.stop is Stop.LENGTH
    assert second.engine_pid == pid


# The runtime folder


async def test_a_runtime_folder_others_may_read_is_closed(connect: Connect, runtime: Path) -> None:
    runtime.chmod(0o755)
    await reach(connect(), EngineState.READY)
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700


async def test_a_runtime_folder_that_cannot_be_made(
    connect: Connect, runtime: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    launch = Launch(tmp_path / "file" / "run", Path("script.gguf"), OPTIONS)
    client = EngineClient(launch, lambda status: None)
    client.start()
    refused = await reach(client, EngineState.REFUSED)
    await client.close()
    assert "cannot be made (Not a directory); set SLMCODE_RUNTIME" in refused.message


async def test_a_runtime_folder_of_somebody_else(
    connect: Connect, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: runtime.stat().st_uid + 1)
    refused = await reach(connect(), EngineState.REFUSED)
    assert "belongs to another user; set SLMCODE_RUNTIME" in refused.message


async def test_a_state_folder_that_cannot_be_made(
    connect: Connect, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime / "file").write_text("")
    monkeypatch.setenv("SLMCODE_STATE", str(runtime / "file" / "state"))
    await reach(connect(), EngineState.READY)


# Weights


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    write_tiny_model(path)
    return path


async def test_real_weights(connect: Connect, model: Path) -> None:
    client = connect(model)
    await reach(client, EngineState.READY)
    stream = client.stream(completion(max_tokens=12, stop_lines=0))
    assert len(await text(stream)) == 12
    assert stream.done is not None
    assert stream.done.stop is Stop.LENGTH
    bad = client.stream(Job(sequence="b", tokens=[10**6], max_tokens=1))
    await text(bad)
    assert bad.done is not None
    assert bad.done.stop is Stop.FAILED
    assert "no network: " in client.launch.log.read_text(encoding="utf-8")


async def test_weights_are_asked_for_again_after_a_refusal(connect: Connect, model: Path) -> None:
    content = model.read_bytes()
    model.write_bytes(content[:-100])
    client = connect(model)
    refused = await reach(client, EngineState.REFUSED)
    assert refused.message.endswith("Check it with: slmcode models verify")
    pid = client.engine_pid
    assert pid is not None
    await client.close()
    await gone(pid)  # it does not stay to refuse the next one
    model.write_bytes(content)
    await reach(connect(model), EngineState.READY)


async def _no_file(path: Path) -> str:
    path.unlink()
    return "does not exist. Run: slmcode models pull fast"


async def _no_gguf(path: Path) -> str:
    path.write_text("<html>not found</html>")
    return "is not a GGUF file"


async def _no_fim(path: Path) -> str:
    write_tiny_model(path, fim=False)
    return 'Set "model" to one that has, such as "fast".'


@pytest.mark.parametrize("spoil", [_no_file, _no_gguf, _no_fim])
async def test_weights_that_are_refused(
    connect: Connect, model: Path, spoil: Callable[[Path], Awaitable[str]]
) -> None:
    sentence = await spoil(model)
    assert sentence in (await reach(connect(model), EngineState.REFUSED)).message


# Weights that jobs name


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Weights that cannot fill in; an edit needs no such thing."""
    path = tmp_path / "second.gguf"
    write_tiny_model(path, fim=False)
    return path


def edit(path: Path, **more: object) -> Job:
    values: dict[str, object] = {"max_tokens": 12, "stop_lines": 0, **more}
    return completion(priority=Priority.EDIT, weights=Weights(str(path), 256), **values)


async def test_two_models_in_one_engine(connect: Connect, model: Path, second: Path) -> None:
    client = connect(model)
    await reach(client, EngineState.READY)
    long = client.stream(edit(second, max_tokens=200))
    chunks = aiter(long)
    async with asyncio.timeout(60):
        await anext(chunks)
    own = client.stream(completion(max_tokens=12, stop_lines=0))
    assert len(await text(own)) == 12
    async with asyncio.timeout(60):
        assert len([chunk async for chunk in chunks]) == 199
    assert client.status.state is EngineState.READY
    full = client.stream(edit(second, max_tokens=256))
    await text(full)
    assert full.done is not None
    assert full.done.stop is Stop.FULL
    assert "a sequence holds 256" in full.done.message


async def test_the_own_weights_with_a_longer_context(connect: Connect, model: Path) -> None:
    client = connect(model)
    await reach(client, EngineState.READY)
    own = await text(client.stream(completion(max_tokens=12, stop_lines=0)))
    link = model.with_name("link.gguf")
    link.symlink_to(model)
    prompt = PROMPT * 30  # longer than the 512 tokens of a completion
    job = Job(sequence="e", tokens=prompt, max_tokens=12, weights=Weights(str(link), 1024))
    assert len(await text(client.stream(job))) == 12
    assert await text(client.stream(completion(max_tokens=12, stop_lines=0))) == own


async def test_weights_that_cannot_be_loaded_end_the_job_alone(
    connect: Connect, model: Path, second: Path
) -> None:
    client = connect(model)
    await reach(client, EngineState.READY)
    content = second.read_bytes()
    second.unlink()
    for spoilt, sentence in (
        (None, "does not exist. Run: slmcode models pull quality"),
        (content[:-100], "Check it with: slmcode models verify"),
    ):
        if spoilt is not None:
            second.write_bytes(spoilt)
        stream = client.stream(edit(second))
        assert await text(stream) == ""
        assert stream.done is not None
        assert stream.done.stop is Stop.FAILED
        assert sentence in stream.done.message
    second.write_bytes(content)
    assert len(await text(client.stream(edit(second)))) == 12
    assert client.status.state is EngineState.READY


async def test_killed_while_it_loads_second_weights(
    connect: Connect, model: Path, tmp_path: Path
) -> None:
    client = connect(model)
    await reach(client, EngineState.READY)
    pid = client.engine_pid
    assert pid is not None
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    stream = client.stream(edit(pipe))
    writer = await asyncio.to_thread(pipe.open, "wb")  # returns when the engine reads
    own = client.stream(completion(max_tokens=12, stop_lines=0))
    assert len(await text(own)) == 12, "completions wait for the load"
    os.kill(pid, signal.SIGKILL)
    assert await text(stream) == ""
    assert stream.done is not None
    assert stream.done.stop is Stop.LOST
    writer.close()
    await gone(pid)
    await reach(client, EngineState.DOWN)
    await reach(client, EngineState.READY)
    assert len(await text(client.stream(completion(max_tokens=12, stop_lines=0)))) == 12


# The network

CLOSED = """
import ctypes, os, socket, sys
port, user = int(sys.argv[1]), int(sys.argv[2])
socket.create_connection(("127.0.0.1", port)).close()  # it is open before
from slmcode import network
if user:
    os.setgroups([]); os.setgid(user); os.setuid(user)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable again, as an ordinary user's process is
barriers = network.close()
try:
    socket.create_connection(("127.0.0.1", port), 5)
except PermissionError as e:
    print(e)
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)  # as native code does
family = socket.AF_INET.to_bytes(2, sys.byteorder)
address = family + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
print(libc.connect(fd, address, len(address)), os.getuid())
print(*barriers, sep=", ")
"""


@pytest.mark.parametrize("user", [0, 12345], ids=["as we are", "unprivileged"])
def test_the_engine_cannot_connect_to_anything(user: int) -> None:
    if user and os.getuid() != 0:
        user = 0  # we are unprivileged ourselves
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "-c", CLOSED, str(port), str(user)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        )
    refused, connected, barriers = result.stdout.splitlines()
    native, uid = connected.split()
    assert int(uid) == (user or os.getuid()), "files must keep their owner"
    assert refused == network.REFUSAL
    assert "audit hook" in barriers
    # Where neither can be had native code is not held; then it must not be claimed.
    claimed = "network namespace" in barriers or "system call filter" in barriers
    assert (native == "-1") == claimed
    if _namespaces_allowed():
        assert "network namespace" in barriers


def _namespaces_allowed() -> bool:
    unshare = ["unshare", "--user", "--net", "true"]
    try:
        return subprocess.run(unshare, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


async def test_the_engine_process_has_no_interface(connect: Connect, model: Path) -> None:
    """The barrier stands in the real process, with all its threads."""
    client = connect(model)
    await reach(client, EngineState.READY)
    if "network namespace" not in client.launch.log.read_text(encoding="utf-8"):
        pytest.skip("this machine does not let us make network namespaces")
    ours = os.readlink("/proc/self/ns/net")
    theirs = []
    for thread in Path(f"/proc/{client.engine_pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread of the token table has ended
            theirs.append(os.readlink(thread / "ns" / "net"))
    assert len(theirs) > 1
    assert ours not in theirs
