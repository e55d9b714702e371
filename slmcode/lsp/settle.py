"""An outcome brought to the documents as they are now. Nothing the user did meanwhile is lost.

A feature works on the snapshots of its beginning. What was changed since on other lines is merged;
a change that touches what the outcome edits, or that is not known, refuses it. Event loop only.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from slmcode.features.edits.outcome import Change, Outcome, Refused, Verdict, refused
from slmcode.lsp.documents import Documents
from slmcode.text import Snapshot

CHANGED = "the document has changed meanwhile; nothing was edited"
_MERGED = "the document changed elsewhere meanwhile, which was not checked together with this"
_BOM = "\ufeff"


def settled(outcome: Outcome, documents: Documents) -> Outcome:
    """The outcome for the documents as they are now, refused where there is none.

    A merged one is "not verified", whatever was checked before.
    """
    try:
        changes = tuple(_settled(change, documents) for change in outcome.changes)
    except Refused as e:
        return refused(outcome.title, str(e), outcome.contract)
    was_merged = any(
        new.before is not None and old.before is not None and new.before.text != old.before.text
        for old, new in zip(outcome.changes, changes, strict=True)
    )
    if not was_merged:
        return dataclasses.replace(outcome, changes=changes)
    return dataclasses.replace(
        outcome,
        changes=changes,
        verdict=Verdict.NOT_VERIFIED,
        reason=f"{outcome.reason}; {_MERGED}" if outcome.reason else _MERGED,
    )


def _settled(change: Change, documents: Documents) -> Change:
    """Raises Refused."""
    now = _open_document(change.uri, documents)
    before = change.before
    if before is None:
        if now is not None or _text_of(change.uri) is not None:
            raise Refused(f"there is a file {_name(change.uri)} already; nothing was written")
        return change
    if now is None:
        if before.version is not None or _text_of(change.uri) != before.text.removeprefix(_BOM):
            raise Refused(CHANGED)
        return change
    if now is before:
        return change
    if now.text == before.text:
        return dataclasses.replace(change, uri=now.uri, before=now)
    from slmcode.features.edits.rebasing import rebase

    later = documents.since(before)
    edits = rebase(before, change.edits, later) if later is not None else None
    if edits is None:
        raise Refused(CHANGED)
    return dataclasses.replace(change, before=now, edits=tuple(edits))


def _name(uri: str) -> str:
    return uri.rpartition("/")[2]


def _open_document(uri: str, documents: Documents) -> Snapshot | None:
    """The open document of a file, under whatever URI the client knows it by."""
    from slmcode.features.project import file_of

    if (found := documents.get(uri)) is not None:
        return found
    file = file_of(uri)
    return next((d for d in documents if file is not None and file_of(d.uri) == file), None)


def _text_of(uri: str) -> str | None:
    """A file's text without its byte order mark; None where there is no file, or no text in it."""
    from slmcode.features.project import file_of

    file: Path | None = file_of(uri)
    try:
        return None if file is None else file.read_bytes().decode().removeprefix(_BOM)
    except (OSError, UnicodeDecodeError):
        return None
