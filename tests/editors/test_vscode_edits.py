"""Edits and explanations in VS Code: what is shown before anything is written.

The answers come from the canned server: verdicts, refusals and plans of every kind are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editors import canned_server, vscode, wire
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
from tests.editors.vscode import PICTURES, Lab, Window, until

pytestmark = pytest.mark.timeout(300)  # of which most may go to the start of the window

DOCUMENTED_ADD = ADD.replace(":\n", f":\n{DOCUMENTED}")


class Desk:
    """The window the tests share, with the answers and the file of one test."""

    def __init__(self, window: Window, answers: Path, file: Path) -> None:
        self.window = window
        self.file = file
        self._answers = answers

    def answer(self, **answers: dict[str, Any]) -> None:
        """What the server answers from now on; "_" in a name stands for "/"."""
        named = {name.replace("_", "/"): answer for name, answer in answers.items()}
        canned_server.write(self._answers, named)

    def open(self, text: str = ADD, cursor: tuple[int, int] = (1, 4)) -> None:
        """Show a file with this text."""
        self.file.write_text(text, encoding="utf-8")
        self.window.open(self.file, cursor)
        until(lambda: self.window.sent("textDocument/didOpen"), "the document on the wire")

    def text(self) -> str | None:
        """The text of the file as the extension host has it."""
        code = """return vscode.workspace.textDocuments
            .find(({ uri }) => uri.fsPath === args.path)?.getText();"""
        found = self.window.run(code, path=str(self.file))
        return None if found is None else str(found)

    def see_text(self, text: str) -> None:
        """Wait until the file is this text."""
        until(lambda: self.text() == text, lambda: f"the text {text!r}; it is {self.text()!r}")

    def instruct(self, command: str, instruction: str) -> None:
        """Run a command that asks for an instruction, and give it."""
        self.window.palette(command)
        box = self.window.page.locator(".quick-input-widget input.input")
        until(lambda: box.get_attribute("placeholder") not in (None, "", PALETTE), "the box")
        box.fill(instruction)
        self.window.press("Enter")

    def button(self, name: str) -> Any:
        """A button above the preview."""
        return self.window.page.locator(".editor-actions .action-label").filter(has_text=name).first

    def preview(self) -> str:
        """The text of the preview's right side, "" where there is none."""
        code = """const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
            const right = tab?.input?.modified;
            if (right?.scheme !== "slmcode-edit") return "";
            return (await vscode.workspace.openTextDocument(right)).getText();"""
        return str(self.window.run(code))

    def title(self) -> str:
        """The title of the tab in front."""
        code = "return vscode.window.tabGroups.activeTabGroup.activeTab?.label ?? '';"
        return str(self.window.run(code))

    def cancel(self) -> None:
        """Press the button that stops what is going on."""
        toast = self.window.page.locator(".notification-toast .notification-list-item").first
        toast.get_by_role("button", name="Cancel").click()


PALETTE = "Type the name of a command to run."


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("vscode")
    canned_server.write(folder / "script.json", {})
    with vscode.lab(folder, wire.canned(folder / "script.json"), {}) as lab:
        yield lab


@pytest.fixture(scope="module")
def shared(lab: Lab) -> Iterator[tuple[Window, Path, Path]]:
    folder = lab.folder / "work"
    folder.mkdir()
    with lab.window(folder, {"slmcode.test_command": "make check"}) as window:
        first = folder / "first.py"
        first.write_text("")
        window.open(first)
        window.wait_ready()
        yield window, lab.script, folder


@pytest.fixture
def desk(shared: tuple[Window, Path, Path], request: pytest.FixtureRequest) -> Iterator[Desk]:
    window, answers, folder = shared
    failed = request.session.testsfailed
    desk = Desk(window, answers, folder / f"{request.node.name.removeprefix('test_')}.py")
    yield desk
    if request.session.testsfailed > failed:
        window.screenshot(PICTURES / f"failed-{request.node.name}.png")
    desk.answer()
    window.press("Escape")
    window.command("notifications.clearAll")
    window.run("await vscode.workspace.saveAll();")
    window.renew_editor()


# Edits


def test_an_edit_is_shown_with_its_verdict_applied_and_undone(desk: Desk) -> None:
    desk.answer(slmcode_edit={"result": VERIFIED | {"edit": DOCSTRING}})
    desk.open()
    desk.instruct("slmcode: Edit Selection…", "document it")
    said = desk.window.wait_notification("Add a docstring")
    assert "Verified: nothing but the docstring changed" in said
    assert "Contract “docstring”, model “quality”" in said
    until(lambda: desk.preview() == DOCUMENTED_ADD, "the preview")
    assert desk.title() == f"{desk.file.name}: Add a docstring (verified)"
    assert desk.text() == ADD, "nothing is written before it is accepted"
    desk.button("Apply").click()
    desk.see_text(DOCUMENTED_ADD)
    until(lambda: desk.title() == desk.file.name, "the file in front")
    desk.window.focus()
    desk.window.press("Control+z")
    desk.see_text(ADD)


def test_an_edit_is_discarded(desk: Desk) -> None:
    desk.answer(slmcode_edit={"result": UNSURE | {"edit": DOCSTRING}})
    desk.open()
    desk.instruct("slmcode: Edit Selection…", "document it")
    said = desk.window.wait_notification("not sure")
    assert "Not verified: it parses" in said
    until(lambda: desk.title().endswith("(not verified, not sure)"), desk.title)
    desk.button("Discard").click()
    until(lambda: desk.title() == desk.file.name, "the file in front")
    assert desk.text() == ADD


def test_a_closed_preview_is_discarded(desk: Desk) -> None:
    desk.answer(slmcode_edit={"result": VERIFIED | {"edit": DOCSTRING}})
    desk.open()
    desk.instruct("slmcode: Edit Selection…", "document it")
    until(desk.preview, "the preview")
    desk.window.command("workbench.action.closeActiveEditor")
    until(lambda: desk.title() == desk.file.name, "the file in front")
    desk.window.command("slmcode.applyEdit")  # there is none any more
    assert desk.text() == ADD


def test_the_server_is_told_before_the_instruction_is_typed(desk: Desk) -> None:
    desk.open()
    desk.window.palette("slmcode: Edit Selection…")
    told = desk.window.wait_sent("slmcode/willEdit")
    assert told["range"] == {"start": place(1, 4), "end": place(1, 4)}
    assert desk.window.sent("slmcode/edit")[-1:] != [told]


def test_a_document_that_went_on_is_not_edited(desk: Desk) -> None:
    desk.answer(slmcode_edit={"result": VERIFIED | {"edit": DOCSTRING}})
    desk.open()
    desk.instruct("slmcode: Edit Selection…", "document it")
    until(desk.preview, "the preview")
    desk.window.run(
        """const edit = new vscode.WorkspaceEdit();
        edit.insert(vscode.Uri.file(args.path), new vscode.Position(0, 0), "import math\\n");
        await vscode.workspace.applyEdit(edit);""",
        path=str(desk.file),
    )
    desk.button("Apply").click()
    desk.window.wait_notification("the document has changed meanwhile")
    assert desk.text() == "import math\n" + ADD


def test_a_refusal_is_said_with_its_reason(desk: Desk) -> None:
    reason = "the model's answer was not right: it does not define add"
    desk.answer(
        slmcode_edit={"result": VERIFIED | {"verdict": "refused", "reason": reason, "edit": None}}
    )
    desk.open()
    desk.instruct("slmcode: Edit Selection…", "document it")
    assert reason in desk.window.wait_notification("Refused")
    assert desk.text() == ADD


def test_an_edit_can_be_cancelled(desk: Desk) -> None:
    desk.answer(slmcode_edit={"steps": ["12 tokens"], "hold": True})
    desk.open()
    desk.instruct("slmcode: Edit Selection…", "document it")
    desk.window.wait_notification("12 tokens")
    cancelled = len(desk.window.sent("$/cancelRequest"))
    desk.cancel()
    desk.window.wait_sent("$/cancelRequest", cancelled)
    assert desk.text() == ADD


# Code actions


ACTION = {"title": "Add a docstring", "kind": "refactor.rewrite", "data": {"id": 1}}
EXTRACT = {"title": "Extract variable", "kind": "refactor.extract", "data": {"id": 2}}


def test_a_refactoring_of_the_menu_is_shown_first(desk: Desk) -> None:
    data = {"id": 1, "outcome": VERIFIED}
    desk.answer(
        textDocument_codeAction={"result": [ACTION, EXTRACT]},
        codeAction_resolve={"result": {"edit": DOCSTRING, "data": data}},
    )
    desk.open()
    menu = desk.window.code_actions("editor.action.refactor")
    menu.get_by_text("Extract variable").wait_for()
    menu.get_by_text("Add a docstring").click()
    until(lambda: desk.preview() == DOCUMENTED_ADD, "the preview")
    assert "Contract “docstring”" in desk.window.wait_notification("Verified")
    assert desk.text() == ADD
    desk.window.wait_notification("Verified")
    desk.window.command("notification.acceptPrimaryAction")
    desk.see_text(DOCUMENTED_ADD)


def test_an_exact_refactoring_of_the_menu_is_made_at_once(desk: Desk) -> None:
    exact = workspace_edit(text_edit(1, "    c = a\n", "exact"), confirm=False)
    desk.answer(
        textDocument_codeAction={"result": [EXTRACT]},
        codeAction_resolve={"result": {"edit": exact}},
    )
    desk.open()
    desk.window.code_actions("editor.action.refactor").get_by_text("Extract variable").click()
    desk.see_text(ADD.replace(":\n", ":\n    c = a\n"))


def test_a_refactoring_that_takes_long_can_be_cancelled(desk: Desk) -> None:
    desk.answer(
        textDocument_codeAction={"result": [ACTION]},
        codeAction_resolve={"hold": True},
    )
    desk.open()
    desk.window.code_actions("editor.action.refactor").get_by_text("Add a docstring").click()
    desk.window.wait_notification("Add a docstring")
    cancelled = len(desk.window.sent("$/cancelRequest"))
    desk.cancel()
    desk.window.wait_sent("$/cancelRequest", cancelled)
    assert desk.text() == ADD


def test_a_refused_refactoring_says_why(desk: Desk) -> None:
    desk.answer(
        textDocument_codeAction={"result": [ACTION]},
        codeAction_resolve={"error": "Add a docstring: the code itself changed"},
    )
    desk.open()
    desk.window.palette("slmcode: Refactor…")
    desk.window.pick("Add a docstring")
    desk.window.wait_notification("the code itself changed")
    assert desk.text() == ADD


# Names


def test_a_name_is_changed_everywhere(desk: Desk) -> None:
    def named(line: int, character: int) -> dict[str, Any]:
        where = {"start": place(line, character), "end": place(line, character + 1)}
        return {"range": where, "newText": "first", "annotationId": "rename"}

    renamed = workspace_edit(named(0, 8), named(1, 11), confirm=False)
    desk.answer(
        textDocument_prepareRename={
            "result": {
                "range": {"start": place(0, 8), "end": place(0, 9)},
                "placeholder": "a",
            }
        },
        textDocument_rename={"result": renamed},
    )
    desk.open(cursor=(0, 8))
    desk.window.press("F2")
    desk.window.page.locator(".rename-box input").wait_for()
    desk.window.page.locator(".rename-box input").fill("first")
    desk.window.press("Enter")
    desk.see_text("def add(first, b):\n    return first + b\n")
    assert desk.window.sent("textDocument/rename")[-1]["newName"] == "first"


def test_a_name_that_cannot_be_changed_says_why(desk: Desk) -> None:
    desk.answer(textDocument_prepareRename={"error": "a keyword has no other name"})
    desk.open(cursor=(0, 1))
    desk.window.press("F2")
    message = desk.window.page.locator(".monaco-editor-overlaymessage")
    message.get_by_text("a keyword has no other name").wait_for()


# Explanations

TRACE = 'Traceback (most recent call last):\n  File "a.py", line 2\nTypeError: no'


def test_a_problem_is_explained_and_its_places_are_links(desk: Desk) -> None:
    desk.answer(slmcode_explain={"parts": [{"text": "It "}], "result": {"text": SAID}})
    desk.open()
    until(desk.window.own_code_actions, "what VS Code asks when the cursor has moved")
    asked = desk.window.own_code_actions()
    desk.window.run(
        """globalThis.problems ??= vscode.languages.createDiagnosticCollection("lint");
        const range = new vscode.Range(1, 11, 1, 12);
        const problem = new vscode.Diagnostic(range, "a may be None");
        Object.assign(problem, { source: "lint", code: "E1" });
        problems.set(vscode.Uri.file(args.path), [problem]);""",
        path=str(desk.file),
    )
    menu = desk.window.code_actions("editor.action.quickFix", since=asked)
    menu.get_by_text("Explain this problem").click()
    until(lambda: "first.py:1 defines it" in desk.window.page_text("Explanation.md"), "the page")
    problem = desk.window.sent("slmcode/explain")[-1]["diagnostic"]
    assert [problem[key] for key in ("message", "source", "code")] == [
        "a may be None",
        "lint",
        "E1",
    ]
    links = desk.window.run(
        """const page = vscode.window.visibleTextEditors
            .find(({ document }) => document.uri.path.endsWith("Explanation.md")).document;
        const found = await vscode.commands.executeCommand("vscode.executeLinkProvider", page.uri);
        return found.map(({ target }) => target.path + "#" + target.fragment);"""
    )
    assert links[-1].endswith("/work/first.py#L1")
    desk.window.run("problems.clear();")


SAID = "It may be `None`: first.py:1 defines it."


def test_a_traceback_of_the_clipboard_is_explained(desk: Desk) -> None:
    desk.answer(slmcode_explain={"result": {"text": "A number was missing."}})
    desk.open()
    desk.window.run("await vscode.env.clipboard.writeText(args.text);", text=TRACE)
    desk.window.palette("slmcode: Explain a Traceback…")
    desk.window.pick("The clipboard")
    until(lambda: "A number was missing." in desk.window.page_text("Explanation.md"), "the page")
    asked = desk.window.sent("slmcode/explain")[-1]
    assert asked["trace"] == TRACE
    assert "textDocument" not in asked


# A failure


def test_a_failure_is_debugged_step_by_step(desk: Desk) -> None:
    result = VERIFIED | {"title": "Make it pass", "edit": DOCSTRING, "contract": "debug"}
    held = {"parts": [{"step": "running make check"}], "result": result}
    desk.answer(slmcode_debug=held | {"hold": True})
    desk.open()
    desk.window.palette("slmcode: Debug This Failure…")
    box = desk.window.page.locator(".quick-input-widget input.input")
    until(lambda: box.input_value() == "make check", "the configured command")
    desk.window.press("Enter")
    desk.window.wait_notification("running make check")
    desk.answer(slmcode_debug=held)
    until(lambda: desk.preview() == DOCUMENTED_ADD, "the preview")
    assert desk.window.sent("slmcode/debug")[-1]["command"] == "make check"
    desk.window.wait_notification("Contract “debug”")
    desk.button("Apply").click()
    desk.see_text(DOCUMENTED_ADD)


# Modules


def test_a_module_is_planned_refactored_and_reviewed_by_units(desk: Desk) -> None:
    left_out = {"name": "Huge", "reason": "it is too long"}
    held = {
        "parts": [{"units": [unit("add")]}],
        "result": refactored(TWO_UNITS, unit("add"), unit("sub")),
    }
    desk.answer(
        slmcode_planModule={"result": plan(left_out)},
        slmcode_refactorModule=held | {"hold": True},
    )
    desk.open(ADD + SUB)
    desk.instruct("slmcode: Refactor Module…", "document it")
    rows = desk.window.page.locator(".quick-input-list .monaco-list-row")
    rows.filter(has_text="lines 5–6").filter(has_text="after add").wait_for()
    desk.window.wait_notification("left out of the plan: Huge (it is too long)")
    desk.window.press("Enter")
    desk.window.wait_notification("1 of 2: add verified")
    assert desk.window.sent("slmcode/refactorModule")[-1]["units"] == ["add", "sub"]
    desk.answer(slmcode_refactorModule=held)
    until(lambda: desk.preview() == BOTH, "the preview")
    desk.button("Choose Parts…").click()
    rows.filter(has_text="sub").click()
    until(lambda: desk.preview() == DOCUMENTED_ADD + SUB, "the preview without a unit")
    desk.window.press("Enter")
    desk.button("Apply").click()
    desk.see_text(DOCUMENTED_ADD + SUB)


BOTH = DOCUMENTED_ADD + SUB.replace(":\n", ':\n    """Subtract."""\n')


def test_what_is_done_of_a_module_stays_reviewable_when_it_is_cancelled(desk: Desk) -> None:
    done = refactored(DOCSTRING, unit("add"))
    desk.answer(
        slmcode_planModule={"result": plan()},
        slmcode_refactorModule={
            "parts": [{"units": [unit("add")]}],
            "hold": True,
            "cancelled": done,
        },
    )
    desk.open(ADD + SUB)
    desk.instruct("slmcode: Refactor Module…", "document it")
    desk.window.page.locator(".quick-input-list").get_by_text("after add").wait_for()
    desk.window.press("Enter")
    desk.window.wait_notification("1 of 2: add verified")
    desk.cancel()
    until(lambda: desk.preview() == DOCUMENTED_ADD + SUB, "what was done")
    desk.button("Discard").click()
    until(lambda: desk.title() == desk.file.name, "the file in front")
    assert desk.text() == ADD + SUB
