"""The engine closes the network for itself before it loads a model.

Two barriers. On Linux a network namespace of its own without any interface, made with
unshare(2); Unix-domain sockets go through the file system and keep working. On every system an
audit hook that refuses to make or connect any socket but a local one, for Python code.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from typing import Any

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


def close_network() -> list[str]:
    """Close the network for this process and its children; return the barriers that hold.

    Call before any thread is started, so before numpy is imported (OpenBLAS starts its threads
    then): the kernel gives a user namespace to a single-threaded process only, and root's
    namespace to the calling thread only.
    """
    barriers = []
    if sys.platform == "linux" and _own_network_namespace():
        barriers.append("network namespace without interfaces")
    sys.addaudithook(_refuse_sockets)
    barriers.append("audit hook refusing sockets that are not local")
    return barriers


def _own_network_namespace() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNET) == 0:  # root
        return True
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    try:  # keep our own ids in the new user namespace
        with open("/proc/self/setgroups", "w") as f:
            f.write("deny")
        with open("/proc/self/uid_map", "w") as f:
            f.write(f"{uid} {uid} 1")
        with open("/proc/self/gid_map", "w") as f:
            f.write(f"{gid} {gid} 1")
    except OSError:
        pass  # files stay accessible without the mapping
    return True


def _refuse_sockets(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.__new__":
        local = getattr(socket, "AF_UNIX", None)
        # On Windows asyncio needs a loopback pair to wake its loop.
        if args[1] != local and sys.platform != "win32":
            raise PermissionError("slmcode's engine has no network")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        raise PermissionError("slmcode's engine has no network")
