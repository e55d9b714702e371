"""What the engine's process can do on this machine: `python -m slmcode.engine.probe`.

Prints one JSON object per line, so that what was found before a crash in native code is known:
first the barriers around the network and what they do to a connection, then the native library.
Used by `slmcode doctor`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import sys
from typing import Any

from slmcode.network import close

_DISCARD = 9  # a port of this machine; where the network is closed nothing gets that far
# What a connection gets that reached the network and was answered, or not, by the other side.
_REACHED = (0, errno.ECONNREFUSED, errno.ETIMEDOUT, errno.EINPROGRESS)


def network() -> dict[str, Any]:
    """Close the network, then try to connect: from Python, and past Python's audit hook."""
    return {
        "barriers": close(),
        "python": _python_connect(),
        "native": _native_connect(),
    }


def native() -> dict[str, Any]:
    """Load llama.cpp and say what it was built with."""
    import llama_cpp
    from llama_cpp import llama_cpp as lib

    info = lib.llama_print_system_info().decode()
    # "CPU : SSE3 = 1 | AVX2 = 1 | "
    pairs = (item.rpartition(":")[2].split("=") for item in info.split("|") if "=" in item)
    features = [name.strip() for name, value in pairs if value.strip() != "0"]
    return {"version": llama_cpp.__version__, "features": features}


def _python_connect() -> str:
    """Why a connection from Python is impossible; "" where it is possible."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            reached = s.connect_ex(("127.0.0.1", _DISCARD))
    except OSError as e:
        return e.strerror or str(e)
    return "" if reached in _REACHED else os.strerror(reached)


def _native_connect() -> str | None:
    """The same for native code, which no audit hook sees; None where it is not tried."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    if fd < 0:
        return os.strerror(ctypes.get_errno())
    address = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(_DISCARD), b"\x7f\0\0\1")
    failed = libc.connect(fd, address, len(address)) != 0
    reached = ctypes.get_errno() if failed else 0
    os.close(fd)
    return "" if reached in _REACHED else os.strerror(reached)


if __name__ == "__main__":
    for part in (network, native):
        print(json.dumps({part.__name__: part()}), flush=True)
