"""`slmcode models tune` on a tiny model: everything real but the clock and the choice of tokens."""

from __future__ import annotations

import json
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from slmcode.config import Config
from slmcode.engine import measure
from slmcode.features import tuning
from slmcode.models import catalog, header, prune, store, vocabulary
from slmcode.models.catalog import Model
from tests import tiny_model

DECODE_MS = {  # the clock of these tests; "vocabulary" is the fastest of those that lose nothing
    "official": 20.0,
    "vocabulary": 8.0,
    "balanced": 12.0,
    "small": 9.0,
    "plain": 10.0,
}
CONFIG = Config(model="tiny", threads=1)


@pytest.fixture
def model(pulled_model: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The tiny model; a third of its merges is cut."""
    path = store.path_of(pulled_model, CONFIG)
    merges = header.read(path).values[prune.MERGES]
    keep = closed(merges, {i for i in range(len(merges)) if i % 3})
    monkeypatch.setattr(prune, "shipped", lambda: prune.list_of(keep, merges))
    monkeypatch.setattr(tuning, "_costs", scripted_costs)
    return pulled_model


def closed(merges: list[bytes], wanted: set[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """`wanted` and what they are merged from."""
    made = {merge.replace(b" ", b""): i for i, merge in enumerate(merges)}
    keep = np.zeros(len(merges), bool)
    for i in sorted(wanted, reverse=True):
        keep[i] = True
    for i in reversed(range(len(merges))):
        if keep[i]:
            for part in merges[i].split(b" "):
                if part in made:
                    keep[made[part]] = True
    return keep


def scripted_costs(
    files: dict[str, str], kv_types: dict[str, str], threads: int, work: Path, told: tuning.Told
) -> dict[str, measure.Costs]:
    """`DECODE_MS` for each file, by its name."""
    told(1.0)
    costs = {}
    for name, path in files.items():
        decode = DECODE_MS["official" if name == "official" else Path(path).stem]
        costs[name] = measure.Costs(decode, decode / 2, {1: decode})
    return costs


def silent(step: str, part: float) -> None:
    pass


def installed(tmp_path: Path) -> set[str]:
    """All there is in the models folder but stamps, locks and the official file."""
    folder = tmp_path / "cache" / "models"
    files = (p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".lock", ".stamp"))
    return {str(p.relative_to(folder)) for p in files} - {"tiny.gguf"}


def test_the_fastest_form_is_installed_and_used(model: Model, tmp_path: Path) -> None:
    outcome = tuning.tune(model, CONFIG, silent)
    assert outcome.record.form == "vocabulary"
    assert outcome.path == store.resolve(CONFIG)
    assert installed(tmp_path) == {"tuned/tiny/tune.json", f"tuned/tiny/{outcome.path.name}"}
    kept = json.loads((outcome.path.parent / "tune.json").read_bytes())
    assert [form["name"] for form in kept["forms"]] == ["vocabulary", "balanced", "small", "plain"]
    assert kept["source_sha256"] == model.sha256
    table = vocabulary.read(outcome.path, "")
    assert len(table.merges) < len(tiny_model.MERGES)
    assert store.resolve(Config(model="tiny", tuned=False)) == store.path_of(model, CONFIG)


def test_a_form_that_answers_worse_is_not_used(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = iter([False, False, True, True])  # in the order of `Source.forms`
    monkeypatch.setattr(tuning, "_good", lambda quality: next(good))
    assert tuning.tune(model, CONFIG, silent).record.form == "small"


def test_nothing_is_installed_if_nothing_is_faster(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DECODE_MS, "official", 1.0)
    outcome = tuning.tune(model, CONFIG, silent)
    assert outcome.path is None
    assert installed(tmp_path) == set()


def test_the_same_file_comes_out_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """With GPTQ in it, whose sums depend on the order of additions."""
    monkeypatch.setitem(DECODE_MS, "small", 2.0)
    first = tuning.tune(model, CONFIG, silent)
    second = tuning.tune(model, CONFIG, silent)
    assert first.record.form == second.record.form == "small"
    assert first.record.sha256 == second.record.sha256


@pytest.mark.parametrize(
    "step", ["reading code", "rounding weights", "writing small", "checking small"]
)
def test_an_interruption_leaves_what_was_there(model: Model, tmp_path: Path, step: str) -> None:
    def interrupt(name: str, part: float) -> None:
        if name == step:
            raise KeyboardInterrupt

    before = {"tuned/tiny/tune.json", "tuned/tiny/weights-before.gguf"}
    folder = tmp_path / "cache" / "models" / "tuned" / "tiny"
    folder.mkdir(parents=True)
    for name in before:
        (folder / Path(name).name).write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        tuning.tune(model, CONFIG, interrupt)
    assert installed(tmp_path) == before


def test_what_a_killed_run_left_is_removed(model: Model, tmp_path: Path) -> None:
    left = tmp_path / "cache" / "models" / ".partial" / "tune-tiny"
    left.mkdir(parents=True)
    (left / "small.gguf").write_bytes(b"half")
    assert tuning.tune(model, CONFIG, silent).path is not None
    assert not left.exists()


def test_a_full_disk_is_a_message(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 10_000_000))
    with pytest.raises(tuning.TuneError, match=r"needs \d+\.\d GB of disk"):
        tuning.tune(model, CONFIG, silent)


def test_one_at_a_time(model: Model, tmp_path: Path) -> None:
    partial = tmp_path / "cache" / "models" / ".partial"
    partial.mkdir()
    with (
        FileLock(partial / "tune-tiny.lock"),
        pytest.raises(tuning.TuneError, match="another process"),
    ):
        tuning.tune(model, CONFIG, silent)


def test_altered_official_weights_are_refused(model: Model) -> None:
    path = store.path_of(model, CONFIG)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(catalog.Refused):
        tuning.tune(model, CONFIG, silent)


def test_a_failing_process_is_a_message(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(tuning.TuneError, match="calibrate failed"):
        tuning.tune(model, CONFIG, silent)


@pytest.mark.parametrize(
    ("pieces", "chosen", "hits"),
    [
        ("x| =| 1|\n|y|\n", "x| =| 1|\n|z|\n", [True, False]),
        ("x|:\n|y|\n", "x|:\n\n|y|\n", [True, True]),  # behind the line's end: another matter
        ("x|\n\n|\n|y|\n", "x|\n|\n|y|\n", [True, True]),  # blank lines are no tasks
        ("x|\n  |y|\n", "x|\n |y|\n", [True, False]),  # indentation is part of the next line
        ("x| y", "x| y", []),  # a line without its end is none
    ],
)
def test_line_hits(pieces: str, chosen: str, hits: list[bool]) -> None:
    true, first = ([p.encode() for p in text.split("|")] for text in (pieces, chosen))
    assert list(tuning.line_hits(true, first).values()) == hits


def test_paired_points() -> None:
    points, error = tuning.paired_points([True, True, False, False], [True, False, True, True])
    assert points == 25.0
    assert error == pytest.approx(100 * np.std([0, -1, 1, 1], ddof=1) / 2)
    assert tuning.paired_points([], []) == (0.0, 0.0)
