"""Notebooks: each cell is a document, and the cells above it are what was written before.

    cell 1   import pandas as pd         context of cell 3, behind cell 2
    cell 2   # A heading                 another language: left out
    cell 3   sales = pd.read_csv(…)      context of cell 4, the nearest
    cell 4   sales.█

No workspace folder and no index is needed for it. Event loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from slmcode.index.secrets import mask
from slmcode.prompt.context import Chunk
from slmcode.text import Snapshot, one_line_end

REASON = "cell"
_MOST = 10_000  # characters of a cell that are looked at: half of the largest budget for context

Read = Callable[[str], Snapshot | None]  # a cell as it is now, None where it is not open


class Cells:
    """The order of cells in the open notebooks. URIs are opaque, also those of notebooks."""

    def __init__(self) -> None:
        self._orders: dict[str, tuple[list[str], Read]] = {}  # of cells, by notebook
        self._notebooks: dict[str, str] = {}  # of a cell

    def arranged(self, notebook: str, cells: Sequence[str], read: Read) -> None:
        """The notebook has these cells in this order; none of them when it was closed."""
        for cell in self._orders.pop(notebook, ([], read))[0]:
            self._notebooks.pop(cell, None)
        if cells:
            self._orders[notebook] = list(cells), read
            self._notebooks |= dict.fromkeys(cells, notebook)

    def notebook_of(self, uri: str) -> str | None:
        """The notebook that a document is a cell of."""
        return self._notebooks.get(uri)

    def above(self, snapshot: Snapshot, path: str) -> Iterator[Chunk]:
        """The cells above one, of its language and with something in them, the nearest first.

        `path` is that of the notebook, for the prompt.
        """
        notebook = self._notebooks.get(snapshot.uri)
        if notebook is None:
            return
        order, read = self._orders[notebook]
        for uri in reversed(order[: order.index(snapshot.uri)]):
            cell = read(uri)
            if cell is not None and cell.language_id == snapshot.language_id:
                text = _beginning(cell.text)
                if text.strip():
                    yield Chunk(path, 0, text.count("\n") + 1, mask(text), 1.0, REASON, uri)


def name_of(notebook: str) -> str:
    """What to call a notebook that is in no workspace folder: the last part of its path."""
    return PurePosixPath(unquote(urlsplit(notebook).path)).name or "notebook"


def _beginning(text: str) -> str:
    """The text up to the end of the last line that fits into `_MOST` characters."""
    if len(text) > _MOST:
        text = text[: text.rfind("\n", 0, _MOST) + 1]
    return one_line_end(text)
