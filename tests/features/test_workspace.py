"""What a workspace says about the weights it starts with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.engine.job import EngineState
from slmcode.features import workspace
from slmcode.models import catalog, tuned
from slmcode.models.catalog import Model, Parts
from tests import tiny_model


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A pulled tiny model, the catalogue's only one."""
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "models"
    folder.mkdir(parents=True)
    tiny_model.write_tiny_model(folder / "tiny.gguf")
    data = (folder / "tiny.gguf").read_bytes()
    tiny = Model(
        role="tiny",
        name="Tiny",
        licence="Apache-2.0",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        repository="nobody/tiny",
        file="tiny.gguf",
        parts=Parts("tiny", "1", 1),
    )
    monkeypatch.setattr(catalog, "MODELS", (tiny,))
    return tiny


async def test_a_damaged_tuned_file_is_said_once_and_the_official_one_used(
    model: Model, tmp_path: Path, runtime: Path
) -> None:
    folder = tuned.folder_of(tmp_path / "cache" / "models", model)
    folder.mkdir(parents=True)
    (folder / "tune.json").write_bytes(b"cut")
    warnings: list[str] = []
    config = Config(model="tiny", threads=1, engine_idle_s=1)
    started = workspace.start(config, lambda status: None, warnings.append)
    try:
        status = await started.ready()
    finally:
        await started.close()
    assert status.state is EngineState.READY
    assert len(warnings) == 1
    assert "tune.json is damaged" in warnings[0]
    assert "official weights are used" in warnings[0]
