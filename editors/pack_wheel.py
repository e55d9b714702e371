"""A wheel as small as it goes: python editors/pack_wheel.py FOLDER

The one wheel in FOLDER becomes NAME.whl.xz: the same files, stored and compressed together, because
a zip compresses each of its hundreds of small files alone (1.0 MB against 0.67 MB). The extension
unpacks it with Python's own lzma before pip reads it.
"""

from __future__ import annotations

import lzma
import sys
import zipfile
from io import BytesIO
from pathlib import Path

_MADE = (2020, 2, 2, 0, 0, 0)  # as hatchling has it: the same content gives the same bytes


def stored(wheel: Path) -> bytes:
    """The wheel with nothing compressed, files of one kind beside each other."""
    out = BytesIO()
    with zipfile.ZipFile(wheel) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for name in sorted(given.namelist(), key=lambda name: (Path(name).suffix, name)):
            member = zipfile.ZipInfo(name, _MADE)
            member.create_system = 3  # Unix, wherever it is made
            made.writestr(member, given.read(name))
    return out.getvalue()


def main() -> None:
    """See the module's docstring."""
    (wheel,) = Path(sys.argv[1]).glob("*.whl")
    packed = lzma.compress(stored(wheel), preset=9 | lzma.PRESET_EXTREME)
    wheel.with_name(wheel.name + ".xz").write_bytes(packed)
    wheel.unlink()


if __name__ == "__main__":
    main()
