"""Ignore rules, checked against git itself where git has them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from slmcode.index.ignore import FILLED_BY_TOOLS, Ignored

NAMES = [
    "a",
    "b",
    "src",
    "foo.c",
    "foo.h",
    "x.log",
    "Build",
    "build",
    "#c",
    "!d",
    "e f",
    "g ",
    "b.d",
]
PATTERNS = [
    *("a", "a/", "/a", "*.c", "!*.c", "*", "!*/", "!a", "!/src/", "src/", "src/**", "a/**/b"),
    *("**/foo.c", "a/*", "!a/b", "/*", "!/a", r"\#c", "#c", r"\!d", "!d", "e f", r"g\ ", "g ", "g"),
    *("[bB]uild", "[!b]uild", "[^a]", "?", "x.*", "b.d/", "*.d", "a/b/", "**/b/**", "src/*.h", "["),
    *(
        "[a-c]",
        "*o*",
        "Build",
        "foo.c/",
        "/**/b",
        "!src/**/foo.c",
        "a/**",
        "**",
        "x.log   ",
        "\\",
        "/",
    ),
    *(
        "a//b",
        "!",
        "//",
        "**/",
        "e*f",
        "*/b",
        "b/*/a",
        "!**/x.log",
        "foo.[ch]",
        "**.c",
        "a**b",
        "a\t",
    ),
]


@pytest.fixture(autouse=True)
def no_rules_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def tree(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")
    return folder


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("__", "/")).parent.mkdir(parents=True, exist_ok=True)
        (folder / name.replace("__", "/")).write_text(text)


def everything(folder: Path) -> list[tuple[str, bool]]:
    """All paths below a folder but git's own, and whether they are folders."""
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f != ".git"]
        found += [(Path(here, name).relative_to(folder).as_posix(), False) for name in names]
        found += [(Path(here, name).relative_to(folder).as_posix(), True) for name in folders]
    return sorted(found)


def ignored_by_git(repository: Path, paths: list[tuple[str, bool]], below: str = "") -> set[str]:
    listed = "\0".join(below + path for path, _ in paths)
    answer = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=repository,
        input=listed.encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    assert answer.returncode in (0, 1)
    return {name.removeprefix(below) for name in answer.stdout.decode().split("\0") if name}


def ignored_by_us(folder: Path, paths: list[tuple[str, bool]]) -> set[str]:
    ignored = Ignored(folder)
    return {path for path, is_dir in paths if ignored.match(path, is_dir)}


def init(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def random_tree(folder: Path, rng: random.Random) -> None:
    folders = [folder]
    for _ in range(14):
        here = rng.choice(folders) / rng.choice(NAMES)
        if not here.exists() and len(here.relative_to(folder).parts) < 5:
            here.mkdir()
            folders.append(here)
    for here in folders:
        for name in rng.sample(NAMES, 5):
            if not (here / name).exists():
                (here / name).write_text("")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what we compare with")
@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_git_on_a_random_tree_with_random_rules(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    folder = init(tmp_path / "work")
    random_tree(folder, rng)
    paths = everything(folder)
    nested = [path for path, is_dir in paths if is_dir]
    for where in ["", *rng.sample(nested, min(3, len(nested)))]:
        rules = rng.sample(PATTERNS, rng.randint(1, 7))
        (folder / where / ".gitignore").write_bytes("\n".join(rules).encode() + b"\n")
    if seed % 4 == 0:
        (folder / ".git" / "info").mkdir(exist_ok=True)
        (folder / ".git" / "info" / "exclude").write_text("b\n!x.log\r\n")
    assert ignored_by_us(folder, paths) == ignored_by_git(folder, paths)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_agrees_with_git_on_each_pattern(tmp_path: Path, pattern: str) -> None:
    folder = init(tmp_path / "work")
    tree(
        folder, "a/b/foo.c", "a/x/b/foo.h", "src/foo.c", "src/e f/g ", "foo.c", "#c", "!d", "x.log"
    )
    tree(folder, "Build/a", "build/b", "src/a/b", "b/a/a", "b.d/foo.h", "c", "a\t", "g", "src/x/b")
    (folder / ".gitignore").write_text(pattern + "\n")
    paths = everything(folder)
    assert ignored_by_us(folder, paths) == ignored_by_git(folder, paths)


def test_a_folder_inside_a_repository_obeys_the_rules_above_it(tmp_path: Path) -> None:
    repository = init(tmp_path / "work")
    tree(
        repository, "part/of/x.log", "part/of/y.log", "part/of/gen/a.c", "part/of/a.c", "part/gen/b"
    )
    (repository / ".gitignore").write_text("*.log\n/part/of/gen/\n")
    (repository / "part" / ".gitignore").write_text("!y.log\n")
    folder = repository / "part" / "of"
    paths = everything(folder)
    expected = ignored_by_git(repository, paths, below="part/of/")
    assert expected == {"x.log", "gen", "gen/a.c"}
    assert ignored_by_us(folder, paths) == expected


def test_the_users_own_rules_hold(tmp_path: Path) -> None:
    folder = init(tmp_path / "work")
    tree(folder, "a.swp", "a.c", "a.orig")
    home = Path.home()
    write(home, **{".config__git__ignore": "*.swp\n"})
    paths = everything(folder)
    assert ignored_by_us(folder, paths) == ignored_by_git(folder, paths) == {"a.swp"}
    write(home, mine="*.orig\n", **{".gitconfig": "[core]\n\texcludesFile = ~/mine\n"})
    assert ignored_by_us(folder, paths) == ignored_by_git(folder, paths) == {"a.orig"}


def test_a_worktree_uses_its_repositorys_exclude_file(tmp_path: Path) -> None:
    main = init(tmp_path / "main")
    git = ["git", "-C", str(main), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "work")], check=True)
    (main / ".git" / "info").mkdir(exist_ok=True)
    (main / ".git" / "info" / "exclude").write_text("*.o\n")
    folder = tree(tmp_path / "work", "a.o", "a.c")
    paths = [("a.c", False), ("a.o", False)]
    assert ignored_by_us(folder, paths) == ignored_by_git(folder, paths) == {"a.o"}


def test_case_matters_unless_the_repository_says_otherwise(tmp_path: Path) -> None:
    folder = init(tmp_path / "work")
    tree(folder, "Out/a", "x.LOG", "sub/Thing.c")
    (folder / ".gitignore").write_text("out/\n*.log\nsub/thing.*\n")
    paths = everything(folder)
    assert ignored_by_us(folder, paths) == ignored_by_git(folder, paths) == set()
    subprocess.run(["git", "-C", str(folder), "config", "core.ignorecase", "true"], check=True)
    expected = {"Out", "Out/a", "x.LOG", "sub/Thing.c"}
    assert ignored_by_us(folder, paths) == ignored_by_git(folder, paths) == expected


def test_our_own_rule_file_beats_ignore_and_ignore_beats_git(tmp_path: Path) -> None:
    tree(tmp_path, "a.c", "b.c", "c.c", "d.c")
    write(
        tmp_path,
        **{".slmcodeignore": "!a.c\nb.c\n", ".ignore": "a.c\n!b.c\n!c.c\n", ".gitignore": "*.c\n"},
    )
    ignored = Ignored(tmp_path)
    assert [name for name in ("a.c", "b.c", "c.c", "d.c") if ignored.match(name, False)] == [
        "b.c",
        "d.c",
    ]


def test_a_deeper_file_of_the_same_kind_wins_and_one_of_a_weaker_kind_does_not(
    tmp_path: Path,
) -> None:
    tree(tmp_path, "s/a.c", "s/b.c")
    write(tmp_path, **{".ignore": "*.c\n", "s__.ignore": "!a.c\n", "s__.gitignore": "!b.c\n"})
    ignored = Ignored(tmp_path)
    assert not ignored.match("s/a.c", False)
    assert ignored.match("s/b.c", False)


@pytest.mark.parametrize("name", sorted(FILLED_BY_TOOLS)[:5])
def test_folders_filled_by_tools_need_no_rule(tmp_path: Path, name: str) -> None:
    ignored = Ignored(tmp_path)
    assert ignored.match(name, True)
    assert ignored.match(f"deep/{name}/x/y.js", False)
    assert not ignored.match(name, False), "a file of that name is a file"


def test_a_rule_of_ours_brings_a_tools_folder_back_and_gits_does_not(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("!node_modules\n")
    assert Ignored(tmp_path).match("node_modules/x.js", False)
    (tmp_path / ".slmcodeignore").write_text("!node_modules\n")
    assert not Ignored(tmp_path).match("node_modules/x.js", False)


def test_target_is_cargos_only_beside_its_file(tmp_path: Path) -> None:
    tree(tmp_path, "rust/Cargo.toml", "shop/target/market.py")
    ignored = Ignored(tmp_path)
    assert ignored.match("rust/target/debug/x.rs", False)
    assert not ignored.match("shop/target/market.py", False)


def test_an_environment_is_known_by_what_lies_in_it_unless_it_is_the_workspace(
    tmp_path: Path,
) -> None:
    tree(tmp_path, "my-env/pyvenv.cfg", "cache/CACHEDIR.TAG", "env/settings.py")
    ignored = Ignored(tmp_path)
    assert ignored.match("my-env", True)
    assert ignored.match("my-env/lib/x.py", False)
    assert ignored.match("cache/x", False)
    assert not ignored.match("env/settings.py", False)
    assert not Ignored(tmp_path / "my-env").match("lib/x.py", False)


def test_history_cannot_be_had_back(tmp_path: Path) -> None:
    (tmp_path / ".slmcodeignore").write_text("!.git\n!.git/**\n")
    assert Ignored(tmp_path).match(".git/config", False)
    assert Ignored(tmp_path).match("sub/.git", False), "a submodule's .git is a file"


def test_our_own_folders_are_ignored_when_the_workspace_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "deep" / "cache"))
    ignored = Ignored(tmp_path)
    assert ignored.match("deep/cache/index/x.sqlite", False)
    assert not ignored.match("deep/other", True)


def test_rules_are_read_again_after_forget(tmp_path: Path) -> None:
    ignored = Ignored(tmp_path)
    assert not ignored.match("a.c", False)
    (tmp_path / ".gitignore").write_text("a.c\n")
    assert not ignored.match("a.c", False)
    ignored.forget()
    assert ignored.match("a.c", False)


def test_rule_files_that_are_not_text_harm_nobody(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfa.c\n\xff\xfe\x00[z-a]\n[[:x\nb.c\n")
    (tmp_path / ".ignore").mkdir()
    ignored = Ignored(tmp_path)
    assert ignored.match("a.c", False)
    assert ignored.match("b.c", False)
    assert not ignored.match("c.c", False)
