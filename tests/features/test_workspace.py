"""What a workspace says about the weights it starts with."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.engine.job import EngineState
from slmcode.features import workspace
from slmcode.models import tuned
from slmcode.models.catalog import Model


async def test_a_damaged_tuned_file_is_said_once_and_the_official_one_used(
    pulled_model: Model, tmp_path: Path, runtime: Path
) -> None:
    folder = tuned.folder_of(tmp_path / "cache" / "models", pulled_model)
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


async def test_an_index_that_cannot_be_kept_is_said(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept in a temporary folder meanwhile, and works."""
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("SLMCODE_CACHE", str(blocked / "cache"))
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "a.py").write_text("def reserve():\n    pass\n")
    warnings: list[str] = []
    started = workspace.start(Config(), lambda status: None, warnings.append)
    try:
        started.project.change_folders([folder.as_uri()], [])
        async with asyncio.timeout(60):
            await started.indexed()
        found = await started.project.symbols("reserve", 5)
    finally:
        await started.close()
    assert [symbol.name for _, symbol in found] == ["reserve"]
    assert any("cannot be written" in warning for warning in warnings)
