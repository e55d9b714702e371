"""VS Code with the extension, the real server, its engine and the real weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import cache_with_weights
from tests.editors import vscode
from tests.editors.vscode import PICTURES, Lab, Window, until

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


SERVER = [sys.executable, "-m", "slmcode.cli", "serve"]
SHOP = """def total(prices):
    result = sum(prices)
    return result + len(prices) * 2
"""
TEXT_OF = """return vscode.workspace.textDocuments
  .find(({ uri }) => uri.fsPath === args.path)?.getText();"""


@pytest.fixture(scope="module")
def real_lab(tmp_path_factory: pytest.TempPathFactory, fast_weights: Path) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("vscode")
    cache_with_weights(folder / "cache")
    # Not by the editor: an engine is started before that has said anything.
    (folder / "config.toml").write_text("engine_idle_s = 1\n")
    with vscode.lab(folder, SERVER, {}) as lab:
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
    """The server was told of the suggestion that stands there: of this place or one typed along."""

    def told() -> str | None:
        items = [sent["item"] for sent in window.sent("textDocument/didShowCompletion")]
        return line_with(items[-1]) if items else None

    window.wait_ghost("esult")
    until(lambda: told() == "    return result", lambda: f"what was shown; told {told()}")


def line_with(item: dict[str, Any]) -> str:
    """The line that is typed here, with the item in it."""
    start = item["range"]["start"]
    assert start["line"] == TOTAL.count("\n")
    return "    return r"[: start["character"]] + str(item["insertText"])


def text_of(window: Window, file: Path) -> str:
    """The text of a file as the extension host has it."""
    return str(window.run(TEXT_OF, path=str(file)))


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_docstring_is_written_and_shown_with_its_verdict(real_lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(SHOP, encoding="utf-8")
    with real_lab.window(tmp_path, SETTINGS) as window:
        window.open(file, (1, 4))
        window.wait_ready()
        window.palette("slmcode: Refactor…")
        window.pick("Add or update the docstring")
        window.page.locator(".editor-actions .action-label").filter(
            has_text="Apply"
        ).first.wait_for(timeout=240_000)
        assert "contract “docstring”" in window.wait_notification("docstring").lower()
        assert text_of(window, file) == SHOP
        window.command("slmcode.applyEdit")
        until(lambda: text_of(window, file) != SHOP, "the edit")
        code = [line for line in SHOP.splitlines() if line]
        after = text_of(window, file)
        assert '"""' in after
        assert [line for line in after.splitlines() if line in code] == code


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_names_and_expressions_are_changed_by_rules(real_lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(SHOP, encoding="utf-8")
    other = tmp_path / "till.py"
    other.write_text("from shop import total\n\nprint(total([1, 2]))\n", encoding="utf-8")
    with real_lab.window(tmp_path, SETTINGS) as window:
        window.open(file, (0, 4))
        window.wait_ready()
        window.press("F2")
        box = window.page.locator(".rename-box input")
        box.wait_for(timeout=120_000)  # the first one starts rope
        box.fill("price_of_all")
        window.press("Enter")
        renamed = SHOP.replace("total", "price_of_all")
        until(lambda: text_of(window, file) == renamed, lambda: text_of(window, file))
        until(
            lambda: "import price_of_all\n\nprint(price_of_all(" in text_of(window, other), "both"
        )

        window.run("vscode.window.activeTextEditor.selection = new vscode.Selection(2, 20, 2, 35);")
        window.focus()
        menu = window.code_actions("editor.action.refactor")
        menu.get_by_text("Extract variable").click()
        until(lambda: " = len(prices) * 2\n    return result + " in text_of(window, file), "it")
