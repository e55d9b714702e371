"""Whole sessions, seen from outside: no system call for a network, no packet in one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import write_tiny_model

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="strace and namespaces, on Linux"),
    pytest.mark.timeout(1500),
]
ROOT = Path(__file__).parents[2]
# A call as strace prints it, whole or its first half; the family is the first argument or the
# address's. What strace calls the network beside these works on sockets that are there.
CALL = re.compile(r"\b(?P<call>socket|socketpair|connect|bind|sendto|sendmsg)\((?P<arguments>.*)")
FAMILY = re.compile(r"\b(?:AF|PF)_[A-Z0-9_]+\b")
# bubblewrap brings up the loopback of each sandbox's own, empty namespace by asking the kernel.
LOOPBACK = re.compile(r"AF_NETLINK, (SOCK_RAW\|SOCK_CLOEXEC, NETLINK_ROUTE\)|nl_pid=\d)")


def needed(tool: str) -> str:
    """Without the tool: a failure in CI, a visible skip elsewhere."""
    found = shutil.which(tool)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have {tool}")
        pytest.skip(f"needs {tool}")
    return found


@pytest.fixture
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Runs all sessions, on a model of random weights."""
    folder = tmp_path_factory.mktemp("s")
    model = folder / "tiny.gguf"
    write_tiny_model(model)
    return [sys.executable, "-m", "tests.privacy.sessions", str(folder / "w"), str(model)]


def check(found: dict[str, Any]) -> None:
    """The sessions were sessions: the model was asked, and the program was translated."""
    assert found["state"] == "ready"
    assert found["completion"]["timings"]["predicted_n"] > 0
    assert found["edit"]["tries"] > 0
    assert found["translation"]["verdict"], found["translation"]
    assert json.loads(found["complete"][1])["timings"]["predicted_n"] > 0
    assert json.loads(found["edit command"][1])["tries"] > 0
    for name in ("complete", "translate", "index", "search", "map"):
        assert found[name][0] == 0, found[name]


def test_no_system_call_for_a_network(command: list[str], tmp_path: Path) -> None:
    log = tmp_path / "calls"
    # Without its own seccomp filter, so that what ours refuses is seen too.
    strace = [needed("strace"), "-f", "-qq", "-e", "trace=network,execve", "-o", str(log)]
    done = subprocess.run([*strace, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout))
    families: Counter[str] = Counter()
    outside, loopbacks, sandboxes = [], 0, 0
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        sandboxes += "bwrap" in line and "execve(" in line
        call = CALL.search(line)
        if call is None:
            continue
        found = FAMILY.search(call["arguments"])
        if found is None:
            continue  # sent on a connected socket, whose making was seen
        families[found[0]] += 1
        if found[0] in ("AF_UNIX", "AF_LOCAL"):
            continue
        if LOOPBACK.search(line):
            loopbacks += call["call"] == "socket"
            continue
        outside.append(line)
    assert outside == []
    assert families["AF_UNIX"] > 0, "nothing was traced"
    assert loopbacks <= sandboxes, "netlink sockets are made by bubblewrap alone"


def test_nothing_arrives_where_every_address_is_local(command: list[str]) -> None:
    needed("ip")
    namespace = [needed("unshare"), "--user", "--map-root-user", "--net"]
    allowed = subprocess.run([*namespace, "true"], stderr=subprocess.DEVNULL)
    if allowed.returncode != 0:
        pytest.skip("this machine does not let us make network namespaces")
    argv = [*namespace, sys.executable, "-m", "tests.privacy.listener", *command]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    address, packets = said["control"]
    assert (address, packets > 0) == ("203.0.113.7", True), "an open process reaches the listener"
    assert said["code"] == 0, said["stderr"]
    assert said["packets"] == 0
    check(json.loads(said["stdout"]))
