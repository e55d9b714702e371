"""Each barrier around the network, in processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slmcode import network
from slmcode.cli import _OPEN, COMMANDS, privacy
from tests.privacy.test_sessions import needed

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces and seccomp, on Linux"),
    pytest.mark.timeout(240),
]
ROOT = Path(__file__).parents[2]

# argv: port, user (0: stay who we are), sandboxes
CLOSED = """
import ctypes, json, os, subprocess, sys
from slmcode import network
from slmcode.cli import attempts
port, user, sandboxes = map(int, sys.argv[1:])
if user:
    os.setgroups([]); os.setgid(user); os.setuid(user)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable again, as an ordinary user's process is
barriers = network.close(sandboxes=bool(sandboxes))
found = dict(attempts.native(port))
bwrap = ["bwrap", "--unshare-user", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev"]
talk = "import socket as s; l = s.create_server(('127.0.0.1', 0));"
talk += " s.create_connection(l.getsockname()); print('talks')"
try:
    done = subprocess.run(
        [*bwrap, "--", "/usr/bin/python3", "-c", talk], capture_output=True, text=True, cwd="/"
    )
    sandboxed = done.stdout.strip() or done.stderr
except FileNotFoundError:
    sandboxed = ""
print(json.dumps([barriers, found, os.getuid(), sandboxed]))
"""
# No namespace of any kind can be made below this shell.
NO_NAMESPACES = (
    "echo 0 > /proc/sys/user/max_net_namespaces; echo 0 > /proc/sys/user/max_user_namespaces;"
    ' exec "$@"'
)


def closed(user: int, sandboxes: int, *before: str) -> tuple[list[str], dict[str, str], int, str]:
    """Barriers, words by attempt, user id and what a sandboxed command said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        argv = [sys.executable, "-c", CLOSED, str(listener.getsockname()[1]), str(user)]
        done = subprocess.run(
            [*before, *argv, str(sandboxes)], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    barriers, found, uid, sandboxed = json.loads(done.stdout)
    return barriers, found, uid, sandboxed


def namespaces_allowed() -> bool:
    unshare = [needed("unshare"), "--user", "--net", "true"]
    return subprocess.run(unshare, stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize("sandboxes", [0, 1], ids=["engine", "server"])
@pytest.mark.parametrize("user", [0, 12345], ids=["as we are", "unprivileged"])
def test_native_code_gets_nowhere(user: int, sandboxes: int) -> None:
    if user and os.getuid() != 0:
        pytest.skip("we are unprivileged ourselves")
    barriers, found, uid, sandboxed = closed(user, sandboxes)
    assert uid == (user or os.getuid()), "files must keep their owner"
    assert [what for what, words in found.items() if words == ""] == []
    assert len(found) == 10
    if namespaces_allowed():
        assert network.NAMESPACE in barriers
    if sandboxes and network.NAMESPACE in barriers and shutil.which("bwrap"):
        assert sandboxed == "talks", "bubblewrap and a loopback of the sandbox's own"


@pytest.mark.parametrize("sandboxes", [0, 1], ids=["engine", "server"])
def test_the_filter_holds_where_no_namespace_can_be_made(sandboxes: int) -> None:
    if not namespaces_allowed():
        pytest.skip("needs a user namespace to forbid further ones in")
    before = [needed("unshare"), "--user", "--map-root-user", "sh", "-c", NO_NAMESPACES, "sh"]
    barriers, found, _, _ = closed(0, sandboxes, *before)
    assert network.NAMESPACE not in barriers
    assert network.ONLY_LOCAL in barriers
    assert [what for what, words in found.items() if words == ""] == []
    assert found["connection, TCP"] == "Address family not supported by protocol"
    assert found["netlink socket"].startswith("opened") == bool(sandboxes)


def test_another_threads_network_is_not_claimed_to_be_closed() -> None:
    code = (
        "import threading; from slmcode import network; e = threading.Event();"
        "t = threading.Thread(target=e.wait); t.start(); print(*network.close()); e.set()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert network.NAMESPACE not in done.stdout
    assert network.ONLY_LOCAL in done.stdout


PLANTED = """
import sys
from slmcode import network
network.close(sandboxes=True)
import planted
try:
    planted.leave(f"http://127.0.0.1:{sys.argv[1]}/")
except Exception as e:
    print(e)
"""


@pytest.mark.parametrize(
    ("module", "call"),
    [("requests", "requests.get"), ("urllib.request", "urllib.request.urlopen")],
)
def test_a_planted_request_is_refused(module: str, call: str, tmp_path: Path) -> None:
    if module == "requests":
        pytest.importorskip("requests")
    (tmp_path / "planted.py").write_text(
        f"import {module}\ndef leave(url):\n    return {call}(url, timeout=5)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", PLANTED, str(port)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        )
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert network.REFUSAL in done.stdout, done.stderr


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in _OPEN])
def test_a_command_is_imported_with_the_network_closed(name: str) -> None:
    """Every command but the few named in `_OPEN`: a new one too."""
    code = (
        "import sys, slmcode.cli as cli\n"
        "from slmcode import network\n"
        "network.close = lambda **options: sys.exit(f'{cli._process_is_ours} {options}')\n"
        f"sys.argv = ['slmcode', {name!r}]\n"
        "cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.strip() == "True {'sandboxes': True}"


def test_those_that_decide_themselves_are_few() -> None:
    assert set(_OPEN) - {"bundle"} == {"models", "doctor", "demo", "translate"}


# doctor --privacy


def doctor(*arguments: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "slmcode.cli", "doctor", "--privacy", *arguments]
    done = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"}
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_doctor_tries_every_way_and_nothing_arrives() -> None:
    code, text = doctor("--json")
    found: dict[str, Any] = json.loads(text)
    assert (code, found["ok"], found["reachable"], found["arrived"]) == (0, True, True, 0)
    tried = {
        role["who"]: {a["what"]: a["words"] for a in role["attempts"]} for role in found["roles"]
    }
    assert {"engine", "server", "child", "child of a child"} <= set(tried)
    assert tried["server"]["Python: connection"] == network.REFUSAL
    assert tried["engine"]["Python: planted urllib"] == network.REFUSAL
    assert tried["engine"]["io_uring"] == "Function not implemented"
    assert all(words for role in tried.values() for words in role.values())


def test_doctor_says_what_got_through(capsys: pytest.CaptureFixture[str]) -> None:
    """The same attempts, in processes that claim a barrier and have none."""
    found = privacy.examine(("-P", "-c", UNCLOSED))
    assert not found.holds
    assert found.arrived > 0
    engine = {a.what: a.got_through for a in found.roles[0].attempts}
    assert engine["connection, TCP"]
    assert engine["Python: connection"]
    privacy._show(found)
    shown = capsys.readouterr().out
    assert "it got through" in shown
    assert "nothing arrived" not in shown


UNCLOSED = f"""
import runpy, sys
sys.path.insert(0, {str(ROOT)!r})
runpy.run_module("tests.privacy.unclosed", run_name="__main__")
"""
