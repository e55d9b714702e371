"""The folders a user works in: their indexes, and what of them goes into a prompt.

Event loop only. A document belongs to the innermost folder that holds its file; one that is in
none, or has no file yet, gets no context. Open documents are indexed as they stand in the editor.
A cell of a notebook is no file: it gets the cells above it, and then what the folder of the
notebook has to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from slmcode.config import Config, cache_folder
from slmcode.features import cells
from slmcode.features.anchors import Budget
from slmcode.features.cells import Cells
from slmcode.features.context import Place, retrieve
from slmcode.index import store
from slmcode.index.index import Index, Progress
from slmcode.index.reader import Reader
from slmcode.index.rows import Symbol
from slmcode.prompt import context
from slmcode.prompt.context import Chunk, Context
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.text import Snapshot, TextRange
from slmcode.trace import span
from slmcode.vocabulary import FimTokens

OnProgress = Callable[[Path, Progress], None]

_KEPT_S = 90 * 86_400  # an index that nobody opened for so long is removed
_RECENT = 4  # places in other documents
_CHARS_PER_TOKEN = 4  # of code; the window must not be taken for smaller than it is
_WORTH_A_CHANGE = 0.55  # score of a chunk that is missing from the prompt


class Folder:
    """One workspace folder with its index."""

    def __init__(self, path: Path, config: Config, on_progress: OnProgress) -> None:
        self.path = path
        self.index = Index(
            path,
            database_of(path),
            limit_kb=config.index_file_kb,
            on_progress=lambda progress: on_progress(path, progress),
        )
        with contextlib.suppress(OSError):
            os.utime(database_of(path))  # in use
        self.index.start()
        self.reader: Reader = self.index.reader()
        self._searcher: Reader | None = None

    def relative(self, path: Path) -> str | None:
        """A file's path as the index has it; None if it is not in this folder."""
        try:
            return path.relative_to(self.path).as_posix()
        except ValueError:
            return None

    def search(self, query: str, limit: int) -> list[Symbol]:
        """Definitions by name, best first. The project's search thread only."""
        if self._searcher is None:
            self._searcher = self.index.reader()
        return self._searcher.symbols(query, limit)

    def close(self) -> None:
        """End the index's work."""
        self.reader.close()
        self.index.close()


class Project:
    """All folders of one editor."""

    def __init__(self, config: Config, on_progress: OnProgress) -> None:
        self._config = config
        self._on_progress = on_progress
        self._paths: list[Path] = []
        self._folders: list[Folder] = []  # innermost first
        self._search = ThreadPoolExecutor(1, "slmcode-search")
        self._recent: OrderedDict[str, int] = OrderedDict()  # uri -> line, the latest last
        self.cells = Cells()

    def configure(self, config: Config) -> None:
        """New settings; the indexes are opened anew if theirs have changed."""
        before, self._config = self._config, config
        if (before.index, before.index_file_kb) != (config.index, config.index_file_kb):
            self._close_folders()
            self._open()

    def change_folders(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Folders, by URI, joined and left the workspace."""
        gone = {path for path in map(file_of, removed) if path is not None}
        self._paths = [p for p in self._paths if p not in gone]
        for path in map(file_of, added):
            if path is not None and path.is_dir() and path not in self._paths:
                self._paths.append(path)
        for folder in self._folders:
            if folder.path in gone:
                folder.close()
        self._folders = [f for f in self._folders if f.path not in gone]
        self._open()

    def _open(self) -> None:
        if not self._config.index:
            return
        _remove_unused(cache_folder() / "index")
        known = {folder.path for folder in self._folders}
        self._folders += [
            Folder(p, self._config, self._on_progress) for p in self._paths if p not in known
        ]
        self._folders.sort(key=lambda f: -len(f.path.parts))

    def close(self) -> None:
        """End all work."""
        self._close_folders()
        self._search.shutdown(wait=False)

    def _close_folders(self) -> None:
        for folder in self._folders:
            folder.close()
        self._folders = []

    # Documents

    def find(self, uri: str) -> tuple[Folder, str] | None:
        """The folder of a document and its path in it; None for a cell, which is no file."""
        return self.place_of(uri) if self.cells.notebook_of(uri) is None else None

    def place_of(self, uri: str) -> tuple[Folder, str] | None:
        """The folder of a document, or of the notebook it is a cell of, and the path in it."""
        path = file_of(self.cells.notebook_of(uri) or uri)
        if path is not None:
            for folder in self._folders:
                relative = folder.relative(path)
                if relative is not None:
                    return folder, relative
        return None

    @property
    def is_indexed(self) -> bool:
        """Whether every folder's index is complete."""
        return not any(folder.index.progress.running for folder in self._folders)

    def visited(self, snapshot: Snapshot, offset: int) -> None:
        """The user edits or looks there."""
        self._recent[snapshot.uri] = snapshot.line_at(offset)
        self._recent.move_to_end(snapshot.uri)
        while len(self._recent) > 2 * _RECENT:
            self._recent.popitem(last=False)

    def rests(self, snapshot: Snapshot) -> None:
        """Nothing was typed for a while: index the document as it is now."""
        found = self.find(snapshot.uri)
        if found is not None and len(snapshot.text) <= self._config.index_file_kb * 1000:
            folder, path = found
            folder.index.buffer_changed(path, snapshot.language_id, snapshot.text)

    def closed(self, uri: str) -> None:
        """A document was closed: what is on disk counts again."""
        found = self.find(uri)
        if found is not None:
            folder, path = found
            folder.index.buffer_closed(path)

    def files_changed(self, uris: Iterable[str]) -> None:
        """The client saw files change."""
        changed: dict[Path, tuple[Folder, list[str]]] = {}
        for uri in uris:
            if (found := self.find(uri)) is not None:
                changed.setdefault(found[0].path, (found[0], []))[1].append(found[1])
        for folder, paths in changed.values():
            folder.index.files_changed(paths)

    # What goes into a prompt

    def context(
        self,
        tokenizer: Tokenizer,
        fim: FimTokens,
        snapshot: Snapshot,
        offset: int,
        budget: Budget,
        before: Context,
    ) -> Context:
        """The context for a prompt there; `before` itself where nothing of worth would change."""
        tokens = self._config.context_tokens
        notebook = self.cells.notebook_of(snapshot.uri)
        found = self.place_of(snapshot.uri)
        if not tokens or (found is None and notebook is None):
            return context.NONE
        with span("retrieval") as retrieval:
            path = found[1] if found is not None else cells.name_of(notebook or "")
            chunks = self.cells.above(snapshot, path)
            if found is not None:
                folder = found[0]
                # A cell is not the text that the index knows under the notebook's path.
                own = path if notebook is None else f"{path}#"
                window = _window(snapshot, offset, budget)
                place = Place(snapshot, own, offset, window, self._others(snapshot.uri, folder))
                chunks = itertools.chain(chunks, retrieve(folder.reader, place))
            fit = partial(context.fit, tokenizer, fim, path, budget=tokens)
            if notebook is None:
                new = fit(chunks, before=before)
            else:
                chunks, again = itertools.tee(chunks)
                new = fit(chunks)  # in the notebook's order
                if _cells(new) == _cells(before):
                    new = fit(again, before=before)
            retrieval.set(chunks=len(new.chunks))
        return new if _is_worth_it(before, new) else before

    def first_context(
        self, tokenizer: Tokenizer, fim: FimTokens, snapshot: Snapshot, budget: Budget
    ) -> Context:
        """What a cell's very first prompt has: of the cells above what it leaves room for itself.

        A new cell is empty, and what it is about to say depends on them alone.
        """
        notebook = self.cells.notebook_of(snapshot.uri)
        if notebook is None:
            return context.NONE
        found = self.place_of(snapshot.uri)
        path = found[1] if found is not None else cells.name_of(notebook)
        room = budget.total - len(snapshot.text) // _CHARS_PER_TOKEN
        chunks = self.cells.above(snapshot, path)
        tokens = min(room, self._config.context_tokens)
        return context.fit(tokenizer, fim, path, chunks, budget=tokens)

    def _others(self, uri: str, folder: Folder) -> list[tuple[str, int]]:
        """Where the user was last in other documents of the same folder, the latest first."""
        places = []
        for other, line in reversed(self._recent.items()):
            found = self.find(other) if other != uri else None
            if found is not None and found[0] is folder:
                places.append((found[1], line))
        return places[:_RECENT]

    # What people ask

    async def symbols(self, query: str, limit: int) -> list[tuple[Folder, Symbol]]:
        """Definitions by name in all folders, best first in each.

        In a thread of its own: the first search of a large folder reads all of its names, which
        takes a third of a second at 100,000.
        """
        folders = list(self._folders)

        def search() -> list[tuple[Folder, Symbol]]:
            return [(f, s) for f in folders for s in f.search(query, limit)][:limit]

        return await asyncio.get_running_loop().run_in_executor(self._search, search)

    def why_none(self, uri: str) -> str:
        """One sentence on why a document's prompt has no context; "" where nothing is amiss."""
        notebook = self.cells.notebook_of(uri)
        if not self._config.index or not self._config.context_tokens:
            return "switched off by the settings index or context_tokens"
        if file_of(notebook or uri) is None:
            return "the document has no file yet"
        if not self._folders:
            return "no workspace folder is open"
        found = self.place_of(uri)
        if found is None:
            return "the file is outside the workspace folders"
        progress = found[0].index.progress
        if progress.running:
            return f"the index is being made: {progress.done} of {progress.total} files"
        return ""


def _is_worth_it(before: Context, new: Context) -> bool:
    """Whether a changed context is worth evaluating the whole prompt again.

    For cells it is: they are few, and the user has just changed them.
    """
    if _cells(before) != _cells(new):
        return True
    if not new.chunks:
        return False
    if not before.chunks:
        return True
    present = {chunk.place for chunk in before.chunks}
    return any(c.score >= _WORTH_A_CHANGE and c.place not in present for c in new.chunks)


def _cells(found: Context) -> list[Chunk]:
    return [chunk for chunk in found.chunks if chunk.reason == cells.REASON]


def _window(snapshot: Snapshot, offset: int, budget: Budget) -> TextRange:
    """What of the document the model sees, roughly."""
    start = max(0, offset - budget.prefix * _CHARS_PER_TOKEN)
    end = min(len(snapshot.text), offset + budget.suffix * _CHARS_PER_TOKEN)
    return TextRange(start, end)


def database_of(folder: Path) -> Path:
    """The index file of a workspace folder, in the user's cache."""
    name = hashlib.blake2b(os.fsencode(folder), digest_size=8).hexdigest()
    return cache_folder() / "index" / f"{name}.sqlite"


def _remove_unused(folder: Path) -> None:
    """Drop the indexes of workspaces that were not opened for a long time."""
    if not folder.is_dir():
        return
    for database in folder.glob("*.sqlite"):
        with contextlib.suppress(OSError):
            if time.time() - database.stat().st_mtime > _KEPT_S:
                store.remove(database)


@lru_cache(1024)
def file_of(uri: str) -> Path | None:
    """The file of a `file:` URI, symbolic links followed; None for any other."""
    try:
        parts = urlsplit(uri)
        if parts.scheme != "file" or not parts.path:
            return None
        path = os.fsdecode(unquote_to_bytes(parts.path))
        if os.name == "nt":
            path = re.sub(r"^/([A-Za-z]):", r"\1:", path)
        return Path(os.path.realpath(path))
    except ValueError:  # half an address, a zero byte, a lone surrogate
        return None
