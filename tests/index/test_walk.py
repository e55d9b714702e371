"""The walk finds what is there, once, in order, and survives what a disk can hold."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from slmcode.index.ignore import Ignored
from slmcode.index.rows import Skipped
from slmcode.index.walk import files, scan
from slmcode.index.walk import found as judge


def walk(folder: Path, limit_kb: int = 100, **more: int) -> tuple[list[str], list[Skipped]]:
    skipped: list[Skipped] = []
    found = [f.path for f in files(folder, limit_kb, skipped.append, **more)]  # type: ignore[arg-type]
    return found, skipped


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")


def test_files_come_sorted_per_folder_with_size_and_time(tmp_path: Path) -> None:
    put(tmp_path, "b/z.c", "a.c", "b/a.c", "b/c/x.c", "Z.c", "a/y.c")
    found = list(files(tmp_path, 100, lambda s: pytest.fail(str(s))))
    assert [f.path for f in found] == ["Z.c", "a.c", "a/y.c", "b/a.c", "b/z.c", "b/c/x.c"]
    facts = (tmp_path / "Z.c").stat()
    assert (found[0].size, found[0].mtime_ns) == (1, facts.st_mtime_ns)


def test_an_empty_and_a_missing_folder_hold_nothing(tmp_path: Path) -> None:
    assert walk(tmp_path) == ([], [])
    assert walk(tmp_path / "missing") == ([], [])


def test_the_walk_and_single_matches_agree(tmp_path: Path) -> None:
    put(
        tmp_path, "a.c", "a.o", "sub/b.o", "sub/keep.o", "gen/x.c", "env/pyvenv.cfg", "env/lib/x.py"
    )
    put(tmp_path, "rust/Cargo.toml", "rust/target/x.rs", "node_modules/m/x.js", ".git/config")
    (tmp_path / ".gitignore").write_text("*.o\n/gen/\n")
    (tmp_path / "sub" / ".gitignore").write_text("!keep.o\n")
    found, skipped = walk(tmp_path)
    single = Ignored(tmp_path)
    there = [
        Path(here, name).relative_to(tmp_path).as_posix()
        for here, _, names in os.walk(tmp_path)
        for name in names
    ]
    assert sorted(found) == sorted(path for path in there if not single.match(path, False))
    assert {"sub/keep.o", "rust/Cargo.toml"} < set(found)
    assert skipped == []


def test_a_part_of_the_tree_obeys_the_rules_above_it(tmp_path: Path) -> None:
    put(tmp_path, "a/b/x.c", "a/b/x.o", "a/y.c")
    (tmp_path / ".gitignore").write_text("*.o\n")
    found = [f.path for f in files(tmp_path, 9, lambda s: pytest.fail(str(s)), below="a/b")]
    assert found == ["a/b/x.c"]


def test_links_are_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    folder = tmp_path / "work"
    put(outside, "secret.c")
    put(folder, "real/a.c")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "real" / "up").symlink_to("..", target_is_directory=True)
    (folder / "out").symlink_to(outside, target_is_directory=True)
    (folder / "again.c").symlink_to("real/a.c")
    (folder / "self").symlink_to("self")
    found, skipped = walk(folder)
    assert found == ["real/a.c"]
    links = ["again.c", "loop", "out", "self", "real/up"]
    assert skipped == [Skipped(path, "symbolic link") for path in links]


def test_a_workspace_that_is_a_link_itself_is_walked(tmp_path: Path) -> None:
    put(tmp_path / "real", "a.c")
    (tmp_path / "work").symlink_to("real", target_is_directory=True)
    assert walk(tmp_path / "work") == (["a.c"], [])


def test_large_files_are_named_and_not_found(tmp_path: Path) -> None:
    put(tmp_path, "small.c")
    with (tmp_path / "huge.c").open("wb") as sparse:
        sparse.truncate(2 << 30)
    assert walk(tmp_path) == (["small.c"], [Skipped("huge.c", "too large")])


def test_names_that_are_not_utf8_are_named_readably(tmp_path: Path) -> None:
    put(tmp_path, "ü.c")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.c")).write_text("x")
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/dir\xfe")).mkdir()
    except OSError:
        pytest.skip("this file system knows only UTF-8 names")
    found, skipped = walk(tmp_path)
    assert found == ["ü.c"]
    assert skipped == [
        Skipped("bad\\xff.c", "name is not UTF-8"),
        Skipped("dir\\xfe", "name is not UTF-8"),
    ]


def test_what_is_no_file_is_skipped(tmp_path: Path) -> None:
    put(tmp_path, "a.c")
    os.mkfifo(tmp_path / "pipe.c")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket.c"))
        found, skipped = walk(tmp_path)
    assert found == ["a.c"]
    assert skipped == [Skipped("pipe.c", "not a file"), Skipped("socket.c", "not a file")]


def test_an_unreadable_folder_is_named_and_the_walk_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a/x.c", "b/x.c", "c/x.c")
    listing = os.scandir

    def denied(path: str | Path) -> object:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", denied)  # root may read everything: modes prove nothing
    found, skipped = walk(tmp_path)
    assert found == ["a/x.c", "c/x.c"]
    assert skipped == [Skipped("b", "unreadable folder: Permission denied")]


def test_what_vanishes_during_the_walk_is_no_error(tmp_path: Path) -> None:
    put(tmp_path, "a.c", "b.c", "sub/c.c", "tail/d.c")
    found = []
    skipped: list[Skipped] = []
    for file in files(tmp_path, 100, skipped.append):
        found.append(file.path)
        if file.path == "a.c":
            (tmp_path / "b.c").unlink()
            (tmp_path / "sub" / "c.c").unlink()
            (tmp_path / "sub").rmdir()
    assert found == ["a.c", "tail/d.c"]
    assert skipped == []


def test_a_folder_replaced_by_a_link_during_the_walk_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "outside", "secret.c")
    put(tmp_path / "work", "a.c", "sub/c.c")
    found = []
    for file in files(tmp_path / "work", 100, lambda s: None):
        found.append(file.path)
        (tmp_path / "work" / "sub" / "c.c").unlink()
        (tmp_path / "work" / "sub").rmdir()
        (tmp_path / "work" / "sub").symlink_to(tmp_path / "outside", target_is_directory=True)
    assert found == ["a.c"]


def test_the_number_of_files_is_limited_and_said(tmp_path: Path) -> None:
    put(tmp_path, "a.c", "b.c", "c/d.c", "c/e.c")
    assert walk(tmp_path, limit_files=4)[1] == []
    found, skipped = walk(tmp_path, limit_files=3)
    assert found == ["a.c", "b.c", "c/d.c"]
    assert skipped == [Skipped("", "more than 3 files: the rest is not indexed")]


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A file below 1,100 folders. Taken away by hand: the rmtree of pytest recurses."""
    top = tmp_path / "deep"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x.c", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    yield top
    subprocess.run(["rm", "-r", str(top)], check=True)


def test_a_tree_deeper_than_pythons_stack_is_walked(deep: Path) -> None:
    found, skipped = walk(deep)
    assert [path.count("/") for path in found] == [1100]
    assert skipped == []
    lowest = found[0].rpartition("/")[0]
    again = [f.path for f in files(deep, 9, lambda s: pytest.fail(str(s)), below=lowest)]
    assert again == found


def test_one_path_is_judged_as_the_walk_would(tmp_path: Path) -> None:
    put(tmp_path / "work", "a.c", "sub/b.c", "x.o", "node_modules/m.js")
    put(tmp_path / "outside", "c.c")
    folder = tmp_path / "work"
    (folder / ".gitignore").write_text("*.o\n")
    (folder / "big.c").write_bytes(b"x" * 2048)
    (folder / "link.c").symlink_to("a.c")
    (folder / "out").symlink_to(tmp_path / "outside", target_is_directory=True)
    (folder / "in").symlink_to("sub", target_is_directory=True)
    os.mkfifo(folder / "pipe.c")
    ignored = Ignored(folder)
    walked: dict[str, object] = {}
    for file in files(folder, 1, lambda s: walked.update({s.path: s})):
        walked[file.path] = file
    named = [*walked, "x.o", "node_modules/m.js", "out/c.c", "in/b.c", "sub", "gone.c", ""]
    single = {name: one for name in named if (one := judge(folder, name, 1, ignored)) is not None}
    del walked["out"], walked["in"]  # the walk names links to folders, asked for by nobody
    assert {"a.c", "sub/b.c", "big.c", "link.c", "pipe.c"} <= set(single)
    assert single.items() >= walked.items()
    assert set(single) - set(walked) == {"out", "in"}


def test_a_folder_is_announced_before_it_is_listed(tmp_path: Path) -> None:
    put(tmp_path, "a/x.c")

    def add(relative: str) -> None:
        put(tmp_path, f"{relative or '.'}/late.c")

    found = [
        f"{relative}/{entry.name}"
        for relative, entries in scan(tmp_path, Ignored(tmp_path), lambda s: None, on_folder=add)
        for entry in entries
    ]
    assert found == ["/late.c", "a/late.c", "a/x.c"]
