"""Which file a setting means, and what is refused before anything loads it."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.models import catalog, stamps, store, tuned
from slmcode.models.catalog import Model, NotPulled, Refused, UnknownModel
from tests.tiny_model import write_vocabulary_gguf

FAKE = Config(model="fake")


@pytest.fixture
def pulled(model: Model, folder: Path, weights: bytes) -> Path:
    """The fake model where a pull would put it, not hashed yet."""
    folder.mkdir(parents=True)
    path = folder / model.file
    path.write_bytes(weights)
    return path


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is hashed from now on."""
    files: list[Path] = []
    real = stamps.sha256_of

    def spy(path: Path, *rest: object) -> str:
        files.append(path)
        return real(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(stamps, "sha256_of", spy)
    return files


@pytest.mark.parametrize("model", catalog.MODELS, ids=lambda m: m.role)
def test_catalogue_entries_are_found_by_role_and_name(model: Model) -> None:
    assert catalog.find(model.role) is model
    assert catalog.find(model.name.upper()) is model
    assert len(bytes.fromhex(model.sha256)) == 32


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match=r"'fats'.*fast \(Qwen2.*quality \(Qwen2"):
        store.resolve(Config(model="fats"))


def test_missing_model_says_what_to_run(model: Model, folder: Path) -> None:
    with pytest.raises(NotPulled, match="run: slmcode models pull fake"):
        store.resolve(FAKE)


def test_hashed_once_before_first_use(pulled: Path, hashed: list[Path]) -> None:
    assert store.resolve(FAKE) == pulled
    assert store.resolve(FAKE) == pulled
    assert hashed == [pulled]


def test_tampered_weights_are_refused(model: Model, pulled: Path, weights: bytes) -> None:
    """Same size and modification time, one bit changed after the file was found right."""
    store.resolve(FAKE)
    before = pulled.stat()
    with pulled.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([weights[-1] ^ 1]))
    os.utime(pulled, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(Refused, match=f"its SHA-256 is .* instead of {model.sha256}"):
        store.resolve(FAKE)
    assert store.state_of(pulled, model) is store.State.REFUSED


def test_replaced_weights_are_hashed_again(
    pulled: Path, hashed: list[Path], weights: bytes
) -> None:
    store.resolve(FAKE)
    other = pulled.with_name("other")
    other.write_bytes(weights)
    os.replace(other, pulled)
    store.resolve(FAKE)
    assert hashed == [pulled, pulled]


def test_truncated_weights_are_refused(model: Model, pulled: Path, weights: bytes) -> None:
    store.resolve(FAKE)
    os.truncate(pulled, len(weights) - 1)
    with pytest.raises(Refused, match=r"is truncated: .* run: slmcode models pull fake"):
        store.resolve(FAKE)


def test_verify_hashes_in_spite_of_a_stamp(model: Model, pulled: Path, hashed: list[Path]) -> None:
    store.verify(pulled, model)
    store.verify(pulled, model)
    assert hashed == [pulled, pulled]


def test_damaged_stamp_costs_a_hash_and_no_more(pulled: Path, hashed: list[Path]) -> None:
    store.resolve(FAKE)
    stamps.stamp_path(pulled).write_bytes(b"\xff{")
    assert store.resolve(FAKE) == pulled
    assert len(hashed) == 2


def test_unwritable_stamp_is_no_error(pulled: Path, hashed: list[Path]) -> None:
    stamps.stamp_path(pulled).mkdir()
    assert store.resolve(FAKE) == pulled
    assert store.resolve(FAKE) == pulled
    assert len(hashed) == 2
    assert [p.name for p in pulled.parent.iterdir() if p.name.startswith(".")] == []


def test_any_gguf_file_may_be_named(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    write_vocabulary_gguf(own, tensor_size=1000)
    assert store.resolve(Config(model=str(own))) == own


def test_named_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotPulled, match="there is no file"):
        store.resolve(Config(model=str(tmp_path / "own.gguf")))


def test_named_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read: Is a directory"):
        store.resolve(Config(model=str(tmp_path)))


@pytest.mark.parametrize("data", [b"", b"GG", b"PK\x03\x04 a zip file", b"version https://git-lfs"])
def test_other_files_are_not_gguf(tmp_path: Path, data: bytes) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(data)
    with pytest.raises(Refused, match="is not a GGUF file: it begins with"):
        store.resolve(Config(model=str(own)))


@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_gguf_cut_anywhere_is_truncated(tmp_path: Path, part: float) -> None:
    own = tmp_path / "own.gguf"
    write_vocabulary_gguf(own, tensor_size=4000)
    os.truncate(own, int(own.stat().st_size * part))
    with pytest.raises(Refused, match="is truncated"):
        store.resolve(Config(model=str(own)))


@pytest.mark.parametrize(
    "tail",
    [
        struct.pack("<IQQ", 99, 0, 0),  # a version of the future
        struct.pack("<IQQ", 3, 1 << 60, 0),  # more tensors than the file has bytes
        struct.pack("<IQQQ", 3, 0, 1, 1 << 63),  # a key of impossible length
        struct.pack("<IQQQcI", 3, 0, 1, 1, b"k", 77),  # a value of unknown type
        struct.pack("<IQQQcIIQ", 3, 0, 1, 1, b"k", 9, 8, 1 << 62),  # an endless list of strings
        struct.pack("<IQQQcI", 3, 0, 1, 1, b"\xff", 0) + bytes(1),  # a key that is not UTF-8
        struct.pack("<IQQQcI4QIQ", 3, 1, 0, 1, b"t", 4, *[1 << 40] * 4, 0, 0),  # a giant tensor
        struct.pack("<IQQQcIQIQ", 3, 1, 0, 1, b"t", 1, 1, 999, 0),  # of unknown type
    ],
)
def test_damaged_headers_are_refused(tmp_path: Path, tail: bytes) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF" + tail)
    with pytest.raises(Refused, match=r"truncated|damaged"):
        store.resolve(Config(model=str(own)))


def install(model: Model, folder: Path, data: bytes, source: str | None = None) -> Path:
    """Put `data` there as the tuned file of `model`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "made"
    made.write_bytes(data)
    record = tuned.Record(
        source_sha256=source or model.sha256,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        form="small",
        versions={},
        cpu="",
        threads=2,
        made="2026-11-22",
        calibration_sha256="",
        forms=[],
        kv_decode_ms={},
    )
    return tuned.install(folder, model, made, record)


def test_tuned_file_is_used(model: Model, folder: Path, pulled: Path, hashed: list[Path]) -> None:
    path = install(model, folder, b"tuned weights")
    assert store.choose(Config(model="fake")) == (path, "")
    assert hashed == []  # its stamp vouches for it
    assert store.resolve(Config(model="fake", tuned=False)) == pulled
    assert store.resolve(Config(model=str(pulled))) == pulled


def test_tuned_file_needs_no_official_one(model: Model, folder: Path) -> None:
    path = install(model, folder, b"tuned weights")
    assert store.resolve(Config(model="fake")) == path


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.write_bytes(b"tuned weight"), "was cut"),
        (lambda path: path.write_bytes(b"tuned weights!"), "is too long"),
        (lambda path: path.write_bytes(b"Tuned weights"), "was altered"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: (path.parent / "tune.json").write_bytes(b'{"sha256":'), "is damaged"),
    ],
)
def test_damaged_tuned_file_is_refused_and_the_official_one_used(
    model: Model, folder: Path, pulled: Path, damage: Callable[[Path], object], what: str
) -> None:
    damage(install(model, folder, b"tuned weights"))
    chosen = store.choose(Config(model="fake"))
    assert chosen.path == pulled
    assert what in chosen.notice
    assert "slmcode models tune fake" in chosen.notice


def test_tuned_file_of_other_weights_is_refused(model: Model, folder: Path, pulled: Path) -> None:
    install(model, folder, b"tuned weights", source="0" * 64)
    chosen = store.choose(Config(model="fake"))
    assert chosen.path == pulled
    assert "other weights" in chosen.notice


def test_a_new_tuned_file_replaces_the_old_one(model: Model, folder: Path) -> None:
    old = install(model, folder, b"old weights")
    new = install(model, folder, b"new weights")
    assert new != old  # an engine on the old ones has another address
    assert {p.name for p in new.parent.iterdir()} == {"tune.json", new.name, f"{new.name}.stamp"}


def test_removing(model: Model, folder: Path, pulled: Path) -> None:
    install(model, folder, b"tuned weights")
    assert tuned.remove(folder, model)
    assert store.choose(Config(model="fake")) == (pulled, "")
    assert not tuned.remove(folder, model)
