"""`slmcode edit` as a user runs it: a process each, and a model that follows a script."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmcode.cli import patch
from slmcode.cli.patch import FileError
from tests.conftest import cache_with_weights
from tests.editors.scripted_engine import write

ROOT = Path(__file__).parents[2]
SOURCE = "x = 1\n\n\ndef add(a, b):\n    return a - b\n"
FIXED = "def add(a, b):\n    return a + b\n```"
AFTER = SOURCE.replace("a - b", "a + b")
ADD = ("--range", "4:5", "--instruction", "Add them.")

pytestmark = pytest.mark.timeout(180)

Ran = subprocess.CompletedProcess[bytes]
Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of these tests' own."""
    folder = tmp_path_factory.mktemp("edit")
    config = folder / "config.toml"
    config.write_text("engine_idle_s = 3\n")
    names = ("RUNTIME", "STATE", "CACHE")
    own = {f"SLMCODE_{name}": str(folder / name.lower()) for name in names}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # ruff is there
    return {**os.environ, **own, "SLMCODE_CONFIG": str(config), "COLUMNS": "200", "PATH": path}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.json"
    write(path, {"chat": [{"contains": "", "text": FIXED}]})
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one file, `a.py`."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.py").write_text(SOURCE)
    (folder / "pyproject.toml").write_text("")
    return folder


@pytest.fixture
def run(environment: dict[str, str], script: Path, folder: Path) -> Run:
    """`run("a.py", …)` is `slmcode edit a.py …` in the project."""

    def run(*arguments: str) -> Ran:
        return subprocess.run(
            [sys.executable, "-m", "tests.cli.scripted_cli", str(script), "edit", *arguments],
            capture_output=True,
            cwd=folder,
            env=environment | {"PYTHONPATH": str(ROOT)},
            timeout=120,
        )

    return run


def result(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_a_diff_and_what_was_checked(run: Run, folder: Path) -> None:
    ran = run("a.py", *ADD)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.decode() == (
        "--- a/a.py\n+++ b/a.py\n@@ -2,4 +2,4 @@\n \n \n def add(a, b):\n"
        "-    return a - b\n+    return a + b\n"
    )
    told = dict(line.split(":", 1) for line in ran.stderr.decode().splitlines())
    assert told["contract"].strip() == "instruction"
    assert told["verdict"].strip() == "not verified"
    assert told["reason"].strip().startswith("it parses and defines the same names")
    assert told["model"].strip().startswith("fast, 1 try, confidence 0.99")
    assert (folder / "a.py").read_text() == SOURCE
    applied = subprocess.run(["git", "apply"], input=ran.stdout, cwd=folder, check=False)
    assert applied.returncode == 0
    assert (folder / "a.py").read_text() == AFTER


def test_written_into_the_file(run: Run, folder: Path) -> None:
    path = folder / "a.py"
    path.chmod(0o640)
    (folder / "link.py").symlink_to("a.py")
    ran = run("link.py", *ADD, "--write")
    assert (ran.returncode, ran.stdout) == (0, b"")
    assert path.read_text() == AFTER
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert (folder / "link.py").is_symlink()
    assert sorted(p.name for p in folder.iterdir()) == ["a.py", "link.py", "pyproject.toml"]


def test_bytes_that_are_not_changed_stay(run: Run, folder: Path) -> None:
    source = b"\xef\xbb\xbfx = '\xc3\xa9'\r\n\r\ndef add(a, b):\r\n    return a - b"
    (folder / "a.py").write_bytes(source)
    ran = run("a.py", "--range", "3:4", "--instruction", "Add them.", "--write")
    assert ran.returncode == 0, ran.stderr
    assert (folder / "a.py").read_bytes() == source.replace(b"a - b", b"a + b")


def test_one_json_object(run: Run) -> None:
    ran = run("a.py", *ADD, "--json")
    found = result(ran)
    assert (ran.returncode, found["after"]) == (0, AFTER)
    assert found["diff"].startswith("--- a/a.py\n+++ b/a.py\n")
    assert [(Path(f["path"]).name, f["new"], f["after"]) for f in found["files"]] == [
        ("a.py", False, AFTER)
    ]
    told = {k: found[k] for k in ("contract", "verdict", "title", "tries", "model")}
    assert told == {
        "contract": "instruction",
        "verdict": "not verified",
        "title": "Add them.",
        "tries": 1,
        "model": "fast",
    }
    assert found["timings"]["predicted_n"] > 0


def test_a_refused_edit_is_not_shown(run: Run, script: Path, folder: Path) -> None:
    write(script, {"chat": [{"contains": "", "text": "def sum(a, b):\n    return 1\n```"}]})
    ran = run("a.py", *ADD, "--write", "--json")
    assert ran.returncode == 3
    found = result(ran)
    assert (found["after"], found["diff"], found["files"]) == (None, "", [])
    assert found["verdict"] == "refused"
    assert found["reason"] == "the model's answer was not right: add is not defined any more"
    assert b"def sum" not in ran.stdout
    assert (folder / "a.py").read_text() == SOURCE


def test_an_action(run: Run, script: Path) -> None:
    write(script, {"chat": [{"contains": "Simplify this code", "text": FIXED}]})
    found = result(run("a.py", "--range", "4:5", "--action", "simplify", "--json"))
    assert (found["title"], found["contract"], found["after"]) == ("Simplify", "behaviour", AFTER)


def test_a_fix_finds_its_problem(run: Run, script: Path, folder: Path) -> None:
    source = "def one(a):\n    return a\n\n\ndef two(a):\n    return b * 2\n"
    (folder / "a.py").write_text(source)
    fixed = "def two(a):\n    return a * 2\n```"
    write(script, {"chat": [{"contains": "Fix this problem: Undefined name `b`", "text": fixed}]})
    ran = run("a.py", "--action", "fix", "--json")
    assert ran.returncode == 0, ran.stderr
    found = result(ran)
    assert found["after"] == source.replace("b * 2", "a * 2")
    assert (found["contract"], found["verdict"]) == ("fixed", "verified")
    ran = run("a.py", "--action", "fix", "--range", "1:2")
    assert (ran.returncode, ran.stdout) == (3, b"")
    assert b"ruff found no problem in these lines" in ran.stderr


def test_an_action_that_the_language_has_not(run: Run, folder: Path) -> None:
    (folder / "a.go").write_text("package a\n")
    ran = run("a.go", "--action", "type-hints")
    assert (ran.returncode, ran.stdout) == (3, b"")
    assert b"this cannot be done with go" in ran.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--instruction", " "],
        ["--instruction", "Do it.", "--action", "fix"],
        ["--action", "explode"],
        ["--instruction", "Do it.", "--range", "0:3"],
        ["--instruction", "Do it.", "--range", "5:4"],
        ["--instruction", "Do it.", "--range", "4"],
        ["--instruction", "Do it.", "--range", "4:6"],
        ["--instruction", "Do it.", "--range", "6:6"],
    ],
)
def test_wrong_usage(run: Run, wrong: list[str]) -> None:
    ran = run("a.py", *wrong)
    assert (ran.returncode, ran.stdout) == (2, b""), ran.stderr


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.unlink(), "there is no file"),
        (lambda p: (p.unlink(), p.mkdir()), "is a folder"),
        (lambda p: p.write_bytes(b"x = '\xe9'\n"), "is not UTF-8 (byte 5)"),
        (lambda p: p.write_bytes(b"\0\1\2"), "is a binary file"),
        (lambda p: p.chmod(0o444), "is read-only; nothing was written"),
    ],
    ids=["none", "folder", "latin-1", "binary", "read-only"],
)
def test_files_that_cannot_be_used(
    run: Run, folder: Path, make: Callable[[Path], object], says: str
) -> None:
    make(folder / "a.py")
    ran = run("a.py", "--instruction", "Do it.", "--write")
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert says in ran.stderr.decode()


def test_a_read_only_file_has_a_diff(run: Run, folder: Path) -> None:
    (folder / "a.py").chmod(0o444)
    assert run("a.py", *ADD).returncode == 0


def test_a_generated_file_is_refused(run: Run, folder: Path) -> None:
    (folder / "a.py").write_text("# Generated by a program. Do not edit.\n" + SOURCE)
    ran = run("a.py", *ADD)
    assert ran.returncode == 3
    assert b"this file is generated" in ran.stderr


def test_without_a_model(run: Run, script: Path) -> None:
    write(script, {"status": {"state": "no_model", "message": "pull one"}})
    ran = run("a.py", *ADD)
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert b"slmcode: pull one" in ran.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(
    environment: dict[str, str], script: Path, folder: Path, signal_number: int
) -> None:
    write(script, {"chat": [{"contains": "", "text": "x", "hold": True}]})
    argv = [sys.executable, "-m", "tests.cli.scripted_cli", str(script), "edit", "a.py"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*argv, *ADD, "--write"],
        stdout=pipe,
        stderr=pipe,
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's "&" ignores it
    ) as process:
        assert process.stderr is not None
        assert b"the first run also waits for the weights" in process.stderr.readline()
        process.send_signal(signal_number)
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b""), errors
    assert errors == b"slmcode: interrupted; nothing was changed\n"
    assert sorted(p.name for p in folder.iterdir()) == ["a.py", "pyproject.toml"]
    assert (folder / "a.py").read_text() == SOURCE


# Files


def test_a_file_that_changed_meanwhile_is_not_written(folder: Path) -> None:
    path = folder / "a.py"
    file = patch.read(path)
    path.write_text("y = 2\n")
    with pytest.raises(FileError, match="has changed meanwhile"):
        patch.write(file, "x = 2\n")
    assert path.read_text() == "y = 2\n"


def test_nothing_is_left_of_a_write_that_failed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    file = patch.read(folder / "a.py")
    with pytest.raises(FileError, match="No space left on device"):
        patch.write(file, "x = 2\n")
    assert (folder / "a.py").read_text() == SOURCE
    assert sorted(p.name for p in folder.iterdir()) == ["a.py", "pyproject.toml"]


def test_a_new_file_replaces_none(folder: Path) -> None:
    patch.create(folder / "tests" / "test_a.py", "é\n")
    assert (folder / "tests" / "test_a.py").read_bytes() == "é\n".encode()
    with pytest.raises(FileError, match="already"):
        patch.create(folder / "a.py", "")
    assert (folder / "a.py").read_text() == SOURCE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\n", "a\nc\n"),
        ("a\nb", "a\nc"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\rb\n", "a\rc\n"),
        ("a\x0cb\u2028c\n", "a\x0cb\u2028d\n"),
        ("", "a\n"),
        ("a\n", ""),
        (None, "a\nb"),
        ("".join(f"{i}\n" for i in range(50)), "".join(f"{i % 45}\n" for i in range(2, 50))),
    ],
)
def test_a_patch_is_what_git_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sub dir" / "a.txt"
    path.parent.mkdir()
    if before is not None:
        path.write_bytes(before.encode())
    diff = patch.unified_diff(path.resolve(), before, after)
    subprocess.run(["git", "apply", "--whitespace=nowarn"], input=diff.encode(), check=True)
    assert path.read_bytes() == after.encode()


def test_no_patch_without_a_change(tmp_path: Path) -> None:
    assert patch.unified_diff(tmp_path / "a", "x\n", "x\n") == ""


# With weights


@pytest.mark.weights
def test_a_docstring_by_real_weights(
    environment: dict[str, str], folder: Path, tmp_path: Path, fast_weights: Path
) -> None:
    cache_with_weights(tmp_path / "cache")
    options = ("--action", "docstring", "--model", "fast", "--json")
    ran = subprocess.run(
        [sys.executable, "-m", "slmcode.cli", "edit", "a.py", "--range", "4:5", *options],
        capture_output=True,
        cwd=folder,
        env=environment | {"SLMCODE_CACHE": str(tmp_path / "cache")},
        timeout=170,
    )
    found = result(ran)
    assert ran.returncode in (0, 3), ran.stderr
    if ran.returncode == 3:
        assert (found["after"], found["verdict"]) == (None, "refused")
        assert found["reason"]
    else:
        assert found["after"].startswith(SOURCE[: SOURCE.index("    return")])
        assert found["after"].endswith("    return a - b\n")
        assert '"""' in found["after"]
