"""What can be asked of the editing features, on the wire, with features that do what a test says.

See `scripted_requests` for them, and `Lab` for what is checked of every message.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from slmcode.lsp.client import Client, Request, ResponseError
from tests.lsp.conftest import Lab

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="session")]

FAILED, INVALID, CANCELLED = -32803, -32602, -32800
EDITOR = {
    "textDocument": {
        "inlineCompletion": {"dynamicRegistration": False},
        "rename": {"prepareSupport": True},
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}},
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        },
    },
    "workspace": {
        "workspaceFolders": True,
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create", "rename"],
            "changeAnnotationSupport": {},
        },
    },
}
SOURCE = "old = 1\nx = old\n\ny = 2\n"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def editors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("requests"))
    try:
        await lab.ready(capabilities=EDITOR, folders=[("file:///w", "w")])
        yield lab
        await lab.close()
        assert "the editing features were closed" in lab.log()
    finally:
        for client in lab.clients:
            await client.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def editor(editors: Lab) -> AsyncIterator[Client]:
    """One server for all tests; each has documents of its own, and closes them."""
    (client,) = editors.clients
    yield client
    editors.validate(client)


@pytest_asyncio.fixture(loop_scope="session")
async def document(editor: Client, uri: str) -> AsyncIterator[dict[str, str]]:
    editor.open(uri, "python", SOURCE)
    yield {"uri": uri}
    editor.close(uri)


def place(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


def span(first: tuple[int, int], last: tuple[int, int]) -> dict[str, Any]:
    return {"start": place(*first), "end": place(*last)}


ALL = span((0, 0), (4, 0))


def calls(client: Client, name: str) -> list[list[Any]]:
    """What the features were asked, as `report` has it, the newest last."""
    said = [s["message"] for s in client.received("slmcode/status") if s["message"][:1] == "["]
    return [call[2:] for call in map(json.loads, said) if call[1] == name]


def parts(client: Client, token: str) -> list[Any]:
    return [p["value"] for p in client.received("$/progress") if p["token"] == token]


async def error_of(request: Request) -> tuple[int, str]:
    with pytest.raises(ResponseError) as failed:
        await request
    return failed.value.code, failed.value.message


def new_texts(edit: dict[str, Any]) -> list[tuple[str, list[tuple[int, int]]]]:
    """By document: where something is put."""
    return [
        (
            change["textDocument"]["uri"],
            [
                (e["range"]["start"]["line"], e["range"]["start"]["character"])
                for e in change["edits"]
            ],
        )
        for change in edit["documentChanges"]
    ]


# Code actions


def actions_at(client: Client, document: dict[str, str], **context: Any) -> Request:
    where = {"textDocument": document, "range": span((0, 0), (0, 3))}
    return client.request(
        "textDocument/codeAction", where | {"context": {"diagnostics": []} | context}
    )


async def test_exact_refactorings_stand_below_the_others(
    editor: Client, document: dict[str, str]
) -> None:
    found = await actions_at(editor, document)
    assert [(a["title"], a["kind"]) for a in found] == [
        ("Simplify", "refactor.rewrite"),
        ("Modernize", "refactor.rewrite"),
        ("Extract variable", "refactor.extract"),
        ("Organize imports", "source.organizeImports"),
    ]
    only = await actions_at(editor, document, only=["source.organizeImports"], triggerKind=2)
    assert [a["title"] for a in only] == ["Organize imports"]


async def test_an_exact_refactoring_is_made_without_a_question(
    editor: Client, document: dict[str, str]
) -> None:
    (action,) = await actions_at(editor, document, only=["refactor.extract"])
    resolved = await editor.request("codeAction/resolve", action)
    assert new_texts(resolved["edit"]) == [(document["uri"], [(0, 0), (1, 4)])]
    (annotation,) = resolved["edit"]["changeAnnotations"].values()
    assert annotation["needsConfirmation"] is False
    assert resolved["data"]["outcome"]["verdict"] == "exact"


async def test_an_exact_refactoring_that_is_refused(
    editor: Client, document: dict[str, str]
) -> None:
    (action,) = await actions_at(editor, document, only=["source"])
    code, message = await error_of(editor.request("codeAction/resolve", action))
    assert (code, message) == (FAILED, "Organize imports: there are no imports")


async def test_a_menu_does_not_wait_for_slow_rules(editor: Client, uri: str) -> None:
    editor.open(uri, "python", "slow = 1\n")
    found = await actions_at(editor, {"uri": uri})
    assert [a["title"] for a in found] == ["Simplify", "Modernize"]
    editor.close(uri)


async def test_a_generated_file_is_offered_nothing_in_passing(editor: Client, uri: str) -> None:
    editor.open(uri, "python", "# generated\nold = 1\n")
    kinds = ["refactor.rewrite"]
    assert await actions_at(editor, {"uri": uri}, only=kinds, triggerKind=2) == []
    assert len(await actions_at(editor, {"uri": uri}, only=kinds, triggerKind=1)) == 2
    editor.close(uri)


async def test_a_menu_that_was_asked_for_warms_the_model(
    editor: Client, document: dict[str, str]
) -> None:
    before = len(calls(editor, "warm"))
    await actions_at(editor, document)
    await actions_at(editor, document, only=["refactor.rewrite"], triggerKind=2)
    await actions_at(editor, document, only=["refactor.rewrite"], triggerKind=1)
    wanted = [document["uri"], 0, 3, ["simplify", "modernize"]]
    await editor.wait_for("slmcode/status", lambda _: calls(editor, "warm")[before:] == [wanted])


async def test_a_diagnostic_reaches_the_feature_whole(
    editor: Client, document: dict[str, str]
) -> None:
    wrong = {"range": span((1, 4), (1, 7)), "message": "no", "source": "Ruff", "code": 501}
    (action, *_) = await actions_at(editor, document, diagnostics=[wrong], only=["quickfix"])
    await editor.request("codeAction/resolve", action)
    assert calls(editor, "act")[-1] == ["fix", "", [[12, 15], "no", "Ruff", "501"]]


# Renaming


async def test_a_rename_of_several_documents(
    editor: Client, document: dict[str, str], uri: str
) -> None:
    other = uri.replace("test", "other")
    editor.open(other, "python", "import old\n")
    where = {"textDocument": document, "position": place(0, 1)}
    found = await editor.request("textDocument/prepareRename", where)
    assert found == {"range": span((0, 0), (0, 3)), "placeholder": "old"}
    edit = await editor.request("textDocument/rename", where | {"newName": "new"})
    assert new_texts(edit) == [(uri, [(0, 0), (1, 4)]), (other, [(0, 7)])]
    assert await error_of(editor.request("textDocument/rename", where | {"newName": "x"})) == (
        FAILED,
        "this name is taken",
    )
    nowhere = editor.request("textDocument/prepareRename", where | {"position": place(3, 1)})
    assert await error_of(nowhere) == (FAILED, "this is no name")
    editor.close(other)


@pytest.mark.parametrize(
    ("can", "says"),
    [(None, None), ({}, {}), ({"prepareSupport": True}, {"prepareProvider": True})],
)
async def test_renaming_is_offered_to_who_can(lab: Lab, can: Any, says: Any) -> None:
    document: dict[str, Any] = {"inlineCompletion": {}}
    if can is not None:
        document["rename"] = can
    client = await lab.ready(capabilities={"textDocument": document})
    assert client.capabilities.get("renameProvider") == says


# Requests of our own


async def test_an_action_by_its_name(editor: Client, document: dict[str, str]) -> None:
    params = {"textDocument": document, "range": ALL}
    result = await editor.request("slmcode/action", params | {"action": "docstring"})
    told = {k: v for k, v in result.items() if k != "edit"}
    assert told == {
        "verdict": "verified",
        "reason": "it runs",
        "title": "Act",
        "contract": "c",
        "model": "m",
        "confidence": 0.5,
        "tries": 2,
    }
    assert calls(editor, "act")[-1] == ["docstring", "", None]
    wrong = {"range": span((1, 4), (1, 7)), "message": "no"}
    await editor.request("slmcode/action", params | {"action": "fix", "diagnostic": wrong})
    assert calls(editor, "act")[-1] == ["fix", "", [[12, 15], "no", "", ""]]


async def test_an_action_that_there_is_not(
    editor: Client, editors: Lab, document: dict[str, str]
) -> None:
    message = {
        "jsonrpc": "2.0",
        "id": "what",
        "method": "slmcode/action",
        "params": {"textDocument": document, "range": ALL, "action": "what"},
    }
    editors.send_wrong(editor, message)
    await editor.request("slmcode/why", {"textDocument": document, "completionId": ""})
    (answer,) = [m.msg for m in editor.messages if m.dir == "s2c" and m.msg.get("id") == "what"]
    assert answer["error"]["code"] == INVALID
    assert "docstring, type-hints" in answer["error"]["message"]


async def test_a_new_file(editor: Client, document: dict[str, str]) -> None:
    params = {"textDocument": document, "range": ALL, "instruction": "a new file"}
    edit = (await editor.request("slmcode/edit", params))["edit"]
    create, change = edit["documentChanges"]
    uri = "file:///w/there/is/none.py"
    assert (create["kind"], create["uri"]) == ("create", uri)
    assert change["textDocument"] == {"uri": uri, "version": None}


async def test_a_user_about_to_type_an_instruction(
    editor: Client, document: dict[str, str]
) -> None:
    before = len(calls(editor, "warm"))
    editor.notify("slmcode/willEdit", {"textDocument": document, "range": ALL})
    await editor.wait_for("slmcode/status", lambda _: len(calls(editor, "warm")) > before)
    assert calls(editor, "warm")[-1][:3] == [document["uri"], 0, len(SOURCE)]
    closed = {"textDocument": {"uri": "file:///w/none.py"}, "range": ALL}
    editor.notify("slmcode/willEdit", closed)


async def test_explaining(editor: Client, document: dict[str, str]) -> None:
    wrong = {"range": span((1, 4), (1, 7)), "message": "no", "source": "ts", "code": 1}
    params = {"textDocument": document, "diagnostic": wrong, "partialResultToken": "pieces"}
    assert await editor.request("slmcode/explain", params) == {"text": "It adds."}
    assert parts(editor, "pieces") == [{"text": "It "}, {"text": "adds."}]
    assert calls(editor, "explain")[-1] == [document["uri"], 12, 15, [[12, 15], "no", "ts", "1"]]
    trace = editor.request("slmcode/explain", {"trace": "Error: x"})
    assert await trace == {"text": "Error: x in /w"}
    trace = editor.request("slmcode/explain", {"trace": "Error: x", "textDocument": document})
    assert await trace == {"text": "Error: x in /"}
    trace = editor.request("slmcode/explain", {"trace": "x"})
    assert await error_of(trace) == (FAILED, "this is no trace")
    nothing: tuple[dict[str, Any], ...] = ({}, {"textDocument": document})
    for what in nothing:
        assert (await error_of(editor.request("slmcode/explain", what)))[0] == INVALID


async def test_debugging(editor: Client, document: dict[str, str]) -> None:
    params = {"command": "pytest", "workDoneToken": "steps", "partialResultToken": "parts"}
    nowhere = editor.request("slmcode/debug", params)
    assert await error_of(nowhere) == (INVALID, "there is no folder to run the command in")
    result = await editor.request("slmcode/debug", params | {"textDocument": document})
    assert (result["verdict"], result["contract"]) == ("verified", "debugged")
    assert new_texts(result["edit"]) == [(document["uri"], [(0, 0), (1, 4)])]
    assert parts(editor, "parts") == [{"step": "running pytest in /"}]
    assert [p.get("message") for p in parts(editor, "steps")] == [
        None,
        "running pytest in /",
        "9 tokens",
        None,
    ]


# Whole modules


async def planned(client: Client, document: dict[str, str], instruction: str = "Do it.") -> Any:
    params = {"textDocument": document, "instruction": instruction}
    return await client.request("slmcode/planModule", params)


async def test_a_plan(editor: Client, document: dict[str, str], uri: str) -> None:
    plan = await planned(editor, document)
    assert plan["units"] == [
        {"name": "line 0", "range": span((0, 0), (1, 0)), "after": []},
        {"name": "line 1", "range": span((1, 0), (2, 0)), "after": ["line 0"]},
        {"name": "line 2", "range": span((2, 0), (3, 0)), "after": ["line 1"]},
    ]
    assert plan["leftOut"] == [{"name": "line 3", "reason": "it is the last"}]
    editor.replace(uri, (0, 0), (4, 0), "")
    params = {"textDocument": document, "instruction": ""}
    refusal = editor.request("slmcode/planModule", params)
    assert await error_of(refusal) == (FAILED, "there is nothing to do")
    unknown = editor.request("slmcode/refactorModule", {"planId": "what"})
    assert await error_of(unknown) == (INVALID, "there is no such plan any more")


async def test_a_plan_is_carried_out_unit_by_unit(editor: Client, document: dict[str, str]) -> None:
    plan = await planned(editor, document)
    params = {"planId": plan["planId"], "workDoneToken": "units", "partialResultToken": "done"}
    result = await editor.request("slmcode/refactorModule", params)
    rows = [
        {
            "name": f"line {i}",
            "verdict": "not verified",
            "reason": "it parses",
            "range": span((i, 0), (i + 1, 0)),
        }
        for i in range(3)
    ]
    assert result["units"] == rows
    assert parts(editor, "done") == [{"units": rows[:n]} for n in (1, 2, 3)]
    reports = [p["percentage"] for p in parts(editor, "units") if p["kind"] == "report"]
    assert reports == [33, 66, 100]
    labels = [note["label"] for note in result["edit"]["changeAnnotations"].values()]
    assert labels == ["line 0", "line 1", "line 2"]
    some = await editor.request(
        "slmcode/refactorModule", {"planId": plan["planId"], "units": ["line 1"]}
    )
    assert [unit["name"] for unit in some["units"]] == ["line 1"]
    assert new_texts(some["edit"]) == [(document["uri"], [(1, 4)])]


@pytest.mark.parametrize("how", ["request", "progress"])
async def test_a_cancelled_refactoring_is_answered_with_what_is_done(
    editor: Client, document: dict[str, str], how: str
) -> None:
    plan = await planned(editor, document, "slowly")
    token = f"slow {how}"
    request = editor.request(
        "slmcode/refactorModule", {"planId": plan["planId"], "workDoneToken": token}
    )
    await editor.wait_for(
        "$/progress", lambda p: p["token"] == token and "percentage" in p["value"]
    )
    if how == "request":
        editor.cancel(request)
    else:
        editor.notify("window/workDoneProgress/cancel", {"token": token})
    result = await request
    assert [unit["name"] for unit in result["units"]] == ["line 0"]
    assert new_texts(result["edit"]) == [(document["uri"], [(0, 0)])]


async def test_the_oldest_plans_are_forgotten(editor: Client, document: dict[str, str]) -> None:
    plans = [await planned(editor, document) for _ in range(9)]
    first, second = (
        editor.request("slmcode/refactorModule", {"planId": plan["planId"]}) for plan in plans[:2]
    )
    assert (await error_of(first))[0] == INVALID
    assert (await second)["verdict"] == "not verified"
