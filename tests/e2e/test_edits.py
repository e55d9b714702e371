"""Edits and explanations by real weights, through a real server and its engine.

What a model of this size writes differs from one processor to the next, so what is fixed here is
what holds of any answer: an edit that is shown keeps its contract, one that is not has a reason.
"""

from __future__ import annotations

import ast
import asyncio
import re
from typing import Any

import pytest

from slmcode.lsp.client import Client, ResponseError
from slmcode.text import Edit, Snapshot, TextRange
from tests.e2e.conftest import RealLab
from tests.lsp.conftest import SECRET

pytestmark = [
    pytest.mark.weights,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="session"),
]

URI = "file:///w/shelf.py"
SOURCE = f'''"""Books: {SECRET}."""


def describe(books, limit):
    lines = []
    for title, count in books.items():
        if count > limit:
            lines.append("%s: %d" % (title, count))
    return lines


def mean(values):
    return sum(values) / len(values)
'''
TITLE = "Add or update the docstring"
LINES = {"start": {"line": 3, "character": 0}, "end": {"line": 9, "character": 0}}
EDITOR = {
    "textDocument": {
        "inlineCompletion": {"dynamicRegistration": False},
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["refactor"]}},
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        },
    }
}


async def opened(real: RealLab) -> Client:
    settings = real.config.read_text()
    if "edit_model" not in settings:
        real.config.write_text(settings + 'edit_model = "fast"\n')
    client = await real.ready(capabilities=EDITOR)
    await client.wait_for("slmcode/status", lambda s: bool(s["state"] == "ready"), timeout=120)
    client.open(URI, "python", SOURCE)
    return client


def applied(edits: list[dict[str, Any]]) -> str:
    """The document, all ASCII, after edits of whole lines."""
    snapshot = Snapshot(URI, "python", 1, SOURCE)
    for edit in reversed(edits):
        start, end = (edit["range"][side] for side in ("start", "end"))
        assert start["character"] == 0
        offsets = (snapshot.line_starts[place["line"]] for place in (start, end))
        snapshot = snapshot.apply(Edit(TextRange(*offsets), edit["newText"]), 1)
    return snapshot.text


async def test_a_docstring_is_added_or_refused_with_a_reason(real: RealLab) -> None:
    client = await opened(real)
    params = {"textDocument": {"uri": URI}, "range": LINES, "context": {"diagnostics": []}}
    offered = await client.request("textDocument/codeAction", params)
    (action,) = [a for a in offered if a["title"] == TITLE]
    request = client.request("codeAction/resolve", action)
    await asyncio.wait({request})
    if isinstance(refused := request.exception(), ResponseError):
        assert refused.code == -32803
        assert refused.message.startswith(f"{TITLE}: ")
        return
    outcome = request.result()["data"]["outcome"]
    assert (outcome["contract"], outcome["verdict"]) == ("docstring", "verified")
    after = applied(request.result()["edit"]["changes"][URI])
    functions = [node.name for node in ast.parse(after).body if isinstance(node, ast.FunctionDef)]
    assert functions == ["describe", "mean"]
    assert after.endswith(SOURCE[SOURCE.index("\n\n\ndef mean") :]), "outside of the selection"
    assert after != SOURCE


async def test_an_explanation_is_streamed(real: RealLab) -> None:
    client = await opened(real)
    params = {"textDocument": {"uri": URI}, "range": LINES, "partialResultToken": "pieces"}
    result = await client.request("slmcode/explain", params)
    pieces = [p["value"]["text"] for p in client.received("$/progress") if p["token"] == "pieces"]
    assert len(pieces) > 1
    assert "".join(pieces) == result["text"]
    written, _, note = result["text"].rpartition("\n\n---\n")
    assert len(written.split()) > 5
    cited = [int(line) for line in re.findall(r"\[shelf\.py:(\d+)", written)]
    assert all(1 <= line <= SOURCE.count("\n") for line in cited)
    assert note
