"""Builds a program, or runs one on many inputs; started inside of the sandbox.

Started by `programs.py`, with the standard library only. Each run has an empty folder of its own,
limits of its own and a clean end: what it leaves running is killed, what it leaves in the temporary
folder is removed.

    request   JSON in the file of argv[1]: {"nonce", "task": "build" | "run", …}
    answer    lines of the nonce and JSON: one of a build, or one of each run as it ends
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import gc
import hashlib
import importlib
import io
import json
import math
import os
import re
import resource
import runpy
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, NoReturn

_HEAD = 256 * 1024  # bytes kept of an output
_MOST = 8 * 1024 * 1024  # bytes of output after which a program is stopped
_FILE_HEAD = 16 * 1024
_FILE_MOST = 64 * 1024 * 1024
_DATA = 1536 * 1024 * 1024
_SAID = 20_000  # bytes of a compiler's messages


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    work = os.path.join(tempfile.gettempdir(), "slmcode-" + request["nonce"])
    os.mkdir(work)
    if request["task"] == "build":
        _say(request, _build(request))
        return
    if request["warm"] is not None:
        sys.path.insert(0, os.getcwd())
        for name in request["warm"]:
            importlib.import_module(name)
        gc.freeze()  # what is here stays as it is, and shared with the forks
    measure = _Measure(request, work)
    until = time.monotonic() + request["wall_s"]
    for number, given in enumerate(request["inputs"]):
        if time.monotonic() > until:
            break
        _say(request, _run(request, given, os.path.join(work, str(number)), measure))
        _tidy(work)


def _say(request: dict[str, Any], answer: dict[str, Any]) -> None:
    print(request["nonce"] + json.dumps(answer), flush=True)


def _tidy(work: str) -> None:
    """What a run left where the next one could find it."""
    folder, own = os.path.dirname(work), os.path.join(os.getcwd(), "")
    for path in (os.path.join(folder, name) for name in os.listdir(folder)):
        if path != work and not own.startswith(os.path.join(path, "")):
            _remove(path)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _build(request: dict[str, Any]) -> dict[str, Any]:
    """Run the commands one after the other until one fails; the new files of the folder."""
    before = _listing(".")
    said, code = b"", 0
    for command in request["commands"]:
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **request["env"]},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as e:
            said, code = said + str(e).encode(), 127
            break
        said += done.stdout
        code = done.returncode
        if code:
            break
    files = {}
    for name, state in _listing(".").items() if not code else ():
        if before.get(name) != state and not name.startswith(".slmcode-run"):
            with open(name, "rb") as file:
                text = base64.b64encode(file.read()).decode()
            files[name] = {"data": text, "mode": os.stat(name).st_mode & 0o777}
    return {"code": code, "said": said[:_SAID].decode("utf-8", "replace"), "files": files}


def _listing(root: str) -> dict[str, tuple[int, int]]:
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                status = os.stat(path, follow_symlinks=False)
                if os.path.isfile(path) and not os.path.islink(path):
                    found[os.path.relpath(path, root)] = (status.st_mtime_ns, status.st_size)
    return found


def _run(
    request: dict[str, Any], given: dict[str, Any], folder: str, measure: _Measure
) -> dict[str, Any]:
    """The program once, on one input."""
    os.mkdir(folder)
    laid = {}
    for name, text in given["files"].items():
        path = os.path.join(folder, name)
        if os.path.commonpath([folder, os.path.normpath(path)]) != folder:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = base64.b64decode(text)
        with open(path, "wb") as file:
            file.write(data)
        laid[os.path.normpath(name)] = hashlib.sha256(data).hexdigest()
    measure.begin()
    with tempfile.TemporaryFile() as stdin:
        stdin.write(base64.b64decode(given["stdin"]))
        stdin.seek(0)
        answer = _execute(request, given, stdin, folder, measure.env)
    answer["files"], answer["contents"] = _written(folder, laid)
    answer.update(measure.end(answer["stopped"]))
    _remove(folder)
    return answer


def _execute(
    request: dict[str, Any], given: dict[str, Any], stdin: Any, folder: str, extra: dict[str, str]
) -> dict[str, Any]:
    own, cpu_s = os.getcwd(), request["cpu_s"]
    command = [word.replace("{folder}", own) for word in request["command"]]
    env = {**os.environ, **request["env"], **extra, "PWD": folder}
    kept = [_Kept(), _Kept()]
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    ends = [stdin.fileno(), out_end, err_end]
    if request["warm"] is None:
        pid = _start([*command, *given["arguments"]], folder, env, ends, cpu_s)
    else:
        pid = os.fork()
        if pid == 0:
            _become([command[-1], *given["arguments"]], folder, env, ends, cpu_s)
    os.close(out_end)
    os.close(err_end)
    stopped = _watch(pid, {out: kept[0], err: kept[1]}, cpu_s)
    for target in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            target(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    os.close(out)
    os.close(err)
    code = os.waitstatus_to_exitcode(status)
    code = code if code >= 0 else 128 - code
    seconds = usage.ru_utime + usage.ru_stime
    if not stopped:
        stopped = {128 + signal.SIGXCPU: "time", 128 + signal.SIGXFSZ: "disk"}.get(code, "")
        if code == 128 + signal.SIGKILL and seconds > cpu_s:
            stopped = "time"
    return _answer(kept, -1 if stopped else code, stopped, seconds)


def _limit(cpu_s: float) -> None:
    for kind, value in (
        (resource.RLIMIT_CPU, math.ceil(cpu_s) + 1),  # `_watch` is sooner, except for children
        (resource.RLIMIT_FSIZE, _FILE_MOST),
        (resource.RLIMIT_DATA, _DATA),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))


def _start(
    command: list[str], folder: str, env: dict[str, str], ends: list[int], cpu_s: float
) -> int:
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=ends[0],
            stdout=ends[1],
            stderr=ends[2],
            start_new_session=True,
            preexec_fn=lambda: _limit(cpu_s),
        )
    except OSError as e:
        sys.exit(f"{command[0]} cannot be started: {e.strerror}")
    process.returncode = 0  # it is waited for by its number
    return process.pid


def _become(
    argv: list[str], folder: str, env: dict[str, str], ends: list[int], cpu_s: float
) -> NoReturn:
    """In a fork: be the Python program, to its end.

    A start of Python with the runtime of translations costs many times what a fork costs, and so
    does the end of an interpreter: done here is what a program can see of it.
    """
    os.setsid()
    for number, fd in enumerate(ends):
        os.dup2(fd, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv[:] = argv
    _limit(cpu_s)
    code = 0
    try:
        try:
            runpy.run_path(argv[0], run_name="__main__")
        except SystemExit as e:
            if isinstance(e.code, int):
                code = e.code & 0xFF
            elif e.code is not None:
                print(e.code, file=sys.stderr)
                code = 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 1
        atexit._run_exitfuncs()
        gc.collect()  # closes the files that nobody holds any more
        for one in gc.get_objects():
            if isinstance(one, io.IOBase) and not one.closed:
                one.flush()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code or (1 if sys.exc_info()[0] else 0))


def _watch(pid: int, pipes: dict[int, _Kept], cpu_s: float) -> str:
    """Read what it prints until it ends; why it has to be stopped, "" where it ended."""
    until = time.monotonic() + 4 * cpu_s + 2  # it may wait for other processes, or for nothing
    clock = (~pid << 3) | 2  # of the processors' time it took, as in linux/posix-timers.h
    with selectors.DefaultSelector() as ready:
        for fd, kept in pipes.items():
            ready.register(fd, selectors.EVENT_READ, kept)
        while not _has_ended(pid) or (ready.get_map() and ready.select(0)):
            if time.monotonic() > until or _spent(clock) > cpu_s:
                return "time"
            for key, _ in ready.select(0.02) if ready.get_map() else ():
                piece = os.read(key.fd, 1 << 16)
                if not piece:
                    ready.unregister(key.fd)
                elif key.data.add(piece) > _MOST:
                    return "output"
            if not ready.get_map():
                time.sleep(0.001)
    return ""


def _spent(clock: int) -> float:
    with contextlib.suppress(OSError):
        return time.clock_gettime(clock)
    return 0.0


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


class _Kept:
    """The beginning, size and digest of a stream."""

    def __init__(self) -> None:
        self.head = bytearray()
        self.size = 0
        self._digest = hashlib.sha256()

    def add(self, piece: bytes) -> int:
        self.head += piece[: _HEAD - len(self.head)]
        self.size += len(piece)
        self._digest.update(piece)
        return self.size

    def digest(self) -> str:
        return self._digest.hexdigest()


def _answer(kept: list[_Kept], code: int, stopped: str, seconds: float) -> dict[str, Any]:
    stdout, stderr = kept
    return {
        "stdout": base64.b64encode(stdout.head).decode(),
        "stderr": base64.b64encode(stderr.head[:_FILE_HEAD]).decode(),
        "stdout_size": stdout.size,
        "stdout_digest": stdout.digest(),
        "exit_code": code,
        "stopped": stopped,
        "seconds": seconds,
    }


def _written(folder: str, laid: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Digests and beginnings of the files that are new or changed; "" for those that are gone."""
    digests, contents = dict.fromkeys(laid, ""), {}
    for name in _listing(folder):
        digest = hashlib.sha256()
        head = b""
        with contextlib.suppress(OSError), open(os.path.join(folder, name), "rb") as file:
            while piece := file.read(1 << 20):
                head = head or piece[:_FILE_HEAD]
                digest.update(piece)
        digests[name] = digest.hexdigest()
        contents[name] = base64.b64encode(head).decode()
    changed = {name: text for name, text in digests.items() if laid.get(name) != text}
    return changed, {name: text for name, text in contents.items() if name in changed}


class _Measure:
    """What a run reached of its source, by gcov's counts or by the trace of an interpreter."""

    def __init__(self, request: dict[str, Any], work: str) -> None:
        self._how = request["measures"]
        self._own = os.getcwd()
        self._folder = os.path.join(work, "measure")
        self._lines: dict[str, dict[int, tuple[int, bool]]] = {}  # of C that cobc made
        self._main = request["main"]
        self.env: dict[str, str] = {}
        if not self._how:
            return
        os.mkdir(self._folder)
        if self._how == "gcov":
            self.env = {"GCOV_PREFIX": self._folder, "GCOV_PREFIX_STRIP": "99"}
            for name in os.listdir("."):
                if name.endswith(".gcno"):
                    shutil.copy(name, self._folder)
                if name.endswith(".c") and os.path.exists(name + ".h"):
                    self._lines[name] = generated_lines(name, self._main)
        else:
            self.env = {
                "SLMCODE_TRACE": os.path.join(self._folder, "trace"),
                "SLMCODE_TRACED": os.path.join(self._own, self._main),
            }

    def begin(self) -> None:
        if self._how:
            for name in os.listdir(self._folder):
                if not name.endswith(".gcno"):
                    os.unlink(os.path.join(self._folder, name))

    def end(self, stopped: str) -> dict[str, Any]:
        if not self._how or stopped:
            return {}
        return self._gcov() if self._how == "gcov" else self._traced()

    def _gcov(self) -> dict[str, Any]:
        notes = sorted(n for n in os.listdir(self._folder) if n.endswith(".gcno"))
        done = subprocess.run(
            ["gcov", "--branch-probabilities", "--stdout", "--json-format", *notes],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        branches, paths, lines, total = [], [], set(), 0
        for text in done.stdout.splitlines():
            for file in json.loads(text)["files"] if text.startswith(b"{") else ():
                name = os.path.basename(file["file"])
                generated = self._lines.get(name)
                if self._lines and generated is None:
                    continue
                for line in file["lines"]:
                    number = line["line_number"]
                    source, counts = number * (name == self._main), True
                    if generated is not None:
                        source, counts = generated.get(number, (0, False))
                    if line["count"]:
                        lines.add(source)
                    for branch in line["branches"] if counts else ():
                        if branch["throw"]:
                            continue
                        if branch["count"]:
                            branches.append(total)
                            paths.append(total * 16 + min(branch["count"].bit_length(), 15))
                        total += 1
        lines.discard(0)
        return {"branches": branches, "paths": paths, "lines": sorted(lines), "points": total}

    def _traced(self) -> dict[str, Any]:
        try:
            with open(os.path.join(self._folder, "trace"), encoding="ascii") as file:
                kinds = [[int(n) for n in line.split()] for line in file]
            every, arcs = kinds
        except (OSError, ValueError):
            return {}
        lines = sorted({arc % 1_000_000 for arc in arcs} & set(every))
        return {"branches": lines, "paths": arcs, "lines": lines, "points": len(every)}


# Tests that cobc writes beside those of the program: entry, return of PERFORM, first call.
_NOT_THE_PROGRAMS = re.compile(
    r"if \((unlikely\()?!?(module|entry|initialized|frame_ptr|call_\w+\.|cob_module_global_enter)"
    r"|switch \(cob_call_params"
    r"|if \(unlikely\(\(cob_glob_ptr->cob_exception_code & 0x0b00"
)


def generated_lines(path: str, main: str) -> dict[int, tuple[int, bool]]:
    """Lines of C that cobc made of procedures: the line of `main` each is of, and does it count?

    The line is 0 where it is of another file; what does not count are cobc's own branches.
    """
    found: dict[int, tuple[int, bool]] = {}
    inside, source = False, 0
    with open(path, encoding="latin-1") as file:
        for number, line in enumerate(file, 1):
            text = line.strip()
            if text == "/* PROCEDURE DIVISION */":
                inside, source = True, 0
            elif text in ("/* Program exit */", "/* Function exit */"):
                inside = False
            elif inside and text.startswith("/* Line: "):
                head, _, name = text[9:].rstrip("*/ ").rpartition(":")
                is_main = os.path.basename(name.strip()) == main
                source = int(head.split()[0]) if is_main else 0
            elif inside:
                found[number] = source, _NOT_THE_PROGRAMS.match(text) is None
    return found


if __name__ == "__main__":
    main()
