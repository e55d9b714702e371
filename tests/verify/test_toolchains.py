"""Compilers and interpreters: found, tried, and what they build run in the sandbox."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from slmcode.verify import toolchains
from slmcode.verify.programs import Input, run_all
from slmcode.verify.toolchains import BuildFailed, Missing
from tests.verify.toolchain import built, cobol, ran, toolchain


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried by other tests is not remembered."""
    monkeypatch.setattr(toolchains, "_tried", {})


@pytest.mark.parametrize("language", ["cobol", "fortran", "pascal", "perl", "c"])
@pytest.mark.usefixtures("no_memory")
def test_a_toolchain_builds_a_program_of_ours(language: str) -> None:
    chain = toolchain(language)
    assert chain.version[0].isdigit()
    assert asyncio.run(toolchains.preflight(chain)) is None


def test_what_is_not_there_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = toolchains.find("cobol")
    assert found == Missing("cobol", "cobc is not there", "apt-get install gnucobol3")
    with pytest.raises(ValueError, match="klingon"):
        toolchains.find("klingon")


def test_another_version_is_no_toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "python2.7", "echo Python 3.9.1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    found = toolchains.find("python2")
    assert isinstance(found, Missing)
    assert "not the version" in found.reason


@pytest.mark.usefixtures("no_memory")
def test_a_compiler_that_is_broken_is_no_toolchain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken harness must never look like a broken translation."""
    version = 'if [ "$1" = --version ]; then echo "cobc (GnuCOBOL) 3.1.2"; exit 0; fi\n'
    script(tmp_path, "cobc", f"{version}echo 'cannot find libcob' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    chain = toolchains.find("cobol")
    assert not isinstance(chain, Missing)
    assert chain.label == "GnuCOBOL 3.1.2"
    missing = asyncio.run(toolchains.preflight(chain))
    assert missing is not None
    assert "does not compile" in missing.reason
    assert "cannot find libcob" in missing.reason


@pytest.mark.usefixtures("no_memory")
def test_a_compiler_whose_programs_do_wrong_is_no_toolchain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = 'if [ "$1" = --version ]; then echo "cobc (GnuCOBOL) 3.1.2"; exit 0; fi\n'
    made = "printf '#!/bin/sh\\necho 7\\n' > program; chmod +x program"
    script(tmp_path, "cobc", version + made)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    chain = toolchains.find("cobol")
    assert not isinstance(chain, Missing)
    missing = asyncio.run(toolchains.preflight(chain))
    assert missing is not None
    assert "does not run (exit code 0)" in missing.reason


def test_what_the_compiler_says_of_a_program(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as failed:
        built("cobol", tmp_path / "b", cobol("01 N PIC 9.", "MOVE 1 TO M."))
    said = str(failed.value)
    assert "main.cob:7: error: 'M' is not defined" in said
    assert str(tmp_path) not in said


def test_fixed_and_free_cobol_with_copybook_and_called_program(tmp_path: Path) -> None:
    indent = " " * 7
    main = "\n".join(
        indent + line
        for line in [
            "IDENTIFICATION DIVISION.",
            "PROGRAM-ID. MAIN.",
            "DATA DIVISION.",
            "WORKING-STORAGE SECTION.",
            "COPY NUMS.",
            "PROCEDURE DIVISION.",
            "    CALL 'TWICE' USING N.",
            "    DISPLAY N.",
            "    STOP RUN.",
            "",
        ]
    )
    twice = "\n".join(
        indent + line
        for line in [
            "IDENTIFICATION DIVISION.",
            "PROGRAM-ID. TWICE.",
            "DATA DIVISION.",
            "LINKAGE SECTION.",
            "01 P PIC 99.",
            "PROCEDURE DIVISION USING P.",
            "    ADD P TO P.",
            "",
        ]
    )
    files = {"main.cob": main, "NUMS.cpy": f"{indent}01 N PIC 99 VALUE 21.\n", "twice.cob": twice}
    named = {name: text.encode() for name, text in files.items()}
    program = asyncio.run(toolchains.build(toolchain("cobol"), named, tmp_path / "b"))
    (outcome,) = ran(program, "")
    assert outcome.stdout == b"42\n"


def test_runs_are_apart_from_each_other_and_from_the_machine(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    code = (
        "import os, sys\n"
        "seen = os.path.exists('left') or os.path.exists('/tmp/left')\n"
        f"outside = {str(outside)!r}\n"
        "open('left', 'w').write('x'); open('/tmp/left', 'w').write('x')\n"
        "open(outside, 'w').write('yours') if os.path.exists(outside) else None\n"
        "print(seen, sys.stdin.read())\n"
    )
    program = built("python", tmp_path / "b", code)
    outcomes = ran(program, "one", "two")
    assert [o.stdout for o in outcomes] == [b"False one\n", b"False two\n"]
    assert [sorted(o.files) for o in outcomes] == [["left"], ["left"]]
    assert outcomes[0].contents["left"] == b"x"
    assert outside.read_text() == "mine"


def test_what_does_not_end_or_prints_without_end_is_stopped(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "what = sys.stdin.read()\n"
        "print('began', flush=True)\n"
        "while what == 'loop': pass\n"
        "while what == 'print': print('y' * 10000)\n"
        "if what == 'wait': time.sleep(1000)\n"
        "if what == 'child': subprocess.Popen(['sleep', '1000'])\n"
        "if what == 'kill': import os; os.kill(os.getpid(), 11)\n"
        "if what == 'fill': x = bytearray(3_000_000_000)\n"
        "sys.exit(3)\n"
    )
    program = built("python", tmp_path / "b", code)
    loop, much, wait, child, kill, fill, ends = ran(
        program, "loop", "print", "wait", "child", "kill", "fill", "end", cpu_s=0.5
    )
    assert (loop.stopped, loop.exit_code, loop.stdout) == ("time", -1, b"began\n")
    assert much.stopped == "output"
    assert len(much.stdout) <= 256 * 1024 < much.stdout_size
    assert wait.stopped == "time"
    assert (child.stopped, child.exit_code) == ("", 3)
    assert kill.error == "killed by signal 11"
    assert fill.error.startswith("MemoryError")
    assert (ends.stopped, ends.exit_code, ends.error) == ("", 3, "")


def test_files_are_laid_and_changes_told(tmp_path: Path) -> None:
    code = "import os\nopen('b', 'a').write('more')\nos.remove('c')\nprint(open('a').read())\n"
    program = built("python", tmp_path / "b", code)
    given = Input(files={"a": b"1", "b": b"2", "c": b"3", "../d": b"4"}, arguments=("x",))
    (outcome,) = asyncio.run(run_all(program, [given]))
    assert outcome.stdout == b"1\n"
    assert sorted(outcome.files) == ["b", "c"]
    assert outcome.files["c"] == ""
    assert outcome.contents == {"b": b"2more"}


def test_the_date_is_the_same_in_every_run(tmp_path: Path) -> None:
    program = built(
        "cobol",
        tmp_path / "b",
        cobol("01 D PIC 9(8).", "ACCEPT D FROM DATE YYYYMMDD.", "DISPLAY D."),
    )
    assert [o.stdout for o in ran(program, "", "")] == [b"20240229\n"] * 2
