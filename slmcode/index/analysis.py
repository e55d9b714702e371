"""One file -> what the store keeps of it. Pure; runs in worker processes and in the index's thread.

Cost at 1 M lines of Python, one core: parsing 7 µs a line, symbols 4, passages and terms 3.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from slmcode.index import chunks, content, secrets
from slmcode.index.rows import Skipped
from slmcode.syntax.languages import language, language_of_path, query_text
from slmcode.syntax.parser import MAX_CHARS, parse_within
from slmcode.syntax.symbols import Definition, Import, outline
from slmcode.text import one_line_end

PARSE_LIMIT_MS = 10_000  # 1 M characters take 0.2 s; only a grammar in trouble takes longer
_WHOLE = PARSE_LIMIT_MS  # a slice that is never used up before the limit


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """A file to read. `hash` is that of what the store holds of it, b"" where it holds nothing."""

    path: str
    hash: bytes


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What one file says. Lines count from 0, `end_line` of a passage is exclusive.

    `problem` says why it has text passages only although its language is known; "" otherwise.
    """

    path: str
    size: int
    mtime_ns: int
    hash: bytes
    language: str
    lines: int
    definitions: tuple[Definition, ...]
    imports: tuple[Import, ...]
    passages: list[tuple[int, int, int]]  # line, end_line, number of terms
    terms: list[list[str]]  # of each passage; empty once they are in postings
    problem: str


class Same(msgspec.Struct, frozen=True, array_like=True):
    """A file whose bytes are those that the store knows; only its time is new."""

    path: str
    size: int
    mtime_ns: int


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """A file that is not indexed, with the size and time at which that was found."""

    skipped: Skipped
    size: int = 0
    mtime_ns: int = 0


def read(
    folder: Path, wanted: Wanted, limit_kb: int, slice_ms: int = _WHOLE
) -> Entry | Same | Refused | None:
    """Read and analyse one file of the workspace; None where there is no such file any more.

    A file that changes while it is read gets the time from before, so that it is read again later.
    """
    path = wanted.path
    reason = content.refused_by_path(path)
    if reason:  # a secret: not even opened
        return Refused(Skipped(path, reason), *_size_and_time(folder / path))
    try:
        fd = os.open(os.path.join(folder, path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        return Refused(Skipped(path, f"unreadable: {e.strerror}"))
    with open(fd, "rb", buffering=0) as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > limit_kb * 1024:
            return Refused(Skipped(path, "too large"), status.st_size, status.st_mtime_ns)
        try:
            data = file.readall()
        except OSError as e:
            return Refused(Skipped(path, f"unreadable: {e.strerror}"))
    if len(data) > limit_kb * 1024:  # it grew
        return Refused(Skipped(path, "too large"))
    digest = digest_of(data)
    if digest == wanted.hash:
        return Same(path, status.st_size, status.st_mtime_ns)
    reason = content.refusal(path, data[: content.HEAD], len(data), limit_kb)
    text = content.decode(data) if reason is None else None
    if text is None:
        return Refused(Skipped(path, reason or "binary"), status.st_size, status.st_mtime_ns)
    return analyse(
        path,
        language_of_path(path),
        text,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        digest=digest,
        slice_ms=slice_ms,
    )


def _size_and_time(file: Path) -> tuple[int, int]:
    """Zeros for a file that is gone."""
    try:
        status = file.stat(follow_symlinks=False)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def digest_of(data: bytes) -> bytes:
    """16 bytes that tell contents apart."""
    return hashlib.blake2b(data, digest_size=16).digest()


def analyse(
    path: str,
    language_id: str,
    text: str,
    *,
    size: int,
    mtime_ns: int,
    digest: bytes,
    slice_ms: int = _WHOLE,
) -> Entry:
    """What `text` says. Parsing lets other threads run after each slice.

    One thread at a time: what is parsed in slices has its parser to itself.
    """
    text = secrets.mask(one_line_end(text))
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    problem = ""
    row = language(language_id)
    if row is not None and row.grammar and query_text(row.grammar, "symbols") is not None:
        if len(text) > MAX_CHARS:
            problem = "too large to parse"
        else:
            tree = parse_within(language_id, text, PARSE_LIMIT_MS, slice_ms)
            if tree is None:
                problem = f"took longer than {PARSE_LIMIT_MS // 1000} s to parse"
            else:
                found = outline(tree, text)
                definitions, imports = found.definitions, found.imports
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    pieces = chunks.cut(lines, definitions)
    terms = [chunks.terms("\n".join(lines[start:end])) for start, end in pieces]
    return Entry(
        path=path,
        size=size,
        mtime_ns=mtime_ns,
        hash=digest,
        language=language_id,
        lines=len(lines),
        definitions=definitions,
        imports=imports,
        passages=[(*piece, len(found)) for piece, found in zip(pieces, terms, strict=True)],
        terms=terms,
        problem=problem,
    )


def postings(entries: Sequence[Entry]) -> dict[str, list[int]]:
    """Term -> passages that have it, counted from 0 over all entries in order."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    number = 0
    for entry in entries:
        for terms in entry.terms:
            for term in terms:
                found[term].append(number)
            number += 1
    return dict(found)
