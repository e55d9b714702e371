"""A network in which every address is this machine, and all of its packets are recorded.

`python -m tests.privacy.listener COMMAND …` in a network namespace of its own: an address of the
outside is connected to first, as the control; then the command runs. Prints one JSON object: what
of the control arrived, how many packets came of the command, and what the command printed.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys

OUTSIDE = ("203.0.113.7", 443)  # of documentation (RFC 5737); here it is ourselves
EVERY_PROTOCOL = 0x0003


def main(command: list[str]) -> None:
    """Set the namespace up, connect, run, report."""
    for arguments in (
        ["link", "set", "lo", "up"],
        ["route", "add", "local", "0.0.0.0/0", "dev", "lo"],
    ):
        subprocess.run(["ip", *arguments], check=True)
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL)) as packets,
        socket.create_server(("0.0.0.0", OUTSIDE[1])) as listener,
    ):
        packets.bind(("lo", 0))
        packets.setblocking(False)
        with socket.create_connection(OUTSIDE, 5):
            peer, _ = listener.accept()
            name = peer.getsockname()[0]
            peer.close()
        control = drain(packets)
        done = subprocess.run(command, capture_output=True, text=True)
        said = {
            "control": [name, control],
            "packets": drain(packets),
            "code": done.returncode,
            "stdout": done.stdout,
            "stderr": done.stderr[-4000:],
        }
    print(json.dumps(said))


def drain(packets: socket.socket) -> int:
    """How many packets have arrived since the last call."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while packets.recv(65536):
            count += 1
    return count


if __name__ == "__main__":
    main(sys.argv[1:])
