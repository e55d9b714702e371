"""The reference: what cobc's programs print, many small cases in one program."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

HEAD = """       identification division.
       program-id. t.
"""


def run_cobol(
    folder: Path, data: Sequence[str], statements: Sequence[str], special: str = ""
) -> list[str]:
    """Lines that a program of these data and statements prints; Latin-1, a line each DISPLAY.

    Without cobc the test is skipped, and fails under CI.
    """
    if shutil.which("cobc") is None:
        if os.environ.get("CI"):
            pytest.fail("cobc is missing: apt-get install gnucobol3")
        pytest.skip("needs cobc")
    text = HEAD
    if special:
        text += f"environment division. configuration section. special-names. {special}.\n"
    text += "data division.\nworking-storage section.\n" + "\n".join(data)
    text += "\nprocedure division.\n" + "\n".join(statements) + "\nstop run.\n"
    source = folder / "t.cob"
    source.write_text(text, encoding="latin-1")
    built = subprocess.run(
        ["cobc", "-x", "-free", "-w", "-o", "t", "t.cob"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    done = subprocess.run([folder / "t"], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("latin-1")
    return done.stdout.decode("latin-1").split("\n")[:-1]
