"""Which model writes edits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.engine.job import Weights
from slmcode.features.edits.outcome import Refused
from slmcode.features.edits.weights import EditModel, EditModels
from tests import tiny_model


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights but the test's own."""
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))


def tiny(path: Path) -> str:
    tiny_model.write_vocabulary_gguf(path)
    return str(path)


def get(config: Config) -> EditModel:
    return asyncio.run(EditModels().get(config))


def test_the_setting_names_the_model(tmp_path: Path) -> None:
    own, other = tiny(tmp_path / "own.gguf"), tiny(tmp_path / "other.gguf")
    found = get(Config(model=own, edit_model=other, edit_tokens=2048))
    assert (found.name, found.note) == (other, "")
    assert found.weights == Weights(other, 2048)
    assert found.n_ctx == 2048
    assert found.tokenizer.encode("def") != []


def test_without_its_weights_the_other_model_writes_and_it_is_said(tmp_path: Path) -> None:
    own = tiny(tmp_path / "own.gguf")
    found = get(Config(model=own))
    assert found.name == own
    assert found.weights == Weights(own, Config().edit_tokens)
    assert found.note.startswith(f"written by {own}, the smaller model, because ")
    assert "slmcode models pull quality" in found.note


@pytest.mark.parametrize("edit_model", ["quality", "fast"])
def test_without_any_weights_it_says_what_to_do(edit_model: str) -> None:
    with pytest.raises(Refused, match="slmcode models pull fast"):
        get(Config(edit_model=edit_model))


def test_a_damaged_file_is_refused_and_not_replaced(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model")
    with pytest.raises(Refused, match="broken"):
        get(Config(model=tiny(tmp_path / "own.gguf"), edit_model=str(broken)))


def test_a_file_is_read_once(tmp_path: Path) -> None:
    async def twice() -> None:
        models, config = EditModels(), Config(edit_model=tiny(tmp_path / "own.gguf"))
        first, second = await asyncio.gather(models.get(config), models.get(config))
        assert first.tokenizer is second.tokenizer

    asyncio.run(twice())
