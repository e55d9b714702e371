"""Which folder a file's project is."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmcode.index.root import project_root


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))


def _make(tmp_path: Path, *paths: str) -> Path:
    """Files under home/, folders where a path ends with a slash; returns home/."""
    home = tmp_path / "home"
    for path in paths:
        at = home / path
        if path.endswith("/"):
            at.mkdir(parents=True)
        else:
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text("")
    return home


def test_the_nearest_repository_wins_over_manifests_in_it(tmp_path: Path) -> None:
    home = _make(tmp_path, "mono/.git/", "mono/a/package.json", "mono/a/src/x.ts")
    assert project_root(home / "mono/a/src/x.ts") == home / "mono"


def test_of_nested_repositories_the_inner_one(tmp_path: Path) -> None:
    home = _make(tmp_path, "outer/.git/", "outer/inner/.git", "outer/inner/x.py")
    assert project_root(home / "outer/inner/x.py") == home / "outer/inner"


def test_without_a_repository_the_nearest_manifest(tmp_path: Path) -> None:
    home = _make(tmp_path, "a/pyproject.toml", "a/b/go.mod", "a/b/c/x.go")
    assert project_root(home / "a/b/c") == home / "a/b"


def test_a_loose_file_has_no_project(tmp_path: Path) -> None:
    home = _make(tmp_path, "notes/x.py")
    assert project_root(home / "notes/x.py") is None


def test_a_home_folder_under_version_control_is_no_project(tmp_path: Path) -> None:
    home = _make(tmp_path, ".git/", "package.json", "notes/x.py")
    assert project_root(home / "notes/x.py") is None
    assert project_root(home) is None


def test_a_file_that_is_not_there_yet_and_a_link(tmp_path: Path) -> None:
    home = _make(tmp_path, "p/Cargo.toml", "p/src/")
    (home / "link").symlink_to(home / "p/src")
    assert project_root(home / "link/new.rs") == home / "p"
