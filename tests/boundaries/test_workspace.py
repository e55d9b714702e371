"""A workspace nobody trusts: what lies in it names no program, no model and no folder of ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from slmcode.config import Config, config_path, describe, load
from slmcode.index.ignore import Ignored
from slmcode.lsp.client import Client
from slmcode.verify import sandbox, toolchains, tools
from slmcode.verify.which import which
from tests.features.test_project import opened, until

MACHINE = sorted(s.name for s in describe() if s.scope in ("machine", "trusted"))
EVIL: dict[str, Any] = {
    "model": "/tmp/evil.gguf",
    "edit_model": "/tmp/evil.gguf",
    "models_folder": "/tmp/evil",
    "test_command": "touch pwned",
    "threads": 256,
    "memory_mb": 65_536,
    "edit_tokens": 32_768,
    "engine_idle_s": 604_800,
    "log_level": "debug",
    "tuned": False,
}
# Modules that our processes import early on, each of which would be run from the working folder.
SHADOWED = (
    "msgspec numpy llama_cpp tree_sitter asyncio json tokenize slmcode pygls lsprotocol filelock "
    "platformdirs pathspec watchdog rope sitecustomize usercustomize conftest typing_extensions "
    "attrs attr cattrs"
).split()


def plant(folder: Path, mark: Path) -> None:
    """All that may be found by somebody who looks for settings or modules in the wrong place."""
    toml = "\n".join(f"{name} = {json.dumps(value)}" for name, value in EVIL.items())
    names = ("slmcode.toml", ".slmcode.toml", "config.toml", ".slmcode/config.toml")
    for name in (*names, ".config/slmcode/config.toml", "slmcode/config.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(toml)
    (folder / "pyproject.toml").write_text(
        f"[tool.slmcode]\n{toml}\n[tool.mypy]\nplugins = ['x']\n"
    )
    environment = "".join(f"SLMCODE_{k.upper()}={v}\n" for k, v in EVIL.items())
    for name in (".env", ".envrc", ".slmcode.env"):
        (folder / name).write_text(f"{environment}SLMCODE_CACHE={folder}\nPYTHONPATH={folder}\n")
    (folder / ".vscode").mkdir(exist_ok=True)
    settings = {f"slmcode.{name}": value for name, value in EVIL.items()}
    (folder / ".vscode" / "settings.json").write_text(json.dumps(settings))
    run = f"open({str(mark)!r}, 'a').write(__name__ + '\\n')\n"
    for name in SHADOWED:
        if not (folder / name).is_dir():
            (folder / f"{name}.py").write_text(run)
    (folder / "slmcode" / "__init__.py").write_text(run)
    (folder / ".ropeproject").mkdir()
    (folder / ".ropeproject" / "config.py").write_text(run)
    hooks = folder / ".git" / "hooks"
    hooks.mkdir(parents=True)
    shell = f"#!/bin/sh\necho $0 >> {mark}\necho 'cobc (GnuCOBOL) 3.2.0'\n"
    for place, programs in (
        (hooks, ("post-checkout", "pre-commit", "fsmonitor")),
        (folder, ("python", "python3", "git", "cobc", "bwrap", "ruff", "sh", "node", "gcc")),
        (folder / "bin", ("python3", "cobc", "bwrap", "gcc", "tsc")),
    ):
        place.mkdir(exist_ok=True)
        for name in programs:
            (place / name).write_text(shell)
            (place / name).chmod(0o755)
    (folder / ".git" / "config").write_text(
        f"[core]\n\tfsmonitor = {hooks}/fsmonitor\n\tpager = touch {mark}\n\thooksPath = hooks\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    workspace = tmp_path / "w"
    workspace.mkdir()
    plant(workspace, tmp_path / "mark")
    for n in range(30):
        (workspace / f"unit_{n}.py").write_text(f"def quaggle_{n}(a):\n    return a\n")
    return workspace


@pytest.mark.parametrize("setting", MACHINE)
def test_each_setting_that_names_something_is_tried(setting: str) -> None:
    assert setting in {*EVIL, "audit_log", "audit_mb", "offline"}


def test_settings_come_from_the_users_folder_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLMCODE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(folder)
    assert not config_path().is_relative_to(folder)
    assert load() == (Config(), [])


def test_vscode_is_told_which_settings_no_folder_may_set() -> None:
    """`.vscode/settings.json` reaches the server only through VS Code, which holds the scopes."""
    path = Path(__file__).parents[2] / "editors" / "vscode" / "package.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    rows = manifest["contributes"]["configuration"]["properties"]
    untrusted = manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    for setting in describe():
        row = rows[f"slmcode.{setting.name}"]
        if setting.scope == "machine":
            assert row["scope"] == "machine", setting.name
        if setting.scope == "trusted":
            assert f"slmcode.{setting.name}" in untrusted
    for name, row in rows.items():
        if name.startswith("slmcode.server."):
            assert row["scope"] == "machine"


async def test_a_server_started_in_it_runs_nothing_of_it(folder: Path, tmp_path: Path) -> None:
    """The real process with the folder as its working folder and in front of PATH."""
    home = tmp_path / "home"
    home.mkdir()
    env = {
        **os.environ,
        **{f"SLMCODE_{k}": str(home / k.lower()) for k in ("CACHE", "STATE", "RUNTIME")},
        "SLMCODE_CONFIG": str(home / "config.toml"),
        "PATH": f".:bin::{os.environ['PATH']}",
    }
    command = [sys.executable, "-P", "-m", "slmcode.cli", "serve"]
    with (tmp_path / "stderr").open("wb") as stderr:
        client = await Client.start(command, env=env, cwd=folder, stderr=stderr)
    asked: list[Any] = []
    try:
        async with asyncio.timeout(60):
            await client.initialize(folders=[(folder.as_uri(), "w")])
            uri = (folder / "unit_1.py").as_uri()
            text = (folder / "unit_1.py").read_text()
            client.open(uri, "python", text)
            found: Any = None
            while not found:  # the index has read it
                found = await client.request("workspace/symbol", {"query": "quaggle_29"})
            renamed = await client.request(
                "textDocument/rename",
                {
                    "textDocument": {"uri": uri},
                    "position": {"line": 0, "character": 6},
                    "newName": "other",
                },
            )
            asked.append(renamed)
            await client.request("shutdown", None)
    finally:
        await client.kill()
    assert asked
    mark = tmp_path / "mark"
    assert not mark.exists() or mark.read_text() == ""
    assert not (folder / "pwned").exists()
    assert not Path("/tmp/evil").exists()


# Programs


@pytest.mark.parametrize("path", [".", "", "bin", ".:bin", "::", "./bin", "../w/bin"])
def test_a_program_is_not_taken_from_where_we_happen_to_be(
    path: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", path)
    for name in ("cobc", "python3", "bwrap", "gcc", "tsc", "git"):
        assert which(name) is None
    assert isinstance(toolchains.find("cobol"), toolchains.Missing)
    assert tools._program(tmp_path, tmp_path / "x.py", "gcc") is None
    assert not (tmp_path / "mark").exists()


def test_absolute_folders_of_path_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f".:{Path(shutil.which('env') or '').parent}:bin")
    assert which("env") == shutil.which("env")


@pytest.mark.parametrize("tool", ["mypy", "pyright", "cargo", "go vet"])
async def test_a_tool_that_runs_code_of_the_project_needs_the_sandbox(
    tool: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mypy's plugins, build scripts: without bubblewrap nobody has said that they may run."""
    monkeypatch.setattr(sandbox, "_bubblewrap", lambda: ("", []))
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("mypy", "pyright", "cargo", "go", "ruff"):
        program = folder / ".venv" / "bin" / name
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/mark\n")
        program.chmod(0o755)
    assert await tools.problems(tool, folder, folder / "unit_1.py", {}) is None
    found = tools._program(folder, folder / "unit_1.py", "ruff")
    assert found is None or not Path(found).is_relative_to(folder)
    assert not (tmp_path / "mark").exists()


# Rule files that are none


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", [".gitignore", ".ignore", ".slmcodeignore"])
@pytest.mark.parametrize("what", ["/dev/zero", "/dev/stdin", "pipe", "folder", "itself", "large"])
async def test_a_rule_file_that_never_ends_is_not_read(
    name: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository may bring any link. Each of these stopped the index, or filled the memory."""
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    workspace = tmp_path / "w"
    workspace.mkdir()
    (workspace / "a.py").write_text("def quaggle():\n    pass\n")
    rules = workspace / name
    if what == "pipe":
        os.mkfifo(rules)
    elif what == "folder":
        rules.mkdir()
    elif what == "large":
        with rules.open("wb") as file:
            file.truncate(1 << 40)  # a hole
    else:
        rules.symlink_to(rules if what == "itself" else what)
    assert not Ignored(workspace).match("a.py", False)
    if name == ".gitignore" and what in ("/dev/zero", "pipe"):
        project = await opened(workspace)
        found = project.find((workspace / "a.py").as_uri())
        assert found is not None
        await until(lambda: found[0].reader.definitions(["quaggle"]))
        project.close()
    with contextlib.suppress(OSError):
        assert not stat.S_ISREG(rules.lstat().st_mode) or what == "large"
