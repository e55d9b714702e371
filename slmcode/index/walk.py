"""Finding the files of a workspace: all that are not ignored, in the same order every time.

Nothing is opened but rule files. A symbolic link is never followed: what it points to inside the
folder is found by its own name, what lies outside is not ours, and so there are no loops.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from slmcode.index.ignore import Ignored
from slmcode.index.rows import Skipped

LIMIT_FILES = 300_000


class Found(NamedTuple):
    """A file that may be indexed."""

    path: str
    size: int  # bytes
    mtime_ns: int


def files(
    folder: Path,
    limit_kb: int,
    on_skip: Callable[[Skipped], None],
    *,
    ignored: Ignored | None = None,
    below: str = "",
    limit_files: int = LIMIT_FILES,
) -> Iterator[Found]:
    """Every file under `folder`, or under its sub-folder `below`, that is not ignored.

    Files of a folder come sorted by name, then its sub-folders. Files larger than `limit_kb`, what
    cannot be read and what is no file go to `on_skip`; what is ignored is passed over in silence;
    what vanishes meanwhile is not there. After `limit_files` files the walk ends, and a Skipped for
    "" says so.
    """
    ignored = ignored or Ignored(folder)
    count = 0
    for relative, entries in scan(folder, ignored, on_skip, below):
        prefix = f"{relative}/" if relative else ""
        for entry in entries:
            path = prefix + entry.name
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as e:
                on_skip(Skipped(path, f"unreadable: {e.strerror}"))
                continue
            if not stat.S_ISREG(facts.st_mode):
                on_skip(Skipped(path, "not a file"))
            elif facts.st_size > limit_kb * 1024:
                on_skip(Skipped(path, "too large"))
            else:
                if count == limit_files:
                    on_skip(
                        Skipped("", f"more than {limit_files:,} files: the rest is not indexed")
                    )
                    return
                count += 1
                yield Found(path, facts.st_size, facts.st_mtime_ns)


def found(folder: Path, relative: str, limit_kb: int, ignored: Ignored) -> Found | Skipped | None:
    """What a path that somebody named is now, by the rules of `files`; None: nothing of ours."""
    if not relative or ignored.match(relative, False):
        return None
    if not is_utf8(relative):
        return Skipped(printable(relative), "name is not UTF-8")
    try:
        parts = relative.split("/")
        for depth in range(1, len(parts)):
            if os.path.islink(os.path.join(folder, *parts[:depth])):
                return None  # another name of what is found by its own, or outside
        facts = os.lstat(os.path.join(folder, relative))
    except OSError:
        return None
    if stat.S_ISDIR(facts.st_mode):
        return None
    if stat.S_ISLNK(facts.st_mode):
        return Skipped(relative, "symbolic link")
    return _judged(relative, facts, limit_kb)


def _judged(path: str, facts: os.stat_result, limit_kb: int) -> Found | Skipped:
    if not stat.S_ISREG(facts.st_mode):
        return Skipped(path, "not a file")
    if facts.st_size > limit_kb * 1024:
        return Skipped(path, "too large")
    return Found(path, facts.st_size, facts.st_mtime_ns)


def scan(
    folder: Path,
    ignored: Ignored,
    on_skip: Callable[[Skipped], None],
    below: str = "",
    on_folder: Callable[[str], None] = lambda _: None,
    only_folders: bool = False,
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Every folder from `below` on that is not ignored, with its entries that are not folders.

    Entries are sorted by name and are no symbolic links. `on_folder` is called for each folder
    before it is listed, so that one who watches it from then on misses nothing. `only_folders` is
    for those who want nothing else: it saves matching every file with the rules.
    """
    waiting = [below]
    while waiting:
        relative = waiting.pop()
        here = os.path.join(folder, relative) if relative else folder
        if relative and os.path.islink(here):
            continue  # it was a folder when its parent was listed
        on_folder(relative)
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as e:
            on_skip(Skipped(printable(relative), f"unreadable folder: {e.strerror}"))
            continue
        rules = ignored.enter(relative, {entry.name for entry in entries})
        if rules.filled:
            continue
        prefix = f"{relative}/" if relative else ""
        plain: list[os.DirEntry[str]] = []
        folders: list[str] = []
        for entry in entries:
            name = entry.name
            try:
                is_folder = entry.is_dir(follow_symlinks=False) and not _is_junction(entry)
                if only_folders and not is_folder:
                    continue
                is_link = not is_folder and (entry.is_symlink() or _is_junction(entry))
            except OSError:
                continue  # vanished
            if ignored.skips(relative, name) if is_folder else rules.ignored(name, False):
                continue
            if not is_utf8(name):
                on_skip(Skipped(printable(prefix + name), "name is not UTF-8"))
            elif is_link:
                on_skip(Skipped(prefix + name, "symbolic link"))
            elif is_folder:
                folders.append(prefix + name)
            else:
                plain.append(entry)
        yield relative, plain
        waiting.extend(reversed(folders))


def printable(path: str) -> str:
    """A path with the bytes that are not UTF-8 written as \\xNN, fit for JSON and for SQLite."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_utf8(name: str) -> bool:
    """Whether a name from the system could be decoded: os.fsdecode leaves lone surrogates."""
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Windows' other kind of link between folders, which is_symlink does not know."""
    if sys.platform != "win32":
        return False
    return entry.stat(follow_symlinks=False).st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
