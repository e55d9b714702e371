"""Builds of whole folders: what is read again, what is not, and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import msgspec
import pytest

from slmcode.index import analysis, build, store, workers
from slmcode.index.build import State
from slmcode.index.rows import Skipped
from tests.index.test_store import SHOP, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.write(SHOP)
    assert workspace.build().state == "done"
    return workspace


def contents(database: Path) -> list[list[object]]:
    """All that two builds of the same folder must have in common."""
    connection = sqlite3.connect(database)
    found = [
        connection.execute(query).fetchall()
        for query in (
            "select path, size, hash, language, lines, reason from files order by path",
            "select f.path, name, kind, scope, signature, doc, line, end_line from symbols s"
            " join files f on f.id = s.file order by f.path, line, name",
            "select f.path, line, end_line, p.terms from passages p join files f on f.id = p.file"
            " order by f.path, line",
            "select f.path, i.module, i.names, t.path from imports i join files f on f.id = i.file"
            " left join targets t on t.import = i.id order by f.path, i.line, t.path",
        )
    ]
    connection.close()
    return found


def test_an_unchanged_folder_is_not_read_again(shop: Workspace) -> None:
    state = shop.build()
    assert (state.total, state.unchanged, state.removed) == (0, len(SHOP), 0)


def test_a_file_with_a_new_time_only_is_read_and_not_analysed(shop: Workspace) -> None:
    os.utime(shop.folder / "shop/money.py", ns=(1, 1))
    state = shop.build()
    assert (state.files, state.lines) == (1, 0)
    assert shop.reader.text("shop/money.py", 0, 1) == "class Price:"
    assert shop.build().total == 0


def test_updates_lead_to_what_a_first_build_makes(shop: Workspace, tmp_path: Path) -> None:
    """Files that changed, came, went, and an import that means another file now."""
    shop.write({"shop/money.py": "class Price:\n    currency = 'EUR'\n", "new/one.py": "x = 1\n"})
    (shop.folder / "test_cart.py").unlink()
    (shop.folder / "README.md").rename(shop.folder / "READ.md")
    state = shop.build()
    assert (state.total, state.removed) == (3, 2)
    other = tmp_path / "other.sqlite"
    build.build(shop.folder, other, limit_kb=1024, n_workers=1)
    assert contents(shop.database) == contents(other)
    assert shop.reader.importers("shop/cart.py") == []
    assert [p.path for p in shop.reader.passages(["currency"], 3)] == ["shop/money.py"]
    assert {p.path for p in shop.reader.passages(["test_clear"], 3)} == {"shop/cart.py"}


def test_two_workers_make_what_one_makes(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write({f"p{i}/m{i}.py": f"import m{i - 1}\n" + "x = 1\n" * 9000 for i in range(6)})
    workspace.build()
    other = tmp_path / "other.sqlite"
    state = build.build(workspace.folder, other, limit_kb=1024, n_workers=2)
    assert state.lines == 6 * 9001
    assert contents(other) == contents(workspace.database)


def test_an_import_means_a_file_that_comes_later(workspace: Workspace) -> None:
    workspace.write({"a.py": "import later\n"})
    workspace.build()
    assert workspace.reader.imports("a.py")[0].target == ""
    workspace.write({"later.py": "x = 1\n"})
    workspace.build()
    assert workspace.reader.imports("a.py")[0].target == "later.py"
    (workspace.folder / "later.py").unlink()
    workspace.build()
    assert workspace.reader.imports("a.py")[0].target == ""


def test_an_empty_folder_has_an_empty_index(workspace: Workspace) -> None:
    assert workspace.build().state == "done"
    assert workspace.reader.counts().files == 0
    assert workspace.build().state == "done"


def test_what_is_not_indexed_is_named_and_not_read_again(workspace: Workspace) -> None:
    workspace.write({"a.bin": b"\0\1\2" * 100, "id_rsa": "secret\n", "big.py": "x" * 2_000_000})
    state = workspace.build()
    assert Skipped("big.py", "too large") in state.skipped
    named = {skipped.path: skipped.reason for skipped in workspace.reader.skipped()}
    assert named == {"a.bin": "binary", "id_rsa": "secret"}
    assert workspace.reader.files() == []
    assert workspace.build().total == 0


def test_a_secret_value_is_in_no_table(workspace: Workspace) -> None:
    key = "AKIA" + "QZX7M3KJ2PLW5RTN"
    workspace.write({"settings.py": f'AWS_KEY = "{key}"\n\n\ndef connect():\n    pass\n'})
    workspace.build()
    assert workspace.reader.known(["connect"]) == {"connect"}
    stored = b"".join(file.read_bytes() for file in workspace.database.parent.iterdir())
    assert key.encode() not in stored
    assert key.lower().encode() not in stored


def test_a_huge_file_is_never_read(workspace: Workspace) -> None:
    workspace.write({"a.py": "x = 1\n"})
    with open(workspace.folder / "huge.py", "wb") as file:
        file.truncate(2 << 30)  # a hole: to read it would take 2 GB of memory
    state = workspace.build()
    assert state.skipped == (Skipped("huge.py", "too large"),)
    assert workspace.reader.files() == ["a.py"]


def test_many_small_files(workspace: Workspace) -> None:
    names = [f"d{i % 50}/f{i}.txt" for i in range(3000)]
    workspace.write({name: f"word{i}\n" for i, name in enumerate(names)})
    assert workspace.build().files == 3000
    assert [p.path for p in workspace.reader.passages(["word2999"], 3)] == ["d49/f2999.txt"]


def test_a_long_text_is_cut_without_a_tree(workspace: Workspace) -> None:
    lines = "value_of_row = 12345\n" * 50_000
    workspace.write({"long.py": f"def far(): pass\n{lines}"})
    state = build.build(workspace.folder, workspace.database, limit_kb=4096, n_workers=1)
    assert state.lines == 50_001
    assert workspace.reader.skipped() == [Skipped("long.py", "too large to parse")]
    assert workspace.reader.known(["far"]) == set()
    assert workspace.reader.passages(["far"], 1)[0].line == 0


def test_what_cannot_be_read_is_named_and_tried_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    workspace.write({"a.py": "def hidden(): pass\n"})
    monkeypatch.setattr(analysis.os, "open", refuse)
    result = workers.analyse(workspace.folder, 1024, [analysis.Wanted("a.py", b"")])
    monkeypatch.undo()
    (refused,) = result.refused
    assert refused.skipped == Skipped("a.py", "unreadable: Permission denied")
    assert (refused.size, refused.mtime_ns) == (0, 0)  # no file has these: tried again next time


def test_a_file_that_vanished_meanwhile_is_no_problem(workspace: Workspace) -> None:
    result = workers.analyse(workspace.folder, 1024, [analysis.Wanted("no/such.py", b"")])
    assert result.gone == ["no/such.py"]


# A worker that dies


FAULTY = """
import os, signal, time
from slmcode.index import analysis, workers
real = analysis.read
def read(folder, wanted, limit_kb):
    if "crash" in wanted.path:
        os.kill(os.getpid(), signal.SIGSEGV)
    while "loop" in wanted.path:
        pass
    return real(folder, wanted, limit_kb)
analysis.read = read
workers.CPU_LIMIT_S = 1
workers.main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_file_that_ends_or_holds_a_worker_is_skipped_and_named(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = workers.Pool.__init__

    def faulty(self: workers.Pool, folder: Path, limit_kb: int, n_workers: int) -> None:
        monkeypatch.setattr(sys, "executable", str(script))
        start(self, folder, limit_kb, n_workers)

    script = workspace.folder.parent / "python"
    source = script.with_name("faulty.py")
    source.write_text(FAULTY)
    script.write_text(f'#!/bin/sh\nshift 3\nexec "{sys.executable}" "{source}" "$@"\n')
    script.chmod(0o700)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr(workers.Pool, "__init__", faulty)
    workspace.write({name: f"def in_{name[:-3]}(): pass\n" for name in ("a.py", "z.py")})
    workspace.write({"crash.py": "x\n", "loop.py": "y\n"})
    state = workspace.build()
    assert state.state == "done"
    assert workspace.reader.known(["in_a", "in_z"]) == {"in_a", "in_z"}
    assert workspace.reader.skipped() == [
        Skipped("crash.py", "crashed the parser"),
        Skipped("loop.py", f"took longer than {workers.CPU_LIMIT_S} s"),
    ]
    assert workspace.build().total == 0  # not tried again


def test_a_worker_that_cannot_start_is_a_failure_not_a_wait(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write(SHOP)
    script = workspace.folder.parent / "python"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    state = workspace.build()
    assert state.state == "failed"
    assert "status 3" in state.problem
    assert not workspace.database.exists()


def test_a_worker_ends_with_its_input(workspace: Workspace) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "slmcode.index.workers", str(workspace.folder), "1024"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.communicate(timeout=30)
    assert process.returncode == 0


# The build itself


def test_a_cancelled_build_leaves_the_old_database(shop: Workspace) -> None:
    shop.write({"new.py": "def fresh(): pass\n"})
    state = build.build(
        shop.folder, shop.database, limit_kb=1024, n_workers=1, cancelled=lambda: True
    )
    assert state.state == "cancelled"
    assert shop.reader.known(["Cart", "fresh"]) == {"Cart"}
    assert shop.build().files == 1


def test_a_cancelled_first_build_leaves_nothing(workspace: Workspace) -> None:
    workspace.write(SHOP)
    states: list[State] = []
    build.build(
        workspace.folder,
        workspace.database,
        limit_kb=1024,
        n_workers=1,
        on_progress=states.append,
        cancelled=lambda: bool(states) and states[-1].state == "reading",
    )
    assert states[-1].state == "cancelled"
    left = {file.name for file in workspace.database.parent.iterdir()}
    assert left <= {"index.sqlite.lock"}


def test_of_two_builds_the_second_waits_and_finds_it_done(workspace: Workspace) -> None:
    workspace.write(SHOP)
    workspace.database.parent.mkdir()
    waits = threading.Event()
    states: list[State] = []

    def on_progress(state: State) -> None:
        states.append(state)
        if state.state == "waiting":
            waits.set()

    def second() -> None:
        build.build(
            workspace.folder,
            workspace.database,
            limit_kb=1024,
            n_workers=1,
            on_progress=on_progress,
        )

    first = workspace.database.with_name("first.sqlite")
    with filelock.FileLock(workspace.database.with_name("index.sqlite.lock")):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(30)
        build.build(workspace.folder, first, limit_kb=1024, n_workers=1)
        os.replace(first, workspace.database)
    thread.join(60)
    assert (states[-1].state, states[-1].total, states[-1].unchanged) == ("done", 0, len(SHOP))


def test_a_full_disk_is_a_problem_not_an_exception(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(path: Path) -> sqlite3.Connection:
        connection = opened(path)
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count={pages}")  # SQLITE_FULL, as a full disk gives
        return connection

    opened = store.open_writer
    monkeypatch.setattr(store, "open_writer", small)
    shop.write({f"n{i}.py": f"def new_name_{i}(): pass\n" * 50 for i in range(50)})
    state = shop.build()
    assert state.state == "failed"
    assert "full" in state.problem
    monkeypatch.undo()
    assert shop.reader.known(["Cart"]) == {"Cart"}
    assert shop.build().state == "done"


def test_a_folder_for_the_database_that_cannot_be_made_is_a_problem(workspace: Workspace) -> None:
    workspace.write(SHOP)
    workspace.database.parent.write_text("a file where the folder should be")
    state = workspace.build()
    assert state.state == "failed"
    assert state.problem


def test_the_program_tells_its_progress_and_its_end(workspace: Workspace) -> None:
    workspace.write(SHOP)
    command = [sys.executable, "-m", "slmcode.index.build", "--background", "--workers", "1"]
    done = subprocess.run(
        [*command, str(workspace.folder), str(workspace.database)], capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    last = msgspec.convert(lines[-1], State)
    assert (last.state, last.files, last.total) == ("done", len(SHOP), len(SHOP))
    assert workspace.reader.known(["Cart"]) == {"Cart"}


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_workers_end_when_the_build_is_killed(workspace: Workspace) -> None:
    workspace.write({f"m{i}.py": "def f(): pass\n" * 20_000 for i in range(40)})
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "slmcode.index.build",
            str(workspace.folder),
            str(workspace.database),
        ],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    while b'"reading"' not in (line := process.stdout.readline()):
        assert line
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    assert pids
    watches = [os.pidfd_open(pid) for pid in pids]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    for watch in watches:  # readable when the process has ended
        with open(watch, "rb", buffering=0) as ended:
            assert select.select([ended], [], [], 60)[0]
