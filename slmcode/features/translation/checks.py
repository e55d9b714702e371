"""Checks of a Python text that cost no run of it: does it compile, does ruff find faults."""

from __future__ import annotations

import ast
import asyncio
import functools
import sys
import warnings
from collections import Counter
from pathlib import Path

import msgspec

from slmcode.verify.which import which

_LINE = 100  # columns


class Finding(msgspec.Struct, frozen=True):
    """One fault: its rule ("F841") and sentence. Its line is not part of it: lines move."""

    code: str
    message: str


def broken(text: str) -> str:
    """Why Python cannot compile the text, "" where it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<translation>", "exec", ast.PyCF_ONLY_AST)
            compile(text, "<translation>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        return f"it is not valid Python: {e}"
    return ""


EVERY = "E,F"
UNDEFINED = "F821"


class Lint:
    """Ruff's rules on versions of one text: only faults that are new count.

    Without ruff on this machine nothing is found.
    """

    def __init__(self, rules: str = EVERY) -> None:
        self._rules = rules
        self._before: Counter[Finding] = Counter()

    async def accept(self, text: str) -> None:
        """The faults of this text are no news."""
        self._before = await _findings(text, self._rules)

    async def fault(self, text: str) -> str:
        """Half a sentence on the first new fault, or why it does not compile; "" without one."""
        if wrong := broken(text):
            return wrong
        new = await _findings(text, self._rules) - self._before
        # What is not defined explains more than what is not used.
        first = min(new, key=lambda found: found.code != UNDEFINED, default=None)
        return f"ruff finds {first.code}: {first.message}" if first is not None else ""


async def formatted(text: str) -> str:
    """The text as `ruff format` lays it out; as it is where there is no ruff."""
    ruff = _ruff()
    if ruff is None:
        return text
    code, out = await _run(ruff, text, "format", f"--line-length={_LINE}")
    return out.decode("utf-8") if code == 0 else text


async def _findings(text: str, rules: str) -> Counter[Finding]:
    ruff = _ruff()
    if ruff is None:
        return Counter()
    options = (f"--select={rules}", f"--line-length={_LINE}", "--output-format=json", "--no-cache")
    _, out = await _run(ruff, text, "check", *options)
    try:
        return Counter(msgspec.json.decode(out, type=list[Finding]))
    except msgspec.DecodeError:
        return Counter()  # its own trouble is not the text's


async def _run(ruff: str, text: str, command: str, *options: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        *(ruff, command, "--isolated", *options, "--stdin-filename=translation.py", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await process.communicate(text.encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, out


@functools.cache
def _ruff() -> str | None:
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.is_file() else which("ruff")
