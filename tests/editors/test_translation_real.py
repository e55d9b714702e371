"""Neovim, the real server and the real cobc: a program translated and proved without a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors import payroll, programs
from tests.editors.neovim import SERVER, STATUS_LINE, Session

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_cobol_program_is_translated_and_proved_beside_its_source(tmp_path: Path) -> None:
    programs.on_path("cobc")
    session = Session(tmp_path, programs.neovim("0.11"), SERVER, more=STATUS_LINE)
    nvim = session.nvim
    try:
        session.open(payroll.NAME, payroll.PROGRAM)
        nvim.press("<Esc>", "n")
        assert nvim.lua("return require('slmcode.translate').targets(0)") == ["python"]
        nvim.input(":SlmcodeTranslate python<CR>")
        nvim.until(
            lambda: "python" in title(session) and "translating" not in title(session),
            "the end",
            240.0,
        )
        assert "· 3 proved · " in title(session), title(session)
        text = "\n".join(translated(session))
        for part in payroll.PARTS:
            assert part in text
        nvim.command("call cursor(17, 1)")
        nvim.see_text("def find_pay(self)", "✓ proved")
        session.end()
    finally:
        nvim.close()


def title(session: Session) -> str:
    """The title of the window on the right."""
    code = """local wins = vim.api.nvim_tabpage_list_wins(0)
        return vim.wo[wins[#wins]].winbar"""
    return str(session.nvim.lua(code))


def translated(session: Session) -> list[str]:
    """The lines on the right."""
    code = """local wins = vim.api.nvim_tabpage_list_wins(0)
        return vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(wins[#wins]), 0, -1, false)"""
    return [str(line) for line in session.nvim.lua(code)]
