"""VS Code with the extension, used as a person does. What the model writes is scripted."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.editors import wire
from tests.editors.conftest import PATIENT, TARGETS
from tests.editors.scripted_engine import write
from tests.editors.vscode import PICTURES, Lab, Window, until

pytestmark = pytest.mark.timeout(300)  # of which most may go to the start of the window

COMPLETION = "textDocument/inlineCompletion"
# Names the suggestions may use: one that nothing defines is not offered.
HEAD = "from greek import alpha, beta, gamma, delta, epsilon, zeta\n\n"
SUM = {"after": "total = ", "text": "alpha + beta + gamma"}
BLOCK = {"after": "def add(a, b):\n", "text": "    c = a + b\n    return c\n"}


class Scene:
    """The window the tests share, with the script and the files of one test."""

    def __init__(self, window: Window, script: Path, folder: Path, name: str) -> None:
        self.window = window
        self.script = script
        self._folder = folder
        self._name = name

    def model(self, *rules: dict[str, Any], **rest: Any) -> None:
        """What the model writes from now on."""
        settled = {"settings": PATIENT, "translate": {"languages": TARGETS}}
        write(self.script, settled | {"writes": list(rules), **rest})

    def file(self, text: str, suffix: str = ".py") -> Path:
        """Show a file of this test's, the cursor at its end."""
        path = self._folder / f"{self._name}{suffix}"
        path.write_bytes(text.encode())
        self.window.open(path)
        return path


@pytest.fixture(scope="module")
def shared(scripted_lab: Lab) -> Iterator[tuple[Window, Path, Path]]:
    folder = scripted_lab.folder / "work"
    folder.mkdir()
    with scripted_lab.window(folder) as window:
        first = folder / "first.py"
        first.write_text("")
        window.open(first)
        window.wait_ready()
        yield window, scripted_lab.script, folder


@pytest.fixture
def scene(shared: tuple[Window, Path, Path], request: pytest.FixtureRequest) -> Iterator[Scene]:
    window, script, folder = shared
    scene = Scene(window, script, folder, request.node.name.removeprefix("test_"))
    failed = request.session.testsfailed
    yield scene
    if request.session.testsfailed > failed:
        window.screenshot(PICTURES / f"failed-{request.node.name}.png")
    scene.model()
    window.command("notifications.clearAll")
    window.command("workbench.action.revertAndCloseActiveEditor")


@pytest.fixture
def window(scene: Scene) -> Window:
    return scene.window


def test_ghost_text_appears_while_typing_and_tab_accepts_it(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    scene.file(HEAD)
    shown = len(window.sent("textDocument/didShowCompletion"))
    window.type("total = ")
    window.wait_ghost("alpha + beta + gamma")
    item = window.wait_sent("textDocument/didShowCompletion", shown)["item"]
    accepted = len(window.sent("workspace/executeCommand"))
    window.press("Tab")
    window.wait_text(HEAD + "total = alpha + beta + gamma")
    window.wait_no_ghost()
    command = window.wait_sent("workspace/executeCommand", accepted)
    assert command["command"] == "slmcode.accept"
    assert command["arguments"] == item["command"]["arguments"]


def test_keys_typed_before_vscode_would_ask(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    scene.file(HEAD)
    # VS Code makes the part of a new editor that asks when the page is idle: now it never is.
    window.page.evaluate(
        "() => { window.wasIdle = requestIdleCallback; window.requestIdleCallback = () => 0; }"
    )
    try:
        window.command("workbench.action.splitEditor")
        until(lambda: window.page.locator(".editor-group-container").count() == 2, "a split")
        window.focus()
        window.press("Control+End")
        window.type("total = ")
        window.wait_ghost("alpha + beta + gamma")
    finally:
        window.page.evaluate("() => { window.requestIdleCallback = window.wasIdle; }")
        window.command("workbench.action.joinAllGroups")


def test_undo_takes_an_accepted_text_back_in_one_step(scene: Scene, window: Window) -> None:
    scene.model(BLOCK)
    scene.file(HEAD + "def add(a, b):")
    window.type("\n")
    window.wait_ghost("c = a + b\n    return c")
    window.press("Tab")
    window.wait_text(HEAD + "def add(a, b):\n    c = a + b\n    return c")
    window.press("Control+z")
    window.wait_text(HEAD + "def add(a, b):\n    ")


def test_accepting_a_word_leaves_the_rest(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    scene.file(HEAD)
    window.type("total = ")
    window.wait_ghost("alpha + beta + gamma")
    asked, told = len(window.sent(COMPLETION)), len(window.sent(PARTLY))
    window.press("Control+ArrowRight")
    window.wait_text(HEAD + "total = alpha")
    window.wait_ghost(" + beta + gamma")
    assert window.wait_sent(PARTLY, told)["acceptedLength"] == len("alpha")
    window.press("Control+ArrowRight")
    window.wait_ghost("+ beta + gamma")  # a blank is a word to VS Code
    assert window.wait_sent(PARTLY, told + 1)["acceptedLength"] == len("alpha ")
    assert len(window.sent(COMPLETION)) == asked, "the rest was asked for anew"
    window.press("Tab")
    window.wait_text(HEAD + "total = alpha + beta + gamma")


PARTLY = "textDocument/didPartiallyAcceptCompletion"


def test_accepting_a_line_leaves_the_lines_below(scene: Scene, window: Window) -> None:
    scene.model(BLOCK)
    scene.file(HEAD + "def add(a, b):")
    window.type("\n")
    window.wait_ghost("c = a + b\n    return c")
    told = len(window.sent(PARTLY))
    window.press("Alt+End")
    window.wait_text(HEAD + "def add(a, b):\n    c = a + b\n")
    window.wait_ghost("    return c")
    assert window.wait_sent(PARTLY, told)["acceptedLength"] == len("c = a + b\n")


def test_typing_along_keeps_the_rest_in_every_frame(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    scene.file(HEAD)
    window.type("total = ")
    window.wait_ghost("alpha + beta + gamma")
    asked = len(window.sent(COMPLETION))
    window.record_frames()
    for key in "alpha + be":
        before = window.ghost()
        window.type(key)
        window.wait_ghost(before[1:])
    seen = window.frames()
    assert len(seen.keys) == len("alpha + be")
    assert {line + ghost for _, ghost, line in seen.frames} == {"total = alpha + beta + gamma"}
    assert len(seen.frames) > 2
    assert len(window.sent(COMPLETION)) == asked, "the rest was asked for anew"
    window.press("Tab")
    window.wait_text(HEAD + "total = alpha + beta + gamma")


def test_escape_dismisses_and_says_so(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    scene.file(HEAD)
    window.type("total = ")
    window.wait_ghost()
    dismissed = len(window.sent("slmcode/didDismissCompletion"))
    window.press("Escape")
    window.wait_no_ghost()
    item = window.wait_sent("slmcode/didDismissCompletion", dismissed)["item"]
    assert item["insertText"] == "alpha + beta + gamma"
    assert window.text() == HEAD + "total = "


def test_typing_something_else_is_no_dismissal(scene: Scene, window: Window) -> None:
    scene.model(SUM, {"after": "total = ", "text": "zeta"})
    scene.file(HEAD)
    window.type("total = ")
    window.wait_ghost()
    dismissed = len(window.sent("slmcode/didDismissCompletion"))
    window.type("z")
    window.wait_ghost("eta")
    assert len(window.sent("slmcode/didDismissCompletion")) == dismissed


def test_typing_on_takes_a_request_back(scene: Scene, window: Window) -> None:
    slow = {"after": "total = ", "text": "never seen", "hold": True}
    scene.model(slow)
    scene.file(HEAD)
    asked, cancelled = len(window.sent(COMPLETION)), len(window.sent("$/cancelRequest"))
    window.type("total = ")
    there = len("total = ")
    until(lambda: wire.asked_at(window.log, COMPLETION, there, asked), "the request that is held")
    window.type("9")
    window.wait_sent("$/cancelRequest", cancelled)
    scene.model({"after": "total = 9", "text": "9 + alpha"})
    window.type("9")
    window.wait_ghost(" + alpha")


def test_asking_by_command_offers_several(scene: Scene, window: Window) -> None:
    scene.model(SUM | {"others": ["delta", "epsilon"]})
    scene.file(HEAD + "total = ")
    asked = len(window.sent(COMPLETION))
    window.palette("slmcode: Complete Now")
    window.wait_ghost("alpha + beta + gamma")
    assert window.wait_sent(COMPLETION, asked)["context"]["triggerKind"] == INVOKED
    window.press("Alt+]")
    window.wait_ghost("delta")
    window.press("Alt+]")
    window.wait_ghost("epsilon")
    window.press("Alt+[")
    window.wait_ghost("delta")
    window.press("Tab")
    window.wait_text(HEAD + "total = delta")


INVOKED = 1


def test_a_document_that_changes_above_the_ghost_text(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    scene.file(HEAD)
    window.type("total = ")
    window.wait_ghost()
    window.run(  # what a formatter or another extension does
        """const edit = new vscode.WorkspaceEdit();
        const uri = vscode.window.activeTextEditor.document.uri;
        edit.insert(uri, new vscode.Position(0, 0), "import re\\n");
        await vscode.workspace.applyEdit(edit);"""
    )
    changed = "import re\n" + HEAD + "total = "
    window.wait_text(changed)
    window.wait_ghost("alpha + beta + gamma")
    window.press("Tab")
    window.wait_text(changed + "alpha + beta + gamma")


def test_wide_characters_before_the_cursor(scene: Scene, window: Window) -> None:
    line = 'print("合計 🦀👩‍👩‍👧", '
    scene.model({"after": line, "text": '"二 🦀", alpha)'})
    scene.file(HEAD + 'print("合計 🦀👩‍👩‍👧",')
    asked = len(window.sent(COMPLETION))
    window.type(" ")
    window.wait_ghost('"二 🦀", alpha)')
    utf16_units = len(line.encode("utf-16-le")) // 2
    assert window.wait_sent(COMPLETION, asked)["position"] == {"line": 2, "character": utf16_units}
    window.press("Tab")
    window.wait_text(HEAD + line + '"二 🦀", alpha)')


def test_a_file_with_crlf_keeps_its_line_ends(scene: Scene, window: Window) -> None:
    scene.model(BLOCK)
    file = scene.file((HEAD + "def add(a, b):").replace("\n", "\r\n"))
    window.type("\n")
    window.wait_ghost("c = a + b\n    return c")
    window.press("Tab")
    whole = HEAD + "def add(a, b):\n    c = a + b\n    return c"
    window.wait_text(whole)
    window.press("Control+s")
    until(lambda: file.read_bytes() == whole.replace("\n", "\r\n").encode(), "the saved file")


def test_off_for_a_language_and_on_again(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    scene.file(HEAD)
    window.palette("slmcode: Enable/Disable for This Language")
    until(lambda: setting(window, "slmcode.disabled_languages") == ["python"], "the setting")
    window.wait_status("off", "python")
    asked = len(window.sent(COMPLETION))
    window.type("total = ")
    window.palette("slmcode: Enable/Disable for This Language")
    until(lambda: not setting(window, "slmcode.disabled_languages"), "the setting")
    window.type("a")
    window.wait_ghost("lpha + beta + gamma")
    places = [params["position"]["character"] for params in window.sent(COMPLETION)[asked:]]
    assert places == [len("total = a")]


def setting(window: Window, name: str) -> Any:
    return window.run("return vscode.workspace.getConfiguration().get(args.name);", name=name)


def test_a_setting_takes_effect_at_once(scene: Scene, window: Window) -> None:
    text = "    alpha()\n    beta()\n    gamma()"
    scene.model({"after": "def f():\n", "text": text + "\n"})
    scene.file(HEAD + "def f():")
    servers = window.sent("initialize")
    told = len(window.sent("workspace/didChangeConfiguration"))
    window.set("slmcode.max_lines", 2)
    try:
        window.wait_sent("workspace/didChangeConfiguration", told)
        window.type("\n")
        window.wait_ghost("alpha()\n    beta()")
    finally:
        window.set("slmcode.max_lines", None)
    assert window.sent("initialize") == servers


def test_the_status_says_why_nothing_was_shown(scene: Scene, window: Window) -> None:
    scene.model()
    scene.file(HEAD)
    window.type("total = 1")
    window.wait_status("the model thinks the line is complete")


def test_no_model(scene: Scene, window: Window) -> None:
    scene.model(status={"state": "no_model", "message": "the fast model is not there"})
    scene.file(HEAD)
    window.wait_status("model")
    message = window.wait_notification("model")
    assert "Download" in message
    scene.model(SUM)
    window.type("total = ")
    window.wait_ghost("alpha + beta + gamma")


def test_a_cell_of_a_notebook_knows_the_cells_above(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    folder = scene.file("").parent
    path = folder / "book.ipynb"
    cells = [cell("from greek import alpha, beta, gamma"), cell("# to be written")]
    path.write_text(json.dumps({"cells": cells, "metadata": PYTHON, "nbformat": 4} | MINOR))
    window.run(
        """const uri = vscode.Uri.file(args.path);
        const notebook = await vscode.workspace.openNotebookDocument(uri);
        const range = new vscode.NotebookRange(1, 2);
        await vscode.window.showNotebookDocument(notebook, { selections: [range] });
        await vscode.commands.executeCommand("notebook.cell.edit");""",
        path=str(path),
    )
    window.page.locator(".notebook-editor .monaco-editor.focused").wait_for()
    window.press("Control+End")
    window.type("\ntotal = ")
    window.wait_ghost("alpha + beta + gamma")
    window.press("Tab")
    until(
        lambda: (
            window.run(
                "return vscode.window.activeNotebookEditor.notebook.cellAt(1).document.getText();"
            )
            == "# to be written\ntotal = alpha + beta + gamma"
        ),
        "the cell's text",
    )
    until(  # read in the pause behind the accepted text, if not before it
        lambda: any("from greek import" in job["context"] for job in jobs(scene.script)),
        "the cell above in a prompt",
    )


PYTHON = {"language_info": {"name": "python"}}
MINOR = {"nbformat_minor": 5}


def cell(source: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"metadata": {}, "execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": f"c{len(source)}", "source": source} | empty


def jobs(script: Path) -> list[dict[str, Any]]:
    """What the scripted engine was asked so far."""
    lines = script.with_suffix(".jobs.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_why_nothing_was_shown_is_a_page(scene: Scene, window: Window) -> None:
    scene.model()
    scene.file(HEAD)
    window.type("total = 1")
    window.wait_status("the model thinks the line is complete")
    window.palette("slmcode: Why?")
    text = until(lambda: window.page_text("Why.txt"), "the page")
    assert "the model thinks the line is complete" in text.lower()


def test_what_was_sent_to_the_model_is_a_page(scene: Scene, window: Window) -> None:
    scene.model(SUM)
    scene.file(HEAD)
    window.type("total = ")
    window.wait_ghost()
    window.palette("slmcode: Show What Was Sent to the Model")
    text = until(lambda: window.page_text("Sent to the Model.txt"), "the page")
    assert "from greek import alpha" in text
    assert "<|fim_prefix|>" in text


ADD = "def add(a, b):\n    return a + b\n"
SIMPLER = "def add(a, b):\n    return sum((a, b))\n"


def test_a_refactoring_is_previewed_applied_and_undone(scene: Scene, window: Window) -> None:
    scene.model(chat=[{"contains": "Simplify", "text": f"{SIMPLER}```"}])
    file = scene.file(ADD)
    window.open(file, (1, 4))
    window.palette("slmcode: Refactor…")
    window.pick("Simplify")
    window.wait_notification("Simplify. Not verified")
    assert window.run(TEXT_OF, path=str(file)) == ADD
    window.command("slmcode.applyEdit")
    until(lambda: window.run(TEXT_OF, path=str(file)) == SIMPLER, "the edit")
    window.focus()
    window.press("Control+z")
    window.wait_text(ADD)


TEXT_OF = """return vscode.workspace.textDocuments
  .find(({ uri }) => uri.fsPath === args.path)?.getText();"""


def test_an_edit_that_changes_nothing_is_refused(scene: Scene, window: Window) -> None:
    scene.model(chat=[{"contains": "use numpy", "text": f"{ADD}```"}])
    window.open(scene.file(ADD), (1, 4))
    window.palette("slmcode: Edit Selection…")
    window.page.locator(".quick-input-widget input.input").wait_for()
    window.page.locator(".quick-input-widget input.input").fill("use numpy")
    window.press("Enter")
    message = window.wait_notification("refused")
    assert "nothing" in message or "no change" in message.lower() or "same" in message
    assert window.text() == ADD


def test_an_explanation_is_a_page(scene: Scene, window: Window) -> None:
    scene.model(chat=[{"contains": "return a + b", "text": "2: It adds `a` and `b`."}])
    file = scene.file(ADD)
    window.open(file, (1, 4))
    pieces = len(window.sent("$/progress"))
    window.palette("slmcode: Explain")
    text = until(lambda: _explained(window), "the whole explanation")
    assert "It adds `a` and `b`" in text
    assert re.search(rf"It adds `a` and `b` {re.escape(file.name)}:[12]\.", text)
    parts = [p["value"] for p in window.sent("$/progress")[pieces:] if "text" in p["value"]]
    assert "It adds" in "".join(part["text"] for part in parts)


def _explained(window: Window) -> str:
    """The explanation, once it has said what it is worth."""
    text = window.page_text("Explanation.md")
    return text if "may be wrong" in text else ""


def test_a_translation_beside_its_source(scene: Scene, window: Window) -> None:
    source = ADD + "\n\ndef half(n):\n    return n / 2\n"
    first = "func add(a, b int) int {\n\treturn a + b\n}\n"
    second = "\nfunc half(n int) int {\n\treturn n / 2\n}\n"
    add = unit("add", (0, 2), (0, 3), "proved", "alike on 200 inputs")
    half = unit("half", (4, 6), (4, 7), "differs", "half(3) is 1.5 and 1")
    parts = [
        translated(first, "proved", [add]),
        translated(first + second, "differs", [add, half]),
    ]
    scene.model(translate={"languages": TARGETS, "parts": {"go": parts}, "part_ms": 50})
    window.open(scene.file(source), (0, 0))
    window.palette("slmcode: Translate File To…")
    window.pick("go")
    name = "a_translation_beside_its_source.go"
    until(lambda: window.page_text(name) == first + second, "the whole translation")
    until(lambda: all(word in screen_text(window) for word in SAID), lambda: screen_text(window))
    window.command("workbench.action.closeAllEditors")


SAID = ("proved", "differs", "half(3) is 1.5 and 1", "alike on 200 inputs")


def unit(
    name: str, source: tuple[int, int], lines: tuple[int, int], verdict: str, reason: str
) -> dict[str, Any]:
    where = {"name": name, "source_lines": source, "lines": lines}
    return where | {"verdict": verdict, "reason": reason, "form": "faithful"}


def translated(text: str, verdict: str, units: list[dict[str, Any]]) -> dict[str, Any]:
    whole = {"language_id": "go", "text": text, "verdict": verdict, "reason": ""}
    return whole | {"units": units}


def screen_text(window: Window) -> str:
    """What stands on the screen in editors, what decorations add to lines included."""
    added = """() => [...document.querySelectorAll(".monaco-editor .view-line span")]
      .flatMap((span) => ["::before", "::after"].map((at) => getComputedStyle(span, at).content))
      .join(" ")"""
    lenses = window.page.locator(".codelens-decoration").all_inner_texts()
    return " ".join([*lenses, window.page.evaluate(added)]).replace("\u00a0", " ")


def test_folders_of_a_workspace_that_is_not_trusted(scripted_lab: Lab, tmp_path: Path) -> None:
    write(scripted_lab.script, {"settings": PATIENT, "writes": [SUM]})
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(HEAD)
    workspace = tmp_path / "both.code-workspace"
    hostile = {"slmcode.server.path": str(tmp_path / "hostile"), "slmcode.max_lines": 3}
    workspace.write_text(
        json.dumps({"folders": [{"path": "one"}, {"path": "two"}], "settings": hostile})
    )
    with scripted_lab.window(workspace, RESTRICTED) as window:
        for name in ("one", "two"):
            window.open(tmp_path / name / "main.py")
            window.wait_ready()
            window.type("total = ")
            window.wait_ghost("alpha + beta + gamma")
        (params,) = window.sent("initialize")
        assert [folder["name"] for folder in params["workspaceFolders"]] == ["one", "two"]
        assert window.run("return vscode.workspace.isTrusted;") is False
        # Nothing that changes files by the model's word is offered here.
        window.press("F1")
        window.page.locator(".quick-input-widget input.input").fill(">slmcode: ")
        rows = window.page.locator(".quick-input-list .monaco-list-row")
        rows.filter(has_text="slmcode: Complete Now").wait_for()
        assert "Edit Selection" not in " ".join(rows.all_inner_texts())
        window.press("Escape")


RESTRICTED = {
    "security.workspace.trust.enabled": True,
    "security.workspace.trust.startupPrompt": "never",
    "security.workspace.trust.banner": "never",
}


def test_a_server_that_is_killed_comes_back(scripted_lab: Lab, tmp_path: Path) -> None:
    write(scripted_lab.script, {"settings": PATIENT, "writes": [SUM]})
    file = tmp_path / "killed.py"
    file.write_text(HEAD)
    with scripted_lab.window(tmp_path, killed=True) as window:
        window.open(file)
        window.wait_ready()
        kill_server(window.log)
        told = len(window.sent("slmcode/status"))
        until(lambda: len(window.sent("initialize")) == 2, "a second server")
        window.wait_ready(told)
        window.type("total = ")
        window.wait_ghost("alpha + beta + gamma")


def kill_server(log: Path) -> None:
    """Kill the server whose messages go to `log`, as a crash would."""
    (tee,) = (p for p in psutil.process_iter(["cmdline"]) if str(log) in (p.info["cmdline"] or ()))
    (server,) = tee.children()
    os.kill(server.pid, signal.SIGKILL)
