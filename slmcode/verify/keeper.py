"""The process that runs a command in a sandbox, holds its limits and leaves nothing behind.

A program of its own, started as `python -I -S keeper.py` by `sandbox.run`, with the standard
library alone: it changes its own namespaces, and must go on when the server that started it is
killed. One request comes as a line of JSON on stdin (see `Request`), one answer goes to stdout when
all is over. The end of stdin is the order to stop: it comes by itself when the server dies.

    server ── stdin ──> keeper ──> bwrap ──> init of the pid namespace ──> command
                          `── user and mount namespace with the copy-on-write folders

Everything the command started is dead, and every file it wrote gone, when the answer is written.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import re
import resource
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_PRIVATE_REC = 0x4000 | (1 << 18)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

# In the keeper's own mount namespace the layers' tmpfs lies here: a folder that every Linux has and
# nothing in the sandbox is shown of.
_STAGE = "/sys"
_LOOK_S = 0.05  # between two looks at processes, memory and disk, at least
_WAIT_S = 0.02  # between two looks at whether all is over
_NICE = 10  # of the command: the editor goes first, and so does the keeper when there are many
_PAUSE_S = 0.002  # for killed processes to end
_END_S = 20.0  # for all of them to be gone; thousands take their time
_SHOWN_ERROR = 300  # characters of bubblewrap's own message

LINUX = sys.platform == "linux"


class Refuse(Exception):
    """The command cannot be run; the text is a half sentence that says why."""


class Stopped(Exception):
    """The server has gone or wants no answer any more."""


class Request:
    """What the server asks for; every field is JSON."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.argv: list[str] = values["argv"]
        self.folder: str = values["folder"]  # as the command shall see it; no links in it
        self.also: str = values["also"]  # the same folder by the name the user gave, "" if the same
        self.texts: list[tuple[str, str | None]] = values["texts"]  # path inside folder, text
        self.env: dict[str, str] = values["env"]
        self.home: str = values["home"]
        self.bwrap: str = values["bwrap"]  # "" without
        self.bwrap_options: list[str] = values["bwrap_options"]
        self.ways: list[str] = values["ways"]  # of "memory", "disk", "copy", the best first
        self.system: list[str] = values["system"]  # seen at their own paths; links stay links
        self.read_only: list[str] = values["read_only"]  # the same, may lie in the home or in /tmp
        self.caches: list[str] = values["caches"]  # the same, copy on write where that can be
        self.heavy: list[str] = values["heavy"]  # folders in `folder` to bind instead of to copy
        self.hidden: list[str] = values["hidden"]  # files of the system that are seen empty
        self.hidden_folders: list[str] = values["hidden_folders"]  # the same
        self.scratch: str = values["scratch"]  # where layers on disk are made
        self.copy_mb: int = values["copy_mb"]
        self.copy_files: int = values["copy_files"]
        self.wall_s: float = values["wall_s"]
        self.cpu_s: int = values["cpu_s"]
        self.memory_mb: int = values["memory_mb"]
        self.output_kb: int = values["output_kb"]
        self.disk_mb: int = values["disk_mb"]
        self.processes: int = values["processes"]


class Place(NamedTuple):
    """Where what the command writes goes, as paths of the keeper."""

    way: str
    root: str  # holds the rest; a tmpfs of its own, or a folder under `scratch`
    work: str  # the workspace folder's view
    caches: dict[str, str]  # cache folder -> its view


def main() -> None:
    if LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what loses its parent stays findable
    for number in _SIGNALS:
        signal.signal(number, _stop)
    request = Request(json.loads(_first_line()))
    with contextlib.suppress(Stopped):
        try:
            answer = _perform(request)
        except Refuse as e:
            answer = {"refused": str(e)}
        except OSError as e:
            answer = {"refused": f"the sandbox cannot be made: {e.strerror or e}"}
        _write_all(1, json.dumps(answer).encode())


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _stop(number: int, frame: object) -> NoReturn:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)  # cleaning up is not disturbed
    raise Stopped


def _perform(request: Request) -> dict[str, Any]:
    _clean_stale(request.scratch)
    way = _choose(request)
    with _place(request, way) as place:
        for path, text in request.texts:
            _lay(place.work, path, text)
        return _Run(request, place).go()


# Where it is written


def _choose(request: Request) -> str:
    """The first way that works here for this folder."""
    for way in request.ways:
        if way == "copy" or (request.bwrap and LINUX and _works(request, way)):
            return way
    raise Refuse("no way to keep the folder from being changed works here")


def _works(request: Request, way: str) -> bool:
    """Whether the kernel allows it, tried in a child: namespaces once left are left for good."""
    if not _all_ours(request.folder):
        return False
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException), _place(request, way) as place:
            code = 0 if _replaces_folders(place.root) else 1
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _all_ours(folder: str) -> bool:
    """Only files of our own user and group can be copied up in a user namespace."""
    ours = (os.geteuid(), os.getegid())
    with os.scandir(folder) as entries:
        owners = {(s.st_uid, s.st_gid) for s in (e.stat(follow_symlinks=False) for e in entries)}
    top = os.stat(folder)
    return owners | {(top.st_uid, top.st_gid)} == {ours}


def _replaces_folders(root: str) -> bool:
    """Whether a folder of the lower layer can be removed and made again.

    Needs user.* attributes in the upper layer, which tmpfs has from Linux 6.6 on.
    """
    lower = os.path.join(root, "try")
    os.makedirs(os.path.join(lower, "a", "b"))
    view = _overlay(root, lower, "tried")
    os.rmdir(os.path.join(view, "a", "b"))
    os.rmdir(os.path.join(view, "a"))
    os.mkdir(os.path.join(view, "a"))
    return not os.listdir(os.path.join(view, "a"))


@contextlib.contextmanager
def _place(request: Request, way: str) -> Iterator[Place]:
    if way == "memory":
        _own_namespaces()
        size = f"size={request.disk_mb}m,nr_inodes={request.disk_mb * 400},mode=0700"
        _mount("tmpfs", _STAGE, size)
        yield _layers(request, way, _STAGE)
        return
    with _scratch(request.scratch) as root:
        if way == "disk":
            _own_namespaces()
            try:
                yield _layers(request, way, root)
            finally:
                _unmount_below(root)
        else:
            _make_folders(root)
            work = os.path.join(root, "work")
            _Copy(request).copy(request.folder, work)
            yield Place(way, root, work, {})


def _layers(request: Request, way: str, root: str) -> Place:
    _make_folders(root)
    work = _overlay(root, request.folder, "work")
    caches = {}
    for number, path in enumerate(request.caches):
        with contextlib.suppress(OSError):  # it is seen read-only then
            caches[path] = _overlay(root, path, f"cache{number}")
    return Place(way, root, work, caches)


def _make_folders(root: str) -> None:
    for name in ("home", "tmp", "shm"):
        os.mkdir(os.path.join(root, name), 0o700)


def _overlay(root: str, lower: str, name: str) -> str:
    """Mount a copy-on-write view of `lower`; return its path."""
    folder = os.path.join(root, "layers", name)
    upper, work, view = (os.path.join(folder, part) for part in ("upper", "work", "view"))
    for path in (upper, work, view):
        os.makedirs(path)
    shutil.copystat(lower, upper)
    # by number: a path may hold the characters that separate options
    fd = os.open(lower, os.O_PATH | os.O_DIRECTORY)
    try:
        options = f"lowerdir=/proc/self/fd/{fd},upperdir={upper},workdir={work},userxattr"
        _mount("overlay", view, options)
    finally:
        os.close(fd)
    return view


@contextlib.contextmanager
def _scratch(parent: str) -> Iterator[str]:
    """A new folder that this process holds a lock on; removed at the end."""
    os.makedirs(parent, mode=0o700, exist_ok=True)
    with _locked(parent):
        root = os.path.join(parent, f"run-{secrets.token_hex(6)}")
        os.mkdir(root, 0o700)
        held = os.open(root, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield root
    finally:
        remove(root)
        os.close(held)


def _clean_stale(parent: str) -> None:
    """End and remove what keepers left that were killed: nobody holds a lock on it."""
    if not os.path.isdir(parent):
        return
    with _locked(parent):
        for name in os.listdir(parent):
            path = os.path.join(parent, name)
            with contextlib.suppress(OSError):
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _kill_with_home(os.path.join(path, "home"))
                    remove(path)
                finally:
                    os.close(fd)


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def remove(root: str) -> None:
    """Remove a folder whatever its files' modes are; links are not followed."""
    for folder, inner, _ in os.walk(root):
        for path in (os.path.join(folder, name) for name in inner):
            if not os.path.islink(path):
                with contextlib.suppress(OSError):
                    os.chmod(path, 0o700)  # before the walk goes into it
    shutil.rmtree(root, ignore_errors=True)


class _Copy:
    """A copy of the folder within limits; folders in `heavy` are left out, to be bound."""

    def __init__(self, request: Request) -> None:
        self._left_mb = float(request.copy_mb)
        self._left_files = request.copy_files
        self._heavy = set(request.heavy) if request.bwrap else set()
        self._too_large = Refuse(
            f"the folder is larger than {request.copy_mb} MB or {request.copy_files:,} files and"
            " would have to be copied; open a smaller folder"
            + ("" if request.bwrap else ", or install bubblewrap")
        )

    def copy(self, source: str, target: str) -> None:
        os.mkdir(target, 0o700)
        with os.scandir(source) as entries:
            for entry in entries:
                _check_stop()
                self._left_files -= 1
                if self._left_files < 0:
                    raise self._too_large
                to = os.path.join(target, entry.name)
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), to)
                elif entry.is_dir():
                    if entry.path in self._heavy:
                        os.mkdir(to)
                    else:
                        self.copy(entry.path, to)
                elif entry.is_file():
                    self._left_mb -= entry.stat().st_size / 1e6
                    if self._left_mb < 0:
                        raise self._too_large
                    with contextlib.suppress(PermissionError):  # nor could the command read it
                        shutil.copy2(entry.path, to)
        shutil.copystat(source, target)
        os.chmod(target, os.stat(target).st_mode | 0o700)


def _lay(root: str, path: str, text: str | None) -> None:
    """Put a text at a path below `root`, or take the file away. No link on the way is followed."""
    *folders, name = path.split("/")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            if text is not None:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=at)
            try:
                inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            except FileNotFoundError:
                return
            os.close(at)
            at = inner
        mode = 0o644
        with contextlib.suppress(FileNotFoundError):
            mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode & 0o777
            os.unlink(name, dir_fd=at)
        if text is not None:
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=at)
            with open(fd, "wb") as file:
                file.write(text.encode("utf-8", "surrogatepass"))
                os.fchmod(fd, mode | 0o400)
    finally:
        os.close(at)


# The command at work

# What the limits of single processes end it with, as exit codes
_BY_SIGNAL = {128 + signal.SIGXCPU: "time", 128 + signal.SIGXFSZ: "disk"}


class _Run:
    """One run of the command, from its start until nothing of it is left."""

    def __init__(self, request: Request, place: Place) -> None:
        self._request = request
        self._place = place
        self._stopped = ""
        self._kept = {1: bytearray(), 2: bytearray()}
        self._barriers: list[str] = []
        self._before_mb = 0.0  # what the copy takes
        self._disk_look = 0.0  # when to look at the disk next
        self._deadline = 0.0
        self._crowd = 0  # so many processes on this machine call for a look at ours

    def go(self) -> dict[str, Any]:
        request = self._request
        status_read, status_write = os.pipe()
        os.set_blocking(status_read, False)
        if self._place.way == "copy":
            self._before_mb = _used_mb(self._place.root)
        started = time.monotonic()
        self._deadline = started + request.wall_s
        try:
            process = self._start(status_write)
        finally:
            os.close(status_write)
        try:
            self._watch(process)
        finally:
            self._end(process)
        seconds = time.monotonic() - started
        self._drain(process)
        code = self._exit_code(process, os.read(status_read, 1 << 16))
        if not self._stopped:
            self._stopped = _BY_SIGNAL.get(code, "")
        return {
            "exit_code": None if self._stopped else code,
            "stdout": self._said(1),
            "stderr": self._said(2),
            "stopped": self._stopped,
            "seconds": seconds,
            "way": self._place.way,
        }

    def _said(self, pipe: int) -> str:
        """What the command wrote. Its folder is called what the user calls it."""
        text = self._kept[pipe].decode("utf-8", "replace")
        return text if self._request.bwrap else text.replace(self._place.work, self._request.folder)

    def _in_copy(self, word: str) -> str:
        """A word of the command, with the copy's paths for those of the folder.

        With bubblewrap the view has the folder's own path, and nothing needs be changed.
        """
        for folder in filter(None, (self._request.also, self._request.folder)):
            inside = re.escape(folder) + r"(?=[/\s'\":;,)]|$)"
            word = re.sub(inside, self._place.work.replace("\\", r"\\"), word)
        return word

    def _exit_code(self, process: subprocess.Popen[bytes], said: bytes) -> int:
        """As a shell gives it. `said` is bubblewrap's own account, the only sure one."""
        if not self._request.bwrap:
            return process.returncode if process.returncode >= 0 else 128 - process.returncode
        for line in said.splitlines():
            found = json.loads(line)
            if "exit-code" in found:
                return int(found["exit-code"])
        if self._stopped:
            return -1
        reason = self._kept[2].decode(errors="replace").strip()[-_SHOWN_ERROR:]
        raise Refuse(f"bubblewrap cannot make the sandbox: {reason}")

    def _start(self, status: int) -> subprocess.Popen[bytes]:
        request = self._request
        if request.bwrap:
            command = _bwrap_command(request, self._place, status)
            cwd, env = "/", {}
        else:
            command, cwd = [self._in_copy(word) for word in request.argv], self._place.work
            root = self._place.root
            env = request.env | {
                "HOME": os.path.join(root, "home"),
                "TMPDIR": os.path.join(root, "tmp"),
                "PWD": cwd,
            }
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(status,) if request.bwrap else (),
            start_new_session=True,
            preexec_fn=lambda: _limit(request),
        )

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Until the command ends or has to be stopped."""
        assert process.stdout is not None
        assert process.stderr is not None
        pipes = {process.stdout.fileno(): 1, process.stderr.fileno(): 2}
        look = 0.0
        while process.poll() is None and not self._stopped:
            now = time.monotonic()
            if now >= self._deadline:
                self._stopped = "time"
            elif now >= look or _crowd() > self._crowd:
                self._stopped = self._exceeded(process.pid)
                took = time.monotonic() - now
                look = time.monotonic() + max(_LOOK_S, 20 * took)  # a twentieth of the time
                self._crowd = _crowd() + self._request.processes
            else:
                for fd in select.select([0, *pipes], [], [], _WAIT_S)[0]:
                    if fd == 0:
                        _check_stop()
                    else:
                        self._read(pipes, fd)
        if not self._stopped and self._disk_full():
            self._stopped = "disk"  # it ended for that, most likely

    def _read(self, pipes: dict[int, int], fd: int) -> None:
        piece = os.read(fd, 1 << 16)
        if not piece:
            del pipes[fd]
            return
        kept = self._kept[pipes[fd]]
        left = self._request.output_kb * 1000 - sum(map(len, self._kept.values()))
        kept += piece[:left]
        if len(piece) > left:
            self._stopped = "output"

    def _exceeded(self, pid: int) -> str:
        """Which limit of the whole tree of processes is passed, "" for none."""
        request = self._request
        now = time.monotonic()
        if now >= self._disk_look:
            if self._disk_full():
                return "disk"
            # a walk over many files takes its time: a tenth of it at most
            self._disk_look = time.monotonic() + 10 * (time.monotonic() - now)
        if not LINUX:
            return ""
        tree = _tree(pid)
        if len(tree) > request.processes:
            return "processes"
        if sum(p.cpu_s for p in tree) > request.cpu_s:
            return "time"
        limit = request.memory_mb * 1e6
        if sum(p.resident for p in tree) > limit and sum(map(_own_share, tree)) > limit:
            return "memory"
        return ""

    def _disk_full(self) -> bool:
        place = self._place
        if place.way == "memory":
            free = os.statvfs(place.root)
            return free.f_bavail == 0 or free.f_ffree == 0
        return _used_mb(place.root) - self._before_mb > self._request.disk_mb

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill everything that is left. True afterwards: the command has no process any more."""
        until = time.monotonic() + _END_S
        if process.poll() is None and self._request.bwrap:
            process.kill()  # and the kernel all the rest: init of the pid namespace dies with it
        while time.monotonic() < until:
            if not self._request.bwrap:
                _kill_all(process.pid)
            if process.poll() is None:
                time.sleep(_PAUSE_S)
            elif not LINUX:
                return
            else:
                try:  # what lost its parent is a child of ours now
                    while os.waitpid(-1, os.WNOHANG)[0]:
                        pass
                except ChildProcessError:
                    return
                time.sleep(_PAUSE_S)

    def _drain(self, process: subprocess.Popen[bytes]) -> None:
        """Read what the pipes still hold: at most what the kernel buffers, nobody writes more."""
        assert process.stdout is not None
        assert process.stderr is not None
        pipes = {process.stdout.fileno(): 1, process.stderr.fileno(): 2}
        while pipes and self._stopped != "output":
            ready = select.select(list(pipes), [], [], 0)[0]
            if not ready:
                return  # a process that got away holds it open
            for fd in ready:
                self._read(pipes, fd)


def _kill_all(group: int) -> None:
    """Kill a process group and the groups of all our descendants.

    By groups: the kernel lets no process of a group fork away while the group is killed.
    """
    groups = {process.group for process in _tree(os.getpid())[1:]} if LINUX else set()
    for other in (groups | {group}) - {os.getpgrp()}:
        with contextlib.suppress(OSError):
            os.killpg(other, signal.SIGKILL)


def _kill_with_home(home: str) -> None:
    """Kill the processes of a run whose keeper was killed: their home is known by its name."""
    wanted = b"HOME=" + os.fsencode(home)
    for name in os.listdir("/proc") if LINUX else ():
        with contextlib.suppress(OSError):
            if name.isdigit():
                with open(f"/proc/{name}/environ", "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        os.kill(int(name), signal.SIGKILL)


def _limit(request: Request) -> None:
    """In the child before it becomes the command: limits that processes hold each for itself."""
    megabyte = 1_000_000
    for name, value in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_CPU", request.cpu_s),
        ("RLIMIT_FSIZE", request.disk_mb * megabyte),
        # not RLIMIT_AS: Node, Go and Java reserve far more addresses than they use
        ("RLIMIT_DATA", 2 * request.memory_mb * megabyte),
        # counts all of the user's threads, none of root's; the keeper's count comes first
        ("RLIMIT_NPROC", _threads() + 4 * request.processes),
    ):
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))
    os.nice(_NICE)
    if LINUX:
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)  # no sudo
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # where memory runs out, this goes first


def _bwrap_command(request: Request, place: Place, status: int) -> list[str]:
    command = [
        request.bwrap,
        *("--unshare-user", "--unshare-all", "--die-with-parent", "--new-session"),
        *("--cap-drop", "ALL", "--uid", str(_UID), "--gid", str(_GID), "--hostname", "sandbox"),
        *request.bwrap_options,
        *("--json-status-fd", str(status)),
    ]
    for path in request.system:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        else:
            command += ["--ro-bind", path, path]
    for path in request.hidden:
        command += ["--ro-bind", "/dev/null", path]
    for path in request.hidden_folders:
        command += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
    # root's own command may write there without any capability
    command += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]
    for name, path in (("shm", "/dev/shm"), ("tmp", "/tmp"), ("home", request.home)):
        command += ["--bind", os.path.join(place.root, name), path]
    for path in request.read_only:
        command += ["--ro-bind", path, path]
    for path in request.caches:
        if path in place.caches:
            command += ["--bind", place.caches[path], path]
        else:
            command += ["--ro-bind", path, path]
    for seen in filter(None, (request.folder, request.also)):
        command += ["--bind", place.work, seen]
        if place.way == "copy":
            for path in request.heavy:
                command += ["--ro-bind", path, seen + path[len(request.folder) :]]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--clearenv"]
    for name, value in request.env.items():
        command += ["--setenv", name, value]
    return [*command, "--chdir", request.also or request.folder, "--", *request.argv]


# What the system is asked


class _Process(NamedTuple):
    pid: int
    group: int
    cpu_s: float  # of it and of its children that have ended
    resident: int  # bytes, shared pages counted for everyone


def _tree(root: int) -> list[_Process]:
    """A process and all that descend from it, by /proc; itself first."""
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    found: dict[int, _Process] = {}
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        cpu = sum(map(int, fields[11:15])) / tick
        found[int(name)] = _Process(int(name), int(fields[2]), cpu, int(fields[21]) * page)
        children.setdefault(int(fields[1]), []).append(int(name))
    tree, todo = [], [root]
    while todo:
        pid = todo.pop()
        if pid in found:
            tree.append(found[pid])
        todo += children.get(pid, ())
    return tree


def _crowd() -> int:
    """How many processes this machine has, roughly."""
    return len(os.listdir("/proc")) if LINUX else 0


def _threads() -> int:
    """How many threads our user has."""
    total = 0
    for name in os.listdir("/proc") if LINUX else ():
        with contextlib.suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == os.getuid():
                total += os.stat(f"/proc/{name}/task").st_nlink - 2
    return total


def _own_share(process: _Process) -> int:
    """Bytes a process takes when shared pages are divided among those that share them."""
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _used_mb(root: str) -> float:
    """Disk space below a folder, without what other file systems show there."""
    device = os.lstat(root).st_dev
    total, todo = 0, [root]
    while todo:
        with contextlib.suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    said = entry.stat(follow_symlinks=False)
                    total += said.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False) and said.st_dev == device:
                        todo.append(entry.path)
    return total / 1e6


_UID, _GID = os.getuid(), os.getgid()  # before there is a namespace of our own


def _own_namespaces() -> None:
    """Become root of a user namespace with mounts of its own. For good; raises OSError."""
    _checked(_libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNS))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {_UID} 1"),
        ("gid_map", f"0 {_GID} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _checked(_libc().mount(b"none", b"/", None, ctypes.c_ulong(_MS_PRIVATE_REC), None))


def _mount(kind: str, target: str, options: str) -> None:
    _checked(
        _libc().mount(
            kind.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(0), options.encode()
        )
    )


def _unmount_below(root: str) -> None:
    layers = os.path.join(root, "layers")
    for name in os.listdir(layers) if os.path.isdir(layers) else ():
        _libc().umount2(os.fsencode(os.path.join(layers, name, "view")), 2)  # MNT_DETACH


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(code: int) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _prctl(option: int, value: int) -> None:
    _libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0)


# stdin and stdout


def _first_line() -> bytes:
    text = bytearray()
    while not text.endswith(b"\n"):
        piece = os.read(0, 1 << 16)
        if not piece:
            sys.exit(0)
        text += piece
    return bytes(text)


def _check_stop() -> None:
    """Raise Stopped if stdin has ended: nothing comes on it after the request."""
    if select.select([0], [], [], 0)[0] and not os.read(0, 1):
        raise Stopped


def _write_all(fd: int, text: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more
        while text:
            try:
                text = text[os.write(fd, text) :]
            except OSError as e:
                if e.errno != errno.EINTR:
                    raise


if __name__ == "__main__":
    main()
