"""Where a change happens: its project, its file, and what else is open and not saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from slmcode.config import Config
from slmcode.features.project import file_of
from slmcode.features.resources import Resources
from slmcode.index.root import project_root
from slmcode.text import Snapshot


class Place(NamedTuple):
    """A document's surroundings, as they are when a request arrives.

    `folder` is the workspace folder or the project around the file; None where there is neither.
    `path` is the document's file, None for an untitled one. `unsaved` are the texts of all open
    documents that have a file, by that file: what tools and tests must see instead of the disk.
    """

    folder: Path | None
    path: Path | None
    unsaved: Mapping[Path, str]
    config: Config


def place_of(resources: Resources, snapshot: Snapshot) -> Place:
    """The surroundings of a document."""
    path = file_of(snapshot.uri)
    folder = None
    if resources.project is not None:
        found = resources.project.place_of(snapshot.uri)
        folder = found[0].path if found is not None else None
    if folder is None and path is not None:
        folder = project_root(path)
    unsaved = {}
    for document in resources.documents():
        file = file_of(document.uri)
        if file is not None:
            unsaved[file] = document.text
    return Place(folder, path, unsaved, resources.config)
