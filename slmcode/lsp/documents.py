"""The open documents, as the client told us. Every state of one is a frozen `Snapshot`.

`server.workspace` of pygls is never used: it splits lines with `str.splitlines`, so one form
feed shifts every later edit and corrupts the text. Event loop only.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from lsprotocol import types

from slmcode.lsp.positions import Encoding, locate
from slmcode.syntax.languages import canonical
from slmcode.text import Edit, Snapshot, TextRange, joined

logger = logging.getLogger(__name__)

# Why there is nothing for a document; the user is told once.
LOST = (
    "the editor sent a change of {name} that cannot be read; there is nothing for this document "
    "until it is closed and opened again"
)

_KEPT_EDITS = 2000  # of a document, and
_KEPT_CHARS = 1_000_000  # of text in them


def lost(uri: str) -> str:
    """Why there is nothing for a document that was lost, for people."""
    return LOST.format(name=unquote(uri.rpartition("/")[2]) or "a document")


class _History:
    """The newest edits of one document, and where in them each snapshot that is held stands."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._edits: deque[Edit] = deque()
        self._n_chars = 0
        self._n_edits = 0  # the forgotten ones too
        self._at: WeakKeyDictionary[Snapshot, int] = WeakKeyDictionary({snapshot: 0})

    def add(self, edits: Sequence[Edit], snapshot: Snapshot) -> None:
        self._edits += edits
        self._n_edits += len(edits)
        self._n_chars += sum(len(edit.new_text) for edit in edits)
        self._at[snapshot] = self._n_edits
        while len(self._edits) > _KEPT_EDITS or self._n_chars > _KEPT_CHARS:
            self._n_chars -= len(self._edits.popleft().new_text)

    def since(self, snapshot: Snapshot) -> list[Edit] | None:
        at = self._at.get(snapshot)
        if at is None or (n := self._n_edits - at) > len(self._edits):
            return None
        return list(islice(self._edits, len(self._edits) - n, None))


class Documents:
    """Open documents by URI. URIs are opaque keys: any scheme, also `untitled:`.

    A document is lost when a change of it could not be read: ours is not the client's text any
    more. It is not there then, and its changes are ignored, until a full text comes.

    `encoding` is set once, at `initialize`, before any document is opened.
    """

    def __init__(self, encoding: Encoding = "utf-16") -> None:
        self.encoding = encoding
        self._open: dict[str, Snapshot] = {}
        self._histories: dict[str, _History] = {}
        self._reported: set[str] = set()
        self._lost: dict[str, Snapshot] = {}  # as they were last, for their language
        self._folders: dict[str, str] = {}

    def get(self, uri: str) -> Snapshot | None:
        """The present snapshot, or None if the document is not open, or lost."""
        return self._open.get(uri)

    def __iter__(self) -> Iterator[Snapshot]:
        """All of them."""
        return iter(self._open.values())

    def open(self, uri: str, language_id: str, version: int, text: str) -> Snapshot:
        """Take over a document; one that was open already is replaced.

        From here on its language has one name, whatever the editor calls it.
        """
        self._lost.pop(uri, None)
        snapshot = Snapshot(uri, canonical(language_id), version, joined(text))
        self._open[uri] = snapshot
        self._histories[uri] = _History(snapshot)
        return snapshot

    def change(
        self, uri: str, version: int, changes: Sequence[types.TextDocumentContentChangeEvent]
    ) -> tuple[Snapshot, list[Edit]] | None:
        """Apply changes in their order; each one's range is in the text the one before left.

        Returns the new snapshot and the edits, or None for a document that is not open, which
        is logged once per document. One that was lost is there again with its first full text,
        whose history begins then. Version numbers are kept, not judged: some clients repeat
        them, some begin again.
        """
        if (last := self._lost.get(uri)) is not None:
            full = _from_full_text(changes)
            if full is None:
                return None
            self.open(uri, last.language_id, version, "")
            changes = full
        snapshot = self._open.get(uri)
        if snapshot is None:
            if uri not in self._reported:
                self._reported.add(uri)
                logger.warning("changes for a document that is not open are ignored: %s", uri)
            return None
        edits: list[Edit] = []
        for change in changes:
            edit = self._edit(snapshot, change)
            edits.append(edit)
            snapshot = snapshot.apply(edit, version)
        if not edits:
            snapshot = Snapshot(uri, snapshot.language_id, version, snapshot.text)
        self._open[uri] = snapshot
        self._histories[uri].add(edits, snapshot)
        return snapshot, edits

    def since(self, snapshot: Snapshot) -> list[Edit] | None:
        """What was done to a document since it was `snapshot`, in this order.

        None where that is not known: it was closed or opened anew, it is too long ago, or the
        snapshot is none that was handed out here.
        """
        history = self._histories.get(snapshot.uri)
        return history.since(snapshot) if history is not None else None

    def close(self, uri: str) -> bool:
        """Forget a document. False if it was not open."""
        self._histories.pop(uri, None)
        was_lost = self._lost.pop(uri, None) is not None
        return self._open.pop(uri, None) is not None or was_lost

    def lose(self, uri: str) -> bool:
        """A change of a document could not be read. False if it was not open, or lost already."""
        snapshot = self._open.pop(uri, None)
        if snapshot is None:
            return False
        self._histories.pop(uri, None)
        self._lost[uri] = snapshot
        return True

    def is_lost(self, uri: str) -> bool:
        """Whether the client's text of an open document is not known; see `lost`."""
        return uri in self._lost

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

    def _edit(self, snapshot: Snapshot, change: types.TextDocumentContentChangeEvent) -> Edit:
        """A change as an edit of whole characters.

        In UTF-16 one may begin or end inside a pair, as between two characters that share a half:
        the halves that stay are put around its text, and halves that meet are joined.
        """
        text, new_text = snapshot.text, change.text
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            return Edit(TextRange(0, len(text)), joined(new_text))
        (start, into_start), (end, into_end) = sorted(
            locate(snapshot, p.line, p.character, self.encoding)
            for p in (change.range.start, change.range.end)
        )
        if self.encoding == "utf-16" and into_start:
            new_text = _halves(text[start])[0] + new_text
        if self.encoding == "utf-16" and into_end:
            new_text += _halves(text[end])[1]
            end += 1
        if start and _is_high(text[start - 1]) and _is_low(new_text[:1] or text[end : end + 1]):
            start -= 1
            new_text = text[start] + new_text
        if _is_high(new_text[-1:]) and _is_low(text[end : end + 1]):
            new_text += text[end]
            end += 1
        return Edit(TextRange(start, end), joined(new_text))


def _from_full_text(
    changes: Sequence[types.TextDocumentContentChangeEvent],
) -> Sequence[types.TextDocumentContentChangeEvent] | None:
    """The changes from the last one that is a whole text on, None without one."""
    for i in reversed(range(len(changes))):
        if isinstance(changes[i], types.TextDocumentContentChangeWholeDocument):
            return changes[i:]
    return None


def _is_high(half: str) -> bool:
    return "\ud800" <= half <= "\udbff"


def _is_low(half: str) -> bool:
    return "\udc00" <= half <= "\udfff"


def _halves(character: str) -> tuple[str, str]:
    """The surrogates of a character beyond U+FFFF."""
    high, low = divmod(ord(character) - 0x10000, 0x400)
    return chr(0xD800 + high), chr(0xDC00 + low)
