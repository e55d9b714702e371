"""`slmcode doctor --privacy`: which barriers close the network, and what trying to pass them gave.

Processes that close their network as the engine and a server do (`attempts`) try to reach a
listener of ours. What arrives at it got through, whatever the process says of itself.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import typer

_LIMIT_S = 180.0  # for one role: each attempt may wait for seconds where nothing refuses it


class Attempt(msgspec.Struct):
    """One way out that was tried; `words` are the system's."""

    what: str
    words: str
    got_through: bool


class Role(msgspec.Struct):
    """What one kind of process could do. `arrived` counts connections and datagrams from it."""

    who: str
    barriers: list[str]
    attempts: list[Attempt] = []


class Found(msgspec.Struct):
    """The whole report. `reachable`: an open process reached the listener, so refusals count."""

    reachable: bool
    roles: list[Role]
    arrived: int  # connections and datagrams from processes with a closed network
    failed: str = ""  # why not everything was tried

    @property
    def holds(self) -> bool:
        """Did everything get tried, and nothing get through?"""
        through = any(a.got_through for role in self.roles for a in role.attempts)
        return self.reachable and not (through or self.arrived or self.failed)


def report(as_json: bool) -> int:
    """Try everything and tell; the exit code: 1 if something got through or nothing was proved."""
    found = examine()
    if as_json:
        typer.echo(json.dumps({"ok": found.holds, **msgspec.to_builtins(found)}))
    else:
        _show(found)
    return int(not found.holds)


def examine(command: tuple[str, ...] = ("-P", "-m", "slmcode.cli.attempts")) -> Found:
    """What an open process, the engine's and a server's with its children get of a listener."""
    with _Listener() as listener:
        _run(command, "open", listener.port)
        found = Found(listener.arrived() >= 2, [], 0)
        for role in ("engine", "server"):
            roles, failed = _run(command, role, listener.port)
            found.roles += roles
            found.arrived += listener.arrived()
            found.failed = found.failed or failed
    return found


class _Listener:
    """TCP and UDP at one port of the loopback; the kernel takes what comes."""

    def __enter__(self) -> _Listener:
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp.setblocking(False)
        self._udp.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self._tcp.close()
        self._udp.close()

    def arrived(self) -> int:
        """Connections and datagrams since the last call."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._tcp.accept()[0].close()
                count += 1
        with contextlib.suppress(BlockingIOError):
            while True:
                self._udp.recv(64)
                count += 1
        return count


def _run(command: tuple[str, ...], role: str, port: int) -> tuple[list[Role], str]:
    """What a process of that role printed, and why it did not come to its end, "" if it did."""
    try:
        done = subprocess.run(
            [sys.executable, *command, role, str(port)],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return [], f"{role}: no end within {_LIMIT_S:.0f} s"
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    roles = list(_roles(lines))
    if done.returncode < 0 and roles and lines and "trying" in lines[-1]:
        words = f"the kernel has none ({signal.Signals(-done.returncode).name})"
        roles[0].attempts.append(Attempt(lines[-1]["trying"], words, got_through=False))
    elif done.returncode:
        said = done.stderr.strip().splitlines()
        return roles, f"{role}: {said[-1] if said else f'ended with code {done.returncode}'}"
    return roles, ""


def _roles(lines: list[dict[str, object]]) -> Iterator[Role]:
    roles: dict[str, Role] = {}
    role = Role("", [])
    for line in lines:
        if "who" in line:
            name = str(line["who"])
            barriers = msgspec.convert(line.get("barriers", []), list[str])
            role = roles.setdefault(name, Role(name, barriers))
        elif "what" in line:
            words = str(line["words"])
            role.attempts.append(Attempt(str(line["what"]), words, got_through=not words))
    yield from roles.values()


def _show(found: Found) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for names, role in _alike(found.roles):
        if table.row_count:
            table.add_row()
        held = Text("\n".join(role.barriers) or "inherited from the server", style="dim")
        table.add_row("", Text("\n".join(names), style="bold"), held)
        for attempt in role.attempts:
            through = attempt.got_through
            table.add_row(
                Text("OPEN" if through else "shut", style="bold red" if through else "green"),
                attempt.what,
                Text("it got through" if through else attempt.words),
            )
    console.print(table)
    console.print()
    if found.failed:
        console.print(f"Not everything was tried: {found.failed}", style="bold red")
    if not found.reachable:
        console.print("An open process did not reach our listener: nothing is proved.", style="red")
        return
    console.print("A process with an open network reached our listener.")
    style = "green" if found.holds else "bold red"
    count = found.arrived
    console.print(f"Of the closed ones {count or 'nothing'} arrived there.", style=style)
    if not found.holds and not found.failed:
        console.print(
            "→ native code is held on Linux, where a network namespace can be made (see"
            " kernel.unprivileged_userns_clone, or the container's settings) or the kernel has"
            " seccomp filters",
            style="red",
        )


def _alike(roles: list[Role]) -> Iterator[tuple[list[str], Role]]:
    """Neighbours that were told the same stand once."""
    names: list[str] = []
    for role, after in zip(roles, [*roles[1:], None], strict=True):
        names.append(role.who)
        if after is None or (role.barriers, role.attempts) != (after.barriers, after.attempts):
            yield names, role
            names = []
