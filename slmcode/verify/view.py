"""What a command may see of this machine: systems and tools, not the user's files.

Of the home folder only where language tools keep programs and packages is shown; keys, tokens,
histories, other projects are not. The environment is made of names listed here, never copied.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from slmcode.verify.which import which

# Read-only, at their own paths. /etc without what only root may read, see `_unreadable`.
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt"),
    *("/nix", "/gnu", "/run/current-system"),  # NixOS, Guix
    *("/var/lib/gems", "/var/lib/ghc"),  # packages of Debian
)
# Folders of tools: the variable that names the root, where it is without, and what of it is shown.
# "" is all of it. Left out: cargo's credentials, maven's and gradle's settings, npm's tokens.
_TOOLS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("CARGO_HOME", ".cargo", ("bin", "env")),
    ("RUSTUP_HOME", ".rustup", ("",)),
    ("GOPATH", "go", ("bin",)),
    ("GOROOT", ".local/go", ("",)),
    ("PYENV_ROOT", ".pyenv", ("",)),
    ("PYTHONUSERBASE", ".local", ("bin", "lib", "share/uv", "share/mise", "share/pipx")),
    ("NVM_DIR", ".nvm", ("",)),
    ("VOLTA_HOME", ".volta", ("",)),
    ("FNM_DIR", ".local/share/fnm", ("",)),
    ("PNPM_HOME", ".local/share/pnpm", ("",)),
    ("BUN_INSTALL", ".bun", ("bin",)),
    ("DENO_INSTALL", ".deno", ("bin",)),
    ("ASDF_DATA_DIR", ".asdf", ("",)),
    ("SDKMAN_DIR", ".sdkman", ("candidates",)),
    ("RBENV_ROOT", ".rbenv", ("",)),
    ("DOTNET_ROOT", ".dotnet", ("",)),
    ("GHCUP_INSTALL_BASE_PREFIX", ".ghcup", ("",)),
    ("CONDA_ROOT", "miniconda3", ("",)),
    ("CONDA_ROOT", "miniforge3", ("",)),
    ("CONDA_ROOT", "anaconda3", ("",)),
    ("JAVA_HOME", "", ("",)),
    ("MAVEN_HOME", "", ("",)),
    ("GRADLE_HOME", "", ("",)),
    ("VIRTUAL_ENV", "", ("",)),
    ("CONDA_PREFIX", "", ("",)),
)
# The same for folders that tools also write to while they build.
_CACHES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("CARGO_HOME", ".cargo", ("registry", "git")),
    ("GOPATH", "go", ("pkg",)),
    ("GOCACHE", ".cache/go-build", ("",)),
    ("", ".m2", ("repository", "wrapper")),
    ("GRADLE_USER_HOME", ".gradle", ("caches", "wrapper", "jdks")),
    ("npm_config_cache", ".npm", ("_cacache",)),
    ("NUGET_PACKAGES", ".nuget/packages", ("",)),
    ("", ".ivy2", ("cache",)),
    ("", ".cache/coursier", ("",)),
)
_KEPT = (
    *("LANG", "LANGUAGE", "TZ", "PYENV_VERSION", "RUSTUP_TOOLCHAIN", "GOTOOLCHAIN", "GOFLAGS"),
    *(name for name, _, _ in (*_TOOLS, *_CACHES) if name),
)
_SET = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "SHELL": "/bin/sh",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",  # what is printed before a stop is seen
    "GIT_TERMINAL_PROMPT": "0",
    # there is no network: tools that know say so at once
    "CARGO_NET_OFFLINE": "true",
    "GOPROXY": "off",
    "npm_config_offline": "true",
    "PIP_NO_INDEX": "1",
    "UV_OFFLINE": "1",
    "MAVEN_ARGS": "--offline",
}
_PATH = "/usr/local/bin:/usr/bin:/bin"
_OWN_PROGRAMS = (".venv/bin", "venv/bin", "node_modules/.bin")
# Large, and not written by tests: bound read-only where the folder has to be copied.
_HEAVY = (".git", "node_modules", ".venv", "venv", ".tox", ".nox", ".hg")


class View(NamedTuple):
    """Paths that are shown, as text; `env` is the whole environment."""

    home: str
    system: list[str]  # links among them stay links
    read_only: list[str]
    caches: list[str]  # copy on write where that can be, else read-only
    heavy: list[str]  # folders in the workspace folder
    hidden: list[str]  # files below `system` to be seen empty
    hidden_folders: list[str]
    env: dict[str, str]


def of(folder: Path, words: Iterable[str], extra: Mapping[str, str]) -> View:
    """What a command in `folder` (resolved) may see. Reads the file system; never raises.

    `words` are those of the command: a program that it names by its path is shown with the
    installation around it.
    """
    home = _home()
    read_only = [*_shown(_TOOLS, home), *_programs(home, folder), *_named(words, home, folder)]
    caches = list(_shown(_CACHES, home))
    system = [path for path in _SYSTEM if os.path.lexists(path)]
    hidden, hidden_folders = _unreadable("/etc")
    return View(
        home=home,
        system=system,
        read_only=_outermost(path for path in read_only if _allowed(path, home, folder)),
        caches=_outermost(path for path in caches if _allowed(path, home, folder)),
        heavy=[str(folder / name) for name in _HEAVY if _is_folder(folder / name)],
        hidden=hidden,
        hidden_folders=hidden_folders,
        env=_environment(home, folder) | dict(extra),
    )


def _home() -> str:
    """The user's home; a path of its own where it is none, as with users of services."""
    home = os.path.realpath(os.path.expanduser("~"))
    if home == "/" or any(_within(home, path) for path in _SYSTEM):
        return "/home/user"
    return home


def _environment(home: str, folder: Path) -> dict[str, str]:
    user = os.environ.get("USER") or "user"
    kept = {name: os.environ[name] for name in _KEPT if os.environ.get(name)}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    # as where the project's own environment is activated
    own = [str(folder / name) for name in _OWN_PROGRAMS if (folder / name).is_dir()]
    path = os.pathsep.join([*own, os.environ.get("PATH") or _PATH])
    named = {"PATH": path, "HOME": home, "USER": user, "LOGNAME": user, "TMPDIR": "/tmp"}
    return {"LANG": "C.UTF-8"} | kept | named | _SET


def _shown(table: tuple[tuple[str, str, tuple[str, ...]], ...], home: str) -> Iterator[str]:
    for variable, default, parts in table:
        named = os.environ.get(variable, "") if variable else ""
        roots = named.split(os.pathsep) if named else [default and os.path.join(home, default)]
        for root in filter(os.path.isabs, roots):
            for part in parts:
                yield os.path.join(root, part) if part else root


def _programs(home: str, folder: Path) -> Iterator[str]:
    """Folders of PATH, with the installation around them where they are part of one."""
    for entry in os.environ.get("PATH", _PATH).split(os.pathsep):
        if not os.path.isabs(entry):
            continue
        yield entry
        yield from _installation(Path(entry).parent, home, folder)
    for name in (".venv", "venv", "env"):
        yield from _installation(folder / name, home, folder)
    named = os.environ.get("VIRTUAL_ENV")
    if named:
        yield from _installation(Path(named), home, folder)
    node = which("node")
    if node:
        yield from _installation(Path(os.path.realpath(node)).parent.parent, home, folder)


def _named(words: Iterable[str], home: str, folder: Path) -> Iterator[str]:
    """Programs that a command names by their paths."""
    for word in words:
        if os.path.isabs(word) and os.path.isfile(word) and os.access(word, os.X_OK):
            yield os.path.dirname(word)
            yield from _installation(Path(word).parent.parent, home, folder)


def _installation(prefix: Path, home: str, folder: Path) -> Iterator[str]:
    """A prefix with lib/ beside bin/, and the Python that a virtual environment stands on."""
    if not (prefix / "lib").is_dir() or not _allowed(str(prefix), home, folder):
        return
    yield str(prefix)
    try:
        lines = (prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() == "home":
            base = Path(os.path.realpath(value.strip()))
            yield str(base.parent)
            # `home` may be a folder of links, such as Homebrew's or pyenv's
            program = os.path.realpath(prefix / "bin" / "python")
            yield str(Path(program).parent.parent)


def _allowed(path: str, home: str, folder: Path) -> bool:
    """Not a folder that would show the home or what stands beside the workspace folder."""
    real = os.path.realpath(path)
    if not os.path.exists(real):
        return False
    over = [str(folder), home, "/tmp", "/var/tmp"]
    return not any(_within(place, real) for place in over)


def _outermost(paths: Iterator[str]) -> list[str]:
    """Without those that others hold, and without what the system shows already."""
    kept: list[str] = []
    for path in sorted({os.path.normpath(path) for path in paths}):
        if not any(_within(path, other) for other in (*_SYSTEM, *kept)):
            kept.append(path)
    return kept


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _unreadable(root: str) -> tuple[list[str], list[str]]:
    """Files and folders that others than owner and group may not read.

    Permissions keep a user's command from them; a command that root started may read them.
    """
    files: list[str] = []
    folders: list[str] = []
    todo = [root]
    while todo:
        try:
            entries = list(os.scandir(todo.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                mode = entry.stat(follow_symlinks=False).st_mode
            except OSError:
                continue
            if stat.S_ISDIR(mode):
                (todo if mode & 0o005 == 0o005 else folders).append(entry.path)
            elif stat.S_ISREG(mode) and not mode & 0o004:
                files.append(entry.path)
    return files, folders
