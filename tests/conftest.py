"""What all tests share: real weights where they are pulled, folders of their own where not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slmcode.config import Config, models_folder
from slmcode.models import store
from slmcode.models.catalog import NotPulled


@pytest.fixture(scope="session")
def fast_weights() -> Path:
    """The pulled 0.5B weights. Without them: a failure in CI, a visible skip elsewhere."""
    try:
        return store.resolve(Config())
    except NotPulled as e:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have the weights: {e}")
        pytest.skip(f"needs the weights: {e}")


def cache_with_weights(folder: Path) -> None:
    """Make a cache folder with the user's weights, and with indexes of its own."""
    folder.mkdir()
    (folder / "models").symlink_to(models_folder(Config()))


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime and a state folder of the test's own; the path is short enough for a socket."""
    folder = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("SLMCODE_RUNTIME", str(folder))
    monkeypatch.setenv("SLMCODE_STATE", str(folder / "state"))
    return folder
