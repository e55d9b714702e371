"""Edits, explanations and code actions on the wire: the real server, a model that follows a script.

See `Lab` for what is checked of every message in every one of these tests.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from slmcode.lsp.client import Client, Request, ResponseError
from slmcode.lsp.positions import to_offset
from slmcode.text import Edit, Snapshot, TextRange
from tests.editors.scripted_engine import write
from tests.lsp.conftest import ROOT, Lab

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]

FAILED = -32803
INVALID = -32602
CANCELLED = -32800
CHECKED = "it parses and defines the same names; nothing else was checked"
VERSIONS = {"documentChanges": True}
ANNOTATIONS = VERSIONS | {"changeAnnotationSupport": {"groupsOnLabel": True}}
ACTIONS = {
    "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "refactor"]}},
    "dataSupport": True,
    "resolveSupport": {"properties": ["edit"]},
}
SOURCE = "x = '😀'\r\n\r\n\r\ndef add(a, b):\r\n    return a - b\r\n"
LINES = ((3, 0), (5, 0))
ANY = ["Simplify", "Modernize"]
FUNCTION = [
    *ANY,
    "Add or update the docstring",
    "Add type hints",
    "Rename local variables for clarity",
    "Generate tests",
]
FIXED = "def add(a, b):\n    return a + b\n```\nThat is better."


class EditLab(Lab):
    """Servers whose model follows a script."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.script = folder / "script.json"
        names = ("RUNTIME", "STATE", "CACHE")
        self._env |= {f"SLMCODE_{name}": str(folder / name.lower()) for name in names}
        self._journal = self.script.with_suffix(".jobs.jsonl")
        self._old = 0  # lines of the journal that are of earlier tests
        self._editors: dict[str, Client] = {}
        self.model_says()

    def model_says(self, *answers: dict[str, Any], **script: Any) -> None:
        """From now on: `contains` (of the prompt) and `text`, and how fast."""
        write(self.script, {"chat": list(answers), **script})

    def jobs(self) -> list[dict[str, Any]]:
        """Edits and explanations the model was asked for in this test, in the order they ended."""
        jobs = [json.loads(line) for line in self._lines()[self._old :]]
        return [job for job in jobs if job["priority"] == "EDIT"]

    def _lines(self) -> list[str]:
        return self._journal.read_text().splitlines() if self._journal.exists() else []

    def begin(self) -> None:
        """A test begins: nothing is in the script."""
        self.model_says()
        self._old = len(self._lines())

    async def start(self, *options: str, state: str = "") -> Client:
        argv = [sys.executable, "-m", "tests.editors.scripted_server", str(self.script), *options]
        with self._stderr.open("ab") as stderr:
            client = await Client.start(argv, env=self._env, cwd=ROOT, stderr=stderr)
        self.clients.append(client)
        return client

    async def editor(
        self,
        *,
        workspace_edit: dict[str, Any] | None = ANNOTATIONS,
        actions: dict[str, Any] | None = ACTIONS,
        progress: bool = False,
        rename: bool = False,
        state: str = "ready",
    ) -> Client:
        """A client that can all this, and whose server says how it is; one for all tests."""
        key = repr((workspace_edit, actions, progress, rename, state))
        if key in self._editors:
            return self._editors[key]
        document: dict[str, Any] = {"inlineCompletion": {"dynamicRegistration": False}}
        if actions is not None:
            document["codeAction"] = actions
        if rename:
            document["rename"] = {"prepareSupport": True}
        workspace: dict[str, Any] = {"workspaceFolders": True}
        if workspace_edit is not None:
            workspace["workspaceEdit"] = workspace_edit
        client = self._editors[key] = await self.ready(
            capabilities={
                "textDocument": document,
                "workspace": workspace,
                "window": {"workDoneProgress": progress},
            }
        )
        await client.wait_for("slmcode/status", lambda status: status["state"] == state, timeout=60)
        return client


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def labs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EditLab]:
    lab = EditLab(tmp_path_factory.mktemp("edits"))
    try:
        yield lab
        await lab.close()
    finally:
        for client in lab.clients:
            await client.kill()


@pytest.fixture
def lab(labs: EditLab) -> EditLab:
    """Servers of this module's tests; each test has documents of its own."""
    labs.begin()
    return labs


def span(start: tuple[int, int], end: tuple[int, int]) -> dict[str, Any]:
    keys = ("line", "character")
    return {
        "start": dict(zip(keys, start, strict=True)),
        "end": dict(zip(keys, end, strict=True)),
    }


def ask(
    client: Client,
    uri: str,
    lines: tuple[tuple[int, int], tuple[int, int]] = LINES,
    instruction: str = "Add them.",
    **tokens: Any,
) -> Request:
    params = {"textDocument": {"uri": uri}, "range": span(*lines), "instruction": instruction}
    return client.request("slmcode/edit", params | tokens)


def applied(source: str, edits: list[dict[str, Any]]) -> str:
    """The document after edits, by its UTF-16 columns."""
    snapshot = Snapshot("", "", 1, source)
    places = []
    for edit in edits:
        start, end = (edit["range"][side] for side in ("start", "end"))
        offsets = [to_offset(snapshot, p["line"], p["character"], "utf-16") for p in (start, end)]
        places.append(Edit(TextRange(*offsets), edit["newText"]))
    for place in sorted(places, reverse=True):
        snapshot = snapshot.apply(place, 1)
    return snapshot.text


async def error_of(request: Request) -> tuple[int, str]:
    with pytest.raises(ResponseError) as failed:
        await request
    return failed.value.code, failed.value.message


async def test_an_edit_is_the_lines_that_differ_and_says_what_was_checked(
    lab: EditLab, uri: str
) -> None:
    lab.model_says({"contains": "Add them.", "text": FIXED})
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    result = await ask(client, uri)
    edit = {
        "range": span((4, 0), (5, 0)),
        "newText": "    return a + b\r\n",
        "annotationId": "slmcode",
    }
    assert result == {
        "edit": {
            "documentChanges": [{"textDocument": {"uri": uri, "version": 1}, "edits": [edit]}],
            "changeAnnotations": {
                "slmcode": {
                    "label": "Add them.",
                    "needsConfirmation": True,
                    "description": f"not verified: {CHECKED}",
                }
            },
        },
        "verdict": "not verified",
        "reason": CHECKED,
        "title": "Add them.",
        "contract": "instruction",
        "model": "fast",
        "confidence": pytest.approx(0.99, abs=0.001),
        "tries": 1,
    }
    assert applied(SOURCE, [edit]) == SOURCE.replace("a - b", "a + b")


async def test_clients_without_annotations_or_versions_get_plain_edits(
    lab: EditLab, uri: str
) -> None:
    lab.model_says({"contains": "", "text": FIXED})
    plain = [{"range": span((4, 0), (5, 0)), "newText": "    return a + b\r\n"}]
    for can, wanted in (
        (
            VERSIONS,
            {"documentChanges": [{"textDocument": {"uri": uri, "version": 1}, "edits": plain}]},
        ),
        (None, {"changes": {uri: plain}}),
    ):
        client = await lab.editor(workspace_edit=can)
        client.open(uri, "python", SOURCE)
        assert (await ask(client, uri))["edit"] == wanted


async def test_a_refused_edit_has_a_reason_and_no_edit(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "Add them.", "text": "def sum(a, b):\n    return a + b\n```"})
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    assert await ask(client, uri) == {
        "edit": None,
        "verdict": "refused",
        "reason": "the model's answer was not right: add is not defined any more",
        "title": "Add them.",
        "contract": "instruction",
        "model": "fast",
        "confidence": pytest.approx(0.99, abs=0.001),
        "tries": 2,
    }
    assert ["An earlier answer was wrong" in job["before"] for job in lab.jobs()] == [False, True]


async def test_progress_of_an_edit(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "", "text": FIXED})
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    await ask(client, uri, workDoneToken="mine")
    values = [p["value"] for p in client.received("$/progress") if p["token"] == "mine"]
    assert values[0] == {"kind": "begin", "title": "slmcode: editing", "cancellable": True}
    assert values[1] == {"kind": "report", "message": "8 tokens"}
    assert values[-1] == {"kind": "end"}


async def test_cancelling_an_edit_ends_the_work_of_the_model(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "", "text": FIXED, "token_ms": 20, "hold": False})
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    request = ask(client, uri, workDoneToken="first")
    await client.wait_for("$/progress", lambda p: p["value"]["kind"] == "report")
    client.cancel(request)
    assert (await error_of(request))[0] == CANCELLED
    request = ask(client, uri, workDoneToken="second")
    await client.wait_for(
        "$/progress", lambda p: p["token"] == "second" and p["value"]["kind"] == "report"
    )
    client.notify("window/workDoneProgress/cancel", {"token": "second"})
    assert await request is None
    lab.model_says({"contains": "", "text": FIXED})
    await ask(client, uri)
    assert [job["stop"] for job in lab.jobs()][:2] == ["cancelled", "cancelled"]


async def test_an_edit_of_lines_that_changed_meanwhile_is_refused(lab: EditLab, uri: str) -> None:
    endless = {"contains": "", "text": "def add(a, b):\n" + "    a = b\n" * 1000, "token_ms": 5}
    lab.model_says(endless)
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    request = ask(client, uri, workDoneToken="stale")
    await client.wait_for(
        "$/progress", lambda p: p["token"] == "stale" and p["value"]["kind"] == "report"
    )
    client.replace(uri, (4, 4), (4, 4), "return 1\r\n    ")
    result = await request  # at once: what is written for nobody is not written
    assert (result["edit"], result["verdict"]) == (None, "refused")
    assert result["reason"] == "the document has changed meanwhile; nothing was edited"
    lab.model_says({"contains": "", "text": FIXED})
    await ask(client, uri, ((4, 0), (6, 0)))
    assert next(job["stop"] for job in lab.jobs()) == "cancelled"


async def test_changes_of_other_lines_are_merged(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "", "text": FIXED, "hold": True})
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    request = ask(client, uri)
    client.replace(uri, (0, 0), (0, 0), "import re\r\nimport os\r\n")
    client.replace(uri, (7, 0), (7, 0), "add(1, 2)\r\n")
    await lab.told(client)
    lab.model_says({"contains": "", "text": FIXED})
    result = await request
    (change,) = result["edit"]["documentChanges"]
    assert change["textDocument"]["version"] == 3
    now = f"import re\r\nimport os\r\n{SOURCE}add(1, 2)\r\n"
    assert applied(now, change["edits"]) == now.replace("a - b", "a + b")
    assert (result["verdict"], result["reason"]) == (
        "not verified",
        f"{CHECKED}; the document changed elsewhere meanwhile, which was not checked together with"
        " this",
    )


async def test_an_edit_of_a_document_that_was_closed_is_refused(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "", "text": FIXED, "hold": True})
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    request = ask(client, uri)
    client.close(uri)
    await lab.told(client)
    lab.model_says({"contains": "", "text": FIXED})
    result = await request
    assert (result["edit"], result["reason"]) == (
        None,
        "the document has changed meanwhile; nothing was edited",
    )


async def test_a_newer_version_with_the_same_text_is_edited(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "", "text": FIXED, "hold": True})
    client = await lab.editor(workspace_edit=VERSIONS)
    client.open(uri, "python", SOURCE)
    request = ask(client, uri)
    client.replace(uri, (0, 0), (0, 0), "y")
    client.replace(uri, (0, 0), (0, 1), "")
    await lab.told(client)
    lab.model_says({"contains": "", "text": FIXED})
    (change,) = (await request)["edit"]["documentChanges"]
    assert change["textDocument"]["version"] == 3


async def test_a_document_that_is_not_open(lab: EditLab) -> None:
    client = await lab.editor()
    assert await error_of(ask(client, "file:///w/no.py")) == (INVALID, "the document is not open")
    params = {"textDocument": {"uri": "file:///w/no.py"}, "range": span(*LINES)}
    assert (await error_of(client.request("slmcode/explain", params)))[0] == INVALID
    context: dict[str, Any] = {"context": {"diagnostics": []}}
    assert await client.request("textDocument/codeAction", params | context) == []


async def test_an_explanation_comes_in_pieces(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "", "text": "4: It takes `b` from é.\n- Line 5: It ends."})
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    params = {"textDocument": {"uri": uri}, "range": span((4, 5), (4, 5))}
    result = await client.request("slmcode/explain", params | {"partialResultToken": 7})
    pieces = [p["value"]["text"] for p in client.received("$/progress") if p["token"] == 7]
    assert len(pieces) > 1
    assert "".join(pieces) == result["text"]
    assert "It takes `b` from é" in result["text"]
    nothing = client.request("slmcode/explain", params | {"range": span((1, 0), (1, 0))})
    reason = "nothing is selected, and there is no function at the cursor"
    assert await error_of(nothing) == (FAILED, reason)


# Code actions


def actions_at(
    client: Client,
    uri: str,
    lines: tuple[tuple[int, int], tuple[int, int]] = LINES,
    **context: Any,
) -> Request:
    params = {"textDocument": {"uri": uri}, "range": span(*lines)}
    return client.request(
        "textDocument/codeAction", params | {"context": {"diagnostics": [], **context}}
    )


async def of_model(request: Request) -> list[dict[str, Any]]:
    """Those of the actions that the model is asked for; what rules offer is tested elsewhere."""
    return [action for action in await request if not action["data"]["offer"]]


def problem(message: str) -> dict[str, Any]:
    return {"range": span((4, 11), (4, 16)), "message": message, "severity": 1}


async def test_code_actions_at_a_selection(lab: EditLab, uri: str) -> None:
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    wrong = problem('Operator "-" not\nsupported ' + "x" * 80)
    found = await of_model(actions_at(client, uri, diagnostics=[wrong]))
    assert [(a["title"], a["kind"]) for a in found] == [
        (('Fix: Operator "-" not supported ' + "x" * 80)[: 5 + 79] + "…", "quickfix"),
        *((title, "refactor.rewrite") for title in FUNCTION),
    ]
    assert found[0]["diagnostics"] == [wrong]
    assert all("edit" not in a and "command" not in a for a in found)


@pytest.mark.parametrize(
    ("language", "source", "titles"),
    [
        ("python", "def f(a):\n    '''It.'''\n", FUNCTION),
        ("python", "def f(a) -> int:\n    return a\n", [t for t in FUNCTION if "hints" not in t]),
        ("python", "class A:\n    x = 1\n", [*ANY, "Add or update the docstring"]),
        ("python", "for i in f():\n    g(i)\n", ANY),
        ("go", "func F() int {\n\treturn 1\n}\n", [*ANY, "Add a doc comment"]),
        ("plaintext", "hello\n", ANY),
    ],
)
async def test_what_stands_there_already_is_not_offered(
    lab: EditLab, uri: str, language: str, source: str, titles: list[str]
) -> None:
    client = await lab.editor()
    client.open(uri, language, source)
    found = await of_model(actions_at(client, uri, ((0, 0), (9, 0))))
    assert [a["title"] for a in found] == titles


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        ([""], {"quickfix", "refactor.rewrite"}),
        (["refactor"], {"refactor.rewrite"}),
        (["refactor.rewrite", "source"], {"refactor.rewrite"}),
        (["quickfix"], {"quickfix"}),
        (["source.organizeImports"], set()),
        (["refactor.rewrite.all"], set()),
        (["refac"], set()),
    ],
)
async def test_only_the_kinds_that_are_asked_for(
    lab: EditLab, uri: str, only: list[str], kinds: set[str]
) -> None:
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    found = await of_model(actions_at(client, uri, diagnostics=[problem("no")], only=only))
    assert {a["kind"] for a in found} == kinds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_text("def add(a, b):\n    return a - b\n")
    return path


async def test_files_that_are_not_for_editing(lab: EditLab, file: Path) -> None:
    lab.model_says({"contains": "", "text": FIXED})
    client = await lab.editor()
    client.open(file.as_uri(), "python", file.read_text())
    at = ((0, 0), (2, 0))
    assert (await ask(client, file.as_uri(), at))["verdict"] == "not verified"
    file.chmod(0o444)
    assert (await ask(client, file.as_uri(), at))["reason"] == "this file is read-only"
    assert await of_model(actions_at(client, file.as_uri(), at, triggerKind=2)) == []
    (action, *_) = await actions_at(client, file.as_uri(), at, triggerKind=1)
    reason = "Simplify: this file is read-only"
    assert await error_of(client.request("codeAction/resolve", action)) == (FAILED, reason)
    assert lab.jobs()[1:] == []


async def test_where_no_code_actions_are_offered(lab: EditLab, uri: str) -> None:
    cursor, outside = ((4, 5), (4, 5)), ((1, 0), (1, 0))
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    assert len(await of_model(actions_at(client, uri, cursor, triggerKind=1))) == 6
    assert await actions_at(client, uri, cursor, triggerKind=2) == []  # the cursor moved, no more
    assert await of_model(actions_at(client, uri, outside, triggerKind=1)) == []
    fixes = await actions_at(client, uri, cursor, triggerKind=2, diagnostics=[problem("no")])
    assert [a["title"] for a in fixes] == ["Fix: no"]
    for actions in (None, ACTIONS | {"resolveSupport": {"properties": ["command"]}}):
        client = await lab.editor(actions=actions)
        client.open(uri, "python", SOURCE)
        assert await actions_at(client, uri) == []
    lab.model_says(status={"state": "no_model", "message": "pull it"})
    client = await lab.editor(state="downloadNeeded")
    client.open(uri, "python", SOURCE)
    assert await of_model(actions_at(client, uri)) == []


async def test_an_action_is_resolved_into_its_edit(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "Simplify this code", "text": FIXED})
    client = await lab.editor(progress=True)
    client.open(uri, "python", SOURCE)
    (action, *_) = await of_model(actions_at(client, uri))
    resolved = await client.request("codeAction/resolve", action)
    (change,) = resolved["edit"]["documentChanges"]
    assert applied(SOURCE, change["edits"]) == SOURCE.replace("a - b", "a + b")
    annotation = resolved["edit"]["changeAnnotations"]["slmcode"]
    assert (annotation["label"], annotation["needsConfirmation"]) == ("Simplify", True)
    outcome = resolved["data"].pop("outcome")
    assert {k: resolved[k] for k in action} == action
    assert (outcome["title"], outcome["contract"], outcome["tries"]) == ("Simplify", "behaviour", 1)
    assert annotation["description"] == f"{outcome['verdict']}: {outcome['reason']}"
    titles = [p["value"].get("title") for p in client.received("$/progress")]
    assert titles[0] == "slmcode: Simplify"
    assert client.received("$/progress")[-1]["value"] == {"kind": "end"}


async def test_a_fix_gets_the_message_and_its_line(lab: EditLab, uri: str) -> None:
    lab.model_says(
        {"contains": "Fix this problem: b is None It is in this line: return a - b", "text": FIXED}
    )
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    (action, *_) = await actions_at(
        client, uri, ((4, 12), (4, 12)), diagnostics=[problem("b is\nNone")]
    )
    resolved = await client.request("codeAction/resolve", action)
    (change,) = resolved["edit"]["documentChanges"]
    assert applied(SOURCE, change["edits"]) == SOURCE.replace("a - b", "a + b")


async def test_actions_that_cannot_be_resolved_say_why(lab: EditLab, uri: str) -> None:
    lab.model_says({"contains": "", "text": "def sum(a, b):\n    return 1\n```"})
    client = await lab.editor()
    client.open(uri, "python", SOURCE)
    (action, *_) = await of_model(actions_at(client, uri))
    code, reason = await error_of(client.request("codeAction/resolve", action))
    assert code == FAILED
    assert reason == "Simplify: the model's answer was not right: add is not defined any more"
    other = action | {"data": {"from": "another server"}}
    assert (await error_of(client.request("codeAction/resolve", other)))[0] == INVALID
    client.replace(uri, (0, 0), (0, 0), "y = 1\r\n")
    code, reason = await error_of(client.request("codeAction/resolve", action))
    assert (code, reason) == (FAILED, "the document has changed meanwhile; nothing was edited")


async def test_completions_are_answered_while_an_edit_runs(lab: EditLab, uri: str) -> None:
    lab.model_says(
        {"contains": "", "text": FIXED, "hold": True},
        writes=[{"after": "return a", "text": " + b"}],
    )
    client = await lab.editor()
    client.open(uri, "python", "def add(a, b):\n    return a\n")
    request = ask(client, uri, ((0, 0), (2, 0)))
    found = await client.inline_completion(uri, 1, 12, invoked=True)
    assert [item["insertText"] for item in found["items"]] == [" + b"]
    assert not request.done()
    lab.model_says({"contains": "", "text": FIXED})
    assert (await asyncio.wait_for(request, 10))["verdict"] == "not verified"


# Exact changes, by the real features


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two modules of one project; lines end as they do on Windows."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "a.py").write_bytes(b"def old(n):\r\n    return n * 2 + 1\r\n")
    (tmp_path / "b.py").write_bytes(
        b"\xef\xbb\xbfimport os\r\nfrom a import old\r\n\r\nprint('\xc3\xa9', old(1))\r\n"
    )
    return tmp_path


async def test_a_rename_in_files_that_are_open_and_files_that_are_not(
    lab: EditLab, project: Path
) -> None:
    client = await lab.editor(rename=True)
    uri, other = ((project / name).as_uri() for name in ("a.py", "b.py"))
    text = "# not saved\r\n" + (project / "a.py").read_bytes().decode()
    client.open(uri, "python", text)
    where = {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 5}}
    found = await client.request("textDocument/prepareRename", where)
    assert found == {"range": span((1, 4), (1, 7)), "placeholder": "old"}
    edit = await client.request("textDocument/rename", where | {"newName": "twice"})
    changes = {c["textDocument"]["uri"]: c for c in edit["documentChanges"]}
    assert changes[uri]["textDocument"]["version"] == 1
    assert changes[other]["textDocument"]["version"] is None
    assert applied(text, changes[uri]["edits"]) == text.replace("old", "twice")
    on_disk = (project / "b.py").read_bytes().decode("utf-8-sig")
    assert applied(on_disk, changes[other]["edits"]) == on_disk.replace("old", "twice")
    taken = client.request("textDocument/rename", where | {"newName": "not a name"})
    assert (await error_of(taken))[0] == FAILED


async def test_an_extracted_variable(lab: EditLab, project: Path) -> None:
    client = await lab.editor()
    uri = (project / "a.py").as_uri()
    text = (project / "a.py").read_bytes().decode()
    client.open(uri, "python", text)
    at = ((1, 11), (1, 16))
    actions = await actions_at(client, uri, at, only=["refactor.extract"])
    (variable,) = [a for a in actions if a["title"] == "Extract variable"]
    resolved = await client.request("codeAction/resolve", variable)
    (change,) = resolved["edit"]["documentChanges"]
    after = applied(text, change["edits"])
    assert after.count("n * 2") == 1
    assert after.endswith(" + 1\r\n")
    assert resolved["data"]["outcome"]["verdict"] == "exact"
    compile(after, "a.py", "exec")
    client.close(uri)
