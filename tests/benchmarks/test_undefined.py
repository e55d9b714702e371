"""The judge of undefined names: what it sees on a line, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.undefined import Judge

OTHER = """\
class Base:
    def __init__(self):
        self.first, self.second = 1, 2


class Child(Base):
    def run(self): ...


def helper(): ...
"""


@pytest.mark.parametrize(
    ("line", "undefined"),
    [
        ("x = helper() + missing", {"missing"}),
        ("x = [y for y in range(3)]", set()),
        ("x = Child().run()", set()),
        ("child.run(child.first)", set()),
        ("child.stop(child.third)", {"stop", "third"}),
        ("from other import Child, Absent", {"Absent"}),
        ("x = other.helper, other.absent", {"absent"}),
        ("x = os.anything", set()),
        ("x = (", None),
    ],
)
def test_undefined(tmp_path: Path, line: str, undefined: set[str] | None) -> None:
    (tmp_path / "other.py").write_text(OTHER)
    head = "import os\nimport other\nfrom other import Child, helper\n\n\ndef f():\n"
    source = f"{head}    child = Child()\n    {line}\n"
    assert Judge(tmp_path).undefined(tmp_path / "new.py", source, 8, 8) == undefined
