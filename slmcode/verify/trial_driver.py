"""Runs tests of one module against it and against mutants of it; started inside of the sandbox.

Started by `trials.py` with the project's own Python, so it uses the standard library only and
imports nothing of slmcode. It imports the module once and forks for each test and each mutant: a
start of Python with a project's imports can cost seconds, a fork costs milliseconds. Only what is
written to the file descriptor that was stdout is read; what the code prints goes nowhere.

    request   JSON of `trials._Request`, in the file of argv[1]
    answer    one line: the nonce and JSON of `trials.Trials`
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import importlib.util
import json
import os
import re
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

_LONGEST = 400  # characters of a value that a test can hold
_KINDS = (bool, int, float, complex, str, bytes, list, tuple, dict, set, type(None))
_OUTSIDE = {
    "socket.connect": "the network",
    "socket.getaddrinfo": "the network",
    "socket.gethostbyname": "the network",
    "subprocess.Popen": "another program",
    "os.system": "another program",
    "os.exec": "another program",
    "os.posix_spawn": "another program",
}
_WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.link")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        request: Json = json.load(file)
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    sys.dont_write_bytecode = True
    sys.path[:0] = [os.path.normpath(os.path.join(os.getcwd(), p)) for p in request["paths"]]
    answer = _in_child(_all, request, request["limit_s"])
    if answer is None:
        answer = {"error": f"importing {request['module']} did not end"}
    with open(out, "w", encoding="utf-8") as stream:
        stream.write(f"\n{request['nonce']} {json.dumps(answer)}\n")


def _all(request: Json) -> Json:
    """Everything that happens where the module is imported."""
    tempfile.gettempdir()  # now, because finding it out writes a file
    try:
        module = importlib.import_module(request["module"])
    except BaseException as e:
        missing = getattr(e, "name", None) if isinstance(e, ModuleNotFoundError) else ""
        return {"error": _said(e), "missing": missing or ""}
    file = os.path.realpath(getattr(module, "__file__", None) or "")
    if file != os.path.realpath(request["file"]):
        return {"error": f"{request['module']} is another file here: {file}"}
    answer: Json = {"error": "", "has_pytest": importlib.util.find_spec("pytest") is not None}
    answer["unusable"] = _header(request["header"], {})
    request["header"] = [h for n, h in enumerate(request["header"]) if n not in answer["unusable"]]
    limit_s = request["test_s"]
    until = time.monotonic() + request["limit_s"] - 2 * limit_s - 2
    answer["tests"] = tests = []
    kept = []
    for test in request["tests"]:
        done = _in_child(lambda t: _run(request, t), test, limit_s)
        again = done and _in_child(lambda t: _run(request, t), test, limit_s)
        if not done:
            done = {"error": "it did not end"}
        elif not again or again["error"] != done["error"]:
            done["error"] = done["error"] or "it does not end the same way twice"
        tests.append(done)
        if not done["error"]:
            kept.append(test)
    answer["mutants"] = []
    answer["control"] = False
    if kept and request["mutants"]:
        with open(file, encoding="utf-8", newline="") as source:
            same = source.read()
        answer["control"] = (
            _in_child(lambda m: _against(request, module, m, kept), same, limit_s) == []
        )
        for mutant in request["mutants"] if answer["control"] else ():
            if time.monotonic() > until:
                break
            killed = _in_child(lambda m: _against(request, module, m, kept), mutant, limit_s)
            answer["mutants"].append(killed or [])
    return answer


def _header(statements: list[str], names: Json) -> list[int]:
    """Execute imports; gives the numbers of those that fail."""
    failed = []
    for n, statement in enumerate(statements):
        try:
            exec(compile(statement, "<header>", "exec", dont_inherit=True), names)
        except Exception:
            failed.append(n)
    return failed


def _against(request: Json, module: Any, text: str, tests: list[Json]) -> list[str]:
    """The tests that fail where the module's text is this one."""
    exec(compile(text, module.__file__, "exec", dont_inherit=True), module.__dict__)
    return [test["name"] for test in tests if _run(request, test)["error"]]


def _run(request: Json, test: Json) -> Json:
    """One test: how it ends, what it saw, and what it touched that is not its own."""
    seen: Json = {}
    touched: list[str] = []
    done: Json = {"error": "", "kind": "", "line": 0, "raised_here": False, "seen": seen}
    active = [True]
    sys.addaudithook(_watch(request, touched, active))
    began = time.monotonic()
    try:
        names: Json = {"__name__": "slmcode_test", "_seen": seer(seen)}
        _header(request["header"], names)
        exec(compile(test["source"], "<test>", "exec", dont_inherit=True), names)
        result = names[test["name"]]()
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    except BaseException as e:
        done["error"] = _said(e)
        done["kind"] = type(e).__name__
        frames = traceback.extract_tb(e.__traceback__)
        lines = [f.lineno or 0 for f in frames if f.filename == "<test>"]
        done["line"] = lines[-1] if lines else 0
        last = frames[-1] if frames else None
        here = last is not None and os.path.realpath(last.filename) == os.path.realpath(
            request["file"]
        )
        done["raised_here"] = bool(here and last and (last.line or "").startswith("raise"))
    active[0] = False
    done["seconds"] = time.monotonic() - began
    done["touched"] = sorted(set(touched))
    return done


def seer(seen: Json) -> Callable[[int, Any], Any]:
    """What `_seen` is in an asking test; values go to `seen` by number."""

    def see(n: int, value: Any) -> Any:
        """Note a value as source text, if it can be written so and is the same each time."""
        text = _literal(value) or _by_repr(value)
        seen[str(n)] = text if seen.get(str(n), text) == text else ""
        return value

    return see


def _literal(value: Any) -> str:
    """The value as a literal; "" where it is none."""
    try:
        text = repr(value)
        if len(text) <= _LONGEST and _plain(value) and ast.literal_eval(text) == value:
            return text
    except Exception:
        pass  # a repr may do anything
    return ""


def _by_repr(value: Any) -> str:
    """`repr=` and what repr gives, where that holds no address; else `type=` and its class."""
    try:
        text = repr(value)
    except Exception:
        text = " at 0x"  # a repr may do anything
    if len(text) <= _LONGEST and not re.search("0x[0-9a-f]{4}| at 0x| id='", text):
        return f"repr={text!r}"
    return f"type={type(value).__name__!r}"


def _plain(value: Any) -> bool:
    """Whether it and all it holds are of the built-in types themselves, not like them."""
    if type(value) not in _KINDS:
        return False
    if isinstance(value, dict):
        return all(_plain(k) and _plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple, set)):
        return all(_plain(v) for v in value)
    return True


def _watch(
    request: Json, touched: list[str], active: list[bool]
) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook; there is no way to take one away, so it looks at `active`."""
    own = [os.path.realpath(os.getcwd())]
    temporary = [os.path.realpath(tempfile.gettempdir()), "/dev"]
    folders = [os.getcwd(), sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)]
    folders += [p for p in sys.path if p]
    readable = [os.path.realpath(f) for f in folders] + ["/dev", "/proc", "/usr", "/etc"]

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if not active[0]:
            return
        if event in _OUTSIDE:
            touched.append(_OUTSIDE[event])
        elif event == "open" and isinstance(args[0], (str, bytes)):
            path = os.path.abspath(os.fsdecode(args[0]))
            flags = args[2] if isinstance(args[2], int) else 0
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                if not _within(path, temporary) or _within(path, own):
                    touched.append("files it writes")
            elif not _within(path, [*readable, *temporary]):
                touched.append("files outside of the project")
        elif event in _WRITES and isinstance(args[0], (str, bytes)):
            path = os.path.abspath(os.fsdecode(args[0]))
            if not _within(path, temporary) or _within(path, own):
                touched.append("files it writes")

    return hook


def _within(path: str, folders: list[str]) -> bool:
    return any(path == f or path.startswith(f.rstrip("/") + "/") for f in folders)


def _said(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _in_child(work: Callable[[Any], Any], given: Any, limit_s: float) -> Any:
    """What `work(given)` is in a process of its own; None where it crashed or did not end."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            os.close(reading)
            data = json.dumps(work(given)).encode()
            with open(writing, "wb") as stream:
                stream.write(data)
        finally:
            os._exit(0)
    os.close(writing)
    data, until = b"", time.monotonic() + limit_s
    with open(reading, "rb", buffering=0) as stream:
        while (left := until - time.monotonic()) > 0:
            if select.select([stream], [], [], left)[0]:
                piece = stream.read(65536)
                if not piece:
                    break
                data += piece
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    try:
        return json.loads(data)
    except ValueError:
        return None


if __name__ == "__main__":
    main()
