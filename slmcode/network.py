"""A process closes the network for itself and for all it starts, before it reads any source.

Three barriers, each of which may be missing on a machine:

    namespace   Linux: a network namespace of our own without an interface, by unshare(2)
    filter      Linux on x86-64 and ARM64: a seccomp program that refuses sockets by their family,
                io_uring (it makes sockets without socket(2)), and the ways into the namespaces and
                descriptors of other processes
    audit hook  everywhere, for Python code of this process alone: names are not looked up, and
                there is no socket but a local one

Unix-domain sockets go through the file system and keep working. What other programs of this user
do for whoever asks at theirs is not held.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
import sys
from typing import Any, NamedTuple

NAMESPACE = "network namespace without interfaces"
ONLY_LOCAL = "system call filter: no socket but a local one, no io_uring"
BOUNDED = "system call filter: no socket that a namespace does not hold, no io_uring"
HOOK = "audit hook refusing sockets that are not local"
REFUSAL = "slmcode has closed the network of this process"

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


_children_too = False  # a barrier of the kernel's, which they inherit, holds


def is_closed_for_children() -> bool:
    """Whether `close` closed the network for what this process starts, too."""
    return _children_too


def close(*, sandboxes: bool = False) -> list[str]:
    """Close the network for this process and its children, for good; the barriers that hold.

    With `sandboxes` the children may make namespaces with a loopback device of their own
    (bubblewrap), in which tests talk to themselves: sockets that the namespace holds are not
    refused by their family, and where there is no namespace netlink sockets are not.

    Call before any thread is started, so before numpy is imported (OpenBLAS starts its threads
    then): the kernel gives a user namespace to a single-threaded process only, and root's
    namespace to the calling thread only.
    """
    global _children_too
    barriers = []
    if sys.platform == "linux":
        namespace = _alone() and _own_network_namespace()
        if namespace:
            barriers.append(NAMESPACE)
        families: set[int] = {socket.AF_UNIX}
        if sandboxes:
            families.add(socket.AF_NETLINK)
            if namespace:
                families |= {socket.AF_INET, socket.AF_INET6}
        if _filter_system_calls(families):
            barriers.append(BOUNDED if sandboxes and namespace else ONLY_LOCAL)
    _children_too = bool(barriers)
    sys.addaudithook(_refuse_sockets)
    barriers.append(HOOK)
    return barriers


def _alone() -> bool:
    """Is this the only thread?"""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _own_network_namespace() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNET) == 0:  # root
        return True
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    # Keep our own ids in the new user namespace; files stay accessible without the mapping.
    with contextlib.suppress(OSError):
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as f:
                f.write(text)
    return True


# The filter: instructions of classic BPF on struct seccomp_data (linux/seccomp.h), 64-bit
# little-endian systems.


class _Machine(NamedTuple):
    """Numbers of a processor architecture: audit.h's, and those of system calls."""

    audit: int
    socket: int
    socketpair: int
    setns: int
    seccomp: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, 53, 308, 317),
    "aarch64": _Machine(0xC00000B7, 198, 199, 268, 277),
}
_IO_URING_SETUP, _PIDFD_GETFD = 425, 438  # the same everywhere
_X32 = 0x40000000  # x86-64's second set of calls, with numbers of its own for the same ones

_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _filter_system_calls(families: set[int]) -> bool:
    """Refuse sockets of other families in all threads and children; can it be done here?"""
    if sys.platform != "linux" or sys.maxsize < 2**32 or sys.byteorder != "little":
        return False
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    # The kernel takes a filter of an ordinary user only from one who cannot gain rights.
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0) != 0:
        return False
    code = _instructions(machine, families)
    program = _Program(len(code) // 8, code)
    arguments = ctypes.c_long(_SET_MODE_FILTER), ctypes.c_long(_ALL_THREADS)
    done: int = libc.syscall(ctypes.c_long(machine.seccomp), *arguments, ctypes.byref(program))
    return done == 0


def _instructions(machine: _Machine, families: set[int]) -> bytes:
    """The program. Calls of another architecture are told that there are none."""

    def refuse(number: int) -> tuple[int, int, int, int]:
        return _RETURN, 0, 0, _ERROR | number

    code = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, machine.audit),
        refuse(errno.ENOSYS),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _X32),
        refuse(errno.ENOSYS),
        (_EQUAL, 0, 1, _IO_URING_SETUP),
        refuse(errno.ENOSYS),  # programs go on without
        (_EQUAL, 1, 0, machine.setns),
        (_EQUAL, 0, 1, _PIDFD_GETFD),
        refuse(errno.EPERM),
        (_EQUAL, 2, 0, machine.socket),
        (_EQUAL, 1, 0, machine.socketpair),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
    ]
    for left, family in zip(range(len(families), 0, -1), sorted(families), strict=True):
        code.append((_EQUAL, left, 0, family))
    code += [refuse(errno.EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


# The audit hook

_LOOKUPS = (
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
)
_USES = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")


def _refuse_sockets(event: str, args: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in _LOOKUPS:
        raise PermissionError(REFUSAL)
    if event == "socket.__new__":
        local = getattr(socket, "AF_UNIX", None)
        # On Windows asyncio needs a loopback pair to wake its loop.
        if args[1] != local and sys.platform != "win32":
            raise PermissionError(REFUSAL)
    elif event in _USES and not _is_local(args[0], args[-1]):
        raise PermissionError(REFUSAL)


def _is_local(used: socket.socket, address: object) -> bool:
    """May this socket be used: it is local, or on Windows one end of a loopback pair."""
    if used.family == getattr(socket, "AF_UNIX", None):
        return True
    return sys.platform == "win32" and isinstance(address, tuple) and address[0] == "127.0.0.1"
