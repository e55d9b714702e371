"""Neovim 0.11 with our plugin, the real server, the real engine and the real weights.

What a script can say better stands in `test_neovim_scripted.py`. All traffic is recorded and
validated when the editor has quit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import slmcode
from tests.conftest import cache_with_weights
from tests.e2e.test_context import MAIN, NAME, WAREHOUSE
from tests.editors import programs
from tests.editors.neovim import SERVER, STATUS_LINE, Session

pytestmark = [pytest.mark.weights, pytest.mark.slow]

INLINE = "textDocument/inlineCompletion"
COMPLETE = "<M-Bslash>"
TOTAL = '''def total(prices):
    """The sum of all prices."""
    result = 0
    for price in prices:
        result += price
    print("合計 🦀"
    return result
'''

Start = Callable[[], Session]


@pytest.fixture(scope="module")
def engine_folder(tmp_path_factory: pytest.TempPathFactory, fast_weights: Path) -> Path:
    """All tests use one engine."""
    folder = tmp_path_factory.mktemp("rt")
    cache_with_weights(folder / "cache")
    return folder


@pytest.fixture
def start(tmp_path: Path, engine_folder: Path) -> Iterator[Start]:
    """Starts the session, in a folder with a repository's mark; ends it where the test does not."""
    begun: list[Session] = []

    def begin() -> Session:
        (tmp_path / ".git").mkdir()
        (tmp_path / "config.toml").write_text("engine_idle_s = 5\n")
        settings = {"invoked_deadline_ms": 20000, "work_ahead": "always", "show_probability": 0}
        env = {
            "SLMCODE_RUNTIME": str(engine_folder),
            "SLMCODE_CACHE": str(engine_folder / "cache"),
        }
        session = Session(
            tmp_path,
            programs.neovim("0.11"),
            SERVER,
            settings=settings,
            env=env,
            more=STATUS_LINE,
        )
        begun.append(session)
        return session

    try:
        yield begin
    finally:
        for session in begun:
            session.nvim.close()


def engines(folder: Path) -> list[psutil.Process]:
    """The engines whose socket stands in a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if "slmcode.engine" in line and any(str(folder) in part for part in line):
                found.append(process)
    return found


def test_ghost_text_behind_wide_characters(start: Start) -> None:
    s = start()
    s.open("shop.py", TOTAL)
    nvim = s.nvim
    nvim.see_text("[slmcode]")
    nvim.insert_at(6)
    nvim.type(", res")
    line = '    print("合計 🦀", res'
    first = nvim.see_ghost()
    assert first.startswith("ult")
    assert nvim.frame.rows[5].startswith(line + "ult")
    asked = s.sent(INLINE)[-1]["position"]
    assert asked == {"line": 5, "character": len(line.encode())}  # utf-8, as Neovim wants it

    nvim.type("u")  # along with what is offered
    nvim.see(lambda f: f.ghost.startswith("lt"), "the rest")
    rest = nvim.ghost
    nvim.input("<Tab>")
    others = TOTAL.splitlines()
    accepted = [*others[:5], line + "u" + rest, *others[6:]]
    nvim.until(lambda: nvim.lines() == accepted, f"the lines {accepted}")
    s.wait_sent("workspace/executeCommand")
    assert s.sent("window/showMessage") == []
    s.end()


def test_a_name_that_only_another_file_knows(start: Start) -> None:
    s = start()
    s.edit("warehouse.py", WAREHOUSE)
    s.open("main.py", MAIN)
    nvim = s.nvim
    nvim.see_text("[slmcode]")

    nvim.until(lambda: s.ask("slmcode/why")["chunks"], "pieces of the other file")
    nvim.input(COMPLETE)
    nvim.see(lambda f: ("re" + f.ghost).startswith(NAME), f"the name {NAME}")
    nvim.press("<Esc>", "n")
    nvim.input(":SlmcodeWhy<CR>")
    nvim.see_text("slmcode://why")
    assert any("files0/warehouse.py:" in line for line in nvim.lines())
    nvim.input("q")
    nvim.lua("vim.lsp.buf.workspace_symbol('reserve')")
    nvim.see_text("reserve_pallet_bay")
    s.end()


def states(session: Session) -> list[str]:
    """What the server said of the engine so far."""
    return [status["state"] for status in session.sent("slmcode/status")]


def test_a_killed_engine_comes_back(start: Start, engine_folder: Path) -> None:
    s = start()
    s.open("shop.py", TOTAL)
    nvim = s.nvim
    nvim.see_text("[slmcode]")
    (engine,) = engines(engine_folder)
    engine.kill()
    engine.wait(10)
    nvim.until(lambda: states(s).count("ready") == 2, "the next engine")
    assert states(s)[-2:] != ["ready", "ready"]  # the user was told meanwhile
    nvim.see_text("[slmcode]")
    nvim.insert_at(6)
    nvim.type(", res")
    nvim.see(lambda f: f.ghost.startswith("ult"), "ghost text")
    (other,) = engines(engine_folder)
    assert other != engine
    s.end()


def test_nothing_is_amiss_by_checkhealth(start: Start) -> None:
    s = start()
    s.open("shop.py", TOTAL)
    s.nvim.see_text("[slmcode]")
    s.nvim.press("<Esc>", "n")
    s.nvim.command("checkhealth slmcode")
    said = "\n".join(s.nvim.lines())
    assert f"slmcode {slmcode.__version__}" in said
    assert "ERROR" not in said, said
    s.end()


SHOP = """def total(prices):
    result = sum(prices)
    return result + len(prices) * 2
"""


def test_names_and_expressions_are_changed_by_rules(start: Start) -> None:
    s = start()
    till = "from shop import total\n\nprint(total([1, 2]))\n"
    other = s.edit("till.py", till)
    shop = s.open("shop.py", SHOP)
    nvim = s.nvim
    nvim.press("<Esc>", "n")
    nvim.input("gg04l:lua vim.lsp.buf.rename('price_of_all')<CR>")
    renamed = SHOP.replace("total", "price_of_all").splitlines()
    nvim.until(lambda: nvim.lines() == renamed, "the new name")
    assert other.parent == shop.parent
    lines = "return vim.api.nvim_buf_get_lines(vim.fn.bufnr(...), 0, -1, false)"
    changed = till.replace("total", "price_of_all").splitlines()
    nvim.until(lambda: nvim.lua(lines, str(other)) == changed, "the other file")

    actions = (
        "vim.lsp.buf.code_action({range = {start = {3, 20}, ['end'] = {3, 35}}, "
        "context = {only = {'refactor.extract'}}})"
    )
    nvim.input(f":lua {actions}<CR>")
    nvim.see_text("Extract variable", "Type number and <Enter>")
    (row,) = (row for row in nvim.frame.rows if "Extract variable" in row)
    nvim.input(row.split(":")[0].strip() + "<CR>")
    nvim.until(
        lambda: any(line.endswith(" = len(prices) * 2") for line in nvim.lines()), "the variable"
    )
    s.end()


def test_a_docstring_is_written_and_shown_with_its_verdict(start: Start) -> None:
    s = start()
    s.open("shop.py", SHOP)
    nvim = s.nvim
    nvim.see_text("[slmcode]")
    nvim.press("<Esc>", "n")
    nvim.input("2G:SlmcodeRefactor<CR>")
    nvim.see_text("Add or update the docstring", "Type number and <Enter>")
    (row,) = (row for row in nvim.frame.rows if "Add or update the docstring" in row)
    nvim.input(row.split(":")[0].strip() + "<CR>")
    nvim.until(lambda: any("y apply" in row for row in nvim.frame.rows), "the preview", bound_s=240)
    nvim.see_text("contract: docstring", "verified")
    nvim.input("y")
    nvim.until(lambda: nvim.lines() != SHOP.splitlines(), "the edit")
    after = nvim.lines()
    assert any('"""' in line for line in after)
    code = SHOP.splitlines()
    assert [line for line in after if line in code] == code
    s.end()
