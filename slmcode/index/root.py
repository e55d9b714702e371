"""Which folder is the project that a file belongs to, for commands that are given only a file."""

from __future__ import annotations

import os
from pathlib import Path

# Folders (or, in a worktree, files) that mark a repository, and files that mark a project.
_REPOSITORY = (".git", ".hg", ".jj", ".svn")
# fmt: off
_PROJECT = (
    "pyproject.toml", "setup.py", "package.json", "tsconfig.json", "go.mod", "Cargo.toml",
    "pom.xml", "build.gradle", "build.gradle.kts", "CMakeLists.txt", "Makefile", "Gemfile",
    "composer.json", ".slmcodeignore",
)
# fmt: on


def project_root(path: Path) -> Path | None:
    """The project that holds a file or folder, as an absolute path without symbolic links.

    That is the nearest repository around it: the packages of a workspace use each other, and each
    has a manifest of its own. Outside of repositories it is the nearest folder with a manifest.
    None where there is neither: a folder nobody named may hold anything. The user's home folder
    and what is above it is no project, whatever lies there.
    """
    path = Path(os.path.realpath(path))
    folders = [path, *path.parents] if path.is_dir() else [*path.parents]
    home = Path(os.path.realpath(Path.home()))
    candidates = [f for f in folders if f != home and f not in home.parents]
    for markers in (_REPOSITORY, _PROJECT):
        for folder in candidates:
            if any(os.path.lexists(folder / marker) for marker in markers):
                return folder
    return None
