"""Edits and explanations in Neovim: what is shown before anything is written.

The answers come from the canned server: verdicts, refusals and plans of every kind are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editors import canned_server, programs, wire
from tests.editors.edits import (
    ADD,
    DOCSTRING,
    DOCUMENTED,
    SUB,
    TWO_UNITS,
    UNSURE,
    VERIFIED,
    place,
    plan,
    refactored,
    text_edit,
    unit,
    workspace_edit,
)
from tests.editors.neovim import STATUS_LINE, Session

DOCUMENTED_ADD = ADD.replace(":\n", f":\n{DOCUMENTED}")
BOTH = DOCUMENTED_ADD + SUB.replace(":\n", ':\n    """Subtract."""\n')
ACTION = {"title": "Add a docstring", "kind": "refactor.rewrite", "data": {"id": 1}}
RESOLVED = {"edit": DOCSTRING, "data": {"id": 1, "outcome": VERIFIED}}
EXACT = workspace_edit(text_edit(1, "    c = a\n", "exact"), confirm=False)
TRACE = 'Traceback (most recent call last):\n  File "a.py", line 2\nTypeError: no'


class Desk(Session):
    """A session whose server answers what it is told to."""

    def __init__(self, folder: Path, version: str) -> None:
        self.answers = folder / "answers.json"
        self.answer()
        super().__init__(
            folder,
            programs.neovim(version),
            wire.canned(self.answers),
            settings={"test_command": "make check"},
            more=STATUS_LINE,
        )

    def answer(self, **answers: dict[str, Any]) -> None:
        """What the server answers from now on; "_" in a name stands for "/"."""
        named = {name.replace("_", "/"): answer for name, answer in answers.items()}
        canned_server.write(self.answers, named)

    def show(self, text: str = ADD) -> None:
        """Show a file with this text, in Normal mode, the cursor in its second line."""
        self.open("a.py", text)
        self.nvim.press("<Esc>", "n")
        self.nvim.command("only | 2")
        self.nvim.lua("vim.g.module = vim.api.nvim_get_current_buf()")

    def text(self) -> str:
        """The text of the file."""
        lines = self.nvim.lua("return vim.api.nvim_buf_get_lines(vim.g.module, 0, -1, true)")
        return "".join(f"{line}\n" for line in lines)

    def see_text(self, text: str) -> None:
        """Wait until the file is this text."""
        self.nvim.until(lambda: self.text() == text, f"the text {text!r}")

    def see_no_preview(self) -> None:
        """Wait until no preview is on the screen."""
        self.nvim.see(lambda f: not any("y apply" in row for row in f.rows), "no preview")


@pytest.fixture(scope="module", params=("0.11", "0.12"))
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """One session for all tests; everything it said is checked when it is over."""
    desk = Desk(tmp_path_factory.mktemp("n"), request.param)
    try:
        yield desk
        desk.end()
    finally:
        desk.nvim.close()


@pytest.fixture
def desk(shared: Desk) -> Desk:
    shared.answer()
    return shared


# Edits


def test_an_edit_is_shown_with_its_verdict_applied_and_undone(desk: Desk) -> None:
    desk.answer(slmcode_edit={"result": VERIFIED | {"edit": DOCSTRING}})
    desk.show()
    told = len(desk.sent("slmcode/willEdit"))
    desk.nvim.input(":1,2SlmcodeEdit<CR>")
    desk.nvim.see_text("Edit lines 1-2:")
    ahead = desk.wait_sent("slmcode/willEdit", told + 1)[-1]
    desk.nvim.input("document it<CR>")
    desk.nvim.see_text(
        "Add a docstring (verified)",
        "verified: nothing but the docstring changed",
        "contract: docstring · model: quality",
        '+    """Add two numbers."""',
        "y apply · n discard",
    )
    assert ahead["range"] == desk.sent("slmcode/edit")[-1]["range"]
    assert desk.text() == ADD, "nothing is written before it is accepted"
    desk.nvim.input("y")
    desk.see_text(DOCUMENTED_ADD)
    desk.nvim.input("u")
    desk.see_text(ADD)


def test_an_edit_the_model_is_not_sure_of_is_discarded(desk: Desk) -> None:
    desk.answer(slmcode_edit={"result": UNSURE | {"edit": DOCSTRING}})
    desk.show()
    desk.nvim.input(":1,2SlmcodeEdit document it<CR>")
    desk.nvim.see_text("(not verified, not sure)", "contract: behaviour", "the model was not sure")
    desk.nvim.input("n")
    desk.see_no_preview()
    assert desk.text() == ADD


def test_a_document_that_went_on_is_not_edited(desk: Desk) -> None:
    desk.answer(slmcode_edit={"result": VERIFIED | {"edit": DOCSTRING}})
    desk.show()
    desk.nvim.input(":1,2SlmcodeEdit document it<CR>")
    desk.nvim.see_text("y apply")
    desk.nvim.lua("vim.api.nvim_buf_set_lines(vim.g.module, 0, 0, true, {'import math'})")
    desk.nvim.input("y")
    desk.nvim.saw_text("the text has changed since: nothing was applied")
    assert desk.text() == "import math\n" + ADD


def test_an_edit_of_an_older_version_is_not_shown(desk: Desk) -> None:
    held = {"result": VERIFIED | {"edit": DOCSTRING}}
    old = {"uri": "$uri", "version": 0}
    edit = DOCSTRING | {
        "documentChanges": [{**DOCSTRING["documentChanges"][0], "textDocument": old}]
    }
    desk.answer(slmcode_edit={"result": held["result"] | {"edit": edit}})
    desk.show()
    desk.nvim.lua("vim.api.nvim_buf_set_lines(vim.g.module, 0, 0, true, {'import math'})")
    desk.nvim.input(":1,2SlmcodeEdit document it<CR>")
    desk.nvim.saw_text("the text has changed since: nothing was applied")
    assert desk.text() == "import math\n" + ADD


def test_a_refusal_is_said_with_its_reason(desk: Desk) -> None:
    reason = "the model's answer was not right: it does not define add"
    refused = VERIFIED | {"verdict": "refused", "reason": reason, "edit": None}
    desk.answer(slmcode_edit={"result": refused})
    desk.show()
    desk.nvim.input(":1,2SlmcodeEdit document it<CR>")
    desk.nvim.saw_text(reason)
    assert desk.text() == ADD


def test_a_new_file_is_shown_and_opened(desk: Desk) -> None:
    new = f"{Path(desk.folder / 'test_add.py').as_uri()}"
    edit = {
        "documentChanges": [
            {"kind": "create", "uri": new},
            {
                "textDocument": {"uri": new, "version": None},
                "edits": [text_edit(0, "def test_add():\n    assert add(1, 1) == 2\n", "tests")],
            },
        ],
        "changeAnnotations": {"tests": {"label": "Generate tests", "needsConfirmation": True}},
    }
    desk.answer(slmcode_edit={"result": VERIFIED | {"edit": edit, "title": "Generate tests"}})
    desk.show()
    desk.nvim.input(":1,2SlmcodeEdit test it<CR>")
    desk.nvim.see_text("--- /dev/null", "+def test_add():")
    desk.nvim.input("y")
    desk.nvim.until(
        lambda: desk.nvim.lines() == ["def test_add():", "    assert add(1, 1) == 2"],
        "the new file",
    )
    desk.nvim.command("bwipeout!")


# Code actions


def menu(desk: Desk) -> None:
    """Open Neovim's own menu and take its first entry."""
    desk.nvim.input("ggVj:lua vim.lsp.buf.code_action()<CR>")
    desk.nvim.see_text("Type number and <Enter>")
    desk.nvim.input("1<CR>")


def test_a_refactoring_of_neovims_menu_is_shown_first(desk: Desk) -> None:
    desk.answer(
        textDocument_codeAction={"result": [ACTION]}, codeAction_resolve={"result": RESOLVED}
    )
    desk.show()
    menu(desk)
    desk.nvim.see_text("Add a docstring (verified)", "contract: docstring", "y apply")
    assert desk.text() == ADD
    desk.nvim.input("y")
    desk.see_text(DOCUMENTED_ADD)


def test_an_exact_refactoring_is_made_at_once(desk: Desk) -> None:
    desk.answer(
        textDocument_codeAction={
            "result": [{"title": "Extract variable", "kind": "refactor.extract", "data": {}}]
        },
        codeAction_resolve={"result": {"edit": EXACT}},
    )
    for chosen in (menu, chosen_by_command):
        desk.show()
        chosen(desk)
        desk.see_text(ADD.replace(":\n", ":\n    c = a\n"))


def chosen_by_command(desk: Desk) -> None:
    """The same by our own command."""
    desk.nvim.input(":SlmcodeRefactor<CR>")
    desk.nvim.see_text("Type number and <Enter>")
    desk.nvim.input("1<CR>")


def test_a_refactoring_of_neovims_menu_can_be_cancelled(desk: Desk) -> None:
    desk.answer(textDocument_codeAction={"result": [ACTION]}, codeAction_resolve={"hold": True})
    desk.show()
    menu(desk)
    desk.nvim.see_text("Add a docstring")  # in the status line
    cancelled = len(desk.sent("$/cancelRequest"))
    desk.wait_sent("codeAction/resolve")
    desk.nvim.input(":SlmcodeCancel<CR>")
    desk.wait_sent("$/cancelRequest", cancelled + 1)
    desk.nvim.saw_text("stopped Add a docstring")
    assert desk.text() == ADD


def test_a_refused_refactoring_says_why(desk: Desk) -> None:
    desk.answer(
        textDocument_codeAction={"result": [ACTION]},
        codeAction_resolve={"error": "Add a docstring: the code itself changed"},
    )
    desk.show()
    menu(desk)
    desk.nvim.saw_text("the code itself changed")
    desk.nvim.press("<CR>", "n")
    assert desk.text() == ADD


# Names


def test_a_name_is_changed_everywhere(desk: Desk) -> None:
    def named(line: int, character: int) -> dict[str, Any]:
        where = {"start": place(line, character), "end": place(line, character + 1)}
        return {"range": where, "newText": "first", "annotationId": "rename"}

    where = {"start": place(0, 8), "end": place(0, 9)}
    desk.answer(
        textDocument_prepareRename={"result": {"range": where, "placeholder": "a"}},
        textDocument_rename={"result": workspace_edit(named(0, 8), named(1, 11), confirm=False)},
    )
    desk.show()
    desk.nvim.input("gg8l:lua vim.lsp.buf.rename()<CR>")
    desk.nvim.see_text("New Name: a")
    desk.nvim.input("<C-u>first<CR>")
    desk.see_text("def add(first, b):\n    return first + b\n")


def test_a_name_that_cannot_be_changed_says_why(desk: Desk) -> None:
    desk.answer(textDocument_prepareRename={"error": "a keyword has no other name"})
    desk.show()
    desk.nvim.input("gg:lua vim.lsp.buf.rename()<CR>")
    desk.nvim.saw_text("a keyword has no other name")
    desk.nvim.press("<CR>", "n")


# Explanations


def test_a_problem_is_explained_and_its_places_lead_there(desk: Desk) -> None:
    other = desk.folder / "other.py"
    other.write_text("\n\nx = None\n")
    said = f"It \\(may\\) be `None`: {other}:3 says, as does [the\\_file]({other.as_uri()}#L3)."
    desk.answer(slmcode_explain={"parts": [{"text": "It "}], "result": {"text": said}})
    desk.show()
    desk.nvim.lua(
        """vim.diagnostic.set(vim.api.nvim_create_namespace('lint'), 0, {
            {lnum = 1, col = 11, end_col = 12, message = 'a may be None', source = 'lint',
             code = 'E1'}})"""
    )
    desk.nvim.input(":SlmcodeProblem<CR>")
    desk.nvim.see_text("a.py:2: a may be None", "It (may) be `None`: ", "as does the_file.")
    asked = desk.sent("slmcode/explain")[-1]["diagnostic"]
    assert (asked["message"], asked["source"], asked["code"]) == ("a may be None", "lint", "E1")
    for keys in ("gg0f/<CR>", "gg$<CR>"):
        desk.nvim.input("<C-w>j" + keys)
        desk.nvim.until(lambda: desk.nvim.lines() == ["", "", "x = None"], "the other file")
        assert desk.nvim.cursor() == (3, 0)
        desk.nvim.command("edit #")
    desk.nvim.command("bwipeout! slmcode://explanation")


@pytest.mark.parametrize("source", ["lines", "register", "scratch"])
def test_a_traceback_is_explained(desk: Desk, source: str) -> None:
    desk.answer(slmcode_explain={"result": {"text": "A number was missing."}})
    if source == "lines":
        desk.show(TRACE + "\n")
        desk.nvim.input(":%SlmcodeTraceback<CR>")
    elif source == "register":
        desk.show()
        desk.nvim.lua("vim.fn.setreg('a', ...)", TRACE)
        desk.nvim.input(":SlmcodeTraceback a<CR>")
    else:
        desk.show()
        desk.nvim.input(":SlmcodeTraceback<CR>")
        desk.nvim.see_text("paste the traceback")
        desk.nvim.lua("vim.api.nvim_paste(..., false, -1)", TRACE)
        desk.nvim.input("<CR>")
    desk.nvim.see_text("A number was missing.")
    asked = desk.sent("slmcode/explain")[-1]
    assert asked["trace"] == TRACE
    assert "textDocument" not in asked
    desk.nvim.command("bwipeout! slmcode://explanation")


# A failure


def test_a_failure_is_debugged_step_by_step(desk: Desk) -> None:
    result = VERIFIED | {"title": "Make it pass", "edit": DOCSTRING, "contract": "debug"}
    held = {"parts": [{"step": "running make check"}], "result": result}
    desk.answer(slmcode_debug=held | {"hold": True})
    desk.show()
    desk.nvim.input(":SlmcodeDebug<CR>")
    desk.nvim.see_text("Command that fails: make check")
    desk.nvim.input("<CR>")
    desk.nvim.see_text("debugging: running make check")
    desk.answer(slmcode_debug=held)
    desk.nvim.see_text("Make it pass (verified)", "contract: debug", "y apply")
    desk.nvim.input("y")
    desk.see_text(DOCUMENTED_ADD)
    assert desk.sent("slmcode/debug")[-1]["command"] == "make check"


def test_debugging_can_be_cancelled(desk: Desk) -> None:
    desk.answer(slmcode_debug={"parts": [{"step": "running it"}], "hold": True})
    desk.show()
    desk.nvim.input(":SlmcodeDebug make check<CR>")
    desk.nvim.see_text("debugging: running it")
    cancelled = len(desk.sent("$/cancelRequest"))
    desk.nvim.input(":SlmcodeCancel<CR>")
    desk.wait_sent("$/cancelRequest", cancelled + 1)
    assert desk.text() == ADD


# Modules


def test_a_module_is_planned_refactored_and_reviewed_by_units(desk: Desk) -> None:
    held = {
        "parts": [{"units": [unit("add")]}],
        "result": refactored(TWO_UNITS, unit("add"), unit("sub")),
    }
    desk.answer(
        slmcode_planModule={"result": plan({"name": "Huge", "reason": "it is too long"})},
        slmcode_refactorModule=held | {"hold": True},
    )
    desk.show(ADD + SUB)
    desk.nvim.input(":SlmcodeModule document it<CR>")
    desk.nvim.see_text(
        "[x] add · lines 1-2",
        "[x] sub · lines 5-6, after add",
        "left out: Huge (it is too long)",
    )
    desk.nvim.input("<CR>")
    desk.nvim.see_text("refactoring 1 of 2: add verified")
    desk.answer(slmcode_refactorModule=held)
    desk.nvim.see_text("[x] add", "[x] sub", '+    """Subtract."""', "<Space> leave out")
    assert desk.sent("slmcode/refactorModule")[-1]["units"] == ["add", "sub"]
    assert desk.text() == ADD + SUB
    desk.nvim.input("G<Space>")
    desk.nvim.see_text("[x] add", "[ ] sub")
    desk.nvim.input("y")
    desk.see_text(DOCUMENTED_ADD + SUB)


def test_units_can_be_left_out_of_the_plan(desk: Desk) -> None:
    desk.answer(
        slmcode_planModule={"result": plan()},
        slmcode_refactorModule={"result": refactored(TWO_UNITS, unit("add"))},
    )
    desk.show(ADD + SUB)
    desk.nvim.input(":SlmcodeModule document it<CR>")
    desk.nvim.see_text("[x] sub")
    desk.nvim.input("j<Space>")
    desk.nvim.see_text("[ ] sub")
    desk.nvim.input("<CR>")
    desk.nvim.see_text("y apply")
    assert desk.sent("slmcode/refactorModule")[-1]["units"] == ["add"]
    desk.nvim.input("n")
    desk.see_no_preview()


def test_what_is_done_of_a_module_stays_reviewable_when_it_is_cancelled(desk: Desk) -> None:
    desk.answer(
        slmcode_planModule={"result": plan()},
        slmcode_refactorModule={
            "parts": [{"units": [unit("add")]}],
            "hold": True,
            "cancelled": refactored(DOCSTRING, unit("add")),
        },
    )
    desk.show(ADD + SUB)
    desk.nvim.input(":SlmcodeModule document it<CR>")
    desk.nvim.see_text("[x] sub")
    desk.nvim.input("<CR>")
    desk.nvim.see_text("refactoring 1 of 2: add verified")
    desk.nvim.input(":SlmcodeCancel<CR>")
    desk.nvim.see_text('+    """Add two numbers."""', "y apply")
    desk.nvim.input("n")
    desk.see_no_preview()
    assert desk.text() == ADD + SUB
