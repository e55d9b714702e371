"""The index benchmark: its folders, its table, and one small run of everything."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path

import pytest

from benchmarks import index, report
from slmcode.index.analysis import analyse
from slmcode.syntax.languages import language_of_path


def test_enough_lines_of_the_standard_library_are_found() -> None:
    files = list(index.standard_library(5000))
    counted = [source.read_bytes().count(b"\n") for source, _ in files]
    assert sum(counted) >= 5000 > sum(counted[:-1])
    assert all(relative.startswith("copy1/") for _, relative in files)


def test_a_second_copy_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "site-packages/b.py", "c/d.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("1\n2\n3\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    found = [relative for _, relative in index.standard_library(8)]
    assert found == ["copy1/a.py", "copy1/c/d.py", "copy2/a.py"]


def test_folders_are_copies(tmp_path: Path) -> None:
    repository = tmp_path / "owner+name"
    repository.mkdir()
    (repository / "a.py").write_text("a = 1\n")
    library, copy = index.corpora(tmp_path / "new", 1000, [repository])
    assert library.name == "standard library"
    assert any(library.folder.rglob("*.py"))
    assert (copy.name, (copy.folder / "a.py").read_text()) == ("name", "a = 1\n")
    assert copy.folder != repository


@pytest.mark.parametrize("path", ["a.py", "a.go", "a.c", "a.ts", "a.js"])
def test_the_new_function_is_a_definition(path: str) -> None:
    text = index.definition(path, "visible_1")
    entry = analyse(path, language_of_path(path), text, size=len(text), mtime_ns=0, digest=b"")
    assert [d.name for d in entry.definitions] == ["visible_1"]


def test_another_ctags_is_not_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ctags"
    program.write_text("#!/bin/sh\necho 'ctags (GNU Emacs 29.1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert index.find_ctags() is None
    program.write_text("#!/bin/sh\necho 'Universal Ctags 5.9.0, Copyright'\n")
    assert index.find_ctags() == index.Ctags(str(program), "Universal Ctags 5.9.0")


def test_the_tables_have_every_figure_and_the_bars(
    capsys: pytest.CaptureFixture[str],
) -> None:
    large = {"files": 10, "lines": 2000, "cold_s": 1.234, "held_mb": 250.4, "ctags_s": None}
    small = {"files": 3, "lines": 400, "cold_s": 0.5}
    index.show({"library": large, "one": small, "two": small})
    shown = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown if "│" in line]
    assert ["cold build, s", "1.23", "≤ 12"] in cells
    assert ["universal-ctags, the same files, s", "–", ""] in cells
    assert ["memory: held by a server, MB", "250", "≤ 300"] in cells
    assert ["cold build, s", "0.50", "0.50"] in cells
    assert len(cells) == 2 * len(index.BARS)


def test_a_small_run_has_every_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "RESULTS", Path("/nowhere"))  # nothing is recorded unasked
    doc = index.main(["--lines", "3000", "--no-repos", "--queries", "5", "--updates", "1"])
    assert json.loads(json.dumps(doc))["benchmark"] == "index"
    (found,) = doc["result"]["folders"].values()
    missing = {bar.key for bar in index.BARS if found.get(bar.key) is None}
    assert missing <= {"ctags_s"}
    assert found["lines"] >= 3000
    assert found["build_mb"] > 10
    shown = capsys.readouterr().out
    assert ("not installed" in shown) == (doc["result"]["ctags"] is None)
