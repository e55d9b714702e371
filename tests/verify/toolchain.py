"""The toolchains that tests need: there, or a visible skip; in CI a failure."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from slmcode.verify import toolchains
from slmcode.verify.programs import Input, Outcome, Runnable, run_all
from slmcode.verify.toolchains import Missing, Toolchain

_USED_WHERE_PRESENT = ("python2", "rust", "typescript")  # Debian's packages are too old, or gone


def toolchain(language: str) -> Toolchain:
    """Skips the test where there is none; in CI it fails if `make toolchains` should have it."""
    found = toolchains.find(language)
    if isinstance(found, Missing):
        if os.environ.get("CI") and language not in _USED_WHERE_PRESENT:
            pytest.fail(f"CI must have it: {found.reason}; {found.install}")
        pytest.skip(f"needs {language}: {found.reason}; {found.install}")
    return found


def built(
    language: str,
    folder: Path,
    sources: str | Mapping[str, str],
    flags: Sequence[str] = (),
    *,
    measured: bool = False,
) -> Runnable:
    """A program of that language; COBOL in free format."""
    named = {_NAMES[language]: sources} if isinstance(sources, str) else sources
    files = {name: text.encode() for name, text in named.items()}
    if language == "cobol":
        flags = [*flags, "-free"]
    chain = toolchain(language)
    return asyncio.run(toolchains.build(chain, files, folder, flags=flags, measured=measured))


def ran(program: Runnable, *inputs: str, cpu_s: float = 5.0) -> list[Outcome]:
    """How it ends on these lines."""
    given = [Input(stdin=text.encode()) for text in inputs]
    return asyncio.run(run_all(program, given, cpu_s=cpu_s))


_NAMES = {
    "cobol": "main.cob",
    "fortran": "main.f",
    "pascal": "main.pas",
    "perl": "main.pl",
    "c": "main.c",
    "python2": "main.py",
    "python": "main.py",
    "java": "Main.java",
    "go": "main.go",
}


def cobol(data: str, *statements: str) -> str:
    """A program in free format."""
    return "\n".join(
        [
            "IDENTIFICATION DIVISION.",
            "PROGRAM-ID. MAIN.",
            "DATA DIVISION.",
            "WORKING-STORAGE SECTION.",
            data,
            "PROCEDURE DIVISION.",
            *statements,
            "",
        ]
    )
