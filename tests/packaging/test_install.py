"""A bundle's install.py refuses what is not as it was packed, before it does anything."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from slmcode.cli import bundle_install


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A bundle that passes every check and holds nothing that could be installed."""
    folder = tmp_path / "bundle"
    (folder / "wheels").mkdir(parents=True)
    shutil.copy(bundle_install.__file__, folder / "install.py")
    (folder / "wheels/pip-1-py3-none-any.whl").write_bytes(b"no pip")
    _describe(folder)
    return folder


def _describe(folder: Path, **changed: Any) -> None:
    facts = {
        "python": "{}.{}".format(*sys.version_info[:2]),
        "platform": sysconfig.get_platform(),
        "cpu": bundle_install.processor_features(),
        "weights": [],
        **changed,
    }
    (folder / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    sums = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")


def _refusal(folder: Path, *options: str) -> str:
    """What it says when it refuses; nothing was made then."""
    into = folder.parent / "made"
    before = _tree(into)
    ended = subprocess.run(
        [sys.executable, str(folder / "install.py"), "--into", str(into), *options],
        capture_output=True,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"], "HOME": str(folder.parent / "home")},
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert _tree(into) == before
    assert not (folder.parent / "home").exists()
    return ended.stderr


def _tree(folder: Path) -> list[str]:
    return sorted(str(path) for path in (folder, *folder.rglob("*")) if path.exists())


def test_passes_its_checks_and_undoes_what_fails(unpacked: Path) -> None:
    """The one that the other tests change: it comes as far as running pip, which is none."""
    said = _refusal(unpacked)
    assert "checking 3 files: 100 %" in said
    assert "the packages could not be installed" in said


def test_changed_file(unpacked: Path) -> None:
    (unpacked / "wheels/pip-1-py3-none-any.whl").write_bytes(b"no pi_")
    said = _refusal(unpacked)
    assert "wheels/pip-1-py3-none-any.whl is not what SHA256SUMS says" in said
    assert "making an environment" not in said


def test_missing_file(unpacked: Path) -> None:
    (unpacked / "wheels/pip-1-py3-none-any.whl").unlink()
    assert "wheels/pip-1-py3-none-any.whl is missing" in _refusal(unpacked)


def test_file_that_is_not_listed(unpacked: Path) -> None:
    (unpacked / "wheels/numpy-99-py3-none-any.whl").write_bytes(b"")
    assert "numpy-99-py3-none-any.whl is not in SHA256SUMS" in _refusal(unpacked)


def test_link_in_place_of_a_file(unpacked: Path) -> None:
    wheel = unpacked / "wheels/pip-1-py3-none-any.whl"
    elsewhere = unpacked.parent / "elsewhere"
    wheel.rename(elsewhere)
    wheel.symlink_to(elsewhere)
    assert "is a link" in _refusal(unpacked)


def test_no_list(unpacked: Path) -> None:
    (unpacked / "SHA256SUMS").unlink()
    assert "SHA256SUMS is missing" in _refusal(unpacked)


def test_other_python(unpacked: Path) -> None:
    _describe(unpacked, python="3.99")
    assert "run: python3.99 install.py" in _refusal(unpacked)


def test_other_system(unpacked: Path) -> None:
    _describe(unpacked, platform="win-arm64")
    assert "the bundle was made for win-arm64" in _refusal(unpacked)


def test_lesser_processor(unpacked: Path) -> None:
    _describe(unpacked, cpu=["avx1024"])
    assert "this processor lacks what the engine was built with (avx1024)" in _refusal(unpacked)


def test_folder_that_is_taken(unpacked: Path) -> None:
    (unpacked.parent / "made").mkdir()
    (unpacked.parent / "made/thesis.txt").write_text("mine", encoding="utf-8")
    assert "--force replaces it" in _refusal(unpacked)
    assert "was not made by a bundle and is not replaced" in _refusal(unpacked, "--force")


def test_failed_replacement_keeps_the_one_before(unpacked: Path) -> None:
    made = unpacked.parent / "made"
    made.mkdir()
    (made / bundle_install.MARK).write_text("{}", encoding="utf-8")
    (made / "works").write_text("", encoding="utf-8")
    assert "the packages could not be installed" in _refusal(unpacked, "--force")
    assert (made / "works").exists()
    assert not made.with_name("made.before").exists()
