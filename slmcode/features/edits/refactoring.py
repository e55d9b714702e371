"""Changes made by rules, not by a model: extract, inline, rename, move, signature, imports.

Python's are made by rope in a process of its own (`slmcode/refactor`), which proves each result.
For other languages local names are renamed and variables extracted where the syntax makes that
certain (`syntax/locals.py`). Event loop only.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from slmcode.features.edits.naming import propose
from slmcode.features.edits.outcome import Change, Outcome, Refused, Verdict, refused
from slmcode.features.edits.place import place_of
from slmcode.features.edits.requests import is_generated
from slmcode.features.edits.rewriting import hunks
from slmcode.features.project import file_of
from slmcode.features.resources import Resources
from slmcode.index.ignore import FILLED_BY_TOOLS, HISTORY
from slmcode.refactor.client import Refactorer
from slmcode.refactor.messages import Changed, Request
from slmcode.syntax import parts
from slmcode.syntax.locals import Locals, Uncertain, extract_variable, has_locals
from slmcode.syntax.parser import Tree
from slmcode.text import Snapshot, TextRange

# Ids of offers. A change of a signature is asked for as `signature:` and what to do: `remove NAME`,
# `reorder NAME,NAME,…` or `add NAME=VALUE`; a move as `move:` and the file it goes to.
EXTRACT_VARIABLE = "extract-variable"
EXTRACT_FUNCTION = "extract-function"
INLINE = "inline"
MOVE = "move"
ORGANIZE_IMPORTS = "organize-imports"
SIGNATURE = "signature:"

_IGNORED = sorted(FILLED_BY_TOOLS | HISTORY | {"venv", "env", "build", "dist"})
_MOVES = 4  # files beside that are offered
_BY_RULES = "made by rules; what changes parses, and every name means what it meant"
_TITLES = {
    EXTRACT_VARIABLE: "Extract variable",
    EXTRACT_FUNCTION: "Extract function",
    INLINE: "Inline",
    MOVE: "Move to another module",
    ORGANIZE_IMPORTS: "Organize imports",
}


class Offer(NamedTuple):
    """One refactoring that can be asked for. `kind` is an LSP code action kind."""

    id: str
    title: str
    kind: str


class Refactoring:
    """Exact refactorings of documents and their workspaces."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._refactorer = Refactorer()

    async def offers(self, snapshot: Snapshot, text_range: TextRange) -> list[Offer]:
        """What can be done with a selection, told from the document alone. Quick.

        What is offered may still be refused: only the whole workspace shows whether it is right.
        """
        tree = self._resources.syntax.tree(snapshot)
        if tree is None or tree.stale or tree.root.has_error or is_generated(snapshot):
            return []
        if snapshot.language_id != "python":
            return _offers_elsewhere(tree, snapshot, text_range)
        path = file_of(snapshot.uri)
        return _offers(tree, snapshot, text_range, path) if path is not None else []

    async def perform(
        self,
        snapshot: Snapshot,
        text_range: TextRange,
        offer_id: str,
        *,
        name: str = "",
        destination: str = "",
    ) -> Outcome:
        """Do what an offer says. Nothing is written, and nothing is raised.

        `name` is what an extracted thing is called, "" to have one found; `destination` is the
        file a symbol moves to, as a path in the workspace folder. Cancelling the task ends it.
        """
        operation, _, argument = offer_id.partition(":")
        title = _TITLES.get(operation, "Change the signature")
        if operation in (EXTRACT_VARIABLE, EXTRACT_FUNCTION) and not name:
            name = await propose(self._resources, snapshot, text_range, operation)
        try:
            if snapshot.language_id != "python":
                return self._perform_elsewhere(snapshot, text_range, operation, name)
            if operation == "signature":
                text_range = self._function_at(snapshot, text_range)
            argument = destination or argument
            return await self._ask(title, snapshot, text_range, operation, name, argument)
        except (Refused, Uncertain) as e:
            return refused(title, str(e))

    async def prepare_rename(self, snapshot: Snapshot, offset: int) -> TextRange:
        """The name at an offset, if it can be renamed. Raises Refused."""
        tree = self._tree(snapshot)
        if snapshot.language_id == "python" and file_of(snapshot.uri) is not None:
            name = parts.identifier(tree, offset)
            if name is None:
                raise Refused("there is no name at the cursor")
            if snapshot.text[slice(*name)].startswith("__"):
                raise Refused("a name that begins with two underscores has a meaning of its own")
            return name
        try:
            found = Locals(tree).at(offset)
        except Uncertain as e:
            raise Refused(str(e)) from e
        return next(use for use in found.uses if use.start <= offset <= use.end)

    async def rename(self, snapshot: Snapshot, offset: int, new_name: str) -> Outcome:
        """Another name for what is at an offset, wherever it is used. Nothing is written."""
        title = f"Rename to {new_name}"
        try:
            if snapshot.language_id == "python" and file_of(snapshot.uri) is not None:
                at = TextRange(offset, offset)
                return await self._ask(title, snapshot, at, "rename", new_name, "")
            edits = Locals(self._tree(snapshot)).rename(offset, new_name)
        except (Refused, Uncertain) as e:
            return refused(title, str(e))
        return _outcome(title, (Change(snapshot.uri, snapshot, tuple(edits)),))

    async def close(self) -> None:
        """End the worker process, if there is one."""
        await self._refactorer.close()

    def _tree(self, snapshot: Snapshot) -> Tree:
        """Raises Refused for a document that cannot be read as code."""
        tree = self._resources.syntax.tree(snapshot, budget_ms=0)
        if tree is None or not has_locals(snapshot.language_id):
            raise Refused("names of this language are not known")
        if tree.root.has_error:
            raise Refused("the file does not parse")
        if is_generated(snapshot):
            raise Refused("this file is generated, as its first lines say")
        return tree

    def _perform_elsewhere(
        self, snapshot: Snapshot, text_range: TextRange, operation: str, name: str
    ) -> Outcome:
        """Raises Uncertain or Refused."""
        title = _TITLES.get(operation, operation)
        if operation != EXTRACT_VARIABLE:
            raise Refused("this can be done with Python only")
        tree = self._tree(snapshot)
        edits = extract_variable(tree, snapshot.text, *text_range, name)
        return _outcome(title, (Change(snapshot.uri, snapshot, tuple(edits)),))

    def _function_at(self, snapshot: Snapshot, text_range: TextRange) -> TextRange:
        """Where the function around a place has its name. Raises Refused."""
        tree = self._tree(snapshot)
        at = parts.function_name(tree, text_range.start)
        if at is None:
            raise Refused("there is no function at the cursor")
        return TextRange(at, at)

    async def _ask(
        self,
        title: str,
        snapshot: Snapshot,
        text_range: TextRange,
        operation: str,
        name: str,
        argument: str,
    ) -> Outcome:
        """What rope makes of it. Raises Refused."""
        place = place_of(self._resources, snapshot)
        if place.path is None:
            raise Refused("the document is no file yet; save it first")
        if is_generated(snapshot):
            raise Refused("this file is generated, as its first lines say")
        opened = {file_of(document.uri): document for document in self._resources.documents()}
        opened[place.path] = snapshot
        texts = {os.fspath(p): t for p, t in place.unsaved.items() if p.suffix in (".py", ".pyi")}
        texts[os.fspath(place.path)] = snapshot.text
        inside = place.folder is not None and place.path.is_relative_to(place.folder)
        folder = place.folder if inside and place.folder is not None else place.path.parent
        reply = await self._refactorer.ask(
            Request(
                operation,
                os.fspath(folder),
                os.fspath(place.path),
                *text_range,
                name,
                argument,
                texts if inside else {os.fspath(place.path): snapshot.text},
                _IGNORED if inside else ["*"],
            )
        )
        notes = "".join(f"; {note}" for note in reply.notes)
        if reply.refused:
            return refused(title, reply.refused + notes)
        changes = tuple(_change(c, opened.get(Path(c.path))) for c in reply.changes)
        return _outcome(title, changes, notes)


def _outcome(title: str, changes: tuple[Change, ...], notes: str = "") -> Outcome:
    return Outcome(title, Verdict.EXACT, _BY_RULES + notes, changes=changes)


def _change(changed: Changed, document: Snapshot | None) -> Change:
    """One file's edits, as few lines as can be. Raises Refused."""
    before, after = changed.before, changed.after
    path = Path(changed.path)
    if document is None:  # an editor shows no byte order mark
        before, after = before.removeprefix("\ufeff"), after.removeprefix("\ufeff")
        document = Snapshot(path.as_uri(), "python", None, before)
    elif document.text != before:
        raise Refused(f"{path.name} changed meanwhile")
    if is_generated(document):
        raise Refused(f"{path.name} is generated and would change too")
    return Change(document.uri, document, tuple(hunks(0, before, after)))


def _offers_elsewhere(tree: Tree, snapshot: Snapshot, text_range: TextRange) -> list[Offer]:
    if not snapshot.text[slice(*text_range)].strip():
        return []
    try:
        extract_variable(tree, snapshot.text, *text_range, _unused(snapshot.text))
    except Uncertain:
        return []
    return [Offer(EXTRACT_VARIABLE, "Extract variable", "refactor.extract.variable")]


def _unused(text: str) -> str:
    """Some name that a text does not hold."""
    name = "extracted"
    while name in text:
        name += "_"
    return name


def _offers(tree: Tree, snapshot: Snapshot, text_range: TextRange, path: Path) -> list[Offer]:
    """What can be done with Python."""
    found = []
    selection = parts.selected(tree, snapshot.text, text_range)
    if "expression" in selection:
        found.append(Offer(EXTRACT_VARIABLE, "Extract variable", "refactor.extract.variable"))
    if selection:
        found.append(Offer(EXTRACT_FUNCTION, "Extract function", "refactor.extract.function"))
    name = parts.identifier(tree, text_range.start)
    if name is not None and text_range.end <= name.end:
        word = snapshot.text[slice(*name)]
        is_what = parts.named(tree, name.start)
        for what in ("variable", "function"):
            if f"{what} to inline" in is_what:
                found.append(Offer(INLINE, f"Inline {what} `{word}`", "refactor.inline"))
        if "definition of the module" in is_what:
            for other in _beside(path):
                title = f"Move `{word}` to {other.name}"
                found.append(Offer(f"{MOVE}:{other}", title, "refactor.move"))
        if "unused parameter" in is_what:
            title = f"Remove the unused parameter `{word}`"
            found.append(Offer(f"{SIGNATURE}remove {word}", title, "refactor.rewrite"))
    if parts.has_imports(tree):
        found.append(Offer(ORGANIZE_IMPORTS, "Organize imports", "source.organizeImports"))
    return found


def _beside(path: Path) -> list[Path]:
    """Some Python files of the same folder."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return []
    files = [path.parent / n for n in names if n.endswith(".py") and not n.startswith(("_", "."))]
    return [f for f in files if f.name not in (path.name, "conftest.py", "setup.py")][:_MOVES]
