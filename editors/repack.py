"""The same content, the same bytes: python editors/repack.py ARCHIVE

Writes a zip archive anew: members in the order of their names, one time, one mode, no extra fields.
vsce takes times from SOURCE_DATE_EPOCH and modes from the checkout, which depend on the umask.
"""

from __future__ import annotations

import sys
import zipfile
from io import BytesIO
from pathlib import Path

_MADE = (2020, 2, 2, 0, 0, 0)  # as hatchling has it
_MODE = 0o100644 << 16


def repacked(archive: Path) -> bytes:
    """The archive as everybody would write it who has the same members."""
    out = BytesIO()
    with zipfile.ZipFile(archive) as given, zipfile.ZipFile(out, "w") as made:
        for name in sorted(name for name in given.namelist() if not name.endswith("/")):
            member = zipfile.ZipInfo(name, _MADE)
            member.external_attr = _MODE
            member.create_system = 3  # Unix, wherever it is made
            made.writestr(member, given.read(name), zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(repacked(Path(sys.argv[1])))
