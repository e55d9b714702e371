"""Which files are translated, how their bytes are read, and in which order they are taken."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from slmcode.features.translation.pipeline import source_language

COPYBOOK_SUFFIXES = (".cpy", ".copy", ".cbk", ".inc")
LANGUAGES = {  # as people call them
    "cobol": "COBOL",
    "python2": "Python 2",
    "fortran": "Fortran 77",
    "perl": "Perl",
    "pascal": "Pascal",
    "c": "C",
}
_SKIPPED_FOLDERS = ("node_modules", "__pycache__")
_MAX_BYTES = 32 * 2**20
_CARD = 80  # characters of a record where a file has no line ends
_EBCDIC_BLANK, _ASCII_BLANK = 0x40, 0x20
_BLANK_SHARE = 0.05  # of a source file, at least
_COBOL_PROGRAM = re.compile(r"\b(?:program|function)-id\b|\bdivision\b", re.I)
_PROGRAM_ID = re.compile(r"\b(?:program|function)-id\s*\.?\s*[\"']?([\w-]+)", re.I)
_REFERENCE = re.compile(r"\b(?:call|copy|include)\s+[\"']?([\w.-]*[\w-])", re.I)
_CALL = re.compile(r"\bcall\s+[\"']([\w-]+)[\"']", re.I)


class SourceError(Exception):
    """A file cannot be translated at all; the message is a sentence for the user."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file that holds a program."""

    path: Path  # absolute
    language: str  # as in pipeline.TARGETS
    text: str
    notice: str = ""  # what was assumed when its bytes were read; a sentence

    @property
    def stem(self) -> str:
        """What its translation is called: a name that can be imported."""
        name = re.sub(r"\W", "_", self.path.stem.lower(), flags=re.ASCII)
        return f"_{name}" if not name or name[0].isdigit() else name

    @property
    def digest(self) -> str:
        """Of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


def find(paths: Sequence[Path], encoding: str, besides: Path | None = None) -> list[Source]:
    """The programs of files and folders, each once, in the order they are translated in.

    A file must be one; in folders other files are passed over, and the folder `besides`.
    Raises SourceError.
    """
    found: dict[Path, Source] = {}
    for path in paths:
        if path.is_dir():
            for file in _files(path.resolve(), besides and besides.resolve()):
                if (source := _program_in_folder(file, encoding)) is not None:
                    found.setdefault(file, source)
        else:
            file = path.resolve()
            found.setdefault(file, _program(file, encoding))
    if not found:
        folders = ", ".join(map(str, paths))
        raise SourceError(f"no program to translate in {folders}: {_known()}")
    return ordered(found.values())


def ordered(sources: Iterable[Source]) -> list[Source]:
    """Programs that are called before those that call them; else by their paths.

    Programs that call each other in a ring stay in the order of their paths.
    """
    rows = sorted(sources, key=lambda source: source.path)
    owners: dict[str, Source] = {}
    for source in rows:
        for name in (source.path.stem, *_names(source)):
            owners.setdefault(name.lower(), source)
    entered: set[Path] = set()
    done: list[Source] = []
    for root in rows:  # depth first, with a stack of our own: chains of calls may be long
        waiting = [] if root.path in entered else [(root, iter(_calls(root)))]
        entered.add(root.path)
        while waiting:
            source, calls = waiting[-1]
            for name in calls:
                called = owners.get(name)
                if called is not None and called.path not in entered:
                    entered.add(called.path)
                    waiting.append((called, iter(_calls(called))))
                    break
            else:
                done.append(source)
                waiting.pop()
    return done


def _names(source: Source) -> list[str]:
    return _PROGRAM_ID.findall(source.text) if source.language == "cobol" else []


def _calls(source: Source) -> list[str]:
    if source.language != "cobol":
        return []
    return [name.lower() for name in _CALL.findall(source.text)]


def _files(folder: Path, besides: Path | None) -> list[Path]:
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED_FOLDERS
            and Path(here, name) != besides
        ]
        found += [Path(here, name) for name in names if not name.startswith(".")]
    return found


def _program_in_folder(path: Path, encoding: str) -> Source | None:
    """None for what is no program, or not of a language that is translated."""
    is_python = path.suffix.lower() == ".py"  # of which version its text says
    if not is_python and source_language(path.name, "", "") is None:
        return None
    if path.suffix.lower() in COPYBOOK_SUFFIXES:
        return None
    source = _read(path, encoding)
    if source is None or (source.language == "cobol" and not _COBOL_PROGRAM.search(source.text)):
        return None  # a copybook
    return source


def _program(path: Path, encoding: str) -> Source:
    source = _read(path, encoding)
    if source is None:
        if path.suffix.lower() in (".py", ".pyw"):
            raise SourceError(f"{path} is Python 3 already")
        raise SourceError(f"{path} is not translated: {_known()}")
    return source


def _read(path: Path, encoding: str) -> Source | None:
    """None where its language is none that is translated. Raises SourceError."""
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise SourceError(f"{path} is {size / 2**20:,.0f} MB: no program is that long")
        data = path.read_bytes()
    except OSError as e:
        raise SourceError(f"{path} cannot be read: {e.strerror or e}") from None
    text, notice = decode(data, encoding, str(path))
    language = source_language(path.name, "", text)
    if language is None:
        return None
    return Source(path=path, language=language, text=text, notice=notice)


def decode(data: bytes, encoding: str, name: str) -> tuple[str, str]:
    """The text of a source file, its lines ended by line feeds, and what was assumed.

    `encoding` "" is UTF-8, or Latin-1 where that fails. Raises SourceError, also where the bytes
    are EBCDIC and nobody said so.
    """
    notice = ""
    if not encoding and looks_like_ebcdic(data):
        raise SourceError(
            f"{name} looks like EBCDIC: say which with --encoding, such as cp037 (US), cp273"
            " (German), cp500 (international), cp1140 (US with the euro sign)"
        )
    try:
        text = data.decode(encoding or "utf-8-sig")
    except LookupError:
        raise SourceError(f"there is no encoding {encoding!r}") from None
    except UnicodeDecodeError as e:
        if encoding:
            raise SourceError(f"{name} is not {encoding}: byte {e.start:,} is no character") from e
        text = data.decode("latin-1")
        notice = f"{name} is not UTF-8: it was read as Latin-1; --encoding says otherwise"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if encoding and "\n" not in text:
        text = text.replace("\x85", "\n")  # NEL, which ends lines on mainframes
    if "\n" not in text and len(text) > _CARD and len(text) % _CARD == 0:
        cards = (text[at : at + _CARD].rstrip() for at in range(0, len(text), _CARD))
        text = "\n".join(cards) + "\n"
        notice = f"{name} has no line ends: it was read as records of {_CARD} characters"
    return text, notice


def looks_like_ebcdic(data: bytes) -> bool:
    """Whether blanks are where EBCDIC has them, and not where ASCII has."""
    blanks = data.count(_EBCDIC_BLANK)
    return blanks > _BLANK_SHARE * len(data) and data.count(_ASCII_BLANK) * 10 < blanks


def _known() -> str:
    *others, last = LANGUAGES.values()
    return f"what is translated is {', '.join(others)} and {last}"


def surroundings(source: Source, folders: Iterable[Path]) -> dict[Path, bytes]:
    """What a COBOL program may read when it is compiled: copybooks, programs that it calls.

    They are looked up by their names in the given folders and its own, theirs too.
    """
    if source.language != "cobol":
        return {}
    files: dict[str, Path] = {}
    for folder in (*folders, source.path.parent):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            for name in (path.name, path.stem):
                files.setdefault(name.lower(), path)
    found: dict[Path, bytes] = {}
    waiting = [source.text]
    while waiting:
        for name in _REFERENCE.findall(waiting.pop()):
            near = files.get(name.lower(), source.path)
            is_new = near != source.path and near not in found and near.is_file()
            if is_new and near.stat().st_size <= _MAX_BYTES:
                found[near] = near.read_bytes()
                waiting.append(found[near].decode("latin-1"))
    return found
