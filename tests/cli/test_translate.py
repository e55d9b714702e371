"""`slmcode translate`: exit codes, files, what is said. The pipeline's results are scripted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from slmcode.cli import app
from slmcode.features.translation import Look, Refusal, Translated, Unit, Verdict, pipeline
from slmcode.features.translation.pipeline import Request
from tests.editors import payroll, programs

ADD = "       IDENTIFICATION DIVISION.\n       PROGRAM-ID. {name}.\n"
EBCDIC = ADD.format(name="ADD").encode("cp037")


def result_of(request: Request, verdict: Verdict = Verdict.PROVED, **fields: Any) -> Translated:
    unit = Unit(
        name="main",
        source_lines=(0, 2),
        lines=(0, 1),
        verdict=verdict,
        reason="as said",
        form=request.form,
    )
    refused = verdict is Verdict.REFUSED
    found = Translated(
        language_id=request.target_language,
        text="" if refused else f"print({request.name!r})\n",
        verdict=verdict,
        reason="alike on 40 inputs",
        units=() if refused else (unit,),
        name=request.name,
        source_language=request.source_language,
        stem=Path(request.name).stem,
        extension=".py",
        line_map=(0,),
        inputs_tried=40,
        coverage=0.9,
        look_first=(Look("a branch that no input reached", 0, 1),),
        refusals=(Refusal(1, "EXEC CICS"),) if refused else (),
    )
    return msgspec.structs.replace(found, **fields)


class Scene:
    """A folder with programs, and what the pipeline makes of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.verdicts: dict[str, Verdict] = {}
        self.asked: list[Request] = []
        self.on_ask: Callable[[], bool] = lambda: False  # whether it goes on until it is stopped
        monkeypatch.setattr(pipeline, "translate", self._translate)
        for name in ("CONFIG", "RUNTIME", "STATE", "CACHE"):
            monkeypatch.setenv(f"SLMCODE_{name}", str(folder / f".{name.lower()}"))

    async def _translate(self, request: Request, **options: Any) -> Translated:
        self.asked.append(request)
        stopped = self.on_ask()
        if stopped:
            await options["stopped"].wait()
        verdict = self.verdicts.get(request.name, Verdict.PROVED)
        return result_of(request, verdict, is_complete=not stopped)

    def program(self, name: str = "add.cob", body: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ADD.format(name=path.stem.upper()) + body, encoding="utf-8")
        return path

    def run(self, *arguments: str | Path) -> Result:
        argv = [str(each) for each in arguments]
        if "--to" not in argv:
            argv += ["--to", "python"]
        if "-o" not in argv:
            argv += ["-o", str(self.out)]
        return CliRunner().invoke(app, ["translate", *argv, "--faithful"])

    def files(self) -> set[str]:
        return {path.name for path in self.out.iterdir() if not path.name.startswith(".")}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_a_proved_program_with_its_reports(scene: Scene) -> None:
    given = scene.folder / "input.txt"
    given.write_bytes(b"7\n")
    ended = scene.run(scene.program(), "--input", given, "--copybooks", scene.folder)
    assert ended.exit_code == 0, ended.output
    assert scene.files() == {"add.py", "add.report.html", "add.report.json"}
    assert (scene.out / "add.py").read_text() == "print('add.cob')\n"
    assert "add.cob: proved: alike on 40 inputs\n" in ended.stderr
    assert "line 2: a branch that no input reached" in ended.stderr
    (asked,) = scene.asked
    assert asked.inputs == (pipeline.Input(stdin=b"7\n"),)
    assert (asked.form, asked.copybooks) == ("faithful", (scene.folder,))


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((Verdict.PROVED, Verdict.NOT_PROVED), 0),
        ((Verdict.PROVED, Verdict.DIFFERS), 3),
        ((Verdict.REFUSED, Verdict.PROVED), 4),
        ((Verdict.REFUSED, Verdict.DIFFERS), 3),
    ],
)
def test_exit_codes(scene: Scene, verdicts: tuple[Verdict, Verdict], code: int) -> None:
    paths = [scene.program("a.cob"), scene.program("b.cob")]
    scene.verdicts = dict(zip(("a.cob", "b.cob"), verdicts, strict=True))
    ended = scene.run(*paths)
    assert ended.exit_code == code, ended.output
    assert "summary.html" in scene.files()
    assert ("a.py" in scene.files()) == (verdicts[0] is not Verdict.REFUSED)


def test_json(scene: Scene) -> None:
    ended = scene.run(scene.program(), "--json")
    (row,) = json.loads(ended.stdout)
    wanted = {"verdict": "proved", "reason": "alike on 40 inputs", "inputs_tried": 40}
    assert wanted.items() <= row.items()
    assert (row["coverage"], row["file"]) == (0.9, "add.py")
    assert row["units"][0]["source_lines"] == [1, 2], "lines count from 1"
    assert row["look_first"] == [
        {"what": "a branch that no input reached", "line": 1, "source_line": 2}
    ]


def test_nothing_is_overwritten(scene: Scene) -> None:
    source = scene.program()
    scene.out.mkdir()
    (scene.out / "add.py").write_text("mine\n")
    ended = scene.run(source)
    assert ended.exit_code == 2
    assert "add.py exists: it is overwritten with --force only" in ended.stderr
    assert (scene.out / "add.py").read_text() == "mine\n"
    assert scene.asked == [], "it is said before the work"
    assert scene.run(source, "--force").exit_code == 0
    assert (scene.out / "add.py").read_text() == "print('add.cob')\n"


def test_what_is_done_is_not_done_again(scene: Scene) -> None:
    source = scene.program()
    scene.run(source)
    ended = scene.run(source, "--json")
    assert (ended.exit_code, len(scene.asked)) == (0, 1)
    assert json.loads(ended.stdout)[0]["verdict"] == "proved"
    source.write_text(source.read_text() + "      * changed\n")
    ended = scene.run(source)
    assert ended.exit_code == 2
    assert "was made from an older source or with other options" in ended.stderr
    assert scene.run(source, "--force").exit_code == 0
    assert len(scene.asked) == 2


def test_ctrl_c_keeps_what_is_done(scene: Scene) -> None:
    paths = [scene.program(f"{name}.cob") for name in "abc"]

    def interrupt() -> bool:
        if len(scene.asked) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return len(scene.asked) == 2

    scene.on_ask = interrupt
    ended = scene.run(*paths)
    assert ended.exit_code == 130, ended.output
    assert "interrupted: 1 of 3 programs are done, 1 in part, and kept in" in ended.stderr
    assert {"a.py", "b.py"} < scene.files()
    scene.on_ask = lambda: False
    ended = scene.run(*paths)
    assert ended.exit_code == 0, ended.output
    asked = [request.name for request in scene.asked]
    assert asked == ["a.cob", "b.cob", "b.cob", "c.cob"], "the one that was stopped is done again"


def test_a_folder_in_the_order_of_its_calls(scene: Scene) -> None:
    scene.program("src/a.cob", '       CALL "C".\n')
    scene.program("src/c.cob", "       CALL 'B' USING X.\n")
    scene.program("src/b.cob", '       CALL "A".\n')
    (scene.folder / "src/fields.cpy").write_text("       01 X PIC 9.\n")
    (scene.folder / "src/notes.txt").write_text("no program")
    ended = scene.run(scene.folder / "src")
    assert ended.exit_code == 0, ended.output
    assert [request.name for request in scene.asked] == ["b.cob", "c.cob", "a.cob"]


def test_programs_of_one_name(scene: Scene) -> None:
    scene.program("x/add.cob")
    scene.program("y/add.cob")
    assert scene.run(scene.folder / "x", scene.folder / "y").exit_code == 0
    assert {"x_add.py", "y_add.py"} < scene.files()


def test_the_runtime_is_copied(scene: Scene) -> None:
    source = scene.program()
    assert scene.run(source, "--with-runtime").exit_code == 0
    runtime = scene.out / "slmcode_runtime"
    assert (runtime / "__init__.py").exists()
    assert not (runtime / "__pycache__").exists()
    assert scene.run(source, "--with-runtime").exit_code == 0, "the same may be there"
    (runtime / "__init__.py").write_text("mine\n")
    ended = scene.run(source, "--with-runtime")
    assert ended.exit_code == 2
    assert "is another one" in ended.stderr


def test_ebcdic_is_named_and_read(scene: Scene) -> None:
    source = scene.folder / "add.cob"
    source.write_bytes(EBCDIC * 5)
    ended = scene.run(source)
    assert ended.exit_code == 2
    assert "looks like EBCDIC: say which with --encoding, such as cp037" in ended.stderr
    assert scene.run(source, "--encoding", "cp037").exit_code == 0
    assert scene.asked[0].text == ADD.format(name="ADD") * 5


def test_records_without_line_ends(scene: Scene) -> None:
    source = scene.folder / "add.cob"
    cards = "".join(line.ljust(80) for line in ADD.format(name="ADD").splitlines())
    source.write_bytes(cards.encode("cp500"))
    ended = scene.run(source, "--encoding", "cp500")
    assert ended.exit_code == 0, ended.output
    assert scene.asked[0].text == ADD.format(name="ADD")
    assert "read as records of 80 characters" in ended.stderr


@pytest.mark.parametrize(
    ("name", "text", "arguments", "said"),
    [
        ("a.txt", "x", [], "a.txt is not translated: what is translated is COBOL,"),
        ("a.py", "print(1)\n", [], "a.py is Python 3 already"),
        ("a.cob", "x", ["--to", "rust"], "COBOL is translated to python, not to rust"),
        ("a.cob", "x", ["--to", "klingon"], "klingon"),
        ("a.cob", "x", ["--encoding", "nonsense"], "there is no encoding 'nonsense'"),
        ("a.cob", "x", ["--copybooks", "/nowhere"], "/nowhere is not a folder"),
        ("a.cob", "x", ["--input", "/nowhere"], "/nowhere cannot be read"),
    ],
)
def test_wrong_usage(scene: Scene, name: str, text: str, arguments: list[str], said: str) -> None:
    (scene.folder / name).write_text(text)
    ended = scene.run(scene.folder / name, *arguments)
    assert ended.exit_code == 2
    assert said in " ".join(ended.stderr.replace("│", " ").split())
    assert scene.asked == []


def test_a_folder_without_programs(scene: Scene) -> None:
    (scene.folder / "src").mkdir()
    ended = scene.run(scene.folder / "src")
    assert ended.exit_code == 2
    assert "no program to translate" in ended.stderr


def test_a_folder_that_another_run_has(scene: Scene) -> None:
    from slmcode.features.translation.batch import Job

    source = scene.program()
    with Job(scene.out, []):
        ended = scene.run(source)
    assert ended.exit_code == 2
    assert "another slmcode is translating into" in ended.stderr


def test_what_cannot_be_translated_at_all_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot(request: Request, **options: Any) -> Translated:
        raise pipeline.Cannot("this is a binary file")

    monkeypatch.setattr(pipeline, "translate", cannot)
    ended = scene.run(scene.program())
    assert ended.exit_code == 4
    assert "add.cob: refused: this is a binary file" in ended.stderr
    assert scene.files() == {"add.report.html", "add.report.json"}


@pytest.mark.slow
def test_a_program_proved_by_the_real_compiler_runs_where_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.on_path("cobc")
    for name in ("CONFIG", "RUNTIME", "STATE", "CACHE"):
        monkeypatch.setenv(f"SLMCODE_{name}", str(tmp_path / f".{name.lower()}"))
    source, given, out = tmp_path / payroll.NAME, tmp_path / "input.txt", tmp_path / "out"
    source.write_text(payroll.PROGRAM)
    given.write_text("45\n10\n")
    options = ["--to", "python", "--faithful", "--with-runtime", "--limit-s", "1", "--json"]
    argv = ["translate", str(source), *options, "--input", str(given), "-o", str(out)]
    ended = CliRunner().invoke(app, argv)
    assert ended.exit_code == 0, ended.output
    (row,) = json.loads(ended.stdout)
    assert row["verdict"] == "proved"
    assert row["inputs_tried"] >= 1
    assert row["toolchain"].startswith("GnuCOBOL")
    alone = [sys.executable, "-S", "payroll.py"]  # -S: the package of this environment is not seen
    ran = subprocess.run(alone, cwd=out, stdin=given.open(), capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "000475\n", "")


@pytest.mark.slow
def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "RUNTIME", "STATE", "CACHE"):
        monkeypatch.setenv(f"SLMCODE_{name}", str(tmp_path / f".{name.lower()}"))
    source, folder = tmp_path / "a.cob", tmp_path / "copybooks"
    folder.mkdir()
    source.write_text(
        payroll.PROGRAM.replace("       01  HOURS", "       COPY NOWHERE.\n       01  HOURS")
    )
    options = ["--to", "python", "--faithful", "--copybooks", str(folder), "-o"]
    ended = CliRunner().invoke(app, ["translate", str(source), *options, str(tmp_path / "out")])
    assert ended.exit_code == 4, ended.output
    assert "NOWHERE" in ended.stderr
    assert str(folder) in ended.stderr, "the folders that were looked in"


def test_a_cluster_is_told_of_and_forbidden_offline(scene: Scene) -> None:
    source = scene.program()
    address = "tcp://127.0.0.1:9"
    with_a_cluster = scene.run(source, "--scheduler", address)
    assert f"your programs go to {address}" in with_a_cluster.stderr
    (scene.folder / ".config").write_text("offline = true\n")
    refused = scene.run(source, "--scheduler", address)
    assert refused.exit_code == 2
    assert 'the setting "offline" forbids --scheduler' in refused.stderr
