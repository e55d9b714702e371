"""Changes of a real folder arrive: which, in how few batches, and what happens without events."""

from __future__ import annotations

import errno
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slmcode.index import watch
from slmcode.index.ignore import Ignored
from slmcode.index.watch import Recursive, Watcher, is_on_network

IN_TIME_S = 20  # a limit for a machine under load, not a wait
Batches = queue.Queue[frozenset[str] | None]
linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify")


class Told:
    """A watcher and what it tells."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.batches: Batches = queue.Queue()
        self.watcher = Watcher(folder, Ignored(folder), self.batches.put, **options)  # type: ignore[arg-type]

    def until(self, *paths: str) -> set[str]:
        """Everything told until all of these have been. Fails when that takes too long."""
        seen: set[str] = set()
        last = time.monotonic() + IN_TIME_S
        while not seen >= set(paths):
            try:
                batch = self.batches.get(timeout=max(0.0, last - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"never told: {set(paths) - seen}; told: {seen}")
            assert batch is not None, "told to look at everything"
            seen |= batch
        return seen

    def marked(self) -> set[str]:
        """Everything told so far: a file made now ends it, because events keep their order."""
        name = f"mark{time.monotonic_ns()}"
        (self.folder / name).write_text("")
        return self.until(name) - {name}

    def until_everything(self) -> None:
        """Wait for None."""
        while self.batches.get(timeout=IN_TIME_S) is not None:
            pass


Start = Callable[..., Told]


@pytest.fixture
def start() -> Iterator[Start]:
    begun: list[Told] = []

    def start(folder: Path, **options: object) -> Told:
        told = Told(folder, **options)
        begun.append(told)
        told.watcher.start()
        return told

    yield start
    for told in begun:
        told.watcher.stop()


def no_events(*_: object) -> watch.Source:
    raise OSError(errno.EMFILE, "inotify instance limit reached")


ALL = ("own", "recursive", "polling")
BY_EVENTS = ALL[:2]  # a walk may well see a temporary file


@pytest.fixture(params=ALL)
def told(request: pytest.FixtureRequest, tmp_path: Path, start: Start) -> Told:
    """A watched folder with two files in it, by each of the three ways."""
    folder = tmp_path / "work"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.c").write_text("1")
    (folder / "sub" / "b.c").write_text("1")
    options: dict[str, dict[str, object]] = {
        "own": {},
        "recursive": {"kind": Recursive},
        "polling": {"kind": no_events, "poll_s": 0.02},
    }
    told = start(folder, **options[request.param])
    assert told.watcher.polling == (request.param == "polling")
    return told


def test_a_written_a_new_and_a_deleted_file_are_told(told: Told) -> None:
    (told.folder / "a.c").write_text("22")
    assert told.until("a.c") == {"a.c"}
    (told.folder / "sub" / "new.c").write_text("")
    assert told.until("sub/new.c") == {"sub/new.c"}
    (told.folder / "sub" / "b.c").unlink()
    assert told.until("sub/b.c") == {"sub/b.c"}


def test_a_rename_gives_both_paths(told: Told) -> None:
    (told.folder / "a.c").rename(told.folder / "sub" / "z.c")
    assert told.until("a.c", "sub/z.c") == {"a.c", "sub/z.c"}


def test_a_new_tree_is_told_file_by_file_and_watched(told: Told, tmp_path: Path) -> None:
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tmp_path / "outside" / "deep" / "x.c").write_text("1")
    (tmp_path / "outside").rename(told.folder / "inside")
    assert told.until("inside/deep/x.c") <= {"inside/deep/x.c"}
    (told.folder / "inside" / "deep" / "y.c").write_text("1")
    told.until("inside/deep/y.c")


def test_a_moved_folder_is_told_under_both_names_and_watched_under_the_new(told: Told) -> None:
    (told.folder / "sub").rename(told.folder / "other")
    seen = told.until("other/b.c")
    if not told.watcher.polling:
        seen |= told.until("sub") if "sub" not in seen else set()
    assert seen & {"sub", "sub/b.c"}
    (told.folder / "other" / "b.c").write_text("333")
    assert told.until("other/b.c") == {"other/b.c"}


def test_a_deleted_folder_stands_for_what_was_in_it(told: Told) -> None:
    shutil.rmtree(told.folder / "sub")
    seen = told.until("sub/b.c")
    assert seen <= {"sub", "sub/b.c"}


def test_a_folder_made_again_is_watched_again(told: Told) -> None:
    for round_ in range(3):
        shutil.rmtree(told.folder / "sub")
        (told.folder / "sub").mkdir()
        (told.folder / "sub" / f"c{round_}.c").write_text("1")
        told.until(f"sub/c{round_}.c")


def test_what_is_ignored_is_not_told(told: Told) -> None:
    (told.folder / ".gitignore").write_text("*.o\nbuild/\n")
    told.until_everything()
    (told.folder / "a.o").write_text("")
    (told.folder / "build").mkdir()
    (told.folder / "build" / "x.c").write_text("")
    (told.folder / "node_modules" / "m").mkdir(parents=True)
    (told.folder / "node_modules" / "m" / "x.js").write_text("")
    (told.folder / ".git").mkdir()
    (told.folder / ".git" / "index").write_text("")
    assert told.marked() == set()


def test_changed_rules_mean_everything_and_hold_from_then_on(told: Told) -> None:
    (told.folder / ".ignore").write_text("sub/\n")
    told.until_everything()
    (told.folder / "sub" / "b.c").write_text("333")
    assert told.marked() == set()
    (told.folder / ".ignore").unlink()
    told.until_everything()
    (told.folder / "sub" / "b.c").write_text("4444")
    told.until("sub/b.c")


@pytest.mark.parametrize("told", BY_EVENTS, indirect=True)
def test_an_editors_safe_write_tells_the_file_only(told: Told) -> None:
    temporary = told.folder / ".a.c.tmp1234"
    temporary.write_text("new")
    temporary.rename(told.folder / "a.c")
    assert told.marked() == {"a.c"}


@pytest.mark.parametrize("told", BY_EVENTS, indirect=True)
def test_vims_write_tells_the_file_and_the_backup_that_may_have_been_there(told: Told) -> None:
    (told.folder / "4913").write_text("")
    (told.folder / "4913").unlink()
    (told.folder / "a.c").rename(told.folder / "a.c~")
    (told.folder / "a.c").write_text("new")
    (told.folder / "a.c~").unlink()
    assert told.marked() == {"a.c", "a.c~"}


def test_rule_files_in_ignored_folders_are_nobodys_rules(told: Told) -> None:
    (told.folder / "node_modules" / "m").mkdir(parents=True)
    (told.folder / "node_modules" / "m" / ".gitignore").write_text("*.c\n")
    assert told.marked() == set()


def test_a_workspace_that_goes_and_comes_again_is_told(told: Told) -> None:
    shutil.rmtree(told.folder)
    if not told.watcher.polling:
        told.until_everything()
    told.folder.mkdir()
    (told.folder / "again.c").write_text("1")
    told.until("again.c")


@linux
@pytest.mark.parametrize("told", ["own"], indirect=True)
def test_a_workspace_that_is_moved_away_is_told(told: Told) -> None:
    told.folder.rename(told.folder.with_name("aside"))
    told.until_everything()
    told.folder.mkdir()
    (told.folder / "again.c").write_text("1")
    told.until("again.c")


@linux
@pytest.mark.parametrize("told", BY_EVENTS, indirect=True)
def test_names_that_are_not_utf8_are_not_told(told: Told) -> None:
    try:
        Path(os.fsdecode(os.fsencode(told.folder) + b"/bad\xff.c")).write_text("x")
    except OSError:
        pytest.skip("this file system knows only UTF-8 names")
    assert told.marked() == set()


def test_names_of_any_language(told: Told) -> None:
    (told.folder / "größe 漢.c").write_text("1")
    told.until("größe 漢.c")


@pytest.mark.skipif(shutil.which("git") is None, reason="git makes the change")
def test_a_branch_switch_of_thousands_of_files_is_few_batches(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "work"
    git = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    git += ["-c", "core.fsync=none"]  # thousands of objects to a busy disk take half a minute
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "empty"], check=True)
    subprocess.run([*git, "branch", "empty"], check=True)
    names = {f"d{i % 50}/e{i % 7}/f{i}.c" for i in range(2000)}
    for name in sorted(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "full"], check=True)
    told = start(folder)
    began = time.monotonic()
    subprocess.run([*git, "checkout", "-q", "empty"], check=True)
    seen = told.until(*names)
    subprocess.run([*git, "checkout", "-q", "-"], check=True)
    again = told.until(*names)
    took = time.monotonic() - began
    assert not {path for path in seen | again if path.startswith(".git")}
    assert seen - names <= {f"d{i}" for i in range(50)} | {
        f"d{i}/e{j}" for i in range(50) for j in range(7)
    }
    told.batches.put(frozenset())
    most = 4 + 2 * took / watch.AT_MOST_S
    assert told.batches.qsize() <= most


def test_many_small_changes_are_one_batch(tmp_path: Path) -> None:
    """The schedule by hand: events are in the queue before the thread starts."""
    batches: Batches = queue.Queue()
    ignored = Ignored(tmp_path)
    watcher = Watcher(tmp_path, ignored, batches.put)
    sent = threading.Event()

    class Script:
        def __init__(
            self, folder: Path, ignored: Ignored, batch: watch.Batch, events: watch.Events
        ):
            self.batch, self.events = batch, events

        def start(self) -> None:
            for number in range(500):
                self.events.put((self, f"f{number}.c"))
            sent.set()

        def stop(self) -> None: ...

        def handle(self, event: object) -> None:
            assert isinstance(event, str)
            self.batch.changed(event)

    watcher = Watcher(tmp_path, ignored, batches.put, kind=Script)
    watcher.start()
    assert sent.is_set()
    assert batches.get(timeout=IN_TIME_S) == {f"f{number}.c" for number in range(500)}
    watcher.stop()
    assert batches.empty()


@linux
def test_a_batch_ends_although_changes_go_on(tmp_path: Path, start: Start) -> None:
    told = start(tmp_path)
    over = threading.Event()

    def write_on() -> None:
        while not over.wait(watch.QUIET_S / 5):
            (tmp_path / "log.txt").write_text("x")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        assert told.until("log.txt") == {"log.txt"}
    finally:
        over.set()
        writer.join()


@linux
def test_ignored_folders_cost_no_watches(tmp_path: Path, start: Start) -> None:
    for name in ("node_modules/a/b", ".git/objects/aa", "src/deep"):
        (tmp_path / name).mkdir(parents=True)
    told = start(tmp_path)
    source = told.watcher._source
    assert isinstance(source, watch.Inotify)
    assert set(source._watch_of) == {"", "src", "src/deep"}
    (tmp_path / "src").rename(tmp_path / "lib")
    (tmp_path / "lib" / "x.c").write_text("")
    told.until("lib/x.c")
    assert set(source._watch_of) == {"", "lib", "lib/deep"}
    shutil.rmtree(tmp_path / "lib")
    told.until("lib")
    told.marked()
    assert set(source._watch_of) == {""}


@linux
def test_lost_events_mean_everything_and_watching_goes_on(tmp_path: Path, start: Start) -> None:
    told = start(tmp_path)
    source = told.watcher._source
    assert isinstance(source, watch.Inotify)
    source.handle_event(
        watch.InotifyEvent(watch.WatchDescriptor(-1), watch.InotifyConstants.IN_Q_OVERFLOW, 0, b"")
    )
    assert told.batches.get(timeout=IN_TIME_S) is None
    (tmp_path / "after.c").write_text("")
    assert told.until("after.c") == {"after.c"}


@linux
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EMFILE])
def test_without_watches_it_polls_also_when_they_run_out_later(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = watch.inotify_add_watch
    left = [1]

    def limited(*args: object) -> int:
        if not left[0]:
            import ctypes

            ctypes.set_errno(code)
            return -1
        left[0] -= 1
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(watch, "inotify_add_watch", limited)
    told = start(tmp_path, poll_s=0.02)
    assert not told.watcher.polling
    (tmp_path / "new").mkdir()
    told.until_everything()
    assert told.watcher.polling
    (tmp_path / "new" / "x.c").write_text("1")
    told.until("new/x.c")
    left[0] = 0
    second = start(tmp_path, poll_s=0.02)
    assert second.watcher.polling
    (tmp_path / "y.c").write_text("1")
    second.until("y.c")


def test_a_folder_that_is_not_there_yet_is_polled(tmp_path: Path, start: Start) -> None:
    told = start(tmp_path / "later", poll_s=0.02)
    assert told.watcher.polling
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "x.c").write_text("1")
    assert told.until("x.c") == {"x.c"}


@pytest.mark.parametrize("kind", [None, Recursive, no_events])
def test_stop_ends_the_threads_and_the_calls(tmp_path: Path, kind: watch.Kind | None) -> None:
    before = threading.active_count()
    batches: Batches = queue.Queue()
    watcher = Watcher(tmp_path, Ignored(tmp_path), batches.put, kind=kind)
    watcher.start()
    if kind is Recursive and sys.platform == "linux":
        before += 1  # watchdog's own reader of inotify, shared by all and never ended
    watcher.stop()
    assert threading.active_count() <= before
    (tmp_path / "after.c").write_text("")
    assert batches.empty()


def test_stop_without_a_start_is_nothing(tmp_path: Path) -> None:
    Watcher(tmp_path, Ignored(tmp_path), lambda _: None).stop()


@pytest.mark.parametrize("kind", [None, Recursive, no_events])
def test_a_workspace_that_is_a_link_is_watched(
    tmp_path: Path, start: Start, kind: watch.Kind | None
) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "work").symlink_to("real", target_is_directory=True)
    told = start(tmp_path / "work", kind=kind, poll_s=0.02)
    (tmp_path / "real" / "sub" / "x.c").write_text("1")
    assert told.until("sub/x.c") == {"sub/x.c"}


def test_network_drives_are_known_by_their_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/x /net nfs4 rw 0 0\n"
        "/dev/sdb1 /net/local ext4 rw 0 0\n"
        "C:\\134 /mnt/c\\040d 9p rw 0 0\n"
        "broken\n"
    )
    assert is_on_network(Path("/net/project"), mounts)
    assert is_on_network(Path("/net"), mounts)
    assert is_on_network(Path("/mnt/c d/project"), mounts)
    assert not is_on_network(Path("/net/local/project"), mounts)
    assert not is_on_network(Path("/network"), mounts)
    assert not is_on_network(Path("/home/x"), mounts)
    assert not is_on_network(Path("/net"), tmp_path / "missing")


def test_a_network_drive_is_polled(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "is_on_network", lambda folder: True)
    told = start(tmp_path, poll_s=0.02)
    assert told.watcher.polling
    (tmp_path / "x.c").write_text("1")
    assert told.until("x.c") == {"x.c"}
