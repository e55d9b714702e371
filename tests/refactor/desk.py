"""Refactorings of small workspaces, written as one string of files.

`-- name --` on a line of its own begins a file; text before the first is `a.py`. `«»` is the
selection, `ˇ` the cursor. A file that is not named in the result stays as it is.
"""

from __future__ import annotations

import re
from pathlib import Path

from slmcode.refactor.messages import Reply, Request
from slmcode.refactor.worker import perform

_FILE = re.compile(r"^-- (\S+) --\n", re.MULTILINE)


def files_of(archive: str) -> dict[str, str]:
    """The files by name."""
    parts = _FILE.split(archive)
    files = {"a.py": parts[0]} if parts[0] else {}
    return files | dict(zip(parts[1::2], parts[2::2], strict=True))


def request_of(folder: Path, archive: str, operation: str, name: str, argument: str) -> Request:
    """The request for the marked place; the files are written to the folder."""
    found = None
    for file, text in files_of(archive).items():
        path = folder / file
        start = end = -1
        if "ˇ" in text:
            start = end = text.index("ˇ")
            text = text.replace("ˇ", "")
        elif "«" in text:
            start, end = text.index("«"), text.index("»") - 1
            text = text.replace("«", "").replace("»", "")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        if start >= 0:
            found = Request(
                operation, str(folder), str(path), start, end, name, argument, ignored=["venv"]
            )
    assert found is not None, "there is no cursor"
    return found


def reply_to(
    folder: Path, archive: str, operation: str, name: str = "", argument: str = ""
) -> Reply:
    """What becomes of it."""
    return perform(request_of(folder, archive, operation, name, argument))


def check(
    folder: Path, archive: str, after: str, operation: str, name: str = "", argument: str = ""
) -> None:
    """The result is exactly `after`, or, where that begins with `!`, the refusal behind it."""
    reply = reply_to(folder, archive, operation, name, argument)
    found = {Path(c.path).relative_to(folder).as_posix(): c.after for c in reply.changes}
    if after.startswith("!"):
        assert (reply.refused, found) == (after[1:], {})
        return
    assert (reply.refused, found) == ("", files_of(after))
    written = sorted(p.name for p in folder.rglob("*") if p.is_file())
    assert written == sorted(Path(f).name for f in files_of(archive)), "nothing may be written"
