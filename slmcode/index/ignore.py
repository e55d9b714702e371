"""Which files and folders of a workspace are ignored, by rules that somebody wrote down.

Rules come, strongest first, from `.slmcodeignore`, `.ignore`, our own list of dependency and build
folders, `.gitignore`, `.git/info/exclude` and the user's `core.excludesFile`. Within one kind the
deeper file wins, within one file the last line. `.git`, `.hg` and `.svn` cannot be had back.

pathspec translates the patterns. It would try every pattern on every path (100 patterns on 200,000
files: 20 million searches), so most are looked up instead: a `name`, a `/path` and a `*.suffix` are
keys of dictionaries, and only the rest stay regular expressions. An ignored folder is never
entered, so each entry is matched by itself and never by what stands above it, as git does.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import warnings
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from slmcode.config import cache_folder, runtime_folder, state_folder

RULE_FILES = (".slmcodeignore", ".ignore", ".gitignore")  # strongest first
HISTORY = frozenset({".git", ".hg", ".svn", ".jj", "CVS", ".bzr"})

# Folders that tools fill and nobody reads, ignored without any rule. `dist`, `build`, `out`, `bin`
# and `vendor` are not among them: they hold sources in many projects, and where they do not,
# .gitignore says so or `content.refusal` does.
# fmt: off
FILLED_BY_TOOLS = frozenset({
    "node_modules", "bower_components", "jspm_packages", ".pnpm-store", ".next", ".nuxt",
    ".svelte-kit", ".parcel-cache", ".turbo", ".angular", "__pycache__", "site-packages", ".tox",
    ".nox", ".eggs", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints",
    ".gradle", ".terraform", ".dart_tool", ".stack-work", "dist-newstyle", "elm-stuff",
    "DerivedData", ".idea", ".vs",
})
# fmt: on
# The same where a file beside the folder says which tool it is.
FILLED_IF_BESIDE = {
    "target": ("Cargo.toml", "pom.xml", "build.sbt"),
    "build": ("build.gradle", "build.gradle.kts", "pubspec.yaml"),
    "Pods": ("Podfile",),
    "_build": ("mix.exs", "dune-project", "rebar.config"),
    "deps": ("mix.exs",),
}
# The same where a file inside the folder says so: virtual environments; caches that are tagged as
# such (Cargo's target, mypy, pytest, ruff, many more).
FILLED_IF_INSIDE = ("pyvenv.cfg", "CACHEDIR.TAG")

_RULE_BYTES = 1_000_000  # of a rule file that are read

GLOB = re.compile(r"[*?\[\\]")


class Expression(NamedTuple):
    """A pattern that no dictionary can hold."""

    number: int
    expression: re.Pattern[str]
    only_folders: bool
    by_name: bool


class Rules:
    """The patterns of one file, or of several that hold from the same folder, in order."""

    def __init__(self, lines: Iterable[str], any_case: bool = False) -> None:
        self.any_case = any_case
        self.ignores: list[bool] = []  # of each pattern: True, or False for a `!` pattern
        self.names: dict[str, int] = {}  # `name`: its last pattern's number
        self.folder_names: dict[str, int] = {}  # `name/`
        self.suffixes: dict[str, int] = {}  # `*.suffix`
        self.paths: dict[str, int] = {}  # `/path` or `a/path`
        self.folder_paths: dict[str, int] = {}  # the same with `/` at the end
        self.expressions: list[Expression] = []  # the rest, last first
        for line in lines:
            self._add(line)
        self.expressions.reverse()
        self.for_files = [e for e in self.expressions if not e.only_folders]

    def _add(self, line: str) -> None:
        pattern = _trimmed(line)
        if not pattern or pattern.startswith("#"):
            return
        ignores = not pattern.startswith("!")
        if not ignores:
            pattern = pattern[1:]
        only_folders = pattern.endswith("/")
        if only_folders:
            pattern = pattern[:-1]
        if not pattern:
            return
        by_name = "/" not in pattern
        number = len(self.ignores)
        key = pattern.lower() if self.any_case else pattern
        if not GLOB.search(pattern) and "//" not in pattern:
            if by_name:
                (self.folder_names if only_folders else self.names)[key] = number
            else:
                (self.folder_paths if only_folders else self.paths)[key.removeprefix("/")] = number
        elif by_name and not only_folders and pattern[:2] == "*." and not GLOB.search(pattern[1:]):
            self.suffixes[key[1:]] = number
        else:
            expression = _expression("/" + pattern if by_name else pattern, self.any_case)
            if expression is None:
                return
            self.expressions.append(Expression(number, expression, only_folders, by_name))
        self.ignores.append(ignores)

    def __bool__(self) -> bool:
        return bool(self.ignores)

    def verdict(self, path: str, name: str, is_dir: bool) -> bool | None:
        """True: ignored; False: asked for by a `!` pattern; None: not mentioned.

        `path` is relative to the folder of the rules, `name` its last part.
        """
        if self.any_case:
            name, path = name.lower(), path.lower()
        last = max(self.names.get(name, -1), self.paths.get(path, -1))
        if is_dir:
            last = max(last, self.folder_names.get(name, -1), self.folder_paths.get(path, -1))
        if self.suffixes:
            dot = name.find(".")
            while dot >= 0:
                last = max(last, self.suffixes.get(name[dot:], -1))
                dot = name.find(".", dot + 1)
        for number, expression, _, by_name in self.expressions if is_dir else self.for_files:
            if number < last:
                break
            found = expression.search(name if by_name else path)
            if found is not None and not found.groupdict().get("ps_d"):  # not by what is above it
                last = number
                break
        return None if last < 0 else self.ignores[last]


def _trimmed(line: str) -> str:
    """A line as git reads it: without its end and without trailing spaces, unless escaped."""
    line = line.rstrip("\n").removesuffix("\r")
    bare = line.rstrip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    if escapes % 2 and bare != line:
        return bare[:-1] + "[ ]"  # pathspec would strip it
    return bare[:-1] + "[\t]" if bare.endswith("\t") else bare


def _expression(pattern: str, any_case: bool) -> re.Pattern[str] | None:
    """pathspec's regular expression; None for a pattern that matches nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # re's, about `[[` in somebody's pattern
            compiled = GitIgnoreSpecPattern(pattern).regex
            if compiled is None:
                return None
            return re.compile(compiled.pattern, re.IGNORECASE if any_case else 0)
    except (GitIgnorePatternError, re.error):
        return None


Chain = tuple[tuple[int, Rules], ...]
"""Rules of one kind, deepest first, each with the length of its folder's path and a `/`."""


class FolderRules(msgspec.Struct, frozen=True):
    """All rules that hold for the entries of one folder."""

    prefix: str  # the folder from the root of all rules: "" or with `/` at the end
    chains: tuple[Chain, Chain, Chain]  # as RULE_FILES; git's ends with the rules of all folders
    beside: frozenset[str]  # names of FILLED_IF_BESIDE whose tool is at work here
    filled: bool  # the folder itself is filled by a tool

    def ignored(self, name: str, is_dir: bool) -> bool:
        """Whether an entry of the folder is ignored."""
        if name in HISTORY and (is_dir or name == ".git"):
            return True
        path = self.prefix + name
        ours, ignore, git = self.chains
        verdict = _verdict(ours, path, name, is_dir)
        if verdict is None:
            verdict = _verdict(ignore, path, name, is_dir)
        if verdict is None and is_dir and (name in FILLED_BY_TOOLS or name in self.beside):
            return True
        if verdict is None:
            verdict = _verdict(git, path, name, is_dir)
        return verdict is True


def _verdict(chain: Chain, path: str, name: str, is_dir: bool) -> bool | None:
    for base, rules in chain:
        verdict = rules.verdict(path[base:], name, is_dir)
        if verdict is not None:
            return verdict
    return None


class Ignored:
    """The rules of one workspace folder, read as folders are asked for and kept until `forget`.

    Any thread may ask. Only reading rule files takes the lock, so that no rules from before a
    `forget` stay behind it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own = _own_folders(folder)
        self._lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Read all rule files again when they are needed next: some have changed."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        root = _root(self.folder)
        above = self.folder.relative_to(root).parts
        git = _git_folder(root)
        self._any_case = git is not None and _ignores_case(git)
        self._prefix = "".join(part + "/" for part in above)
        everywhere = (Rules(_lines(path), self._any_case) for path in _git_wide_files(git))
        chain = tuple((0, rules) for rules in everywhere if rules)
        self._above = FolderRules("", ((), (), chain), frozenset(), False)
        for depth in range(len(above)):  # the repository above the workspace folder
            prefix = "".join(part + "/" for part in above[:depth])
            self._above = self._below(self._above, prefix, root / prefix, None)
        self._folders: dict[str, FolderRules] = {}

    def enter(self, relative: str, names: Collection[str] | None = None) -> FolderRules:
        """The rules for the entries of a folder; "" is the workspace folder.

        `names` are the names in it where the caller has listed them, which saves asking for each.
        """
        known = self._folders.get(relative)
        if known is None:
            with self._lock:
                known = self._folders[relative] = self._read(relative, names)
        return known

    def _read(self, relative: str, names: Collection[str] | None) -> FolderRules:
        folder = self.folder / relative
        if relative:
            return self._below(self._parent(relative), f"{self._prefix}{relative}/", folder, names)
        workspace = self._below(self._above, self._prefix, folder, names)
        return msgspec.structs.replace(workspace, filled=False)  # whatever it is, it was opened

    def match(self, relative: str, is_dir: bool) -> bool:
        """Whether a file or folder is ignored, by itself or because a folder above it is."""
        *folders, name = relative.split("/")
        above = ""
        for part in folders:
            if self.skips(above, part):
                return True
            above = f"{above}/{part}" if above else part
            if self.enter(above).filled:
                return True
        if is_dir:
            return self.skips(above, name) or self.enter(relative).filled
        return self.enter(above).ignored(name, False)

    def skips(self, above: str, name: str) -> bool:
        """Whether the folder `name` in `above` is ignored, as seen from outside it."""
        if self._own and (f"{above}/{name}" if above else name) in self._own:
            return True
        return self.enter(above).ignored(name, True)

    def _parent(self, relative: str) -> FolderRules:
        """The rules of the folder above. A loop: a tree may be deeper than Python's stack."""
        above = relative.rpartition("/")[0]
        if above not in self._folders:
            for slash in re.finditer("/", above):
                self.enter(above[: slash.start()])
        return self.enter(above)

    def _below(
        self, parent: FolderRules, prefix: str, folder: Path, names: Collection[str] | None
    ) -> FolderRules:
        """The rules of a folder: its parent's and its own."""

        def there(name: str) -> bool:
            return name in names if names is not None else os.path.lexists(folder / name)

        chains = list(parent.chains)
        for kind, name in enumerate(RULE_FILES):
            if there(name):
                rules = Rules(_lines(folder / name), self._any_case)
                if rules:
                    chains[kind] = ((len(prefix), rules), *chains[kind])
        return FolderRules(
            prefix,
            (chains[0], chains[1], chains[2]),
            frozenset(n for n, tools in FILLED_IF_BESIDE.items() if any(map(there, tools))),
            any(map(there, FILLED_IF_INSIDE)),
        )


def _lines(path: Path) -> list[str]:
    """The lines of a rule file; none where it cannot be read.

    A repository may bring a link to a device or a pipe under such a name: only files are read, and
    of these a megabyte.
    """
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(fd, "rb") as file:
            data = file.read(_RULE_BYTES) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    except OSError:
        return []
    return os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")


def _own_folders(folder: Path) -> frozenset[str]:
    """Our caches, where they lie in the workspace: what we write there must not wake us."""
    ours = (cache_folder(), state_folder(), runtime_folder())
    return frozenset(o.relative_to(folder).as_posix() for o in ours if o.is_relative_to(folder))


def _root(folder: Path) -> Path:
    """The repository's folder if the workspace lies in one, else the workspace folder itself."""
    return next((f for f in (folder, *folder.parents) if os.path.lexists(f / ".git")), folder)


def _git_folder(root: Path) -> Path | None:
    """The folder that holds `info/exclude` and `config`, through the `.git` file of a worktree."""
    git = root / ".git"
    try:
        if not git.is_file():
            return git if git.is_dir() else None
        git = root / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        common = git / "commondir"
        return git / common.read_text(encoding="utf-8").strip() if common.is_file() else git
    except (OSError, UnicodeDecodeError):
        return None


def _setting(path: Path, name: str) -> str | None:
    """The last value of a setting in a git configuration file, without reading what it includes."""
    found = re.findall(rf"(?im)^\s*{name}\s*=\s*\"?([^\"\n]*?)\"?\s*$", "\n".join(_lines(path)))
    return found[-1] if found else None


def _ignores_case(git: Path) -> bool:
    return (_setting(git / "config", "ignorecase") or "").lower() == "true"


def _git_wide_files(git: Path | None) -> list[Path]:
    """`info/exclude` and the user's own rules, strongest first."""
    if git is None:
        return []
    home = Path.home()
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git"
    named = None
    for config in (git / "config", home / ".gitconfig", settings / "config"):
        named = named or _setting(config, "excludesfile")
    users = Path(named).expanduser() if named else settings / "ignore"
    return [git / "info" / "exclude", users]
