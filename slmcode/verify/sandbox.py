"""Project code is run here and nowhere else, and only where the user asked for it.

A command sees its folder as a copy-on-write view at its own path, the system and the language
tools read-only, an empty home, no network, no other process. What it does ends with it: see
`keeper`, the process that does the work, and `view`, what is shown.

Where bubblewrap or the kernel's namespaces are missing the command runs on a copy of the folder,
with a clean environment and the same limits; `Ran.weaker` says then what is not held.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from slmcode import network
from slmcode.config import cache_folder
from slmcode.verify import view
from slmcode.verify.which import which

_KEEPER = Path(__file__).with_name("keeper.py")
_COPY_MB = 512  # of a folder that has to be copied
_COPY_FILES = 50_000
_STARTING_S = 60.0  # for the copy, and for the end of everything, beside the command's own time
_PROBE_S = 10.0
_WAYS = ("memory", "disk", "copy")
_NONE: Mapping[Any, Any] = MappingProxyType({})


class SandboxRefused(Exception):
    """The command cannot be run; the text is a half sentence that says why and what to do."""


class Limits(msgspec.Struct, frozen=True):
    """What a run may take, all its processes together."""

    wall_s: float = 60.0
    cpu_s: int = 120
    memory_mb: int = 2048  # resident, shared pages counted once; looked at 20 times a second
    output_kb: int = 512  # stdout and stderr
    disk_mb: int = 512  # everything written, wherever; it takes memory where the layer is a tmpfs
    processes: int = 256


_DEFAULT = Limits()


class Ran(msgspec.Struct, frozen=True):
    """How a run ended. `exit_code` is as a shell gives it, None where it was stopped."""

    exit_code: int | None
    stdout: str
    stderr: str
    stopped: str  # "" | "time" | "output" | "disk" | "memory" | "processes"
    seconds: float
    barriers: tuple[str, ...]
    weaker: str  # what is not held here, "" when all is


async def run(
    command: Sequence[str] | str,
    folder: Path,
    *,
    overlay: Mapping[Path, str | None] = _NONE,
    limits: Limits = _DEFAULT,
    env: Mapping[str, str] = _NONE,
) -> Ran:
    """Run a command in a copy-on-write view of `folder`.

    A text goes to /bin/sh. `overlay` holds texts of files as the command shall see them, None for
    a file that shall be absent; paths outside the folder are left out. `env` comes on top of a
    clean environment. Cancelling the task kills everything and cleans up before it ends.
    Raises SandboxRefused.
    """
    request = await asyncio.to_thread(_request, command, folder, overlay, limits, env)
    answer = await _ask(request, limits)
    if "refused" in answer:
        raise SandboxRefused(answer["refused"])
    way = answer.pop("way")
    bwrap = bool(request["bwrap"])
    return Ran(**answer, barriers=tuple(_barriers(bwrap, way)), weaker=_weaker(bwrap))


def available() -> list[str]:
    """The barriers that hold on this machine, for people. Starts a process for a moment."""
    return _barriers(bool(_bubblewrap()[0]), "")


def is_closed() -> bool:
    """Whether what runs here can reach neither the network nor the user's other files."""
    return bool(_bubblewrap()[0])


def _request(
    command: Sequence[str] | str,
    folder: Path,
    overlay: Mapping[Path, str | None],
    limits: Limits,
    env: Mapping[str, str],
) -> dict[str, Any]:
    if sys.platform == "win32":
        raise SandboxRefused("project code cannot be run safely on Windows")
    if not folder.is_dir():
        raise SandboxRefused(f"there is no folder {folder}")
    real = folder.resolve()
    seen = view.of(real, _words(command), env)
    if Path(seen.home).is_relative_to(real):
        raise SandboxRefused("the folder holds your home folder; open the project's own folder")
    argv = ["-c", command] if isinstance(command, str) else ["-c", 'exec "$0" "$@"', *command]
    named = Path(os.path.abspath(folder))
    bwrap, options = _bubblewrap()
    return {
        "argv": ["/bin/sh", *argv],
        "folder": str(real),
        "also": str(named) if named != real else "",
        "texts": list(_inside(real, overlay)),
        "bwrap": bwrap,
        "bwrap_options": options,
        "ways": _WAYS,
        "scratch": str(cache_folder() / "sandbox"),
        "copy_mb": _COPY_MB,
        "copy_files": _COPY_FILES,
        **seen._asdict(),
        **msgspec.structs.asdict(limits),
    }


def _words(command: Sequence[str] | str) -> Sequence[str]:
    """As a shell would split it; roughly, where it would refuse."""
    if not isinstance(command, str):
        return command
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _inside(folder: Path, overlay: Mapping[Path, str | None]) -> list[tuple[str, str | None]]:
    """The texts by path below the folder, links resolved; those elsewhere are left out."""
    texts = []
    for path, text in overlay.items():
        absolute = folder / path
        for target in (absolute.resolve(), absolute.parent.resolve() / absolute.name):
            if target != folder and target.is_relative_to(folder):
                texts.append((target.relative_to(folder).as_posix(), text))
                break
    return texts


async def _ask(request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Start a keeper, and wait until nothing of the run is left, whatever happens here."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-X", "utf8", str(_KEEPER)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    answer = asyncio.ensure_future(process.stdout.read())
    errors = asyncio.ensure_future(process.stderr.read())
    try:
        process.stdin.write(msgspec.json.encode(request) + b"\n")
        async with asyncio.timeout(limits.wall_s + _STARTING_S):
            text = await asyncio.shield(answer)
    except TimeoutError:
        raise SandboxRefused("the folder could not be made ready in time") from None
    finally:
        process.stdin.close()  # the order to stop
        await _finished(process, answer, errors)
    try:
        found: dict[str, Any] = msgspec.json.decode(text)
    except msgspec.DecodeError:
        said = errors.result().decode(errors="replace").strip().splitlines()
        raise SandboxRefused(f"the sandbox failed: {said[-1] if said else 'no answer'}") from None
    return found


async def _finished(process: asyncio.subprocess.Process, *readers: asyncio.Future[bytes]) -> None:
    """Wait for the keeper, through a cancellation too: it kills and cleans up."""
    ended = asyncio.ensure_future(_end(process, readers))
    cancelled = False
    while not ended.done():
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            cancelled = True
    ended.result()
    if cancelled:
        raise asyncio.CancelledError


async def _end(
    process: asyncio.subprocess.Process, readers: Sequence[asyncio.Future[bytes]]
) -> None:
    try:
        async with asyncio.timeout(_STARTING_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    await asyncio.gather(*readers, return_exceptions=True)
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):
        await process.stdin.wait_closed()


@functools.cache
def _bubblewrap() -> tuple[str, list[str]]:
    """The program, if it works here, and its options that not every release has."""
    program = which("bwrap")
    if program is None or sys.platform != "linux":
        return "", []
    base = [program, "--unshare-user", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"]
    base += ["--proc", "/proc", "--dev", "/dev"]
    for options in (["--disable-userns"], []):
        if _succeeds([*base, *options, "--", "/bin/sh", "-c", ":"]):
            return program, options
    return "", []


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _barriers(bwrap: bool, way: str) -> list[str]:
    found = []
    if bwrap:
        found += [
            "bubblewrap: no network, no other processes, the home hidden, the system read-only"
        ]
    found += [_LAYERS[way]] if way else []
    found += ["clean environment", "limits of time, memory, processes, output and disk"]
    return found


_LAYERS = {
    "memory": "the folder copy on write, in memory",
    "disk": "the folder copy on write, on disk",
    "copy": "a copy of the folder",
}


def _weaker(bwrap: bool) -> str:
    if bwrap:
        return ""
    held = "files outside the folder can be read and written"
    if not network.is_closed_for_children():
        held = f"the network is open, and {held}"
    if sys.platform != "linux":
        held += "; processes that detach themselves go on, memory and processes are not counted"
    return held


def advice() -> str:
    """What to do for stronger barriers, "" where there is nothing."""
    if sys.platform != "linux" or _bubblewrap()[0]:
        return ""
    if which("bwrap") is None:
        return "install bubblewrap (on Debian or Ubuntu: sudo apt-get install bubblewrap)"
    return (
        "bubblewrap is installed and may not make user namespaces here (see"
        " kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces, or the"
        " container's settings)"
    )
