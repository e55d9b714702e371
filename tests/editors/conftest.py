"""VS Code for the tests of a module, with the scripted server in place of `slmcode serve`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.editors.vscode", "tests.editors.wire")

from tests.editors import vscode, wire  # noqa: E402
from tests.editors.scripted_engine import write  # noqa: E402

# What is offered as a target is announced when the server starts.
TARGETS = ["go", "javascript"]

# A busy machine must not turn an answer into a late one.
PATIENT: dict[str, Any] = {"deadline_ms": 20_000, "invoked_deadline_ms": 20_000}


@pytest.fixture(scope="module")
def scripted_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[vscode.Lab]:
    """A lab whose windows have the scripted server."""
    folder = tmp_path_factory.mktemp("vscode")
    script = folder / "script.json"
    write(script, {"settings": PATIENT, "translate": {"languages": TARGETS}})
    with vscode.lab(folder, wire.scripted(script), {}) as lab:
        yield lab
