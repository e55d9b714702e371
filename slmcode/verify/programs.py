"""Whole programs run on many inputs in one sandbox: what a run reads, and how it ends.

A program runs as on a machine of its own: an empty folder, a fixed date (libcob's own variable
COB_CURRENT_DATE, which the runtime of translations goes by too), UTC, no network.
"""

from __future__ import annotations

import base64
import math
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from slmcode.verify import sandbox
from slmcode.verify.sandbox import Limits, Ran, SandboxRefused

_DRIVER = Path(__file__).with_name("program_driver.py")
_FOLDER = ".slmcode-run"  # in the sandbox's view of the folder only
_BATCH = 60  # inputs of one sandbox
_ENV = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "COB_CURRENT_DATE": "2024/02/29 12:34:56"}

GIVEN, GENERATED, MALFORMED = "given", "generated", "malformed"


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a program: what it reads. Files are made in the empty folder it runs in.

    `kind` is "given" (by the user), "generated" (of the same shape) or "malformed" (letters where
    a number is read, lines missing): a difference on those is reported, and is no verdict.
    """

    stdin: bytes = b""
    files: dict[str, bytes] = {}  # by name, relative to the folder
    arguments: tuple[str, ...] = ()
    kind: str = GIVEN


class Runnable(msgspec.Struct, frozen=True, kw_only=True):
    """A program as `toolchains.build` made it. Its folder is shown in the sandbox."""

    language: str
    folder: Path  # of everything built; the caller removes it
    command: tuple[str, ...]  # "{folder}" in a word is the folder
    env: dict[str, str] = {}
    # Commands of the same with the language's own checks of bounds, the strictest first.
    checked: tuple[tuple[str, ...], ...] = ()
    # Modules that are imported once for all runs of a Python program; None for other languages.
    warm: tuple[str, ...] | None = None
    measures: str = ""  # how branches are counted: "gcov", "trace", "" for not at all
    sources: tuple[str, ...] = ()  # names of the source files in the folder, the main one first


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one run ended. Of long texts the beginning is kept, and the digest of the whole."""

    stdout: bytes
    stderr: bytes
    exit_code: int  # as a shell gives it; -1 where it was stopped
    stopped: str = ""  # "" | "time" | "output" | "disk" | "memory" | "late"
    stdout_size: int = 0  # bytes, of the whole
    stdout_digest: str = ""
    files: dict[str, str] = {}  # written or changed ones: name -> digest
    contents: dict[str, bytes] = {}  # their beginnings
    seconds: float = 0.0  # of processors
    error: str = ""  # of the language's own runtime, its line; "" where it ended in order
    branches: frozenset[int] = frozenset()  # reached, by number; empty where nothing is measured
    paths: frozenset[int] = frozenset()  # finer than branches: how often, or in which order
    points: int = 0  # how many branches there are, reached or not
    lines: frozenset[int] = frozenset()  # executed ones of the main source, from 1


async def run_all(
    program: Runnable,
    inputs: Sequence[Input],
    *,
    checked: int | None = None,
    cpu_s: float = 2.0,
    wall_s: float = 120.0,
) -> list[Outcome]:
    """How the program ends on each input, in their order, each in an empty folder of its own.

    `checked` is the number of a program that checks bounds, to be run instead. `cpu_s` is for each
    run, `wall_s` for all that go into one sandbox; an input that makes the sandbox stop is answered
    by an Outcome that says so, one not begun in time by "late".
    Raises SandboxRefused.
    """
    found: list[Outcome] = []
    while len(found) < len(inputs):
        left = inputs[len(found) : len(found) + _BATCH]
        request = {
            "task": "run",
            "command": program.command if checked is None else program.checked[checked],
            "env": program.env,
            "warm": program.warm,
            "measures": program.measures if checked is None else "",
            "main": program.sources[0] if program.sources else "",
            "inputs": [_given(one) for one in left],
            "cpu_s": cpu_s,
            "wall_s": wall_s,
        }
        # a last run may begin just before the end, and is cut by its own limit
        limits = Limits(
            wall_s=wall_s + 4 * cpu_s + 10,
            cpu_s=math.ceil(len(left) * (cpu_s + 1)) + 10,
            output_kb=200_000,
        )
        answers, ran = await drive(program.folder, request, limits)
        found += [_outcome(answer, program.language) for answer in answers]
        if len(answers) < len(left):
            found.append(
                Outcome(stdout=b"", stderr=b"", exit_code=-1, stopped=ran.stopped or "late")
            )
            if not ran.stopped:
                found += [found[-1]] * (len(inputs) - len(found))
    return found


async def drive(
    folder: Path, request: dict[str, Any], limits: Limits
) -> tuple[list[dict[str, Any]], Ran]:
    """What the driver answers in a sandbox on `folder`. Raises SandboxRefused."""
    nonce = secrets.token_hex(8)
    own = folder / _FOLDER
    overlay: dict[Path, str | None] = {
        own / "driver.py": _DRIVER.read_text(encoding="utf-8"),
        own / "request.json": msgspec.json.encode(request | {"nonce": nonce}).decode(),
    }
    command = [sys.executable, "-I", "-S", f"{_FOLDER}/driver.py", f"{_FOLDER}/request.json"]
    ran = await sandbox.run(command, folder, overlay=overlay, limits=limits, env=_ENV)
    lines = [line for line in ran.stdout.splitlines() if line.startswith(nonce)]
    answers = []
    for line in lines:
        try:
            answers.append(msgspec.json.decode(line[len(nonce) :]))
        except msgspec.DecodeError:
            break  # cut where it was stopped
    if not answers and not ran.stopped and ran.exit_code:
        said = (ran.stderr.strip() or "no answer").splitlines()
        raise SandboxRefused(f"the program's driver failed: {said[-1]}")
    return answers, ran


def _given(one: Input) -> dict[str, Any]:
    return {
        "stdin": base64.b64encode(one.stdin).decode(),
        "files": {name: base64.b64encode(data).decode() for name, data in one.files.items()},
        "arguments": list(one.arguments),
    }


def _outcome(answer: dict[str, Any], language: str) -> Outcome:
    stderr = base64.b64decode(answer["stderr"])
    code = answer["exit_code"]
    return Outcome(
        stdout=base64.b64decode(answer["stdout"]),
        stderr=stderr,
        exit_code=code,
        stopped=answer["stopped"],
        stdout_size=answer["stdout_size"],
        stdout_digest=answer["stdout_digest"],
        files=answer["files"],
        contents={name: base64.b64decode(text) for name, text in answer["contents"].items()},
        seconds=answer["seconds"],
        error=_error(stderr.decode("utf-8", "replace"), code, language),
        branches=frozenset(answer.get("branches", ())),
        paths=frozenset(answer.get("paths", ())),
        lines=frozenset(answer.get("lines", ())),
        points=answer.get("points", 0),
    )


# What the runtimes of languages say when they give up.
_ERRORS = {
    "cobol": r"^libcob: (?!.*warning).*|^.*\(signal SIG\w+\).*",
    "fortran": r"^(Fortran runtime error|Program received signal|STOP 1|ERROR STOP).*",
    "pascal": r"^Runtime error .*",
    "perl": r"^.* at \S+ line \d+.*\.$",
    "python": r"^(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Iteration))\b.*|^libcob: .*",
    "python2": r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Iteration)\b.*",
    "java": r"^Exception in thread .*",
    "go": r"^(panic|fatal error): .*",
    "rust": r"^thread .* panicked at .*",
    "typescript": r"^(?:Uncaught )?\w*Error\b.*",
}


def _error(stderr: str, code: int, language: str) -> str:
    """The line by which a language's runtime says that it gave up, "" where it did not."""
    if code > 128:
        return f"killed by signal {code - 128}"
    pattern = _ERRORS.get(language)
    found = re.search(f"(?m)(?:{pattern})", stderr) if pattern and code else None
    return found[0].strip() if found else ""
