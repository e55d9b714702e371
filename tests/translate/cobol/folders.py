"""A program run by cobc and, translated, by Python, each in a folder of its own: what they print,
how they end and which files they leave must be the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.translate.cobol.both import RUNTIME, translated


@dataclass(frozen=True)
class Left:
    """What a run left behind."""

    stdout: str
    stderr: str
    code: int
    files: dict[str, bytes]


@dataclass(frozen=True)
class Built:
    """Both programs, ready to run."""

    folder: Path

    def run(
        self,
        *,
        stdin: bytes = b"",
        files: Mapping[str, bytes] | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> tuple[Left, Left]:
        """(what cobc's program left, what the translation left), from empty folders and `files`."""
        commands = {
            "cobc": [str(self.folder / "original")],
            "ours": [sys.executable, "../program.py"],
        }
        left = []
        for name, command in commands.items():
            inside = self.folder / name
            shutil.rmtree(inside, ignore_errors=True)
            inside.mkdir()
            for file, content in (files or {}).items():
                (inside / file).write_bytes(content)
            done = subprocess.run(
                [*command, *arguments],
                cwd=inside,
                input=stdin,
                capture_output=True,
                timeout=60,
                env={**os.environ, "PYTHONPATH": str(RUNTIME), "TZ": "UTC", **(environment or {})},
                check=False,
            )
            assert b"Traceback" not in done.stderr, done.stderr.decode()
            found = {p.name: p.read_bytes() for p in sorted(inside.iterdir())}
            stdout, stderr = done.stdout.decode("latin-1"), done.stderr.decode("latin-1")
            left.append(Left(stdout, stderr, done.returncode, found))
        return left[0], left[1]


def build(folder: Path, source: str) -> Built:
    """`source`, compiled and translated. Without cobc: a failure in CI, else a visible skip."""
    if shutil.which("cobc") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have cobc")
        pytest.skip("needs cobc: apt install gnucobol3")
    (folder / "program.cob").write_text(source, encoding="latin-1")
    built = subprocess.run(
        ["cobc", "-x", "-free", "-w", "-o", "original", "program.cob"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (folder / "program.py").write_text(translated(source), encoding="utf-8")
    return Built(folder)


def same(folder: Path, source: str, *, but: Sequence[str] = (), **options: object) -> Left:
    """What both leave; fails where they differ. `but`: files that may differ in their bytes."""
    original, ours = build(folder, source).run(**options)  # type: ignore[arg-type]
    assert ours.stdout == original.stdout
    assert ours.code == original.code
    for name in but:
        original.files.pop(name, None)
        ours.files.pop(name, None)
    assert ours.files == original.files
    return ours
