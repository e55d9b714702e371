"""The open documents, as the client told us. Every state of one is a frozen `Snapshot`.

`server.workspace` of pygls is never used: it splits lines with `str.splitlines`, so one form
feed shifts every later edit and corrupts the text. Event loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from lsprotocol import types

from slmcode.lsp.positions import Encoding, to_offset
from slmcode.syntax.languages import canonical
from slmcode.text import Edit, Snapshot, TextRange

logger = logging.getLogger(__name__)


class Documents:
    """Open documents by URI. URIs are opaque keys: any scheme, also `untitled:`.

    `encoding` is set once, at `initialize`, before any document is opened.
    """

    def __init__(self, encoding: Encoding = "utf-16") -> None:
        self.encoding = encoding
        self._open: dict[str, Snapshot] = {}
        self._reported: set[str] = set()
        self._folders: dict[str, str] = {}

    def get(self, uri: str) -> Snapshot | None:
        """The present snapshot, or None if the document is not open."""
        return self._open.get(uri)

    def open(self, uri: str, language_id: str, version: int, text: str) -> Snapshot:
        """Take over a document; one that was open already is replaced.

        From here on its language has one name, whatever the editor calls it.
        """
        snapshot = self._open[uri] = Snapshot(uri, canonical(language_id), version, text)
        return snapshot

    def change(
        self, uri: str, version: int, changes: Sequence[types.TextDocumentContentChangeEvent]
    ) -> tuple[Snapshot, list[Edit]] | None:
        """Apply changes in their order; each one's range is in the text the one before left.

        Returns the new snapshot and the edits, or None for a document that is not open, which
        is logged once per document. Version numbers are kept, not judged: some clients repeat
        them, some begin again.
        """
        snapshot = self._open.get(uri)
        if snapshot is None:
            if uri not in self._reported:
                self._reported.add(uri)
                logger.warning("changes for a document that is not open are ignored: %s", uri)
            return None
        edits: list[Edit] = []
        for change in changes:
            edit = Edit(self._range(snapshot, change), change.text)
            edits.append(edit)
            snapshot = snapshot.apply(edit, version)
        if not edits:
            snapshot = Snapshot(uri, snapshot.language_id, version, snapshot.text)
        self._open[uri] = snapshot
        return snapshot, edits

    def close(self, uri: str) -> bool:
        """Forget a document. False if it was not open."""
        return self._open.pop(uri, None) is not None

    @property
    def folders(self) -> Mapping[str, str]:
        """The workspace folders: names by URI, in the client's order."""
        return self._folders

    def change_folders(
        self, added: Iterable[types.WorkspaceFolder], removed: Iterable[types.WorkspaceFolder]
    ) -> None:
        """Folders joined and left the workspace."""
        for folder in removed:
            self._folders.pop(folder.uri, None)
        self._folders.update({folder.uri: folder.name for folder in added})

    def _range(self, snapshot: Snapshot, change: types.TextDocumentContentChangeEvent) -> TextRange:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            return TextRange(0, len(snapshot.text))
        start, end = (
            to_offset(snapshot, p.line, p.character, self.encoding)
            for p in (change.range.start, change.range.end)
        )
        return TextRange(min(start, end), max(start, end))
