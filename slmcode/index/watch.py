"""What changes in a workspace, told in batches.

    Linux      inotify: one watch for each folder that is not ignored. watchdog's observer would
               watch node_modules too (a user has a limited number of watches) and takes a thread
               for each folder that is scheduled by itself; so its reader of inotify is used, and
               the folders are ours.
    elsewhere  watchdog's observer on the whole tree: the systems know recursion.
    fallback   comparing two walks, where watches run out or the disk is on a network.

A batch ends when nothing has happened for 20 ms, after 500 ms at the latest. A temporary file that
came and went within a batch is not told: an editor's safe writing is one change of one file.
"""

from __future__ import annotations

import ctypes
import errno
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from slmcode.index.ignore import RULE_FILES, Ignored
from slmcode.index.walk import files, is_utf8, scan

if sys.platform == "linux":
    from watchdog.observers.inotify_c import (
        InotifyConstants,
        InotifyEvent,
        InotifyFD,
        WatchDescriptor,
        inotify_add_watch,
        inotify_rm_watch,
    )

QUIET_S = 0.02  # an editor's safe writing is over within a few ms
AT_MOST_S = 0.5
POLL_S = 2.0  # between two walks; at least ten times as long as a walk takes

# Disks on which inotify is silent about what other machines do. The rest tell the truth.
NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "davfs", "ceph", "glusterfs"),
        *("lustre", "gpfs", "beegfs", "9p", "drvfs", "virtiofs", "vboxsf", "prl_fs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse"),
        *("fuse.davfs2", "fuse.vmhgfs-fuse"),
    }
)


class Watcher:
    """Tells what changes under a folder, from its own thread, until it is stopped.

    `on_changes` is given the relative paths of files that came, changed or went. A folder that went
    stands for all that was in it. It is given None when nobody can say what changed, because events
    were lost or rule files changed: look at everything again. A path may have changed back or be no
    file any more by the time it is told; `walk.found` says what it is now. The calls never overlap.
    """

    def __init__(
        self,
        folder: Path,
        ignored: Ignored,
        on_changes: Callable[[frozenset[str] | None], None],
        *,
        poll_s: float = POLL_S,
        kind: Kind | None = None,
    ) -> None:
        self._kind = kind or BEST
        self._folder = folder
        self._ignored = ignored
        self._on_changes = on_changes
        self._poll_s = poll_s
        self._events: Events = queue.SimpleQueue()
        self._batch = Batch()
        self._source: Source | None = None
        self._seen: dict[str, tuple[int, int]] = {}  # while polling: size and time of each file
        self._look_s = 0.0  # how long the last walk took
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slmcode-watch", daemon=True)

    @property
    def polling(self) -> bool:
        """Whether events could not be had."""
        return self._source is None

    def start(self) -> None:
        """Begin. Whatever changes after the return will be told: 5,000 folders take some 0.3 s."""
        if not is_on_network(self._folder):
            self._open()
        if self._source is None:
            self._seen = self._look()
        self._thread.start()

    def stop(self) -> None:
        """End; no calls after the return. Without a start: nothing. Not to be called back."""
        self._stopped.set()
        self._events.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        self._close()

    def _open(self) -> None:
        """Ask the system for events; without them `_source` is None."""
        try:  # the user's watches or inotify instances may be used up, or there is no folder
            source = self._kind(self._folder, self._ignored, self._batch, self._events)
        except OSError:
            return
        try:
            source.start()
        except OSError:
            source.stop()
        else:
            self._source = source

    def _close(self) -> None:
        if self._source is not None:
            self._source.stop()
            self._source = None

    def _run(self) -> None:
        while not self._stopped.is_set():
            if self._source is not None:
                self._wait_for_events()
            else:
                self._wait_for_differences()

    def _wait_for_events(self) -> None:
        """One batch: wait for an event, collect what follows closely, tell."""
        event = self._events.get()
        latest = time.monotonic() + AT_MOST_S
        while event is not None:
            source, detail = event
            if source is self._source:  # else left over from before a new start
                try:
                    source.handle(detail)
                except OSError:  # no watch to be had for a new folder
                    self._batch.everything = True
            left = min(QUIET_S, latest - time.monotonic())
            try:
                event = self._events.get(timeout=left) if left > 0 else None
            except queue.Empty:
                break
            if event is None and left > 0:
                return  # stopped
        if not self._stopped.is_set():
            self._tell()

    def _tell(self) -> None:
        paths, everything = self._batch.take()
        if everything or any(map(self._is_rule_file, paths)):
            self._close()
            self._ignored.forget()
            self._open()  # other folders are watched now
            if self._source is None:
                self._seen = self._look()
            self._on_changes(None)
            return
        told = frozenset(p for p in paths if is_utf8(p) and not self._ignored.match(p, False))
        if told:
            self._on_changes(told)

    def _is_rule_file(self, path: str) -> bool:
        """Whether rules stand in a file, unless the folder it is in is ignored as a whole."""
        above, _, name = path.rpartition("/")
        return name in RULE_FILES and not (above and self._ignored.match(above, True))

    def _wait_for_differences(self) -> None:
        """Compare the folder with what it was some seconds ago."""
        if self._stopped.wait(max(self._poll_s, 10 * self._look_s)):
            return
        self._ignored.forget()
        before, self._seen = self._seen, self._look()
        told = frozenset(path for path, _ in before.items() ^ self._seen.items())
        if any(map(self._is_rule_file, told)):
            self._on_changes(None)
        elif told:
            self._on_changes(told)

    def _look(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file. Also measures how long that takes."""
        began = time.monotonic()
        everything = files(self._folder, sys.maxsize // 1024, lambda _: None, ignored=self._ignored)
        seen = {found.path: (found.size, found.mtime_ns) for found in everything}
        self._look_s = time.monotonic() - began
        return seen


class Batch:
    """What has happened since the last telling. Watcher's thread only."""

    def __init__(self) -> None:
        self._paths: dict[str, bool] = {}  # whether there may have been a file before
        self.everything = False

    def created(self, path: str) -> None:
        """There was nothing of this name, and now there is a file."""
        self._paths.setdefault(path, False)

    def changed(self, path: str) -> None:
        """There is a file, and it may have replaced another one."""
        self._paths[path] = self._paths.get(path, True)

    def gone(self, path: str) -> None:
        """There is no file or folder of this name any more."""
        if self._paths.get(path) is False:
            del self._paths[path]
        else:
            self._paths[path] = True

    def take(self) -> tuple[list[str], bool]:
        """The paths, and whether everything may have changed; and begin anew."""
        taken = (list(self._paths), self.everything)
        self._paths, self.everything = {}, False
        return taken


class Source(Protocol):
    """Where events come from. It puts itself and each event into the queue it was given."""

    def start(self) -> None:
        """After the return nothing is missed. Raises OSError if events cannot be had."""

    def stop(self) -> None:
        """Also after a start that failed. Ends its threads."""

    def handle(self, event: object) -> None:
        """Note an event in the batch. On the watcher's thread. Raises OSError as `start` does."""


Events: TypeAlias = queue.SimpleQueue[tuple[Source, object] | None]
Kind: TypeAlias = Callable[[Path, Ignored, Batch, Events], Source]

if sys.platform == "linux":
    MASK = (
        InotifyConstants.IN_CREATE
        | InotifyConstants.IN_DELETE
        | InotifyConstants.IN_MOVED_FROM
        | InotifyConstants.IN_MOVED_TO
        | InotifyConstants.IN_CLOSE_WRITE
        | InotifyConstants.IN_ATTRIB  # `touch` and `rsync -t` change the time we know a file by
        | InotifyConstants.IN_ONLYDIR
        | InotifyConstants.IN_DONT_FOLLOW
        | InotifyConstants.IN_EXCL_UNLINK
    )
    # The workspace folder may be a link, and there is no watch above it to tell that it moved.
    MASK_OF_WORKSPACE = MASK & ~InotifyConstants.IN_DONT_FOLLOW | InotifyConstants.IN_MOVE_SELF

    class Inotify(InotifyFD):
        """inotify with one watch for each folder that is not ignored, read by one thread."""

        def __init__(
            self,
            folder: Path,
            ignored: Ignored,
            batch: Batch,
            events: Events,
        ) -> None:
            super().__init__()
            self._folder = folder
            self._ignored = ignored
            self._batch = batch
            self._queue = events
            self._path_of: dict[WatchDescriptor, str] = {}  # by watch descriptor
            self._watch_of: dict[str, WatchDescriptor] = {}

        def start(self) -> None:
            super().start()
            for _ in scan(
                self._folder,
                self._ignored,
                lambda _: None,
                on_folder=self._watch,
                only_folders=True,
            ):
                pass
            if not self._path_of:
                raise FileNotFoundError(errno.ENOENT, "nothing to watch", str(self._folder))

        def stop(self) -> None:
            super().stop()
            self.join()

        def handle_event(self, event: InotifyEvent) -> None:
            """Reader's thread."""
            self._queue.put((self, event))

        def handle(self, event: object) -> None:
            assert isinstance(event, InotifyEvent)
            if event.is_queue_overflow or event.mask & InotifyConstants.IN_UNMOUNT:
                self._batch.everything = True
                return
            above = self._path_of.get(event.wd)
            if above is None:
                return
            if event.is_ignored:  # the folder is deleted, and its watch with it
                self._forget(event.wd)
                self._batch.everything |= not above  # the workspace folder itself
                return
            if event.is_move_self:
                self._batch.everything = True
                return
            name = os.fsdecode(event.name)
            if not name:
                return
            path = f"{above}/{name}" if above else name
            if event.mask & InotifyConstants.IN_ISDIR:
                self._handle_folder(event, above, name, path)
            elif event.is_delete or event.is_moved_from:
                self._batch.gone(path)
            elif event.is_create:
                self._batch.created(path)
            else:
                self._batch.changed(path)

        def _handle_folder(self, event: InotifyEvent, above: str, name: str, path: str) -> None:
            if event.is_attrib or self._ignored.skips(above, name):
                return
            self._unwatch(path)
            if event.is_delete or event.is_moved_from:
                self._batch.gone(path)
                return
            for relative, entries in scan(
                self._folder, self._ignored, lambda _: None, path, on_folder=self._watch
            ):
                for entry in entries:
                    self._batch.changed(f"{relative}/{entry.name}")

        def _watch(self, relative: str) -> None:
            """Watch one folder. Raises OSError when the user's watches are used up."""
            where = os.path.join(self._folder, relative) if relative else self._folder
            mask = MASK if relative else MASK_OF_WORKSPACE
            watch = inotify_add_watch(self._inotify_fd, os.fsencode(where), mask)
            if watch < 0:
                code = ctypes.get_errno()
                if code in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG):
                    return  # gone again, or not to be read
                raise OSError(code, os.strerror(code), os.fspath(where))
            self._path_of[watch] = relative
            self._watch_of[relative] = watch

        def _unwatch(self, path: str) -> None:
            """Watch neither a folder nor those in it: it is gone or has another name now."""
            if path not in self._watch_of:
                return
            below = path + "/"
            for known in [p for p in self._watch_of if p == path or p.startswith(below)]:
                watch = self._watch_of[known]
                inotify_rm_watch(self._inotify_fd, watch)
                self._forget(watch)

        def _forget(self, watch: WatchDescriptor) -> None:
            path = self._path_of.pop(watch)
            if self._watch_of.get(path) == watch:
                del self._watch_of[path]


class Recursive(FileSystemEventHandler):
    """watchdog's observer for the whole tree."""

    def __init__(
        self,
        folder: Path,
        ignored: Ignored,
        batch: Batch,
        events: Events,
    ) -> None:
        self._folder = Path(os.path.realpath(folder))  # as the events will name it
        self._ignored = ignored
        self._batch = batch
        self._queue = events
        self._observer = Observer()

    def start(self) -> None:
        told = [FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileModifiedEvent]
        told += [FileMovedEvent, FileAttribEvent, DirCreatedEvent, DirDeletedEvent, DirMovedEvent]
        self._observer.schedule(self, self._folder, recursive=True, event_filter=told)
        self._observer.start()

    def stop(self) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Observer's thread."""
        self._queue.put((self, event))

    def handle(self, event: object) -> None:
        assert isinstance(event, FileSystemEvent)
        path = self._relative(event.src_path)
        if isinstance(event, (FileDeletedEvent, DirDeletedEvent, FileMovedEvent, DirMovedEvent)):
            if path == "":
                self._batch.everything = True  # the workspace folder itself
            elif path is not None:
                self._batch.gone(path)
            path = self._relative(event.dest_path)
        if not path:
            return
        if isinstance(event, (DirCreatedEvent, DirMovedEvent)):
            if not self._ignored.match(path, True):
                for relative, entries in scan(self._folder, self._ignored, lambda _: None, path):
                    for entry in entries:
                        self._batch.changed(f"{relative}/{entry.name}")
        elif isinstance(event, FileCreatedEvent):
            self._batch.created(path)
        else:
            self._batch.changed(path)

    def _relative(self, path: bytes | str) -> str | None:
        """None for what lies outside, "" for the workspace folder itself."""
        if not path:
            return None
        try:
            relative = Path(os.fsdecode(path)).relative_to(self._folder).as_posix()
        except ValueError:
            return None
        return "" if relative == "." else relative


if sys.platform == "linux":
    BEST: Kind = Inotify
else:
    BEST = Recursive


def is_on_network(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Whether other machines may change a folder unseen. Known on Linux only."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    real = os.path.realpath(folder) + "/"
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ").rstrip("/") + "/"
        if real.startswith(point) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind in NETWORK
