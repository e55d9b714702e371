"""`slmcode index`, `search` and `map` as a user runs them, on a small project."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from slmcode.cli import app
from slmcode.cli.index import _bar
from slmcode.index.build import State

FILES = {
    "pyproject.toml": "[project]\nname = 'shop'\n",
    "shop/store.py": (
        '"""Where orders are kept."""\n\n\n'
        "class OrderStore:\n"
        '    """Keeps orders."""\n\n'
        "    def save_order(self, order: str) -> None:\n"
        "        self.orders = [order]\n\n"
        "    def close(self) -> None:\n"
        "        pass\n"
    ),
    "shop/basket.py": (
        "from shop.store import OrderStore\n\n\n"
        "class Basket:\n"
        "    def save_order(self) -> None:\n"
        "        # a purchase is complete when the refrigerator hums\n"
        "        OrderStore().save_order('one')\n"
    ),
    "shop/report.py": (
        "from shop.store import OrderStore\n\n\n"
        "def monthly_report(store: OrderStore) -> str:\n"
        "    return str(store)\n"
    ),
    "shop/data.bin": "\0\1\2\3",
    ".env": "PASSWORD=x\n",
}


class Done(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


def make(folder: Path) -> Path:
    for path, text in FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project that no test changes, so that it is indexed once."""
    folder = tmp_path_factory.mktemp("shared")
    make(folder / "project")
    return folder


@pytest.fixture
def env(shared: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Folders of this module's own, in this process too."""
    for name in ("CACHE", "STATE", "RUNTIME", "CONFIG"):
        monkeypatch.setenv(f"SLMCODE_{name}", str(shared / name.lower()))
    return dict(os.environ)


@pytest.fixture
def project(shared: Path) -> Path:
    return shared / "project"


@pytest.fixture
def changing(tmp_path: Path) -> Path:
    """The same project, for a test that changes it."""
    return make(tmp_path / "project")


@pytest.fixture
def run(env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `slmcode ARGS` to its end in this process, in a folder; stdout is no terminal."""

    def run_it(*args: str | Path, cwd: Path = tmp_path) -> Done:
        monkeypatch.chdir(cwd)
        result = CliRunner().invoke(app, [*map(str, args)], prog_name="slmcode")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run_it


def document(done: Done) -> Any:
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def in_a_terminal(env: dict[str, str], columns: int, *args: str | Path) -> str:
    """What `slmcode ARGS` writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "slmcode.cli", *map(str, args)]
    with subprocess.Popen(
        command,
        env={**env, "COLUMNS": str(columns), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            written += data
    os.close(ours)
    assert process.returncode == 0, written
    return written.decode()


def plain(text: str) -> list[str]:
    """Lines without colours."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "").split("\n")


def test_index_says_what_there_is(run: Run, changing: Path, shared: Path) -> None:
    found = document(run("index", changing, "--json", "--skipped"))
    assert found["folder"] == str(changing)
    assert found["languages"]["python"]["files"] == 3
    assert found["lines"] == sum(row["lines"] for row in found["languages"].values())
    assert found["files"] == sum(row["files"] for row in found["languages"].values()) == 4
    assert found["symbols"] >= 6
    assert found["read"] >= 4
    assert found["lines_per_s"] > 0
    database = Path(found["database"])
    assert database.is_relative_to(shared / "cache")
    assert database.stat().st_size == found["database_bytes"]
    reasons = {row["path"]: row["reason"] for row in found["skipped_files"]}
    assert reasons.keys() == {".env", "shop/data.bin"}
    assert sum(found["skipped"].values()) == 2


def test_index_reads_only_what_changed(run: Run, changing: Path) -> None:
    first = document(run("index", changing, "--json"))
    again = document(run("index", changing, "--json"))
    assert (again["read"], again["lines_per_s"]) == (0, None)
    assert again["unchanged"] >= 4
    assert again["symbols"] == first["symbols"]
    (changing / "shop/report.py").unlink()
    (changing / "shop/basket.py").write_text("def another(): pass\n")
    changed = document(run("index", changing, "--json"))
    assert (changed["read"], changed["removed"]) == (1, 1)
    rebuilt = document(run("index", changing, "--json", "--rebuild"))
    assert rebuilt["unchanged"] == 0
    assert rebuilt["symbols"] == changed["symbols"]


def test_index_for_people(run: Run, changing: Path) -> None:
    done = run("index", changing)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^python +3 ", done.stdout, re.MULTILINE)
    assert "lines a second" in done.stdout
    assert "not indexed: 2 (" in done.stdout
    assert "--skipped lists them" in done.stdout
    listed = run("index", changing, "--skipped").stdout
    assert "nothing to read" in listed
    assert re.search(r"^  shop/data.bin: binary$", listed, re.MULTILINE)


def test_index_says_what_to_do(run: Run, project: Path, tmp_path: Path) -> None:
    missing = run("index", tmp_path / "nowhere")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "there is no folder" in missing.stderr
    file = run("index", project / "pyproject.toml")
    assert file.returncode == 1
    assert f"name the folder that holds it: {project}" in file.stderr
    assert run("index").returncode == 2


def test_index_where_the_cache_cannot_be_written(
    run: Run, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "file" / "cache"))
    done = run("index", project)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "$SLMCODE_CACHE" in done.stderr


def test_index_of_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = document(run("index", tmp_path / "empty", "--json"))
    assert (found["files"], found["languages"], found["lines_per_s"]) == (0, {}, None)
    assert run("index", tmp_path / "empty").returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf_8(run: Run, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
    folder.mkdir()
    (folder / "a.py").write_text("def in_a_bad_folder(): pass\n")
    (folder / os.fsdecode(b"b\xfe.py")).write_text("x = 1\n")
    found = document(run("index", folder, "--json", "--skipped"))
    assert found["folder"].endswith("/bad\\xff")
    assert found["skipped_files"] == [{"path": "b\\xfe.py", "reason": "name is not UTF-8"}]
    for command in (["search", "in_a_bad", "--dir", folder], ["map", folder]):
        assert "a.py" in run(*command).stdout
        assert document(run(*command, "--json"))["folder"] == found["folder"]


def test_interrupting_leaves_a_database_that_can_be_used(
    run: Run, env: dict[str, str], changing: Path
) -> None:
    before = document(run("index", changing, "--json"))
    for number in range(300):
        text = "".join(f"def function_{number}_{i}(): pass\n" for i in range(200))
        (changing / f"many_{number}.py").write_text(text)
    command = [sys.executable, "-m", "slmcode.cli", "index", str(changing)]
    # A session of its own, and Ctrl-C for all of its processes, as a terminal does it.
    with subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's "&" ignores it
    ) as process:
        database = Path(before["database"])
        _wait_for_workers(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert err.decode().startswith("slmcode: interrupted")
    assert b"Traceback" not in err
    assert database.exists()
    found = document(run("search", "OrderStore", "--dir", changing, "--json"))
    assert found["symbols"][0]["name"] == "OrderStore"
    assert document(run("index", changing, "--json"))["files"] == before["files"] + 300


def _wait_for_workers(pid: int) -> None:
    """Until a process has a child. Fails when it ends before."""
    tasks = Path(f"/proc/{pid}/task")
    while tasks.exists():
        for task in tasks.iterdir():
            children = task / "children"
            if children.exists() and children.read_text().strip():
                return
    pytest.fail("no worker was started")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_appears_when_there_is_something_to_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with _bar() as on_progress:
        on_progress(State("reading", files=1, total=10, lines=99, seconds=0.1))
        assert terminal.getvalue() == ""
        on_progress(State("reading", files=3, total=10, lines=1234, seconds=0.5))
    assert "3/10 files, 1,234 lines" in terminal.getvalue()
    with _bar() as on_progress:
        on_progress(State("waiting", seconds=1.0))
    assert "for another build of this index" in terminal.getvalue()


def test_there_is_no_bar_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    with _bar() as on_progress:
        on_progress(State("reading", files=3, total=10, lines=1234, seconds=5.0))
    assert file.getvalue() == ""


def test_search_by_name(run: Run, project: Path) -> None:
    found = document(run("search", "save_order", "--dir", project, "--json"))
    assert [(s["path"], s["line"]) for s in found["symbols"]] == [
        ("shop/basket.py", 5),
        ("shop/store.py", 7),
    ]
    assert found["passages"] == []
    assert found["symbols"][1]["signature"] == "def save_order(self, order: str) -> None"
    assert found["symbols"][1]["end_line"] == 8


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("OrderStore.save_order", ("shop/store.py", 7)),
        ("basket.save", ("shop/basket.py", 5)),
        ("Order::close", ("shop/store.py", 10)),
        ("monthlyrep", ("shop/report.py", 4)),
        ("MONTHLY", ("shop/report.py", 4)),
    ],
)
def test_search_by_a_part_of_a_name(
    run: Run, project: Path, query: str, wanted: tuple[str, int]
) -> None:
    found = document(run("search", query, "--dir", project, "--json"))
    assert [(s["path"], s["line"]) for s in found["symbols"]] == [wanted]


def test_search_in_the_text_where_no_name_fits(run: Run, project: Path) -> None:
    found = document(run("search", "refrigerator", "--dir", project, "--json"))
    assert found["symbols"] == []
    (passage,) = found["passages"]
    assert (passage["path"], passage["best_line"]) == ("shop/basket.py", 6)
    assert len(passage["text"].split("\n")) == 3
    assert "refrigerator" in passage["text"].split("\n")[6 - passage["line"]]


def test_search_with_text_finds_uses(run: Run, project: Path) -> None:
    found = document(run("search", "OrderStore", "--text", "--dir", project, "--json"))
    assert found["symbols"] == []
    assert {p["path"] for p in found["passages"]} == {
        "shop/basket.py",
        "shop/report.py",
        "shop/store.py",
    }
    one = run("search", "OrderStore", "--text", "--limit", "1", "--dir", project, "--json")
    assert len(document(one)["passages"]) == 1


def test_search_without_a_folder_takes_the_project_around(
    run: Run, project: Path, tmp_path: Path
) -> None:
    found = document(run("search", "Basket", "--json", cwd=project / "shop"))
    assert found["folder"] == str(project)
    outside = tmp_path / "outside"
    outside.mkdir()
    none = run("search", "Basket", cwd=outside)
    assert none.returncode == 1
    assert "--dir" in none.stderr


def test_search_sees_what_changed_since(run: Run, changing: Path) -> None:
    run("index", changing)
    (changing / "shop/new.py").write_text("def brand_new_function(): pass\n")
    found = document(run("search", "brand_new", "--dir", changing, "--json"))
    assert [s["path"] for s in found["symbols"]] == ["shop/new.py"]


def test_search_finds_nothing(run: Run, project: Path) -> None:
    for query in ("xyzzyx", "", "... ..", "Basket.xyzzyx"):
        done = run("search", query, "--dir", project)
        assert done.returncode == 0
        assert done.stderr.splitlines()[-1].startswith("slmcode: n")


def test_search_for_people_fits_the_terminal(env: dict[str, str], project: Path) -> None:
    wide = plain(in_a_terminal(env, 120, "search", "save_order", "--dir", project))
    assert any(re.match(r"shop/store.py:7 +method +def save_order\(", line) for line in wide)
    narrow = plain(in_a_terminal(env, 50, "search", "save_order", "--dir", project))
    assert "shop/store.py:7" in narrow
    assert all(len(line) <= 50 for line in narrow)
    text = in_a_terminal(env, 80, "search", "refrigerator", "--text", "--dir", project)
    assert "\x1b[" in text.split("refrigerator")[0]  # it is highlighted
    assert any(line.startswith("     6  ") for line in plain(text))


def test_search_into_a_pipe_is_whole_lines(run: Run, project: Path) -> None:
    done = run("search", "save_order", "--dir", project)
    assert "\x1b" not in done.stdout
    assert "def save_order(self, order: str) -> None" in done.stdout


def test_map_puts_what_others_use_first(run: Run, project: Path) -> None:
    done = run("map", project)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split("\n")
    assert lines[0] == "shop/store.py"
    assert "    class OrderStore" in lines
    assert "        def save_order(self, order: str) -> None" in lines
    found = document(run("map", project, "--json", "--tokens", "500"))
    assert found["files"][0]["path"] == "shop/store.py"
    first = found["files"][0]["symbols"][0]
    assert (first["name"], first["line"], first["depth"]) == ("OrderStore", 4, 0)


def test_map_keeps_to_its_length_and_to_the_terminal(env: dict[str, str], project: Path) -> None:
    short = plain(in_a_terminal(env, 40, "map", project, "--tokens", "50"))
    whole = plain(in_a_terminal(env, 40, "map", project))
    assert len(short) < len(whole)
    assert all(len(line) <= 40 for line in whole)


def test_map_with_a_focus(run: Run, project: Path) -> None:
    named = document(run("map", project, "--json", "--focus", "shop/report.py"))
    assert named["files"][0]["path"] == "shop/report.py"
    here = run("map", project, "--json", "--focus", "report.py", cwd=project / "shop")
    assert document(here) == named
    missing = run("map", project, "--focus", "nothing.py")
    assert (missing.returncode, missing.stderr) == (1, "slmcode: there is no file nothing.py\n")
    refused = run("map", project, "--focus", "shop/data.bin")
    assert refused.stderr == "slmcode: shop/data.bin is not indexed: binary\n"


def test_map_of_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("map", tmp_path / "empty")
    assert (done.returncode, done.stdout) == (0, "")
    assert "slmcode parses" in done.stderr
