"""Ways past the barriers around the network, tried by a process whose network is closed.

`python -m slmcode.cli.attempts ROLE PORT` closes the network as the process of that role does, then
tries to reach a listener at PORT of this machine, TCP and UDP, and whatever else could lead out. A
JSON object a line on stdout: the barriers, then each attempt with what the system said. A line
"trying" comes before what may end this process. Roles: engine, server, and open, which closes
nothing (to see that the listener can be reached at all). Used by `slmcode doctor --privacy`.

No attempt leaves this machine, barriers or not: the listener is on it, the outside address is one
that documentation uses and gets no packet, and names end in ".invalid".
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import json
import mmap
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from slmcode import network

_OUTSIDE = b"\xc0\x00\x02\x01"  # 192.0.2.1, of documentation (RFC 5737)
_NAME = "slmcode-privacy.invalid"
_TIMEOUT_S = 5.0
_CHILD_S = 60.0
_AF_PACKET, _AF_VSOCK = 17, 40  # Python has them in some builds only
_X32_SOCKET = 0x40000000 | 41
# mov eax,359 (socket); mov ebx,2; mov ecx,1; xor edx,edx; int 0x80, with rbx kept
_I386_SOCKET = bytes.fromhex("53b867010000bb02000000b90100000031d2cd805bc3")
_NO_ANSWER = -3  # EAI_AGAIN: nobody was there to ask for the name

Attempt = Callable[[int], str]  # the port; the system's words of refusal, "" when it got through


def native(port: int) -> Iterator[tuple[str, str]]:
    """What native code can try, which no audit hook sees. Linux, macOS."""
    yield "connection, TCP", _connect(socket.SOCK_STREAM, b"\x7f\0\0\1", port)
    yield "datagram, UDP", _send(port)
    yield "a route to the outside", _connect(socket.SOCK_DGRAM, _OUTSIDE, 9)
    yield "name lookup", _look_up()
    if sys.platform != "linux":
        return
    yield "packet socket", _socket(_AF_PACKET, socket.SOCK_RAW)
    yield "socket to the host (vsock)", _socket(_AF_VSOCK, socket.SOCK_STREAM)
    yield "netlink socket", _netlink()
    yield "io_uring", _call(425, 1, ctypes.create_string_buffer(120))
    yield "join another's namespace", _join()
    yield "take another's socket", _take()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _said(number: int) -> str:
    return os.strerror(number)


def _socket(family: int, kind: int) -> str:
    fd = _libc().socket(family, kind, 0)
    if fd < 0:
        return _said(ctypes.get_errno())
    os.close(fd)
    return ""


def _connect(kind: int, address: bytes, port: int) -> str:
    libc = _libc()
    fd = libc.socket(socket.AF_INET, kind, 0)
    if fd < 0:
        return _said(ctypes.get_errno())
    try:
        where = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), address)
        failed: int = libc.connect(fd, where, len(where))
        return _said(ctypes.get_errno()) if failed else ""
    finally:
        os.close(fd)


def _send(port: int) -> str:
    libc = _libc()
    fd = libc.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
    if fd < 0:
        return _said(ctypes.get_errno())
    try:
        where = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), b"\x7f\0\0\1")
        sent: int = libc.sendto(fd, b"slmcode", 7, 0, where, len(where))
        return _said(ctypes.get_errno()) if sent < 0 else ""
    finally:
        os.close(fd)


def _look_up() -> str:
    """Anything but "nobody could be asked" is an answer of somebody."""
    libc = _libc()
    found = ctypes.c_void_p()
    code = libc.getaddrinfo(_NAME.encode(), None, None, ctypes.byref(found))
    libc.gai_strerror.restype = ctypes.c_char_p
    if sys.platform == "linux" and code not in (_NO_ANSWER, -11):  # -11: EAI_SYSTEM
        return ""
    return libc.gai_strerror(code).decode() if code else ""


def _netlink() -> str:
    """By itself it leads nowhere, it talks to the kernel: who has devices would set them up."""
    words = _socket(socket.AF_NETLINK, socket.SOCK_RAW)
    if words:
        return words
    text = Path("/proc/self/net/dev").read_text(encoding="utf-8")
    devices = {line.split(":")[0].strip() for line in text.splitlines() if ":" in line}
    if devices <= {"lo"}:
        return "opened: it leads to the kernel alone, there is no device"
    return "opened: it leads to the kernel alone"


def _call(number: int, *arguments: object) -> str:
    longs = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = _libc().syscall(ctypes.c_long(number), *longs)
    if result < 0:
        return _said(ctypes.get_errno())
    os.close(result)
    return ""


def _join() -> str:
    try:
        fd = os.open(f"/proc/{os.getppid()}/ns/net", os.O_RDONLY)
    except OSError as e:
        return _said(e.errno or 0)
    try:
        before = os.readlink("/proc/self/ns/net")
        failed: int = _libc().setns(fd, 0x40000000)
        if failed:
            return _said(ctypes.get_errno())
        return "" if os.readlink("/proc/self/ns/net") != before else "it is the same one"
    finally:
        os.close(fd)


def _take() -> str:
    """Descriptor 0 of the process that started us."""
    try:
        fd = os.pidfd_open(os.getppid())
    except OSError as e:
        return _said(e.errno or 0)
    try:
        return _call(438, fd, 0, 0)
    finally:
        os.close(fd)


def _x32(_: int) -> str:
    return _call(_X32_SOCKET, socket.AF_INET, socket.SOCK_STREAM, 0)


def _i386(_: int) -> str:
    """socket(2) by the 32-bit gate; ends this process where the kernel has none."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(_I386_SOCKET)
    entry = ctypes.addressof(ctypes.c_char.from_buffer(page))
    result: int = ctypes.CFUNCTYPE(ctypes.c_int)(entry)()
    return _said(-result) if result < 0 else ""


def _python(port: int) -> str:
    try:
        socket.create_connection(("127.0.0.1", port), _TIMEOUT_S).close()
    except OSError as e:
        return e.strerror or str(e)
    return ""


def _python_look_up(_: int) -> str:
    try:
        socket.getaddrinfo(_NAME, 80)
    except PermissionError as e:
        return str(e)
    except OSError as e:
        return (e.strerror or str(e)) if e.errno == socket.EAI_AGAIN else ""
    return ""


_PLANTED = """
import {module}
def leave(url):
    return {call}
"""


def _planted(module: str, call: str, port: int) -> str:
    """A module with a call home in it is loaded and used."""
    with tempfile.TemporaryDirectory() as folder:
        name = f"planted_{module.partition('.')[0]}"
        Path(folder, f"{name}.py").write_text(_PLANTED.format(module=module, call=call))
        sys.path.insert(0, folder)
        try:
            importlib.import_module(name).leave(f"http://127.0.0.1:{port}/")
        except ImportError:
            return "not installed here"
        except Exception as e:  # each library has its own around the system's
            return _innermost(e)
        finally:
            sys.path.remove(folder)
    return ""


def _innermost(error: BaseException) -> str:
    """The words the library's own error goes back to; an answer of the listener is none."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and (seen.strerror or isinstance(seen, PermissionError)):
            return seen.strerror or str(seen)
        seen = seen.__cause__ or seen.__context__
    return ""


def _urllib(port: int) -> str:
    return _planted("urllib.request", f"urllib.request.urlopen(url, timeout={_TIMEOUT_S})", port)


def _requests(port: int) -> str:
    return _planted("requests", f"requests.get(url, timeout={_TIMEOUT_S})", port)


def _in_python(port: int) -> Iterator[tuple[str, str]]:
    attempts: tuple[tuple[str, Attempt], ...] = (
        ("Python: connection", _python),
        ("Python: name lookup", _python_look_up),
        ("Python: planted urllib", _urllib),
        ("Python: planted requests", _requests),
    )
    for what, attempt in attempts:
        yield what, attempt(port)


def _other_calls(port: int) -> Iterator[tuple[str, str]]:
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        yield "x32 system calls", _x32(port)
        print(json.dumps({"trying": "i386 system calls"}), flush=True)
        yield "i386 system calls", _i386(port)


def _say(attempts: Iterator[tuple[str, str]]) -> None:
    for what, words in attempts:
        print(json.dumps({"what": what, "words": words}), flush=True)


def _child(role: str, port: int) -> str:
    """What a process of that role prints."""
    command = [sys.executable, "-P", "-m", "slmcode.cli.attempts", role, str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=_CHILD_S).stdout


def _children(port: int) -> None:
    """A child, a child of a child, and a command in the sandbox."""
    for role in ("child", "child of a child"):
        said = _child(role, port)
        print(json.dumps({"who": role}))
        sys.stdout.write(said)
    from slmcode.verify import sandbox

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "try.py").write_text(_SANDBOXED.format(port=port), encoding="utf-8")
        with contextlib.suppress(sandbox.SandboxRefused):
            ran = asyncio.run(sandbox.run(["python3", "try.py"], Path(folder)))
            print(json.dumps({"who": "sandboxed command"}), flush=True)
            words = (
                ran.stdout.strip() if ran.exit_code == 0 else f"did not run: {ran.stderr[-200:]}"
            )
            said = "" if words == "connected" else words
            print(json.dumps({"what": "connection, TCP", "words": said}), flush=True)


_SANDBOXED = """
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), 5)
    print("connected")
except OSError as e:
    print(e.strerror or e)
"""


def main(role: str, port: int) -> None:
    """Close what the role closes, try everything, say what happened."""
    barriers: list[str] = []
    if role in ("engine", "server"):
        barriers = network.close(sandboxes=role == "server")
        print(json.dumps({"who": role, "barriers": barriers}), flush=True)
        _say(_in_python(port))
    if role == "child of a child":
        sys.stdout.write(_child("child", port))
        return
    if role == "open":
        _say(iter([("connection, TCP", _connect(socket.SOCK_STREAM, b"\x7f\0\0\1", port))]))
        _say(iter([("datagram, UDP", _send(port))]))
        return
    if sys.platform != "win32":
        _say(native(port))
    if role == "server":
        _children(port)
    if role in ("engine", "server"):
        print(json.dumps({"who": role}), flush=True)
        _say(_other_calls(port))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
