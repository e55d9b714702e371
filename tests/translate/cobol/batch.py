"""Many small pieces of COBOL in one program: compiled once by cobc, translated once, compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.translate.cobol.both import run_cobc, run_python, translated

MARK = "@@"


def program(data: str, pieces: Mapping[str, str]) -> str:
    """A program whose paragraphs are the pieces; each prints its name first."""
    body = "".join(
        f'P-{n}.\n    DISPLAY "{MARK}{name}".\n    {piece}\n'
        for n, (name, piece) in enumerate(pieces.items())
    )
    return (
        "IDENTIFICATION DIVISION.\nPROGRAM-ID. BATCH.\nDATA DIVISION.\nWORKING-STORAGE SECTION.\n"
        f"{data}\nPROCEDURE DIVISION.\n{body}    STOP RUN.\n"
    )


def shown(output: str) -> dict[str, str]:
    """What each piece printed."""
    parts = output.split(MARK)[1:]
    return dict(part.split("\n", 1) for part in parts)


def both(
    folder: Path, data: str, pieces: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """(what cobc's program prints, what the translation prints) by piece."""
    source = program(data, pieces)
    original = run_cobc(folder, source)
    return shown(original.stdout), shown(run_python(folder, translated(source)).stdout)
