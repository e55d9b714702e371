"""Packages made as users get them, from copies of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.editors import programs

ROOT = Path(__file__).parents[2]
# What editors/package.sh reads; node_modules and .venv are shared.
_SOURCES = ("slmcode", "grammars", "editors", ".ci", ".gitignore")
_FILES = ("pyproject.toml", "README.md", "LICENSE", "requirements.lock")
_LEFT_OUT = shutil.ignore_patterns("node_modules", "__pycache__", "dist", "server", "screenshots")
_LONG_AGO = 1_000_000_000  # s since 1970


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What `make package` makes of the same sources in two places that have little in common.

    Other folders, file times, modes, order of files, time zone, language and umask; and minutes
    or seconds lie between them.
    """
    node = programs.node().parent
    vscode = ROOT / "editors" / "vscode"
    installed = vscode / "node_modules" / ".package-lock.json"
    lock = vscode / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime <= lock.stat().st_mtime:
        path = f"{node}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            [str(node / "npm"), "ci", "--silent"],
            cwd=vscode,
            env={**os.environ, "PATH": path},
            check=True,
        )
    first = tmp_path_factory.mktemp("a") / "checkout"
    second = tmp_path_factory.mktemp("another-place") / "with" / "slmcode in it"
    first.mkdir(parents=True)
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, first / name, ignore=_LEFT_OUT)
        else:
            shutil.copy2(source, first / name)
    for name in _FILES:
        shutil.copy2(ROOT / name, first / name)
    _copy_differently(first, second)
    made = []
    for checkout, changed in (
        (first, {"TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}),
        (second, {"TZ": "America/Lima", "LC_ALL": "POSIX", "PYTHONHASHSEED": "2"}),
    ):
        (checkout / ".venv").symlink_to(ROOT / ".venv")
        (checkout / "editors/vscode/node_modules").symlink_to(vscode / "node_modules")
        out = checkout.parent / "out"
        ended = subprocess.run(
            ["editors/package.sh", str(out)],
            cwd=checkout,
            env={**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}", **changed},
            umask=0o022 if checkout is first else 0o077,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        made.append(out)
    return made[0], made[1]


def _copy_differently(source: Path, target: Path) -> None:
    """The same files, made in the opposite order, as private and old as may be."""
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
            os.utime(copy, (_LONG_AGO, _LONG_AGO))
