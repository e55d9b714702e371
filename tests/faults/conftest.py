"""What the tests of faults share."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.desk import Desk

if sys.platform == "win32":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
async def desk(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """Afterwards no server and no engine is left."""
    desk = Desk(tmp_path, tmp_path_factory.mktemp("run"))
    yield desk
    await desk.close()
