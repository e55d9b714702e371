"""VS Code, the extension, the real server: a COBOL program and its translation. No weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors import payroll, programs, vscode
from tests.editors.vscode import PICTURES, Lab, until

SERVER = [sys.executable, "-m", "slmcode.cli", "serve"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("vscode")
    with vscode.lab(folder, SERVER, {}) as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_cobol_program_is_translated_and_proved_beside_its_source(
    lab: Lab, tmp_path: Path
) -> None:
    programs.on_path("cobc")
    file = tmp_path / payroll.NAME
    file.write_text(payroll.PROGRAM, encoding="utf-8")
    with lab.window(tmp_path, {}) as window:
        window.open(file, (17, 12))
        until(lambda: window.sent("initialized"), "the server's answer")
        window.palette("slmcode: Translate File To…")
        window.pick("python")
        name = "payroll.py"
        until(
            lambda: all(part in window.page_text(name) for part in payroll.PARTS),
            lambda: f"the translation; there is {window.page_text(name)!r}",
        )
        lenses = window.page.locator(".codelens-decoration")
        lenses.filter(has_text="proved: alike on").first.wait_for(timeout=120_000)
        parts = [
            said["value"]
            for said in window.sent("$/progress")
            if isinstance(said["value"], dict) and "units" in said["value"]
        ]
        assert parts, "the text comes before its proof"
        assert parts[0]["text"], "with what there is so far"
        messages = [
            said["value"]["message"]
            for said in window.sent("$/progress")
            if said["value"].get("kind") == "report" and said["value"].get("message")
        ]
        assert any("comparing with the original" in message for message in messages), messages
        window.run(
            "vscode.window.activeTextEditor.selection = new vscode.Selection(17, 12, 17, 12);"
        )
        code = """const beside = vscode.window.visibleTextEditors
              .find(({ document }) => document.uri.path.endsWith("payroll.py"));
            return [beside.viewColumn, beside.document.languageId];"""
        assert window.run(code) == [2, "python"]
        window.screenshot(PICTURES / "vscode-translation-real.png")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_translation_of_a_program_can_be_cancelled(lab: Lab, tmp_path: Path) -> None:
    programs.on_path("cobc")
    file = tmp_path / payroll.NAME
    file.write_text(payroll.PROGRAM, encoding="utf-8")
    with lab.window(tmp_path, {}) as window:
        window.open(file, (0, 0))
        until(lambda: window.sent("initialized"), "the server's answer")
        window.palette("slmcode: Translate File To…")
        window.pick("python")
        until(lambda: payroll.PARTS[0] in window.page_text("payroll.py"), "the translation")
        toast = window.page.locator(".notification-toast .notification-list-item").filter(
            has_text="translating"
        )
        toast.get_by_role("button", name="Cancel").click()
        window.wait_sent("$/cancelRequest")
        lens = window.page.locator(".codelens-decoration").filter(has_text="stopped by you")
        lens.first.wait_for()
        assert payroll.PARTS[0] in window.page_text("payroll.py"), "what there is stays"
