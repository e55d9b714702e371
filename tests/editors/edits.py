"""Answers of the canned server for tests of both editors, with the document they are about."""

from __future__ import annotations

from typing import Any

ADD = "def add(a, b):\n    return a + b\n"
SUB = "\n\ndef sub(a, b):\n    return a - b\n"
DOCUMENTED = '    """Add two numbers."""\n'
VERIFIED = {
    "title": "Add a docstring",
    "verdict": "verified",
    "reason": "nothing but the docstring changed",
    "contract": "docstring",
    "model": "quality",
    "confidence": 0.9,
    "tries": 1,
}
UNSURE = VERIFIED | {
    "verdict": "not verified",
    "reason": "it parses and defines the same names",
    "contract": "behaviour",
    "confidence": 0.1,
}
ANNOTATION = "verified: nothing but the docstring changed"


def place(line: int, character: int = 0) -> dict[str, int]:
    """LSP's Position."""
    return {"line": line, "character": character}


def span(first: int, last: int) -> dict[str, Any]:
    """A range of whole lines, the last one excluded."""
    return {"start": place(first), "end": place(last)}


def text_edit(line: int, new_text: str, unit: str = "") -> dict[str, Any]:
    """Put a text before a line."""
    edit = {"range": span(line, line), "newText": new_text}
    return edit | {"annotationId": unit} if unit else edit


def workspace_edit(*edits: dict[str, Any], confirm: bool = True) -> dict[str, Any]:
    """Edits of the open document, one annotation a unit."""
    annotations = {
        edit["annotationId"]: {
            "label": edit["annotationId"],
            "needsConfirmation": confirm,
            "description": ANNOTATION,
        }
        for edit in edits
        if "annotationId" in edit
    }
    document = {"uri": "$uri", "version": "$version"}
    changes = {"documentChanges": [{"textDocument": document, "edits": list(edits)}]}
    return changes | ({"changeAnnotations": annotations} if annotations else {})


DOCSTRING = workspace_edit(text_edit(1, DOCUMENTED, "add"))
TWO_UNITS = workspace_edit(
    text_edit(1, DOCUMENTED, "add"), text_edit(5, '    """Subtract."""\n', "sub")
)


def unit(name: str, verdict: str = "verified", reason: str = "it parses") -> dict[str, Any]:
    """What became of a unit of a module."""
    line = {"add": 0, "sub": 4}[name]
    return {"name": name, "verdict": verdict, "reason": reason, "range": span(line, line + 2)}


def plan(*left_out: dict[str, str]) -> dict[str, Any]:
    """A plan for `ADD + SUB`."""
    return {
        "planId": "plan-1",
        "instruction": "document it",
        "units": [
            {"name": "add", "range": span(0, 2), "after": []},
            {"name": "sub", "range": span(4, 6), "after": ["add"]},
        ],
        "leftOut": list(left_out),
    }


def refactored(edit: dict[str, Any] | None, *units: dict[str, Any]) -> dict[str, Any]:
    """The answer to `slmcode/refactorModule`."""
    outcome = {**VERIFIED, "title": "document it", "reason": "every unit keeps its contract"}
    return {**outcome, "edit": edit, "units": list(units)}
