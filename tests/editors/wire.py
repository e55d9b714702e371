"""What an editor and its server said to each other: recorded by `tee.py`, checked here."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tests import lspmeta

ROOT = Path(__file__).parents[2]
TEE = Path(__file__).with_name("tee.py")
REQUEST_CANCELLED = -32800
REQUEST_FAILED = -32803  # how a server refuses, with the reason as the message

Said = tuple[str, dict[str, Any]]  # "c2s" or "s2c", and the message


def tee(log: Path, *command: str | Path) -> list[str]:
    """The command line that runs a server and writes down to `log` what is said."""
    return [sys.executable, str(TEE), str(log), *map(str, command)]


def scripted(script: Path) -> list[str]:
    """The command line of the scripted server. It must be run in the folder `ROOT`."""
    return [sys.executable, "-m", "tests.editors.scripted_server", str(script)]


def canned(answers: Path) -> list[str]:
    """The command line of the canned server. It must be run in the folder `ROOT`."""
    return [sys.executable, "-m", "tests.editors.canned_server", str(answers)]


def wrapper(path: Path, log: Path, command: list[str]) -> Path:
    """Make `path` a program that runs a server behind the tee, for settings that name a file.

    `serve` starts it; everything else is answered by the real `slmcode`.
    """
    real = " ".join(f"'{part}'" for part in tee(log, *command))
    slmcode = f"'{sys.executable}' -m slmcode.cli"
    path.write_text(
        "#!/bin/sh\n"
        f"cd '{ROOT}' || exit 1\n"
        f'[ "$1" = serve ] || exec {slmcode} "$@"\n'
        f"exec {real}\n"
    )
    path.chmod(0o755)
    return path


def said(log: Path) -> list[Said]:
    """All messages so far, of every server that wrote to the log."""
    if not log.exists():
        return []
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines(keepends=False)]
    return [(row["dir"], row["msg"]) for row in rows if "msg" in row]


def sessions(log: Path) -> list[tuple[list[Said], int | None]]:
    """The messages of each server in the order they ran, with its exit code if it has ended."""
    found: list[tuple[list[Said], int | None]] = []
    messages: list[Said] = []
    for line in log.read_text("utf-8").splitlines():
        row = json.loads(line)
        if "msg" in row:
            messages.append((row["dir"], row["msg"]))
        else:
            found.append((messages, row["exit"]))
            messages = []
    return [*found, (messages, None)] if messages else found


def sent(log: Path, method: str) -> list[Any]:
    """The parameters of all messages with that method, in their order."""
    return [message.get("params") for _, message in said(log) if message.get("method") == method]


def asked_at(log: Path, method: str, character: int, since: int = 0) -> bool:
    """Whether a request for this column was sent, behind the first `since` of the method."""
    return any(
        request["position"]["character"] == character for request in sent(log, method)[since:]
    )


def check(messages: list[Said], *, may_be_unanswered: Collection[str] = ()) -> None:
    """Nothing invalid, nothing unanswered, no error but refusals and what the editor took back.

    `may_be_unanswered` are methods of requests that were on their way when a server was killed.
    """
    if lspmeta.PATH.exists():
        found = lspmeta.check_all(lspmeta.MetaModel(), messages)
        excused = {
            f"{d} {method}: unanswered" for d in ("c2s", "s2c") for method in may_be_unanswered
        }
        assert [error for error in found if error not in excused] == []
    else:
        warnings.warn("traffic not validated: no meta model in ../shared", stacklevel=1)
    cancelled = {
        message["params"]["id"]
        for _, message in messages
        if message.get("method") == "$/cancelRequest"
    }
    for direction, message in messages:
        if "error" in message:
            assert direction == "s2c", f"the editor answered an error: {message}"
            if message["error"]["code"] != REQUEST_FAILED:
                assert message["error"]["code"] == REQUEST_CANCELLED, message
                assert message["id"] in cancelled, message
