"""VS Code with the extension, the real server, its engine and the real weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import cache_with_weights
from tests.editors import vscode
from tests.editors.vscode import PICTURES, Lab, Window

# Enough about the text to come that any model of code knows it; the rest is exact elsewhere.
TOTAL = '''def total(prices):
    """The sum of all prices."""
    result = 0
    for price in prices:
        result += price
'''
SETTINGS = {
    "slmcode.deadline_ms": 20_000,  # a busy machine must not turn an answer into a late one
    "slmcode.show_probability": 0,
    "slmcode.work_ahead": "always",
}


@pytest.fixture(scope="module")
def real_lab(tmp_path_factory: pytest.TempPathFactory, fast_weights: Path) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("vscode")
    cache_with_weights(folder / "cache")
    # Not by the editor: an engine is started before that has said anything.
    (folder / "config.toml").write_text("engine_idle_s = 1\n")
    command = [sys.executable, "-m", "slmcode.cli", "serve"]
    with vscode.lab(folder, command, {}) as lab:
        yield lab


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ghost_text_while_typing(real_lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(TOTAL, encoding="utf-8")
    with real_lab.window(tmp_path, SETTINGS) as window:
        window.open(file)
        window.wait_ready()
        window.type("    return r")
        check_completion(window)
        window.screenshot(PICTURES / "vscode-ghost-text.png")

        window.record_frames()
        window.type("e")
        window.wait_ghost("sult")
        assert {line + ghost for _, ghost, line in window.frames().frames} == {"    return result"}
        window.press("Tab")
        window.wait_text(TOTAL + "    return result")
        assert window.sent("window/showMessage") == []


def check_completion(window: Window) -> None:
    assert window.wait_ghost() == "esult"
    assert window.sent("textDocument/didShowCompletion")[-1]["item"]["insertText"] == "esult"
