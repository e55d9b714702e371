"""Files of the runtime by themselves: disks that are full, folders that may not be written."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slmcode_runtime import (
    IndexedFile,
    LineSequentialFile,
    Program,
    Record,
    RelativeFile,
    SequentialFile,
    StopRun,
    Text,
)


class Line(Record):
    size = 8
    key = Text(0, 3)
    rest = Text(3, 5)


class Sample(Program):
    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.status = "  "


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can get longer than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("kind", [LineSequentialFile, SequentialFile, RelativeFile])
def test_a_full_disk_is_status_34(tmp_path: Path, kind: type) -> None:
    program = Sample()
    path = str(tmp_path / "a")
    file = kind(program, "A", path, program.line.storage, status=(program, "status"))
    file.open("OUTPUT")
    statuses = set()
    with full_disk(4096):
        for number in range(20_000):
            program.line.group = f"{number:08d}"
            file.write(program.line)
            statuses.add(program.status)
        file.close()
        statuses.add(program.status)
    assert statuses == {"00", "34"}
    assert not file.mode


def test_an_indexed_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    program = Sample()
    path = tmp_path / "a"

    def made() -> IndexedFile:
        return IndexedFile(
            program,
            "A",
            str(path),
            program.line.storage,
            status=(program, "status"),
            access="DYNAMIC",
            record_key=(0, 3),
        )

    file = made()
    file.open("OUTPUT")
    program.line.group = "001first"
    file.write(program.line)
    file.close()
    before = path.read_bytes()
    file = made()
    file.open("I-O")
    with full_disk(500):
        for number in range(2, 500):
            program.line.group = f"{number:03d}later"
            file.write(program.line)
        file.close()
    assert program.status == "34"
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_is_no_indexed_file_is_refused_and_kept(tmp_path: Path) -> None:
    program = Sample()
    path = tmp_path / "a"
    path.write_bytes(b"something else\n")
    file = IndexedFile(
        program,
        "A",
        str(path),
        program.line.storage,
        status=(program, "status"),
        record_key=(0, 3),
    )
    assert file.open("I-O") is None
    assert program.status == "30"
    assert path.read_bytes() == b"something else\n"


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    program = Sample()
    file = LineSequentialFile(
        program, "A", str(tmp_path), program.line.storage, status=(program, "status")
    )
    file.open("OUTPUT")
    assert program.status == "37"


def test_without_status_and_declarative_an_error_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Sample()
    file = LineSequentialFile(program, "A", str(tmp_path / "none"), program.line.storage)
    with pytest.raises(StopRun) as stopped:
        file.open("INPUT")
    assert stopped.value.args == (1,)
    assert "file does not exist (status = 35) for file A" in capsys.readouterr().err
