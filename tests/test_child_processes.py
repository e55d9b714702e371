"""Every Python we start leaves the current folder out of its path: an editor's is the workspace,
and a file called `msgspec.py` there must not run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SLMCODE = Path(__file__).parent.parent / "slmcode"
STARTS = re.compile(r'(sys\.executable|\[)\s*(,\s*)?("-P",\s*)?"-m"')


@pytest.mark.parametrize("path", sorted(SLMCODE.rglob("*.py")), ids=lambda p: p.name)
def test_started_with_a_safe_path(path: Path) -> None:
    for found in STARTS.finditer(path.read_text(encoding="utf-8")):
        assert found[3], f"{path} starts Python without -P: {found[0]}"
