"""What project code can do in the sandbox, each tried for real."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slmcode.cli import doctor
from slmcode.verify import keeper, sandbox
from slmcode.verify.sandbox import Limits, SandboxRefused

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no project code on Windows")
SHORT = Limits(wall_s=20, disk_mb=16, memory_mb=256)


@pytest.fixture
def bubblewrap() -> None:
    """Without bubblewrap: a failure in CI, a visible skip elsewhere.

    Where the kernel does not let it make namespaces there is nothing that CI could install.
    """
    if sandbox._bubblewrap()[0]:
        return
    if os.environ.get("CI") and shutil.which("bwrap") is None:
        pytest.fail("CI must have bubblewrap")
    pytest.skip("needs bubblewrap, and a kernel that lets it make namespaces")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of the test's own; the sandbox must have left nothing in it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SLMCODE_CACHE", str(folder))
    yield folder
    left = list((folder / "sandbox").iterdir()) if (folder / "sandbox").exists() else []
    assert left == []


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Iterator[Path]:
    """A project; after the test it must be as it was."""
    folder = tmp_path / "project"
    (folder / "src" / "deep").mkdir(parents=True)
    (folder / "src" / "a.py").write_text("a = 1\n")
    (folder / "src" / "deep" / "b.py").write_text("b = 2\n")
    (folder / "run.sh").write_text("echo ran\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("src/a.py")
    before = contents(folder)
    yield folder
    assert contents(folder) == before


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home with things to keep and tools to use."""
    home = tmp_path / "home"
    for name, text in {
        ".ssh/id_ed25519": "the key\n",
        ".cargo/credentials.toml": "the token\n",
        ".cargo/registry/index": "a package\n",
        ".m2/settings.xml": "the password\n",
        ".m2/repository/a.pom": "a pom\n",
        ".netrc": "the password\n",
    }.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("HOME", str(home))
    for name in ("CARGO_HOME", "GOPATH"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(params=["memory", "disk", "copy", "without bubblewrap"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to keep the folder from being changed, the others switched off."""
    if request.param == "without bubblewrap":
        monkeypatch.setattr(sandbox, "_bubblewrap", lambda: ("", []))
    else:
        request.getfixturevalue("bubblewrap")
        monkeypatch.setattr(sandbox, "_WAYS", (request.param,))
    return str(request.param)


# with bubblewrap and without: for what has nothing to do with files
both = pytest.mark.parametrize("way", ["memory", "without bubblewrap"], indirect=True)


@pytest.fixture
def weaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without bubblewrap."""
    monkeypatch.setattr(sandbox, "_bubblewrap", lambda: ("", []))


def contents(folder: Path) -> dict[str, tuple[int, float, bytes]]:
    """Everything below a folder: mode, time of change, text or where a link leads."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime,
            os.readlink(path).encode()
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


def sleeper() -> tuple[str, Callable[[], list[int]]]:
    """A command that sleeps for long, and what finds its processes on this machine."""
    seconds = f"3600.{uuid.uuid4().int % 10**12:012}"

    def found() -> list[int]:
        pids = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"sleep", seconds.encode()]:
                pids.append(int(path.parent.name))
        return pids

    return f"sleep {seconds}", found


async def until(condition: Callable[[], object]) -> None:
    """Wait for something another process does; the test's own time limit ends it."""
    while not condition():  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(0.01)


# What comes back


async def test_output_and_exit_code(folder: Path, way: str) -> None:
    ran = await sandbox.run("cat src/a.py; echo wrong >&2; exit 3", folder)
    assert (ran.exit_code, ran.stopped) == (3, "")
    assert (ran.stdout, ran.stderr) == ("a = 1\n", "wrong\n")
    assert ran.seconds > 0


@both
async def test_a_list_is_no_shell(folder: Path, way: str) -> None:
    ran = await sandbox.run(["printf", "%s|", "$HOME", "a b", "-c"], folder)
    assert ran.stdout == "$HOME|a b|-c|"


@both
async def test_a_command_not_found(folder: Path, way: str) -> None:
    for command in ("no-such-program", ["no-such-program"]):
        assert (await sandbox.run(command, folder)).exit_code == 127


@both
async def test_a_signal_is_an_exit_code_as_in_a_shell(folder: Path, way: str) -> None:
    assert (await sandbox.run("kill -SEGV $$", folder)).exit_code == 128 + signal.SIGSEGV


async def test_the_folder_stands_at_its_own_path(folder: Path, bubblewrap: None) -> None:
    assert (await sandbox.run("pwd; ls", folder)).stdout == f"{folder}\nlink\nrun.sh\nsrc\n"


async def test_a_folder_named_by_a_link(folder: Path, tmp_path: Path, bubblewrap: None) -> None:
    (tmp_path / "other").symlink_to(folder)
    command = f"pwd; cat {folder}/src/a.py {tmp_path}/other/src/a.py"
    ran = await sandbox.run(command, tmp_path / "other")
    assert ran.stdout == f"{tmp_path}/other\na = 1\na = 1\n"


async def test_names_with_signs_that_mount_options_use(cache: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a,b:c\\d=é"
    odd.mkdir()
    ran = await sandbox.run("echo x > y; cat y; pwd", odd)
    assert ran.stdout.startswith("x\n")
    assert list(odd.iterdir()) == []


async def test_several_at_once(folder: Path, way: str) -> None:
    commands = [f"echo {n} > n; cat n" for n in range(4)]
    runs = await asyncio.gather(*(sandbox.run(c, folder) for c in commands))
    assert [ran.stdout for ran in runs] == ["0\n", "1\n", "2\n", "3\n"]


# Copy on write


async def test_nothing_reaches_the_real_folder(folder: Path, way: str) -> None:
    command = (
        "echo new > new; echo b >> src/a.py; mv run.sh ran.sh; chmod 600 link; rm link;"
        " rm -r src/deep && mkdir src/deep && ls -A src/deep; mkdir -m 0 locked; ls"
    )
    ran = await sandbox.run(command, folder)
    assert (ran.stdout, ran.stderr) == ("locked\nnew\nran.sh\nsrc\n", "")
    # `folder` and `cache` look at what is left


async def test_texts_over_files(folder: Path, way: str) -> None:
    overlay = {
        folder / "src" / "a.py": "a = 'ä'\n",
        folder / "new" / "er" / "c.py": "c\n",
        folder / "run.sh": "echo other\n",
        folder / "src" / "deep" / "b.py": None,
        folder / "nowhere" / "d.py": None,
    }
    ran = await sandbox.run(
        "cat src/a.py link new/er/c.py; ./run.sh; ls src/deep", folder, overlay=overlay
    )
    assert (ran.stdout, ran.stderr) == ("a = 'ä'\na = 'ä'\nc\nother\n", "")


async def test_texts_are_not_written_through_links(folder: Path, tmp_path: Path, way: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("kept\n")
    inner = folder.parent / "linked"
    inner.mkdir()
    (inner / "file").symlink_to(outside / "f")
    (inner / "folder").symlink_to(outside)
    overlay = {inner / "file": "1\n", inner / "folder" / "f": "2\n", outside / "f": "3\n"}
    ran = await sandbox.run("cat file", inner, overlay=overlay)
    assert ran.stdout == "1\n"
    assert (outside / "f").read_text() == "kept\n"


async def test_caches_of_tools_are_written_to_no_effect(
    folder: Path, home: Path, bubblewrap: None
) -> None:
    ran = await sandbox.run("cd ~/.m2/repository; echo b >> a.pom; echo c > c.pom; cat *", folder)
    assert ran.stdout == "a pom\nb\nc\n"
    assert os.listdir(home / ".m2" / "repository") == ["a.pom"]
    assert (home / ".m2" / "repository" / "a.pom").read_text() == "a pom\n"


async def test_a_folder_too_large_to_copy_is_refused(
    folder: Path, weaker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_COPY_FILES", 3)
    with pytest.raises(SandboxRefused, match=r"larger than 512 MB or 3 files.*install bubblewrap"):
        await sandbox.run("true", folder)


async def test_large_folders_are_bound_and_not_copied(
    folder: Path, tmp_path: Path, bubblewrap: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "with modules"
    (other / "node_modules").mkdir(parents=True)
    (other / "node_modules" / "m.js").write_bytes(b"m\n" * 1_000_000)
    monkeypatch.setattr(sandbox, "_WAYS", ("copy",))
    monkeypatch.setattr(sandbox, "_COPY_MB", 1)
    ran = await sandbox.run("wc -c node_modules/m.js; echo x > node_modules/x", other)
    assert ran.stdout == "2000000 node_modules/m.js\n"
    assert "Read-only file system" in ran.stderr


async def test_refusals(folder: Path, home: Path, tmp_path: Path) -> None:
    with pytest.raises(SandboxRefused, match="there is no folder"):
        await sandbox.run("true", tmp_path / "none")
    for above in (home, tmp_path, Path("/")):
        with pytest.raises(SandboxRefused, match="holds your home folder"):
            await sandbox.run("true", above)


# What it cannot read, write or reach


async def test_the_home_is_empty_but_for_tools(folder: Path, home: Path, bubblewrap: None) -> None:
    command = (
        "cd ~; pwd; find . -type f | sort; cat .ssh/id_ed25519 .netrc .m2/settings.xml; echo x > y"
    )
    ran = await sandbox.run(command, folder)
    assert ran.stdout.splitlines() == [
        str(home),
        "./.cargo/registry/index",
        "./.m2/repository/a.pom",
    ]
    assert ran.stderr.count("No such file") == 3
    assert not (home / "y").exists()


@both
async def test_the_environment_is_clean(
    folder: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "leaked")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/leaked")
    ran = await sandbox.run(
        "env; cat /proc/*/environ | tr '\\0' '\\n'", folder, env={"GIVEN": "yes"}
    )
    assert "GIVEN=yes" in ran.stdout.splitlines()
    if way != "without bubblewrap":
        assert "leaked" not in ran.stdout
    assert "leaked" not in (await sandbox.run("env", folder)).stdout


async def test_files_of_others(folder: Path, tmp_path: Path, bubblewrap: None) -> None:
    (tmp_path / "sibling").write_text("private\n")
    ran = await sandbox.run(f"cat /etc/shadow; cat {tmp_path}/sibling; ls {tmp_path}", folder)
    assert ran.stdout == "project\n"
    assert "shadow: Permission denied" in ran.stderr
    assert "sibling: No such file" in ran.stderr


async def test_writing_outside(folder: Path, tmp_path: Path, bubblewrap: None) -> None:
    targets = ["/etc/x", "/usr/x", "/x", "/dev/x", "/proc/sys/kernel/hostname"]
    targets += [f"{Path(sys.prefix) / 'x'}", "/var/x"]
    command = "; ".join(f"echo x > {target}" for target in targets)
    ran = await sandbox.run(command, folder)
    assert len(ran.stderr.splitlines()) == len(targets), ran.stderr
    assert not any(Path(t).exists() for t in targets if t.endswith("/x"))
    ran = await sandbox.run(f"echo x > /tmp/x; echo x > {tmp_path}/x; cat /tmp/x", folder)
    assert ran.stdout == "x\n"  # its own /tmp
    assert not (tmp_path / "x").exists()


async def test_sockets(folder: Path, tmp_path: Path, bubblewrap: None) -> None:
    tcp = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "s"))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0{uuid.uuid4()}")
    for listening in (unix, abstract):
        listening.listen()
    code = f"""
import socket
def tried(family, address):
    s = socket.socket(family); s.settimeout(2)
    try: s.connect(address); return "open"
    except OSError as e: return type(e).__name__
print(tried(socket.AF_INET, ("127.0.0.1", {tcp.getsockname()[1]})))
print(tried(socket.AF_INET, ("192.0.2.1", 80)))
print(tried(socket.AF_UNIX, {str(tmp_path / "s")!r}))
print(tried(socket.AF_UNIX, {abstract.getsockname()!r}))
own = socket.create_server(("127.0.0.1", 0))
print(tried(socket.AF_INET, own.getsockname()))
"""
    with tcp, unix, abstract:
        ran = await sandbox.run([sys.executable, "-c", code], folder)
    assert ran.stdout.split() == [
        "ConnectionRefusedError",
        "OSError",  # unreachable
        "FileNotFoundError",
        "ConnectionRefusedError",
        "open",  # tests that talk to a server of their own work
    ], ran.stderr


async def test_no_rights_and_no_way_to_get_them(folder: Path, bubblewrap: None) -> None:
    command = (
        "grep -E '^(Cap|NoNewPrivs)' /proc/self/status; unshare -Ur true; mount -t tmpfs t /tmp"
    )
    ran = await sandbox.run(command, folder)
    rights = [line.split()[1] for line in ran.stdout.splitlines()]
    assert rights == ["0" * 16] * 5 + ["1"]
    if "--disable-userns" in sandbox._bubblewrap()[1]:
        assert "unshare failed" in ran.stderr
    assert "mount: " in ran.stderr


async def test_it_sees_no_process_but_its_own(folder: Path, bubblewrap: None) -> None:
    ran = await sandbox.run(f"kill -0 {os.getpid()}; ls /proc | grep -c '^[0-9]'", folder)
    assert int(ran.stdout) <= 5
    assert "No such process" in ran.stderr


# What it cannot go on with


@both
async def test_a_hang(folder: Path, way: str) -> None:
    command, alive = sleeper()
    ran = await sandbox.run(f"echo before; {command}", folder, limits=Limits(wall_s=0.5))
    assert (ran.stopped, ran.exit_code, ran.stdout) == ("time", None, "before\n")
    assert alive() == []


@both
async def test_signals_ignored(folder: Path, way: str) -> None:
    command, alive = sleeper()
    stubborn = f"trap '' TERM INT HUP XCPU; {command}; {command}"
    ran = await sandbox.run(stubborn, folder, limits=Limits(wall_s=0.5))
    assert ran.stopped == "time"
    assert alive() == []


# Both end by themselves after some sixty processes: other work on this machine must go on even
# where a limit does not hold.


@both
async def test_forks_one_after_the_other(folder: Path, way: str) -> None:
    command, alive = sleeper()
    limits = Limits(wall_s=20, processes=16)
    forks = f"for n in $(seq 60); do {command} & done; wait"
    ran = await sandbox.run(forks, folder, limits=limits)
    assert ran.stopped == "processes"
    assert alive() == []


@both
async def test_forks_that_fork(folder: Path, way: str) -> None:
    command, alive = sleeper()
    limits = Limits(wall_s=20, processes=16)
    bomb = f"f() {{ [ $1 = 0 ] || {{ f $(($1 - 1)) & f $(($1 - 1)) & }}; {command}; }}; f 5"
    ran = await sandbox.run(bomb, folder, limits=limits)
    assert ran.stopped == "processes"
    assert alive() == []


@both
async def test_a_daemon(folder: Path, way: str) -> None:
    command, alive = sleeper()
    daemon = f"(setsid sh -c '{command} & {command}' >/dev/null 2>&1 &) ; echo done"
    ran = await sandbox.run(daemon, folder)
    assert (ran.exit_code, ran.stdout) == (0, "done\n")
    assert alive() == []


@both
async def test_a_daemon_that_holds_the_output(folder: Path, way: str) -> None:
    command, alive = sleeper()
    ran = await sandbox.run(f"setsid {command} & echo done", folder)
    assert (ran.exit_code, ran.stdout, ran.stopped) == (0, "done\n", "")
    assert ran.seconds < 30
    assert alive() == []


async def test_killing_everything_around(folder: Path, bubblewrap: None) -> None:
    command, alive = sleeper()
    ran = await sandbox.run(f"{command} & kill -9 $PPID; kill -9 1; kill -9 -1", folder)
    assert ran.stopped == ""
    assert alive() == []
    assert (await sandbox.run("echo again", folder)).stdout == "again\n"


async def test_killing_the_parent_without_bubblewrap(folder: Path, weaker: None) -> None:
    """Nothing keeps it from killing the keeper; the run fails, the server goes on."""
    with pytest.raises(SandboxRefused, match="the sandbox failed"):
        await sandbox.run("kill -9 $PPID; sleep 10", folder)
    assert (await sandbox.run("echo again", folder)).stdout == "again\n"  # and cleans up


@both
async def test_gigabytes_of_output(folder: Path, way: str) -> None:
    ran = await sandbox.run("yes", folder, limits=Limits(output_kb=64))
    assert ran.stopped == "output"
    assert len(ran.stdout) == 64_000
    ran = await sandbox.run("yes >&2", folder, limits=Limits(output_kb=64))
    assert (ran.stopped, len(ran.stderr)) == ("output", 64_000)


@pytest.mark.parametrize("where", [".", "/tmp", "/dev/shm", "~"])
async def test_a_full_disk(folder: Path, bubblewrap: None, where: str) -> None:
    ran = await sandbox.run(
        f"cd {where}; cat /dev/zero > big; cat /dev/zero > big2; sleep 20", folder, limits=SHORT
    )
    assert ran.stopped == "disk"


async def test_a_full_disk_in_many_files(folder: Path, way: str) -> None:
    fill = "while :; do n=$((n+1)); head -c 1000000 /dev/zero > f$n || exit; done; sleep 20"
    ran = await sandbox.run(fill, folder, limits=SHORT)
    assert ran.stopped == "disk"


@both
async def test_memory_of_all_processes_together(folder: Path, way: str) -> None:
    code = "b = bytearray(100_000_000); import time; time.sleep(60)"
    one = shlex.join([sys.executable, "-S", "-c", code])
    ran = await sandbox.run(" & ".join([one] * 4) + " & wait", folder, limits=SHORT)
    assert ran.stopped == "memory"


@both
async def test_memory_of_one_process(folder: Path, way: str) -> None:
    code = "b = []\nwhile True: b.append(bytearray(50_000_000))"
    ran = await sandbox.run([sys.executable, "-S", "-c", code], folder, limits=SHORT)
    assert ran.stopped == "memory" or "MemoryError" in ran.stderr


@both
async def test_processor_time_of_all_processes_together(folder: Path, way: str) -> None:
    busy = "while :; do :; done"
    limits = Limits(wall_s=60, cpu_s=1)
    ran = await sandbox.run(f"({busy}) & ({busy}) & wait", folder, limits=limits)
    assert ran.stopped == "time"
    assert ran.seconds < 50


# When it ends from outside


async def test_cancelling_kills_everything(folder: Path, way: str) -> None:
    command, alive = sleeper()
    daemon = f"setsid sh -c \"trap '' TERM; {command}; {command}\" & {command}"
    task = asyncio.create_task(sandbox.run(daemon, folder))
    await until(lambda: len(alive()) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert alive() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_killed_server(folder: Path, way: str, cache: Path, number: signal.Signals) -> None:
    command, alive = sleeper()
    program = f"""
import asyncio
from pathlib import Path
from slmcode.verify import sandbox
if {way == "without bubblewrap"}: sandbox._bubblewrap = lambda: ("", [])
else: sandbox._WAYS = ({way!r},)
asyncio.run(sandbox.run({f"{command} & {command}"!r}, Path({str(folder)!r})))
"""
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    await until(lambda: len(alive()) == 2)
    server.send_signal(number)
    await server.wait()
    left = cache / "sandbox"
    await until(lambda: not alive() and not (left.exists() and os.listdir(left)))


async def test_a_killed_keeper(folder: Path, cache: Path, way: str) -> None:
    """The command dies with it; the files it leaves are removed by the next."""
    command, alive = sleeper()
    task = asyncio.create_task(sandbox.run(f"{command} & {command}", folder))
    await until(lambda: len(alive()) == 2)
    for pid in keepers():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(SandboxRefused, match="the sandbox failed"):
        await task
    if way != "without bubblewrap":  # there the next one kills, too
        await until(lambda: not alive())
    await sandbox.run("true", folder)
    await until(lambda: not alive())
    # `cache` looks at what is left


def keepers() -> list[int]:
    """The keepers this test process started."""
    found = []
    for process in keeper._tree(os.getpid())[1:]:
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        if os.fsencode(keeper.__file__) in words:
            found.append(process.pid)
    return found


async def test_other_runs_are_not_stale(folder: Path, weaker: None) -> None:
    command, alive = sleeper()
    task = asyncio.create_task(sandbox.run(f"{command} & wait; cat src/a.py", folder))
    await until(alive)
    await sandbox.run("true", folder)
    os.kill(alive()[0], signal.SIGTERM)
    assert (await task).stdout == "a = 1\n"


# What it says of itself


async def test_it_says_what_holds(folder: Path, bubblewrap: None) -> None:
    ran = await sandbox.run("true", folder)
    assert ran.weaker == ""
    assert "no network" in ran.barriers[0]
    assert set(sandbox.available()) < set(ran.barriers)


async def test_it_says_what_does_not_hold(folder: Path, weaker: None) -> None:
    ran = await sandbox.run("true", folder)
    assert "the network is open" in ran.weaker
    assert "files outside the folder can be read and written" in ran.weaker
    assert not any("bubblewrap" in barrier for barrier in ran.barriers)


_CLOSED = """
import asyncio, sys
from pathlib import Path
from slmcode import network
network.close(sandboxes=True)
from slmcode.verify import sandbox
sandbox._bubblewrap = lambda: ("", [])
connect = "import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
ran = asyncio.run(sandbox.run([sys.executable, "-c", connect], Path(sys.argv[1])))
print(ran.exit_code, ran.weaker, sep=";")
"""


async def test_where_the_process_has_closed_the_network_it_is_closed(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = _CLOSED.format(port=listener.getsockname()[1])
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", code, str(folder)],
            capture_output=True,
            text=True,
        )
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    said = "files outside the folder can be read and written"
    assert done.stdout == f"1;{said}\n", done.stderr


async def test_the_doctor_names_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, bubblewrap: None
) -> None:
    check = await asyncio.to_thread(doctor._project_code)
    assert check.mark is doctor.Mark.OK
    monkeypatch.setattr(sandbox, "_bubblewrap", lambda: ("", []))
    check = await asyncio.to_thread(doctor._project_code)
    assert check.mark is doctor.Mark.WARN
    assert "Not held: the network is open" in check.says
    monkeypatch.setattr(sandbox, "which", lambda name: None)
    assert "sudo apt-get install bubblewrap" in sandbox.advice()


@both
async def test_the_folder_is_called_what_the_user_calls_it(folder: Path, way: str) -> None:
    here, beside = folder / "src" / "a.py", folder.with_name(folder.name + "2")
    ran = await sandbox.run(
        ["sh", "-c", f"cat {here}; cat {folder}/no; echo {beside}; pwd"],
        folder,
        overlay={here: "new "},
    )
    assert ran.stdout.split() == ["new", str(beside), str(folder)]
    assert f"{folder}/no" in ran.stderr
