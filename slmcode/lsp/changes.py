"""An outcome as a WorkspaceEdit, as far as the client can take one. Pure.

Edits are the least ones, so that cursor, folds and undo survive. A model's edits are annotated:
the client shows them, with what was checked, and asks before it makes them, part by part. Exact
ones are annotated too, where the client can, and are made without a question.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from lsprotocol import types

from slmcode.features.edits.outcome import Change, Outcome, Refused, Verdict
from slmcode.lsp import convert
from slmcode.lsp.positions import Encoding
from slmcode.text import Edit, TextRange

_ANNOTATION = "slmcode"


class Client(NamedTuple):
    """What a client can do with edits."""

    resolves: bool  # asks for the edit of a code action when it was chosen
    versions: bool  # takes edits with the document's version
    confirms: bool  # shows annotated edits before it makes them
    creates: bool  # makes files
    moves: bool  # renames files
    progress: bool  # shows progress that the server begins


def client_of(capabilities: types.ClientCapabilities) -> Client:
    """What these capabilities say."""
    document, workspace = capabilities.text_document, capabilities.workspace
    actions = document.code_action if document else None
    resolve = actions.resolve_support if actions else None
    edits = workspace.workspace_edit if workspace else None
    versions = bool(edits and edits.document_changes)
    files = (edits.resource_operations if edits and versions else None) or ()
    return Client(
        resolves=bool(
            actions
            and actions.code_action_literal_support
            and actions.data_support
            and resolve
            and "edit" in resolve.properties
        ),
        versions=versions,
        confirms=bool(edits and versions and edits.change_annotation_support),
        creates=types.ResourceOperationKind.Create in files,
        moves=types.ResourceOperationKind.Rename in files,
        progress=convert.shows_progress(capabilities),
    )


def workspace_edit(outcome: Outcome, client: Client, encoding: Encoding) -> types.WorkspaceEdit:
    """What is to be done with the client's files and documents. The outcome has changes.

    Several changes of one document are those of its parts. Raises Refused where the client cannot
    do it.
    """
    changes = outcome.changes
    if not client.creates and any(change.before is None for change in changes):
        raise Refused("this editor cannot create files on a server's behalf")
    if not client.moves and any(change.moved_to for change in changes):
        raise Refused("this editor cannot rename files on a server's behalf")
    texts: dict[str, list[Change]] = {}
    for change in changes:
        if change.before is not None and change.edits:
            texts.setdefault(change.uri, []).append(change)
    if not client.versions:
        return types.WorkspaceEdit(
            changes={uri: _text_edits(parts, encoding) for uri, parts in texts.items()}
        )
    named = _annotations(outcome) if client.confirms else {}
    operations: list[
        types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile
    ] = [_of_document(parts, named, encoding) for parts in texts.values()]
    for change in changes:
        note = named.get(change.unit)
        if change.before is None:
            operations += _new_file(change, note)
        if change.moved_to:
            operations.append(types.RenameFile(change.uri, change.moved_to, annotation_id=note))
    return types.WorkspaceEdit(
        document_changes=operations,
        change_annotations={
            note: types.ChangeAnnotation(
                unit or outcome.title,
                needs_confirmation=outcome.verdict is not Verdict.EXACT,
                description=f"{outcome.verdict.value}: {outcome.reason}",
            )
            for unit, note in named.items()
        }
        or None,
    )


def _annotations(outcome: Outcome) -> dict[str, str]:
    """The annotation of each unit."""
    units = dict.fromkeys(change.unit for change in outcome.changes)
    if len(units) == 1:
        return dict.fromkeys(units, _ANNOTATION)
    return {unit: f"{_ANNOTATION}/{i}" for i, unit in enumerate(units, 1)}


def _of_document(
    parts: Sequence[Change], named: dict[str, str], encoding: Encoding
) -> types.TextDocumentEdit:
    before = parts[0].before
    assert before is not None
    document = types.OptionalVersionedTextDocumentIdentifier(before.uri, before.version)
    edits: list[types.TextEdit | types.AnnotatedTextEdit | types.SnippetTextEdit] = []
    for change, edit in _ordered(parts):
        where = convert.lsp_range(before, edit.range, encoding)
        note = named.get(change.unit)
        if note is None:
            edits.append(types.TextEdit(where, edit.new_text))
        else:
            edits.append(types.AnnotatedTextEdit(note, where, edit.new_text))
    return types.TextDocumentEdit(document, edits)


def _text_edits(parts: Sequence[Change], encoding: Encoding) -> list[types.TextEdit]:
    before = parts[0].before
    assert before is not None
    return [
        types.TextEdit(convert.lsp_range(before, edit.range, encoding), edit.new_text)
        for _, edit in _ordered(parts)
    ]


def _ordered(parts: Sequence[Change]) -> list[tuple[Change, Edit]]:
    """The edits of one document from top to bottom. Raises Refused where two of them overlap."""
    both = [
        (change, _with_line_ends(change.before.text, edit))
        for change in parts
        if change.before is not None
        for edit in change.edits
    ]
    both.sort(key=lambda both: both[1].range)
    for (_, above), (_, below) in itertools.pairwise(both):
        if below.range.start < above.range.end:
            raise Refused("two of its edits overlap")
    return both


def _with_line_ends(text: str, edit: Edit) -> Edit:
    """The same edit with borders that a position can name: between CR and LF there is none.

    A change by the user may have brought the two together at a border.
    """
    (start, end), new_text = edit
    if text[max(start - 1, 0) : start + 1] == "\r\n":
        start, new_text = start - 1, f"\r{new_text}"
    if text[max(end - 1, 0) : end + 1] == "\r\n":
        end, new_text = end + 1, f"{new_text}\n"
    return Edit(TextRange(start, end), new_text)


def _new_file(change: Change, note: str | None) -> list[types.CreateFile | types.TextDocumentEdit]:
    """An empty file, and the text put into it. The client refuses where there is a file already."""
    document = types.OptionalVersionedTextDocumentIdentifier(change.uri, None)
    start = types.Position(0, 0)
    where = types.Range(start, start)
    edit: types.TextEdit | types.AnnotatedTextEdit = (
        types.TextEdit(where, change.after)
        if note is None
        else types.AnnotatedTextEdit(note, where, change.after)
    )
    return [
        types.CreateFile(change.uri, annotation_id=note),
        types.TextDocumentEdit(document, [edit]),
    ]
