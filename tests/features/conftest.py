"""What tests of the workspace and of tuning share."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from slmcode.models import catalog
from slmcode.models.catalog import Model, Parts
from tests import tiny_model


@pytest.fixture
def pulled_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
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
