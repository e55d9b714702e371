"""Own programs, run by cobc and, translated, by Python: what they print must be the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.translation import to_python

RUNTIME = Path(__file__).parents[3] / "slmcode" / "translate" / "runtime"


@dataclass(frozen=True)
class Ran:
    stdout: str
    code: int


def run_python(folder: Path, text: str, stdin: str = "") -> Ran:
    (folder / "program.py").write_text(text, encoding="utf-8")
    return _run([sys.executable, "program.py"], folder, stdin)


def run_cobc(folder: Path, source: str, stdin: str = "") -> Ran:
    """Without cobc: a failure in CI, a visible skip elsewhere."""
    if shutil.which("cobc") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have cobc")
        pytest.skip("needs cobc: apt install gnucobol3")
    (folder / "program.cob").write_text(source, encoding="utf-8")
    subprocess.run(
        ["cobc", "-x", "-free", "-o", "original", "program.cob"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return _run(["./original"], folder, stdin)


def _run(command: list[str], folder: Path, stdin: str) -> Ran:
    done = subprocess.run(
        command,
        input=stdin.encode(),
        capture_output=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(RUNTIME)},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return Ran(done.stdout.decode("latin-1"), done.returncode)


def translated(source: str) -> str:
    text = source.encode().decode("latin-1")
    return to_python(text, "program.cob", Options(format="free")).text


def same(folder: Path, source: str, stdin: str = "") -> Ran:
    """What both print and end with; fails when they differ."""
    ours = run_python(folder, translated(source), stdin)
    assert ours == run_cobc(folder, source, stdin)
    return ours
