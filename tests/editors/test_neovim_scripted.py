"""The Neovim plugin as a user meets it: keys in, screen out, with a model that follows a script.

Everything but the model is real. Each variant is one Neovim for all tests that leave it as they
found it; a test that needs a start, an end or settings of its own starts another one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import slmcode
from tests.editors import programs, wire
from tests.editors.neovim import PLUGIN, STATUS_LINE, Frame, Neovim, Session
from tests.editors.scripted_engine import write

VARIANTS = (("0.11", "own"), ("0.12", "own"), ("0.12", "native"))
ACCEPT, ACCEPT_WORD, ACCEPT_LINE = "<Tab>", "<M-Right>", "<M-C-Right>"
DISMISS, NEXT, PREVIOUS, COMPLETE = "<C-]>", "<M-]>", "<M-[>", "<M-Bslash>"
INLINE = "textDocument/inlineCompletion"
DID_SHOW = "textDocument/didShowCompletion"
DID_PARTLY = "textDocument/didPartiallyAcceptCompletion"
DID_DISMISS = "slmcode/didDismissCompletion"
BLOCK = "prices):\n    return sum(prices)"
PATIENT = {"deadline_ms": 20000, "invoked_deadline_ms": 20000}  # the script says when


class Scripted(Session):
    """A session whose model can be told what to write."""

    def __init__(self, folder: Path, version: str, display: str, **more: Any) -> None:
        self.script = folder / "script.json"
        self.write()
        more.setdefault("server", wire.scripted(self.script))
        super().__init__(folder, programs.neovim(version), display=display, **more)

    def write(self, after: str = "", text: str = "", /, **rule: Any) -> None:
        """From now on the model writes `text` behind `after`, and nothing else."""
        rules = [{"after": after, "text": text, **rule}] if text else []
        write(self.script, {"writes": rules, "settings": PATIENT})

    def play(self, **script: Any) -> None:
        """From now on the whole script is this one."""
        write(self.script, script)

    def servers(self) -> list[psutil.Process]:
        """The server's process; none while there is none."""
        inside = psutil.Process(self.nvim.process.pid).children(recursive=True)
        return [p for p in inside if "tests.editors.scripted_server" in p.cmdline()[:3]]


Start = Callable[..., Scripted]


@pytest.fixture(scope="module")
def begin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts sessions; what is left of them at the end is killed."""
    begun: list[Scripted] = []

    def start(version: str = "0.11", display: str = "own", **more: Any) -> Scripted:
        folder = tmp_path_factory.mktemp("n")
        begun.append(Scripted(folder, version, display, more=STATUS_LINE, **more))
        return begun[-1]

    try:
        yield start
    finally:
        for session in begun:
            session.nvim.close()


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda v: f"{v[0]}-{v[1]}")
def shared(request: pytest.FixtureRequest, begin: Start) -> Iterator[Scripted]:
    """One session for many tests; everything it said is checked when it is over."""
    session = begin(*request.param)
    yield session
    session.end()


@pytest.fixture
def s(shared: Scripted) -> Scripted:
    shared.write()
    return shared


def offered(s: Scripted, text: str, typed: str = "total = ") -> Neovim:
    """Type into an empty file until this is offered."""
    s.open("a.py", "")
    s.write(typed, text)
    s.nvim.type(typed)
    s.nvim.see_ghost(text)
    return s.nvim


def offered_block(s: Scripted, name: str = "a.py", before: bytes = b"") -> Neovim:
    """Ask for a function behind "def total(", in a new file behind `before`."""
    s.open(name, before)
    s.write("def total(", BLOCK)
    s.nvim.type("def total(")
    s.nvim.input(COMPLETE)
    s.nvim.see_ghost(BLOCK)
    return s.nvim


def until_lines(nvim: Neovim, *lines: str) -> None:
    nvim.until(lambda: nvim.lines() == list(lines), f"the lines {lines}")


# While typing


def test_ghost_text_appears_and_tab_accepts(s: Scripted) -> None:
    shown, accepted = len(s.sent(DID_SHOW)), len(s.sent("workspace/executeCommand"))
    nvim = offered(s, "price * count")
    assert nvim.frame.left == "total = "
    assert nvim.lines() == ["total = "]
    nvim.input(ACCEPT)
    until_lines(nvim, "total = price * count")
    nvim.see_no_ghost()
    assert nvim.cursor() == (1, len("total = price * count"))
    item = s.wait_sent(DID_SHOW, shown + 1)[-1]["item"]
    assert item["insertText"].endswith("price * count")
    command = s.wait_sent("workspace/executeCommand", accepted + 1)[-1]
    assert command == {"command": "slmcode.accept", "arguments": item["command"]["arguments"]}


def test_accept_word_by_word(s: Scripted) -> None:
    n = len(s.sent(DID_PARTLY))
    nvim = offered(s, "price * count")
    nvim.input(ACCEPT_WORD)
    until_lines(nvim, "total = price")
    nvim.see_ghost(" * count")
    nvim.input(ACCEPT_WORD)
    until_lines(nvim, "total = price *")
    nvim.see_ghost(" count")
    lengths = [p["acceptedLength"] for p in s.wait_sent(DID_PARTLY, n + 2)[n:]]
    assert lengths == [5, 7]
    nvim.input(ACCEPT)
    until_lines(nvim, "total = price * count")


def test_accept_line_by_line(s: Scripted) -> None:
    nvim = offered_block(s)
    nvim.input(ACCEPT_LINE)
    until_lines(nvim, "def total(prices):")
    nvim.see_ghost("\n    return sum(prices)")
    nvim.input(ACCEPT_LINE)
    until_lines(nvim, "def total(prices):", "    return sum(prices)")
    nvim.see_no_ghost()


def test_typing_along_keeps_the_rest(s: Scripted) -> None:
    text = "price * count"
    nvim = offered(s, text)
    asked = len(s.sent(INLINE))
    for n, key in enumerate(text[:-1], 1):
        before = len(nvim.frames)
        nvim.type(key)
        nvim.see_ghost(text[n:])
        typed = [f for f in nvim.frames[before:] if f.left == f"total = {text[:n]}"]
        assert [f.ghost for f in typed] == [text[n:]] * len(typed), "a frame without the rest"
    s.ask("slmcode/lastCompletion")  # what was sent before it stands in the log then
    assert len(s.sent(INLINE)) == asked
    nvim.type(text[-1])
    nvim.see_no_ghost()
    s.wait_sent(INLINE, asked + 1)  # it is used up


def test_typing_something_else_takes_it_away(s: Scripted) -> None:
    nvim = offered(s, "price * count")
    before = len(nvim.frames)
    nvim.type("#")
    nvim.see_no_ghost()

    def is_wrong(frame: Frame) -> bool:
        return frame.left == "total = #" and bool(frame.ghost)

    assert not any(is_wrong(frame) for frame in nvim.frames[before:])


def test_dismiss(s: Scripted) -> None:
    n = len(s.sent(DID_DISMISS))
    nvim = offered(s, "price * count")
    nvim.input(DISMISS)
    nvim.see_no_ghost()
    assert nvim.call("nvim_get_mode")["mode"] == "i"
    (dismissed,) = s.wait_sent(DID_DISMISS, n + 1)[n:]
    assert dismissed["item"]["insertText"].endswith("price * count")
    nvim.input(COMPLETE)
    nvim.see_ghost("price * count")
    nvim.press("<Esc>", "n")
    nvim.see_no_ghost()
    s.wait_sent(DID_DISMISS, n + 2)
    assert nvim.lines() == ["total = "]


def test_typing_on_takes_the_request_back(s: Scripted) -> None:
    s.open("a.py", "")
    s.write("total = ", "price", hold=True)
    asked = len(s.sent(INLINE))
    s.nvim.type("total = ")
    there = len("total = ")
    s.nvim.until(lambda: wire.asked_at(s.log, INLINE, there, asked), "the request that is held")
    taken_back = len(s.sent("$/cancelRequest"))
    s.nvim.type("p")
    s.wait_sent("$/cancelRequest", taken_back + 1)
    s.write("total = ", "price")
    s.nvim.see_ghost("rice")


def test_several_suggestions_by_command(s: Scripted) -> None:
    s.open("a.py", "total = ")
    s.write("total = ", "alpha", others=["beta", "gamma"])
    s.nvim.input(COMPLETE)
    s.nvim.see_ghost("alpha")
    assert s.sent(INLINE)[-1]["context"] == {"triggerKind": 1}
    s.nvim.input(NEXT)
    s.nvim.see_ghost("beta")
    s.nvim.see_text("(2/3)")
    s.nvim.input(NEXT + NEXT)
    s.nvim.see_ghost("alpha")
    s.nvim.input(PREVIOUS)
    s.nvim.see_ghost("gamma")
    s.nvim.input(ACCEPT)
    until_lines(s.nvim, "total = gamma")


# The text around it


def test_the_lines_above_change_while_it_is_shown(s: Scripted) -> None:
    nvim = offered(s, "price * count")
    nvim.call("nvim_buf_set_lines", 0, 0, 0, True, ["import shop", ""])
    nvim.see(lambda f: f.rows[2].startswith("total = price * count"), "it in the third line")
    nvim.input(ACCEPT)
    until_lines(nvim, "import shop", "", "total = price * count")


def test_the_line_changes_and_the_key_comes_with_it(s: Scripted) -> None:
    nvim = offered(s, "price * count")
    nvim.lua(
        "vim.api.nvim_buf_set_text(0, 0, 0, 0, 5, {'sum'})"
        "vim.api.nvim_feedkeys(vim.keycode('<Tab>'), 'tm', false)"
    )
    nvim.until(lambda: nvim.lines() not in (["total = "], ["sum = "]), "what the key does")
    assert nvim.lines() in (["sum = price * count"], ["sum =   "])  # accepted there, or a Tab


def test_wide_characters_before_the_cursor(s: Scripted) -> None:
    nvim = offered(s, "result)", 'print("合計 🦀 é", ')
    assert nvim.frame.rows[0].startswith('print("合計 🦀 é", result)')
    nvim.type("res")
    nvim.see_ghost("ult)")
    nvim.input(ACCEPT)
    until_lines(nvim, 'print("合計 🦀 é", result)')


def test_wide_characters_in_the_suggestion(s: Scripted) -> None:
    n = len(s.sent(DID_PARTLY))
    nvim = offered(s, '"🦀" + "合計"')
    for accepted in ("total = ", 'total = "', 'total = "🦀', 'total = "🦀"'):
        until_lines(nvim, accepted)
        nvim.input(ACCEPT_WORD)
    until_lines(nvim, 'total = "🦀" +')
    assert s.wait_sent(DID_PARTLY, n + 4)[-1]["acceptedLength"] == len('"xx" +')  # UTF-16
    nvim.input(ACCEPT)
    until_lines(nvim, 'total = "🦀" + "合計"')


def test_text_right_of_the_cursor_stays(s: Scripted) -> None:
    s.open("a.py", "print()\n")
    s.nvim.insert_at(1, 6)
    s.write("print(to", "tal")
    s.nvim.type("to")
    s.nvim.see_ghost("tal")
    assert s.nvim.frame.rows[0].startswith("print(total)")
    s.nvim.input(ACCEPT)
    until_lines(s.nvim, "print(total)")


def test_a_file_with_crlf(s: Scripted) -> None:
    nvim = offered_block(s, "crlf.py", b"import shop\r\n\r\n")
    nvim.input(ACCEPT)
    until_lines(nvim, "import shop", "def total(prices):", "    return sum(prices)")
    nvim.press("<Esc>", "n")
    nvim.command("write")
    saved = b"import shop\r\ndef total(prices):\r\n    return sum(prices)\r\n"
    assert Path(nvim.call("nvim_buf_get_name", 0)).read_bytes() == saved


def test_undo_takes_back_what_was_accepted(s: Scripted) -> None:
    nvim = offered_block(s)
    nvim.input(ACCEPT)
    until_lines(nvim, "def total(prices):", "    return sum(prices)")
    nvim.press("<Esc>", "n")
    nvim.input("u")
    until_lines(nvim, "def total(")
    nvim.input("<C-r>")
    until_lines(nvim, "def total(prices):", "    return sum(prices)")


def test_tab_is_a_tab_where_nothing_is_shown(s: Scripted) -> None:
    s.open("a.py", "")
    s.nvim.type("x")
    s.nvim.input(ACCEPT)
    until_lines(s.nvim, "x\t" if not s.nvim.lua("return vim.bo.expandtab") else "x   ")


# Switches and settings


def test_off_for_a_language_and_on_again(s: Scripted) -> None:
    s.open("a.py", "")
    s.write("total = ", "price")
    s.nvim.press("<Esc>", "n")
    s.nvim.command("SlmcodeDisable python")
    s.nvim.see_text("[slmcode: off for python]")
    s.nvim.insert_at(1)
    asked = len(s.sent(INLINE))
    s.nvim.type("total = ")
    s.ask("slmcode/lastCompletion")  # what was sent before it stands in the log then
    assert len(s.sent(INLINE)) == asked
    assert s.sent("workspace/didChangeConfiguration")
    s.nvim.press("<Esc>", "n")
    s.nvim.command("SlmcodeEnable python")
    s.nvim.see_text("[slmcode]")
    s.nvim.insert_at(1)
    s.nvim.input(COMPLETE)
    s.nvim.see_ghost("price")


def test_snooze(s: Scripted) -> None:
    nvim = offered(s, "price * count")
    nvim.command("SlmcodeSnooze 5")
    nvim.see_no_ghost()
    nvim.see_text("[slmcode: snoozed 5 min]")
    asked = len(s.sent(INLINE))
    nvim.type("price")
    s.ask("slmcode/lastCompletion")  # what was sent before it stands in the log then
    assert len(s.sent(INLINE)) == asked
    nvim.command("SlmcodeSnooze 0")
    nvim.type(" ")
    nvim.see_ghost("* count")


def test_a_setting_takes_effect_at_once(s: Scripted) -> None:
    nvim = offered_block(s)
    (server,) = s.servers()
    nvim.press("<Esc>", "n")
    nvim.command("Slmcode set max_lines=1")
    s.open("b.py", "def total(")
    nvim.input(COMPLETE)
    nvim.see_ghost("prices):")
    nvim.press("<Esc>", "n")
    nvim.command("Slmcode set max_lines=12")
    s.open("c.py", "def total(")
    nvim.input(COMPLETE)
    nvim.see_ghost(BLOCK)
    assert s.servers() == [server]


def test_the_status_line_says_why_nothing_is_shown(s: Scripted) -> None:
    s.open("a.py", "x = prce")
    s.nvim.see_text("[slmcode]")
    s.nvim.insert_at(1, len("x = pr"))
    s.nvim.type("i")
    s.nvim.see_text("[slmcode: the cursor stands inside a word]")
    s.write("y = ", "z")
    s.nvim.insert_at(1)
    s.nvim.type("\ny = ")
    s.nvim.see_ghost("z")
    s.nvim.see_text("[slmcode]")


# Views


SOURCE = """def add(a, b):
    return a + b


def div(a, b):
    return a / b
"""
GO = """func add(a, b int) int {
	return a + b
}

func div(a, b int) int {
	return a / b
}
"""


def unit(name: str, source: int, line: int, verdict: str, reason: str, form: str) -> Any:
    return {
        "name": name,
        "source_lines": [source, source + 2],
        "lines": [line, line + 3],
        "verdict": verdict,
        "reason": reason,
        "form": form,
    }


ADD = unit("add", 0, 0, "proved", "alike on 40 inputs", "faithful")
DIV = unit("div", 4, 4, "differs", "div(1, 2) is 0, not 0.5", "idiomatic")


def test_a_translation_with_verdicts(begin: Start) -> None:
    s = begin()
    both = {
        "language_id": "go",
        "text": GO,
        "verdict": "differs",
        "reason": "",
        "units": [ADD, DIV],
    }
    s.play(translate={"languages": ["go"], "parts": {"go": [both]}})
    s.open("a.py", SOURCE)
    nvim = s.nvim
    nvim.press("<Esc>", "n")
    before = nvim.lines()
    nvim.input(":SlmcodeTranslate go<CR>")
    nvim.see_text("func add(a, b int) int {   ✓ proved, faithful", "alike on 40 inputs")
    nvim.see_text("✗ differs, idiomatic", "div(1, 2) is 0, not 0.5")
    nvim.see_text("a.py → go · 1 proved · 1 differs")
    assert nvim.lines() == before, "the cursor stays in the source"
    assert nvim.lua("return #vim.api.nvim_tabpage_list_wins(0)") == 2
    signs = [row[0] for row in nvim.frame.rows[:8]]
    assert [sign for sign in signs if sign != " "][:2] == ["✓", "✗"], "beside the source"
    nvim.command("SlmcodeTranslate cobol")
    nvim.saw_text("this server translates to go, not to cobol")
    nvim.input("<C-w>l")
    nvim.input("q")
    nvim.until(lambda: nvim.lua("return #vim.api.nvim_tabpage_list_wins(0)") == 1, "one window")
    s.end()


def test_an_edit_is_previewed_applied_and_undone(s: Scripted) -> None:
    nvim = ready_to_edit(s)
    nvim.input(":1,2SlmcodeEdit name the sum<CR>")
    nvim.see_text("-    return a + b", "+    total = a + b", "y apply")
    nvim.input("n")
    nvim.see(lambda f: not any("y apply" in row for row in f.rows), "no preview")
    assert nvim.lines() == SOURCE.splitlines()
    nvim.input(":1,2SlmcodeEdit name the sum<CR>")
    nvim.see_text("y apply")
    nvim.input("y")
    until_lines(nvim, *EDITED.splitlines())
    nvim.input("u")
    until_lines(nvim, *SOURCE.splitlines())


def test_an_edit_of_a_text_that_has_changed_is_not_applied(s: Scripted) -> None:
    nvim = ready_to_edit(s)
    nvim.input(":1,2SlmcodeEdit name the sum<CR>")
    nvim.see_text("y apply")
    source = nvim.lua("return vim.fn.bufnr('#') > 0 and vim.api.nvim_win_get_buf(1000)")
    nvim.call("nvim_buf_set_lines", source, 0, 0, True, ["import math"])
    nvim.input("y")
    nvim.saw_text("the text has changed since: nothing was applied")
    until_lines(nvim, "import math", *SOURCE.splitlines())


def test_a_code_action(s: Scripted) -> None:
    nvim = ready_to_edit(s)
    nvim.insert_at(1)
    nvim.press("<Esc>", "n")
    nvim.input(":1,2SlmcodeRefactor<CR>")
    nvim.see_text("Type number and <Enter>")
    nvim.input("1<CR>")
    nvim.see_text("+    total = a + b", "y apply")
    nvim.input("y")
    until_lines(nvim, *EDITED.splitlines())


def test_neovims_own_code_actions(s: Scripted) -> None:
    nvim = ready_to_edit(s)
    nvim.input("ggVj:lua vim.lsp.buf.code_action()<CR>")
    nvim.see_text("Type number and <Enter>")
    nvim.input("1<CR>")
    nvim.see_text("Simplify (not verified)", "y apply")
    nvim.input("y")
    until_lines(nvim, *EDITED.splitlines())
    nvim.input("u")
    until_lines(nvim, *SOURCE.splitlines())


def test_an_explanation(s: Scripted) -> None:
    nvim = ready_to_edit(s)
    s.play(chat=[{"contains": "return a + b", "text": "2: It adds two numbers."}])
    nvim.input(":1,2SlmcodeExplain<CR>")
    nvim.see_text("It adds two numbers a.py:1.", "a.py:1-2")
    assert nvim.lines() == SOURCE.splitlines()
    nvim.command("bwipeout! slmcode://explanation")


EDITED = SOURCE.replace("return a + b", "total = a + b\n    return total")


def ready_to_edit(s: Scripted) -> Neovim:
    """The source in an editor whose model names the sum, whatever it is told."""
    s.open("a.py", SOURCE)
    s.nvim.press("<Esc>", "n")
    answer = "def add(a, b):\n    total = a + b\n    return total\n```\n"
    s.play(chat=[{"contains": "return a + b", "text": answer}])
    return s.nvim


# A server that is not there, or cannot


def test_a_killed_server_comes_back(begin: Start) -> None:
    s = begin()
    nvim = offered(s, "price * count")
    (server,) = s.servers()
    server.kill()
    nvim.see_no_ghost()
    nvim.see_text("[slmcode: not running]")
    nvim.until(s.servers, "another server")
    nvim.see_text("[slmcode]")
    nvim.type("p")
    nvim.see_ghost("rice * count")
    s.end(may_be_unanswered=(INLINE, "slmcode/lastCompletion"))


def test_a_server_that_always_ends_is_given_up(begin: Start) -> None:
    s = begin(server=["false", "serve"], recorded=False)
    s.edit("a.py", "")
    s.nvim.saw_text("ended three times within a minute", "SlmcodeRestart")
    s.nvim.press("<CR>", "n")
    s.nvim.see_text("[slmcode: not running]")
    assert s.servers() == []


def test_a_server_that_is_not_there(begin: Start) -> None:
    s = begin(server=["/no/such/slmcode", "serve"], recorded=False)
    s.edit("a.py", "")
    s.nvim.saw_text('the server "/no/such/slmcode" was not found', ":help slmcode-install")
    s.nvim.press("<CR>", "n")
    s.nvim.see_text("[slmcode: not found]")


def test_no_model(begin: Start) -> None:
    s = begin()
    s.play(status={"state": "no_model", "message": "there is none"})
    s.edit("a.py", "")
    s.nvim.saw_text("there is no model yet; :SlmcodeDownload gets it")
    s.nvim.see_text("[slmcode: no model, :SlmcodeDownload]")
    assert s.sent("window/showMessage") == []
    s.write("total = ", "price")
    s.nvim.see_text("[slmcode]")
    s.nvim.insert_at(1)
    s.nvim.type("total = ")
    s.nvim.see_ghost("price")
    s.end()


def test_settings_of_the_wrong_type_are_named(begin: Start) -> None:
    s = begin(settings={"deadline_ms": "fast", "disabled_languages": "python", "nonsense": 1})
    s.nvim.see_text("deadline_ms", "disabled_languages", "nonsense")
    s.nvim.input("<CR>")
    nvim = offered(s, "price")  # the defaults are used
    assert "deadline_ms" not in nvim.lua(
        "return vim.json.encode(require('slmcode.options').settings())"
    )
    s.end()


# Keys and help


def test_a_key_of_the_users_stays_theirs(begin: Start) -> None:
    s = begin(first="vim.keymap.set('i', '<Tab>', 'mine')")
    nvim = offered(s, "price")
    nvim.input(ACCEPT)
    until_lines(nvim, "total = mine")
    nvim.press("<Esc>", "n")
    nvim.command("checkhealth slmcode")
    assert any("<Tab> for accept is mapped already" in line for line in nvim.lines())
    s.end()


def test_plugin_and_server_have_one_version(shared: Scripted) -> None:
    assert shared.nvim.lua("return require('slmcode.version').VERSION") == slmcode.__version__


def test_health(shared: Scripted) -> None:
    shared.open("a.py", "")
    shared.nvim.press("<Esc>", "n")
    shared.nvim.command("checkhealth slmcode")
    said = "\n".join(shared.nvim.lines())
    assert f"slmcode {slmcode.__version__}" in said, said
    (error,) = [line for line in said.splitlines() if "ERROR" in line]
    assert "is not on this machine" in error
    shared.nvim.command("bwipeout!")


def test_help(begin: Start, tmp_path: Path) -> None:
    doc = tmp_path / "copy" / "doc"
    shutil.copytree(PLUGIN / "doc", doc)
    s = begin()
    s.nvim.command(f"helptags {doc}")  # fails where a tag stands twice
    tags = {line.split("\t")[0] for line in (doc / "tags").read_text("utf-8").splitlines()}
    links = set(
        re.findall(r"\|((?:slmcode|:Slmcode)[^| ]*)\|", (doc / "slmcode.txt").read_text("utf-8"))
    )
    assert links <= tags
    commands = set(s.nvim.lua("return vim.tbl_keys(vim.api.nvim_get_commands({}))"))
    assert {f":{name}" for name in commands if name.startswith("Slmcode")} <= tags
    s.nvim.command(f"set rtp^={doc.parent}")
    s.nvim.command("help slmcode")
    assert s.nvim.lua("return vim.bo.filetype") == "help"
