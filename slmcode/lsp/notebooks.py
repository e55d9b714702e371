"""Notebook documents: their cells are text documents, opened and changed along with them.

A cell's text goes the way of any document's text. What is kept here is the order of the cells,
which is told to whoever completes (`arranged`), always before the texts. Event loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from lsprotocol import types

logger = logging.getLogger(__name__)

# Every notebook, with its cells of any language.
SYNC = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithNotebook(
            notebook="*", cells=[types.NotebookCellLanguage(language="*")]
        )
    ],
    save=True,
)

Arranged = Callable[[str, Sequence[str]], None]  # a notebook, and its cells in their order


class Texts(Protocol):
    """The handlers of text documents."""

    def did_open(self, params: types.DidOpenTextDocumentParams) -> None: ...
    def did_change(self, params: types.DidChangeTextDocumentParams) -> None: ...
    def did_close(self, params: types.DidCloseTextDocumentParams) -> None: ...


class Notebooks:
    """The open notebooks: the URIs of their cells by that of the notebook."""

    def __init__(self, texts: Texts, arranged: Arranged) -> None:
        self._texts = texts
        self._arranged = arranged
        self._cells: dict[str, list[str]] = {}

    def did_open(self, params: types.DidOpenNotebookDocumentParams) -> None:
        """A notebook was opened; one that was open already is replaced."""
        notebook = params.notebook_document
        self._arrange(notebook.uri, [cell.document for cell in notebook.cells])
        self._open(params.cell_text_documents)

    def did_change(self, params: types.DidChangeNotebookDocumentParams) -> None:
        """Cells came, went or moved, or their texts changed.

        A cell that moved is taken out and put in again in one change, and stays open.
        """
        cells = params.change.cells
        if cells is None:
            return  # its metadata alone
        if cells.structure is not None:
            self._restructure(params.notebook_document.uri, cells.structure)
        for content in cells.text_content or ():
            self._texts.did_change(
                types.DidChangeTextDocumentParams(content.document, content.changes)
            )

    def did_save(self, params: types.DidSaveNotebookDocumentParams) -> None:
        """Nothing depends on what is on disk."""

    def did_close(self, params: types.DidCloseNotebookDocumentParams) -> None:
        """A notebook was closed, and its cells with it."""
        uri = params.notebook_document.uri
        self._cells.pop(uri, None)
        self._arranged(uri, [])
        self._close(params.cell_text_documents)

    def reached(self, method: str, raw: Any) -> list[str]:
        """The open documents that a message was about whose parameters cannot be read.

        Those of a notebook are all its cells. Empty where it does not say which, and where it
        brought no text.
        """
        if method in (types.TEXT_DOCUMENT_DID_OPEN, types.TEXT_DOCUMENT_DID_CHANGE):
            uri = _uri(raw, "textDocument")
            return [uri] if uri is not None else []
        if method in (types.NOTEBOOK_DOCUMENT_DID_OPEN, types.NOTEBOOK_DOCUMENT_DID_CHANGE):
            notebook = _uri(raw, "notebookDocument")
            return list(self._cells.get(notebook, ())) if notebook is not None else []
        return []

    def _restructure(self, uri: str, change: types.NotebookDocumentCellChangeStructure) -> None:
        known = self._cells.get(uri)
        if known is None:
            logger.warning("the order of cells is unknown in a notebook that is not open: %s", uri)
        cells, array = list(known or ()), change.array
        put_in = [cell.document for cell in array.cells or ()]
        cells[array.start : array.start + array.delete_count] = put_in
        self._arrange(uri, cells)
        self._close(change.did_close or ())
        self._open(change.did_open or ())

    def _arrange(self, uri: str, cells: list[str]) -> None:
        self._cells[uri] = cells
        self._arranged(uri, cells)

    def _open(self, documents: Sequence[types.TextDocumentItem]) -> None:
        for document in documents:
            self._texts.did_open(types.DidOpenTextDocumentParams(document))

    def _close(self, documents: Sequence[types.TextDocumentIdentifier]) -> None:
        for document in documents:
            self._texts.did_close(types.DidCloseTextDocumentParams(document))


def _uri(raw: Any, document: str) -> str | None:
    """The URI of a document in parameters of any shape."""
    found = raw.get(document) if isinstance(raw, dict) else None
    uri = found.get("uri") if isinstance(found, dict) else None
    return uri if isinstance(uri, str) else None
