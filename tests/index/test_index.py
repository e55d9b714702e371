"""An index that is kept up to date: saved files, open documents, builds, all that comes between."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slmcode.index import index as module
from slmcode.index.index import Index, Progress
from slmcode.index.reader import Reader
from tests.index.test_store import SHOP, Workspace, corrupt

LONG_S = 60.0  # for what must happen; nothing waits this long unless it fails


class Running(Workspace):
    """A workspace with an index that runs."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.told: list[Progress] = []
        self._changed = threading.Condition()
        self.index = self._new()

    def _new(self) -> Index:
        return Index(self.folder, self.database, limit_kb=1024, on_progress=self._on_progress)

    def _on_progress(self, progress: Progress) -> None:
        with self._changed:
            self.told.append(progress)
            self._changed.notify_all()

    def start(self) -> None:
        """Start the index and wait until it is complete."""
        self.index.start()
        self.reader = self.index.reader()
        self.wait_for_builds(1)

    def restart(self) -> None:
        self.index.close()
        self.told.clear()
        self.index = self._new()
        self.start()

    def wait_for_builds(self, n: int) -> None:
        """Until so many builds have ended since the start."""
        with self._changed:
            ended = self._changed.wait_for(
                lambda: sum(not p.running for p in self.told) >= n, LONG_S
            )
        assert ended, self.told

    def until(self, condition: Callable[[], object]) -> None:
        """Until something is visible to the reader."""
        end = time.monotonic() + LONG_S
        while not condition():
            assert time.monotonic() < end, "it never became visible"
            time.sleep(0.001)

    @property
    def builds(self) -> int:
        return sum(not progress.running for progress in self.told)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.index.close()


def test_what_is_there_is_found_after_the_start(running: Running) -> None:
    running.write(SHOP)
    running.start()
    assert running.reader.known(["Cart", "Price"]) == {"Cart", "Price"}
    assert running.told[0].running
    assert running.index.progress == running.told[-1] == Progress(False, len(SHOP), len(SHOP))


def test_modules_of_the_workspace_are_not_run(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Editors start servers in the workspace, and Python likes to import from there."""
    monkeypatch.chdir(running.folder)
    ran = running.folder.parent / "ran"
    running.write({"msgspec.py": f"open({str(ran)!r}, 'w')\n", "a.py": "def f(): pass\n"})
    running.start()
    assert running.reader.known(["f"]) == {"f"}
    assert not ran.exists()


def test_before_the_first_build_there_is_nothing(running: Running) -> None:
    running.write(SHOP)
    assert running.index.reader().files() == []


def test_saved_created_and_removed_files_are_seen(running: Running) -> None:
    """By the watcher, without a word from the client, and without a build."""
    running.write(SHOP)
    running.start()
    before = running.index.generation
    running.write({"shop/money.py": "class Coin: pass\n"})
    running.until(lambda: running.reader.known(["Coin", "Price"]) == {"Coin"})
    assert running.index.generation > before
    running.write({"shop/new.py": "class New: pass\n"})
    running.until(lambda: running.reader.known(["New"]))
    (running.folder / "shop/new.py").unlink()
    running.until(lambda: not running.reader.known(["New"]))
    assert "shop/new.py" not in running.reader.files()
    assert running.builds == 1


def test_files_the_client_names_are_seen(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Watcher, "start", lambda self: None)
    monkeypatch.setattr(module.Watcher, "stop", lambda self: None)
    running.write(SHOP)
    running.start()
    running.write({"shop/money.py": "class Coin: pass\n"})
    running.index.files_changed(["shop/money.py", "no/such.py"])
    running.until(lambda: running.reader.known(["Coin"]))


def test_a_new_file_is_what_an_import_means(running: Running) -> None:
    running.write({"a.py": "from late import f\n"})
    running.start()
    assert running.reader.imports("a.py")[0].target == ""
    running.write({"late.py": "def f(): pass\n"})
    running.until(lambda: running.reader.importers("late.py") == ["a.py"])
    (running.folder / "late.py").unlink()
    running.until(lambda: running.reader.imports("a.py")[0].target == "")


def test_a_folder_that_goes_takes_its_files_along(running: Running) -> None:
    running.write(SHOP)
    running.start()
    shutil.rmtree(running.folder / "shop")
    running.until(lambda: running.reader.files() == ["README.md", "test_cart.py"])


def test_a_folder_that_is_renamed_is_found_under_its_new_name(running: Running) -> None:
    running.write(SHOP)
    running.start()
    (running.folder / "shop").rename(running.folder / "store")
    running.until(lambda: "store/cart.py" in running.reader.files())
    running.until(lambda: "shop/cart.py" not in running.reader.files())
    assert {s.path for s in running.reader.definitions(["Cart"])} == {"store/cart.py"}


def test_many_changes_are_one_build(running: Running) -> None:
    running.write(SHOP)
    running.start()
    files = {f"many/m{i}.py": f"def many_{i}(): pass\n" for i in range(module.MANY_FILES + 1)}
    running.write(files)
    running.index.files_changed(files)
    running.wait_for_builds(2)
    names = {f"many_{i}" for i in range(len(files))}
    running.until(lambda: running.reader.known(names) == names)


def test_an_ignored_file_leaves_the_index_when_the_rule_comes(running: Running) -> None:
    running.write(SHOP)
    running.start()
    running.write({".gitignore": "shop/\n"})
    running.until(lambda: running.reader.files() == [".gitignore", "README.md", "test_cart.py"])


def test_an_open_document_counts_in_place_of_its_file(running: Running) -> None:
    running.write(SHOP)
    running.start()
    text = "class Coin:\r\n    def flip(self): pass\r\n"
    running.index.buffer_changed("shop/money.py", "python", text)
    running.until(lambda: running.reader.known(["Coin", "Price"]) == {"Coin"})
    assert running.reader.text("shop/money.py", 0, 2) == "class Coin:\n    def flip(self): pass"
    assert [p.path for p in running.reader.passages(["flip"], 3)] == ["shop/money.py"]
    assert running.reader.importers("shop/money.py") == ["shop/cart.py"]
    running.index.buffer_closed("shop/money.py")
    running.until(lambda: running.reader.known(["Coin", "Price"]) == {"Price"})
    assert running.reader.text("shop/money.py", 0, 1) == "class Price:"


def test_a_document_that_was_never_saved_goes_with_its_window(running: Running) -> None:
    running.write(SHOP)
    running.start()
    running.index.buffer_changed("draft.py", "python", "class Draft: pass\n")
    running.until(lambda: running.reader.known(["Draft"]))
    running.index.buffer_closed("draft.py")
    running.until(lambda: not running.reader.known(["Draft"]))
    assert "draft.py" not in running.reader.files()


def test_a_saved_file_that_is_open_stays_as_it_is_in_the_editor(running: Running) -> None:
    running.write(SHOP)
    running.start()
    running.index.buffer_changed("shop/money.py", "python", "class Edited: pass\n")
    running.until(lambda: running.reader.known(["Edited"]))
    running.write({"shop/money.py": "class OnDisk: pass\n", "other.py": "class Other: pass\n"})
    running.index.files_changed(["shop/money.py", "other.py"])
    running.until(lambda: running.reader.known(["Other"]))
    assert running.reader.known(["Edited", "OnDisk"]) == {"Edited"}


def test_open_documents_outlive_a_build(running: Running) -> None:
    running.write(SHOP)
    running.start()
    running.index.buffer_changed("shop/money.py", "python", "class Edited: pass\n")
    running.until(lambda: running.reader.known(["Edited"]))
    running.write({".ignore": "README.md\n"})  # has everything looked at again
    running.until(lambda: "README.md" not in running.reader.files())
    running.wait_for_builds(2)
    running.until(lambda: running.reader.known(["Edited", "Price"]) == {"Edited"})
    assert running.reader.text("shop/money.py", 0, 1) == "class Edited: pass"


def test_a_document_opened_during_the_first_build_is_in_the_index(running: Running) -> None:
    running.write(SHOP)
    running.index.buffer_changed("shop/money.py", "python", "class Early: pass\n")
    running.start()
    running.until(lambda: running.reader.known(["Early", "Price"]) == {"Early"})


def test_a_restart_reads_what_was_open_from_the_disk(running: Running) -> None:
    running.write(SHOP)
    running.start()
    running.index.buffer_changed("shop/money.py", "python", "class Unsaved: pass\n")
    running.until(lambda: running.reader.known(["Unsaved"]))
    running.restart()
    assert running.reader.known(["Unsaved", "Price"]) == {"Price"}
    assert running.told[-1].total == 1  # and nothing else


def test_secrets_and_ignored_documents_stay_out_when_open(running: Running) -> None:
    running.write({".gitignore": "private/\n"})
    running.start()
    running.index.buffer_changed(".env", "", "TOKEN=hidden\n")
    running.index.buffer_changed("private/a.py", "python", "class Hidden: pass\n")
    running.index.buffer_changed("b.py", "python", "class Shown: pass\n")
    running.until(lambda: running.reader.known(["Shown"]))
    assert running.reader.files() == [".gitignore", "b.py"]


def test_a_database_damaged_while_running_is_built_again(running: Running) -> None:
    running.write(SHOP)
    running.start()
    running.restart()  # nothing of it is in memory now
    running.reader.close()
    corrupt(running.database)
    running.index.files_changed(["shop/money.py"])
    running.wait_for_builds(2)
    assert running.index.reader().known(["Cart"]) == {"Cart"}


def test_a_cache_that_cannot_be_written_is_told_once(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.write(SHOP)
    running.database.parent.write_text("a file where the folder should be")
    running.start()
    assert "cannot be written" in running.told[-1].message
    assert running.reader.known(["Cart"]) == {"Cart"}
    running.index.close()
    assert not list(Path(tempfile.gettempdir()).glob("slmcode-index-*/index.sqlite"))


def test_without_any_place_there_is_a_message_and_no_index(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    running.write(SHOP)
    running.database.parent.write_text("a file where the folder should be")
    monkeypatch.setattr(module.tempfile, "mkdtemp", full)
    running.start()
    assert running.told[-1].message
    assert not running.told[-1].running
    assert running.reader.files() == []


def test_a_full_disk_is_told_and_what_was_there_stays(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(path: Path) -> sqlite3.Connection:
        connection = opened(path)
        connection.execute("pragma max_page_count=1")  # SQLITE_FULL, as a full disk gives
        return connection

    running.write(SHOP)
    running.start()
    running.index.close()
    running.told.clear()
    opened = module.store.open_writer
    monkeypatch.setattr(module.store, "open_writer", small)
    running.index = running._new()
    running.start()
    text = "".join(f"def name_{i}(): pass\n" for i in range(2000))
    running.index.buffer_changed("new.py", "python", text)
    running.until(lambda: "full" in running.index.progress.message)
    assert running.reader.known(["Cart"]) == {"Cart"}


def test_close_ends_a_build_at_once(running: Running) -> None:
    running.write({f"m{i}.py": "def f(): pass\n" * 20_000 for i in range(60)})
    running.index.start()
    running.until(lambda: running.index.progress.total)
    process = running.index._process
    assert isinstance(process, subprocess.Popen)
    began = time.monotonic()
    running.index.close()
    assert time.monotonic() - began < 1
    assert process.wait(LONG_S) != 0
    assert not any(thread.name == "slmcode-index" for thread in threading.enumerate())


def test_close_without_start(running: Running) -> None:
    running.index.close()


def test_readers_of_several_threads_see_the_same(running: Running) -> None:
    running.write(SHOP)
    running.start()
    found: list[set[str]] = []

    def ask(reader: Reader) -> None:
        found.append(reader.known(["Cart"]))

    threads = [threading.Thread(target=ask, args=(running.index.reader(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"Cart"}] * 4


def test_the_thread_that_analyses_lets_others_run(running: Running) -> None:
    """Parsing holds the interpreter, so it is done in slices."""
    running.write(SHOP)
    running.start()
    text = "def function_with_a_name(first, second):\n    return first + second\n\n" * 3000
    running.index.buffer_changed("long.py", "python", text + "last_one = 1\n")
    turns = 0
    while not running.reader.known(["last_one"]):
        turns += 1
        os.sched_yield()
    assert turns > 20
