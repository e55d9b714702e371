"""Outcomes as WorkspaceEdits, for every kind of client; valid by LSP's own model, and right.

`carried_out` is what a client does with one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from slmcode.features.edits.outcome import Change, Outcome, Refused, Verdict
from slmcode.lsp.changes import Client, client_of, workspace_edit
from slmcode.lsp.documents import Documents
from slmcode.lsp.positions import to_offset
from slmcode.lsp.protocol import converter
from slmcode.lsp.settle import CHANGED, settled
from slmcode.text import Edit, Snapshot, TextRange
from tests.lsp.conftest import MODEL

ALL = Client(resolves=True, versions=True, confirms=True, creates=True, moves=True, progress=True)
A, B, NEW = "file:///w/a.py", "file:///w/b.py", "file:///w/new.py"
TEXTS = {A: "x = '😀'\nold = 1\nprint(old)\n", B: "from a import old\r\n"}


def snapshot(uri: str, version: int | None = 1) -> Snapshot:
    return Snapshot(uri, "python", version, TEXTS[uri])


def renamed(before: Snapshot, unit: str = "", first: int = 0, last: int = 99) -> Change:
    """`old` becomes `newer` in these lines."""
    edits, at = [], before.text.find("old")
    while at >= 0:
        if first <= before.line_at(at) <= last:
            edits.append(Edit(TextRange(at, at + 3), "newer"))
        at = before.text.find("old", at + 1)
    return Change(before.uri, before, tuple(edits), unit)


def outcome(*changes: Change, verdict: Verdict = Verdict.VERIFIED) -> Outcome:
    return Outcome("Do it", verdict, "it runs", "a contract", changes)


def made(result: Outcome, client: Client = ALL) -> dict[str, Any]:
    """The edit as it is sent; valid."""
    edit: dict[str, Any] = converter().unstructure(
        workspace_edit(result, client, "utf-16"), types.WorkspaceEdit
    )
    if MODEL is not None:
        wanted = {"kind": "reference", "name": "WorkspaceEdit"}
        assert list(MODEL.errors(edit, wanted, "edit")) == []
    return edit


def carried_out(edit: dict[str, Any], texts: dict[str, str]) -> dict[str, str]:
    """All files afterwards. Changes come in their order; the edits of one document are in one
    state of it.
    """
    files = dict(texts)
    documents = [
        {"textDocument": {"uri": u}, "edits": e} for u, e in edit.get("changes", {}).items()
    ]
    for change in edit.get("documentChanges", documents):
        match change.get("kind"):
            case "create":
                assert change["uri"] not in files
                files[change["uri"]] = ""
            case "rename":
                assert change["newUri"] not in files
                files[change["newUri"]] = files.pop(change["oldUri"])
            case _:
                uri = change["textDocument"]["uri"]
                before = Snapshot(uri, "", 1, files[uri])
                places = []
                for e in change["edits"]:
                    start, end = (e["range"][side] for side in ("start", "end"))
                    offsets = (
                        to_offset(before, p["line"], p["character"], "utf-16") for p in (start, end)
                    )
                    places.append(Edit(TextRange(*offsets), e["newText"]))
                for place in sorted(places, reverse=True):
                    before = before.apply(place, 1)
                files[uri] = before.text
    return files


AFTER = {uri: text.replace("old", "newer") for uri, text in TEXTS.items()}


@pytest.mark.parametrize(
    "client",
    [ALL, ALL._replace(confirms=False), ALL._replace(confirms=False, versions=False)],
    ids=["all", "versions", "plain"],
)
def test_several_files(client: Client) -> None:
    both = outcome(renamed(snapshot(A)), renamed(snapshot(B)))
    assert carried_out(made(both, client), TEXTS) == AFTER


def test_versions_are_those_of_open_documents() -> None:
    edit = made(outcome(renamed(snapshot(A, 7)), renamed(snapshot(B, None))))
    versions = [change["textDocument"]["version"] for change in edit["documentChanges"]]
    assert versions == [7, None]


def test_a_new_file() -> None:
    new = Change(NEW, None, (Edit(TextRange(0, 0), "x = 1\n"),))
    result = outcome(renamed(snapshot(A)), new)
    assert carried_out(made(result), TEXTS)[NEW] == "x = 1\n"
    with pytest.raises(Refused, match="cannot create files"):
        made(result, ALL._replace(creates=False))


def test_a_file_that_moves() -> None:
    moved = Change(A, snapshot(A), renamed(snapshot(A)).edits, moved_to=NEW)
    result = outcome(moved, renamed(snapshot(B)))
    assert carried_out(made(result), TEXTS) == {NEW: AFTER[A], B: AFTER[B]}
    with pytest.raises(Refused, match="cannot rename files"):
        made(result, ALL._replace(moves=False))
    only_moved = Change(A, snapshot(A), (), moved_to=NEW)
    assert carried_out(made(outcome(only_moved)), TEXTS) == {NEW: TEXTS[A], B: TEXTS[B]}


def test_a_unit_is_a_part_that_the_user_confirms() -> None:
    first = renamed(snapshot(A), "second line", 1, 1)
    second = renamed(snapshot(A), "third line", 2, 2)
    edit = made(outcome(second, first, verdict=Verdict.NOT_VERIFIED))
    (document,) = edit["documentChanges"]
    assert [e["annotationId"] for e in document["edits"]] == ["slmcode/2", "slmcode/1"]
    assert edit["changeAnnotations"] == {
        f"slmcode/{i}": {
            "label": label,
            "needsConfirmation": True,
            "description": "not verified: it runs",
        }
        for i, label in ((1, "third line"), (2, "second line"))
    }
    assert carried_out(edit, TEXTS)[A] == AFTER[A]
    plain = made(outcome(second, first), ALL._replace(confirms=False))
    assert carried_out(plain, TEXTS)[A] == AFTER[A]


def test_an_exact_change_needs_no_confirmation() -> None:
    edit = made(outcome(renamed(snapshot(A)), verdict=Verdict.EXACT))
    (annotation,) = edit["changeAnnotations"].values()
    assert annotation["needsConfirmation"] is False


def capabilities(**edit: Any) -> types.ClientCapabilities:
    found: types.ClientCapabilities = converter().structure(
        {"workspace": {"workspaceEdit": edit}}, types.ClientCapabilities
    )
    return found


def test_what_a_client_can_do() -> None:
    assert client_of(types.ClientCapabilities()) == Client(*[False] * 6)
    nothing = {"resourceOperations": ["create", "rename"], "changeAnnotationSupport": {}}
    assert client_of(capabilities(**nothing)) == Client(*[False] * 6), "without documentChanges"
    can = client_of(capabilities(documentChanges=True, **nothing))
    assert (can.versions, can.confirms, can.creates, can.moves) == (True, True, True, True)
    can = client_of(capabilities(documentChanges=True, resourceOperations=["create"]))
    assert (can.creates, can.moves) == (True, False)


# Brought to the documents as they are now


def change(documents: Documents, line: int, text: str) -> Snapshot:
    """The user puts lines in front of one."""
    where = types.Range(types.Position(line, 0), types.Position(line, 0))
    changed = documents.change(
        A, 2, [types.TextDocumentContentChangePartial(range=where, text=text)]
    )
    assert changed is not None
    return changed[0]


@pytest.fixture
def documents() -> Documents:
    found = Documents()
    found.open(A, "python", 1, TEXTS[A])
    return found


def opened(documents: Documents, uri: str = A) -> Snapshot:
    found = documents.get(uri)
    assert found is not None
    return found


def test_nothing_has_changed(documents: Documents) -> None:
    result = outcome(renamed(opened(documents)))
    assert settled(result, documents) == result


def test_other_lines_have_changed(documents: Documents) -> None:
    result = outcome(renamed(opened(documents)))
    now = change(documents, 0, "import os\n")
    merged = settled(result, documents)
    assert (merged.verdict, merged.changes[0].before) == (Verdict.NOT_VERIFIED, now)
    assert merged.reason.startswith("it runs; ")
    assert merged.changes[0].after == "import os\n" + AFTER[A]


@pytest.mark.parametrize("what", ["the same line", "closed", "opened anew"])
def test_what_cannot_be_merged_is_refused(documents: Documents, what: str) -> None:
    result = outcome(renamed(opened(documents)))
    if what == "the same line":
        change(documents, 1, "x")
    else:
        documents.close(A)
    if what == "opened anew":
        documents.open(A, "python", 1, "y = 1\n" + TEXTS[A])
    assert settled(result, documents).reason == CHANGED


def test_opened_anew_with_the_same_text(documents: Documents) -> None:
    result = outcome(renamed(opened(documents)))
    documents.close(A)
    now = documents.open(A, "python", 9, TEXTS[A])
    assert settled(result, documents).changes[0].before is now


def test_one_of_several_files_that_cannot_be_merged_refuses_all(documents: Documents) -> None:
    other = documents.open(B, "python", 1, TEXTS[B])
    result = outcome(renamed(opened(documents)), renamed(other))
    change(documents, 1, "x")
    assert settled(result, documents).changes == ()


def on_disk(path: Path) -> Outcome:
    """A change of a file that no editor has open."""
    text = path.read_bytes().decode()
    before = Snapshot(path.as_uri(), "python", None, text)
    edit = Edit(TextRange(text.index("1"), text.index("1") + 1), "2")
    return outcome(Change(before.uri, before, (edit,)))


def test_a_file_that_is_not_open_is_compared_with_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "c.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    documents = Documents()
    result = on_disk(path)
    assert settled(result, documents) == result
    path.write_bytes(b"x = 1\n")
    assert settled(result, documents).reason == CHANGED


def test_a_file_that_is_open_under_another_uri(tmp_path: Path) -> None:
    path = tmp_path / "c d.py"
    path.write_text("x = 1\n")
    result = on_disk(path)
    documents = Documents()
    uri = path.as_uri().replace("%20", " ")
    now = documents.open(uri, "python", 3, "x = 1\n")
    (only,) = settled(result, documents).changes
    assert (only.uri, only.before) == (uri, now)
    documents.open(uri, "python", 3, "x = 1\ny = 1\n")  # not saved
    assert settled(result, documents).reason == CHANGED


def test_a_new_file_that_is_there_already(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    result = outcome(Change(path.as_uri(), None, (Edit(TextRange(0, 0), "x"),)))
    assert settled(result, Documents()) == result
    path.write_text("")
    assert "already" in settled(result, Documents()).reason


def test_a_document_remembers_what_was_done_to_it(documents: Documents) -> None:
    first = opened(documents)
    assert documents.since(first) == []
    second = change(documents, 0, "a\n")
    third = change(documents, 1, "b\n")
    assert documents.since(first) == [
        Edit(TextRange(0, 0), "a\n"),
        Edit(TextRange(2, 2), "b\n"),
    ]
    assert documents.since(second) == [Edit(TextRange(2, 2), "b\n")]
    assert documents.since(third) == []
    assert documents.since(snapshot(A)) is None, "none of the document's own"
    change(documents, 0, "x" * 1_000_001)
    assert documents.since(third) is None, "too much has changed"


def test_a_border_between_cr_and_lf_is_put_around_both() -> None:
    """The user took away what stood between a CR and the place of the edit."""
    before = Snapshot(A, "python", 1, "a\r\nb\r\n")
    for start, end, new in ((2, 4, "x"), (2, 2, "x"), (0, 2, "x\n"), (2, 5, ""), (3, 4, "c")):
        text = before.text[:start] + new + before.text[end:]
        change = Change(A, before, (Edit(TextRange(start, end), new),))
        for client in (ALL, ALL._replace(versions=False)):
            assert carried_out(made(outcome(change), client), {A: before.text})[A] == text


def test_edits_that_overlap_are_refused() -> None:
    before = Snapshot(A, "python", 1, "abc\r\n")
    edits = tuple(Edit(TextRange(*ends), "x") for ends in ((0, 4), (4, 5)))
    with pytest.raises(Refused, match="overlap"):
        made(outcome(Change(A, before, edits)))
